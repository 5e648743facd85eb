//! The copy of the goods table: resolves codes, and takes in changes. `reading` replaces the copy as a whole.

use std::iter::{once, repeat};

use rusqlite::{Connection, OptionalExtension, Statement, TransactionBehavior};

use super::{Db, Error, read};
use crate::domain::code::barcode::{Barcode, Key, keys_of_good};
use crate::domain::code::pack::{Content, Pack, identities};
use crate::domain::ids::GoodId;
use crate::domain::stock::good::{Good, Packed};
use crate::domain::stock::resolution::Resolution;
use crate::domain::time::UnixMillis;

/// The most goods that are read under one key; more than one is ambiguous already.
const GOODS_PER_KEY_MAX: u32 = 8;

/// Name of the time at which the last complete full reading began; wall clock.
pub(super) const FULL_AT: &str = "full_at";
/// Name of the time up to which changes are known; wall clock at the beginning of the last complete reading.
pub(super) const SYNCED_AT: &str = "synced_at";

/// The name of the edition of [`keys_of_good`] by which the keys were made, and this program's edition.
const KEYS_MADE_BY: &str = "keys_edition";
const KEYS_EDITION: i64 = 2;

/// The columns that are kept of a good, in the order of [`put_good`].
pub(super) const COLUMNS: &str =
    "(good_id, title, barcode, unit, price, sale_price, write_off_unit, per_sale_unit)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

/// The size and the age of the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GoodsFigures {
    /// The number of goods in it.
    pub count: u64,
    /// The time up to which changes are known; `None` before the first complete reading.
    pub synced_at: Option<UnixMillis>,
    /// The time at which the last complete full reading began.
    pub full_at: Option<UnixMillis>,
}

impl Db {
    /// Resolves a barcode tier by tier: the first tier under which there is a good decides.
    ///
    /// A code that the server's table does not have may be that of a pack, or one that a person gave to a good.
    ///
    /// # Errors
    /// [`Error::Sql`], or [`Error::Unexpected`] for a row this program did not write.
    pub fn resolve(&self, barcode: &Barcode) -> Result<Resolution, Error> {
        let in_table = self.resolve_in_table(barcode)?;
        if in_table != Resolution::Unknown {
            return Ok(in_table);
        }
        // The label of a measure carries its own quantity, which a pack's factor would falsify.
        if barcode.measure.is_none() {
            for tier in &barcode.tiers {
                let packed = self.packed(self.packs.under(tier))?;
                if packed != Resolution::Unknown {
                    return Ok(packed);
                }
            }
        }
        for tier in &barcode.tiers {
            let assigned = self.assigned(tier)?;
            if assigned != Resolution::Unknown {
                return Ok(assigned);
            }
        }
        Ok(Resolution::Unknown)
    }

    /// Resolves a barcode by the goods table alone.
    ///
    /// # Errors
    /// [`Error::Sql`], or [`Error::Unexpected`] for a row this program did not write.
    pub fn resolve_in_table(&self, barcode: &Barcode) -> Result<Resolution, Error> {
        for tier in &barcode.tiers {
            match Resolution::of(goods_under(&self.goods, tier)?) {
                Resolution::Unknown => {}
                resolution => return Ok(resolution),
            }
        }
        Ok(Resolution::Unknown)
    }

    /// Resolves a code by the packs that it may stand for.
    fn packed(&self, packs: Vec<&Pack>) -> Result<Resolution, Error> {
        let mut found = Vec::new();
        for pack in packs {
            match &pack.content {
                Content::Good(id) => found.extend(self.good(*id)?.map(|good| (good, pack.factor))),
                Content::Barcode(barcode) => {
                    let goods = goods_under(&self.goods, &keys_of_good(barcode))?;
                    found.extend(goods.into_iter().map(|good| (good, pack.factor)));
                }
            }
        }
        Ok(one_of(found))
    }

    /// Returns one good of the copy.
    ///
    /// # Errors
    /// [`Error::Sql`], or [`Error::Unexpected`] for a row this program did not write.
    pub fn good(&self, id: GoodId) -> Result<Option<Good>, Error> {
        let sql = "SELECT good_id, title, barcode, unit, price, sale_price, write_off_unit, per_sale_unit
                   FROM goods WHERE good_id = ?1";
        let mut statement = self.goods.prepare_cached(sql)?;
        let mut rows = statement.query([id.0])?;
        rows.next()?.map(read::good).transpose()
    }

    /// Returns the good to which a person gave a code with these keys.
    fn assigned(&self, tier: &[Key]) -> Result<Resolution, Error> {
        let sql = "SELECT good_id, factor FROM assignments WHERE key = ?1";
        let mut statement = self.outbox.prepare_cached(sql)?;
        let mut found = Vec::new();
        // The first identity is that of the code as it was read. If it is given, the single readings do not count.
        for (key, is_whole) in identities(tier).iter().zip(once(true).chain(repeat(false))) {
            let given: Option<(i64, u32)> =
                statement.query_row([key], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            let Some((id, factor)) = given else { continue };
            found.extend(self.good(GoodId(id))?.map(|good| (good, factor)));
            if is_whole && !found.is_empty() {
                break;
            }
        }
        Ok(one_of(found))
    }

    /// Returns the size and the age of the copy.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn goods_figures(&self) -> Result<GoodsFigures, Error> {
        let count: i64 = self.goods.query_row("SELECT count(*) FROM goods", [], |row| row.get(0))?;
        Ok(GoodsFigures {
            count: u64::try_from(count).unwrap_or(0),
            synced_at: progress(&self.goods, SYNCED_AT)?.map(UnixMillis),
            full_at: progress(&self.goods, FULL_AT)?.map(UnixMillis),
        })
    }

    /// Stores changed goods. They are found from now on.
    ///
    /// # Errors
    /// Any, and then none was stored.
    pub fn put_changed_goods(&mut self, goods: &[Good]) -> Result<(), Error> {
        let transaction = self.goods.transaction_with_behavior(TransactionBehavior::Immediate)?;
        put_changed(&transaction, goods)?;
        transaction.commit()?;
        Ok(())
    }

    /// Notes that every change up to `begun` is known.
    ///
    /// # Errors
    /// Any, and then nothing was noted.
    pub fn changes_complete(&mut self, begun: UnixMillis) -> Result<(), Error> {
        set_progress(&self.goods, SYNCED_AT, begun.0)
    }
}

/// Returns the one pack among those found. Two different ones are ambiguous, and neither is booked.
fn one_of(mut found: Vec<(Good, u32)>) -> Resolution {
    found.dedup_by(|one, other| (one.0.id, one.1) == (other.0.id, other.1));
    match (found.pop(), found.is_empty()) {
        (Some((good, factor)), true) => Packed { good, factor }.resolution(),
        (Some(_), false) => Resolution::Ambiguous,
        (None, _) => Resolution::Unknown,
    }
}

/// Gives the goods in an older program's copy the keys by which this program finds them, once.
pub(super) fn renew_keys(connection: &mut Connection) -> Result<(), Error> {
    if progress(connection, KEYS_MADE_BY)? == Some(KEYS_EDITION) {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        // The keys of GTINs have not changed; only texts are read differently.
        let sql = "SELECT good_id, barcode FROM goods
                   WHERE good_id IN (SELECT good_id FROM keys WHERE key >= 't' AND key < 'u')";
        let goods: Vec<(i64, String)> = {
            let mut statement = transaction.prepare(sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<_, _>>()?
        };
        let mut delete = transaction.prepare("DELETE FROM keys WHERE key = ?1 AND good_id = ?2")?;
        let mut put = transaction.prepare("INSERT OR IGNORE INTO keys (key, good_id) VALUES (?1, ?2)")?;
        for (good, barcode) in goods {
            // The older program's key of a text was the text as it stood.
            delete.execute((Key::Text(barcode.clone()).encode(), good))?;
            for key in keys_of_good(&barcode) {
                put.execute((key.encode(), good))?;
            }
        }
    }
    set_progress(&transaction, KEYS_MADE_BY, KEYS_EDITION)?;
    transaction.commit()?;
    Ok(())
}

fn goods_under(connection: &Connection, keys: &[Key]) -> Result<Vec<Good>, Error> {
    let sql = "SELECT g.good_id, g.title, g.barcode, g.unit, g.price, g.sale_price, g.write_off_unit,
                      g.per_sale_unit
               FROM keys k JOIN goods g USING (good_id) WHERE k.key = ?1 LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut goods: Vec<Good> = Vec::new();
    for key in keys {
        let mut rows = statement.query((key.encode(), GOODS_PER_KEY_MAX))?;
        while let Some(row) = rows.next()? {
            let good = read::good(row)?;
            if goods.iter().all(|known| known.id != good.id) {
                goods.push(good);
            }
        }
    }
    Ok(goods)
}

/// Writes one good by a statement with [`COLUMNS`].
pub(super) fn put_good(statement: &mut Statement<'_>, good: &Good) -> Result<usize, Error> {
    let other = good.write_off_unit.as_ref();
    Ok(statement.execute((
        good.id.0,
        &good.title,
        &good.barcode,
        &good.unit,
        good.price.to_string(),
        good.sale_price.map(|price| price.to_string()),
        other.map(|unit| &unit.name),
        other.map(|unit| unit.per_sale_unit.to_string()),
    ))?)
}

/// Writes changed goods and their keys.
pub(super) fn put_changed(connection: &Connection, goods: &[Good]) -> Result<(), Error> {
    let mut delete_keys = connection.prepare_cached("DELETE FROM keys WHERE key = ?1 AND good_id = ?2")?;
    let mut old_barcode = connection.prepare_cached("SELECT barcode FROM goods WHERE good_id = ?1")?;
    let mut replace = connection.prepare_cached(&format!("INSERT OR REPLACE INTO goods {COLUMNS}"))?;
    let mut put_key =
        connection.prepare_cached("INSERT OR IGNORE INTO keys (key, good_id) VALUES (?1, ?2)")?;
    for good in goods {
        // The keys of the old barcode go first, or the good would still be found by it.
        let old: Option<String> = old_barcode.query_row([good.id.0], |row| row.get(0)).optional()?;
        for key in old.iter().flat_map(|old| keys_of_good(old)) {
            delete_keys.execute((key.encode(), good.id.0))?;
        }
        put_good(&mut replace, good)?;
        for key in keys_of_good(&good.barcode) {
            put_key.execute((key.encode(), good.id.0))?;
        }
    }
    Ok(())
}

pub(super) fn progress(connection: &Connection, name: &str) -> Result<Option<i64>, Error> {
    let mut statement = connection.prepare_cached("SELECT value FROM progress WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0)).optional()?)
}

pub(super) fn set_progress(connection: &Connection, name: &str, value: i64) -> Result<(), Error> {
    let sql =
        "INSERT INTO progress (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2";
    connection.prepare_cached(sql)?.execute((name, value))?;
    Ok(())
}
