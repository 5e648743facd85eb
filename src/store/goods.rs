//! The copy of the goods table: found by key, refreshed by pages, replaced as a whole.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::{Db, Error, read};
use crate::domain::barcode::{Barcode, Key, keys_of_good};
use crate::domain::good::{Good, Resolution};
use crate::domain::ids::GoodId;
use crate::domain::time::UnixMillis;

/// Goods looked at under one key; more than one is ambiguous already.
const GOODS_PER_KEY_MAX: u32 = 8;

/// When the last complete full reading began; wall clock.
const FULL_AT: &str = "full_at";
/// Up to when changes are known; wall clock at the beginning of the last complete reading.
const SYNCED_AT: &str = "synced_at";
/// When the full reading now under way began; wall clock.
const NEXT_BEGUN_AT: &str = "next_begun_at";
/// The page that the full reading now under way goes on with, from 1.
const NEXT_PAGE: &str = "next_page";

/// One page of the goods table, and where in a full reading it belongs.
#[derive(Debug, Clone)]
pub struct GoodsPage {
    /// Page number, from 1.
    pub page: u32,
    /// Its goods.
    pub goods: Vec<Good>,
}

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
        let mut statement = self.goods.prepare_cached("SELECT * FROM goods WHERE good_id = ?1")?;
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
        put(&transaction, "", goods)?;
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

    /// Where a full reading that was interrupted goes on: when it began, and its next page. `None` if none is
    /// under way.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn full_reading(&self) -> Result<Option<(UnixMillis, u32)>, Error> {
        let begun = progress(&self.goods, NEXT_BEGUN_AT)?;
        let page = progress(&self.goods, NEXT_PAGE)?.and_then(|page| u32::try_from(page).ok());
        Ok(begun.zip(page).map(|(begun, page)| (UnixMillis(begun), page)))
    }

    /// Begins a full reading; what an earlier one had collected is dropped.
    ///
    /// # Errors
    /// Any, and then nothing was begun.
    pub fn begin_full_reading(&mut self, now: UnixMillis) -> Result<(), Error> {
        let transaction = self.goods.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch("DELETE FROM next_goods; DELETE FROM next_keys")?;
        set_progress(&transaction, NEXT_BEGUN_AT, now.0)?;
        set_progress(&transaction, NEXT_PAGE, 1)?;
        transaction.commit()?;
        Ok(())
    }

    /// Collects one page of a full reading and notes the next. Gives back how many of its goods were new: none
    /// means that the server repeats itself.
    ///
    /// # Errors
    /// Any, and then the page was not collected.
    pub fn collect_page(&mut self, page: &GoodsPage) -> Result<usize, Error> {
        let transaction = self.goods.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let new = put(&transaction, "next_", &page.goods)?;
        set_progress(&transaction, NEXT_PAGE, i64::from(page.page) + 1)?;
        transaction.commit()?;
        Ok(new)
    }

    /// Replaces the copy by what the full reading collected, at once: from here on a good that the reading did
    /// not see is gone.
    ///
    /// # Errors
    /// Any, and then the copy is as it was.
    pub fn finish_full_reading(&mut self) -> Result<(), Error> {
        let transaction = self.goods.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let begun = progress(&transaction, NEXT_BEGUN_AT)?
            .ok_or(Error::Unexpected { what: "the progress of a full reading" })?;
        transaction.execute_batch(
            "ALTER TABLE goods RENAME TO old_goods;
             ALTER TABLE keys RENAME TO old_keys;
             ALTER TABLE next_goods RENAME TO goods;
             ALTER TABLE next_keys RENAME TO keys;
             ALTER TABLE old_goods RENAME TO next_goods;
             ALTER TABLE old_keys RENAME TO next_keys;
             DELETE FROM next_goods;
             DELETE FROM next_keys;
             DELETE FROM progress WHERE name IN ('next_begun_at', 'next_page')",
        )?;
        set_progress(&transaction, FULL_AT, begun)?;
        set_progress(&transaction, SYNCED_AT, begun)?;
        transaction.commit()?;
        Ok(())
    }
}

fn goods_under(connection: &Connection, keys: &[Key]) -> Result<Vec<Good>, Error> {
    let sql = "SELECT g.* FROM keys k JOIN goods g USING (good_id) WHERE k.key = ?1 LIMIT ?2";
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

/// Writes goods and their keys into the tables with this prefix; gives back how many were not there before.
fn put(connection: &Connection, prefix: &str, goods: &[Good]) -> Result<usize, Error> {
    let mut delete_keys =
        connection.prepare_cached(&format!("DELETE FROM {prefix}keys WHERE key = ?1 AND good_id = ?2"))?;
    let mut old_barcode =
        connection.prepare_cached(&format!("SELECT barcode FROM {prefix}goods WHERE good_id = ?1"))?;
    let mut put_good = connection.prepare_cached(&format!(
        "INSERT OR REPLACE INTO {prefix}goods (good_id, title, barcode, unit, price) VALUES (?1, ?2, ?3, ?4, ?5)"
    ))?;
    let mut put_key = connection
        .prepare_cached(&format!("INSERT OR IGNORE INTO {prefix}keys (key, good_id) VALUES (?1, ?2)"))?;
    let mut new = 0;
    for good in goods {
        let old: Option<String> = old_barcode.query_row([good.id.0], |row| row.get(0)).optional()?;
        new += usize::from(old.is_none());
        for key in old.iter().flat_map(|old| keys_of_good(old)) {
            delete_keys.execute((key.encode(), good.id.0))?;
        }
        put_good.execute((good.id.0, &good.title, &good.barcode, &good.unit, good.price.to_string()))?;
        for key in keys_of_good(&good.barcode) {
            put_key.execute((key.encode(), good.id.0))?;
        }
    }
    Ok(new)
}

fn progress(connection: &Connection, name: &str) -> Result<Option<i64>, Error> {
    let mut statement = connection.prepare_cached("SELECT value FROM progress WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0)).optional()?)
}

fn set_progress(connection: &Connection, name: &str, value: i64) -> Result<(), Error> {
    let sql =
        "INSERT INTO progress (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2";
    connection.prepare_cached(sql)?.execute((name, value))?;
    Ok(())
}
