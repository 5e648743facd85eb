//! Raises and ends alarms, and keeps those of the documents up to date.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::interrupted::Interrupted;
use crate::clock::Clock;
use crate::domain::ids::OperationId;
use crate::domain::signal::Signal;
use crate::domain::time::UnixMillis;
use crate::feedback::{Announcement, Feedback, What};
use crate::store::{Cause, Overdue, Store};

/// The interval between two looks at the documents' alarms when nothing changed here: a command beside the agent may
/// have changed something.
const REVIEW_EVERY: Duration = Duration::from_secs(2);

/// The most events that wait to be stored: reasons for which a person was called and that have no state of their own.
const EVENTS_MAX: usize = 64;

/// The alarms, and the calls of a person.
#[derive(Debug)]
pub(super) struct Alarms {
    store: Store,
    clock: Arc<dyn Clock>,
    feedback: Arc<Feedback>,
    /// The time after which an undelivered document is overdue (`station.alarm_after_s`).
    overdue_after: Option<Duration>,
    next: Instant,
    /// The events that are still to be stored.
    events: Vec<String>,
    /// The oldest undelivered document, and the time since which it is the oldest in this process: an untrusted clock
    /// cannot show how long it has waited.
    waiting: Option<(OperationId, Instant)>,
}

impl Alarms {
    pub(super) fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        feedback: Arc<Feedback>,
        overdue_after: Option<Duration>,
    ) -> Self {
        let (next, events) = (Instant::now(), Vec::new());
        Self { store, clock, feedback, overdue_after, next, events, waiting: None }
    }

    /// Makes the next review come at once, because something changed.
    pub(super) fn hurry(&mut self) {
        self.next = Instant::now();
    }

    /// Raises an alarm; a person is called if it is new.
    pub(super) async fn raise(&self, cause: Cause, what: &str) -> Result<(), Interrupted> {
        let (now, words) = (self.clock.wall(), what.to_owned());
        let is_new = self.store.run(move |db| db.raise_alarm(&cause, &words, now)).await??;
        if is_new {
            self.call(what);
        }
        Ok(())
    }

    /// Ends an alarm if it stands.
    pub(super) async fn end(&self, cause: Cause) -> Result<(), Interrupted> {
        let ended = self.store.run(move |db| db.end_alarm(&cause)).await??;
        if ended {
            self.feedback.alarms_changed();
        }
        Ok(())
    }

    /// Calls a person for a reason that has no state of its own. It is stored with the next review of the alarms.
    pub(super) fn call_person(&mut self, why: &str) {
        self.call(why);
        // The call itself was made; only its trace in the store has a limit.
        if self.events.len() < EVENTS_MAX {
            self.events.push(why.to_owned());
        }
        self.hurry();
    }

    /// Announces to everybody what concerns no single scanner.
    pub(super) fn announce(&self, signal: Signal, what: What) {
        self.feedback.announce(Announcement { scanner: None, signal, what });
    }

    fn call(&self, why: &str) {
        tracing::error!("{why}");
        self.announce(Signal::Person, What::Person(why.to_owned()));
    }

    /// Brings the alarms up to date with the documents. `trusted_wall` is the wall clock if it is trusted.
    pub(super) async fn review(&mut self, trusted_wall: Option<UnixMillis>) -> Result<(), Interrupted> {
        let now = Instant::now();
        if self.next > now {
            return Ok(());
        }
        self.next = now + REVIEW_EVERY;
        let wall = self.clock.wall();
        // A loss here costs a line in the list of alarms, and no call: the person was called before.
        for event in std::mem::take(&mut self.events) {
            self.store.run(move |db| db.raise_alarm(&Cause::Event(event.clone()), &event, wall)).await??;
        }
        let overdue = self.overdue(now, trusted_wall).await?;
        let documents = self.store.run(move |db| db.review_documents(&overdue, wall)).await??;
        let logs = self.store.run(move |db| db.review_logs(wall)).await??;
        for what in documents.raised.iter().chain(&logs.raised) {
            self.call(what);
        }
        if documents.has_ended || logs.has_ended {
            self.feedback.alarms_changed();
        }
        Ok(())
    }

    /// Returns which documents have waited for longer than `station.alarm_after_s`.
    async fn overdue(
        &mut self,
        now: Instant,
        trusted_wall: Option<UnixMillis>,
    ) -> Result<Overdue, Interrupted> {
        let Some(after) = self.overdue_after else { return Ok(Overdue::default()) };
        let oldest = self.store.run(|db| db.oldest_undelivered()).await??;
        // Counted from here on if the wall clock cannot show when it was scanned.
        self.waiting = oldest.map(|id| match self.waiting {
            Some((known, since)) if known == id => (id, since),
            Some(_) | None => (id, now),
        });
        let up_to = self.waiting.filter(|(_, since)| now.duration_since(*since) >= after);
        let after_ms = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
        let closed_before = trusted_wall.map(|wall| wall.plus_ms(after_ms.saturating_neg()));
        Ok(Overdue { closed_before, up_to: up_to.map(|(id, _)| id) })
    }
}
