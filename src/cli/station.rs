//! The parts of a station that several commands need, from its configuration and its data.

use crate::app::location;
use crate::config::Config;
use crate::domain::code::seal::Seal;
use crate::domain::session::Conventions;
use crate::status::Location;
use crate::store::{Db, Error as StoreError};

/// Returns the location with the names in the configuration and the data.
pub(super) fn location_of(config: &Config, db: &Db) -> Result<Location, StoreError> {
    Ok(location(config, &db.location()?))
}

/// Returns the rules for codes that a person types: the plain code of a kit is accepted, even if the sheet is sealed.
pub(super) fn plain_conventions(config: &Config) -> Conventions {
    Conventions { seal: Seal::default(), ..config.conventions() }
}
