//! Tests of every key, every bound and every fault's line, and that a shown configuration reads back.

mod faults;
mod feedback;
mod guide;
mod keys;
mod packs;
mod properties;
mod provenance;
mod rules;

use self::feedback::no_feedback;
use super::*;

/// The shortest configuration: lines 1 to 4 of every text below.
const STATION: &str = "[station]\nname = \"dock-1\"\nlocation_id = 4564\nstorage_id = 91271\n";
const SCANNER: &str = "[[scanner]]\nname = \"dock\"\nkind = \"serial\"\npath = \"/dev/ttyUSB0\"\n";

fn parse(text: &str) -> Result<Config, Faults> {
    Config::parse(text, "config.toml")
}

/// Parses the shortest configuration with more lines at its end; the first of them is line 5.
fn with(lines: &str) -> Result<Config, Faults> {
    parse(&format!("{STATION}{lines}"))
}

fn faults(lines: &str) -> Vec<String> {
    with(lines).unwrap_err().to_string().lines().map(str::to_owned).collect()
}

/// Checks that `lines` have exactly one fault.
fn check_fault(lines: &str, fault: &str) {
    assert_eq!(faults(lines), [fault], "{lines}");
}

/// Returns a scanner of this kind, named after it and without a place. Its place is line 8.
fn scanner(kind: &str) -> String {
    format!("[[scanner]]\nname = \"{kind}\"\nkind = \"{kind}\"\n")
}

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
