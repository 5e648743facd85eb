//! The clock may be wrong and a document may be old: nothing is posted with a time that is not so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use jiff::Timestamp;
use stockpoint::clock::{Clock, SystemClock};
use stockpoint::config::BackDate;
use stockpoint::domain::code::control::Control;
use stockpoint::domain::delivery::{Event, State};
use stockpoint::domain::ids::OperationId;
use stockpoint::domain::time::{BootMillis, UnixMillis};
use stockpoint::feedback::What;
use stockpoint::sandbox::{Document, Fault, Options, Selector};
use stockpoint::store::Advance;
use tokio::time::{Instant, sleep, timeout};

use crate::support::station::{LOOK_EVERY, PATIENCE, Place, Station};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const SHAMPOO: &str = "4006381333931";

/// The machine's clocks, the wall's wrong by so much.
#[derive(Debug)]
struct WrongClock {
    right: SystemClock,
    wrong_by_ms: AtomicI64,
    is_synchronized: AtomicBool,
}

impl WrongClock {
    fn by(wrong_by_ms: i64) -> Arc<Self> {
        Arc::new(Self {
            right: SystemClock::new(),
            wrong_by_ms: AtomicI64::new(wrong_by_ms),
            is_synchronized: AtomicBool::new(false),
        })
    }

    fn set(&self, wrong_by_ms: i64) {
        self.wrong_by_ms.store(wrong_by_ms, Ordering::SeqCst);
    }

    fn synchronize(&self) {
        self.is_synchronized.store(true, Ordering::SeqCst);
    }
}

impl Clock for WrongClock {
    fn wall(&self) -> UnixMillis {
        self.right.wall().plus_ms(self.wrong_by_ms.load(Ordering::SeqCst))
    }

    fn boot(&self) -> BootMillis {
        self.right.boot()
    }

    fn boot_id(&self) -> &str {
        self.right.boot_id()
    }

    fn is_synchronized(&self) -> bool {
        self.is_synchronized.load(Ordering::SeqCst)
    }
}

async fn scan_and_close(station: &mut Station) {
    for code in [SHAMPOO.to_owned(), Control::Close.code()] {
        station.scan(&code).await.unwrap();
    }
}

/// The one document of the service.
fn posted(place: &Place) -> Document {
    let books = place.sandbox.books();
    let documents = books.live_documents();
    let [document] = documents.as_slice() else { panic!("{} documents", documents.len()) };
    (*document).clone()
}

/// How far a document's date is from the machine's clock, in ms.
fn age_ms(document: &Document) -> i64 {
    Timestamp::now().as_millisecond() - document.create_date.as_millisecond()
}

#[tokio::test]
async fn nothing_is_posted_while_the_clock_is_wrong_and_its_times_are_put_right_afterwards() {
    let place = Place::new(Options::sample()).await;
    let clock = WrongClock::by(-200 * DAY_MS);
    let mut station = Station::start_at(Arc::clone(&clock) as Arc<dyn Clock>, place.config(), None).unwrap();
    station.until_goods_are_read().await;
    scan_and_close(&mut station).await;
    assert!(!station.handle.status().await.unwrap().json().contains("\"trusted\":true"));
    let figures = station.handle.figures().await.unwrap();
    assert_eq!((figures.of(State::Queued).operations, place.sandbox.books().documents.len()), (1, 0));
    clock.set(0);
    station.handle.sync();
    station.until_delivered().await;
    let age = age_ms(&posted(&place));
    assert!((0..60_000).contains(&age), "the date is {age} ms old");
    station.stop().await.unwrap();
}

#[tokio::test]
async fn the_services_clock_outweighs_the_systems_word() {
    let mut options = Options::sample();
    options.clock_ahead_s = 3600;
    let place = Place::new(options).await;
    let clock = WrongClock::by(0);
    clock.synchronize();
    let mut station = Station::start_at(Arc::clone(&clock) as Arc<dyn Clock>, place.config(), None).unwrap();
    station.until_goods_are_read().await;
    scan_and_close(&mut station).await;
    assert_eq!(place.sandbox.books().documents.len(), 0);
    // No time server will settle it, so a person is told what both say.
    let told = station.until_told(|what| matches!(what, What::Person(_))).await;
    let What::Person(told) = told else { panic!("{told:?}") };
    assert!(told.contains("the service's clock says ") && told.contains("station.trust_clock"), "{told}");
    assert!(told.contains("this machine (synchronised with a time server) says "), "{told}");
    let status = station.handle.status().await.unwrap().json();
    assert!(status.contains("\"what\":\"the service's clock says "), "{status}");
    place.sandbox.configure(|options| options.clock_ahead_s = 0);
    station.handle.sync();
    station.until_delivered().await;
    posted(&place);
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_clock_that_is_set_while_the_agent_runs_posts_nothing_with_its_date() {
    let place = Place::new(Options::sample()).await;
    let clock = WrongClock::by(0);
    let mut station = Station::start_at(Arc::clone(&clock) as Arc<dyn Clock>, place.config(), None).unwrap();
    station.until_goods_are_read().await;
    assert!(station.handle.status().await.unwrap().json().contains("\"trusted\":true"));
    clock.set(-200 * DAY_MS);
    scan_and_close(&mut station).await;
    let end = Instant::now() + PATIENCE;
    while station.handle.status().await.unwrap().json().contains("\"trusted\":true") {
        assert!(Instant::now() < end, "it is still believed");
        sleep(LOOK_EVERY).await;
    }
    assert_eq!(place.sandbox.books().documents.len(), 0);
    clock.set(0);
    station.handle.sync();
    station.until_delivered().await;
    let age = age_ms(&posted(&place));
    assert!((0..60_000).contains(&age), "the date is {age} ms old");
    station.stop().await.unwrap();
}

/// A station that scanned and closed a document five days ago, for an account that takes them two days back.
async fn old_document(policy: BackDate) -> (Place, Station) {
    let mut options = Options::sample();
    options.permissions.days_back = Some(2);
    let place = Place::new(options).await;
    let mut config = place.config();
    config.station.back_date = policy;
    let clock = WrongClock::by(0);
    let mut station = Station::start_at(Arc::clone(&clock) as Arc<dyn Clock>, config, None).unwrap();
    station.until_goods_are_read().await;
    // The agent reads its rights after the goods.
    let known = async {
        while station.handle.store().run(|db| db.fact("days_back")).await.unwrap().unwrap().as_deref()
            != Some("2")
        {
            sleep(LOOK_EVERY).await;
        }
    };
    timeout(PATIENCE, known).await.unwrap();
    station.scan_at(SHAMPOO, clock.right.wall().plus_ms(-5 * DAY_MS)).await.unwrap();
    station.scan(&Control::Close.code()).await.unwrap();
    (place, station)
}

#[tokio::test]
async fn a_document_older_than_the_account_takes_waits_for_a_person_unsent() {
    let (place, mut station) = old_document(BackDate::KeepDate).await;
    let told = station.until_told(|what| matches!(what, What::Person(_))).await;
    let What::Person(why) = told else { panic!("{told:?}") };
    assert!(why.contains("storages_create_last_days_count") && why.contains("--today"), "{why}");
    let figures = station.handle.figures().await.unwrap();
    assert_eq!(figures.of(State::Refused).operations, 1);
    let writes = place.sandbox.requests().iter().filter(|request| request.method == "POST").count();
    assert_eq!(writes, 0, "what would be refused is not sent");
    // The right is widened, and a person has it tried again: it keeps its date.
    place.sandbox.configure(|options| options.permissions.days_back = None);
    retry(&station, None).await;
    station.until_delivered().await;
    let age = age_ms(&posted(&place));
    assert!((5 * DAY_MS..5 * DAY_MS + 60_000).contains(&age), "the date is {age} ms old");
    station.stop().await.unwrap();
}

#[tokio::test]
async fn an_old_document_is_dated_today_where_the_station_is_told_to_and_says_when_it_was_scanned() {
    let (place, station) = old_document(BackDate::Today).await;
    station.until_delivered().await;
    let document = posted(&place);
    let age = age_ms(&document);
    assert!((0..60_000).contains(&age), "the date is {age} ms old");
    assert!(document.comment.contains("# scanned 20"), "{}", document.comment);
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_person_can_have_one_document_dated_today() {
    let (place, mut station) = old_document(BackDate::KeepDate).await;
    station.until_told(|what| matches!(what, What::Person(_))).await;
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string();
    retry(&station, Some(now)).await;
    station.until_delivered().await;
    let document = posted(&place);
    assert!((0..60_000).contains(&age_ms(&document)));
    assert!(document.comment.contains("# scanned 20"), "{}", document.comment);
    station.stop().await.unwrap();
}

/// What `stockpoint outbox retry` does.
async fn retry(station: &Station, date: Option<String>) {
    let (id, now) = (OperationId(1), UnixMillis(Timestamp::now().as_millisecond()));
    let retried = station.handle.store().run(move |db| {
        let delivery = db.pending(id).unwrap().delivery;
        if let Some(date) = date {
            db.redate(id, &date).unwrap();
        }
        let to = delivery.apply(Event::Retry).unwrap();
        db.advance(&Advance { id, from: delivery.state, to, what: "a person".to_owned(), now })
    });
    assert!(retried.await.unwrap().unwrap());
}

#[tokio::test]
async fn a_document_whose_answer_was_lost_is_found_by_a_station_whose_clock_is_days_off() {
    for (off_by, answers) in
        [(DAY_MS, Fault::ActThenDrop), (3 * DAY_MS, Fault::ActThenStatus(500)), (-DAY_MS, Fault::ActThenDrop)]
    {
        let place = Place::new(Options::sample()).await;
        let mut config = place.config();
        config.station.trust_clock = true;
        let clock = WrongClock::by(off_by);
        let mut station = Station::start_at(Arc::clone(&clock) as Arc<dyn Clock>, config, None).unwrap();
        station.until_goods_are_read().await;
        place.sandbox.fault(Selector::Writes, answers);
        station.scan(SHAMPOO).await.unwrap();
        scan_and_close(&mut station).await;
        let figures = station.until_delivered().await;
        assert_eq!(figures.of(State::Posted).operations, 1);
        let units: Vec<String> = place.on_service().values().map(ToString::to_string).collect();
        assert_eq!(units, ["2"], "{off_by}");
        place.assert_nothing_is_doubled();
        station.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_station_that_is_told_to_trust_its_clock_posts_once_whatever_the_services_clock_says() {
    for clock_ahead_s in [600, -600, 172_800] {
        let mut options = Options::sample();
        options.clock_ahead_s = clock_ahead_s;
        let place = Place::new(options).await;
        let clock = WrongClock::by(0);
        clock.synchronize();
        let mut config = place.config();
        config.station.trust_clock = true;
        let mut station = Station::start_at(Arc::clone(&clock) as Arc<dyn Clock>, config, None).unwrap();
        station.until_goods_are_read().await;
        place.sandbox.fault(Selector::Writes, Fault::ActThenDrop);
        scan_and_close(&mut station).await;
        let figures = station.until_delivered().await;
        assert_eq!(figures.of(State::Posted).operations, 1, "{clock_ahead_s}");
        let age = age_ms(&posted(&place));
        assert!((0..60_000).contains(&age), "{clock_ahead_s}: the date is {age} ms old");
        station.stop().await.unwrap();
    }
}
