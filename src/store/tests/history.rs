//! Tests that the jobs of the store's thread cost by what they change, never by the length of the history.
//!
//! `STOCKPOINT_HISTORY=2000000` plays the same at full length and prints the longest time for which each job keeps a
//! scan waiting. It fails if the processor alone takes over 50 ms: the time that the disk takes depends on who else
//! uses it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;
use tokio::time::Instant;

use super::{BEGIN, Bench, COMB, SHAMPOO, good, read_all, session};
use crate::domain::code::control::Control;
use crate::domain::delivery::State;
use crate::domain::home::{Books, Home, Machine};
use crate::domain::ids::{DocumentId, GoodId, LocationId, OperationId};
use crate::domain::stock::mode::Kind;
use crate::domain::time::{BootMillis, Moment, UnixMillis};
use crate::store::{
    Cause, Cursor, Db, Failure, GoodsPage, OpenOptions, Overdue, ParkedAt, SerializedItem, totals,
};

/// The number of frames of the two histories that are compared.
const SHORT: i64 = 5000;
const LONG: i64 = 50_000;

/// The most steps of SQLite's machine that a job may take more on the long history; one that takes more reads its rows.
const STEPS_MORE_MAX: u64 = 5000;

/// The longest time for which a job may keep the processor.
const WAIT_MAX: Duration = Duration::from_millis(50);

/// The rows that need work, whatever the history: undelivered documents, refused ones, parked codes with three scans
/// each, frames without a right clock, goods.
const UNDER_WAY: i64 = 5000;
const REFUSED: i64 = 1500;
const PARKED_CODES: i64 = 3000;
const UNTRUSTED: i64 = 3000;
const GOODS: i64 = 20_000;

/// The time between two frames, in ms: 500 frames a day.
const FRAME_MS: i64 = 172_800;

/// The pruning times at which nothing of the long history is old, and at which most of it is.
const ALL_YOUNG: UnixMillis = UnixMillis(0);
const MOST_OLD: UnixMillis = UnixMillis(BEGIN.0 - 3000 * FRAME_MS);

/// The highest cost of one job.
struct Cost {
    name: &'static str,
    steps: u64,
    worst: Duration,
    processor: Duration,
}

/// Returns the processor time of this thread.
fn processor() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

/// A job: its name, how often it is done, and its function.
type Job = (&'static str, u32, fn(&mut Bench));

/// Returns the number of frames that the environment asks for.
#[expect(clippy::disallowed_methods, reason = "a test takes its length from the environment")]
fn requested_length() -> Option<i64> {
    std::env::var("STOCKPOINT_HISTORY").ok().map(|frames| frames.parse().unwrap())
}

/// Inserts as many rows as asked for, each made of its number `i`.
fn rows(db: &Db, into: &str, row: &str, count: i64) {
    let sql = format!(
        "INSERT INTO {into} WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) SELECT {row} FROM n"
    );
    db.outbox.execute(&sql, [count]).unwrap();
}

/// Documents of twenty frames each, one of them refused and one a command; all posted.
fn fill_history(db: &Db, frames: i64) {
    let began = BEGIN.0 - frames * FRAME_MS;
    rows(
        db,
        "scans (scanner, raw, boot, boot_ms, wall_ms, clock, outcome, barcode, kind, storage_id, quantity, good_id,
                operation_id, times)",
        &format!(
            "'dock', x'34303036333831333333393331', 1, i, {began} + i * {FRAME_MS}, 'trusted',
             CASE i % 20 WHEN 0 THEN 'control' WHEN 7 THEN 'refused' ELSE 'booked' END, '4006381333931', 'receipt', 91271,
             1000000, i % 10, CASE WHEN i % 20 NOT IN (0, 7) THEN 1 + (i - 1) / 20 END, 1"
        ),
        frames,
    );
    rows(
        db,
        "operations (marker, kind, storage_id, closed_ms, units, state, first_scan, document_id, create_date)",
        &format!(
            "'#old:' || i, 'receipt', 91271, {began} + i * 20 * {FRAME_MS}, 18000000, 'posted', 1 + (i - 1) * 20, i, 'day'"
        ),
        frames / 20,
    );
    let line = "1 + (i - 1) / 9, 1 + i % 9, i % 9, 'Hair colour cream', '4006381333931', 2000000, '1.5'";
    rows(db, "lines (operation_id, number, good_id, title, barcode, quantity, price)", line, frames / 20 * 9);
    rows(db, "events (wall_ms, operation_id, what)", "5, 1 + (i - 1) / 4, 'an answer'", frames / 5);
}

fn fill_live(db: &Db, frames: i64) {
    let operations = "operations (marker, kind, storage_id, closed_ms, units, state, first_scan)";
    let operation = |state: &str| {
        let at = BEGIN.0;
        format!("'#{state}:' || i, 'receipt', 91271, {at}, 1000000, '{state}', {frames} - i % 1000")
    };
    rows(db, operations, &operation("queued"), UNDER_WAY);
    rows(db, operations, &operation("uncertain"), UNDER_WAY / 10);
    rows(db, operations, &operation("refused"), REFUSED);
    rows(
        db,
        "scans (scanner, raw, boot, boot_ms, wall_ms, clock, outcome, barcode, kind, storage_id, quantity, read_as, times)",
        &format!(
            "'dock', CAST('NEW-' || (i % {PARKED_CODES}) AS BLOB), 1, i, {}, 'trusted', 'unknown', 'NEW', 'receipt', 91271,
             1000000, 'tNEW-' || (i % {PARKED_CODES}), 1",
            BEGIN.0
        ),
        PARKED_CODES * 3,
    );
    rows(
        db,
        "scans (scanner, raw, boot, boot_ms, wall_ms, clock, outcome, read_as, serial)",
        "'dock', x'30', 100, i, 5, 'untrusted', 'refused', 'g1', 'S1'",
        UNTRUSTED,
    );
}

/// Returns a station with so many frames behind it, and a counter of the steps of SQLite's machine in hundreds.
fn bench(frames: i64) -> (Bench, Arc<AtomicU64>) {
    let dir = TempDir::new().unwrap();
    let open = |boot_id| {
        let options =
            OpenOptions { dir: dir.path(), station: "dock-1", boot_id, now: BEGIN, commit_hook: None };
        Db::open(options).unwrap()
    };
    let mut db = open("boot-1");
    db.outbox.execute_batch("BEGIN; INSERT INTO boots (id, boot_id) VALUES (100, 'dark')").unwrap();
    fill_history(&db, frames);
    fill_live(&db, frames);
    totals::count_up(&db.outbox).unwrap();
    db.outbox.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    read_all(&mut db, &[good(1, "Shampoo", SHAMPOO), good(2, "Comb", COMB)]);
    drop(db);
    let mut db = open("boot-2");
    let steps = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&steps);
    let count = move || {
        counted.fetch_add(100, Ordering::Relaxed);
        false
    };
    db.outbox.progress_handler(100, Some(count)).unwrap();
    db.start_checkpointers();
    let session = session(&db);
    (Bench { db, session, dir, scans: 0, trusted: true }, steps)
}

fn begin_reading(bench: &mut Bench) {
    bench.db.begin_full_reading(BEGIN).unwrap();
}

fn collect_page(bench: &mut Bench) {
    let read = i64::try_from(bench.db.collected().unwrap()).unwrap();
    let goods = (read..read + GOODS / 80).map(|id| good(id, "A good", &format!("G-{id}")));
    let goods: Vec<_> = goods.collect();
    bench.db.collect_page(&GoodsPage { rows: goods.len(), goods }).unwrap();
}

fn index_some(bench: &mut Bench) {
    bench.db.index_some().unwrap();
}

fn finish_reading(bench: &mut Bench) {
    bench.db.finish_full_reading(0).unwrap();
}

/// The jobs that the agent gives the store's thread, most of them beside scans.
const JOBS: &[Job] = &[
    ("start: check_home", 1, |bench| {
        let books = Books { service: "https://api.example.com".to_owned(), location: LocationId(1) };
        let home = Home { machine: Machine::default(), books, station: "dock-1".to_owned() };
        bench.db.check_home(&home, BEGIN).unwrap();
    }),
    ("start: commanded", 1, |bench| {
        let now = Moment { wall: BEGIN, boot: BootMillis(0), trusted: true };
        bench.db.commanded(now, &[].into()).unwrap();
    }),
    ("start: open_operations", 1, |bench| {
        bench.db.open_operations(BootMillis(0)).unwrap();
    }),
    ("start: left_sending", 1, |bench| {
        bench.db.left_sending().unwrap();
    }),
    ("scan that books", 40, |bench| {
        bench.scan(SHAMPOO);
    }),
    ("scan that parks", 20, |bench| {
        bench.scan("NEVER");
    }),
    ("scan that undoes", 20, |bench| {
        bench.scan(&Control::Undo.code());
    }),
    ("scan that closes", 1, |bench| {
        bench.scan(&Control::Close.code());
    }),
    ("scan that opens a document", 1, |bench| {
        bench.scan(COMB);
    }),
    ("last_scan_of_item", 3, |bench| {
        bench
            .db
            .last_scan_of_item(&SerializedItem { read_as: "g1", serial: "S1" }, Kind::Receipt, BEGIN)
            .unwrap();
    }),
    ("scan, before a checkpoint", 64, |bench| {
        bench.scan(SHAMPOO);
    }),
    ("do_housekeeping (counts, log)", 1, |bench| {
        bench.db.do_housekeeping().unwrap();
    }),
    ("figures", 5, |bench| {
        bench.db.figures().unwrap();
    }),
    ("needing_a_person", 5, |bench| {
        bench.db.needing_a_person().unwrap();
    }),
    ("end_of_journal", 5, |bench| {
        bench.db.end_of_journal().unwrap();
    }),
    ("journal_after", 5, |bench| {
        bench.db.journal_after(Cursor { scan: 700, event: 300 }, 500).unwrap();
    }),
    ("agenda_since", 5, |bench| {
        bench.db.agenda_since(None).unwrap();
    }),
    ("oldest_unsent", 5, |bench| {
        bench.db.oldest_unsent().unwrap();
    }),
    ("oldest_undelivered", 5, |bench| {
        bench.db.oldest_undelivered().unwrap();
    }),
    ("review_documents", 3, |bench| {
        let overdue = Overdue { closed_before: Some(BEGIN), up_to: Some(OperationId(300)) };
        bench.db.review_documents(&overdue, BEGIN).unwrap();
    }),
    ("alarms", 3, |bench| {
        bench.db.alarms().unwrap();
    }),
    ("raise_alarm, end_alarm", 3, |bench| {
        bench.db.raise_alarm(&Cause::Page, "the page", BEGIN).unwrap();
        bench.db.end_alarm(&Cause::Page).unwrap();
    }),
    ("acknowledge_alarms", 3, |bench| {
        bench.db.acknowledge_alarms().unwrap();
    }),
    ("pending, fix_dates, count_failure, note_person_called", 5, |bench| {
        let (id, _) = bench.db.oldest_unsent().unwrap().unwrap();
        bench.db.pending(id).unwrap();
        bench.db.fix_dates(id, "day", BEGIN, None).unwrap();
        bench.db.count_failure(&Failure { id, fault: "no".to_owned(), retry_at: BEGIN, now: BEGIN }).unwrap();
        bench.db.note_person_called(id).unwrap();
        bench.db.failures(id).unwrap();
    }),
    ("operation_of", 3, |bench| {
        bench.db.operation_of(DocumentId(5)).unwrap();
    }),
    ("facts, data, home", 3, |bench| {
        bench.db.remember("time_zone", "UTC").unwrap();
        bench.db.data().unwrap();
        bench.db.home().unwrap();
    }),
    ("repair_times", 20, |bench| {
        bench.db.repair_times(BEGIN.plus_ms(60_000), BootMillis(100_000)).unwrap();
    }),
    ("book_some_parked, none of it known", 10, |bench| {
        let step = bench.db.book_some_parked(&ParkedAt::default(), BEGIN).unwrap();
        assert_eq!(step.operations, []);
    }),
    ("goods: put_changed_goods, 250 of them", 12, |bench| {
        let known = i64::try_from(bench.db.goods_figures().unwrap().count).unwrap() - 2;
        let goods = (known..known + 250).map(|id| good(1000 + id, "New", &format!("NEW-{id}")));
        bench.db.put_changed_goods(&goods.collect::<Vec<_>>()).unwrap();
    }),
    ("book_some_parked", 40, |bench| {
        let step = bench.db.book_some_parked(&ParkedAt::default(), BEGIN).unwrap();
        assert!(step.operations.len() >= 26);
    }),
    ("prune, nothing old", 40, |bench| {
        bench.db.prune(ALL_YOUNG).unwrap();
    }),
    ("prune, most old", 60, |bench| {
        bench.db.prune(MOST_OLD).unwrap();
    }),
    ("goods: begin_full_reading", 1, begin_reading),
    ("goods: collect_page", 80, collect_page),
    ("goods: missing_after, collected", 3, |bench| {
        bench.db.missing_after(GoodId(i64::MIN)).unwrap();
        bench.db.collected().unwrap();
    }),
    ("goods: begin_full_reading over one that was cut short", 1, begin_reading),
    ("goods: collect_page", 80, collect_page),
    ("goods: index_some", 60, index_some),
    ("goods: finish_full_reading", 1, finish_reading),
    ("goods: begin_full_reading", 1, begin_reading),
    ("goods: collect_page", 80, collect_page),
    ("goods: index_some", 60, index_some),
    ("goods: finish_full_reading over a large copy", 1, finish_reading),
    ("goods: goods_figures, copy_state", 3, |bench| {
        bench.db.copy_state().unwrap();
    }),
];

/// Does every job, and returns the highest cost of each.
fn play(frames: i64) -> Vec<Cost> {
    let (mut bench, steps) = bench(frames);
    let mut costs = Vec::new();
    for (name, runs, job) in JOBS {
        let mut cost = Cost { name, steps: 0, worst: Duration::ZERO, processor: Duration::ZERO };
        for _ in 0..*runs {
            let (before, began, worked) = (steps.load(Ordering::Relaxed), Instant::now(), processor());
            job(&mut bench);
            cost.processor = cost.processor.max(processor().saturating_sub(worked));
            cost.worst = cost.worst.max(began.elapsed());
            cost.steps = cost.steps.max(steps.load(Ordering::Relaxed) - before);
        }
        costs.push(cost);
    }
    assert!(bench.db.figures().unwrap().of(State::Posted).operations > 0);
    costs
}

#[test]
#[expect(clippy::print_stdout, reason = "the table is what it is run for")]
fn no_job_of_the_stores_thread_costs_by_the_length_of_the_history() {
    let (short, long) = (play(SHORT), play(LONG));
    for (short, long) in short.iter().zip(&long) {
        println!("{:55} {:>8} steps, with ten times the history {:>8}", short.name, short.steps, long.steps);
    }
    let dear = short.iter().zip(&long).filter(|(short, long)| long.steps > short.steps + STEPS_MORE_MAX);
    let dear: Vec<_> = dear.map(|(_, long)| long.name).collect();
    assert!(dear.is_empty(), "{dear:?}");
}

#[test]
#[expect(clippy::print_stdout, reason = "the table is what it is run for")]
fn at_full_length_no_job_keeps_a_scan_waiting() {
    let Some(frames) = requested_length() else { return };
    let costs = play(frames);
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    for cost in &costs {
        let (worst, processor) = (ms(cost.worst), ms(cost.processor));
        println!("{:55} {worst:>8.2} ms, processor {processor:>6.2} ms {:>7} steps", cost.name, cost.steps);
    }
    let slow: Vec<_> = costs.iter().filter(|cost| cost.processor > WAIT_MAX).map(|cost| cost.name).collect();
    assert!(slow.is_empty(), "{slow:?}");
}
