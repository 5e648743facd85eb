//! Quantities and money, exact: no floating point anywhere between the scanner and the wire.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use rust_decimal::Decimal;

/// Millionths in one sale unit. Six decimals hold every quantity that a bar code can carry
/// (GS1 General Specifications, AI 310n: up to five decimals).
const MILLIONTHS: i64 = 1_000_000;

/// The most that one scan may book, in sale units: a thousand of a pack of a thousand. Anything above is a
/// misread count, and the bound keeps every sum of quantities far from overflow.
pub const SCAN_UNITS_MAX: i64 = 1_000_000;

/// An amount of a good in its sale unit, exact to a millionth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Quantity(i64);

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One sale unit: what a plain scan counts.
    pub const ONE: Self = Self(MILLIONTHS);

    /// Returns a whole number of sale units, or `None` beyond nine million million.
    pub fn units(units: i64) -> Option<Self> {
        units.checked_mul(MILLIONTHS).map(Self)
    }

    /// Returns the whole sale units in it; a fraction is left out.
    pub const fn whole_units(self) -> i64 {
        self.0 / MILLIONTHS
    }

    /// Makes a quantity of the stored number of millionths.
    pub const fn from_millionths(millionths: i64) -> Self {
        Self(millionths)
    }

    /// Returns the number of millionths, for the store.
    pub const fn millionths(self) -> i64 {
        self.0
    }

    /// Makes a quantity of a decimal, or returns `None` if it has more than six decimals or does not fit.
    pub fn from_decimal(value: Decimal) -> Option<Self> {
        let scaled = value.checked_mul(Decimal::from(MILLIONTHS))?.normalize();
        // A scale of zero after the product: the value has at most six decimals.
        if scaled.scale() == 0 { i64::try_from(scaled.mantissa()).ok().map(Self) } else { None }
    }

    /// Returns the same amount as a decimal without trailing zeros.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.0, 6).normalize()
    }

    /// Returns the sum, or `None` on overflow.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Returns the difference, or `None` on overflow.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Returns this amount `times` over, or `None` on overflow.
    pub fn checked_times(self, times: i64) -> Option<Self> {
        self.0.checked_mul(times).map(Self)
    }

    /// Returns the amount without its sign, because the server gives what leaves a storage a sign.
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

/// A price or a cost in the location's currency, exact; or a price from the service that is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Money(Option<Decimal>);

/// The text for [`Money::UNREADABLE`].
const UNREADABLE: &str = "unreadable";

impl Money {
    /// A price that cannot be read. It is not a price of zero: nothing is posted with it.
    pub const UNREADABLE: Self = Self(None);

    /// Wraps a decimal amount.
    pub const fn new(amount: Decimal) -> Self {
        Self(Some(amount))
    }

    /// Returns the amount without trailing zeros, or `None` if it is unreadable.
    pub fn amount(self) -> Option<Decimal> {
        self.0.map(|amount| amount.normalize())
    }

    /// Returns the exact cost of `quantity` at this price, or `None` if it is unreadable or needs more than 28 digits.
    pub fn times(self, quantity: Quantity) -> Option<Self> {
        exact_product(self.0?, quantity.to_decimal()).map(Self::new)
    }
}

impl Default for Money {
    /// Returns zero.
    fn default() -> Self {
        Self::new(Decimal::ZERO)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.amount() {
            Some(amount) => amount.fmt(f),
            None => f.pad(UNREADABLE),
        }
    }
}

impl FromStr for Money {
    type Err = rust_decimal::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == UNREADABLE {
            return Ok(Self::UNREADABLE);
        }
        Decimal::from_str_exact(text).map(Self::new)
    }
}

/// Returns the exact product, or `None` if no decimal holds it. `Decimal::checked_mul` rounds where its 28 digits do
/// not suffice.
pub(in crate::domain) fn exact_product(one: Decimal, other: Decimal) -> Option<Decimal> {
    let (one, other) = (one.normalize(), other.normalize());
    let (mut a, mut b, mut scale) = (one.mantissa(), other.mantissa(), one.scale() + other.scale());
    // A zero at the end of the product is a factor 10 of one of them, or a 2 of the one and a 5 of the other.
    while scale > 0 {
        (a, b) = match () {
            () if a % 10 == 0 => (a / 10, b),
            () if b % 10 == 0 => (a, b / 10),
            () if a % 5 == 0 && b % 2 == 0 => (a / 5, b / 2),
            () if a % 2 == 0 && b % 5 == 0 => (a / 2, b / 5),
            () => break,
        };
        scale -= 1;
    }
    Decimal::try_from_i128_with_scale(a.checked_mul(b)?, scale).ok()
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

    fn cost(price: &str, quantity: &str) -> Option<String> {
        let quantity = Quantity::from_decimal(quantity.parse().unwrap()).unwrap();
        price.parse::<Money>().unwrap().times(quantity).map(|cost| cost.to_string())
    }

    #[test]
    fn a_cost_is_exact_or_none() {
        let cases = [
            ("79228162514264337593543950335", "1", Some("79228162514264337593543950335")),
            ("79228162514264337593543950335", "2", None),
            // Twenty-eight decimals times six: `Decimal` would round this.
            ("0.1234567890123456789012345679", "0.5", None),
            ("0.1234567890123456789012345678", "0.5", Some("0.0617283945061728394506172839")),
            ("0.0000000000000000000000000001", "0.1", None),
            ("0.0000000000000000000000000002", "0.5", Some("0.0000000000000000000000000001")),
            ("1.000000000000000000000000001", "1000000", Some("1000000.000000000000000000001")),
            ("-1.5", "2", Some("-3")),
            ("0", "0.000001", Some("0")),
            ("unreadable", "1", None),
        ];
        for (price, quantity, told) in cases {
            assert_eq!(cost(price, quantity).as_deref(), told, "{price} x {quantity}");
        }
    }

    #[test]
    fn a_price_that_cannot_be_read_is_no_price_of_zero() {
        assert_eq!(Money::UNREADABLE.amount(), None);
        assert_eq!(Money::UNREADABLE.to_string().parse::<Money>().unwrap(), Money::UNREADABLE);
        assert_eq!(Money::default().amount(), Some(Decimal::ZERO));
    }
}
