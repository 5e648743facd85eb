//! The operation call: a document and its lines in one request.
//!
//! Source: <https://developer.alteg.io/en/b2b-v1/openapi/inventory>, operation `create_inventory_operation`.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::lines::{LineToPost, line_body, lines_of};
use super::parsed;
use crate::api::client::Client;
use crate::api::wire::OperationBody;
use crate::api::{Error, Permit, lenient};
use crate::config::LinesKey;
use crate::domain::delivery::FoundLine;
use crate::domain::ids::{DocumentId, MasterId};
use crate::domain::stock::mode::Kind;
use crate::domain::stock::operation::Place;

/// An operation as it is sent.
#[derive(Debug, Clone, Copy)]
pub struct OperationToPost<'a> {
    /// Kind and storage.
    pub place: Place,
    /// The time of the first scan with the location's offset.
    pub create_date: &'a str,
    /// The staff member, where the account demands one.
    pub master: Option<MasterId>,
    /// The marker.
    pub comment: &'a str,
}

/// The result of a document call or of the operation call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostedOperation {
    /// The document.
    pub document: DocumentId,
    /// Its comment, if given.
    pub comment: Option<String>,
    /// Its lines; `None` if the answer has none of its own.
    pub lines: Option<Vec<FoundLine>>,
}

#[derive(Deserialize)]
struct OperationWire<'a> {
    #[serde(borrow)]
    document: Option<&'a RawValue>,
    #[serde(borrow)]
    transactions: Option<&'a RawValue>,
    #[serde(borrow)]
    goods_transactions: Option<&'a RawValue>,
}

impl Client {
    /// Creates a document with its lines (`POST /storage_operations/operation/{location_id}`).
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn create_operation(
        &self,
        permit: Permit,
        operation: OperationToPost<'_>,
        lines: &[LineToPost<'_>],
    ) -> Result<PostedOperation, Error> {
        let lines =
            lines.iter().map(|line| line_body(line, None, operation.master)).collect::<Result<_, _>>()?;
        let (goods_transactions, transactions) = match self.lines_key() {
            LinesKey::GoodsTransactions => (Some(lines), None),
            LinesKey::Transactions => (None, Some(lines)),
        };
        let body = OperationBody {
            type_id: type_of(operation.place.kind),
            storage_id: operation.place.storage.0,
            create_date: operation.create_date,
            master_id: operation.master.map(|master| master.0),
            comment: operation.comment,
            goods_transactions,
            transactions,
        };
        let path = format!("storage_operations/operation/{}", self.location());
        let answer = self.post(permit, &path, &body).await?;
        let row: OperationWire<'_> = answer.one()?;
        let document = row.document.ok_or(answer.lacks("the document"))?;
        let mut posted = answer.document(document)?;
        // The vendor's schema and its example disagree on the name of the array.
        let rows = row.transactions.or(row.goods_transactions);
        // Without readable lines the answer still proves that the document was created.
        posted.lines = rows.and_then(|rows| lines_of(&parsed(&lenient::list(rows))));
        Ok(posted)
    }
}

/// Returns the document type of the operation call: 3 arrival, 4 write-off.
fn type_of(kind: Kind) -> i64 {
    match kind {
        Kind::Receipt => 3,
        Kind::WriteOff => 4,
    }
}
