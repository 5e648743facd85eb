//! The disk and the files under fault: full, read-only, damaged, cut short, gone.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rust_decimal::Decimal;
use stockpoint::app;
use stockpoint::domain::code::control::Control;
use stockpoint::domain::delivery::State;
use stockpoint::domain::signal::Signal;
use stockpoint::domain::time::UnixMillis;
use stockpoint::feedback::What;
use stockpoint::sandbox::{Fault, Options, Selector};
use stockpoint::store::{Db, Error, GOODS_FILE, OUTBOX_FILE, OpenOptions};
use tempfile::TempDir;

use crate::support::station::{Place, Station};

const SHAMPOO: &str = "4006381333931";
const COMB: &str = "9521234000013";

/// Scans tried before a test gives up on filling a disk.
const SCANS_MAX: u64 = 5000;

/// The log's header, and a frame of it: its own header and a page (<https://sqlite.org/fileformat2.html#walformat>).
const LOG_HEADER_BYTES: u64 = 32;
const LOG_FRAME_BYTES: u64 = 24 + 4096;

/// What a power cut leaves of a station: two documents on their way and one open, all of it in the log alone.
async fn place_after_a_power_cut() -> Place {
    let place = Place::new(Options::sample()).await;
    let mut station = place.start();
    station.until_goods_are_read().await;
    cut_off(&place);
    for code in [SHAMPOO, COMB] {
        book(&mut station, code).await;
        station.scan(&Control::Close.code()).await.unwrap();
    }
    book(&mut station, SHAMPOO).await;
    let (store, dir) = (station.handle.store().clone(), place.dir.path().to_owned());
    // On the store's own thread nothing is written meanwhile.
    let left = store.run(move |_db| files(&dir)).await.unwrap();
    station.die().await;
    store.run(|_db| ()).await.unwrap();
    drop(store);
    // The thread of the dead agent may yet fold its log in; a power cut would not have let it.
    tokio::time::timeout(crate::support::station::PATIENCE, async {
        while place_is_used(place.dir.path()) {
            tokio::time::sleep(crate::support::station::LOOK_EVERY).await;
        }
    })
    .await
    .unwrap();
    for (path, bytes) in left {
        fs::write(path, bytes).unwrap();
    }
    fs::remove_file(with_suffix(&outbox(&place), "-shm")).unwrap();
    reconnect(&place);
    place
}

/// Whether this process still has the outbox open.
fn place_is_used(dir: &Path) -> bool {
    let open = fs::read_dir("/proc/self/fd").unwrap();
    open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .any(|path| path == dir.join(OUTBOX_FILE))
}

/// Nothing gets to the service until [`reconnect`].
fn cut_off(place: &Place) {
    let away = Fault::Refuse { status: 503, message: "Later".to_owned() };
    place.sandbox.outage(Some((Selector::Writes, away)));
}

fn reconnect(place: &Place) {
    place.sandbox.outage(None);
}

async fn book(station: &mut Station, code: &str) {
    assert_eq!(station.scan(code).await.unwrap().signal, Signal::Booked);
}

/// Closes what is open, and waits until so many units are on the service and all is delivered.
async fn deliver(place: &Place, station: &mut Station, units: i64) {
    station.scan(&Control::Close.code()).await.unwrap();
    let figures = station.until_delivered().await;
    assert!(figures.balance() && !figures.is_undelivered(), "{figures:?}");
    place.assert_nothing_is_doubled();
    assert_eq!(place.on_service().values().sum::<Decimal>(), Decimal::from(units));
}

/// Whether a person was called because of this file.
fn is_alarmed_about(station: &Station, name: &str) -> bool {
    let recent = station.handle.recent();
    recent
        .iter()
        .any(|said| matches!(&said.what, What::Person(why) if why.contains(name) && why.contains("damaged")))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

fn outbox(place: &Place) -> PathBuf {
    place.dir.path().join(OUTBOX_FILE)
}

fn goods(place: &Place) -> PathBuf {
    place.dir.path().join(GOODS_FILE)
}

/// Every regular file of a folder, with its bytes.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_file()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// The files that were moved aside, without what SQLite can make anew.
fn set_aside(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut aside: Vec<_> = files(dir)
        .into_iter()
        .map(|(path, bytes)| (path.file_name().unwrap().to_str().unwrap().to_owned(), bytes))
        .filter(|(name, _)| name.contains(".damaged-") && !name.ends_with("-shm"))
        .collect();
    aside.sort();
    aside
}

fn open(dir: &Path) -> Result<Db, Error> {
    let now = UnixMillis(1_790_000_000_000);
    Db::open(OpenOptions { dir, station: "dock-1", boot_id: "a new boot", now, commit_hook: None })
}

#[expect(clippy::disallowed_methods, reason = "a test looks behind the store")]
fn sqlite(path: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(path).unwrap()
}

/// Writes rubbish over the first page of a table.
fn damage_table(path: &Path, table: &str) {
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let page: u64 = sqlite(path).query_row(sql, [table], |row| row.get(0)).unwrap();
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&[0xa5; 4096], (page - 1) * 4096).unwrap();
}

/// A small disk in the place of a folder, until dropped.
pub(crate) struct SmallDisk {
    dir: PathBuf,
}

impl SmallDisk {
    /// `None`, and a word of it, where the test may not mount.
    pub(crate) fn over(dir: &Path, mebibytes: u32) -> Option<Self> {
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self { dir: dir.to_owned() });
        }
        println!("skipped: no small disk can be mounted here");
        None
    }

    fn remount(&self, options: &str) {
        let mount = Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.dir).output();
        assert!(mount.unwrap().status.success());
    }

    /// Fills the disk to its last byte, or what is free again since it was filled.
    pub(crate) fn fill(&self) {
        let mut ballast = fs::File::options().create(true).append(true).open(self.ballast()).unwrap();
        for bytes in [64 * 1024, 1024, 1] {
            while ballast.write_all(&vec![b'x'; bytes]).is_ok() {}
        }
    }

    fn ballast(&self) -> PathBuf {
        self.dir.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A folder that stays mounted is seen when it cannot be removed.
        let _unmounted = Command::new("umount").arg("-l").arg(&self.dir).output();
    }
}

#[tokio::test]
async fn on_a_full_disk_scans_are_refused_and_what_is_stored_is_delivered() {
    let place = Place::new(Options::sample()).await;
    let Some(disk) = SmallDisk::over(place.dir.path(), 6) else { return };
    let mut station = place.start();
    station.until_goods_are_read().await;
    cut_off(&place);
    book(&mut station, SHAMPOO).await;
    station.scan(&Control::Close.code()).await.unwrap();
    disk.fill();
    // Long codes first, then frames that need next to nothing.
    let long = (0..SCANS_MAX).map(|number| format!("X{number:0>499}"));
    let stored = scan_until_full(&disk, &mut station, long).await;
    let small = std::iter::repeat("$SP.TORN".to_owned());
    let stored = stored + scan_until_full(&disk, &mut station, small).await;
    let figures = station.handle.figures().await.unwrap();
    assert!(figures.balance());
    // The good and the code that closed its document came before.
    assert_eq!(figures.scans.accepted(), stored + 2);
    reconnect(&place);
    station.until("a delivery on a full disk", |figures| figures.of(State::Posted).operations == 1).await;
    assert_eq!(place.on_service().values().sum::<Decimal>(), Decimal::ONE);
    // What was left for that is not for scans, nor does a start need more.
    station.stop().await.unwrap();
    let mut station = place.start();
    assert_eq!(station.scan(COMB).await.unwrap().what, What::NotStored);
    assert_eq!(station.handle.figures().await.unwrap().scans.accepted(), stored + 2);
    fs::remove_file(disk.ballast()).unwrap();
    book(&mut station, COMB).await;
    deliver(&place, &mut station, 2).await;
    station.stop().await.unwrap();
}

/// Scans until the disk takes no more, and tells how many it took. A log that is cut to its working size meanwhile gives
/// room back, which is filled again.
async fn scan_until_full(
    disk: &SmallDisk,
    station: &mut Station,
    codes: impl Iterator<Item = String>,
) -> u64 {
    for (code, stored) in codes.zip(0..SCANS_MAX) {
        if stored % 100 == 0 {
            disk.fill();
        }
        let answer = station.scan(&code).await.unwrap();
        if answer.what == What::NotStored {
            assert_eq!(answer.signal, Signal::Refused);
            return stored;
        }
    }
    panic!("the disk never fills")
}

#[tokio::test]
async fn a_read_only_folder_is_named_and_left_as_it_is() {
    let place = Place::new(Options::sample()).await;
    let Some(disk) = SmallDisk::over(place.dir.path(), 8) else { return };
    let mut station = place.start();
    station.until_goods_are_read().await;
    cut_off(&place);
    book(&mut station, SHAMPOO).await;
    station.stop().await.unwrap();
    let before = files(place.dir.path());
    disk.remount("ro");
    let Err(refused) = Station::start(place.config(), None) else { panic!("it starts") };
    assert!(refused.to_string().contains(place.dir.path().to_str().unwrap()), "{refused}");
    let refused = open(place.dir.path()).unwrap_err();
    assert!(matches!(refused, Error::Folder { .. }), "{refused:?}");
    assert_eq!(files(place.dir.path()), before);
    disk.remount("rw");
    reconnect(&place);
    let mut station = place.start();
    deliver(&place, &mut station, 1).await;
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_damaged_outbox_is_set_aside_as_it_is_and_a_new_one_begun() {
    let place = place_after_a_power_cut().await;
    // Folded in, so that the damage is in the file.
    place.start().stop().await.unwrap();
    place.sandbox.forget_requests();
    damage_table(&outbox(&place), "scans");
    let damaged = fs::read(outbox(&place)).unwrap();
    let mut station = place.start();
    assert!(is_alarmed_about(&station, OUTBOX_FILE));
    let aside = set_aside(place.dir.path());
    assert_eq!(aside[0].1, damaged);
    assert_eq!(station.handle.figures().await.unwrap().scans.accepted(), 0);
    let before: Decimal = place.on_service().values().sum();
    station.until_goods_are_read().await;
    book(&mut station, COMB).await;
    let units = i64::try_from(before).unwrap() + 1;
    deliver(&place, &mut station, units).await;
    station.stop().await.unwrap();
    // The next start finds nothing wrong, and says it again until a person has said OK.
    let mut station = place.start();
    assert!(is_alarmed_about(&station, OUTBOX_FILE));
    assert_eq!(set_aside(place.dir.path()), aside);
    station.scan(&Control::Ok.code()).await.unwrap();
    station.stop().await.unwrap();
    let station = place.start();
    assert!(!is_alarmed_about(&station, OUTBOX_FILE));
    station.stop().await.unwrap();
}

/// Makes a file larger than what is looked through at every start.
fn make_large(path: &Path) {
    let sql = "CREATE TABLE filler (bytes BLOB); INSERT INTO filler
               WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 65)
               SELECT zeroblob(1048576) FROM n; PRAGMA wal_checkpoint(TRUNCATE)";
    sqlite(path).execute_batch(sql).unwrap();
}

#[tokio::test]
async fn damage_in_a_large_outbox_is_met_once_and_found_at_the_next_start() {
    for table in ["operations", "lines"] {
        let place = place_after_a_power_cut().await;
        place.start().stop().await.unwrap();
        make_large(&outbox(&place));
        damage_table(&outbox(&place), table);
        // It meets the damage when it opens the folder, or when it books.
        if let Ok(mut station) = Station::start(place.config(), None) {
            assert!(
                station.scan(COMB).await.is_none_or(|answer| answer.signal == Signal::Refused),
                "{table}"
            );
            station.stop().await.unwrap_err();
        }
        assert_eq!(set_aside(place.dir.path()), [], "{table}");
        let mut station = place.start();
        assert!(is_alarmed_about(&station, OUTBOX_FILE), "{table}");
        assert!(!set_aside(place.dir.path()).is_empty(), "{table}");
        station.until_goods_are_read().await;
        book(&mut station, COMB).await;
        station.stop().await.unwrap();
    }
}

#[tokio::test]
async fn the_log_of_a_damaged_outbox_is_kept_beside_it() {
    let place = place_after_a_power_cut().await;
    let file = outbox(&place);
    // The file's first page is read whatever stands in the log.
    fs::OpenOptions::new().write(true).open(&file).unwrap().write_all_at(&[0; 100], 0).unwrap();
    let (damaged, log) = (fs::read(&file).unwrap(), fs::read(with_suffix(&file, "-wal")).unwrap());
    let db = open(place.dir.path()).unwrap();
    let kept = db.damaged()[0].moved_to.clone().unwrap();
    assert_eq!(fs::read(&kept).unwrap(), damaged);
    assert_eq!(fs::read(with_suffix(&kept, "-wal")).unwrap(), log);
}

#[tokio::test]
async fn damage_found_by_the_check_leaves_the_log_unfolded() {
    let place = place_after_a_power_cut().await;
    let file = outbox(&place);
    let log = fs::read(with_suffix(&file, "-wal")).unwrap();
    // An index that the log holds nothing of.
    let scratch = TempDir::new().unwrap();
    let copy = scratch.path().join(OUTBOX_FILE);
    fs::copy(&file, &copy).unwrap();
    damage_table(&copy, "operations_of_document");
    fs::copy(&copy, &file).unwrap();
    let damaged = fs::read(&file).unwrap();
    let db = open(place.dir.path()).unwrap();
    let kept = db.damaged()[0].moved_to.clone().unwrap();
    assert_eq!(fs::read(&kept).unwrap(), damaged);
    assert_eq!(fs::read(with_suffix(&kept, "-wal")).unwrap(), log);
}

#[tokio::test]
async fn a_log_without_its_file_is_set_aside_and_not_deleted() {
    for is_gone in [true, false] {
        let place = place_after_a_power_cut().await;
        let file = outbox(&place);
        let log = fs::read(with_suffix(&file, "-wal")).unwrap();
        if is_gone {
            fs::remove_file(&file).unwrap();
        } else {
            fs::write(&file, "").unwrap();
        }
        assert!(Db::open_beside(place.dir.path(), "dock-1").unwrap().is_none());
        let mut station = place.start();
        assert!(is_alarmed_about(&station, OUTBOX_FILE));
        let aside = set_aside(place.dir.path());
        assert_eq!(aside.last().unwrap().1, log);
        station.until_goods_are_read().await;
        book(&mut station, COMB).await;
        deliver(&place, &mut station, 1).await;
        station.stop().await.unwrap();
    }
}

#[test]
fn whatever_is_no_database_is_set_aside_each_under_a_name_of_its_own() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join(OUTBOX_FILE);
    let rubbish: [&[u8]; 2] = [b"this is no database, whatever its name says", &[0xa5; 9000]];
    for bytes in rubbish {
        fs::write(&file, bytes).unwrap();
        let db = open(dir.path()).unwrap();
        let kept = db.damaged()[0].moved_to.clone().unwrap();
        assert_eq!(fs::read(kept).unwrap(), bytes);
        drop(db);
        for suffix in ["", "-wal", "-shm"] {
            // A log of the new one must not be taken for the next one's.
            let _gone = fs::remove_file(with_suffix(&file, suffix));
        }
    }
    let kept: Vec<_> = set_aside(dir.path()).into_iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(kept, rubbish);
}

#[test]
fn an_empty_file_is_a_new_one() {
    let dir = TempDir::new().unwrap();
    for name in [OUTBOX_FILE, GOODS_FILE] {
        fs::write(dir.path().join(name), "").unwrap();
    }
    let db = open(dir.path()).unwrap();
    assert_eq!(db.damaged(), []);
    assert_eq!(db.figures().unwrap().scans.accepted(), 0);
}

/// Harms the log at every frame in turn and opens what is left.
async fn sweep_log(harm: fn(&fs::File, u64)) {
    let place = place_after_a_power_cut().await;
    let left = files(place.dir.path());
    let mut accepted = Vec::new();
    for frame in 0..60 {
        let dir = TempDir::new().unwrap();
        for (path, bytes) in &left {
            fs::write(dir.path().join(path.file_name().unwrap()), bytes).unwrap();
        }
        let log = with_suffix(&dir.path().join(OUTBOX_FILE), "-wal");
        harm(
            &fs::OpenOptions::new().write(true).open(&log).unwrap(),
            LOG_HEADER_BYTES + frame * LOG_FRAME_BYTES,
        );
        let db = open(dir.path()).unwrap();
        assert_eq!(db.damaged(), [], "frame {frame}");
        let figures = db.figures().unwrap();
        assert!(figures.balance(), "frame {frame}: {figures:?}");
        assert_eq!(figures.scans.booked + figures.scans.control, figures.scans.accepted());
        accepted.push(figures.scans.accepted());
    }
    assert!(accepted.is_sorted(), "{accepted:?}");
    accepted.dedup();
    // Whole commits only, each of them, and none where the first frame is harmed.
    assert_eq!(accepted, [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_log_cut_short_anywhere_holds_whole_commits_only() {
    sweep_log(|log, at| log.set_len(at + LOG_FRAME_BYTES / 2).unwrap()).await;
}

#[tokio::test]
async fn a_log_damaged_anywhere_holds_whole_commits_only() {
    sweep_log(|log, at| log.write_all_at(&[0x5a; 64], at + LOG_FRAME_BYTES / 2).unwrap()).await;
}

#[tokio::test]
async fn what_a_power_cut_leaves_is_delivered_without_the_shared_index_of_the_log() {
    let place = place_after_a_power_cut().await;
    assert!(!with_suffix(&outbox(&place), "-shm").exists());
    let mut station = place.start();
    assert_eq!(station.handle.figures().await.unwrap().scans.accepted(), 5);
    deliver(&place, &mut station, 3).await;
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_damaged_goods_table_is_deleted_and_read_again() {
    for is_rubbish in [true, false] {
        let place = place_after_a_power_cut().await;
        place.start().stop().await.unwrap();
        if is_rubbish {
            fs::write(goods(&place), vec![0xa5; 20_000]).unwrap();
        } else {
            damage_table(&goods(&place), "keys");
        }
        let mut station = place.start();
        assert!(!is_alarmed_about(&station, GOODS_FILE));
        station.until_goods_are_read().await;
        assert_eq!(station.handle.figures().await.unwrap().goods.count, 41);
        book(&mut station, COMB).await;
        deliver(&place, &mut station, 4).await;
        assert_eq!(set_aside(place.dir.path()), []);
        station.stop().await.unwrap();
    }
}

#[tokio::test]
async fn the_agent_does_not_start_on_a_newer_file() {
    for newer in [outbox, goods] {
        let place = place_after_a_power_cut().await;
        place.start().stop().await.unwrap();
        sqlite(&newer(&place)).pragma_update(None, "user_version", 9000).unwrap();
        let before = files(place.dir.path());
        let Err(refused) = Station::start(place.config(), None) else { panic!("it starts") };
        assert!(matches!(refused, app::Error::Store(Error::NewerSchema { found: 9000, .. })), "{refused:?}");
        let after = files(place.dir.path());
        for (path, bytes) in before.iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "db"))
        {
            assert!(after.iter().any(|(there, same)| there == path && same == bytes), "{}", path.display());
        }
    }
}
