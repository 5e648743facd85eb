//! The log of the real program, as the journal of systemd takes it and as programs do.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::Value;
use stockpoint::sandbox::Options;

use crate::support::program::{Ended, Shed};
use crate::support::pty::Pty;
use crate::support::station::Place;

/// An agent whose standard error is said to be the journal, from its start to its end.
async fn logged(args: &[&str], is_journal: bool) -> Ended {
    let (place, scanner) = (Place::new(Options::sample()).await, Pty::new());
    let shed = Shed::of(&place.sandbox, &scanner.path);
    let mut command = shed.command(args);
    // The file that the first program of a shed writes its errors to.
    let file = fs::metadata(shed.write("err.0", "")).unwrap();
    let inode = if is_journal { file.ino() } else { file.ino() + 1 };
    command.env("JOURNAL_STREAM", format!("{}:{inode}", file.dev()));
    let agent = shed.start(command);
    agent.until_logged("the station page is served").await;
    agent.until_logged("ready").await;
    agent.stop().await
}

fn is_prefixed(line: &str) -> bool {
    line.len() > 3 && line.starts_with('<') && line[2..].starts_with('>')
}

#[tokio::test]
async fn the_journal_is_told_the_level_of_each_line_and_no_time() {
    let ended = logged(&["run"], true).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for line in ended.err.lines() {
        assert!(is_prefixed(line) && !line.contains("202"), "{line:?}");
        assert!(!line.contains('\u{1b}'), "{line:?}");
    }
    assert!(ended.err.lines().any(|line| line.starts_with("<6>ready station=dock-1")), "{}", ended.err);
}

#[tokio::test]
async fn the_journal_takes_json_behind_the_level() {
    let ended = logged(&["run", "--log-format", "json"], true).await;
    for line in ended.err.lines() {
        let event: Value = serde_json::from_str(line.strip_prefix("<6>").unwrap()).unwrap();
        assert_eq!(event["level"], "INFO", "{line}");
    }
}

#[tokio::test]
async fn another_standard_error_than_the_journals_has_times_and_no_prefix() {
    let ended = logged(&["run"], false).await;
    for line in ended.err.lines() {
        assert!(!is_prefixed(line) && line.starts_with("20") && line.contains(" INFO "), "{line:?}");
    }
}

#[tokio::test]
async fn why_a_program_ended_is_an_error_in_the_journal() {
    let shed = Shed::new();
    shed.write("config.toml", shed.config("http://127.0.0.1:1/api/v1", Path::new("/dev/null/none")));
    let file = fs::metadata(shed.write("err.0", "")).unwrap();
    let mut command = shed.command(&["run"]);
    command.env("JOURNAL_STREAM", format!("{}:{}", file.dev(), file.ino()));
    let ended = shed.start(command).ended().await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.starts_with("<3>stockpoint: no partner token in "), "{ended:?}");
    assert!(ended.err.lines().all(|line| line.starts_with("<3>")), "{ended:?}");
}
