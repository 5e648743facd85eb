//! Keyboards of the kernel's: what is read of them, and what the kernel keeps and drops.

use std::time::Duration;

use stockpoint::clock::Clock;
use stockpoint::clock::SystemClock;
use stockpoint::config::Place;
use stockpoint::config::UsbMatch;
use stockpoint::device::PortFault;
use stockpoint::device::PortState;
use stockpoint::device::discover::ports::Roots;
use stockpoint::device::evdev::Recorder;
use stockpoint::domain::decode::framing::Framing;
use stockpoint::domain::decode::framing::Refusal;
use stockpoint::domain::decode::keymap::InputEvent;
use stockpoint::domain::decode::keymap::LayoutName;
use stockpoint::domain::decode::keymap::trace::Trace;
use stockpoint::domain::time::BootMillis;

use crate::scanners::kernel::Kernel;
use crate::scanners::kernel::VENDOR;
use crate::scanners::keyboards::GAP;
use crate::support::queue::Agent;
use crate::support::queue::told;

#[test]
fn a_keyboard_of_the_kernel_is_read_and_its_loss_is_told() {
    let Some(kernel) = Kernel::of_keyboards() else { return };
    let scanner = kernel.keyboard(1);
    let mut agent = Agent::new(8);
    let _device = agent.start_keyboard(Place::Path(scanner.node.clone()), Roots::default());
    agent.await_open(0);
    // What comes within the gap after the opening may be the tail of a code.
    agent.silence(GAP * 2);
    scanner.scan("4006");
    assert_eq!(agent.frame().verdict, Ok("4006".to_owned()));
    scanner.change(2, 1);
    scanner.change(2, 0);
    drop(scanner);
    assert!(matches!(agent.frame().verdict, Err(Refusal::Lost | Refusal::Unfinished)));
    assert_eq!(agent.state(), PortState::Gone { why: PortFault::Vanished });
}

#[test]
fn a_keyboard_of_the_kernel_is_read_while_the_agent_takes_nothing() {
    let Some(kernel) = Kernel::of_keyboards() else { return };
    let scanner = kernel.keyboard(2);
    let mut agent = Agent::new(1);
    let _device = agent.start_keyboard(Place::Path(scanner.node.clone()), Roots::default());
    agent.await_open(0);
    agent.silence(GAP * 2);
    for code in 1000..1050 {
        scanner.scan(&code.to_string());
        agent.silence(Duration::from_millis(5));
    }
    let read: Vec<_> = (1000..1050).map(|_| agent.told()).collect();
    assert_eq!(read, (1000..1050).map(|code| code.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_keyboard_of_the_kernel_is_found_again_by_what_it_is() {
    let Some(kernel) = Kernel::of_keyboards() else { return };
    let scanner = kernel.keyboard(3);
    let mut agent = Agent::new(8);
    let wanted = UsbMatch { vendor: Some(VENDOR), product: Some(3), ..UsbMatch::default() };
    let _device = agent.start_keyboard(Place::Match(wanted), Roots::default());
    agent.await_open(0);
    drop(scanner);
    assert_eq!(agent.state(), PortState::Gone { why: PortFault::Vanished });
    while agent.state() != (PortState::Gone { why: PortFault::NoneMatches }) {}
    let plugged_in = agent.now();
    let scanner = kernel.keyboard(3);
    agent.await_open(1);
    let took = agent.ms_since(plugged_in);
    assert!(took < 1000, "it took {took} ms");
    agent.silence(GAP * 2);
    scanner.scan("96385074");
    assert_eq!(agent.frame().verdict, Ok("96385074".to_owned()));
}

/// What comes of these events of a scanner that was opened long before, by the keys alone: that a code may be the rest of
/// another is not what is asked here.
fn replayed(events: Vec<InputEvent>) -> Vec<String> {
    let trace = Trace { layout: LayoutName::US, opened: BootMillis(0), events };
    trace.replay(Framing::unguarded(GAP)).iter().map(told).collect()
}

#[test]
fn an_ean_13_waits_whole_in_the_kernel_and_is_stamped_by_the_clock_since_boot() {
    let Some(kernel) = Kernel::of_keyboards() else { return };
    let scanner = kernel.keyboard(4);
    let (mut recorder, clock) = (Recorder::open(&scanner.node).unwrap(), SystemClock::new());
    let before = clock.boot();
    scanner.scan("4006381333931");
    let events = recorder.events().unwrap();
    // Two for each press and each release: the kernel keeps no scan codes.
    assert_eq!(events.len(), 14 * 2 * 2);
    assert!(events.iter().all(|event| event.at() >= before && event.at() <= clock.boot()));
    assert_eq!(replayed(events), ["4006381333931"]);
}

#[test]
fn what_the_kernel_drops_is_told_and_makes_no_code() {
    let Some(kernel) = Kernel::of_keyboards() else { return };
    let scanner = kernel.keyboard(5);
    let mut recorder = Recorder::open(&scanner.node).unwrap();
    scanner.scan("4006381333931");
    scanner.scan("4006381333931");
    let mut events = recorder.events().unwrap();
    scanner.scan("96385074");
    events.extend(recorder.events().unwrap());
    assert_eq!(replayed(events), ["refused lost", "96385074"]);
}

#[test]
fn a_keyboard_of_the_kernel_is_read_by_one_program_alone() {
    let Some(kernel) = Kernel::of_keyboards() else { return };
    let scanner = kernel.keyboard(6);
    let first = Recorder::open(&scanner.node).unwrap();
    assert_eq!(Recorder::open(&scanner.node).err(), Some(PortFault::Taken));
    drop(first);
    assert!(Recorder::open(&scanner.node).is_ok());
}
