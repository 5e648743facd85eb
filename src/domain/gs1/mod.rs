//! GS1 element strings: the GTIN, lot, expiry, count and more that one symbol carries.
//!
//! Promises: a field is told only if its value is one the General Specifications allow, and only if the
//! code does not contradict itself about it. It does not decide whether the good is known, and it does
//! not guess where a separator was left out.

mod link;
mod rule;

pub use link::read as read_link;

use crate::domain::gtin::Gtin;
use crate::domain::quantity::Quantity;

/// The most elements taken from one code. Real symbols carry fewer than ten.
pub const ELEMENTS_MAX: usize = 32;

/// The separator between elements: FNC1 as a scanner sends it.
const GROUP_SEPARATOR: char = '\u{1d}';

/// What the elements of one code say.
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
    /// How many items the code stands for, 1..=99999999: AI 30 of the item, AI 37 of the items contained.
    pub count: Option<u32>,
    /// Net weight in kilograms, AI 310n.
    pub net_weight_kg: Option<Quantity>,
    /// Every element with a known AI, as AI and value, in the order of the code, as it stands there,
    /// at most [`ELEMENTS_MAX`]. A value may be one that is not allowed.
    pub elements: Vec<(String, String)>,
}

impl Gs1Data {
    /// Reads a string that its symbol declares to be GS1 elements. What is unknown or wrong is passed
    /// over up to the next separator; it does not hide the rest.
    pub fn read_declared(text: &str) -> Self {
        Self::of(walk(text).elements)
    }

    /// Reads a string that only looks like GS1 elements: every element has to be known and right, and
    /// there has to be a GTIN among them.
    pub fn read_undeclared(text: &str) -> Option<Self> {
        let walk = walk(text);
        let data = Self::of(walk.elements);
        let all_right = walk.whole && data.elements.iter().all(|(ai, _)| data.value(ai).is_some());
        if all_right && data.gtin.is_some() { Some(data) } else { None }
    }

    fn of(elements: Vec<(String, String)>) -> Self {
        let mut data = Self { elements, ..Self::default() };
        let contained = !data.elements.iter().any(|(ai, _)| ai == "01");
        let (item, counts) = if contained { ("02", ["37", "30"]) } else { ("01", ["30", "37"]) };
        data.gtin = data.value(item).and_then(Gtin::read);
        data.count = counts.iter().find_map(|ai| data.count_of(ai));
        data.lot = data.value("10").map(str::to_owned);
        data.serial = data.value("21").map(str::to_owned);
        data.expiry = data.value("17").map(str::to_owned);
        data.net_weight_kg = (0..=5).find_map(|decimals| data.weight_of(decimals));
        data
    }

    /// The value of `ai`, if it is allowed and the code tells no other one.
    fn value(&self, ai: &str) -> Option<&str> {
        let mut values = self.elements.iter().filter(|(other, _)| other == ai).map(|(_, value)| value);
        let first = values.next()?;
        let allowed = rule::of(ai).is_some_and(|rule| rule.accepts(first));
        if allowed && values.all(|value| value == first) { Some(first) } else { None }
    }

    /// A count of zero says nothing about the goods in hand.
    fn count_of(&self, ai: &str) -> Option<u32> {
        self.value(ai)?.parse().ok().filter(|&count| count > 0)
    }

    fn weight_of(&self, decimals: u32) -> Option<Quantity> {
        let number: i64 = self.value(&format!("310{decimals}"))?.parse().ok()?;
        let millionths = 10_i64.checked_pow(6_u32.checked_sub(decimals)?)?;
        number.checked_mul(millionths).map(Quantity::from_millionths)
    }
}

/// The elements found on the way through a string, and whether they are all of it.
struct Walk {
    elements: Vec<(String, String)>,
    whole: bool,
}

/// Walks through `text`, separator by separator. Separators in front, behind, or where none is needed
/// are passed over: scanners differ in what they send for FNC1.
fn walk(text: &str) -> Walk {
    let mut walk = Walk { elements: Vec::new(), whole: true };
    for field in text.split(GROUP_SEPARATOR) {
        walk.field(field);
    }
    walk
}

impl Walk {
    /// Takes the elements between two separators: any number of a predefined length, then at most one
    /// other, which reaches up to the separator.
    fn field(&mut self, field: &str) {
        let mut rest = field;
        while !rest.is_empty() {
            let predefined = rule::predefined_length(rest);
            let Some((element, behind)) = rest.split_at_checked(predefined.unwrap_or(rest.len())) else {
                self.whole = false;
                return;
            };
            self.element(element);
            rest = behind;
        }
    }

    fn element(&mut self, element: &str) {
        match rule::split(element) {
            Some((ai, _, value)) if self.elements.len() < ELEMENTS_MAX => {
                self.elements.push((ai.to_owned(), value.to_owned()));
            }
            Some(_) | None => self.whole = false,
        }
    }
}

#[cfg(test)]
mod tests;
