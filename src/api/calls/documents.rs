//! Stock documents: the headers that lines belong to.
//!
//! Source: <https://developer.alteg.io/en/b2b-v1/openapi/inventory>, operations `create_document`, `get_document`,
//! `update_document`, `delete_document` and `get_document_product_transactions`. The API has no call that lists
//! documents.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::found;
use super::lines::lines_of;
use super::operation::{OperationToPost, PostedOperation};
use crate::api::client::{Answer, Client};
use crate::api::wire::DocumentBody;
use crate::api::{Error, Permit, lenient};
use crate::domain::delivery::FoundLine;
use crate::domain::ids::{DocumentId, StorageId};
use crate::domain::stock::mode::Kind;

/// A stock document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRow {
    /// Its id.
    pub id: DocumentId,
    /// Document type, if given: 1 sale, 2 consumption, 3 receipt, 4 write-off, 5 transfer. An answer may also have 0,
    /// 6, 7, 8 and 9.
    pub type_id: Option<i64>,
    /// The storage its lines book in, if given.
    pub storage: Option<StorageId>,
    /// The running number that people see, if given.
    pub number: Option<i64>,
    /// Its comment; empty if there is none.
    pub comment: String,
    /// Its date as the service spells it, if given.
    pub create_date: Option<String>,
    /// The id of the user who made it, if given.
    pub user: Option<i64>,
}

#[derive(Deserialize)]
struct DocumentWire<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    comment: Option<&'a RawValue>,
    #[serde(borrow)]
    type_id: Option<&'a RawValue>,
    #[serde(borrow)]
    storage_id: Option<&'a RawValue>,
    #[serde(borrow)]
    storage: Option<&'a RawValue>,
    #[serde(borrow)]
    number: Option<&'a RawValue>,
    #[serde(borrow)]
    create_date: Option<&'a RawValue>,
    #[serde(borrow)]
    user_id: Option<&'a RawValue>,
    #[serde(borrow)]
    user: Option<&'a RawValue>,
}

impl Client {
    /// Reads a document's comment (`GET /storage_operations/documents/{location_id}/{document_id}`); `None` if there is
    /// no such document or no comment.
    ///
    /// # Errors
    /// Any of [`Error`], except that it does not exist.
    pub async fn document_comment(
        &self,
        permit: Permit,
        document: DocumentId,
    ) -> Result<Option<String>, Error> {
        let Some(answer) = found(self.document_answer(permit, document).await)? else { return Ok(None) };
        let row: DocumentWire<'_> = answer.one()?;
        Ok(lenient::text(row.comment))
    }

    /// Reads a document (`GET /storage_operations/documents/{location_id}/{document_id}`); `None` if it does not exist.
    ///
    /// # Errors
    /// Any of [`Error`], except that it does not exist.
    pub async fn document(&self, permit: Permit, document: DocumentId) -> Result<Option<DocumentRow>, Error> {
        let Some(answer) = found(self.document_answer(permit, document).await)? else { return Ok(None) };
        row_of(&answer).map(Some)
    }

    async fn document_answer(&self, permit: Permit, document: DocumentId) -> Result<Answer, Error> {
        let path = format!("storage_operations/documents/{}/{document}", self.location());
        self.get(permit, &path, &[]).await
    }

    /// Reads the lines of a document that are not deleted (`GET
    /// /storage_operations/documents/goods_transactions/{document_id}`, without a location); `None` if the document
    /// does not exist.
    ///
    /// # Errors
    /// Any of [`Error`], except that it does not exist.
    pub async fn document_lines(
        &self,
        permit: Permit,
        document: DocumentId,
    ) -> Result<Option<Vec<FoundLine>>, Error> {
        let path = format!("storage_operations/documents/goods_transactions/{document}");
        let Some(answer) = found(self.get(permit, &path, &[]).await)? else { return Ok(None) };
        // A line that cannot be read makes the whole list useless: it could be the one that is looked for.
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
        let path = format!("storage_operations/documents/{}", self.location());
        let answer = self.post(permit, &path, &self.document_body(operation)).await?;
        let document = answer.data()?.and_then(lenient::one).ok_or(answer.lacks("the document"))?;
        answer.document(document)
    }

    /// Replaces the header of a document (`PUT /storage_operations/documents/{location_id}/{document_id}`); its
    /// lines stay. The type cannot change.
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn replace_document(
        &self,
        permit: Permit,
        document: DocumentId,
        operation: OperationToPost<'_>,
    ) -> Result<DocumentRow, Error> {
        let path = format!("storage_operations/documents/{}/{document}", self.location());
        row_of(&self.put(permit, &path, &self.document_body(operation)).await?)
    }

    /// Removes a document (`DELETE /storage_operations/documents/{location_id}/{document_id}`). A missing one counts as
    /// removed.
    ///
    /// # Errors
    /// Any of [`Error`], except that it does not exist.
    pub async fn delete_document(&self, permit: Permit, document: DocumentId) -> Result<(), Error> {
        let path = format!("storage_operations/documents/{}/{document}", self.location());
        found(self.delete(permit, &path, &[]).await).map(|_gone| ())
    }

    /// Builds the body of a document call. A write-off is 4, as in the operation call, or 7, as in the text of this
    /// call.
    fn document_body<'a>(&self, operation: OperationToPost<'a>) -> DocumentBody<'a> {
        DocumentBody {
            type_id: match operation.place.kind {
                Kind::Receipt => 3,
                Kind::WriteOff => i64::from(self.write_off_document_type()),
            },
            storage_id: operation.place.storage.0,
            create_date: operation.create_date,
            comment: operation.comment,
        }
    }
}

impl Answer {
    /// Reads the document of an answer; its lines are read elsewhere.
    pub(super) fn document(&self, raw: &RawValue) -> Result<PostedOperation, Error> {
        let row: DocumentWire<'_> = serde_json::from_str(raw.get())
            .map_err(|source| Error::Unreadable { status: self.status, source })?;
        let id = lenient::id(row.id).ok_or(self.lacks("the document's id"))?;
        Ok(PostedOperation { document: DocumentId(id), comment: lenient::text(row.comment), lines: None })
    }
}

fn row_of(answer: &Answer) -> Result<DocumentRow, Error> {
    let row: DocumentWire<'_> = answer.one()?;
    Ok(DocumentRow {
        id: DocumentId(lenient::id(row.id).ok_or(answer.lacks("the document's id"))?),
        type_id: lenient::integer(row.type_id),
        storage: lenient::id(row.storage_id).or_else(|| lenient::related(row.storage)).map(StorageId),
        number: lenient::integer(row.number),
        comment: lenient::text(row.comment).unwrap_or_default(),
        create_date: lenient::text(row.create_date),
        user: lenient::id(row.user_id).or_else(|| lenient::related(row.user)),
    })
}
