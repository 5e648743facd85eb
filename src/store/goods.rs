//! The copy of the goods table: found by key, and kept by what changed. `reading` replaces it as a whole.

use rusqlite::{Connection, OptionalExtension, Statement, TransactionBehavior};

use super::{Db, Error, read};
use crate::domain::barcode::{Barcode, Key, keys_of_good};
use crate::domain::good::{Good, Resolution};
use crate::domain::ids::GoodId;
use crate::domain::time::UnixMillis;

/// Goods looked at under one key; more than one is ambiguous already.
const GOODS_PER_KEY_MAX: u32 = 8;

/// When the last complete full reading began; wall clock.
pub(super) const FULL_AT: &str = "full_at";
/// Up to when changes are known; wall clock at the beginning of the last complete reading.
pub(super) const SYNCED_AT: &str = "synced_at";

/// What is kept of a good, in the order of [`put_good`].
pub(super) const COLUMNS: &str =
    "(good_id, title, barcode, unit, price, sale_price, write_off_unit, per_sale_unit)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

/// How the copy stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GoodsFigures {
    /// Goods in it.
    pub count: u64,
    /// Up to when changes are known; `None` before the first complete reading.
    pub synced_at: Option<UnixMillis>,
    /// When the last complete full reading began.
    pub full_at: Option<UnixMillis>,
}

impl Db {
    /// Looks a barcode up, tier by tier: the first tier under which there is a good decides. A code that the
    /// server's table does not know may have been given to a good by a person.
    ///
    /// # Errors
    /// [`Error::Sql`], or [`Error::Unexpected`] for a row this program did not write.
    pub fn resolve(&self, barcode: &Barcode) -> Result<Resolution, Error> {
        for tier in &barcode.tiers {
            match Resolution::of(goods_under(&self.goods, tier)?) {
                Resolution::Unknown => {}
                resolution => return Ok(resolution),
            }
        }
        for key in barcode.tiers.iter().flatten() {
            if let Some(good) = self.assigned(key)? {
                return Ok(Resolution::Found(good));
            }
        }
        Ok(Resolution::Unknown)
    }

    /// One good of the copy.
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

    fn assigned(&self, key: &Key) -> Result<Option<Good>, Error> {
        let sql = "SELECT good_id FROM assignments WHERE key = ?1";
        let good: Option<i64> =
            self.outbox.prepare_cached(sql)?.query_row([key.encode()], |row| row.get(0)).optional()?;
        good.map_or(Ok(None), |id| self.good(GoodId(id)))
    }

    /// How the copy stands.
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

    /// Takes in goods that changed. They are found from now on.
    ///
    /// # Errors
    /// Any, and then none was taken in.
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

/// Writes goods that changed, and their keys.
pub(super) fn put_changed(connection: &Connection, goods: &[Good]) -> Result<(), Error> {
    let mut delete_keys = connection.prepare_cached("DELETE FROM keys WHERE key = ?1 AND good_id = ?2")?;
    let mut old_barcode = connection.prepare_cached("SELECT barcode FROM goods WHERE good_id = ?1")?;
    let mut replace = connection.prepare_cached(&format!("INSERT OR REPLACE INTO goods {COLUMNS}"))?;
    let mut put_key =
        connection.prepare_cached("INSERT OR IGNORE INTO keys (key, good_id) VALUES (?1, ?2)")?;
    for good in goods {
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
