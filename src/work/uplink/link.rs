//! The link to the service: everything that an activity needs for its requests.
//!
//! It gives the permits and receives every answer, and derives from the answers the health of the connection, its retry
//! back-off and both clocks. It raises the alarms, waits while the disk is full, and keeps the worker's heartbeat. It
//! does not depend on any activity.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::alarms::Alarms;
use super::backoff::Backoff;
use super::blame::Blame;
use super::clocks::Clocks;
use super::interrupted::Interrupted;
use super::pause::{Barred, Pause};
use crate::api::{self, Budget, Client, Outcome, Permit, seed};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::clock_trust::ClockEvidence;
use crate::domain::clock_trust::ClockTrust;
use crate::domain::health::ApiHealth;
use crate::domain::health::ApiState;
use crate::domain::signal::Signal;
use crate::domain::text::error_chain;
use crate::feedback::{Feedback, What};
use crate::store::{self, Cause, Db, Store};
use crate::work::heartbeat::Heartbeat;

/// The interval between two tries to write to a store that takes nothing.
const DISK_WAIT: Duration = Duration::from_secs(2);

/// The time that a turn may take in addition to its waits and its request: a memory card may hold the store up.
const PATIENCE: Duration = Duration::from_mins(2);

/// The parts of the program that the link uses together with others.
#[derive(Debug)]
pub struct LinkParts {
    /// The store.
    pub store: Store,
    /// The client.
    pub client: Client,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// The configuration.
    pub config: Arc<Config>,
    /// The receiver of announcements.
    pub feedback: Arc<Feedback>,
    /// The trust in the wall clock, which others follow.
    pub clock_trust: watch::Sender<ClockTrust>,
    /// The state of the connection.
    pub health: watch::Sender<ApiHealth>,
    /// Cancelled when the agent stops.
    pub stop: CancellationToken,
    /// The heartbeat by which the worker shows that it is not stuck.
    pub heartbeat: Arc<Heartbeat>,
}

/// The link.
#[derive(Debug)]
pub struct Link {
    pub(super) store: Store,
    pub(super) client: Client,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) config: Arc<Config>,
    pub(super) stop: CancellationToken,
    pub(super) heartbeat: Arc<Heartbeat>,
    pub(super) clocks: Clocks,
    pub(super) alarms: Alarms,
    pub(super) backoff: Backoff,
    pub(super) pause: Option<Pause>,
    pub(super) blame: Blame,
    health: watch::Sender<ApiHealth>,
    budget: Budget,
}

impl Link {
    /// Returns a link before its first request. Its budget begins used up.
    pub fn new(parts: LinkParts) -> Self {
        let LinkParts { store, client, clock, config, feedback, clock_trust, health, stop, heartbeat } =
            parts;
        let now = Instant::now();
        let (per_minute, per_second) =
            (config.api.requests_per_minute_max, config.api.requests_per_second_max);
        let evidence = ClockEvidence { declared: config.station.trust_clock, ..ClockEvidence::default() };
        let alarms = Alarms::new(store.clone(), Arc::clone(&clock), feedback, config.station.alarm_after);
        Self {
            clocks: Clocks::new(Arc::clone(&clock), evidence, clock_trust),
            alarms,
            backoff: Backoff::new(now),
            pause: None,
            blame: Blame::default(),
            budget: Budget::new(per_minute, per_second, seed(), now),
            store,
            client,
            clock,
            config,
            stop,
            heartbeat,
            health,
        }
    }

    /// Runs a job on the store's thread.
    pub(super) async fn db<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Db) -> Result<T, store::Error> + Send + 'static,
    ) -> Result<T, Interrupted> {
        Ok(self.store.run(job).await??)
    }

    /// Waits for the permission for one request, until the budget has it.
    pub(super) async fn permit(&mut self) -> Result<Permit, Interrupted> {
        loop {
            // A permit in hand is a request on its way: none may begin once the agent stops.
            if self.stop.is_cancelled() {
                return Err(Interrupted::Stopped);
            }
            match self.budget.take(Instant::now()) {
                Ok(permit) => {
                    self.expect_progress_after(Duration::ZERO);
                    return Ok(permit);
                }
                Err(free) => {
                    self.expect_progress_after(free.saturating_duration_since(Instant::now()));
                    tokio::select! {
                        () = sleep_until(free) => {}
                        () = self.stop.cancelled() => return Err(Interrupted::Stopped),
                    }
                }
            }
        }
    }

    /// Takes in an answer, good or bad: it shows the state of the connection and the server's time. Every answer passes
    /// here.
    pub(super) async fn take_answer<T>(&mut self, answer: Result<T, api::Error>) -> Result<T, Interrupted> {
        // A failure has a date, too, and a clock that is wrong may be its reason.
        if let Some(date) = self.client.take_server_date() {
            self.clocks.compare(date.0);
            self.look_at_clock().await?;
        }
        // From here on only a good answer counts: a failure is settled by the activity that knows what it asked for.
        let value = answer?;
        self.backoff.reset();
        self.blame.answered();
        self.budget.served();
        if self.health.borrow().last_error.is_some() {
            tracing::info!("the service answers again");
        }
        self.report(ApiState::Ok, None);
        Ok(value)
    }

    /// Takes in a failure that concerns the connection as a whole.
    pub(super) fn failed(&mut self, error: &api::Error) {
        let now = Instant::now();
        let mut text = error_chain(error);
        if let Some(hint) = error.hint() {
            text.push_str("; ");
            text.push_str(hint);
        }
        let state = match error.outcome() {
            Outcome::NotDone => ApiState::Offline,
            Outcome::Unknown if matches!(error, api::Error::Broken(_)) => ApiState::Offline,
            Outcome::Unknown | Outcome::Refused(_) => ApiState::Error,
            Outcome::Wait(_) => ApiState::Limited,
            Outcome::NotAllowed { .. } => ApiState::Auth,
        };
        // Before the first answer the connection counts as unknown.
        let is_new = {
            let known = self.health.borrow();
            known.state != state || known.last_error.is_none()
        };
        if is_new {
            tracing::warn!(error = %text, "cannot use the service");
        }
        self.report(state, Some(text));
        // Nobody answered, so nothing is known about the thing that was asked for.
        if error.is_silence() {
            self.blame.acquit();
        }
        match error.outcome() {
            Outcome::NotAllowed { .. } => {
                // A pause that stands keeps its operation and its next probe.
                self.pause.get_or_insert_with(|| Pause::new(None));
            }
            Outcome::Wait(asked) => self.backoff.wait_until(self.budget.busy(asked, now)),
            // The service answers; only the thing that was asked for rests.
            Outcome::Refused(_) => {}
            Outcome::NotDone | Outcome::Unknown => {
                let wait = self.backoff.grow(error, now);
                // The budget as well: an activity in the middle of its requests does not return here between them.
                self.budget.close_for(wait, now);
            }
        }
    }

    /// Begins a pause: the service forbade an operation, or does not know the token.
    pub(super) fn pause(&mut self, barred: Option<Barred>) {
        self.pause = Some(Pause::new(barred));
    }

    /// Shows the state of the connection to the others.
    pub(super) fn report(&self, state: ApiState, last_error: Option<String>) {
        let health = ApiHealth { state, last_error };
        self.health.send_if_modified(|known| {
            let changed = *known != health;
            *known = health;
            // Watchers wake only for news; every good answer passes here.
            changed
        });
    }

    /// Follows the system's and the server's word on the clock, and corrects times when the clock becomes right.
    pub(super) async fn look_at_clock(&mut self) -> Result<(), Interrupted> {
        let Some(trust) = self.clocks.look() else { return Ok(()) };
        if trust.is_right() {
            self.repair_times().await?;
            self.alarms.end(Cause::Clock).await?;
        } else {
            let why = self.clocks.why_not_trusted();
            tracing::warn!("{why}; nothing is posted until they agree, or station.trust_clock is set");
        }
        // Only now: whoever acts on it finds the stored times repaired.
        self.clocks.publish(trust);
        Ok(())
    }

    async fn repair_times(&self) -> Result<(), Interrupted> {
        let (wall, boot) = (self.clock.wall(), self.clock.boot());
        let (mut repaired, mut estimated, mut has_more) = (0, 0, true);
        while has_more {
            let step = self.db(move |db| db.repair_times(wall, boot)).await?;
            repaired += step.repaired;
            estimated += step.estimated;
            has_more = step.has_more;
        }
        tracing::info!(repaired, estimated, "the clock is right");
        Ok(())
    }

    /// Reports why nothing is posted, and calls a person if only one can help.
    pub(super) async fn report_clock(&mut self) -> Result<(), Interrupted> {
        let what = format!(
            "{}; nothing is posted until they agree, or station.trust_clock is set",
            self.clocks.why_not_trusted()
        );
        tracing::warn!("{what}");
        if self.clocks.needs_person() {
            self.alarms.raise(Cause::Clock, &what).await?;
        }
        Ok(())
    }

    /// Announces to everybody what concerns no single scanner.
    pub(super) fn announce(&self, signal: Signal, what: What) {
        self.alarms.announce(signal, what);
    }

    /// Brings the alarms up to date with the documents.
    pub(super) async fn review_alarms(&mut self) -> Result<(), Interrupted> {
        self.alarms.review(self.clocks.trusted_wall()).await
    }

    /// Waits while the store cannot write: a person must make room on a full disk, and a restart does not help.
    pub(super) async fn wait_for_disk(&self, error: &store::Error) -> Result<(), Interrupted> {
        self.expect_progress_after(DISK_WAIT);
        tracing::error!(error = %error_chain(error), "the store takes nothing; delivery waits");
        tokio::select! {
            () = sleep(DISK_WAIT) => Ok(()),
            () = self.stop.cancelled() => Err(Interrupted::Stopped),
        }
    }

    /// Notes that there will be progress after this wait, a request and the time that the store takes.
    pub(super) fn expect_progress_after(&self, wait: Duration) {
        let patience = wait.saturating_add(self.config.api.request_timeout).saturating_add(PATIENCE);
        self.heartbeat.expect_within(patience, self.clock.as_ref());
    }
}
