//! Goods, and what looking a barcode up can come to.

use rust_decimal::Decimal;

use super::ids::GoodId;
use super::kit::Kit;
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
    /// What one sale unit is sold for (`cost`), if the server told it: what a label with a price is worth.
    pub sale_price: Option<Money>,
    /// The unit in which it is used up, if the server told it whole.
    pub write_off_unit: Option<WriteOffUnit>,
}

/// The unit in which a good is used up (the server's service unit); it may be the sale unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteOffUnit {
    /// Its short name (`service_unit_short_title`).
    pub name: String,
    /// How many of it are in one sale unit (`unit_equals`), as the server told it.
    pub per_sale_unit: Decimal,
}

/// What a code leads to in the goods table or among the cards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// Exactly one good.
    Found(Good),
    /// No good.
    Unknown,
    /// Several goods share the code: it is booked to neither.
    Ambiguous,
    /// A bill of materials.
    Kit(Kit),
    /// A bill of materials that cannot be booked as it stands: a person must look at it.
    Unusable,
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
