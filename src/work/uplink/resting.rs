//! The readings that fail although the service answers. Each rests, longer each time; everything else goes on.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::blame::Thing;
use super::failing::CALL_AFTER_FAILURES;
use super::link::Link;
use super::waits::{WAIT_MAX, grown};
use crate::random::random;

/// The rest of a reading that fails. It is not stored: a restart tries the reading at once.
#[derive(Debug, Clone, Copy)]
struct Rest {
    failures: u32,
    until: Instant,
}

/// The readings that rest.
#[derive(Debug, Default)]
pub(super) struct Resting(BTreeMap<Thing, Rest>);

impl Resting {
    /// Returns true if a reading may be tried.
    pub(super) fn lets(&self, thing: Thing, now: Instant) -> bool {
        self.0.get(&thing).is_none_or(|rest| rest.until <= now)
    }

    /// Lets a reading be tried at once and forgets its failures.
    pub(super) fn forgive(&mut self, thing: Thing) {
        self.0.remove(&thing);
    }

    /// Notes that a reading failed by itself: it waits longer than the last time.
    pub(super) fn fails(&mut self, link: &mut Link, thing: Thing, fault: &str) {
        let base = link.config.api.reconcile_after;
        let failures = self.0.get(&thing).map_or(0, |rest| rest.failures).saturating_add(1);
        let until = Instant::now() + grown(base, failures, WAIT_MAX, random());
        self.0.insert(thing, Rest { failures, until });
        tracing::warn!(?thing, failures, fault, "a reading fails; everything else goes on");
        if thing == Thing::Goods && failures == CALL_AFTER_FAILURES {
            link.alarms.call_person(&format!(
                "the goods table cannot be read: {fault}; the station scans with the last one"
            ));
        }
    }
}
