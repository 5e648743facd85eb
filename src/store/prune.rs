//! Forgetting old history, and nothing else.

use rusqlite::TransactionBehavior;

use super::{Db, Error, figures};
use crate::domain::time::UnixMillis;

/// Operations pruned in one commit, so that a scan never waits long for it.
const PRUNED_AT_ONCE_MAX: u32 = 20;

impl Db {
    /// Forgets operations that were posted or cancelled before `before`, with their lines, scans and trail, a few at
    /// a time; and old frames that belong to no operation. What is parked, refused or on its way is kept
    /// whatever its age, and so is what has a time that nobody vouched for. The counts stay. Gives back how many operations went; fewer than asked for means that
    /// none is left.
    ///
    /// # Errors
    /// Any, and then nothing was forgotten.
    pub fn prune(&mut self, before: UnixMillis) -> Result<usize, Error> {
        let transaction = self.outbox.transaction_with_behavior(TransactionBehavior::Immediate)?;
        figures::count_up(&transaction)?;
        let sql = format!(
            "SELECT id, state, units, first_scan FROM operations o
             WHERE state IN ('posted', 'cancelled') AND aside IS NULL AND surplus = '' AND (NOT doubtful OR late_checks >= 2)
               AND closed_ms < ?1
               AND EXISTS (SELECT 1 FROM scans s
                           WHERE s.id = o.first_scan AND s.wall_ms < ?1 AND s.clock <> 'untrusted')
             ORDER BY id LIMIT {PRUNED_AT_ONCE_MAX}"
        );
        let old: Vec<(i64, String, i64, i64)> = {
            let mut statement = transaction.prepare_cached(&sql)?;
            let rows = statement
                .query_map([before.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
            rows.collect::<Result<_, _>>()?
        };
        for (id, state, units, first_scan) in &old {
            let sql = format!(
                "UPDATE totals SET pruned_{state} = pruned_{state} + 1,
                   units_pruned_{state} = units_pruned_{state} + ?1"
            );
            transaction.prepare_cached(&sql)?.execute([units])?;
            transaction.prepare_cached("DELETE FROM lines WHERE operation_id = ?1")?.execute([id])?;
            transaction.prepare_cached("DELETE FROM events WHERE operation_id = ?1")?.execute([id])?;
            transaction.prepare_cached("DELETE FROM scan_parts WHERE operation_id = ?1")?.execute([id])?;
            transaction.prepare_cached("DELETE FROM operations WHERE id = ?1")?.execute([id])?;
            // The first scan of a split-off operation is that of the one it was split from. A kit's scan goes with
            // the last of its parts.
            let sql = "DELETE FROM scans WHERE id >= ?2 AND id NOT IN (SELECT first_scan FROM operations)
                         AND (operation_id = ?1 OR (operation_id IS NULL AND outcome = 'booked'
                           AND NOT EXISTS (SELECT 1 FROM scan_parts p WHERE p.scan_id = scans.id)))";
            transaction.prepare_cached(sql)?.execute((id, first_scan))?;
        }
        let sql = "DELETE FROM scans WHERE id IN (SELECT id FROM scans
                     WHERE (outcome IN ('refused', 'control', 'lookup')
                         OR (outcome = 'unknown' AND undone_by IS NOT NULL))
                       AND wall_ms < ?1 AND clock <> 'untrusted'
                     ORDER BY id LIMIT 200)";
        transaction.prepare_cached(sql)?.execute([before.0])?;
        // Where the youngest frames went, the next ones get their numbers, and are to be counted.
        let sql = "UPDATE totals SET counted_to = (SELECT coalesce(max(id), 0) FROM scans)
                   WHERE counted_to > (SELECT coalesce(max(id), 0) FROM scans)";
        transaction.prepare_cached(sql)?.execute([])?;
        transaction.commit()?;
        Ok(old.len())
    }
}
