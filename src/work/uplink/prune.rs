//! Prunes old history.

use std::time::Duration;

use tokio::time::Instant;

use super::interrupted::Interrupted;
use super::link::Link;

/// The interval between two prunings.
const PRUNE_EVERY: Duration = Duration::from_hours(1);

/// The pruning.
#[derive(Debug)]
pub(super) struct Pruning {
    next: Instant,
}

impl Pruning {
    pub(super) fn new(now: Instant) -> Self {
        Self { next: now + PRUNE_EVERY }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next <= now
    }

    /// Prunes some of the history that is older than `station.history_days`; nothing while no clock is proven right.
    pub(super) async fn step(&mut self, link: &Link) -> Result<(), Interrupted> {
        self.next = Instant::now() + PRUNE_EVERY;
        let Some(now) = link.clocks.proven_now() else { return Ok(()) };
        let history_ms = i64::try_from(link.config.station.history.as_millis()).unwrap_or(i64::MAX);
        let before = now.plus_ms(history_ms.saturating_neg());
        let pruned = link.db(move |db| db.prune(before)).await?;
        if pruned.operations > 0 {
            tracing::info!(pruned = pruned.operations, "old history was pruned");
        }
        // The rest comes with the next idle turn, so that no scan waits for it.
        if !pruned.is_done {
            self.next = Instant::now();
        }
        Ok(())
    }
}
