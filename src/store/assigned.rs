//! Codes that a person gave to a good because the server's table does not know them.

use rusqlite::OptionalExtension;

use super::{Db, Error};
use crate::domain::code::barcode::{Barcode, Key};
use crate::domain::code::control::{Control, ControlReading};
use crate::domain::ids::{GoodId, OperationId};
use crate::domain::stock::good::Good;
use crate::domain::stock::resolution::Resolution;
use crate::domain::time::UnixMillis;

/// A code and the good that it is to mean.
#[derive(Debug, Clone, Copy)]
pub struct Assignment<'a> {
    /// The code, as it is read.
    pub code: &'a Barcode,
    /// The good.
    pub good: GoodId,
    /// The number of sale units that one scan of it is, 1 or more.
    pub factor: u32,
}

/// The result of giving a code to a good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assigned {
    /// The code means this good from now on; these operations were made of its parked scans.
    Done {
        /// The good.
        good: Box<Good>,
        /// The operations, if anything was parked.
        operations: Vec<OperationId>,
    },
    /// The copy of the goods table has no such good.
    NoSuchGood,
    /// The goods table, or a pack of the configuration, knows this code already, for the good named or for several.
    KnownAlready,
    /// It begins as a control code does, so it can never be a good's.
    ControlCode,
}

/// A code that was given to a good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The code as a person can type it.
    pub code: String,
    /// Its key.
    pub key: String,
    /// The number of the good.
    pub good: GoodId,
    /// The good's title; `None` if the copy of the goods table has no such good now.
    pub title: Option<String>,
    /// The number of sale units that one scan of it is.
    pub factor: u32,
    /// The time at which it was given; `None` for those that older versions wrote.
    pub at: Option<UnixMillis>,
}

impl Db {
    /// Checks whether a code may be given to a good, and returns the reason if not; changes nothing.
    ///
    /// # Errors
    /// [`Error::Sql`], or [`Error::Unexpected`] for a row this program did not write.
    pub fn may_assign(&self, wanted: &Assignment<'_>) -> Result<Result<Good, Assigned>, Error> {
        if Control::read(&wanted.code.text) != ControlReading::NotControl {
            return Ok(Err(Assigned::ControlCode));
        }
        let Some(good) = self.good(wanted.good)? else { return Ok(Err(Assigned::NoSuchGood)) };
        // Packs and the table are asked first when a code is resolved: an assignment beside them would never take
        // effect.
        let is_pack = wanted.code.tiers.iter().any(|tier| !self.packs.under(tier).is_empty());
        let is_known = self.resolve_in_table(wanted.code)? != Resolution::Unknown;
        Ok(if is_pack || is_known { Err(Assigned::KnownAlready) } else { Ok(good) })
    }

    /// Gives a code to a good and books the parked scans of it.
    ///
    /// # Errors
    /// Any, and then nothing was given.
    pub fn assign(&mut self, wanted: &Assignment<'_>, now: UnixMillis) -> Result<Assigned, Error> {
        let good = match self.may_assign(wanted)? {
            Ok(good) => good,
            Err(refused) => return Ok(refused),
        };
        let sql =
            "INSERT OR REPLACE INTO assignments (key, good_id, factor, wall_ms) VALUES (?1, ?2, ?3, ?4)";
        let row = (wanted.code.identity(), good.id.0, wanted.factor, now.0);
        self.outbox.prepare_cached(sql)?.execute(row)?;
        let operations = self.book_parked(now)?;
        Ok(Assigned::Done { good: Box::new(good), operations })
    }

    /// Returns every code that was given to a good, by its key.
    ///
    /// # Errors
    /// [`Error::Sql`], or [`Error::Unexpected`] for a row this program did not write.
    pub fn given(&self) -> Result<Vec<Given>, Error> {
        let sql = "SELECT key, good_id, factor, wall_ms FROM assignments ORDER BY key";
        let mut statement = self.outbox.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        let mut given = Vec::new();
        while let Some(row) = rows.next()? {
            let (key, good): (String, GoodId) = (row.get(0)?, GoodId(row.get(1)?));
            given.push(Given {
                code: name_of(&key),
                key,
                good,
                title: self.good(good)?.map(|good| good.title),
                factor: row.get(2)?,
                at: row.get::<_, Option<i64>>(3)?.map(UnixMillis),
            });
        }
        Ok(given)
    }

    /// Takes a code back from its good: it is unknown again. Scans of it that were booked stay booked. Returns the good
    /// that it meant, if it meant one.
    ///
    /// # Errors
    /// Any, and then it means what it meant.
    pub fn unassign(&mut self, key: &str) -> Result<Option<GoodId>, Error> {
        let sql = "DELETE FROM assignments WHERE key = ?1 RETURNING good_id";
        let mut statement = self.outbox.prepare_cached(sql)?;
        Ok(statement.query_row([key], |row| row.get(0).map(GoodId)).optional()?)
    }
}

/// Returns a text that a person can type and that is read as the code with this key.
fn name_of(key: &str) -> String {
    // A key is its kind, `g` or `t`, and the code. Two readings of one code are joined by `+`; GTINs have fourteen
    // digits, and six zeros in front leave the eight of an EAN-8 or a UPC-E.
    let (kind, text) = key.split_at_checked(1).unwrap_or(("", key));
    let short = text.strip_prefix("000000").and_then(|short| short.split('+').next());
    let spellings = match (kind, short) {
        // An EAN-8 that could be a UPC-E is spelled so that it shows which it is.
        ("g", Some(short)) => vec![short.to_owned(), format!("]E4{short}"), text.to_owned()],
        ("g", None) => vec![text.strip_prefix('0').unwrap_or(text).to_owned(), text.to_owned()],
        _ => vec![text.to_owned(), format!("]C0{text}")],
    };
    let mut spellings = spellings.into_iter();
    let is_it = |text: &String| Barcode::read(text).identity() == key;
    spellings.find(is_it).unwrap_or_else(|| text.to_owned())
}

/// Finds the given code that a typed text names: by its key, or else by the text in which it is listed.
pub fn find_given<'a>(given: &'a [Given], typed: &str) -> Option<&'a Given> {
    let barcode = Barcode::read(typed);
    let keys = [barcode.identity(), Key::Text(barcode.text).encode()];
    let named = given.iter().find(|given| given.code == typed);
    keys.iter().find_map(|key| given.iter().find(|given| given.key == *key)).or(named)
}
