//! Scans whose code no good has yet, and what becomes of them once one has.
//!
//! Invariant: scans are of one parked code if they were read as one, whatever else stands on their labels.

use std::collections::BTreeMap;

use rusqlite::{Connection, TransactionBehavior};

use super::journal::{Opening, Origin};
use super::{Db, Error, figures, journal, outbox, read};
use crate::domain::barcode::{Barcode, Key};
use crate::domain::control::{Control, Reading};
use crate::domain::delivery::State;
use crate::domain::good::{Resolution, times};
use crate::domain::ids::{OperationId, ScanId};
use crate::domain::operation::{CloseReason, Place};
use crate::domain::quantity::Quantity;
use crate::domain::session::Booking;
use crate::domain::time::UnixMillis;

/// Distinct parked codes looked up after one sync; the next sync takes the rest.
const PARKED_CODES_MAX: u32 = 10_000;

/// Which journal rows are parked, in words that the index on them has: one that was taken back waits for nothing.
const PARKED: &str = "outcome = 'unknown' AND undone_by IS NULL";

/// A parked code, with everything that was scanned of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedCode {
    /// The code as a person can type it: it is read as the parked one was.
    pub code: String,
    /// How it was read, by which its scans are told from those of other codes.
    pub read_as: String,
    /// The text that was scanned last, AIM prefix and all.
    pub text: String,
    /// How often it was scanned.
    pub scans: u64,
    /// How much in all.
    pub units: Quantity,
    /// The documents that would be made of it: one for each mode and storage it was scanned for.
    pub places: u64,
    /// The wall clock at the first scan.
    pub first_scan: UnixMillis,
    /// The wall clock at the last scan.
    pub last_scan: UnixMillis,
}

/// A parked scan, as it is booked.
struct ParkedScan {
    id: ScanId,
    place: Place,
    quantity: Quantity,
    /// What was scanned, AIM prefix and all.
    text: String,
}

impl Db {
    /// Every parked code, the one scanned last first.
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

    /// Books every parked scan whose code has become known, each code in an operation of its own for each place
    /// it was scanned for. A scan that is booked is parked no longer, so it is booked once.
    ///
    /// # Errors
    /// Any; what was booked before stays booked, and the rest stays parked.
    pub fn book_parked(&mut self, now: UnixMillis) -> Result<Vec<OperationId>, Error> {
        let sql = format!("SELECT DISTINCT read_as FROM scans WHERE {PARKED} LIMIT {PARKED_CODES_MAX}");
        let codes: Vec<Option<String>> = {
            let mut statement = self.outbox.prepare_cached(&sql)?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect::<Result<_, _>>()?
        };
        let mut operations = Vec::new();
        for read_as in codes.into_iter().flatten() {
            operations.extend(self.book_code(&read_as, now)?);
        }
        Ok(operations)
    }

    /// Books the scans of one parked code. Labels of one item may say more than the item, and one of them may be
    /// a good of its own: each text is looked up.
    fn book_code(&mut self, read_as: &str, now: UnixMillis) -> Result<Vec<OperationId>, Error> {
        let scans = parked_scans(&self.outbox, read_as)?;
        let mut resolutions = BTreeMap::<&str, Resolution>::new();
        for scan in &scans {
            if !resolutions.contains_key(scan.text.as_str()) {
                resolutions.insert(&scan.text, self.resolve_parked(&scan.text)?);
            }
        }
        if let Some(Resolution::Kit(kit)) = resolutions.values().next() {
            return self.book_parked_kit(read_as, kit, now);
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
        if bookings.is_empty() { Ok(Vec::new()) } else { self.book_scans(bookings, now) }
    }

    fn resolve_parked(&self, text: &str) -> Result<Resolution, Error> {
        match Control::read(text) {
            Reading::Kit(card) if self.kits.allows(card) => self.kit(card),
            // It stays parked, and is listed, as long as it may not be booked.
            Reading::Kit(_) => Ok(Resolution::Unknown),
            Reading::NotControl | Reading::Control(_) | Reading::Malformed => {
                self.resolve(&Barcode::read(text))
            }
        }
    }

    fn book_scans(
        &mut self,
        bookings: Vec<(ScanId, Booking)>,
        now: UnixMillis,
    ) -> Result<Vec<OperationId>, Error> {
        let beginning = self.beginning()?;
        let transaction = self.outbox.transaction_with_behavior(TransactionBehavior::Immediate)?;
        figures::count_up(&transaction)?;
        let mut operations: Vec<(Place, OperationId)> = Vec::new();
        for (scan, booking) in bookings {
            let place = booking.place;
            let operation = if let Some((_, operation)) = operations.iter().find(|(at, _)| *at == place) {
                *operation
            } else {
                let id = open_parked(&transaction, &beginning, place, scan)?;
                operations.push((place, id));
                id
            };
            journal::add_line(&transaction, operation, &booking)?;
            journal::tie(&transaction, scan, operation, &booking)?;
            unpark(&transaction, scan, booking.quantity)?;
        }
        for (_, operation) in &operations {
            outbox::finish(&transaction, *operation, CloseReason::Parked.as_str(), now)?;
        }
        transaction.commit()?;
        Ok(operations.into_iter().map(|(_, operation)| operation).collect())
    }
}

/// What operations made of parked scans have in common.
pub(super) struct Beginning {
    station: String,
    data: String,
    found_to: ScanId,
}

impl Db {
    pub(super) fn beginning(&self) -> Result<Beginning, Error> {
        Ok(Beginning { station: self.station.clone(), data: self.data()?.id, found_to: self.found_to })
    }
}

/// Begins an operation of parked scans. Another copy of this folder makes one with the same marker of the same scan.
pub(super) fn open_parked(
    connection: &Connection,
    beginning: &Beginning,
    place: Place,
    first_scan: ScanId,
) -> Result<OperationId, Error> {
    let Beginning { station, data, found_to } = beginning;
    let of = format!("parked {data} {first_scan} {} {}", place.kind, place.storage);
    let origin = Origin::Journal { of: &of, found_to: *found_to };
    journal::open(connection, &Opening { station, state: State::Queued, place, first_scan, origin })
}

/// What a journal row was looked up by: its code, or its bytes. They were read as text when the scan was parked.
fn text_of(raw: Vec<u8>, code: Option<String>) -> Option<String> {
    code.or_else(|| String::from_utf8(raw).ok())
}

/// How a parked text was read, and what a person can type for it.
fn identity_of(text: &str) -> String {
    match Control::read(text) {
        Reading::Kit(_) => Key::Text(text.to_owned()).encode(),
        Reading::NotControl | Reading::Control(_) | Reading::Malformed => Barcode::read(text).identity(),
    }
}

fn name_of(text: &str) -> String {
    match Control::read(text) {
        Reading::Kit(_) => text.to_owned(),
        Reading::NotControl | Reading::Control(_) | Reading::Malformed => Barcode::read(text).name(),
    }
}

/// Says of the parked scans of an older version how they were read. Done again where it was cut short.
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

fn parked_scans(connection: &Connection, read_as: &str) -> Result<Vec<ParkedScan>, Error> {
    let sql = format!(
        "SELECT id, kind, storage_id, quantity, raw, code FROM scans
         WHERE {PARKED} AND read_as = ?1 ORDER BY id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([read_as])?;
    let mut scans = Vec::new();
    while let Some(row) = rows.next()? {
        let kind: String = row.get(1)?;
        let (id, place) = (ScanId(row.get(0)?), read::place(&kind, row.get(2)?)?);
        let quantity = Quantity::from_millionths(row.get(3)?);
        let Some(text) = text_of(row.get(4)?, row.get(5)?) else { continue };
        scans.push(ParkedScan { id, place, quantity, text });
    }
    Ok(scans)
}

/// The parked scans of a kit, with how many of it each is.
pub(super) fn parked_kits(connection: &Connection, read_as: &str) -> Result<Vec<(ScanId, Quantity)>, Error> {
    Ok(parked_scans(connection, read_as)?.into_iter().map(|scan| (scan.id, scan.quantity)).collect())
}

/// Moves a parked scan to the booked ones; from now on its quantity is what it booked.
pub(super) fn unpark(connection: &Connection, scan: ScanId, quantity: Quantity) -> Result<(), Error> {
    let sql = "UPDATE scans SET outcome = 'booked', quantity = ?2 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute((scan.0, quantity.millionths()))?;
    let sql =
        "UPDATE totals SET unknown = unknown - 1, booked = booked + 1, units_booked = units_booked + ?1";
    connection.prepare_cached(sql)?.execute([quantity.millionths()])?;
    Ok(())
}
