//! Both ways of posting, against each of the service's ways that matters to them: everything is delivered exactly
//! once, or waits for a person where the account really refuses it.

use std::collections::BTreeMap;
use std::time::Duration;

use rust_decimal::Decimal;
use stockpoint::config;
use stockpoint::config::Config;
use stockpoint::domain::code::control::Control;
use stockpoint::domain::delivery::State;
use stockpoint::domain::delivery::Strategy;
use stockpoint::domain::ids::{GoodId, MasterId};
use stockpoint::domain::stock::mode::{Kind, Mode};
use stockpoint::domain::time::UnixMillis;
use stockpoint::sandbox::{DeletedRows, Fault, LinesKey, Options, Order, Quirks, Selector};
use stockpoint::store::{Db, OpenOptions, OperationFilter};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::api::openapi::assert_requests_follow_contract;
use crate::support::station::{LOOK_EVERY, PATIENCE, Place, Station};

const SHAMPOO: &str = "4006381333931";
const COMB: &str = "9521234000013";
const BRUSH: &str = "036000291452";
const SHAMPOO_ID: GoodId = GoodId(123_456);
const COMB_ID: GoodId = GoodId(123_457);
const BRUSH_ID: GoodId = GoodId(123_475);

/// Longer than a lost request is waited for, shorter than it is looked for late.
const LATE: Fault = Fault::Late { ms: 1500 };

/// One of the service's ways, and how a station is configured for it.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    quirks: fn(&mut Quirks),
    config: fn(&mut Config),
    /// Whether the service no longer has the brush.
    lacks_brush: bool,
    /// What the account really refuses: of which document which good.
    refuses: fn(Strategy, Document, GoodId) -> bool,
}

/// The documents of the day, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Document {
    Receipt,
    WriteOff,
    SecondReceipt,
}

const fn case(name: &'static str, quirks: fn(&mut Quirks)) -> Case {
    Case { name, quirks, config: |_| {}, lacks_brush: false, refuses: |_, _, _| false }
}

/// A good that the service no longer has: its line is refused, and no other.
const fn lacking(name: &'static str, quirks: fn(&mut Quirks)) -> Case {
    Case { lacks_brush: true, refuses: |_, _, good| good.0 == BRUSH_ID.0, ..case(name, quirks) }
}

fn cases() -> Vec<Case> {
    vec![
        case("the documented way", |_| {}),
        Case {
            config: |config| config.api.lines_key = config::LinesKey::Transactions,
            ..case("lines under the other name", |quirks| quirks.lines_in = LinesKey::Transactions)
        },
        case("lines under a name that is not configured", |quirks| quirks.lines_in = LinesKey::Transactions),
        Case {
            config: |config| config.api.write_off_document_type = 7,
            ..case("write-offs are 7", |quirks| quirks.write_off_document_type = 7)
        },
        Case {
            refuses: |strategy, document, _| {
                strategy == Strategy::LineByLine && document == Document::WriteOff
            },
            ..case("write-offs are 7 and not configured", |quirks| quirks.write_off_document_type = 7)
        },
        Case {
            config: |config| config.station.master_id = Some(MasterId(5512)),
            ..case("a staff member is demanded", |quirks| quirks.master_required = true)
        },
        Case {
            refuses: |_, _, _| true,
            ..case("a staff member is demanded and not configured", |quirks| quirks.master_required = true)
        },
        lacking("a refused call leaves a part", |quirks| quirks.partial_operation = true),
        case("rows are listed late", |quirks| quirks.visible_after_ms = 60),
        case("no amounts and no comments are listed", |quirks| {
            (quirks.movement_amount, quirks.movement_comment) = (false, false);
        }),
        case("two rows a page, newest first", |quirks| {
            (quirks.page_rows_max, quirks.movement_order) = (Some(2), Order::NewestFirst);
        }),
        lacking("an unknown good is not found", |quirks| quirks.unknown_id_status = 404),
        lacking("an unknown good is wrong", |quirks| quirks.unknown_id_status = 400),
        lacking("an unknown good is invalid", |quirks| quirks.unknown_id_status = 422),
        Case {
            // Which line of a call is forbidden, the service does not say.
            refuses: |strategy, document, good| {
                strategy == Strategy::OneCall && document == Document::Receipt || good == BRUSH_ID
            },
            ..lacking("an unknown good is forbidden", |quirks| quirks.unknown_id_status = 403)
        },
        case("lines outlive their document", |quirks| quirks.cascade_delete = false),
        case("deleted lines are not listed", |quirks| quirks.deleted_lines = false),
        case("deleted rows are listed, unmarked and without comment", |quirks| {
            (quirks.movement_deleted, quirks.movement_comment) = (DeletedRows::Unmarked, false);
        }),
        case("deleted rows are listed as such", |quirks| quirks.movement_deleted = DeletedRows::Flagged),
    ]
}

/// What goes wrong with the writes, one after the other.
fn faults(strategy: Strategy) -> Vec<Fault> {
    let partial = Fault::PartialApply { lines: 1 };
    match strategy {
        Strategy::OneCall => {
            vec![Fault::ActThenDrop, LATE, partial, Fault::Pass, Fault::DropBefore, Fault::ActThenDrop]
        }
        // The document is lost once, then each line in another way.
        Strategy::LineByLine | Strategy::AfterRefusal => {
            vec![Fault::ActThenDrop, Fault::Pass, Fault::ActThenDrop, LATE, Fault::Pass, Fault::DropBefore]
        }
    }
}

/// What is scanned in the day.
const DAY: [(Document, GoodId, i64); 7] = [
    (Document::Receipt, SHAMPOO_ID, 1),
    (Document::Receipt, COMB_ID, 12),
    (Document::Receipt, BRUSH_ID, 1),
    (Document::WriteOff, COMB_ID, 1),
    (Document::WriteOff, SHAMPOO_ID, 1),
    (Document::SecondReceipt, SHAMPOO_ID, 1),
    (Document::SecondReceipt, COMB_ID, 1),
];

/// What must stand in the end, and how much must wait for a person.
fn expected(case: &Case, strategy: Strategy) -> (BTreeMap<(Kind, GoodId), Decimal>, Decimal) {
    let (mut stands, mut waits) = (BTreeMap::new(), Decimal::ZERO);
    for (document, good, units) in DAY {
        if (case.refuses)(strategy, document, good) {
            waits += Decimal::from(units);
        } else {
            let kind = if document == Document::WriteOff { Kind::WriteOff } else { Kind::Receipt };
            *stands.entry((kind, good)).or_insert(Decimal::ZERO) += Decimal::from(units);
        }
    }
    (stands, waits)
}

/// A receipt of three goods, a write-off of two, and a receipt of two.
async fn scan_the_day(station: &mut Station) {
    let (receipt, write_off) = (Control::Mode(Mode::Receipt).code(), Control::Mode(Mode::WriteOff).code());
    let twelve = Control::Quantity(12).code();
    let day = [SHAMPOO, &twelve, COMB, BRUSH, &write_off, COMB, SHAMPOO, &receipt, SHAMPOO];
    for code in day {
        station.scan(code).await.unwrap();
    }
    station.scan(COMB).await.unwrap();
    station.scan(&Control::Close.code()).await.unwrap();
}

async fn play(case: Case, strategy: Strategy, is_stormy: bool) {
    let name = format!("{}, {strategy:?}, stormy: {is_stormy}", case.name);
    let mut options = Options::sample();
    (case.quirks)(&mut options.quirks);
    let place = Place::new(options).await;
    let mut config = place.config();
    config.api.strategy = strategy;
    config.api.late_check_after = Duration::from_secs(1);
    (case.config)(&mut config);
    // The other name is the one of the contract's example.
    let is_by_contract = config.api.lines_key == config::LinesKey::GoodsTransactions;
    let mut station = Station::start(config, None).unwrap();
    station.until_goods_are_read().await;
    if case.lacks_brush {
        place.sandbox.remove_good(BRUSH_ID);
    }
    if is_stormy {
        for fault in faults(strategy) {
            place.sandbox.fault(Selector::path("POST", "/"), fault);
        }
        for fault in [Fault::ActThenDrop, Fault::Pass, Fault::ActThenDrop] {
            place.sandbox.fault(Selector::path("DELETE", "/"), fault);
        }
    }
    scan_the_day(&mut station).await;
    station.until_delivered().await;
    let end = Instant::now() + PATIENCE;
    while place.sandbox.late_acts() > 0 {
        assert!(Instant::now() < end, "{name}: a late request is never carried out");
        sleep(LOOK_EVERY).await;
    }
    let figures = station.until_delivered().await;
    assert!(figures.balance() && !figures.is_undelivered(), "{name}: {figures:?}");
    let (stands, waits) = expected(&case, strategy);
    assert_eq!(place.on_service(), stands, "{name}");
    place.assert_nothing_is_doubled();
    let units = |state: State| figures.of(state).units.to_decimal();
    assert_eq!(units(State::Posted), stands.values().sum::<Decimal>(), "{name}");
    assert_eq!(units(State::Refused), waits, "{name}");
    if is_by_contract {
        assert_requests_follow_contract(&place.sandbox);
    }
}

async fn play_all(is_stormy: bool) {
    let mut all = JoinSet::new();
    for case in cases() {
        for strategy in [Strategy::OneCall, Strategy::LineByLine] {
            all.spawn(play(case, strategy, is_stormy));
        }
    }
    while let Some(played) = all.join_next().await {
        played.unwrap();
    }
}

#[tokio::test]
async fn whatever_its_ways_the_service_has_everything_once() {
    play_all(false).await;
}

#[tokio::test]
async fn whatever_its_ways_the_service_has_everything_once_when_requests_are_lost_and_late() {
    play_all(true).await;
}

/// The paths of the writes so far.
fn writes(place: &Place) -> Vec<String> {
    let requests = place.sandbox.requests().into_iter().filter(|request| request.method == "POST");
    let call = |path: String| path.split('/').nth(2).unwrap_or_default().to_owned();
    requests.map(|request| call(request.path)).collect()
}

async fn post_a_comb(place: &Place, station: &mut Station) -> Vec<String> {
    place.sandbox.forget_requests();
    station.scan(COMB).await.unwrap();
    station.scan(&Control::Close.code()).await.unwrap();
    let figures = station.until_delivered().await;
    assert_eq!(figures.of(State::Refused).operations, 0);
    writes(place)
}

#[tokio::test]
async fn the_configured_way_is_taken() {
    let place = Place::new(Options::sample()).await;
    let mut station = place.start();
    station.until_goods_are_read().await;
    assert_eq!(post_a_comb(&place, &mut station).await, ["operation"]);
    station.stop().await.unwrap();
    let mut config = place.config();
    config.api.strategy = Strategy::LineByLine;
    let mut station = Station::start(config, None).unwrap();
    assert_eq!(post_a_comb(&place, &mut station).await, ["documents", "goods_transactions"]);
}

#[tokio::test]
async fn an_account_that_evidently_refuses_the_one_call_is_not_asked_again_even_after_a_restart() {
    let mut options = Options::sample();
    options.quirks.lines_in = LinesKey::Transactions;
    let place = Place::new(options).await;
    let mut station = place.start();
    station.until_goods_are_read().await;
    let by_line = ["documents", "goods_transactions"];
    // One may have met a time in which the service refused everything.
    for _ in 0..2 {
        assert_eq!(post_a_comb(&place, &mut station).await, ["operation", "documents", "goods_transactions"]);
    }
    assert_eq!(post_a_comb(&place, &mut station).await, by_line);
    station.stop().await.unwrap();
    let mut station = place.start();
    assert_eq!(post_a_comb(&place, &mut station).await, by_line);
    station.stop().await.unwrap();
    let db = Db::open_beside(place.dir.path(), "dock-1").unwrap().unwrap();
    let told = |id| db.events(id).unwrap().iter().any(|event| event.what.contains("evidently refuses"));
    let mut ids: Vec<_> =
        db.operations(OperationFilter::All, 9).unwrap().iter().map(|operation| operation.id).collect();
    ids.sort_unstable();
    assert_eq!(ids.into_iter().map(told).collect::<Vec<_>>(), [false, true, false, false]);
    drop(db);
    // Configured otherwise, the one call is tried anew.
    let mut config = place.config();
    config.api.lines_key = config::LinesKey::Transactions;
    let mut station = Station::start(config, None).unwrap();
    assert_eq!(post_a_comb(&place, &mut station).await, ["operation"]);
}

#[tokio::test]
async fn a_day_later_the_one_call_is_tried_anew() {
    let mut options = Options::sample();
    options.quirks.lines_in = LinesKey::Transactions;
    let place = Place::new(options).await;
    let mut station = place.start();
    station.until_goods_are_read().await;
    for _ in 0..2 {
        post_a_comb(&place, &mut station).await;
    }
    station.stop().await.unwrap();
    let options = OpenOptions {
        dir: place.dir.path(),
        station: "dock-1",
        boot_id: "x",
        now: UnixMillis(1_790_000_000_000),
        commit_hook: None,
    };
    let mut db = Db::open(options).unwrap();
    let fact = db.fact("one_call_refused").unwrap().unwrap();
    let (at, shape) = fact.split_once(' ').unwrap();
    let day_before = at.parse::<i64>().unwrap() - 24 * 60 * 60 * 1000;
    db.remember("one_call_refused", &format!("{day_before} {shape}")).unwrap();
    drop(db);
    place.sandbox.configure(|options| options.quirks.lines_in = LinesKey::GoodsTransactions);
    let mut station = place.start();
    assert_eq!(post_a_comb(&place, &mut station).await, ["operation"]);
}

#[tokio::test]
async fn a_line_at_fault_does_not_speak_against_the_one_call() {
    let place = Place::new(Options::sample()).await;
    let mut station = place.start();
    station.until_goods_are_read().await;
    place.sandbox.remove_good(GoodId(123_456));
    for code in [SHAMPOO, COMB] {
        station.scan(code).await.unwrap();
    }
    station.scan(&Control::Close.code()).await.unwrap();
    let figures = station.until_delivered().await;
    assert_eq!(figures.of(State::Refused).operations, 1);
    place.sandbox.forget_requests();
    station.scan(COMB).await.unwrap();
    station.scan(&Control::Close.code()).await.unwrap();
    station.until_delivered().await;
    assert_eq!(writes(&place), ["operation"]);
}

#[tokio::test]
async fn a_document_that_may_not_be_read_is_known_by_its_lines() {
    let mut options = Options::sample();
    options.quirks.movement_comment = false;
    let place = Place::new(options).await;
    let mut station = place.start();
    station.until_goods_are_read().await;
    let forbidden = Selector::path("GET", "/storage_operations/documents/4564");
    place.sandbox.outage(Some((forbidden, Fault::Forbidden)));
    place.sandbox.fault(Selector::path("POST", "/"), Fault::ActThenDrop);
    station.scan(COMB).await.unwrap();
    station.scan(&Control::Close.code()).await.unwrap();
    let figures = station.until_delivered().await;
    assert_eq!(figures.of(State::Posted).operations, 1);
    assert_eq!(place.sandbox.books().live_lines().len(), 1);
}
