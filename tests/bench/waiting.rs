//! A long outbox: what a turn of the deliverer, a scan and a quiet minute cost while hundreds of documents wait.

use std::fs;
use std::path::Path;
use std::time::Duration;

use stockpoint::config::Config;
use stockpoint::domain::code::control::Control;
use stockpoint::domain::delivery::{Event, Step};
use stockpoint::domain::ids::{DocumentId, OperationId, TransactionId};
use stockpoint::store::{Advance, Db};
use tokio::time::{Instant, sleep};

use crate::Extent;
use crate::station::{Folder, Station, config_text, copy, in_memory, nobody, open, runtime};
use crate::table::{Aim, Amount, Table, percentile};

/// Goods in one document.
const LINES: usize = 100;
/// Turns that are measured.
const TURNS: i64 = 50;
/// Scans that are timed beside an empty outbox and beside a long one.
const SCANS: usize = 200;
/// How long the agent is left alone without a service.
const QUIET: Duration = Duration::from_secs(20);

pub(crate) fn measure(folder: &Folder, extent: &Extent, table: &mut Table) {
    let (empty, long) = (in_memory(), in_memory());
    copy(folder.path(), empty.path());
    copy(folder.path(), long.path());
    runtime().block_on(fill(folder, long.path(), extent.documents));
    let of = format!("{} documents of {LINES} lines waiting", extent.documents);
    let mut scans = [empty.path(), long.path()].map(|dir| runtime().block_on(scan(folder, dir)));
    let [empty_scans, long_scans] = &mut scans;
    table.compare(
        format!("frame to commit with {of}, p50"),
        percentile(long_scans, 50),
        ("empty outbox", percentile(empty_scans, 50)),
        Aim::Ratio(120),
    );
    let busy = runtime().block_on(quiet(long.path()));
    let most = QUIET / 500;
    table.add(
        format!("processor in {} s offline with {of}", QUIET.as_secs()),
        Amount::of(busy),
        Aim::Limit(Amount::of(most)),
    );
    let mut turns = turns(long.path());
    let aim = Aim::Limit(Amount::of(Duration::from_millis(2)));
    table.add(format!("the store's part of a turn with {of}, p50"), percentile(&mut turns, 50), aim);
}

fn config(dir: &Path) -> Config {
    Config::parse(&config_text(dir, nobody()), "bench.toml").unwrap()
}

async fn fill(folder: &Folder, dir: &Path, documents: usize) {
    let mut station = Station::start(config(dir));
    for document in 0..documents {
        for line in 0..LINES {
            station.scan(folder.code(document * LINES + line)).await;
        }
        station.scan(Control::Close.code()).await;
        station.handle.store().run(Db::do_housekeeping).await.unwrap().unwrap();
    }
    station.stop().await;
}

async fn scan(folder: &Folder, dir: &Path) -> Vec<Duration> {
    let mut station = Station::start(config(dir));
    let mut times = Vec::new();
    for turn in 0..SCANS {
        let begun = Instant::now();
        station.scan(folder.code(turn)).await;
        times.push(begun.elapsed());
    }
    station.scan(Control::Cancel.code()).await;
    station.stop().await;
    times
}

/// The processor's time of an agent that nobody scans with and that has no service.
async fn quiet(dir: &Path) -> Duration {
    let station = Station::start(config(dir));
    sleep(Duration::from_secs(2)).await;
    let before = processor_time();
    sleep(QUIET).await;
    let busy = processor_time().checked_sub(before).unwrap();
    station.stop().await;
    busy
}

/// The time of the store for each of some turns: the agenda, the document, the intent, the outcome. The folder is in
/// memory, so that no disk is waited for.
fn turns(dir: &Path) -> Vec<Duration> {
    let mut db = open(dir);
    let mut seen = None;
    let mut times = Vec::new();
    for id in (1..=TURNS).map(OperationId) {
        let begun = Instant::now();
        seen = db.agenda_since(seen).unwrap().map(|agenda| agenda.version).or(seen);
        let pending = db.pending(id).unwrap();
        db.fix_dates(id, "2026-09-21T10:00:00-04:00", pending.first_scan, None).unwrap();
        let transactions = (1..=i64::try_from(LINES).unwrap()).map(TransactionId);
        let done =
            Event::Done { document: DocumentId(id.0), transactions: (1..).zip(transactions).collect() };
        let sending = pending.delivery.apply(Event::Send(Step::Operation)).unwrap();
        let posted = sending.apply(done).unwrap();
        for (from, to) in [(&pending.delivery, &sending), (&sending, &posted)] {
            let (what, now) = ("a step".to_owned(), pending.first_scan);
            assert!(db.advance(&Advance { id, from: from.state, to: to.clone(), what, now }).unwrap());
        }
        times.push(begun.elapsed());
    }
    times
}

/// The processor's time of every thread of this process (`proc_pid_schedstat`).
fn processor_time() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path().join("schedstat"));
    tasks.filter_map(|path| fs::read_to_string(path).ok()).map(|text| first_nanos(&text)).sum()
}

fn first_nanos(text: &str) -> Duration {
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}
