//! The operation call: a document and its lines in one request.

use super::answer::Object;
use super::answer::Refusal;
use super::answer::Success;
use super::call::Call;
use super::call::Fields;
use super::call::Now;
use super::documents;
use super::documents::Header;
use super::lines;
use super::lines::LineDraft;
use super::options::LinesKey;
use super::options::Right;
use super::state::State;
use crate::domain::ids::DocumentId;
use crate::domain::ids::GoodId;

/// The document types that this call simulates. 5 (transfer) has no documented member for its destination.
const TYPES: [i64; 4] = [1, 2, 3, 4];
/// The most lines of an operation, as the service's own pages allow.
const LINES_MAX: usize = 500;

/// Handles `POST /storage_operations/operation/{location}`.
///
/// A bad line refuses the whole operation. By a quirk, the document and the lines before the bad one are created.
pub(super) fn create(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    state.options.permissions.require(Right::Create)?;
    let mut fields = call.fields()?;
    let header = documents::header(state, &mut fields, &TYPES, call.now)?;
    let master = fields.optional_integer("master_id")?.unwrap_or(0);
    let lines = lines_of(state.options.quirks.lines_in, &mut fields)?;
    fields.end()?;
    let (drafts, failure) = drafts(state, lines, &header, master);
    if let Some(refusal) = failure {
        // Whether the service keeps what came before the bad line is not documented.
        if state.options.quirks.partial_operation {
            book(state, header, drafts, call)?;
        }
        return Err(refusal);
    }
    let document = book(state, header, drafts, call)?;
    answer(state, document)
}

/// Takes the array of lines under the name that the options allow.
fn lines_of(key: LinesKey, fields: &mut Fields) -> Result<Vec<Fields>, Refusal> {
    let name = match key {
        LinesKey::Transactions => "transactions",
        LinesKey::Both if fields.has("transactions") => "transactions",
        LinesKey::GoodsTransactions | LinesKey::Both => "goods_transactions",
    };
    let lines = fields.objects(name)?;
    if (1..=LINES_MAX).contains(&lines.len()) {
        Ok(lines)
    } else {
        Err(fields.wrong(name, "This collection should contain 1 to 500 elements."))
    }
}

/// Returns the good lines up to the first bad one, and the refusal of that one.
fn drafts(
    state: &State,
    lines: Vec<Fields>,
    header: &Header,
    master: i64,
) -> (Vec<LineDraft>, Option<Refusal>) {
    let mut drafts = Vec::with_capacity(lines.len());
    for mut fields in lines {
        // The body of a line is that of the line call, where it names its document.
        let own = fields.optional_integer("document_id").and_then(|document| match document {
            None | Some(0) => Ok(()),
            Some(_) => Err(fields.wrong("document_id", "This call makes the document itself.")),
        });
        match own.and_then(|()| lines::draft(state, fields, header.type_id, master)) {
            Ok(draft) => drafts.push(draft),
            Err(refusal) => return (drafts, Some(refusal)),
        }
    }
    (drafts, None)
}

fn book(
    state: &mut State,
    header: Header,
    drafts: Vec<LineDraft>,
    call: &Call,
) -> Result<DocumentId, Refusal> {
    let document = documents::add(state, header, call.now)?;
    // A fault may cut the operation short, as a crash of the service would.
    for draft in drafts.into_iter().take(call.lines_max.unwrap_or(LINES_MAX)) {
        lines::add(state, document, draft, call.now)?;
    }
    Ok(document)
}

/// Books another program's receipt in the first storage. A full sandbox books nothing.
pub(super) fn book_of_another(state: &mut State, good: GoodId, lines: usize, now: Now) {
    let Some(storage) = state.options.storages.first().map(|storage| storage.id) else { return };
    let Ok(document) = documents::add(state, Header::of_another(storage, now), now) else { return };
    for _ in 0..lines {
        if lines::add(state, document, LineDraft::piece(good), now).is_err() {
            return;
        }
    }
}

fn answer(state: &State, id: DocumentId) -> Result<Success, Refusal> {
    let document = state.document(id)?;
    let lines = lines::live(state, id);
    let lines: Vec<_> = lines.iter().map(|line| lines::brief(state, document, line)).collect();
    let data = Object::default().with("document", documents::object(state, document));
    Ok(Success::ok(match state.options.quirks.lines_out {
        LinesKey::GoodsTransactions => data.with("goods_transactions", lines),
        LinesKey::Transactions => data.with("transactions", lines),
        LinesKey::Both => data.with("goods_transactions", &lines).with("transactions", &lines),
    }))
}
