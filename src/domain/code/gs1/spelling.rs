//! Other spellings of element strings by scanners and people: brackets around the identifiers, a symbology identifier
//! where FNC1 stands inside, separators left out.

use std::borrow::Cow;

use super::amount::{self, Amount};
use super::{GROUP_SEPARATOR, table};
use crate::domain::code::gtin::Gtin;

/// The texts that some scanners send for an FNC1 inside a symbol in place of the separator. No element holds a `]`,
/// which is not in the GS1 character sets.
const INNER_MARKS: [&str; 8] = ["]C1", "]e0", "]d2", "]d5", "]Q3", "]Q4", "]J1", "]J4"];

/// The number of digits of a GTIN in an element.
const GTIN_DIGITS: usize = 14;

/// Returns the element string that is meant: with separators in place of identifiers inside, and without brackets.
pub fn element_string(text: &str) -> Cow<'_, str> {
    if text.starts_with('(') {
        return without_brackets(text).map_or(Cow::Borrowed(text), Cow::Owned);
    }
    if !text.contains(']') {
        return Cow::Borrowed(text);
    }
    let separator = GROUP_SEPARATOR.to_string();
    Cow::Owned(INNER_MARKS.iter().fold(text.to_owned(), |text, mark| text.replace(mark, &separator)))
}

/// Returns the item with which an element string begins, whatever follows, and the amount for which it stands: `01`,
/// fourteen digits with a right check digit, and behind them the beginning of another element.
pub fn first_item(text: &str) -> Option<(Gtin, Amount)> {
    let digits = text.trim_start_matches(GROUP_SEPARATOR).strip_prefix("01")?;
    let (digits, rest) = digits.split_at_checked(GTIN_DIGITS)?;
    // Another element has to follow, because a long number may begin with `01` by chance.
    let _element = table::split(rest.trim_start_matches(GROUP_SEPARATOR))?;
    Some((Gtin::read(digits)?, amount::of_item_alone(digits, rest)))
}

/// Reads `(01)04006381333931(10)AB` as a string with a separator behind each element. A bracket that opens no known
/// identifier is part of the value.
fn without_brackets(text: &str) -> Option<String> {
    let mut elements = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (ai, behind) = bracketed(rest)?;
        let mut ends = behind.match_indices('(').map(|(at, _)| at);
        let end = ends.find(|at| behind.get(*at..).and_then(bracketed).is_some());
        let (value, next) = behind.split_at_checked(end.unwrap_or(behind.len()))?;
        elements.extend([ai, value.trim()]);
        elements.push(GROUP_SEPARATOR);
        rest = next;
    }
    Some(elements)
}

/// Returns the known identifier in brackets at the front, and what follows it.
fn bracketed(text: &str) -> Option<(&str, &str)> {
    let (ai, behind) = text.strip_prefix('(')?.split_once(')')?;
    table::of(ai).map(|_known| (ai, behind))
}
