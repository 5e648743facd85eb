//! The rules for the values of application identifiers, and the lengths of elements that need no separator.
//!
//! Source: the table beside this file, and GS1 General Specifications, section 7.8, figure of the element strings with
//! pre-defined length.

use crate::domain::code::gtin;

/// The rule for the value of an application identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueRule {
    /// Digits: the least and the most of them.
    Digits(u8, u8),
    /// This many digits, the last one a right check digit.
    Checked(u8),
    /// `YYMMDD`; day `00` is the end of the month.
    Date,
    /// Characters of the GS1 set of 82: the least and the most of them.
    Text(u8, u8),
    /// Characters of the GS1 set of 39, likewise.
    Part(u8, u8),
}

impl ValueRule {
    /// Returns true if this rule allows `value`.
    pub(super) fn accepts(self, value: &str) -> bool {
        let is_long = |min: u8, max: u8| (usize::from(min)..=usize::from(max)).contains(&value.len());
        match self {
            Self::Digits(min, max) => is_long(min, max) && is_digits(value),
            Self::Checked(length) => is_long(length, length) && gtin::has_check_digit(value),
            Self::Date => is_date(value),
            Self::Text(min, max) => is_long(min, max) && value.bytes().all(is_in_set_82),
            Self::Part(min, max) => is_long(min, max) && value.bytes().all(is_in_set_39),
        }
    }
}

/// Returns the length of an element, application identifier included, whose first two digits fix it. Such an element
/// needs no separator behind it, whether we know its application identifier or not; the figure is closed and will not
/// change.
pub(super) fn predefined_length(field: &str) -> Option<usize> {
    Some(match field.get(..2)? {
        "00" => 20,
        "01" | "02" | "03" | "41" => 16,
        "04" => 18,
        "11" | "12" | "13" | "14" | "15" | "16" | "17" | "18" | "19" => 8,
        "20" => 4,
        "31" | "32" | "33" | "34" | "35" | "36" => 10,
        _ => return None,
    })
}

/// Returns true if `text` is ASCII digits alone, and not empty.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns true if `text` is a date `YYMMDD`. The years 1951 to 2050 are meant, so every fourth is a leap year (GS1
/// General Specifications, section 7.12, determination of century in dates).
fn is_date(text: &str) -> bool {
    let number = |range| text.get(range).filter(|part| is_digits(part)).and_then(|part| part.parse().ok());
    let (Some(year), Some(month), Some(day)) = (number(0..2), number(2..4), number(4..6)) else {
        return false;
    };
    let days: u8 = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if u8::is_multiple_of(year, 4) => 29,
        2 => 28,
        _ => return false,
    };
    // Day 00 passes: it means the end of the month.
    text.len() == 6 && day <= days
}

/// Returns true for GS1 AI encodable character set 39 (GS1 General Specifications, section 7.11).
const fn is_in_set_39(byte: u8) -> bool {
    matches!(byte, b'#' | b'-' | b'/' | b'0'..=b'9' | b'A'..=b'Z')
}

/// Returns true for GS1 AI encodable character set 82 (GS1 General Specifications, section 7.11).
const fn is_in_set_82(byte: u8) -> bool {
    matches!(byte, b'!' | b'"' | b'%'..=b'?' | b'A'..=b'Z' | b'_' | b'a'..=b'z')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_of_the_calendar_or_ends_of_months() {
        for date in ["261231", "240229", "000229", "260200", "991130"] {
            assert!(ValueRule::Date.accepts(date), "{date}");
        }
        for date in
            ["261301", "260001", "260230", "230229", "261131", "2612310", "26123", "26+1+1", "", "2é1231"]
        {
            assert!(!ValueRule::Date.accepts(date), "{date}");
        }
    }

    #[test]
    fn text_is_of_the_set_of_82() {
        assert!(ValueRule::Text(1, 30).accepts("Aa09!%&'()*+,-./:;<=>?_\""));
        for text in ["", "A B", "A#B", "A$B", "A@B", "A[B", "A\\B", "A^B", "A`B", "A{B", "é"] {
            assert!(!ValueRule::Text(1, 20).accepts(text), "{text}");
        }
        assert!(!ValueRule::Text(1, 20).accepts(&"A".repeat(21)));
    }
}
