//! Times that were read from a wrong clock, corrected once a right one is at hand.
//!
//! What a wall clock that is years off does to each time in `outbox.db`, and what is done about it:
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

use rusqlite::{Connection, OptionalExtension};

use super::{Db, Error};
use crate::domain::time::{BootMillis, UnixMillis};

/// Name of the fact that keeps up to which entry the trail's times were bounded.
const BOUNDED_TO: &str = "times_bounded_to";

impl Db {
    /// Puts right the times of every frame that was journalled under an untrusted clock. Those of this boot are
    /// computed from the time since boot, exactly. Those of an earlier boot that never had a right clock cannot
    /// be: they are moved between their trusted neighbours, which bounds the error. Gives back how many of
    /// either.
    ///
    /// # Errors
    /// Any, and then no time was changed.
    pub fn repair_times(&mut self, wall: UnixMillis, boot: BootMillis) -> Result<(usize, usize), Error> {
        let transaction = self.outbox.transaction()?;
        let sql = "UPDATE scans SET wall_ms = boot_ms + ?2, clock = 'repaired'
                   WHERE boot = ?1 AND clock = 'untrusted'";
        let boot_began = wall.0.saturating_sub(boot.0);
        let repaired = transaction.prepare_cached(sql)?.execute((self.boot, boot_began))?;
        let sql = "UPDATE scans SET clock = 'estimated', wall_ms = max(
                     coalesce((SELECT max(t.wall_ms) FROM (SELECT wall_ms FROM scans b
                       WHERE b.id < scans.id AND b.clock <> 'untrusted' ORDER BY b.id DESC LIMIT 1) t), 0),
                     min(wall_ms, coalesce((SELECT a.wall_ms FROM scans a
                       WHERE a.id > scans.id AND a.clock <> 'untrusted' ORDER BY a.id LIMIT 1), ?2), ?2))
                   WHERE clock = 'untrusted' AND boot <> ?1";
        let estimated = transaction.prepare_cached(sql)?.execute((self.boot, wall.0))?;
        bound_trail(&transaction, wall)?;
        transaction.commit()?;
        Ok((repaired, estimated))
    }
}

/// Moves the times that the store itself notes between what came before and now. Only the trail since the last repair is
/// looked at, and the operations that it names: each time that an operation gets has its entry there.
fn bound_trail(connection: &Connection, now: UnixMillis) -> Result<(), Error> {
    let from: i64 = connection
        .prepare_cached("SELECT value FROM facts WHERE name = ?1")?
        .query_row([BOUNDED_TO], |row| row.get::<_, String>(0))
        .optional()?
        .and_then(|id| id.parse().ok())
        .unwrap_or(0);
    let first_scan = "(SELECT s.wall_ms FROM operations o JOIN scans s ON s.id = o.first_scan WHERE o.id = e.operation_id)";
    let sql = format!(
        "UPDATE events AS e SET wall_ms = min(?2, max(wall_ms, coalesce({first_scan}, wall_ms)))
         WHERE id > ?1 AND (wall_ms > ?2 OR wall_ms < {first_scan})"
    );
    connection.prepare_cached(&sql)?.execute((from, now.0))?;
    let sql = "UPDATE operations AS o SET closed_ms = min(?2, max(closed_ms,
                 (SELECT wall_ms FROM scans WHERE id = o.first_scan)))
               WHERE closed_ms IS NOT NULL AND id IN (SELECT operation_id FROM events WHERE id > ?1)";
    connection.prepare_cached(sql)?.execute((from, now.0))?;
    connection.prepare_cached("UPDATE alarms SET since_ms = ?1 WHERE since_ms > ?1")?.execute([now.0])?;
    let sql = "INSERT OR REPLACE INTO facts (name, value) SELECT ?1, coalesce(max(id), 0) FROM events";
    connection.prepare_cached(sql)?.execute([BOUNDED_TO])?;
    Ok(())
}
