//! The status of the station: the figures by which its books balance, and the state of its parts.

mod location;
mod tables;
mod words;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::delivery::State;
use crate::domain::health::{ApiHealth, ApiState, Health, ScannerState};
use crate::domain::ids::{ScannerName, StorageId};
use crate::domain::printable::harmless;
use crate::domain::stock::mode::Mode;
use crate::domain::stock::quantity::Quantity;
use crate::domain::time::UnixMillis;
use crate::store::{Alarm, Figures, StateCount};

pub use location::Location;
pub use tables::Figure;

/// The station as the configuration describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Station {
    /// Its name.
    pub name: String,
    /// The mode before a control code sets one.
    pub mode: Mode,
    /// The storage of scanners that have none of their own.
    pub storage: StorageId,
    /// The fixed mode and storage of each scanner, in the order of the configuration; `None` where it has none.
    pub bindings: Vec<(ScannerName, Option<Mode>, Option<StorageId>)>,
    /// The storage names and the time zone of its location.
    pub location: Location,
}

/// The reporter of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reporter {
    /// A running agent.
    Agent,
    /// A command that has read the files, because no agent runs.
    Command,
}

/// The whole status, as `stockpoint status --json` prints it.
///
/// A command of one version may read the status of an agent of another: members that came later have defaults.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    station: String,
    mode: String,
    /// The storage of scanners that have none of their own; 0 from an agent that does not report it.
    #[serde(default)]
    storage_id: i64,
    /// The storage's name, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    storage_name: Option<String>,
    /// The location's time zone: an IANA name, or hours from UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    version: String,
    /// True if a running agent gave this status; false if it was read from the files.
    running: bool,
    scans: ScansJson,
    units: UnitsJson,
    outbox: OutboxJson,
    goods: GoodsJson,
    scanners: Vec<ScannerJson>,
    clock: ClockJson,
    api: ApiJson,
    /// The alarms that still stand; empty from an agent that does not report them.
    #[serde(default)]
    alarms: Vec<AlarmJson>,
    #[serde(default)]
    data: DataJson,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct AlarmJson {
    id: i64,
    since: String,
    what: String,
    seen: bool,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct DataJson {
    id: String,
    machine: String,
    state: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct ScansJson {
    accepted: u64,
    booked: u64,
    undone: u64,
    unknown: u64,
    refused: u64,
    control: u64,
    lookup: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct UnitsJson {
    booked: String,
    undone: String,
    open: String,
    queued: String,
    in_flight: String,
    posted: String,
    refused: String,
    cancelled: String,
    parked: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct OutboxJson {
    open: u64,
    queued: u64,
    sending: u64,
    uncertain: u64,
    posted: u64,
    refused: u64,
    cancelled: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct GoodsJson {
    count: u64,
    synced_at: Option<String>,
    age_s: Option<i64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct ScannerJson {
    name: String,
    kind: String,
    state: ScannerState,
    #[serde(default)]
    mode: String,
    #[serde(default)]
    storage_id: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    storage_name: Option<String>,
    last_scan_at: Option<String>,
    #[serde(default)]
    reconnects: u64,
    #[serde(default)]
    refused: u64,
    #[serde(default)]
    fault: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quantity: Option<u16>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct ClockJson {
    trusted: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct ApiJson {
    state: ApiState,
    last_error: Option<String>,
}

impl Status {
    /// Builds the status from the station, its figures and the health of its parts.
    pub fn new(
        station: Station,
        figures: &Figures,
        health: Health,
        reporter: Reporter,
        now: UnixMillis,
    ) -> Self {
        let Station { name: station, mode, storage, bindings, location } = station;
        let name_of = |storage| location.name(storage).map(str::to_owned);
        // A commanded mode goes before the configured one, and a scanner's own before both.
        let mode = figures.mode.unwrap_or(mode);
        let binding = |name: &ScannerName| {
            let own = bindings.iter().find(|(scanner, ..)| scanner == name);
            own.map_or((mode, storage), |(_, own_mode, own_storage)| {
                (own_mode.unwrap_or(mode), own_storage.unwrap_or(storage))
            })
        };
        let scanners = health.scanners.into_iter().map(|scanner| ScannerJson {
            name: scanner.name.to_string(),
            kind: scanner.kind.to_owned(),
            state: scanner.state,
            mode: binding(&scanner.name).0.as_str().to_owned(),
            storage_id: binding(&scanner.name).1.0,
            storage_name: name_of(binding(&scanner.name).1),
            last_scan_at: scanner.last_scan_at.map(rfc3339),
            reconnects: scanner.reconnects,
            refused: scanner.refused,
            fault: scanner.fault,
            advice: scanner.advice.map(|advice| advice.to_string()),
            quantity: scanner.quantity,
        });
        Self {
            mode: mode.as_str().to_owned(),
            station,
            storage_id: storage.0,
            storage_name: name_of(storage),
            time_zone: location.zone_text(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            running: reporter == Reporter::Agent,
            scans: scans(figures),
            units: units(figures),
            outbox: outbox(figures),
            goods: GoodsJson {
                count: figures.goods.count,
                synced_at: figures.goods.synced_at.map(rfc3339),
                // The clock may have been corrected since: an age is never negative.
                age_s: figures.goods.synced_at.map(|at| now.ms_since(at).max(0) / 1000),
            },
            scanners: scanners.collect(),
            clock: ClockJson { trusted: health.clock_trusted },
            api: ApiJson { state: health.api.state, last_error: health.api.last_error },
            alarms: figures.alarms.iter().map(alarm).collect(),
            data: DataJson {
                id: figures.data.id.clone(),
                machine: figures.data.machine.clone(),
                state: figures.data.state.as_str().to_owned(),
            },
        }
    }

    /// Returns the station's name.
    pub fn station(&self) -> &str {
        &self.station
    }

    /// Returns the state of the connection to the service.
    pub fn api(&self) -> ApiHealth {
        ApiHealth { state: self.api.state, last_error: self.api.last_error.clone() }
    }

    /// Returns the version of the program that gave this status.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the state of a scanner, if it is configured.
    pub fn scanner_state(&self, name: &ScannerName) -> Option<ScannerState> {
        let scanner = self.scanners.iter().find(|scanner| scanner.name == name.as_str());
        scanner.map(|scanner| scanner.state)
    }

    /// Returns the advice on a scanner's set-up, if its codes suggest any.
    pub fn scanner_advice(&self, name: &ScannerName) -> Option<&str> {
        let scanner = self.scanners.iter().find(|scanner| scanner.name == name.as_str())?;
        scanner.advice.as_deref()
    }

    /// Returns true if a running agent gave this status.
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// Returns the mode of scanners that have none of their own.
    pub fn mode(&self) -> &str {
        &self.mode
    }

    /// Returns the alarms that still stand, the oldest first, each with true if a person has seen it.
    pub fn alarms(&self) -> impl Iterator<Item = (&str, bool)> {
        self.alarms.iter().map(|alarm| (alarm.what.as_str(), alarm.seen))
    }

    /// Returns the status as one JSON object on one line.
    ///
    /// # Panics
    /// Never: everything in it can be written as JSON.
    pub fn json(&self) -> String {
        let text = serde_json::to_string(self).expect("the status holds nothing that JSON cannot");
        // Names from the service may hold characters that a terminal obeys.
        harmless(&text).into_owned()
    }
}

/// Formats a time as RFC 3339, in UTC, to the second.
pub fn rfc3339(at: UnixMillis) -> String {
    let time = Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn alarm(alarm: &Alarm) -> AlarmJson {
    AlarmJson { id: alarm.id, since: rfc3339(alarm.since), what: alarm.what.clone(), seen: alarm.is_seen }
}

fn scans(figures: &Figures) -> ScansJson {
    ScansJson {
        accepted: figures.scans.accepted(),
        booked: figures.scans.booked,
        undone: figures.scans.undone,
        unknown: figures.scans.unknown,
        refused: figures.scans.refused,
        control: figures.scans.control,
        lookup: figures.scans.lookup,
    }
}

fn units(figures: &Figures) -> UnitsJson {
    let in_state = |state| figures.of(state).units.to_string();
    // An uncertain document may or may not be on the service: its units are still on their way.
    let in_flight: Quantity =
        [State::Sending, State::Uncertain].map(|state| figures.of(state).units).into_iter().sum();
    UnitsJson {
        booked: figures.units_booked.to_string(),
        undone: figures.units_undone.to_string(),
        open: in_state(State::Open),
        queued: in_state(State::Queued),
        in_flight: in_flight.to_string(),
        posted: in_state(State::Posted),
        refused: in_state(State::Refused),
        cancelled: in_state(State::Cancelled),
        parked: figures.units_parked.to_string(),
    }
}

fn outbox(figures: &Figures) -> OutboxJson {
    let count = |state| {
        let StateCount { operations, .. } = figures.of(state);
        operations
    };
    OutboxJson {
        open: count(State::Open),
        queued: count(State::Queued),
        sending: count(State::Sending),
        uncertain: count(State::Uncertain),
        posted: count(State::Posted),
        refused: count(State::Refused),
        cancelled: count(State::Cancelled),
    }
}
