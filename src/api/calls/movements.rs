//! Storages, and the stock movements in them.
//!
//! Source: <https://developer.alteg.io/en/b2b-v1/openapi/inventory>, operations `get_location_inventories` and
//! `search_for_product_transactions`. The field list of a movement lacks `amount` and `comment`; rows of the same shape
//! elsewhere in the API have them.

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::client::{Answer, Client};
use crate::api::{Error, Permit, lenient};
use crate::domain::ids::{DocumentId, GoodId, MasterId, StorageId};
use crate::domain::stock::quantity::Money;

/// The number of rows on a page of movements. Working integrations ask for 1,000 and more.
const MOVEMENTS_PER_PAGE: usize = 1000;

/// A storage of the location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageRow {
    /// Its id.
    pub id: StorageId,
    /// Its name.
    pub title: String,
    /// True if goods are sold from there, if given.
    pub is_for_sale: Option<bool>,
    /// True if services use up goods from there, if given.
    pub is_for_service: Option<bool>,
}

/// A row of the movement listing, with the members that show which operation it could belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// The movement's own id, if given.
    pub id: Option<i64>,
    /// The document it belongs to.
    pub document: DocumentId,
    /// Document type, if given.
    pub type_id: Option<i64>,
    /// Storage, if given.
    pub storage: Option<StorageId>,
    /// Good, if given.
    pub good: Option<GoodId>,
    /// Comment, if given and not empty.
    pub comment: Option<String>,
}

/// A filter of a movement listing; every member that is set narrows the listing. The API has no filter by good,
/// storage, type, author or comment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MovementFilter<'a> {
    /// Of documents dated from this day on (`2026-01-31`).
    pub start_date: Option<&'a str>,
    /// Of documents dated up to this day.
    pub end_date: Option<&'a str>,
    /// Of this document.
    pub document: Option<DocumentId>,
    /// Written since, in the location's time.
    pub changed_after: Option<&'a str>,
    /// Written until, in the location's time.
    pub changed_before: Option<&'a str>,
}

/// A row of the movement listing with all details that a stockroom may need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovementDetails {
    /// The members that show which operation it could belong to.
    pub movement: Movement,
    /// The amount, below zero when stock leaves, if given.
    pub amount: Option<Decimal>,
    /// 1 sale unit, 2 write-off unit, if given.
    pub unit_type: Option<i64>,
    /// Price of a unit, if given.
    pub cost_per_unit: Option<Money>,
    /// Percent taken off, if given.
    pub discount: Option<Decimal>,
    /// The cost of the movement, never below zero, if given.
    pub cost: Option<Money>,
    /// The document's date, which people choose, as the service spells it, if given.
    pub create_date: Option<String>,
    /// The time at which the service wrote it, as the service spells it, if given.
    pub last_change: Option<String>,
    /// The staff member, if there is one.
    pub master: Option<MasterId>,
    /// The supplier's id, if there is one.
    pub supplier: Option<i64>,
    /// The client's id, if there is one.
    pub client: Option<i64>,
    /// True if it was deleted; false where the service does not say.
    pub is_deleted: bool,
}

#[derive(Deserialize)]
struct StorageWire<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    title: Option<&'a RawValue>,
    #[serde(borrow)]
    for_sale: Option<&'a RawValue>,
    // The text of the service's page has `for_services`, its example `for_service`.
    #[serde(borrow)]
    for_service: Option<&'a RawValue>,
    #[serde(borrow)]
    for_services: Option<&'a RawValue>,
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
struct MovementDetailsWire<'a> {
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    operation_unit_type: Option<&'a RawValue>,
    #[serde(borrow)]
    cost_per_unit: Option<&'a RawValue>,
    #[serde(borrow)]
    discount: Option<&'a RawValue>,
    #[serde(borrow)]
    cost: Option<&'a RawValue>,
    #[serde(borrow)]
    create_date: Option<&'a RawValue>,
    #[serde(borrow)]
    last_change_date: Option<&'a RawValue>,
    #[serde(borrow)]
    master: Option<&'a RawValue>,
    #[serde(borrow)]
    supplier: Option<&'a RawValue>,
    // The service's page has `clients`, real rows have `client`.
    #[serde(borrow)]
    client: Option<&'a RawValue>,
    #[serde(borrow)]
    clients: Option<&'a RawValue>,
    #[serde(borrow)]
    deleted: Option<&'a RawValue>,
}

impl Client {
    /// Lists the location's storages (`GET /storages/{location_id}`). No other call is cheaper.
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn storages(&self, permit: Permit) -> Result<Vec<StorageRow>, Error> {
        let answer = self.get(permit, &format!("storages/{}", self.location()), &[]).await?;
        let rows = answer.rows::<StorageWire<'_>>()?.into_iter().flatten();
        Ok(rows
            .filter_map(|row| {
                let title = lenient::text(row.title).unwrap_or_default();
                Some(StorageRow {
                    id: StorageId(lenient::id(row.id)?),
                    title,
                    is_for_sale: lenient::flag(row.for_sale),
                    is_for_service: lenient::flag(row.for_service.or(row.for_services)),
                })
            })
            .collect())
    }

    /// Reads a page, from 1, of the movements that changed since a time of the location (`GET
    /// /storages/transactions/{location_id}`). A row without a document is an error: a listing with a hole proves
    /// nothing.
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn movements(
        &self,
        permit: Permit,
        page: u32,
        changed_after: &str,
    ) -> Result<Vec<Movement>, Error> {
        let filter = MovementFilter { changed_after: Some(changed_after), ..MovementFilter::default() };
        let answer = self.movements_answer(permit, page, &filter).await?;
        let hole = || answer.lacks("the document of a movement");
        let rows = answer.rows::<MovementWire<'_>>()?;
        rows.into_iter().map(|row| row.and_then(|row| row.movement()).ok_or_else(hole)).collect()
    }

    /// Reads a page, from 1, of the movements that pass a filter, with all details (`GET
    /// /storages/transactions/{location_id}`). A row without a document is an error, as above.
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn list_movements(
        &self,
        permit: Permit,
        page: u32,
        filter: &MovementFilter<'_>,
    ) -> Result<Vec<MovementDetails>, Error> {
        let answer = self.movements_answer(permit, page, filter).await?;
        let hole = || answer.lacks("the document of a movement");
        let rows = answer.rows::<&RawValue>()?;
        rows.into_iter().map(|row| row.and_then(movement_details).ok_or_else(hole)).collect()
    }

    async fn movements_answer(
        &self,
        permit: Permit,
        page: u32,
        filter: &MovementFilter<'_>,
    ) -> Result<Answer, Error> {
        let mut query = vec![("page", page.to_string()), ("count", MOVEMENTS_PER_PAGE.to_string())];
        let narrowed = [
            ("start_date", filter.start_date.map(str::to_owned)),
            ("end_date", filter.end_date.map(str::to_owned)),
            ("document_id", filter.document.map(|document| document.to_string())),
            ("changed_after", filter.changed_after.map(str::to_owned)),
            ("changed_before", filter.changed_before.map(str::to_owned)),
        ];
        query.extend(narrowed.into_iter().filter_map(|(name, value)| Some((name, value?))));
        self.get(permit, &format!("storages/transactions/{}", self.location()), &query).await
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

fn movement_details(raw: &RawValue) -> Option<MovementDetails> {
    let movement = serde_json::from_str::<MovementWire<'_>>(raw.get()).ok()?.movement()?;
    let row: MovementDetailsWire<'_> = serde_json::from_str(raw.get()).ok()?;
    Some(MovementDetails {
        movement,
        amount: lenient::decimal(row.amount),
        unit_type: lenient::integer(row.operation_unit_type),
        cost_per_unit: lenient::decimal(row.cost_per_unit).map(Money::new),
        discount: lenient::decimal(row.discount),
        cost: lenient::decimal(row.cost).map(Money::new),
        create_date: lenient::text(row.create_date),
        last_change: lenient::text(row.last_change_date),
        master: lenient::related(row.master).map(MasterId),
        supplier: lenient::related(row.supplier),
        client: lenient::related(row.client).or_else(|| lenient::related(row.clients)),
        is_deleted: lenient::flag(row.deleted).unwrap_or(false),
    })
}
