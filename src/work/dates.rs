//! The dates that the service is sent, in the location's own time.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::time::UnixMillis;

/// The formats of a document's date and of the beginning of a reading: the service accepts both
/// (<https://developer.alteg.io/en/b2b-v1/openapi>, examples of `create_date` and `changed_after`).
const DATE: &str = "%Y-%m-%dT%H:%M:%S%:z";
const READING: &str = "%Y-%m-%dT%H:%M:%S";

/// Returns a document's date in a zone, with the offset of that day.
pub fn date_in(zone: &TimeZone, at: UnixMillis) -> String {
    timestamp(at).to_zoned(zone.clone()).strftime(DATE).to_string()
}

/// The local time furthest behind UTC, in milliseconds: twelve hours (the zone `Etc/GMT+12` of the IANA database).
const FURTHEST_BEHIND_MS: i64 = 12 * 3_600_000;

/// Returns the beginning of a reading in the service's format, which has no offset.
///
/// It is not documented whether the service interprets it as the location's time or as UTC, so the earlier of the two is
/// sent: reading too much only takes longer. A reading that begins too late lacks documents and would prove that they
/// are absent although they exist. Without a known zone the location may lie anywhere.
pub(super) fn earliest_reading(at: UnixMillis, zone: Option<&TimeZone>) -> String {
    let utc = timestamp(at).to_zoned(TimeZone::UTC).datetime();
    let local = match zone {
        Some(zone) => timestamp(at).to_zoned(zone.clone()).datetime(),
        None => timestamp(at.plus_ms(-FURTHEST_BEHIND_MS)).to_zoned(TimeZone::UTC).datetime(),
    };
    utc.min(local).strftime(READING).to_string()
}

/// Returns a time as a timestamp; one that is out of range is the epoch.
pub(super) fn timestamp(at: UnixMillis) -> Timestamp {
    Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH)
}
