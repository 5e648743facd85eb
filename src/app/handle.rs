//! The agent as others see it: commands, the page, and whoever owns it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use tokio::sync::{Notify, broadcast, mpsc, watch};

use super::Error;
use super::scanners;
use super::site::Meters;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::domain::advice::Advice;
use crate::domain::ids::{CardId, ScannerName};
use crate::feedback::{Announcement, Feedback};
use crate::socket::Request;
use crate::status::{ApiHealth, Health, Location, Station, Status};
use crate::store::{self, Cause, Figures, Store};
use crate::work::scans::Input;
use crate::work::trust::Belief;

/// What commands, the page and the owner of an agent see of it.
#[derive(Debug, Clone)]
pub struct Handle(pub(super) Arc<Shared>);

/// What a running agent is seen by, and reached through.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) page_address: OnceLock<SocketAddr>,
    pub(super) config: Arc<Config>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) store: Store,
    pub(super) feedback: Arc<Feedback>,
    pub(super) inputs: mpsc::Sender<Input>,
    pub(super) health: watch::Receiver<ApiHealth>,
    pub(super) trusted: watch::Receiver<Belief>,
    pub(super) scanner_health: watch::Receiver<scanners::AllHealth>,
    pub(super) meters: Meters,
    pub(super) advice: watch::Receiver<BTreeMap<ScannerName, Advice>>,
    pub(super) pending: watch::Receiver<BTreeMap<ScannerName, u16>>,
    pub(super) sync_now: Arc<Notify>,
    pub(super) wake: Arc<Notify>,
}

/// Describes the station as its configuration, its commands and the service do.
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

/// The location as people know it: by the configuration and, where that is silent, by what the service told.
pub fn location(config: &Config, told: &store::Location) -> Location {
    let named = config.storages().into_iter().filter_map(|storage| Some((storage.id, storage.name?)));
    Location::new(told, config.station.time_zone.clone(), named)
}

impl Handle {
    /// Hears every announcement from now on.
    pub fn listen(&self) -> broadcast::Receiver<Announcement> {
        self.0.feedback.listen()
    }

    /// What was announced last, newest first.
    pub fn recent(&self) -> Vec<Announcement> {
        self.0.feedback.recent()
    }

    /// Where the station's page is, if it is served.
    pub fn page(&self) -> Option<SocketAddr> {
        self.0.page_address.get().copied()
    }

    /// Has the goods table read as a whole now.
    pub fn sync(&self) {
        self.0.sync_now.notify_one();
    }

    /// Feeds the agent as a scanner would.
    ///
    /// # Errors
    /// [`store::StoreClosed`] if the agent has ended.
    pub async fn feed(&self, input: Input) -> Result<(), store::StoreClosed> {
        self.0.inputs.send(input).await.map_err(|_ended| store::StoreClosed)
    }

    /// The figures at this moment.
    ///
    /// # Errors
    /// [`Error`] if the agent has ended or the store cannot be read.
    pub async fn figures(&self) -> Result<Figures, Error> {
        Ok(self.0.store.run(|db| db.figures()).await??)
    }

    /// The cards that kits can be made of.
    ///
    /// # Errors
    /// [`Error`] if the agent has ended or the store cannot be read.
    pub async fn cards(&self) -> Result<Vec<CardId>, Error> {
        let cards = self.0.store.run(|db| db.cards()).await??;
        Ok(cards.into_iter().map(|(card, _title)| card).collect())
    }

    /// The whole status at this moment.
    ///
    /// # Errors
    /// [`Error`] if the agent has ended or the store cannot be read.
    pub async fn status(&self) -> Result<Status, Error> {
        let figures = self.figures().await?;
        let now = self.0.clock.wall();
        let config = &self.0.config;
        Ok(Status::new(station(config, &figures), &figures, self.health(), true, now))
    }

    /// Raises an alarm. Where it cannot be stored, the log has it.
    pub(super) async fn raise(&self, cause: Cause, what: &str) {
        let (now, what) = (self.0.clock.wall(), what.to_owned());
        let raised = self.0.store.run(move |db| db.raise_alarm(&cause, &what, now)).await;
        if !matches!(raised, Ok(Ok(_))) {
            tracing::warn!("an alarm was not stored");
        }
    }

    /// How its parts do.
    pub(super) fn health(&self) -> Health {
        let mut scanners = self.0.scanner_health.borrow().at(self.0.clock.boot());
        for scanner in &mut scanners {
            scanner.refused = self.0.feedback.refused(&scanner.name);
            scanner.advice = self.0.advice.borrow().get(&scanner.name).copied();
            scanner.quantity = self.0.pending.borrow().get(&scanner.name).copied();
        }
        Health {
            api: self.0.health.borrow().clone(),
            scanners,
            clock_trusted: self.0.trusted.borrow().is_right(),
        }
    }

    /// The store, for tests and commands that look deeper.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// What a command is told.
    pub(super) async fn answer(&self, request: Request) -> String {
        match request {
            Request::Status => match self.status().await {
                Ok(status) => status.json(),
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "no status");
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
