//! Numbers of things, for people.

use std::fmt;

/// Returns a number of things, for people: `1 line`, `2 lines`.
pub fn counted(count: impl fmt::Display, thing: &str) -> String {
    let count = count.to_string();
    let ending = if count == "1" { "" } else { "s" };
    format!("{count} {thing}{ending}")
}
