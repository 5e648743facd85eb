//! Formatting rules and labels with a measure: lines of rules, and the text of a frame as the last line.

use crate::domain::code::control::{Control, ControlReading};
use crate::domain::code::gtin::has_check_digit;
use crate::domain::code::rule::{RULES_MAX, Replacement, Rule, TEXT_CHARS_MAX, apply_all};
use crate::domain::code::seal::Seal;
use crate::domain::code::variable::{ItemCode, Measured, Pattern};
use crate::domain::decode::framing::FRAME_BYTES_MAX;
use crate::domain::ids::ScannerName;
use crate::domain::session::{Conventions, Heard};

/// Whatever the rules are, a frame stays a frame, and what commands stood in it whole.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let (rules, frame) = text.rsplit_once('\n').unwrap_or(("", text));
    if !(1..=FRAME_BYTES_MAX).contains(&frame.len()) {
        return;
    }
    let rules: Vec<Rule> = rules.split('\n').take(RULES_MAX).map(rule).collect();
    let left = apply_all(&rules, &Seal::default(), frame);
    assert!((1..=FRAME_BYTES_MAX).contains(&left.len()), "a frame of {} bytes", left.len());
    match (Control::read(frame), Control::read(&left)) {
        (ControlReading::NotControl, ControlReading::Control(control)) => {
            assert!(frame.contains(&control.code()), "a rule made a command");
            assert!(rules.iter().any(strips_everything), "a rule for some codes uncovered a command");
        }
        (ControlReading::NotControl, _) => {}
        (ControlReading::Malformed, after) => {
            assert_ne!(after, ControlReading::NotControl, "a smudge became a good");
        }
        (ControlReading::Control(_) | ControlReading::Kit(_), _) => {
            assert_eq!(left, frame, "a control code was touched");
        }
    }
    let scanner = ScannerName::new("dock");
    let conventions = Conventions {
        rules: [(scanner.clone(), rules)].into(),
        patterns: patterns(),
        ..Conventions::default()
    };
    if let Heard::Product(barcode) = conventions.hear(&scanner, frame)
        && barcode.measure.is_some()
    {
        assert!(barcode.text.len() == 13 && has_check_digit(&barcode.text), "a label of no good");
    }
}

/// A rule, its texts divided by tabs: two conditions, two strips, what is replaced and what by.
fn rule(line: &str) -> Rule {
    let mut texts = line.split('\t').map(|text| text.chars().take(TEXT_CHARS_MAX).collect::<String>());
    let mut next = || texts.next().filter(|text| !text.is_empty());
    Rule {
        if_prefix: next(),
        if_suffix: next(),
        strip_prefix: next(),
        strip_suffix: next(),
        replace: next().map(|from| Replacement { from, to: next().unwrap_or_default() }),
        ..Rule::default()
    }
}

fn strips_everything(rule: &Rule) -> bool {
    rule.if_prefix.is_none()
        && rule.if_suffix.is_none()
        && (rule.strip_prefix.is_some() || rule.strip_suffix.is_some())
}

fn patterns() -> Vec<Pattern> {
    let of = |written, measured| Pattern::new(written, measured, 3, ItemCode::Zeroed);
    let patterns = [of("2IIIIIVPPPPC", Measured::Price), of("21IIIIIWWWWWC", Measured::Weight)];
    patterns.into_iter().flatten().collect()
}
