//! Times that were read from a wrong clock, put right once a right one is at hand.

use super::{Db, Error};
use crate::domain::time::{BootMillis, UnixMillis};

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
        transaction.commit()?;
        Ok((repaired, estimated))
    }
}
