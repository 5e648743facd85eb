//! Removes lines and documents on the service that must go: one at a time, each as often as it takes.

use super::blame::{Hope, Thing};
use super::{Halt, Uplink};
use crate::api::{self, Outcome};
use crate::domain::delivery::Event;
use crate::domain::ids::{DocumentId, TransactionId};
use crate::domain::text::error_chain;
use crate::store::Pending;

impl Uplink {
    pub(super) async fn remove_line(&mut self, pending: &Pending, line: TransactionId) -> Result<(), Halt> {
        let permit = self.permit().await?;
        let answer = self.parts.client.delete_line(permit, line).await;
        let removed = match self.heard(answer).await {
            Err(Halt::Api(error)) if error.is_refusal() => self.is_line_gone(line, error).await,
            removed => removed,
        };
        let what = format!("removed line {line} on the server");
        self.removed(pending, removed, Event::TransactionRemoved(line), &what).await
    }

    pub(super) async fn remove_document(
        &mut self,
        pending: &Pending,
        document: DocumentId,
    ) -> Result<(), Halt> {
        let is_revoked = pending.delivery.is_being_revoked() && pending.delivery.document == Some(document);
        if is_revoked && !self.is_emptied(pending, document).await? {
            return Ok(());
        }
        let permit = self.permit().await?;
        let answer = self.parts.client.delete_document(permit, document).await;
        let removed = match self.heard(answer).await {
            Err(Halt::Api(error)) if error.is_refusal() => self.is_document_gone(document, error).await,
            removed => removed,
        };
        match removed {
            // Its lines are gone: it no longer moves stock.
            Err(Halt::Api(error)) if is_revoked && error.is_refusal() => {
                self.document_stays(pending, document, &error_chain(&error)).await
            }
            removed => {
                let what = format!("removed document {document} on the server");
                self.removed(pending, removed, Event::DocumentRemoved(document), &what).await
            }
        }
    }

    /// Reads back a document that is to be deleted: it is deleted only when no line is left in it, because its lines
    /// might be deleted with it.
    async fn is_emptied(&mut self, pending: &Pending, document: DocumentId) -> Result<bool, Halt> {
        let permit = self.permit().await?;
        let answer = self.parts.client.document_lines(permit, document).await;
        let left = match self.heard(answer).await {
            // A document that is gone may be refused in any words.
            Err(Halt::Api(error)) if error.is_refusal() => None,
            left => left?,
        };
        let left = left.unwrap_or_default().into_iter().map(|line| line.id);
        let is_ours =
            |id: &TransactionId| pending.delivery.lines.iter().any(|own| own.transaction == Some(*id));
        let (ours, others): (Vec<_>, Vec<_>) = left.partition(is_ours);
        let id = pending.operation.id;
        if !ours.is_empty() {
            let what = "removed lines are still there; they are removed once more";
            self.advance(id, &pending.delivery, Event::StillThere(ours), what).await?;
            self.put_off(id, self.parts.config.api.reconcile_after);
            return Ok(false);
        }
        if !others.is_empty() {
            self.document_stays(pending, document, "it has lines that this station did not make").await?;
            return Ok(false);
        }
        Ok(true)
    }

    /// Ends the removal of a document that no longer moves any stock of ours but stays on the service.
    async fn document_stays(
        &mut self,
        pending: &Pending,
        document: DocumentId,
        why: &str,
    ) -> Result<(), Halt> {
        let id = pending.operation.id;
        let what = format!("its lines are removed; document {document} stays on the service: {why}");
        self.advance(id, &pending.delivery, Event::DocumentRemoved(document), &what).await?;
        self.person(&format!("document {id}: {what}"));
        Ok(())
    }

    /// Checks that a line is gone whose removal was refused. One that was removed before, when the answer got lost, may
    /// be refused in any words: it is not documented how the service reports what it does not know. Returns the refusal
    /// if the line still stands.
    async fn is_line_gone(&mut self, line: TransactionId, refusal: api::Error) -> Result<(), Halt> {
        let permit = self.permit().await?;
        let answer = self.parts.client.line(permit, line).await;
        match self.heard(answer).await {
            Ok(Some(row)) if !row.is_deleted => Err(Halt::Api(refusal)),
            Ok(_) => Ok(()),
            Err(Halt::Api(error)) if error.is_refusal() => Err(Halt::Api(refusal)),
            Err(halt) => Err(halt),
        }
    }

    /// Checks the same for a document. One that cannot be read at all and has no line counts as gone.
    async fn is_document_gone(&mut self, document: DocumentId, refusal: api::Error) -> Result<(), Halt> {
        let permit = self.permit().await?;
        let answer = self.parts.client.document(permit, document).await;
        match self.heard(answer).await {
            Ok(None) => return Ok(()),
            Ok(Some(_)) => return Err(Halt::Api(refusal)),
            Err(Halt::Api(error)) if error.is_refusal() => {}
            Err(halt) => return Err(halt),
        }
        let permit = self.permit().await?;
        let answer = self.parts.client.document_lines(permit, document).await;
        match self.heard(answer).await {
            Ok(Some(lines)) if !lines.is_empty() => Err(Halt::Api(refusal)),
            Ok(_) => Ok(()),
            Err(Halt::Api(error)) if error.is_refusal() => Err(Halt::Api(refusal)),
            Err(halt) => Err(halt),
        }
    }

    async fn removed(
        &mut self,
        pending: &Pending,
        removed: Result<(), Halt>,
        event: Event,
        what: &str,
    ) -> Result<(), Halt> {
        let id = pending.operation.id;
        match removed {
            Ok(()) => {
                let next = self.advance(id, &pending.delivery, event, what).await?;
                // An operation that had ended before was announced already.
                self.arrived(
                    &pending.operation,
                    next.as_ref().filter(|next| next.state != pending.delivery.state),
                );
                Ok(())
            }
            Err(Halt::Api(error)) => self.not_removed(pending, error).await,
            Err(halt) => Err(halt),
        }
    }

    /// Puts off an operation of which the token may not remove something: others go on, and a person must remove it.
    /// That is believed only while the token is good for anything else.
    async fn not_removed(&mut self, pending: &Pending, error: api::Error) -> Result<(), Halt> {
        let id = pending.operation.id;
        let words = match error.outcome() {
            Outcome::NotAllowed { status: 403, words } => {
                let permit = self.permit().await?;
                let answer = self.parts.client.storages(permit).await;
                self.heard(answer).await?;
                words
            }
            Outcome::Refused(words) => words,
            Outcome::NotAllowed { .. } | Outcome::NotDone | Outcome::Unknown | Outcome::Wait(_) => {
                return Err(Halt::Api(error));
            }
        };
        if pending.delivery.is_revoked_untouched() {
            let what = format!("it cannot be deleted on the server: {words}");
            self.advance(id, &pending.delivery, Event::Kept(words), &what).await?;
            self.person(&format!("document {id} stays: {what}"));
            return Ok(());
        }
        let fault = format!("what must go of it cannot be removed: {words}");
        self.fails(Thing::Document(id), &fault, Hope::NeedsPerson).await
    }
}
