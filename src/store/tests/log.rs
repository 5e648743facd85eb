//! The write-ahead log keeps its size, and a scan writes little.

use std::fs;

use tempfile::TempDir;

use super::{BEGIN, Bench, COMB, SHAMPOO, good};
use crate::domain::control::Control;
use crate::store::{Db, GOODS_FILE, GoodsPage, OUTBOX_FILE, OpenOptions};

/// The log's working size, and room for the commits between two foldings.
const LOG_BYTES_MAX: u64 = 1024 * 1024 + 128 * 1024;

fn log_bytes(bench: &Bench, name: &str) -> u64 {
    fs::metadata(bench.dir.path().join(format!("{name}-wal"))).unwrap().len()
}

/// Pages that were written to the log since it was last begun anew.
fn pages(bench: &Bench) -> i64 {
    bench.db.outbox.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get(1)).unwrap()
}

#[test]
fn a_commit_of_the_outbox_waits_for_the_disk() {
    let dir = TempDir::new().unwrap();
    let options =
        OpenOptions { dir: dir.path(), station: "dock-1", boot_id: "boot-1", now: BEGIN, commit_hook: None };
    let db = Db::open(options).unwrap();
    // 2 is FULL, 1 is NORMAL (<https://sqlite.org/pragma.html#pragma_synchronous>).
    for (connection, synchronous) in [(&db.outbox, 2), (&db.goods, 1)] {
        let said: i64 = connection.query_row("PRAGMA synchronous", [], |row| row.get(0)).unwrap();
        let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
        assert_eq!((said, mode.as_str()), (synchronous, "wal"));
    }
}

#[test]
fn the_log_stays_at_its_working_size_over_thousands_of_scans() {
    let mut bench = Bench::new();
    let began = log_bytes(&bench, OUTBOX_FILE);
    assert!((1024 * 1024..LOG_BYTES_MAX).contains(&began), "{began}");
    for number in 0..1500 {
        bench.scan(if number % 3 == 0 { SHAMPOO } else { COMB });
        if number % 100 == 99 {
            bench.scan(&Control::Close.code());
        }
        bench.db.tend().unwrap();
    }
    assert_eq!(log_bytes(&bench, OUTBOX_FILE), began);
}

#[test]
fn a_scan_into_an_open_operation_writes_three_pages() {
    let mut bench = Bench::new();
    bench.scan(SHAMPOO);
    pages(&bench);
    for _ in 0..32 {
        bench.scan(SHAMPOO);
    }
    // The journal and the line; and now and then a new page of the journal.
    let written = pages(&bench);
    assert!((32 * 2..=32 * 3).contains(&written), "{written} pages for 32 scans");
}

#[test]
fn a_large_goods_table_does_not_grow_its_log_without_bound() {
    let mut bench = Bench::new();
    bench.db.begin_full_reading(BEGIN).unwrap();
    for page in 1..=40_i64 {
        let goods = (0..250).map(|number| {
            let id = page * 1000 + number;
            good(id, "A good with a name of an ordinary length", &format!("CODE-{id}"))
        });
        let page = GoodsPage { rows: 250, goods: goods.collect() };
        assert_eq!(bench.db.collect_page(&page).unwrap().new, 250);
    }
    bench.db.finish_full_reading(0).unwrap();
    assert_eq!(bench.db.goods_figures().unwrap().count, 10_000);
    assert!(log_bytes(&bench, GOODS_FILE) < 4 * 1024 * 1024, "{}", log_bytes(&bench, GOODS_FILE));
}
