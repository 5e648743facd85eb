//! The amount of its item for which a label with GS1 elements stands.
//!
//! Promises: an amount counts only where the standard allows it beside the item, and only where no separator can have
//! been lost in front of it or behind it. A scanner that leaves separators out joins two elements, and `30 12` in
//! front of `21 56` becomes a count of 122156.

use super::{Gs1Data, rule, walk};

/// The first digit of an item of variable measure, indicator digit 9. Its amount stands in the label (GS1 General
/// Specifications, section 2.1.10, variable measure trade items).
const VARIABLE_MEASURE: char = '9';

/// The most digits of a count in which no joined element can be hidden: an element has two digits of identifier and a
/// value.
const SURE_DIGITS_MAX: usize = 3;

/// The amount of its item for which a label stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Amount {
    /// One: the label says no more.
    #[default]
    One,
    /// So many, if the station counts by labels; else one.
    Count(u32),
    /// So many. If the station does not count by labels, the label is of no use, because a count of one would be wrong.
    Contents(u32),
    /// One. If the station counts by labels, the label is of no use, because it may hold a count that cannot be read.
    Unclear,
    /// An amount that cannot be given in sale units: a weight, a length, contents without a count.
    Unusable,
}

/// Returns the amount for a label of which only the item is trusted; `rest` is the text behind the item.
pub(super) fn of_item_alone(gtin: &str, rest: &str) -> Amount {
    match () {
        () if gtin.starts_with(VARIABLE_MEASURE) => Amount::Unusable,
        () if may_hide_count(rest) => Amount::Unclear,
        () => Amount::One,
    }
}

/// Returns the amount that elements give, with `strays` between them that are no elements.
pub(super) fn of(data: &Gs1Data, strays: &[&str]) -> Amount {
    // A label with a measure of the item may stand for that measure, so a count of one would be a guess.
    if data.elements.iter().any(|(ai, _)| is_measure(ai)) {
        return Amount::Unusable;
    }
    let is_variable = data.gtin.as_ref().is_some_and(|gtin| gtin.as_str().starts_with(VARIABLE_MEASURE));
    match data.count.filter(|_| is_sure(data)) {
        // AI 30 counts an item (01) and AI 37 the contents (02): both beside contents contradict each other.
        Some(_) if data.is_of_contents() && data.has("30") => Amount::Unusable,
        Some(count) if data.is_of_contents() || is_variable => Amount::Contents(count),
        Some(count) => Amount::Count(count),
        None if (data.is_of_contents() && data.gtin.is_some()) || is_variable => Amount::Unusable,
        None if data.has("30") || hides_count(data) || strays.iter().any(|stray| may_hide_count(stray)) => {
            Amount::Unclear
        }
        None => Amount::One,
    }
}

/// Returns true if `ai` is a measure of the item itself: net weight, length, area or volume, in whatever unit. Those of
/// a logistic unit, such as the gross weight, say nothing of the amount (GS1 General Specifications, sections 3.6.2 and
/// 3.6.4).
fn is_measure(ai: &str) -> bool {
    let family = ai.get(..3).filter(|_| ai.len() == 4).and_then(|family| family.parse::<u16>().ok());
    matches!(family, Some(310..=316 | 320..=329 | 350..=352 | 356 | 357 | 360 | 361 | 364..=366))
}

/// Returns true if the count cannot be two joined elements.
fn is_sure(data: &Gs1Data) -> bool {
    let mut counts = data.elements.iter().filter(|(ai, _)| matches!(ai.as_str(), "30" | "37"));
    counts.all(|(_, value)| {
        // A tail that reads as whole elements may stand behind a lost separator.
        value.len() <= SURE_DIGITS_MAX || !tails(value).any(|tail| walk(tail).strays.is_empty())
    })
}

/// Returns true if a value may hold a count behind a lost separator. The first character at least is the value's own.
fn hides_count(data: &Gs1Data) -> bool {
    let mut values = data.elements.iter().filter(|(ai, _)| rule::predefined_length(ai).is_none());
    values.any(|(_, value)| tails(value).next().is_some_and(may_hide_count))
}

/// Returns true if a count may stand anywhere in a text: its identifier and a digit.
fn may_hide_count(text: &str) -> bool {
    let mut counts = text.match_indices("30").filter_map(|(at, _)| text.get(at.saturating_add(2)..));
    counts.any(|behind| behind.starts_with(|c: char| c.is_ascii_digit()))
}

/// Returns every end of `value` except the whole.
fn tails(value: &str) -> impl Iterator<Item = &str> {
    value.char_indices().skip(1).filter_map(|(at, _)| value.get(at..))
}
