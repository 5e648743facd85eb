//! Deletes old history, and nothing else.
//!
//! Steps walk through operations and frames in the order of their numbers, some at a time, and start again from the
//! beginning after the last one. A step costs by the rows that it reads, whatever it deletes and however long the
//! history is, so no scan waits for more than a step. No index serves it: each would be written with every scan.

use rusqlite::{Connection, TransactionBehavior};

use super::{Db, Error, totals};
use crate::domain::time::UnixMillis;

/// The number of operations that a step reads.
const OPERATIONS_AT_ONCE: u32 = 200;

/// The most operations that a step deletes.
const OPERATIONS_PRUNED_MAX: usize = 20;

/// The most rows of lines, trail and parts that a step deletes, plus those of one operation: the next step continues
/// with the rest.
const ROWS_PRUNED_MAX: usize = 1000;

/// The number of frames that a step reads, and the most that it deletes.
const FRAMES_AT_ONCE: u32 = 500;

/// The number of rows that are read without deleting any before pruning rests. Two million frames then take some 40
/// hours, with 15 MB read an hour.
const IDLE_ROWS_MAX: u32 = 70_000;

/// The progress through the history. It is not kept over a restart: the next start begins anew.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    operations: Position,
    frames: Position,
    /// The number of rows that were read since one was deleted, or since the rest.
    idle: u32,
}

/// A place in the history: everything up to this row was read.
#[derive(Debug, Default, Clone, Copy)]
struct Position {
    at: i64,
    is_at_end: bool,
}

/// The result of a step of pruning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruned {
    /// The number of deleted operations.
    pub operations: usize,
    /// The number of deleted frames.
    pub frames: usize,
    /// True if pruning may rest.
    pub is_done: bool,
}

/// The result of a step for one kind of row.
struct Swept {
    position: Position,
    looked_at: u32,
    deleted: usize,
}

impl Db {
    /// Deletes some operations that were posted or cancelled before `before`, with their lines and trail, and some
    /// frames: those whose operations are gone, and old ones that belong to none.
    ///
    /// Refused operations, those under way and parked scans are kept whatever their age, and so is everything with a
    /// time from an untrusted clock. The counts stay. An operation with very many rows is deleted over several steps,
    /// itself last.
    /// # Errors
    /// Any, and then nothing was deleted.
    pub fn prune(&mut self, before: UnixMillis) -> Result<Pruned, Error> {
        let (operations, frames) = (self.sweep.operations, self.sweep.frames);
        let transaction = self.outbox.transaction_with_behavior(TransactionBehavior::Immediate)?;
        totals::count_up(&transaction)?;
        let operations = delete_operations(&transaction, operations, before)?;
        let frames = delete_frames(&transaction, frames, before)?;
        if frames.deleted > 0 {
            // SQLite uses the numbers of the youngest frames again once they are deleted, and the new frames must be
            // counted.
            let sql = "UPDATE totals SET counted_to = (SELECT coalesce(max(id), 0) FROM scans)
                       WHERE counted_to > (SELECT coalesce(max(id), 0) FROM scans)";
            transaction.prepare_cached(sql)?.execute([])?;
        }
        transaction.commit()?;
        let is_done = self.sweep.go_on(&operations, &frames);
        Ok(Pruned { operations: operations.deleted, frames: frames.deleted, is_done })
    }
}

impl Sweep {
    /// Takes over the places that a step reached, and returns true if pruning may rest.
    fn go_on(&mut self, operations: &Swept, frames: &Swept) -> bool {
        (self.operations, self.frames) = (operations.position, frames.position);
        self.idle = match operations.deleted + frames.deleted {
            0 => self.idle.saturating_add(operations.looked_at).saturating_add(frames.looked_at),
            _ => 0,
        };
        let is_round = self.operations.is_at_end && self.frames.is_at_end;
        let may_rest = is_round || self.idle >= IDLE_ROWS_MAX;
        if may_rest {
            self.idle = 0;
            // There are fewer operations than frames: they do not wait for the frames' round.
            for position in [&mut self.operations, &mut self.frames] {
                *position = if position.is_at_end { Position::default() } else { *position };
            }
        }
        may_rest
    }
}

/// An operation of the history, with the columns that pruning needs.
struct Old {
    id: i64,
    state: String,
    units: i64,
    is_to_go: bool,
}

fn delete_operations(connection: &Connection, from: Position, before: UnixMillis) -> Result<Swept, Error> {
    let mut step = Swept { position: from, looked_at: 0, deleted: 0 };
    if from.is_at_end {
        return Ok(step);
    }
    let mut rows = 0;
    for old in operations_after(connection, from.at, before)? {
        if step.deleted >= OPERATIONS_PRUNED_MAX || rows >= ROWS_PRUNED_MAX {
            return Ok(step);
        }
        if old.is_to_go {
            rows += delete_rows_of(connection, old.id)?;
            if rows >= ROWS_PRUNED_MAX {
                // It may have more rows: the next step reads this operation first.
                return Ok(step);
            }
            delete_operation(connection, &old)?;
            step.deleted += 1;
        }
        step.position.at = old.id;
        step.looked_at += 1;
    }
    step.position.is_at_end = step.looked_at < OPERATIONS_AT_ONCE;
    Ok(step)
}

fn operations_after(connection: &Connection, after: i64, before: UnixMillis) -> Result<Vec<Old>, Error> {
    // A document with a late check or a removal to come is not finished, whatever its state says.
    let sql = format!(
        "SELECT id, state, units,
                state IN ('posted', 'cancelled') AND aside IS NULL AND surplus = '' AND (NOT doubtful OR late_checks >= 2)
                AND coalesce(closed_ms < ?1, 0)
                AND EXISTS (SELECT 1 FROM scans s WHERE s.id = o.first_scan AND s.wall_ms < ?1 AND s.clock <> 'untrusted')
         FROM operations o WHERE id > ?2 ORDER BY id LIMIT {OPERATIONS_AT_ONCE}"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map([before.0, after], |row| {
        Ok(Old { id: row.get(0)?, state: row.get(1)?, units: row.get(2)?, is_to_go: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Deletes the trail, parts and lines of an operation, up to a limit of each, and returns how many rows that were.
fn delete_rows_of(connection: &Connection, id: i64) -> Result<usize, Error> {
    let mut rows = 0;
    for (table, key) in [
        ("events", "id"),
        ("scan_parts", "operation_id, scan_id, good_id"),
        ("lines", "operation_id, number"),
    ] {
        // A subquery, because SQLite as it is built here has no DELETE with LIMIT.
        let sql = format!(
            "DELETE FROM {table} WHERE ({key}) IN
               (SELECT {key} FROM {table} WHERE operation_id = ?1 LIMIT {ROWS_PRUNED_MAX})"
        );
        rows += connection.prepare_cached(&sql)?.execute([id])?;
    }
    Ok(rows)
}

fn delete_operation(connection: &Connection, old: &Old) -> Result<(), Error> {
    let state = &old.state;
    // Only posted and cancelled operations are deleted, and `totals` has columns for these two.
    let sql = format!(
        "UPDATE totals SET pruned_{state} = pruned_{state} + 1, units_pruned_{state} = units_pruned_{state} + ?1,
           operations_to = max(operations_to, ?2)"
    );
    connection.prepare_cached(&sql)?.execute([old.units, old.id])?;
    connection.prepare_cached("DELETE FROM operations WHERE id = ?1")?.execute([old.id])?;
    Ok(())
}

/// Deletes frames. The first scan of a split-off operation is that of the operation it was split from; a kit's scan is
/// deleted with the last of its parts.
fn delete_frames(connection: &Connection, from: Position, before: UnixMillis) -> Result<Swept, Error> {
    let mut step = Swept { position: from, looked_at: 0, deleted: 0 };
    if from.is_at_end {
        return Ok(step);
    }
    let sql = format!(
        "SELECT id, CASE outcome
             WHEN 'booked' THEN NOT EXISTS (SELECT 1 FROM operations o WHERE o.id = s.operation_id)
               AND NOT EXISTS (SELECT 1 FROM scan_parts p WHERE p.scan_id = s.id)
             WHEN 'unknown' THEN undone_by IS NOT NULL AND wall_ms < ?1 AND clock <> 'untrusted'
             ELSE wall_ms < ?1 AND clock <> 'untrusted' END
           AND NOT EXISTS (SELECT 1 FROM operations o WHERE o.first_scan = s.id)
         FROM scans s WHERE id > ?2 ORDER BY id LIMIT {FRAMES_AT_ONCE}"
    );
    let frames: Vec<(i64, bool)> = {
        let mut statement = connection.prepare_cached(&sql)?;
        let rows = statement.query_map([before.0, from.at], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    let mut delete = connection.prepare_cached("DELETE FROM scans WHERE id = ?1")?;
    for (id, is_to_go) in frames {
        if is_to_go {
            step.deleted += delete.execute([id])?;
        }
        step.position.at = id;
        step.looked_at += 1;
    }
    step.position.is_at_end = step.looked_at < FRAMES_AT_ONCE;
    Ok(step)
}
