//! Raises and ends alarms, and keeps those of the documents up to date.

use std::time::Duration;

use tokio::time::Instant;

use super::{Halt, Uplink};
use crate::domain::ids::OperationId;
use crate::domain::signal::Signal;
use crate::feedback::What;
use crate::store::{Cause, Overdue};

/// The interval between two looks at the documents' alarms when nothing changed here: a command beside the agent may
/// have changed something.
const REVIEW_EVERY: Duration = Duration::from_secs(2);

/// The most events that wait to be stored: reasons for which a person was called and that have no state of their own.
const EVENTS_MAX: usize = 64;

/// The state of the review of the documents' alarms.
#[derive(Debug)]
pub(super) struct Review {
    next: Instant,
    /// The events that are still to be stored.
    events: Vec<String>,
    /// The oldest undelivered document, and since when it has been that in this process: a clock that nobody vouches
    /// for cannot show how long it has waited.
    waiting: Option<(OperationId, Instant)>,
}

impl Review {
    pub(super) fn new(now: Instant) -> Self {
        Self { next: now, events: Vec::new(), waiting: None }
    }

    /// Makes the next review come at once, because something changed.
    pub(super) fn hurry(&mut self) {
        self.next = Instant::now();
    }
}

impl Uplink {
    /// Raises an alarm; a person is called if it is new.
    pub(super) async fn raise(&mut self, cause: Cause, what: &str) -> Result<(), Halt> {
        let (now, words) = (self.parts.clock.wall(), what.to_owned());
        let is_new = self.parts.store.run(move |db| db.raise_alarm(&cause, &words, now)).await??;
        if is_new {
            self.call(what);
        }
        Ok(())
    }

    /// Ends an alarm if it stands.
    pub(super) async fn end(&mut self, cause: Cause) -> Result<(), Halt> {
        let ended = self.parts.store.run(move |db| db.end_alarm(&cause)).await??;
        if ended {
            self.parts.feedback.alarms_changed();
        }
        Ok(())
    }

    /// Calls a person for a reason that has no state of its own. It is stored with the next review of the alarms.
    pub(super) fn person(&mut self, why: &str) {
        self.call(why);
        if self.review.events.len() < EVENTS_MAX {
            self.review.events.push(why.to_owned());
        }
        self.review.hurry();
    }

    fn call(&self, why: &str) {
        tracing::error!("{why}");
        self.announce(Signal::Person, What::Person(why.to_owned()));
    }

    /// Brings the alarms up to date with the documents.
    pub(super) async fn review(&mut self) -> Result<(), Halt> {
        let now = Instant::now();
        if self.review.next > now {
            return Ok(());
        }
        self.review.next = now + REVIEW_EVERY;
        let wall = self.parts.clock.wall();
        for event in std::mem::take(&mut self.review.events) {
            self.parts
                .store
                .run(move |db| db.raise_alarm(&Cause::Event(event.clone()), &event, wall))
                .await??;
        }
        let overdue = self.overdue(now).await?;
        let documents = self.parts.store.run(move |db| db.review_documents(&overdue, wall)).await??;
        let logs = self.parts.store.run(move |db| db.review_logs(wall)).await??;
        for what in documents.raised.iter().chain(&logs.raised) {
            self.call(what);
        }
        if documents.has_ended || logs.has_ended {
            self.parts.feedback.alarms_changed();
        }
        Ok(())
    }

    /// Returns which documents have waited for longer than `station.alarm_after_s`.
    async fn overdue(&mut self, now: Instant) -> Result<Overdue, Halt> {
        let Some(after) = self.parts.config.station.alarm_after else { return Ok(Overdue::default()) };
        let oldest = self.parts.store.run(|db| db.oldest_undelivered()).await??;
        self.review.waiting = oldest.map(|id| match self.review.waiting {
            Some((known, since)) if known == id => (id, since),
            Some(_) | None => (id, now),
        });
        let up_to = self.review.waiting.filter(|(_, since)| now.duration_since(*since) >= after);
        let after_ms = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
        let closed_before =
            self.is_clock_right().then(|| self.parts.clock.wall().plus_ms(after_ms.saturating_neg()));
        Ok(Overdue { closed_before, up_to: up_to.map(|(id, _)| id) })
    }
}
