//! The connection to the service, and what is done on it.
//!
//! [`link`] is what every request needs: permits, answers, the health of the connection, the clocks, the alarms. The
//! activities above it own their state and know the link, not the scheduler: deliveries ([`deliver`], over `outbox`,
//! `reconcile` and `remove`; `strategy` chooses how new ones begin), the facts of the account ([`account`]), the goods
//! table ([`catalog`], over `full` and `changes`), the bills of materials ([`kits`]). On top, [`Uplink`] chooses the
//! next task, one at a time. One request at a time needs no locks, keeps the order, and is all that the service's limit
//! leaves room for. If the service answers, only the thing that fails is put off (`blame`).

pub mod account;
mod agenda;
mod alarms;
mod backoff;
mod blame;
pub mod catalog;
mod changes;
mod clocks;
pub mod deliver;
mod failing;
mod full;
mod goods_page;
mod home;
pub mod interrupted;
pub mod kits;
pub mod link;
mod loss;
mod outbox;
mod page_size;
mod parked;
mod pause;
mod probe;
mod prune;
mod reconcile;
mod records;
mod remove;
mod resting;
mod strategy;
mod waits;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::api::Outcome;
use crate::domain::home::Home;
use crate::domain::text::error_chain;
use crate::work::Error;
use crate::work::heartbeat::Heartbeat;
use crate::work::uplink::account::Account;
use crate::work::uplink::blame::Thing;
use crate::work::uplink::catalog::Catalog;
use crate::work::uplink::deliver::Deliveries;
use crate::work::uplink::failing::Hope;
use crate::work::uplink::home::Belonging;
use crate::work::uplink::interrupted::Interrupted;
use crate::work::uplink::kits::Kits;
use crate::work::uplink::link::{Link, LinkParts};
use crate::work::uplink::probe::{Probe, Probed};
use crate::work::uplink::prune::Pruning;
use crate::work::uplink::resting::Resting;

/// The longest time for a request that is under way when the agent stops. Its result is then uncertain and read back
/// after the next start.
const STOP_GRACE: Duration = Duration::from_secs(6);

/// The interval between two checks of the outbox when no change was announced: a command beside the agent may have
/// returned an operation to the queue.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The parts that the worker shares with other workers.
#[derive(Debug)]
pub struct Parts {
    /// The parts of the link.
    pub link: LinkParts,
    /// The home of this station: only data that belongs here is sent.
    pub home: Home,
    /// Notified when a document is ready for delivery.
    pub wake: Arc<Notify>,
    /// Notified when a person asks for the goods table to be read now.
    pub sync_now: Arc<Notify>,
}

/// The next task.
#[derive(Debug)]
enum Task {
    /// Sends a request that shows whether the service answers, the token is good and the clock is right.
    Probe,
    /// Does the next step for one thing.
    For(Thing),
    Prune,
    Wait(Instant),
}

/// The worker.
#[derive(Debug)]
pub struct Uplink {
    link: Link,
    belonging: Belonging,
    probe: Probe,
    deliveries: Deliveries,
    account: Account,
    catalog: Catalog,
    kits: Kits,
    resting: Resting,
    pruning: Pruning,
    wake: Arc<Notify>,
    sync_now: Arc<Notify>,
}

impl Uplink {
    /// Returns a worker without any knowledge of the service; it reads the rest from the store when it runs.
    pub fn new(parts: Parts) -> Self {
        let Parts { link, home, wake, sync_now } = parts;
        let now = Instant::now();
        Self {
            belonging: Belonging::new(home, now),
            probe: Probe::new(now),
            deliveries: Deliveries::default(),
            account: Account::new(link.config.station.time_zone.clone()),
            catalog: Catalog::new(now),
            kits: Kits::new(now),
            resting: Resting::default(),
            pruning: Pruning::new(now),
            link: Link::new(link),
            wake,
            sync_now,
        }
    }

    /// Returns the token that stops this worker.
    pub fn stop(&self) -> CancellationToken {
        self.link.stop.clone()
    }

    /// Returns the heartbeat by which this worker shows that it is not stuck.
    pub fn heartbeat(&self) -> Arc<Heartbeat> {
        Arc::clone(&self.link.heartbeat)
    }

    /// Works until the agent stops.
    ///
    /// # Errors
    /// [`Error`] if the store has ended or is damaged. No failure of the service is an error here.
    pub async fn run(mut self) -> Result<(), Error> {
        let (stop, heartbeat) = (self.stop(), self.heartbeat());
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
        heartbeat.rest();
        ended
    }

    /// Does one task after the other until the agent stops.
    async fn work(&mut self) -> Result<(), Error> {
        match self.take_up().await {
            Err(Interrupted::Stopped) => return Ok(()),
            Err(Interrupted::Fatal(error)) => return Err(error),
            // Nothing was sent yet, so there is nothing to back off from.
            Ok(()) | Err(Interrupted::Api(_)) => {}
        }
        while !self.link.stop.is_cancelled() {
            match self.turn().await {
                Ok(()) => {}
                Err(Interrupted::Stopped) => return Ok(()),
                Err(Interrupted::Api(error)) => self.link.failed(&error),
                // A full disk does not end the worker: after a restart it would be as full.
                Err(Interrupted::Fatal(Error::Store(error))) if error.is_passing() => {
                    if self.link.wait_for_disk(&error).await.is_err() {
                        return Ok(());
                    }
                }
                Err(Interrupted::Fatal(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads the state that the process before this one left in the store.
    async fn take_up(&mut self) -> Result<(), Interrupted> {
        self.link.look_at_clock().await?;
        self.account.recall(&self.link).await?;
        self.deliveries.outbox.recall(&mut self.link).await
    }

    /// Chooses and does one task.
    async fn turn(&mut self) -> Result<(), Interrupted> {
        self.link.expect_progress_after(Duration::ZERO);
        self.link.look_at_clock().await?;
        self.account.warn_of_age(&mut self.link).await?;
        // It comes before the choice: a document that is at fault must not be chosen again at once.
        self.convict().await?;
        self.link.review_alarms().await?;
        match self.choose().await? {
            Task::Probe => self.send_probe().await,
            Task::For(thing) => {
                let ended = self.act_for(thing).await;
                self.ended(thing, ended).await
            }
            Task::Prune => self.pruning.step(&self.link).await,
            Task::Wait(until) => self.wait(until).await,
        }
    }

    /// Chooses the next task. The outbox is not read while the connection is closed. Deliveries come before everything
    /// except the facts that they need. The goods table comes last, except for its first reading: without it no code
    /// has a good.
    async fn choose(&mut self) -> Result<Task, Interrupted> {
        let now = Instant::now();
        // A copied data folder would post again what the original has posted.
        if !self.belonging.is_at_home(&mut self.link).await? {
            return Ok(Task::Wait(now + LOOK_EVERY));
        }
        let closed_until = self.link.backoff.closed_until();
        // Nothing may be sent, not even a probe, so there is nothing to choose.
        if closed_until > now {
            return Ok(Task::Wait(closed_until));
        }
        if let Some(pause) = &self.link.pause {
            let probe = pause.next_probe;
            return Ok(if probe <= now { Task::Probe } else { Task::Wait(probe) });
        }
        if self.link.backoff.is_in_doubt() {
            return Ok(Task::Probe);
        }
        // It is read only here, because nothing can be sent before this point.
        self.deliveries.outbox.refresh(&self.link, now).await?;
        if let Some(task) = self.choose_delivery(now) {
            return Ok(task);
        }
        Ok(match self.choose_reading(now) {
            Some(thing) => Task::For(thing),
            None if self.pruning.is_due(now) => Task::Prune,
            None => Task::Wait(self.next_look(now)),
        })
    }

    /// Chooses a delivery, or the request for a fact that deliveries need.
    fn choose_delivery(&mut self, now: Instant) -> Option<Task> {
        if self.deliveries.outbox.is_empty() {
            return None;
        }
        if !self.link.clocks.is_right() {
            return self.probe.is_due(now).then_some(Task::Probe);
        }
        // A document's date needs the location's time zone.
        if self.account.zone().is_none() {
            return self.resting.lets(Thing::Zone, now).then_some(Task::For(Thing::Zone));
        }
        let id = self.deliveries.choose(now)?;
        Some(Task::For(Thing::Document(id)))
    }

    /// Chooses the reading that is due.
    fn choose_reading(&self, now: Instant) -> Option<Thing> {
        let was_complete = self.catalog.was_ever_complete();
        let is_due = |thing: &Thing| match thing {
            Thing::Account => self.account.is_due(now),
            Thing::Goods => self.catalog.is_due(now),
            // Without the goods, no card's materials are known.
            Thing::Kits => self.kits.is_due(now) && was_complete,
            Thing::Document(_) | Thing::Zone => false,
        };
        let order = if was_complete {
            [Thing::Account, Thing::Goods, Thing::Kits]
        } else {
            [Thing::Goods, Thing::Account, Thing::Kits]
        };
        order.into_iter().find(|thing| is_due(thing) && self.resting.lets(*thing, now))
    }

    /// Returns the time of the next check for work.
    fn next_look(&self, now: Instant) -> Instant {
        let soon = now + LOOK_EVERY;
        let times = [Some(self.catalog.next()), self.deliveries.outbox.next_due()].into_iter().flatten();
        // Work that is due and was not chosen is put off for some reason; it is checked again soon.
        times.filter(|at| *at > now).chain([soon]).min().unwrap_or(soon)
    }

    /// Does the next step for a thing.
    async fn act_for(&mut self, thing: Thing) -> Result<(), Interrupted> {
        let (link, account) = (&mut self.link, &mut self.account);
        match thing {
            Thing::Document(id) => self.deliveries.deliver(link, account, id).await,
            Thing::Zone => account.read_zone(link).await,
            Thing::Account => account.check(link).await,
            Thing::Goods => {
                let ended = self.catalog.step(link, account).await;
                // Cards of goods that were not known may be kits now.
                if self.catalog.take_replaced() {
                    self.kits.hurry(Instant::now());
                }
                ended
            }
            Thing::Kits => self.kits.read_page(link).await,
        }
    }

    /// Sends the probe, and applies its result to an operation that was forbidden.
    async fn send_probe(&mut self) -> Result<(), Interrupted> {
        match self.probe.send(&mut self.link).await? {
            Probed::Answered => {}
            Probed::ForbiddenAlone(barred) => {
                self.deliveries.forbidden_alone(&mut self.link, barred).await?;
            }
            Probed::Failed => self.deliveries.forget_retrial(),
        }
        Ok(())
    }

    /// Waits until a time, or until work or a stop is announced.
    async fn wait(&mut self, until: Instant) -> Result<(), Interrupted> {
        self.link.expect_progress_after(until.saturating_duration_since(Instant::now()));
        tokio::select! {
            () = sleep_until(until) => {}
            () = self.wake.notified() => {}
            () = self.sync_now.notified() => {
                self.resting.forgive(Thing::Goods);
                self.catalog.hurry(Instant::now());
            }
            () = self.link.stop.cancelled() => return Err(Interrupted::Stopped),
        }
        Ok(())
    }

    /// Notes the result of a step for a thing.
    async fn ended(&mut self, thing: Thing, ended: Result<(), Interrupted>) -> Result<(), Interrupted> {
        let error = match ended {
            Ok(()) => {
                self.resting.forgive(thing);
                return Ok(());
            }
            Err(Interrupted::Api(error)) => error,
            Err(interrupted) => return Err(interrupted),
        };
        // It comes first: a service that does not answer clears the things that were accused before, but not this one.
        self.link.failed(&error);
        let fault = error_chain(&error);
        match error.outcome() {
            // The next answer decides whether the thing or the connection is at fault.
            Outcome::Unknown | Outcome::NotAllowed { status: 403, .. } => {
                self.link.blame.accuse(thing, fault);
            }
            Outcome::Refused(_) => self.fails(thing, &fault).await?,
            Outcome::NotAllowed { .. } | Outcome::NotDone | Outcome::Wait(_) => {}
        }
        if let Thing::Document(id) = thing {
            self.deliveries.outbox.put_behind(id);
        }
        Ok(())
    }

    /// Puts off each thing that failed although the service answers.
    async fn convict(&mut self) -> Result<(), Interrupted> {
        for (thing, fault) in self.link.blame.take_convicted() {
            self.fails(thing, &fault).await?;
        }
        Ok(())
    }

    /// Notes that a thing failed by itself; it waits longer than after its last failure.
    async fn fails(&mut self, thing: Thing, fault: &str) -> Result<(), Interrupted> {
        if let Thing::Document(id) = thing {
            return self.deliveries.outbox.fails(&mut self.link, id, fault, Hope::MayPass).await;
        }
        self.resting.fails(&mut self.link, thing, fault);
        Ok(())
    }
}
