//! The rows and bodies of the service, as it spells them (<https://developer.alteg.io/en/b2b-v1/openapi>).
//!
//! Reading: every member is optional and raw, so that an unexpected value in one does not lose the rest. Writing:
//! exactly the documented members, and never a float.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::lenient;
use crate::domain::delivery::FoundLine;
use crate::domain::ids::{GoodId, TransactionId};
use crate::domain::stock::good::{Good, WriteOffUnit};
use crate::domain::stock::quantity::{Money, Quantity};

/// A row of `GET /goods/{location_id}`, with the members that the copy of the goods table needs.
#[derive(Deserialize)]
pub(super) struct GoodRow<'a> {
    #[serde(borrow)]
    good_id: Option<&'a RawValue>,
    #[serde(borrow)]
    title: Option<&'a RawValue>,
    #[serde(borrow)]
    barcode: Option<&'a RawValue>,
    #[serde(borrow)]
    unit_short_title: Option<&'a RawValue>,
    #[serde(borrow)]
    actual_cost: Option<&'a RawValue>,
    #[serde(borrow)]
    cost: Option<&'a RawValue>,
    #[serde(borrow)]
    service_unit_short_title: Option<&'a RawValue>,
    #[serde(borrow)]
    unit_equals: Option<&'a RawValue>,
}

impl GoodRow<'_> {
    /// Returns the good; `None` if the row has no identity.
    pub(super) fn good(&self) -> Option<Good> {
        Some(Good {
            id: GoodId(lenient::id(self.good_id)?),
            title: lenient::text(self.title).unwrap_or_default(),
            barcode: lenient::text(self.barcode).unwrap_or_default(),
            unit: lenient::text(self.unit_short_title).unwrap_or_default(),
            // `actual_cost` is what the good costs, `cost` what it is sold for.
            price: lenient::money(self.actual_cost),
            sale_price: lenient::decimal(self.cost).map(Money::new),
            write_off_unit: self.write_off_unit(),
        })
    }

    fn write_off_unit(&self) -> Option<WriteOffUnit> {
        let name = lenient::text(self.service_unit_short_title)?;
        Some(WriteOffUnit { name, per_sale_unit: lenient::decimal(self.unit_equals)? })
    }
}

/// A line as the operation call, the line calls and the lines of a document return it.
#[derive(Deserialize)]
pub(super) struct LineRow<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    good_id: Option<&'a RawValue>,
    #[serde(borrow)]
    good: Option<&'a RawValue>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    comment: Option<&'a RawValue>,
    #[serde(borrow)]
    deleted: Option<&'a RawValue>,
}

impl LineRow<'_> {
    pub(super) fn is_deleted(&self) -> bool {
        lenient::flag(self.deleted).unwrap_or(false)
    }

    /// Returns the line; `None` if the row lacks its good or its amount. The server writes stock that leaves with a
    /// minus sign, which is removed.
    pub(super) fn line(&self) -> Option<FoundLine> {
        let amount = lenient::decimal(self.amount)?;
        Some(FoundLine {
            id: TransactionId(lenient::id(self.id)?),
            good: GoodId(lenient::id(self.good_id).or_else(|| lenient::related(self.good))?),
            quantity: Quantity::from_decimal(amount)?.abs(),
            comment: lenient::text(self.comment).filter(|comment| !comment.is_empty()),
        })
    }
}

/// Body of `POST /storage_operations/operation/{location_id}`.
#[derive(Serialize)]
pub(super) struct OperationBody<'a> {
    pub(super) type_id: i64,
    pub(super) storage_id: i64,
    pub(super) create_date: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) master_id: Option<i64>,
    pub(super) comment: &'a str,
    /// The lines, under one of the two names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) goods_transactions: Option<Vec<LineBody<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) transactions: Option<Vec<LineBody<'a>>>,
}

/// Body of `POST /storage_operations/documents/{location_id}`.
#[derive(Serialize)]
pub(super) struct DocumentBody<'a> {
    pub(super) type_id: i64,
    pub(super) storage_id: i64,
    pub(super) create_date: &'a str,
    pub(super) comment: &'a str,
}

/// A line of the operation call, and the body of `POST /storage_operations/goods_transactions/{location_id}`.
#[derive(Serialize)]
pub(super) struct LineBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) document_id: Option<i64>,
    pub(super) good_id: i64,
    pub(super) operation_unit_type: u8,
    pub(super) amount: Box<RawValue>,
    pub(super) cost_per_unit: Box<RawValue>,
    pub(super) discount: u8,
    pub(super) cost: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) master_id: Option<i64>,
    pub(super) comment: &'a str,
}

/// Returns a decimal as a JSON number, digit for digit.
pub(super) fn number(value: Decimal) -> Box<RawValue> {
    RawValue::from_string(value.normalize().to_string()).expect("a decimal's text is a JSON number")
}
