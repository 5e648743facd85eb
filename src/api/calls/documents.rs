//! Stock documents: the headers that lines belong to.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::found;
use super::lines::lines_of;
use super::operation::{OperationToPost, PostedOperation, type_of};
use crate::api::client::{Answer, Client};
use crate::api::wire::DocumentBody;
use crate::api::{Error, Permit, lenient};
use crate::domain::delivery::FoundLine;
use crate::domain::ids::DocumentId;

#[derive(Deserialize)]
struct DocumentWire<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    comment: Option<&'a RawValue>,
}

impl Client {
    /// A document's comment (`GET /storage_operations/documents/{location_id}/{document_id}`); `None` if there is
    /// no such document, or no comment.
    ///
    /// # Errors
    /// Any of [`Error`] but that it is not there.
    pub async fn document_comment(
        &self,
        permit: Permit,
        document: DocumentId,
    ) -> Result<Option<String>, Error> {
        let path = format!("storage_operations/documents/{}/{document}", self.location());
        let Some(answer) = found(self.get(permit, &path, &[]).await)? else { return Ok(None) };
        let row: DocumentWire<'_> = answer.one()?;
        Ok(lenient::text(row.comment))
    }

    /// The lines of a document that are not deleted
    /// (`GET /storage_operations/documents/goods_transactions/{document_id}`, which names no location);
    /// `None` if there is no such document.
    ///
    /// # Errors
    /// Any of [`Error`] but that it is not there.
    pub async fn document_lines(
        &self,
        permit: Permit,
        document: DocumentId,
    ) -> Result<Option<Vec<FoundLine>>, Error> {
        let path = format!("storage_operations/documents/goods_transactions/{document}");
        let Some(answer) = found(self.get(permit, &path, &[]).await)? else { return Ok(None) };
        lines_of(&answer.rows()?)
            .ok_or(Error::Incomplete { status: answer.status, what: "the good or amount of a line" })
            .map(Some)
    }

    /// Creates a document without lines (`POST /storage_operations/documents/{location_id}`).
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn create_document(
        &self,
        permit: Permit,
        operation: OperationToPost<'_>,
    ) -> Result<PostedOperation, Error> {
        let body = DocumentBody {
            type_id: type_of(operation.place.kind),
            storage_id: operation.place.storage.0,
            create_date: operation.create_date,
            comment: operation.comment,
        };
        let path = format!("storage_operations/documents/{}", self.location());
        let answer = self.post(permit, &path, &body).await?;
        let document = answer.data()?.and_then(lenient::one).ok_or(answer.lacks("the document"))?;
        answer.document(document)
    }

    /// Removes a document (`DELETE /storage_operations/documents/{location_id}/{document_id}`). One that is not
    /// there is removed.
    ///
    /// # Errors
    /// Any of [`Error`] but that it is not there.
    pub async fn delete_document(&self, permit: Permit, document: DocumentId) -> Result<(), Error> {
        let path = format!("storage_operations/documents/{}/{document}", self.location());
        found(self.delete(permit, &path).await).map(|_gone| ())
    }
}

impl Answer {
    pub(super) fn document(&self, raw: &RawValue) -> Result<PostedOperation, Error> {
        let row: DocumentWire<'_> = serde_json::from_str(raw.get())
            .map_err(|source| Error::Unreadable { status: self.status, source })?;
        let id = lenient::id(row.id).ok_or(self.lacks("the document's id"))?;
        Ok(PostedOperation { document: DocumentId(id), comment: lenient::text(row.comment), lines: None })
    }
}
