//! HID-POS scanners of the kernel's: what is read of them, and what the kernel drops.

use stockpoint::clock::SystemClock;
use stockpoint::config::Place;
use stockpoint::config::UsbMatch;
use stockpoint::device::PortFault;
use stockpoint::device::PortState;
use stockpoint::device::discover::ports::Roots;
use stockpoint::device::hidpos::Recorder;
use stockpoint::domain::decode::framing::Refusal;

use crate::scanners::hidpos::GAP;
use crate::scanners::hidpos::PIECE;
use crate::scanners::hidpos::report;
use crate::scanners::kernel::Kernel;
use crate::support::queue::Agent;

#[test]
fn a_scanner_of_the_kernel_is_read_and_its_loss_in_mid_code_refuses_the_code() {
    let Some(kernel) = Kernel::of_scanners() else { return };
    let mut scanner = kernel.scanner(1);
    let mut agent = Agent::new(8);
    let _device = agent.start_pos(Place::Path(scanner.node.clone()), Roots::default());
    scanner.await_reader();
    agent.await_settled();
    scanner.send(&report("]E0", b"4006381333931", false));
    assert_eq!(agent.told(), "]E04006381333931");
    scanner.send(&report("]Q1", &[b'7'; PIECE], true));
    scanner.send(&report("]Q1", b"END", false));
    assert_eq!(agent.told(), format!("]Q1{}END", "7".repeat(PIECE)));
    scanner.send(&report("]Q1", &[b'7'; PIECE], true));
    drop(scanner);
    assert!(matches!(agent.frame().verdict, Err(Refusal::Lost | Refusal::Unfinished)));
    assert_eq!(agent.state(), PortState::Gone { why: PortFault::Vanished });
}

#[test]
fn a_report_that_is_too_short_makes_no_code_of_the_kernels_scanner_either() {
    let Some(kernel) = Kernel::of_scanners() else { return };
    let (mut agent, mut scanner) = (Agent::new(8), kernel.scanner(4));
    let _device = agent.start_pos(Place::Path(scanner.node.clone()), Roots::default());
    scanner.await_reader();
    agent.await_settled();
    scanner.send(&report("]E0", b"4006381333931", false)[..20]);
    agent.silence(GAP * 2);
    scanner.send(&report("]E4", b"96385074", false));
    // Kernels of today pass none on, and say so in their log; before, they did, and it is refused.
    let told = agent.told();
    assert_eq!(if told == "refused bad-report" { agent.told() } else { told }, "]E496385074");
}

#[test]
fn a_scanner_of_the_kernel_is_found_again_by_what_it_is() {
    let Some(kernel) = Kernel::of_scanners() else { return };
    let scanner = kernel.scanner(2);
    let mut agent = Agent::new(8);
    let wanted = UsbMatch { serial: Some("test-2".to_owned()), ..UsbMatch::default() };
    let _device = agent.start_pos(Place::Match(wanted), Roots::default());
    agent.await_open(0);
    drop(scanner);
    assert_eq!(agent.state(), PortState::Gone { why: PortFault::Vanished });
    while agent.state() != (PortState::Gone { why: PortFault::NoneMatches }) {}
    let plugged_in = agent.now();
    let mut scanner = kernel.scanner(2);
    agent.await_return(plugged_in);
    scanner.send(&report("]E4", b"96385074", false));
    assert_eq!(agent.told(), "]E496385074");
}

#[test]
fn what_the_kernel_drops_of_a_burst_is_told_and_no_code_is_made_of_the_rest() {
    let Some(kernel) = Kernel::of_scanners() else { return };
    let mut scanner = kernel.scanner(3);
    let recorder = Recorder::open(&Roots::default(), &scanner.node).unwrap();
    let clock = SystemClock::new();
    for number in 1000..1100 {
        scanner.send(&report("]C0", number.to_string().as_bytes(), false));
    }
    let kept: Vec<_> = (0..63).map(|_| recorder.report(&clock).unwrap().bytes.unwrap()).collect();
    assert_eq!(kept[62], report("]C0", b"1062", false), "the kernel keeps 63 reports");
    drop(recorder);
    let mut agent = Agent::new(256);
    let (_device, _) = agent.start_pos(Place::Path(scanner.node.clone()), Roots::default());
    agent.await_settled();
    scanner.send(&report("]E4", b"96385074", false));
    assert_eq!(agent.told(), "]E496385074");
}
