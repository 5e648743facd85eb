//! Answers that are not the service's, or not about what they seem to be about: each in the way of a whole station, and
//! everything is delivered once all the same.

use std::time::Duration;

use stockpoint::domain::code::control::Control;
use stockpoint::domain::delivery::State;
use stockpoint::domain::ids::OperationId;
use stockpoint::domain::time::UnixMillis;
use stockpoint::feedback::What;
use stockpoint::sandbox::{Fault, Foreign, Lasts, Options, Selector};
use stockpoint::store::{Figures, Undo};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::api::contract_api::{Replay, permit};
use crate::support::station::{LOOK_EVERY, PATIENCE, Place, Station};

const SHAMPOO: &str = "4006381333931";
const COMB: &str = "9521234000013";
const POST: &str = "/storage_operations/operation";
const MOVEMENTS: &str = "/storages/transactions";
const LINES: &str = "/storage_operations/documents/goods_transactions";

/// Statuses of gateways, proxies and login pages.
const STATUSES: [u16; 12] = [200, 204, 302, 400, 401, 403, 404, 413, 421, 429, 502, 511];

async fn place_and_station() -> (Place, Station) {
    let place = Place::new(Options::sample()).await;
    let station = place.start();
    station.until_goods_are_read().await;
    (place, station)
}

async fn document(station: &mut Station, codes: &[&str]) {
    for code in codes {
        station.scan(code).await.unwrap();
    }
    station.scan(&Control::Close.code()).await.unwrap();
}

fn posted(figures: &Figures) -> u64 {
    figures.of(State::Posted).operations
}

/// Everything scanned is posted, nothing is refused, nothing stands twice.
async fn assert_all_posted(place: &Place, station: &Station, documents: u64, what: &str) {
    let figures = station.until_delivered().await;
    assert_eq!(posted(&figures), documents, "{what}: {figures:?}");
    assert!(figures.balance(), "{what}: {figures:?}");
    place.assert_nothing_is_doubled();
    let live = place.sandbox.books().live_documents().len();
    assert_eq!(u64::try_from(live).unwrap(), documents, "{what}");
}

async fn until_person(station: &Station, words: &str) {
    let end = Instant::now() + PATIENCE;
    while !person_is_told(station).iter().any(|told| told.contains(words)) {
        assert!(Instant::now() < end, "nobody was called: {words}");
        sleep(LOOK_EVERY).await;
    }
}

fn person_is_told(station: &Station) -> Vec<String> {
    let told = station.handle.recent().into_iter().filter_map(|news| match news.what {
        What::Person(words) => Some(words),
        _ => None,
    });
    told.collect()
}

#[tokio::test]
async fn no_strangers_answer_to_a_posting_refuses_or_doubles_anything() {
    let mut cases = JoinSet::new();
    for (at, status) in STATUSES.into_iter().enumerate() {
        for (offset, passes_on) in [(0, false), (3, true)] {
            let body = Foreign::ALL[(at + offset) % Foreign::ALL.len()];
            // Without content this is the service's own, which did not act.
            if (status, body, passes_on) == (429, Foreign::Empty, true) {
                continue;
            }
            cases.spawn(async move {
                let (place, mut station) = place_and_station().await;
                let fault = if passes_on {
                    Fault::ActThenStranger { status, body }
                } else {
                    Fault::Stranger { status, body }
                };
                place.sandbox.fault(Selector::path("POST", POST), fault.clone());
                document(&mut station, &[SHAMPOO, COMB]).await;
                assert_all_posted(&place, &station, 1, &format!("{fault:?}")).await;
                assert_eq!(person_is_told(&station), [""; 0], "{fault:?}");
                station.stop().await.unwrap();
            });
        }
    }
    cases.join_all().await;
}

/// The posting was carried out and its answer lost: only the service may say that it is not there.
#[tokio::test]
async fn no_strangers_answer_to_a_reading_is_absence() {
    let mut cases = JoinSet::new();
    for (at, status) in STATUSES.into_iter().enumerate() {
        for path in [MOVEMENTS, LINES] {
            let body = Foreign::ALL[(at + path.len()) % Foreign::ALL.len()];
            cases.spawn(async move {
                let (place, mut station) = place_and_station().await;
                place.sandbox.fault(Selector::path("POST", POST), Fault::ActThenDrop);
                let stranger = Fault::Stranger { status, body };
                place.sandbox.fail(Selector::path("GET", path), stranger.clone(), Lasts::Requests(2));
                document(&mut station, &[SHAMPOO, COMB]).await;
                assert_all_posted(&place, &station, 1, &format!("{path} {stranger:?}")).await;
                station.stop().await.unwrap();
            });
        }
    }
    cases.join_all().await;
}

#[tokio::test]
async fn a_login_page_before_everything_is_no_way_there_and_no_trouble_with_the_token() {
    for (status, body) in
        [(200, Foreign::Page), (302, Foreign::Empty), (401, Foreign::Page), (403, Foreign::Json)]
    {
        let (place, mut station) = place_and_station().await;
        place.sandbox.fail(Selector::Any, Fault::Stranger { status, body }, Lasts::UntilRecovered);
        for _ in 0..3 {
            document(&mut station, &[SHAMPOO]).await;
        }
        let end = Instant::now() + PATIENCE;
        let told = loop {
            let status = station.handle.status().await.unwrap().json();
            if status.contains(r#""state":"error""#) {
                break status;
            }
            assert!(Instant::now() < end, "{status}");
            sleep(LOOK_EVERY).await;
        };
        assert!(told.contains("something in between answered"), "{told}");
        sleep(Duration::from_millis(1500)).await;
        let figures = station.handle.figures().await.unwrap();
        let [queued, uncertain] = [State::Queued, State::Uncertain].map(|state| figures.of(state).operations);
        assert!(queued + uncertain == 3 && uncertain <= 1, "only the first was tried: {status} {body:?}");
        assert_eq!(person_is_told(&station), [""; 0]);
        place.sandbox.recover();
        assert_all_posted(&place, &station, 3, "after the login").await;
        station.stop().await.unwrap();
    }
}

#[tokio::test]
async fn the_clock_of_a_stranger_is_not_compared() {
    let page = Replay::of(200, "<html>").await;
    assert!(page.client.storages(permit()).await.is_err());
    assert_eq!(page.client.take_server_date(), None);
}

/// A time in which the service refuses everything says nothing of the form of a call.
#[tokio::test]
async fn a_time_in_which_everything_is_refused_is_no_evidence() {
    let (place, mut station) = place_and_station().await;
    let refuse = Fault::Refuse { status: 400, message: "Maintenance".to_owned() };
    place.sandbox.fail(Selector::Any, refuse, Lasts::UntilRecovered);
    for _ in 0..3 {
        document(&mut station, &[SHAMPOO, COMB]).await;
    }
    station.until("three refusals", |figures| figures.of(State::Uncertain).operations == 3).await;
    place.sandbox.recover();
    assert_all_posted(&place, &station, 3, "after the time").await;
    let fact = station.handle.store().run(|db| db.fact("one_call_refused")).await.unwrap().unwrap();
    assert_eq!(fact, None);
    place.sandbox.forget_requests();
    document(&mut station, &[COMB]).await;
    assert_all_posted(&place, &station, 4, "one more").await;
    let calls = place.sandbox.requests().into_iter().filter(|call| call.method == "POST");
    assert_eq!(calls.map(|call| call.path).collect::<Vec<_>>(), [format!("{POST}/4564")]);
    station.stop().await.unwrap();
}

/// Lets half a minute pass, in which the token is asked for again.
async fn half_a_minute() {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(31)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn what_was_forbidden_with_everything_else_is_posted_afterwards() {
    let (place, mut station) = place_and_station().await;
    place.sandbox.fail(Selector::Any, Fault::Forbidden, Lasts::UntilRecovered);
    for _ in 0..3 {
        document(&mut station, &[SHAMPOO]).await;
    }
    until_person(&station, "the token is not accepted").await;
    place.sandbox.recover();
    half_a_minute().await;
    assert_all_posted(&place, &station, 3, "after the time").await;
    station.stop().await.unwrap();
}

/// The probe after the first 403 is good by chance: the time ends just then.
#[tokio::test]
async fn one_403_before_a_good_answer_refuses_nothing() {
    let (place, mut station) = place_and_station().await;
    place.sandbox.fault(Selector::path("POST", POST), Fault::Forbidden);
    document(&mut station, &[SHAMPOO]).await;
    assert_all_posted(&place, &station, 1, "one 403").await;
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_document_that_alone_is_forbidden_is_refused_at_the_second_403_and_others_go_on() {
    let (place, mut station) = place_and_station().await;
    for _ in 0..2 {
        place.sandbox.fault(Selector::path("POST", POST), Fault::Forbidden);
    }
    place.sandbox.forget_requests();
    for _ in 0..2 {
        document(&mut station, &[SHAMPOO]).await;
    }
    station.until("the other", |figures| posted(figures) == 1).await;
    let figures = station.handle.figures().await.unwrap();
    assert_eq!(figures.of(State::Refused).operations, 1);
    let calls = place.sandbox.requests().into_iter().filter(|call| !call.path.starts_with("/goods"));
    let statuses: Vec<_> = calls.map(|call| (call.method, call.status.unwrap())).collect();
    let call = |method: &str, status| (method.to_owned(), status);
    let expected =
        [call("POST", 403), call("GET", 200), call("POST", 403), call("GET", 200), call("POST", 200)];
    assert!(statuses.windows(5).any(|calls| calls == expected), "{statuses:?}");
    station.stop().await.unwrap();
}

/// A document was posted, and its answer lost; what stands in it cannot be read.
async fn one_document_cannot_be_read(place: &Place, station: &mut Station) {
    place.sandbox.fault(Selector::path("POST", POST), Fault::ActThenDrop);
    let refuse = Fault::Refuse { status: 500, message: "Internal error".to_owned() };
    place.sandbox.fail(Selector::path("GET", LINES), refuse, Lasts::UntilRecovered);
    document(station, &[SHAMPOO]).await;
    station.until("a lost answer", |figures| figures.of(State::Uncertain).operations == 1).await;
}

fn reads_of_lines(place: &Place) -> usize {
    place.sandbox.requests().iter().filter(|call| call.path.starts_with(LINES)).count()
}

#[tokio::test]
async fn what_fails_of_one_document_holds_up_no_other_also_after_a_restart() {
    let (place, mut station) = place_and_station().await;
    one_document_cannot_be_read(&place, &mut station).await;
    for _ in 0..5 {
        document(&mut station, &[COMB]).await;
    }
    station.until("the others", |figures| posted(figures) == 5).await;
    station.stop().await.unwrap();
    let mut station = place.start();
    for _ in 0..5 {
        document(&mut station, &[COMB]).await;
    }
    station.until("the others", |figures| posted(figures) == 10).await;
    place.sandbox.recover();
    station.handle.store().run(|db| db.try_now(OperationId(1))).await.unwrap().unwrap();
    assert_all_posted(&place, &station, 11, "after all").await;
    station.stop().await.unwrap();
}

#[tokio::test]
async fn what_fails_again_and_again_waits_longer_each_time_and_calls_a_person_once() {
    let (place, mut station) = place_and_station().await;
    one_document_cannot_be_read(&place, &mut station).await;
    let told = station.until_told(|what| matches!(what, What::Person(_))).await;
    let What::Person(words) = told else { panic!("{told:?}") };
    assert!(
        words.starts_with(
            "document 1 failed 5 times in a row: the service reports a failure of its own (status 500)"
        ),
        "{words}"
    );
    let failing = station.handle.store().run(|db| db.summary(OperationId(1))).await.unwrap().unwrap().failing;
    assert!(failing.is_some_and(|failing| failing.is_person_called && failing.failures == 5));
    let read = reads_of_lines(&place);
    sleep(Duration::from_secs(4)).await;
    assert!(reads_of_lines(&place) <= read + 3, "{read}, then {}", reads_of_lines(&place));
    assert_eq!(person_is_told(&station).len(), 1);
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_posting_that_always_fails_is_sent_less_and_less_often_and_others_go_on() {
    let (place, mut station) = place_and_station().await;
    let refuse = Fault::Refuse { status: 500, message: "Internal error".to_owned() };
    place.sandbox.fail(Selector::path("POST", POST), refuse, Lasts::Requests(5));
    document(&mut station, &[SHAMPOO]).await;
    let told = station.until_told(|what| matches!(what, What::Person(_))).await;
    assert!(matches!(&told, What::Person(words) if words.contains("failed 5 times in a row")), "{told:?}");
    document(&mut station, &[COMB]).await;
    station.until("the other", |figures| posted(figures) >= 1).await;
    assert_all_posted(&place, &station, 2, "in the end").await;
    let failing = station.handle.store().run(|db| db.summary(OperationId(1))).await.unwrap().unwrap().failing;
    assert_eq!(failing, None, "what came of it is all that counts");
    station.stop().await.unwrap();
}

/// The time between two postings at least doubles, from the third on.
#[tokio::test]
async fn the_wait_between_two_postings_grows() {
    let place = Place::new(Options::sample()).await;
    let mut config = place.config();
    config.api.reconcile_after = Duration::from_millis(300);
    let mut station = Station::start(config, None).unwrap();
    station.until_goods_are_read().await;
    let refuse = Fault::Refuse { status: 500, message: "Internal error".to_owned() };
    place.sandbox.fail(Selector::path("POST", POST), refuse, Lasts::UntilRecovered);
    document(&mut station, &[SHAMPOO]).await;
    let end = Instant::now() + PATIENCE;
    let sent = || {
        let calls = place.sandbox.requests().into_iter().filter(|call| call.method == "POST");
        calls.map(|call| call.at.as_millisecond()).collect::<Vec<_>>()
    };
    while sent().len() < 5 {
        assert!(Instant::now() < end, "{:?}", sent());
        sleep(LOOK_EVERY).await;
    }
    let waits: Vec<i64> = sent().windows(2).map(|pair| pair[1] - pair[0]).collect();
    // Two readings before each, each after 300 ms, 300 ms, 600 ms, 1200 ms, 2400 ms.
    for (wait, least) in waits.iter().zip([600, 1200, 2400, 4800]) {
        assert!(*wait >= least, "{waits:?}");
    }
    station.stop().await.unwrap();
}

/// A person has the first document deleted on the service.
async fn delete_the_first(station: &Station) {
    let now = UnixMillis(1_790_000_000_000);
    let revoke = station.handle.store().run(move |db| db.revoke(OperationId(1), Undo::Delete, now));
    revoke.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_account_that_forbids_deleting_halfway_calls_a_person_once() {
    let (place, mut station) = place_and_station().await;
    document(&mut station, &[SHAMPOO, COMB]).await;
    station.until_delivered().await;
    place.sandbox.fault(Selector::path("DELETE", "/"), Fault::Pass);
    place.sandbox.fail(Selector::path("DELETE", "/"), Fault::Forbidden, Lasts::UntilRecovered);
    delete_the_first(&station).await;
    let told = station.until_told(|what| matches!(what, What::Person(_))).await;
    assert!(
        matches!(&told, What::Person(words) if words.contains("cannot be removed: Access denied.")),
        "{told:?}"
    );
    sleep(Duration::from_secs(3)).await;
    let calls = place.sandbox.requests().into_iter().filter(|call| call.method == "DELETE").count();
    assert!((2..=9).contains(&calls), "{calls}");
    assert_eq!(person_is_told(&station).len(), 1);
    place.sandbox.recover();
    station.handle.store().run(|db| db.try_now(OperationId(1))).await.unwrap().unwrap();
    let figures = station.until_delivered().await;
    assert_eq!(figures.of(State::Cancelled).operations, 1);
    station.stop().await.unwrap();
}

/// While the service forbids everything, nothing is concluded of a deletion.
#[tokio::test]
async fn a_deletion_that_is_forbidden_with_everything_else_is_not_given_up() {
    let (place, mut station) = place_and_station().await;
    document(&mut station, &[SHAMPOO]).await;
    station.until_delivered().await;
    place.sandbox.fail(Selector::Any, Fault::Forbidden, Lasts::UntilRecovered);
    delete_the_first(&station).await;
    until_person(&station, "the token is not accepted").await;
    place.sandbox.recover();
    half_a_minute().await;
    let figures = station.until("the deletion", |figures| figures.of(State::Cancelled).operations == 1).await;
    assert!(figures.balance());
    station.stop().await.unwrap();
}

/// A page of the goods that cannot be read holds nothing up and is not asked for all the time.
#[tokio::test]
async fn a_page_of_goods_that_always_fails_is_put_off_alone() {
    let place = Place::new(Options::sample()).await;
    let refuse = Fault::Refuse { status: 500, message: "Internal error".to_owned() };
    place.sandbox.configure(|options| options.quirks.page_rows_max = Some(10));
    let page = Selector::Page { prefix: "/goods/".to_owned(), page: 3 };
    place.sandbox.fail(page, refuse, Lasts::UntilRecovered);
    let mut station = place.start();
    let asked = || place.sandbox.requests().iter().filter(|call| call.status == Some(500)).count();
    let end = Instant::now() + PATIENCE;
    while asked() < 4 {
        assert!(Instant::now() < end, "{}", asked());
        sleep(LOOK_EVERY).await;
    }
    sleep(Duration::from_secs(4)).await;
    assert!(asked() <= 9, "{}", asked());
    place.sandbox.recover();
    station.handle.sync();
    station.until_goods_are_read().await;
    document(&mut station, &[SHAMPOO]).await;
    assert_all_posted(&place, &station, 1, "after all").await;
    station.stop().await.unwrap();
}
