//! The service's records of movements: read whole, and kept as long as they are of use.
//!
//! No call searches for a marker, so the posted parts of a delivery are found in a listing of movements. A listing that
//! was begun after several deliveries became due answers for all of them: after a start one reading serves everything
//! unsent.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::account::Account;
use super::interrupted::Interrupted;
use super::link::Link;
use crate::api::{self, Movement};
use crate::domain::ids::DocumentId;
use crate::domain::listing::Fault;
use crate::domain::time::UnixMillis;
use crate::work::movements::Listing;

/// The most requests of one reading. At a thousand rows a page they are enough for a million movements since the
/// request was sent; a service that goes on beyond that does not answer truthfully.
const REQUESTS_MAX: u32 = 4000;

/// The most rows that are kept for other deliveries, of those that could be this station's.
const KEPT_MAX: usize = 20_000;

/// The beginning of every marker of a station.
const MARKER: &str = "#sp:";

/// A whole listing, limited to the rows that can be of this station.
#[derive(Debug)]
struct WholeListing {
    since: UnixMillis,
    begun: Instant,
    movements: Vec<Movement>,
}

/// The last whole listing, as long as it is of use.
#[derive(Debug, Default)]
pub(super) struct Records(Option<WholeListing>);

/// The comments of documents that could have been ours; they show whose the documents are.
#[derive(Debug, Default)]
pub(super) struct KnownDocuments(BTreeMap<DocumentId, Vec<String>>);

/// The most documents whose comments are remembered so as not to be read twice.
const DOCUMENTS_KNOWN_MAX: usize = 20_000;

impl KnownDocuments {
    /// Returns the comments of a document, if they were read.
    pub(super) fn comments(&self, document: DocumentId) -> Option<&[String]> {
        self.0.get(&document).map(Vec::as_slice)
    }

    pub(super) fn remember(&mut self, document: DocumentId, comments: Vec<String>) {
        if self.0.len() >= DOCUMENTS_KNOWN_MAX {
            self.0.clear();
        }
        self.0.insert(document, comments);
    }
}

/// The time since which movements are wanted, and the greatest age of the reading.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// The time since which they are wanted, by the service's clock.
    pub(super) since: UnixMillis,
    /// The time before which a reading must not have begun.
    pub(super) begun_after: Instant,
}

impl Records {
    /// Returns every movement since a time that could be this station's.
    pub(super) async fn movements(
        &mut self,
        link: &mut Link,
        account: &Account,
        wanted: Wanted,
    ) -> Result<&[Movement], Interrupted> {
        let serves = |kept: &WholeListing| kept.since <= wanted.since && kept.begun >= wanted.begun_after;
        if !self.0.as_ref().is_some_and(serves) {
            // Dropped first: both listings at once could take twice the memory.
            self.0 = None;
            self.0 = Some(read_movements(link, account, wanted.since).await?);
        }
        Ok(self.0.as_ref().map_or(&[], |kept| &kept.movements))
    }

    /// Drops a listing that is too large to be kept.
    pub(super) fn tidy(&mut self) {
        if self.0.as_ref().is_some_and(|kept| kept.movements.len() > KEPT_MAX) {
            self.0 = None;
        }
    }
}

async fn read_movements(
    link: &mut Link,
    account: &Account,
    since: UnixMillis,
) -> Result<WholeListing, Interrupted> {
    let begun = Instant::now();
    let after = account.earliest_reading(since);
    let mut listing = Listing::default();
    for _ in 0..REQUESTS_MAX {
        let permit = link.permit().await?;
        let rows = link.client.movements(permit, listing.page(), &after).await;
        let rows = link.take_answer(rows).await?;
        match listing.is_whole_with(rows) {
            Ok(true) => {
                // Rows of others are most of a busy location's listing, and no delivery asks for them.
                let could_be_ours =
                    |row: &Movement| row.comment.as_ref().is_none_or(|comment| comment.contains(MARKER));
                let movements = listing.into_movements().into_iter().filter(could_be_ours).collect();
                return Ok(WholeListing { since, begun, movements });
            }
            Ok(false) => {}
            Err(fault) => return Err(not_whole(fault)),
        }
    }
    Err(not_whole(Fault::Endless))
}

/// Returns the failure for a listing that proves nothing: it concerns the thing that it was read for, not the
/// connection.
fn not_whole(fault: Fault) -> Interrupted {
    tracing::warn!(%fault, "the listing of movements is not whole; it is read again later");
    Interrupted::Api(api::Error::Incomplete { status: 200, what: "the whole listing of movements" })
}

/// Returns the distinct documents of some movements.
pub(super) fn documents<'a>(movements: impl Iterator<Item = &'a Movement>) -> BTreeSet<DocumentId> {
    movements.map(|movement| movement.document).collect()
}
