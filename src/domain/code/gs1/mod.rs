//! GS1 element strings: the GTIN, lot, expiry, count and more that one symbol carries.
//!
//! Promises: a field is given only if its value is one the General Specifications allow, and only if the code does not
//! contradict itself about it. It does not decide whether the good is known, and it does not guess where a separator
//! was left out. An amount that may have lost its separator is no amount.

mod amount;
mod link;
mod rule;
mod spelling;
mod table;

pub use amount::Amount;
pub use link::read as read_link;
pub use spelling::{element_string, first_item};
pub use table::EDITION;

use crate::domain::code::gtin::Gtin;
use crate::domain::stock::quantity::Quantity;

/// The most elements taken from one code. Real symbols carry fewer than ten.
pub const ELEMENTS_MAX: usize = 32;

/// The separator between elements: FNC1 as a scanner sends it.
const GROUP_SEPARATOR: char = '\u{1d}';

/// The contents of the elements of one code.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gs1Data {
    /// The trade item: AI 01, and AI 02 only where there is no 01. AI 02 is the item *contained in* a
    /// logistic unit, so it is what the stock gains or loses by the unit's label, but where the label
    /// names an item of its own, that one is meant (GS1 General Specifications, section 3.2, AI 02).
    pub gtin: Option<Gtin>,
    /// Batch or lot, AI 10, 1..=20 characters.
    pub lot: Option<String>,
    /// Serial number, AI 21, 1..=20 characters.
    pub serial: Option<String>,
    /// Expiration date, AI 17, `YYMMDD`; day `00` is the end of the month.
    pub expiry: Option<String>,
    /// The number of items for which the code stands, 1..=99999999: AI 30 beside an item (01), AI 37 beside items
    /// contained (02).
    pub count: Option<u32>,
    /// The amount of the item for which one scan of the label stands.
    pub amount: Amount,
    /// Net weight in kilograms, AI 310n.
    pub net_weight_kg: Option<Quantity>,
    /// Every element with a known AI, as AI and value, in the order of the code, as it stands there,
    /// at most [`ELEMENTS_MAX`]. A value may be one that is not allowed.
    pub elements: Vec<(String, String)>,
}

impl Gs1Data {
    /// Reads a string that its symbol declares to be GS1 elements. Unknown or wrong parts are passed over up to the
    /// next separator; they do not hide the rest.
    pub fn read_declared(text: &str) -> Self {
        Self::of(walk(text))
    }

    /// Reads a string that only looks like GS1 elements: every element has to be known and right, and
    /// there has to be a GTIN among them.
    pub fn read_undeclared(text: &str) -> Option<Self> {
        let walk = walk(text);
        let is_whole = walk.strays.is_empty();
        let data = Self::of(walk);
        let all_right = is_whole && data.elements.iter().all(|(ai, _)| data.value(ai).is_some());
        if all_right && data.gtin.is_some() { Some(data) } else { None }
    }

    fn of(walk: Walk<'_>) -> Self {
        let mut data = Self { elements: walk.elements, ..Self::default() };
        data.gtin = data.value(if data.is_of_contents() { "02" } else { "01" }).and_then(Gtin::read);
        data.count = data.count_of(if data.is_of_contents() { "37" } else { "30" });
        data.amount = amount::of(&data, &walk.strays);
        data.lot = data.value("10").map(str::to_owned);
        data.serial = data.value("21").map(str::to_owned);
        data.expiry = data.value("17").map(str::to_owned);
        data.net_weight_kg = (0..=5).find_map(|decimals| data.weight_of(decimals));
        data
    }

    /// Returns true if the label names no item of its own (AI 01), but at most those contained in a logistic unit (AI
    /// 02).
    fn is_of_contents(&self) -> bool {
        !self.has("01")
    }

    /// Returns true if an element with `ai` stands in the code, right or wrong.
    fn has(&self, ai: &str) -> bool {
        self.elements.iter().any(|(other, _)| other == ai)
    }

    /// Returns the value of `ai`, if it is allowed and the code gives no other one.
    fn value(&self, ai: &str) -> Option<&str> {
        let mut values = self.elements.iter().filter(|(other, _)| other == ai).map(|(_, value)| value);
        let first = values.next()?;
        let allowed = table::of(ai).is_some_and(|rule| rule.accepts(first));
        if allowed && values.all(|value| value == first) { Some(first) } else { None }
    }

    /// Returns the count of `ai`. A count of zero says nothing about the goods in hand, so it is not returned.
    fn count_of(&self, ai: &str) -> Option<u32> {
        self.value(ai)?.parse().ok().filter(|&count| count > 0)
    }

    fn weight_of(&self, decimals: u32) -> Option<Quantity> {
        let number: i64 = self.value(&format!("310{decimals}"))?.parse().ok()?;
        // The last digit of the identifier is the number of decimals: the value of 3103 is in grams.
        let millionths = 10_i64.checked_pow(6_u32.checked_sub(decimals)?)?;
        number.checked_mul(millionths).map(Quantity::from_millionths)
    }
}

/// The elements and strays on the way through a string.
struct Walk<'a> {
    elements: Vec<(String, String)>,
    /// The parts that are no element with a known identifier.
    strays: Vec<&'a str>,
}

/// Walks through `text`, separator by separator. Separators in front, behind, or where none is needed
/// are passed over: scanners differ in what they send for FNC1.
fn walk(text: &str) -> Walk<'_> {
    let mut walk = Walk { elements: Vec::new(), strays: Vec::new() };
    for field in text.split(GROUP_SEPARATOR) {
        walk.field(field);
    }
    walk
}

impl<'a> Walk<'a> {
    /// Takes the elements between two separators: any number of a predefined length, then at most one
    /// other, which reaches up to the separator.
    fn field(&mut self, field: &'a str) {
        let mut rest = field;
        while !rest.is_empty() {
            let predefined = rule::predefined_length(rest);
            let Some((element, behind)) = rest.split_at_checked(predefined.unwrap_or(rest.len())) else {
                self.strays.push(rest);
                return;
            };
            self.element(element);
            rest = behind;
        }
    }

    fn element(&mut self, element: &'a str) {
        match table::split(element) {
            Some((ai, _, value)) if self.elements.len() < ELEMENTS_MAX => {
                self.elements.push((ai.to_owned(), value.to_owned()));
            }
            // An element beyond the limit is a stray, so that the code does not count as read whole.
            Some(_) | None => self.strays.push(element),
        }
    }
}

#[cfg(test)]
mod tests;
