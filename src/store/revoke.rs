//! Undoes posted operations: by the opposite movement, or by deleting the document.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::opening::{MarkerSource, Opening};
use super::{Db, Error, opening, outbox};
use crate::domain::delivery::{Event, State};
use crate::domain::ids::{OperationId, ScanId};
use crate::domain::stock::operation::Place;
use crate::domain::time::UnixMillis;

/// The way in which a posted operation is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undo {
    /// By the opposite movement, which leaves both on the server.
    Opposite,
    /// By deleting it on the server.
    Delete,
}

/// The result of undoing an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// This operation undoes it, and is queued.
    By(OperationId),
    /// It is being deleted.
    Deleting,
    /// This operation undoes it already; nothing was written.
    Already(OperationId),
    /// It cannot be undone, for this reason; nothing was written.
    Not(State, &'static str),
}

impl Db {
    /// Undoes a posted operation, once.
    ///
    /// # Errors
    /// Any, and then nothing was written. [`Error::NoOperation`].
    pub fn revoke(&mut self, id: OperationId, undo: Undo, now: UnixMillis) -> Result<Revoked, Error> {
        self.write_with_reserve(|db| db.try_revoke(id, undo, now))
    }

    fn try_revoke(&mut self, id: OperationId, undo: Undo, now: UnixMillis) -> Result<Revoked, Error> {
        let (station, found_to) = (self.station.clone(), self.found_to);
        let undoing = Undoing { station: &station, found_to, now };
        let transaction = self.outbox.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let pending = outbox::pending(&transaction, id)?;
        let delivery = pending.delivery;
        let why_not = match undo {
            _ if delivery.state != State::Posted => Some("it is not posted"),
            Undo::Opposite => delivery.is_being_revoked().then_some("it is being deleted already"),
            Undo::Delete => delivery.why_not_revoked(),
        };
        if let Some(why) = why_not {
            return Ok(Revoked::Not(delivery.state, why));
        }
        // In the same transaction as the check: two commands at once cannot both undo it.
        if let Some(by) = revoking(&transaction, id)? {
            return Ok(Revoked::Already(by));
        }
        let revoked = match undo {
            Undo::Opposite => {
                let by = oppose(&transaction, id, pending.operation.place, &undoing)?;
                outbox::trail(
                    &transaction,
                    Some(id),
                    &format!("a person has it undone by document {by}"),
                    now,
                )?;
                Revoked::By(by)
            }
            Undo::Delete => {
                let to = delivery
                    .apply(Event::Revoke)
                    .map_err(|_just_asked| Error::Unexpected { what: "an operation that may be deleted" })?;
                outbox::write(&transaction, id, State::Posted, &to)?;
                outbox::trail(&transaction, Some(id), "a person has it deleted on the server", now)?;
                Revoked::Deleting
            }
        };
        transaction.commit()?;
        Ok(revoked)
    }
}

/// Returns the operation that undoes this one, if any.
fn revoking(connection: &Connection, id: OperationId) -> Result<Option<OperationId>, Error> {
    let sql = "SELECT id FROM operations WHERE revokes = ?1 AND state <> 'cancelled' ORDER BY id LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row([id.0], |row| row.get(0).map(OperationId)).optional()?)
}

/// The data that the undoing operation needs besides the one that it undoes.
struct Undoing<'a> {
    station: &'a str,
    found_to: ScanId,
    now: UnixMillis,
}

/// Books the opposite of an operation. It moves units like any other operation, so they count as booked.
fn oppose(
    connection: &Connection,
    id: OperationId,
    place: Place,
    undoing: &Undoing<'_>,
) -> Result<OperationId, Error> {
    let now = undoing.now;
    let (first_scan, marker): (i64, String) = connection
        .prepare_cached("SELECT first_scan, marker FROM operations WHERE id = ?1")?
        .query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    // The marker follows from that of the undone operation: a copy of the folder that undoes it too finds this one.
    let origin = MarkerSource::Journal { of: &format!("undoes {marker}"), found_to: undoing.found_to };
    let place = Place { kind: place.kind.opposite(), ..place };
    let first_scan = ScanId(first_scan);
    let opening = Opening { station: undoing.station, state: State::Queued, place, first_scan, origin };
    let by = opening::open(connection, &opening)?;
    let sql = "INSERT INTO lines (operation_id, number, good_id, title, barcode, quantity, price)
               SELECT ?2, number, good_id, title, barcode, quantity, price FROM lines WHERE operation_id = ?1";
    connection.prepare_cached(sql)?.execute((id.0, by.0))?;
    connection.prepare_cached("UPDATE operations SET revokes = ?1 WHERE id = ?2")?.execute((id.0, by.0))?;
    outbox::finish(connection, by, &format!("undoes document {id}, at a person's word"), now)?;
    let sql = "UPDATE totals SET units_booked = units_booked + (SELECT units FROM operations WHERE id = ?1)";
    connection.prepare_cached(sql)?.execute([by.0])?;
    Ok(by)
}
