//! Compares the documents that the station has posted with those on the service.

use std::collections::BTreeSet;
use std::fmt;

use jiff::tz::TimeZone;

use super::dates::earliest_reading;
use super::movements::Listing;
use crate::api::{self, Budget, Client};
use crate::domain::delivery::{Finding, FoundDocument, State, reconcile};
use crate::domain::ids::{DocumentId, OperationId};
use crate::domain::listing::Fault;
use crate::domain::stock::operation::Operation;
use crate::domain::time::UnixMillis;
use crate::store::{self, Db, OperationFilter};

/// The most documents whose comments are read one by one, because the listing does not contain them. A busy location
/// has more than a person would wait for; the number left out is reported.
const COMMENTS_READ_MAX: usize = 500;

/// A difference, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The service no longer has this document.
    Gone {
        /// Our number.
        operation: OperationId,
        /// The service's.
        document: DocumentId,
    },
    /// The document's lines are not those that were posted.
    Lines {
        /// Our number.
        operation: OperationId,
        /// The service's.
        document: DocumentId,
        /// The difference in words.
        how: String,
    },
    /// A document on the service carries this station's marker, and the station has no record of it.
    Stray {
        /// The service's number.
        document: DocumentId,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone { operation, document } => {
                write!(f, "document {operation}: the service no longer has it (its number {document})")
            }
            Self::Lines { operation, document, how } => {
                write!(f, "document {operation}: the service's document {document} differs: {how}")
            }
            Self::Stray { document } => {
                write!(
                    f,
                    "the service's document {document} is this station's, and the station does not know it"
                )
            }
        }
    }
}

/// The result of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comparison {
    /// The number of documents that were compared.
    pub compared: usize,
    /// The number of documents that could be this station's and were not checked, because there were too many.
    pub left_out: usize,
    /// The differences.
    pub differences: Vec<Difference>,
}

/// The reason why a comparison has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service did not answer.
    #[error(transparent)]
    Api(#[from] api::Error),
    /// The listing of movements proves nothing.
    #[error("the movements of the service cannot be listed")]
    Listing(#[from] Fault),
    /// The data cannot be read.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// Returns the action of a person that helps, if there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Api(error) => error.hint(),
            Self::Listing(_) => Some("run the command again"),
            Self::Store(error) => error.hint(),
        }
    }
}

/// The comparison of documents with the service.
#[derive(Debug)]
pub struct Verifier<'a> {
    /// The station's data.
    pub db: &'a Db,
    /// The station's name, which its markers carry.
    pub station: &'a str,
    /// The connection to the service.
    pub client: &'a Client,
    /// The budget of its requests.
    pub budget: Budget,
    /// The location's time.
    pub zone: TimeZone,
}

impl Verifier<'_> {
    /// Compares every document posted since a time, and searches for documents that carry this station's marker and
    /// have no record here.
    ///
    /// # Errors
    /// [`Error`]; a comparison that was interrupted proves nothing.
    pub async fn compare(&mut self, since: UnixMillis) -> Result<Comparison, Error> {
        let mut comparison = Comparison::default();
        let mut known = BTreeSet::new();
        for summary in self.db.operations(OperationFilter::All, u32::MAX)? {
            let Some(document) = summary.document else { continue };
            // Every document counts as known, also one that is too old to be compared: it must not appear as a stray.
            known.insert(document);
            // Any other state is unfinished, or the document was deleted on purpose.
            if summary.state != State::Posted || summary.first_scan < since {
                continue;
            }
            let operation = self.db.pending(summary.id)?.operation;
            let permit = self.budget.wait().await;
            let lines = self.client.document_lines(permit, document).await?;
            comparison.compared += 1;
            comparison.differences.extend(difference(&operation, document, lines));
        }
        self.look_for_strays(since, &known, &mut comparison).await?;
        Ok(comparison)
    }

    /// Searches for documents on the service that carry this station's marker and are not among the `known` ones.
    async fn look_for_strays(
        &mut self,
        since: UnixMillis,
        known: &BTreeSet<DocumentId>,
        comparison: &mut Comparison,
    ) -> Result<(), Error> {
        let ours = format!("#sp:{}:", self.station);
        let since = earliest_reading(since, Some(&self.zone));
        let mut listing = Listing::default();
        loop {
            let permit = self.budget.wait().await;
            let rows = self.client.movements(permit, listing.page(), &since).await?;
            if listing.is_whole_with(rows)? {
                break;
            }
        }
        let (mut strays, mut silent) = (BTreeSet::new(), BTreeSet::new());
        for movement in listing.into_movements().into_iter().filter(|row| !known.contains(&row.document)) {
            match movement.comment {
                Some(comment) if comment.contains(&ours) => strays.insert(movement.document),
                Some(_) => false,
                None => silent.insert(movement.document),
            };
        }
        comparison.left_out = silent.len().saturating_sub(COMMENTS_READ_MAX);
        // The highest numbers come first: they are those of the newest documents.
        for document in silent.into_iter().rev().take(COMMENTS_READ_MAX) {
            let permit = self.budget.wait().await;
            let comment = self.client.document_comment(permit, document).await?;
            if comment.is_some_and(|comment| comment.contains(&ours)) {
                strays.insert(document);
            }
        }
        comparison.differences.extend(strays.into_iter().map(|document| Difference::Stray { document }));
        Ok(())
    }
}

/// Returns the difference between an operation and its document; `None` if they agree. `lines` is `None` if the service
/// no longer has the document.
fn difference(
    operation: &Operation,
    document: DocumentId,
    lines: Option<Vec<crate::domain::delivery::FoundLine>>,
) -> Option<Difference> {
    let id = operation.id;
    let Some(lines) = lines else { return Some(Difference::Gone { operation: id, document }) };
    let differs = |how| Some(Difference::Lines { operation: id, document, how });
    match reconcile(operation, vec![FoundDocument { id: document, lines }]) {
        Finding::Absent => Some(Difference::Gone { operation: id, document }),
        Finding::Conflict(how) => differs(how),
        Finding::Found(found) if !found.surplus.is_empty() => differs("a line stands there twice".to_owned()),
        Finding::Found(found) if found.transactions.len() < operation.lines.len() => {
            differs(format!("{} of {} lines are there", found.transactions.len(), operation.lines.len()))
        }
        Finding::Found(_) => None,
    }
}
