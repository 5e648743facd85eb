//! The status for people: tables of figures with local times and storage names.

use std::fmt::Display;

use jiff::tz::TimeZone;

use super::location::{self, SECONDS, in_words};
use super::{AlarmJson, ScannerJson, Status};
use crate::domain::health::{ApiState, ScannerState};
use crate::domain::home::DataState;
use crate::domain::ids::StorageId;
use crate::domain::session::advice::Advice;
use crate::store::zone_of_text;

impl Status {
    /// Returns all tables in the order in which people need them: alarms first, if there are any.
    pub fn tables(&self) -> Vec<(&'static str, Vec<Figure>)> {
        let (scans, units, outbox) = (&self.scans, &self.units, &self.outbox);
        let scans = vec![
            Figure::plain("accepted", scans.accepted),
            Figure::plain("booked", scans.booked),
            Figure::plain("undone", scans.undone),
            Figure::trouble_above_zero("unknown", scans.unknown),
            Figure::plain("refused", scans.refused),
            Figure::plain("control", scans.control),
            Figure::plain("lookup", scans.lookup),
        ];
        let units = vec![
            Figure::plain("booked", &units.booked),
            Figure::plain("undone", &units.undone),
            Figure::plain("open", &units.open),
            Figure::plain("queued", &units.queued),
            Figure::plain("in flight", &units.in_flight),
            Figure::plain("posted", &units.posted),
            Figure::plain("refused", &units.refused),
            Figure::plain("cancelled", &units.cancelled),
            Figure::plain("parked", &units.parked),
        ];
        let documents = vec![
            Figure::plain("open", outbox.open),
            Figure::plain("queued", outbox.queued),
            Figure::plain("sending", outbox.sending),
            Figure::trouble_above_zero("uncertain", outbox.uncertain),
            Figure::plain("posted", outbox.posted),
            Figure::trouble_above_zero("refused", outbox.refused),
            Figure::plain("cancelled", outbox.cancelled),
        ];
        let mut tables = vec![
            ("scans", scans),
            ("units", units),
            ("documents", documents),
            ("station", self.station_figures()),
        ];
        let zone = self.zone();
        if !self.alarms.is_empty() {
            // First, because a person opens the status to see alarms.
            tables.insert(0, ("alarms", self.alarms.iter().map(|alarm| alarm.figure(&zone)).collect()));
        }
        tables
    }

    /// Returns the mode in force: one mode, or the mode of each scanner if they differ.
    pub fn modes(&self) -> String {
        // An agent of an earlier version reports no mode for each scanner.
        let known: Vec<&ScannerJson> =
            self.scanners.iter().filter(|scanner| !scanner.mode.is_empty()).collect();
        let Some((first, others)) = known.split_first() else { return self.mode.clone() };
        if others.iter().all(|scanner| scanner.mode == first.mode) {
            return first.mode.clone();
        }
        let each: Vec<String> =
            known.iter().map(|scanner| format!("{} on {}", scanner.mode, scanner.name)).collect();
        each.join(", ")
    }

    fn zone(&self) -> TimeZone {
        self.time_zone.as_deref().and_then(zone_of_text).unwrap_or(TimeZone::UTC)
    }

    fn station_figures(&self) -> Vec<Figure> {
        let zone = self.zone();
        let age = self.goods.age_s.map_or("never read".to_owned(), |age| format!("{age} s ago"));
        let clock = if self.clock.trusted { "right" } else { "not trusted" };
        let mut figures = vec![
            Figure {
                name: "data".to_owned(),
                value: self.data.state.clone(),
                is_trouble: self.data.state != DataState::Ok.as_str(),
            },
            Figure::plain("storage", in_words(StorageId(self.storage_id), self.storage_name.as_deref())),
            Figure::plain("goods", self.goods.count),
            Figure { name: "goods read".to_owned(), value: age, is_trouble: self.goods.age_s.is_none() },
            Figure { name: "clock".to_owned(), value: clock.to_owned(), is_trouble: !self.clock.trusted },
            Figure {
                name: "service".to_owned(),
                value: match &self.api.last_error {
                    Some(error) => format!("{}: {error}", self.api.state.as_str()),
                    None => self.api.state.as_str().to_owned(),
                },
                is_trouble: self.api.state != ApiState::Ok,
            },
        ];
        figures.extend(self.scanners.iter().map(|scanner| Figure {
            name: format!("scanner {}", scanner.name),
            value: scanner.description(&zone),
            // A quiet scanner is no trouble: nobody may have scanned with it for days.
            is_trouble: scanner.advice.is_some()
                || !matches!(scanner.state, ScannerState::Healthy | ScannerState::Quiet),
        }));
        figures
    }
}

impl AlarmJson {
    fn figure(&self, zone: &TimeZone) -> Figure {
        let seen = if self.seen { ", seen" } else { "" };
        Figure {
            name: format!("since {}", local(&self.since, zone)),
            value: format!("{}{seen}", self.what),
            is_trouble: !self.seen,
        }
    }
}

impl ScannerJson {
    /// Returns the mode and the storage of its scans; `None` from an agent that does not report them.
    fn binding(&self) -> Option<String> {
        (!self.mode.is_empty()).then(|| {
            format!("{} in {}", self.mode, in_words(StorageId(self.storage_id), self.storage_name.as_deref()))
        })
    }

    /// Returns its state in words, with its figures since the agent's start.
    fn description(&self, zone: &TimeZone) -> String {
        let state = self.state.as_str();
        // A fault is shown before any advice: advice on a scanner that is gone helps nobody.
        let state = match (&self.fault, &self.advice) {
            (Some(fault), _) => format!("{state}: {fault}"),
            (None, Some(advice)) => format!("{state}: {advice}; {}", Advice::CURE),
            (None, None) => state.to_owned(),
        };
        let last = self.last_scan_at.as_ref().map(|at| format!("last scan {}", local(at, zone)));
        let counted = |count: u64, what| (count > 0).then(|| format!("{count} {what}"));
        let waits = self.quantity.map(|quantity| format!("QTY-{quantity} waits for a good"));
        let parts = [
            Some(state),
            self.binding(),
            waits,
            last,
            counted(self.refused, "refused"),
            counted(self.reconnects, "reconnected"),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// One figure for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// The name of what it counts.
    pub name: String,
    /// The value.
    pub value: String,
    /// True if it needs attention.
    pub is_trouble: bool,
}

impl Figure {
    fn plain(name: &str, value: impl Display) -> Self {
        Self { name: name.to_owned(), value: format!("{value}"), is_trouble: false }
    }

    fn trouble_above_zero(name: &str, value: u64) -> Self {
        Self { is_trouble: value > 0, ..Self::plain(name, value) }
    }
}

/// Converts a time of the status to local time. A text that is no time is returned as it is.
fn local(at: &str, zone: &TimeZone) -> String {
    at.parse().map_or_else(|_not_a_time| at.to_owned(), |time| location::local(time, zone, SECONDS))
}
