//! Goods, and what looking a barcode up can come to.

use super::ids::GoodId;
use super::quantity::Money;

/// What the station keeps of one row of the server's goods table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Good {
    /// The server's identity.
    pub id: GoodId,
    /// The name people know it by.
    pub title: String,
    /// The one barcode the server keeps for it, as text; empty if it has none.
    pub barcode: String,
    /// Short name of the sale unit (`unit_short_title`); empty if the server told none.
    pub unit: String,
    /// Cost price of one sale unit (`actual_cost`), which receipt and write-off lines carry.
    pub price: Money,
}

/// What a barcode leads to in the goods table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// Exactly one good.
    Found(Good),
    /// No good.
    Unknown,
    /// Several goods share the code: it is booked to neither.
    Ambiguous,
}

impl Resolution {
    /// Judges the distinct goods that were found under one tier of a barcode's keys.
    pub fn of(mut goods: Vec<Good>) -> Self {
        match (goods.pop(), goods.is_empty()) {
            (Some(good), true) => Self::Found(good),
            (Some(_), false) => Self::Ambiguous,
            (None, _) => Self::Unknown,
        }
    }
}
