//! The connection to the service: the next task on it, and its recovery.
//!
//! It does one thing at a time: deliveries first (`deliver`; `strategy` decides the way in which new ones begin), then
//! the facts that it needs of the account (`account`), then the goods table (`catalog` and `full`) and the bills of
//! materials (`kits`). One request at a time needs no locks, keeps the order, and is all that the service's limit leaves
//! room for. If the service answers, only the thing that fails is put off (`blame`).

mod account;
mod agenda;
mod alarms;
mod blame;
mod catalog;
mod choose;
mod deliver;
mod full;
mod home;
mod kits;
mod loss;
mod page_size;
mod records;
mod recover;
mod remove;
mod strategy;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::api::{self, Budget, Client, Permit, seed};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::domain::delivery::{Awaits, Delivery, Event, State, Way};
use crate::domain::health::ApiHealth;
use crate::domain::health::ApiState;
use crate::domain::home::Home;
use crate::domain::ids::OperationId;
use crate::domain::signal::Signal;
use crate::domain::text::error_chain;
use crate::domain::time::UnixMillis;
use crate::feedback::{Announcement, Feedback, What};
use crate::store::{self, Advance, Cause, Db, Store};
use crate::work::Error;
use crate::work::pulse::Pulse;
use crate::work::trust::{Belief, ClockTrust, Disagreement, agree};
use crate::work::uplink::account::Account;
use crate::work::uplink::agenda::Agenda;
use crate::work::uplink::alarms::Review;
use crate::work::uplink::blame::{Blame, Thing, before_reading};
use crate::work::uplink::catalog::Catalog;
use crate::work::uplink::choose::Task;
use crate::work::uplink::home::Belonging;
use crate::work::uplink::kits::Kits;
use crate::work::uplink::records::{KnownDocuments, Records};
use crate::work::uplink::recover::Pause;
use crate::work::uplink::strategy::{EVIDENT, Form};

/// The longest time for a request that is under way when the agent stops. Its result is then uncertain and read back
/// after the next start.
const STOP_GRACE: Duration = Duration::from_secs(6);

/// The interval between two cheap requests that show whether the token, or the clock, is right again.
pub(super) const PROBE_EVERY: Duration = Duration::from_secs(30);

/// The interval between two tries to write to a store that takes nothing.
const DISK_WAIT: Duration = Duration::from_secs(2);

/// The interval between two prunings of old history.
const PRUNE_EVERY: Duration = Duration::from_hours(1);

/// The time that a turn may take in addition to its waits and its request: a memory card may hold the store up.
const PATIENCE: Duration = Duration::from_mins(2);

/// The reason why an activity ended early.
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

/// The parts that the worker shares with the others.
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
    /// The home of this station: only data that belongs here is sent.
    pub home: Home,
    /// The receiver of announcements.
    pub feedback: Arc<Feedback>,
    /// The belief that others may have in the wall clock.
    pub trusted: watch::Sender<Belief>,
    /// The state of the connection.
    pub health: watch::Sender<ApiHealth>,
    /// Notified when there is something to deliver.
    pub wake: Arc<Notify>,
    /// Notified when a person asks for the goods table to be read now.
    pub sync_now: Arc<Notify>,
    /// Cancelled when the agent stops.
    pub stop: CancellationToken,
    /// The pulse by which the worker shows that it gets on.
    pub pulse: Arc<Pulse>,
}

/// The worker.
#[derive(Debug)]
pub struct Uplink {
    parts: Parts,
    budget: Budget,
    account: Account,
    catalog: Catalog,
    kits: Kits,
    documents: KnownDocuments,
    records: Option<Records>,
    form: Form,
    trust: ClockTrust,
    /// The server's clock, and the instant of ours at which it was read.
    server_date: Option<(UnixMillis, Instant)>,
    /// The number of failures in a row.
    failures: u32,
    /// The time before which nothing is sent.
    closed_until: Instant,
    /// True if the next request only asks whether the service answers, because the last one failed.
    is_in_doubt: bool,
    pause: Option<Pause>,
    /// The operation that alone was forbidden and is tried once more before that is believed.
    retrial: Option<OperationId>,
    review: Review,
    agenda: Agenda,
    blame: Blame,
    next_probe: Instant,
    next_prune: Instant,
    belonging: Belonging,
}

impl Uplink {
    /// Returns a worker that knows only what the store remembers.
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
            is_in_doubt: false,
            retrial: None,
            agenda: Agenda::default(),
            blame: Blame::default(),
            next_probe: now,
            next_prune: now + PRUNE_EVERY,
            belonging: Belonging::new(now),
        }
    }

    /// Returns the token by which this worker learns that the agent stops.
    pub fn stop(&self) -> CancellationToken {
        self.parts.stop.clone()
    }

    /// Returns the pulse by which this worker shows that it gets on.
    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.parts.pulse)
    }

    /// Works until the agent stops.
    ///
    /// # Errors
    /// [`Error`] if the store has ended or is damaged. No failure of the service is an error here.
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

    /// Notes that there will be progress after this wait, a request and the time that the store takes.
    fn get_on_within(&self, wait: Duration) {
        let patience = wait.saturating_add(self.parts.config.api.request_timeout).saturating_add(PATIENCE);
        self.parts.pulse.expect_within(patience, self.parts.clock.as_ref());
    }

    /// Waits while the store takes nothing: a full disk empties when somebody makes room, not by a restart.
    async fn wait_for_disk(&self, error: &store::Error) -> Result<(), Halt> {
        self.get_on_within(DISK_WAIT);
        tracing::error!(error = %error_chain(error), "the store takes nothing; delivery waits");
        tokio::select! {
            () = sleep(DISK_WAIT) => Ok(()),
            () = self.parts.stop.cancelled() => Err(Halt::Stopped),
        }
    }

    /// Takes up the work of the process before this one. A request that was on its way when that died may or may not
    /// have arrived.
    async fn take_up(&mut self) -> Result<(), Halt> {
        self.look_at_clock().await?;
        self.account.recall(&self.parts.store).await?;
        self.recall_form().await?;
        for id in self.parts.store.run(|db| db.left_sending()).await?? {
            let delivery = self.parts.store.run(move |db| db.pending(id)).await??.delivery;
            self.advance(id, &delivery, Event::Died, "the agent died with a request on its way").await?;
        }
        Ok(())
    }

    async fn turn(&mut self) -> Result<(), Halt> {
        self.get_on_within(Duration::ZERO);
        self.look_at_clock().await?;
        self.warn_of_age().await?;
        self.convict().await?;
        self.review().await?;
        match self.choose().await? {
            Task::Probe => self.probe().await,
            Task::For(thing) => {
                let ended = self.act_for(thing).await;
                self.ended(thing, ended).await
            }
            Task::Prune => self.prune().await,
            Task::Wait(until) => {
                self.get_on_within(until.saturating_duration_since(Instant::now()));
                let (wake, sync_now, stop) = (&self.parts.wake, &self.parts.sync_now, &self.parts.stop);
                tokio::select! {
                    () = sleep_until(until) => {}
                    () = wake.notified() => {}
                    () = sync_now.notified() => {
                        self.blame.forgive(Thing::Goods);
                        self.catalog.hurry(Instant::now());
                    }
                    () = stop.cancelled() => return Err(Halt::Stopped),
                }
                Ok(())
            }
        }
    }

    /// Returns the time at which an operation became due: a reading that was begun earlier proves nothing about it.
    fn due_since(&self, id: OperationId) -> Instant {
        self.agenda.due(id).unwrap_or_else(Instant::now)
    }

    async fn act_for(&mut self, thing: Thing) -> Result<(), Halt> {
        match thing {
            Thing::Document(id) => self.deliver(id).await,
            Thing::Zone => self.read_zone().await,
            Thing::Account => self.check_account().await,
            Thing::Goods => self.sync_page().await,
            Thing::Kits => self.cards_page().await,
        }
    }

    /// Puts off one operation without changing it.
    fn put_off(&mut self, id: OperationId, wait: Duration) {
        self.agenda.set(id, Some(Instant::now() + wait));
    }

    /// Applies an event and writes the new state; returns nothing if another process has moved the operation meanwhile.
    async fn advance(
        &mut self,
        id: OperationId,
        delivery: &Delivery,
        event: Event,
        what: &str,
    ) -> Result<Option<Delivery>, Halt> {
        let next = delivery.apply(event)?;
        let is_first_posted = delivery.state != State::Posted && next.state == State::Posted;
        if is_first_posted && next.way == Way::OneCall {
            self.form.taken();
        }
        let is_form_refused =
            is_first_posted && next.shows_one_call_refused() && self.form.is_evident_with(id);
        let what = if is_form_refused { format!("{what}; {EVIDENT}") } else { what.to_owned() };
        let now = self.parts.clock.wall();
        let advance = Arc::new(Advance { id, from: delivery.state, to: next.clone(), what, now });
        // The result of a request is known only here until it is written, so the write is repeated until it succeeds.
        let (written, failures) = loop {
            let step = Arc::clone(&advance);
            let write = move |db: &mut Db| Ok::<_, store::Error>((db.advance(&step)?, db.failures(step.id)?));
            match self.parts.store.run(write).await? {
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
        let wait = wait_for(next.glance().awaits(), failures, &self.parts.config.api);
        self.agenda.set(id, wait.map(|wait| Instant::now() + wait));
        Ok(written.then_some(next))
    }

    /// Waits for the permission for one request, until the budget has it.
    async fn permit(&mut self) -> Result<Permit, Halt> {
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

    /// Takes in an answer, good or bad: it shows the state of the connection and the server's time. Every answer passes
    /// here.
    async fn heard<T>(&mut self, answer: Result<T, api::Error>) -> Result<T, Halt> {
        if let Some(date) = self.parts.client.take_server_date() {
            self.trust.compare(date.0, self.parts.clock.wall(), self.parts.clock.boot());
            self.server_date = Some((date.0, Instant::now()));
            self.look_at_clock().await?;
        }
        let value = answer?;
        self.failures = 0;
        self.is_in_doubt = false;
        self.blame.heard();
        self.budget.served();
        if self.parts.health.borrow().last_error.is_some() {
            tracing::info!("the service answers again");
        }
        self.tell(ApiState::Ok, None);
        Ok(value)
    }

    /// Returns the service's clock now, or `None` before any answer that gives it.
    fn server_heard(&self) -> Option<UnixMillis> {
        self.server_date.map(|(date, at)| date.plus_ms(i64::try_from(at.elapsed().as_millis()).unwrap_or(0)))
    }

    /// Returns the server's clock now, or ours before any answer.
    fn server_now(&self) -> UnixMillis {
        self.server_heard().unwrap_or_else(|| self.parts.clock.wall())
    }

    /// Returns true if the wall clock is trusted.
    fn is_clock_right(&self) -> bool {
        self.trust.is_trusted()
    }

    /// Follows the system's and the server's word on the clock, and corrects times when the clock becomes right.
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
            let (mut repaired, mut estimated, mut has_more) = (0, 0, true);
            while has_more {
                let step = self.parts.store.run(move |db| db.repair_times(wall, boot)).await??;
                repaired += step.repaired;
                estimated += step.estimated;
                has_more = step.has_more;
            }
            tracing::info!(repaired, estimated, "the clock is right");
            self.end(Cause::Clock).await?;
        } else {
            let why = self.why_not_trusted();
            tracing::warn!("{why}; nothing is posted until they agree, or station.trust_clock is set");
        }
        // The scans' worker may have ended already.
        self.parts.trusted.send_replace(belief);
        Ok(())
    }

    /// Reports why nothing is posted. A clock that no time server has set yet may still be set; if one has, only a
    /// person can decide which clock is wrong.
    async fn tell_of_clock(&mut self) -> Result<(), Halt> {
        let what = format!(
            "{}; nothing is posted until they agree, or station.trust_clock is set",
            self.why_not_trusted()
        );
        tracing::warn!("{what}");
        if self.trust.synchronized && self.trust.agreed == Some(false) {
            self.raise(Cause::Clock, &what).await?;
        }
        Ok(())
    }

    /// Returns what is wrong with the clock, in words.
    fn why_not_trusted(&self) -> String {
        let ours = self.parts.clock.wall();
        match self.server_heard() {
            Some(server) if !agree(server, ours) => {
                Disagreement::of(server, ours, self.trust.synchronized).to_string()
            }
            Some(_) | None => "nothing proves that this machine's clock is right".to_owned(),
        }
    }

    async fn prune(&mut self) -> Result<(), Halt> {
        let history_ms = i64::try_from(self.parts.config.station.history.as_millis()).unwrap_or(i64::MAX);
        self.next_prune = Instant::now() + PRUNE_EVERY;
        // The configuration's word is enough for posting, and too little for deleting history.
        if !self.trust.is_proven() {
            return Ok(());
        }
        let now =
            self.server_heard().map_or(self.parts.clock.wall(), |server| server.min(self.parts.clock.wall()));
        let before = now.plus_ms(history_ms.saturating_neg());
        let pruned = self.parts.store.run(move |db| db.prune(before)).await??;
        if pruned.operations > 0 {
            tracing::info!(pruned = pruned.operations, "old history was pruned");
        }
        if !pruned.is_done {
            self.next_prune = Instant::now();
        }
        Ok(())
    }

    fn tell(&self, state: ApiState, last_error: Option<String>) {
        let health = ApiHealth { state, last_error };
        self.parts.health.send_if_modified(|known| {
            let changed = *known != health;
            *known = health;
            changed
        });
    }

    /// Announces to everybody what concerns no single scanner.
    fn announce(&self, signal: Signal, what: What) {
        self.parts.feedback.announce(Announcement { scanner: None, signal, what });
    }
}

/// Returns how long after its last change an operation is acted on; `None` if only a person can act.
pub(super) fn wait_for(awaits: Awaits, failures: u32, api: &config::Api) -> Option<Duration> {
    match awaits {
        Awaits::Request => Some(Duration::ZERO),
        Awaits::ReadBack => Some(before_reading(api.reconcile_after, failures)),
        Awaits::LateCheck(0) => Some(api.late_check_after),
        // Four times the wait after the posting is three times after the first look.
        Awaits::LateCheck(_) => Some(api.late_check_after * 3),
        Awaits::Nobody => None,
    }
}
