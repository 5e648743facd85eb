//! Undoing what was posted, by the opposite movement or by deleting it: once, whatever happens meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rust_decimal::Decimal;
use stockpoint::domain::code::control::Control;
use stockpoint::domain::delivery::State;
use stockpoint::domain::ids::{GoodId, OperationId};
use stockpoint::domain::stock::mode::Kind;
use stockpoint::domain::stock::operation::Line;
use stockpoint::domain::stock::quantity::{Money, Quantity};
use stockpoint::domain::time::UnixMillis;
use stockpoint::feedback::What;
use stockpoint::sandbox::{Fault, Options, Selector};
use stockpoint::store::{CommitHook, Figures, OperationFilter, Revoked, Undo};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::api::contract_api::{client, permit, to_post};
use crate::api::openapi::assert_requests_follow_contract;
use crate::support::program::Shed;
use crate::support::station::{LOOK_EVERY, PATIENCE, Place, Station};

const SHAMPOO: &str = "4006381333931";
const COMB: &str = "9521234000013";
const ID: OperationId = OperationId(1);
const NOW: UnixMillis = UnixMillis(1_790_000_000_000);
/// More commits than an undoing has, the start of the agent included.
const POINTS: u32 = 24;
const WAYS: [Undo; 2] = [Undo::Opposite, Undo::Delete];

/// A station that has posted one document: two shampoos and a comb.
async fn posted() -> (Place, Station) {
    let place = Place::new(Options::sample()).await;
    let mut station = place.start();
    station.until_goods_are_read().await;
    for code in [SHAMPOO, SHAMPOO, COMB] {
        station.scan(code).await.unwrap();
    }
    station.scan(&Control::Close.code()).await.unwrap();
    station.until_delivered().await;
    (place, station)
}

async fn revoke(station: &Station, undo: Undo) -> Revoked {
    let revoked = station.handle.store().run(move |db| db.revoke(ID, undo, NOW)).await;
    revoked.unwrap().unwrap()
}

async fn trail(station: &Station, id: i64) -> String {
    let events = station.handle.store().run(move |db| db.events(OperationId(id))).await.unwrap().unwrap();
    events.into_iter().map(|event| event.what).collect::<Vec<_>>().join("; ")
}

/// What must hold when all is over.
fn assert_undone(place: &Place, figures: &Figures, undo: Undo, what: &str) {
    let [shampoo, comb] = [GoodId(123_456), GoodId(123_457)];
    let held = |kind| [((kind, shampoo), Decimal::TWO), ((kind, comb), Decimal::ONE)];
    let expected: Vec<_> = match undo {
        Undo::Opposite => [held(Kind::Receipt), held(Kind::WriteOff)].concat(),
        Undo::Delete => Vec::new(),
    };
    assert_eq!(place.on_service().into_iter().collect::<Vec<_>>(), expected, "{what}");
    place.assert_nothing_is_doubled();
    let units = |state| figures.of(state).units.to_decimal();
    let (booked, posted, cancelled) = match undo {
        Undo::Opposite => (6, 6, 0),
        Undo::Delete => (3, 0, 3),
    };
    assert_eq!(figures.units_booked.to_decimal(), Decimal::from(booked), "{what}");
    assert_eq!(units(State::Posted), Decimal::from(posted), "{what}");
    assert_eq!(units(State::Cancelled), Decimal::from(cancelled), "{what}");
    assert!(figures.balance(), "{what}: {figures:?}");
    assert_eq!(figures.scans.booked, 3, "{what}: no scan was made");
}

#[tokio::test]
async fn the_opposite_movement_is_booked_and_both_trails_say_so() {
    let (place, station) = posted().await;
    let document = place.sandbox.books().live_documents()[0].id;
    assert_eq!(revoke(&station, Undo::Opposite).await, Revoked::By(OperationId(2)));
    let figures = station.until_delivered().await;
    assert_undone(&place, &figures, Undo::Opposite, "calm");
    let books = place.sandbox.books();
    let undoing = books.live_documents().into_iter().find(|held| held.id != document).unwrap();
    assert_eq!(undoing.type_id, 4);
    assert!(undoing.comment.ends_with(&format!(" undoes document {document}")), "{}", undoing.comment);
    assert!(trail(&station, 1).await.contains("undone by document 2"));
    assert!(trail(&station, 2).await.contains("undoes document 1"));
    assert_requests_follow_contract(&place.sandbox);
}

#[tokio::test]
async fn what_is_deleted_is_read_back_before_its_document_goes_and_counts_as_cancelled() {
    let (place, station) = posted().await;
    place.sandbox.forget_requests();
    assert_eq!(revoke(&station, Undo::Delete).await, Revoked::Deleting);
    let figures = station.until_delivered().await;
    assert_undone(&place, &figures, Undo::Delete, "calm");
    assert_eq!(place.sandbox.books().live_documents().len(), 0);
    let calls =
        place.sandbox.requests().into_iter().filter(|call| call.path.starts_with("/storage_operations"));
    let calls: Vec<String> = calls
        .map(|call| {
            let mut parts = call.path.split('/').skip(2);
            let (what, below) = (parts.next().unwrap().to_owned(), parts.next().unwrap());
            format!("{} {what}{}", call.method, if below.starts_with('g') { " lines" } else { "" })
        })
        .collect();
    let expected =
        "DELETE goods_transactions, DELETE goods_transactions, GET documents lines, DELETE documents";
    assert_eq!(calls.join(", "), expected);
    assert!(trail(&station, 1).await.contains("a person has it deleted"));
}

#[tokio::test]
async fn a_document_is_undone_once() {
    for first in WAYS {
        let (place, station) = posted().await;
        revoke(&station, first).await;
        for when in ["at once", "when it is done"] {
            for second in WAYS {
                let refused = revoke(&station, second).await;
                let is_refused = matches!(refused, Revoked::Already(OperationId(2)) | Revoked::Not(..));
                assert!(is_refused, "{when} {first:?}, {second:?}: {refused:?}");
            }
            station.until_delivered().await;
        }
        assert_undone(&place, &station.until_delivered().await, first, "tried five times");
    }
}

#[tokio::test]
async fn only_what_is_posted_can_be_undone() {
    let place = Place::new(Options::sample()).await;
    let mut station = place.start();
    station.until_goods_are_read().await;
    station.scan(COMB).await.unwrap();
    for undo in WAYS {
        assert_eq!(revoke(&station, undo).await, Revoked::Not(State::Open, "it is not posted"));
    }
}

/// After so many others, a request of an undoing meets the fault.
async fn lose(undo: Undo, selector: Selector, fault: Fault, point: usize) {
    let (place, station) = posted().await;
    for _ in 0..point {
        place.sandbox.fault(selector.clone(), Fault::Pass);
    }
    place.sandbox.fault(selector, fault.clone());
    revoke(&station, undo).await;
    station.until_delivered().await;
    let end = Instant::now() + PATIENCE;
    while place.sandbox.late_acts() > 0 {
        assert!(Instant::now() < end, "a late request is never carried out");
        sleep(LOOK_EVERY).await;
    }
    let what = format!("{undo:?}, {fault:?} at {point}");
    assert_undone(&place, &station.until_delivered().await, undo, &what);
}

#[tokio::test]
async fn whatever_request_of_it_is_lost_it_is_undone_once() {
    let mut rounds = JoinSet::new();
    for fault in [Fault::ActThenDrop, Fault::DropBefore, Fault::Late { ms: 20 }, Fault::Truncated] {
        rounds.spawn(lose(Undo::Opposite, Selector::Writes, fault.clone(), 0));
        // Two lines and their document.
        for point in 0..3 {
            rounds.spawn(lose(Undo::Delete, Selector::Writes, fault.clone(), point));
        }
    }
    let reads = Selector::path("GET", "/storage_operations");
    rounds.spawn(lose(Undo::Delete, reads, Fault::DropBefore, 0));
    while let Some(round) = rounds.join_next().await {
        round.unwrap();
    }
}

/// A hook by which the power goes at commit `point` and stays away; it counts the commits.
fn dying_at(point: u32, count: &Arc<AtomicU32>) -> CommitHook {
    let count = Arc::clone(count);
    Box::new(move || count.fetch_add(1, Ordering::SeqCst) + 1 >= point)
}

/// Undoes, with a death at this commit; `false` if there are fewer.
async fn die_undoing(undo: Undo, point: u32) -> bool {
    let (place, station) = posted().await;
    station.stop().await.unwrap();
    let count = Arc::new(AtomicU32::new(0));
    let reached = match Station::start(place.config(), Some(dying_at(point, &count))) {
        Ok(station) => {
            let store = station.handle.store().clone();
            let _asked = store.run(move |db| db.revoke(ID, undo, NOW)).await;
            let end = Instant::now() + PATIENCE;
            let is_over = |figures: &Figures| match undo {
                Undo::Opposite => figures.of(State::Posted).operations == 2,
                Undo::Delete => figures.of(State::Cancelled).operations == 1,
            };
            while count.load(Ordering::SeqCst) < point {
                let figures = store.run(|db| db.figures()).await;
                if figures.is_ok_and(|figures| figures.is_ok_and(|figures| is_over(&figures))) {
                    break;
                }
                assert!(Instant::now() < end, "{undo:?} at {point}: never undone");
                sleep(LOOK_EVERY).await;
            }
            station.die().await;
            count.load(Ordering::SeqCst) >= point
        }
        Err(_died) => true,
    };
    let station = place.start();
    // Nobody heard whether it was begun: whoever typed it types it again.
    revoke(&station, undo).await;
    station.until_delivered().await;
    assert_undone(&place, &station.until_delivered().await, undo, &format!("death at commit {point}"));
    reached
}

#[tokio::test]
async fn death_at_every_commit_of_it_leaves_it_undone_once() {
    let mut rounds = JoinSet::new();
    for undo in WAYS {
        for point in 1..=POINTS {
            rounds.spawn(async move { (point, die_undoing(undo, point).await) });
        }
    }
    let mut reached = Vec::new();
    while let Some(round) = rounds.join_next().await {
        let (point, is_reached) = round.unwrap();
        reached.extend(is_reached.then_some(point));
    }
    let last = reached.into_iter().max().unwrap();
    assert!((5..POINTS).contains(&last), "the last commit of it is {last}");
}

#[tokio::test]
async fn what_the_account_does_not_let_be_deleted_stays_posted_and_can_be_undone_the_other_way() {
    let (place, mut station) = posted().await;
    place.sandbox.configure(|options| options.permissions.delete = false);
    revoke(&station, Undo::Delete).await;
    station.until_told(|what| matches!(what, What::Person(why) if why.contains("cannot be deleted"))).await;
    let figures = station.until_delivered().await;
    assert_eq!((figures.of(State::Posted).operations, figures.of(State::Cancelled).operations), (1, 0));
    let listed =
        station.handle.store().run(|db| db.operations(OperationFilter::All, 9)).await.unwrap().unwrap();
    assert!(listed[0].trouble.as_deref().unwrap().starts_with("it could not be deleted: "), "{listed:?}");
    assert_eq!(revoke(&station, Undo::Opposite).await, Revoked::By(OperationId(2)));
    assert_undone(&place, &station.until_delivered().await, Undo::Opposite, "after all");
}

#[tokio::test]
async fn a_document_with_a_line_of_somebody_else_stays_with_that_line_alone() {
    let (place, mut station) = posted().await;
    let document = place.sandbox.books().live_documents()[0].id;
    let brush = Line {
        number: 1,
        good: GoodId(123_475),
        title: String::new(),
        barcode: String::new(),
        quantity: Quantity::ONE,
        price: Money::default(),
        transaction: None,
        refusal: None,
    };
    client(&place.config().api).create_line(permit(), document, &to_post(&brush), None).await.unwrap();
    revoke(&station, Undo::Delete).await;
    station.until_told(|what| matches!(what, What::Person(why) if why.contains("did not make"))).await;
    let figures = station.until_delivered().await;
    assert_eq!(figures.of(State::Cancelled).units.to_decimal(), Decimal::from(3));
    let stands = place.on_service();
    assert_eq!(stands.into_iter().collect::<Vec<_>>(), [((Kind::Receipt, GoodId(123_475)), Decimal::ONE)]);
}

/// Each removal is lost once, and its repetition refused with this status.
async fn repeat_removals(status: u16) {
    let (place, station) = posted().await;
    for _ in 0..3 {
        let words = Fault::Refuse { status, message: "No such thing".to_owned() };
        for fault in [Fault::ActThenDrop, words] {
            place.sandbox.fault(Selector::path("DELETE", "/"), fault);
        }
    }
    revoke(&station, Undo::Delete).await;
    let figures = station.until_delivered().await;
    assert_undone(&place, &figures, Undo::Delete, &format!("status {status}"));
    assert!(!trail(&station, 1).await.contains("stays on the service"), "status {status}");
}

#[tokio::test]
async fn what_is_gone_and_refused_in_whatever_words_is_gone() {
    let mut rounds = JoinSet::new();
    for status in [400, 403, 404, 422] {
        rounds.spawn(repeat_removals(status));
    }
    while let Some(round) = rounds.join_next().await {
        round.unwrap();
    }
}

#[tokio::test]
async fn a_line_that_is_still_read_back_is_deleted_again_before_the_document_goes() {
    let (place, station) = posted().await;
    // The first two answers say that the lines are gone, and they are not.
    for _ in 0..2 {
        let gone = Fault::Refuse { status: 404, message: "Not found".to_owned() };
        place.sandbox.fault(Selector::path("DELETE", "/storage_operations/goods_transactions"), gone);
    }
    revoke(&station, Undo::Delete).await;
    assert_undone(&place, &station.until_delivered().await, Undo::Delete, "read back");
    assert!(trail(&station, 1).await.contains("still there"));
}

#[tokio::test]
async fn the_command_undoes_beside_a_running_agent_and_refuses_a_second_time() {
    for (undo, words) in
        [(Undo::Opposite, "document 2 undoes document 1"), (Undo::Delete, "is being deleted")]
    {
        let (place, station) = posted().await;
        let shed = Shed::beside(&place.sandbox, place.dir.path());
        let args: &[&str] = match undo {
            Undo::Opposite => &["outbox", "revoke", "1"],
            Undo::Delete => &["outbox", "revoke", "1", "--delete"],
        };
        let told = shed.says(args).await;
        assert!(told.contains(words), "{told}");
        let over = |figures: &Figures| figures.of(State::Posted).operations != 1;
        station.until("its end", over).await;
        assert_undone(&place, &station.until_delivered().await, undo, "by command");
        let again = shed.run(args).await;
        assert_eq!(again.code, Some(1), "{again:?}");
        let why = match undo {
            Undo::Opposite => "document 1 is undone already, by document 2",
            Undo::Delete => "document 1 is cancelled: only a posted document can be undone",
        };
        assert_eq!(again.err.lines().next().unwrap(), format!("stockpoint: {why}"));
    }
}
