//! Corrects a line that the server refused, before it is sent again.

use std::fmt::Write as _;

use rusqlite::{Connection, TransactionBehavior};

use super::opening::{MarkerSource, Opening};
use super::{Db, Error, opening, outbox};
use crate::domain::delivery::{Next, State};
use crate::domain::ids::{OperationId, ScanId};
use crate::domain::stock::good::Good;
use crate::domain::stock::operation::{Line, Operation};
use crate::domain::stock::quantity::{Money, Quantity};
use crate::domain::time::UnixMillis;

/// The correction of a line by a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Correction {
    /// Some members of it are changed; those that are `None` stay. Another good brings its own price unless one is
    /// given.
    Change {
        /// The good.
        good: Option<Box<Good>>,
        /// Cost price of one sale unit.
        price: Option<Money>,
        /// The quantity, above zero.
        quantity: Option<Quantity>,
    },
    /// The line is removed.
    Drop,
}

/// The result of a correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Corrected {
    /// The line as it is now.
    Line(Box<Line>),
    /// The line is removed, and others are left.
    Dropped,
    /// Its last line is removed, and it is cancelled.
    Cancelled,
    /// It cannot be corrected, for this reason; nothing was written.
    Not(String),
}

impl Db {
    /// Corrects a line of a refused operation. A removed quantity becomes a cancelled operation of its own; an added
    /// one counts as booked. So the books still balance.
    ///
    /// # Errors
    /// Any, and then nothing was written. [`Error::NoOperation`].
    pub fn correct(
        &mut self,
        id: OperationId,
        number: u16,
        correction: &Correction,
        now: UnixMillis,
    ) -> Result<Corrected, Error> {
        self.write_with_reserve(|db| db.try_correct(id, number, correction, now))
    }

    fn try_correct(
        &mut self,
        id: OperationId,
        number: u16,
        correction: &Correction,
        now: UnixMillis,
    ) -> Result<Corrected, Error> {
        let station = self.station.clone();
        let transaction = self.outbox.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let pending = outbox::pending(&transaction, id)?;
        if let Some(why) = why_not(&pending) {
            return Ok(Corrected::Not(why));
        }
        let operation = pending.operation;
        let Some(line) = operation.line(number) else {
            return Ok(Corrected::Not(format!("it has no line {number}")));
        };
        let corrected = match correction {
            Correction::Drop if operation.lines.len() == 1 => {
                let sql = "UPDATE operations SET state = 'cancelled' WHERE id = ?1";
                transaction.prepare_cached(sql)?.execute([id.0])?;
                outbox::trail(&transaction, Some(id), "a person dropped its last line", now)?;
                Corrected::Cancelled
            }
            Correction::Drop => {
                let share = Share { operation: &operation, line, quantity: line.quantity };
                cancel(&transaction, &station, &share, now)?;
                let sql = "DELETE FROM lines WHERE operation_id = ?1 AND number = ?2";
                transaction.prepare_cached(sql)?.execute((id.0, number))?;
                outbox::finish(&transaction, id, &format!("a person dropped {}", words(line)), now)?;
                Corrected::Dropped
            }
            Correction::Change { good, price, quantity } => {
                let new = changed(line, good.as_deref(), *price, *quantity);
                // Bookings are added to the line of their good, so an operation has one line for each.
                if operation.lines.iter().any(|other| other.number != number && other.good == new.good) {
                    return Ok(Corrected::Not(format!("another line has good {} already", new.good)));
                }
                let share = Share { operation: &operation, line, quantity: new.quantity };
                move_units(&transaction, &station, &share, now)?;
                write(&transaction, id, &new)?;
                let what = format!("a person corrected {}: now {}", words(line), words(&new));
                outbox::finish(&transaction, id, &what, now)?;
                Corrected::Line(Box::new(new))
            }
        };
        transaction.commit()?;
        Ok(corrected)
    }
}

/// Returns the reason why the operation cannot be corrected now.
fn why_not(pending: &outbox::Pending) -> Option<String> {
    let delivery = &pending.delivery;
    if delivery.state != State::Refused {
        return Some(format!("it is {}, and only a refused one can be", delivery.state));
    }
    if let Some(why) = &delivery.stuck {
        return Some(format!("{why}; `outbox retry` reads it back first"));
    }
    // A lost request may still arrive with the line as it was; the line must not differ from it then.
    let is_looked_for = delivery.next() != Next::Rest;
    is_looked_for.then(|| "it is still looked for on the service; try again in some minutes".to_owned())
}

fn changed(line: &Line, good: Option<&Good>, price: Option<Money>, quantity: Option<Quantity>) -> Line {
    let mut new = line.clone();
    if let Some(good) = good {
        new.good = good.id;
        new.title.clone_from(&good.title);
        new.price = good.price;
    }
    new.price = price.unwrap_or(new.price);
    new.quantity = quantity.unwrap_or(new.quantity);
    new
}

fn write(connection: &Connection, id: OperationId, line: &Line) -> Result<(), Error> {
    let sql = "UPDATE lines SET good_id = ?3, title = ?4, quantity = ?5, price = ?6
               WHERE operation_id = ?1 AND number = ?2";
    connection.prepare_cached(sql)?.execute((
        id.0,
        line.number,
        line.good.0,
        &line.title,
        line.quantity.millionths(),
        line.price.to_string(),
    ))?;
    Ok(())
}

/// A quantity of a line.
struct Share<'a> {
    operation: &'a Operation,
    line: &'a Line,
    quantity: Quantity,
}

/// Accounts for a line that gets another quantity.
fn move_units(connection: &Connection, station: &str, new: &Share<'_>, now: UnixMillis) -> Result<(), Error> {
    let more = new.quantity.millionths() - new.line.quantity.millionths();
    if more > 0 {
        let sql = "UPDATE totals SET units_booked = units_booked + ?1";
        connection.prepare_cached(sql)?.execute([more])?;
    } else if more < 0 {
        // Units never disappear: those that the line loses stay counted as cancelled.
        cancel(connection, station, &Share { quantity: Quantity::from_millionths(-more), ..*new }, now)?;
    }
    Ok(())
}

/// Creates a cancelled operation with this quantity of a line.
fn cancel(connection: &Connection, station: &str, share: &Share<'_>, now: UnixMillis) -> Result<(), Error> {
    let Share { operation, line, quantity } = *share;
    let from = operation.id;
    let first_scan: i64 = connection
        .prepare_cached("SELECT first_scan FROM operations WHERE id = ?1")?
        .query_row([from.0], |row| row.get(0))?;
    let opening = Opening {
        station,
        state: State::Cancelled,
        place: operation.place,
        first_scan: ScanId(first_scan),
        // Never sent, so no other copy can have sent it.
        origin: MarkerSource::Scan(now),
    };
    let id = opening::open(connection, &opening)?;
    let sql = "INSERT INTO lines (operation_id, number, good_id, title, barcode, quantity, price, refusal)
               SELECT ?2, number, good_id, title, barcode, ?4, price, refusal FROM lines
               WHERE operation_id = ?1 AND number = ?3";
    // The line copies everything but the quantity, so that a person sees what was taken out.
    connection.prepare_cached(sql)?.execute((from.0, id.0, line.number, quantity.millionths()))?;
    let sql = "UPDATE operations SET split_from = ?2 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute((id.0, from.0))?;
    outbox::finish(connection, id, &format!("taken out of operation {from} by a person"), now)
}

fn words(line: &Line) -> String {
    let mut words = format!("line {}, {} x {} (good {}", line.number, line.quantity, line.title, line.good);
    let _written_to_memory = write!(words, ", price {})", line.price);
    words
}
