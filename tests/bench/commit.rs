//! From a frame to its signal, with the commit in between, beside the least a disk can do.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use stockpoint::config::Config;
use stockpoint::domain::signal::Signal;
use stockpoint::store::{Db, OUTBOX_FILE};
use tokio::time::Instant;

use crate::Extent;
use crate::station::{Folder, Station, config_text, nobody, runtime};
use crate::table::{Aim, Amount, Table, percentile};

/// A database page, and what the reference writes.
const PAGE_BYTES: usize = 4096;

/// Pages of the file that the reference overwrites in turn, as the log is overwritten.
const REFERENCE_PAGES: u64 = 256;

/// Where the number of pages in the log stands in SQLite's shared memory file (walformat.html, section 2.1:
/// `mxFrame`).
const LOG_PAGES_AT: u64 = 16;

pub(crate) fn measure(folder: &Folder, extent: &Extent, table: &mut Table) {
    let times = runtime().block_on(take(folder, extent.scans));
    let Times { mut scans, mut reference, mut trips, pages, written } = times;
    for (percent, most) in [(50, 130), (99, 250)] {
        table.compare(
            format!("frame complete to commit returned, p{percent} of {} scans", extent.scans),
            percentile(&mut scans, percent),
            ("bare 4 KiB fdatasync", percentile(&mut reference, percent)),
            Aim::Ratio(most),
        );
    }
    table.add("of that, to the store's thread and back, p50", percentile(&mut trips, 50), Aim::None);
    let each = u64::try_from(extent.scans).unwrap();
    let pages = Amount::CentiPages(pages * 100 / each);
    table.add("database pages written a scan", pages, Aim::Limit(Amount::CentiPages(300)));
    table.compare(
        "bytes written a scan, folding the log in included",
        Amount::Bytes(written / each),
        ("one page", Amount::Bytes(4096)),
        Aim::None,
    );
}

#[derive(Default)]
struct Times {
    scans: Vec<Duration>,
    reference: Vec<Duration>,
    trips: Vec<Duration>,
    pages: u64,
    written: u64,
}

/// A scan and a bare write in turn, so that both meet the disk in the same mood.
async fn take(folder: &Folder, scans: usize) -> Times {
    let config = Config::parse(&config_text(folder.path(), nobody()), "bench.toml").unwrap();
    let mut station = Station::start(config);
    let file = reference_file(folder.path());
    let mut log = Log::of(folder.path());
    let mut times = Times::default();
    // The first scans open the document and fill the caches.
    for turn in 0..16 {
        station.scan(folder.code(turn)).await;
    }
    log.grown();
    let before = bytes_written();
    for turn in 16..scans + 16 {
        let code = folder.code(turn);
        let begun = Instant::now();
        let answer = station.scan(code).await;
        times.scans.push(begun.elapsed());
        // People leave time between two scans for what is done each second.
        station.handle.store().run(Db::do_housekeeping).await.unwrap().unwrap();
        assert_eq!(answer.signal, Signal::Booked);
        times.pages += log.grown();
        let at = u64::try_from(turn).unwrap() % REFERENCE_PAGES * PAGE_BYTES as u64;
        let begun = Instant::now();
        file.write_all_at(&[7; PAGE_BYTES], at).unwrap();
        file.sync_data().unwrap();
        times.reference.push(begun.elapsed());
        // The store's thread has slept meanwhile, as it has when a scan comes.
        let begun = Instant::now();
        station.handle.store().run(|_db| ()).await.unwrap();
        times.trips.push(begun.elapsed());
    }
    let by_reference = u64::try_from(scans * PAGE_BYTES).unwrap();
    times.written = (bytes_written() - before).saturating_sub(by_reference);
    station.stop().await;
    times
}

/// A file of its full size, every block written: overwriting it changes nothing but its contents.
fn reference_file(dir: &Path) -> File {
    let path = dir.join("reference");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(path).unwrap();
    for _ in 0..REFERENCE_PAGES {
        file.write_all(&[1; PAGE_BYTES]).unwrap();
    }
    file.sync_all().unwrap();
    file
}

/// The outbox's log, as SQLite's shared memory file tells of it.
struct Log {
    shared: File,
    pages: u32,
}

impl Log {
    fn of(dir: &Path) -> Self {
        Self { shared: File::open(dir.join(format!("{OUTBOX_FILE}-shm"))).unwrap(), pages: 0 }
    }

    /// Pages written to it since the last look. After the log was folded in, it begins at 0 again.
    fn grown(&mut self) -> u64 {
        let mut word = [0; 4];
        self.shared.read_exact_at(&mut word, LOG_PAGES_AT).unwrap();
        let (before, now) = (self.pages, u32::from_ne_bytes(word));
        self.pages = now;
        u64::from(if now >= before { now - before } else { now })
    }
}

/// What this process had the disk write, by the kernel's account (`proc_pid_io(5)`).
fn bytes_written() -> u64 {
    let account = fs::read_to_string("/proc/self/io").unwrap();
    account.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap().parse().unwrap()
}
