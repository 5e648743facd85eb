//! Keyboard scanners: recorded events through the whole decoder, a thread that waits for its device, and, where the
//! kernel lets a test make one, a keyboard that the kernel takes for real.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use input_linux::EventKind;
use input_linux::InputId;
use input_linux::Key;
use input_linux::UInputHandle;
use input_linux::sys;
use stockpoint::clock::Clock;
use stockpoint::clock::SystemClock;
use stockpoint::config::Place;
use stockpoint::config::UsbMatch;
use stockpoint::device::Device;
use stockpoint::device::FromScanner;
use stockpoint::device::Outlet;
use stockpoint::device::PortFault;
use stockpoint::device::PortState;
use stockpoint::device::evdev;
use stockpoint::device::evdev::Keyboard;
use stockpoint::device::evdev::Recorder;
use stockpoint::device::ports::Roots;
use stockpoint::domain::framing::Frame;
use stockpoint::domain::framing::Refusal;
use stockpoint::domain::ids::ScannerName;
use stockpoint::domain::keymap::InputEvent;
use stockpoint::domain::keymap::LayoutName;
use stockpoint::domain::keymap::trace::Trace;
use stockpoint::domain::time::BootMillis;
use tokio::runtime::Builder;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::timeout;

const GAP: Duration = Duration::from_millis(200);
/// How long anything may take before the test fails.
const BOUND: Duration = Duration::from_secs(20);
const UINPUT: &str = "/dev/uinput";
/// The maker of the kernel's keyboards; each test has a product of its own.
const VENDOR: u16 = 0x1eab;

/// A frame in a word, as the traces write what they expect.
fn told(frame: &Frame) -> String {
    match &frame.verdict {
        Ok(text) => text.replace('\u{1d}', "<GS>"),
        Err(refusal) => format!("refused {}", refusal.as_str()),
    }
}

#[test]
fn every_trace_gives_the_frames_it_expects() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/traces");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let expected: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# expect: ")).collect();
        let frames: Vec<_> = Trace::parse(&text).unwrap().replay(GAP).iter().map(told).collect();
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
            let frames = trace.replay(GAP);
            let read: Vec<_> = frames.iter().filter(|frame| frame.verdict.is_ok()).map(told).collect();
            assert!(read.iter().all(|code| codes.contains(&code.as_str())), "{first}, {count}: {read:?}");
            assert!(frames.iter().any(|frame| frame.verdict.is_err()), "{first}, {count}: nothing told");
        }
    }
}

/// The agent's end of the queue.
struct Agent {
    runtime: Runtime,
    queue: mpsc::Receiver<FromScanner>,
    outlet: Outlet,
}

impl Agent {
    fn new(queue_max: usize) -> Self {
        let (sender, queue) = mpsc::channel(queue_max);
        let outlet = Outlet { clock: Arc::new(SystemClock::new()), queue: sender };
        Self { runtime: Builder::new_current_thread().enable_time().build().unwrap(), queue, outlet }
    }

    fn start(&self, path: &Path, roots: Roots) -> Device {
        self.start_at(Place::Path(path.to_owned()), roots)
    }

    fn start_at(&self, at: Place, roots: Roots) -> Device {
        let keyboard = Keyboard { name: ScannerName::new("dock"), at, layout: LayoutName::US, gap: GAP };
        evdev::start(keyboard, roots, self.outlet.clone()).unwrap()
    }

    fn next(&mut self) -> FromScanner {
        let message = self.runtime.block_on(async { timeout(BOUND, self.queue.recv()).await });
        message.expect("a message in time").expect("an open queue")
    }

    fn state(&mut self) -> PortState {
        match self.next() {
            FromScanner::State { state, .. } => state,
            FromScanner::Frame { frame, .. } => panic!("a frame where news of the device was due: {frame:?}"),
        }
    }

    fn frame(&mut self) -> Frame {
        match self.next() {
            FromScanner::Frame { frame, .. } => frame,
            FromScanner::State { state, .. } => panic!("news of the device where a frame was due: {state:?}"),
        }
    }
}

#[test]
fn a_device_that_appears_is_tried_at_once_and_not_at_the_next_turn() {
    let (mut agent, folder) = (Agent::new(8), tempfile::tempdir().unwrap());
    let roots = Roots { sys: folder.path().to_owned(), dev: folder.path().to_owned() };
    let node = folder.path().join("input/by-id/usb-scanner-event-kbd");
    let device = agent.start(&node, roots);
    assert_eq!(agent.state(), PortState::Gone { why: PortFault::Absent });
    // Without the watch, the tries come after 0.2, 0.6, 1.4, 3.0 and 5.0 s.
    let clock = Arc::clone(&agent.outlet.clock);
    let waited =
        agent.runtime.block_on(async { timeout(Duration::from_millis(3200), agent.queue.recv()).await });
    assert!(waited.is_err(), "{waited:?}");
    let appeared = clock.boot();
    fs::create_dir_all(node.parent().unwrap()).unwrap();
    fs::write(&node, "").unwrap();
    assert_eq!(agent.state(), PortState::Gone { why: PortFault::NotKeyboard });
    let took = clock.boot().ms_since(appeared);
    assert!(took < 1500, "it took {took} ms");
    let asked = clock.boot();
    device.stop().unwrap();
    let took = clock.boot().ms_since(asked);
    assert!(took < 1000, "the stop took {took} ms");
}

/// A keyboard of the kernel's, on which the test types.
struct Virtual {
    handle: UInputHandle<File>,
    node: PathBuf,
}

impl Virtual {
    /// A keyboard with this product id; `None`, with the reason printed, where there can be none.
    fn new(product: u16) -> Option<Self> {
        let file = match OpenOptions::new().read(true).write(true).open(UINPUT) {
            Ok(file) => file,
            Err(error) => {
                println!("skipped: {UINPUT}: {error}");
                return None;
            }
        };
        let handle = UInputHandle::new(file);
        handle.set_evbit(EventKind::Key).unwrap();
        handle.set_evbit(EventKind::Misc).unwrap();
        handle.set_mscbit(input_linux::MiscKind::Scancode).unwrap();
        for key in Key::iter().filter(|key| (1..128).contains(&key.code())) {
            handle.set_keybit(key).unwrap();
        }
        let id = InputId { bustype: sys::BUS_USB, vendor: VENDOR, product, version: 1 };
        handle.create(&id, b"stockpoint test scanner", 0, &[]).unwrap();
        let node = handle.evdev_path().unwrap();
        Some(Self { handle, node })
    }

    fn change(&self, code: u16, value: i32) {
        let zero = sys::timeval { tv_sec: 0, tv_usec: 0 };
        let event = |type_, code, value| sys::input_event { time: zero, type_, code, value };
        let events = [event(4, 4, i32::from(code)), event(1, code, value), event(0, 0, 0)];
        assert_eq!(self.handle.write(&events).unwrap(), events.len());
    }

    /// Types digits and Enter, as fast as the kernel takes them.
    fn scan(&self, digits: &str) {
        let keys = digits.bytes().map(|digit| if digit == b'0' { 11 } else { u16::from(digit - b'0') + 1 });
        for code in keys.chain([28]) {
            self.change(code, 1);
            self.change(code, 0);
        }
    }
}

/// Waits, because the scanner is silent for so long.
fn silence(agent: &Agent, time: Duration) {
    agent.runtime.block_on(async { tokio::time::sleep(time).await });
}

#[test]
fn a_keyboard_of_the_kernel_is_read_and_its_loss_is_told() {
    let Some(scanner) = Virtual::new(1) else { return };
    let mut agent = Agent::new(8);
    let _device = agent.start(&scanner.node, Roots::default());
    while agent.state() != (PortState::Open { reconnects: 0 }) {}
    // What comes within the gap after the opening may be the tail of a code.
    silence(&agent, GAP * 2);
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
    let Some(scanner) = Virtual::new(2) else { return };
    let mut agent = Agent::new(1);
    let _device = agent.start(&scanner.node, Roots::default());
    while agent.state() != (PortState::Open { reconnects: 0 }) {}
    silence(&agent, GAP * 2);
    for code in 1000..1050 {
        scanner.scan(&code.to_string());
        silence(&agent, Duration::from_millis(5));
    }
    let read: Vec<_> = (1000..1050).map(|_| told(&agent.frame())).collect();
    assert_eq!(read, (1000..1050).map(|code| code.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_keyboard_of_the_kernel_is_found_again_by_what_it_is() {
    let Some(scanner) = Virtual::new(3) else { return };
    let mut agent = Agent::new(8);
    let wanted = UsbMatch { vendor: Some(VENDOR), product: Some(3), ..UsbMatch::default() };
    let _device = agent.start_at(Place::Match(wanted), Roots::default());
    while agent.state() != (PortState::Open { reconnects: 0 }) {}
    drop(scanner);
    assert_eq!(agent.state(), PortState::Gone { why: PortFault::Vanished });
    while agent.state() != (PortState::Gone { why: PortFault::NoneMatches }) {}
    let plugged_in = agent.outlet.clock.boot();
    let scanner = Virtual::new(3).unwrap();
    while agent.state() != (PortState::Open { reconnects: 1 }) {}
    let took = agent.outlet.clock.boot().ms_since(plugged_in);
    assert!(took < 1000, "it took {took} ms");
    silence(&agent, GAP * 2);
    scanner.scan("96385074");
    assert_eq!(agent.frame().verdict, Ok("96385074".to_owned()));
}

/// What comes of these events of a scanner that was opened long before.
fn replayed(events: Vec<InputEvent>) -> Vec<String> {
    let trace = Trace { layout: LayoutName::US, opened: BootMillis(0), events };
    trace.replay(GAP).iter().map(told).collect()
}

#[test]
fn an_ean_13_waits_whole_in_the_kernel_and_is_stamped_by_the_clock_since_boot() {
    let Some(scanner) = Virtual::new(4) else { return };
    let (recorder, clock) = (Recorder::open(&scanner.node).unwrap(), SystemClock::new());
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
    let Some(scanner) = Virtual::new(5) else { return };
    let recorder = Recorder::open(&scanner.node).unwrap();
    scanner.scan("4006381333931");
    scanner.scan("4006381333931");
    let mut events = recorder.events().unwrap();
    scanner.scan("96385074");
    events.extend(recorder.events().unwrap());
    assert_eq!(replayed(events), ["refused lost", "96385074"]);
}

#[test]
fn a_keyboard_of_the_kernel_is_read_by_one_program_alone() {
    let Some(scanner) = Virtual::new(6) else { return };
    let first = Recorder::open(&scanner.node).unwrap();
    assert_eq!(Recorder::open(&scanner.node).err(), Some(PortFault::Taken));
    drop(first);
    assert!(Recorder::open(&scanner.node).is_ok());
}
