//! Lines of stock documents (goods transactions in the API).
//!
//! Source: <https://developer.alteg.io/en/b2b-v1/openapi/inventory>, operations `create_transaction`,
//! `get_transaction`, `update_transaction` and `delete_transaction`.

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::found;
use crate::api::client::{Answer, Client};
use crate::api::wire::{LineBody, LineRow, number};
use crate::api::{Error, Permit, lenient};
use crate::domain::delivery::FoundLine;
use crate::domain::ids::{DocumentId, MasterId, TransactionId};
use crate::domain::stock::operation::Line;
use crate::domain::stock::quantity::Money;

/// The sale unit (`operation_unit_type`), in which the operator counts.
const SALE_UNIT: u8 = 1;

/// A line as it is sent.
#[derive(Debug, Clone)]
pub struct LineToPost<'a> {
    /// The line.
    pub line: &'a Line,
    /// The marker with the line's number.
    pub comment: String,
}

/// The ids of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineIds {
    /// The document it belongs to.
    pub document: DocumentId,
    /// Its own id.
    pub line: TransactionId,
}

/// A line with all details that a stockroom may need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineDetails {
    /// The line with its amount unsigned, to compare it with an operation's lines.
    pub line: FoundLine,
    /// The document it belongs to.
    pub document: DocumentId,
    /// Its amount, below zero when stock leaves.
    pub amount: Decimal,
    /// The same in the good's sale unit, if given.
    pub sale_amount: Option<Decimal>,
    /// The same in the good's write-off unit, if given.
    pub service_amount: Option<Decimal>,
    /// 1 sale unit, 2 write-off unit, if given.
    pub unit_type: Option<i64>,
    /// Price of a unit, if given.
    pub cost_per_unit: Option<Money>,
    /// Percent taken off, if given.
    pub discount: Option<Decimal>,
    /// The cost of the line, never below zero, if given.
    pub cost: Option<Money>,
    /// The staff member, if there is one.
    pub master: Option<MasterId>,
    /// True if it was deleted; false where the service does not say.
    pub is_deleted: bool,
}

#[derive(Deserialize)]
struct DetailsWire<'a> {
    #[serde(borrow)]
    document_id: Option<&'a RawValue>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    sale_amount: Option<&'a RawValue>,
    #[serde(borrow)]
    service_amount: Option<&'a RawValue>,
    #[serde(borrow)]
    operation_unit_type: Option<&'a RawValue>,
    #[serde(borrow)]
    cost_per_unit: Option<&'a RawValue>,
    #[serde(borrow)]
    discount: Option<&'a RawValue>,
    #[serde(borrow)]
    cost: Option<&'a RawValue>,
    #[serde(borrow)]
    master_id: Option<&'a RawValue>,
    #[serde(borrow)]
    master: Option<&'a RawValue>,
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
        let answer = self.post(permit, &path, &line_body(line, Some(document), master)?).await?;
        let row: LineRow<'_> = answer.one()?;
        row.line().ok_or(answer.lacks("the line"))
    }

    /// Reads a line, even a deleted one (`GET /storage_operations/goods_transactions/{location_id}/{transaction_id}`);
    /// `None` if it does not exist.
    ///
    /// # Errors
    /// Any of [`Error`], except that it does not exist.
    pub async fn line(&self, permit: Permit, line: TransactionId) -> Result<Option<LineDetails>, Error> {
        let path = format!("storage_operations/goods_transactions/{}/{line}", self.location());
        let Some(answer) = found(self.get(permit, &path, &[]).await)? else { return Ok(None) };
        details_of(&answer).map(Some)
    }

    /// Replaces a line as a whole (`PUT /storage_operations/goods_transactions/{location_id}/{transaction_id}`).
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn replace_line(
        &self,
        permit: Permit,
        ids: LineIds,
        line: &LineToPost<'_>,
        master: Option<MasterId>,
    ) -> Result<LineDetails, Error> {
        let path = format!("storage_operations/goods_transactions/{}/{}", self.location(), ids.line);
        details_of(&self.put(permit, &path, &line_body(line, Some(ids.document), master)?).await?)
    }

    /// Removes a line (`DELETE /storage_operations/goods_transactions/{location_id}/{transaction_id}`). A missing one
    /// counts as removed.
    ///
    /// # Errors
    /// Any of [`Error`], except that it does not exist.
    pub async fn delete_line(&self, permit: Permit, line: TransactionId) -> Result<(), Error> {
        let path = format!("storage_operations/goods_transactions/{}/{line}", self.location());
        found(self.delete(permit, &path, &[]).await).map(|_gone| ())
    }
}

fn details_of(answer: &Answer) -> Result<LineDetails, Error> {
    let line: LineRow<'_> = answer.one()?;
    let row: DetailsWire<'_> = answer.one()?;
    Ok(LineDetails {
        line: line.line().ok_or(answer.lacks("the line"))?,
        document: lenient::id(row.document_id).map(DocumentId).ok_or(answer.lacks("the line's document"))?,
        amount: lenient::decimal(row.amount).ok_or(answer.lacks("the line's amount"))?,
        sale_amount: lenient::decimal(row.sale_amount),
        service_amount: lenient::decimal(row.service_amount),
        unit_type: lenient::integer(row.operation_unit_type),
        cost_per_unit: lenient::decimal(row.cost_per_unit).map(Money::new),
        discount: lenient::decimal(row.discount),
        cost: lenient::decimal(row.cost).map(Money::new),
        master: lenient::id(row.master_id).or_else(|| lenient::related(row.master)).map(MasterId),
        is_deleted: line.is_deleted(),
    })
}

/// Returns the lines that are not deleted; `None` if one of them cannot be read.
pub(super) fn lines_of(rows: &[Option<LineRow<'_>>]) -> Option<Vec<FoundLine>> {
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        // A single unreadable row makes the whole list prove nothing.
        let row = row.as_ref()?;
        if !row.is_deleted() {
            lines.push(row.line()?);
        }
    }
    Some(lines)
}

/// Builds the body of a line.
///
/// # Errors
/// [`Error::Unsayable`] if its price or its cost has no exact number.
pub(super) fn line_body<'a>(
    line: &'a LineToPost<'_>,
    document: Option<DocumentId>,
    master: Option<MasterId>,
) -> Result<LineBody<'a>, Error> {
    let ours = line.line;
    // Sent as exact numbers or not at all: a rounded price or cost would change the books.
    let exact = ours.price.amount().zip(ours.cost().and_then(Money::amount));
    let (price, cost) = exact.ok_or(Error::Unsayable { good: ours.good.0 })?;
    Ok(LineBody {
        document_id: document.map(|document| document.0),
        good_id: ours.good.0,
        operation_unit_type: SALE_UNIT,
        amount: number(ours.quantity.to_decimal()),
        cost_per_unit: number(price),
        discount: 0,
        cost: number(cost),
        master_id: master.map(|master| master.0),
        comment: &line.comment,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::ids::GoodId;
    use crate::domain::stock::quantity::Quantity;

    fn line(price: Money, quantity: Quantity) -> Line {
        Line {
            number: 1,
            good: GoodId(7),
            title: "Shampoo".to_owned(),
            barcode: String::new(),
            quantity,
            price,
            transaction: None,
            refusal: None,
        }
    }

    /// Returns the digits of a number's text as an integer, last first, and how many of them are decimals.
    fn digits(number: &str) -> (Vec<u32>, usize) {
        let decimals = number.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        (number.chars().rev().filter_map(|c| c.to_digit(10)).collect(), decimals)
    }

    /// Returns a product as worked out on paper, without zeros at either end.
    fn on_paper(one: &str, other: &str) -> String {
        let ((a, a_decimals), (b, b_decimals)) = (digits(one), digits(other));
        let mut sums = vec![0_u32; a.len() + b.len() + 1];
        for (i, x) in a.iter().enumerate() {
            for (j, y) in b.iter().enumerate() {
                sums[i + j] += x * y;
            }
        }
        for place in 0..sums.len() - 1 {
            sums[place + 1] += sums[place] / 10;
            sums[place] %= 10;
        }
        let decimals = a_decimals + b_decimals;
        sums.resize(sums.len().max(decimals + 1), 0);
        let text: String = sums.iter().rev().map(ToString::to_string).collect();
        let (whole, part) = text.split_at(text.len() - decimals);
        let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
        let whole = if whole.is_empty() { "0" } else { whole };
        if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") }
    }

    fn price() -> impl Strategy<Value = Money> {
        let mantissa = prop_oneof![0..1_000_000_i128, 0..1_i128 << 96, ((1_i128 << 96) - 1000)..1_i128 << 96];
        (mantissa, 0_u32..=28)
            .prop_map(|(mantissa, scale)| Money::new(Decimal::from_i128_with_scale(mantissa, scale)))
    }

    fn quantity() -> impl Strategy<Value = Quantity> {
        let millionths = prop_oneof![1..10_i64, 1..10_000_000_000_000_i64, (i64::MAX - 9)..=i64::MAX];
        let whole = (1..1000_i64).prop_map(|units| units * 1_000_000);
        prop_oneof![millionths, whole].prop_map(Quantity::from_millionths)
    }

    proptest! {
        #[test]
        fn what_is_posted_costs_exactly_amount_times_price(price in price(), quantity in quantity()) {
            let ours = line(price, quantity);
            let line = LineToPost { line: &ours, comment: String::new() };
            let exact = on_paper(&price.to_string(), &quantity.to_string());
            let is_sayable = exact.parse::<Money>().is_ok_and(|cost| cost.to_string() == exact);
            match line_body(&line, None, None) {
                Ok(body) => {
                    prop_assert_eq!(body.cost.get(), exact);
                    prop_assert_eq!(body.cost_per_unit.get(), price.to_string());
                    prop_assert_eq!(body.amount.get(), quantity.to_string());
                    prop_assert_eq!(ours.why_unsayable(), None);
                }
                Err(error) => {
                    prop_assert!(!is_sayable, "{} is a number: {}", exact, error);
                    let why = ours.why_unsayable().unwrap();
                    for part in ["good 7", &price.to_string(), &quantity.to_string()] {
                        prop_assert!(why.contains(part), "{}", why);
                    }
                }
            }
        }
    }
}
