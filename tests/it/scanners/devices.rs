//! Scanners on pseudo-terminals and pipes: the test holds the other end.

use std::fs;
use std::fs::File;
use std::io::PipeWriter;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::termios::ControlFlags;
use nix::sys::termios::InputFlags;
use nix::sys::termios::LocalFlags;
use nix::sys::termios::SetArg;
use nix::sys::termios::tcsetattr;
use stockpoint::config::DataBits;
use stockpoint::config::FlowControl;
use stockpoint::config::Line;
use stockpoint::config::Parity;
use stockpoint::config::Place;
use stockpoint::config::Protocol;
use stockpoint::config::StopBits;
use stockpoint::config::UsbMatch;
use stockpoint::device::Device;
use stockpoint::device::FromScanner;
use stockpoint::device::PortFault;
use stockpoint::device::PortState;
use stockpoint::device::SIGNAL_QUEUE_MAX;
use stockpoint::device::SignalSender;
use stockpoint::device::discover::ports::Roots;
use stockpoint::device::serial;
use stockpoint::device::serial::SerialPort;
use stockpoint::device::stdin;
use stockpoint::domain::decode::framing::Framing;
use stockpoint::domain::decode::framing::Refusal;
use stockpoint::domain::ids::ScannerName;
use stockpoint::domain::signal::Occasion;

use crate::support::pty::Node;
use crate::support::pty::Pty;
use crate::support::queue::Agent;

/// Far less than a thread waits for the rest of a code or for room; far more than a busy machine needs to wake it.
const STOP_MS_MAX: i64 = 2_000;

/// A gap no test outlives by accident.
const NO_GAP: Duration = Duration::from_mins(1);
/// A gap for tests that let it pass.
const SHORT_GAP: Duration = Duration::from_millis(30);

impl Agent {
    fn text(&mut self) -> String {
        self.frame().verdict.expect("a good frame")
    }

    fn refused(&mut self) -> (Vec<u8>, Refusal) {
        let frame = self.frame();
        (frame.raw, frame.verdict.expect_err("a refused frame"))
    }

    /// Starts a scanner on `path` and waits until its port is open.
    fn open(&mut self, path: &Path, gap: Duration) -> (Device, SignalSender) {
        let started = self.start(port(path, gap));
        assert_eq!(self.state(), PortState::Open { reconnects: 0 });
        started
    }

    fn start(&self, port: SerialPort) -> (Device, SignalSender) {
        serial::start(port, Roots::default(), self.frame_sender.clone()).expect("a thread")
    }

    /// Starts a scanner on one end of a pipe and gives the other.
    fn pipe(&mut self, gap: Duration) -> (Device, PipeWriter) {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let device = stdin::start(
            ScannerName::new("typed"),
            Framing::unguarded(gap),
            reader,
            self.frame_sender.clone(),
        );
        assert_eq!(self.state(), PortState::Open { reconnects: 0 });
        (device.expect("a thread"), writer)
    }

    /// Stops `device` and tells how long it took, in milliseconds.
    fn stop(&self, device: Device) -> i64 {
        let asked = self.now();
        device.stop().expect("a thread in good order");
        self.ms_since(asked)
    }
}

fn port(path: &Path, gap: Duration) -> SerialPort {
    SerialPort {
        name: ScannerName::new("dock"),
        at: Place::Path(path.to_owned()),
        line: Line::default(),
        protocol: Protocol::None,
        framing: Framing::unguarded(gap),
    }
}

#[test]
fn a_frame_is_whole_however_its_bytes_arrive() {
    let (mut agent, mut pty) = (Agent::new(8), Pty::new());
    let _scanner = agent.open(&pty.path.clone(), NO_GAP);
    for byte in b"4006381333931\r" {
        pty.feed(&[*byte]);
    }
    assert_eq!(agent.text(), "4006381333931");
    pty.feed(b"012345678905\r96385");
    assert_eq!(agent.text(), "012345678905");
    pty.feed(b"074\r");
    assert_eq!(agent.text(), "96385074");
}

#[test]
fn what_comes_as_the_port_is_opened_or_came_back_may_be_the_rest_of_a_code() {
    for protocol in [Protocol::None, Protocol::ZebraSsi] {
        let (mut agent, mut pty) = (Agent::new(8), Pty::new());
        // So long that a busy machine is within it, too.
        let framing = Framing::usual(Duration::from_secs(5));
        let port = SerialPort { framing, protocol, ..port(&pty.path.clone(), NO_GAP) };
        let _scanner = agent.start(port);
        assert_eq!(agent.state(), PortState::Open { reconnects: 0 });
        let packet = [&[0x0d, 0xf3, 0, 0, 0x0b][..], b"96385074", &[0xfd, 0x4b]].concat();
        pty.feed(if protocol == Protocol::None { b"96385074\r" } else { &packet });
        assert_eq!(agent.frame().verdict, Err(Refusal::Tail), "{protocol:?}");
    }
}

#[test]
fn every_terminator_ends_one_frame() {
    let (mut agent, mut pty) = (Agent::new(16), Pty::new());
    let _scanner = agent.open(&pty.path.clone(), NO_GAP);
    pty.feed(b"cr\rlf\ncrlf\r\ntab\tnul\0end\r");
    let texts: Vec<String> = (0..6).map(|_| agent.text()).collect();
    assert_eq!(texts, ["cr", "lf", "crlf", "tab", "nul", "end"]);
}

#[test]
fn bytes_pass_as_they_are_and_are_not_echoed() {
    let (mut agent, mut pty) = (Agent::new(8), Pty::new());
    let _scanner = agent.open(&pty.path.clone(), NO_GAP);
    // Interrupt, end of file, erase, XOFF and XON would each do something on a terminal in its first mode.
    pty.feed(b"a\x03\x04\x7f\x13\x11\x1db\r");
    assert_eq!(agent.frame().raw, b"a\x03\x04\x7f\x13\x11\x1db");
    assert!(!pty.is_heard_within(Duration::ZERO), "the scanner was sent its own bytes");
    let settings = pty.settings();
    assert!(settings.input_flags.contains(InputFlags::INPCK | InputFlags::PARMRK));
    assert!(!settings.input_flags.intersects(InputFlags::ICRNL | InputFlags::IXON | InputFlags::IGNPAR));
    assert!(!settings.local_flags.intersects(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG));
}

#[test]
fn a_byte_ff_is_refused_once_and_ends_nothing() {
    let (mut agent, mut pty) = (Agent::new(8), Pty::new());
    let _scanner = agent.open(&pty.path.clone(), NO_GAP);
    pty.feed(b"400\xff638\r4006381333931\r");
    assert_eq!(agent.refused(), (b"400\xff638".to_vec(), Refusal::NotUtf8));
    assert_eq!(agent.text(), "4006381333931");
}

#[test]
fn a_port_opens_with_every_setting() {
    let (mut agent, mut pty) = (Agent::new(8), Pty::new());
    let settings = SerialPort {
        line: Line {
            baud: 12_345,
            data_bits: DataBits::Seven,
            parity: Parity::Even,
            stop_bits: StopBits::Two,
            flow_control: FlowControl::Software,
        },
        ..port(&pty.path, NO_GAP)
    };
    let _scanner = agent.start(settings);
    assert_eq!(agent.state(), PortState::Open { reconnects: 0 });
    let settings = pty.settings();
    assert!(settings.control_flags.contains(ControlFlags::CSTOPB));
    assert!(settings.input_flags.contains(InputFlags::IXON | InputFlags::IXOFF));
    pty.feed(b"96385074\r");
    assert_eq!(agent.text(), "96385074");
}

#[test]
fn an_unfinished_frame_is_refused_after_the_gap() {
    let (mut agent, mut pty) = (Agent::new(8), Pty::new());
    let _scanner = agent.open(&pty.path.clone(), SHORT_GAP);
    pty.feed(b"40063");
    assert_eq!(agent.refused(), (b"40063".to_vec(), Refusal::Unfinished));
    pty.feed(b"81333931\r");
    assert_eq!(agent.text(), "81333931");
}

#[test]
fn a_port_that_vanishes_and_returns_is_read_again() {
    let (mut agent, node, mut pty) = (Agent::new(8), Node::new(), Pty::new());
    node.lead_to(&pty);
    let _scanner = agent.open(&node.path(), NO_GAP);
    pty.feed(b"before\r");
    assert_eq!(agent.text(), "before");
    // The link goes first: the kernel gives the number of a closed terminal to the next one that asks.
    node.remove();
    drop(pty);
    assert_eq!(agent.state(), PortState::Gone { why: PortFault::Vanished });
    let mut pty = Pty::new();
    node.lead_to(&pty);
    loop {
        match agent.state() {
            PortState::Open { reconnects } => break assert_eq!(reconnects, 1),
            PortState::Gone { why } => assert_eq!(why, PortFault::Absent),
            PortState::Ended => panic!("a serial port does not end"),
        }
    }
    pty.feed(b"after\r");
    assert_eq!(agent.text(), "after");
}

#[test]
fn a_frame_pending_when_the_port_vanishes_is_refused_and_joins_no_other() {
    let (mut agent, node, mut pty) = (Agent::new(8), Node::new(), Pty::new());
    node.lead_to(&pty);
    let _scanner = agent.open(&node.path(), NO_GAP);
    // Written at once, they are read at once: when the first is here, so is the start of the second.
    pty.feed(b"whole\r40063");
    assert_eq!(agent.text(), "whole");
    node.remove();
    drop(pty);
    assert_eq!(agent.refused(), (b"40063".to_vec(), Refusal::Lost));
    assert_eq!(agent.state(), PortState::Gone { why: PortFault::Vanished });
    assert_eq!(agent.state(), PortState::Gone { why: PortFault::Absent });
    let mut pty = Pty::new();
    node.lead_to(&pty);
    assert_eq!(agent.state(), PortState::Open { reconnects: 1 });
    pty.feed(b"81333931\r");
    assert_eq!(agent.text(), "81333931");
}

#[test]
fn an_end_of_file_with_the_port_still_there_is_passed_over() {
    let (mut agent, mut pty) = (Agent::new(8), Pty::new());
    let _scanner = agent.open(&pty.path.clone(), NO_GAP);
    // Another program sets the terminal to lines, in which ^D is an end of file.
    let mut settings = pty.settings();
    settings.local_flags.insert(LocalFlags::ICANON);
    tcsetattr(&pty.master, SetArg::TCSANOW, &settings).expect("new settings");
    pty.feed(b"\x04");
    pty.feed(b"96385074\n");
    assert_eq!(agent.text(), "96385074");
}

#[test]
fn a_port_is_read_by_one_scanner_alone() {
    let (mut agent, mut other, mut pty) = (Agent::new(8), Agent::new(8), Pty::new());
    let scanner = agent.open(&pty.path.clone(), NO_GAP);
    let _second = other.start(port(&pty.path, NO_GAP));
    assert_eq!(other.state(), PortState::Gone { why: PortFault::Taken });
    pty.feed(b"first\r");
    assert_eq!(agent.text(), "first");
    agent.stop(scanner.0);
    assert_eq!(other.state(), PortState::Open { reconnects: 0 });
    pty.feed(b"second\r");
    assert_eq!(other.text(), "second");
}

#[test]
fn what_is_no_serial_port_is_said_to_be_none() {
    let mut agent = Agent::new(8);
    let file = tempfile::NamedTempFile::new().expect("a file");
    let _scanner = agent.start(port(file.path(), NO_GAP));
    assert_eq!(agent.state(), PortState::Gone { why: PortFault::NotSerial });
    let folder = tempfile::tempdir().expect("a folder");
    let _scanner = agent.start(port(folder.path(), NO_GAP));
    assert_eq!(agent.state(), PortState::Gone { why: PortFault::NotSerial });
}

#[test]
fn a_match_finds_the_port_wherever_it_appears() {
    let (mut agent, machine, mut pty) = (Agent::new(8), Node::new(), Pty::new());
    let folder = machine.folder.path();
    let usb = folder.join("devices/1-1.3");
    fs::create_dir_all(usb.join("1-1.3:1.0")).expect("a device");
    fs::create_dir_all(folder.join("class/tty/ttyUSB0")).expect("an entry");
    fs::write(usb.join("idVendor"), "0c2e\n").expect("a vendor");
    let link = folder.join("class/tty/ttyUSB0/device");
    std::os::unix::fs::symlink(usb.join("1-1.3:1.0"), link).expect("a link");
    machine.lead_to(&pty);
    let wanted = UsbMatch { port: Some("1-1.3".to_owned()), ..UsbMatch::default() };
    let port = SerialPort { at: Place::Match(wanted), ..port(&pty.path, NO_GAP) };
    let roots = Roots { sys: folder.to_owned(), dev: folder.to_owned() };
    let _scanner = serial::start(port, roots, agent.frame_sender.clone()).expect("a thread");
    assert_eq!(agent.state(), PortState::Gone { why: PortFault::NoneMatches });
    // The kernel has described the device in full.
    fs::write(usb.join("idProduct"), "0b61\n").expect("a product");
    assert_eq!(agent.state(), PortState::Open { reconnects: 0 });
    pty.feed(b"96385074\r");
    assert_eq!(agent.text(), "96385074");
}

#[test]
fn a_signal_reaches_the_scanner_at_once() {
    let (mut agent, mut pty) = (Agent::new(8), Pty::new());
    let (_scanner, signals) = agent.open(&pty.path.clone(), NO_GAP);
    let start = agent.now();
    signals.send(Occasion::Verdict, b"\x16\x07\r".to_vec()).expect("room for a signal");
    assert_eq!(pty.heard(3), b"\x16\x07\r");
    let took = agent.ms_since(start);
    assert!(took < 50, "the signal took {took} ms");
}

#[test]
fn a_scanner_that_takes_no_signals_delays_no_scan() {
    let (mut agent, mut pty) = (Agent::new(8), Pty::new());
    let (_scanner, signals) = agent.open(&pty.path.clone(), NO_GAP);
    // Nobody reads the master, so the terminal takes no more after some of these, and the queue is full.
    for scan in 0..20 {
        for _ in 0..SIGNAL_QUEUE_MAX {
            let _dropped = signals.send(Occasion::Verdict, vec![7; 4096]);
        }
        pty.feed(format!("{scan}\r").as_bytes());
        assert_eq!(agent.text(), scan.to_string());
    }
}

#[test]
fn signals_for_a_port_that_is_gone_are_not_given_later() {
    let (mut agent, node, pty) = (Agent::new(8), Node::new(), Pty::new());
    node.lead_to(&pty);
    let (_scanner, signals) = agent.open(&node.path(), NO_GAP);
    node.remove();
    drop(pty);
    assert_eq!(agent.state(), PortState::Gone { why: PortFault::Vanished });
    signals.send(Occasion::Verdict, b"old".to_vec()).expect("room for a signal");
    assert_eq!(agent.state(), PortState::Gone { why: PortFault::Absent });
    let mut pty = Pty::new();
    node.lead_to(&pty);
    assert_eq!(agent.state(), PortState::Open { reconnects: 1 });
    // Signals wait in order, so an old one would be heard before this.
    pty.feed(b"scan\r");
    assert_eq!(agent.text(), "scan");
    signals.send(Occasion::Verdict, b"new".to_vec()).expect("room for a signal");
    assert_eq!(pty.heard(3), b"new");
}

#[test]
fn two_hundred_frames_at_full_speed_all_arrive_in_order() {
    let (mut agent, mut pty) = (Agent::new(2), Pty::new());
    let _scanner = agent.open(&pty.path.clone(), SHORT_GAP);
    let expected: Vec<String> = (0..200).map(|number| format!("40063813{number:05}")).collect();
    let bytes = expected.join("\r\n") + "\r\n";
    let feeding = std::thread::Builder::new().name("feed".to_owned()).spawn(move || {
        pty.feed(bytes.as_bytes());
        pty
    });
    let read: Vec<String> = (0..200).map(|_| agent.text()).collect();
    assert_eq!(read, expected);
    feeding.expect("a thread").join().expect("a terminal that takes all");
}

#[test]
fn a_stop_is_seen_whatever_the_thread_waits_for() {
    let (mut agent, mut pty) = (Agent::new(1), Pty::new());
    let reading = agent.open(&pty.path.clone(), NO_GAP).0;
    pty.feed(b"40063");
    let waiting = agent.start(port(Path::new("/nonexistent/port"), NO_GAP)).0;
    assert_eq!(agent.state(), PortState::Gone { why: PortFault::Absent });
    assert!(agent.stop(waiting) < STOP_MS_MAX);
    assert!(agent.stop(reading) < STOP_MS_MAX);
    let (mut agent, mut pty) = (Agent::new(1), Pty::new());
    let queueing = agent.start(port(&pty.path, NO_GAP)).0;
    pty.feed(b"1\r2\r3\r");
    assert!(agent.stop(queueing) < STOP_MS_MAX, "a full queue held up the stop");
    assert!(matches!(agent.next(), FromScanner::State { .. }));
}

#[test]
fn a_stop_refuses_the_frame_that_is_pending() {
    let (mut agent, mut pty) = (Agent::new(8), Pty::new());
    let scanner = agent.open(&pty.path.clone(), NO_GAP).0;
    pty.feed(b"whole\r40063");
    assert_eq!(agent.text(), "whole");
    agent.stop(scanner);
    assert_eq!(agent.refused(), (b"40063".to_vec(), Refusal::Lost));
}

#[test]
fn a_thread_ends_when_the_agent_is_gone() {
    let (mut agent, mut pty) = (Agent::new(8), Pty::new());
    let scanner = agent.open(&pty.path.clone(), NO_GAP).0;
    let clock = Arc::clone(&agent.frame_sender.clock);
    drop(agent);
    pty.feed(b"96385074\r");
    let start = clock.boot();
    while !scanner.is_finished() {
        assert!(clock.boot().ms_since(start) < 20_000, "the thread goes on for nobody");
        pty.is_heard_within(Duration::from_millis(1));
    }
}

#[test]
fn standard_input_ends_with_its_last_line() {
    let mut agent = Agent::new(8);
    let (_scanner, mut input) = agent.pipe(NO_GAP);
    input.write_all(b"4006381333931\n96385074").expect("a pipe that takes bytes");
    assert_eq!(agent.text(), "4006381333931");
    drop(input);
    assert_eq!(agent.text(), "96385074");
    assert_eq!(agent.state(), PortState::Ended);
}

#[test]
fn standard_input_may_be_a_file() {
    let mut agent = Agent::new(1);
    let scans = tempfile::NamedTempFile::new().expect("a file");
    let expected: Vec<String> = (0..200).map(|number| format!("40063813{number:05}")).collect();
    fs::write(scans.path(), expected.join("\n")).expect("scans");
    let file = File::open(scans.path()).expect("scans");
    let _scanner = stdin::start(
        ScannerName::new("typed"),
        Framing::unguarded(SHORT_GAP),
        file,
        agent.frame_sender.clone(),
    );
    assert_eq!(agent.state(), PortState::Open { reconnects: 0 });
    let read: Vec<String> = (0..200).map(|_| agent.text()).collect();
    assert_eq!(read, expected);
    assert_eq!(agent.state(), PortState::Ended);
}

#[test]
fn the_gap_counts_on_standard_input_too() {
    let mut agent = Agent::new(8);
    let (_scanner, mut input) = agent.pipe(SHORT_GAP);
    input.write_all(b"40063").expect("a pipe that takes bytes");
    assert_eq!(agent.refused(), (b"40063".to_vec(), Refusal::Unfinished));
    input.write_all(b"81333931\n").expect("a pipe that takes bytes");
    assert_eq!(agent.text(), "81333931");
}

#[test]
fn a_silent_standard_input_does_not_hold_up_a_stop() {
    let mut agent = Agent::new(8);
    let (scanner, _input) = agent.pipe(NO_GAP);
    let took = agent.stop(scanner);
    assert!(took < STOP_MS_MAX, "the stop took {took} ms");
}
