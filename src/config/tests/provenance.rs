//! The keys that are accepted from a set-up code or a card.

use super::handed::{NEVER_TAKEN, TAKEN, TAKEN_IF};
use super::keys::every_key;
use super::*;

const SETUP: &str = "[setup]\npartner_token = \"p4rtner\"\nuser_token = \"us3r\"\n";

fn handed(lines: &str) -> Result<SetupFile, Faults> {
    SetupFile::parse_handed(&format!("{lines}{STATION}{SETUP}"), "stockpoint.toml")
}

/// Returns the keys that are refused in a file from a code or card, but accepted from an administrator.
fn refused(lines: &str) -> Vec<String> {
    SetupFile::parse(&format!("{lines}{STATION}{SETUP}"), "x").unwrap();
    let Err(faults) = handed(lines) else { return Vec::new() };
    faults.iter().map(|fault| fault.key.clone()).collect()
}

/// Returns the number of lists that contain a key.
fn listed(section: &str, key: &str) -> usize {
    let is_in = |list: &[(&str, &[&str])]| {
        list.iter().any(|(listed, keys)| *listed == section && keys.contains(&key))
    };
    let conditional = TAKEN_IF.iter().any(|(listed, name, _)| (*listed, *name) == (section, key));
    usize::from(is_in(TAKEN)) + usize::from(conditional) + usize::from(is_in(NEVER_TAKEN))
}

#[test]
fn every_key_is_listed_once() {
    for (section, key) in every_key() {
        assert_eq!(
            listed(&section, key),
            1,
            "[{section}] {key}: may a stranger set it? See config/handed.rs"
        );
    }
    let known = every_key();
    let all = TAKEN
        .iter()
        .chain(NEVER_TAKEN)
        .flat_map(|(section, keys)| keys.iter().map(move |key| (section, key)));
    for (section, key) in all.filter(|(section, key)| **section != "setup" && **key != "setup") {
        assert!(known.contains(&((*section).to_owned(), *key)), "[{section}] {key} is no key");
    }
}

#[test]
fn no_file_and_no_program_is_named_by_a_stranger() {
    for (lines, key) in [
        ("packs_file = \"packs.csv\"\n", "packs_file"),
        ("[api]\nca_file = \"/etc/ca.pem\"\n", "api.ca_file"),
        ("[api]\npartner_token_file = \"/etc/passwd\"\n", "api.partner_token_file"),
        ("[api]\nuser_token_file = \"/etc/passwd\"\n", "api.user_token_file"),
        ("[web]\ntoken_file = \"/etc/shadow\"\n", "web.token_file"),
        ("[web]\nlisten = \"unix:/etc/socket\"\n", "web.listen"),
        ("[feedback]\ngpio_red = 1\ngpio_chip = \"/dev/mem\"\n", "feedback.gpio_chip"),
        ("[feedback]\nkeyboard_led = \"/dev/mem\"\n", "feedback.keyboard_led"),
        ("[feedback]\ncommand = [\"/bin/sh\"]\n", "feedback.command"),
        ("[feedback]\ncommand = []\n", "feedback.command"),
        ("[feedback]\nsound = \"file:/etc/x,raw\"\n", "feedback.sound"),
        ("[feedback]\nsound = \"tee:default,x\"\n", "feedback.sound"),
    ] {
        assert_eq!(refused(lines), [key], "{lines}");
    }
    let text = STATION.replace("[station]\n", "[station]\ndata_dir = \"/etc\"\n");
    let faults = SetupFile::parse_handed(&format!("{text}{SETUP}"), "x").unwrap_err();
    assert_eq!(faults.iter().map(|fault| fault.key.as_str()).collect::<Vec<_>>(), ["station.data_dir"]);
    for path in ["/etc/shadow", "/dev/../etc/shadow", "/dev//x", "dev/ttyUSB0", "/dev/"] {
        let lines = SCANNER.replace("/dev/ttyUSB0", path);
        assert_eq!(refused(&lines), ["scanner[0].path"], "{path}");
    }
}

#[test]
fn what_a_station_books_and_how_it_scans_is_taken() {
    for lines in [
        SCANNER.to_owned(),
        SCANNER.replace("ttyUSB0", "serial/by-id/usb-A-if00"),
        "[web]\nlisten = \"127.0.0.1:80\"\n[feedback]\ngpio_red = 1\nsound = \"plughw:CARD=Device,DEV=0\"\n"
            .to_owned(),
        "[api]\nbase_url = \"https://example.com/api/v1\"\n[kits]\nscan = \"all\"\n".to_owned(),
    ] {
        assert_eq!(refused(&lines), [] as [&str; 0], "{lines}");
        assert!(handed(&lines).is_ok());
    }
}

#[test]
fn a_fault_has_its_line_and_its_cure() {
    let faults = handed("[feedback]\ncommand = [\"/bin/sh\"]\n").unwrap_err().to_string();
    assert_eq!(
        faults,
        "stockpoint.toml:2: feedback.command: is not accepted from a set-up code or a card; remove it; set it in the \
         station's own configuration afterwards"
    );
}
