//! The handle of a running agent: commands, the station page and the owner of the agent use it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use tokio::sync::{Notify, broadcast, mpsc, watch};

use super::Error;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::device::health::AllHealth;
use crate::domain::clock_trust::ClockTrust;
use crate::domain::health::ApiHealth;
use crate::domain::health::Health;
use crate::domain::ids::{CardId, ScannerName};
use crate::domain::session::advice::Advice;
use crate::domain::time::{BootMillis, UnixMillis};
use crate::feedback::{Announcement, Feedback};
use crate::meter::{Commits, Requests};
use crate::socket::Request;
use crate::status::{Location, Reporter, Station, Status};
use crate::store::{self, Cause, Figures, Store};
use crate::work::scans::Input;

/// A handle to a running agent. Clones are cheap and share the agent.
#[derive(Debug, Clone)]
pub struct Handle(pub(super) Arc<Shared>);

/// The parts of a running agent that its handles share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) page_address: OnceLock<SocketAddr>,
    pub(super) config: Arc<Config>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) store: Store,
    pub(super) feedback: Arc<Feedback>,
    pub(super) inputs: mpsc::Sender<Input>,
    pub(super) health: watch::Receiver<ApiHealth>,
    pub(super) clock_trust: watch::Receiver<ClockTrust>,
    pub(super) scanner_health: watch::Receiver<AllHealth>,
    pub(super) meters: Meters,
    pub(super) advice: watch::Receiver<BTreeMap<ScannerName, Advice>>,
    pub(super) pending: watch::Receiver<BTreeMap<ScannerName, u16>>,
    pub(super) sync_now: Arc<Notify>,
    pub(super) wake: Arc<Notify>,
}

/// The counters and times of the running agent.
#[derive(Debug, Clone)]
pub(super) struct Meters {
    pub(super) requests: Requests,
    pub(super) commits: Commits,
    /// The time at which the agent was built.
    pub(super) started: BothClocks,
}

/// One moment by the wall clock and by the boot clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct BothClocks {
    pub(super) wall: UnixMillis,
    pub(super) boot: BootMillis,
}

/// Describes the station from its configuration and from the mode and storage that control codes have set.
pub fn station(config: &Config, figures: &Figures) -> Station {
    let binding = |scanner: &config::Scanner| (scanner.name.clone(), scanner.mode, scanner.storage_id);
    Station {
        name: config.station.name.clone(),
        mode: config.station.mode,
        storage: config.storage_in_force(figures.storage),
        bindings: config.scanners.iter().map(binding).collect(),
        location: location(config, &figures.location),
    }
}

/// Returns the time zone and the storage names. What the configuration leaves out comes from the service.
pub fn location(config: &Config, from_service: &store::Location) -> Location {
    let named = config.storages().into_iter().filter_map(|storage| Some((storage.id, storage.name?)));
    Location::new(from_service, config.station.time_zone.clone(), named)
}

impl Handle {
    /// Subscribes to every announcement from now on.
    pub fn listen(&self) -> broadcast::Receiver<Announcement> {
        self.0.feedback.listen()
    }

    /// Returns the last announcements, newest first.
    pub fn recent(&self) -> Vec<Announcement> {
        self.0.feedback.recent()
    }

    /// Returns the address of the station's page, if it is served on TCP.
    pub fn page(&self) -> Option<SocketAddr> {
        self.0.page_address.get().copied()
    }

    /// Requests a full read of the goods table now.
    pub fn sync(&self) {
        // `Notify` keeps one permit: a request that arrives during a read starts one more read after it.
        self.0.sync_now.notify_one();
    }

    /// Sends the agent an input as a scanner would, and waits while the queue is full.
    ///
    /// # Errors
    /// [`store::StoreClosed`] if the agent has ended.
    pub async fn feed(&self, input: Input) -> Result<(), store::StoreClosed> {
        self.0.inputs.send(input).await.map_err(|_ended| store::StoreClosed)
    }

    /// Returns the figures of the store at this moment.
    ///
    /// # Errors
    /// [`Error`] if the agent has ended or the store cannot be read.
    pub async fn figures(&self) -> Result<Figures, Error> {
        Ok(self.0.store.run(|db| db.figures()).await??)
    }

    /// Returns the cards that kits can be made of.
    ///
    /// # Errors
    /// [`Error`] if the agent has ended or the store cannot be read.
    pub async fn cards(&self) -> Result<Vec<CardId>, Error> {
        let cards = self.0.store.run(|db| db.cards()).await??;
        Ok(cards.into_iter().map(|(card, _title)| card).collect())
    }

    /// Returns the whole status at this moment.
    ///
    /// # Errors
    /// [`Error`] if the agent has ended or the store cannot be read.
    pub async fn status(&self) -> Result<Status, Error> {
        let figures = self.figures().await?;
        let now = self.0.clock.wall();
        let config = &self.0.config;
        Ok(Status::new(station(config, &figures), &figures, self.health(), Reporter::Agent, now))
    }

    /// Raises an alarm. A failure to store it is logged and not returned.
    pub(super) async fn raise(&self, cause: Cause, what: &str) {
        let (now, what) = (self.0.clock.wall(), what.to_owned());
        let raised = self.0.store.run(move |db| db.raise_alarm(&cause, &what, now)).await;
        if !matches!(raised, Ok(Ok(_))) {
            tracing::warn!("an alarm was not stored");
        }
    }

    /// Returns the health of the connection, the scanners and the clock.
    pub(super) fn health(&self) -> Health {
        let mut scanners = self.0.scanner_health.borrow().at(self.0.clock.boot());
        // Each worker publishes its own part; none of them waits for another one here.
        for scanner in &mut scanners {
            scanner.refused = self.0.feedback.refused(&scanner.name);
            scanner.advice = self.0.advice.borrow().get(&scanner.name).copied();
            scanner.quantity = self.0.pending.borrow().get(&scanner.name).copied();
        }
        Health {
            api: self.0.health.borrow().clone(),
            scanners,
            clock_trusted: self.0.clock_trust.borrow().is_right(),
        }
    }

    /// Returns the store, for tests and for commands that need more than the status.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Returns the answer to a request from a command.
    pub(super) async fn answer(&self, request: Request) -> String {
        match request {
            Request::Status => match self.status().await {
                Ok(status) => status.json(),
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "no status");
                    // A command that gets no status from the agent reads the files.
                    String::new()
                }
            },
            Request::Sync => {
                self.sync();
                "ok".to_owned()
            }
            Request::Wake => {
                self.0.wake.notify_one();
                "ok".to_owned()
            }
        }
    }
}
