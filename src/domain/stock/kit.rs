//! Kits: bills of materials, which the server calls technological cards, scanned as one.
//!
//! A card gives its amounts in any unit; documents are in sale units. Invariant: an amount is converted exactly or not
//! at all, and a kit with a material that cannot be converted is not booked.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use crate::domain::ids::{CardId, GoodId, StorageId};
use crate::domain::stock::good::Good;
use crate::domain::stock::quantity::SCAN_UNITS_MAX;
use crate::domain::stock::quantity::{Quantity, exact_product};

/// The most materials of one kit: together with the lines that a document may hold already, they stay far below what
/// one request carries.
pub const KIT_PARTS_MAX: usize = 100;

/// The kits that are printed and booked here. The service writes the materials of a service's card off by itself when
/// the visit is marked as arrived, so a kit is booked only where a person has confirmed that the service does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum KitScan {
    /// None.
    #[default]
    None,
    /// Every one.
    All,
    /// Those of these cards.
    Only(BTreeSet<CardId>),
}

impl KitScan {
    /// Returns true if the kit of this card may be printed and booked.
    pub fn allows(&self, card: CardId) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Only(cards) => cards.contains(&card),
        }
    }
}

/// A bill of materials as the server gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Its identity, and the number in its code.
    pub id: CardId,
    /// Its name.
    pub title: String,
    /// The materials that it uses up.
    pub materials: Vec<Material>,
}

/// One material of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Material {
    /// The good.
    pub good: GoodId,
    /// The storage from which it is taken, if the card names one.
    pub storage: Option<StorageId>,
    /// The amount, in `unit`.
    pub amount: Quantity,
    /// Short name of that unit; empty if the card names none.
    pub unit: String,
}

/// A card whose materials are known, each in its sale unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kit {
    /// The card.
    pub card: CardId,
    /// Its name.
    pub title: String,
    /// The parts that are written off, one for each good and storage; 1..=[`KIT_PARTS_MAX`].
    pub parts: Vec<Part>,
}

/// The quantity of one good that a kit takes from one storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The storage.
    pub storage: StorageId,
    /// The good.
    pub good: Good,
    /// The quantity, in sale units; above zero.
    pub quantity: Quantity,
}

impl Kit {
    /// Returns this kit `times` over, or `None` beyond what one scan may book.
    pub fn times(&self, times: i64) -> Option<Self> {
        let mut kit = self.clone();
        // The limit of a scan holds for all materials together.
        let mut left = Quantity::units(SCAN_UNITS_MAX)?;
        for part in &mut kit.parts {
            part.quantity = part.quantity.checked_times(times)?;
            left = left.checked_sub(part.quantity).filter(|left| *left >= Quantity::ZERO)?;
        }
        Some(kit)
    }

    /// Returns the sum of what it takes.
    pub fn units(&self) -> Quantity {
        self.parts.iter().map(|part| part.quantity).sum()
    }
}

impl Material {
    pub(super) fn part(&self, good: &Good) -> Option<Part> {
        let quantity = self.in_sale_units(good).filter(|quantity| *quantity > Quantity::ZERO)?;
        Some(Part { storage: self.storage?, good: good.clone(), quantity })
    }

    /// Returns the amount in the good's sale unit, if it is clear and exact. A card's unit is known by its short name
    /// only, so it is unclear where the good's two units differ and have one name, or where the card names neither.
    fn in_sale_units(&self, good: &Good) -> Option<Quantity> {
        let unit = self.unit.trim();
        let is_sale_unit = !unit.is_empty() && unit == good.unit.trim();
        let Some(other) = &good.write_off_unit else {
            return Some(self.amount).filter(|_| is_sale_unit);
        };
        let is_write_off_unit = !unit.is_empty() && unit == other.name.trim();
        if other.per_sale_unit == Decimal::ONE {
            return Some(self.amount).filter(|_| is_sale_unit || is_write_off_unit || unit.is_empty());
        }
        match (is_sale_unit, is_write_off_unit) {
            (true, false) => Some(self.amount),
            (false, true) => divided(self.amount, other.per_sale_unit),
            (true, true) | (false, false) => None,
        }
    }
}

/// Returns the exact quotient, if six decimals hold it.
fn divided(amount: Quantity, by: Decimal) -> Option<Quantity> {
    let quotient =
        Some(by).filter(|by| *by > Decimal::ZERO).and_then(|by| amount.to_decimal().checked_div(by))?;
    let quantity = Quantity::from_decimal(quotient)?;
    // Only a quotient that the division did not round gives the amount back.
    let product = exact_product(quantity.to_decimal(), by)?;
    Some(quantity).filter(|_| product == amount.to_decimal())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::stock::good::WriteOffUnit;
    use crate::domain::stock::quantity::Money;
    use crate::domain::stock::resolution::Resolution;

    fn quantity(decimal: &str) -> Quantity {
        Quantity::from_decimal(decimal.parse().unwrap()).unwrap()
    }

    /// Returns a good sold by the piece; `other` says how it is written off, as in `ml=100`.
    fn good(id: i64, other: &str) -> Good {
        let write_off_unit = other
            .split_once('=')
            .map(|(name, per)| WriteOffUnit { name: name.to_owned(), per_sale_unit: per.parse().unwrap() });
        Good {
            id: GoodId(id),
            title: format!("Good {id}"),
            barcode: String::new(),
            unit: "pc".to_owned(),
            price: Money::default(),
            sale_price: None,
            write_off_unit,
        }
    }

    fn material(good: i64, storage: Option<i64>, amount: &str, unit: &str) -> Material {
        let storage = storage.map(StorageId);
        Material { good: GoodId(good), storage, amount: quantity(amount), unit: unit.to_owned() }
    }

    /// Returns the resolution of a card of these materials, for goods 1 (100 ml a piece) and 2 (pieces).
    fn judged(materials: Vec<Material>) -> Resolution {
        let goods = [good(1, "ml=100"), good(2, "pc=1")].map(|good| (good.id, good));
        Kit::of(&Card { id: CardId(410), title: "Wash".to_owned(), materials }, &BTreeMap::from(goods))
    }

    fn parts(resolution: &Resolution) -> String {
        let Resolution::Kit(kit) = resolution else { return format!("{resolution:?}") };
        let tell = |part: &Part| format!("{} of {} from {}", part.quantity, part.good.id, part.storage);
        kit.parts.iter().map(tell).collect::<Vec<_>>().join(", ")
    }

    /// Returns the amount of one material in the sale unit, `pc`.
    fn said(amount: &str, unit: &str, other: &str) -> Option<String> {
        let told = material(1, Some(91), amount, unit).in_sale_units(&good(1, other));
        told.map(|quantity| quantity.to_string())
    }

    #[test]
    fn an_amount_is_converted_exactly_or_not_at_all() {
        let cases = [
            ("2", "pc", "ml=100", Some("2")),
            ("15", "ml", "ml=100", Some("0.15")),
            ("0.5", "ml", "ml=0.25", Some("2")),
            ("1", "ml", "ml=3", None),
            ("1", "ml", "ml=0", None),
            ("1", "ml", "ml=-1", None),
            ("0.0001", "ml", "ml=1000", None),
            ("2", "g", "ml=100", None),
            ("2", "", "ml=100", None),
            ("2", "pc", "pc=10", None),
            ("2", "", "pc=1", Some("2")),
            ("2", "ml", "ml=1", Some("2")),
            ("2", "g", "pc=1", None),
            ("2", "pc", "", Some("2")),
            ("2", "", "", None),
        ];
        for (amount, unit, other, expected) in cases {
            assert_eq!(said(amount, unit, other).as_deref(), expected, "{amount} {unit:?} {other:?}");
        }
    }

    #[test]
    fn one_good_of_one_storage_is_one_part() {
        let materials = vec![
            material(1, Some(91), "15", "ml"),
            material(2, Some(91), "2", "pc"),
            material(1, Some(92), "1", "pc"),
            material(1, Some(91), "1", "pc"),
        ];
        assert_eq!(parts(&judged(materials)), "1.15 of 1 from 91, 2 of 2 from 91, 1 of 1 from 92");
    }

    #[test]
    fn a_card_with_one_material_that_cannot_be_said_is_unusable() {
        let sound = || material(2, Some(91), "2", "pc");
        for spoilt in [
            material(1, None, "1", "pc"),
            material(1, Some(91), "1", "barrel"),
            material(1, Some(91), "0", "pc"),
            material(1, Some(91), "-1", "pc"),
        ] {
            assert_eq!(judged(vec![sound(), spoilt.clone()]), Resolution::Unusable, "{spoilt:?}");
        }
        assert_eq!(judged(Vec::new()), Resolution::Unusable);
        let many = |count: i64| (0..count).map(|at| material(2, Some(at), "1", "pc")).collect();
        assert!(matches!(judged(many(100)), Resolution::Kit(_)));
        assert_eq!(judged(many(101)), Resolution::Unusable);
    }

    #[test]
    fn a_card_whose_good_is_not_known_is_unknown_whatever_else_is_wrong_with_it() {
        assert_eq!(
            judged(vec![material(1, None, "1", "pc"), material(3, Some(91), "1", "pc")]),
            Resolution::Unknown
        );
    }

    #[test]
    fn so_many_kits_take_so_much_up_to_what_one_scan_may_book() {
        let Resolution::Kit(kit) =
            judged(vec![material(1, Some(91), "15", "ml"), material(2, Some(92), "2", "pc")])
        else {
            panic!("a sound card");
        };
        let twelve = kit.times(12).unwrap();
        assert_eq!(
            (twelve.units(), parts(&Resolution::Kit(twelve.clone())).as_str()),
            (quantity("25.8"), "1.8 of 1 from 91, 24 of 2 from 92")
        );
        assert!(kit.times(SCAN_UNITS_MAX / 3).is_some());
        assert_eq!(kit.times(SCAN_UNITS_MAX / 2), None);
        assert_eq!(kit.times(i64::MAX), None);
    }
}
