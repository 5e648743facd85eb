//! Goods, and packs of them.

use rust_decimal::Decimal;

use crate::domain::ids::GoodId;
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
    /// The price for which one sale unit is sold (`cost`), if the server gave it. It turns the price on a label into a
    /// quantity.
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
    /// Returns the sale units in this many packs, or `None` beyond what a scan may book.
    pub fn times(&self, quantity: Quantity) -> Option<Quantity> {
        times(quantity, self.factor)
    }
}

/// Returns the sale units in this many packs of `factor` pieces, or `None` beyond what a scan may book.
pub fn times(quantity: Quantity, factor: u32) -> Option<Quantity> {
    let units = quantity.checked_times(factor.into())?;
    (Some(units) <= Quantity::units(SCAN_UNITS_MAX)).then_some(units)
}
