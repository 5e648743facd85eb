//! Writes the keys of a full reading for all of its goods before the reading replaces the copy.

use rusqlite::Connection;

use super::{Db, Error};
use crate::domain::code::barcode::keys_of_good;
use crate::domain::ids::GoodId;

/// The most goods whose keys are written in one commit, so that a scan never waits long for one.
const INDEXED_AT_ONCE: usize = 2000;

/// The progress of adding keys to a full reading.
///
/// Keys are written in their own order, because then each page is touched once; in the order of the goods, every good
/// would touch a page of its own. It is not resumed after a restart: it is short, and begins again.
#[derive(Debug)]
pub(super) enum Indexing {
    /// The keys of the goods up to and with this one are known.
    Reading(GoodId, Vec<(String, GoodId)>),
    /// These keys are still to be written, the first of them last.
    Writing(Vec<(String, GoodId)>),
}

impl Db {
    /// Adds keys for some of the goods that the full reading collected, and returns true if there is more to do. Called
    /// until it returns false, it leaves little for [`Db::finish_full_reading`].
    ///
    /// # Errors
    /// Any, and then it begins anew.
    pub fn index_some(&mut self) -> Result<bool, Error> {
        let indexing = match self.indexing.take() {
            None => {
                // Keys of a reading that was dropped may be left.
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
        // Deferred: it begins with a write, and only the agent's thread writes these tables.
        let transaction = self.goods.transaction()?;
        {
            let sql = "INSERT OR IGNORE INTO next_keys (key, good_id) VALUES (?1, ?2)";
            let mut statement = transaction.prepare_cached(sql)?;
            // The vector is sorted backwards, so that the next keys are cut off its end without moving the rest.
            for (key, good) in keys.drain(keys.len().saturating_sub(INDEXED_AT_ONCE)..).rev() {
                statement.execute((key, good.0))?;
            }
        }
        transaction.commit()?;
        Ok(keys)
    }
}

/// Reads the keys of the next goods, and sorts all of them once there are no more.
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

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::domain::code::barcode::Barcode;
    use crate::domain::stock::good::Good;
    use crate::domain::stock::quantity::Money;
    use crate::domain::stock::resolution::Resolution;
    use crate::domain::time::UnixMillis;
    use crate::store::{GoodsPage, OpenOptions};

    fn good(id: i64, barcode: &str) -> Good {
        let (barcode, title, unit) = (barcode.to_owned(), format!("Good {id}"), "pc".to_owned());
        let (price, sale_price, write_off_unit) = (Money::default(), None, None);
        Good { id: GoodId(id), title, barcode, unit, price, sale_price, write_off_unit }
    }

    fn collect(db: &mut Db, goods: Vec<Good>) -> usize {
        db.collect_page(&GoodsPage { rows: goods.len(), goods }).unwrap().new
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
        collect(&mut db, (1..=goods).map(|id| good(id, &format!("CODE {}", id * 7919 % goods))).collect());
        let mut steps = 0;
        while db.index_some().unwrap() {
            steps += 1;
        }
        // One to begin, three to read and one that finds no more, three to write of which the last reports the end.
        assert_eq!(steps, 1 + 3 + 1 + 2);
        db.finish_full_reading(0).unwrap();
        for id in 1..=goods {
            assert_eq!(found(&db, &format!("CODE {}", id * 7919 % goods)), Some(id));
        }
    }

    #[test]
    fn a_good_that_comes_twice_in_a_reading_is_found_by_its_last_code() {
        let (mut db, _dir) = new();
        db.begin_full_reading(UnixMillis(0)).unwrap();
        assert_eq!(collect(&mut db, vec![good(1, "OLD"), good(2, "TWO")]), 2);
        while db.index_some().unwrap() {}
        assert_eq!(collect(&mut db, vec![good(1, "NEW"), good(3, "THREE")]), 1);
        db.finish_full_reading(0).unwrap();
        let all = ["OLD", "NEW", "TWO", "THREE"].map(|code| found(&db, code));
        assert_eq!(all, [None, Some(1), Some(2), Some(3)]);
    }

    #[test]
    fn keys_of_a_reading_that_was_cut_short_do_not_reach_the_next() {
        let (mut db, _dir) = new();
        db.begin_full_reading(UnixMillis(0)).unwrap();
        collect(&mut db, vec![good(1, "GONE")]);
        while db.index_some().unwrap() {}
        db.begin_full_reading(UnixMillis(1)).unwrap();
        collect(&mut db, vec![good(1, "HERE")]);
        db.finish_full_reading(0).unwrap();
        assert_eq!(["GONE", "HERE"].map(|code| found(&db, code)), [None, Some(1)]);
    }
}
