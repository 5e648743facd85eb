//! Dates in the forms in which the service reads and writes them.

use std::str::FromStr;

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::civil::DateTime;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::options::Dates;

/// The characters of `2026-09-21T23:00:00`; no shorter text names a second.
const SECOND_CHARS: usize = 19;

/// The end of a day for which a bare date stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    Start,
    End,
}

/// Reads a date with time. Without an offset it is the location's local time.
pub(super) fn moment(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    // The parser would accept a time without seconds as well.
    if text.len() < SECOND_CHARS {
        return None;
    }
    Timestamp::from_str(text).ok().or_else(|| local(text.parse().ok()?, zone))
}

/// Reads the bound of a listing: a date with time, a bare date, or a compact one (`20260921`).
pub(super) fn bound(text: &str, edge: Edge, zone: &TimeZone) -> Option<Timestamp> {
    // A bare date has ten characters at most.
    if text.len() > 10 {
        return moment(text, zone);
    }
    let date = Date::from_str(text).or_else(|_cause| Date::strptime("%Y%m%d", text)).ok()?;
    let time = match edge {
        Edge::Start => Time::midnight(),
        Edge::End => Time::constant(23, 59, 59, 0),
    };
    local(date.to_datetime(time), zone)
}

fn local(time: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_timestamp(time).ok()
}

/// Writes a date. `mixed` is the shape that [`Dates::Mixed`] means at this place.
pub(super) fn write(time: Timestamp, zone: &TimeZone, shape: Dates, mixed: Dates) -> String {
    let format = match if shape == Dates::Mixed { mixed } else { shape } {
        Dates::Millis => "%Y-%m-%dT%H:%M:%S%.3f%:z",
        Dates::Compact | Dates::Mixed => "%Y-%m-%dT%H:%M:%S%z",
        Dates::Local => "%Y-%m-%d %H:%M:%S",
    };
    time.to_zoned(zone.clone()).strftime(format).to_string()
}

/// Returns the value of the `Date` header (RFC 9110, 5.6.7).
pub(super) fn http(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Cuts a time to its second: the service stores no fractions.
pub(super) fn second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// Returns the time `days` days before `time`, or the earliest possible one.
pub(super) fn days_before(time: Timestamp, days: u16) -> Timestamp {
    let hours = i64::from(days).saturating_mul(24);
    time.checked_sub(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_york() -> TimeZone {
        TimeZone::get("America/New_York").unwrap()
    }

    #[test]
    fn a_time_with_an_offset_means_that_and_one_without_means_the_zone() {
        let same = [
            "2026-09-22T04:00:00Z",
            "2026-09-21T23:00:00-05:00",
            "2026-09-21T23:00:00.000-05:00",
            "2026-09-21T23:00:00-0500",
            "2026-09-22 07:00:00+03:00",
            "2026-09-22 00:00:00",
            "2026-09-22T00:00:00",
        ];
        let expected: Timestamp = "2026-09-22T04:00:00Z".parse().unwrap();
        assert_eq!(same.map(|text| moment(text, &new_york())), [Some(expected); 7]);
    }

    #[test]
    fn half_a_time_is_none() {
        let bad = ["", "2026-09-22", "2026-09-22 00:00", "2026-02-30 00:00:00", "2026-09-22T00:00:00 03:00"];
        assert_eq!(bad.map(|text| moment(text, &new_york())), [None; 5]);
    }

    #[test]
    fn a_bare_date_bounds_its_whole_day() {
        let day = |text, edge| bound(text, edge, &new_york()).map(|time| time.to_string());
        assert_eq!(day("2026-09-22", Edge::Start).as_deref(), Some("2026-09-22T04:00:00Z"));
        assert_eq!(day("20260922", Edge::End).as_deref(), Some("2026-09-23T03:59:59Z"));
    }

    #[test]
    fn a_time_is_written_in_each_of_the_three_shapes() {
        let time = "2026-01-01T17:00:00Z".parse().unwrap();
        let shape = |shape| write(time, &new_york(), shape, Dates::Compact);
        assert_eq!(shape(Dates::Mixed), "2026-01-01T12:00:00-0500");
        assert_eq!(shape(Dates::Millis), "2026-01-01T12:00:00.000-05:00");
        assert_eq!(shape(Dates::Local), "2026-01-01 12:00:00");
        assert_eq!(http(time), "Thu, 01 Jan 2026 17:00:00 GMT");
    }
}
