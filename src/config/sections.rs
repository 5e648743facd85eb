//! All sections except the scanners: their keys, defaults and bounds, and the keys that contradict each other.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::Api;
use crate::config::BackDate;
use crate::config::Config;
use crate::config::GoodsSync;
use crate::config::LabelCheck;
use crate::config::LinesKey;
use crate::config::SCANNERS_MAX;
use crate::config::STORAGES_MAX;
use crate::config::Station;
use crate::config::Storage;
use crate::config::fault::Problem;
use crate::config::feedback::feedback;
use crate::config::packs::pack;
use crate::config::reader::Table;
use crate::config::rules::variable_measure;
use crate::config::scanner::Taken;
use crate::config::scanner::scanner;
use crate::config::values;
use crate::config::values::whole;
use crate::config::web::web;
use crate::domain::code::pack::PACKS_MAX;
use crate::domain::code::pack::Packs;
use crate::domain::code::variable::PATTERNS_MAX;
use crate::domain::delivery::Strategy;
use crate::domain::ids::LocationId;
use crate::domain::ids::MasterId;
use crate::domain::ids::StorageId;
use crate::domain::stock::kit::KitScan;
use crate::domain::stock::mode::Mode;

const SECONDS_A_DAY: u64 = 86_400;

pub(super) const BACK_DATES: [(&str, BackDate); 2] =
    [("keep-date", BackDate::KeepDate), ("today", BackDate::Today)];
pub(super) const LABEL_CHECKS: [(&str, LabelCheck); 3] =
    [("off", LabelCheck::Off), ("warn", LabelCheck::Warn), ("refuse", LabelCheck::Refuse)];
pub(super) const STRATEGIES: [(&str, Strategy); 2] =
    [("operation", Strategy::OneCall), ("document", Strategy::LineByLine)];
pub(super) const LINES_KEYS: [(&str, LinesKey); 2] =
    [("goods_transactions", LinesKey::GoodsTransactions), ("transactions", LinesKey::Transactions)];

/// Reads the whole file.
pub(super) fn config(root: &mut Table<'_, '_>) -> Option<Config> {
    // All sections are read before the first `?`: one with a fault must not hide the faults of the others.
    let station = root.section("station", station).flatten();
    let api = root.section("api", api);
    let goods = root.section("goods", goods);
    let kits = root.section("kits", |table| table.or("scan", KitScan::None, values::kits));
    let web = root.section("web", web);
    let feedback = root.section("feedback", feedback);
    let mut ids = Vec::new();
    let named_storages = root.each("storage", STORAGES_MAX, |table, _index| storage(table, &mut ids));
    let mut taken = Taken::default();
    let scanners = root.each("scanner", SCANNERS_MAX, |table, index| scanner(table, index, &mut taken));
    let variable_measures =
        root.each("variable_measure", PATTERNS_MAX, |table, _index| variable_measure(table));
    let packs_file = root.optional("packs_file", values::path);
    let mut packs = Packs::default();
    root.each("pack", PACKS_MAX, |table, index| pack(table, index, &mut packs));
    Some(Config {
        station: station?,
        api: api?,
        goods: goods?,
        kits: kits?,
        web: web?,
        feedback: feedback?,
        named_storages,
        scanners,
        variable_measures,
        packs,
        packs_file,
    })
}

/// Reads one `[[storage]]`. `taken` holds the ids of the storages before it.
fn storage(table: &mut Table<'_, '_>, taken: &mut Vec<StorageId>) -> Option<Storage> {
    let id = table.required("id", "id = NUMBER under this [[storage]]", values::id(StorageId));
    let name = table.optional("name", values::title);
    let id = id?;
    if taken.contains(&id) {
        table.blame(
            "id",
            Problem::Unfit {
                what: "is used by another [[storage]]",
                cure: "remove one of the two [[storage]]",
            },
        );
    }
    taken.push(id);
    Some(Storage { id, name })
}

fn station(table: &mut Table<'_, '_>) -> Option<Station> {
    let name = table.required("name", "name = \"dock-1\" under [station]", values::name);
    let location_id =
        table.required("location_id", "location_id = NUMBER under [station]", values::id(LocationId));
    let storage_id =
        table.required("storage_id", "storage_id = NUMBER under [station]", values::id(StorageId));
    let mode = table.or("mode", Mode::Receipt, values::mode);
    let data_dir = table.or("data_dir", PathBuf::from("/var/lib/stockpoint"), values::path);
    let idle_default = Some(Duration::from_mins(10));
    let idle = values::seconds_or_off(2..=7 * SECONDS_A_DAY);
    let document_idle_close = table.or("document_idle_close_s", idle_default, idle);
    let document_lines_max = table.or("document_lines_max", 200, whole(1..=500));
    let repeat_guard = table.or("repeat_guard_ms", Duration::from_millis(300), values::millis(0..=5000));
    let qty_default = Some(Duration::from_secs(30));
    let qty_expires = table.or("qty_expires_s", qty_default, values::seconds_or_off(5..=600));
    let reverts_default = Some(Duration::from_hours(1));
    let reverts = values::seconds_or_off(10..=SECONDS_A_DAY);
    let mode_reverts_after = table.or("mode_reverts_after_s", reverts_default, reverts);
    let master_id = table.optional("master_id", values::id(MasterId));
    let time_zone = table.optional("time_zone", values::time_zone);
    let gs1_counts = table.or("gs1_counts", false, values::flag);
    let trust_clock = table.or("trust_clock", false, values::flag);
    let history_days: u64 = table.or("history_days", 400, whole(7..=36_500));
    let alarm_default = Some(Duration::from_secs(SECONDS_A_DAY));
    let alarm_after =
        table.or("alarm_after_s", alarm_default, values::seconds_or_off(600..=30 * SECONDS_A_DAY));
    let back_date = table.or("back_date", BackDate::KeepDate, values::word(&BACK_DATES));
    let expired = table.or("expired", LabelCheck::Warn, values::word(&LABEL_CHECKS));
    let serials = table.or("serials", LabelCheck::Warn, values::word(&LABEL_CHECKS));
    let sheet_secret_file = table.optional("sheet_secret_file", values::token_path);
    // As in `config`: the `?` come after every key was read.
    Some(Station {
        name: name?,
        location_id: location_id?,
        storage_id: storage_id?,
        mode,
        data_dir,
        document_idle_close,
        document_lines_max,
        repeat_guard,
        qty_expires,
        mode_reverts_after,
        master_id,
        time_zone,
        gs1_counts,
        trust_clock,
        history: Duration::from_secs(history_days.saturating_mul(SECONDS_A_DAY)),
        alarm_after,
        back_date,
        expired,
        serials,
        sheet_secret_file,
    })
}

fn api(table: &mut Table<'_, '_>) -> Api {
    let base_url = table.or("base_url", "https://api.alteg.io/api/v1".to_owned(), values::base_url);
    let partner_token_file = PathBuf::from("/etc/stockpoint/partner-token");
    let partner_token_file = table.or("partner_token_file", partner_token_file, values::token_path);
    let user_token_file = PathBuf::from("/etc/stockpoint/user-token");
    let user_token_file = table.or("user_token_file", user_token_file, values::token_path);
    let ca_file = table.optional("ca_file", values::path);
    let proxy = table.optional("proxy", values::proxy);
    // The bounds are above the public limits: the service may have granted a partner more.
    let per_minute = table.optional("requests_per_minute_max", whole(1..=60_000));
    let per_second = table.optional("requests_per_second_max", whole(1..=1000));
    let (requests_per_second_max, requests_per_minute_max) = ordered(
        table,
        Bound { key: "requests_per_second_max", given: per_second, default: 4 },
        Bound { key: "requests_per_minute_max", given: per_minute, default: 180 },
    );
    let request_timeout =
        table.or("request_timeout_ms", Duration::from_secs(15), values::millis(1000..=120_000));
    let reconcile = table.optional("reconcile_after_ms", whole(2000..=3_600_000));
    let late_check = table.optional("late_check_after_ms", whole(5000..=1000 * SECONDS_A_DAY));
    let (reconcile_ms, late_check_ms) = ordered(
        table,
        Bound { key: "reconcile_after_ms", given: reconcile, default: 20_000_u64 },
        Bound { key: "late_check_after_ms", given: late_check, default: 120_000 },
    );
    let strategy = table.or("strategy", Strategy::OneCall, values::word(&STRATEGIES));
    let lines_key = table.or("lines_key", LinesKey::GoodsTransactions, values::word(&LINES_KEYS));
    let write_off_document_type = table.or("write_off_document_type", 4, values::one_of(&[4, 7]));
    Api {
        ca_file,
        proxy,
        base_url,
        partner_token_file,
        user_token_file,
        requests_per_minute_max,
        requests_per_second_max,
        request_timeout,
        reconcile_after: Duration::from_millis(reconcile_ms),
        late_check_after: Duration::from_millis(late_check_ms),
        strategy,
        lines_key,
        write_off_document_type,
    }
}

fn goods(table: &mut Table<'_, '_>) -> GoodsSync {
    let sync = table.optional("sync_every_s", whole(5..=7 * SECONDS_A_DAY));
    let full_sync = table.optional("full_sync_every_s", whole(5..=30 * SECONDS_A_DAY));
    let (sync_s, full_sync_s) = ordered(
        table,
        Bound { key: "sync_every_s", given: sync, default: 300_u64 },
        Bound { key: "full_sync_every_s", given: full_sync, default: SECONDS_A_DAY },
    );
    GoodsSync { sync_every: Duration::from_secs(sync_s), full_sync_every: Duration::from_secs(full_sync_s) }
}

/// One of two numbers of which the first may not exceed the second.
#[derive(Clone, Copy)]
struct Bound<T> {
    key: &'static str,
    given: Option<T>,
    default: T,
}

/// Returns both numbers, the first not above the second.
///
/// Two written numbers in the wrong order are a fault. A default never contradicts a written number but follows it.
fn ordered<T: Copy + Ord + Into<u64>>(table: &mut Table<'_, '_>, low: Bound<T>, high: Bound<T>) -> (T, T) {
    if let (Some(low_given), Some(high_given)) = (low.given, high.given)
        && low_given > high_given
    {
        let (value, limit) = (low_given.into(), high_given.into());
        table.blame(low.key, Problem::Exceeds { value, other: high.key, limit });
    }
    // A default gives way: with a maximum of 2 a minute, the default of 4 a second becomes 2.
    let low_in_force = low.given.unwrap_or(low.default.min(high.given.unwrap_or(high.default)));
    (low_in_force, high.given.unwrap_or(high.default.max(low_in_force)))
}
