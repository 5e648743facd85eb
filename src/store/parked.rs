//! Parked scans: their code belongs to no good yet. They are booked once it does.
//!
//! Invariant: two scans have the same parked code if they were read under the same key, whatever else their labels say.

use std::collections::BTreeMap;

use rusqlite::{Connection, TransactionBehavior};

use super::opening::{MarkerSource, Opening};
use super::{Db, Error, journal, opening, outbox, read, totals};
use crate::domain::code::barcode::{Barcode, Key};
use crate::domain::code::control::{Control, ControlReading, kit_code};
use crate::domain::delivery::State;
use crate::domain::ids::{OperationId, ScanId};
use crate::domain::session::Booking;
use crate::domain::stock::good::times;
use crate::domain::stock::kit::Kit;
use crate::domain::stock::mode::Kind;
use crate::domain::stock::operation::{CloseReason, Place};
use crate::domain::stock::quantity::Quantity;
use crate::domain::stock::resolution::Resolution;
use crate::domain::time::UnixMillis;

/// The most parked scans that a step reads and books, in one commit.
const PARKED_AT_ONCE: usize = 100;

/// The condition of journal rows that are parked, in the words of the index on them; it excludes scans that were taken
/// back.
const PARKED: &str = "outcome = 'unknown' AND undone_by IS NULL";

/// A parked code, with the sums of its scans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedCode {
    /// The code as a person can type it: it is read as the parked one was.
    pub code: String,
    /// The key under which it was read; it separates its scans from those of other codes.
    pub read_as: String,
    /// The text that was scanned last, AIM prefix and all.
    pub text: String,
    /// The number of its scans.
    pub scans: u64,
    /// The units in all.
    pub units: Quantity,
    /// The number of documents that would be made of it: one for each mode and storage it was scanned for.
    pub places: u64,
    /// The wall clock at the first scan.
    pub first_scan: UnixMillis,
    /// The wall clock at the last scan.
    pub last_scan: UnixMillis,
}

/// A parked scan as it is booked.
struct ParkedScan {
    id: ScanId,
    place: Place,
    quantity: Quantity,
    /// The scanned text, AIM prefix and all.
    text: String,
}

/// A row and its place; a row that was taken back, or is no text, has no scan to book.
type ParkedRow = (ParkedAt, Option<ParkedScan>);

/// The bookings that the parked scans of one code become.
enum Bookable {
    Goods(Vec<(ScanId, Booking)>),
    Kit(Box<Kit>, Vec<(ScanId, Quantity)>),
}

/// A place in the parked scans, which are in the order of their codes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ParkedAt {
    read_as: String,
    scan: i64,
}

/// The result of one step of booking parked scans.
#[derive(Debug)]
pub struct Unparked {
    /// The operations that it made.
    pub operations: Vec<OperationId>,
    /// The place at which the next step continues; `None` after the last one.
    pub next: Option<ParkedAt>,
}

impl Db {
    /// Returns every parked code, the one scanned last first.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn parked(&self) -> Result<Vec<ParkedCode>, Error> {
        let sql = format!(
            "SELECT p.read_as, s.raw, s.code, p.scans, p.units, p.places, p.first_ms, p.last_ms
             FROM (SELECT read_as, count(*) AS scans, sum(quantity) AS units,
                     count(DISTINCT kind || storage_id) AS places,
                     min(wall_ms) AS first_ms, max(wall_ms) AS last_ms, max(id) AS last
                   FROM scans WHERE {PARKED} GROUP BY read_as) p
             JOIN scans s ON s.id = p.last ORDER BY p.last DESC"
        );
        let mut statement = self.outbox.prepare_cached(&sql)?;
        let rows = statement.query_map([], |row| {
            let read_as: Option<String> = row.get(0)?;
            let text = text_of(row.get(1)?, row.get(2)?).unwrap_or_default();
            Ok(ParkedCode {
                code: name_of(&text),
                read_as: read_as.unwrap_or_default(),
                text,
                scans: row.get(3)?,
                units: Quantity::from_millionths(row.get(4)?),
                places: row.get(5)?,
                first_scan: UnixMillis(row.get(6)?),
                last_scan: UnixMillis(row.get(7)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Books every parked scan whose code has become known, each code in a new operation for each place where it was
    /// scanned. A booked scan is no longer parked, so it is booked once.
    ///
    /// # Errors
    /// Any; what was booked before stays booked, and the rest stays parked.
    pub fn book_parked(&mut self, now: UnixMillis) -> Result<Vec<OperationId>, Error> {
        let (mut operations, mut at) = (Vec::new(), Some(ParkedAt::default()));
        while let Some(after) = at {
            let step = self.book_some_parked(&after, now)?;
            operations.extend(step.operations);
            at = step.next;
        }
        Ok(operations)
    }

    /// Books the parked scans of one step, those after a place; a scan never waits for more than one step. A code with
    /// more scans than a step reads gets an operation for each step.
    ///
    /// # Errors
    /// Any, and then all of these stay parked.
    pub fn book_some_parked(&mut self, after: &ParkedAt, now: UnixMillis) -> Result<Unparked, Error> {
        let (codes, next) = codes_after(&self.outbox, after)?;
        let mut bookable = Vec::new();
        for scans in codes {
            bookable.extend(self.bookable(&scans)?);
        }
        if bookable.is_empty() {
            // Nothing to book, nothing to commit: most steps end here.
            return Ok(Unparked { operations: Vec::new(), next });
        }
        let origin = self.origin()?;
        let transaction = self.outbox.transaction_with_behavior(TransactionBehavior::Immediate)?;
        totals::count_up(&transaction)?;
        let mut operations = Vec::new();
        for bookable in bookable {
            operations.extend(match bookable {
                Bookable::Goods(bookings) => book_scans(&transaction, &origin, bookings, now)?,
                Bookable::Kit(kit, scans) => book_kits(&transaction, &origin, &kit, scans, now)?,
            });
        }
        transaction.commit()?;
        Ok(Unparked { operations, next })
    }

    /// Returns the bookings that the scans of one parked code can become now. Labels of one item may carry more than
    /// the item, and one of them may be a good of its own, so each text is resolved.
    fn bookable(&self, scans: &[ParkedScan]) -> Result<Option<Bookable>, Error> {
        let mut resolutions = BTreeMap::<&str, Resolution>::new();
        for scan in scans {
            if !resolutions.contains_key(scan.text.as_str()) {
                resolutions.insert(&scan.text, self.resolve_parked(&scan.text)?);
            }
        }
        // A kit's code is its whole text, so all scans of one such code resolve alike.
        if let Some(Resolution::Kit(kit)) = resolutions.values().next() {
            let scans = scans.iter().map(|scan| (scan.id, scan.quantity)).collect();
            return Ok(Some(Bookable::Kit(Box::new(kit.clone()), scans)));
        }
        let bookings = scans.iter().filter_map(|scan| {
            let (good, factor) = match resolutions.get(scan.text.as_str())? {
                Resolution::Found(good) => (good, 1),
                Resolution::Pack(packed) => (&packed.good, packed.factor),
                Resolution::Unknown | Resolution::Ambiguous | Resolution::Kit(_) | Resolution::Unusable => {
                    return None;
                }
            };
            let (good, barcode) = (good.clone(), name_of(&scan.text));
            let quantity = times(scan.quantity, factor)?;
            Some((scan.id, Booking { place: scan.place, operation: None, good, barcode, quantity }))
        });
        let bookings: Vec<_> = bookings.collect();
        Ok(if bookings.is_empty() { None } else { Some(Bookable::Goods(bookings)) })
    }

    fn resolve_parked(&self, text: &str) -> Result<Resolution, Error> {
        match Control::read(text) {
            ControlReading::Kit(card) if self.kits.allows(card) => self.kit(card),
            // It stays parked, and is listed, as long as it may not be booked.
            ControlReading::Kit(_) => Ok(Resolution::Unknown),
            ControlReading::NotControl | ControlReading::Control(_) | ControlReading::Malformed => {
                self.resolve(&Barcode::read(text))
            }
        }
    }
}

/// Books the scans of one code.
fn book_scans(
    connection: &Connection,
    origin: &ParkedOrigin,
    bookings: Vec<(ScanId, Booking)>,
    now: UnixMillis,
) -> Result<Vec<OperationId>, Error> {
    let mut operations: Vec<(Place, OperationId)> = Vec::new();
    for (scan, booking) in bookings {
        let place = booking.place;
        let operation = if let Some((_, operation)) = operations.iter().find(|(at, _)| *at == place) {
            *operation
        } else {
            let id = open_parked(connection, origin, place, scan)?;
            operations.push((place, id));
            id
        };
        journal::add_line(connection, operation, &booking)?;
        journal::tie(connection, scan, operation, &booking)?;
        unpark(connection, scan, booking.quantity)?;
    }
    for (_, operation) in &operations {
        outbox::finish(connection, *operation, CloseReason::Parked.as_str(), now)?;
    }
    Ok(operations.into_iter().map(|(_, operation)| operation).collect())
}

/// The data that all operations made of parked scans share.
pub(super) struct ParkedOrigin {
    station: String,
    data: String,
    found_to: ScanId,
}

impl Db {
    pub(super) fn origin(&self) -> Result<ParkedOrigin, Error> {
        Ok(ParkedOrigin { station: self.station.clone(), data: self.data()?.id, found_to: self.found_to })
    }
}

/// Begins an operation of parked scans. Another copy of this folder gives the same scan the same marker.
pub(super) fn open_parked(
    connection: &Connection,
    origin: &ParkedOrigin,
    place: Place,
    first_scan: ScanId,
) -> Result<OperationId, Error> {
    let ParkedOrigin { station, data, found_to } = origin;
    let of = format!("parked {data} {first_scan} {} {}", place.kind, place.storage);
    let origin = MarkerSource::Journal { of: &of, found_to: *found_to };
    opening::open(connection, &Opening { station, state: State::Queued, place, first_scan, origin })
}

/// Returns the text by which a journal row was resolved: its code, or else its bytes, which were text when the scan was
/// parked.
fn text_of(raw: Vec<u8>, code: Option<String>) -> Option<String> {
    code.or_else(|| String::from_utf8(raw).ok())
}

/// Returns the key under which a parked text was read.
fn identity_of(text: &str) -> String {
    match Control::read(text) {
        ControlReading::Kit(_) => Key::Text(text.to_owned()).encode(),
        ControlReading::NotControl | ControlReading::Control(_) | ControlReading::Malformed => {
            Barcode::read(text).identity()
        }
    }
}

fn name_of(text: &str) -> String {
    match Control::read(text) {
        ControlReading::Kit(_) => text.to_owned(),
        ControlReading::NotControl | ControlReading::Control(_) | ControlReading::Malformed => {
            Barcode::read(text).name()
        }
    }
}

/// Stores the keys under which an older version's parked scans were read. An interrupted run is repeated.
pub(super) fn carry_over(connection: &mut Connection) -> Result<(), Error> {
    let left = "SELECT EXISTS (SELECT 1 FROM scans WHERE outcome = 'unknown' AND read_as IS NULL)";
    if !connection.query_row(left, [], |row| row.get::<_, bool>(0))? {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let sql = "SELECT id, raw, code, barcode FROM scans WHERE outcome = 'unknown' AND read_as IS NULL";
        let mut statement = transaction.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut update = transaction.prepare("UPDATE scans SET read_as = ?2 WHERE id = ?1")?;
        while let Some(row) = rows.next()? {
            let text = text_of(row.get(1)?, row.get(2)?).or(row.get(3)?).unwrap_or_default();
            update.execute((row.get::<_, i64>(0)?, identity_of(&text)))?;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// Returns the next parked scans after a place, by their codes, and the place to continue at.
///
/// The scans of a step begin with a code or continue the one that the last step did not end, so that a copy of this
/// folder books the same scans together.
fn codes_after(
    connection: &Connection,
    after: &ParkedAt,
) -> Result<(Vec<Vec<ParkedScan>>, Option<ParkedAt>), Error> {
    let columns = "SELECT read_as, id, kind, storage_id, quantity, raw, code, undone_by IS NULL FROM scans
                   WHERE outcome = 'unknown'";
    let sql = format!("{columns} AND read_as = ?1 AND id > ?2 ORDER BY id LIMIT ?3");
    let mut rows = parked_rows(connection, &sql, after, PARKED_AT_ONCE)?;
    let room = PARKED_AT_ONCE.saturating_sub(rows.len());
    let mut is_end = false;
    if room > 0 {
        // One more row than fits shows whether the last code ends here.
        // `?2 >= 0` is always true. It lets both queries take the same parameters.
        let sql = format!("{columns} AND read_as > ?1 AND ?2 >= 0 ORDER BY read_as, id LIMIT ?3");
        let more = parked_rows(connection, &sql, after, room + 1)?;
        is_end = more.len() <= room;
        rows.extend(more);
        if !is_end {
            drop_cut_code(&mut rows);
        }
    }
    let next = if is_end { None } else { rows.last().map(|(at, _)| at.clone()) };
    let mut codes: Vec<(String, Vec<ParkedScan>)> = Vec::new();
    for (at, scan) in rows {
        let Some(scan) = scan else { continue };
        match codes.last_mut().filter(|(code, _)| *code == at.read_as) {
            Some((_, scans)) => scans.push(scan),
            None => codes.push((at.read_as, vec![scan])),
        }
    }
    Ok((codes.into_iter().map(|(_, scans)| scans).collect(), next))
}

/// Drops the code at the end, whose rows are incomplete. If there is no other code, drops only the row beyond the
/// limit.
fn drop_cut_code(rows: &mut Vec<ParkedRow>) {
    let code = rows.last().map(|(at, _)| at.read_as.clone());
    let whole = rows.iter().take_while(|(at, _)| Some(&at.read_as) != code.as_ref()).count();
    rows.truncate(if whole > 0 { whole } else { PARKED_AT_ONCE });
}

fn parked_rows(
    connection: &Connection,
    sql: &str,
    after: &ParkedAt,
    count: usize,
) -> Result<Vec<ParkedRow>, Error> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((&after.read_as, after.scan, count))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let at = ParkedAt { read_as: row.get(0)?, scan: row.get(1)? };
        let text = if row.get(7)? { text_of(row.get(5)?, row.get(6)?) } else { None };
        let scan = match text {
            Some(text) => {
                let (id, kind): (_, String) = (ScanId(at.scan), row.get(2)?);
                let (place, quantity) =
                    (read::place(&kind, row.get(3)?)?, Quantity::from_millionths(row.get(4)?));
                Some(ParkedScan { id, place, quantity, text })
            }
            None => None,
        };
        found.push((at, scan));
    }
    Ok(found)
}

/// Moves a parked scan to the booked ones; from now on its quantity is what was booked.
pub(super) fn unpark(connection: &Connection, scan: ScanId, quantity: Quantity) -> Result<(), Error> {
    let sql = "UPDATE scans SET outcome = 'booked', quantity = ?2 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute((scan.0, quantity.millionths()))?;
    let sql =
        "UPDATE totals SET unknown = unknown - 1, booked = booked + 1, units_booked = units_booked + ?1";
    connection.prepare_cached(sql)?.execute([quantity.millionths()])?;
    Ok(())
}

/// Books parked scans of a kit that has become known, in an operation of its own for each storage. A scan with a larger
/// quantity than a scan may book stays parked.
fn book_kits(
    connection: &Connection,
    origin: &ParkedOrigin,
    kit: &Kit,
    scans: Vec<(ScanId, Quantity)>,
    now: UnixMillis,
) -> Result<Vec<OperationId>, Error> {
    let mut operations = BTreeMap::<Place, OperationId>::new();
    let code = kit_code(kit.card);
    for (scan, times) in scans {
        let Some(kit) = kit.times(times.whole_units()) else { continue };
        let units = kit.units();
        for part in kit.parts {
            let place = Place { kind: Kind::WriteOff, storage: part.storage };
            let operation = match operations.get(&place) {
                Some(operation) => *operation,
                None => open_parked(connection, origin, place, scan)?,
            };
            operations.insert(place, operation);
            let (good, quantity) = (part.good, part.quantity);
            let booking =
                Booking { place, operation: Some(operation), good, barcode: code.clone(), quantity };
            journal::add_line(connection, operation, &booking)?;
            journal::add_part(connection, scan, operation, &booking)?;
        }
        unpark(connection, scan, units)?;
    }
    for operation in operations.values() {
        outbox::finish(connection, *operation, CloseReason::Parked.as_str(), now)?;
    }
    Ok(operations.into_values().collect())
}
