//! The possible results of looking a code up.

use std::collections::BTreeMap;

use crate::domain::ids::GoodId;
use crate::domain::stock::good::{Good, Packed};
use crate::domain::stock::kit::{Card, KIT_PARTS_MAX, Kit, Part};

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

impl Packed {
    /// Returns the result of one scan of it: a pack of one is the good itself.
    pub fn resolution(self) -> Resolution {
        if self.factor == 1 { Resolution::Found(self.good) } else { Resolution::Pack(self) }
    }
}

impl Kit {
    /// Judges a card by the goods of its materials. As long as one of them is not in the goods table the kit is
    /// unknown, like a code; a card that cannot be booked as it stands is unusable.
    pub fn of(card: &Card, goods: &BTreeMap<GoodId, Good>) -> Resolution {
        if card.materials.iter().any(|material| !goods.contains_key(&material.good)) {
            return Resolution::Unknown;
        }
        let mut parts: Vec<Part> = Vec::new();
        for material in &card.materials {
            let told = goods.get(&material.good).and_then(|good| material.part(good));
            let Some(part) = told else { return Resolution::Unusable };
            let same = |held: &&mut Part| held.storage == part.storage && held.good.id == part.good.id;
            match parts.iter_mut().find(same) {
                None => parts.push(part),
                Some(held) => match held.quantity.checked_add(part.quantity) {
                    Some(sum) => held.quantity = sum,
                    None => return Resolution::Unusable,
                },
            }
        }
        if !(1..=KIT_PARTS_MAX).contains(&parts.len()) {
            return Resolution::Unusable;
        }
        Resolution::Kit(Self { card: card.id, title: card.title.clone(), parts })
    }
}
