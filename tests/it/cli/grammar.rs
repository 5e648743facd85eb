//! What can be typed, and what every command answers before anything has happened.

use serde_json::json;

use crate::support::program::{Ended, Shed};

/// The least that a configuration must say.
const LEAST: &str = "[station]\nname = \"dock-1\"\nlocation_id = 4564\nstorage_id = 91271\n";

async fn check(config: &str) -> Ended {
    let shed = Shed::new();
    shed.write("config.toml", config);
    let mut command = shed.command(&["check"]);
    command.env("STOCKPOINT_PARTNER_TOKEN", "partner").env("STOCKPOINT_USER_TOKEN", "user");
    shed.start(command).ended().await
}

/// The least configuration with one more key in one of its sections.
fn with(section: &str, line: &str) -> String {
    match section {
        "station" => format!("{LEAST}{line}\n"),
        "scanner" => {
            format!("{LEAST}[[scanner]]\nname = \"a\"\nkind = \"serial\"\npath = \"/dev/x\"\n{line}\n")
        }
        other => format!("{LEAST}[{other}]\n{line}\n"),
    }
}

#[tokio::test]
async fn every_command_explains_itself() {
    let shed = Shed::new();
    let commands = [
        "",
        "demo",
        "run",
        "check",
        "status",
        "devices",
        "trace",
        "trace record",
        "trace replay",
        "outbox",
        "outbox list",
        "outbox show",
        "outbox retry",
        "outbox revoke",
        "outbox correct",
        "outbox verify",
        "outbox export",
        "goods",
        "goods sync",
        "goods find",
        "goods stats",
        "unknown",
        "unknown list",
        "unknown assign",
        "unknown export",
        "sheet",
    ];
    for command in commands {
        let mut args: Vec<&str> = command.split_whitespace().collect();
        args.push("--help");
        let help = shed.says(&args).await;
        assert!(help.contains("Usage:"), "{command}: {help}");
        assert!(help.contains("--config"), "{command}: {help}");
    }
}

#[tokio::test]
async fn wrong_usage_ends_with_two() {
    let shed = Shed::new();
    let wrong: [&[&str]; 10] = [
        &[],
        &["dance"],
        &["status", "--yaml"],
        &["outbox"],
        &["outbox", "show"],
        &["outbox", "show", "one"],
        &["unknown", "assign", "4711"],
        &["sheet", "--format", "poem"],
        &["sheet", "--format", "svg", "--paper", "wall"],
        &["sheet", "--format", "svg", "--symbology", "ean"],
    ];
    for args in wrong {
        let ended = shed.run(args).await;
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(!ended.err.is_empty() && ended.out.is_empty(), "{args:?}: {ended:?}");
    }
}

#[tokio::test]
async fn a_configuration_that_is_not_there_ends_with_two_and_is_named() {
    let shed = Shed::new();
    for args in [
        &["check"][..],
        &["run"],
        &["status"],
        &["outbox", "list"],
        &["goods", "stats"],
        &["unknown", "list"],
    ] {
        let ended = shed.run(args).await;
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(ended.err.contains("config.toml"), "{args:?}: {ended:?}");
    }
}

#[tokio::test]
async fn check_prints_what_is_in_force_and_it_reads_back_the_same() {
    let shown = check(LEAST).await;
    assert_eq!(shown.code, Some(0), "{shown:?}");
    for line in [
        "name = \"dock-1\"",
        "mode = \"receipt\"",
        "data_dir = \"/var/lib/stockpoint\"",
        "document_idle_close_s = 600",
        "document_lines_max = 200",
        "repeat_guard_ms = 300",
        "qty_expires_s = 30",
        "mode_reverts_after_s = 3600",
        "base_url = \"https://api.alteg.io/api/v1\"",
        "partner_token_file = \"/etc/stockpoint/partner-token\"",
        "user_token_file = \"/etc/stockpoint/user-token\"",
        "requests_per_minute_max = 180",
        "requests_per_second_max = 4",
        "request_timeout_ms = 15000",
        "reconcile_after_ms = 20000",
        "late_check_after_ms = 120000",
        "sync_every_s = 300",
        "full_sync_every_s = 86400",
        "listen = \"127.0.0.1:8480\"",
    ] {
        assert!(shown.out.lines().any(|shown| shown == line), "{line}: {}", shown.out);
    }
    assert_eq!(check(&shown.out).await.out, shown.out);
}

#[tokio::test]
async fn check_names_every_error_with_file_line_and_key() {
    let text = "[station]\nname = \"Dock 1\"\nlocation_id = 0\nstorage_id = 91271\ncolour = \"red\"\n\
                [api]\nrequest_timeout_ms = 999\n[[scanner]]\nname = \"a\"\nkind = \"carrier-pigeon\"\n";
    let ended = check(text).await;
    assert_eq!(ended.code, Some(2));
    for place in [
        "config.toml:2: station.name:",
        "config.toml:3: station.location_id:",
        "config.toml:5: station.colour:",
        "config.toml:7: api.request_timeout_ms:",
        "config.toml:10: scanner[0].kind:",
    ] {
        assert!(ended.err.lines().any(|line| line.starts_with(place)), "{place}: {}", ended.err);
    }
    assert_eq!(ended.err.lines().count(), 5, "{}", ended.err);
}

#[tokio::test]
async fn an_unknown_key_is_an_error_in_every_section() {
    for section in ["station", "api", "goods", "web", "scanner", "printer"] {
        let ended = check(&with(section, "fancy = 1")).await;
        assert_eq!(ended.code, Some(2), "{section}: {ended:?}");
        let key = if section == "printer" { "printer" } else { "fancy" };
        assert!(ended.err.contains(key), "{section}: {ended:?}");
    }
}

#[tokio::test]
async fn every_bound_is_kept_on_both_sides() {
    let bounds: [(&str, &str, &[&str], &[&str]); 22] = [
        ("api", "request_timeout_ms", &["1000", "120000"], &["999", "120001", "-1", "1.5", "\"1000\""]),
        ("api", "reconcile_after_ms", &["2000", "3600000"], &["1999", "3600001"]),
        ("api", "late_check_after_ms", &["5000", "86400000"], &["4999"]),
        ("api", "requests_per_minute_max", &["1", "180"], &["0"]),
        ("api", "requests_per_second_max", &["1", "4"], &["0"]),
        (
            "api",
            "proxy",
            &["\"http://192.168.1.1:3128\"", "\"http://proxy\""],
            &["\"https://a:1\"", "\"http://user:word@a:1\"", "\"http://a:1/path\"", "\"proxy\"", "3128"],
        ),
        ("goods", "sync_every_s", &["5", "300"], &["4", "0"]),
        ("goods", "full_sync_every_s", &["300", "86400"], &["4"]),
        ("station", "document_idle_close_s", &["0", "2"], &["1", "-2"]),
        ("station", "document_lines_max", &["1", "500"], &["0", "501"]),
        ("station", "repeat_guard_ms", &["0", "5000"], &["5001", "-1"]),
        ("station", "alarm_after_s", &["0", "600", "2592000"], &["1", "599", "2592001"]),
        ("station", "qty_expires_s", &["0", "5", "600"], &["4", "601", "-1"]),
        ("station", "mode_reverts_after_s", &["0", "10", "86400"], &["9", "86401", "-1"]),
        ("station", "master_id", &["1", "5512"], &["0", "-1", "\"5512\""]),
        (
            "station",
            "mode",
            &["\"receipt\"", "\"write-off\"", "\"lookup\""],
            &["\"sale\"", "\"Receipt\"", "3"],
        ),
        ("station", "time_zone", &["\"America/New_York\"", "\"UTC\""], &["\"Mars/Olympus\"", "\"\""]),
        ("scanner", "gap_ms", &["20", "5000"], &["19", "5001"]),
        ("scanner", "burst_guard_ms", &["0", "1000"], &["-1", "1001"]),
        (
            "scanner",
            "terminator",
            &["\"any\"", "\"cr\"", "\"lf\"", "\"crlf\"", "\"tab\"", "\"etx\""],
            &["\"CR\"", "\"\"", "\"stx\"", "13"],
        ),
        ("scanner", "baud", &["9600", "115200"], &["0", "-9600"]),
        (
            "web",
            "listen",
            &["\"\"", "\"127.0.0.1:8480\"", "\"[::1]:80\""],
            &["\"8480\"", "\"127.0.0.1\"", "8480"],
        ),
    ];
    for (section, key, good, bad) in bounds {
        for value in good {
            let ended = check(&with(section, &format!("{key} = {value}"))).await;
            assert_eq!(ended.code, Some(0), "{section}.{key} = {value}: {ended:?}");
        }
        for value in bad {
            let ended = check(&with(section, &format!("{key} = {value}"))).await;
            assert_eq!(ended.code, Some(2), "{section}.{key} = {value}: {ended:?}");
            assert!(ended.err.contains(key) && ended.err.contains("config.toml:"), "{key}: {ended:?}");
        }
    }
}

#[tokio::test]
async fn a_station_name_is_short_and_plain() {
    let named = |name: &str| LEAST.replace("dock-1", name);
    for (name, code) in [
        ("a", 0),
        ("0-9", 0),
        ("abcdefghijklmnopqrstuvwx", 0),
        ("abcdefghijklmnopqrstuvwxy", 2),
        ("", 2),
        ("Dock", 2),
        ("dock_1", 2),
        ("dock 1", 2),
        ("dock#", 2),
    ] {
        assert_eq!(check(&named(name)).await.code, Some(code), "{name:?}");
    }
}

#[tokio::test]
async fn only_a_loopback_address_may_be_without_tls() {
    for (address, code) in [
        ("https://api.alteg.io/api/v1", 0),
        ("http://127.0.0.1:8080/api/v1", 0),
        ("http://localhost:1/api/v1", 0),
        ("http://[::1]:8080/api/v1", 0),
        ("http://api.alteg.io/api/v1", 2),
        ("http://192.168.1.5/api/v1", 2),
        ("http://127.0.0.1.example.org/api/v1", 2),
        ("http://localhost.example.org/", 2),
        ("http://127.0.0.1@example.org/", 2),
        ("ftp://127.0.0.1/", 2),
        ("api.alteg.io", 2),
        ("", 2),
    ] {
        let ended = check(&with("api", &format!("base_url = \"{address}\""))).await;
        assert_eq!(ended.code, Some(code), "{address}: {ended:?}");
    }
}

#[tokio::test]
async fn a_missing_token_ends_with_two_and_the_places_it_may_be_in() {
    let shed = Shed::new();
    shed.write("config.toml", shed.config("http://127.0.0.1:9/api/v1", &shed.path("no-port")));
    let ended = shed.run(&["run"]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    for word in ["partner token", "partner-token", "STOCKPOINT_PARTNER_TOKEN"] {
        assert!(ended.err.contains(word), "{word}: {}", ended.err);
    }
    assert!(!shed.path("data").exists(), "nothing was begun");
}

#[tokio::test]
async fn status_is_all_zero_before_any_data() {
    let shed = Shed::new();
    shed.write("config.toml", shed.config("http://127.0.0.1:9/api/v1", &shed.path("no-port")));
    let status = shed.status().await;
    assert_eq!(status["station"], "dock-1");
    assert_eq!(status["mode"], "receipt");
    assert!(status["version"].is_string());
    let zero = json!({"accepted":0,"booked":0,"undone":0,"unknown":0,"refused":0,"control":0,"lookup":0});
    assert_eq!(status["scans"], zero);
    let zero = json!({"booked":"0","undone":"0","open":"0","queued":"0","in_flight":"0","posted":"0",
                      "refused":"0","cancelled":"0","parked":"0"});
    assert_eq!(status["units"], zero);
    let zero = json!({"open":0,"queued":0,"sending":0,"uncertain":0,"posted":0,"refused":0,"cancelled":0});
    assert_eq!(status["outbox"], zero);
    assert_eq!(status["goods"], json!({"count":0,"synced_at":null,"age_s":null}));
    let scanner = json!([{"name":"dock","kind":"serial","state":"gone","mode":"receipt","storage_id":91271,"last_scan_at":null,
        "reconnects":0,"refused":0,"fault":null}]);
    assert_eq!(status["scanners"], scanner);
    assert_eq!(status["alarms"], json!([]));
    assert_eq!(status["data"], json!({"id":"","machine":"unknown","state":"ok"}));
    assert!(status["clock"]["trusted"].is_boolean());
    assert_eq!(status["api"]["state"], "offline");
    assert!(status["api"].get("last_error").is_some());
    assert!(!shed.path("data").exists(), "looking makes nothing");
}

#[tokio::test]
async fn files_that_an_agent_is_just_making_are_no_data_yet() {
    let shed = Shed::new();
    shed.write("config.toml", LEAST.to_owned() + "data_dir = \".\"\n");
    shed.write("outbox.db", "");
    shed.write("goods.db", "");
    assert_eq!(shed.status().await["scans"]["accepted"], 0);
    assert_eq!(shed.says(&["outbox", "list"]).await, "everything is delivered\n");
}

#[tokio::test]
async fn what_only_tells_has_nothing_to_tell_before_any_data() {
    let shed = Shed::new();
    shed.write("config.toml", LEAST.to_owned() + "data_dir = \"data\"\n");
    for (args, told) in [
        (&["outbox", "list"][..], "everything is delivered\n"),
        (&["outbox", "list", "--all"], "no documents yet\n"),
        (&["outbox", "export"], ""),
        (&["unknown", "list"], "no code is unknown\n"),
        (&["unknown", "export"], ""),
    ] {
        assert_eq!(shed.says(args).await, told, "{args:?}");
    }
    assert!(shed.says(&["goods", "stats"]).await.contains("never"));
}

#[tokio::test]
async fn what_needs_data_fails_with_one_before_any_data() {
    let shed = Shed::new();
    shed.write("config.toml", LEAST.to_owned() + "data_dir = \"data\"\n");
    for args in [&["outbox", "show", "1"][..], &["outbox", "retry", "1"], &["unknown", "assign", "1", "2"]] {
        let ended = shed.run(args).await;
        assert_eq!(ended.code, Some(1), "{args:?}: {ended:?}");
        let told =
            "stockpoint: no data in data\nhint: the agent makes it when it first runs: `stockpoint run`\n";
        assert_eq!(ended.err, told, "{args:?}");
    }
}

#[tokio::test]
async fn the_text_sheet_has_exactly_these_names_each_with_its_code() {
    let shed = Shed::new();
    shed.write("config.toml", LEAST);
    let sheet = shed.says(&["sheet", "--format", "text"]).await;
    let rows: Vec<(&str, &str)> = sheet.lines().map(|line| line.split_once('\t').unwrap()).collect();
    let names: Vec<&str> = rows.iter().map(|(name, _)| *name).collect();
    let expected = "RECEIPT WRITE-OFF LOOKUP QTY-2 QTY-3 QTY-4 QTY-5 QTY-6 QTY-7 QTY-8 QTY-9 QTY-10 QTY-11 \
                    QTY-12 QTY-24 QTY-50 QTY-100 LAST-2 LAST-3 LAST-4 LAST-5 LAST-6 LAST-7 LAST-8 LAST-9 LAST-10 \
                    LAST-11 LAST-12 LAST-24 LAST-50 LAST-100 UNDO CLOSE CANCEL OK";
    assert_eq!(names.join(" "), expected);
    for (name, code) in rows {
        assert!(code.starts_with("$SP.") && code.contains(name), "{name}: {code}");
        assert!(code.bytes().all(|byte| byte.is_ascii_graphic()), "{code}");
    }
}

#[tokio::test]
async fn a_recorded_trace_is_told_code_by_code() {
    let shed = Shed::new();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/traces/dropped-events.txt");
    let told = shed.says(&["trace", "replay", file]).await;
    assert_eq!(told, "refused   400\u{fffd}31  a part of the code was lost on the way\ncode      96385074\n");
}

#[tokio::test]
async fn a_recorded_trace_of_a_hid_pos_scanner_is_told_code_by_code() {
    let shed = Shed::new();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/pos-traces/rest-comes-late.txt");
    let told = shed.says(&["trace", "replay", file]).await;
    let codes: Vec<&str> = told.lines().filter(|line| line.starts_with("code")).collect();
    assert_eq!(codes, ["code      ]Q1007"]);
    assert!(
        told.contains("  the code stopped in the middle\n")
            && told.contains("]Q196385074  it may be the rest of a code that was cut off\n"),
        "{told}"
    );
    shed.write("mouse.txt", "!descriptor 05010902a101c0\n1.0 00\n");
    let refused = shed.run(&["trace", "replay", "mouse.txt"]).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("nothing of usage page 0x8C"), "{}", refused.err);
}

#[tokio::test]
async fn devices_answers_with_or_without_any() {
    let shed = Shed::new();
    assert!(!shed.says(&["devices"]).await.is_empty());
}

#[tokio::test]
async fn keyboards_are_looked_at_for_a_bounded_time() {
    let shed = Shed::new();
    let told = shed.says(&["devices", "--watch", "1"]).await;
    assert!(told.starts_with("no keyboard is there") || told.starts_with("scan something"), "{told}");
    for wrong in ["0", "601", "x"] {
        assert_eq!(shed.run(&["devices", "--watch", wrong]).await.code, Some(2), "{wrong}");
    }
}
