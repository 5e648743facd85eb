//! The beginning of an operation, and its marker.

use ring::digest::{SHA256, digest};
use rusqlite::Connection;
use ulid::Ulid;

use super::Error;
use crate::domain::delivery::State;
use crate::domain::ids::{OperationId, ScanId};
use crate::domain::stock::operation::{Marker, Place};
use crate::domain::time::UnixMillis;
use crate::random::random;

/// An operation that begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening<'a> {
    /// The station's name, part of the marker.
    pub(super) station: &'a str,
    /// The state in which it begins.
    pub(super) state: State,
    /// Kind and storage.
    pub(super) place: Place,
    /// The first journal row that it is made of.
    pub(super) first_scan: ScanId,
    /// The origin of its marker.
    pub(super) origin: MarkerSource<'a>,
}

/// The data from which a marker is made.
#[derive(Debug, Clone, Copy)]
pub(super) enum MarkerSource<'a> {
    /// A scan at this time: the marker is unique.
    Scan(UnixMillis),
    /// An entry that is in the journal already, in words that name it. A copy of the folder makes the same marker of
    /// it, and so finds on the service what this one posted.
    Journal {
        /// The words.
        of: &'a str,
        /// The last journal row that this start found.
        found_to: ScanId,
    },
}

impl MarkerSource<'_> {
    fn ulid(self) -> Ulid {
        match self {
            Self::Scan(at) => Ulid::from_parts(u64::try_from(at.0).unwrap_or(0), random()),
            Self::Journal { of, .. } => {
                let digest = digest(&SHA256, of.as_bytes());
                let bytes = digest.as_ref().first_chunk::<16>().copied().unwrap_or_default();
                Ulid::from_bytes(bytes)
            }
        }
    }
}

/// Begins an operation.
pub(super) fn open(connection: &Connection, opening: &Opening<'_>) -> Result<OperationId, Error> {
    let Opening { station, state, place, first_scan, origin } = *opening;
    let ulid = origin.ulid();
    let mut marker = Marker::new(station, &ulid.to_string());
    // The same marker twice would make one document on the service stand for two operations here.
    if is_taken(connection, &marker)? {
        marker = Marker::new(station, &Ulid::from_parts(ulid.timestamp_ms(), random()).to_string());
    }
    let look_first = matches!(origin, MarkerSource::Journal { found_to, .. } if first_scan <= found_to);
    // A number that was pruned is not given again: frames, and people's notes, may still name it.
    let sql = "INSERT INTO operations (id, marker, kind, storage_id, state, first_scan, look_first)
               VALUES (1 + max(coalesce((SELECT max(id) FROM operations), 0), (SELECT operations_to FROM totals)),
                       ?1, ?2, ?3, ?4, ?5, ?6)";
    connection.prepare_cached(sql)?.execute((
        marker.as_str(),
        place.kind.as_str(),
        place.storage.0,
        state.as_str(),
        first_scan.0,
        look_first,
    ))?;
    Ok(OperationId(connection.last_insert_rowid()))
}

/// Returns true if a marker is taken: an operation that was made from the journal once may be made from it again, for
/// example after a person has undone it.
fn is_taken(connection: &Connection, marker: &Marker) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT 1 FROM operations WHERE marker = ?1)";
    Ok(connection.prepare_cached(sql)?.query_row([marker.as_str()], |row| row.get(0))?)
}
