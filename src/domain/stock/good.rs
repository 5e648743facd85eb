//! Goods, and the possible results of looking a barcode up.

use rust_decimal::Decimal;

use crate::domain::ids::GoodId;
use crate::domain::stock::kit::Kit;
use crate::domain::stock::quantity::SCAN_UNITS_MAX;
use crate::domain::stock::quantity::{Money, Quantity};

/// The part of one row of the server's goods table that the station keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Good {
    /// The server's identity.
    pub id: GoodId,
    /// The name people know it by.
    pub title: String,
    /// The one barcode the server keeps for it, as text; empty if it has none.
    pub barcode: String,
    /// Short name of the sale unit (`unit_short_title`); empty if the server gave none.
    pub unit: String,
    /// Cost price of one sale unit (`actual_cost`), which receipt and write-off lines carry.
    pub price: Money,
    /// The price for which one sale unit is sold (`cost`), if the server gave it. It makes a quantity of the price on a
    /// label.
    pub sale_price: Option<Money>,
    /// The unit in which it is used up, if the server gave all of it.
    pub write_off_unit: Option<WriteOffUnit>,
}

/// The unit in which a good is used up (the server's service unit); it may be the sale unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteOffUnit {
    /// Its short name (`service_unit_short_title`).
    pub name: String,
    /// The number of these units in one sale unit (`unit_equals`), as the server gave it.
    pub per_sale_unit: Decimal,
}

/// A pack of a good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The good in it.
    pub good: Good,
    /// The number of sale units in it, 1 or more.
    pub factor: u32,
}

impl Packed {
    /// Returns the result of one scan of it: a pack of one is the good itself.
    pub fn resolution(self) -> Resolution {
        if self.factor == 1 { Resolution::Found(self.good) } else { Resolution::Pack(self) }
    }

    /// Returns so many of the pack, in sale units; `None` beyond what a scan may book.
    pub fn times(&self, quantity: Quantity) -> Option<Quantity> {
        times(quantity, self.factor)
    }
}

/// Returns so many packs of `factor` pieces; `None` beyond what a scan may book.
pub fn times(quantity: Quantity, factor: u32) -> Option<Quantity> {
    let units = quantity.checked_times(factor.into())?;
    (Some(units) <= Quantity::units(SCAN_UNITS_MAX)).then_some(units)
}

/// The result of looking a code up in the goods table or among the cards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// Exactly one good.
    Found(Good),
    /// Several pieces of one good, by a code of their own.
    Pack(Packed),
    /// No good.
    Unknown,
    /// Several goods share the code: it is booked to none of them.
    Ambiguous,
    /// A bill of materials.
    Kit(Kit),
    /// A bill of materials that cannot be booked as it stands: a person must look at it.
    Unusable,
}

impl Resolution {
    /// Returns the resolution for the distinct goods that were found under one tier of a barcode's keys.
    pub fn of(mut goods: Vec<Good>) -> Self {
        match (goods.pop(), goods.is_empty()) {
            (Some(good), true) => Self::Found(good),
            (Some(_), false) => Self::Ambiguous,
            (None, _) => Self::Unknown,
        }
    }
}
