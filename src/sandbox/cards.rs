//! Bills of materials (technological cards in the API) and the consumables of appointments.
//!
//! Every service has the first card. Consumables are stored and shown again. Invariant: nothing here moves stock.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::answer::Number;
use super::answer::Object;
use super::answer::Refusal;
use super::answer::Success;
use super::call::Call;
use super::call::Fields;
use super::options::Options;
use super::options::Right;
use super::state::RECORDS_MAX;
use super::state::State;
use crate::domain::ids::CardId;
use crate::domain::ids::GoodId;
use crate::domain::ids::StorageId;

/// A bill of materials of the simulated location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardRow {
    /// Identity (`technological_card_id`).
    pub id: CardId,
    /// The name people gave it.
    pub title: String,
    /// The items that it uses up: good, storage, amount, and the short name of its unit.
    pub items: Vec<(GoodId, StorageId, Decimal, String)>,
}

/// Returns the sample's card: the first good of the table, from the last storage, in its write-off unit.
pub(super) fn sample(options: &Options) -> Option<CardRow> {
    let storage = options.storages.last()?.id;
    let good = options.goods.iter().min_by_key(|good| good.id)?;
    let items = vec![(good.id, storage, Decimal::from(15), good.service_unit.short.to_owned())];
    Some(CardRow { id: CardId(410), title: "Hair wash".to_owned(), items })
}

/// The consumables by appointment and service.
pub(super) type Consumables = BTreeMap<(i64, i64), Used>;

/// The consumables of one service of one appointment.
#[derive(Debug, Clone, Default)]
pub(super) struct Used {
    detached: bool,
    rows: Vec<Row>,
}

#[derive(Debug, Clone)]
struct Row {
    transaction: i64,
    storage: i64,
    good: i64,
    price: Decimal,
    amount: Decimal,
}

/// Handles `GET /technological_cards/{location}`.
pub(super) fn list(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    let mut query = call.query()?;
    let term = query.text("search").unwrap_or_default().to_lowercase();
    let page = query.page(25, &state.options.quirks)?;
    query.end()?;
    let found = state.cards.values().filter(|card| card.title.to_lowercase().contains(&term));
    Ok(Success::ok(page.of(found.map(|card| object(state, card)))))
}

/// Handles `GET /technological_cards/default_for_staff_and_service/{location}/{master}/{service}`.
pub(super) fn of_service(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    call.query()?.end()?;
    let card = first(state).ok_or_else(Refusal::not_found)?;
    // The schema has an array, the example an object.
    Ok(if state.options.quirks.single_as_array { Success::ok([card]) } else { Success::ok(card) })
}

/// Handles `GET /technological_cards/record_consumables/{location}/{record}`.
pub(super) fn of_record(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    call.query()?.end()?;
    Ok(answer(state, call.id("record")))
}

/// Handles `PUT /technological_cards/record_consumables/consumables/{location}/{record}/{service}`.
pub(super) fn set(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    state.options.permissions.require(Right::Edit)?;
    let (record, service) = (call.id("record"), call.id("service"));
    let mut fields = call.fields()?;
    let rows = fields.objects("consumables")?;
    fields.end()?;
    let rows =
        // All rows are checked before any is stored: a bad one changes nothing.
        rows.into_iter().map(|fields| row(state, fields, record, service)).collect::<Result<Vec<_>, _>>()?;
    if state.consumables.len() >= RECORDS_MAX {
        return Err(Refusal::new(500, "The sandbox is full"));
    }
    state.consumables.entry((record, service)).or_default().rows = rows;
    Ok(answer(state, record))
}

/// Handles `DELETE /technological_cards/record_consumables/technological_cards/{location}/{record}/{service}`.
pub(super) fn detach(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    state.options.permissions.require(Right::Edit)?;
    let mut query = call.query()?;
    let with_rows = query.number("delete_consumables")?.unwrap_or(0);
    query.end()?;
    if !matches!(with_rows, 0 | 1) {
        return Err(Refusal::field("delete_consumables", "This value should be 0 or 1."));
    }
    let key = (call.id("record"), call.id("service"));
    let used = state.consumables.get_mut(&key).ok_or_else(Refusal::not_found)?;
    used.detached = true;
    if with_rows == 1 {
        used.rows.clear();
    }
    Ok(answer(state, key.0))
}

fn row(state: &State, mut fields: Fields, record: i64, service: i64) -> Result<Row, Refusal> {
    for (name, expected) in [("record_id", record), ("service_id", service)] {
        if fields.integer(name)? != expected {
            return Err(fields.wrong(name, "This value differs from the path."));
        }
    }
    let row = Row {
        transaction: fields.integer("goods_transaction_id")?,
        storage: state.storage(StorageId(fields.integer("storage_id")?))?.id.0,
        good: state.good(GoodId(fields.integer("good_id")?))?.row.id.0,
        price: fields.decimal("price")?,
        amount: fields.decimal("amount")?,
    };
    if row.amount <= Decimal::ZERO {
        return Err(fields.wrong("amount", "This value should be positive."));
    }
    fields.end()?;
    Ok(row)
}

/// Returns the consumables of an appointment.
fn answer(state: &State, record: i64) -> Success {
    let services = state.consumables.iter().filter(|((of, _), _)| *of == record);
    let rows: Vec<_> =
        services.map(|((_, service), used)| service_row(state, record, *service, used)).collect();
    let count = rows.len();
    Success::ok(rows).count(count)
}

fn service_row(state: &State, record: i64, service: i64, used: &Used) -> Object {
    let cards: Vec<_> = first(state).filter(|_| !used.detached).into_iter().collect();
    let rows = used.rows.iter().map(|row| {
        Object::default()
            .with("goods_transaction_id", row.transaction)
            .with("record_id", record)
            .with("service_id", service)
            .with("storage_id", row.storage)
            .with("good_id", row.good)
            .with("price", Number(row.price))
            .with("amount", Number(row.amount))
    });
    Object::default()
        .with("service_id", service)
        .with("record_id", record)
        .with("technological_cards", cards)
        .with("consumables", rows.collect::<Vec<_>>())
}

fn first(state: &State) -> Option<Object> {
    state.cards.values().next().map(|card| object(state, card))
}

fn object(state: &State, card: &CardRow) -> Object {
    let items = card.items.iter().zip(9001_i64..).map(|((good, storage, amount, unit), id)| {
        let title = state.goods.get(good).map_or("", |good| good.row.title.as_str());
        Object::default()
            .with("id", id)
            .with("technological_card_id", card.id.0)
            .with("storage_id", storage.0)
            .with("good_id", good.0)
            .with("amount", Number(*amount))
            .with("unit", unit)
            .with("price", 0)
            .with("title", title)
    });
    let items: Vec<_> = items.collect();
    Object::default().with("id", card.id.0).with("title", &card.title).with("technological_card_items", items)
}
