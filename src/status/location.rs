//! Times and storage names as people at a location know them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::ids::StorageId;
use crate::domain::printable::printable;
use crate::domain::time::UnixMillis;
use crate::store;

/// The format of a time to the second, and to the minute.
pub(super) const SECONDS: &str = "%Y-%m-%d %H:%M:%S";
const MINUTES: &str = "%Y-%m-%d %H:%M";

/// A location's time zone and the names of its storages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    zone: TimeZone,
    names: BTreeMap<StorageId, String>,
}

impl Default for Location {
    fn default() -> Self {
        Self { zone: TimeZone::UTC, names: BTreeMap::new() }
    }
}

impl Location {
    /// Joins the service's answer with the configuration, which takes precedence.
    pub fn new(
        from_service: &store::Location,
        zone: Option<TimeZone>,
        configured: impl IntoIterator<Item = (StorageId, String)>,
    ) -> Self {
        let mut names = from_service.storages.clone();
        names.extend(configured);
        Self { zone: zone.or_else(|| from_service.zone.clone()).unwrap_or(TimeZone::UTC), names }
    }

    /// Returns the name of a storage, if it has one.
    pub fn name(&self, storage: StorageId) -> Option<&str> {
        self.names.get(&storage).map(String::as_str)
    }

    /// Returns a storage's name, or its number if it has none.
    pub fn storage(&self, storage: StorageId) -> String {
        self.name(storage).map_or_else(|| storage.to_string(), str::to_owned)
    }

    /// Returns the time zone in the form that [`store::zone_of_text`] reads: an IANA name, or hours from UTC.
    pub fn zone_text(&self) -> Option<String> {
        // The service may give only an offset; offsets are whole hours there.
        let hours = || self.zone.to_fixed_offset().ok().map(|offset| (offset.seconds() / 3600).to_string());
        self.zone.iana_name().map(str::to_owned).or_else(hours)
    }

    /// Returns the location's time zone.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Returns a time in the location's zone, to the second, without an offset.
    pub fn time(&self, at: UnixMillis) -> String {
        local(timestamp(at), &self.zone, SECONDS)
    }

    /// Returns a time in the location's zone, to the minute, without an offset.
    pub fn minute(&self, at: UnixMillis) -> String {
        local(timestamp(at), &self.zone, MINUTES)
    }

    /// Returns `Cellar`, or `storage 91272` for a storage without a name.
    pub fn storage_in_words(&self, storage: StorageId) -> String {
        in_words(storage, self.name(storage))
    }
}

/// Returns a storage's name, or the word `storage` and its number.
pub(super) fn in_words(storage: StorageId, name: Option<&str>) -> String {
    name.map_or_else(|| format!("storage {storage}"), |name| printable(name).to_string())
}

/// Returns a time in a zone, without an offset.
pub(super) fn local(time: Timestamp, zone: &TimeZone, format: &str) -> String {
    time.to_zoned(zone.clone()).strftime(format).to_string()
}

fn timestamp(at: UnixMillis) -> Timestamp {
    Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_names_storages_before_the_service_does() {
        let by_service =
            [(StorageId(91_271), "Products".to_owned()), (StorageId(91_272), "Consumables".to_owned())];
        let from_service =
            store::Location { zone: TimeZone::get("America/New_York").ok(), storages: by_service.into() };
        let location = Location::new(&from_service, None, [(StorageId(91_272), "Cellar".to_owned())]);
        let names = [91_271, 91_272, 3].map(|id| location.storage(StorageId(id)));
        assert_eq!(names, ["Products", "Cellar", "3"]);
        assert_eq!(location.time(UnixMillis(1_767_225_600_000)), "2025-12-31 19:00:00");
        assert_eq!(location.minute(UnixMillis(1_767_225_600_000)), "2025-12-31 19:00");
    }

    #[test]
    fn without_names_a_storage_is_a_number_and_the_zone_is_utc() {
        let location = Location::default();
        assert_eq!(location.storage(StorageId(7)), "7");
        assert_eq!(location.zone_text().as_deref(), Some("UTC"));
        let west = Location { zone: store::zone_of_text("-5").unwrap(), ..location };
        assert_eq!(west.zone_text().as_deref(), Some("-5"));
    }
}
