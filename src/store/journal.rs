//! The journal: every frame, with its bytes and its times, and what came of it, in one commit.

use ring::digest::{SHA256, digest};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, named_params};
use ulid::Ulid;

use super::reserve::Reserve;
use super::{Db, Error, figures, outbox};
use crate::domain::delivery::State;
use crate::domain::ids::{OperationId, ScanId, ScannerName, StorageId};
use crate::domain::mode::Mode;
use crate::domain::operation::{CloseReason, Marker, Place};
use crate::domain::quantity::Quantity;
use crate::domain::session::{Booking, Change, Commanded, Decision, Heard, Outcome, Taken};
use crate::domain::time::{Moment, UnixMillis};

/// Name of the fact that keeps the mode commanded last.
const MODE: &str = "mode";

/// Name of the fact that keeps the storage commanded last.
const STORAGE: &str = "storage";

/// Commits after which the log is folded into the file. A page changed by many of them is then written once.
const COMMITS_PER_CHECKPOINT: u32 = 64;

/// A frame, and what was decided of it.
#[derive(Debug)]
pub struct NewScan<'a> {
    /// The reader it came from.
    pub scanner: &'a ScannerName,
    /// Its bytes, at most 512.
    pub raw: &'a [u8],
    /// When its last byte was read.
    pub at: Moment,
    /// What it was heard as.
    pub heard: &'a Heard,
    /// What was decided.
    pub decision: &'a Decision,
}

impl Db {
    /// Writes a frame and everything that was decided of it, and returns when it is on the disk: the journal's
    /// row, and the operations that were opened for it.
    ///
    /// # Errors
    /// Any, and then nothing of it was written. [`Error::DiskFull`] also as long as what is left of the disk is for
    /// deliveries.
    pub fn record(&mut self, scan: &NewScan<'_>) -> Result<(ScanId, Vec<(Place, OperationId)>), Error> {
        if self.reserve.as_mut().is_some_and(|reserve| !reserve.hold()) {
            return Err(Error::DiskFull);
        }
        self.fit(|db| db.try_record(scan))
    }

    fn try_record(&mut self, scan: &NewScan<'_>) -> Result<(ScanId, Vec<(Place, OperationId)>), Error> {
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
        self.commits_since_checkpoint += 1;
        Ok((id, opened))
    }

    /// Carries out closes that came from no frame.
    ///
    /// # Errors
    /// Any, and then nothing was closed.
    pub fn close_operations(&mut self, changes: &[Change], now: UnixMillis) -> Result<(), Error> {
        let transaction = self.outbox.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for change in changes {
            if let Change::Close { operation, reason, .. } = change {
                outbox::close(&transaction, *operation, reason.as_str(), now)?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// The mode commanded last, if one ever was.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn commanded_mode(&self) -> Result<Option<Mode>, Error> {
        Ok(self.fact(MODE)?.as_deref().and_then(Mode::from_word))
    }

    /// What control codes commanded last.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn commanded(&self) -> Result<Commanded, Error> {
        let storage = self.fact(STORAGE)?.and_then(|id| id.parse().ok()).map(StorageId);
        Ok(Commanded { mode: self.commanded_mode()?, storage })
    }

    /// A small fact of the station.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn fact(&self, name: &str) -> Result<Option<String>, Error> {
        let mut statement = self.outbox.prepare_cached("SELECT value FROM facts WHERE name = ?1")?;
        Ok(statement.query_row([name], |row| row.get(0)).optional()?)
    }

    /// Remembers a small fact of the station.
    ///
    /// # Errors
    /// Any, and then the fact is as it was.
    pub fn remember(&mut self, name: &str, value: &str) -> Result<(), Error> {
        set_fact(&self.outbox, name, value)
    }

    /// Housekeeping between scans: brings the counts up to date and folds the log into the file once enough has
    /// been committed.
    ///
    /// # Errors
    /// Any; nothing is lost, and the next call tries again.
    pub fn tend(&mut self) -> Result<(), Error> {
        if self.commits_since_checkpoint < COMMITS_PER_CHECKPOINT {
            return Ok(());
        }
        figures::count_up(&self.outbox)?;
        checkpoint(&self.outbox)?;
        self.commits_since_checkpoint = 0;
        Ok(())
    }

    /// Writes. Where the log cannot grow, it is folded in and written over.
    fn fit<T>(&mut self, write: impl Fn(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        match write(self) {
            Err(Error::DiskFull) => {
                checkpoint(&self.outbox)?;
                write(self)
            }
            written => written,
        }
    }

    /// Writes what a delivery depends on. On a full disk it is given the room kept back.
    pub(super) fn press<T>(&mut self, write: impl Fn(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        match self.fit(&write) {
            Err(Error::DiskFull) if self.reserve.as_mut().is_some_and(Reserve::give) => self.fit(&write),
            written => written,
        }
    }

    /// Folds the logs into the files before the end.
    pub(super) fn close(&mut self) {
        for connection in [&self.outbox, &self.goods] {
            if let Err(error) = checkpoint(connection) {
                // The log keeps what the file has not: nothing is lost, the next start reads both.
                tracing::warn!(%error, "the database log was left as it is");
            }
        }
    }
}

/// A frame that is being written, in one transaction.
struct Writing<'a> {
    connection: &'a Connection,
    station: &'a str,
    id: ScanId,
    at: UnixMillis,
    /// Operations that were opened for it.
    opened: Vec<(Place, OperationId)>,
    /// Operations it was booked in.
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
        }
    }

    /// Adds to the operation that is open, or was opened for this frame, or is opened now.
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
                    origin: Origin::Scan(self.at),
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

fn checkpoint(connection: &Connection) -> Result<(), Error> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_row| Ok(()))?;
    Ok(())
}

pub(super) fn set_fact(connection: &Connection, name: &str, value: &str) -> Result<(), Error> {
    let sql = "INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2";
    connection.prepare_cached(sql)?.execute([name, value])?;
    Ok(())
}

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
    let code = scan.heard.frame_text().filter(|code| is_parked && code.as_bytes() != scan.raw);
    let gs1 = scan.heard.elements();
    let serial = gs1.and_then(|gs1| gs1.serial.as_deref());
    let read_as = scan.heard.identity().filter(|_| is_parked || serial.is_some());
    let sql = "INSERT INTO scans (scanner, raw, boot, boot_ms, wall_ms, clock, outcome, detail, barcode, kind,
                                  storage_id, quantity, good_id, operation_id, code, read_as, lot, expiry, serial)
               VALUES (:scanner, :raw, :boot, :boot_ms, :wall_ms, :clock, :outcome, :detail, :barcode, :kind,
                       :storage_id, :quantity, :good_id, :operation_id, :code, :read_as, :lot, :expiry, :serial)";
    connection.prepare_cached(sql)?.execute(named_params! {
        ":scanner": scan.scanner.as_str(),
        ":raw": scan.raw,
        ":boot": boot,
        ":boot_ms": scan.at.boot.0,
        ":wall_ms": scan.at.wall.0,
        ":clock": if scan.at.trusted { "trusted" } else { "untrusted" },
        ":outcome": scan.decision.outcome.as_str(),
        ":detail": detail,
        ":barcode": scan.heard.code(),
        ":kind": booked.map(|(place, _)| place.kind.as_str()),
        ":storage_id": booked.map(|(place, _)| place.storage.0),
        ":quantity": booked.map(|(_, quantity)| quantity.millionths()),
        ":good_id": tied.map(|(good, _)| good.0),
        ":operation_id": tied.map(|(_, operation)| operation.0),
        ":code": code,
        ":read_as": read_as,
        ":lot": gs1.and_then(|gs1| gs1.lot.as_deref()),
        ":expiry": gs1.and_then(|gs1| gs1.expiry.as_deref()),
        ":serial": serial,
    })?;
    Ok(ScanId(connection.last_insert_rowid()))
}

/// An operation that begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening<'a> {
    /// The station, part of the marker.
    pub(super) station: &'a str,
    /// Where it begins.
    pub(super) state: State,
    /// Kind and storage.
    pub(super) place: Place,
    /// The first journal row that it is made of.
    pub(super) first_scan: ScanId,
    /// What its marker is made of.
    pub(super) origin: Origin<'a>,
}

/// What a marker is made of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin<'a> {
    /// A scan at this time: the marker is like no other.
    Scan(UnixMillis),
    /// What is in the journal already, in words that name it. A copy of the folder makes the same marker of it, and so
    /// finds on the service what this one posted.
    Journal {
        /// The words.
        of: &'a str,
        /// The last journal row that this start found.
        found_to: ScanId,
    },
}

impl Origin<'_> {
    fn ulid(self) -> Ulid {
        match self {
            Self::Scan(at) => Ulid::from_parts(u64::try_from(at.0).unwrap_or(0), Ulid::generate().random()),
            Self::Journal { of, .. } => {
                let digest = digest(&SHA256, of.as_bytes());
                let bytes = digest.as_ref().first_chunk::<16>().copied().unwrap_or_default();
                Ulid::from_bytes(bytes)
            }
        }
    }
}

/// Begins an operation.
pub(super) fn open(connection: &Connection, opening: &Opening<'_>) -> Result<OperationId, Error> {
    let Opening { station, state, place, first_scan, origin } = *opening;
    let mut marker = Marker::new(station, &origin.ulid().to_string());
    if is_taken(connection, &marker)? {
        marker = Marker::new(station, &Ulid::generate().to_string());
    }
    let look_first = matches!(origin, Origin::Journal { found_to, .. } if first_scan <= found_to);
    let sql = "INSERT INTO operations (marker, kind, storage_id, state, first_scan, look_first)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    connection.prepare_cached(sql)?.execute((
        marker.as_str(),
        place.kind.as_str(),
        place.storage.0,
        state.as_str(),
        first_scan.0,
        look_first,
    ))?;
    Ok(OperationId(connection.last_insert_rowid()))
}

/// What was made of the journal once may be made of it again, as when a person has undone it.
fn is_taken(connection: &Connection, marker: &Marker) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT 1 FROM operations WHERE marker = ?1)";
    Ok(connection.prepare_cached(sql)?.query_row([marker.as_str()], |row| row.get(0))?)
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

/// Notes what a kit's scan booked in an operation.
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

/// Takes one scan out of every operation it was booked in.
fn undo(connection: &Connection, by: ScanId, scan: ScanId, taken: &[Taken]) -> Result<(), Error> {
    let sql = "UPDATE scans SET undone_by = ?2 WHERE id = ?1 AND undone_by IS NULL RETURNING quantity";
    let mut statement = connection.prepare_cached(sql)?;
    let booked: Option<i64> = statement.query_row((scan.0, by.0), |row| row.get(0)).optional()?;
    let in_all: Quantity = taken.iter().map(|taken| taken.quantity).sum();
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

/// Takes off a line. One that it empties goes; the numbers of the others stay.
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
        let sql = format!("DELETE FROM lines {of_line}");
        connection.prepare_cached(&sql)?.execute((operation, good))?;
    }
    Ok(())
}
