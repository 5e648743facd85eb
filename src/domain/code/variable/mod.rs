//! In-store codes with a measure inside: labels of goods sold by weight, count or price.
//!
//! Such a label is an EAN-13 that begins with 20 to 29, or a UPC-A that begins with 2. The meaning of its other digits
//! is agreed within a country or a company (GS1 General Specifications, section 2.1.14, restricted circulation numbers
//! with a variable measure), so the configuration gives it, with a pattern for each kind of label. Without any pattern
//! such a code is a code like any other.
//!
//! Promises: a code fits a pattern digit for digit and with a right check digit, or not at all. It does not look
//! anything up; it knows prices only from the good that it is given.

use std::fmt;

use rust_decimal::Decimal;

use crate::domain::code::barcode::{Barcode, Key};
use crate::domain::code::gtin::with_check_digit;
use crate::domain::code::measure::Measure;
use crate::domain::stock::quantity::{Money, Quantity};

/// The most patterns of one station: a country has some five, and a company's own come on top.
pub const PATTERNS_MAX: usize = 16;

/// The most decimals of a measure: what a [`Quantity`] holds.
pub const DECIMALS_MAX: u32 = 6;

/// The digits of an EAN-13; a UPC-A is one with a zero in front.
const DIGITS: usize = 13;

/// The kind of measure on a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    /// A weight, in the good's sale unit.
    Weight,
    /// A number of pieces, in the good's sale unit.
    Count,
    /// The price of the goods behind the label together.
    Price,
}

impl Measured {
    /// Returns the decimals of the measure where the configuration gives none: grams of a kilogram, whole pieces,
    /// cents.
    pub const fn usual_decimals(self) -> u32 {
        match self {
            Self::Weight => 3,
            Self::Count => 0,
            Self::Price => 2,
        }
    }
}

/// The code by which the good of a label is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemCode {
    /// The label's code with zeros for the measure and its verifier, and the check digit that goes with them. It is the
    /// code that point-of-sale systems keep with the good, Odoo's "Barcode nomenclature" for one: the label
    /// 2112345015002 is 1.5 kg of the good with the barcode 2112345000008.
    Zeroed,
    /// The digits of the item reference alone.
    Reference,
}

/// The pattern of one kind of label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    written: String,
    measured: Measured,
    decimals: u32,
    item: ItemCode,
}

/// The reason why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPattern {
    /// It has not as many characters as an EAN-13 or a UPC-A has digits.
    Length,
    /// It begins as no code that may carry a measure.
    Front,
    /// It has a character that means nothing.
    Character,
    /// It has no check digit at its end, or one elsewhere.
    CheckDigit,
    /// It has no item reference.
    Item,
    /// It has not one measure, in one piece.
    Measure,
    /// It has a measure of prices where none is meant, or the other way round.
    Letter,
    /// It has a verifier of a measure for which none is defined, or more than one.
    Verifier,
}

impl BadPattern {
    /// Returns the fault, in words that fit behind the name of the key.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Length => "has not 12 or 13 characters, as a UPC-A or an EAN-13 has",
            Self::Front => "does not begin with 2 or, of 13 characters, with 02",
            Self::Character => "holds another character than digits, I, W, P, V and C",
            Self::CheckDigit => "does not end with the only C, the check digit",
            Self::Item => "has no I, the digits that name the good",
            Self::Measure => "has no W or P, the digits of the measure, in one piece",
            Self::Letter => "has W where a price is measured, or P where none is",
            Self::Verifier => {
                "has more than one V, or a V beside other than four or five digits of a measure"
            }
        }
    }
}

impl Pattern {
    /// Reads a pattern of twelve or thirteen characters: digits stand for themselves, `I` for the item, `W` for the
    /// measure, `P` for a price, `V` for its verifier, `C` for the check digit.
    ///
    /// # Errors
    /// [`BadPattern`] for the first fault in it.
    pub fn new(written: &str, measured: Measured, decimals: u32, item: ItemCode) -> Result<Self, BadPattern> {
        let bad = why_bad(written, measured);
        let pattern =
            Self { written: written.to_owned(), measured, decimals: decimals.min(DECIMALS_MAX), item };
        bad.map_or(Ok(pattern), Err)
    }

    /// Returns the pattern as it is written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Returns the kind of measure.
    pub const fn measured(&self) -> Measured {
        self.measured
    }

    /// Returns the number of digits of the measure behind the point, 0..=[`DECIMALS_MAX`].
    pub const fn decimals(&self) -> u32 {
        self.decimals
    }

    /// Returns the code by which the good is known.
    pub const fn item(&self) -> ItemCode {
        self.item
    }

    /// Returns the good's code and the measure, of a number that fits.
    fn read(&self, ean: &str) -> Option<(String, Measure)> {
        let pattern = format!("{:0>DIGITS$}", self.written);
        let places = || pattern.chars().zip(ean.chars());
        if ean.len() != DIGITS || places().any(|(place, digit)| place.is_ascii_digit() && place != digit) {
            return None;
        }
        let of = |letters: &[char]| -> String {
            places().filter(|(place, _)| letters.contains(place)).map(|(_, digit)| digit).collect()
        };
        let item = match self.item {
            ItemCode::Reference => of(&['I']),
            ItemCode::Zeroed => {
                let without_check = places().take(DIGITS - 1);
                let zeroed =
                    without_check.map(|(place, digit)| if "WPV".contains(place) { '0' } else { digit });
                with_check_digit(&zeroed.collect::<String>())
            }
        };
        let (digits, verifier) = (of(&['W', 'P']), of(&['V']));
        let is_verified = verifier.is_empty() || verifier_of(&digits).is_some_and(|right| verifier == right);
        let measure = if is_verified { self.measure(&digits)? } else { Measure::Unverified };
        Some((item, measure))
    }

    fn measure(&self, digits: &str) -> Option<Measure> {
        let amount = Decimal::new(digits.parse().ok()?, self.decimals);
        Some(match self.measured {
            Measured::Weight | Measured::Count => Measure::Amount(Quantity::from_decimal(amount)?),
            Measured::Price => Measure::Price(Money::new(amount)),
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.written)
    }
}

/// Reads the code of a label with a measure as its good's code, with the measure. `None` if it fits no pattern; the
/// first that it fits decides.
pub fn read(patterns: &[Pattern], barcode: &Barcode) -> Option<Barcode> {
    // An EAN-13 or a UPC-A, however many zeros the scanner puts in front; no EAN-8, no GS1 elements.
    let is_ean = matches!(barcode.text.trim_ascii().len(), 12..=14) && barcode.gs1.is_none();
    // One tier with one GTIN: the code is a plain EAN or UPC.
    let [tier] = barcode.tiers.as_slice() else { return None };
    let [Key::Gtin(gtin)] = tier.as_slice() else { return None };
    let ean = gtin.as_str().strip_prefix('0').filter(|_| is_ean)?;
    let (item, measure) = patterns.iter().find_map(|pattern| pattern.read(ean))?;
    Some(Barcode { measure: Some(measure), ..Barcode::read(&item) })
}

fn why_bad(written: &str, measured: Measured) -> Option<BadPattern> {
    let count = |letter: char| written.chars().filter(|c| *c == letter).count();
    let letter = if measured == Measured::Price { 'P' } else { 'W' };
    let digits = count(letter);
    let first = written.find(['W', 'P']).and_then(|at| written.get(at..)).unwrap_or_default();
    let in_one_piece =
        first.chars().take_while(|c| *c == 'W' || *c == 'P').count() == count('W') + count('P');
    let checks = [
        (BadPattern::Length, matches!(written.len(), 12 | DIGITS)),
        (BadPattern::Character, written.chars().all(|c| c.is_ascii_digit() || "IWPVC".contains(c))),
        (
            BadPattern::Front,
            written.starts_with('2') || (written.len() == DIGITS && written.starts_with("02")),
        ),
        (BadPattern::CheckDigit, written.ends_with('C') && count('C') == 1),
        (BadPattern::Item, count('I') > 0),
        (BadPattern::Measure, !first.is_empty() && in_one_piece),
        (BadPattern::Letter, digits == count('W') + count('P')),
        (BadPattern::Verifier, count('V') == 0 || (count('V') == 1 && matches!(digits, 4 | 5))),
    ];
    checks.into_iter().find(|(_, is_right)| !is_right).map(|(why, _)| why)
}

/// Returns the verifier of a measure of four or five digits (GS1 General Specifications, sections 7.9.2 to 7.9.4, check
/// digits of price and weight fields). The weight `2-` doubles a digit and takes the tens of that off its units, `5-`
/// does so with five times the digit, `5+` adds them.
fn verifier_of(digits: &str) -> Option<String> {
    let digits: Option<Vec<u32>> = digits.chars().map(|c| c.to_digit(10)).collect();
    let digits = digits?;
    let weighted = |weights: &[fn(u32) -> u32]| -> u32 {
        digits.iter().zip(weights).map(|(digit, weight)| weight(*digit)).sum()
    };
    let verifier = match digits.len() {
        // The units of three times the sum are the verifier.
        4 => weighted(&[two_minus, two_minus, three, five_minus]) * 3 % 10,
        5 => {
            let sum = weighted(&[five_plus, two_minus, five_minus, five_plus, two_minus]);
            // The verifier is the digit whose own weight `5-` fills the sum up to a multiple of ten.
            let lacking = (10 - sum % 10) % 10;
            (0..10).find(|digit| five_minus(*digit) == lacking)?
        }
        _ => return None,
    };
    Some(verifier.to_string())
}

fn three(digit: u32) -> u32 {
    3 * digit % 10
}

fn two_minus(digit: u32) -> u32 {
    let product = 2 * digit;
    (product % 10 + 10 - product / 10) % 10
}

fn five_minus(digit: u32) -> u32 {
    let product = 5 * digit;
    (product % 10 + 10 - product / 10) % 10
}

fn five_plus(digit: u32) -> u32 {
    let product = 5 * digit;
    (product % 10 + product / 10) % 10
}

#[cfg(test)]
mod tests;
