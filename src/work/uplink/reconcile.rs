//! Reconciles a delivery with the service: reads what the service has of it, by its marker.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::account::Account;
use super::interrupted::Interrupted;
use super::link::Link;
use super::records::{KnownDocuments, Records, Wanted, documents};
use crate::api::Movement;
use crate::domain::clock_trust::TrustSource;
use crate::domain::delivery::{Finding, FoundDocument, Trace, reconcile};
use crate::domain::ids::DocumentId;
use crate::domain::stock::mode::Kind;
use crate::domain::stock::operation::Operation;
use crate::domain::time::UnixMillis;
use crate::store::Pending;

/// The time before the first request at which a reading begins, in ms: the clocks may differ, and the service's records
/// may carry a time from before its answer.
const READ_BACK_MARGIN_MS: i64 = 10 * 60 * 1000;

/// The further time by which a reading begins earlier if nothing proves our clock and the service's was not known, in
/// ms: longer than a station is cut off from a service that it has just reached.
const UNPROVEN_MARGIN_MS: i64 = 31 * 24 * 60 * 60 * 1000;

/// The reconciliation, and what it has read that serves other deliveries as well.
#[derive(Debug, Default)]
pub(super) struct Reconciler {
    documents: KnownDocuments,
    records: Records,
}

impl Reconciler {
    /// Reads everything on the server that carries the operation's marker, completely.
    pub(super) async fn reconcile(
        &mut self,
        link: &mut Link,
        account: &Account,
        pending: &Pending,
        due_since: Instant,
    ) -> Result<Finding, Interrupted> {
        let operation = &pending.operation;
        let mut documents: BTreeSet<DocumentId> = pending.delivery.document.into_iter().collect();
        if pending.delivery.trace() == Trace::Anywhere {
            documents.extend(self.marked_documents(link, account, pending, due_since).await?);
        }
        let mut found = Vec::new();
        for document in documents {
            let permit = link.permit().await?;
            let lines = link.client.document_lines(permit, document).await;
            if let Some(lines) = link.take_answer(lines).await? {
                found.push(FoundDocument { id: document, lines });
            }
        }
        // A document of ours whose lines are all deleted was removed before: it is no twin.
        let known = pending.delivery.document;
        found.retain(|document| !document.lines.is_empty() || Some(document.id) == known);
        Ok(reconcile(operation, found))
    }

    /// Returns the documents that carry the operation's marker. No call lists documents, so they are found through the
    /// movements since before the first request; the listing may leave out comments, so the comment of each document
    /// that could be ours is read.
    async fn marked_documents(
        &mut self,
        link: &mut Link,
        account: &Account,
        pending: &Pending,
        due_since: Instant,
    ) -> Result<BTreeSet<DocumentId>, Interrupted> {
        let operation = &pending.operation;
        let since = reading_begins(pending, link.clocks.trust_source(), link.clocks.server_now());
        let wanted = Wanted { since, begun_after: due_since };
        let movements = self.records.movements(link, account, wanted).await?;
        let is_named = |movement: &&Movement| {
            movement.comment.as_deref().is_some_and(|comment| operation.marker.is_in(comment))
        };
        let is_silent = |movement: &&Movement| movement.comment.is_none() && could_be(operation, movement);
        let mut ours = documents(movements.iter().filter(is_named));
        let candidates = documents(movements.iter().filter(is_silent));
        self.records.tidy();
        for document in candidates.difference(&ours.clone()) {
            if self.is_marked(link, operation, *document).await? {
                ours.insert(*document);
            }
        }
        Ok(ours)
    }

    /// Returns true if a document carries the operation's marker: in its own comment, or, if it has none, in those of
    /// its lines. A document that is known to be of another operation of this station is not read.
    async fn is_marked(
        &mut self,
        link: &mut Link,
        operation: &Operation,
        document: DocumentId,
    ) -> Result<bool, Interrupted> {
        if let Some(comments) = self.documents.comments(document) {
            return Ok(comments.iter().any(|comment| operation.marker.is_in(comment)));
        }
        if let Some(owner) = link.db(move |db| db.operation_of(document)).await? {
            return Ok(owner == operation.id);
        }
        let permit = link.permit().await?;
        let comment = link.client.document_comment(permit, document).await;
        let comment = match link.take_answer(comment).await {
            // A document that is deleted, and still listed, may be refused in any words; its lines decide.
            Err(Interrupted::Api(error)) if error.is_refusal() => None,
            comment => comment?,
        };
        let mut comments: Vec<String> = comment.into_iter().collect();
        comments.retain(|comment| !comment.is_empty());
        if comments.is_empty() {
            let permit = link.permit().await?;
            let lines = link.client.document_lines(permit, document).await;
            let lines = link.take_answer(lines).await?.unwrap_or_default();
            comments.extend(lines.into_iter().filter_map(|line| line.comment));
        }
        let marked = comments.iter().any(|comment| operation.marker.is_in(comment));
        if !comments.is_empty() {
            self.documents.remember(document, comments);
        }
        Ok(marked)
    }
}

/// Returns true if a movement without a comment could be of this operation, by the members that it has.
fn could_be(operation: &Operation, movement: &Movement) -> bool {
    let types: &[i64] = match operation.place.kind {
        Kind::Receipt => &[3],
        // Either, whatever is configured: what was sent may be from before the configuration changed.
        Kind::WriteOff => &[4, 7],
    };
    movement.type_id.is_none_or(|type_id| types.contains(&type_id))
        && movement.storage.is_none_or(|storage| storage == operation.place.storage)
        && movement.good.is_none_or(|good| operation.lines.iter().any(|line| line.good == good))
}

/// Returns the time from which a reading shows whether anything of an operation was carried out: before its first
/// request, by the service's clock.
///
/// Our own clock counts only if the service's was not known at the first request. If only the configuration says that
/// our clock is right, it may have been wrong by any amount either way, so much more is read.
fn reading_begins(pending: &Pending, source: TrustSource, server_now: Option<UnixMillis>) -> UnixMillis {
    let first_scan = pending.first_scan;
    let ours = pending.sent.unwrap_or(first_scan);
    let begins = match (pending.server_sent, source) {
        (Some(server), _) => server,
        (None, TrustSource::Proof) => ours,
        (None, TrustSource::Configuration) => ours.min(first_scan).plus_ms(-UNPROVEN_MARGIN_MS),
    };
    // What was sent was sent before now.
    let latest = match (server_now, pending.server_sent, source) {
        (Some(now), None, TrustSource::Configuration) => now.plus_ms(-UNPROVEN_MARGIN_MS),
        (Some(now), ..) => now,
        (None, ..) => begins,
    };
    begins.min(latest).plus_ms(-READ_BACK_MARGIN_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::Delivery;
    use crate::domain::ids::{OperationId, StorageId};
    use crate::domain::stock::operation::{Marker, Place};

    const DAY_MS: i64 = 86_400_000;
    /// The time at which the first request really left, by the service's clock.
    const SENT: i64 = 1_790_000_000_000;

    fn pending(server_sent: Option<i64>, ours_sent: Option<i64>, first_scan: i64) -> Pending {
        let place = Place { kind: Kind::Receipt, storage: StorageId(1) };
        let marker = Marker::new("dock-1", "01J9");
        let operation = Operation { id: OperationId(1), marker, place, lines: Vec::new() };
        Pending {
            delivery: Delivery::queued(&operation),
            operation,
            create_date: None,
            sent: ours_sent.map(UnixMillis),
            server_sent: server_sent.map(UnixMillis),
            first_scan: UnixMillis(first_scan),
            revokes: None,
        }
    }

    /// Returns how long before the first request a reading begins, in ms.
    fn before_ms(pending: &Pending, source: TrustSource, server_now: Option<i64>) -> i64 {
        UnixMillis(SENT).ms_since(reading_begins(pending, source, server_now.map(UnixMillis)))
    }

    #[test]
    fn a_reading_begins_by_the_services_clock_whatever_ours_said() {
        for off_by in [-20_000 * DAY_MS, -DAY_MS, 0, DAY_MS, 20_000 * DAY_MS] {
            let pending = pending(Some(SENT), Some(SENT + off_by), SENT + off_by);
            for source in [TrustSource::Proof, TrustSource::Configuration] {
                assert_eq!(before_ms(&pending, source, Some(SENT + 60_000)), READ_BACK_MARGIN_MS);
                assert_eq!(before_ms(&pending, source, None), READ_BACK_MARGIN_MS);
            }
        }
    }

    #[test]
    fn our_clock_counts_where_something_proved_it() {
        let sent = pending(None, Some(SENT), SENT - 5000);
        assert_eq!(before_ms(&sent, TrustSource::Proof, Some(SENT + 60_000)), READ_BACK_MARGIN_MS);
        let unsent = pending(None, None, SENT - 5000);
        assert_eq!(before_ms(&unsent, TrustSource::Proof, None), READ_BACK_MARGIN_MS + 5000);
    }

    #[test]
    fn a_reading_begins_before_the_first_request_wherever_our_clock_stood() {
        for off_by in [-20_000 * DAY_MS, -40 * DAY_MS, -DAY_MS, 0, DAY_MS, 30 * DAY_MS, 20_000 * DAY_MS] {
            for (sent, later) in
                [(Some(SENT + off_by), 1000), (None, 1000), (Some(SENT + off_by), 30 * DAY_MS)]
            {
                let pending = pending(None, sent, SENT + off_by);
                let before = before_ms(&pending, TrustSource::Configuration, Some(SENT + later));
                assert!(before >= READ_BACK_MARGIN_MS, "{off_by} {sent:?} {later}: {before}");
            }
        }
    }

    #[test]
    fn no_reading_begins_in_the_services_future() {
        let pending = pending(Some(SENT + DAY_MS), Some(SENT + DAY_MS), SENT + DAY_MS);
        for source in [TrustSource::Proof, TrustSource::Configuration] {
            assert!(before_ms(&pending, source, Some(SENT)) >= READ_BACK_MARGIN_MS);
        }
    }
}
