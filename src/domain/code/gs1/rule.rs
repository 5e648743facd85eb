//! The rules for the values of application identifiers, and the lengths of elements that need no separator.
//!
//! Source: the table beside this file, and GS1 General Specifications, section 7.8, figure of the element strings with
//! pre-defined length.

use super::table::TABLE;
use crate::domain::code::gtin;

/// The rule for the value of an application identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
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

impl Rule {
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

/// Splits off the application identifier at the front of `field`: the identifier, its rule, and what follows it.
pub(super) fn split(field: &str) -> Option<(&str, Rule, &str)> {
    (2..=4).find_map(|digits| {
        let (ai, rest) = field.split_at_checked(digits)?;
        Some((ai, of(ai)?, rest))
    })
}

/// Returns the rule of an application identifier of 2 to 4 digits, if the table has it.
pub(super) fn of(ai: &str) -> Option<Rule> {
    let number: u16 = Some(ai).filter(|ai| is_digits(ai))?.parse().ok()?;
    let digits = match number {
        0..=99 => 2,
        100..=999 => 3,
        _ => 4,
    };
    let after = TABLE.partition_point(|(first, _, _)| *first <= number);
    let (_, last, rule) = TABLE.get(after.checked_sub(1)?)?;
    (ai.len() == digits && number <= *last).then_some(*rule)
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
    fn an_application_identifier_is_known_by_its_own_number_of_digits() {
        for ai in ["00", "01", "10", "240", "400", "3103", "3695", "8005", "8020", "99"] {
            assert!(of(ai).is_some(), "{ai}");
        }
        for ai in
            ["", "1", "001", "0010", "0240", "23", "310", "3106", "3180", "3380", "+1", "٣1", "04", "7300"]
        {
            assert_eq!(of(ai), None, "{ai}");
        }
    }

    #[test]
    fn the_table_has_every_identifier_of_its_edition_in_order() {
        let count: u16 = TABLE.iter().map(|(first, last, _)| last - first + 1).sum();
        assert_eq!(count, 541);
        assert!(TABLE.iter().all(|(first, last, _)| first <= last));
        assert!(TABLE.is_sorted_by(|(_, last, _), (next, _, _)| last < next));
        for (ai, rule) in [
            ("03", Rule::Checked(14)),
            ("717", Rule::Text(1, 20)),
            ("7041", Rule::Text(1, 4)),
            ("7250", Rule::Digits(8, 8)),
            ("8014", Rule::Text(1, 25)),
            ("8043", Rule::Digits(18, 20)),
            ("8010", Rule::Part(1, 30)),
            ("99", Rule::Text(1, 90)),
        ] {
            assert_eq!(of(ai), Some(rule), "{ai}");
        }
        assert_eq!((of("100"), of("418"), of("9999")), (None, None, None));
    }

    #[test]
    fn no_application_identifier_begins_another() {
        let known: Vec<String> = (0..10_000_u16)
            .flat_map(|n| [format!("{n:02}"), format!("{n:03}"), format!("{n:04}")])
            .filter(|ai| ai.len() <= 4 && of(ai).is_some())
            .collect();
        for ai in &known {
            assert!(!known.iter().any(|other| other != ai && other.starts_with(ai.as_str())), "{ai}");
        }
    }

    #[test]
    fn a_predefined_length_agrees_with_the_rule() {
        for n in 0..10_000_u16 {
            let ai = if n < 100 { format!("{n:02}") } else { n.to_string() };
            let Some(rule) = of(&ai) else { continue };
            let value_length = predefined_length(&ai).map(|total| total - ai.len());
            match (value_length, rule) {
                (Some(length), Rule::Checked(checked)) => assert_eq!(length, usize::from(checked), "{ai}"),
                (Some(length), Rule::Digits(min, max)) => {
                    assert_eq!((length, length), (usize::from(min), usize::from(max)), "{ai}");
                }
                (Some(length), Rule::Date) => assert_eq!(length, 6, "{ai}"),
                (Some(_), Rule::Text(..) | Rule::Part(..)) => panic!("{ai} is text of a fixed length"),
                (None, rule) => assert_ne!(rule, Rule::Date, "{ai}"),
            }
        }
    }

    #[test]
    fn dates_are_days_of_the_calendar_or_ends_of_months() {
        for date in ["261231", "240229", "000229", "260200", "991130"] {
            assert!(Rule::Date.accepts(date), "{date}");
        }
        for date in
            ["261301", "260001", "260230", "230229", "261131", "2612310", "26123", "26+1+1", "", "2é1231"]
        {
            assert!(!Rule::Date.accepts(date), "{date}");
        }
    }

    #[test]
    fn text_is_of_the_set_of_82() {
        assert!(Rule::Text(1, 30).accepts("Aa09!%&'()*+,-./:;<=>?_\""));
        for text in ["", "A B", "A#B", "A$B", "A@B", "A[B", "A\\B", "A^B", "A`B", "A{B", "é"] {
            assert!(!Rule::Text(1, 20).accepts(text), "{text}");
        }
        assert!(!Rule::Text(1, 20).accepts(&"A".repeat(21)));
    }
}
