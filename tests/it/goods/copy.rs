//! The copy of the goods table against a service that answers wrongly, moves rows while it is read, or allows other
//! pages than were asked for.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use rust_decimal::Decimal;
use stockpoint::api::Budget;
use stockpoint::domain::code::control::Control;
use stockpoint::domain::delivery::State;
use stockpoint::domain::ids::{CardId, GoodId, LocationId, StorageId};
use stockpoint::domain::signal::Signal;
use stockpoint::sandbox::{CardRow, Change, CountMax, Fault, Foreign, GoodRow, Options, Selector};
use stockpoint::store::{Figures, Proof};
use stockpoint::work::create::Creator;
use tokio::time::{Instant, sleep};

use crate::api::contract_api::client;
use crate::support::program::Shed;
use crate::support::station::{LOOK_EVERY, PATIENCE, Place, Station};

/// The listing of the location's goods; a single good has a path below it.
const LISTING: &str = "/goods/4564";

fn id(number: u32) -> GoodId {
    GoodId(1000 + i64::from(number))
}

fn code(number: u32) -> String {
    format!("CODE-{number}")
}

fn row(number: u32) -> GoodRow {
    GoodRow::new(id(number), &format!("Good {number}"), &code(number))
}

/// A location with goods 1 to `goods`, which gives up to `page_rows` of them a page.
async fn place(goods: u32, page_rows: usize) -> Place {
    let mut options = Options { goods: (1..=goods).map(row).collect(), ..Options::sample() };
    options.quirks.page_rows_max = Some(page_rows);
    Place::new(options).await
}

/// The numbers of the goods that the copy holds.
async fn held(station: &Station, goods: u32) -> BTreeSet<u32> {
    let look = move |db: &mut stockpoint::store::Db| {
        (1..=goods).filter(|number| db.good(id(*number)).unwrap().is_some()).collect()
    };
    station.handle.store().run(look).await.unwrap()
}

async fn until_held(station: &Station, goods: u32, wanted: impl Fn(&BTreeSet<u32>) -> bool) {
    let end = Instant::now() + PATIENCE;
    loop {
        let held = held(station, goods).await;
        if wanted(&held) {
            return;
        }
        assert!(Instant::now() < end, "never held: {held:?}");
        sleep(LOOK_EVERY).await;
    }
}

async fn until_proven(station: &Station) {
    let end = Instant::now() + PATIENCE;
    let proof = || station.handle.store().run(|db| db.copy_state().unwrap().proof);
    while proof().await.unwrap() != Proof::Proven {
        assert!(Instant::now() < end, "never proven");
        sleep(LOOK_EVERY).await;
    }
}

/// A station that has read everything, and has nothing left to prove.
async fn at_rest(place: &Place) -> Station {
    let station = place.start();
    station.until_goods_are_read().await;
    until_proven(&station).await;
    station
}

/// Has a station at rest read everything again; waits until that has replaced the copy.
async fn read_again(station: &Station) -> Figures {
    let before = numbers(station).await;
    station.handle.sync();
    until_done_after(station, before).await
}

async fn numbers(station: &Station) -> i64 {
    station.handle.store().run(|db| db.reading_numbers().unwrap().begun).await.unwrap()
}

async fn until_done_after(station: &Station, before: i64) -> Figures {
    let end = Instant::now() + PATIENCE;
    while station.handle.store().run(|db| db.reading_numbers().unwrap().done).await.unwrap() <= before {
        assert!(Instant::now() < end, "no reading was completed");
        sleep(LOOK_EVERY).await;
    }
    station.handle.figures().await.unwrap()
}

fn all(goods: u32) -> BTreeSet<u32> {
    (1..=goods).collect()
}

/// Requests for pages of the whole table.
fn page_requests(place: &Place) -> usize {
    let requests = place.sandbox.requests();
    requests.iter().filter(|r| r.path == LISTING && !r.query.contains("changed_after")).count()
}

#[tokio::test]
async fn one_empty_answer_never_empties_the_copy() {
    let place = place(250, 100).await;
    let station = at_rest(&place).await;
    place.sandbox.fault(Selector::page(LISTING, 1), Fault::EmptyList);
    read_again(&station).await;
    assert_eq!(held(&station, 250).await, all(250));
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_table_that_is_empty_for_a_while_never_empties_the_copy() {
    let place = place(250, 100).await;
    let station = at_rest(&place).await;
    for _ in 0..2 {
        place.sandbox.fault(Selector::page(LISTING, 1), Fault::EmptyList);
    }
    read_again(&station).await;
    assert_eq!(held(&station, 250).await, all(250));
    assert_eq!(place.sandbox.faults_left(), 0);
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_table_that_is_empty_twice_a_wait_apart_is_empty() {
    let place = place(5, 100).await;
    let station = at_rest(&place).await;
    for number in 1..=5 {
        place.sandbox.remove_good(id(number));
    }
    let before = numbers(&station).await;
    assert_eq!(read_again(&station).await.goods.count, 0);
    assert_eq!(numbers(&station).await, before + 2);
    station.stop().await.unwrap();
}

#[tokio::test]
async fn an_empty_location_is_complete_after_a_second_reading() {
    let place = place(0, 100).await;
    let station = place.start();
    station.until_goods_are_read().await;
    assert_eq!(numbers(&station).await, 2);
    place.sandbox.put_good(row(1));
    assert_eq!(read_again(&station).await.goods.count, 1);
    station.stop().await.unwrap();
}

#[tokio::test]
async fn an_empty_page_between_others_ends_no_reading() {
    for rows in [50, 100, 125] {
        let place = place(250, rows).await;
        place.sandbox.fault(Selector::page(LISTING, 2), Fault::EmptyList);
        let station = place.start();
        station.until_goods_are_read().await;
        assert_eq!(held(&station, 250).await, all(250), "{rows}");
        station.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_page_that_is_empty_for_a_while_loses_nothing_for_long() {
    let place = place(250, 100).await;
    for _ in 0..2 {
        place.sandbox.fault(Selector::page(LISTING, 2), Fault::EmptyList);
    }
    let station = place.start();
    station.until_goods_are_read().await;
    until_held(&station, 250, |held| *held == all(250)).await;
    for _ in 0..2 {
        place.sandbox.fault(Selector::page(LISTING, 2), Fault::EmptyList);
    }
    read_again(&station).await;
    assert_eq!(held(&station, 250).await, all(250));
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_service_that_ignores_the_page_completes_no_reading_and_empties_no_copy() {
    let place = place(250, 100).await;
    let station = at_rest(&place).await;
    place.sandbox.configure(|options| options.quirks.page_ignored = true);
    let before = numbers(&station).await;
    station.handle.sync();
    let end = Instant::now() + PATIENCE;
    while !station.handle.status().await.unwrap().json().contains("repeats earlier pages") {
        assert!(Instant::now() < end, "nobody is told");
        sleep(Duration::from_millis(1)).await;
    }
    while numbers(&station).await < before + 3 {
        assert!(Instant::now() < end, "it is not tried again");
        sleep(LOOK_EVERY).await;
    }
    assert_eq!(held(&station, 250).await, all(250));
    place.sandbox.configure(|options| options.quirks.page_ignored = false);
    place.sandbox.put_good(row(251));
    until_held(&station, 251, |held| *held == all(251)).await;
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_service_that_ignores_the_page_serves_scans_with_what_it_gives() {
    let place = place(250, 100).await;
    place.sandbox.configure(|options| options.quirks.page_ignored = true);
    let mut station = place.start();
    until_held(&station, 250, |held| held.len() == 100).await;
    assert_eq!(station.scan(&code(1)).await.unwrap().signal, Signal::Booked);
    assert_eq!(station.handle.figures().await.unwrap().goods.synced_at, None);
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_good_deleted_between_two_pages_takes_no_other_one_along() {
    let place = place(250, 100).await;
    let station = at_rest(&place).await;
    let gone = Fault::Meanwhile(Change::GoodRemoved(id(40)));
    place.sandbox.fault(Selector::page(LISTING, 2), gone);
    read_again(&station).await;
    let mut left = all(250);
    assert_eq!(held(&station, 250).await, left);
    read_again(&station).await;
    left.remove(&40);
    assert_eq!(held(&station, 250).await, left);
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_good_deleted_during_the_first_reading_takes_no_other_one_along_for_long() {
    let place = place(250, 100).await;
    let gone = Fault::Meanwhile(Change::GoodRemoved(id(40)));
    place.sandbox.fault(Selector::page(LISTING, 2), gone);
    let station = place.start();
    let mut left = all(250);
    left.remove(&40);
    until_held(&station, 250, |held| *held == left).await;
    until_proven(&station).await;
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_good_that_was_made_and_slipped_away_before_the_reading_is_among_the_changes() {
    let place = place(250, 100).await;
    let station = at_rest(&place).await;
    place.sandbox.remove_good(id(100));
    place.sandbox.put_good(GoodRow { id: GoodId(1100), ..row(500) });
    // 1100 is the last row of page 1 from page 2 on.
    place.sandbox.fault(Selector::page(LISTING, 2), Fault::Meanwhile(Change::GoodRemoved(id(40))));
    read_again(&station).await;
    until_held(&station, 250, |held| held.contains(&100)).await;
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_deleted_good_leaves_the_copy_only_when_the_service_itself_says_that_it_is_gone() {
    let place = place(100, 1000).await;
    let station = at_rest(&place).await;
    place.sandbox.remove_good(id(7));
    let single = Selector::path("GET", &format!("{LISTING}/{}", id(7)));
    place.sandbox.fault(single.clone(), Fault::Html502);
    place.sandbox.forget_requests();
    read_again(&station).await;
    assert_eq!(held(&station, 100).await.len(), 99);
    let asked = place.sandbox.requests().iter().filter(|r| r.path.ends_with("/1007")).count();
    assert_eq!(asked, 2);
    // A service that forbids the good says nothing of it: another reading decides.
    place.sandbox.remove_good(id(8));
    place.sandbox.configure(|options| options.quirks.unknown_id_status = 403);
    let before = numbers(&station).await;
    read_again(&station).await;
    assert_eq!((held(&station, 100).await.len(), numbers(&station).await), (98, before + 2));
    station.stop().await.unwrap();
}

#[tokio::test]
async fn what_a_stranger_says_of_a_good_drops_none() {
    let place = place(250, 100).await;
    let station = at_rest(&place).await;
    // 101 slips to the first page when 40 vanishes, so the reading lacks it.
    place.sandbox.fault(Selector::page(LISTING, 2), Fault::Meanwhile(Change::GoodRemoved(id(40))));
    let single = Selector::path("GET", &format!("{LISTING}/{}", id(101)));
    for body in [Foreign::Page, Foreign::NearlyJson] {
        place.sandbox.fault(single.clone(), Fault::Stranger { status: 404, body });
    }
    read_again(&station).await;
    assert_eq!(place.sandbox.faults_left(), 0);
    assert!(held(&station, 250).await.contains(&101));
    station.stop().await.unwrap();
}

#[tokio::test]
async fn many_missing_goods_leave_the_copy_after_a_second_reading_without_them() {
    let place = place(600, 1000).await;
    let station = at_rest(&place).await;
    for number in 1..=51 {
        place.sandbox.remove_good(id(number));
    }
    place.sandbox.forget_requests();
    let before = numbers(&station).await;
    assert_eq!(read_again(&station).await.goods.count, 549);
    assert_eq!(numbers(&station).await, before + 2);
    let single = |path: &str| path.starts_with(LISTING) && path != LISTING;
    assert_eq!(place.sandbox.requests().iter().filter(|r| single(&r.path)).count(), 0);
    station.stop().await.unwrap();
}

#[tokio::test]
async fn the_first_reading_serves_scans_from_its_first_page_on() {
    let place = place(250, 100).await;
    place.sandbox.outage(Some((
        Selector::page(LISTING, 2),
        Fault::Refuse { status: 500, message: "The service failed".to_owned() },
    )));
    let mut station = place.start();
    until_held(&station, 250, |held| held.len() == 100).await;
    assert_eq!(station.scan(&code(99)).await.unwrap().signal, Signal::Booked);
    assert_eq!(station.scan(&code(150)).await.unwrap().signal, Signal::Unknown);
    place.sandbox.outage(None);
    station.until("the parked code", |figures| figures.scans.unknown == 0).await;
    assert_eq!(held(&station, 250).await, all(250));
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_page_that_fails_is_put_off_alone() {
    let place = place(250, 100).await;
    let mut station = at_rest(&place).await;
    let fails = Fault::Refuse { status: 500, message: "The service failed".to_owned() };
    place.sandbox.outage(Some((Selector::page(LISTING, 2), fails)));
    place.sandbox.forget_requests();
    station.handle.sync();
    while page_requests(&place) < 2 {
        sleep(LOOK_EVERY).await;
    }
    for number in 1..=5 {
        station.scan(&code(number)).await.unwrap();
        station.scan(&Control::Close.code()).await.unwrap();
    }
    let figures = station.until_delivered().await;
    assert_eq!(figures.of(State::Posted).operations, 5);
    // At once, and after one and three seconds, less a sixteenth; the next time would be after seven.
    while page_requests(&place) < 4 {
        sleep(LOOK_EVERY).await;
    }
    let seconds = |at: usize| place.sandbox.requests()[at].at.as_second();
    let failed: Vec<usize> = (0..place.sandbox.requests().len())
        .filter(|at| place.sandbox.requests()[*at].status == Some(500))
        .collect();
    assert_eq!(failed.len(), 3);
    assert!((2..=5).contains(&(seconds(failed[2]) - seconds(failed[0]))));
    place.sandbox.put_good(row(251));
    place.sandbox.outage(None);
    station.handle.sync();
    until_held(&station, 251, |held| *held == all(251)).await;
    station.stop().await.unwrap();
}

#[tokio::test]
async fn changes_are_read_while_a_page_of_the_whole_table_fails() {
    let place = place(250, 100).await;
    let station = at_rest(&place).await;
    station.stop().await.unwrap();
    let mut config = place.config();
    config.goods.sync_every = Duration::from_millis(50);
    let station = Station::start(config, None).unwrap();
    let fails = Fault::Refuse { status: 500, message: "The service failed".to_owned() };
    place.sandbox.outage(Some((Selector::page(LISTING, 2), fails)));
    station.handle.sync();
    station.until("a failure", |_| page_requests(&place) > 6).await;
    place.sandbox.put_good(row(251));
    until_held(&station, 251, |held| held.contains(&251)).await;
    station.stop().await.unwrap();
}

#[tokio::test]
async fn pages_of_every_size_that_a_service_allows_hold_the_whole_table() {
    for (allowed, status, requests) in
        [(25, None, 12), (100, None, 4), (100, Some(422), 7), (30, Some(400), 17)]
    {
        let place = place(250, 1000).await;
        place.sandbox.configure(|options| match status {
            None => options.quirks.page_rows_max = Some(allowed),
            Some(status) => options.quirks.count_max = Some(CountMax { rows: allowed, status }),
        });
        let station = place.start();
        station.until_goods_are_read().await;
        let asked = page_requests(&place);
        assert_eq!(held(&station, 250).await, all(250), "{allowed} {status:?}");
        assert!(asked <= requests, "{asked} requests where {allowed} rows are allowed, {status:?}");
        station.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_page_size_that_was_refused_is_not_asked_for_again_after_a_restart() {
    let place = place(250, 1000).await;
    let max = CountMax { rows: 120, status: 422 };
    place.sandbox.configure(|options| options.quirks.count_max = Some(max));
    at_rest(&place).await.stop().await.unwrap();
    place.sandbox.forget_requests();
    let station = place.start();
    station.handle.sync();
    read_again(&station).await;
    let refused = place.sandbox.requests().iter().filter(|r| r.status == Some(422)).count();
    assert_eq!(refused, 0);
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_good_that_changes_while_changes_are_read_is_missed_by_none() {
    let place = place(250, 100).await;
    let station = at_rest(&place).await;
    station.stop().await.unwrap();
    for number in 1..=250 {
        place.sandbox.put_good(GoodRow { barcode: format!("NEW-{number}"), ..row(number) });
    }
    let mut config = place.config();
    config.goods.sync_every = Duration::from_millis(50);
    place.sandbox.fault(Selector::page(LISTING, 2), Fault::EmptyList);
    place.sandbox.fault(Selector::page(LISTING, 2), Fault::Meanwhile(Change::GoodRemoved(id(3))));
    let mut station = Station::start(config, None).unwrap();
    station.until("the changes", |_| place.sandbox.faults_left() == 0).await;
    for number in [101, 250] {
        let end = Instant::now() + PATIENCE;
        while station.scan(&format!("NEW-{number}")).await.unwrap().signal != Signal::Booked {
            assert!(Instant::now() < end, "{number} never changed");
        }
    }
    station.stop().await.unwrap();
}

#[tokio::test]
async fn no_scan_resolves_to_a_good_of_another_location() {
    let place = place(5, 100).await;
    at_rest(&place).await.stop().await.unwrap();
    let mut config = place.config();
    config.station.location_id = LocationId(4565);
    let mut station = Station::start(config, None).unwrap();
    assert_eq!(station.scan(&code(1)).await.unwrap().signal, Signal::Unknown);
    assert_eq!(station.handle.figures().await.unwrap().goods.count, 0);
    station.stop().await.unwrap();
    // Back at home it is read anew.
    let station = at_rest(&place).await;
    assert_eq!(held(&station, 5).await, all(5));
    station.stop().await.unwrap();
}

/// The bar: 110 requests.
#[tokio::test]
async fn a_hundred_thousand_goods_take_about_a_hundred_requests() {
    let place = place(100_000, 1000).await;
    let station = place.start();
    let figures = station.until("all goods", |figures| figures.goods.synced_at.is_some()).await;
    let requests = place.sandbox.requests().len();
    println!("100,000 goods: {} requests for goods, {requests} in all", page_requests(&place));
    assert_eq!(figures.goods.count, 100_000);
    assert!(requests <= 110, "{requests}");
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_clock_of_the_service_that_is_behind_holds_up_no_command() {
    let place = Place::new(Options { clock_ahead_s: -30, ..Options::sample() }).await;
    let shed = Shed::of(&place.sandbox, Path::new("no-port"));
    for _ in 0..2 {
        assert!(shed.says(&["goods", "sync"]).await.ends_with("41 goods\n"));
    }
    let station = Station::start(place.config(), None).unwrap();
    station.until_goods_are_read().await;
    let beside = Shed::beside(&place.sandbox, place.dir.path());
    for _ in 0..2 {
        assert!(beside.says(&["goods", "sync"]).await.ends_with("41 goods\n"));
    }
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_command_says_that_the_service_cannot_be_reached_and_ends() {
    let place = Place::new(Options::sample()).await;
    let station = at_rest(&place).await;
    let beside = Shed::beside(&place.sandbox, place.dir.path());
    place.sandbox.outage(Some((Selector::Any, Fault::DropBefore)));
    let alone = Shed::of(&place.sandbox, Path::new("no-port"));
    let (beside, alone) = tokio::join!(beside.run(&["goods", "sync"]), alone.run(&["goods", "sync"]));
    for ended in [beside, alone] {
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.out.contains("\nno answer from the service: "), "{ended:?}");
        assert!(ended.err.contains("stockpoint: no answer from the service: "), "{ended:?}");
    }
    place.sandbox.outage(None);
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_command_that_waits_for_a_second_reading_says_so() {
    let place = Place::new(Options::sample()).await;
    let mut config = place.config();
    config.api.reconcile_after = Duration::from_secs(2);
    let station = Station::start(config, None).unwrap();
    station.until_goods_are_read().await;
    for good in place.sandbox.goods().iter().take(20) {
        place.sandbox.remove_good(good.id);
    }
    let said = Shed::beside(&place.sandbox, place.dir.path()).says(&["goods", "sync"]).await;
    assert_eq!(
        said,
        "reading the goods table …\nthe service listed fewer goods than before; waiting for a second reading to \
         agree\n21 goods\n"
    );
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_command_beside_an_agent_drops_no_copy() {
    let place = Place::new(Options::sample()).await;
    let station = at_rest(&place).await;
    let shed = Shed::beside(&place.sandbox, place.dir.path());
    let config = fs::read_to_string(shed.path("config.toml")).unwrap();
    shed.write("config.toml", config.replace("location_id = 4564", "location_id = 4565"));
    assert!(shed.says(&["goods", "stats"]).await.contains("41"));
    assert_eq!(station.handle.figures().await.unwrap().goods.count, 41);
    station.stop().await.unwrap();
}

#[tokio::test]
async fn cards_that_vanish_for_a_while_are_no_loss() {
    let mut options = Options::sample();
    options.quirks.page_rows_max = Some(1);
    let place = Place::new(options).await;
    for card in [701, 702, 703] {
        let items = vec![(GoodId(123_457), StorageId(91_271), Decimal::ONE, "pc".to_owned())];
        place.sandbox.put_card(CardRow { id: CardId(card), title: format!("Card {card}"), items });
    }
    let station = at_rest(&place).await;
    let cards = async || station.handle.cards().await.unwrap().len();
    let all = place.sandbox.cards().len();
    let end = Instant::now() + PATIENCE;
    while cards().await < all {
        assert!(Instant::now() < end, "the cards never came");
        sleep(LOOK_EVERY).await;
    }
    for page in [1, 1, 2] {
        place.sandbox.fault(Selector::page("/technological_cards/", page), Fault::EmptyList);
    }
    read_again(&station).await;
    while place.sandbox.faults_left() > 1 {
        assert!(Instant::now() < end, "the cards are not read again");
        sleep(LOOK_EVERY).await;
    }
    assert_eq!(cards().await, all);
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_search_that_is_cut_short_makes_no_second_good() {
    let mut options = Options::sample();
    options.quirks.page_rows_max = Some(2);
    let place = Place::new(options).await;
    for number in 0..5 {
        place.sandbox.put_good(GoodRow::new(GoodId(9000 + number), "Resembles it", &format!("0071{number}")));
    }
    place.sandbox.fault(Selector::page(LISTING, 2), Fault::EmptyList);
    // 9000 vanishes, and 9002 slips to the first page.
    place.sandbox.fault(Selector::page(LISTING, 2), Fault::Meanwhile(Change::GoodRemoved(GoodId(9000))));
    let client = client(&place.config().api);
    let budget = Budget::new(6000, 100, 1, Instant::now() - Duration::from_mins(2));
    let mut creator = Creator { client: &client, budget, wait: Duration::ZERO };
    for number in [2, 4] {
        let found = creator.good_with(&format!("0071{number}")).await.unwrap();
        assert_eq!(found.map(|good| good.id), Some(GoodId(9000 + number)));
    }
}
