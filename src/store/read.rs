//! Reads rows into domain values and checks them: this module defines which values a row may hold.

use rusqlite::Row;

use super::Error;
use crate::domain::delivery::State;
use crate::domain::delivery::Step;
use crate::domain::delivery::Strategy;
use crate::domain::delivery::Surplus;
use crate::domain::ids::{DocumentId, GoodId, StorageId, TransactionId};
use crate::domain::stock::good::{Good, WriteOffUnit};
use crate::domain::stock::mode::Kind;
use crate::domain::stock::operation::{Line, Place};
use crate::domain::stock::quantity::{Money, Quantity};

pub(super) fn place(kind: &str, storage: i64) -> Result<Place, Error> {
    let kind = Kind::from_word(kind).ok_or(Error::Unexpected { what: "the kind of an operation" })?;
    Ok(Place { kind, storage: StorageId(storage) })
}

pub(super) fn state(word: &str) -> Result<State, Error> {
    State::from_word(word).ok_or(Error::Unexpected { what: "the state of an operation" })
}

pub(super) fn step(text: &str) -> Result<Step, Error> {
    match text.split_once(' ') {
        None if text == "operation" => Ok(Step::Operation),
        None if text == "document" => Ok(Step::Document),
        Some(("line", number)) => number.parse().map(Step::Line).map_err(|_not_a_number| unexpected_step()),
        _ => Err(unexpected_step()),
    }
}

fn unexpected_step() -> Error {
    Error::Unexpected { what: "the step of a delivery" }
}

pub(super) fn step_text(step: Step) -> String {
    match step {
        Step::Operation => "operation".to_owned(),
        Step::Document => "document".to_owned(),
        Step::Line(number) => format!("line {number}"),
    }
}

/// Reads column `piecewise`.
pub(super) fn strategy(number: u8) -> Result<Strategy, Error> {
    match number {
        0 => Ok(Strategy::OneCall),
        1 => Ok(Strategy::LineByLine),
        2 => Ok(Strategy::AfterRefusal),
        _ => Err(Error::Unexpected { what: "the strategy of a delivery" }),
    }
}

pub(super) const fn strategy_number(strategy: Strategy) -> u8 {
    match strategy {
        Strategy::OneCall => 0,
        Strategy::LineByLine => 1,
        Strategy::AfterRefusal => 2,
    }
}

/// Reads column `surplus`: words of a letter and an id, `t` for a transaction and `d` for a document.
pub(super) fn surplus(text: &str) -> Result<Surplus, Error> {
    let mut surplus = Surplus::default();
    for word in text.split_ascii_whitespace() {
        let unexpected = || Error::Unexpected { what: "the surplus of a delivery" };
        let (letter, digits) = word.split_at_checked(1).ok_or_else(unexpected)?;
        let id: i64 = digits.parse().map_err(|_not_a_number| unexpected())?;
        match letter {
            "t" => surplus.transactions.push(TransactionId(id)),
            "d" => surplus.documents.push(DocumentId(id)),
            _ => return Err(unexpected()),
        }
    }
    Ok(surplus)
}

pub(super) fn surplus_text(surplus: &Surplus) -> String {
    let transactions = surplus.transactions.iter().map(|id| format!("t{id}"));
    let documents = surplus.documents.iter().map(|id| format!("d{id}"));
    transactions.chain(documents).collect::<Vec<_>>().join(" ")
}

/// Reads columns `number, good_id, title, barcode, quantity, price, transaction_id, refusal`.
pub(super) fn line(row: &Row<'_>) -> Result<Line, Error> {
    let price: String = row.get("price")?;
    Ok(Line {
        number: row.get("number")?,
        good: GoodId(row.get("good_id")?),
        title: row.get("title")?,
        barcode: row.get("barcode")?,
        quantity: Quantity::from_millionths(row.get("quantity")?),
        price: price.parse().map_err(|_not_decimal| Error::Unexpected { what: "the price of a line" })?,
        transaction: row.get::<_, Option<i64>>("transaction_id")?.map(TransactionId),
        refusal: row.get("refusal")?,
    })
}

/// Reads columns `good_id, title, barcode, unit, price, sale_price, write_off_unit, per_sale_unit`, in this order: each
/// scan reads one, and finding columns by name takes as long as reading the row.
pub(super) fn good(row: &Row<'_>) -> Result<Good, Error> {
    let price: String = row.get(4)?;
    let sale_price: Option<String> = row.get(5)?;
    let write_off_unit: Option<String> = row.get(6)?;
    Ok(Good {
        id: GoodId(row.get(0)?),
        title: row.get(1)?,
        barcode: row.get(2)?,
        unit: row.get(3)?,
        price: price_of_good(&price)?,
        sale_price: sale_price.map(|price| price_of_good(&price)).transpose()?,
        write_off_unit: write_off_unit.map(|name| write_off_unit_of(name, row)).transpose()?,
    })
}

fn price_of_good(price: &str) -> Result<Money, Error> {
    price.parse().map_err(|_not_decimal| Error::Unexpected { what: "the price of a good" })
}

fn write_off_unit_of(name: String, row: &Row<'_>) -> Result<WriteOffUnit, Error> {
    let per_sale_unit: String = row.get(7)?;
    let per_sale_unit =
        per_sale_unit.parse().map_err(|_not_decimal| Error::Unexpected { what: "the unit of a good" })?;
    Ok(WriteOffUnit { name, per_sale_unit })
}
