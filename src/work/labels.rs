//! Checks the label of a scanned good before the scan is booked, for a date in the past and for a unit that was scanned
//! before.
//!
//! With a clock that is not trusted, dates are not checked. A failure to read the store stops no scan.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::dates::timestamp;
use crate::config::LabelCheck;
use crate::domain::session::{Decision, Heard, Outcome, Reason};
use crate::domain::stock::mode::Kind;
use crate::domain::time::{Moment, UnixMillis};
use crate::store::{self, Db, SerializedItem};

/// The time for which a unit is remembered, in ms: 30 days. A unit that is scanned again after that counts as another
/// delivery.
const UNIT_WITHIN_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// The checks of labels, and the action for each.
#[derive(Debug, Clone)]
pub struct Labels {
    /// A lot that is past its date.
    pub expired: LabelCheck,
    /// A unit, by item and serial number, that was scanned for the same purpose within 30 days.
    pub serials: LabelCheck,
    /// The configured time zone of the location; `None`: the zone that the service gave is used.
    pub zone: Option<TimeZone>,
}

/// A doubt about a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// Its lot expired after this day.
    Expired(Date),
    /// Its unit was scanned before, on this day.
    SeenBefore(Date),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired(day) => write!(f, "expired {day}"),
            Self::SeenBefore(day) => write!(f, "this unit was scanned on {day} already"),
        }
    }
}

impl Doubt {
    const fn reason(self) -> Reason {
        match self {
            Self::Expired(_) => Reason::Expired,
            Self::SeenBefore(_) => Reason::SerialSeen,
        }
    }
}

impl Labels {
    /// Returns the doubts about the label of a scan that is about to be booked or parked. The returned decision refuses
    /// the scan if the configuration requires that.
    pub fn heed(&self, db: &Db, heard: &Heard, decision: Decision, at: Moment) -> (Decision, Vec<Doubt>) {
        let (Outcome::Booked { place, .. } | Outcome::Unknown { place, .. }) = decision.outcome else {
            return (decision, Vec::new());
        };
        // A check that fails must not stop the work: the scan is booked without it.
        let looked = self.look(db, heard, place.kind, at).unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "the label of a scan was not looked up");
            Vec::new()
        });
        let refused = looked.iter().find(|(_, care)| *care == LabelCheck::Refuse);
        match refused {
            Some((doubt, _)) => (Decision::refused(doubt.reason()), Vec::new()),
            None => (decision, looked.into_iter().map(|(doubt, _)| doubt).collect()),
        }
    }

    /// Returns each doubt about a label with the configured action for it.
    fn look(
        &self,
        db: &Db,
        heard: &Heard,
        kind: Kind,
        at: Moment,
    ) -> Result<Vec<(Doubt, LabelCheck)>, store::Error> {
        let Some(gs1) = heard.elements() else { return Ok(Vec::new()) };
        let zone = match &self.zone {
            Some(zone) => zone.clone(),
            None => db.zone()?.unwrap_or(TimeZone::UTC),
        };
        let day = |at: UnixMillis| timestamp(at).to_zoned(zone.clone()).date();
        let mut doubts = Vec::new();
        let last = gs1.expiry.as_deref().and_then(|expiry| last_day(expiry, day(at.wall)));
        // A clock that is not trusted could refuse every label, so it refuses none.
        if let Some(last) = last.filter(|last| at.trusted && *last < day(at.wall)) {
            doubts.push((Doubt::Expired(last), self.expired));
        }
        // A serial number is unique only together with the item.
        if let (Some(serial), Some(read_as)) = (&gs1.serial, heard.identity()) {
            let unit = SerializedItem { read_as: &read_as, serial };
            let seen = db.last_scan_of_item(&unit, kind, at.wall.plus_ms(-UNIT_WITHIN_MS))?;
            doubts.extend(seen.map(|at| (Doubt::SeenBefore(day(at)), self.serials)));
        }
        doubts.retain(|(_, care)| *care != LabelCheck::Off);
        Ok(doubts)
    }
}

/// Returns the last day of `YYMMDD`; day `00` is the end of the month. The century is the one that puts the year within
/// 49 years before and 50 after today's (GS1 General Specifications, section 7.12).
fn last_day(expiry: &str, today: Date) -> Option<Date> {
    let part = |at: std::ops::Range<usize>| expiry.get(at)?.parse::<i8>().ok();
    let (short, month, day) = (i16::from(part(0..2)?), part(2..4)?, part(4..6)?);
    let of_today = today.year().checked_sub(today.year().rem_euclid(100))?;
    let year = of_today.checked_add(short)?;
    let year = match year.checked_sub(today.year())? {
        51.. => year.checked_sub(100)?,
        ..=-50 => year.checked_add(100)?,
        _ => year,
    };
    let first = Date::new(year, month, 1).ok()?;
    if day == 0 { Some(first.last_of_month()) } else { Date::new(year, month, day).ok() }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_date_is_of_the_nearest_century_and_day_zero_the_end_of_its_month() {
        let today = date(2026, 11, 28);
        for (expiry, last) in [
            ("261231", date(2026, 12, 31)),
            ("260200", date(2026, 2, 28)),
            ("280200", date(2028, 2, 29)),
            ("760101", date(2076, 1, 1)),
            ("770101", date(1977, 1, 1)),
            ("000229", date(2000, 2, 29)),
        ] {
            assert_eq!(last_day(expiry, today), Some(last), "{expiry}");
        }
        assert_eq!(last_day("261301", today), None);
        assert_eq!(last_day("040101", date(2095, 1, 1)), Some(date(2104, 1, 1)));
    }

    #[test]
    fn what_is_odd_is_said_in_plain_words() {
        assert_eq!(Doubt::Expired(date(2026, 2, 28)).to_string(), "expired 2026-02-28");
        let seen = Doubt::SeenBefore(date(2026, 2, 28));
        assert_eq!(seen.to_string(), "this unit was scanned on 2026-02-28 already");
    }
}
