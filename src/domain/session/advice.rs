//! Advice: signs in the scans that a scanner's set-up differs from its configuration.
//!
//! One odd code may be a smudge or a bad label; two in a row are a sign. The advice is given once, until the scanner
//! has shown that it reads right. It decides nothing: each scan is booked, parked or refused as usual.

use std::collections::BTreeSet;
use std::fmt;

use crate::domain::code::barcode::{Barcode, Key};
use crate::domain::code::gtin::has_check_digit;
use crate::domain::decode::keymap::{LAYOUTS, Layout, Level, Stroke};

/// The number of odd scans in a row that are a sign.
const SIGN: u8 = 2;

/// The keys of the digits on a keyboard, 1 to 0 (`KEY_1` to `KEY_0`, `linux/include/uapi/linux/input-event-codes.h`).
const DIGIT_KEYS: std::ops::RangeInclusive<u16> = 2..=11;

/// The fewest characters, and the fewest different ones, of a text that counts as digits typed in another layout: an
/// EAN-8 has eight digits, and a row of dashes is no code.
const SHIFTED_CHARS_MIN: usize = 8;
const SHIFTED_KINDS_MIN: usize = 3;

/// A fault of a scanner, as its scans suggest it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Codes as long as a GTIN, with a wrong check digit, that no good has.
    CheckDigit,
    /// Codes of the signs that share the keys of the digits.
    ShiftedDigits,
}

impl Advice {
    /// The remedy, the same for every fault.
    pub const CURE: &str = "run `stockpoint calibrate`";
}

impl fmt::Display for Advice {
    /// Writes the symptom and its likely cause.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CheckDigit => {
                "the check digit is wrong twice in a row: the scanner may be set to another layout, or drops digits"
            }
            Self::ShiftedDigits => {
                "signs in place of digits twice in a row: the scanner is set to another layout than the configuration says"
            }
        })
    }
}

/// The evidence that a scan gives about its scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The scanner reads right.
    Sound,
    /// The scanner may be set up wrong.
    Odd(Advice),
    /// None: noise, or the scan before it repeated.
    Nothing,
}

/// The form in which a scanner sends codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// As keys of a keyboard.
    AsKeys,
    /// As text.
    AsText,
}

impl Evidence {
    /// Judges a code that no good has.
    pub fn of_unknown(barcode: &Barcode, sent: Sent) -> Self {
        let text = barcode.text.trim_ascii();
        // Keys of text alone: in no spelling of a GTIN is the check digit right.
        let is_text = barcode.tiers.iter().flatten().all(|key| matches!(key, Key::Text(_)));
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let is_gtin_long = matches!(text.len(), 8 | 12..=14);
        if is_number && is_gtin_long && is_text && !has_check_digit(text) {
            Self::Odd(Advice::CheckDigit)
        } else if sent == Sent::AsKeys && is_shifted_digits(text) {
            Self::Odd(Advice::ShiftedDigits)
        } else {
            Self::Sound
        }
    }
}

/// The odd scans of one scanner in a row.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadingWatch {
    in_row: u8,
    standing: Option<Advice>,
}

impl ReadingWatch {
    /// Records the evidence of one scan, and returns advice when it becomes due.
    pub fn take(&mut self, evidence: Evidence) -> Option<Advice> {
        match evidence {
            Evidence::Nothing => None,
            Evidence::Sound => {
                *self = Self::default();
                None
            }
            Evidence::Odd(advice) => {
                self.in_row = self.in_row.saturating_add(1);
                // Once is enough: the person knows of the fault until the scanner reads right again.
                let is_due = self.in_row >= SIGN && self.standing.is_none();
                if is_due {
                    self.standing = Some(advice);
                }
                Some(advice).filter(|_| is_due)
            }
        }
    }

    /// Returns the advice that stands until the scanner reads right.
    pub const fn standing(&self) -> Option<Advice> {
        self.standing
    }
}

/// Returns true if all characters are signs on the digits' keys in one of the layouts: `!@#$%`, or `&é"'(` where
/// digits need Shift. A text that is too short or too uniform does not count.
fn is_shifted_digits(text: &str) -> bool {
    let kinds: BTreeSet<char> = text.chars().collect();
    let may_be = text.chars().count() >= SHIFTED_CHARS_MIN && kinds.len() >= SHIFTED_KINDS_MIN;
    may_be && !text.bytes().any(|byte| byte.is_ascii_alphanumeric()) && {
        LAYOUTS.iter().any(|(_, name)| {
            let layout = Layout::of(*name);
            let signs: Vec<char> = DIGIT_KEYS.flat_map(|key| signs_of(&layout, key)).collect();
            kinds.iter().all(|c| signs.contains(c))
        })
    }
}

fn signs_of(layout: &Layout, key: u16) -> impl Iterator<Item = char> {
    [false, true].map(|shift| layout.stroke(key, Level { shift, ..Level::default() })).into_iter().filter_map(
        |stroke| match stroke {
            Stroke::Char(c) | Stroke::Dead(c) if !c.is_ascii_digit() => Some(c),
            Stroke::Char(_) | Stroke::Dead(_) | Stroke::Nothing => None,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRONG: Evidence = Evidence::Odd(Advice::CheckDigit);

    fn of(text: &str) -> Evidence {
        Evidence::of_unknown(&Barcode::read(text), Sent::AsKeys)
    }

    #[test]
    fn a_number_as_long_as_a_gtin_with_a_wrong_check_digit_is_odd() {
        for text in [
            "4006381333932",
            "]E04006381333932",
            "036000291453",
            "96385075",
            "14006381333930",
            "400638133393",
        ] {
            assert_eq!(of(text), WRONG, "{text}");
        }
        for text in ["4006381333931", "04252614", "]E096385074", "40063813339", "SHELF-12A", "7"] {
            assert_eq!(of(text), Evidence::Sound, "{text}");
        }
    }

    #[test]
    fn digits_typed_in_another_layout_are_odd() {
        let shifted = Evidence::Odd(Advice::ShiftedDigits);
        // 4006381333931 as us, uk, de and be have it with Shift, and as fr and cz have it without.
        for text in [
            "$))^#*!###(#!",
            "$))^£*!£££(£!",
            "$==&§(!§§§)§!",
            "'àà§\"!&\"\"\"ç\"&",
            "'àà-\"_&\"\"\"ç\"&",
            "čééžšá+šššíš+",
        ] {
            assert_eq!(of(text), shifted, "{text}");
            assert_eq!(Evidence::of_unknown(&Barcode::read(text), Sent::AsText), Evidence::Sound, "{text}");
        }
        for text in ["$))^#*!", "--------", "$))^#*!#4#(#!", "A$))^#*!###(#!", ".:,;.:,;"] {
            assert_eq!(of(text), Evidence::Sound, "{text}");
        }
    }

    /// Returns the outcome of each scan: `!` for advice, `.` for nothing.
    fn said(evidence: &[Evidence]) -> String {
        let mut watch = ReadingWatch::default();
        evidence.iter().map(|evidence| if watch.take(*evidence).is_some() { '!' } else { '.' }).collect()
    }

    #[test]
    fn two_odd_scans_in_a_row_are_said_once_until_one_is_sound() {
        let (sound, nothing) = (Evidence::Sound, Evidence::Nothing);
        assert_eq!(said(&[WRONG, WRONG, WRONG, WRONG]), ".!..");
        assert_eq!(said(&[WRONG, sound, WRONG, sound, WRONG]), ".....");
        assert_eq!(said(&[WRONG, nothing, WRONG, nothing, WRONG]), "..!..");
        assert_eq!(said(&[WRONG, WRONG, sound, WRONG, WRONG]), ".!..!");
        assert_eq!(said(&[WRONG, Evidence::Odd(Advice::ShiftedDigits), WRONG]), ".!.");
    }

    #[test]
    fn advice_stands_until_the_scanner_reads_right() {
        let mut watch = ReadingWatch::default();
        for evidence in [WRONG, WRONG, Evidence::Nothing] {
            let _said = watch.take(evidence);
        }
        assert_eq!(watch.standing(), Some(Advice::CheckDigit));
        assert_eq!((watch.take(Evidence::Sound), watch.standing()), (None, None));
    }
}
