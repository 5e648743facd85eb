//! The table of GS1 application identifiers: how long each one is, and what its value may be.
//!
//! Source: GS1 General Specifications, section 3.2, table of GS1 Application Identifiers, and section
//! 7.8, figure of the element strings with pre-defined length. Values composed of parts (for instance a
//! country code followed by text) are checked as a whole, by their characters and length.

use std::ops::RangeInclusive;

use crate::domain::gtin;

/// What the value of an application identifier may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rule {
    /// Digits, this many.
    Digits(RangeInclusive<usize>),
    /// This many digits, the last one a right check digit.
    Checked(usize),
    /// `YYMMDD`; day `00` is the end of the month.
    Date,
    /// Characters of the GS1 set of 82, this many.
    Text(RangeInclusive<usize>),
}

impl Rule {
    /// Whether `value` is one this rule allows.
    pub(super) fn accepts(&self, value: &str) -> bool {
        match self {
            Self::Digits(lengths) => lengths.contains(&value.len()) && is_digits(value),
            Self::Checked(length) => value.len() == *length && gtin::has_check_digit(value),
            Self::Date => is_date(value),
            Self::Text(lengths) => lengths.contains(&value.len()) && value.bytes().all(is_in_set_82),
        }
    }
}

/// The application identifier at the front of `field`, its rule, and what follows it.
pub(super) fn split(field: &str) -> Option<(&str, Rule, &str)> {
    (2..=4).find_map(|digits| {
        let (ai, rest) = field.split_at_checked(digits)?;
        Some((ai, of(ai)?, rest))
    })
}

/// The rule of an application identifier of 2 to 4 digits, if it is one we know.
pub(super) fn of(ai: &str) -> Option<Rule> {
    let number: u16 = Some(ai).filter(|ai| is_digits(ai))?.parse().ok()?;
    let digits = match number {
        0..=99 => 2,
        100..=999 => 3,
        _ => 4,
    };
    if ai.len() == digits { of_number(number) } else { None }
}

fn of_number(ai: u16) -> Option<Rule> {
    Some(match ai {
        0 | 8017 | 8018 => Rule::Checked(18),
        1 | 2 => Rule::Checked(14),
        402 => Rule::Checked(17),
        410..=417 => Rule::Checked(13),
        11..=13 | 15..=17 => Rule::Date,
        3100..=3169 | 3200..=3379 | 3400..=3579 | 3600..=3699 if ai % 10 <= 5 => Rule::Digits(6..=6),
        20 | 7241 => Rule::Digits(2..=2),
        242 => Rule::Digits(1..=6),
        255 => Rule::Digits(13..=25),
        30 | 37 => Rule::Digits(1..=8),
        3900..=3909 | 3920..=3929 => Rule::Digits(1..=15),
        3910..=3919 | 3930..=3939 => Rule::Digits(4..=18),
        3940..=3943 | 8111 => Rule::Digits(4..=4),
        3950..=3955 | 4326 | 7006 | 8005 => Rule::Digits(6..=6),
        422 | 424 | 426 => Rule::Digits(3..=3),
        423 | 425 => Rule::Digits(3..=15),
        4309 => Rule::Digits(20..=20),
        4321..=4323 => Rule::Digits(1..=1),
        4324 | 4325 | 7003 => Rule::Digits(10..=10),
        7001 => Rule::Digits(13..=13),
        7004 => Rule::Digits(1..=4),
        7007 => Rule::Digits(6..=12),
        7011 => Rule::Digits(6..=10),
        8001 => Rule::Digits(14..=14),
        8006 | 8026 => Rule::Digits(18..=18),
        8008 => Rule::Digits(8..=12),
        8011 => Rule::Digits(1..=12),
        8019 => Rule::Digits(1..=10),
        _ => return text_of_number(ai),
    })
}

fn text_of_number(ai: u16) -> Option<Rule> {
    Some(match ai {
        7010 => Rule::Text(1..=2),
        4307 | 4317 => Rule::Text(2..=2),
        427 | 7008 => Rule::Text(1..=3),
        7040 => Rule::Text(4..=4),
        4330..=4333 => Rule::Text(6..=7),
        7009 => Rule::Text(1..=10),
        421 => Rule::Text(4..=12),
        7005 => Rule::Text(1..=12),
        10 | 21 | 22 | 243 | 254 | 420 | 4318 | 7020..=7022 | 710..=716 | 7240 | 8002 | 8012 => {
            Rule::Text(1..=20)
        }
        7242 | 8013 | 8020 => Rule::Text(1..=25),
        235 => Rule::Text(1..=28),
        90 | 240 | 241 | 250 | 251 | 400 | 401 | 403 | 4308 | 4319 | 7002 | 7023 | 8004 | 8010 => {
            Rule::Text(1..=30)
        }
        253 => Rule::Text(13..=30),
        7030..=7039 => Rule::Text(4..=30),
        7230..=7239 => Rule::Text(3..=30),
        8003 => Rule::Text(14..=30),
        8007 => Rule::Text(1..=34),
        4300 | 4301 | 4310 | 4311 | 4320 => Rule::Text(1..=35),
        8009 => Rule::Text(1..=50),
        4302..=4306 | 4312..=4316 | 8110 | 8112 | 8200 => Rule::Text(1..=70),
        91..=99 | 8030 => Rule::Text(1..=90),
        _ => return None,
    })
}

/// The length of an element, application identifier included, whose first two digits fix it. Such an
/// element needs no separator behind it, whether we know its application identifier or not; the figure
/// is closed and will not change.
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

/// Whether `text` is ASCII digits alone, and not empty.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether `text` is a date `YYMMDD`. The years 1951 to 2050 are meant, so every fourth is a leap year
/// (GS1 General Specifications, section 7.12, determination of century in dates).
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

/// GS1 AI encodable character set 82 (GS1 General Specifications, section 7.11).
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
        for ai in ["", "1", "001", "0010", "0240", "23", "310", "3106", "3180", "3380", "+1", "٣1", "03"] {
            assert_eq!(of(ai), None, "{ai}");
        }
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
                (Some(length), Rule::Checked(checked)) => assert_eq!(length, checked, "{ai}"),
                (Some(length), Rule::Digits(digits)) => assert_eq!(length..=length, digits, "{ai}"),
                (Some(length), Rule::Date) => assert_eq!(length, 6, "{ai}"),
                (Some(_), Rule::Text(_)) => panic!("{ai} is text of a fixed length"),
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
        assert!(Rule::Text(1..=30).accepts("Aa09!%&'()*+,-./:;<=>?_\""));
        for text in ["", "A B", "A#B", "A$B", "A@B", "A[B", "A\\B", "A^B", "A`B", "A{B", "é"] {
            assert!(!Rule::Text(1..=20).accepts(text), "{text}");
        }
        assert!(!Rule::Text(1..=20).accepts(&"A".repeat(21)));
    }
}
