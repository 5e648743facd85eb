//! Removes lines and documents on the service that must go: one at a time, each as often as it takes.

use super::failing::Hope;
use super::interrupted::Interrupted;
use super::link::Link;
use super::outbox::{Outbox, announce_posted};
use crate::api::{self, Outcome};
use crate::domain::delivery::Event;
use crate::domain::ids::{DocumentId, TransactionId};
use crate::domain::text::error_chain;
use crate::store::Pending;

/// The removal of something that a delivery has on the service.
#[derive(Debug)]
pub(super) struct Removal<'a> {
    /// The link.
    pub(super) link: &'a mut Link,
    /// The outbox, which takes the result.
    pub(super) outbox: &'a mut Outbox,
    /// The operation.
    pub(super) pending: &'a Pending,
}

impl Removal<'_> {
    /// Removes a line.
    pub(super) async fn of_line(mut self, line: TransactionId) -> Result<(), Interrupted> {
        let permit = self.link.permit().await?;
        let answer = self.link.client.delete_line(permit, line).await;
        let removed = match self.link.take_answer(answer).await {
            Err(Interrupted::Api(error)) if error.is_refusal() => is_line_gone(self.link, line, error).await,
            removed => removed,
        };
        let what = format!("removed line {line} on the server");
        self.settle(removed, Event::TransactionRemoved(line), &what).await
    }

    /// Removes a document.
    pub(super) async fn of_document(mut self, document: DocumentId) -> Result<(), Interrupted> {
        let delivery = &self.pending.delivery;
        let is_revoked = delivery.is_being_revoked() && delivery.document == Some(document);
        if is_revoked && !self.is_emptied(document).await? {
            return Ok(());
        }
        let permit = self.link.permit().await?;
        let answer = self.link.client.delete_document(permit, document).await;
        let removed = match self.link.take_answer(answer).await {
            Err(Interrupted::Api(error)) if error.is_refusal() => {
                is_document_gone(self.link, document, error).await
            }
            removed => removed,
        };
        match removed {
            // Its lines are gone: it no longer moves stock.
            Err(Interrupted::Api(error)) if is_revoked && error.is_refusal() => {
                self.document_stays(document, &error_chain(&error)).await
            }
            removed => {
                let what = format!("removed document {document} on the server");
                self.settle(removed, Event::DocumentRemoved(document), &what).await
            }
        }
    }

    /// Reads back a document that is to be deleted: it is deleted only when no line is left in it, because its lines
    /// might be deleted with it.
    async fn is_emptied(&mut self, document: DocumentId) -> Result<bool, Interrupted> {
        let permit = self.link.permit().await?;
        let answer = self.link.client.document_lines(permit, document).await;
        let left = match self.link.take_answer(answer).await {
            // A document that is gone may be refused in any words.
            Err(Interrupted::Api(error)) if error.is_refusal() => None,
            left => left?,
        };
        let left = left.unwrap_or_default().into_iter().map(|line| line.id);
        let is_ours =
            |id: &TransactionId| self.pending.delivery.lines.iter().any(|own| own.transaction == Some(*id));
        let (ours, others): (Vec<_>, Vec<_>) = left.partition(is_ours);
        if !ours.is_empty() {
            let what = "removed lines are still there; they are removed once more";
            self.outbox.advance(self.link, self.pending, Event::StillThere(ours), what).await?;
            // The service may show a deleted line for a while.
            self.outbox.put_off(self.pending.operation.id, self.link.config.api.reconcile_after);
            return Ok(false);
        }
        if !others.is_empty() {
            self.document_stays(document, "it has lines that this station did not make").await?;
            return Ok(false);
        }
        Ok(true)
    }

    /// Ends the removal of a document that no longer moves any stock of ours but stays on the service.
    async fn document_stays(&mut self, document: DocumentId, why: &str) -> Result<(), Interrupted> {
        let id = self.pending.operation.id;
        let what = format!("its lines are removed; document {document} stays on the service: {why}");
        self.outbox.advance(self.link, self.pending, Event::DocumentRemoved(document), &what).await?;
        self.link.alarms.call_person(&format!("document {id}: {what}"));
        Ok(())
    }

    /// Stores the result of a removal.
    async fn settle(
        &mut self,
        removed: Result<(), Interrupted>,
        event: Event,
        what: &str,
    ) -> Result<(), Interrupted> {
        match removed {
            Ok(()) => {
                let next = self.outbox.advance(self.link, self.pending, event, what).await?;
                // An operation that had ended before was announced already.
                let ended = next.as_ref().filter(|next| next.state != self.pending.delivery.state);
                announce_posted(self.link, &self.pending.operation, ended);
                Ok(())
            }
            Err(Interrupted::Api(error)) => self.not_removed(error).await,
            Err(interrupted) => Err(interrupted),
        }
    }

    /// Puts off an operation from which the token may not remove a part: others continue, and a person must remove it.
    /// The operation is at fault only if the token is good for another request.
    async fn not_removed(&mut self, error: api::Error) -> Result<(), Interrupted> {
        let id = self.pending.operation.id;
        let words = match error.outcome() {
            Outcome::NotAllowed { status: 403, words } => {
                let permit = self.link.permit().await?;
                // The token may have lost every right: only a good answer here shows that this removal alone is
                // forbidden.
                let answer = self.link.client.storages(permit).await;
                self.link.take_answer(answer).await?;
                words
            }
            Outcome::Refused(words) => words,
            Outcome::NotAllowed { .. } | Outcome::NotDone | Outcome::Unknown | Outcome::Wait(_) => {
                return Err(Interrupted::Api(error));
            }
        };
        // Nothing of it was removed yet, so the document can stay whole.
        if self.pending.delivery.is_revoked_untouched() {
            let what = format!("it cannot be deleted on the server: {words}");
            self.outbox.advance(self.link, self.pending, Event::Kept(words), &what).await?;
            self.link.alarms.call_person(&format!("document {id} stays: {what}"));
            return Ok(());
        }
        let fault = format!("what must go of it cannot be removed: {words}");
        self.outbox.fails(self.link, id, &fault, Hope::NeedsPerson).await
    }
}

/// Checks that a line is gone whose removal was refused. One that was removed before, when the answer got lost, may be
/// refused in any words: it is not documented how the service reports what it does not know. Returns the refusal if the
/// line still stands.
async fn is_line_gone(
    link: &mut Link,
    transaction: TransactionId,
    refusal: api::Error,
) -> Result<(), Interrupted> {
    let permit = link.permit().await?;
    let answer = link.client.line(permit, transaction).await;
    match link.take_answer(answer).await {
        Ok(Some(row)) if !row.is_deleted => Err(Interrupted::Api(refusal)),
        Ok(_) => Ok(()),
        Err(Interrupted::Api(error)) if error.is_refusal() => Err(Interrupted::Api(refusal)),
        Err(interrupted) => Err(interrupted),
    }
}

/// Checks the same for a document. One that cannot be read at all and has no line counts as gone.
async fn is_document_gone(
    link: &mut Link,
    document: DocumentId,
    refusal: api::Error,
) -> Result<(), Interrupted> {
    let permit = link.permit().await?;
    let answer = link.client.document(permit, document).await;
    match link.take_answer(answer).await {
        Ok(None) => return Ok(()),
        Ok(Some(_)) => return Err(Interrupted::Api(refusal)),
        Err(Interrupted::Api(error)) if error.is_refusal() => {}
        Err(interrupted) => return Err(interrupted),
    }
    let permit = link.permit().await?;
    let answer = link.client.document_lines(permit, document).await;
    match link.take_answer(answer).await {
        Ok(Some(lines)) if !lines.is_empty() => Err(Interrupted::Api(refusal)),
        Ok(_) => Ok(()),
        Err(Interrupted::Api(error)) if error.is_refusal() => Err(Interrupted::Api(refusal)),
        Err(interrupted) => Err(interrupted),
    }
}
