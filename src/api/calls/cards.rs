//! Bills of materials (technological cards in the API) and the materials that appointments use up.
//!
//! Source: <https://developer.alteg.io/en/b2b-v1/openapi/inventory>, operations `get_bill_of_materials_list`,
//! `get_team_member_service_bill_of_materials`, `get_appointment_consumables`,
//! `update_appointment_service_consumables` and `unlink_appointment_service_association`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{found, parsed};
use crate::api::client::{Answer, Client};
use crate::api::wire::number;
use crate::api::{Error, Permit, lenient};
use crate::domain::ids::{CardId, GoodId, MasterId, RecordId, ServiceId, StorageId, TransactionId};
use crate::domain::stock::quantity::{Money, Quantity};

/// The number of cards on a page; the limit of the service is not documented.
const CARDS_PER_PAGE: usize = 100;

/// A bill of materials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardRow {
    /// Its id.
    pub id: CardId,
    /// Its name.
    pub title: String,
    /// The materials, all of them: a card with an item that cannot be read is not read at all.
    pub items: Vec<CardItem>,
}

/// One material of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardItem {
    /// The good.
    pub good: GoodId,
    /// The storage it is taken from, if given.
    pub storage: Option<StorageId>,
    /// The amount, in the unit given.
    pub amount: Quantity,
    /// Short name of that unit; empty if not given.
    pub unit: String,
    /// Price of a unit, if given.
    pub price: Option<Money>,
    /// The good's name; empty if not given.
    pub title: String,
}

/// The materials that one service of an appointment uses up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceConsumables {
    /// The service.
    pub service: ServiceId,
    /// The bills of materials that are linked to it.
    pub cards: Vec<CardRow>,
    /// The materials that it uses up.
    pub consumables: Vec<Consumable>,
}

/// A material that a service of an appointment uses up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumable {
    /// The line that books it; `None` for one that is new.
    pub transaction: Option<TransactionId>,
    /// The storage it is taken from.
    pub storage: StorageId,
    /// The good.
    pub good: GoodId,
    /// Price of a unit.
    pub price: Money,
    /// The amount.
    pub amount: Quantity,
}

/// The fate of the consumables when a bill of materials is unlinked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlinked {
    /// They stay.
    Keep,
    /// They are removed too.
    Remove,
}

#[derive(Deserialize)]
struct CardWire<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    title: Option<&'a RawValue>,
    #[serde(borrow)]
    technological_card_items: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ItemWire<'a> {
    #[serde(borrow)]
    good_id: Option<&'a RawValue>,
    #[serde(borrow)]
    good: Option<&'a RawValue>,
    #[serde(borrow)]
    storage_id: Option<&'a RawValue>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    unit: Option<&'a RawValue>,
    #[serde(borrow)]
    price: Option<&'a RawValue>,
    #[serde(borrow)]
    title: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ServiceWire<'a> {
    #[serde(borrow)]
    service_id: Option<&'a RawValue>,
    #[serde(borrow)]
    technological_cards: Option<&'a RawValue>,
    #[serde(borrow)]
    consumables: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ConsumableWire<'a> {
    #[serde(borrow)]
    goods_transaction_id: Option<&'a RawValue>,
    #[serde(borrow)]
    storage_id: Option<&'a RawValue>,
    #[serde(borrow)]
    good_id: Option<&'a RawValue>,
    #[serde(borrow)]
    price: Option<&'a RawValue>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
}

/// Body of `PUT /technological_cards/record_consumables/consumables/…`.
#[derive(Serialize)]
struct ConsumablesBody {
    consumables: Vec<ConsumableBody>,
}

#[derive(Serialize)]
struct ConsumableBody {
    goods_transaction_id: i64,
    record_id: i64,
    service_id: i64,
    storage_id: i64,
    good_id: i64,
    price: Box<RawValue>,
    amount: Box<RawValue>,
}

impl Client {
    /// Reads a page of the location's bills of materials, from 1 (`GET /technological_cards/{location_id}`). With
    /// `search`, only cards that the text finds. Returns the cards and the number of rows, readable or not.
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn cards(
        &self,
        permit: Permit,
        page: u32,
        search: Option<&str>,
    ) -> Result<(Vec<CardRow>, usize), Error> {
        let mut query = vec![("page", page.to_string()), ("count", CARDS_PER_PAGE.to_string())];
        query.extend(search.map(|text| ("search", text.to_owned())));
        let answer = self.get(permit, &format!("technological_cards/{}", self.location()), &query).await?;
        let rows = answer.rows::<CardWire<'_>>()?;
        let count = rows.len();
        Ok((rows.into_iter().flatten().filter_map(|row| row.card()).collect(), count))
    }

    /// Reads the bill of materials of a staff member's service (`GET
    /// /technological_cards/default_for_staff_and_service/{location_id}/{team_member_id}/{service_id}`); `None` if
    /// there is none.
    ///
    /// The schema has an array where the example has an object: both are read.
    ///
    /// # Errors
    /// Any of [`Error`], except that it does not exist.
    pub async fn card_of_service(
        &self,
        permit: Permit,
        master: MasterId,
        service: ServiceId,
    ) -> Result<Option<CardRow>, Error> {
        let location = self.location();
        let path = format!("technological_cards/default_for_staff_and_service/{location}/{master}/{service}");
        let Some(answer) = found(self.get(permit, &path, &[]).await)? else { return Ok(None) };
        let data = answer.data()?.ok_or(answer.lacks("the data"))?;
        let Some(raw) = lenient::one(data) else { return Ok(None) };
        let row = serde_json::from_str::<CardWire<'_>>(raw.get()).ok();
        row.and_then(|row| row.card()).ok_or(answer.lacks("the bill of materials")).map(Some)
    }

    /// Reads the materials that the services of an appointment use up (`GET
    /// /technological_cards/record_consumables/{location_id}/{record_id}`).
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn consumables(
        &self,
        permit: Permit,
        record: RecordId,
    ) -> Result<Vec<ServiceConsumables>, Error> {
        let path = format!("technological_cards/record_consumables/{}/{record}", self.location());
        services_of(&self.get(permit, &path, &[]).await?)
    }

    /// Replaces the materials that one service of an appointment uses up (`PUT
    /// /technological_cards/record_consumables/consumables/{location_id}/{record_id}/{service_id}`).
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn replace_consumables(
        &self,
        permit: Permit,
        record: RecordId,
        service: ServiceId,
        consumables: &[Consumable],
    ) -> Result<Vec<ServiceConsumables>, Error> {
        let location = self.location();
        let path =
            format!("technological_cards/record_consumables/consumables/{location}/{record}/{service}");
        let body = |consumable: &Consumable| {
            Ok(ConsumableBody {
                // 0 makes a new line.
                goods_transaction_id: consumable.transaction.map_or(0, |transaction| transaction.0),
                record_id: record.0,
                service_id: service.0,
                storage_id: consumable.storage.0,
                good_id: consumable.good.0,
                price: number(consumable.price.amount().ok_or(Error::Unsayable { good: consumable.good.0 })?),
                amount: number(consumable.amount.to_decimal()),
            })
        };
        let body = ConsumablesBody { consumables: consumables.iter().map(body).collect::<Result<_, _>>()? };
        services_of(&self.put(permit, &path, &body).await?)
    }

    /// Unlinks the bill of materials from a service of an appointment (`DELETE
    /// /technological_cards/record_consumables/technological_cards/{location_id}/{record_id}/{service_id}`). Unlike
    /// other deletions it is answered with 200 and a body.
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn unlink_card(
        &self,
        permit: Permit,
        record: RecordId,
        service: ServiceId,
        consumables: Unlinked,
    ) -> Result<Vec<ServiceConsumables>, Error> {
        let location = self.location();
        let path = format!(
            "technological_cards/record_consumables/technological_cards/{location}/{record}/{service}"
        );
        let remove = match consumables {
            Unlinked::Keep => "0",
            Unlinked::Remove => "1",
        };
        services_of(&self.delete(permit, &path, &[("delete_consumables", remove.to_owned())]).await?)
    }
}

impl CardWire<'_> {
    /// Returns the card; `None` if the card or any of its items cannot be read: half a recipe is none.
    fn card(&self) -> Option<CardRow> {
        let items = parsed::<ItemWire<'_>>(&self.technological_card_items.map(lenient::list)?);
        Some(CardRow {
            id: CardId(lenient::id(self.id)?),
            title: lenient::text(self.title).unwrap_or_default(),
            items: items.into_iter().map(|row| row?.item()).collect::<Option<_>>()?,
        })
    }
}

impl ItemWire<'_> {
    fn item(&self) -> Option<CardItem> {
        Some(CardItem {
            good: GoodId(lenient::id(self.good_id).or_else(|| lenient::related(self.good))?),
            storage: lenient::id(self.storage_id).map(StorageId),
            amount: Quantity::from_decimal(lenient::decimal(self.amount)?)?,
            unit: lenient::text(self.unit).unwrap_or_default(),
            price: lenient::decimal(self.price).map(Money::new),
            title: lenient::text(self.title).unwrap_or_default(),
        })
    }
}

impl ServiceWire<'_> {
    fn service(&self) -> Option<ServiceConsumables> {
        let cards = parsed::<CardWire<'_>>(&self.technological_cards.map(lenient::list).unwrap_or_default());
        let rows = parsed::<ConsumableWire<'_>>(&self.consumables.map(lenient::list).unwrap_or_default());
        Some(ServiceConsumables {
            service: ServiceId(lenient::id(self.service_id)?),
            cards: cards.into_iter().map(|row| row?.card()).collect::<Option<_>>()?,
            consumables: rows.into_iter().map(|row| row?.consumable()).collect::<Option<_>>()?,
        })
    }
}

impl ConsumableWire<'_> {
    fn consumable(&self) -> Option<Consumable> {
        Some(Consumable {
            transaction: lenient::id(self.goods_transaction_id).map(TransactionId),
            storage: StorageId(lenient::id(self.storage_id)?),
            good: GoodId(lenient::id(self.good_id)?),
            price: lenient::money(self.price),
            amount: Quantity::from_decimal(lenient::decimal(self.amount)?)?,
        })
    }
}

/// Returns the services of an appointment. An unreadable one is an error: what is written back replaces all of them.
fn services_of(answer: &Answer) -> Result<Vec<ServiceConsumables>, Error> {
    let hole = || answer.lacks("what a service uses up");
    answer
        .rows::<ServiceWire<'_>>()?
        .into_iter()
        .map(|row| row.and_then(|row| row.service()).ok_or_else(hole))
        .collect()
}
