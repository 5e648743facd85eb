//! `/metrics`: the figures in the text format of Prometheus
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
//!
//! They are the figures of `stockpoint status`, taken at one moment. Counts are since the data folder was created,
//! except those of requests, times and reconnections, which are since the start. A figure that can fall again is a
//! gauge even if its name sounds like a count: a parked scan becomes a booked one. No label holds a code, a title or a
//! token; the only names in labels are those of scanners, at most 32.
//!
//! The guide's page `operating` lists every name, and a test compares the two.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_text;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeMetric, MetricEncoder,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::domain::delivery::State;
use crate::domain::health::ApiState;
use crate::domain::health::Health;
use crate::domain::health::{ScannerMeter, ScannerState};
use crate::domain::stock::quantity::Quantity;
use crate::domain::time::UnixMillis;
use crate::meter::{Commits, Requests};
use crate::store::Figures;

pub(crate) use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;

/// All figures, taken at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) figures: Figures,
    pub(crate) needing_a_person: u64,
    pub(crate) health: Health,
    pub(crate) scanners: Vec<ScannerMeter>,
    pub(crate) disk: Disk,
    pub(crate) now: UnixMillis,
    pub(crate) started: UnixMillis,
    pub(crate) requests: Requests,
    pub(crate) commits: Commits,
    pub(crate) event_clients: usize,
}

/// The free space and the files of the data folder.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    pub(crate) free_bytes: Option<u64>,
    /// The name and the size of each file, in bytes.
    pub(crate) files: Vec<(&'static str, u64)>,
}

impl Snapshot {
    /// Returns the figures as text.
    pub(crate) fn text(self) -> String {
        let mut registry = Registry::with_prefix("stockpoint");
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        prometheus_text::encode(&mut text, &registry).expect("a text takes whatever is written to it");
        text
    }
}

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Exposition { encoder };
        self.program(&mut out)?;
        self.books(&mut out)?;
        self.goods(&mut out)?;
        self.scanners(&mut out)?;
        self.service(&mut out)?;
        self.storage(&mut out)
    }
}

impl Snapshot {
    fn program(&self, out: &mut Exposition<'_>) -> fmt::Result {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        out.family(
            "build_info",
            "The program's version",
            "version",
            version.map(|(_, version)| (version, 1_i64)),
        )?;
        let started = self.started.0.div_euclid(1000);
        out.gauge("start_time_seconds", "Start time of the agent, Unix time", &started)?;
        out.gauge("event_clients", "Clients that follow the events now", &self.event_clients)
    }

    fn books(&self, out: &mut Exposition<'_>) -> fmt::Result {
        let (figures, scans) = (&self.figures, &self.figures.scans);
        out.counter("scans_accepted", "Accepted frames", &scans.accepted())?;
        let outcomes = [
            ("booked", scans.booked),
            ("unknown", scans.unknown),
            ("refused", scans.refused),
            ("control", scans.control),
            ("lookup", scans.lookup),
        ];
        out.family("scans", "Accepted frames, by outcome", "outcome", outcomes)?;
        out.counter("scans_undone", "Booked scans that were undone", &scans.undone)?;
        out.counter("units_booked", "Units booked, undone or not", &number(figures.units_booked))?;
        out.counter("units_undone", "Units undone", &number(figures.units_undone))?;
        let of = |state| figures.of(state).units;
        let units = [
            ("open", of(State::Open)),
            ("queued", of(State::Queued)),
            ("in_flight", [of(State::Sending), of(State::Uncertain)].into_iter().sum()),
            ("posted", of(State::Posted)),
            ("refused", of(State::Refused)),
            ("cancelled", of(State::Cancelled)),
            ("parked", figures.units_parked),
        ];
        let units = units.map(|(state, units)| (state, number(units)));
        out.family("units", "Units, by state", "state", units)?;
        let documents = State::ALL.map(|state| (state.as_str(), figures.of(state).operations));
        out.family("documents", "Documents, by state", "state", documents)?;
        let help = "Documents that need a person";
        out.gauge("documents_needing_person", help, &self.needing_a_person)
    }

    fn goods(&self, out: &mut Exposition<'_>) -> fmt::Result {
        let goods = &self.figures.goods;
        out.gauge("goods", "Goods in the copy of the table", &goods.count)?;
        let age = goods.synced_at.map(|at| self.now.ms_since(at).max(0).div_euclid(1000));
        age.map_or(Ok(()), |age| out.gauge("goods_age_seconds", "Time since the goods were last read", &age))
    }

    fn scanners(&self, out: &mut Exposition<'_>) -> fmt::Result {
        let mut states = out.gauges("scanner_state", "1 for the state that the scanner is in")?;
        for scanner in &self.health.scanners {
            // Every state has a series, so that an alert rule can rely on its existence.
            for state in ScannerState::ALL {
                let labels = [("scanner", scanner.name.as_str()), ("state", state.as_str())];
                states.encode_family(&labels)?.encode_gauge(&u32::from(scanner.state == state))?;
            }
        }
        let help = "Reconnections of the scanner after a loss";
        let mut reconnects = out.counters("scanner_reconnects", help)?;
        for scanner in &self.scanners {
            let labels = [("scanner", scanner.name.as_str())];
            let mut series = reconnects.encode_family(&labels)?;
            series.encode_counter::<NoLabels, _, u64>(&scanner.reconnects, None)?;
        }
        let ages = self
            .scanners
            .iter()
            .filter_map(|scanner| scanner.last_scan_age_s.map(|age| (scanner.name.as_str(), age)));
        out.family("scanner_last_scan_age_seconds", "Time since the scanner's last frame", "scanner", ages)
    }

    fn service(&self, out: &mut Exposition<'_>) -> fmt::Result {
        let trusted = u32::from(self.health.clock_trusted);
        out.gauge("clock_trusted", "1 if the clock is known to be right", &trusted)?;
        let states = ApiState::ALL.map(|state| (state.as_str(), u32::from(self.health.api.state == state)));
        out.family("api_state", "1 for the state of the connection to the service", "state", states)?;
        let help = "Requests to the service, by outcome";
        self.requests.by_outcome().encode(out.counters("api_requests", help)?)?;
        let help = "Duration of requests to the service";
        out.histogram("api_request_duration_seconds", help, self.requests.time())
    }

    fn storage(&self, out: &mut Exposition<'_>) -> fmt::Result {
        let help = "Time from the start of processing a scan until it is on the disk";
        out.histogram("commit_duration_seconds", help, self.commits.time())?;
        if let Some(free) = self.disk.free_bytes {
            out.gauge("disk_free_bytes", "Free space for the data folder", &free)?;
        }
        let files = self.disk.files.iter().copied();
        out.family("database_size_bytes", "Size of the databases and their logs", "file", files)
    }
}

type NoLabels = [(&'static str, &'static str); 0];

/// The text while it is being written.
struct Exposition<'a> {
    encoder: DescriptorEncoder<'a>,
}

impl Exposition<'_> {
    fn begin<'p>(
        &'p mut self,
        name: &'p str,
        help: &str,
        kind: MetricType,
    ) -> Result<MetricEncoder<'p>, fmt::Error> {
        self.encoder.encode_descriptor(name, help, None, kind)
    }

    fn gauges<'p>(&'p mut self, name: &'p str, help: &str) -> Result<MetricEncoder<'p>, fmt::Error> {
        self.begin(name, help, MetricType::Gauge)
    }

    /// Begins a counter. The library appends `_total` to the name.
    fn counters<'p>(&'p mut self, name: &'p str, help: &str) -> Result<MetricEncoder<'p>, fmt::Error> {
        self.begin(name, help, MetricType::Counter)
    }

    fn gauge(&mut self, name: &str, help: &str, value: &impl EncodeGaugeValue) -> fmt::Result {
        self.gauges(name, help)?.encode_gauge(value)
    }

    fn counter(&mut self, name: &str, help: &str, value: &impl EncodeCounterValue) -> fmt::Result {
        self.counters(name, help)?.encode_counter::<NoLabels, _, u64>(value, None)
    }

    /// Writes one gauge for each value of a label.
    fn family<'v>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'v str, impl EncodeGaugeValue)>,
    ) -> fmt::Result {
        let mut series = self.gauges(name, help)?;
        for (word, value) in values {
            series.encode_family(&[(label, word)])?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &impl EncodeMetric) -> fmt::Result {
        histogram.encode(self.begin(name, help, MetricType::Histogram)?)
    }
}

/// Returns a quantity as a number of Prometheus: the floating-point number nearest to its decimal text. Nothing here
/// computes with it.
fn number(quantity: Quantity) -> f64 {
    quantity.to_string().parse().expect("a decimal text is a number")
}
