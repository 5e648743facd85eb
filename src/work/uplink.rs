//! The way to the service: what goes over it next, and how it recovers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Error;
use super::account::Account;
use super::alarms::Review;
use super::catalog::Catalog;
use super::form::{EVIDENT, Form};
use super::kits::Kits;
use super::pulse::Pulse;
use super::records::{KnownDocuments, Records};
use super::recover::Pause;
use super::trust::{Belief, ClockTrust};
use crate::api::{self, Budget, Client, Outcome, Permit};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::delivery::{Delivery, Event, Next, State};
use crate::domain::home::{Home, belongs_to};
use crate::domain::ids::OperationId;
use crate::domain::signal::Signal;
use crate::domain::time::UnixMillis;
use crate::feedback::{Announcement, Feedback, What};
use crate::status::{ApiHealth, ApiState};
use crate::store::{self, Advance, Db, Store};

/// How long a request that is under way when the agent stops may still take. What it leaves behind is uncertain
/// and read back after the next start.
const STOP_GRACE: Duration = Duration::from_secs(6);

/// Between two cheap requests that ask whether the token, or the clock, is right again.
pub(super) const PROBE_EVERY: Duration = Duration::from_secs(30);

/// Between two tries to write to a store that takes nothing.
const DISK_WAIT: Duration = Duration::from_secs(2);

/// How often the outbox is looked at when nobody said that it changed: a command beside the agent may have
/// put an operation back.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Between two prunings of old history.
const PRUNE_EVERY: Duration = Duration::from_hours(1);

/// What a turn may take beside its waits and its request: a store that a memory card holds up.
const PATIENCE: Duration = Duration::from_mins(2);

/// Why an activity ended before its end.
#[derive(Debug)]
pub(super) enum Halt {
    /// The agent stops.
    Stopped,
    /// The service did not answer as it should; the activity is tried again later.
    Api(api::Error),
    /// The process must end.
    Fatal(Error),
}

impl From<api::Error> for Halt {
    fn from(error: api::Error) -> Self {
        Self::Api(error)
    }
}

impl<E: Into<Error>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Fatal(error.into())
    }
}

/// What the worker shares with the others.
#[derive(Debug)]
pub struct Parts {
    /// The store.
    pub store: Store,
    /// The client.
    pub client: Client,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// The configuration.
    pub config: Arc<Config>,
    /// Where this station is: only data that belongs here is sent.
    pub home: Home,
    /// Where news goes.
    pub feedback: Arc<Feedback>,
    /// Whether the wall clock is right.
    pub trusted: watch::Sender<Belief>,
    /// How the way is.
    pub health: watch::Sender<ApiHealth>,
    /// Told when there is something to deliver.
    pub wake: Arc<Notify>,
    /// Told when a person wants the goods table read now.
    pub sync_now: Arc<Notify>,
    /// Told when the agent stops.
    pub stop: CancellationToken,
    /// Says that it gets on.
    pub pulse: Arc<Pulse>,
}

/// The worker.
#[derive(Debug)]
pub struct Uplink {
    pub(super) parts: Parts,
    pub(super) budget: Budget,
    pub(super) account: Account,
    pub(super) catalog: Catalog,
    pub(super) kits: Kits,
    pub(super) documents: KnownDocuments,
    pub(super) records: Option<Records>,
    pub(super) form: Form,
    pub(super) trust: ClockTrust,
    /// The server's clock at an instant of ours.
    server_date: Option<(UnixMillis, Instant)>,
    /// Failures in a row.
    pub(super) failures: u32,
    /// Nothing is sent before this.
    pub(super) closed_until: Instant,
    pub(super) pause: Option<Pause>,
    pub(super) review: Review,
    /// When each operation of the agenda may be acted on.
    due: BTreeMap<OperationId, Instant>,
    pub(super) next_probe: Instant,
    next_prune: Instant,
    /// Whether the data folder is known to belong here.
    is_home: bool,
}

/// What to do next.
#[derive(Debug)]
enum Task {
    Probe,
    Zone,
    Deliver(OperationId),
    Account,
    Sync,
    Kits,
    Prune,
    Wait(Instant),
}

impl Uplink {
    /// A worker that knows nothing yet but what the store remembers.
    pub fn new(parts: Parts) -> Self {
        let now = Instant::now();
        let api = &parts.config.api;
        let (per_minute, per_second) = (api.requests_per_minute_max, api.requests_per_second_max);
        let budget = Budget::new(per_minute, per_second, seed(), now);
        let account = Account::new(parts.config.station.time_zone.clone());
        let catalog = Catalog::new(now);
        let trust = ClockTrust { declared: parts.config.station.trust_clock, ..ClockTrust::default() };
        Self {
            parts,
            budget,
            account,
            catalog,
            kits: Kits::new(now),
            documents: KnownDocuments::default(),
            records: None,
            form: Form::default(),
            trust,
            server_date: None,
            failures: 0,
            closed_until: now,
            pause: None,
            review: Review::new(now),
            due: BTreeMap::new(),
            next_probe: now,
            next_prune: now + PRUNE_EVERY,
            is_home: false,
        }
    }

    /// What tells this worker that the agent stops.
    pub fn stop(&self) -> CancellationToken {
        self.parts.stop.clone()
    }

    /// What says that this worker gets on.
    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.parts.pulse)
    }

    /// Works until the agent stops.
    ///
    /// # Errors
    /// [`Error`] if the store has ended or is damaged. Nothing the service does is an error here.
    pub async fn run(mut self) -> Result<(), Error> {
        let (stop, pulse) = (self.parts.stop.clone(), Arc::clone(&self.parts.pulse));
        let abandon = async {
            stop.cancelled().await;
            sleep(STOP_GRACE).await;
        };
        let ended = tokio::select! {
            worked = self.work() => worked,
            () = abandon => {
                tracing::warn!("a request was still under way; it is read back after the next start");
                Ok(())
            }
        };
        pulse.rest();
        ended
    }

    async fn work(&mut self) -> Result<(), Error> {
        match self.take_up().await {
            Err(Halt::Stopped) => return Ok(()),
            Err(Halt::Fatal(error)) => return Err(error),
            Ok(()) | Err(Halt::Api(_)) => {}
        }
        while !self.parts.stop.is_cancelled() {
            match self.turn().await {
                Ok(()) => {}
                Err(Halt::Stopped) => return Ok(()),
                Err(Halt::Api(error)) => self.failed(&error),
                Err(Halt::Fatal(Error::Store(error))) if error.is_passing() => {
                    if self.wait_for_disk(&error).await.is_err() {
                        return Ok(());
                    }
                }
                Err(Halt::Fatal(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Says that there will be progress after this wait, a request and what the store takes.
    fn get_on_within(&self, wait: Duration) {
        let patience = wait.saturating_add(self.parts.config.api.request_timeout).saturating_add(PATIENCE);
        self.parts.pulse.expect_within(patience, self.parts.clock.as_ref());
    }

    /// A full disk empties when somebody makes room, not by starting anew.
    async fn wait_for_disk(&self, error: &store::Error) -> Result<(), Halt> {
        self.get_on_within(DISK_WAIT);
        tracing::error!(error = %error_chain(error), "the store takes nothing; delivery waits");
        tokio::select! {
            () = sleep(DISK_WAIT) => Ok(()),
            () = self.parts.stop.cancelled() => Err(Halt::Stopped),
        }
    }

    /// What was on its way when the process before this one died may or may not have arrived.
    async fn take_up(&mut self) -> Result<(), Halt> {
        self.look_at_clock().await?;
        self.account.recall(&self.parts.store).await?;
        self.recall_form().await?;
        for (id, delivery) in self.parts.store.run(|db| db.agenda()).await?? {
            if delivery.state == State::Sending {
                self.advance(id, &delivery, Event::Died, "the agent died with a request on its way").await?;
            }
        }
        Ok(())
    }

    async fn turn(&mut self) -> Result<(), Halt> {
        self.get_on_within(Duration::ZERO);
        self.look_at_clock().await?;
        self.warn_of_age().await?;
        self.review().await?;
        match self.choose().await? {
            Task::Probe => self.probe().await,
            Task::Zone => self.read_zone().await,
            Task::Deliver(id) => {
                let delivered = self.deliver(id).await;
                self.rest_if_refused(id, &delivered);
                delivered
            }
            Task::Account => self.check_account().await,
            Task::Sync => self.sync_page().await,
            Task::Kits => self.cards_page().await,
            Task::Prune => self.prune().await,
            Task::Wait(until) => {
                self.get_on_within(until.saturating_duration_since(Instant::now()));
                let (wake, sync_now, stop) = (&self.parts.wake, &self.parts.sync_now, &self.parts.stop);
                tokio::select! {
                    () = sleep_until(until) => {}
                    () = wake.notified() => {}
                    () = sync_now.notified() => self.catalog.hurry(Instant::now()),
                    () = stop.cancelled() => return Err(Halt::Stopped),
                }
                Ok(())
            }
        }
    }

    /// Deliveries go before everything but what they need; the goods table comes last, save for the very first
    /// reading, without which no scan means anything.
    async fn choose(&mut self) -> Result<Task, Halt> {
        let now = Instant::now();
        let soon = now + LOOK_EVERY;
        if !self.is_at_home().await? {
            return Ok(Task::Wait(soon));
        }
        if self.closed_until > now {
            return Ok(Task::Wait(self.closed_until));
        }
        if let Some(pause) = &self.pause {
            let probe = pause.next_probe;
            return Ok(if probe <= now { Task::Probe } else { Task::Wait(probe) });
        }
        let agenda = self.parts.store.run(|db| db.agenda()).await??;
        self.due.retain(|id, _| agenda.iter().any(|(listed, _)| listed == id));
        if !agenda.is_empty() {
            if !self.trust.is_trusted() {
                if self.next_probe <= now {
                    return Ok(Task::Probe);
                }
            } else if self.account.zone().is_none() {
                return Ok(Task::Zone);
            } else if let Some(id) = self.due_now(&agenda, now) {
                return Ok(Task::Deliver(id));
            }
        }
        let next_due = agenda.iter().filter_map(|(id, _)| self.due.get(id)).min().copied();
        if self.catalog.is_due(now) && !self.catalog.was_ever_complete() {
            return Ok(Task::Sync);
        }
        if self.account.is_due(now) {
            return Ok(Task::Account);
        }
        if self.catalog.is_due(now) {
            return Ok(Task::Sync);
        }
        if self.kits.is_due(now) && self.catalog.was_ever_complete() {
            return Ok(Task::Kits);
        }
        if self.next_prune <= now {
            return Ok(Task::Prune);
        }
        let waits = [Some(soon), next_due.filter(|due| *due > now), Some(self.catalog.next())];
        Ok(Task::Wait(waits.into_iter().flatten().min().unwrap_or(soon)))
    }

    /// Whether the data folder belongs here. A command beside the agent may have had it adopted.
    async fn is_at_home(&mut self) -> Result<bool, Halt> {
        if self.is_home {
            return Ok(true);
        }
        let known = self.parts.store.run(|db| db.home()).await??;
        let differences = known.map(|home| home.differences(&self.parts.home)).unwrap_or_default();
        if differences.is_empty() {
            self.is_home = true;
            self.parts.feedback.alarms_changed();
            tracing::info!("the data folder belongs to this station; delivery begins");
            return Ok(true);
        }
        self.tell(ApiState::Error, Some(format!("nothing is sent: {}", belongs_to(&differences))));
        Ok(false)
    }

    /// The first operation that may be acted on now. One that is new on the agenda gets its time here: after a
    /// start every wait begins anew, for nobody knows when the process before this one sent what.
    fn due_now(&mut self, agenda: &[(OperationId, Delivery)], now: Instant) -> Option<OperationId> {
        let mut first = None;
        for (id, delivery) in agenda {
            let Some(wait) = self.wait_of(delivery) else { continue };
            let due = *self.due.entry(*id).or_insert(now + wait);
            if due <= now && first.is_none() {
                first = Some(*id);
            }
        }
        first
    }

    /// How long after its last change an operation is acted on; `None` if only a person can.
    fn wait_of(&self, delivery: &Delivery) -> Option<Duration> {
        let api = &self.parts.config.api;
        match delivery.next() {
            Next::Send(_) | Next::Look | Next::RemoveTransaction(_) | Next::RemoveDocument(_) => {
                Some(Duration::ZERO)
            }
            Next::ReadBack => Some(api.reconcile_after),
            Next::LateCheck if delivery.late_checks == 0 => Some(api.late_check_after),
            // Four times the wait after the posting is three times after the first look.
            Next::LateCheck => Some(api.late_check_after * 3),
            Next::Rest => None,
        }
    }

    /// When an operation became due: a reading that was begun earlier says nothing of it.
    pub(super) fn due_since(&self, id: OperationId) -> Instant {
        self.due.get(&id).copied().unwrap_or_else(Instant::now)
    }

    /// What the service refuses to tell about one operation it will refuse at once again; others go on.
    fn rest_if_refused(&mut self, id: OperationId, delivered: &Result<(), Halt>) {
        let Err(Halt::Api(error)) = delivered else { return };
        if matches!(error.outcome(), Outcome::Refused(_) | Outcome::NotAllowed { .. }) {
            self.put_off(id, PROBE_EVERY);
        }
    }

    /// Puts off one operation without changing it.
    pub(super) fn put_off(&mut self, id: OperationId, wait: Duration) {
        self.due.insert(id, Instant::now() + wait);
    }

    /// Applies an event and writes the new state; `false` if somebody else has moved the operation meanwhile.
    pub(super) async fn advance(
        &mut self,
        id: OperationId,
        delivery: &Delivery,
        event: Event,
        what: &str,
    ) -> Result<Option<Delivery>, Halt> {
        let next = delivery.apply(event)?;
        let is_form_refused = delivery.state != State::Posted && next.shows_one_call_refused();
        let what = if is_form_refused { format!("{what}; {EVIDENT}") } else { what.to_owned() };
        let now = self.parts.clock.wall();
        let advance = Arc::new(Advance { id, from: delivery.state, to: next.clone(), what, now });
        // What came of a request is known only here until it is written, so it is tried until it is.
        let written = loop {
            let step = Arc::clone(&advance);
            match self.parts.store.run(move |db| db.advance(&step)).await? {
                Ok(written) => break written,
                Err(error) if error.is_passing() => self.wait_for_disk(&error).await?,
                Err(error) => return Err(error.into()),
            }
        };
        tracing::info!(
            operation = id.0,
            from = delivery.state.as_str(),
            to = next.state.as_str(),
            "delivery"
        );
        self.review.hurry();
        if written && is_form_refused {
            self.one_call_is_refused().await?;
        }
        match self.wait_of(&next) {
            Some(wait) => self.put_off(id, wait),
            None => {
                self.due.remove(&id);
            }
        }
        Ok(written.then_some(next))
    }

    /// Leave for one request, as soon as the budget has it.
    pub(super) async fn permit(&mut self) -> Result<Permit, Halt> {
        loop {
            if self.parts.stop.is_cancelled() {
                return Err(Halt::Stopped);
            }
            match self.budget.take(Instant::now()) {
                Ok(permit) => {
                    self.get_on_within(Duration::ZERO);
                    return Ok(permit);
                }
                Err(free) => {
                    self.get_on_within(free.saturating_duration_since(Instant::now()));
                    tokio::select! {
                        () = sleep_until(free) => {}
                        () = self.parts.stop.cancelled() => return Err(Halt::Stopped),
                    }
                }
            }
        }
    }

    /// Every answer passes here, good or bad: it tells how the way is, and what time the server has.
    pub(super) async fn heard<T>(&mut self, answer: Result<T, api::Error>) -> Result<T, Halt> {
        if let Some(date) = self.parts.client.take_server_date() {
            self.trust.compare(date.0, self.parts.clock.wall(), self.parts.clock.boot());
            self.server_date = Some((date.0, Instant::now()));
            self.look_at_clock().await?;
        }
        let value = answer?;
        self.failures = 0;
        self.budget.served();
        if self.parts.health.borrow().last_error.is_some() {
            tracing::info!("the service is to be had again");
        }
        self.tell(ApiState::Ok, None);
        Ok(value)
    }

    /// The server's clock now, or ours before any answer.
    pub(super) fn server_now(&self) -> UnixMillis {
        match self.server_date {
            Some((date, at)) => date.plus_ms(i64::try_from(at.elapsed().as_millis()).unwrap_or(0)),
            None => self.parts.clock.wall(),
        }
    }

    /// Whether the wall clock may be believed.
    pub(super) fn is_clock_right(&self) -> bool {
        self.trust.is_trusted()
    }

    /// Follows the system's and the server's word on the clock, and puts times right when it becomes right.
    async fn look_at_clock(&mut self) -> Result<(), Halt> {
        let (wall, boot) = (self.parts.clock.wall(), self.parts.clock.boot());
        self.trust.look(wall, boot);
        self.trust.synchronized = self.parts.clock.is_synchronized();
        let belief = self.trust.belief();
        let known = *self.parts.trusted.borrow();
        if known.is_right() == belief.is_right() {
            if known != belief {
                self.parts.trusted.send_replace(belief);
            }
            return Ok(());
        }
        if belief.is_right() {
            let repair = move |db: &mut Db| db.repair_times(wall, boot);
            let (repaired, estimated) = self.parts.store.run(repair).await??;
            tracing::info!(repaired, estimated, "the clock is right");
        } else {
            tracing::warn!(
                "the clock was set or disagrees with the server; nothing is posted before it is right"
            );
        }
        // The scans' worker may have ended already.
        self.parts.trusted.send_replace(belief);
        Ok(())
    }

    async fn prune(&mut self) -> Result<(), Halt> {
        let history_ms = i64::try_from(self.parts.config.station.history.as_millis()).unwrap_or(i64::MAX);
        self.next_prune = Instant::now() + PRUNE_EVERY;
        if !self.trust.is_trusted() {
            return Ok(());
        }
        let before = self.parts.clock.wall().plus_ms(history_ms.saturating_neg());
        let pruned = self.parts.store.run(move |db| db.prune(before)).await??;
        if pruned > 0 {
            tracing::info!(pruned, "old history was pruned");
            self.next_prune = Instant::now();
        }
        Ok(())
    }

    pub(super) fn tell(&self, state: ApiState, last_error: Option<String>) {
        let health = ApiHealth { state, last_error };
        self.parts.health.send_if_modified(|known| {
            let changed = *known != health;
            *known = health;
            changed
        });
    }

    /// Tells everybody what concerns no scanner in particular.
    pub(super) fn announce(&self, signal: Signal, what: What) {
        self.parts.feedback.announce(Announcement { scanner: None, signal, what });
    }
}

/// Something that differs from station to station and from start to start.
pub fn seed() -> u64 {
    u64::try_from(ulid::Ulid::generate().random() & u128::from(u64::MAX)).unwrap_or(1)
}

/// An error and what caused it, on one line.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}
