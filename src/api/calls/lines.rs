//! Lines of stock documents (the API says goods transactions).

use super::found;
use crate::api::client::Client;
use crate::api::wire::{LineBody, LineRow, number};
use crate::api::{Error, Permit};
use crate::domain::delivery::FoundLine;
use crate::domain::ids::{DocumentId, MasterId, TransactionId};
use crate::domain::operation::Line;

/// Sale unit (`operation_unit_type`): what the operator counts in.
const SALE_UNIT: u8 = 1;

/// A line as it is sent.
#[derive(Debug, Clone)]
pub struct LineToPost<'a> {
    /// The line.
    pub line: &'a Line,
    /// The marker with the line's number.
    pub comment: String,
}

impl Client {
    /// Adds a line to a document (`POST /storage_operations/goods_transactions/{location_id}`).
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn create_line(
        &self,
        permit: Permit,
        document: DocumentId,
        line: &LineToPost<'_>,
        master: Option<MasterId>,
    ) -> Result<FoundLine, Error> {
        let path = format!("storage_operations/goods_transactions/{}", self.location());
        let answer = self.post(permit, &path, &line_body(line, Some(document), master)).await?;
        let row: LineRow<'_> = answer.one()?;
        row.line().ok_or(answer.lacks("the line"))
    }

    /// Removes a line (`DELETE /storage_operations/goods_transactions/{location_id}/{transaction_id}`). One that
    /// is not there is removed.
    ///
    /// # Errors
    /// Any of [`Error`] but that it is not there.
    pub async fn delete_line(&self, permit: Permit, line: TransactionId) -> Result<(), Error> {
        let path = format!("storage_operations/goods_transactions/{}/{line}", self.location());
        found(self.delete(permit, &path).await).map(|_gone| ())
    }
}

/// The lines that are not deleted, or nothing if one of them cannot be read.
pub(super) fn lines_of(rows: &[Option<LineRow<'_>>]) -> Option<Vec<FoundLine>> {
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        let row = row.as_ref()?;
        if !row.is_deleted() {
            lines.push(row.line()?);
        }
    }
    Some(lines)
}

pub(super) fn line_body<'a>(
    line: &'a LineToPost<'_>,
    document: Option<DocumentId>,
    master: Option<MasterId>,
) -> LineBody<'a> {
    let ours = line.line;
    // A cost beyond 28 digits cannot come from a price the server told; it would refuse the line.
    let cost = ours.price.times(ours.quantity).unwrap_or_default();
    LineBody {
        document_id: document.map(|document| document.0),
        good_id: ours.good.0,
        operation_unit_type: SALE_UNIT,
        amount: number(ours.quantity.to_decimal()),
        cost_per_unit: number(ours.price.to_decimal()),
        discount: 0,
        cost: number(cost.to_decimal()),
        master_id: master.map(|master| master.0),
        comment: &line.comment,
    }
}
