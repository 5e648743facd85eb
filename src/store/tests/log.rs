//! Tests that the write-ahead log keeps its size, and that a scan writes little.

use std::fs;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use super::{BEGIN, Bench, COMB, SHAMPOO, good};
use crate::domain::code::control::Control;
use crate::store::connect::connect;
use crate::store::{Db, GOODS_FILE, GoodsPage, OUTBOX_FILE, OpenOptions, Reviewed};

/// The log's working size, and room for the commits between two checkpoints.
const LOG_BYTES_MAX: u64 = 1024 * 1024 + 128 * 1024;

fn log_bytes(bench: &Bench, name: &str) -> u64 {
    fs::metadata(bench.dir.path().join(format!("{name}-wal"))).unwrap().len()
}

/// Returns the number of frames of a log that no checkpoint has copied yet, as its index has it: the last frame (bytes 16
/// to 19) and those that are copied (bytes 96 to 99), in the order of this machine (<https://sqlite.org/walformat.html>,
/// 2.1 and 2.2).
fn frames_to_copy(bench: &Bench, name: &str) -> u32 {
    let index = fs::read(bench.dir.path().join(format!("{name}-shm"))).unwrap();
    let number = |at: usize| u32::from_ne_bytes(*index[at..].first_chunk().unwrap());
    number(16).saturating_sub(number(96))
}

/// The most looks at a log's index, 5 ms apart: a minute of them.
const LOOKS_MAX: u32 = 12_000;

/// Waits for the thread that runs the checkpoints, where one is due: how soon it has copied is the disk's affair, that it
/// copies everything is its own.
fn wait_for_checkpoint(bench: &mut Bench, name: &str) {
    // Fewer are not due: SQLite's page is 4 KiB, and a checkpoint is due after a mebibyte.
    if frames_to_copy(bench, name) < 256 {
        return;
    }
    for _ in 0..LOOKS_MAX {
        if frames_to_copy(bench, name) == 0 {
            return;
        }
        // As a tick once a second does: the writer and the thread may have been in each other's way.
        bench.db.do_housekeeping().unwrap();
        thread::park_timeout(Duration::from_millis(5));
    }
    panic!("no checkpoint of {name} has copied everything");
}

/// Opens the outbox as another program does.
fn beside(bench: &Bench) -> Connection {
    connect(&bench.dir.path().join(OUTBOX_FILE), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// Returns the number of pages that were written to the log since it last began anew.
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
        let level: i64 = connection.query_row("PRAGMA synchronous", [], |row| row.get(0)).unwrap();
        let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
        assert_eq!((level, mode.as_str()), (synchronous, "wal"));
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
        bench.db.do_housekeeping().unwrap();
    }
    let ended = log_bytes(&bench, OUTBOX_FILE);
    assert!((1024 * 1024..=began).contains(&ended), "{ended}");
}

/// A reader beside the agent, a `sqlite3` that was left open: its log cannot be written over while it reads, and can
/// afterwards.
#[test]
fn a_log_that_a_reader_let_grow_is_cut_to_its_working_size_after_it() {
    let mut bench = Bench::new();
    let began = log_bytes(&bench, OUTBOX_FILE);
    let reader = beside(&bench);
    reader.execute_batch("BEGIN; SELECT count(*) FROM scans").unwrap();
    for _ in 0..5000 {
        bench.scan(SHAMPOO);
        bench.db.do_housekeeping().unwrap();
    }
    assert!(log_bytes(&bench, OUTBOX_FILE) > 8 * 1024 * 1024);
    let raised = bench.db.review_logs(BEGIN).unwrap().raised;
    assert!(raised.len() == 1 && raised[0].contains("outbox.db-wal is longer than 8 MiB"), "{raised:?}");
    assert_eq!(bench.db.review_logs(BEGIN).unwrap(), Reviewed::default());
    reader.execute_batch("COMMIT").unwrap();
    // As a tick once a second does, whether anybody scans or not.
    bench.db.do_housekeeping().unwrap();
    bench.scan(SHAMPOO);
    let ended = log_bytes(&bench, OUTBOX_FILE);
    assert!((1024 * 1024..=began).contains(&ended), "{ended}");
    assert!(bench.db.review_logs(BEGIN).unwrap().has_ended);
}

#[test]
fn a_log_keeps_its_size_over_a_restart() {
    let mut bench = Bench::new();
    bench.db.start_checkpointers();
    bench.scan(SHAMPOO);
    let before = [OUTBOX_FILE, GOODS_FILE].map(|name| log_bytes(&bench, name));
    let Bench { mut db, dir, .. } = bench;
    db.close();
    drop(db);
    let size = |name: &str| fs::metadata(dir.path().join(format!("{name}-wal"))).unwrap().len();
    assert_eq!([OUTBOX_FILE, GOODS_FILE].map(size), before);
}

/// Commits that come from no scan: the pruning of a long history, and a goods table.
#[test]
fn whatever_commits_the_logs_stay_short() {
    let mut bench = Bench::new();
    bench.db.start_checkpointers();
    let sql = "INSERT INTO scans (scanner, raw, boot, boot_ms, wall_ms, clock, outcome)
               WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
               SELECT 'dock', zeroblob(400), 1, i, 5, 'trusted', 'refused' FROM n";
    let mut longest = [0, 0];
    for round in 0..60 {
        bench.db.outbox.execute(sql, []).unwrap();
        bench.db.keep_logs_short();
        bench.db.prune(BEGIN).unwrap();
        bench.db.keep_logs_short();
        let goods =
            (0..250).map(|number| good(round * 250 + number, "A good", &format!("G-{round}-{number}")));
        bench.db.put_changed_goods(&goods.collect::<Vec<_>>()).unwrap();
        bench.db.keep_logs_short();
        for name in [OUTBOX_FILE, GOODS_FILE] {
            wait_for_checkpoint(&mut bench, name);
        }
        let now = [OUTBOX_FILE, GOODS_FILE].map(|name| log_bytes(&bench, name));
        longest = [longest[0].max(now[0]), longest[1].max(now[1])];
    }
    assert!(longest.iter().all(|bytes| *bytes < 8 * 1024 * 1024), "{longest:?}");
    bench.db.close();
    assert!(bench.db.figures().unwrap().balance());
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
