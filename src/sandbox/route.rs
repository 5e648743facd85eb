//! The choice of a request's handler, and the checks that every request must pass.
//!
//! This is a table and not a web framework's router: a fault must be able to carry out a request at a chosen moment and
//! to end it in its own way, so each handler is a plain function.

use super::account;
use super::answer::Answer;
use super::answer::Refusal;
use super::answer::Success;
use super::call::Call;
use super::cards;
use super::categories;
use super::documents;
use super::goods;
use super::lines;
use super::movements;
use super::operation;
use super::state::State;

/// The only values of `Accept` that the service takes: its own and its sister service's.
const ACCEPTED: [&str; 2] = ["application/vnd.api.v2+json", "application/vnd.yclients.v2+json"];

type Handler = fn(&mut State, &mut Call) -> Result<Success, Refusal>;

/// The routes: method, path, handler. A part in braces is a whole number; the first matching row counts.
#[rustfmt::skip]
const ROUTES: &[(&str, &str, Handler)] = &[
    ("POST", "/auth", account::authorize),
    ("GET", "/user/permissions/{location}", account::permissions),
    ("GET", "/companies", account::locations),
    ("GET", "/company/{location}", account::location),
    ("GET", "/staff/{location}", account::masters),
    ("GET", "/transactions/{location}", account::money),
    ("GET", "/hooks_settings/{location}", account::hooks),
    ("POST", "/hooks_settings/{location}", account::set_hooks),
    ("GET", "/goods/{location}", goods::list),
    ("POST", "/goods/{location}", goods::create),
    ("GET", "/goods/search/{location}", goods::search),
    ("GET", "/goods/category_node/{location}/{category}", categories::read_node),
    ("GET", "/goods/{location}/{good}", goods::read),
    ("PUT", "/goods/{location}/{good}", goods::replace),
    ("DELETE", "/goods/{location}/{good}", goods::delete),
    ("GET", "/company/{location}/goods_categories/{category}", categories::children),
    ("GET", "/goods_categories/multiple/{location}", categories::several),
    ("POST", "/goods_categories/{location}", categories::create),
    ("GET", "/goods_categories/{location}/{category}", categories::read),
    ("PUT", "/goods_categories/{location}/{category}", categories::replace),
    ("DELETE", "/goods_categories/{location}/{category}", categories::delete),
    ("GET", "/storages/{location}", movements::storages),
    ("GET", "/storages/transactions/{location}", movements::list),
    ("POST", "/storage_operations/operation/{location}", operation::create),
    ("POST", "/storage_operations/documents/{location}", documents::create),
    ("GET", "/storage_operations/documents/goods_transactions/{document}", lines::of_document),
    ("GET", "/storage_operations/documents/finance_transactions/{document}", account::document_money),
    ("GET", "/storage_operations/documents/{location}/{document}", documents::read),
    ("PUT", "/storage_operations/documents/{location}/{document}", documents::replace),
    ("DELETE", "/storage_operations/documents/{location}/{document}", documents::delete),
    ("POST", "/storage_operations/goods_transactions/{location}", lines::create),
    ("GET", "/storage_operations/goods_transactions/{location}/{line}", lines::read),
    ("PUT", "/storage_operations/goods_transactions/{location}/{line}", lines::replace),
    ("DELETE", "/storage_operations/goods_transactions/{location}/{line}", lines::delete),
    ("GET", "/technological_cards/{location}", cards::list),
    ("GET", "/technological_cards/default_for_staff_and_service/{location}/{master}/{service}", cards::of_service),
    ("GET", "/technological_cards/record_consumables/{location}/{record}", cards::of_record),
    ("PUT", "/technological_cards/record_consumables/consumables/{location}/{record}/{service}", cards::set),
    ("DELETE", "/technological_cards/record_consumables/technological_cards/{location}/{record}/{service}", cards::detach),
];

/// Carries out a request.
pub(super) fn act(state: &mut State, call: &mut Call) -> Answer {
    match admit(state, call).and_then(|handler| handler(state, call)) {
        Ok(success) => success.answer(&state.options.quirks),
        Err(refusal) => refusal.answer(&state.options.quirks),
    }
}

/// Checks headers, tokens, path, body and location of a request, and returns its handler.
fn admit(state: &State, call: &mut Call) -> Result<Handler, Refusal> {
    if !ACCEPTED.contains(&call.accept.as_str()) {
        return Err(Refusal::new(400, format!("The Accept header must be {}", ACCEPTED.join(" or "))));
    }
    if call.authorization != credentials(state, &call.path) {
        return Err(Refusal::unauthorized());
    }
    let handler = find(call)?;
    // Stricter than the service may be: a client that sends one has a bug.
    if matches!(call.method.as_str(), "GET" | "DELETE") && !call.body.is_empty() {
        return Err(Refusal::new(400, "This request takes no body"));
    }
    let location = call.ids.iter().find(|(name, _)| *name == "location");
    if location.is_some_and(|(_, id)| *id != state.options.location_id.0) {
        return Err(Refusal::forbidden());
    }
    Ok(handler)
}

fn credentials(state: &State, path: &str) -> String {
    let partner = format!("Bearer {}", state.options.partner_token);
    // A person who logs in has no user token yet.
    if path == "/auth" { partner } else { format!("{partner}, User {}", state.options.user_token) }
}

fn find(call: &mut Call) -> Result<Handler, Refusal> {
    let fits = |&(method, pattern, handler): &(&str, &'static str, Handler)| {
        let ids = numbers(pattern, &call.path).filter(|_| method == call.method.as_str())?;
        Some((ids, handler))
    };
    let found = ROUTES.iter().find_map(fits);
    let (ids, handler) =
        found.ok_or_else(|| Refusal::new(404, format!("No such call: {} {}", call.method, call.path)))?;
    call.ids = ids;
    Ok(handler)
}

/// Returns the numbers in a path that matches a pattern.
fn numbers(pattern: &'static str, path: &str) -> Option<Vec<(&'static str, i64)>> {
    let mut ids = Vec::new();
    let mut parts = path.split('/');
    for expected in pattern.split('/') {
        let part = parts.next()?;
        match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => ids.push((name, part.parse().ok()?)),
            None if part == expected => {}
            None => return None,
        }
    }
    parts.next().is_none().then_some(ids)
}
