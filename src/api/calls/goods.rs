//! The goods table: list, read, search, create, replace, delete.
//!
//! Source: <https://developer.alteg.io/en/b2b-v1/openapi/products>, operations `get_products_list`, `create_product`,
//! `get_product`, `update_product`, `delete_product` and `search_product`. The parameters of the list are documented at
//! the single read; in live integrations they work for the list.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::categories::{NodeRow, NodeWire};
use super::{found, parsed};
use crate::api::client::{Answer, Client};
use crate::api::wire::{GoodRow, number};
use crate::api::{Error, Permit, lenient};
use crate::domain::ids::{CategoryId, GoodId, StorageId, UnitId};
use crate::domain::stock::good::Good;
use crate::domain::stock::quantity::Money;

/// The number of rows on a page of goods with all details. Working integrations ask for up to 100.
const GOODS_PER_PAGE: usize = 100;

/// The most nodes that a text search gives (`search_product`, `count`).
const NODES_MAX: usize = 100;

/// A requested page of the goods table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GoodsPageRequest<'a> {
    /// Its number, from 1.
    pub page: u32,
    /// The number of rows to request. The service may return fewer, and its limit is not documented.
    pub rows: usize,
    /// Only goods that changed since, in the location's time.
    pub changed_after: Option<&'a str>,
}

/// A filter of a listing of goods; every member that is set narrows the listing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GoodsFilter<'a> {
    /// A text that name, article or barcode resembles. The service's search is fuzzy: compare what it returns.
    pub term: Option<&'a str>,
    /// The category.
    pub category: Option<CategoryId>,
    /// Only goods that changed since, in the location's time.
    pub changed_after: Option<&'a str>,
    /// Only goods that changed until, in the location's time.
    pub changed_before: Option<&'a str>,
}

/// A good with all details that a stockroom may need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodDetails {
    /// The part that the station keeps.
    pub good: Good,
    /// The stock-keeping code of the house; empty if it has none.
    pub article: String,
    /// The category it is in, if given.
    pub category: Option<CategoryId>,
    /// Selling price of a sale unit, if given.
    pub cost: Option<Money>,
    /// The sale unit, if given.
    pub sale_unit: Option<UnitId>,
    /// The unit of write-offs for services, if given.
    pub service_unit: Option<UnitId>,
    /// Short name of that unit; empty if not given.
    pub service_unit_title: String,
    /// Write-off units in one sale unit, if given.
    pub unit_equals: Option<Decimal>,
    /// Below this the service's own pages hide it from sales, if given.
    pub critical_amount: Option<Decimal>,
    /// The amount to have in stock, if given.
    pub desired_amount: Option<Decimal>,
    /// Balances by storage. Storages that were never used are absent, amounts below zero occur, and the documentation
    /// does not say in which unit they are.
    pub amounts: Vec<(StorageId, Decimal)>,
    /// The time of its last change, as the service spells it, if given.
    pub last_change: Option<String>,
    /// A free remark; empty if there is none.
    pub comment: String,
}

/// A good to write. Members that are `None` are not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodToWrite {
    /// The name people know it by.
    pub title: String,
    /// The name on a receipt.
    pub print_title: Option<String>,
    /// The stock-keeping code of the house.
    pub article: Option<String>,
    /// Its one barcode.
    pub barcode: Option<String>,
    /// The category it is in.
    pub category: CategoryId,
    /// Selling price of a sale unit.
    pub cost: Option<Money>,
    /// Cost price of a sale unit.
    pub actual_cost: Option<Money>,
    /// The sale unit.
    pub sale_unit: UnitId,
    /// The unit of write-offs for services.
    pub service_unit: UnitId,
    /// Write-off units in one sale unit; above zero.
    pub unit_equals: Option<Decimal>,
    /// Below this the service's own pages hide it from sales.
    pub critical_amount: Option<Decimal>,
    /// The amount to have in stock.
    pub desired_amount: Option<Decimal>,
    /// Net weight.
    pub netto: Option<Decimal>,
    /// Gross weight.
    pub brutto: Option<Decimal>,
    /// A free remark.
    pub comment: Option<String>,
    /// Taxation system, by the service's number.
    pub tax_variant: Option<i64>,
    /// VAT, by the service's number.
    pub vat: Option<i64>,
}

impl GoodToWrite {
    /// Returns a good with the members that the service requires, and no others.
    pub fn new(title: &str, category: CategoryId, sale_unit: UnitId, service_unit: UnitId) -> Self {
        Self {
            title: title.to_owned(),
            print_title: None,
            article: None,
            barcode: None,
            category,
            cost: None,
            actual_cost: None,
            sale_unit,
            service_unit,
            unit_equals: None,
            critical_amount: None,
            desired_amount: None,
            netto: None,
            brutto: None,
            comment: None,
            tax_variant: None,
            vat: None,
        }
    }
}

/// A rule by which movements are recomputed when the unit of a good that has movements changes (`correction_rules`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CorrectionRule {
    /// The service's number of the rule, 1..=5.
    pub rule: u8,
    /// The unit that the rule starts from.
    pub base: BaseUnit,
}

/// A unit of a good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaseUnit {
    /// The sale unit.
    Sale,
    /// The unit of write-offs for services.
    Service,
}

#[derive(Deserialize)]
struct DetailsWire<'a> {
    #[serde(borrow)]
    article: Option<&'a RawValue>,
    #[serde(borrow)]
    category_id: Option<&'a RawValue>,
    #[serde(borrow)]
    cost: Option<&'a RawValue>,
    #[serde(borrow)]
    unit_id: Option<&'a RawValue>,
    #[serde(borrow)]
    service_unit_id: Option<&'a RawValue>,
    #[serde(borrow)]
    service_unit_short_title: Option<&'a RawValue>,
    #[serde(borrow)]
    unit_equals: Option<&'a RawValue>,
    #[serde(borrow)]
    critical_amount: Option<&'a RawValue>,
    #[serde(borrow)]
    desired_amount: Option<&'a RawValue>,
    #[serde(borrow)]
    actual_amounts: Option<&'a RawValue>,
    #[serde(borrow)]
    last_change_date: Option<&'a RawValue>,
    #[serde(borrow)]
    comment: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct AmountWire<'a> {
    #[serde(borrow)]
    storage_id: Option<&'a RawValue>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
}

/// Body of `POST /goods/{location_id}` and `PUT /goods/{location_id}/{product_id}`.
#[derive(Serialize)]
struct GoodBody<'a> {
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    print_title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    article: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    barcode: Option<&'a str>,
    category_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual_cost: Option<Box<RawValue>>,
    sale_unit_id: i64,
    service_unit_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_equals: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    critical_amount: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    desired_amount: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    netto: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    brutto: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tax_variant: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vat_id: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    correction_rules: Vec<CorrectionBody>,
}

#[derive(Serialize)]
struct CorrectionBody {
    #[serde(rename = "type")]
    rule: u8,
    base_unit: &'static str,
}

impl Client {
    /// Reads a page of the goods table (`GET /goods/{location_id}`). Returns the goods and the number of rows, readable
    /// or not.
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn goods(
        &self,
        permit: Permit,
        request: &GoodsPageRequest<'_>,
    ) -> Result<(Vec<Good>, usize), Error> {
        let filter = GoodsFilter { changed_after: request.changed_after, ..GoodsFilter::default() };
        let answer = self.goods_answer(permit, request.page, request.rows, &filter).await?;
        let rows = answer.rows::<GoodRow<'_>>()?;
        // Counted before unreadable rows are dropped: the number shows whether the listing has ended.
        let count = rows.len();
        Ok((rows.into_iter().flatten().filter_map(|row| row.good()).collect(), count))
    }

    /// Reads a page, from 1, of the goods that pass a filter, with all details (`GET /goods/{location_id}`). Returns
    /// the goods and the number of rows, readable or not.
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn list_goods(
        &self,
        permit: Permit,
        page: u32,
        filter: &GoodsFilter<'_>,
    ) -> Result<(Vec<GoodDetails>, usize), Error> {
        let answer = self.goods_answer(permit, page, GOODS_PER_PAGE, filter).await?;
        let rows = answer.rows::<&RawValue>()?;
        let count = rows.len();
        Ok((rows.into_iter().flatten().filter_map(details).collect(), count))
    }

    async fn goods_answer(
        &self,
        permit: Permit,
        page: u32,
        rows: usize,
        filter: &GoodsFilter<'_>,
    ) -> Result<Answer, Error> {
        let mut query = vec![("page", page.to_string()), ("count", rows.to_string())];
        let narrowed = [
            ("term", filter.term.map(str::to_owned)),
            ("category_id", filter.category.map(|category| category.to_string())),
            ("changed_after", filter.changed_after.map(str::to_owned)),
            ("changed_before", filter.changed_before.map(str::to_owned)),
        ];
        query.extend(narrowed.into_iter().filter_map(|(name, value)| Some((name, value?))));
        self.get(permit, &format!("goods/{}", self.location()), &query).await
    }

    /// Reads one good (`GET /goods/{location_id}/{product_id}`); `None` if it does not exist.
    ///
    /// The service returns an object or an array of one, and for an id that it does not accept the whole list: only the
    /// requested good counts.
    ///
    /// # Errors
    /// Any of [`Error`], except that it does not exist.
    pub async fn good(&self, permit: Permit, good: GoodId) -> Result<Option<GoodDetails>, Error> {
        let path = format!("goods/{}/{good}", self.location());
        let Some(answer) = found(self.get(permit, &path, &[]).await)? else { return Ok(None) };
        let details = answer.data()?.and_then(lenient::one).and_then(details);
        details.filter(|row| row.good.id == good).ok_or(answer.lacks("the good asked for")).map(Some)
    }

    /// Searches for categories and goods that a text resembles, categories first (`GET /goods/search/{location_id}`, at
    /// most 100). Without text, returns the categories at the root. A node has neither barcode nor price.
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn search_goods(&self, permit: Permit, term: &str) -> Result<Vec<NodeRow>, Error> {
        let query = [("term", term.to_owned()), ("count", NODES_MAX.to_string())];
        let answer = self.get(permit, &format!("goods/search/{}", self.location()), &query).await?;
        let rows = answer.rows::<NodeWire<'_>>()?;
        Ok(rows.into_iter().flatten().filter_map(|row| row.node()).collect())
    }

    /// Creates a good (`POST /goods/{location_id}`, 201). The service accepts a second good with the same barcode.
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn create_good(&self, permit: Permit, good: &GoodToWrite) -> Result<GoodDetails, Error> {
        let answer = self.post(permit, &format!("goods/{}", self.location()), &body(good, &[])).await?;
        written(&answer)
    }

    /// Replaces a good as a whole (`PUT /goods/{location_id}/{product_id}`). For a good with movements, another unit
    /// needs rules for them; without rules it is refused (409).
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn replace_good(
        &self,
        permit: Permit,
        id: GoodId,
        good: &GoodToWrite,
        corrections: &[CorrectionRule],
    ) -> Result<GoodDetails, Error> {
        let path = format!("goods/{}/{id}", self.location());
        let answer = self.put(permit, &path, &body(good, corrections)).await?;
        written(&answer)
    }

    /// Removes a good (`DELETE /goods/{location_id}/{product_id}`, 204). A missing one counts as removed.
    ///
    /// # Errors
    /// Any of [`Error`], except that it does not exist.
    pub async fn delete_good(&self, permit: Permit, good: GoodId) -> Result<(), Error> {
        let path = format!("goods/{}/{good}", self.location());
        found(self.delete(permit, &path, &[]).await).map(|_gone| ())
    }
}

fn written(answer: &Answer) -> Result<GoodDetails, Error> {
    answer.data()?.and_then(lenient::one).and_then(details).ok_or(answer.lacks("the good"))
}

/// Returns the good of a row; `None` if it has no identity.
fn details(raw: &RawValue) -> Option<GoodDetails> {
    // Read twice from the same text: the members of the copy of the table, and the details.
    let good = serde_json::from_str::<GoodRow<'_>>(raw.get()).ok()?.good()?;
    let row: DetailsWire<'_> = serde_json::from_str(raw.get()).ok()?;
    let amounts = parsed::<AmountWire<'_>>(&row.actual_amounts.map(lenient::list).unwrap_or_default());
    let amount =
        |row: AmountWire<'_>| Some((StorageId(lenient::id(row.storage_id)?), lenient::decimal(row.amount)?));
    Some(GoodDetails {
        good,
        article: lenient::text(row.article).unwrap_or_default(),
        category: lenient::id(row.category_id).map(CategoryId),
        cost: lenient::decimal(row.cost).map(Money::new),
        sale_unit: lenient::id(row.unit_id).map(UnitId),
        service_unit: lenient::id(row.service_unit_id).map(UnitId),
        service_unit_title: lenient::text(row.service_unit_short_title).unwrap_or_default(),
        unit_equals: lenient::decimal(row.unit_equals),
        critical_amount: lenient::decimal(row.critical_amount),
        desired_amount: lenient::decimal(row.desired_amount),
        amounts: amounts.into_iter().flatten().filter_map(amount).collect(),
        last_change: lenient::text(row.last_change_date),
        comment: lenient::text(row.comment).unwrap_or_default(),
    })
}

fn body<'a>(good: &'a GoodToWrite, corrections: &[CorrectionRule]) -> GoodBody<'a> {
    // A price without an exact number is left out, as one that is not given.
    let money = |amount: Option<Money>| amount.and_then(Money::amount).map(number);
    let rule = |correction: &CorrectionRule| CorrectionBody {
        rule: correction.rule,
        base_unit: match correction.base {
            BaseUnit::Sale => "sale",
            BaseUnit::Service => "service",
        },
    };
    GoodBody {
        title: &good.title,
        print_title: good.print_title.as_deref(),
        article: good.article.as_deref(),
        barcode: good.barcode.as_deref(),
        category_id: good.category.0,
        cost: money(good.cost),
        actual_cost: money(good.actual_cost),
        sale_unit_id: good.sale_unit.0,
        service_unit_id: good.service_unit.0,
        unit_equals: good.unit_equals.map(number),
        critical_amount: good.critical_amount.map(number),
        desired_amount: good.desired_amount.map(number),
        netto: good.netto.map(number),
        brutto: good.brutto.map(number),
        comment: good.comment.as_deref(),
        tax_variant: good.tax_variant,
        vat_id: good.vat,
        correction_rules: corrections.iter().map(rule).collect(),
    }
}
