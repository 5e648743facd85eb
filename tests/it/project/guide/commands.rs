//! Every command that the README or the guide gives is run here, or read by the definition of the command line, or run by
//! another part of the gate.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::error::ErrorKind;
use stockpoint::guide::Block;
use stockpoint::guide::Span;
use stockpoint::guide::blocks;
use stockpoint::guide::page;
use stockpoint::guide::spans;
use stockpoint::sandbox::Options;

use super::links::texts;
use super::sources;
use crate::support::program::Shed;
use crate::support::station::Place;

/// Programs that are run elsewhere, and the file or the folder that runs them.
const RUN_ELSEWHERE: &[(&str, &str)] = &[
    ("cargo", ".ci"),
    (".ci/package", ".ci"),
    ("apt-get", "tests/package/life"),
    ("apt", "tests/package/life"),
    ("dpkg", "tests/package/life"),
    ("/usr/lib/stockpoint/step-back", "tests/package/life"),
    ("systemctl", "tests/package/life"),
    ("systemd-creds", "tests/package/life"),
    ("rm", "tests/package/life"),
    ("gpg", "tests/package/life"),
    ("apt-ftparchive", "tests/package/life"),
    ("install", "tests/package/life"),
    ("journalctl", "tests/package/life"),
    ("mount", "tests/pi/sealed.rs"),
];

/// Programs of the system that need hardware or a network, or that change the machine. `cross` builds in a container.
const OF_THE_SYSTEM: [&str; 9] =
    ["cd", "chmod", "cross", "curl", "groupadd", "mkfs.ext4", "openssl", "tee", "udevadm"];

/// Words of the guide that stand for a value, and one.
const PLACEHOLDERS: [(&str, &str); 8] = [
    ("CODE", "4006381333931"),
    ("GOOD_ID", "123457"),
    ("NUMBER", "1"),
    ("LINE", "1"),
    ("FILE", "station.backup"),
    ("TOPIC", "signals"),
    ("COMMAND", "status"),
    ("NAME", "dock"),
];

/// The commands that are run here, beside a station that has scanned: they change nothing that another one needs.
const RUN_HERE: &[&str] = &[
    "backup",
    "check",
    "devices",
    "doctor",
    "goods find",
    "goods stats",
    "goods sync",
    "help",
    "outbox export",
    "outbox list",
    "outbox show",
    "outbox verify",
    "restore station.backup --print-config",
    "scans list",
    "sheet",
    "status",
    "trace replay",
    "unknown assigned",
    "unknown export",
    "unknown list",
];

/// Begins like one of [`RUN_HERE`], and is only read: it takes long, or its document or its scanner is not there.
const NOT_RUN: [&str; 3] = ["devices --watch", "outbox show 12", "devices try"];

/// A command of the guide.
struct Found {
    path: String,
    words: Vec<String>,
    /// A line to type; otherwise a mention in the text, which may lack arguments.
    is_line: bool,
}

/// Splits a line of a shell into its simple commands, each into words. Comments, `sudo`, variables and redirections are
/// left out.
pub(super) fn simple_commands(line: &str) -> Vec<Vec<String>> {
    let (mut commands, mut words, mut word) = (Vec::new(), Vec::new(), String::new());
    let (mut quote, mut is_word) = (None, false);
    for c in line.chars().chain([' ']) {
        match (quote, c) {
            (Some(end), _) if c == end => quote = None,
            (None, '\'' | '"') => (quote, is_word) = (Some(c), true),
            (None, '#') if word.is_empty() => break,
            (None, ' ') => {
                if !word.is_empty() || is_word {
                    words.push(std::mem::take(&mut word));
                }
                is_word = false;
            }
            (Some(_) | None, _) => word.push(c),
        }
    }
    for command in words.split(|word| word == "&&" || word == "|") {
        let is_variable =
            |word: &&String| word.split_once('=').is_some_and(|(name, _)| name == name.to_uppercase());
        let command = command.iter().skip_while(|word| *word == "sudo" || is_variable(word));
        commands.push(command.filter(|word| !word.starts_with('>')).cloned().collect());
    }
    commands.retain(|command: &Vec<String>| !command.is_empty());
    commands
}

/// Every command of every page, those of other programs too.
fn found() -> Vec<Found> {
    let mut found = Vec::new();
    for source in sources() {
        for block in blocks(source.text) {
            let mut take = |line: &str, is_line| {
                let commands = simple_commands(line).into_iter();
                found.extend(commands.map(|words| Found { path: source.path.clone(), words, is_line }));
            };
            if let Block::Code { language, lines } = &block {
                lines.iter().filter(|_| language == "sh").for_each(|line| take(line, true));
            }
            for span in texts(block).iter().flat_map(|text| spans(text)) {
                match span {
                    Span::Code(code) if code.starts_with("stockpoint ") || code.starts_with("sudo ") => {
                        take(&code, false);
                    }
                    _ => {}
                }
            }
        }
    }
    assert!(found.len() > 150, "{}", found.len());
    found
}

/// The text of a file, or of all files of a folder.
fn text_of(path: &Path) -> String {
    if path.is_file() {
        return fs::read_to_string(path).unwrap();
    }
    let files = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    files.map(|file| text_of(&file)).collect()
}

/// The words of a command of ours, with a value for each placeholder.
fn filled(words: &[String]) -> Vec<String> {
    let value = |word: &String| {
        let known = PLACEHOLDERS.iter().find(|(name, _)| name == word);
        known.map_or_else(|| word.clone(), |(_, value)| (*value).to_owned())
    };
    words.iter().map(value).collect()
}

#[test]
fn every_command_of_ours_is_read_by_the_definition() {
    for Found { path, words, is_line } in found().into_iter().filter(|found| found.words[0] == "stockpoint") {
        let words = filled(&words);
        let is_topic = words.get(1).is_some_and(|word| word == "help") && page(&words[2]).is_some();
        let Err(error) = stockpoint::cli::definition().try_get_matches_from(&words) else { continue };
        let is_short = matches!(
            error.kind(),
            ErrorKind::MissingRequiredArgument
                | ErrorKind::MissingSubcommand
                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        );
        let is_right = error.kind() == ErrorKind::DisplayHelp || is_topic || (is_short && !is_line);
        assert!(is_right, "{path}: {words:?}: {error}");
    }
}

#[test]
fn every_command_of_another_program_is_run_by_the_gate_or_is_the_systems() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for Found { path, words, .. } in found() {
        let program = words[0].as_str();
        let is_known = |(name, _): &&(&str, &str)| *name == program;
        match RUN_ELSEWHERE.iter().find(is_known) {
            Some((_, file)) => {
                assert!(
                    text_of(&root.join(file)).contains(program),
                    "{program} of {path} is not run by {file}"
                );
            }
            None if program == "stockpoint" || program == "fuser" => {}
            None => assert!(OF_THE_SYSTEM.contains(&program), "{path}: who runs {words:?}?"),
        }
    }
}

#[tokio::test]
async fn what_can_be_run_beside_a_station_runs() {
    let place = Place::new(Options::sample()).await;
    let mut station = place.start();
    station.until_goods_are_read().await;
    for code in ["4006381333931", "0000"] {
        station.scan(code).await.unwrap();
    }
    let shed = Shed::beside(&place.sandbox, place.dir.path());
    shed.write("partner-token", "sandbox-partner-token\n");
    shed.write("user-token", "sandbox-user-token\n");
    shed.write("file", include_str!("../../../data/traces/ean13-then-ean8.txt"));
    let begins = |line: &str, list: &[&str]| list.iter().any(|command| line.starts_with(command));
    let is_short = |words: &[String]| {
        words[1] != "help" && stockpoint::cli::definition().try_get_matches_from(words).is_err()
    };
    let mut run = BTreeSet::new();
    for Found { path, words, .. } in found().into_iter().filter(|found| found.words[0] == "stockpoint") {
        let words = filled(&words);
        let line = words[1..].join(" ");
        if begins(&line, &NOT_RUN)
            || !begins(&line, RUN_HERE)
            || is_short(&words)
            || !run.insert(line.clone())
        {
            continue;
        }
        let ended = shed.run(&words[1..].iter().map(String::as_str).collect::<Vec<_>>()).await;
        // The station has no scanner here, which doctor finds.
        let expected = i32::from(line.starts_with("doctor"));
        assert_eq!(ended.code, Some(expected), "{path}: {line}: {ended:?}");
    }
    for command in RUN_HERE {
        assert!(run.iter().any(|line| line.starts_with(command)), "nothing ran {command}");
    }
    station.stop().await.unwrap();
}
