//! Removing what stands on the service and must go: a line or a document at a time, each as often as it takes.

use std::time::Duration;

use super::uplink::{Halt, Uplink};
use crate::api::{self, Outcome};
use crate::domain::delivery::Event;
use crate::domain::ids::{DocumentId, TransactionId};
use crate::store::Pending;

/// How long an operation rests of which something cannot be removed.
const REST: Duration = Duration::from_secs(30);

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
        let permit = self.permit().await?;
        let answer = self.parts.client.delete_document(permit, document).await;
        let removed = match self.heard(answer).await {
            Err(Halt::Api(error)) if error.is_refusal() => self.is_document_gone(document, error).await,
            removed => removed,
        };
        let what = format!("removed document {document} on the server");
        self.removed(pending, removed, Event::DocumentRemoved(document), &what).await
    }

    /// What was removed before, and the answer got lost, may be refused in any words: how the service speaks of
    /// what it does not know is not documented. Gives back the refusal if the line still stands.
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

    /// Likewise of a document. One that cannot be read at all and has no line is gone as far as anybody can tell.
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
                self.arrived(&pending.operation, next.as_ref());
                Ok(())
            }
            Err(Halt::Api(error)) => {
                match error.outcome() {
                    // The token may post but not remove: others go on, and a person must.
                    Outcome::NotAllowed { words, .. } | Outcome::Refused(words) => {
                        self.put_off(id, REST);
                        self.person(&format!("document {id}: a double cannot be removed: {words}"));
                        Ok(())
                    }
                    Outcome::NotDone | Outcome::Unknown | Outcome::Wait(_) => Err(Halt::Api(error)),
                }
            }
            Err(halt) => Err(halt),
        }
    }
}
