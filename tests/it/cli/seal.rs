//! A station that only its own sheet commands, through the real program: the sheet, the scans, the lost secret, `init`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use stockpoint::domain::code::control::Control;
use stockpoint::domain::code::seal::Seal;
use stockpoint::sandbox::Options;

use crate::support::program::Shed;
use crate::support::pty::Pty;
use crate::support::station::Place;

const SHAMPOO: &str = "4006381333931";
const SECRET: &str = "0123456789abcdef-sheet";

/// A station with a sheet of its own, and what its scanner is plugged into.
async fn sealed() -> (Place, Pty, Shed) {
    let place = Place::new(Options::sample()).await;
    let scanner = Pty::new();
    let shed = Shed::of(&place.sandbox, &scanner.path);
    let config = fs::read_to_string(shed.path("config.toml")).unwrap();
    let named = "[station]\nsheet_secret_file = \"./sheet-secret\"";
    shed.write("config.toml", config.replacen("[station]", named, 1));
    shed.write("sheet-secret", format!("{SECRET}\n"));
    (place, scanner, shed)
}

/// The code that the station's sheet prints under this name.
async fn printed(shed: &Shed, name: &str) -> String {
    let sheet = shed.says(&["sheet"]).await;
    let code = sheet.lines().find_map(|line| line.strip_prefix(&format!("{name}\t")));
    code.unwrap().to_owned()
}

#[tokio::test]
async fn only_the_stations_own_sheet_commands_it() {
    let (_place, mut scanner, shed) = sealed().await;
    let write_off = printed(&shed, "WRITE-OFF").await;
    assert_eq!(
        write_off.len(),
        Control::Mode(stockpoint::domain::stock::mode::Mode::WriteOff).code().len() + 3
    );
    let agent = shed.agent().await;
    shed.until("the goods", |status| status["goods"]["count"].as_u64() > Some(0)).await;
    for code in ["$SP.WRITE-OFF.1", "$SP.WRITE-OFF.1AAA", SHAMPOO] {
        scanner.feed(format!("{code}\r").as_bytes());
    }
    let status = shed.until("the scan", |status| status["scans"]["booked"] == 1).await;
    assert_eq!((&status["mode"], &status["scans"]["refused"]), (&"receipt".into(), &2.into()));
    scanner.feed(format!("{write_off}\r").as_bytes());
    shed.until("the command", |status| status["mode"] == "write-off").await;
    let refused = shed.says(&["scans", "list", "--refused"]).await;
    assert_eq!(
        refused.matches("it begins as a control code and is none of this station's").count(),
        2,
        "{refused}"
    );
    agent.stop().await;
}

#[tokio::test]
async fn a_lost_secret_stops_the_sheet_and_no_scan() {
    let (_place, mut scanner, shed) = sealed().await;
    let undo = printed(&shed, "UNDO").await;
    fs::remove_file(shed.path("sheet-secret")).unwrap();
    let sheet = shed.run(&["sheet"]).await;
    assert_eq!((sheet.code, sheet.out.as_str()), (Some(2), ""), "{sheet:?}");
    assert!(sheet.err.contains("./sheet-secret"), "{sheet:?}");

    let agent = shed.agent().await;
    shed.until("the goods", |status| status["goods"]["count"].as_u64() > Some(0)).await;
    for code in [SHAMPOO, &undo, "$SP.UNDO.3"] {
        scanner.feed(format!("{code}\r").as_bytes());
    }
    let status = shed.until("the scans", |status| status["scans"]["refused"] == 2).await;
    assert_eq!(status["scans"]["booked"], 1, "{status}");
    let alarms = shed.until("the alarm", |status| status["alarms"].as_array().unwrap().len() == 1).await;
    let what = alarms["alarms"][0]["what"].as_str().unwrap();
    assert!(what.starts_with("control codes are refused (station.sheet_secret_file)"), "{what}");
    agent.stop().await;

    shed.write("sheet-secret", SECRET);
    let agent = shed.agent().await;
    let status = shed.status().await;
    assert!(status["alarms"].as_array().unwrap().is_empty(), "{status}");
    scanner.feed(format!("{undo}\r").as_bytes());
    shed.until("the undo", |status| status["scans"]["undone"] == 1).await;
    agent.stop().await;
}

#[tokio::test]
async fn try_says_what_a_sealed_code_is_and_check_says_where_the_secret_is_and_not_what_it_is() {
    let (_place, _scanner, shed) = sealed().await;
    let undo = printed(&shed, "UNDO").await;
    assert!(shed.says(&["devices", "try", "dock", &undo]).await.contains("UNDO"));
    assert!(shed.says(&["devices", "try", "dock", "$SP.UNDO.3"]).await.contains("refused"));
    let shown = shed.says(&["check"]).await;
    assert!(shown.contains("# secret of the sheet: from file ./sheet-secret"), "{shown}");
    assert!(!shown.contains(SECRET), "{shown}");
    shed.write("sheet-secret", "short\n");
    assert!(shed.run(&["sheet"]).await.err.contains("shorter than 6 characters"));
    // What surrounds it is an editor's.
    for sentence in ["a house of our own\n", " a house of our own\r\n"] {
        shed.write("sheet-secret", sentence);
        let seal = Seal::keyed(&"a house of our own".into());
        assert_eq!(printed(&shed, "UNDO").await, seal.code(Control::Undo));
    }
}

#[tokio::test]
async fn init_makes_a_secret_that_nobody_else_reads_and_keeps_one_that_is_there() {
    let shed = Shed::new();
    shed.write("partner-token", "p\n");
    shed.write("user-token", "u\n");
    let args = [
        "init",
        "--yes",
        "--offline",
        "--no-start",
        "--seal-sheet",
        "--name",
        "dock-1",
        "--location-id",
        "4564",
        "--storage-id",
        "91271",
        "--scanner",
        "/dev/null",
    ];
    let first = shed.run(&args).await;
    let path = shed.path("sheet-secret");
    assert!(path.exists(), "{first:?}");
    let secret = fs::read_to_string(&path).unwrap();
    assert_eq!((secret.len(), fs::metadata(&path).unwrap().permissions().mode() & 0o777), (27, 0o600));
    let config = fs::read_to_string(shed.path("config.toml")).unwrap();
    assert!(config.contains("sheet-secret\"\n"), "{config}");
    let sealed = printed(&shed, "UNDO").await;
    assert_eq!(sealed.len(), Control::Undo.code().len() + 3);

    let again = [&args[..], &["--force"]].concat();
    let second = shed.run(&again).await;
    assert!(second.out.contains("kept "), "{second:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), secret);
}
