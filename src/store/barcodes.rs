//! Finds barcodes of the goods table that no scan can find.

use std::collections::BTreeSet;

use super::{Db, Error};
use crate::domain::code::barcode::keys_of_good;
use crate::domain::code::control::{Control, ControlReading};
use crate::domain::code::gtin::has_check_digit;
use crate::domain::decode::framing::FRAME_BYTES_MAX;
use crate::domain::ids::GoodId;

/// The most goods with a fault that are returned: a table with more was filled by a program.
const FAULTS_MAX: usize = 1000;

/// The fault of a good's barcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BarcodeFault {
    /// As many digits as a GTIN, with a wrong check digit: a typing error.
    CheckDigit,
    /// It begins as a control code does, holds control characters, or is longer than a frame.
    Unscannable,
    /// Another good is found by it as well.
    Shared,
}

/// A good whose barcode has a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedGood {
    /// Its number.
    pub id: GoodId,
    /// Its barcode.
    pub barcode: String,
    /// Its title.
    pub title: String,
}

impl Db {
    /// Returns the goods with a barcode that no scan finds, by their numbers; goods without a barcode are left out.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn barcode_faults(&self) -> Result<Vec<(NamedGood, BarcodeFault)>, Error> {
        let sql =
            "SELECT good_id FROM keys WHERE key IN (SELECT key FROM keys GROUP BY key HAVING count(*) > 1)";
        let shared: BTreeSet<i64> = {
            let mut statement = self.goods.prepare(sql)?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect::<Result<_, _>>()?
        };
        let sql = "SELECT good_id, barcode, title FROM goods WHERE trim(barcode) <> '' ORDER BY good_id";
        let mut statement = self.goods.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut faults = Vec::new();
        while let Some(row) = rows.next()? {
            if faults.len() >= FAULTS_MAX {
                break;
            }
            let (id, barcode): (i64, String) = (row.get(0)?, row.get(1)?);
            let keys = if shared.contains(&id) { Keys::Shared } else { Keys::Own };
            if let Some(fault) = fault_of(&barcode, keys) {
                faults.push((NamedGood { id: GoodId(id), barcode, title: row.get(2)? }, fault));
            }
        }
        Ok(faults)
    }
}

/// The keys of a good among those of all goods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// No other good has one of them.
    Own,
    /// Another good has one of them too.
    Shared,
}

fn fault_of(barcode: &str, keys: Keys) -> Option<BarcodeFault> {
    let bare = barcode.trim();
    let is_number = bare.bytes().all(|byte| byte.is_ascii_digit());
    // A number with a right check digit has the key of a GTIN; one without is kept as its text.
    let is_text = keys_of_good(bare).iter().all(|key| key.encode().starts_with('t'));
    let is_gtin_long = matches!(bare.len(), 8 | 12..=14);
    match () {
        () if keys == Keys::Shared => Some(BarcodeFault::Shared),
        () if bare.len() > FRAME_BYTES_MAX
            // U+001C to U+001F separate the elements of a GS1 code, so a scanner sends them.
            || bare.chars().any(|c| c.is_control() && !('\u{1c}'..='\u{1f}').contains(&c))
            || Control::read(bare) != ControlReading::NotControl =>
        {
            Some(BarcodeFault::Unscannable)
        }
        () if is_number && is_gtin_long && is_text && !has_check_digit(bare) => {
            Some(BarcodeFault::CheckDigit)
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_barcode_that_no_scan_finds_is_reported_with_its_fault() {
        for (barcode, fault) in [
            ("4006381333931", None),
            (" 4006381333931 ", None),
            ("04252614", None),
            ("SHELF-12A", None),
            ("123456", None),
            ("4006381333932", Some(BarcodeFault::CheckDigit)),
            ("12345678", Some(BarcodeFault::CheckDigit)),
            ("$SP.UNDO.M", Some(BarcodeFault::Unscannable)),
            ("A\nB", Some(BarcodeFault::Unscannable)),
        ] {
            assert_eq!(fault_of(barcode, Keys::Own), fault, "{barcode}");
        }
        assert_eq!(fault_of("4006381333931", Keys::Shared), Some(BarcodeFault::Shared));
        assert_eq!(fault_of(&"A".repeat(513), Keys::Own), Some(BarcodeFault::Unscannable));
    }
}
