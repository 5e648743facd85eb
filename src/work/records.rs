//! The service's records of movements: read whole, and kept as long as they are of use.
//!
//! No call searches for a marker, so the posted parts of a delivery are found in a listing of movements. A listing that
//! was begun after several deliveries became due answers for all of them: after a start one reading serves everything
//! unsent.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::uplink::{Halt, Uplink};
use crate::api::{self, Movement};
use crate::domain::ids::{DocumentId, GoodId};
use crate::domain::listing::{Fault, Reading, Step};
use crate::domain::time::UnixMillis;

/// The most requests of one reading. At a thousand rows a page they are enough for a million movements since the
/// request was sent; a service that goes on beyond that does not answer truthfully.
const REQUESTS_MAX: u32 = 4000;

/// The most rows that are kept for other deliveries, of those that could be this station's.
const KEPT_MAX: usize = 20_000;

/// The beginning of every marker of a station.
const MARKER: &str = "#sp:";

/// The key of a row of the listing: its id or, for a service that gives none, its document, its good and how often both
/// came before.
type Key = (Option<i64>, DocumentId, Option<GoodId>, u32);

/// A listing of movements as it comes in, pass by pass.
#[derive(Debug, Default)]
pub(super) struct Listing {
    reading: Reading<Key>,
    rows: BTreeMap<Key, Movement>,
    /// The rows without an id in this pass, by document and good.
    nameless: BTreeMap<(DocumentId, Option<GoodId>), u32>,
}

impl Listing {
    /// Returns the page to ask for, from 1.
    pub(super) fn page(&self) -> u32 {
        self.reading.page()
    }

    /// Takes in the page that was asked for. Returns true if the listing is whole.
    ///
    /// # Errors
    /// [`Fault`] if it proves nothing and must begin anew.
    pub(super) fn is_whole_with(&mut self, rows: Vec<Movement>) -> Result<bool, Fault> {
        if self.page() == 1 {
            self.nameless.clear();
        }
        let keys: Vec<Key> = rows.iter().map(|row| self.key(row)).collect();
        let step = self.reading.take(rows.len(), &keys)?;
        // A row that a later pass does not find again did exist: it can only prove that something stands.
        self.rows.extend(keys.into_iter().zip(rows));
        Ok(step == Step::Complete)
    }

    /// Returns every row that any pass has found.
    pub(super) fn into_movements(self) -> Vec<Movement> {
        self.rows.into_values().collect()
    }

    fn key(&mut self, row: &Movement) -> Key {
        let mut number = 0;
        if row.id.is_none() {
            let count = self.nameless.entry((row.document, row.good)).or_default();
            *count += 1;
            number = *count;
        }
        (row.id, row.document, row.good, number)
    }
}

/// A whole listing, limited to the rows that can be of this station.
#[derive(Debug)]
pub(super) struct Records {
    since: UnixMillis,
    begun: Instant,
    movements: Vec<Movement>,
}

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

impl Uplink {
    /// Returns every movement since a time that could be this station's.
    pub(super) async fn movements(&mut self, wanted: Wanted) -> Result<&[Movement], Halt> {
        let serves = |records: &Records| records.since <= wanted.since && records.begun >= wanted.begun_after;
        if !self.records.as_ref().is_some_and(serves) {
            self.records = None;
            let records = self.read_movements(wanted.since).await?;
            self.records = Some(records);
        }
        Ok(self.records.as_ref().map_or(&[], |records| &records.movements))
    }

    /// Drops a reading that is too large to be kept.
    pub(super) fn tidy_records(&mut self) {
        if self.records.as_ref().is_some_and(|records| records.movements.len() > KEPT_MAX) {
            self.records = None;
        }
    }

    async fn read_movements(&mut self, since: UnixMillis) -> Result<Records, Halt> {
        let begun = Instant::now();
        let after = self.account.earliest_reading(since);
        let mut listing = Listing::default();
        for _ in 0..REQUESTS_MAX {
            let permit = self.permit().await?;
            let rows = self.parts.client.movements(permit, listing.page(), &after).await;
            let rows = self.heard(rows).await?;
            match listing.is_whole_with(rows) {
                Ok(true) => {
                    let could_be_ours =
                        |row: &Movement| row.comment.as_ref().is_none_or(|comment| comment.contains(MARKER));
                    let movements = listing.into_movements().into_iter().filter(could_be_ours).collect();
                    return Ok(Records { since, begun, movements });
                }
                Ok(false) => {}
                Err(fault) => return Err(not_whole(fault)),
            }
        }
        Err(not_whole(Fault::Endless))
    }
}

/// Returns the failure for a listing that proves nothing: it concerns the thing that it was read for, not the
/// connection.
fn not_whole(fault: Fault) -> Halt {
    tracing::warn!(%fault, "the listing of movements is not whole; it is read again later");
    Halt::Api(api::Error::Incomplete { status: 200, what: "the whole listing of movements" })
}

/// Returns the distinct documents of some movements.
pub(super) fn documents<'a>(movements: impl Iterator<Item = &'a Movement>) -> BTreeSet<DocumentId> {
    movements.map(|movement| movement.document).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: Option<i64>, document: i64) -> Movement {
        Movement {
            id,
            document: DocumentId(document),
            type_id: None,
            storage: None,
            good: Some(GoodId(1)),
            comment: None,
        }
    }

    fn ids(movements: &[Movement]) -> Vec<Option<i64>> {
        movements.iter().map(|row| row.id).collect()
    }

    #[test]
    fn rows_that_others_book_meanwhile_do_not_end_a_listing() {
        // Newest first, two a page: a new row pushes one known row onto the second page.
        let mut listing = Listing::default();
        assert_eq!(listing.is_whole_with(vec![row(Some(4), 4), row(Some(3), 3)]), Ok(false));
        assert_eq!(
            listing.is_whole_with(vec![row(Some(4), 4), row(Some(3), 3)]),
            Err(Fault::Repeated { page: 2 })
        );
        let mut listing = Listing::default();
        for page in [[4, 3], [3, 2]] {
            assert_eq!(listing.is_whole_with(page.map(|id| row(Some(id), id)).to_vec()), Ok(false));
        }
        assert_eq!(listing.is_whole_with(vec![row(Some(1), 1)]), Ok(false), "a row came twice: another pass");
        for page in [vec![5, 4], vec![3, 2], vec![1]] {
            let rows = page.into_iter().map(|id| row(Some(id), id)).collect();
            assert_eq!(listing.is_whole_with(rows), Ok(false));
        }
        assert_eq!(listing.is_whole_with(vec![row(Some(5), 5), row(Some(4), 4)]), Ok(false));
        assert_eq!(listing.is_whole_with(vec![row(Some(3), 3), row(Some(2), 2)]), Ok(false));
        assert_eq!(listing.is_whole_with(vec![row(Some(1), 1)]), Ok(true));
        assert_eq!(ids(&listing.into_movements()), [Some(1), Some(2), Some(3), Some(4), Some(5)]);
    }

    #[test]
    fn rows_without_an_id_are_told_apart_by_their_number() {
        let mut listing = Listing::default();
        let rows = || vec![row(None, 7), row(None, 7), row(None, 8)];
        assert_eq!(listing.is_whole_with(rows()), Ok(false));
        assert_eq!(listing.is_whole_with(Vec::new()), Ok(false));
        assert_eq!(listing.is_whole_with(Vec::new()), Ok(false));
        assert_eq!(listing.is_whole_with(rows()), Ok(true));
        assert_eq!(listing.into_movements().len(), 3);
    }
}
