//! Scans whose code no good has yet, and what becomes of them once one has.

use rusqlite::{Connection, TransactionBehavior};

use super::journal::{Opening, Origin};
use super::{Db, Error, figures, journal, outbox, read};
use crate::domain::barcode::Barcode;
use crate::domain::control::{Control, Reading};
use crate::domain::delivery::State;
use crate::domain::good::{Good, Resolution};
use crate::domain::ids::{GoodId, OperationId, ScanId};
use crate::domain::operation::{CloseReason, Place};
use crate::domain::quantity::Quantity;
use crate::domain::session::Booking;
use crate::domain::time::UnixMillis;

/// Distinct parked codes looked up after one sync; the next sync takes the rest.
const PARKED_CODES_MAX: u32 = 10_000;

/// A parked code, with everything that was scanned of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedCode {
    /// The code without its AIM prefix.
    pub code: String,
    /// How often it was scanned.
    pub scans: u64,
    /// How much in all.
    pub units: Quantity,
    /// The wall clock at the first scan.
    pub first_scan: UnixMillis,
    /// The wall clock at the last scan.
    pub last_scan: UnixMillis,
}

/// What giving a code to a good came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assigned {
    /// The code means this good from now on; these operations were made of its parked scans.
    Done {
        /// The good.
        good: Box<Good>,
        /// The operations, if anything was parked.
        operations: Vec<OperationId>,
    },
    /// The copy of the goods table has no such good.
    NoSuchGood,
    /// The goods table itself knows this code, as the good named or as several.
    KnownAlready,
    /// It begins as a control code does, so it never is a good's.
    ControlCode,
}

impl Db {
    /// Every parked code, the one scanned last first.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn parked(&self) -> Result<Vec<ParkedCode>, Error> {
        let sql = "SELECT barcode, count(*), sum(quantity), min(wall_ms), max(wall_ms) FROM scans
                   WHERE outcome = 'unknown' AND undone_by IS NULL GROUP BY barcode ORDER BY max(id) DESC";
        let mut statement = self.outbox.prepare_cached(sql)?;
        let rows = statement.query_map([], |row| {
            Ok(ParkedCode {
                code: row.get::<_, Option<String>>(0)?.unwrap_or_default(),
                scans: row.get(1)?,
                units: Quantity::from_millionths(row.get(2)?),
                first_scan: UnixMillis(row.get(3)?),
                last_scan: UnixMillis(row.get(4)?),
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
        let sql = format!(
            "SELECT barcode, raw, code FROM scans WHERE outcome = 'unknown' AND undone_by IS NULL
             GROUP BY barcode LIMIT {PARKED_CODES_MAX}"
        );
        let codes: Vec<(String, Vec<u8>, Option<String>)> = {
            let mut statement = self.outbox.prepare_cached(&sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.collect::<Result<_, _>>()?
        };
        let mut operations = Vec::new();
        for (code, raw, text) in codes {
            // The bytes were read as text when the scan was parked.
            let Some(text) = text.or_else(|| String::from_utf8(raw).ok()) else { continue };
            let resolution = match Control::read(&text) {
                Reading::Kit(card) if self.kits.allows(card) => self.kit(card)?,
                // It stays parked, and is listed, as long as it may not be booked.
                Reading::Kit(_) => Resolution::Unknown,
                Reading::NotControl | Reading::Control(_) | Reading::Malformed => {
                    self.resolve(&Barcode::read(&text))?
                }
            };
            match resolution {
                Resolution::Found(good) => operations.extend(self.book_code(&code, &good, now)?),
                Resolution::Kit(kit) => operations.extend(self.book_parked_kit(&code, &kit, now)?),
                Resolution::Unknown | Resolution::Ambiguous | Resolution::Unusable => {}
            }
        }
        Ok(operations)
    }

    /// Gives a code to a good and books what was parked of it.
    ///
    /// # Errors
    /// Any, and then nothing was given.
    pub fn assign(&mut self, code: &str, good: GoodId, now: UnixMillis) -> Result<Assigned, Error> {
        if Control::read(code) != Reading::NotControl {
            return Ok(Assigned::ControlCode);
        }
        let Some(good) = self.good(good)? else { return Ok(Assigned::NoSuchGood) };
        let barcode = Barcode::read(code);
        for tier in &barcode.tiers {
            let lookup = Barcode { tiers: vec![tier.clone()], ..barcode.clone() };
            if self.resolve(&lookup)? != Resolution::Unknown {
                return Ok(Assigned::KnownAlready);
            }
        }
        let sql = "INSERT OR REPLACE INTO assignments (key, good_id) VALUES (?1, ?2)";
        for key in barcode.tiers.first().into_iter().flatten() {
            self.outbox.prepare_cached(sql)?.execute((key.encode(), good.id.0))?;
        }
        let operations = self.book_parked(now)?;
        Ok(Assigned::Done { good: Box::new(good), operations })
    }

    fn book_code(&mut self, code: &str, good: &Good, now: UnixMillis) -> Result<Vec<OperationId>, Error> {
        let beginning = self.beginning()?;
        let transaction = self.outbox.transaction_with_behavior(TransactionBehavior::Immediate)?;
        figures::count_up(&transaction)?;
        let mut operations: Vec<(Place, OperationId)> = Vec::new();
        for (scan, place, quantity) in parked_scans(&transaction, code)? {
            let operation = if let Some((_, operation)) = operations.iter().find(|(at, _)| *at == place) {
                *operation
            } else {
                let id = open_parked(&transaction, &beginning, place, scan)?;
                operations.push((place, id));
                id
            };
            let booking = Booking {
                place,
                operation: Some(operation),
                good: good.clone(),
                barcode: code.to_owned(),
                quantity,
            };
            journal::add_line(&transaction, operation, &booking)?;
            journal::tie(&transaction, scan, operation, &booking)?;
            unpark(&transaction, scan, quantity)?;
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

pub(super) fn parked_scans(
    connection: &Connection,
    code: &str,
) -> Result<Vec<(ScanId, Place, Quantity)>, Error> {
    let sql = "SELECT id, kind, storage_id, quantity FROM scans
               WHERE outcome = 'unknown' AND undone_by IS NULL AND barcode = ?1 ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([code])?;
    let mut scans = Vec::new();
    while let Some(row) = rows.next()? {
        let kind: String = row.get(1)?;
        let place = read::place(&kind, row.get(2)?)?;
        scans.push((ScanId(row.get(0)?), place, Quantity::from_millionths(row.get(3)?)));
    }
    Ok(scans)
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
