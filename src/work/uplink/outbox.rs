//! The operations to deliver: which is due, what happens to each, and how long one that fails waits.
//!
//! A step of a delivery is on the disk before anything follows from it. The searches and removals that a delivery takes
//! know this file and none of each other.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::agenda::Agenda;
use super::failing::{CALL_AFTER_FAILURES, CALL_AFTER_MS, Failing, Hope};
use super::interrupted::Interrupted;
use super::link::Link;
use super::strategy::{EVIDENT, StrategyChoice};
use super::waits::{grown, wait_for, wait_max};
use crate::domain::delivery::{Delivery, Event, State, Strategy};
use crate::domain::ids::OperationId;
use crate::domain::signal::Signal;
use crate::domain::stock::operation::Operation;
use crate::feedback::What;
use crate::random::random;
use crate::store::{self, Advance, Db, Failure, Pending, Waiting};

/// The outbox, as far as this process knows it.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    agenda: Agenda,
    failing: Failing,
    strategy: StrategyChoice,
}

impl Outbox {
    /// Takes up the work of the process before this one. A request that was on its way when that died may or may not
    /// have arrived.
    pub(super) async fn recall(&mut self, link: &mut Link) -> Result<(), Interrupted> {
        self.strategy = StrategyChoice::recall(link).await?;
        for id in link.db(|db| db.left_sending()).await? {
            let pending = link.db(move |db| db.pending(id)).await?;
            self.advance(link, &pending, Event::Died, "the agent died with a request on its way").await?;
        }
        Ok(())
    }

    /// Reads the operations to deliver, if anything changed since.
    pub(super) async fn refresh(&mut self, link: &Link, now: Instant) -> Result<(), Interrupted> {
        let seen = self.agenda.version();
        if let Some(agenda) = link.db(move |db| db.agenda_since(seen)).await? {
            let api = &link.config.api;
            let wait = |waiting: &Waiting| wait_for(waiting.awaits, waiting.failures, api);
            self.agenda.take(agenda, now, link.clock.wall(), wait);
            self.failing.retain(|id| self.agenda.get(id).is_some());
        }
        Ok(())
    }

    /// Returns true if there is nothing to do, now or later.
    pub(super) fn is_empty(&self) -> bool {
        self.agenda.is_empty()
    }

    /// Returns an operation of the outbox.
    pub(super) fn get(&self, id: OperationId) -> Option<&Waiting> {
        self.agenda.get(id)
    }

    /// Returns the operation to act on now.
    pub(super) fn due_now(&self, now: Instant) -> Option<OperationId> {
        self.agenda.due_now(now)
    }

    /// Returns the next time at which one may be acted on.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.agenda.next()
    }

    /// Returns the time at which an operation became due: a reading that was begun earlier proves nothing about it.
    pub(super) fn due_since(&self, id: OperationId) -> Instant {
        self.agenda.due(id).unwrap_or_else(Instant::now)
    }

    /// Puts off one operation without changing it.
    pub(super) fn put_off(&mut self, id: OperationId, wait: Duration) {
        self.agenda.set(id, Some(Instant::now() + wait));
    }

    /// Puts an operation that failed behind those that did not.
    pub(super) fn put_behind(&mut self, id: OperationId) {
        self.agenda.tried(id, Instant::now());
    }

    /// Returns the strategy with which a delivery begins now.
    pub(super) fn first_strategy(&self, link: &Link) -> Strategy {
        self.strategy.first(link)
    }

    /// Notes that the service refused an operation in one call.
    pub(super) fn one_call_refused(&mut self, id: OperationId) {
        self.strategy.refused(id);
    }

    /// Applies an event and writes the new state; returns nothing if another process has moved the operation meanwhile.
    pub(super) async fn advance(
        &mut self,
        link: &mut Link,
        pending: &Pending,
        event: Event,
        what: &str,
    ) -> Result<Option<Delivery>, Interrupted> {
        let (id, from) = (pending.operation.id, &pending.delivery);
        let next = from.apply(event)?;
        let is_first_posted = from.state != State::Posted && next.state == State::Posted;
        // One that was taken in one call breaks the chain of evidence.
        if is_first_posted && next.strategy == Strategy::OneCall {
            self.strategy.taken();
        }
        let is_one_call_refused =
            is_first_posted && next.shows_one_call_refused() && self.strategy.is_evident_with(id);
        let what = if is_one_call_refused { format!("{what}; {EVIDENT}") } else { what.to_owned() };
        let now = link.clock.wall();
        let advance = Arc::new(Advance { id, from: from.state, to: next.clone(), what, now });
        let (written, failures) = write(link, &advance).await?;
        tracing::info!(operation = id.0, from = from.state.as_str(), to = next.state.as_str(), "delivery");
        // The alarm of a document follows from its state.
        link.alarms.hurry();
        if written && is_one_call_refused {
            self.strategy.remember_refusal(link).await?;
        }
        let wait = wait_for(next.glance().awaits(), failures, &link.config.api);
        // This happens even if nothing was written: the agenda is read again when its version has changed.
        self.agenda.set(id, wait.map(|wait| Instant::now() + wait));
        Ok(written.then_some(next))
    }

    /// Notes that a document failed by itself: it waits longer than the last time.
    pub(super) async fn fails(
        &mut self,
        link: &mut Link,
        id: OperationId,
        fault: &str,
        hope: Hope,
    ) -> Result<(), Interrupted> {
        let failures = link.db(move |db| db.failures(id)).await?.saturating_add(1);
        let cap = wait_max(self.agenda.get(id).map(|waiting| waiting.awaits));
        let base = link.config.api.reconcile_after;
        let wait = grown(base, failures, cap, random());
        let now = link.clock.wall();
        let retry_at = now.plus_ms(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        let failure = Failure { id, fault: fault.to_owned(), retry_at, now };
        // A command may have withdrawn the document meanwhile.
        let Some(failing) = link.db(move |db| db.count_failure(&failure)).await? else {
            return Ok(());
        };
        self.put_off(id, wait);
        self.failing.insert(id);
        tracing::warn!(operation = id.0, failures, fault, wait_s = wait.as_secs(), "a document fails");
        let is_late = now.ms_since(failing.since) >= CALL_AFTER_MS;
        let calls = hope == Hope::NeedsPerson || failures >= CALL_AFTER_FAILURES || is_late;
        if calls && !failing.is_person_called {
            link.db(move |db| db.note_person_called(id)).await?;
            // The document's alarm says why.
            link.alarms.hurry();
        }
        Ok(())
    }

    /// Notes that a document was posted: others that failed while none could be posted are not kept waiting.
    pub(super) fn one_is_posted(&mut self, link: &Link, id: OperationId) {
        for other in self.failing.posted(id) {
            self.put_off(other, link.config.api.reconcile_after);
        }
    }
}

/// Writes a step. The result of a request is known only here until it is written, so the write is repeated until it
/// succeeds. Returns whether the operation was still where the step found it, and its failures in a row.
async fn write(link: &Link, advance: &Arc<Advance>) -> Result<(bool, u32), Interrupted> {
    loop {
        let step = Arc::clone(advance);
        let write = move |db: &mut Db| Ok::<_, store::Error>((db.advance(&step)?, db.failures(step.id)?));
        match link.store.run(write).await? {
            Ok(written) => return Ok(written),
            Err(error) if error.is_passing() => link.wait_for_disk(&error).await?,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Announces that an operation is posted. One that needs a decision has an alarm.
pub(super) fn announce_posted(link: &Link, operation: &Operation, delivery: Option<&Delivery>) {
    let Some(delivery) = delivery.filter(|delivery| delivery.state == State::Posted) else { return };
    let posted: Vec<_> = delivery.lines.iter().filter(|line| line.refusal.is_none()).collect();
    let units = posted.iter().filter_map(|line| operation.line(line.number));
    let units = units.map(|line| line.quantity).sum();
    let what = What::Posted { operation: operation.id, lines: posted.len(), units };
    link.announce(Signal::Posted, what);
}
