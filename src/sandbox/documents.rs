//! Stock documents: the headers that lines belong to.

use jiff::Timestamp;

use super::answer::Object;
use super::answer::Refusal;
use super::answer::Success;
use super::call::Call;
use super::call::Fields;
use super::call::Now;
use super::dates;
use super::lines;
use super::options::Right;
use super::state::Document;
use super::state::State;
use crate::domain::ids::DocumentId;
use crate::domain::ids::StorageId;

/// The number of the first document, as people see it.
const FIRST_NUMBER: i64 = 1251;
/// The user behind the token.
pub(super) const USER: i64 = 999_290;
/// The name of the simulated business.
pub(super) const BUSINESS: &str = "Business Example";

/// The part of a document that a client chooses.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) type_id: i64,
    storage: StorageId,
    comment: String,
    create_date: Timestamp,
    create_date_text: String,
}

impl Header {
    /// Makes the header of a receipt that another program creates now.
    pub(super) fn of_another(storage: StorageId, now: Now) -> Self {
        let (comment, create_date_text) = (String::new(), String::new());
        Self { type_id: 3, storage, comment, create_date: now.wall, create_date_text }
    }
}

/// Handles `POST /storage_operations/documents/{location}`.
pub(super) fn create(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    state.options.permissions.require(Right::Create)?;
    let mut fields = call.fields()?;
    let types = [1, 2, 3, state.options.quirks.write_off_document_type];
    let header = header(state, &mut fields, &types, call.now)?;
    fields.end()?;
    let id = add(state, header, call.now)?;
    Ok(Success::ok(object(state, state.document(id)?)))
}

/// Handles `GET /storage_operations/documents/{location}/{document}`.
pub(super) fn read(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    call.query()?.end()?;
    let document = state.document(DocumentId(call.id("document")))?;
    Ok(Success::ok(object(state, document)))
}

/// Handles `PUT /storage_operations/documents/{location}/{document}`: everything may change except the type.
pub(super) fn replace(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    state.options.permissions.require(Right::Edit)?;
    let id = DocumentId(call.id("document"));
    let type_id = state.document(id)?.type_id;
    let mut fields = call.fields()?;
    let header = header(state, &mut fields, &[type_id], call.now)?;
    fields.end()?;
    // Lines are booked in the document's storage, which may change: out of the old one, into the new one.
    let lines = lines::live(state, id);
    for line in &lines {
        state.unbook(line, call.now);
    }
    if let Some(document) = state.documents.get_mut(&id) {
        document.storage = header.storage;
        document.comment = header.comment;
        document.create_date = header.create_date;
        document.create_date_text = header.create_date_text;
    }
    for line in &lines {
        state.book(line, call.now);
    }
    Ok(Success::ok(object(state, state.document(id)?)))
}

/// Handles `DELETE /storage_operations/documents/{location}/{document}`.
pub(super) fn delete(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    state.options.permissions.require(Right::Delete)?;
    let id = DocumentId(call.id("document"));
    state.document(id)?;
    // What becomes of the lines of a deleted document is not documented.
    if state.options.quirks.cascade_delete {
        for line in lines::live(state, id) {
            lines::remove(state, &line, call.now);
        }
    }
    if let Some(document) = state.documents.get_mut(&id) {
        document.deleted = true;
    }
    Ok(Success::empty(202))
}

/// Reads and checks a header; other members of `fields` are left for the caller.
pub(super) fn header(state: &State, fields: &mut Fields, types: &[i64], now: Now) -> Result<Header, Refusal> {
    let type_id = fields.integer("type_id")?;
    if !types.contains(&type_id) {
        return Err(fields.wrong("type_id", "This document type is not possible here."));
    }
    let storage = state.storage(StorageId(fields.integer("storage_id")?))?.id;
    let create_date_text = fields.text("create_date")?;
    let Some(create_date) = dates::moment(&create_date_text, &state.zone) else {
        return Err(fields.wrong("create_date", "This value is not a valid date."));
    };
    let comment = fields.optional_text("comment")?.unwrap_or_default();
    // Taken so that `end` does not refuse it; it has no effect here.
    fields.optional_text("time_zone")?;
    // Rights are checked after the content, so that a bad request is a 422 whatever the rights.
    state.options.permissions.require(Right::Type(type_id))?;
    let days_back = state.options.permissions.days_back;
    if days_back.is_some_and(|days| create_date < dates::days_before(now.wall, days)) {
        return Err(Refusal::forbidden());
    }
    Ok(Header { type_id, storage, comment, create_date, create_date_text })
}

/// Creates the document.
pub(super) fn add(state: &mut State, header: Header, now: Now) -> Result<DocumentId, Refusal> {
    let id = state.next_document()?;
    let made = i64::try_from(state.documents.len()).unwrap_or(i64::MAX);
    let Header { type_id, storage, comment, create_date, create_date_text } = header;
    let document = Document {
        id,
        type_id,
        storage,
        number: FIRST_NUMBER.saturating_add(made),
        comment,
        create_date,
        create_date_text,
        made: now.wall,
        deleted: false,
    };
    state.documents.insert(id, document);
    Ok(id)
}

/// Returns the document as answers show it.
pub(super) fn object(state: &State, document: &Document) -> Object {
    let user = Object::default().with("id", USER).with("name", "Stock Station").with("phone", "+13155550175");
    Object::default()
        .with("id", document.id.0)
        .with("type_id", document.type_id)
        .with("type", kind(document.type_id))
        .with("storage_id", document.storage.0)
        .with("user_id", USER)
        .with("company_id", state.options.location_id.0)
        .with("number", document.number)
        .with("comment", &document.comment)
        .with("create_date", state.long_date(document.create_date))
        .with("bill_print_status", 0)
        .with("storage", storage(state, document.storage))
        .with("company", company(state))
        .with("user", user)
}

/// Returns the id and name of a document type.
pub(super) fn kind(type_id: i64) -> Object {
    Object::default().with("id", type_id).with("title", label(type_id))
}

/// Returns the name of a document type.
pub(super) fn label(type_id: i64) -> &'static str {
    match type_id {
        1 => "Product sale",
        2 => "Product consumption",
        3 => "Product receipt",
        _ => "Product write-off",
    }
}

/// Returns the id and name of a storage.
pub(super) fn storage(state: &State, id: StorageId) -> Object {
    let known = state.options.storages.iter().find(|storage| storage.id == id);
    let title = known.map_or("", |storage| storage.title.as_str());
    Object::default().with("id", id.0).with("title", title)
}

fn company(state: &State) -> Object {
    let phones: [&str; 0] = [];
    Object::default()
        .with("id", state.options.location_id.0)
        .with("title", BUSINESS)
        .with("timezone", "-5")
        .with("timezone_name", &state.options.time_zone)
        .with("address", "Example street 1")
        .with("phones", phones)
}
