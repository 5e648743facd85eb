//! The power goes at every point there is, one after the other, and nothing confirmed is lost or doubled.
//!
//! A small day in a stockroom is played again and again. In round N the N-th commit of the outbox fails and the
//! agent dies there; or the N-th request to the service meets a fault and the agent dies there. Then an agent
//! starts on what is left, and everything is delivered. The sweep ends with the first N that the day does not
//! reach.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rust_decimal::Decimal;
use stockpoint::config::Config;
use stockpoint::domain::code::control::{Control, kit_code};
use stockpoint::domain::ids::{CardId, GoodId, StorageId};
use stockpoint::domain::stock::kit::KitScan;
use stockpoint::domain::stock::mode::{Kind, Mode};
use stockpoint::domain::stock::quantity::Quantity;
use stockpoint::feedback::{Announcement, What};
use stockpoint::sandbox::{CardRow, Fault, GoodRow, Options, Selector};
use stockpoint::store::{CommitHook, Figures};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::api::openapi::assert_requests_follow_contract;
use crate::support::station::{LOOK_EVERY, PATIENCE, Place, Station, booked};

/// More points than the day has; the sweep must end by itself before.
const POINTS_MAX: u32 = 400;

/// Rounds at once: they mostly wait.
const AT_ONCE: usize = 16;

type Units = BTreeMap<(Kind, GoodId), Decimal>;

/// What is scanned in the day, in order. `later` becomes known in the afternoon.
fn day() -> Vec<String> {
    let codes = [
        "4006381333931".to_owned(),
        "9521234000013".to_owned(),
        "4006381333931".to_owned(),
        Control::Quantity(12).code(),
        "036000291452".to_owned(),
        "later".to_owned(),
        Control::Undo.code(),
        Control::Undo.code(),
        Control::Mode(Mode::WriteOff).code(),
        "9521234000013".to_owned(),
        "later".to_owned(),
        Control::Close.code(),
        "4006381333931".to_owned(),
        kit_code(CardId(500)),
        kit_code(CardId(500)),
        Control::Undo.code(),
        Control::Close.code(),
    ];
    codes.into()
}

/// The good of the code that nobody knows in the morning.
fn later() -> GoodRow {
    GoodRow::new(GoodId(9001), "Known in the afternoon", "later")
}

/// With every kit booked.
fn config(place: &Place) -> Config {
    Config { kits: KitScan::All, ..place.config() }
}

/// A kit of two goods from two storages.
fn kit() -> CardRow {
    let item = |good, storage| (GoodId(good), StorageId(storage), Decimal::TWO, "pc".to_owned());
    let items = vec![item(123_457, 91_271), item(123_475, 91_272)];
    CardRow { id: CardId(500), title: "Two from each".to_owned(), items }
}

/// What an answer confirms.
fn confirmed_by(answer: &Announcement) -> Option<Units> {
    if matches!(answer.what, What::BookedKit { .. }) {
        let goods = [123_457, 123_475].map(|good| ((Kind::WriteOff, GoodId(good)), Decimal::TWO));
        return Some(Units::from(goods));
    }
    if matches!(answer.what, What::Parked { .. }) {
        // Nothing is promised; UNDO takes it back like a booking.
        return Some(Units::new());
    }
    booked(answer).map(|(kind, good, units)| Units::from([((kind, good), units)]))
}

/// Where the agent dies.
#[derive(Debug, Clone)]
enum Death {
    /// The commit fails and nothing after it is done.
    AtCommit,
    /// The commit succeeds and nothing after it is done.
    AfterCommit,
    /// The request meets this fault, and the agent dies without hearing of it.
    AtRequest(Fault),
    /// The request meets this fault, and the agent lives.
    Survives(Fault),
}

/// Counts down to the death at a commit.
fn hook(point: u32, death: &Death) -> (Option<CommitHook>, Arc<AtomicBool>) {
    let dead = Arc::new(AtomicBool::new(false));
    let (said, count, at) = (Arc::clone(&dead), AtomicU32::new(0), death.clone());
    let hook: CommitHook = Box::new(move || {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        match at {
            Death::AtCommit if number >= point => said.store(true, Ordering::SeqCst),
            Death::AfterCommit if number == point => {
                said.store(true, Ordering::SeqCst);
                return false;
            }
            Death::AfterCommit if number > point => {}
            _ => return false,
        }
        true
    });
    (Some(hook), dead)
}

/// Plays the day until its end or the agent's death; notes what was confirmed.
async fn play(place: &Place, station: &mut Station, dead: &AtomicBool, confirmed: &mut Vec<Units>) {
    for (number, code) in day().into_iter().enumerate() {
        if code == Control::Undo.code() {
            // The last scan may be taken back whether the answer is heard or not.
            confirmed.pop();
        }
        let Some(answer) = station.scan(&code).await else { return };
        // What the person hears after the power is gone, nobody hears.
        if dead.load(Ordering::SeqCst) {
            return;
        }
        confirmed.extend(confirmed_by(&answer));
        if number == 10 {
            place.sandbox.put_good(later());
            station.handle.sync();
        }
    }
}

/// Waits until the figures are as wanted, or the agent is dead.
async fn lives_until(station: &Station, dead: &AtomicBool, wanted: impl Fn(&Figures) -> bool) {
    let end = Instant::now() + PATIENCE;
    while !dead.load(Ordering::SeqCst) {
        match station.handle.figures().await {
            Ok(figures) if wanted(&figures) => return,
            Ok(figures) => assert!(Instant::now() < end, "it never came: {figures:?}"),
            Err(_) => return,
        }
        sleep(LOOK_EVERY).await;
    }
}

/// What was parked and taken back stays counted as unknown.
fn is_nothing_parked(figures: &Figures) -> bool {
    figures.units_parked == Quantity::ZERO
}

/// One round. Gives back whether the point was reached.
async fn round(point: u32, death: Death) -> bool {
    let place = Place::new(Options::sample()).await;
    let (commit_hook, dead) = match death {
        Death::AtCommit | Death::AfterCommit => hook(point, &death),
        Death::AtRequest(_) | Death::Survives(_) => (None, Arc::new(AtomicBool::new(false))),
    };
    if let Death::AtRequest(fault) | Death::Survives(fault) = &death {
        for _ in 1..point {
            place.sandbox.fault(Selector::Any, Fault::Pass);
        }
        place.sandbox.fault(Selector::Any, fault.clone());
    }
    place.sandbox.put_card(kit());
    let mut confirmed = Vec::new();
    let Ok(mut station) = Station::start(config(&place), commit_hook) else {
        // It died while it opened the files.
        check(&place, Station::start(config(&place), None).unwrap(), &confirmed, (point, &death)).await;
        return true;
    };
    // With the table unread everything would be parked, and a day of parking is another day.
    if point > 3 {
        lives_until(&station, &dead, |figures| figures.goods.synced_at.is_some()).await;
    }
    play(&place, &mut station, &dead, &mut confirmed).await;
    // The day's deliveries go on until all is done or the point is reached.
    lives_until(&station, &dead, |figures| !figures.is_undelivered() && is_nothing_parked(figures)).await;
    let reached = match death {
        Death::AtCommit | Death::AfterCommit => dead.load(Ordering::SeqCst),
        Death::AtRequest(_) | Death::Survives(_) => place.sandbox.faults_left() == 0,
    };
    if matches!(death, Death::Survives(_)) {
        check(&place, station, &confirmed, (point, &death)).await;
    } else {
        station.die().await;
        check(&place, Station::start(config(&place), None).unwrap(), &confirmed, (point, &death)).await;
    }
    reached
}

/// Delivers what is left and compares: confirmed ≤ on the service = in our books, and every marker once.
async fn check(place: &Place, station: Station, confirmed: &[Units], round: (u32, &Death)) {
    // What is open is closed as a person would, in either mode.
    let mut station = station;
    station.until_goods_are_read().await;
    for mode in [Mode::WriteOff, Mode::Receipt] {
        for control in [Control::Mode(mode), Control::Close] {
            assert!(station.scan(&control.code()).await.is_some(), "{round:?}");
        }
    }
    // What is parked becomes known, so that nothing is booked later than the books are compared.
    place.sandbox.put_good(later());
    station.handle.sync();
    station.until("everything known", is_nothing_parked).await;
    let figures = station.until_delivered().await;
    assert!(figures.balance() && !figures.is_undelivered(), "{round:?}: {figures:?}");
    place.assert_nothing_is_doubled();
    assert_requests_follow_contract(&place.sandbox);
    let held = place.on_service();
    let mut promised = Units::new();
    for (what, units) in confirmed.iter().flatten() {
        *promised.entry(*what).or_default() += units;
    }
    for (what, units) in &promised {
        let there = held.get(what).copied().unwrap_or_default();
        assert!(there >= *units, "{round:?}: {units} of {what:?} confirmed, {there} on the service");
    }
    let all: Decimal = held.values().sum();
    let posted = figures.units_booked.checked_sub(figures.units_undone).unwrap().to_decimal();
    assert_eq!(all, posted, "{round:?}: {held:?}");
    station.stop().await.unwrap();
}

/// Sweeps until a point is not reached any more, and says how many there were.
async fn sweep(death: Death, at_least: u32) {
    let mut rounds = JoinSet::new();
    let (mut next, mut last_reached, mut first_missed) = (1, 0, None);
    while first_missed.is_none() || !rounds.is_empty() {
        while first_missed.is_none() && rounds.len() < AT_ONCE {
            let point = next;
            let death = death.clone();
            rounds.spawn(async move { (point, round(point, death).await) });
            next += 1;
            assert!(next < POINTS_MAX, "the day never ends");
        }
        let (point, reached) = rounds.join_next().await.unwrap().unwrap();
        if reached {
            last_reached = last_reached.max(point);
        } else {
            first_missed = Some(first_missed.unwrap_or(point).min(point));
        }
    }
    println!("{death:?}: {last_reached} points");
    assert!(last_reached >= at_least, "{death:?}: the day has more than {last_reached} points");
}

#[tokio::test]
async fn death_at_every_commit_loses_and_doubles_nothing() {
    sweep(Death::AtCommit, 25).await;
}

#[tokio::test]
async fn death_after_every_commit_loses_and_doubles_nothing() {
    sweep(Death::AfterCommit, 25).await;
}

#[tokio::test]
async fn death_at_every_request_that_was_carried_out_loses_and_doubles_nothing() {
    sweep(Death::AtRequest(Fault::ActThenDrop), 8).await;
}

#[tokio::test]
async fn death_at_every_request_that_was_not_loses_and_doubles_nothing() {
    sweep(Death::AtRequest(Fault::DropBefore), 8).await;
}

#[tokio::test]
async fn every_request_whose_answer_is_lost_is_found_again() {
    sweep(Death::Survives(Fault::ActThenDrop), 8).await;
}

#[tokio::test]
async fn every_request_that_fails_in_doubt_is_made_once() {
    sweep(Death::Survives(Fault::ActThenStatus(500)), 8).await;
    sweep(Death::Survives(Fault::Truncated), 8).await;
}

#[tokio::test]
async fn every_request_that_is_lost_is_made_again() {
    sweep(Death::Survives(Fault::DropBefore), 8).await;
}
