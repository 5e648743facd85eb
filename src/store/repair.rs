//! Corrects times that were read from a wrong clock, once the right time is known.
//!
//! The effect of a wall clock that is years off on each time in `outbox.db`, and the remedy:
//!
//! | time | a clock years off | so |
//! |---|---|---|
//! | `scans.wall_ms` | dates a document; ages what is parked | computed from the time since boot, or moved between its neighbours ([`Db::repair_times`]); pruned only if vouched for |
//! | `operations.closed_ms` | in 1970: pruned as soon as it is posted; in 2099: never pruned | moved between the first scan and now; pruning also asks for the first scan's time |
//! | `operations.sent_ms` | ahead: a reading begins after the request, finds nothing and it is sent again | not used where `server_sent_ms` is known; else with a margin of a month, unless something proved the clock |
//! | `operations.server_sent_ms` | nothing: it is the service's clock | readings begin there |
//! | `operations.create_date` | dates the document wrongly | nothing is sent while the clock is not trusted, so it is made from a repaired time; with `station.trust_clock` it is as wrong as the clock |
//! | `events.wall_ms` | shows the trail at wrong times | moved between the first scan of its operation and now |
//! | `alarms.since_ms` | shows a wrong age; whether documents are overdue is measured by the time since the start as well | moved to now if it lies in the future |
//! | fact `one_call_refused` | ahead or behind: the one call is tried again too early, which the service refuses at worst | none needed: it lapses |
//! | late checks, waits | nothing: measured by the time since the start | none needed |
//! | `goods.db`: `synced_at`, progress | by the service's clock; one in the future counts as never | none needed |

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::{Db, Error};
use crate::domain::time::{BootMillis, UnixMillis};

/// Name of the fact that keeps the entry up to which the trail's times were bounded.
const BOUNDED_TO: &str = "times_bounded_to";

/// The number of frames and entries of the trail whose times one step looks at.
const TIMES_AT_ONCE: usize = 500;

/// The result of one step of correcting times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Repaired {
    /// The number of frames whose time is exact now.
    pub repaired: usize,
    /// The number of frames whose time lies between those of their neighbours now.
    pub estimated: usize,
    /// True if another step is needed.
    pub has_more: bool,
}

impl Db {
    /// Corrects the times of some frames that were journalled under an untrusted clock.
    ///
    /// Those of this boot are computed exactly, from the time since boot. Those of an earlier boot that never had a
    /// right clock cannot be computed: they are moved between their trusted neighbours, which bounds the error. The
    /// trail follows when no frame is left. A scan never waits for more than one step.
    ///
    /// # Errors
    /// Any, and then no time was changed.
    pub fn repair_times(&mut self, wall: UnixMillis, boot: BootMillis) -> Result<Repaired, Error> {
        let transaction = self.outbox.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut step =
            Repaired { repaired: compute(&transaction, self.boot, wall, boot)?, ..Repaired::default() };
        step.has_more = step.repaired == TIMES_AT_ONCE;
        if !step.has_more {
            step.estimated = estimate(&transaction, self.boot, wall)?;
            step.has_more = step.estimated == TIMES_AT_ONCE;
        }
        if !step.has_more {
            step.has_more = bound_trail(&transaction, wall)?;
        }
        transaction.commit()?;
        Ok(step)
    }
}

/// Computes the times of frames of this boot.
fn compute(
    connection: &Connection,
    this_boot: i64,
    wall: UnixMillis,
    boot: BootMillis,
) -> Result<usize, Error> {
    let sql = format!(
        "UPDATE scans SET wall_ms = boot_ms + ?2, clock = 'repaired' WHERE id IN
           (SELECT id FROM scans WHERE boot = ?1 AND clock = 'untrusted' ORDER BY id LIMIT {TIMES_AT_ONCE})"
    );
    let boot_began = wall.0.saturating_sub(boot.0);
    Ok(connection.prepare_cached(&sql)?.execute((this_boot, boot_began))?)
}

/// Moves frames of earlier boots, oldest first, between the times before and after them: the time before is known by
/// then.
fn estimate(connection: &Connection, this_boot: i64, now: UnixMillis) -> Result<usize, Error> {
    let sql = format!(
        "SELECT id, wall_ms FROM scans WHERE clock = 'untrusted' AND boot <> ?1 ORDER BY boot, id LIMIT {TIMES_AT_ONCE}"
    );
    let frames: Vec<(i64, i64)> = {
        let mut statement = connection.prepare_cached(&sql)?;
        let rows = statement.query_map([this_boot], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    let sql = "SELECT wall_ms FROM scans WHERE id < ?1 AND clock <> 'untrusted' ORDER BY id DESC LIMIT 1";
    let mut time_before = connection.prepare_cached(sql)?;
    let mut put =
        connection.prepare_cached("UPDATE scans SET clock = 'estimated', wall_ms = ?2 WHERE id = ?1")?;
    // The next frame with a right time is the same for all frames up to it.
    let mut behind: Option<(i64, i64)> = None;
    for (id, wall) in &frames {
        if behind.is_none_or(|(known, _)| known <= *id) {
            behind = Some(known_after(connection, *id)?.unwrap_or((i64::MAX, now.0)));
        }
        let before: Option<i64> = time_before.query_row([id], |row| row.get(0)).optional()?;
        let latest = behind.map_or(now.0, |(_, at)| at.min(now.0));
        // At least the time before. Where the bounds contradict each other, that one wins: it keeps the journal's
        // order.
        put.execute((id, before.unwrap_or(0).max(latest.min(*wall))))?;
    }
    Ok(frames.len())
}

/// Returns the next frame whose time is known, and that time.
///
/// Frames of a boot without a right clock are many and follow each other: after some of them the last frame of that
/// boot is looked up, and the search continues from there.
fn known_after(connection: &Connection, id: i64) -> Result<Option<(i64, i64)>, Error> {
    let sql =
        format!("SELECT id, wall_ms, clock, boot FROM scans WHERE id > ?1 ORDER BY id LIMIT {TIMES_AT_ONCE}");
    let mut next = connection.prepare_cached(&sql)?;
    let sql = "SELECT max(id) FROM scans WHERE clock = 'untrusted' AND boot = ?1";
    let mut last_of_boot = connection.prepare_cached(sql)?;
    let mut from = id;
    loop {
        let mut seen = None;
        let mut rows = next.query([from])?;
        while let Some(row) = rows.next()? {
            let (id, clock): (i64, String) = (row.get(0)?, row.get(2)?);
            if clock != "untrusted" {
                return Ok(Some((id, row.get(1)?)));
            }
            seen = Some((id, row.get::<_, i64>(3)?));
        }
        let Some((last, boot)) = seen else { return Ok(None) };
        let of_boot: Option<i64> = last_of_boot.query_row([boot], |row| row.get(0))?;
        from = of_boot.map_or(last, |of_boot| of_boot.max(last));
    }
}

/// Moves some of the times that the store itself notes between the event before and now, and returns true if there are
/// more. Only the trail since the last repair is read, and the operations that it names: each time of an operation has
/// an entry there.
fn bound_trail(connection: &Connection, now: UnixMillis) -> Result<bool, Error> {
    let from: i64 = connection
        .prepare_cached("SELECT value FROM facts WHERE name = ?1")?
        .query_row([BOUNDED_TO], |row| row.get::<_, String>(0))
        .optional()?
        .and_then(|id| id.parse().ok())
        .unwrap_or(0);
    let sql = format!(
        "SELECT count(*), max(id) FROM (SELECT id FROM events WHERE id > ?1 ORDER BY id LIMIT {TIMES_AT_ONCE})"
    );
    let (count, to): (usize, Option<i64>) =
        connection.prepare_cached(&sql)?.query_row([from], |row| Ok((row.get(0)?, row.get(1)?)))?;
    // The few alarms need no steps.
    connection.prepare_cached("UPDATE alarms SET since_ms = ?1 WHERE since_ms > ?1")?.execute([now.0])?;
    let Some(to) = to else { return Ok(false) };
    let first_scan = "(SELECT s.wall_ms FROM operations o JOIN scans s ON s.id = o.first_scan WHERE o.id = e.operation_id)";
    let sql = format!(
        "UPDATE events AS e SET wall_ms = min(?3, max(wall_ms, coalesce({first_scan}, wall_ms)))
         WHERE id > ?1 AND id <= ?2 AND (wall_ms > ?3 OR wall_ms < {first_scan})"
    );
    connection.prepare_cached(&sql)?.execute((from, to, now.0))?;
    let sql = "UPDATE operations AS o SET closed_ms = min(?3, max(closed_ms,
                 (SELECT wall_ms FROM scans WHERE id = o.first_scan)))
               WHERE closed_ms IS NOT NULL AND id IN (SELECT operation_id FROM events WHERE id > ?1 AND id <= ?2)";
    connection.prepare_cached(sql)?.execute((from, to, now.0))?;
    super::journal::set_fact(connection, BOUNDED_TO, &to.to_string())?;
    Ok(count == TIMES_AT_ONCE)
}
