//! The texts of faults, and the texts that no fault ever has.

use super::*;

#[test]
fn unknown_keys_are_refused_with_the_one_that_was_meant() {
    let meant = [
        ("[stations]", "config.toml:5: stations: is not a key known here; did you mean station?"),
        (
            "data-dir = \"/a\"",
            "config.toml:5: station.data-dir: is not a key known here; did you mean data_dir?",
        ),
        ("Mode = \"lookup\"", "config.toml:5: station.Mode: is not a key known here; did you mean mode?"),
        (
            "repeat_gaurd_ms = 1",
            "config.toml:5: station.repeat_gaurd_ms: is not a key known here; did you mean repeat_guard_ms?",
        ),
        (
            "document_idle_close = 1",
            "config.toml:5: station.document_idle_close: is not a key known here; did you mean document_idle_close_s?",
        ),
        (
            "[api]\npartner_token = \"s3cret\"",
            "config.toml:6: api.partner_token: is not a key known here; did you mean partner_token_file?",
        ),
        (
            "[web]\nport = 1",
            "config.toml:6: web.port: is not a key known here; remove it, or use one of listen, token_file",
        ),
        (
            "[goods.x]",
            "config.toml:5: goods.x: is not a key known here; remove it, or use one of sync_every_s, full_sync_every_s",
        ),
    ];
    for (lines, fault) in meant {
        check_fault(lines, fault);
    }
}

#[test]
fn a_missing_key_is_named_at_its_section() {
    let missing = "config.toml:2: station.name: is missing; add name = \"dock-1\" under [station]\n\
                   config.toml:2: station.location_id: is missing; add location_id = NUMBER under [station]\n\
                   config.toml:2: station.storage_id: is missing; add storage_id = NUMBER under [station]";
    assert_eq!(parse("\n[station]\nmode = \"lookup\"").unwrap_err().to_string(), missing);
    assert_eq!(parse("").unwrap_err().to_string(), missing.replace(":2:", ":1:"));
    check_fault(
        "\n\n[[scanner]]\nname = \"a\"",
        "config.toml:7: scanner[0].kind: is missing; add kind = \"serial\" under this [[scanner]]",
    );
    check_fault(
        "[[scanner]]\nkind = \"stdin\"",
        "config.toml:5: scanner[0].name: is missing; add name = \"dock\" under this [[scanner]]",
    );
}

#[test]
fn a_value_of_another_type_is_refused_with_the_type_to_write() {
    let wrong = [
        (
            "document_lines_max = \"200\"",
            "station.document_lines_max: is text; write a whole number, without quotes",
        ),
        (
            "document_lines_max = 200.0",
            "station.document_lines_max: is a number with a fraction; write a whole number, without quotes",
        ),
        ("mode = 1", "station.mode: is a whole number; write text in double quotes"),
        ("data_dir = [\"/a\"]", "station.data_dir: is a list; write text in double quotes"),
        ("gs1_counts = \"yes\"", "station.gs1_counts: is text; write true or false"),
        ("time_zone = 2026-01-01", "station.time_zone: is a date or a time; write text in double quotes"),
        ("data_dir = { a = 1 }", "station.data_dir: is a table; write text in double quotes"),
        ("mode = true", "station.mode: is true or false; write text in double quotes"),
        ("[scanner]", "scanner: is a table; write the header of each with two brackets, as in [[scanner]]"),
        ("[[web]]", "web: is a list; write a table, [key] or { .. }"),
    ];
    for (line, fault) in wrong {
        check_fault(line, &format!("config.toml:5: {fault}"));
    }
    let scalar = parse(&format!("api = 1\nscanner = [1]\n{STATION}")).unwrap_err().to_string();
    assert_eq!(
        scalar,
        "config.toml:1: api: is a whole number; write a table, [key] or { .. }\n\
         config.toml:2: scanner[0]: is a whole number; write a table for each, as in [[scanner]]"
    );
}

#[test]
fn a_path_is_neither_empty_nor_endless_and_a_token_is_no_path() {
    assert!(faults("data_dir = \"\"")[0].starts_with("config.toml:5: station.data_dir: is empty; "));
    assert!(faults("data_dir = \"a\\u0000b\"")[0].contains("holds a control character; "));
    assert!(with(&format!("data_dir = \"{}\"", "a".repeat(4096))).is_ok());
    assert!(faults(&format!("data_dir = \"{}\"", "a".repeat(4097)))[0].contains("is too long; "));
    for key in ["partner_token_file", "user_token_file"] {
        let fault = faults(&format!("[api]\n{key} = \"s3cret\"")).join("\n");
        assert!(fault.starts_with(&format!("config.toml:6: api.{key}: is not a path")), "{fault}");
        assert!(!fault.contains("s3cret"));
    }
}

#[test]
fn faults_of_form_name_their_line_and_never_the_text() {
    let broken = [
        "data_dir = \"s3cret",
        "s3cret",
        "gap_ms = ",
        "[api",
        "a = s3cret",
        "= 1",
        "a = 1 b = 2",
        "a = 01",
        "\"s3cret = 1",
    ];
    for line in broken {
        let faults = with(&format!("{line}\n[web]\n")).unwrap_err();
        assert_eq!(faults.iter().next().unwrap().line, Some(5), "{line}: {faults}");
        assert!(!faults.to_string().contains("s3cret"), "{faults}");
        assert!(faults.iter().all(|fault| matches!(fault.problem, Problem::Syntax(_))), "{line}: {faults}");
    }
}

#[test]
fn what_stands_twice_is_named_at_its_second_place() {
    check_fault(
        "mode = \"lookup\"\nmode = \"receipt\"",
        "config.toml:6: mode: is written twice; keep one of the two",
    );
    check_fault("[web]\n[api]\n[web]", "config.toml:7: web: is written twice; keep one of the two");
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_their_lines() {
    let text = "[station]\nname = \"Dock\"\nlocation_id = 0\n[api]\nbase_url = \"http://x\"\nspeed = 1\n\
                [[scanner]]\nname = \"a\"\nkind = \"serial\"\ngap_ms = 5\n\
                [goods]\nsync_every_s = \"5\"\n[web]\nlisten = 1\nlisten = 2\n";
    let found: Vec<_> =
        parse(text).unwrap_err().iter().map(|fault| (fault.line.unwrap(), fault.key.clone())).collect();
    let wanted = [
        (1, "station.storage_id"),
        (2, "station.name"),
        (3, "station.location_id"),
        (5, "api.base_url"),
        (6, "api.speed"),
        (7, "scanner[0].path"),
        (10, "scanner[0].gap_ms"),
        (12, "goods.sync_every_s"),
        (14, "web.listen"),
        (15, "listen"),
    ];
    assert_eq!(found, wanted.map(|(line, key)| (line, key.to_owned())));
}

#[test]
fn values_are_still_checked_in_a_file_with_a_fault_of_form() {
    let found = faults("document_lines_max = 0\ndata_dir = \n[web]\nlisten = 1\n");
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("config.toml:5: station.document_lines_max: 0 is out of range; "));
    assert!(found[1].starts_with("config.toml:6: "));
    assert!(found[2].starts_with("config.toml:8: web.listen: is a whole number; "));
}

#[test]
fn a_hundred_faults_are_told_and_the_rest_counted() {
    let lines = (0..150).map(|n| format!("zzz{n} = 1")).collect::<Vec<_>>().join("\n");
    let faults = with(&lines).unwrap_err();
    assert_eq!(faults.iter().count(), FAULTS_MAX);
    assert!(faults.to_string().ends_with("\nand 50 more; correct these first"));
}

#[test]
fn a_fault_stays_on_one_line_however_long_the_key() {
    let fault = with(&format!("\"{}\\n\" = 1", "k\\n".repeat(1000))).unwrap_err().to_string();
    assert_eq!(fault.lines().count(), 1);
    assert!(fault.chars().count() < 500);
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_change_nothing() {
    let text = format!("\u{feff}{STATION}{SCANNER}").replace('\n', "\r\n");
    assert_eq!(parse(&text).unwrap(), with(SCANNER).unwrap());
    let fault = parse(&format!("{text}gap_ms = 5\r\n")).unwrap_err().to_string();
    assert_eq!(fault, "config.toml:9: scanner[0].gap_ms: 5 is out of range; use 20 to 5000");
}

#[test]
fn a_file_is_read_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    let fault_of = |path: &Path| Config::load(path).unwrap_err().to_string();
    let shown = path.display();
    assert!(fault_of(&path).starts_with(&format!("{shown}: cannot be read: No such file or directory")));
    assert!(fault_of(dir.path()).starts_with(&format!("{}: cannot be read: ", dir.path().display())));

    std::fs::write(&path, STATION).unwrap();
    assert_eq!(Config::load(&path).unwrap(), parse(STATION).unwrap());

    std::fs::write(&path, [STATION.as_bytes(), b"mode = \"\xff\"\n"].concat()).unwrap();
    assert_eq!(fault_of(&path), format!("{shown}:5: is not UTF-8 text; save the file as UTF-8"));

    let fill = |length: usize| format!("{STATION}#{}", "x".repeat(length - STATION.len() - 1));
    std::fs::write(&path, fill(1024 * 1024)).unwrap();
    assert!(Config::load(&path).is_ok());
    std::fs::write(&path, fill(1024 * 1024 + 1)).unwrap();
    assert!(fault_of(&path).starts_with(&format!("{shown}: is larger than 1048576 bytes; ")));
}

#[test]
fn what_is_shown_names_the_tokens_places_but_no_token() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("partner");
    std::fs::write(&file, "s3cret-partner\n").unwrap();
    let lines = format!(
        "[api]\npartner_token_file = \"{0}/partner\"\nuser_token_file = \"{0}/none\"",
        dir.path().display()
    );
    let config = with(&lines).unwrap();
    let shown = show::show(&config, &|_variable| None);
    assert!(shown.contains(&format!("\n# partner token: from file {}\n", file.display())), "{shown}");
    assert!(shown.contains("\n# user token: missing; looked at file "), "{shown}");
    let shown =
        show::show(&config, &|variable| (variable == "STOCKPOINT_USER_TOKEN").then(|| "s3cret-user".into()));
    assert!(shown.contains("\n# user token: from environment STOCKPOINT_USER_TOKEN\n"), "{shown}");
    assert!(!shown.contains("s3cret"));
    assert!(!format!("{config:?}").contains("s3cret"));
}
