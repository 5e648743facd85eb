//! A full reading of the goods table. It collects goods beside the copy, outlives a restart, and replaces the copy in
//! one commit.
//!
//! Before the very first reading is complete there is no copy: its goods are found from its first page on.

use std::collections::BTreeSet;

use rusqlite::{Connection, TransactionBehavior};

use super::goods::{COLUMNS, FULL_AT, SYNCED_AT, progress, put_changed, put_good, set_progress};
use super::{Db, Error, GoodsFigures};
use crate::domain::ids::GoodId;
use crate::domain::listing::{Fault, PageCounts, Pass, Turn};
use crate::domain::stock::good::Good;
use crate::domain::time::UnixMillis;

/// Name of the time at which the full reading now under way began; wall clock.
const NEXT_BEGUN_AT: &str = "next_begun_at";
/// Names of its progress. An older program does not have these names, so it begins anew where this one was interrupted.
const PASS_PAGE: &str = "pass_page";
const PASS_ROWS_MAX: &str = "pass_rows_max";
const PASS_REPEATED: &str = "pass_repeated";
const PASS_EMPTY: &str = "pass_empty";

/// Name of the number of full readings that were ever begun, which is the number of the latest.
const BEGUN: &str = "readings_begun";
/// Name of the number of the full reading that the copy is from.
const DONE: &str = "reading_done";

/// Name of the number of rows to ask for on a page, because the service refused more.
const PAGE_ROWS: &str = "page_rows";

/// Names of the number of goods that the last full reading lacked, and of their mark, while another reading is to
/// confirm it.
const DOUBT_COUNT: &str = "doubt_count";
const DOUBT_MARK: &str = "doubt_mark";

/// Name of the number of rows that came twice in the reading that the copy is from. It is kept while the copy may still
/// lack goods that slipped from one page to another.
const UNPROVEN: &str = "unproven";

/// The most goods of the copy that one call compares with a reading, so that a scan never waits long for it.
const LOOKED_AT_ONCE: usize = 2000;

/// A page of the goods table that a full reading asked for.
#[derive(Debug, Clone)]
pub struct GoodsPage {
    /// Its number of rows, readable or not.
    pub rows: usize,
    /// Its goods.
    pub goods: Vec<Good>,
}

/// A full reading under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FullReading {
    /// The time at which it began.
    pub begun: UnixMillis,
    /// Its progress.
    pub pass: Pass,
}

/// The effect of a page on a full reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collected {
    /// The number of goods that no earlier page had.
    pub new: usize,
    /// The progress of the reading now.
    pub pass: Pass,
    /// The next turn of the reading; after a fault the reading is dropped.
    pub turn: Result<Turn, Fault>,
}

/// The goods of the copy that a full reading lacked, while another reading is to confirm it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubt {
    /// The number of goods.
    pub missing: u64,
    /// The mark of the goods: one number that differs when they differ.
    pub mark: i64,
}

/// The proof that the copy lacks no goods that slipped from one page of its reading to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// It lacks none.
    Proven,
    /// No row came twice in its reading: another reading that misses none of its goods proves it.
    Clean,
    /// Rows came twice in its reading.
    Moved,
}

/// The state of the copy and of its readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyState {
    /// The size and the age of the copy.
    pub figures: GoodsFigures,
    /// True if a full reading is under way.
    pub is_under_way: bool,
    /// The goods that the last full reading lacked, if another one is to confirm that.
    pub doubt: Option<Doubt>,
    /// The proof that it lacks no goods.
    pub proof: Proof,
    /// The number of rows to ask for on a page, if the service has refused more.
    pub page_rows: Option<usize>,
}

/// The number of full readings that were begun, and the number of the one that the copy is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadingNumbers {
    /// The number of the one that began last.
    pub begun: i64,
    /// The number of the one that the copy is from; 0 if of none.
    pub done: i64,
}

impl Db {
    /// Returns the full reading under way, which an earlier process may have begun; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn full_reading(&self) -> Result<Option<FullReading>, Error> {
        full_reading(&self.goods)
    }

    /// Begins a full reading; goods that an earlier one had collected are dropped.
    ///
    /// # Errors
    /// Any, and then nothing was begun.
    pub fn begin_full_reading(&mut self, now: UnixMillis) -> Result<Pass, Error> {
        let transaction = self.goods.transaction_with_behavior(TransactionBehavior::Immediate)?;
        drop_reading(&transaction)?;
        let pass = Pass::default();
        set_progress(&transaction, NEXT_BEGUN_AT, now.0)?;
        set_pass(&transaction, pass)?;
        let begun = progress(&transaction, BEGUN)?.unwrap_or(0);
        set_progress(&transaction, BEGUN, begun.saturating_add(1))?;
        transaction.commit()?;
        // Keys computed for the goods that were dropped are worth nothing now.
        self.indexing = None;
        Ok(pass)
    }

    /// Drops the full reading under way, and leaves the copy as it is.
    ///
    /// # Errors
    /// Any, and then it is still under way.
    pub fn drop_full_reading(&mut self) -> Result<(), Error> {
        let transaction = self.goods.transaction_with_behavior(TransactionBehavior::Immediate)?;
        drop_reading(&transaction)?;
        transaction.commit()?;
        self.indexing = None;
        Ok(())
    }

    /// Stores the page that the full reading under way asked for. Before the very first reading is complete, its goods
    /// are found from then on.
    ///
    /// # Errors
    /// Any, and then the page was not collected.
    pub fn collect_page(&mut self, page: &GoodsPage) -> Result<Collected, Error> {
        let transaction = self.goods.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut pass = full_reading(&transaction)?.ok_or(NO_READING)?.pass;
        let new = put_next(&transaction, &page.goods)?;
        let distinct = page.goods.iter().map(|good| good.id).collect::<BTreeSet<_>>().len();
        let turn = pass.take(PageCounts { rows: page.rows, new, repeated: distinct.saturating_sub(new) });
        match turn {
            Ok(_) => set_pass(&transaction, pass)?,
            Err(_) => drop_reading(&transaction)?,
        }
        // `SYNCED_AT` is set when the first reading is complete.
        if progress(&transaction, SYNCED_AT)?.is_none() {
            put_changed(&transaction, &page.goods)?;
        }
        transaction.commit()?;
        self.indexing = None;
        Ok(Collected { new, pass, turn })
    }

    /// Adds a good to the full reading under way that its pages did not hold, though the service has it.
    ///
    /// # Errors
    /// Any, and then it was not added.
    pub fn keep_good(&mut self, good: &Good) -> Result<(), Error> {
        put_next(&self.goods, std::slice::from_ref(good))?;
        self.indexing = None;
        Ok(())
    }

    /// Compares some goods of the copy, those after one, with the full reading. Returns the last good compared and
    /// those that the reading lacks; `None` when there are no more.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn missing_after(&self, after: GoodId) -> Result<Option<(GoodId, Vec<GoodId>)>, Error> {
        let sql = "SELECT g.good_id, n.good_id IS NULL FROM goods g LEFT JOIN next_goods n USING (good_id)
                   WHERE g.good_id > ?1 ORDER BY g.good_id LIMIT ?2";
        let mut statement = self.goods.prepare_cached(sql)?;
        let mut rows = statement.query((after.0, LOOKED_AT_ONCE))?;
        let (mut last, mut missing) = (None, Vec::new());
        while let Some(row) = rows.next()? {
            let good = GoodId(row.get(0)?);
            if row.get(1)? {
                missing.push(good);
            }
            last = Some(good);
        }
        Ok(last.map(|last| (last, missing)))
    }

    /// Returns the number of goods that the full reading under way has collected.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn collected(&self) -> Result<u64, Error> {
        let count: i64 = self.goods.query_row("SELECT count(*) FROM next_goods", [], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Replaces the copy by the goods that the full reading collected, in one commit: a good that it lacks is gone from
    /// now on. `gone` is the number of goods of the copy that are gone.
    ///
    /// The time up to which changes are known stays as it was, if there is one: changes since then are read again, so
    /// that a good that was made meanwhile and slipped from one page to another is found.
    ///
    /// # Errors
    /// Any, and then the copy is as it was.
    pub fn finish_full_reading(&mut self, gone: u64) -> Result<(), Error> {
        while self.index_some()? {}
        self.indexing = None;
        let transaction = self.goods.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let reading = full_reading(&transaction)?.ok_or(NO_READING)?;
        // Renaming takes as long for a hundred thousand goods as for ten. The old tables serve the next reading, empty.
        transaction.execute_batch(
            "ALTER TABLE goods RENAME TO old_goods;
             ALTER TABLE keys RENAME TO old_keys;
             ALTER TABLE next_goods RENAME TO goods;
             ALTER TABLE next_keys RENAME TO keys;
             ALTER TABLE old_goods RENAME TO next_goods;
             ALTER TABLE old_keys RENAME TO next_keys;",
        )?;
        drop_reading(&transaction)?;
        set_proof(&transaction, &reading.pass, gone)?;
        if progress(&transaction, SYNCED_AT)?.is_none() {
            set_progress(&transaction, SYNCED_AT, reading.begun.0)?;
        }
        set_progress(&transaction, FULL_AT, reading.begun.0)?;
        set_progress(&transaction, DONE, progress(&transaction, BEGUN)?.unwrap_or(0))?;
        forget(&transaction, DOUBT_COUNT)?;
        forget(&transaction, DOUBT_MARK)?;
        transaction.commit()?;
        Ok(())
    }

    /// Returns the state of the copy and its readings.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn copy_state(&self) -> Result<CopyState, Error> {
        Ok(CopyState {
            figures: self.goods_figures()?,
            is_under_way: self.full_reading()?.is_some(),
            doubt: self.doubt()?,
            proof: proof(&self.goods)?,
            page_rows: progress(&self.goods, PAGE_ROWS)?.and_then(|rows| usize::try_from(rows).ok()),
        })
    }

    /// Returns the number of full readings that were begun, and the number of the one that the copy is from.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn reading_numbers(&self) -> Result<ReadingNumbers, Error> {
        let number = |name| Ok::<_, Error>(progress(&self.goods, name)?.unwrap_or(0));
        Ok(ReadingNumbers { begun: number(BEGUN)?, done: number(DONE)? })
    }

    /// Returns the doubt of the last full reading, if another one is to confirm it.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn doubt(&self) -> Result<Option<Doubt>, Error> {
        let missing = progress(&self.goods, DOUBT_COUNT)?.and_then(|count| u64::try_from(count).ok());
        let mark = progress(&self.goods, DOUBT_MARK)?;
        Ok(missing.zip(mark).map(|(missing, mark)| Doubt { missing, mark }))
    }

    /// Drops the full reading under way and notes the goods that it lacked, for the next one to confirm.
    ///
    /// # Errors
    /// Any, and then it is still under way.
    pub fn doubt_full_reading(&mut self, doubt: Doubt) -> Result<(), Error> {
        let transaction = self.goods.transaction_with_behavior(TransactionBehavior::Immediate)?;
        drop_reading(&transaction)?;
        set_progress(&transaction, DOUBT_COUNT, i64::try_from(doubt.missing).unwrap_or(i64::MAX))?;
        set_progress(&transaction, DOUBT_MARK, doubt.mark)?;
        transaction.commit()?;
        self.indexing = None;
        Ok(())
    }

    /// Stores the number of rows to ask for on a page.
    ///
    /// # Errors
    /// Any, and then it is not remembered.
    pub fn remember_page_rows(&mut self, rows: usize) -> Result<(), Error> {
        set_progress(&self.goods, PAGE_ROWS, i64::try_from(rows).unwrap_or(i64::MAX))
    }
}

const NO_READING: Error = Error::Unexpected { what: "the progress of a full reading" };

fn full_reading(connection: &Connection) -> Result<Option<FullReading>, Error> {
    let (Some(begun), Some(page)) = (progress(connection, NEXT_BEGUN_AT)?, progress(connection, PASS_PAGE)?)
    else {
        return Ok(None);
    };
    let fact = |name| progress(connection, name).map(Option::unwrap_or_default);
    let pass = Pass {
        page: u32::try_from(page).unwrap_or(1),
        rows_max: usize::try_from(fact(PASS_ROWS_MAX)?).unwrap_or(0),
        repeated: usize::try_from(fact(PASS_REPEATED)?).unwrap_or(0),
        empty: u32::try_from(fact(PASS_EMPTY)?).unwrap_or(0),
    };
    Ok(Some(FullReading { begun: UnixMillis(begun), pass }))
}

fn set_pass(connection: &Connection, pass: Pass) -> Result<(), Error> {
    let rows = |rows| i64::try_from(rows).unwrap_or(i64::MAX);
    set_progress(connection, PASS_PAGE, i64::from(pass.page))?;
    set_progress(connection, PASS_ROWS_MAX, rows(pass.rows_max))?;
    set_progress(connection, PASS_REPEATED, rows(pass.repeated))?;
    set_progress(connection, PASS_EMPTY, i64::from(pass.empty))
}

fn drop_reading(connection: &Connection) -> Result<(), Error> {
    // `next_page` is a name that an older version used.
    connection.execute_batch(
        "DELETE FROM next_goods;
         DELETE FROM next_keys;
         DELETE FROM progress WHERE name IN
             ('next_begun_at', 'next_page', 'pass_page', 'pass_rows_max', 'pass_repeated', 'pass_empty')",
    )?;
    Ok(())
}

fn proof(connection: &Connection) -> Result<Proof, Error> {
    Ok(match progress(connection, UNPROVEN)? {
        None => Proof::Proven,
        Some(0) => Proof::Clean,
        Some(_) => Proof::Moved,
    })
}

/// Stores the proof of the new copy.
///
/// A reading that misses none of a copy's goods proves the copy, if no row came twice in the copy's own reading;
/// `domain::listing` explains why. A proven copy stays proven: goods that a later reading lacks are asked for one by
/// one, and goods that were made since the copy are among the changes.
fn set_proof(connection: &Connection, pass: &Pass, gone: u64) -> Result<(), Error> {
    let is_first = progress(connection, SYNCED_AT)?.is_none();
    match proof(connection)? {
        Proof::Proven if !is_first => Ok(()),
        Proof::Clean if gone == 0 => forget(connection, UNPROVEN),
        Proof::Proven | Proof::Clean | Proof::Moved => {
            set_progress(connection, UNPROVEN, i64::try_from(pass.repeated).unwrap_or(i64::MAX))
        }
    }
}

fn forget(connection: &Connection, name: &str) -> Result<(), Error> {
    connection.prepare_cached("DELETE FROM progress WHERE name = ?1")?.execute([name])?;
    Ok(())
}

/// Writes goods of a full reading; returns how many were not there before.
fn put_next(connection: &Connection, goods: &[Good]) -> Result<usize, Error> {
    let columns = format!("next_goods {COLUMNS}");
    // Two statements, because only the first tells a new good from one that came before. The later row wins.
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
