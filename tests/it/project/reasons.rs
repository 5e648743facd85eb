//! Every reason for which a scan is refused is in the guide, with its words.

use std::collections::BTreeSet;

use stockpoint::domain::session::Reason;

const PAGE: &str = include_str!("../../../src/guide/what-to-do.md");

/// The rows of the guide's table: reason, signal, words, what to do.
fn rows() -> Vec<Vec<&'static str>> {
    let table = PAGE.split("## Why a scan is refused").nth(1).unwrap();
    let lines =
        table.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    lines.skip(2).map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

#[test]
fn every_reason_has_its_row_and_every_row_its_reason() {
    let rows = rows();
    for reason in Reason::all() {
        let name = format!("`{reason}`");
        let row = rows.iter().find(|row| row[0] == name);
        let row = row.unwrap_or_else(|| panic!("{name} is not in the guide"));
        let signal = if reason == Reason::Repeat { "that of the scan it repeats" } else { "refused" };
        assert_eq!((row[1], row[2]), (signal, reason.words()), "{name}");
        assert!(!row[3].is_empty(), "{name}");
    }
    let known: BTreeSet<&str> = Reason::all().map(Reason::as_str).collect();
    assert_eq!(known.len(), Reason::all().count());
    assert_eq!(rows.len(), known.len());
}
