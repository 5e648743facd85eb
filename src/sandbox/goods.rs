//! The goods table: list, read, search, create, replace, delete.

use rust_decimal::Decimal;

use super::answer::Number;
use super::answer::Object;
use super::answer::Refusal;
use super::answer::Success;
use super::call::Call;
use super::call::Fields;
use super::categories;
use super::options::GoodRow;
use super::options::Quirks;
use super::options::Right;
use super::options::UNITS;
use super::options::Unit;
use super::state::Good;
use super::state::RECORDS_MAX;
use super::state::State;
use crate::domain::ids::GoodId;

/// The rows of a page without `count`.
const COUNT: i64 = 25;
/// The most nodes that a text search returns.
const SEARCH_MAX: usize = 100;

/// Handles `GET /goods/{location}`.
pub(super) fn list(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    let mut query = call.query()?;
    let term = query.text("term").unwrap_or_default().to_lowercase();
    let category = query.number("category_id")?;
    let changed = state.changed(&mut query)?;
    let page = query.page(COUNT, &state.options.quirks)?;
    query.end()?;
    let wanted = |good: &&Good| {
        matches(&good.row, &term)
            && category.is_none_or(|category| good.row.category == category)
            && changed.holds(good.last_change)
    };
    // Only the rows of the page are written out: a table is read page by page, and each search begins at its first
    // good.
    let goods = page.of(state.goods.values().filter(wanted)).into_iter();
    Ok(Success::ok(goods.map(|good| row(state, good)).collect::<Vec<_>>()))
}

/// Handles `GET /goods/{location}/{good}`; for good 0 the service returns the list.
pub(super) fn read(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    if call.id("good") == 0 {
        return list(state, call);
    }
    call.query()?.end()?;
    let row = row(state, state.good(GoodId(call.id("good")))?);
    Ok(if state.options.quirks.single_as_array { Success::ok([row]) } else { Success::ok(row) })
}

/// Handles `GET /goods/search/{location}`: nodes of the category tree, categories first.
pub(super) fn search(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    let mut query = call.query()?;
    let term = query.text("term").or_else(|| query.text("search_term")).unwrap_or_default().to_lowercase();
    let count = query.number("count")?.or(query.number("max_count")?).unwrap_or(COUNT);
    query.end()?;
    let count = usize::try_from(count).ok().filter(|count| (1..=SEARCH_MAX).contains(count));
    let count = count.ok_or_else(|| Refusal::field("count", "This value should be between 1 and 100."))?;
    let found = state.categories.values().filter(|category| category.title.to_lowercase().contains(&term));
    let mut nodes: Vec<_> = found.map(categories::node).take(count).collect();
    let hits = nodes.len();
    if !term.is_empty() {
        let goods = state.goods.values().filter(|good| matches(&good.row, &term));
        nodes.extend(goods.map(|good| node(&good.row)).take(count.saturating_sub(hits)));
    }
    Ok(Success::ok(nodes).count(hits))
}

/// Handles `POST /goods/{location}`.
pub(super) fn create(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    state.options.permissions.require(Right::Goods)?;
    let mut fields = call.fields()?;
    let row = write(state, &mut fields, state.next_good())?;
    fields.end()?;
    if state.goods.len() >= RECORDS_MAX {
        return Err(Refusal::new(500, "The sandbox is full"));
    }
    let id = row.id;
    state.put_good(row, call.now.wall);
    Ok(Success::created(self::row(state, state.good(id)?)))
}

/// Handles `PUT /goods/{location}/{good}`; another unit for a good with movements needs `correction_rules`.
pub(super) fn replace(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    state.options.permissions.require(Right::Goods)?;
    let id = GoodId(call.id("good"));
    let mut fields = call.fields()?;
    let row = write(state, &mut fields, id)?;
    let corrected = corrections(&mut fields)?;
    fields.end()?;
    let old = &state.good(id)?.row;
    let units = |row: &GoodRow| (row.unit.id, row.service_unit.id, row.unit_equals);
    let moved = state.lines.values().any(|line| line.good == id);
    // Without rules the service could not convert what was booked in the old unit.
    if moved && !corrected && units(old) != units(&row) {
        return Err(Refusal::new(409, "Correction rules are needed"));
    }
    state.put_good(row, call.now.wall);
    Ok(Success::ok(self::row(state, state.good(id)?)))
}

/// Handles `DELETE /goods/{location}/{good}`.
pub(super) fn delete(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    state.options.permissions.require(Right::Goods)?;
    let id = GoodId(call.id("good"));
    state.good(id)?;
    state.goods.remove(&id);
    Ok(Success::empty(204))
}

/// Returns a good as a node of the category tree.
pub(super) fn node(row: &GoodRow) -> Object {
    Object::default()
        .with("parent_id", row.category)
        .with("item_id", row.id.0)
        .with("category_id", 0)
        .with("title", &row.title)
        .with("is_chain", false)
        .with("is_category", false)
        .with("is_item", true)
}

/// Returns true if name, article or barcode contains the term. The service's own search is fuzzy, this one is exact.
fn matches(row: &GoodRow, term: &str) -> bool {
    term.is_empty()
        || [&row.title, &row.article, &row.barcode].iter().any(|text| text.to_lowercase().contains(term))
}

fn write(state: &State, fields: &mut Fields, id: GoodId) -> Result<GoodRow, Refusal> {
    let title = fields.text("title")?;
    let mut row = GoodRow::new(id, &title, &fields.optional_text("barcode")?.unwrap_or_default());
    row.article = fields.optional_text("article")?.unwrap_or_default();
    row.comment = fields.optional_text("comment")?.unwrap_or_default();
    row.category = fields.integer("category_id")?;
    if title.is_empty() {
        return Err(fields.wrong("title", "This value should not be blank."));
    }
    if !state.categories.contains_key(&row.category) {
        return Err(fields.wrong("category_id", "This category does not exist."));
    }
    row.unit = unit(fields, "sale_unit_id")?;
    row.service_unit = unit(fields, "service_unit_id")?;
    row.unit_equals = fields.optional_decimal("unit_equals")?.unwrap_or(Decimal::ONE);
    if row.unit_equals <= Decimal::ZERO {
        return Err(fields.wrong("unit_equals", "This value should be positive."));
    }
    row.cost = fields.optional_decimal("cost")?.unwrap_or_default();
    row.actual_cost = fields.optional_decimal("actual_cost")?.unwrap_or_default();
    row.critical_amount = fields.optional_decimal("critical_amount")?.unwrap_or_default();
    row.desired_amount = fields.optional_decimal("desired_amount")?.unwrap_or_default();
    unread(fields)?;
    Ok(row)
}

/// Checks members that no answer shows, and drops them.
fn unread(fields: &mut Fields) -> Result<(), Refusal> {
    fields.optional_text("print_title")?;
    fields.optional_decimal("netto")?;
    fields.optional_decimal("brutto")?;
    fields.optional_integer("tax_variant")?;
    fields.optional_integer("vat_id")?;
    Ok(())
}

fn unit(fields: &mut Fields, name: &str) -> Result<Unit, Refusal> {
    let id = fields.integer(name)?;
    let known = UNITS.into_iter().find(|unit| unit.id == id);
    known.ok_or_else(|| fields.wrong(name, "This unit does not exist."))
}

/// Returns true if there are correction rules; checks each rule.
fn corrections(fields: &mut Fields) -> Result<bool, Refusal> {
    let Some(rules) = fields.optional_objects("correction_rules")? else {
        return Ok(false);
    };
    let any = !rules.is_empty();
    for mut rule in rules {
        let known = (1..=5).contains(&rule.integer("type")?);
        let base = rule.text("base_unit")?;
        if !known || !matches!(base.as_str(), "service" | "sale") {
            return Err(rule.wrong("type", "This correction rule does not exist."));
        }
        rule.end()?;
    }
    Ok(any)
}

/// Returns the whole row, as lists and reads show it.
pub(super) fn row(state: &State, good: &Good) -> Object {
    let row = &good.row;
    let loose = state.options.quirks.loose_types;
    let label =
        if row.article.is_empty() { row.title.clone() } else { format!("{} ({})", row.title, row.article) };
    let category = state.categories.get(&row.category).map_or("", |category| category.title.as_str());
    let unit_cost = row.actual_cost.checked_div(row.unit_equals).unwrap_or_default().round_dp(4);
    let object = Object::default()
        .with("title", &row.title)
        .with("value", &row.title)
        .with("label", label)
        .with("article", &row.article)
        .with("category", category)
        .with("category_id", row.category)
        .with("salon_id", state.options.location_id.0)
        .with("good_id", row.id.0)
        .with("cost", Number(row.cost))
        .with("unit_id", row.unit.id)
        .with("unit_short_title", row.unit.short)
        .with("service_unit_id", row.service_unit.id)
        .with("service_unit_short_title", row.service_unit.short)
        .with("actual_cost", Number(row.actual_cost))
        .with("unit_actual_cost", Number(unit_cost))
        .with("unit_actual_cost_format", format!("{unit_cost} $"))
        .with("unit_equals", Number(row.unit_equals))
        // An empty text may come as `null`.
        .with("barcode", (!loose || !row.barcode.is_empty()).then_some(&row.barcode))
        .with("critical_amount", Number(row.critical_amount))
        .with("desired_amount", Number(row.desired_amount))
        .with("actual_amounts", amounts(state, row.id))
        .with("last_change_date", state.short_date(good.last_change))
        .with("is_goods_mark_enabled", false)
        .with("is_chain", false)
        .with("comment", &row.comment);
    loyalty(object, &state.options.quirks)
}

fn loyalty(object: Object, quirks: &Quirks) -> Object {
    if !quirks.loose_types {
        return object
            .with("loyalty_abonement_type_id", 0)
            .with("loyalty_certificate_type_id", 0)
            .with("loyalty_allow_empty_code", 1);
    }
    object
        .with("loyalty_abonement_type_id", "150")
        .with("loyalty_certificate_type_id", "0")
        .with("loyalty_allow_empty_code", false)
        .with("loyalty_expiration_type_id", ())
        .with("not_announced", Object::default().with("since", "yesterday"))
}

/// Returns the balances in sale units; storages without bookings are absent.
fn amounts(state: &State, good: GoodId) -> Vec<Object> {
    let balances = state.balances.iter().filter(|((of, _), _)| *of == good);
    balances
        .map(|((_, storage), amount)| {
            Object::default().with("storage_id", storage.0).with("amount", Number(*amount))
        })
        .collect()
}
