//! The journal: every frame, with its bytes, its times and its outcome, in one commit.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, named_params};

use super::opening::{MarkerSource, Opening, open};
use super::reserve::Reserve;
use super::{Db, Error, outbox, totals};
use crate::domain::delivery::State;
use crate::domain::ids::{GoodId, OperationId, ScanId, ScannerName, StorageId};
use crate::domain::session::{
    Became, Booking, Change, Commanded, Decision, Heard, LastScan, OPERATION_SCANS_MAX, Outcome, Taken,
};
use crate::domain::stock::good::Packed;
use crate::domain::stock::mode::Mode;
use crate::domain::stock::operation::{CloseReason, Place};
use crate::domain::stock::quantity::Quantity;
use crate::domain::stock::resolution::Resolution;
use crate::domain::time::{BootMillis, Moment, UnixMillis};

/// Name of the fact that keeps the mode commanded last.
const MODE: &str = "mode";

/// Name of the fact that keeps the storage commanded last.
const STORAGE: &str = "storage";

/// The most frames among which the last scan of a scanner is searched for: as many as an operation holds. An operation
/// with scans further back was closed long ago.
const LOOK_BACK_MAX: usize = OPERATION_SCANS_MAX;

/// A frame and the decision on it.
#[derive(Debug)]
pub struct NewScan<'a> {
    /// The reader that it came from.
    pub scanner: &'a ScannerName,
    /// Its bytes, at most 512.
    pub raw: &'a [u8],
    /// The time at which its last byte was read.
    pub at: Moment,
    /// Its meaning.
    pub meaning: &'a Heard,
    /// The decision on it.
    pub decision: &'a Decision,
    /// The result of a command, in words.
    pub words: Option<&'a str>,
}

impl Db {
    /// Writes a frame and everything that was decided on it, and returns when it is on the disk.
    ///
    /// Returns the number of the journal's row, and the operations that were opened for it.
    ///
    /// # Errors
    /// Any, and then nothing of it was written. [`Error::DiskFull`] also while the rest of the disk is reserved for
    /// deliveries.
    pub fn record(&mut self, scan: &NewScan<'_>) -> Result<(ScanId, Vec<(Place, OperationId)>), Error> {
        // Scans give way first on a full disk: the room that is left belongs to deliveries of stored scans.
        if self.reserve.as_mut().is_some_and(|reserve| !reserve.hold()) {
            return Err(Error::DiskFull);
        }
        self.write_or_checkpoint(|db| db.try_record(scan))
    }

    fn try_record(&mut self, scan: &NewScan<'_>) -> Result<(ScanId, Vec<(Place, OperationId)>), Error> {
        // Immediate: the lock is waited for here, once. A deferred transaction that has read already fails instead.
        let transaction = self.outbox.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let id = insert(&transaction, self.boot, scan)?;
        let (station, at) = (&self.station, scan.at.wall);
        let mut writing =
            Writing { connection: &transaction, station, id, at, opened: Vec::new(), booked: Vec::new() };
        for change in &scan.decision.changes {
            writing.carry_out(change)?;
        }
        let opened = writing.opened;
        transaction.commit()?;
        Ok((id, opened))
    }

    /// Carries out changes that came from no frame: closes, and the end of commanded modes and storages.
    ///
    /// # Errors
    /// Any, and then nothing was changed.
    pub fn close_operations(&mut self, changes: &[Change], now: UnixMillis) -> Result<(), Error> {
        let transaction = self.outbox.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for change in changes {
            match change {
                Change::Close { operation, reason, .. } => {
                    outbox::close(&transaction, *operation, reason.as_str(), now)?;
                }
                Change::Revert => forget_commands(&transaction)?,
                // Every other change belongs to a frame and is written with it.
                _ => {}
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Returns the mode commanded last, if one ever was.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn commanded_mode(&self) -> Result<Option<Mode>, Error> {
        Ok(self.fact(MODE)?.as_deref().and_then(Mode::from_word))
    }

    /// Returns the storage commanded last, if one ever was.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn commanded_storage(&self) -> Result<Option<StorageId>, Error> {
        Ok(self.fact(STORAGE)?.and_then(|id| id.parse().ok()).map(StorageId))
    }

    /// Returns the last commands of control codes, and the time of the last scan of a scanner in `followers`.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn commanded(&self, now: Moment, followers: &BTreeSet<ScannerName>) -> Result<Commanded, Error> {
        let last_scan = self.last_scan_of(now, followers)?;
        Ok(Commanded { mode: self.commanded_mode()?, storage: self.commanded_storage()?, last_scan })
    }

    /// Returns the time at which one of these scanners last scanned, on this boot's clock.
    ///
    /// The time of a scan of an earlier boot is known from the wall clock, if that was right then and is now.
    fn last_scan_of(
        &self,
        now: Moment,
        scanners: &BTreeSet<ScannerName>,
    ) -> Result<Option<BootMillis>, Error> {
        // The limit counts the frames of all scanners: a search for a silent scanner must not read the whole history.
        let sql = format!(
            "SELECT scanner, boot, boot_ms, wall_ms, clock FROM (SELECT * FROM scans ORDER BY id DESC LIMIT {LOOK_BACK_MAX})
             WHERE outcome <> 'refused' ORDER BY id DESC"
        );
        let mut statement = self.outbox.prepare_cached(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if !scanners.contains(&ScannerName::new(row.get::<_, String>(0)?)) {
                continue;
            }
            let (boot, boot_ms, wall_ms): (i64, i64, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
            let clock: String = row.get(4)?;
            let ago_ms = now.wall.0.saturating_sub(wall_ms);
            // A time that lies ahead shows that one of the two clocks is wrong.
            let is_known = now.trusted && matches!(clock.as_str(), "trusted" | "repaired") && ago_ms >= 0;
            if boot == self.boot {
                return Ok(Some(BootMillis(boot_ms)));
            }
            return Ok(is_known.then(|| now.boot.plus_ms(ago_ms.saturating_neg())));
        }
        Ok(None)
    }

    /// Returns the last product scan of a scanner that was not taken back, among the last frames of all.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn last_product_of(&self, scanner: &ScannerName) -> Result<Option<LastScan>, Error> {
        // Bounded by number and not by LIMIT alone: without a match, LIMIT would read the whole history.
        let sql = format!(
            "SELECT s.id, s.barcode, s.outcome, s.quantity, s.times, s.good_id, l.title FROM scans s
             LEFT JOIN lines l ON l.operation_id = s.operation_id AND l.good_id = s.good_id
             WHERE s.id > (SELECT max(id) FROM scans) - {LOOK_BACK_MAX}
               AND s.scanner = ?1 AND s.outcome IN ('booked', 'unknown') AND s.undone_by IS NULL
             ORDER BY s.id DESC LIMIT 1"
        );
        let mut statement = self.outbox.prepare_cached(&sql)?;
        let mut rows = statement.query([scanner.as_str()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let code: String = row.get::<_, Option<String>>(1)?.unwrap_or_default();
        let outcome: String = row.get(2)?;
        let became = if outcome == "unknown" {
            Became::Parked { quantity: Quantity::from_millionths(row.get(3)?) }
        } else {
            // A line keeps the title as it was booked. The unit is the one that the goods table has now.
            let title: Option<String> = row.get(6)?;
            let good = row.get::<_, Option<i64>>(5)?.map(|id| self.good(GoodId(id))).transpose()?.flatten();
            let unit = good.map(|good| good.unit).unwrap_or_default();
            Became::Booked { times: row.get(4)?, title: title.unwrap_or_else(|| code.clone()), unit }
        };
        Ok(Some(LastScan { scan: ScanId(row.get(0)?), code, became }))
    }

    /// Returns a small fact of the station.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn fact(&self, name: &str) -> Result<Option<String>, Error> {
        let mut statement = self.outbox.prepare_cached("SELECT value FROM facts WHERE name = ?1")?;
        Ok(statement.query_row([name], |row| row.get(0)).optional()?)
    }

    /// Stores a small fact of the station.
    ///
    /// # Errors
    /// Any, and then the fact is as it was.
    pub fn remember(&mut self, name: &str, value: &str) -> Result<(), Error> {
        set_fact(&self.outbox, name, value)
    }

    /// Runs a write. If the disk has no room for the log to grow, checkpoints the log and writes again, over its start.
    fn write_or_checkpoint<T>(&mut self, write: impl Fn(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        match write(self) {
            Err(Error::DiskFull) => {
                // A checkpoint frees the whole log, unless a reader still needs it.
                self.log.checkpoint_now(&self.outbox)?;
                write(self)
            }
            written => written,
        }
    }

    /// Runs a write that a delivery depends on. On a full disk it gets the reserved room.
    pub(super) fn write_with_reserve<T>(
        &mut self,
        write: impl Fn(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match self.write_or_checkpoint(&write) {
            Err(Error::DiskFull) if self.reserve.as_mut().is_some_and(Reserve::give_away) => {
                self.write_or_checkpoint(&write)
            }
            written => written,
        }
    }
}

/// A frame that is being written, in one transaction.
struct Writing<'a> {
    connection: &'a Connection,
    station: &'a str,
    id: ScanId,
    at: UnixMillis,
    /// The operations that were opened for it.
    opened: Vec<(Place, OperationId)>,
    /// The operations that it was booked in.
    booked: Vec<(Place, OperationId)>,
}

impl Writing<'_> {
    fn carry_out(&mut self, change: &Change) -> Result<(), Error> {
        let (connection, at) = (self.connection, self.at);
        match change {
            Change::SetMode(mode) => set_fact(connection, MODE, mode.as_str()),
            Change::SetStorage(storage) => set_fact(connection, STORAGE, &storage.to_string()),
            Change::Book(booking) => {
                let operation = self.book(booking)?;
                // A booking in an operation that was open already was written with the row itself.
                if booking.operation.is_none() {
                    tie(connection, self.id, operation, booking)?;
                }
                Ok(())
            }
            Change::BookKit(bookings) => bookings.iter().try_for_each(|booking| {
                let operation = self.book(booking)?;
                add_part(connection, self.id, operation, booking)
            }),
            Change::CloseBooked { place } => match found(&self.booked, *place) {
                Some(operation) => outbox::close(connection, operation, CloseReason::Full.as_str(), at),
                None => Ok(()),
            },
            Change::Close { operation, reason, .. } => {
                outbox::close(connection, *operation, reason.as_str(), at)
            }
            Change::Cancel { operation, .. } => outbox::cancel(connection, *operation, at),
            Change::Undo { scan, taken } => undo(connection, self.id, *scan, taken),
            Change::UndoParked { scan } => undo_parked(connection, self.id, *scan),
            Change::Amend { scan, times, amended } => amend(connection, *scan, *times, amended),
            Change::Revert => forget_commands(connection),
        }
    }

    /// Adds a booking to the operation that is open, or was opened for this frame, or is opened now.
    fn book(&mut self, booking: &Booking) -> Result<OperationId, Error> {
        let operation =
            if let Some(operation) = booking.operation.or_else(|| found(&self.opened, booking.place)) {
                operation
            } else {
                let opening = Opening {
                    station: self.station,
                    state: State::Open,
                    place: booking.place,
                    first_scan: self.id,
                    origin: MarkerSource::Scan(self.at),
                };
                let operation = open(self.connection, &opening)?;
                self.opened.push((booking.place, operation));
                operation
            };
        add_line(self.connection, operation, booking)?;
        self.booked.push((booking.place, operation));
        Ok(operation)
    }
}

fn found(operations: &[(Place, OperationId)], place: Place) -> Option<OperationId> {
    operations.iter().find(|(at, _)| *at == place).map(|(_, operation)| *operation)
}

fn forget_commands(connection: &Connection) -> Result<(), Error> {
    let sql = "DELETE FROM facts WHERE name IN (?1, ?2)";
    connection.prepare_cached(sql)?.execute([MODE, STORAGE])?;
    Ok(())
}

pub(super) fn set_fact(connection: &Connection, name: &str, value: &str) -> Result<(), Error> {
    let sql = "INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2";
    connection.prepare_cached(sql)?.execute([name, value])?;
    Ok(())
}

/// Inserts the journal's row of a frame.
fn insert(connection: &Connection, boot: i64, scan: &NewScan<'_>) -> Result<ScanId, Error> {
    let detail = match &scan.decision.outcome {
        Outcome::Refused(reason) => Some(reason.as_str().to_owned()),
        Outcome::Control(control) => Some(control.name()),
        Outcome::Booked { .. } | Outcome::Unknown { .. } | Outcome::Lookup(_) => None,
    };
    let booked = match &scan.decision.outcome {
        Outcome::Booked { place, quantity } | Outcome::Unknown { place, quantity } => Some((place, quantity)),
        Outcome::Refused(_) | Outcome::Control(_) | Outcome::Lookup(_) => None,
    };
    let is_parked = matches!(scan.decision.outcome, Outcome::Unknown { .. });
    // A booking in an operation that is open already is written whole, without a second statement.
    let tied = scan.decision.changes.iter().find_map(|change| {
        let Change::Book(booking) = change else { return None };
        booking.operation.map(|operation| (booking.good.id, operation))
    });
    // Only where it differs from the bytes: those are in the row as well.
    let code = scan.meaning.frame_text().filter(|code| is_parked && code.as_bytes() != scan.raw);
    let gs1 = scan.meaning.elements();
    let serial = gs1.and_then(|gs1| gs1.serial.as_deref());
    // Only two questions are asked by key: which scans are parked as one code, and when a unit was last scanned.
    let read_as = scan.meaning.identity().filter(|_| is_parked || serial.is_some());
    let looked_up = match &scan.decision.outcome {
        Outcome::Lookup(Resolution::Found(good) | Resolution::Pack(Packed { good, .. })) => Some(good.id.0),
        _ => None,
    };
    let sql = "INSERT INTO scans (scanner, raw, boot, boot_ms, wall_ms, clock, outcome, detail, barcode, kind,
                                  storage_id, quantity, good_id, operation_id, code, read_as, lot, expiry, serial,
                                  times, words)
               VALUES (:scanner, :raw, :boot, :boot_ms, :wall_ms, :clock, :outcome, :detail, :barcode, :kind,
                       :storage_id, :quantity, :good_id, :operation_id, :code, :read_as, :lot, :expiry, :serial,
                       :times, :words)";
    connection.prepare_cached(sql)?.execute(named_params! {
        ":scanner": scan.scanner.as_str(),
        ":raw": scan.raw,
        ":boot": boot,
        ":boot_ms": scan.at.boot.0,
        ":wall_ms": scan.at.wall.0,
        ":clock": if scan.at.trusted { "trusted" } else { "untrusted" },
        ":outcome": scan.decision.outcome.as_str(),
        ":detail": detail,
        ":barcode": scan.meaning.code(),
        ":kind": booked.map(|(place, _)| place.kind.as_str()),
        ":storage_id": booked.map(|(place, _)| place.storage.0),
        ":quantity": booked.map(|(_, quantity)| quantity.millionths()),
        ":good_id": tied.map(|(good, _)| good.0).or(looked_up),
        ":operation_id": tied.map(|(_, operation)| operation.0),
        ":times": booked.map(|_| scan.decision.times),
        ":words": scan.words,
        ":code": code,
        ":read_as": read_as,
        ":lot": gs1.and_then(|gs1| gs1.lot.as_deref()),
        ":expiry": gs1.and_then(|gs1| gs1.expiry.as_deref()),
        ":serial": serial,
    })?;
    Ok(ScanId(connection.last_insert_rowid()))
}

/// Adds a booking to an operation's lines.
pub(super) fn add_line(
    connection: &Connection,
    operation: OperationId,
    booking: &Booking,
) -> Result<(), Error> {
    let quantity = booking.quantity.millionths();
    let sql = "UPDATE lines SET quantity = quantity + ?3 WHERE operation_id = ?1 AND good_id = ?2";
    let added = connection.prepare_cached(sql)?.execute((operation.0, booking.good.id.0, quantity))?;
    // The aggregate returns one row even for an operation without lines, so the first line gets number 1.
    if added == 0 {
        let sql = "INSERT INTO lines (operation_id, number, good_id, title, barcode, quantity, price)
                   SELECT ?1, 1 + coalesce(max(number), 0), ?2, ?3, ?4, ?5, ?6 FROM lines
                   WHERE operation_id = ?1";
        connection.prepare_cached(sql)?.execute((
            operation.0,
            booking.good.id.0,
            &booking.good.title,
            &booking.barcode,
            quantity,
            booking.good.price.to_string(),
        ))?;
    }
    Ok(())
}

/// Ties a journal row to the operation it is booked in.
pub(super) fn tie(
    connection: &Connection,
    scan: ScanId,
    operation: OperationId,
    booking: &Booking,
) -> Result<(), Error> {
    let sql = "UPDATE scans SET good_id = ?2, operation_id = ?3 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute((scan.0, booking.good.id.0, operation.0))?;
    Ok(())
}

/// Notes the part that a kit's scan booked in an operation.
pub(super) fn add_part(
    connection: &Connection,
    scan: ScanId,
    operation: OperationId,
    booking: &Booking,
) -> Result<(), Error> {
    let sql = "INSERT INTO scan_parts (operation_id, scan_id, good_id, quantity) VALUES (?1, ?2, ?3, ?4)";
    connection.prepare_cached(sql)?.execute((
        operation.0,
        scan.0,
        booking.good.id.0,
        booking.quantity.millionths(),
    ))?;
    Ok(())
}

/// Takes one scan out of every operation in which it was booked.
fn undo(connection: &Connection, by: ScanId, scan: ScanId, taken: &[Taken]) -> Result<(), Error> {
    let sql = "UPDATE scans SET undone_by = ?2 WHERE id = ?1 AND undone_by IS NULL RETURNING quantity";
    let mut statement = connection.prepare_cached(sql)?;
    let booked: Option<i64> = statement.query_row((scan.0, by.0), |row| row.get(0)).optional()?;
    let in_all: Quantity = taken.iter().map(|taken| taken.quantity).sum();
    // The session and the disk must agree on the quantity; otherwise the books would no longer balance.
    if booked != Some(in_all.millionths()) {
        return Err(Error::Unexpected { what: "the scan to undo" });
    }
    for taken in taken {
        take_off(connection, taken)?;
    }
    let sql = "UPDATE totals SET undone = undone + 1, units_undone = units_undone + ?1";
    connection.prepare_cached(sql)?.execute([in_all.millionths()])?;
    Ok(())
}

/// Takes back a parked scan, which stays counted as unknown.
fn undo_parked(connection: &Connection, by: ScanId, scan: ScanId) -> Result<(), Error> {
    let sql = "UPDATE scans SET undone_by = ?2 WHERE id = ?1 AND outcome = 'unknown' AND undone_by IS NULL";
    if connection.prepare_cached(sql)?.execute((scan.0, by.0))? != 1 {
        return Err(Error::Unexpected { what: "the parked scan to undo" });
    }
    connection.prepare_cached("UPDATE totals SET undone = undone + 1")?.execute([])?;
    Ok(())
}

/// Gives a scan another quantity: in its row, in the lines that it is part of, and in the counts.
fn amend(
    connection: &Connection,
    scan: ScanId,
    times: u16,
    amended: &[(Taken, Quantity)],
) -> Result<(), Error> {
    totals::count_up(connection)?;
    let before: Quantity = amended.iter().map(|(taken, _)| taken.quantity).sum();
    let after: Quantity = amended.iter().map(|(_, quantity)| *quantity).sum();
    let sql = "UPDATE scans SET quantity = ?2, times = ?3
               WHERE id = ?1 AND outcome = 'booked' AND undone_by IS NULL AND quantity = ?4";
    let row = (scan.0, after.millionths(), times, before.millionths());
    if connection.prepare_cached(sql)?.execute(row)? != 1 {
        return Err(Error::Unexpected { what: "the scan to count anew" });
    }
    for (taken, quantity) in amended {
        let (operation, good) = (taken.operation.0, taken.good.0);
        let sql = "UPDATE lines SET quantity = quantity - ?3 + ?4 WHERE operation_id = ?1 AND good_id = ?2";
        let line = (operation, good, taken.quantity.millionths(), quantity.millionths());
        connection.prepare_cached(sql)?.execute(line)?;
        let sql = "UPDATE scan_parts SET quantity = ?4
                   WHERE operation_id = ?1 AND good_id = ?2 AND scan_id = ?3";
        connection.prepare_cached(sql)?.execute((operation, good, scan.0, quantity.millionths()))?;
    }
    let sql = "UPDATE totals SET units_booked = units_booked + ?1 - ?2";
    connection.prepare_cached(sql)?.execute((after.millionths(), before.millionths()))?;
    Ok(())
}

/// Takes a quantity off a line. A line that it empties is removed; the numbers of the others stay.
fn take_off(connection: &Connection, taken: &Taken) -> Result<(), Error> {
    let (operation, good) = (taken.operation.0, taken.good.0);
    let of_line = "WHERE operation_id = ?1 AND good_id = ?2";
    let left: i64 = connection
        .prepare_cached(&format!("SELECT quantity - ?3 FROM lines {of_line}"))?
        .query_row((operation, good, taken.quantity.millionths()), |row| row.get(0))?;
    if left > 0 {
        let sql = format!("UPDATE lines SET quantity = ?3 {of_line}");
        connection.prepare_cached(&sql)?.execute((operation, good, left))?;
    } else {
        // A line of nothing must go: the schema demands `quantity > 0`.
        let sql = format!("DELETE FROM lines {of_line}");
        connection.prepare_cached(&sql)?.execute((operation, good))?;
    }
    Ok(())
}
