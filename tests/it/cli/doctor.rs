//! The station looked over from outside: each fault is found, named and given its cure.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use stockpoint::domain::ids::{GoodId, StorageId};
use stockpoint::sandbox::{GoodRow, Options};

use crate::support::program::Shed;
use crate::support::pty::Pty;
use crate::support::station::Place;

/// A station with its service and its scanner.
struct Bench {
    place: Place,
    scanner: Pty,
    shed: Shed,
}

impl Bench {
    async fn new() -> Self {
        let place = Place::new(Options::sample()).await;
        let scanner = Pty::new();
        let shed = Shed::of(&place.sandbox, &scanner.path);
        for token in ["partner-token", "user-token"] {
            fs::set_permissions(shed.path(token), fs::Permissions::from_mode(0o600)).unwrap();
        }
        Self { place, scanner, shed }
    }

    /// What is found in a section: each grade and text.
    async fn found(&self, section: &str) -> Vec<(String, String)> {
        let ended = self.shed.run(&["doctor", "--json"]).await;
        let report: Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!(ended.code, Some(i32::from(report["ok"] != true)), "{ended:?}");
        let findings = report["findings"].as_array().unwrap();
        for finding in findings {
            let is_ok = finding["grade"] == "ok";
            assert_eq!(finding["cure"].is_null(), is_ok, "a cure for all that is not well: {finding}");
        }
        let of_section = findings.iter().filter(|finding| finding["section"] == section);
        let word = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
        of_section.map(|finding| (word(finding, "grade"), word(finding, "what"))).collect()
    }

    async fn assert_found(&self, section: &str, grade: &str, words: &str) {
        let found = self.found(section).await;
        let is_there = found.iter().any(|(told, what)| told == grade && what.contains(words));
        assert!(is_there, "{section}: no {grade} with {words:?} in {found:?}");
    }

    async fn assert_all_is_well(&self, section: &str) {
        let found = self.found(section).await;
        assert!(!found.is_empty() && found.iter().all(|(grade, _)| grade == "ok"), "{section}: {found:?}");
    }
}

#[tokio::test]
async fn a_sound_station_has_no_fault_of_its_own() {
    let bench = Bench::new().await;
    let agent = bench.shed.agent().await;
    bench.shed.until("a goods table", |status| status["goods"]["synced_at"].is_string()).await;
    for section in ["configuration", "tokens", "scanners", "clock", "service", "goods", "documents"] {
        bench.assert_all_is_well(section).await;
    }
    bench.assert_found("agent", "ok", "the agent runs").await;
    let text = bench.shed.run(&["doctor"]).await.out;
    assert!(text.contains("\nservice\n  ok ") && text.contains("\nfaults: "), "{text}");
    assert_eq!(agent.stop().await.code, Some(0));
}

#[tokio::test]
async fn goods_that_nobody_can_scan_and_packs_that_mean_nothing_are_named() {
    let bench = Bench::new().await;
    let barcodes = [(7001, "4006381333932"), (7002, "SHELF-9"), (7003, "]C0SHELF-9 ")];
    for (id, barcode) in barcodes {
        bench.place.sandbox.put_good(GoodRow::new(GoodId(id), "Odd", barcode));
    }
    let config = fs::read_to_string(bench.shed.path("config.toml")).unwrap();
    let packs = "[[pack]]\ncode = \"4006381333931\"\ngood_id = 123457\nfactor = 6\n\
                 [[pack]]\ncode = \"CASE\"\ngood_id = 99\nfactor = 6\n";
    bench.shed.write("config.toml", format!("{config}{packs}"));
    let agent = bench.shed.agent().await;
    bench.shed.until("a goods table", |status| status["goods"]["synced_at"].is_string()).await;
    for words in [
        "1 barcode with a wrong check digit: 4006381333932 (7001 Odd)",
        "4 barcodes that another good has too: SHELF-9 (7002 Odd), ]C0SHELF-9  (7003 Odd)",
        "1 pack whose code the goods table has: they count as that good: 4006381333931 (pack[0])",
        "1 pack whose good is not in the goods table, or is not unique: CASE (pack[1])",
    ] {
        bench.assert_found("barcodes", "warning", words).await;
    }
    assert_eq!(agent.stop().await.code, Some(0));
}

#[tokio::test]
async fn a_station_that_never_ran_is_told_what_is_missing() {
    let bench = Bench::new().await;
    bench.assert_found("agent", "fault", "no agent runs").await;
    bench.assert_found("data", "warning", "does not exist yet").await;
    bench.assert_all_is_well("documents").await;
}

#[tokio::test]
async fn what_is_wrong_with_the_configuration_is_a_finding_and_exit_code_two() {
    let bench = Bench::new().await;
    bench.shed.write("config.toml", "[station]\nname = \"Dock 1\"\n");
    let ended = bench.shed.run(&["doctor", "--json"]).await;
    assert_eq!(ended.code, Some(2));
    let report: Value = serde_json::from_str(&ended.out).unwrap();
    let what = report["findings"][0]["what"].as_str().unwrap();
    assert!(what.starts_with("config.toml:") && report["ok"] == false, "{report}");
}

#[tokio::test]
async fn tokens_that_are_missing_open_to_others_or_refused_are_told_apart() {
    let bench = Bench::new().await;
    fs::set_permissions(bench.shed.path("user-token"), fs::Permissions::from_mode(0o644)).unwrap();
    bench.assert_found("tokens", "warning", "can be read or written by others (mode 644)").await;
    bench.shed.write("user-token", "another-token\n");
    bench.assert_found("service", "fault", "status 401").await;
    fs::remove_file(bench.shed.path("user-token")).unwrap();
    bench.assert_found("tokens", "fault", "no user token in ").await;
}

#[tokio::test]
async fn a_storage_and_a_right_that_are_missing_are_named() {
    let bench = Bench::new().await;
    bench.place.sandbox.configure(|options| {
        options.storages.retain(|storage| storage.id != StorageId(91271));
        options.permissions.create = false;
    });
    bench
        .assert_found("service", "fault", "storage 91271 of the configuration is not at this location")
        .await;
    bench.assert_found("service", "fault", "may not create stock documents").await;
}

#[tokio::test]
async fn a_service_that_is_not_there_and_a_name_that_is_none_are_told_apart() {
    let bench = Bench::new().await;
    let closed = bench.shed.config("http://127.0.0.1:9/api/v1", &bench.scanner.path);
    bench.shed.write("config.toml", closed);
    bench.assert_found("service", "fault", "cannot connect to 127.0.0.1:9: Connection refused").await;
    let nowhere = bench.shed.config("https://station.invalid/api/v1", &bench.scanner.path);
    bench.shed.write("config.toml", nowhere);
    bench.assert_found("service", "fault", "cannot look up the name station.invalid: ").await;
}

#[tokio::test]
async fn a_clock_that_differs_from_the_services_is_a_fault() {
    let bench = Bench::new().await;
    bench.place.sandbox.configure(|options| options.clock_ahead_s = 3600);
    let found = bench.found("clock").await;
    // The service tells whole seconds, so it is an hour or a second less.
    let is_told = ["-3600 s", "-3599 s"].iter().any(|off| found[0].1.contains(off));
    assert!(found[0].0 == "fault" && is_told, "{found:?}");
}

#[tokio::test]
async fn a_scanner_that_is_not_plugged_in_is_a_fault_with_or_without_an_agent() {
    let bench = Bench::new().await;
    let config = bench.shed.config(&bench.place.sandbox.base_url(), "/dev/null/none".as_ref());
    bench.shed.write("config.toml", config);
    let found = bench.found("scanners").await;
    assert!(matches!(found.as_slice(), [(grade, _)] if grade == "fault"), "{found:?}");
    let agent = bench.shed.start(bench.shed.command(&["run"]));
    bench.shed.until("an agent", |status| status["running"] == true).await;
    bench.assert_found("scanners", "fault", "dock is gone").await;
    assert_eq!(agent.stop().await.code, Some(0));
}

#[tokio::test]
async fn somebody_else_who_reads_the_scanner_is_named() {
    let bench = Bench::new().await;
    // This test has the port open, as a modem's daemon might.
    let port = fs::File::open(&bench.scanner.path).unwrap();
    let ourselves = format!("({})", std::process::id());
    let found = bench.found("scanners").await;
    let held = found.iter().find(|(_, what)| what.contains("dock is also open in")).unwrap();
    assert!(held.0 == "warning" && held.1.contains(&ourselves), "{found:?}");
    drop(port);
    bench.assert_all_is_well("scanners").await;
}

#[tokio::test]
async fn a_token_of_the_page_that_is_missing_or_open_to_others_is_told() {
    let bench = Bench::new().await;
    let config = bench.shed.config(&bench.place.sandbox.base_url(), &bench.scanner.path);
    let listen = "listen = \"127.0.0.1:0\"";
    bench
        .shed
        .write("config.toml", config.replace(listen, &format!("{listen}\ntoken_file = \"./web-token\"")));
    bench.assert_found("tokens", "fault", "no token of the page in ").await;
    bench.shed.write("web-token", "0123456789abcdef0123456789abcdef");
    fs::set_permissions(bench.shed.path("web-token"), fs::Permissions::from_mode(0o640)).unwrap();
    bench.assert_found("tokens", "warning", "./web-token can be read or written by others (mode 640)").await;
}
