//! Quantities and money, exact: no floating point anywhere between the scanner and the wire.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use rust_decimal::Decimal;

/// Millionths in one sale unit. Six decimals hold every quantity that a bar code can carry
/// (GS1 General Specifications, AI 310n: up to five decimals).
const MILLIONTHS: i64 = 1_000_000;

/// An amount of a good in its sale unit, exact to a millionth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Quantity(i64);

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One sale unit: what a plain scan counts.
    pub const ONE: Self = Self(MILLIONTHS);

    /// A whole number of sale units, or `None` beyond nine million million.
    pub fn units(units: i64) -> Option<Self> {
        units.checked_mul(MILLIONTHS).map(Self)
    }

    /// The whole sale units in it; a fraction is left out.
    pub const fn whole_units(self) -> i64 {
        self.0 / MILLIONTHS
    }

    /// From the stored number of millionths.
    pub const fn from_millionths(millionths: i64) -> Self {
        Self(millionths)
    }

    /// The number of millionths, for the store.
    pub const fn millionths(self) -> i64 {
        self.0
    }

    /// From a decimal, or `None` if it has more than six decimals or does not fit.
    pub fn from_decimal(value: Decimal) -> Option<Self> {
        let scaled = value.checked_mul(Decimal::from(MILLIONTHS))?.normalize();
        if scaled.scale() == 0 { i64::try_from(scaled.mantissa()).ok().map(Self) } else { None }
    }

    /// The same amount as a decimal without trailing zeros.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.0, 6).normalize()
    }

    /// The sum, or `None` on overflow.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` on overflow.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// This amount `times` over, or `None` on overflow.
    pub fn checked_times(self, times: i64) -> Option<Self> {
        self.0.checked_mul(times).map(Self)
    }

    /// The amount without its sign: the server signs what leaves a storage.
    #[must_use]
    pub fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_decimal().fmt(f)
    }
}

impl Sum for Quantity {
    /// Adds up; a sum beyond nine million million units stops at that number.
    fn sum<I: Iterator<Item = Self>>(quantities: I) -> Self {
        quantities.fold(Self::ZERO, |sum, quantity| Self(sum.0.saturating_add(quantity.0)))
    }
}

/// A price or a cost in the location's currency, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Money(Decimal);

impl Money {
    /// Wraps a decimal amount.
    pub const fn new(amount: Decimal) -> Self {
        Self(amount)
    }

    /// The amount as a decimal without trailing zeros.
    pub fn to_decimal(self) -> Decimal {
        self.0.normalize()
    }

    /// The cost of `quantity` at this price, or `None` beyond what 28 digits hold.
    pub fn times(self, quantity: Quantity) -> Option<Self> {
        self.0.checked_mul(quantity.to_decimal()).map(Self)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_decimal().fmt(f)
    }
}

impl FromStr for Money {
    type Err = rust_decimal::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Decimal::from_str_exact(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_prints_without_trailing_zeros() {
        assert_eq!(Quantity::ONE.to_string(), "1");
        assert_eq!(Quantity::from_millionths(1_250_000).to_string(), "1.25");
        assert_eq!(Quantity::from_millionths(-3).to_string(), "-0.000003");
        assert_eq!(Quantity::units(10).map(|q| q.to_string()).as_deref(), Some("10"));
    }

    #[test]
    fn a_seventh_decimal_is_refused_rather_than_rounded() {
        let seven: Decimal = "0.0000001".parse().unwrap();
        assert_eq!(Quantity::from_decimal(seven), None);
        let six: Decimal = "0.000001000".parse().unwrap();
        assert_eq!(Quantity::from_decimal(six), Some(Quantity::from_millionths(1)));
    }

    #[test]
    fn cost_is_amount_times_price_to_the_last_digit() {
        let price: Money = "0.1".parse().unwrap();
        let three = Quantity::units(3).unwrap();
        assert_eq!(price.times(three).map(|cost| cost.to_string()).as_deref(), Some("0.3"));
    }
}
