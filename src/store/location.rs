//! The location as the service described it: its time zone and the names of its storages. It is kept for a start
//! without a network, and for commands beside the agent.

use std::collections::BTreeMap;

use jiff::tz::{Offset, TimeZone};

use super::{Db, Error};
use crate::domain::ids::StorageId;

/// The names of the facts under which both are kept.
const ZONE: &str = "time_zone";
const STORAGES: &str = "storage_names";

/// The longest name of a storage that is kept, in characters.
const NAME_CHARS_MAX: usize = 60;

/// The location as the service described it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Location {
    /// Its time zone; `None` if it is not known yet.
    pub zone: Option<TimeZone>,
    /// The names of its storages.
    pub storages: BTreeMap<StorageId, String>,
}

impl Db {
    /// Returns the location as the service described it last.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn location(&self) -> Result<Location, Error> {
        let storages: BTreeMap<i64, String> =
            self.fact(STORAGES)?.and_then(|names| serde_json::from_str(&names).ok()).unwrap_or_default();
        Ok(Location {
            zone: self.zone()?,
            storages: storages.into_iter().map(|(id, name)| (StorageId(id), name)).collect(),
        })
    }

    /// Returns the location's time zone as the service gave it last; `None` if it is not known yet.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn zone(&self) -> Result<Option<TimeZone>, Error> {
        Ok(self.fact(ZONE)?.as_deref().and_then(zone_of_text))
    }

    /// Stores the location's time zone as a text that [`zone_of_text`] reads.
    ///
    /// # Errors
    /// Any, and then it is as it was.
    pub fn remember_zone(&mut self, zone: &str) -> Result<(), Error> {
        self.remember(ZONE, zone)
    }

    /// Stores the names of the storages.
    ///
    /// # Errors
    /// Any, and then they are as they were.
    pub fn remember_storages(&mut self, storages: &BTreeMap<StorageId, String>) -> Result<(), Error> {
        let cut = |name: &String| name.chars().take(NAME_CHARS_MAX).collect::<String>();
        let names: BTreeMap<i64, String> = storages.iter().map(|(id, name)| (id.0, cut(name))).collect();
        let text = serde_json::to_string(&names).unwrap_or_default();
        // The names are read from the service again and again. Unchanged ones are not written, to spare the memory
        // card.
        if self.fact(STORAGES)?.as_deref() == Some(text.as_str()) {
            return Ok(());
        }
        self.remember(STORAGES, &text)
    }
}

/// Reads a zone by IANA name, or by an offset in hours such as `-5`, which knows no daylight saving.
pub fn zone_of_text(text: &str) -> Option<TimeZone> {
    if let Ok(hours) = text.parse::<i8>() {
        return Offset::from_hours(hours).ok().map(TimeZone::fixed);
    }
    TimeZone::get(text).ok()
}
