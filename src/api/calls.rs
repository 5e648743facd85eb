//! The calls the station makes, each with what it reads of the answer.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::client::{Answer, Client};
use super::wire::{DocumentBody, Envelope, GoodRow, LineBody, LineRow, OperationBody, number};
use super::{Error, Permit, lenient};
use crate::domain::delivery::FoundLine;
use crate::domain::good::Good;
use crate::domain::ids::{DocumentId, GoodId, MasterId, StorageId, TransactionId};
use crate::domain::mode::Kind;
use crate::domain::operation::{Line, Place};

/// Rows of a page of goods. Working integrations ask for up to 100; more is not documented.
const GOODS_PER_PAGE: usize = 100;

/// Rows of a page of movements. Working integrations ask for 1,000 and more.
const MOVEMENTS_PER_PAGE: usize = 1000;

/// Sale unit (`operation_unit_type`): what the operator counts in.
const SALE_UNIT: u8 = 1;

/// A storage of the location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageRow {
    /// Its id.
    pub id: StorageId,
    /// Its name.
    pub title: String,
}

/// What the location's card says of its time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LocationRow {
    /// IANA name of the time zone (`timezone_name`), the only form that knows of daylight saving.
    pub zone_name: Option<String>,
    /// Offset in hours (`timezone`), as a number's text.
    pub zone_hours: Option<String>,
}

/// What the token may do with stock. `None` where the server does not say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PermissionsRow {
    /// Storages it may see (`storages_ids`); empty if the server names none.
    pub storages: Vec<StorageId>,
    /// Whether it is limited to those (`storages_limited_access`).
    pub is_limited: Option<bool>,
    /// Whether it may create stock documents (`storages_create_transactions_access`).
    pub may_create: Option<bool>,
    /// Whether it may remove lines and documents (`storages_delete_transactions_access`).
    pub may_delete: Option<bool>,
    /// How many days back a document may be dated; -1 any (`storages_create_last_days_count`).
    pub days_back: Option<i64>,
    /// Document types it may create (`storages_transactions_types`); empty if the server names none.
    pub types: Vec<i64>,
}

/// A row of the movement listing, as far as it tells whose it could be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// The movement's own id, if told.
    pub id: Option<i64>,
    /// The document it belongs to.
    pub document: DocumentId,
    /// Document type, if told.
    pub type_id: Option<i64>,
    /// Storage, if told.
    pub storage: Option<StorageId>,
    /// Good, if told.
    pub good: Option<GoodId>,
    /// Comment, if told and not empty.
    pub comment: Option<String>,
}

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

/// A line as it is sent.
#[derive(Debug, Clone)]
pub struct LineToPost<'a> {
    /// The line.
    pub line: &'a Line,
    /// The marker with the line's number.
    pub comment: String,
}

/// What a document call, or the operation call, answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostedOperation {
    /// The document.
    pub document: DocumentId,
    /// Its comment, if told.
    pub comment: Option<String>,
    /// Its lines; `None` if the answer has none of its own.
    pub lines: Option<Vec<FoundLine>>,
}

#[derive(Deserialize)]
struct StorageWire<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    title: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct LocationWire<'a> {
    #[serde(borrow)]
    timezone_name: Option<&'a RawValue>,
    #[serde(borrow)]
    timezone: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct PermissionTree<'a> {
    #[serde(borrow)]
    storages: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct PermissionsWire<'a> {
    #[serde(borrow, rename = "storages_ids")]
    ids: Option<&'a RawValue>,
    #[serde(borrow, rename = "storages_limited_access")]
    limited: Option<&'a RawValue>,
    #[serde(borrow, rename = "storages_create_transactions_access")]
    create: Option<&'a RawValue>,
    #[serde(borrow, rename = "storages_delete_transactions_access")]
    delete: Option<&'a RawValue>,
    #[serde(borrow, rename = "storages_create_last_days_count")]
    days_back: Option<&'a RawValue>,
    #[serde(borrow, rename = "storages_transactions_types")]
    types: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct MovementWire<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    document_id: Option<&'a RawValue>,
    #[serde(borrow)]
    type_id: Option<&'a RawValue>,
    #[serde(borrow)]
    storage: Option<&'a RawValue>,
    #[serde(borrow)]
    storage_id: Option<&'a RawValue>,
    #[serde(borrow)]
    good: Option<&'a RawValue>,
    #[serde(borrow)]
    good_id: Option<&'a RawValue>,
    #[serde(borrow)]
    comment: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct DocumentWire<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    comment: Option<&'a RawValue>,
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
    /// The location's storages (`GET /storages/{location_id}`). Also the cheapest call there is.
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn storages(&self, permit: Permit) -> Result<Vec<StorageRow>, Error> {
        let answer = self.get(permit, &format!("storages/{}", self.location()), &[]).await?;
        let rows = answer.rows::<StorageWire<'_>>()?.into_iter().flatten();
        Ok(rows
            .filter_map(|row| {
                let title = lenient::text(row.title).unwrap_or_default();
                Some(StorageRow { id: StorageId(lenient::id(row.id)?), title })
            })
            .collect())
    }

    /// The location's card (`GET /company/{location_id}`).
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn location_card(&self, permit: Permit) -> Result<LocationRow, Error> {
        let answer = self.get(permit, &format!("company/{}", self.location()), &[]).await?;
        let row: LocationWire<'_> = answer.one()?;
        let zone_name = lenient::text(row.timezone_name).filter(|name| !name.is_empty());
        Ok(LocationRow { zone_name, zone_hours: lenient::text(row.timezone) })
    }

    /// What the token may do with stock (`GET /user/permissions/{location_id}`).
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn permissions(&self, permit: Permit) -> Result<PermissionsRow, Error> {
        let answer = self.get(permit, &format!("user/permissions/{}", self.location()), &[]).await?;
        let tree: PermissionTree<'_> = answer.one()?;
        let Some(Ok(row)) = tree.storages.map(|raw| serde_json::from_str::<PermissionsWire<'_>>(raw.get()))
        else {
            return Ok(PermissionsRow::default());
        };
        let integers = |raw: Option<&RawValue>| -> Vec<i64> {
            let list = raw.map(lenient::list).unwrap_or_default();
            list.into_iter().filter_map(|raw| lenient::integer(Some(raw))).collect()
        };
        Ok(PermissionsRow {
            storages: integers(row.ids).into_iter().map(StorageId).collect(),
            is_limited: lenient::flag(row.limited),
            may_create: lenient::flag(row.create),
            may_delete: lenient::flag(row.delete),
            days_back: lenient::integer(row.days_back),
            types: integers(row.types),
        })
    }

    /// A page of the goods table, from 1 (`GET /goods/{location_id}`); with `changed_after`, of what changed
    /// since, in the location's time. Gives back the goods and how many rows there were, readable or not.
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn goods(
        &self,
        permit: Permit,
        page: u32,
        changed_after: Option<&str>,
    ) -> Result<(Vec<Good>, usize), Error> {
        let mut query = vec![("page", page.to_string()), ("count", GOODS_PER_PAGE.to_string())];
        query.extend(changed_after.map(|after| ("changed_after", after.to_owned())));
        let answer = self.get(permit, &format!("goods/{}", self.location()), &query).await?;
        let rows = answer.rows::<GoodRow<'_>>()?;
        let count = rows.len();
        Ok((rows.into_iter().flatten().filter_map(|row| row.good()).collect(), count))
    }

    /// A page of the movements that changed since a time of the location, from 1
    /// (`GET /storages/transactions/{location_id}`). A row that names no document is an error: a listing
    /// with a hole proves nothing.
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn movements(
        &self,
        permit: Permit,
        page: u32,
        changed_after: &str,
    ) -> Result<Vec<Movement>, Error> {
        let query = [
            ("page", page.to_string()),
            ("count", MOVEMENTS_PER_PAGE.to_string()),
            ("changed_after", changed_after.to_owned()),
        ];
        let path = format!("storages/transactions/{}", self.location());
        let answer = self.get(permit, &path, &query).await?;
        let hole = || Error::Incomplete { status: answer.status, what: "the document of a movement" };
        let rows = answer.rows::<MovementWire<'_>>()?;
        rows.into_iter().map(|row| row.and_then(|row| row.movement()).ok_or_else(hole)).collect()
    }

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
        let body = OperationBody {
            type_id: type_of(operation.place.kind),
            storage_id: operation.place.storage.0,
            create_date: operation.create_date,
            master_id: operation.master.map(|master| master.0),
            comment: operation.comment,
            goods_transactions: lines.iter().map(|line| line_body(line, None, operation.master)).collect(),
        };
        let path = format!("storage_operations/operation/{}", self.location());
        let answer = self.post(permit, &path, &body).await?;
        let row: OperationWire<'_> = answer.one()?;
        let document = row.document.ok_or(answer.lacks("the document"))?;
        let mut posted = answer.document(document)?;
        // The vendor's schema and example disagree on the name of the array.
        let rows = row.transactions.or(row.goods_transactions);
        posted.lines = rows.and_then(|rows| lines_of(&parsed(&lenient::list(rows))));
        Ok(posted)
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
    fn lacks(&self, what: &'static str) -> Error {
        Error::Incomplete { status: self.status, what }
    }

    fn data(&self) -> Result<Option<&RawValue>, Error> {
        let envelope: Envelope<'_> = serde_json::from_slice(&self.body)
            .map_err(|source| Error::Unreadable { status: self.status, source })?;
        Ok(envelope.data)
    }

    /// The one object that the answer is about.
    fn one<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Error> {
        let data = self.data()?.and_then(lenient::one).ok_or(self.lacks("the data"))?;
        serde_json::from_str(data.get()).map_err(|source| Error::Unreadable { status: self.status, source })
    }

    /// The rows of a listing, `None` for each that cannot be read. An answer without `data` is not an empty
    /// listing: nothing is concluded from it.
    fn rows<'a, T: Deserialize<'a>>(&'a self) -> Result<Vec<Option<T>>, Error> {
        let data = self.data()?.ok_or(self.lacks("the data"))?;
        if !data.get().starts_with('[') {
            return Err(self.lacks("a list"));
        }
        Ok(parsed(&lenient::list(data)))
    }

    fn document(&self, raw: &RawValue) -> Result<PostedOperation, Error> {
        let row: DocumentWire<'_> = serde_json::from_str(raw.get())
            .map_err(|source| Error::Unreadable { status: self.status, source })?;
        let id = lenient::id(row.id).ok_or(self.lacks("the document's id"))?;
        Ok(PostedOperation { document: DocumentId(id), comment: lenient::text(row.comment), lines: None })
    }
}

impl MovementWire<'_> {
    fn movement(&self) -> Option<Movement> {
        Some(Movement {
            id: lenient::id(self.id),
            document: DocumentId(lenient::id(self.document_id)?),
            type_id: lenient::integer(self.type_id),
            storage: lenient::related(self.storage).or_else(|| lenient::id(self.storage_id)).map(StorageId),
            good: lenient::related(self.good).or_else(|| lenient::id(self.good_id)).map(GoodId),
            comment: lenient::text(self.comment).filter(|comment| !comment.is_empty()),
        })
    }
}

/// What is not there is an answer, not an error.
fn found(answer: Result<Answer, Error>) -> Result<Option<Answer>, Error> {
    match answer {
        Err(Error::Refused { status: 404, .. }) => Ok(None),
        answer => answer.map(Some),
    }
}

fn parsed<'a, T: Deserialize<'a>>(rows: &[&'a RawValue]) -> Vec<Option<T>> {
    rows.iter().map(|row| serde_json::from_str(row.get()).ok()).collect()
}

/// The lines that are not deleted, or nothing if one of them cannot be read.
fn lines_of(rows: &[Option<LineRow<'_>>]) -> Option<Vec<FoundLine>> {
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        let row = row.as_ref()?;
        if !row.is_deleted() {
            lines.push(row.line()?);
        }
    }
    Some(lines)
}

/// Document types of the operation call: 3 arrival, 4 write-off.
fn type_of(kind: Kind) -> i64 {
    match kind {
        Kind::Receipt => 3,
        Kind::WriteOff => 4,
    }
}

fn line_body<'a>(
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
