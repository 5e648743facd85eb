//! What people read of a station: names of storages, the location's own time, the mode of each scanner, and the last
//! scans even after a restart.

use std::fs;

use serde_json::Value;
use stockpoint::domain::code::control::Control;
use stockpoint::feedback::What;
use stockpoint::sandbox::{Fault, Options, Selector};

use crate::support::program::{Shed, visit};
use crate::support::pty::Pty;
use crate::support::station::{Place, Station};

const SHAMPOO: &str = "4006381333931";

/// A station whose only scanner always writes off.
async fn writing_off() -> (Place, Pty, Shed) {
    let place = Place::new(Options::sample()).await;
    let scanner = Pty::new();
    let shed = Shed::of(&place.sandbox, &scanner.path);
    let config = fs::read_to_string(shed.path("config.toml")).unwrap();
    shed.write("config.toml", config.replace("name = \"dock\"\n", "name = \"dock\"\nmode = \"write-off\"\n"));
    (place, scanner, shed)
}

#[tokio::test]
async fn status_and_page_tell_the_mode_that_scans_have_and_storages_by_their_names() {
    let (_place, mut scanner, shed) = writing_off().await;
    let agent = shed.agent().await;
    scanner.feed(format!("{SHAMPOO}\r").as_bytes());
    let status = shed
        .until("the names", |status| {
            status["storage_name"] == "Products" && status["time_zone"] == "America/New_York"
        })
        .await;
    assert_eq!(status["mode"], "receipt");
    let dock = &status["scanners"][0];
    assert_eq!((&dock["mode"], &dock["storage_name"]), (&"write-off".into(), &"Products".into()));
    shed.until("the scan", |status| status["scans"]["accepted"] == 1).await;

    let text = shed.says(&["status"]).await;
    assert!(text.starts_with("dock-1: mode write-off\n"), "{text}");
    assert!(text.contains("healthy, write-off in Products, last scan 20"), "{text}");
    assert!(!text.contains('Z') && !text.contains("91271"), "UTC or a number for people: {text}");
    let page = visit(&agent, "/", None).await;
    assert!(
        page.contains("<p class=\"mode\">write-off</p>") && page.contains("write-off in Products"),
        "{page}"
    );
    scanner.feed(b"$SP.CLOSE.U\r");
    shed.until("the document", |status| status["outbox"]["posted"] == 1).await;
    assert!(shed.says(&["outbox", "list", "--all"]).await.contains("write-off  Products "));
    assert!(shed.says(&["outbox", "show", "1"]).await.contains("write-off in Products, posted"));
    agent.stop().await;
    assert!(shed.says(&["status"]).await.starts_with("NOT RUNNING: "), "no agent runs");
}

#[tokio::test]
async fn the_page_lists_the_last_scans_after_a_restart_and_no_housekeeping() {
    let place = Place::new(Options::sample()).await;
    let mut station = place.start();
    station.until_goods_are_read().await;
    for code in [SHAMPOO, "0000", &Control::Undo.code(), "$SP.nonsense"] {
        station.scan(code).await.unwrap();
    }
    // What the agent does by itself comes often, and pushes no scan off the page.
    for _ in 0..15 {
        station.handle.sync();
        station.until_told(|what| matches!(what, What::Progress(_))).await;
    }
    let said = |station: &Station| -> Vec<String> {
        let words = |line: String| line.split_whitespace().collect::<Vec<_>>().join(" ");
        station.handle.recent().iter().map(|listed| words(listed.to_string())).collect()
    };
    let before = said(&station);
    assert_eq!(before.len(), 4, "{before:?}");
    station.stop().await.unwrap();
    let station = place.start();
    let after = said(&station);
    for (line, words) in after.iter().zip([
        "refused $SP.nonsense",
        "ok UNDO: taken back",
        "unknown 1 0000",
        "receipt 1 Shampoo 1",
    ]) {
        assert!(line.starts_with(words), "{line}");
    }
    assert!(after[2].ends_with("(taken back)"), "{after:?}");
    station.stop().await.unwrap();
}

#[tokio::test]
async fn no_list_is_without_its_json() {
    let (_place, mut scanner, shed) = writing_off().await;
    let agent = shed.agent().await;
    shed.until("the goods", |status| status["goods"]["count"].as_u64() > Some(0)).await;
    scanner.feed(format!("{SHAMPOO}\r0000\r$SP.CLOSE.U\r").as_bytes());
    shed.until("the document", |status| status["outbox"]["posted"] == 1).await;
    for (args, members) in [
        (&["outbox", "list", "--all"][..], &["document", "state", "needs_you", "lines"][..]),
        (&["unknown", "list"], &["code", "scans"]),
        (&["unknown", "assigned"], &[]),
        (&["devices"], &["kind", "node", "entry"]),
    ] {
        let told: Value = serde_json::from_str(&shed.says(&[args, &["--json"]].concat()).await).unwrap();
        for row in told.as_array().unwrap() {
            assert!(members.iter().all(|member| row.get(member).is_some()), "{args:?}: {row}");
        }
    }
    for args in [&["outbox", "show", "1"][..], &["goods", "stats"], &["goods", "find", SHAMPOO]] {
        let told: Value = serde_json::from_str(&shed.says(&[args, &["--json"]].concat()).await).unwrap();
        assert!(told.is_object(), "{args:?}: {told}");
    }
    for line in shed.says(&["scans", "list", "--json"]).await.lines() {
        assert!(serde_json::from_str::<Value>(line).unwrap().is_object());
    }
    agent.stop().await;
}

#[tokio::test]
async fn check_ends_with_two_for_all_that_run_would_refuse() {
    let (_place, _scanner, shed) = writing_off().await;
    assert_eq!(shed.run(&["check"]).await.code, Some(0));
    let config = fs::read_to_string(shed.path("config.toml")).unwrap();
    let blocked = shed.write("a-file", "");
    let data = shed.path("data").display().to_string();
    let elsewhere = config.replace(&data, &blocked.join("data").display().to_string());
    for (name, text, words) in [
        ("config.toml", &elsewhere, "stockpoint: cannot use the data folder "),
        ("user-token", &String::new(), "the user token"),
        ("partner-token", &"two words".to_owned(), "the partner token"),
    ] {
        let before = fs::read_to_string(shed.path(name)).unwrap();
        shed.write(name, text);
        let checked = shed.run(&["check"]).await;
        assert_eq!(checked.code, Some(2), "{name}: {checked:?}");
        assert!(checked.err.contains(words) && checked.out.contains("[station]"), "{name}: {checked:?}");
        assert_ne!(shed.run(&["run"]).await.code, Some(0), "{name}");
        shed.write(name, before);
    }
    assert_eq!(shed.run(&["check"]).await.code, Some(0));
}

#[tokio::test]
async fn a_document_that_the_station_still_reads_back_needs_nobody() {
    let (place, mut scanner, shed) = writing_off().await;
    let agent = shed.agent().await;
    shed.until("the goods", |status| status["goods"]["count"].as_u64() > Some(0)).await;
    place.sandbox.fault(Selector::Writes, Fault::DropBefore);
    scanner.feed(format!("{SHAMPOO}\r$SP.CLOSE.U\r").as_bytes());
    shed.until("the lost answer", |status| status["outbox"]["uncertain"] == 1).await;
    let listed = shed.says(&["outbox", "list"]).await;
    assert!(!listed.contains('!') && listed.contains("nothing to do"), "{listed}");
    let told: Value = serde_json::from_str(&shed.says(&["outbox", "list", "--json"]).await).unwrap();
    assert_eq!(told[0]["needs_you"], false, "{told}");
    agent.stop().await;
}
