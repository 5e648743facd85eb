//! The measure on the label of a good that is sold by weight, count or price.

use rust_decimal::Decimal;

use crate::domain::stock::good::Good;
use crate::domain::stock::quantity::{Money, Quantity, exact_product};

/// The measure on a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// A number of sale units; zero on the good's own code.
    Amount(Quantity),
    /// A price: as many sale units as this buys.
    Price(Money),
    /// No measure that can be used: the verifier belongs to another one.
    Unverified,
}

impl Measure {
    /// Returns the quantity of this good, or `None` if there is no exact one: a price that is no whole number of
    /// thousandths of the sale price, a good without one, a wrong verifier.
    pub fn of(self, good: &Good) -> Option<Quantity> {
        match self {
            Self::Amount(quantity) => Some(quantity),
            Self::Price(price) => bought(price, good.sale_price?),
            Self::Unverified => None,
        }
    }
}

/// Returns the quotient, if it is exact in thousandths.
pub(super) fn bought(price: Money, sale_price: Money) -> Option<Quantity> {
    let (price, each) = (price.amount()?, sale_price.amount()?);
    let quotient =
        Some(each).filter(|each| *each > Decimal::ZERO).and_then(|each| price.checked_div(each))?;
    // The division may have rounded: only an exact quotient gives the price back.
    let is_exact = quotient.normalize().scale() <= 3 && exact_product(quotient, each) == Some(price);
    Quantity::from_decimal(quotient).filter(|_| is_exact)
}
