//! Keyboard scanners: recorded events through the whole decoder, and a thread that waits for its device.

use std::fs;
use std::path::Path;
use std::time::Duration;

use stockpoint::config::Place;
use stockpoint::device::Device;
use stockpoint::device::PortFault;
use stockpoint::device::PortState;
use stockpoint::device::discover::ports::Roots;
use stockpoint::device::evdev;
use stockpoint::device::evdev::Keyboard;
use stockpoint::domain::decode::framing::{Framing, Guarding};
use stockpoint::domain::decode::keymap::InputEvent;
use stockpoint::domain::decode::keymap::LayoutName;
use stockpoint::domain::decode::keymap::trace::Trace;
use stockpoint::domain::ids::ScannerName;

use crate::support::queue::Agent;
use crate::support::queue::told;

pub(crate) const GAP: Duration = Duration::from_millis(200);

#[test]
fn every_trace_gives_the_frames_it_expects() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/traces");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let expected: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# expect: ")).collect();
        let frames: Vec<_> =
            Trace::parse(&text).unwrap().replay(Framing::usual(GAP)).iter().map(told).collect();
        assert_eq!(frames, expected, "{}", path.display());
        count += 1;
    }
    assert!(count >= 16, "{count} traces");
}

#[test]
fn events_lost_anywhere_in_a_trace_make_no_other_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/traces");
    let text = fs::read_to_string(folder.join("ean13-then-ean8.txt")).unwrap();
    let whole = Trace::parse(&text).unwrap();
    let codes = ["4006381333931", "96385074"];
    for first in 0..whole.events.len() {
        for count in [1, 2, 3, 6, 20, 66] {
            let mut trace = whole.clone();
            let end = (first + count).min(trace.events.len());
            let last = trace.events.drain(first..end).next_back().unwrap();
            let dropped = InputEvent { kind: 0, code: 3, value: 0, ..last };
            trace.events.insert(first, dropped);
            let frames = trace.replay(Framing::usual(GAP));
            let read: Vec<_> = frames.iter().filter(|frame| frame.verdict.is_ok()).map(told).collect();
            assert!(read.iter().all(|code| codes.contains(&code.as_str())), "{first}, {count}: {read:?}");
            assert!(frames.iter().any(|frame| frame.verdict.is_err()), "{first}, {count}: nothing told");
        }
    }
}

impl Agent {
    pub(crate) fn start_keyboard(&self, at: Place, roots: Roots) -> Device {
        let keyboard = Keyboard {
            name: ScannerName::new("dock"),
            at,
            layout: LayoutName::US,
            // The kernel's keyboards type one code after the other.
            framing: Framing { guarding: Guarding::On { burst: Duration::ZERO }, ..Framing::usual(GAP) },
        };
        evdev::start(keyboard, roots, self.frame_sender.clone()).unwrap()
    }
}

#[test]
fn a_device_that_appears_is_tried_at_once_and_not_at_the_next_turn() {
    let (mut agent, folder) = (Agent::new(8), tempfile::tempdir().unwrap());
    let roots = Roots { sys: folder.path().to_owned(), dev: folder.path().to_owned() };
    let node = folder.path().join("input/by-id/usb-scanner-event-kbd");
    let device = agent.start_keyboard(Place::Path(node.clone()), roots);
    assert_eq!(agent.state(), PortState::Gone { why: PortFault::Absent });
    // Without the watch, the tries come after 0.2, 0.6, 1.4, 3.0 and 5.0 s.
    assert_eq!(agent.next_within(Duration::from_millis(3200)), None);
    let appeared = agent.now();
    fs::create_dir_all(node.parent().unwrap()).unwrap();
    fs::write(&node, "").unwrap();
    assert_eq!(agent.state(), PortState::Gone { why: PortFault::NotKeyboard });
    let took = agent.ms_since(appeared);
    assert!(took < 1500, "it took {took} ms");
    let asked = agent.now();
    device.stop().unwrap();
    let took = agent.ms_since(asked);
    assert!(took < 1000, "the stop took {took} ms");
}
