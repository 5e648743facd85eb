//! Lines of stock documents (goods transactions in the API).

use rust_decimal::Decimal;

use super::answer::Number;
use super::answer::Object;
use super::answer::Refusal;
use super::answer::Success;
use super::call::Call;
use super::call::Fields;
use super::call::Now;
use super::dates;
use super::documents;
use super::goods;
use super::options::Right;
use super::options::Unit;
use super::state::Document;
use super::state::Line;
use super::state::State;
use crate::domain::ids::DocumentId;
use crate::domain::ids::GoodId;
use crate::domain::ids::TransactionId;

/// The checked content of a line that a client sent. The amounts have their sign already.
#[derive(Debug)]
pub(super) struct LineDraft {
    good: GoodId,
    amount: Decimal,
    sale_amount: Decimal,
    service_amount: Decimal,
    unit_type: i64,
    cost_per_unit: Decimal,
    discount: Decimal,
    cost: Decimal,
    master: i64,
    client: i64,
    supplier: i64,
    comment: String,
}

impl LineDraft {
    /// Returns a line of one piece of a good at price zero.
    pub(super) fn piece(good: GoodId) -> Self {
        Self {
            good,
            amount: Decimal::ONE,
            sale_amount: Decimal::ONE,
            service_amount: Decimal::ONE,
            unit_type: 1,
            cost_per_unit: Decimal::ZERO,
            discount: Decimal::ZERO,
            cost: Decimal::ZERO,
            master: 0,
            client: 0,
            supplier: 0,
            comment: String::new(),
        }
    }
}

/// Handles `POST /storage_operations/goods_transactions/{location}`.
pub(super) fn create(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    state.options.permissions.require(Right::Create)?;
    let mut fields = call.fields()?;
    let document = DocumentId(fields.integer("document_id")?);
    let type_id = state.document(document)?.type_id;
    let draft = draft(state, fields, type_id, 0)?;
    let id = add(state, document, draft, call.now)?;
    answer(state, id)
}

/// Handles `GET /storage_operations/goods_transactions/{location}/{line}`, even for a deleted line.
pub(super) fn read(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    call.query()?.end()?;
    answer(state, TransactionId(call.id("line")))
}

/// Handles `PUT /storage_operations/goods_transactions/{location}/{line}`.
pub(super) fn replace(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    state.options.permissions.require(Right::Edit)?;
    let old = existing(state, call)?;
    let mut fields = call.fields()?;
    if fields.integer("document_id")? != old.document.0 {
        return Err(fields.wrong("document_id", "This line belongs to another document."));
    }
    let type_id = state.document(old.document)?.type_id;
    let draft = draft(state, fields, type_id, 0)?;
    state.unbook(&old, call.now);
    // A replaced line is no new one: it stays visible.
    let since = old.since;
    put(state, Line { since, ..line(old.id, old.document, draft, call.now) }, call.now);
    answer(state, old.id)
}

/// Handles `DELETE /storage_operations/goods_transactions/{location}/{line}`.
pub(super) fn delete(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    state.options.permissions.require(Right::Delete)?;
    let line = existing(state, call)?;
    remove(state, &line, call.now);
    Ok(Success::empty(202))
}

/// Handles `GET /storage_operations/documents/goods_transactions/{document}`, even for a deleted document.
pub(super) fn of_document(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    call.query()?.end()?;
    let id = DocumentId(call.id("document"));
    let document = state.documents.get(&id).ok_or_else(Refusal::not_found)?;
    let listed = |line: &&Line| {
        line.document == id
            && visible(state, line, call.now)
            && (!line.deleted || state.options.quirks.deleted_lines)
    };
    let rows: Vec<_> = state.lines.values().filter(listed).map(|line| row(state, document, line)).collect();
    let count = rows.len();
    Ok(Success::ok(rows).count(count))
}

/// Reads and checks a line. `master` is the staff member of the operation.
///
/// The amount is above zero, and the cost is exactly amount × price less the discount.
pub(super) fn draft(
    state: &State,
    mut fields: Fields,
    type_id: i64,
    master: i64,
) -> Result<LineDraft, Refusal> {
    let good = GoodId(fields.integer("good_id")?);
    let row = &state.good(good)?.row;
    let amount = fields.decimal("amount")?;
    let unit_type = fields.integer("operation_unit_type")?;
    let draft = LineDraft {
        good,
        amount: signed(amount, type_id),
        sale_amount: signed(if unit_type == 1 { amount } else { amount / row.unit_equals }, type_id),
        service_amount: signed(if unit_type == 2 { amount } else { amount * row.unit_equals }, type_id),
        unit_type,
        cost_per_unit: fields.decimal("cost_per_unit")?,
        discount: fields.decimal("discount")?,
        cost: fields.decimal("cost")?,
        master: fields.optional_integer("master_id")?.unwrap_or(master),
        client: fields.optional_integer("client_id")?.unwrap_or(0),
        supplier: fields.optional_integer("supplier_id")?.unwrap_or(0),
        comment: fields.optional_text("comment")?.unwrap_or_default(),
    };
    // Taken so that `end` does not refuse it; it has no effect here.
    fields.optional_text("good_special_number")?;
    check(&fields, &draft, amount)?;
    // Status and words as an integration logged them.
    if state.options.quirks.master_required && draft.master == 0 {
        return Err(Refusal::new(400, "Staff member required"));
    }
    fields.end()?;
    Ok(draft)
}

fn check(fields: &Fields, draft: &LineDraft, amount: Decimal) -> Result<(), Refusal> {
    let percent = Decimal::ONE_HUNDRED;
    if amount <= Decimal::ZERO {
        return Err(fields.wrong("amount", "This value should be positive."));
    }
    if !matches!(draft.unit_type, 1 | 2) {
        return Err(fields.wrong("operation_unit_type", "This value should be 1 or 2."));
    }
    if draft.cost_per_unit < Decimal::ZERO {
        return Err(fields.wrong("cost_per_unit", "This value should be zero or more."));
    }
    if draft.discount < Decimal::ZERO || draft.discount > percent {
        return Err(fields.wrong("discount", "This value should be between 0 and 100."));
    }
    // Multiplied before divided, so that no digit is rounded.
    let exact = amount
        .checked_mul(draft.cost_per_unit)
        .and_then(|full| full.checked_mul(percent - draft.discount))
        // A decimal that does not fit is `None`, which equals no cost: the line is refused.
        .and_then(|hundredfold| hundredfold.checked_div(percent));
    if exact == Some(draft.cost) {
        Ok(())
    } else {
        Err(fields.wrong("cost", "This value should be amount × cost_per_unit less the discount."))
    }
}

/// Returns the amount with its sign: receipts add stock, all other types remove it.
fn signed(amount: Decimal, type_id: i64) -> Decimal {
    if type_id == 3 { amount } else { -amount }
}

/// Creates the line and books it.
pub(super) fn add(
    state: &mut State,
    document: DocumentId,
    draft: LineDraft,
    now: Now,
) -> Result<TransactionId, Refusal> {
    let id = state.next_line()?;
    put(state, line(id, document, draft, now), now);
    Ok(id)
}

fn line(id: TransactionId, document: DocumentId, draft: LineDraft, now: Now) -> Line {
    Line {
        id,
        document,
        good: draft.good,
        amount: draft.amount,
        sale_amount: draft.sale_amount,
        service_amount: draft.service_amount,
        unit_type: draft.unit_type,
        cost_per_unit: draft.cost_per_unit,
        discount: draft.discount,
        cost: draft.cost,
        master: draft.master,
        client: draft.client,
        supplier: draft.supplier,
        comment: draft.comment,
        last_change: dates::second(now.wall),
        deleted: false,
        since: now.instant,
    }
}

fn put(state: &mut State, line: Line, now: Now) {
    state.book(&line, now);
    state.lines.insert(line.id, line);
}

/// Marks the line as deleted and takes it out of the balance.
pub(super) fn remove(state: &mut State, line: &Line, now: Now) {
    state.unbook(line, now);
    // Kept, because the service may still list deleted lines.
    if let Some(kept) = state.lines.get_mut(&line.id) {
        kept.deleted = true;
        kept.last_change = dates::second(now.wall);
    }
}

/// Returns the lines of a document that are not deleted.
pub(super) fn live(state: &State, document: DocumentId) -> Vec<Line> {
    state.lines.values().filter(|line| line.document == document && !line.deleted).cloned().collect()
}

/// Returns true if listings already show the line.
pub(super) fn visible(state: &State, line: &Line, now: Now) -> bool {
    now.instant.duration_since(line.since).as_millis() >= u128::from(state.options.quirks.visible_after_ms)
}

fn existing(state: &State, call: &Call) -> Result<Line, Refusal> {
    let line = state.lines.get(&TransactionId(call.id("line"))).filter(|line| !line.deleted);
    line.cloned().ok_or_else(Refusal::not_found)
}

fn answer(state: &State, id: TransactionId) -> Result<Success, Refusal> {
    let line = state.lines.get(&id).ok_or_else(Refusal::not_found)?;
    let document = state.documents.get(&line.document).ok_or_else(Refusal::not_found)?;
    Ok(Success::ok(full(state, document, line)))
}

/// Returns the members that every answer about a line has.
fn row(state: &State, document: &Document, line: &Line) -> Object {
    let loose = state.options.quirks.loose_types;
    let object = Object::default()
        .with("id", line.id.0)
        .with("document_id", line.document.0)
        .with("type_id", document.type_id)
        .with("company_id", state.options.location_id.0)
        .with("good_id", line.good.0)
        .with("amount", Number(line.amount))
        .with("cost_per_unit", Number(line.cost_per_unit))
        .with("discount", Number(line.discount))
        .with("cost", Number(line.cost))
        .with("unit_id", unit(state, line).map_or(0, |unit| unit.id))
        .with("operation_unit_type", line.unit_type)
        .with("storage_id", document.storage.0)
        .with("supplier_id", line.supplier)
        .with("record_id", 0)
        .with("client_id", line.client)
        .with("master_id", line.master)
        .with("create_date", state.long_date(document.create_date))
        .with("comment", &line.comment)
        .with("service_id", 0)
        .with("user_id", documents::USER)
        .with("pkg_amount", 0);
    if loose { object.with("deleted", u8::from(line.deleted)) } else { object.with("deleted", line.deleted) }
}

/// Returns the line as the operation call shows it.
pub(super) fn brief(state: &State, document: &Document, line: &Line) -> Object {
    let object = relation(state, row(state, document, line), "client", line.client);
    related(state, object, document, line)
        .with("type", documents::kind(document.type_id))
        .with("good", good(state, line.good))
}

/// Returns the line as its own calls show it.
fn full(state: &State, document: &Document, line: &Line) -> Object {
    let object = relation(state, row(state, document, line), "client", line.client);
    let object = related(state, object, document, line)
        .with("type", documents::kind(document.type_id))
        .with("last_change_date", state.short_date(line.last_change))
        .with("good_special_number", "")
        .with("service_amount", Number(line.service_amount))
        .with("sale_amount", Number(line.sale_amount))
        .with("goods_marks", [(); 0]);
    match state.goods.get(&line.good) {
        None => object.with("good", good(state, line.good)),
        Some(known) => object
            .with("good", goods::row(state, known))
            .with("service_unit_id", known.row.service_unit.id)
            .with("sale_unit_id", known.row.unit.id)
            .with("sale_unit", unit_object(known.row.unit))
            .with("service_unit", unit_object(known.row.service_unit)),
    }
}

/// Adds the objects to which a line refers, except the client, whose key depends on the call.
pub(super) fn related(state: &State, object: Object, document: &Document, line: &Line) -> Object {
    let object = object.with("storage", documents::storage(state, document.storage));
    let object = relation(state, object, "supplier", line.supplier);
    let object = relation(state, object, "master", line.master);
    match unit(state, line) {
        Some(unit) => object.with("unit", unit_object(unit)),
        None => object.with("unit", state.options.quirks.relation),
    }
}

/// Adds a person by number under `key`; for number 0, the value for nothing.
pub(super) fn relation(state: &State, object: Object, key: &'static str, id: i64) -> Object {
    if id == 0 {
        return object.with(key, state.options.quirks.relation);
    }
    object.with(key, Object::default().with("id", id).with("title", format!("No. {id}")))
}

/// Returns the id and name of a good, which may have been deleted since.
pub(super) fn good(state: &State, id: GoodId) -> Object {
    let title = state.goods.get(&id).map_or("", |good| good.row.title.as_str());
    Object::default().with("id", id.0).with("title", title)
}

fn unit(state: &State, line: &Line) -> Option<Unit> {
    let row = &state.goods.get(&line.good)?.row;
    Some(if line.unit_type == 2 { row.service_unit } else { row.unit })
}

fn unit_object(unit: Unit) -> Object {
    Object::default().with("id", unit.id).with("title", unit.title).with("short_title", unit.short)
}
