//! Tests of the store by themes. Scans take the way of the scans' worker: heard, looked up, decided, recorded, settled.

mod delivery;
mod full;
mod goods;
mod history;
mod journal;
mod kits;
mod log;
mod parked;
mod prune;
mod times;

use std::collections::BTreeMap;
use std::path::Path;

use tempfile::TempDir;

use crate::domain::code::barcode::Barcode;
use crate::domain::decode::framing::Frame;
use crate::domain::delivery::{Event, State};
use crate::domain::ids::{GoodId, OperationId, ScanId, ScannerName, StorageId};
use crate::domain::session::{
    Answer, Committed, Conventions, Decision, Heard, Rules, ScannerBinding, Session,
};
use crate::domain::stock::good::{Good, Packed};
use crate::domain::stock::kit::KitScan;
use crate::domain::stock::mode::{Kind, Mode};
use crate::domain::stock::operation::Place;
use crate::domain::stock::quantity::Quantity;
use crate::domain::stock::resolution::Resolution;
use crate::domain::time::{BootMillis, Moment, UnixMillis};
use crate::store::{
    Advance, Assigned, Assignment, CommitHook, Db, Error, Figures, GoodsPage, NewScan, OpenOptions,
};

/// The wall clock at the first scan; each is a second after the one before.
const BEGIN: UnixMillis = UnixMillis(1_790_000_000_000);

const SHAMPOO: &str = "4006381333931";
const COMB: &str = "9521234000013";

/// A station's data with its session: a dock that takes every mode, and a ramp that only writes off.
struct Bench {
    db: Db,
    session: Session,
    dir: TempDir,
    scans: i64,
    trusted: bool,
}

impl Bench {
    /// A new folder, and a goods table with a shampoo and a comb.
    fn new() -> Self {
        Self::with(None)
    }

    fn with(hook: Option<CommitHook>) -> Self {
        let mut bench = Self::empty_with(hook);
        read_all(&mut bench.db, &[good(1, "Shampoo", SHAMPOO), good(2, "Comb", COMB)]);
        bench
    }

    /// A new folder, and no goods table yet.
    fn empty() -> Self {
        Self::empty_with(None)
    }

    fn empty_with(hook: Option<CommitHook>) -> Self {
        let dir = TempDir::new().unwrap();
        let db = open(dir.path(), "boot-1", hook).unwrap();
        let session = session(&db);
        Self { db, session, dir, scans: 0, trusted: true }
    }

    /// Ends as a power cut does and starts again.
    fn reopen(self, boot_id: &str) -> Self {
        let Self { db, dir, scans, trusted, .. } = self;
        drop(db);
        let db = open(dir.path(), boot_id, None).unwrap();
        Self { session: session(&db), db, dir, scans, trusted }
    }

    fn at(&self) -> Moment {
        let ms = self.scans * 1000;
        Moment { wall: BEGIN.plus_ms(ms), boot: BootMillis(50_000 + ms), trusted: self.trusted }
    }

    /// Scans on the dock.
    fn scan(&mut self, code: &str) -> ScanId {
        self.scan_on("dock", code).unwrap()
    }

    fn scan_on(&mut self, scanner: &str, code: &str) -> Result<ScanId, Error> {
        self.scans += 1;
        let (scanner, frame) = (ScannerName::new(scanner), frame(code));
        let (meaning, decision) = self.decide(&scanner, &frame);
        let at = self.at();
        let (scan, opened) = self.record(&scanner, &frame, &meaning, &decision)?;
        self.session.settle(
            &scanner,
            &frame,
            at.boot,
            &Committed { decision: &decision, scan, opened: &opened },
        );
        Ok(scan)
    }

    fn decide(&self, scanner: &ScannerName, frame: &Frame) -> (Heard, Decision) {
        let meaning = self.session.hear(scanner, frame, self.at().boot);
        let answer = match &meaning {
            Heard::Product(barcode) => self.db.resolve(barcode).unwrap().into(),
            Heard::Kit(card) => self.db.kit(*card).unwrap().into(),
            Heard::Control(_) => Answer::Last(self.db.last_product_of(scanner).unwrap()),
            _ => Resolution::Unknown.into(),
        };
        let decision = self.session.decide(scanner, &meaning, answer);
        (meaning, decision)
    }

    fn record(
        &mut self,
        scanner: &ScannerName,
        frame: &Frame,
        meaning: &Heard,
        decision: &Decision,
    ) -> Result<(ScanId, Vec<(Place, OperationId)>), Error> {
        let words = None;
        self.db.record(&NewScan { scanner, raw: &frame.raw, at: self.at(), meaning, decision, words })
    }

    /// Gives a code to a good.
    fn assign(&mut self, code: &str, good: i64) -> Assigned {
        let code = Barcode::read(code);
        self.db.assign(&Assignment { code: &code, good: GoodId(good), factor: 1 }, BEGIN).unwrap()
    }

    /// Returns the figures, which balance whatever happened.
    fn figures(&self) -> Figures {
        let figures = self.db.figures().unwrap();
        assert!(figures.balance(), "{figures:?}");
        figures
    }

    fn state(&self, id: OperationId) -> State {
        self.db.pending(id).unwrap().delivery.state
    }

    /// Takes a delivery a step further.
    fn step(&mut self, id: OperationId, event: Event) {
        let delivery = self.db.pending(id).unwrap().delivery;
        let to = delivery.apply(event).unwrap();
        let step = Advance { id, from: delivery.state, to, what: "a step".to_owned(), now: self.at().wall };
        assert!(self.db.advance(&step).unwrap());
    }

    /// The one operation that takes scans at the dock or the ramp.
    fn open_id(&self, place: Place) -> OperationId {
        self.db.open_operations(BootMillis(0)).unwrap()[&place].id
    }

    fn lines(&self, id: OperationId) -> Vec<(u16, i64, String)> {
        let lines = self.db.pending(id).unwrap().operation.lines;
        lines.iter().map(|line| (line.number, line.good.0, line.quantity.to_string())).collect()
    }
}

/// Opens a store that does not wait for the disk at each commit: the power does not fail in these tests.
fn open(dir: &Path, boot_id: &str, commit_hook: Option<CommitHook>) -> Result<Db, Error> {
    let mut db = Db::open(OpenOptions { dir, station: "dock-1", boot_id, now: BEGIN, commit_hook })?;
    for connection in [&db.outbox, &db.goods] {
        connection.pragma_update(None, "synchronous", "OFF")?;
    }
    db.allow_kits(KitScan::All);
    Ok(db)
}

fn session(db: &Db) -> Session {
    session_with(db, Conventions { kits: KitScan::All, ..Conventions::default() })
}

fn session_with(db: &Db, conventions: Conventions) -> Session {
    let binding = |mode, storage: Option<i64>| ScannerBinding { mode, storage: storage.map(StorageId) };
    let rules = Rules {
        mode: Mode::Receipt,
        storage: StorageId(91_271),
        storages: [91_271, 91_272].map(StorageId).into(),
        idle_close_ms: None,
        lines_max: 200,
        repeat_guard_ms: 0,
        quantity_expires_ms: None,
        mode_reverts_ms: None,
        gs1_counts: false,
        bindings: BTreeMap::from([
            (ScannerName::new("dock"), binding(None, None)),
            (ScannerName::new("ramp"), binding(Some(Mode::WriteOff), Some(91_272))),
        ]),
        conventions,
    };
    let now = Moment { wall: BEGIN, boot: BootMillis(50_000), trusted: true };
    let commanded = db.commanded(now, &rules.followers()).unwrap();
    Session::new(rules, commanded, db.open_operations(BootMillis(0)).unwrap())
}

fn frame(code: &str) -> Frame {
    Frame { raw: code.as_bytes().to_vec(), verdict: Ok(code.to_owned()) }
}

fn good(id: i64, title: &str, barcode: &str) -> Good {
    Good {
        id: GoodId(id),
        title: title.to_owned(),
        barcode: barcode.to_owned(),
        unit: "pc".to_owned(),
        price: "1.5".parse().unwrap(),
        sale_price: None,
        write_off_unit: None,
    }
}

/// Makes these goods the whole table.
fn read_all(db: &mut Db, goods: &[Good]) {
    db.begin_full_reading(BEGIN).unwrap();
    db.collect_page(&GoodsPage { rows: goods.len(), goods: goods.to_vec() }).unwrap();
    db.finish_full_reading(0).unwrap();
}

/// Returns what a code leads to: the good's number, `unknown` or `ambiguous`.
fn found(db: &Db, code: &str) -> String {
    match db.resolve(&Barcode::read(code)).unwrap() {
        Resolution::Found(good) => good.id.to_string(),
        Resolution::Pack(Packed { good, factor }) => format!("{factor} x {}", good.id),
        Resolution::Unknown => "unknown".to_owned(),
        Resolution::Ambiguous => "ambiguous".to_owned(),
        Resolution::Kit(kit) => kit.title,
        Resolution::Unusable => "unusable".to_owned(),
    }
}

fn units(units: i64) -> Quantity {
    Quantity::units(units).unwrap()
}

const DOCK_IN: Place = Place { kind: Kind::Receipt, storage: StorageId(91_271) };
