//! The choice of the next task of the connection to the service.

use std::time::Duration;

use tokio::time::Instant;

use super::blame::Thing;
use super::{Halt, Uplink, wait_for};
use crate::store::Waiting;

/// The interval between two looks at the outbox when no change was announced: a command beside the agent may have put
/// an operation back.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The next task.
#[derive(Debug)]
pub(super) enum Task {
    /// Asks whether the service answers, the token is good and the clock is right.
    Probe,
    /// Takes one thing further.
    For(Thing),
    Prune,
    Wait(Instant),
}

impl Uplink {
    /// Chooses the next task. The outbox is not looked at while the connection is closed. Deliveries go before
    /// everything but what they need; the goods table comes last, except for the very first reading, without which no
    /// scan means anything.
    pub(super) async fn choose(&mut self) -> Result<Task, Halt> {
        let now = Instant::now();
        if !self.is_at_home().await? {
            return Ok(Task::Wait(now + LOOK_EVERY));
        }
        if self.closed_until > now {
            return Ok(Task::Wait(self.closed_until));
        }
        if let Some(pause) = &self.pause {
            let probe = pause.next_probe;
            return Ok(if probe <= now { Task::Probe } else { Task::Wait(probe) });
        }
        if self.is_in_doubt {
            return Ok(Task::Probe);
        }
        self.look_at_agenda(now).await?;
        if let Some(task) = self.choose_delivery(now) {
            return Ok(task);
        }
        let reads = |thing, is_due: bool| is_due && self.blame.lets(thing, now);
        let goods = reads(Thing::Goods, self.catalog.is_due(now));
        let thing = if goods && !self.catalog.was_ever_complete() {
            Some(Thing::Goods)
        } else if reads(Thing::Account, self.account.is_due(now)) {
            Some(Thing::Account)
        } else if goods {
            Some(Thing::Goods)
        } else if reads(Thing::Kits, self.kits.is_due(now) && self.catalog.was_ever_complete()) {
            Some(Thing::Kits)
        } else {
            None
        };
        Ok(match thing {
            Some(thing) => Task::For(thing),
            None if self.next_prune <= now => Task::Prune,
            None => Task::Wait(self.next_look(now)),
        })
    }

    fn choose_delivery(&mut self, now: Instant) -> Option<Task> {
        if self.agenda.is_empty() {
            return None;
        }
        if !self.trust.is_trusted() {
            return (self.next_probe <= now).then_some(Task::Probe);
        }
        if self.account.zone().is_none() {
            return self.blame.lets(Thing::Zone, now).then_some(Task::For(Thing::Zone));
        }
        let again = self.retrial.filter(|id| self.agenda.get(*id).is_some_and(Waiting::is_to_be_sent));
        self.retrial = again;
        let id = again.or_else(|| self.agenda.due_now(now))?;
        Some(Task::For(Thing::Document(id)))
    }

    /// Returns the time at which there may be something to do.
    fn next_look(&self, now: Instant) -> Instant {
        let soon = now + LOOK_EVERY;
        let times = [Some(self.catalog.next()), self.agenda.next()].into_iter().flatten();
        times.filter(|at| *at > now).chain([soon]).min().unwrap_or(soon)
    }

    /// Reads the operations to deliver, if anything changed since.
    async fn look_at_agenda(&mut self, now: Instant) -> Result<(), Halt> {
        let seen = self.agenda.version();
        if let Some(agenda) = self.parts.store.run(move |db| db.agenda_since(seen)).await?? {
            let api = &self.parts.config.api;
            let wait = |waiting: &Waiting| wait_for(waiting.awaits, waiting.failures, api);
            self.agenda.take(agenda, now, self.parts.clock.wall(), wait);
            self.blame.retain(|id| self.agenda.get(id).is_some());
        }
        Ok(())
    }
}
