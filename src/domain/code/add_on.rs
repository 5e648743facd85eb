//! Items with an add-on: the issue of a magazine or the price of a book, in two or five digits beside an EAN-13 or a
//! UPC-A.
//!
//! Promises: an add-on is never an item. Without a symbology identifier, and with nothing between item and add-on, a
//! text is read as the two only if it can be nothing else: an EAN-13 of the numbers that have add-ons, or seventeen
//! digits. Fourteen digits are a GTIN or a code with a wrong check digit.
//!
//! Source: GS1 General Specifications, section 5.2.2, add-on symbols.

use crate::domain::aim::AimId;
use crate::domain::code::gtin::Gtin;

/// The prefixes of the EAN-13 of periodicals and books.
const WITH_ADD_ONS: [&str; 3] = ["977", "978", "979"];

/// Returns the item of a code with an add-on behind it.
pub(super) fn item_with_add_on(symbology: Option<AimId>, text: &str) -> Option<Gtin> {
    if !symbology.is_none_or(|id| id.is_ean_family() && !id.is_add_on()) {
        return None;
    }
    let (item, add_on) = apart(text).or_else(|| together(symbology, text))?;
    let is_add_on = matches!(add_on.len(), 2 | 5) && add_on.bytes().all(|byte| byte.is_ascii_digit());
    if is_add_on && matches!(item.len(), 12 | 13) { Gtin::read(item) } else { None }
}

/// Splits item and add-on at the blank between them, or at the identifier of the add-on.
fn apart(text: &str) -> Option<(&str, &str)> {
    ["]E1", "]E2", " "].into_iter().find_map(|between| text.split_once(between))
}

/// Splits item and add-on that have nothing between them.
fn together(symbology: Option<AimId>, text: &str) -> Option<(&str, &str)> {
    let is_declared = symbology.is_some_and(AimId::is_ean_with_add_on);
    // An EAN-13 has 13 digits and a UPC-A has 12; an add-on has 2 or 5 more.
    let item_length = match text.len() {
        15 | 18 if is_declared || WITH_ADD_ONS.iter().any(|front| text.starts_with(front)) => 13,
        17 => 12,
        14 if is_declared => 12,
        _ => return None,
    };
    text.split_at_checked(item_length)
}
