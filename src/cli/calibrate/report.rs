//! The report of calibration for the person with the scanner.

use std::fmt::Write as _;

use crate::domain::calibrate::{
    Attempt, CalibrationCode, Case, End, Findings, GAP_MS_USUAL, Recommendation, Separator, key_name,
};
use crate::domain::decode::framing::Terminator;
use crate::domain::printable::printable;

/// Describes one scan, as soon as it is read.
pub(super) fn news(attempt: &Attempt) -> String {
    match attempt {
        Attempt::Read(seen) => format!("{} was read.\n", seen.code.name()),
        Attempt::Missed(miss) => told(&miss.advice()),
    }
}

/// Describes all findings, then the faults among them.
pub(super) fn text(findings: &Findings, read: &[CalibrationCode]) -> String {
    let mut text = "\n".to_owned();
    let rows = [
        ("layout", layout(findings)),
        ("letters", case(findings.case).to_owned()),
        ("in front", added(&findings.prefix)),
        ("behind", added(&findings.suffix)),
        ("ends with", end(&findings.end)),
        ("AIM", findings.aim.clone().unwrap_or_else(|| "off".to_owned())),
        ("separator", findings.separator.as_ref().map_or("not known".to_owned(), separator)),
        ("speed", speed(findings)),
    ];
    for (name, value) in rows {
        let _written = writeln!(text, "  {name:<10} {value}");
    }
    for code in CalibrationCode::ALL.into_iter().filter(|code| !read.contains(code)) {
        let _written = writeln!(text, "\n- {} was not read: scan it too to know all.", code.name());
    }
    let advice = findings.advice();
    if !advice.is_empty() {
        text.push('\n');
    }
    for advice in &advice {
        text.push_str(&told(advice));
    }
    text
}

/// Returns a recommendation with its cure; `!` marks a fault.
fn told(advice: &Recommendation) -> String {
    let mark = if advice.is_fault { '!' } else { '-' };
    format!("{mark} {}:\n  {}.\n", advice.says, advice.cure)
}

/// Describes the layouts that fit; several may type these codes alike.
fn layout(findings: &Findings) -> String {
    let Some((first, others)) = findings.layouts.split_first() else {
        return "none: it sends characters, not keys".to_owned();
    };
    // Alt codes give characters by number, whatever layout is set.
    if findings.by_numbers {
        return format!("any: it types numbers; {} is taken", first.as_str());
    }
    if others.is_empty() {
        return first.as_str().to_owned();
    }
    let others: Vec<&str> = others.iter().map(|layout| layout.as_str()).collect();
    format!(
        "{0}; {1} would do as well, they differ in no character of the codes",
        first.as_str(),
        others.join(", ")
    )
}

const fn case(case: Case) -> &'static str {
    match case {
        Case::Kept => "as printed",
        Case::Swapped => "capitals and small ones exchanged",
        Case::Upper => "all capitals",
        Case::Lower => "all small",
    }
}

fn added(text: &str) -> String {
    if text.is_empty() { "nothing".to_owned() } else { printable(text).to_string() }
}

fn end(end: &End) -> String {
    match end {
        End::Nothing => "nothing".to_owned(),
        End::Known(terminator) => named(*terminator),
        End::Other(text) => printable(text).to_string(),
    }
}

/// Names a terminator, with the text to write for labels that cannot be seen here.
fn named(terminator: Terminator) -> String {
    let end = match terminator {
        // Nothing else ends these codes, so the entry names it in any case.
        Terminator::Etx => return "ETX".to_owned(),
        Terminator::Cr => "Enter (CR)",
        Terminator::Lf => "LF",
        Terminator::CrLf => "CR and LF",
        Terminator::Tab => "Tab",
        Terminator::Any => "any terminator",
    };
    let word = terminator.as_str();
    format!("{end}; `terminator = \"{word}\"` only if labels hold line breaks or Tabs of their own")
}

fn separator(separator: &Separator) -> String {
    match separator {
        Separator::Byte => "as it is".to_owned(),
        Separator::Control => "as Ctrl and a bracket".to_owned(),
        Separator::AltCode => "as Alt and its number".to_owned(),
        Separator::Hexadecimal => "as its number in hexadecimal".to_owned(),
        Separator::Other(text) => format!("as {}", printable(text)),
        Separator::Key(code) => format!("as {}", key_name(*code)),
        Separator::Dropped => "left out".to_owned(),
    }
}

/// Describes the pace of the scanner and the `gap_ms` that suits it.
fn speed(findings: &Findings) -> String {
    let character = findings.character_us;
    // Microseconds become milliseconds with one decimal.
    let (whole, tenth) = (character.div_euclid(1000), character.rem_euclid(1000).div_euclid(100));
    let safe = match findings.gap_ms_safe() {
        None => "no gap_ms is safe".to_owned(),
        Some(safe) if safe > GAP_MS_USUAL => format!("gap_ms must be {safe} at least"),
        Some(safe) => format!("gap_ms = {safe} would be safe, {GAP_MS_USUAL} is usual"),
    };
    format!("{whole}.{tenth} ms a character; {safe}")
}
