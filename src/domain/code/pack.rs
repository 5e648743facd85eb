//! Packs: codes of cartons, of which one scan counts as many as are inside.
//!
//! The service keeps one barcode of a good, that of the single piece. A pack gives another code to a good, with the
//! number of pieces that one scan of it is.
//!
//! Invariant: no two packs have one code, however its digits are spelled. An entry of the goods table itself takes
//! precedence over every pack.

use std::collections::BTreeMap;

use crate::domain::code::barcode::{Barcode, Key, encode_tier};
use crate::domain::code::control::{Control, ControlReading};
use crate::domain::ids::GoodId;

/// The most packs of one station: some thousand cartons, which together take less than a megabyte of memory.
pub const PACKS_MAX: usize = 5000;

/// The most pieces in one pack; a pallet of small parts holds fewer.
pub const FACTOR_MAX: u32 = 100_000;

/// The longest code of a pack, in characters; no label that is printed in bars is longer.
pub const CODE_CHARS_MAX: usize = 80;

/// The content of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The good with this number on the service.
    Good(GoodId),
    /// The good with this barcode.
    Barcode(String),
}

/// A code that stands for several pieces of a good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// The code on the carton, as it was written.
    pub code: String,
    /// The good in it.
    pub content: Content,
    /// The number of sale units in it, 1..=[`FACTOR_MAX`].
    pub factor: u32,
    /// The place where it was written, for people: `pack[0]` or `packs.csv:7`.
    pub place: String,
}

/// The reason why a code cannot be that of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadCode {
    /// The code is empty or too long.
    Length,
    /// It begins as a control code does.
    Control,
    /// Another pack has it: the one that was written at this place.
    Taken(String),
}

/// All packs of a station, by their codes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Packs {
    by_identity: BTreeMap<String, usize>,
    packs: Vec<Pack>,
}

impl Packs {
    /// Adds a pack.
    ///
    /// # Errors
    /// [`BadCode`]; the pack was not added then.
    pub fn add(&mut self, pack: Pack) -> Result<(), BadCode> {
        let code = pack.code.trim();
        if code.is_empty() || code.chars().count() > CODE_CHARS_MAX {
            return Err(BadCode::Length);
        }
        let barcode = Barcode::read(code);
        // A scan is read without its AIM prefix and the blanks around it, so both spellings are checked.
        if [code, &barcode.text].into_iter().any(|text| Control::read(text) != ControlReading::NotControl) {
            return Err(BadCode::Control);
        }
        let identity = barcode.identity();
        if let Some(taken) = self.by_identity.get(&identity).and_then(|at| self.packs.get(*at)) {
            return Err(BadCode::Taken(taken.place.clone()));
        }
        self.by_identity.insert(identity, self.packs.len());
        self.packs.push(pack);
        Ok(())
    }

    /// Returns all packs in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Pack> {
        self.packs.iter()
    }

    /// Returns the number of packs.
    pub fn len(&self) -> usize {
        self.packs.len()
    }

    /// Returns true if there is none.
    pub fn is_empty(&self) -> bool {
        self.packs.is_empty()
    }

    /// Returns the packs that have one of these keys, or all of them together, each once.
    pub fn under(&self, tier: &[Key]) -> Vec<&Pack> {
        let mut found = Vec::new();
        for identity in identities(tier) {
            found.extend(self.by_identity.get(&identity).filter(|at| !found.contains(at)));
        }
        found.into_iter().filter_map(|at| self.packs.get(*at)).collect()
    }
}

/// Returns the identities under which a person may have named a code with these keys: that of the code as it was read
/// and, where it can be two codes, that of each. The first that is named decides.
pub fn identities(tier: &[Key]) -> Vec<String> {
    let each = tier.iter().filter(|_| tier.len() > 1).map(Key::encode);
    std::iter::once(encode_tier(tier)).chain(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(code: &str) -> Pack {
        Pack {
            code: code.to_owned(),
            content: Content::Good(GoodId(1)),
            factor: 12,
            place: "pack[0]".to_owned(),
        }
    }

    fn packs(codes: &[&str]) -> Packs {
        let mut packs = Packs::default();
        for code in codes {
            packs.add(pack(code)).unwrap();
        }
        packs
    }

    fn found(packs: &Packs, code: &str) -> Vec<String> {
        let tiers = Barcode::read(code).tiers;
        tiers.iter().flat_map(|tier| packs.under(tier)).map(|pack| pack.code.clone()).collect()
    }

    #[test]
    fn a_pack_is_found_by_every_spelling_of_its_code() {
        let packs = packs(&["14006381333938", "CASE-7"]);
        for code in
            ["14006381333938", "]I114006381333938", "]C101140063813339381 0AB", "]C1011400638133393810AB"]
        {
            assert_eq!(found(&packs, code), ["14006381333938"], "{code}");
        }
        assert_eq!(found(&packs, "]C0CASE-7 "), ["CASE-7"]);
        assert!(found(&packs, "CASE-70").is_empty());
    }

    #[test]
    fn no_two_packs_have_one_code_and_no_command_is_one() {
        let mut packs = packs(&["036000291452"]);
        assert_eq!(packs.add(pack("0036000291452")), Err(BadCode::Taken("pack[0]".to_owned())));
        assert_eq!(packs.add(pack(" ")), Err(BadCode::Length));
        assert_eq!(packs.add(pack(&"7".repeat(81))), Err(BadCode::Length));
        assert_eq!(packs.add(pack("$SP.UNDO.M")), Err(BadCode::Control));
        assert_eq!(packs.add(pack("$sp.x")), Err(BadCode::Control));
        assert_eq!((packs.len(), packs.is_empty()), (1, false));
    }

    #[test]
    fn a_code_that_can_be_two_is_found_by_either_and_means_itself_first() {
        assert_eq!(found(&packs(&["]E401234558"]), "01234558"), ["]E401234558"]);
        assert!(found(&packs(&["]E401234558"]), "]E001234558").is_empty());
        let both = packs(&["]E401234558", "01234558"]);
        assert_eq!(found(&both, "01234558"), ["01234558", "]E401234558"]);
    }
}
