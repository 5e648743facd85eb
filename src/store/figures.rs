//! The figures of the station, by which the books balance.

use rusqlite::Connection;

use super::outbox::FOR_A_PERSON;
use super::{Alarm, Data, Db, Error, Location, read};
use crate::domain::delivery::State;
use crate::domain::ids::StorageId;
use crate::domain::stock::mode::Mode;
use crate::domain::stock::quantity::Quantity;

use super::goods::GoodsFigures;

/// The row of `standing` that holds the parked scans.
const PARKED: &str = "parked";

/// The most operations that need a person and are counted: a longer list is not worked through one by one.
const NEEDING_A_PERSON_MAX: u32 = 1000;

/// The frames by outcome since the data folder was created. Every frame counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScanCounts {
    /// Added to an operation, whether taken back later or not.
    pub booked: u64,
    /// Of those and of the parked ones, taken back by UNDO.
    pub undone: u64,
    /// Parked.
    pub unknown: u64,
    /// Refused.
    pub refused: u64,
    /// Commands.
    pub control: u64,
    /// Looked up only.
    pub lookup: u64,
}

impl ScanCounts {
    /// Returns the number of all frames.
    pub fn accepted(&self) -> u64 {
        self.booked + self.unknown + self.refused + self.control + self.lookup
    }
}

/// The operations in one state, and their units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StateCount {
    /// The number of operations.
    pub operations: u64,
    /// The units that they move.
    pub units: Quantity,
}

/// Everything the station counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figures {
    /// Frames.
    pub scans: ScanCounts,
    /// The units booked, whether taken back later or not.
    pub units_booked: Quantity,
    /// The units taken back.
    pub units_undone: Quantity,
    /// The units parked.
    pub units_parked: Quantity,
    /// Operations by state, in the order of [`State::ALL`].
    pub states: [StateCount; State::ALL.len()],
    /// The copy of the goods table.
    pub goods: GoodsFigures,
    /// The mode commanded last, if one ever was.
    pub mode: Option<Mode>,
    /// The storage commanded last, if one ever was.
    pub storage: Option<StorageId>,
    /// The alarms that still stand, the oldest first.
    pub alarms: Vec<Alarm>,
    /// The facts about the folder itself.
    pub data: Data,
    /// The location as the service described it.
    pub location: Location,
}

impl Figures {
    /// Returns the operations in `state`.
    pub fn of(&self, state: State) -> StateCount {
        let at = State::ALL.iter().position(|known| *known == state);
        at.and_then(|at| self.states.get(at)).copied().unwrap_or_default()
    }

    /// Returns true if the books balance: booked units less those taken back equal the units in all operations.
    pub fn balance(&self) -> bool {
        let stands: Quantity = self.states.iter().map(|state| state.units).sum();
        self.units_booked.checked_sub(self.units_undone) == Some(stands)
    }

    /// Returns true if anything is not delivered yet: open, or on its way to the server.
    pub fn is_undelivered(&self) -> bool {
        [State::Open, State::Queued, State::Sending, State::Uncertain]
            .into_iter()
            .any(|state| self.of(state).operations > 0)
    }
}

impl Db {
    /// Counts everything, at one moment.
    ///
    /// # Errors
    /// [`Error::Sql`], or [`Error::Unexpected`] for a row this program did not write.
    pub fn figures(&self) -> Result<Figures, Error> {
        // One snapshot: a command beside the agent must not count a scan that its operation does not hold yet.
        let snapshot = self.outbox.unchecked_transaction()?;
        let mut figures = totals(&snapshot)?;
        add_states(&snapshot, &mut figures)?;
        snapshot.finish()?;
        figures.goods = self.goods_figures()?;
        figures.alarms = self.alarms()?;
        figures.data = self.data()?;
        figures.location = self.location()?;
        (figures.mode, figures.storage) = (self.commanded_mode()?, self.commanded_storage()?);
        Ok(figures)
    }
}

impl Db {
    /// Counts the operations that wait for a person, up to 1000: refused ones, and those that cannot go on by
    /// themselves.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn needing_a_person(&self) -> Result<u64, Error> {
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM operations o WHERE {FOR_A_PERSON}
               AND (state = 'refused'
                 OR (state IN ('uncertain', 'posted')
                      AND (stuck IS NOT NULL OR (state = 'posted' AND refusal IS NOT NULL))
                     AND NOT EXISTS (SELECT 1 FROM operations r WHERE r.revokes = o.id AND r.state <> 'cancelled')))
             LIMIT {NEEDING_A_PERSON_MAX})"
        );
        Ok(self.outbox.prepare_cached(&sql)?.query_row([], |row| row.get(0))?)
    }
}

fn totals(connection: &Connection) -> Result<Figures, Error> {
    let mut figures = Figures::default();
    // Counts up to `counted_to` come from `totals`, those of later frames from the view `uncounted`.
    let mut statement = connection.prepare_cached("SELECT * FROM totals, uncounted")?;
    statement.query_row([], |row| {
        let count = |counted: &str, new: &str| -> rusqlite::Result<u64> {
            Ok(row.get::<_, u64>(counted)? + row.get::<_, u64>(new)?)
        };
        figures.scans = ScanCounts {
            booked: count("booked", "new_booked")?,
            undone: row.get("undone")?,
            unknown: count("unknown", "new_unknown")?,
            refused: count("refused", "new_refused")?,
            control: count("control", "new_control")?,
            lookup: count("lookup", "new_lookup")?,
        };
        let units = [row.get("units_booked")?, row.get("new_units_booked")?];
        figures.units_booked = units.map(Quantity::from_millionths).into_iter().sum();
        figures.units_undone = Quantity::from_millionths(row.get("units_undone")?);
        // Pruned operations have no row any more, but their units are still part of the books.
        let pruned = [("posted", State::Posted), ("cancelled", State::Cancelled)];
        for (word, state) in pruned {
            let count = StateCount {
                operations: row.get(format!("pruned_{word}").as_str())?,
                units: Quantity::from_millionths(row.get(format!("units_pruned_{word}").as_str())?),
            };
            add(&mut figures, state, count);
        }
        Ok(())
    })?;
    Ok(figures)
}

fn add_states(connection: &Connection, figures: &mut Figures) -> Result<(), Error> {
    // Triggers keep `standing`, but not for open operations, which are few and are counted here.
    let sql = "SELECT what, count, units FROM standing
               UNION ALL
               SELECT 'open', count(DISTINCT o.id), coalesce(sum(l.quantity), 0)
               FROM operations o LEFT JOIN lines l ON l.operation_id = o.id WHERE o.state = 'open'";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let what: String = row.get(0)?;
        let count = StateCount { operations: row.get(1)?, units: Quantity::from_millionths(row.get(2)?) };
        if what == PARKED {
            figures.units_parked = count.units;
        } else {
            add(figures, read::state(&what)?, count);
        }
    }
    Ok(())
}

fn add(figures: &mut Figures, state: State, count: StateCount) {
    let at = State::ALL.iter().position(|known| *known == state);
    if let Some(known) = at.and_then(|at| figures.states.get_mut(at)) {
        known.operations += count.operations;
        known.units = [known.units, count.units].into_iter().sum();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;
    use crate::domain::code::barcode::Barcode;
    use crate::domain::ids::{GoodId, ScannerName, StorageId};
    use crate::domain::session::{Booking, Change, Decision, Heard, Outcome, Reason};
    use crate::domain::signal::Signal;
    use crate::domain::stock::good::Good;
    use crate::domain::stock::mode::Kind;
    use crate::domain::stock::operation::Place;
    use crate::domain::stock::quantity::Money;
    use crate::domain::stock::resolution::Resolution;
    use crate::domain::time::{BootMillis, Moment, UnixMillis};
    use crate::store::totals::count_up;
    use crate::store::{GoodsPage, NewScan, OpenOptions};

    const PLACE: Place = Place { kind: Kind::Receipt, storage: StorageId(91_271) };

    fn open(dir: &Path) -> Db {
        let now = UnixMillis(0);
        Db::open(OpenOptions { dir, station: "dock-1", boot_id: "boot-1", now, commit_hook: None }).unwrap()
    }

    fn comb() -> Good {
        Good {
            id: GoodId(7),
            title: "Comb".to_owned(),
            barcode: "COMB".to_owned(),
            unit: "pc".to_owned(),
            price: Money::default(),
            sale_price: None,
            write_off_unit: None,
        }
    }

    fn record(db: &mut Db, outcome: Outcome, changes: Vec<Change>) {
        let decision = Decision { outcome, changes, signal: Signal::Control, times: 1, dropped: None };
        let at = Moment { wall: UnixMillis(1000), boot: BootMillis(1000), trusted: true };
        let scanner = ScannerName::new("dock");
        let meaning = Heard::Product(Box::new(Barcode::read("COMB")));
        let words = None;
        db.record(&NewScan {
            scanner: &scanner,
            raw: b"COMB",
            at,
            meaning: &meaning,
            decision: &decision,
            words,
        })
        .unwrap();
    }

    /// Records a booking of two, which opens a document; a parked scan of three; one frame of each other kind but
    /// control.
    fn record_some(db: &mut Db) {
        let [two, three] = [2, 3].map(|units| Quantity::units(units).unwrap());
        let (good, barcode) = (comb(), "COMB".to_owned());
        let booking = Booking { place: PLACE, operation: None, good, barcode, quantity: two };
        let booked = Outcome::Booked { place: PLACE, quantity: two };
        record(db, booked, vec![Change::Book(Box::new(booking))]);
        record(db, Outcome::Unknown { place: PLACE, quantity: three }, Vec::new());
        record(db, Outcome::Refused(Reason::Repeat), Vec::new());
        record(db, Outcome::Lookup(Resolution::Unknown), Vec::new());
    }

    const SOME: ScanCounts =
        ScanCounts { booked: 1, undone: 0, unknown: 1, refused: 1, control: 0, lookup: 1 };

    #[test]
    fn a_frame_counts_once_before_and_after_the_counts_are_brought_up_to_date() {
        let dir = TempDir::new().unwrap();
        let mut db = open(dir.path());
        record_some(&mut db);
        let before = db.figures().unwrap();
        assert_eq!((before.scans, before.units_booked), (SOME, Quantity::units(2).unwrap()));
        count_up(&db.outbox).unwrap();
        assert_eq!(db.figures().unwrap(), before);
        count_up(&db.outbox).unwrap();
        assert_eq!(db.figures().unwrap(), before);
        assert!(before.balance());
    }

    #[test]
    fn a_parked_scan_that_was_not_counted_yet_moves_to_booked_once() {
        let dir = TempDir::new().unwrap();
        let mut db = open(dir.path());
        record_some(&mut db);
        db.begin_full_reading(UnixMillis(0)).unwrap();
        db.collect_page(&GoodsPage { rows: 1, goods: vec![comb()] }).unwrap();
        db.finish_full_reading(0).unwrap();
        assert_eq!(db.book_parked(UnixMillis(2000)).unwrap().len(), 1);
        let figures = db.figures().unwrap();
        assert_eq!(figures.scans, ScanCounts { booked: 2, unknown: 0, ..SOME });
        assert_eq!(figures.units_booked, Quantity::units(5).unwrap());
        assert!(figures.balance());
    }

    #[test]
    fn frames_that_take_the_numbers_of_pruned_ones_are_counted() {
        let dir = TempDir::new().unwrap();
        let mut db = open(dir.path());
        let refused = || Outcome::Refused(Reason::Repeat);
        record(&mut db, refused(), Vec::new());
        record(&mut db, refused(), Vec::new());
        db.prune(UnixMillis(5000)).unwrap();
        assert_eq!(db.figures().unwrap().scans.refused, 2);
        record(&mut db, refused(), Vec::new());
        assert_eq!(db.figures().unwrap().scans.refused, 3);
    }
}
