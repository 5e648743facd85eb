//! Calibration: recordings and a pseudo-terminal through the real program, and what it makes of the configuration.

use std::fs;
use std::path::{Path, PathBuf};

use stockpoint::config::{Config, Source};
use stockpoint::domain::calibrate::CalibrationCode;
use stockpoint::domain::decode::framing::Terminator;
use stockpoint::sandbox::{Options, Sandbox};

use crate::support::program::{Ended, Shed};
use crate::support::pty::Pty;

/// A configuration with comments, and a scanner that types.
const CONFIG: &str = "# The dock's own.\n[station]\nname = \"dock-1\"\nlocation_id = 4564\nstorage_id = 91271 # the shop\n\n\
                      [[scanner]]\nname = \"counter\" # by the till\nkind = \"evdev\"\npath = \"/dev/input/event7\"\n\
                      gap_ms = 20\nstorage_id = 91272\n\n# The page.\n[web]\nlisten = \"\" # off\n";

fn recording(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/calibration").join(name)
}

fn shed() -> Shed {
    let shed = Shed::new();
    shed.write("config.toml", CONFIG);
    shed
}

async fn replay(shed: &Shed, name: &str, more: &[&str]) -> Ended {
    let file = recording(name).display().to_string();
    let args: Vec<&str> = ["calibrate", "--trace", &file].into_iter().chain(more.iter().copied()).collect();
    shed.run(&args).await
}

#[tokio::test]
async fn a_recording_tells_how_the_scanner_is_set_and_prints_its_entry() {
    let ended = replay(&shed(), "german.txt", &["counter"]).await;
    let wanted = "CALIBRATE-1 was read.\nCALIBRATE-2 was read.\n\n  layout     de\n  letters    as printed\n  \
                  in front   #\n  behind     nothing\n  ends with  Enter (CR); `terminator = \"cr\"` \
                  only if labels hold line breaks or Tabs of their own\n  AIM        ]C0\n  \
                  separator  as Ctrl and a bracket\n  \
                  speed      3.4 ms a character; gap_ms = 30 would be safe, 200 is usual\n\n  \
                  [[scanner]]\n  name = \"counter\" # by the till\n  kind = \"evdev\"\n  layout = \"de\"\n  \
                  path = \"/dev/input/event7\"\n  gap_ms = 200\n  storage_id = 91272\n\n  \
                  [[scanner.rule]]\n  strip_prefix = \"#\"\n\n";
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), wanted), "{ended:?}");
}

#[tokio::test]
async fn what_is_wrong_with_the_set_up_is_said_with_its_cure_and_fails() {
    let ended = replay(&Shed::new(), "french-caps-lock-no-enter.txt", &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for words in [
        "layout     fr\n",
        "separator  as the key F8\n",
        "! its codes end with nothing",
        "set it to end with Enter",
        "! capital and small letters come exchanged",
        "switch Caps Lock off in the scanner",
        "layout = \"fr\"\n",
    ] {
        assert!(ended.out.contains(words), "{words}: {ended:?}");
    }
    assert!(ended.err.contains("then calibrate again"), "{ended:?}");
}

#[tokio::test]
async fn the_entry_is_written_and_all_else_stays_as_it_was() {
    let shed = shed();
    // Without its prefix: a rule is another matter.
    let german = fs::read_to_string(recording("german.txt")).unwrap();
    let hash = "1 43 1";
    assert!(german.contains(hash));
    let file = shed.write("plain.txt", without_prefix(&german));
    let ended = shed.run(&["calibrate", "counter", "--write", "--trace", file.to_str().unwrap()]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let written = fs::read_to_string(shed.path("config.toml")).unwrap();
    let wanted = CONFIG
        .replace("kind = \"evdev\"\n", "kind = \"evdev\"\nlayout = \"de\"\n")
        .replace("gap_ms = 20\n", "gap_ms = 200\n");
    assert_eq!(written, wanted);
    assert_eq!(fs::read_to_string(shed.path("config.toml.bak")).unwrap(), CONFIG);
    assert!(!shed.path("config.toml.new").exists());
    let config = Config::load(&shed.path("config.toml")).unwrap();
    assert!(matches!(&config.scanners[0].source, Source::Evdev { layout, .. } if layout.as_str() == "de"));
    assert!(shed.run(&["check"]).await.out.contains("layout = \"de\""));
}

/// The recording without the key of `#`, which the scanner puts in front.
fn without_prefix(trace: &str) -> String {
    let lines: Vec<&str> = trace.lines().collect();
    let is_hash = |line: &str| line.ends_with(" 1 43 1") || line.ends_with(" 1 43 0");
    let mut kept = Vec::new();
    let mut is_first = true;
    for line in lines {
        // The first after a pause: `#` is in the codes as well.
        if is_hash(line) && is_first {
            is_first = line.ends_with('1');
            continue;
        }
        if line.ends_with(" 1 28 0") {
            is_first = true;
        }
        kept.push(format!("{line}\n"));
    }
    kept.concat()
}

#[tokio::test]
async fn an_entry_that_would_be_refused_is_not_written() {
    let shed = shed();
    shed.write("config.toml", CONFIG.replace("storage_id = 91271 # the shop", "storage_id = 0"));
    let ended = replay(&shed, "german.txt", &["counter", "--write"]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(!shed.path("config.toml.bak").exists());
}

#[tokio::test]
async fn a_scanner_on_a_serial_port_is_heard_until_both_codes_are_read() {
    let (shed, mut pty) = (shed(), Pty::new());
    let path = pty.path.display().to_string();
    let program = shed.start(shed.command(&["calibrate", &path, "--write"]));
    program.until_said("Scan CALIBRATE-1, then CALIBRATE-2").await;
    let code = |code: CalibrationCode| format!("{}\t", code.text());
    pty.feed(code(CalibrationCode::First).as_bytes());
    program.until_said("CALIBRATE-1 was read.").await;
    pty.feed(b"4006381333931\t");
    program.until_said("! this is no calibration code: `4006381333931`").await;
    pty.feed(code(CalibrationCode::Second).as_bytes());
    let ended = program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.out.contains("ends with  Tab;") && ended.out.contains("separator  as it is\n"),
        "{ended:?}"
    );
    let name = pty.path.file_name().unwrap().to_str().unwrap();
    let entry = format!("\n[[scanner]]\nname = \"{name}\"\nkind = \"serial\"\npath = \"{path}\"\n");
    assert_eq!(fs::read_to_string(shed.path("config.toml")).unwrap(), format!("{CONFIG}{entry}"));
    assert_eq!(Config::load(&shed.path("config.toml")).unwrap().scanners.len(), 2);
}

#[tokio::test]
async fn a_terminator_that_must_be_named_is_written() {
    let (shed, mut pty) = (shed(), Pty::new());
    let path = pty.path.display().to_string();
    let program = shed.start(shed.command(&["calibrate", &path, "--write"]));
    program.until_said("Scan CALIBRATE-1, then CALIBRATE-2").await;
    for (code, said) in
        CalibrationCode::ALL.into_iter().zip(["CALIBRATE-1 was read.", "CALIBRATE-2 was read."])
    {
        pty.feed(format!("\u{2}{}\u{3}", code.text()).as_bytes());
        program.until_said(said).await;
    }
    let ended = program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("ends with  ETX\n"), "{ended:?}");
    let scanners = Config::load(&shed.path("config.toml")).unwrap().scanners;
    assert_eq!(scanners[1].terminator, Terminator::Etx);
}

#[tokio::test]
async fn without_a_code_it_ends_in_time_and_says_so() {
    let (shed, pty) = (shed(), Pty::new());
    let ended = shed.run(&["calibrate", pty.path.to_str().unwrap(), "--seconds", "1"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("no calibration code was read"), "{ended:?}");
}

#[tokio::test]
async fn a_scanner_that_the_agent_has_is_not_fought_for() {
    let (sandbox, server) = Sandbox::bind(Options::sample()).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(server.run(std::future::pending()));
    let pty = Pty::new();
    let shed = Shed::of(&sandbox, &pty.path);
    let agent = shed.agent().await;
    let ended = shed.run(&["calibrate", "dock", "--seconds", "1"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("sudo systemctl stop stockpoint"), "{ended:?}");
    agent.stop().await;
}

#[tokio::test]
async fn a_scanner_that_is_not_named_plainly_is_asked_for() {
    let shed = shed();
    let another = "[[scanner]]\nname = \"dock\"\nkind = \"serial\"\npath = \"/dev/ttyS77\"\n\
                   [[scanner]]\nname = \"pipe\"\nkind = \"stdin\"\n";
    shed.write("config.toml", format!("{CONFIG}{another}"));
    for (args, words) in [
        (
            &["calibrate"][..],
            "stockpoint: no scanner is named, and there are several: counter, dock, pipe\nhint: name one of these\n",
        ),
        (
            &["calibrate", "docks"],
            "stockpoint: no scanner \"docks\" in the configuration, which has counter, dock, pipe\nhint: name a configured scanner, or a device by its path (`stockpoint devices`)\n",
        ),
        (&["calibrate", "pipe"], "a scanner of kind stdin"),
        (
            &["calibrate", "--write", "--trace", "x"],
            "does not name the device that it came from\nhint: name a configured scanner",
        ),
    ] {
        let ended = shed.run(args).await;
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(ended.err.contains(words), "{args:?}: {ended:?}");
    }
    let ended = shed.run(&["calibrate", "dock"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("/dev/ttyS77: there is no such port"), "{ended:?}");
}
