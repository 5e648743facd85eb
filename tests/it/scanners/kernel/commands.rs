//! The program's commands on devices of the kernel's, as a person uses them with a scanner in hand.

use std::fs;
use std::path::Path;
use std::time::Duration;

use stockpoint::config::Config;
use stockpoint::config::Source;
use stockpoint::device::evdev::Recorder;
use stockpoint::domain::calibrate::CalibrationCode;
use stockpoint::domain::decode::keymap::LayoutName;
use stockpoint::sandbox::Options;
use stockpoint::sandbox::Sandbox;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::cli::init::assert_set_up;
use crate::cli::init::printing;
use crate::scanners::hidpos::PIECE;
use crate::scanners::hidpos::report;
use crate::scanners::kernel::Kernel;
use crate::support::program::Program;
use crate::support::program::Shed;

/// More than twice the usual gap: what comes within it after the opening may be the tail of a code.
const SETTLING: Duration = Duration::from_millis(500);
/// What begins within a second of a code that was cut off may be the rest of it.
const PAST_THE_TAIL: Duration = Duration::from_millis(1500);
/// From a key to the next, as people type.
const PERSON: Duration = Duration::from_millis(120);

fn german() -> LayoutName {
    LayoutName::from_word("de").unwrap()
}

/// The entry that `devices` prints of this device.
fn entry(said: &str, node: &Path) -> String {
    let (_others, told) = said.split_once(&format!("{}: ", node.display())).unwrap();
    let lines = told.lines().skip_while(|line| *line != "  [[scanner]]").take_while(|line| !line.is_empty());
    lines.flat_map(|line| [line.trim_start(), "\n"]).collect()
}

/// A station of the simulated service with this scanner, and its running agent.
async fn station(sandbox: &Sandbox, entry: &str) -> (Shed, Program) {
    let shed = Shed::of(sandbox, Path::new("/nonexistent/port"));
    let config = fs::read_to_string(shed.path("config.toml")).unwrap();
    let (own, _port) = config.split_once("[[scanner]]").unwrap();
    shed.write("config.toml", format!("{own}{entry}"));
    let agent = shed.agent().await;
    sleep(SETTLING).await;
    (shed, agent)
}

/// Waits until the goods are known.
async fn until_synced(shed: &Shed) {
    shed.until("the goods", |status| status["goods"]["count"].as_u64() > Some(0)).await;
}

async fn until_booked(shed: &Shed, count: u64) {
    let status = shed.until("the scan", |status| status["scans"]["booked"] == count).await;
    assert_eq!(status["scans"]["accepted"], count, "{status}");
}

/// Waits until the agent has seen that its scanner was unplugged.
async fn until_gone(shed: &Shed) {
    shed.until("the loss", |status| status["scanners"][0]["state"] == "gone").await;
}

async fn until_back(shed: &Shed) {
    shed.until("the return", |status| status["scanners"][0]["state"] != "gone").await;
    sleep(SETTLING).await;
}

#[tokio::test]
async fn a_keyboard_is_read_by_the_entry_that_was_printed_of_it() {
    let Some(kernel) = Kernel::of_keyboards() else { return };
    let (sandbox, server) = Sandbox::bind(Options::sample()).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(server.run(std::future::pending()));
    let scanner = kernel.keyboard(20);
    let said = Shed::new().says(&["devices"]).await;
    let (shed, agent) = station(&sandbox, &entry(&said, &scanner.node)).await;
    scanner.scan("4006381333931");
    until_booked(&shed, 1).await;
    drop(scanner);
    until_gone(&shed).await;
    let scanner = kernel.keyboard(20);
    until_back(&shed).await;
    scanner.scan("4006381333931");
    until_booked(&shed, 2).await;
    agent.stop().await;
}

#[tokio::test]
async fn a_hid_pos_scanner_is_read_by_the_entry_that_was_printed_of_it() {
    let Some(kernel) = Kernel::of_scanners() else { return };
    let (sandbox, server) = Sandbox::bind(Options::sample()).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(server.run(std::future::pending()));
    let mut scanner = kernel.scanner(20);
    let said = Shed::new().says(&["devices"]).await;
    let entry = entry(&said, &scanner.node);
    assert!(entry.contains("kind = \"hidpos\"\nmatch = { serial = \"test-20\" }\n"), "{said}");
    let (shed, agent) = station(&sandbox, &entry).await;
    scanner.send(&report("]E0", b"4006381333931", false));
    until_booked(&shed, 1).await;
    drop(scanner);
    until_gone(&shed).await;
    let mut scanner = kernel.scanner(20);
    until_back(&shed).await;
    scanner.send(&report("]E0", b"4006381333931", false));
    until_booked(&shed, 2).await;
    agent.stop().await;
}

#[tokio::test]
async fn a_hid_pos_scanner_on_usb_is_found_again_by_its_socket_and_answered() {
    let Some(kernel) = Kernel::of_gadgets() else { return };
    let (sandbox, server) = Sandbox::bind(Options::sample()).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(server.run(std::future::pending()));
    let mut scanner = kernel.gadget(23);
    let node = scanner.plug_in();
    let said = Shed::new().says(&["devices"]).await;
    let entry = entry(&said, &node);
    assert!(said.contains("  1eab:0017 Stockpoint stockpoint test scanner, in USB port "), "{said}");
    assert!(
        entry.contains("kind = \"hidpos\"\nmatch = { vendor = 0x1eab, product = 0x0017, port = \""),
        "{said}"
    );
    let (shed, agent) = station(
        &sandbox,
        &format!("{entry}burst_guard_ms = 0\nsignals_hex = {{ booked = \"0440\", unknown = \"0420\" }}\n"),
    )
    .await;
    until_synced(&shed).await;
    sleep(SETTLING).await;
    scanner.send(&report("]E0", b"4006381333931", false));
    assert_eq!(scanner.heard(), [0x04, 0x40]);
    scanner.send(&report("]C0", b"0000", false));
    assert_eq!(scanner.heard(), [0x04, 0x20]);
    scanner.send(&report("]Q1", &[b'7'; PIECE], true));
    // What this machine has fetched is on its way to the agent; the gap is much longer.
    sleep(Duration::from_millis(50)).await;
    scanner.unplug();
    until_gone(&shed).await;
    scanner.plug_in();
    until_back(&shed).await;
    sleep(PAST_THE_TAIL).await;
    scanner.send(&report("]E0", b"4006381333931", false));
    assert_eq!(scanner.heard(), [0x04, 0x40]);
    let scans = shed.status().await["scans"].take();
    let counts = ["accepted", "booked", "unknown", "refused"].map(|name| scans[name].as_u64().unwrap());
    assert_eq!(counts, [4, 2, 1, 1], "what was sent before the loss is refused, and nothing is made of both");
    agent.stop().await;
}

#[tokio::test]
async fn who_looks_on_sees_which_keyboard_is_a_scanner() {
    let Some(kernel) = Kernel::of_keyboards() else { return };
    let [scanner, person, silent, taken] = [21, 22, 23, 24].map(|product| kernel.keyboard(product));
    let agents = Recorder::open(&taken.node).unwrap();
    let shed = Shed::new();
    let program = shed.start(shed.command(&["devices", "--watch", "3"]));
    program.until_said("scan something with each scanner").await;
    // As soon as one is asked to.
    scanner.scan("4006381333931");
    taken.scan("4006381333931");
    for key in [2, 3, 4] {
        person.change(key, 1);
        person.change(key, 0);
        sleep(PERSON).await;
    }
    let ended = program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let (news, told) = ended.out.split_once("\n\n").unwrap();
    let said = |node: &Path, words: &str| format!("{}: {words}", node.display());
    let burst = "typed like a scanner, once: 13 keys and Enter, no two more than";
    assert!(news.contains(&said(&scanner.node, burst)), "{ended:?}");
    for (node, words) in [
        (&scanner.node, burst),
        (&person.node, "typed as people do"),
        (&silent.node, "typed nothing"),
        (&taken.node, "typed nothing, or another program, such as the agent, has it for itself"),
    ] {
        assert!(told.contains(&said(node, words)), "{words}: {ended:?}");
    }
    assert_eq!(told.matches("[[scanner]]").count(), 1, "{ended:?}");
    assert!(entry(told, &scanner.node).contains("kind = \"evdev\"\n"), "{ended:?}");
    drop(agents);
}

#[tokio::test]
async fn a_keyboard_scanner_is_calibrated_and_its_entry_written() {
    let Some(kernel) = Kernel::of_keyboards() else { return };
    let (scanner, shed) = (kernel.keyboard(25), Shed::new());
    let config = format!(
        "[station]\nname = \"dock-1\"\nlocation_id = 4564\nstorage_id = 91271\n\n\
         [[scanner]]\nname = \"counter\"\nkind = \"evdev\"\npath = \"{}\"\n",
        scanner.node.display()
    );
    shed.write("config.toml", &config);
    let program = shed.start(shed.command(&["calibrate", "--write"]));
    program.until_said("Scan CALIBRATE-1, then CALIBRATE-2").await;
    scanner.type_text("4006381333931", german()).await;
    program.until_said("! this is no calibration code: `4006381333931`").await;
    scanner.type_text(CalibrationCode::First.text(), german()).await;
    program.until_said("CALIBRATE-1 was read.").await;
    scanner.type_text(CalibrationCode::Second.text(), german()).await;
    let ended = program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for words in ["layout     de\n", "ends with  Enter (CR);", "separator  as Ctrl and a bracket\n"] {
        assert!(ended.out.contains(words), "{words}: {ended:?}");
    }
    let config = Config::load(&shed.path("config.toml")).unwrap();
    assert!(matches!(&config.scanners[0].source, Source::Evdev { layout, .. } if *layout == german()));
    assert!(Recorder::open(&scanner.node).is_ok(), "the scanner is given back");
}

#[tokio::test]
async fn a_set_up_code_is_read_by_a_keyboard_scanner_that_is_plugged_in_later() {
    let Some(kernel) = Kernel::of_keyboards() else { return };
    let (office, dock) = (Shed::new(), Shed::new());
    let (printer, code) = printing(&office, &["--address", "127.0.0.1"]).await;
    let station = dock.start(scan(&dock));
    station.until_said("waiting for a set-up code").await;
    let scanner = kernel.keyboard(26);
    station.until_said(&format!("  listening to {}", scanner.node.display())).await;
    scanner.type_text("4006381333931", german()).await;
    scanner.type_text(&code, german()).await;
    let ended = station.ended().await;
    assert!(ended.out.contains("the scanner is set to the keyboard layout de"), "{ended:?}");
    let config = assert_set_up(&dock);
    let source = &config.scanners[0].source;
    assert!(matches!(source, Source::Evdev { layout, .. } if *layout == german()), "{source:?}");
    assert_eq!(printer.ended().await.code, Some(0));
}

/// `init` that waits for a code on whatever scanner is there.
fn scan(shed: &Shed) -> std::process::Command {
    shed.bare_command(&["--config", "etc/config.toml", "init", "--scan"])
}

#[tokio::test]
async fn a_keyboard_that_another_program_has_is_said_to_be_taken_and_listened_to_when_it_is_free() {
    let Some(kernel) = Kernel::of_keyboards() else { return };
    let (office, dock, scanner) = (Shed::new(), Shed::new(), kernel.keyboard(27));
    let (printer, code) = printing(&office, &["--address", "127.0.0.1"]).await;
    let other = Recorder::open(&scanner.node).unwrap();
    let station = dock.start(scan(&dock));
    let node = scanner.node.display();
    station.until_said(&format!("  {node}: another program has the port; stop the other program")).await;
    // Some more looks at what is there, one a second.
    sleep(Duration::from_secs(3)).await;
    assert_eq!(station.said().matches("another program").count(), 1, "{}", station.said());
    assert!(!station.said().contains("listening to"), "{}", station.said());
    drop(other);
    station.until_said(&format!("  listening to {node}")).await;
    scanner.type_text(&code, LayoutName::US).await;
    station.ended().await;
    assert_set_up(&dock);
    assert_eq!(printer.ended().await.code, Some(0));
}

#[tokio::test]
async fn a_set_up_code_is_read_by_a_hid_pos_scanner() {
    let Some(kernel) = Kernel::of_scanners() else { return };
    let (office, dock, mut scanner) = (Shed::new(), Shed::new(), kernel.scanner(21));
    let (printer, code) = printing(&office, &["--address", "127.0.0.1"]).await;
    let station = dock.start(scan(&dock));
    station.until_logged("scanner is ready").await;
    sleep(SETTLING).await;
    scanner.send(&report("]E0", b"4006381333931", false));
    station.until_said("not a set-up code").await;
    let pieces: Vec<_> = code.as_bytes().chunks(PIECE).collect();
    for (at, piece) in pieces.iter().enumerate() {
        scanner.send(&report("]Q1", piece, at + 1 < pieces.len()));
    }
    station.ended().await;
    let config = assert_set_up(&dock);
    assert_eq!(config.scanners[0].source.kind(), "hidpos");
    assert_eq!(printer.ended().await.code, Some(0));
}

#[tokio::test]
async fn what_a_keyboard_types_is_recorded_until_it_is_unplugged_and_gives_the_code_again() {
    let Some(kernel) = Kernel::of_keyboards() else { return };
    let (scanner, shed) = (kernel.keyboard(28), Shed::new());
    let recorder = shed.start(shed.command(&["trace", "record", scanner.node.to_str().unwrap()]));
    recorder.until_said("!opened").await;
    sleep(SETTLING).await;
    scanner.scan("4006381333931");
    // The last event is on its way when the plug is pulled.
    recorder.until_said(" 1 28 0").await;
    drop(scanner);
    assert_eq!(replayed(&shed, recorder).await, "code      4006381333931\n");
}

#[tokio::test]
async fn what_a_hid_pos_scanner_reports_is_recorded_until_it_is_unplugged_and_gives_the_code_again() {
    let Some(kernel) = Kernel::of_scanners() else { return };
    let (mut scanner, shed) = (kernel.scanner(22), Shed::new());
    let recorder = shed.start(shed.command(&["trace", "record", scanner.node.to_str().unwrap()]));
    recorder.until_said("!opened").await;
    sleep(SETTLING).await;
    let before = recorder.said();
    scanner.send(&report("]E0", b"4006381333931", false));
    while recorder.said() == before {
        sleep(Duration::from_millis(10)).await;
    }
    drop(scanner);
    assert_eq!(replayed(&shed, recorder).await, "code      ]E04006381333931\n");
}

/// What comes of a recording that ends with its device.
async fn replayed(shed: &Shed, recorder: Program) -> String {
    let ended = recorder.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let file = shed.write("trace", &ended.out);
    shed.says(&["trace", "replay", file.to_str().unwrap()]).await
}
