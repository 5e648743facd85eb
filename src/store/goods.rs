//! The copy of the goods table: found by key, refreshed by pages, replaced as a whole.

use rusqlite::{Connection, OptionalExtension, Statement, TransactionBehavior};

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

/// Goods that are given their keys in one commit, so that a scan never waits long for it.
const INDEXED_AT_ONCE: usize = 2000;

/// What is kept of a good, in the order of [`put_good`].
const COLUMNS: &str = "(good_id, title, barcode, unit, price, sale_price, write_off_unit, per_sale_unit)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

/// How far giving keys to a full reading is. They are written in their order, for each touches a page once then;
/// in the order of the goods every good would touch a page of its own. It is not taken up after a restart: it
/// is short, and begins again.
#[derive(Debug)]
pub(super) enum Indexing {
    /// The keys of the goods up to and with this one are known.
    Reading(GoodId, Vec<(String, GoodId)>),
    /// These keys are still to be written, the first of them last.
    Writing(Vec<(String, GoodId)>),
}

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
        transaction.execute_batch("DELETE FROM next_goods")?;
        set_progress(&transaction, NEXT_BEGUN_AT, now.0)?;
        set_progress(&transaction, NEXT_PAGE, 1)?;
        transaction.commit()?;
        self.indexing = None;
        Ok(())
    }

    /// Collects one page of a full reading and notes the next. Gives back how many of its goods were new: none
    /// means that the server repeats itself.
    ///
    /// # Errors
    /// Any, and then the page was not collected.
    pub fn collect_page(&mut self, page: &GoodsPage) -> Result<usize, Error> {
        let transaction = self.goods.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let new = put_next(&transaction, &page.goods)?;
        set_progress(&transaction, NEXT_PAGE, i64::from(page.page) + 1)?;
        transaction.commit()?;
        self.indexing = None;
        Ok(new)
    }

    /// Gives keys to some of what the full reading collected; whether there is more to do. Done again and again
    /// until there is not, it leaves little for [`Db::finish_full_reading`].
    ///
    /// # Errors
    /// Any, and then it begins anew.
    pub fn index_some(&mut self) -> Result<bool, Error> {
        let indexing = match self.indexing.take() {
            None => {
                self.goods.execute("DELETE FROM next_keys", [])?;
                Indexing::Reading(GoodId(0), Vec::new())
            }
            Some(Indexing::Reading(after, keys)) => read_keys(&self.goods, after, keys)?,
            Some(Indexing::Writing(keys)) => Indexing::Writing(self.write_keys(keys)?),
        };
        let is_done = matches!(&indexing, Indexing::Writing(keys) if keys.is_empty());
        self.indexing = Some(indexing);
        Ok(!is_done)
    }

    fn write_keys(&mut self, mut keys: Vec<(String, GoodId)>) -> Result<Vec<(String, GoodId)>, Error> {
        let transaction = self.goods.transaction()?;
        {
            let sql = "INSERT OR IGNORE INTO next_keys (key, good_id) VALUES (?1, ?2)";
            let mut statement = transaction.prepare_cached(sql)?;
            for (key, good) in keys.drain(keys.len().saturating_sub(INDEXED_AT_ONCE)..).rev() {
                statement.execute((key, good.0))?;
            }
        }
        transaction.commit()?;
        Ok(keys)
    }

    /// Replaces the copy by what the full reading collected, at once: from here on a good that the reading did
    /// not see is gone.
    ///
    /// # Errors
    /// Any, and then the copy is as it was.
    pub fn finish_full_reading(&mut self) -> Result<(), Error> {
        while self.index_some()? {}
        self.indexing = None;
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

/// Reads the keys of the goods after one, and puts all of them in order once there are no more.
fn read_keys(
    connection: &Connection,
    after: GoodId,
    mut keys: Vec<(String, GoodId)>,
) -> Result<Indexing, Error> {
    let sql = "SELECT good_id, barcode FROM next_goods WHERE good_id > ?1 ORDER BY good_id LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((after.0, INDEXED_AT_ONCE))?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        let good = GoodId(row.get(0)?);
        let barcode: String = row.get(1)?;
        keys.extend(keys_of_good(&barcode).iter().map(|key| (key.encode(), good)));
        last = Some(good);
    }
    if let Some(last) = last {
        return Ok(Indexing::Reading(last, keys));
    }
    keys.sort_unstable_by(|one, other| other.cmp(one));
    Ok(Indexing::Writing(keys))
}

/// Writes one good by a statement with [`COLUMNS`].
fn put_good(statement: &mut Statement<'_>, good: &Good) -> Result<usize, Error> {
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

/// Writes goods of a full reading; gives back how many were not there before.
fn put_next(connection: &Connection, goods: &[Good]) -> Result<usize, Error> {
    let columns = format!("next_goods {COLUMNS}");
    let mut insert = connection.prepare_cached(&format!("INSERT OR IGNORE INTO {columns}"))?;
    let mut replace = connection.prepare_cached(&format!("REPLACE INTO {columns}"))?;
    let mut new = 0;
    for good in goods {
        let added = put_good(&mut insert, good)?;
        new += added;
        if added == 0 {
            put_good(&mut replace, good)?;
        }
    }
    Ok(new)
}

/// Writes goods that changed, and their keys.
fn put_changed(connection: &Connection, goods: &[Good]) -> Result<(), Error> {
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

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::domain::quantity::Money;
    use crate::store::OpenOptions;

    fn good(id: i64, barcode: &str) -> Good {
        let (barcode, title, unit) = (barcode.to_owned(), format!("Good {id}"), "pc".to_owned());
        let (price, sale_price, write_off_unit) = (Money::default(), None, None);
        Good { id: GoodId(id), title, barcode, unit, price, sale_price, write_off_unit }
    }

    fn collect(db: &mut Db, page: u32, goods: Vec<Good>) -> usize {
        db.collect_page(&GoodsPage { page, goods }).unwrap()
    }

    fn found(db: &Db, code: &str) -> Option<i64> {
        match db.resolve(&Barcode::read(code)).unwrap() {
            Resolution::Found(good) => Some(good.id.0),
            _ => None,
        }
    }

    fn new() -> (Db, TempDir) {
        let dir = TempDir::new().unwrap();
        let (now, boot_id) = (UnixMillis(0), "boot-1");
        let options = OpenOptions { dir: dir.path(), station: "dock-1", boot_id, now, commit_hook: None };
        (Db::open(options).unwrap(), dir)
    }

    #[test]
    fn every_good_of_a_reading_is_found_however_many_there_are() {
        let (mut db, _dir) = new();
        let goods = 2 * i64::try_from(INDEXED_AT_ONCE).unwrap() + 1;
        db.begin_full_reading(UnixMillis(0)).unwrap();
        collect(&mut db, 1, (1..=goods).map(|id| good(id, &format!("CODE {}", id * 7919 % goods))).collect());
        let mut steps = 0;
        while db.index_some().unwrap() {
            steps += 1;
        }
        // One to begin, three to read and one that finds no more, three to write of which the last says so.
        assert_eq!(steps, 1 + 3 + 1 + 2);
        db.finish_full_reading().unwrap();
        for id in 1..=goods {
            assert_eq!(found(&db, &format!("CODE {}", id * 7919 % goods)), Some(id));
        }
    }

    #[test]
    fn a_good_that_comes_twice_in_a_reading_is_found_by_its_last_code() {
        let (mut db, _dir) = new();
        db.begin_full_reading(UnixMillis(0)).unwrap();
        assert_eq!(collect(&mut db, 1, vec![good(1, "OLD"), good(2, "TWO")]), 2);
        while db.index_some().unwrap() {}
        assert_eq!(collect(&mut db, 2, vec![good(1, "NEW"), good(3, "THREE")]), 1);
        db.finish_full_reading().unwrap();
        let all = ["OLD", "NEW", "TWO", "THREE"].map(|code| found(&db, code));
        assert_eq!(all, [None, Some(1), Some(2), Some(3)]);
    }

    #[test]
    fn keys_of_a_reading_that_was_cut_short_do_not_reach_the_next() {
        let (mut db, _dir) = new();
        db.begin_full_reading(UnixMillis(0)).unwrap();
        collect(&mut db, 1, vec![good(1, "GONE")]);
        while db.index_some().unwrap() {}
        db.begin_full_reading(UnixMillis(1)).unwrap();
        collect(&mut db, 1, vec![good(1, "HERE")]);
        db.finish_full_reading().unwrap();
        assert_eq!(["GONE", "HERE"].map(|code| found(&db, code)), [None, Some(1)]);
    }
}
