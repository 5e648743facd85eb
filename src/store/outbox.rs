//! Operations and their deliveries.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, named_params};

use super::opening::{MarkerSource, Opening};
use super::{Db, Error, opening, read};
use crate::domain::delivery::{Delivery, LineProgress, State};
use crate::domain::ids::{DocumentId, GoodId, OperationId, ScanId};
use crate::domain::session::{Entry, OpenOperation};
use crate::domain::stock::operation::{Line, Marker, Operation, Place};
use crate::domain::stock::quantity::Quantity;
use crate::domain::time::{BootMillis, UnixMillis};

/// The columns that a list of operations shows.
const SUMMARIES: &str = "SELECT o.*, s.wall_ms AS first_ms,
    (SELECT count(*) FROM lines l WHERE l.operation_id = o.id) AS lines,
    (SELECT coalesce(sum(quantity), 0) FROM lines l WHERE l.operation_id = o.id) AS in_all,
    (SELECT refusal FROM lines l WHERE l.operation_id = o.id AND refusal IS NOT NULL LIMIT 1) AS line_refusal,
    (SELECT min(r.id) FROM operations r WHERE r.revokes = o.id AND r.state <> 'cancelled') AS revoked_by
  FROM operations o JOIN scans s ON s.id = o.first_scan";

/// The conditions of partial indexes of `operations`. SQLite uses such an index only if a query contains its condition
/// word for word.
pub(super) const UNDER_WAY: &str = "state IN ('queued', 'sending', 'uncertain')";
pub(super) const FOR_A_PERSON: &str = "(state = 'refused' OR stuck IS NOT NULL OR refusal IS NOT NULL
       OR (state = 'posted' AND surplus <> '' AND doubtful) OR called)";
const UNSENT: &str = "state IN ('open', 'queued') AND create_date IS NULL AND revokes IS NULL";

/// A closed operation with everything that its delivery needs.
#[derive(Debug, Clone)]
pub struct Pending {
    /// The operation that is delivered.
    pub operation: Operation,
    /// The progress of its delivery.
    pub delivery: Delivery,
    /// The document's date as it was first sent; `None` before.
    pub create_date: Option<String>,
    /// The wall clock before the first request; `None` before.
    pub sent: Option<UnixMillis>,
    /// The service's clock at or before that request, if it was known then.
    pub server_sent: Option<UnixMillis>,
    /// The wall clock at the first scan, as far as it is trusted.
    pub first_scan: UnixMillis,
    /// The operation that it undoes, if it does, with its document on the server.
    pub revokes: Option<(OperationId, Option<DocumentId>)>,
}

/// The next state of a delivery, and its words for the trail.
#[derive(Debug, Clone)]
pub struct Advance {
    /// The operation.
    pub id: OperationId,
    /// The state that it is in, as far as the caller knows.
    pub from: State,
    /// The next state.
    pub to: Delivery,
    /// The reason in words.
    pub what: String,
    /// The wall clock now.
    pub now: UnixMillis,
}

/// An operation as a list shows it.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Its number.
    pub id: OperationId,
    /// Its marker on the server.
    pub marker: Marker,
    /// Kind and storage.
    pub place: Place,
    /// Its state.
    pub state: State,
    /// The number of lines.
    pub lines: u32,
    /// The units in all.
    pub units: Quantity,
    /// The wall clock at the first scan.
    pub first_scan: UnixMillis,
    /// The server's document, once known.
    pub document: Option<DocumentId>,
    /// True if it waits for a decision of a person.
    pub is_stuck: bool,
    /// The trouble that a person should know of, if any: the server's refusal, or the reason why it is stuck.
    pub trouble: Option<String>,
    /// The operation that it was split from with its refused lines, if it was.
    pub split_from: Option<OperationId>,
    /// The operation that this one undoes, if so.
    pub revokes: Option<OperationId>,
    /// The operation that undoes this one, if any.
    pub revoked_by: Option<OperationId>,
    /// True if it is being deleted on the server.
    pub is_being_revoked: bool,
    /// The books that it belongs to, if it is never sent from here: it came with a copied folder, or was made for
    /// another location.
    pub aside: Option<String>,
    /// The failure that repeats, if any.
    pub failing: Option<RepeatedFailure>,
}

/// A failure that repeats although the service answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatedFailure {
    /// The number of failures in a row.
    pub failures: u32,
    /// The latest failure, in words.
    pub fault: String,
    /// The wall clock at the next try.
    pub retry_at: UnixMillis,
    /// True if a person was called because of it.
    pub is_person_called: bool,
}

/// One entry of the trail.
#[derive(Debug, Clone)]
pub struct TrailEntry {
    /// The wall clock.
    pub at: UnixMillis,
    /// The event in words.
    pub what: String,
}

/// The operations that a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationFilter {
    /// All.
    All,
    /// Those that are neither posted nor cancelled.
    Undelivered,
}

/// The entry in the trail for a step of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trail {
    Written,
    LeftOut,
}

impl Db {
    /// Returns the operations that still take scans, as the session keeps them. Their idle time begins anew at `now`.
    ///
    /// # Errors
    /// [`Error::Sql`], or [`Error::Unexpected`] for a row this program did not write.
    pub fn open_operations(&self, now: BootMillis) -> Result<BTreeMap<Place, OpenOperation>, Error> {
        // Without ORDER BY, so that SQLite uses the index of open operations: ordered by number, it would walk through
        // the whole history.
        let mut statement = self
            .outbox
            .prepare("SELECT id, kind, storage_id, first_scan FROM operations WHERE state = 'open'")?;
        let rows: Vec<(i64, String, i64, i64)> = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
            .collect::<Result<_, _>>()?;
        let mut open = BTreeMap::new();
        for (id, kind, storage, first_scan) in rows {
            let scans = scans_of(&self.outbox, OperationId(id), ScanId(first_scan))?;
            let mut lines = BTreeMap::<GoodId, Quantity>::new();
            for scan in &scans {
                let line = lines.entry(scan.good).or_default();
                *line = [*line, scan.quantity].into_iter().sum();
            }
            let operation = OpenOperation { id: OperationId(id), lines, scans, last_scan: now };
            open.insert(read::place(&kind, storage)?, operation);
        }
        Ok(open)
    }

    /// Returns one closed operation with everything that its delivery needs.
    ///
    /// # Errors
    /// [`Error::NoOperation`]; [`Error::Sql`]; [`Error::Unexpected`] for a row this program did not write.
    pub fn pending(&self, id: OperationId) -> Result<Pending, Error> {
        pending(&self.outbox, id)
    }

    /// Fixes the date in the first request and the time at which it was about to leave, by our clock and the service's.
    /// Later calls change nothing.
    ///
    /// # Errors
    /// Any, and then nothing was fixed.
    pub fn fix_dates(
        &mut self,
        id: OperationId,
        date: &str,
        now: UnixMillis,
        server_now: Option<UnixMillis>,
    ) -> Result<(), Error> {
        // A clock of the service that becomes known after the first request proves nothing about when that request
        // left.
        let sql = "UPDATE operations SET create_date = coalesce(create_date, ?2),
                     server_sent_ms = CASE WHEN sent_ms IS NULL THEN ?4 ELSE server_sent_ms END,
                     sent_ms = coalesce(sent_ms, ?3)
                   WHERE id = ?1";
        self.write_with_reserve(|db| {
            db.outbox.prepare_cached(sql)?.execute((id.0, date, now.0, server_now.map(|at| at.0)))?;
            Ok(())
        })
    }

    /// Gives a refused operation another date for its next request.
    ///
    /// # Errors
    /// Any, and then its date is as it was.
    pub fn redate(&mut self, id: OperationId, date: &str) -> Result<(), Error> {
        let sql = "UPDATE operations SET create_date = ?2 WHERE id = ?1 AND state = 'refused'";
        self.outbox.prepare_cached(sql)?.execute((id.0, date))?;
        Ok(())
    }

    /// Returns the operation with the earliest first scan among those of which nothing was sent, and that scan's wall
    /// clock. The journal's order is the order of time, whatever a clock showed.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn oldest_unsent(&self) -> Result<Option<(OperationId, UnixMillis)>, Error> {
        let sql = format!(
            "SELECT o.id, s.wall_ms FROM (SELECT id, first_scan FROM operations WHERE {UNSENT} ORDER BY first_scan LIMIT 1) o
             JOIN scans s ON s.id = o.first_scan"
        );
        let mut statement = self.outbox.prepare_cached(&sql)?;
        let oldest = statement.query_row([], |row| Ok((OperationId(row.get(0)?), UnixMillis(row.get(1)?))));
        Ok(oldest.optional()?)
    }

    /// Writes the progress of a delivery. Returns false and writes nothing if the delivery is not in the state `from`:
    /// another process moved it.
    ///
    /// Lines that the server refused leave a posted operation for one of their own, which is refused and waits for a
    /// person.
    ///
    /// # Errors
    /// Any, and then nothing was written.
    pub fn advance(&mut self, step: &Advance) -> Result<bool, Error> {
        self.write_with_reserve(|db| match db.try_advance(step, Trail::Written) {
            // The trail entry needs new pages, the state overwrites old ones. On a full disk the state alone must still
            // fit.
            Err(Error::DiskFull) => db.try_advance(step, Trail::LeftOut),
            advanced => advanced,
        })
    }

    fn try_advance(&mut self, step: &Advance, entry: Trail) -> Result<bool, Error> {
        let Advance { id, from, to, what, now } = step;
        let transaction = self.outbox.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if !write(&transaction, *id, *from, to)? {
            return Ok(false);
        }
        if entry == Trail::Written {
            trail(&transaction, Some(*id), what, *now)?;
        }
        if to.state == State::Posted && *from != State::Posted {
            let split = Split { station: &self.station, found_to: self.found_to, now: *now };
            split_refused(&transaction, *id, &split)?;
        }
        transaction.commit()?;
        Ok(true)
    }

    /// Returns the operations that are not pruned and pass the filter, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Sql`], or [`Error::Unexpected`] for a row this program did not write.
    pub fn operations(&self, filter: OperationFilter, limit: u32) -> Result<Vec<Summary>, Error> {
        // One statement for both cases: `NOT ?1` is true for all rows where all are asked for.
        let sql = format!(
            "{SUMMARIES} WHERE NOT ?1 OR o.state NOT IN ('posted', 'cancelled') ORDER BY o.id DESC LIMIT ?2"
        );
        let mut statement = self.outbox.prepare_cached(&sql)?;
        let mut rows = statement.query((filter == OperationFilter::Undelivered, limit))?;
        let mut operations = Vec::new();
        while let Some(row) = rows.next()? {
            operations.push(summary(row)?);
        }
        Ok(operations)
    }

    /// Returns one operation as a list shows it.
    ///
    /// # Errors
    /// [`Error::NoOperation`]; [`Error::Sql`]; [`Error::Unexpected`] for a row this program did not write.
    pub fn summary(&self, id: OperationId) -> Result<Summary, Error> {
        let mut statement = self.outbox.prepare_cached(&format!("{SUMMARIES} WHERE o.id = ?1"))?;
        let mut rows = statement.query([id.0])?;
        summary(rows.next()?.ok_or(Error::NoOperation(id.0))?)
    }

    /// Returns the trail of one operation, oldest first.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn events(&self, id: OperationId) -> Result<Vec<TrailEntry>, Error> {
        let sql = "SELECT wall_ms, what FROM events WHERE operation_id = ?1 ORDER BY id";
        let mut statement = self.outbox.prepare_cached(sql)?;
        let rows = statement
            .query_map([id.0], |row| Ok(TrailEntry { at: UnixMillis(row.get(0)?), what: row.get(1)? }))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Returns the operation that a document on the server belongs to, if that is known.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn operation_of(&self, document: DocumentId) -> Result<Option<OperationId>, Error> {
        let sql = "SELECT id FROM operations WHERE document_id = ?1";
        let mut statement = self.outbox.prepare_cached(sql)?;
        Ok(statement.query_row([document.0], |row| row.get(0).map(OperationId)).optional()?)
    }

    /// Adds an entry to the trail that concerns no operation.
    ///
    /// # Errors
    /// Any, and then nothing was added.
    pub fn note(&mut self, what: &str, now: UnixMillis) -> Result<(), Error> {
        trail(&self.outbox, None, what, now)
    }
}

pub(super) fn pending(connection: &Connection, id: OperationId) -> Result<Pending, Error> {
    let sql = "SELECT o.*, s.wall_ms AS first_ms, r.document_id AS revoked_document
               FROM operations o JOIN scans s ON s.id = o.first_scan LEFT JOIN operations r ON r.id = o.revokes
               WHERE o.id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([id.0])?;
    let row = rows.next()?.ok_or(Error::NoOperation(id.0))?;
    let revoked = row.get::<_, Option<i64>>("revoked_document")?.map(DocumentId);
    let lines = lines(connection, id)?;
    Ok(Pending {
        delivery: delivery(row, progress(&lines))?,
        operation: operation(row, id, lines)?,
        create_date: row.get("create_date")?,
        sent: row.get::<_, Option<i64>>("sent_ms")?.map(UnixMillis),
        server_sent: row.get::<_, Option<i64>>("server_sent_ms")?.map(UnixMillis),
        first_scan: UnixMillis(row.get("first_ms")?),
        revokes: row.get::<_, Option<i64>>("revokes")?.map(|id| (OperationId(id), revoked)),
    })
}

/// Closes an open operation: its lines are final, and it waits for delivery.
pub(super) fn close(
    connection: &Connection,
    id: OperationId,
    why: &str,
    now: UnixMillis,
) -> Result<(), Error> {
    // The state in the condition guards against closing twice, by the agent and by a start elsewhere.
    let sql = "UPDATE operations SET state = 'queued' WHERE id = ?1 AND state = 'open'";
    if connection.prepare_cached(sql)?.execute([id.0])? == 0 {
        return Err(Error::Unexpected { what: "the operation to close" });
    }
    finish(connection, id, why, now)
}

/// Sets the time at which an operation became complete, and its sum: from here on its lines never change.
pub(super) fn finish(
    connection: &Connection,
    id: OperationId,
    why: &str,
    now: UnixMillis,
) -> Result<(), Error> {
    let sql = "UPDATE operations SET closed_ms = ?2,
                 units = (SELECT coalesce(sum(quantity), 0) FROM lines WHERE operation_id = ?1)
               WHERE id = ?1";
    connection.prepare_cached(sql)?.execute((id.0, now.0))?;
    trail(connection, Some(id), why, now)
}

/// Drops an open operation.
pub(super) fn cancel(connection: &Connection, id: OperationId, now: UnixMillis) -> Result<(), Error> {
    // Closing sums the units, which stay counted under `cancelled`.
    close(connection, id, "cancelled", now)?;
    let sql = "UPDATE operations SET state = 'cancelled' WHERE id = ?1";
    connection.prepare_cached(sql)?.execute([id.0])?;
    Ok(())
}

pub(super) fn trail(
    connection: &Connection,
    id: Option<OperationId>,
    what: &str,
    now: UnixMillis,
) -> Result<(), Error> {
    let sql = "INSERT INTO events (wall_ms, operation_id, what) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute((now.0, id.map(|id| id.0), what))?;
    Ok(())
}

/// Writes the progress of a delivery. Failures so far are forgotten when it has progressed: more is known of what
/// the server has, less must be removed there, or the delivery has ended.
pub(super) fn write(
    connection: &Connection,
    id: OperationId,
    from: State,
    to: &Delivery,
) -> Result<bool, Error> {
    let changed = write_lines(connection, id, to)?;
    let sql =
        "UPDATE operations SET state = :state, step = :step, document_id = :document, piecewise = :piecewise,
                 absences = :absences, refusal = :refusal, doubtful = :doubtful, late_checks = :late_checks,
                 surplus = :surplus, stuck = :stuck, look_first = :look_first
               WHERE id = :id AND state = :from";
    // Runs before the other update, because it compares the row as it was with the delivery as it is now.
    let reset_failures = "UPDATE operations SET failures = 0, fault = NULL, failing_ms = NULL, retry_ms = NULL, called = 0
               WHERE id = :id AND failures > 0 AND (:changed OR document_id IS NOT :document OR surplus <> :surplus
                 OR late_checks <> :late_checks OR (state <> :state AND :state IN ('posted', 'refused', 'cancelled')))";
    let surplus = read::surplus_text(&to.surplus);
    connection.prepare_cached(reset_failures)?.execute(named_params! {
        ":id": id.0,
        ":changed": changed,
        ":document": to.document.map(|id| id.0),
        ":surplus": surplus,
        ":late_checks": to.late_checks,
        ":state": to.state.as_str(),
    })?;
    let written = connection.prepare_cached(sql)?.execute(named_params! {
        ":state": to.state.as_str(),
        ":step": to.step.map(read::step_text),
        ":document": to.document.map(|id| id.0),
        ":piecewise": read::strategy_number(to.strategy),
        ":absences": to.absences,
        ":refusal": to.refusal,
        ":doubtful": to.doubtful,
        ":late_checks": to.late_checks,
        ":surplus": surplus,
        ":stuck": to.stuck,
        ":look_first": to.look_first,
        ":id": id.0,
        ":from": from.as_str(),
    })?;
    Ok(written == 1)
}

/// Writes the lines that differ, and returns true if any does; most steps change none.
fn write_lines(connection: &Connection, id: OperationId, to: &Delivery) -> Result<bool, Error> {
    let sql = "SELECT number, transaction_id, refusal FROM lines WHERE operation_id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([id.0])?;
    let mut written = BTreeMap::<u16, (Option<i64>, Option<String>)>::new();
    while let Some(row) = rows.next()? {
        written.insert(row.get(0)?, (row.get(1)?, row.get(2)?));
    }
    let sql = "UPDATE lines SET transaction_id = ?3, refusal = ?4 WHERE operation_id = ?1 AND number = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut has_changed = false;
    for line in &to.lines {
        let transaction = line.transaction.map(|id| id.0);
        let known = written.get(&line.number);
        if known.is_some_and(|(known, refusal)| *known != transaction || *refusal != line.refusal) {
            statement.execute((id.0, line.number, transaction, &line.refusal))?;
            has_changed = true;
        }
    }
    Ok(has_changed)
}

/// The data that an operation of refused lines needs in addition to the one that it comes from.
struct Split<'a> {
    station: &'a str,
    found_to: ScanId,
    now: UnixMillis,
}

/// Moves the refused lines of a posted operation into an operation of their own, which is refused.
fn split_refused(connection: &Connection, id: OperationId, split: &Split<'_>) -> Result<(), Error> {
    let Split { station, found_to, now } = *split;
    let refused: i64 = connection
        .prepare_cached("SELECT count(*) FROM lines WHERE operation_id = ?1 AND refusal IS NOT NULL")?
        .query_row([id.0], |row| row.get(0))?;
    if refused == 0 {
        return Ok(());
    }
    let (kind, storage, first_scan, marker): (String, i64, i64, String) = connection
        .prepare_cached("SELECT kind, storage_id, first_scan, marker FROM operations WHERE id = ?1")?
        .query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    let (place, first_scan) = (read::place(&kind, storage)?, ScanId(first_scan));
    let origin = MarkerSource::Journal { of: &format!("refused lines of {marker}"), found_to };
    // It is never open: the index allows one open operation at a place, and that may be another one.
    let opening = Opening { station, state: State::Refused, place, first_scan, origin };
    let split = opening::open(connection, &opening)?;
    let sql = "UPDATE lines SET operation_id = ?2 WHERE operation_id = ?1 AND refusal IS NOT NULL";
    connection.prepare_cached(sql)?.execute((id.0, split.0))?;
    // A part of an operation that undoes another one undoes it as well.
    let sql = "UPDATE operations SET split_from = ?2,
                 revokes = (SELECT revokes FROM operations WHERE id = ?2) WHERE id = ?1";
    connection.prepare_cached(sql)?.execute((split.0, id.0))?;
    finish(connection, split, &format!("refused lines of operation {id}"), now)?;
    finish(connection, id, &format!("its refused lines are operation {split}"), now)
}

/// Returns the entries of the scans that were booked in an operation and not taken back, oldest first.
fn scans_of(connection: &Connection, id: OperationId, first: ScanId) -> Result<Vec<Entry>, Error> {
    // A scan of one good is one entry of one. A kit's scan has an entry for each part here, and `all_of` counts its
    // parts in all operations: UNDO takes back the whole kit or nothing.
    let sql = "SELECT id, kind, storage_id, 1, good_id, quantity FROM scans
               WHERE id >= ?2 AND operation_id = ?1 AND undone_by IS NULL
               UNION ALL
               SELECT s.id, s.kind, s.storage_id, (SELECT count(*) FROM scan_parts all_of WHERE all_of.scan_id = s.id),
                 p.good_id, p.quantity
               FROM scan_parts p JOIN scans s ON s.id = p.scan_id
               WHERE p.operation_id = ?1 AND s.undone_by IS NULL
               ORDER BY 1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((id.0, first.0))?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let kind: String = row.get(1)?;
        entries.push(Entry {
            scan: ScanId(row.get(0)?),
            home: read::place(&kind, row.get(2)?)?,
            of: row.get(3)?,
            good: GoodId(row.get(4)?),
            quantity: Quantity::from_millionths(row.get(5)?),
        });
    }
    Ok(entries)
}

fn lines(connection: &Connection, id: OperationId) -> Result<Vec<Line>, Error> {
    let sql = "SELECT * FROM lines WHERE operation_id = ?1 ORDER BY number";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([id.0])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        lines.push(read::line(row)?);
    }
    Ok(lines)
}

fn progress(lines: &[Line]) -> Vec<LineProgress> {
    let progress = lines.iter().map(|line| LineProgress {
        number: line.number,
        transaction: line.transaction,
        refusal: line.refusal.clone(),
    });
    progress.collect()
}

fn operation(row: &Row<'_>, id: OperationId, lines: Vec<Line>) -> Result<Operation, Error> {
    let kind: String = row.get("kind")?;
    Ok(Operation {
        id,
        marker: Marker::stored(row.get("marker")?),
        place: read::place(&kind, row.get("storage_id")?)?,
        lines,
    })
}

fn delivery(row: &Row<'_>, lines: Vec<LineProgress>) -> Result<Delivery, Error> {
    let state: String = row.get("state")?;
    let step: Option<String> = row.get("step")?;
    let surplus: String = row.get("surplus")?;
    Ok(Delivery {
        state: read::state(&state)?,
        step: step.as_deref().map(read::step).transpose()?,
        document: row.get::<_, Option<i64>>("document_id")?.map(DocumentId),
        lines,
        strategy: read::strategy(row.get("piecewise")?)?,
        absences: row.get("absences")?,
        refusal: row.get("refusal")?,
        doubtful: row.get("doubtful")?,
        late_checks: row.get("late_checks")?,
        surplus: read::surplus(&surplus)?,
        stuck: row.get("stuck")?,
        look_first: row.get("look_first")?,
    })
}

fn summary(row: &Row<'_>) -> Result<Summary, Error> {
    let kind: String = row.get("kind")?;
    let state: String = row.get("state")?;
    let stuck: Option<String> = row.get("stuck")?;
    let refusal: Option<String> = row.get("refusal")?;
    let line_refusal: Option<String> = row.get("line_refusal")?;
    let document = row.get::<_, Option<i64>>("document_id")?.map(DocumentId);
    let surplus: String = row.get("surplus")?;
    let is_surplus = read::surplus(&surplus)?.documents.into_iter().any(|id| Some(id) == document);
    Ok(Summary {
        id: OperationId(row.get("id")?),
        marker: Marker::stored(row.get("marker")?),
        place: read::place(&kind, row.get("storage_id")?)?,
        state: read::state(&state)?,
        lines: row.get("lines")?,
        units: Quantity::from_millionths(row.get("in_all")?),
        first_scan: UnixMillis(row.get("first_ms")?),
        document,
        is_stuck: stuck.is_some(),
        trouble: stuck.or(refusal).or(line_refusal),
        split_from: row.get::<_, Option<i64>>("split_from")?.map(OperationId),
        revokes: row.get::<_, Option<i64>>("revokes")?.map(OperationId),
        revoked_by: row.get::<_, Option<i64>>("revoked_by")?.map(OperationId),
        is_being_revoked: is_surplus && state == State::Posted.as_str(),
        aside: row.get("aside")?,
        failing: trouble(row)?,
    })
}

fn trouble(row: &Row<'_>) -> Result<Option<RepeatedFailure>, Error> {
    let failures: u32 = row.get("failures")?;
    let (fault, retry): (Option<String>, Option<i64>) = (row.get("fault")?, row.get("retry_ms")?);
    let (Some(fault), Some(retry), true) = (fault, retry, failures > 0) else { return Ok(None) };
    Ok(Some(RepeatedFailure {
        failures,
        fault,
        retry_at: UnixMillis(retry),
        is_person_called: row.get("called")?,
    }))
}
