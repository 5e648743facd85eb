//! The operations that wait for the deliverer, and the time at which each may be acted on.
//!
//! The list is read after each change and kept in between. Every wait begins again after a start, because the times of
//! the earlier process's requests are unknown. A wait that was stored with a failure is kept, for an hour at most,
//! because the clock may have been wrong then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::waits::WAIT_MAX;
use crate::domain::ids::OperationId;
use crate::domain::time::UnixMillis;
use crate::store::{self, AgendaVersion, Waiting};

/// The time at which an operation may be acted on.
#[derive(Debug, Clone, Copy)]
struct Due {
    at: Instant,
    /// The stored time that this one was made of.
    of: Option<UnixMillis>,
    /// The time of the last try in vain, if nothing has changed since.
    tried: Option<Instant>,
}

/// The list of operations.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    version: Option<AgendaVersion>,
    waiting: BTreeMap<OperationId, Waiting>,
    /// The operations in the order in which they are to be acted on.
    order: Vec<OperationId>,
    due: BTreeMap<OperationId, Due>,
}

impl Agenda {
    /// Returns the version that is known here.
    pub(super) fn version(&self) -> Option<AgendaVersion> {
        self.version
    }

    /// Takes in the list as it is now. `wait` returns how long an operation of it is waited for, `None` if nothing
    /// waits for it.
    pub(super) fn take(
        &mut self,
        read: store::Agenda,
        now: Instant,
        wall: UnixMillis,
        wait: impl Fn(&Waiting) -> Option<Duration>,
    ) {
        self.version = Some(read.version);
        self.order = read.waiting.iter().map(|(id, _)| *id).collect();
        self.waiting = read.waiting.into_iter().collect();
        let listed: BTreeSet<OperationId> = self.order.iter().copied().collect();
        self.due.retain(|id, _| listed.contains(id));
        for (id, waiting) in &self.waiting {
            let Some(wait) = wait(waiting) else {
                self.due.remove(id);
                continue;
            };
            if self.due.get(id).is_none_or(|due| due.of != waiting.retry_at) {
                let written = waiting.retry_at.map_or(0, |at| at.ms_since(wall)).max(0);
                let written = Duration::from_millis(u64::try_from(written).unwrap_or(0)).min(WAIT_MAX);
                let due = Due { at: now + wait.max(written), of: waiting.retry_at, tried: None };
                self.due.insert(*id, due);
            }
        }
    }

    /// Returns true if there is nothing to do, now or later.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Returns an operation of the list.
    pub(super) fn get(&self, id: OperationId) -> Option<&Waiting> {
        self.waiting.get(&id)
    }

    /// Returns the first operation of the list whose time has come. One that was tried in vain comes after all that
    /// were not, and the one that was tried last comes last.
    pub(super) fn due_now(&self, now: Instant) -> Option<OperationId> {
        let due = self.order.iter().filter_map(|id| Some((self.due.get(id)?, *id)));
        due.filter(|(due, _)| due.at <= now).min_by_key(|(due, _)| due.tried).map(|(_, id)| id)
    }

    /// Returns the time at which an operation may be acted on.
    pub(super) fn due(&self, id: OperationId) -> Option<Instant> {
        self.due.get(&id).map(|due| due.at)
    }

    /// Returns the next time at which one may be acted on.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.values().map(|due| due.at).min()
    }

    /// Sets the time at which an operation may be acted on; `None` if nothing waits for it.
    pub(super) fn set(&mut self, id: OperationId, at: Option<Instant>) {
        let of = self.waiting.get(&id).and_then(|waiting| waiting.retry_at);
        match at {
            Some(at) => self.due.insert(id, Due { at, of, tried: None }),
            None => self.due.remove(&id),
        };
    }

    /// Notes that an operation was tried in vain.
    pub(super) fn tried(&mut self, id: OperationId, now: Instant) {
        if let Some(due) = self.due.get_mut(&id) {
            due.tried = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::{Awaits, State};

    const WALL: UnixMillis = UnixMillis(1_790_000_000_000);
    const WAIT: Duration = Duration::from_secs(20);

    fn list(waiting: &[(i64, Option<UnixMillis>)]) -> store::Agenda {
        let entry = |&(id, retry_at): &(i64, Option<UnixMillis>)| {
            let failures = u32::from(retry_at.is_some());
            (OperationId(id), Waiting { state: State::Queued, awaits: Awaits::Request, failures, retry_at })
        };
        store::Agenda { version: AgendaVersion::default(), waiting: waiting.iter().map(entry).collect() }
    }

    fn taken(waiting: &[(i64, Option<UnixMillis>)], now: Instant) -> Agenda {
        let mut agenda = Agenda::default();
        agenda.take(list(waiting), now, WALL, |_| Some(Duration::ZERO));
        agenda
    }

    #[test]
    fn what_was_tried_comes_after_what_was_not() {
        let now = Instant::now();
        let mut agenda = taken(&[(1, None), (2, None), (3, None)], now);
        let soon = now + WAIT;
        let mut order = Vec::new();
        for turn in 1..=6 {
            let id = agenda.due_now(soon).unwrap();
            agenda.tried(id, now + Duration::from_secs(turn));
            order.push(id.0);
        }
        assert_eq!(order, [1, 2, 3, 1, 2, 3]);
        // An operation that has made progress takes its place in the list again.
        agenda.set(OperationId(2), Some(soon));
        assert_eq!(agenda.due_now(soon), Some(OperationId(2)));
    }

    #[test]
    fn a_written_wait_is_kept_an_hour_at_the_most_whatever_the_clock_says() {
        let now = Instant::now();
        let cases = [(-5, 0), (90, 90), (3600, 3600), (400_000_000, 3600)];
        for (written_s, wait_s) in cases {
            let agenda = taken(&[(1, Some(WALL.plus_ms(written_s * 1000)))], now);
            assert_eq!(agenda.next(), Some(now + Duration::from_secs(wait_s)), "{written_s}");
        }
    }

    #[test]
    fn a_wait_goes_on_unless_what_was_written_of_it_changes() {
        let (now, later) = (Instant::now(), Instant::now() + WAIT);
        let failed = Some(WALL.plus_ms(60_000));
        let mut agenda = taken(&[(1, failed), (2, None)], now);
        agenda.set(OperationId(2), Some(now + WAIT * 5));
        agenda.take(list(&[(1, failed), (2, None)]), later, WALL, |_| Some(Duration::ZERO));
        assert_eq!(agenda.next(), Some(now + Duration::from_mins(1)));
        // A person asks for a try now.
        agenda.take(list(&[(1, None), (2, None)]), later, WALL, |_| Some(Duration::ZERO));
        assert_eq!(agenda.due_now(later), Some(OperationId(1)));
        agenda.take(list(&[]), later, WALL, |_| Some(Duration::ZERO));
        assert!(agenda.is_empty() && agenda.next().is_none());
    }
}
