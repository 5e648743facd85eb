//! Tokens, rights, the location itself, money rows and webhook settings.

use jiff::tz::Offset;

use super::answer::Object;
use super::answer::Refusal;
use super::answer::Success;
use super::call::Call;
use super::documents;
use super::state::State;
use crate::domain::ids::DocumentId;

/// The most addresses that webhooks may go to.
const HOOKS_MAX: usize = 10;
/// The flags of the webhook settings, each 0 or 1.
const HOOK_FLAGS: [&str; 15] = [
    "active",
    "salon",
    "service_category",
    "service",
    "good",
    "master",
    "client",
    "record",
    "goods_operations_sale",
    "goods_operations_receipt",
    "goods_operations_consumable",
    "goods_operations_stolen",
    "goods_operations_move",
    "finances_operation",
    "self_sending",
];

/// Handles `POST /auth`, which needs the partner token alone.
pub(super) fn authorize(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    let mut fields = call.fields()?;
    let login = fields.text("login")?;
    let password = fields.text("password")?;
    fields.end()?;
    if login != state.options.login || password != state.options.password {
        return Err(Refusal::unauthorized());
    }
    // 200 and no token: only the `uuid` shows that a factor is missing.
    if state.options.quirks.two_factor {
        return Ok(Success::ok(Object::default().with("uuid", "3f1c2a52-5a3f-4d0e-9d0a-1a2b3c4d5e6f")));
    }
    Ok(Success::created(
        Object::default()
            .with("id", documents::USER)
            .with("user_token", &state.options.user_token)
            .with("name", "Stock Station")
            .with("phone", "13155550175")
            .with("login", login)
            .with("email", "stock@example.com")
            .with("avatar", "")
            .with("is_approved", true)
            .with("is_email_confirmed", false),
    ))
}

/// Handles `GET /user/permissions/{location}`.
pub(super) fn permissions(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    call.query()?.end()?;
    let rights = &state.options.permissions;
    let days = rights.days_back.map_or(-1, i64::from);
    let ids: Vec<i64> = rights.storages.iter().map(|id| id.0).collect();
    let storages = Object::default()
        .with("storages_access", !ids.is_empty())
        .with("storages_ids", ids)
        .with("storages_limited_access", false)
        .with("storages_transactions_access", true)
        .with("storages_last_days_count", -1)
        .with("storages_move_goods_access", false)
        .with("storages_create_transactions_access", rights.create)
        .with("storages_create_last_days_count", days)
        .with("storages_create_transactions_buy_access", rights.create && rights.types.contains(&3))
        .with("storages_create_transactions_sale_access", rights.create && rights.types.contains(&1))
        .with("storages_edit_transactions_access", rights.edit)
        .with("storages_edit_last_days_count", -1)
        .with("storages_delete_transactions_access", rights.delete)
        .with("storages_transactions_types", &rights.types)
        .with("storages_inventory_access", false)
        .with("storages_goods_crud_access", rights.goods);
    Ok(Success::ok(Object::default().with("storages", storages)))
}

/// Handles `GET /companies?my=1`: the user's locations, of which there is one. Without `my` the service lists all.
pub(super) fn locations(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    let mut query = call.query()?;
    if query.number("my")? != Some(1) {
        return Err(Refusal::field("my", "The simulated service lists the user's own locations only."));
    }
    query.end()?;
    Ok(Success::ok([card(state, call).with("active", 1)]))
}

/// Handles `GET /staff/{location}`, which includes the members who have left.
pub(super) fn masters(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    call.query()?.end()?;
    let loose = state.options.quirks.loose_types;
    let rows = state.options.masters.iter().map(|master| {
        let row = Object::default().with("id", master.id.0).with("name", &master.name);
        let row = row.with("specialization", "").with("hidden", 0);
        // The service's flags come as numbers and as booleans; both were seen.
        if loose { row.with("fired", master.fired) } else { row.with("fired", u8::from(master.fired)) }
    });
    Ok(Success::ok(rows.collect::<Vec<_>>()))
}

/// Handles `GET /company/{location}`.
pub(super) fn location(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    call.query()?.end()?;
    Ok(Success::ok(card(state, call)))
}

fn card(state: &State, call: &Call) -> Object {
    let hours = whole_hours(state.zone.to_offset(call.now.wall));
    let object = Object::default().with("id", state.options.location_id.0).with("title", documents::BUSINESS);
    let object = if state.options.quirks.loose_types {
        object.with("timezone", hours.to_string())
    } else {
        object.with("timezone", hours)
    };
    object.with("timezone_name", &state.options.time_zone).with("currency_short_title", "$")
}

fn whole_hours(offset: Offset) -> i32 {
    offset.seconds() / 3600
}

/// Handles `GET /storage_operations/documents/finance_transactions/{document}`: none, because no call here moves money.
pub(super) fn document_money(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    call.query()?.end()?;
    state.document(DocumentId(call.id("document")))?;
    Ok(Success::ok([(); 0]).count(0))
}

/// Handles `GET /transactions/{location}`: none, but the query is checked.
pub(super) fn money(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    let mut query = call.query()?;
    query.page(25, &state.options.quirks)?;
    state.span(&mut query, "start_date", "end_date")?;
    for name in ["account_id", "supplier_id", "client_id", "user_id", "master_id", "type", "balance_is"] {
        query.number(name)?;
    }
    for name in ["real_money", "deleted", "document_id"] {
        query.number(name)?;
    }
    query.end()?;
    Ok(Success::ok([(); 0]))
}

/// Handles `GET /hooks_settings/{location}`.
pub(super) fn hooks(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    call.query()?.end()?;
    Ok(Success::ok(state.hooks.clone().unwrap_or_default()))
}

/// Handles `POST /hooks_settings/{location}`: settings are stored and shown again, but nothing is ever sent.
pub(super) fn set_hooks(state: &mut State, call: &mut Call) -> Result<Success, Refusal> {
    let mut fields = call.fields()?;
    let urls = fields.optional_texts("urls")?.unwrap_or_default();
    if urls.len() > HOOKS_MAX {
        return Err(fields.wrong("urls", "This collection should contain 10 elements or less."));
    }
    let mut settings = Object::default().with("urls", urls);
    for flag in HOOK_FLAGS {
        let value = fields.optional_integer(flag)?;
        if value.is_some_and(|value| !matches!(value, 0 | 1)) {
            return Err(fields.wrong(flag, "This value should be 0 or 1."));
        }
        settings = settings.with(flag, value.unwrap_or(0));
    }
    fields.end()?;
    state.hooks = Some(settings.clone());
    Ok(Success::created(settings))
}
