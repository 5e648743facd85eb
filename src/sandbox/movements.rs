//! Storages, and the listing of all stock movements in them.

use super::answer::Number;
use super::answer::Object;
use super::answer::Refusal;
use super::answer::Success;
use super::call::Call;
use super::documents;
use super::lines;
use super::options::DeletedRows;
use super::options::Order;
use super::options::Storage;
use super::state::Line;
use super::state::State;

/// The rows of a page without `count`.
const COUNT: i64 = 20;

/// Handles `GET /storages/{location}`: the storages that the token may see.
pub(super) fn storages(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    call.query()?.end()?;
    let seen = |storage: &&Storage| state.options.permissions.storages.contains(&storage.id);
    let rows: Vec<_> =
        state.options.storages.iter().filter(seen).map(|storage| storage_row(state, storage)).collect();
    Ok(Success::ok(rows))
}

fn storage_row(state: &State, storage: &Storage) -> Object {
    let object = Object::default().with("id", storage.id.0).with("title", &storage.title);
    // The service's page has one spelling in its text and another in its example.
    let object = if state.options.quirks.loose_types {
        object.with("for_services", !storage.for_sale).with("for_sale", storage.for_sale)
    } else {
        object.with("for_service", u8::from(!storage.for_sale)).with("for_sale", u8::from(storage.for_sale))
    };
    object.with("comment", "").with("weight", 1)
}

/// Handles `GET /storages/transactions/{location}`.
pub(super) fn list(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    let mut query = call.query()?;
    let document = query.number("document_id")?;
    let created = state.span(&mut query, "start_date", "end_date")?;
    let changed = state.changed(&mut query)?;
    let page = query.page(COUNT, &state.options.quirks)?;
    query.end()?;
    let wanted = |line: &&Line| {
        document.is_none_or(|id| line.document.0 == id)
            && changed.holds(line.last_change)
            && state.documents.get(&line.document).is_some_and(|document| created.holds(document.create_date))
            && lines::visible(state, line, call.now)
            && (!line.deleted || state.options.quirks.movement_deleted != DeletedRows::Hidden)
    };
    let found = state.lines.values().filter(wanted);
    let lines = match state.options.quirks.movement_order {
        Order::OldestFirst => page.of(found),
        Order::NewestFirst => page.of(found.rev()),
    };
    Ok(Success::ok(lines.into_iter().filter_map(|line| row(state, line)).collect::<Vec<_>>()))
}

fn row(state: &State, line: &Line) -> Option<Object> {
    let quirks = &state.options.quirks;
    let document = state.documents.get(&line.document)?;
    let object = Object::default()
        .with("id", line.id.0)
        .with("document_id", line.document.0)
        .with("type_id", document.type_id)
        .with("type", documents::label(document.type_id))
        .with("good", lines::good(state, line.good))
        .with("operation_unit_type", line.unit_type)
        .with("create_date", state.short_date(document.create_date))
        .with("last_change_date", state.short_date(line.last_change))
        .with("cost_per_unit", Number(line.cost_per_unit))
        .with("cost", Number(line.cost))
        .with("discount", Number(line.discount))
        .with("record_id", 0)
        .with("service", quirks.relation)
        .with("loyalty_abonement_id", 0)
        .with("loyalty_certificate_id", 0);
    let object = lines::related(state, object, document, line);
    let client = if quirks.movement_clients { "clients" } else { "client" };
    let object = lines::relation(state, object, client, line.client);
    let object = if quirks.movement_amount { object.with("amount", Number(line.amount)) } else { object };
    let object = if quirks.movement_comment { object.with("comment", &line.comment) } else { object };
    let flagged = line.deleted && quirks.movement_deleted == DeletedRows::Flagged;
    Some(if flagged { object.with("deleted", true) } else { object })
}
