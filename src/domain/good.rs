//! Goods, and what looking a barcode up can come to.

use rust_decimal::Decimal;

use super::ids::GoodId;
use super::kit::Kit;
use super::quantity::{Money, Quantity};
use super::session::SCAN_UNITS_MAX;

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

/// A pack of a good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The good in it.
    pub good: Good,
    /// How many sale units of it, 1 or more.
    pub factor: u32,
}

impl Packed {
    /// What one scan of it leads to: a pack of one is the good itself.
    pub fn resolution(self) -> Resolution {
        if self.factor == 1 { Resolution::Found(self.good) } else { Resolution::Pack(self) }
    }

    /// So many of the pack, in sale units; `None` beyond what a scan may book.
    pub fn times(&self, quantity: Quantity) -> Option<Quantity> {
        times(quantity, self.factor)
    }
}

/// So many packs of `factor` pieces; `None` beyond what a scan may book.
pub fn times(quantity: Quantity, factor: u32) -> Option<Quantity> {
    let units = quantity.checked_times(factor.into())?;
    (Some(units) <= Quantity::units(SCAN_UNITS_MAX)).then_some(units)
}

/// What a code leads to in the goods table or among the cards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// Exactly one good.
    Found(Good),
    /// Several pieces of one good, by a code of their own.
    Pack(Packed),
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
