//! Storages and what moved in them.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::client::Client;
use crate::api::{Error, Permit, lenient};
use crate::domain::ids::{DocumentId, GoodId, StorageId};

/// Rows of a page of movements. Working integrations ask for 1,000 and more.
const MOVEMENTS_PER_PAGE: usize = 1000;

/// A storage of the location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageRow {
    /// Its id.
    pub id: StorageId,
    /// Its name.
    pub title: String,
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

#[derive(Deserialize)]
struct StorageWire<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    title: Option<&'a RawValue>,
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
