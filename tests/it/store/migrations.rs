//! Files of every version that ever was are opened, brought up to date, and read right.
//!
//! `tests/data/schema/` holds one dump of each file for each version, schema and rows, frozen when that version
//! was the newest. A new version comes with a new dump and a line in [`OUTBOX`] or [`GOODS`]; without them
//! `every_version_has_its_dump` fails.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rusqlite::Connection;
use stockpoint::domain::code::barcode::Barcode;
use stockpoint::domain::delivery::{State, Step};
use stockpoint::domain::home::Books;
use stockpoint::domain::ids::{
    CardId, DocumentId, GoodId, LocationId, OperationId, StorageId, TransactionId,
};
use stockpoint::domain::stock::mode::{Kind, Mode};
use stockpoint::domain::stock::operation::Place;
use stockpoint::domain::stock::quantity::Quantity;
use stockpoint::domain::stock::resolution::Resolution;
use stockpoint::domain::time::{BootMillis, UnixMillis};
use stockpoint::store::{
    Assigned, Assignment, Db, Error, GOODS_FILE, GoodsFigures, OUTBOX_FILE, OpenOptions, OperationFilter,
    PREVIOUS_DIR, RepeatedFailure, ScanCounts, ScanFilter,
};
use tempfile::TempDir;

use crate::store::store_faults::SmallDisk;
use crate::support::program::Shed;

/// A file as one version left it, and what must be read from it ever after.
struct Dump {
    sql: &'static str,
    reads: fn(&mut Db),
}

/// `OUTBOX[n]` is of version `n + 1`.
const OUTBOX: &[Dump] = &[
    Dump { sql: include_str!("../../data/schema/outbox_v1.sql"), reads: outbox_v1_reads_right },
    Dump { sql: include_str!("../../data/schema/outbox_v2.sql"), reads: outbox_v2_reads_right },
    Dump { sql: include_str!("../../data/schema/outbox_v3.sql"), reads: outbox_v3_reads_right },
    Dump { sql: include_str!("../../data/schema/outbox_v4.sql"), reads: outbox_v4_reads_right },
    Dump { sql: include_str!("../../data/schema/outbox_v5.sql"), reads: outbox_v5_reads_right },
    Dump { sql: include_str!("../../data/schema/outbox_v6.sql"), reads: outbox_v6_reads_right },
    Dump { sql: include_str!("../../data/schema/outbox_v7.sql"), reads: outbox_v7_reads_right },
    Dump { sql: include_str!("../../data/schema/outbox_v8.sql"), reads: outbox_v8_reads_right },
    Dump { sql: include_str!("../../data/schema/outbox_v9.sql"), reads: outbox_v9_reads_right },
];

/// `GOODS[n]` is of version `n + 1`.
const GOODS: &[Dump] = &[
    Dump { sql: include_str!("../../data/schema/goods_v1.sql"), reads: goods_v1_reads_right },
    Dump { sql: include_str!("../../data/schema/goods_v2.sql"), reads: goods_v2_reads_right },
    Dump { sql: include_str!("../../data/schema/goods_v3.sql"), reads: goods_v3_reads_right },
];

/// A version that no program will have for a long time.
const FAR_VERSION: u32 = 9000;

/// The time at which the old files are opened.
const NOW: UnixMillis = UnixMillis(1_790_100_000_000);

#[expect(clippy::disallowed_methods, reason = "a test looks behind the store")]
fn sqlite(path: &Path) -> Connection {
    Connection::open(path).unwrap()
}

fn open(dir: &Path) -> Result<Db, Error> {
    Db::open(OpenOptions { dir, station: "dock-1", boot_id: "a new boot", now: NOW, commit_hook: None })
}

/// A folder with these dumps made into files.
fn folder(outbox: &Dump, goods: &Dump) -> TempDir {
    let dir = TempDir::new().unwrap();
    lay(dir.path(), outbox, goods);
    dir
}

fn lay(dir: &Path, outbox: &Dump, goods: &Dump) {
    for (name, dump) in [(OUTBOX_FILE, outbox), (GOODS_FILE, goods)] {
        sqlite(&dir.join(name)).execute_batch(dump.sql).unwrap();
    }
}

fn version(path: &Path) -> u32 {
    sqlite(path).query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}

/// Every table and index by name, as SQLite keeps it, but for comments, spaces and quotes: a table that was
/// renamed has its name in quotes.
fn schema(path: &Path) -> BTreeMap<String, String> {
    let connection = sqlite(path);
    let sql = "SELECT name, type || ' on ' || tbl_name || ': ' || coalesce(sql, '') FROM sqlite_schema";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).unwrap();
    rows.map(|row| row.map(|(name, sql)| (name, plain(&sql))).unwrap()).collect()
}

fn plain(sql: &str) -> String {
    let code = sql.lines().map(|line| line.split_once("--").map_or(line, |(code, _)| code));
    let words: String = code.collect::<Vec<_>>().join(" ").replace('"', "");
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn place(kind: Kind, storage: i64) -> Place {
    Place { kind, storage: StorageId(storage) }
}

fn units(decimal: &str) -> Quantity {
    Quantity::from_decimal(decimal.parse().unwrap()).unwrap()
}

fn outbox_v1_reads_right(db: &mut Db) {
    let scans = ScanCounts { booked: 18, undone: 1, unknown: 1, refused: 1, control: 2, lookup: 1 };
    outbox_reads_right(db, &Held { scans, untrusted: 1, ..V2 });
}

fn outbox_v2_reads_right(db: &mut Db) {
    // The last two frames are not in the stored counts.
    outbox_reads_right(db, &V2);
}

fn outbox_v3_reads_right(db: &mut Db) {
    outbox_v2_reads_right(db);
    // One that was undone, and the one that undoes it.
    let undoes = db.pending(OperationId(5)).unwrap().revokes;
    assert_eq!(undoes, Some((OperationId(4), Some(DocumentId(7001)))));
    let listed = db.operations(OperationFilter::All, 100).unwrap();
    let undone = listed.iter().find(|summary| summary.id == OperationId(4)).unwrap();
    assert_eq!((undone.revokes, undone.revoked_by), (None, Some(OperationId(5))));
}

fn outbox_v4_reads_right(db: &mut Db) {
    a_kit_reads_right(db);
    outbox_reads_right(db, &V4);
}

fn outbox_v5_reads_right(db: &mut Db) {
    // One more, looked up without the B that stands in its bytes.
    a_parked_code_of_another_text_reads_right(db, ScanCounts { unknown: 3, ..V4.scans });
}

fn a_parked_code_of_another_text_reads_right(db: &mut Db, scans: ScanCounts) {
    a_kit_reads_right(db);
    let (units, parked) = (["56.65", "2", "6.5"], &["LATER-2", "$SP.KIT-411.A", "LATER-1"]);
    outbox_reads_right(db, &Held { scans, untrusted: 6, units, parked, ..V4 });
}

fn outbox_v6_reads_right(db: &mut Db) {
    outbox_v5_reads_right(db);
    a_home_reads_right(db);
}

fn a_home_reads_right(db: &Db) {
    let home = db.home().unwrap().unwrap();
    assert_eq!(home.machine.to_string(), "device-tree:0011223344556677 mac:8899aabbccddeeff");
    let books = Books { service: "https://api.alteg.io/api/v1".to_owned(), location: LocationId(4564) };
    assert_eq!((home.books, home.station.as_str()), (books, "dock-1"));
    assert_eq!(db.data().unwrap().id, "5f2d6a1c9b3e4d70a8c1f0e2b4d69718");
    let alarms = db.alarms().unwrap();
    assert_eq!((alarms.len(), alarms[0].id, alarms[0].is_seen), (1, 3, true));
    assert!(db.pending(OperationId(5)).unwrap().delivery.look_first);
    assert_eq!(db.pending(OperationId(6)).unwrap().server_sent, Some(UnixMillis(1_790_000_073_500)));
    let aside = db.summary(OperationId(8)).unwrap().aside;
    assert_eq!(aside.as_deref(), Some("location 77 at https://api.alteg.io/api/v1"));
    let summary = db.summary(OperationId(6)).unwrap();
    let fault = "get an answer: the service failed (status 500)".to_owned();
    let trouble = RepeatedFailure {
        failures: 5,
        fault,
        retry_at: UnixMillis(1_790_000_700_000),
        is_person_called: true,
    };
    assert_eq!(summary.failing, Some(trouble));
    assert_eq!(db.summary(OperationId(5)).unwrap().failing, None);
}

fn outbox_v7_reads_right(db: &mut Db) {
    labels_read_right(db, ScanCounts { unknown: 5, ..V4.scans });
}

fn outbox_v8_reads_right(db: &mut Db) {
    // One more that was taken back, and what took it back.
    let (undone, control) = (V4.scans.undone + 1, V4.scans.control + 1);
    labels_read_right(db, ScanCounts { unknown: 6, undone, control, ..V4.scans });
    a_home_reads_right(db);
    let listed = db.last_scans(ScanFilter::All, 1).unwrap();
    assert_eq!(listed[0].words.as_deref(), Some("taken back: 5 LATER-3, which was parked"));
}

fn outbox_v9_reads_right(db: &mut Db) {
    outbox_v8_reads_right(db);
    // A number that was pruned is not given again.
    let (code, good) = (&Barcode::read("LATER-1"), GoodId(123_456));
    let given = db.assign(&Assignment { code, good, factor: 1 }, NOW).unwrap();
    assert!(
        matches!(&given, Assigned::Done { operations, .. } if *operations == [OperationId(13)]),
        "{given:?}"
    );
}

fn labels_read_right(db: &mut Db, scans: ScanCounts) {
    a_kit_reads_right(db);
    let units = ["56.65", "2", "8.5"];
    let parked = &["9506000134352", "]E001234558", "LATER-2", "$SP.KIT-411.A", "LATER-1"];
    let Resolution::Pack(carton) = db.resolve(&Barcode::read("14006381333938")).unwrap() else {
        panic!("what a person said of a carton is forgotten");
    };
    assert_eq!((carton.good.id, carton.factor), (GoodId(123_456), 12));
    outbox_reads_right(db, &Held { scans, untrusted: 8, units, parked, ..V4 });
}

fn a_kit_reads_right(db: &Db) {
    let open = db.open_operations(BootMillis(0)).unwrap();
    let elsewhere = &open[&place(Kind::WriteOff, 91272)];
    let [part] = elsewhere.scans[..] else { panic!("{elsewhere:?}") };
    assert_eq!((part.of, part.home), (2, place(Kind::WriteOff, 91271)));
    assert_eq!((part.good, part.quantity), (GoodId(123_456), units("0.15")));
}

/// What differs between the versions.
struct Held {
    scans: ScanCounts,
    /// Frames that were made under a clock nobody vouched for.
    untrusted: usize,
    /// Booked, undone, parked.
    units: [&'static str; 3],
    /// Open operations, and what is in them.
    open: (u64, &'static str),
    /// What stands in operation 9.
    entries: usize,
    parked: &'static [&'static str],
}

const V2: Held = Held {
    scans: ScanCounts { booked: 18, undone: 1, unknown: 1, refused: 2, control: 2, lookup: 2 },
    untrusted: 3,
    units: ["54.5", "2", "3"],
    open: (1, "4"),
    entries: 1,
    parked: &["LATER-1"],
};

const V4: Held = Held {
    scans: ScanCounts { booked: 19, undone: 1, unknown: 2, refused: 2, control: 2, lookup: 2 },
    untrusted: 5,
    units: ["56.65", "2", "5"],
    open: (2, "6.15"),
    entries: 2,
    parked: &["$SP.KIT-411.A", "LATER-1"],
};

/// What all versions hold.
fn outbox_reads_right(db: &mut Db, held: &Held) {
    let figures = db.figures().unwrap();
    assert_eq!(figures.scans, held.scans);
    assert_eq!([figures.units_booked, figures.units_undone, figures.units_parked], held.units.map(units));
    let states = [
        (State::Open, held.open.0, held.open.1),
        (State::Queued, 1, "2.5"),
        (State::Sending, 0, "0"),
        (State::Uncertain, 1, "1"),
        (State::Posted, 4, "33"),
        (State::Refused, 1, "5"),
        (State::Cancelled, 2, "7"),
    ];
    for (state, operations, in_all) in states {
        let count = figures.of(state);
        assert_eq!((count.operations, count.units), (operations, units(in_all)), "{state}");
    }
    assert!(figures.balance());
    assert_eq!(db.commanded_mode().unwrap(), Some(Mode::WriteOff));
    assert_eq!(db.fact("time_zone").unwrap().as_deref(), Some("America/New_York"));
    v1_operations_read_right(db);
    let open = db.open_operations(BootMillis(0)).unwrap();
    let open = &open[&place(Kind::WriteOff, 91271)];
    assert_eq!(
        (open.id, open.scans.len(), open.lines[&GoodId(123_456)]),
        (OperationId(9), held.entries, units("4"))
    );
    let parked = db.parked().unwrap();
    assert_eq!(parked.iter().map(|parked| parked.code.as_str()).collect::<Vec<_>>(), held.parked);
    assert_eq!(parked.last().unwrap().units, units("3"));
    let Resolution::Found(comb) = db.resolve(&Barcode::read("HOUSE-7")).unwrap() else {
        panic!("what a person gave a code is forgotten");
    };
    assert_eq!(comb.id, GoodId(123_457));
    // The first start with a right clock puts the time of the untrusted scan between its neighbours.
    let repaired = db.repair_times(NOW, BootMillis(1000)).unwrap();
    assert_eq!((repaired.repaired, repaired.estimated), (0, held.untrusted));
    assert_eq!(db.pending(OperationId(9)).unwrap().first_scan, UnixMillis(1_790_000_071_000));
}

fn v1_operations_read_right(db: &Db) {
    let agenda: Vec<_> =
        db.agenda().unwrap().into_iter().map(|(id, delivery)| (id.0, delivery.state)).collect();
    assert_eq!(agenda, [(5, State::Queued), (6, State::Uncertain)]);
    let posted = db.pending(OperationId(4)).unwrap();
    assert_eq!(posted.operation.marker.as_str(), "#sp:dock-1:01K5N0000000000000000000A4#");
    assert_eq!(posted.operation.place, place(Kind::Receipt, 91271));
    assert_eq!(posted.operation.units(), units("13"));
    assert_eq!(posted.operation.lines[1].transaction, Some(TransactionId(9002)));
    assert_eq!(posted.operation.lines[1].price.to_string(), "0.9");
    assert_eq!(posted.delivery.document, Some(DocumentId(7001)));
    assert_eq!(posted.create_date.as_deref(), Some("2026-09-21T10:14:20-04:00"));
    assert_eq!(posted.first_scan, UnixMillis(1_790_000_060_000));
    let uncertain = db.pending(OperationId(6)).unwrap();
    assert_eq!((uncertain.delivery.step, uncertain.delivery.absences), (Some(Step::Operation), 1));
    assert!(uncertain.delivery.doubtful);
    assert_eq!(uncertain.sent, Some(UnixMillis(1_790_000_074_000)));
    let listed = db.operations(OperationFilter::All, 100).unwrap();
    let refused = listed.iter().find(|summary| summary.state == State::Refused).unwrap();
    assert_eq!(refused.trouble.as_deref(), Some("The good is archived"));
    assert_eq!(refused.split_from, Some(OperationId(4)));
    let trail = db.events(OperationId(4)).unwrap();
    assert_eq!((trail.len(), trail[2].what.as_str()), (3, "the server answered: document 7001"));
    assert_eq!(db.operation_of(DocumentId(7001)).unwrap(), Some(OperationId(4)));
}

fn goods_v1_reads_right(db: &mut Db) {
    goods_read_right(db, None);
    // No good has its second unit: everything is read anew, and what was half read is dropped.
    assert_eq!(db.full_reading().unwrap(), None);
    let shampoo = db.good(GoodId(123_456)).unwrap().unwrap();
    assert_eq!(shampoo.write_off_unit, None);
    db.begin_full_reading(NOW).unwrap();
    db.finish_full_reading(0).unwrap();
    assert_eq!(db.goods_figures().unwrap().count, 0);
}

fn goods_v2_reads_right(db: &mut Db) {
    goods_read_right(db, None);
    // No good has its selling price: everything is read anew.
    assert_eq!(db.full_reading().unwrap(), None);
    cards_read_right(db);
    db.begin_full_reading(NOW).unwrap();
    db.finish_full_reading(0).unwrap();
    assert_eq!(db.goods_figures().unwrap().count, 0);
}

fn goods_v3_reads_right(db: &mut Db) {
    goods_read_right(db, Some(UnixMillis(1_790_000_000_000)));
    cards_read_right(db);
    let price = |id| {
        let good = db.good(GoodId(id)).unwrap().unwrap();
        good.sale_price.map(|price| price.to_string())
    };
    assert_eq!([price(123_456), price(123_457)], [Some("8.5".to_owned()), None]);
    // A full reading that counted its pages by a hundred rows begins anew.
    assert_eq!(db.full_reading().unwrap(), None);
    db.begin_full_reading(NOW).unwrap();
    db.finish_full_reading(0).unwrap();
    assert_eq!(db.goods_figures().unwrap().count, 0);
}

fn cards_read_right(db: &Db) {
    let Resolution::Kit(kit) = db.kit(CardId(410)).unwrap() else { panic!("a kit is lost") };
    assert_eq!((kit.title.as_str(), kit.parts.len(), kit.units()), ("Hair wash", 2, units("2.15")));
    assert_eq!(db.kit(CardId(411)).unwrap(), Resolution::Unusable);
}

/// What all versions hold.
fn goods_read_right(db: &Db, full_at: Option<UnixMillis>) {
    let synced_at = Some(UnixMillis(1_790_000_300_000));
    assert_eq!(db.goods_figures().unwrap(), GoodsFigures { count: 3, synced_at, full_at });
    let Resolution::Found(beans) = db.resolve(&Barcode::read("SHELF-12A")).unwrap() else {
        panic!("a good is lost");
    };
    assert_eq!((beans.title.as_str(), beans.unit.as_str()), ("Coffee beans", "kg"));
    assert_eq!(beans.price.to_string(), "11.75");
    let Resolution::Found(shampoo) = db.resolve(&Barcode::read("4006381333931")).unwrap() else {
        panic!("a good is lost");
    };
    assert_eq!(shampoo.id, GoodId(123_456));
}

#[test]
fn every_version_has_its_dump() {
    let dir = TempDir::new().unwrap();
    drop(open(dir.path()).unwrap());
    for (name, dumps) in [(OUTBOX_FILE, OUTBOX), (GOODS_FILE, GOODS)] {
        let newest = version(&dir.path().join(name));
        assert_eq!(dumps.len(), usize::try_from(newest).unwrap(), "one dump of {name} a version");
    }
    for (outbox, number) in OUTBOX.iter().zip(1..) {
        let dir = folder(outbox, &GOODS[0]);
        assert_eq!(version(&dir.path().join(OUTBOX_FILE)), number);
    }
    for (goods, number) in GOODS.iter().zip(1..) {
        let dir = folder(&OUTBOX[0], goods);
        assert_eq!(version(&dir.path().join(GOODS_FILE)), number);
    }
}

#[test]
fn a_file_of_any_version_becomes_what_a_new_one_is() {
    let new = TempDir::new().unwrap();
    drop(open(new.path()).unwrap());
    for outbox in OUTBOX {
        for goods in GOODS {
            let old = folder(outbox, goods);
            let db = open(old.path()).unwrap();
            assert_eq!(db.damaged(), []);
            drop(db);
            for name in [OUTBOX_FILE, GOODS_FILE] {
                let (old, new) = (old.path().join(name), new.path().join(name));
                assert_eq!(schema(&old), schema(&new), "{name}");
                assert_eq!(version(&old), version(&new), "{name}");
            }
        }
    }
}

#[test]
fn rows_of_any_version_are_read_right() {
    for outbox in OUTBOX {
        for goods in GOODS {
            let dir = folder(outbox, goods);
            let mut db = open(dir.path()).unwrap();
            (outbox.reads)(&mut db);
            (goods.reads)(&mut db);
        }
    }
}

#[test]
fn what_an_upgrade_leaves_for_one_step_back_is_the_older_files_whole() {
    let ((newest, older), (newest_goods, older_goods)) =
        (OUTBOX.split_last().unwrap(), GOODS.split_last().unwrap());
    for (outbox, number) in older.iter().zip(1..) {
        for (goods, goods_number) in older_goods.iter().zip(1..) {
            let dir = folder(outbox, goods);
            let before = schema(&dir.path().join(OUTBOX_FILE));
            drop(open(dir.path()).unwrap());
            let copy = |name| dir.path().join(PREVIOUS_DIR).join(name);
            assert_eq!((version(&copy(OUTBOX_FILE)), schema(&copy(OUTBOX_FILE))), (number, before));
            assert_eq!(version(&copy(GOODS_FILE)), goods_number);
            // Every row of them is read.
            let mut back = open(&dir.path().join(PREVIOUS_DIR)).unwrap();
            (outbox.reads)(&mut back);
            (goods.reads)(&mut back);
        }
    }
    let dir = folder(newest, newest_goods);
    drop(open(dir.path()).unwrap());
    assert!(!dir.path().join(PREVIOUS_DIR).exists());
}

/// What was kept back for a full disk is for the files themselves: a copy that took it would leave no room to raise them.
#[test]
fn a_full_disk_is_upgraded_without_a_copy() {
    let dir = TempDir::new().unwrap();
    let Some(disk) = SmallDisk::over(dir.path(), 4) else { return };
    let (outbox, goods) = (&OUTBOX[OUTBOX.len() - 2], &GOODS[GOODS.len() - 2]);
    lay(dir.path(), outbox, goods);
    // Its copy takes nearly all of the room.
    let parked = "CREATE TABLE filler (bytes BLOB); INSERT INTO filler VALUES (zeroblob(400000))";
    sqlite(&dir.path().join(OUTBOX_FILE)).execute_batch(parked).unwrap();
    // As a station leaves them: the log at its full size, with nothing in it.
    for (name, bytes) in [("outbox.db-wal", 1024 * 1024), ("reserve", 512 * 1024)] {
        fs::write(dir.path().join(name), vec![0; bytes]).unwrap();
    }
    disk.fill();
    let mut db = open(dir.path()).unwrap();
    (outbox.reads)(&mut db);
    (goods.reads)(&mut db);
    let copies = fs::read_dir(dir.path().join(PREVIOUS_DIR)).map_or(0, Iterator::count);
    assert_eq!(copies, 0);
}

/// Marks the file as of a far version, in the log alone, and leaves both as a power cut does.
fn make_newer(dir: &Path, name: &str) {
    let elsewhere = TempDir::new().unwrap();
    let (path, made) = (dir.join(name), elsewhere.path().join(name));
    fs::copy(&path, &made).unwrap();
    let connection = sqlite(&made);
    let _mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).unwrap();
    connection.pragma_update(None, "user_version", FAR_VERSION).unwrap();
    for suffix in ["", "-wal"] {
        let of = |path: &Path| format!("{}{suffix}", path.display());
        fs::copy(of(&made), of(&path)).unwrap();
    }
}

/// The bytes of both files and their logs.
fn bytes(dir: &Path) -> Vec<Option<Vec<u8>>> {
    let names =
        [OUTBOX_FILE, GOODS_FILE].into_iter().flat_map(|name| [name.to_owned(), format!("{name}-wal")]);
    // A log without a byte says as much as none.
    names.map(|name| fs::read(dir.join(name)).ok().filter(|bytes| !bytes.is_empty())).collect()
}

#[tokio::test]
async fn the_agent_ends_on_newer_data_with_a_code_after_which_systemd_does_not_start_it_again() {
    for newer in [OUTBOX_FILE, GOODS_FILE] {
        let shed = Shed::new();
        shed.write("config.toml", shed.config("http://127.0.0.1:9/api/v1", &shed.path("no-port")));
        shed.write("partner-token", "a-partner-token");
        shed.write("user-token", "a-user-token");
        let file = shed.path("data").join(newer);
        fs::create_dir(shed.path("data")).unwrap();
        sqlite(&file).pragma_update(None, "user_version", FAR_VERSION).unwrap();
        let ended = shed.run(&["run"]).await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        let cause = format!(
            "stockpoint: {} has schema version 9000, and this program knows versions up to ",
            file.display()
        );
        assert!(ended.err.contains(&cause), "{ended:?}");
        for cure in ["install the newer program again", "/usr/lib/stockpoint/step-back"] {
            let hint = ended.err.lines().find_map(|line| line.strip_prefix("hint: ")).unwrap();
            assert!(hint.contains(cure), "{ended:?}");
        }
        assert_eq!(version(&file), FAR_VERSION);
    }
    let unit = include_str!("../../../systemd/stockpoint.service");
    let never_again = unit.lines().find_map(|line| line.strip_prefix("RestartPreventExitStatus=")).unwrap();
    assert!(never_again.split_whitespace().any(|code| code == "2"), "{never_again}");
}

#[test]
fn a_newer_file_is_refused_and_no_byte_of_either_is_touched() {
    for newer in [OUTBOX_FILE, GOODS_FILE] {
        let dir = folder(&OUTBOX[0], &GOODS[0]);
        make_newer(dir.path(), newer);
        let before = bytes(dir.path());
        let refused = open(dir.path()).unwrap_err();
        let Error::NewerSchema { path, found, .. } = &refused else { panic!("{refused}") };
        assert_eq!((path, *found), (&dir.path().join(newer), FAR_VERSION));
        let beside = Db::open_beside(dir.path(), "dock-1").unwrap_err();
        assert!(matches!(beside, Error::NewerSchema { .. }), "{beside}");
        assert_eq!(bytes(dir.path()), before, "{newer}");
        assert_eq!(version(&dir.path().join(newer)), FAR_VERSION);
    }
}
