//! HID-POS scanners: a thread that reads a pseudo-terminal or a pipe in place of a HID device, with a description as the
//! kernel gives one.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use nix::fcntl::FcntlArg;
use nix::fcntl::OFlag;
use nix::fcntl::fcntl;
use nix::sys::stat::Mode;
use nix::sys::termios::SetArg;
use nix::sys::termios::cfmakeraw;
use nix::sys::termios::tcsetattr;
use nix::unistd::mkfifo;
use rustix::event::PollFd;
use rustix::event::PollFlags;
use rustix::event::Timespec;
use rustix::event::poll;
use stockpoint::clock::SystemClock;
use stockpoint::config::Place;
use stockpoint::config::UsbMatch;
use stockpoint::device::Device;
use stockpoint::device::PortFault;
use stockpoint::device::PortState;
use stockpoint::device::SignalSender;
use stockpoint::device::discover::hidraws;
use stockpoint::device::discover::ports::Roots;
use stockpoint::device::hidpos;
use stockpoint::device::hidpos::PosScanner;
use stockpoint::device::hidpos::Recorder;
use stockpoint::domain::decode::framing::Framing;
use stockpoint::domain::decode::framing::Guarding;
use stockpoint::domain::decode::framing::Refusal;
use stockpoint::domain::decode::hidpos::trace::PosTrace;
use stockpoint::domain::ids::ScannerName;
use stockpoint::domain::signal::Occasion;
use stockpoint::domain::time::BootMillis;
use tempfile::TempDir;

use crate::support::pty::Pty;
use crate::support::queue::Agent;
use crate::support::queue::told;

/// A gap that a busy machine does not make within a code, and that tests can let pass.
pub(crate) const GAP: Duration = Duration::from_millis(500);
/// Reports of a test may follow each other at once.
const FRAMING: Framing = Framing { guarding: Guarding::On { burst: Duration::ZERO }, ..Framing::usual(GAP) };
/// Longer than the time in which the rest of a code may come.
const TAIL: Duration = Duration::from_millis(1020);
/// How long anything may take before the test fails.
const BOUND: Duration = Duration::from_secs(20);
/// Bytes of a code in one report.
pub(crate) const PIECE: usize = 56;

/// The report that most scanners have: number 2, a count, the identifier, 56 bytes of the code, two of the maker's, and
/// a byte that says whether the code goes on.
pub(crate) const DESCRIPTOR: &[u8] = &[
    0x05, 0x8c, 0x09, 0x02, 0xa1, 0x01, 0x09, 0x12, 0xa1, 0x02, 0x85, 0x02, 0x15, 0x00, 0x26, 0xff, 0x00,
    0x75, 0x08, 0x95, 0x01, 0x05, 0x01, 0x09, 0x3b, 0x81, 0x02, 0x95, 0x03, 0x05, 0x8c, 0x09, 0xfb, 0x09,
    0xfc, 0x09, 0xfd, 0x81, 0x02, 0x95, 0x38, 0x09, 0xfe, 0x82, 0x02, 0x01, 0x06, 0x66, 0xff, 0x95, 0x02,
    0x09, 0x04, 0x09, 0x00, 0x81, 0x02, 0x05, 0x8c, 0x25, 0x01, 0x75, 0x01, 0x95, 0x08, 0x09, 0xff, 0x81,
    0x02, 0xc0, 0x09, 0x14, 0xa1, 0x02, 0x85, 0x04, 0x95, 0x08, 0x09, 0x5f, 0x91, 0x82, 0xc0, 0xc0,
];

/// A report with a piece of a code.
pub(crate) fn report(identifier: &str, data: &[u8], is_continued: bool) -> Vec<u8> {
    let mut report = vec![2, u8::try_from(data.len()).unwrap()];
    report.extend(identifier.bytes());
    report.extend(data.iter().copied().chain([0; PIECE]).take(PIECE));
    report.extend([b'j', 0, u8::from(is_continued)]);
    report
}

impl Agent {
    pub(crate) fn start_pos(&self, at: Place, roots: Roots) -> (Device, SignalSender) {
        let scanner = PosScanner { name: ScannerName::new("dock"), at, framing: FRAMING };
        hidpos::start(scanner, roots, self.frame_sender.clone()).unwrap()
    }

    /// Starts the scanner and waits until it is open, and until no code can be the tail of one before that.
    fn open_pos(&mut self, machine: &Machine) -> (Device, SignalSender) {
        let started = self.start_pos(Place::Path(machine.node()), machine.roots.clone());
        self.await_settled();
        started
    }

    pub(crate) fn await_settled(&mut self) {
        self.await_open(0);
        self.silence(GAP + GAP / 10);
    }

    /// Waits until the scanner that was plugged in again then is read, which must not take long.
    pub(crate) fn await_return(&mut self, plugged_in: BootMillis) {
        self.await_open(1);
        let took = self.ms_since(plugged_in);
        assert!(took < 1500, "it took {took} ms");
        self.silence(GAP * 2);
    }
}
/// A machine made of files, with one HID device at USB port 1-1.3.
struct Machine {
    folder: TempDir,
    roots: Roots,
}

impl Machine {
    fn new(descriptor: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots { sys: folder.path().join("sys"), dev: folder.path().join("dev") };
        let usb = folder.path().join("sys/devices/usb1/1-1.3");
        let device = usb.join("1-1.3:1.0/0003:0C2E:0B61.0001");
        fs::create_dir_all(&device).unwrap();
        fs::create_dir_all(roots.sys.join("class/hidraw/hidraw0")).unwrap();
        fs::create_dir_all(&roots.dev).unwrap();
        fs::write(usb.join("idVendor"), "0c2e\n").unwrap();
        fs::write(usb.join("idProduct"), "0b61\n").unwrap();
        fs::write(device.join("uevent"), "HID_ID=0003:00000C2E:00000B61\nHID_NAME=Scanner\n").unwrap();
        fs::write(device.join("report_descriptor"), descriptor).unwrap();
        symlink(&device, roots.sys.join("class/hidraw/hidraw0/device")).unwrap();
        Self { folder, roots }
    }

    fn node(&self) -> PathBuf {
        self.roots.dev.join("hidraw0")
    }

    /// Has the kernel know the node by the numbers of what stands in for it.
    fn number(&self, stand_in: &Path) {
        let device = rustix::fs::stat(stand_in).unwrap().st_rdev;
        let numbers = format!("{}:{}\n", rustix::fs::major(device), rustix::fs::minor(device));
        fs::write(self.roots.sys.join("class/hidraw/hidraw0/dev"), numbers).unwrap();
    }

    /// A pseudo-terminal as the node: closing it is pulling the plug.
    fn plug_in(&self) -> Scanner {
        let pty = Pty::new();
        let mut settings = pty.settings();
        cfmakeraw(&mut settings);
        tcsetattr(&pty.master, SetArg::TCSANOW, &settings).unwrap();
        let end = OpenOptions::new().read(true).custom_flags(libc_noctty()).open(&pty.path).unwrap();
        self.number(&pty.path);
        symlink(&pty.path, self.node()).unwrap();
        Scanner { pty, end }
    }

    /// A pipe as the node, which keeps reports apart although nobody reads them yet.
    fn pipe(&self) -> File {
        mkfifo(&self.node(), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        let pipe = OpenOptions::new().read(true).write(true).open(self.node()).unwrap();
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_DIRECT)).unwrap();
        fcntl(&pipe, FcntlArg::F_SETPIPE_SZ(1 << 20)).unwrap();
        self.number(&self.node());
        pipe
    }

    fn unplug(&self, scanner: Scanner) {
        fs::remove_file(self.node()).unwrap();
        drop(scanner);
    }
}

fn libc_noctty() -> i32 {
    OFlag::O_NOCTTY.bits()
}

/// A scanner on a pseudo-terminal.
struct Scanner {
    pty: Pty,
    end: File,
}

impl Scanner {
    /// Sends one report, and waits until it was read: a terminal would hand over two as one.
    fn send(&mut self, report: &[u8]) {
        self.pty.feed(report);
        let start = tokio::time::Instant::now();
        // Asked whether it has bytes, the terminal first takes in those on their way (`n_tty_poll`).
        while is_readable(&self.end) {
            assert!(start.elapsed() < BOUND, "nobody reads");
            std::thread::yield_now();
        }
    }
}

fn is_readable(end: &File) -> bool {
    poll(&mut [PollFd::new(end, PollFlags::IN)], Some(&Timespec::default())) == Ok(1)
}

#[test]
fn a_code_is_read_with_its_symbology_and_one_of_several_reports_whole() {
    let (mut agent, machine) = (Agent::new(8), Machine::new(DESCRIPTOR));
    let mut scanner = machine.plug_in();
    let _device = agent.open_pos(&machine);
    scanner.send(&report("]E0", b"4006381333931", false));
    assert_eq!(agent.told(), "]E04006381333931");
    scanner.send(&report("]Q1", &[b'7'; PIECE], true));
    scanner.send(&[4, 0]);
    scanner.send(&report("]Q1", b"END", false));
    assert_eq!(agent.told(), format!("]Q1{}END", "7".repeat(PIECE)));
}

#[test]
fn a_code_that_is_not_finished_is_refused_after_the_gap_and_its_rest_too() {
    let (mut agent, machine) = (Agent::new(8), Machine::new(DESCRIPTOR));
    let mut scanner = machine.plug_in();
    let _device = agent.open_pos(&machine);
    scanner.send(&report("]Q1", b"400638", true));
    assert_eq!(agent.told(), "refused unfinished");
    scanner.send(&report("]Q1", b"1333931", false));
    assert_eq!(agent.told(), "refused tail");
    agent.silence(TAIL);
    scanner.send(&report("]Q1", b"96385074", false));
    assert_eq!(agent.told(), "]Q196385074");
}

#[test]
fn a_report_of_the_wrong_size_is_a_refused_scan_and_the_next_is_read() {
    let (mut agent, machine) = (Agent::new(8), Machine::new(DESCRIPTOR));
    let mut pipe = machine.pipe();
    let _device = agent.open_pos(&machine);
    let whole = report("]E0", b"4006381333931", false);
    for wrong in [&whole[..20], &whole[..63], &[&whole[..], &[0; 9]].concat()] {
        pipe.write_all(wrong).unwrap();
        assert_eq!(agent.frame().verdict, Err(Refusal::BadReport));
        agent.silence(TAIL);
        pipe.write_all(&whole).unwrap();
        assert_eq!(agent.told(), "]E04006381333931");
    }
}

#[test]
fn a_device_lost_in_the_middle_of_a_code_refuses_it_and_is_read_again_when_it_is_back() {
    let (mut agent, machine) = (Agent::new(8), Machine::new(DESCRIPTOR));
    let mut scanner = machine.plug_in();
    let _device = agent.open_pos(&machine);
    scanner.send(&report("]Q1", b"400638", true));
    machine.unplug(scanner);
    assert!(matches!(agent.frame().verdict, Err(Refusal::Lost | Refusal::Unfinished)));
    assert_eq!(agent.state(), PortState::Gone { why: PortFault::Vanished });
    assert_eq!(agent.state(), PortState::Gone { why: PortFault::Absent });
    let plugged_in = agent.now();
    let mut scanner = machine.plug_in();
    agent.await_return(plugged_in);
    scanner.send(&report("]E4", b"96385074", false));
    assert_eq!(agent.told(), "]E496385074");
}

#[test]
fn a_code_that_comes_within_the_gap_after_the_opening_may_be_a_tail_and_is_refused() {
    let (mut agent, machine) = (Agent::new(8), Machine::new(DESCRIPTOR));
    let mut pipe = machine.pipe();
    pipe.write_all(&report("]Q1", b"1333931", false)).unwrap();
    let _device = agent.start_pos(Place::Path(machine.node()), machine.roots.clone());
    assert_eq!(agent.state(), PortState::Open { reconnects: 0 });
    assert_eq!(agent.told(), "refused tail");
}

#[test]
fn a_burst_of_reports_makes_no_other_code_and_none_goes_untold() {
    let (mut agent, machine) = (Agent::new(256), Machine::new(DESCRIPTOR));
    let mut pipe = machine.pipe();
    let _device = agent.open_pos(&machine);
    for number in 1000..1200 {
        pipe.write_all(&report("]C0", number.to_string().as_bytes(), false)).unwrap();
    }
    let read: Vec<String> = (1000..1200).map(|_| agent.told()).collect();
    // How many were read in a row depends on the machine; none is another code, and none goes untold.
    let codes: Vec<String> = (1000..1200).map(|number| format!("]C0{number}")).collect();
    let is_refused = |word: &str| matches!(word, "refused lost" | "refused tail");
    assert!(read.iter().all(|word| codes.contains(word) || is_refused(word)), "{read:?}");
}

#[test]
fn reports_are_read_while_the_agent_takes_nothing() {
    let (mut agent, machine) = (Agent::new(1), Machine::new(DESCRIPTOR));
    let mut scanner = machine.plug_in();
    let _device = agent.open_pos(&machine);
    for code in 1000..1050 {
        scanner.send(&report("]C0", code.to_string().as_bytes(), false));
    }
    let read: Vec<_> = (1000..1050).map(|_| agent.told()).collect();
    assert_eq!(read, (1000..1050).map(|code| format!("]C0{code}")).collect::<Vec<_>>());
}

#[test]
fn a_match_finds_the_scanner_by_what_and_where_it_is() {
    let (mut agent, machine) = (Agent::new(8), Machine::new(DESCRIPTOR));
    let wanted = UsbMatch { vendor: Some(0x0c2e), port: Some("1-1.3".to_owned()), ..UsbMatch::default() };
    let mut scanner = machine.plug_in();
    let _device = agent.start_pos(Place::Match(wanted.clone()), machine.roots.clone());
    agent.await_settled();
    scanner.send(&report("]E4", b"96385074", false));
    assert_eq!(agent.told(), "]E496385074");
    let other = UsbMatch { port: Some("1-1.4".to_owned()), ..wanted };
    assert_eq!(hidraws::resolve(&machine.roots, &other), Err(PortFault::NoneMatches));
}

#[test]
fn a_scanner_is_found_through_links_and_read_by_one_station_alone() {
    let (mut agent, mut other, machine) = (Agent::new(8), Agent::new(8), Machine::new(DESCRIPTOR));
    let _scanner = machine.plug_in();
    let link = machine.folder.path().join("counter");
    symlink("dev/hidraw0", &link).unwrap();
    let (first, _) = agent.start_pos(Place::Path(link.clone()), machine.roots.clone());
    assert_eq!(agent.state(), PortState::Open { reconnects: 0 });
    let _second = other.start_pos(Place::Path(link), machine.roots.clone());
    assert_eq!(other.state(), PortState::Gone { why: PortFault::Taken });
    first.stop().unwrap();
    assert_eq!(other.state(), PortState::Open { reconnects: 0 });
}

#[test]
fn what_is_no_hid_pos_scanner_is_said_to_be_none() {
    let mouse = [0x05, 0x01, 0x09, 0x02, 0xa1, 0x01, 0x75, 0x08, 0x95, 0x03, 0x09, 0x30, 0x81, 0x02, 0xc0];
    let machine = Machine::new(&mouse);
    let _scanner = machine.plug_in();
    let file = machine.roots.dev.join("hidraw1");
    fs::write(&file, "").unwrap();
    for (path, why) in [
        (machine.node(), PortFault::NotHidPos),
        (file, PortFault::NotHidPos),
        (PathBuf::from("/dev/null"), PortFault::NotHidPos),
        (machine.roots.dev.clone(), PortFault::NotHidPos),
        (machine.roots.dev.join("hidraw7"), PortFault::Absent),
    ] {
        assert_eq!(Recorder::open(&machine.roots, &path).err(), Some(why), "{}", path.display());
    }
    assert_eq!(hidraws::list_hidraws(&machine.roots).unwrap(), []);
}

#[test]
fn a_node_that_is_not_the_one_the_kernel_describes_is_not_read() {
    let machine = Machine::new(DESCRIPTOR);
    let _scanner = machine.plug_in();
    fs::write(machine.roots.sys.join("class/hidraw/hidraw0/dev"), "1:3\n").unwrap();
    assert_eq!(Recorder::open(&machine.roots, &machine.node()).err(), Some(PortFault::NotHidPos));
}

#[test]
fn a_signal_reaches_the_scanner_as_one_report() {
    let (mut agent, machine) = (Agent::new(8), Machine::new(DESCRIPTOR));
    let mut scanner = machine.plug_in();
    let (_device, signals) = agent.open_pos(&machine);
    signals.send(Occasion::Verdict, vec![4, 0x40]).unwrap();
    assert_eq!(scanner.pty.heard(2), [4, 0x40]);
}

#[test]
fn a_recorded_trace_gives_the_code_again() {
    let machine = Machine::new(DESCRIPTOR);
    let mut pipe = machine.pipe();
    let recorder = Recorder::open(&machine.roots, &machine.node()).unwrap();
    let clock = SystemClock::new();
    let mut trace = recorder.trace(&clock);
    pipe.write_all(&report("]Q1", &[b'7'; PIECE], true)).unwrap();
    pipe.write_all(&report("]Q1", b"END", false)).unwrap();
    trace.reports.extend([recorder.report(&clock).unwrap(), recorder.report(&clock).unwrap()]);
    let mut again = PosTrace::parse(&trace.to_string()).unwrap();
    assert_eq!(again, trace);
    assert_eq!(again.replay(FRAMING).unwrap().iter().map(told).collect::<Vec<_>>(), ["refused tail"]);
    again.opened.0 -= 1000;
    let frames = again.replay(FRAMING).unwrap();
    assert_eq!(frames.iter().map(told).collect::<Vec<_>>(), [format!("]Q1{}END", "7".repeat(PIECE))]);
}

#[test]
fn every_trace_gives_the_frames_it_expects() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pos-traces");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let expected: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# expect: ")).collect();
        let frames =
            PosTrace::parse(&text).unwrap().replay(Framing::usual(Duration::from_millis(200))).unwrap();
        let frames: Vec<_> = frames.iter().map(told).collect();
        assert_eq!(frames, expected, "{}", path.display());
        count += 1;
    }
    assert!(count >= 6, "{count} traces");
}
