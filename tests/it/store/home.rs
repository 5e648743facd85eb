//! A data folder that is a copy, was put back, or is somewhere else than it belongs: what it holds unsent is sent once or
//! not at all, and a person hears of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rust_decimal::Decimal;
use stockpoint::app::Host;
use stockpoint::clock::SystemClock;
use stockpoint::domain::code::control::Control;
use stockpoint::domain::delivery::{Awaits, State};
use stockpoint::domain::home::{Books, DataState, Home, Machine};
use stockpoint::domain::ids::{GoodId, LocationId};
use stockpoint::domain::stock::mode::Kind;
use stockpoint::domain::time::UnixMillis;
use stockpoint::machine::{self, Roots};
use stockpoint::sandbox::{Fault, GoodRow, Options, Selector};
use stockpoint::store::{
    self, Adopted, Adoption, BackupError, BackupFile, Db, Figures, OperationFilter, Replace, RestoredData,
    Shares,
};
use tempfile::TempDir;
use tokio::runtime;
use tokio::time::{Instant, sleep};

use crate::support::station::{LOOK_EVERY, PATIENCE, Place, Station};

const SHAMPOO: &str = "4006381333931";
const COMB: &str = "9521234000013";

/// The time of commands.
const NOW: UnixMillis = UnixMillis(1_790_200_000_000);

fn restore(dir: &Path, file: &Path, books: &Books, replace: Replace) -> Result<RestoredData, BackupError> {
    store::restore(dir, BackupFile::open(file)?, books, replace, NOW)
}

/// How long a station that must send nothing is watched.
const WATCHED: Duration = Duration::from_millis(300);

fn host(machine: &str) -> Host {
    let clock = Arc::new(SystemClock::new());
    Host { clock, machine: Machine::stored(machine), service: None, commit_hook: None }
}

/// Copies the databases of a folder, as an image of a memory card would.
fn copy_of(from: &Path) -> TempDir {
    let copy = TempDir::new().unwrap();
    put(from, copy.path());
    copy
}

fn put(from: &Path, to: &Path) {
    for name in fs::read_dir(to).unwrap().map(|entry| entry.unwrap().path()) {
        fs::remove_file(name).unwrap();
    }
    for entry in
        fs::read_dir(from).unwrap().map(Result::unwrap).filter(|entry| entry.file_type().unwrap().is_file())
    {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn take_offline(place: &Place) {
    place.sandbox.outage(Some((Selector::Any, Fault::DropBefore)));
}

fn units(place: &Place) -> Decimal {
    place.on_service().values().sum()
}

async fn close(station: &mut Station) {
    station.scan(&Control::Close.code()).await.unwrap();
}

/// Reads the goods, then goes on without the service: nothing is delivered.
async fn offline(place: &Place) -> Station {
    let station = place.start();
    station.until_goods_are_read().await;
    take_offline(place);
    station
}

/// Scans codes into an open document, stops, and returns a copy of the folder as it then is.
async fn scanned_and_copied(place: &Place, codes: &[&str]) -> TempDir {
    let mut station = place.start();
    station.until_goods_are_read().await;
    for code in codes {
        station.scan(code).await.unwrap();
    }
    station.stop().await.unwrap();
    copy_of(place.dir.path())
}

/// What a station shows whose folder is foreign.
async fn until_foreign(station: &Station) -> Figures {
    station.until("a foreign folder", |figures| figures.data.state == DataState::Foreign).await
}

/// Until nothing is undelivered; late looks may still be due.
async fn until_sent(station: &Station) -> Figures {
    station.until("the end of deliveries", |figures| !figures.is_undelivered()).await
}

async fn sends_nothing(place: &Place, begun: usize) {
    let end = Instant::now() + WATCHED;
    while Instant::now() < end {
        assert_eq!(place.sandbox.requests().len(), begun, "a foreign folder asks the service for something");
        sleep(LOOK_EVERY).await;
    }
}

fn home(place: &Place, machine: &str, station: &str) -> Home {
    let books = Books { service: place.sandbox.base_url(), location: LocationId(4564) };
    Home { machine: Machine::stored(machine), books, station: station.to_owned() }
}

fn adopt(dir: &Path, adoption: Adoption, here: &Home) -> Adopted {
    let mut db = Db::open_beside(dir, &here.station).unwrap().unwrap();
    db.adopt(adoption, here, NOW).unwrap()
}

/// Three documents of six units in all, closed and undelivered.
async fn three_documents(station: &mut Station) {
    for code in [SHAMPOO, COMB, SHAMPOO] {
        station.scan(code).await.unwrap();
        station.scan(code).await.unwrap();
        close(station).await;
    }
}

#[tokio::test]
async fn a_copy_that_is_put_back_after_its_documents_were_posted_posts_nothing_again() {
    let place = Place::new(Options::sample()).await;
    let mut station = offline(&place).await;
    three_documents(&mut station).await;
    station.stop().await.unwrap();
    let copy = copy_of(place.dir.path());
    place.sandbox.outage(None);
    let station = place.start();
    let figures = until_sent(&station).await;
    assert_eq!((figures.of(State::Posted).operations, units(&place)), (3, Decimal::from(6)));
    assert_eq!(figures.data.state, DataState::Ok);
    station.stop().await.unwrap();
    put(copy.path(), place.dir.path());
    let mut station = place.start();
    let figures = until_sent(&station).await;
    assert_eq!((figures.of(State::Posted).operations, units(&place)), (3, Decimal::from(6)));
    assert_eq!(figures.data.state, DataState::Restored);
    let figures = station.until("an alarm", |figures| !figures.alarms.is_empty()).await;
    assert!(figures.alarms[0].what.contains("older than what was sent from it"), "{:?}", figures.alarms);
    // A person has read it.
    station.scan(&Control::Ok.code()).await.unwrap();
    let figures = station.until("the end of the alarm", |figures| figures.alarms.is_empty()).await;
    assert_eq!(figures.data.state, DataState::Ok);
    station.stop().await.unwrap();
    place.assert_nothing_is_doubled();
}

#[tokio::test]
async fn what_a_start_finds_unsent_is_looked_for_in_one_listing() {
    let place = Place::new(Options::sample()).await;
    let station = place.start();
    station.until_goods_are_read().await;
    station.stop().await.unwrap();
    // Elsewhere nothing is sent, and back home all of it is unsent.
    let mut station = Station::start_on(host("mac:2"), place.config()).unwrap();
    until_foreign(&station).await;
    three_documents(&mut station).await;
    station.stop().await.unwrap();
    let before = place.sandbox.requests().len();
    let mut config = place.config();
    config.api.late_check_after = Duration::from_hours(1);
    let station = Station::start(config, None).unwrap();
    until_sent(&station).await;
    let requests = place.sandbox.requests().split_off(before);
    let listings = requests.iter().filter(|request| request.path.contains("storages/transactions")).count();
    let posts = requests.iter().filter(|request| request.method == "POST").count();
    // A listing that is empty is asked for twice.
    assert_eq!((posts, listings), (3, 2));
    assert_eq!(units(&place), Decimal::from(6));
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_document_that_was_open_in_the_copy_and_has_grown_since_waits_for_a_person() {
    let place = Place::new(Options::sample()).await;
    let copy = scanned_and_copied(&place, &[SHAMPOO]).await;
    let mut station = place.start();
    close(&mut station).await;
    until_sent(&station).await;
    station.stop().await.unwrap();
    put(copy.path(), place.dir.path());
    let mut station = place.start();
    station.scan(SHAMPOO).await.unwrap();
    close(&mut station).await;
    let figures =
        station.until("a document in doubt", |figures| figures.of(State::Uncertain).operations == 1).await;
    assert_eq!((figures.data.state, units(&place)), (DataState::Restored, Decimal::ONE));
    let figures = station.until("both alarms", |figures| figures.alarms.len() == 2).await;
    assert!(figures.alarms.iter().any(|alarm| alarm.what.contains("never sent")), "{:?}", figures.alarms);
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_parked_scan_that_was_booked_from_another_copy_is_not_booked_again() {
    let place = Place::new(Options::sample()).await;
    let copy = scanned_and_copied(&place, &["LATER-1"]).await;
    place.sandbox.put_good(GoodRow::new(GoodId(9001), "Entered later", "LATER-1"));
    for _ in 0..2 {
        let station = place.start();
        station.handle.sync();
        station.until("the parked scan booked", |figures| figures.scans.unknown == 0).await;
        until_sent(&station).await;
        assert_eq!(place.on_service(), BTreeMap::from([((Kind::Receipt, GoodId(9001)), Decimal::ONE)]));
        station.stop().await.unwrap();
        put(copy.path(), place.dir.path());
    }
}

#[tokio::test]
async fn a_folder_on_another_machine_takes_scans_and_sends_nothing_until_it_is_adopted() {
    let place = Place::new(Options::sample()).await;
    let mut station = offline(&place).await;
    three_documents(&mut station).await;
    station.stop().await.unwrap();
    place.sandbox.outage(None);
    let begun = place.sandbox.requests().len();
    let mut station = Station::start_on(host("mac:2"), place.config()).unwrap();
    let figures = until_foreign(&station).await;
    assert!(figures.alarms[0].what.contains("belongs to another machine"), "{:?}", figures.alarms);
    let answer = station.scan(SHAMPOO).await.unwrap();
    assert!(crate::support::station::booked(&answer).is_some(), "{answer:?}");
    close(&mut station).await;
    sends_nothing(&place, begun).await;
    assert!(matches!(
        adopt(place.dir.path(), Adoption::Copy, &home(&place, "mac:2", "dock-1")),
        Adopted::SameName(_)
    ));
    let adopted = adopt(place.dir.path(), Adoption::Moved, &home(&place, "mac:2", "dock-1"));
    assert_eq!(adopted, Adopted::Done(Shares::default()));
    let again = adopt(place.dir.path(), Adoption::Moved, &home(&place, "mac:2", "dock-1"));
    assert_eq!(again, Adopted::NotForeign);
    let figures = until_sent(&station).await;
    assert_eq!((figures.data.state, units(&place)), (DataState::Ok, Decimal::from(7)));
    assert!(figures.alarms.is_empty(), "{:?}", figures.alarms);
    station.stop().await.unwrap();
    place.assert_nothing_is_doubled();
    // Back on the first machine it is foreign again.
    let station = place.start();
    until_foreign(&station).await;
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_cloned_card_with_an_open_document_books_only_what_is_scanned_on_it() {
    let place = Place::new(Options::sample()).await;
    let clone = scanned_and_copied(&place, &[SHAMPOO, "PARKED"]).await;
    // The clone begins on another machine, and its document goes on.
    let mut config = place.config();
    clone.path().clone_into(&mut config.station.data_dir);
    let mut other = Station::start_on(host("mac:2"), config.clone()).unwrap();
    until_foreign(&other).await;
    other.scan(COMB).await.unwrap();
    close(&mut other).await;
    other.stop().await.unwrap();
    config.station.name = "dock-2".to_owned();
    let adopted = adopt(clone.path(), Adoption::Copy, &home(&place, "mac:2", "dock-2"));
    let Adopted::Done(Shares { aside, parked, .. }) = adopted else { panic!("{adopted:?}") };
    assert_eq!((aside.documents, aside.units.to_string(), parked), (1, "1".to_owned(), 1));
    let other = Station::start_on(host("mac:2"), config).unwrap();
    let figures = until_sent(&other).await;
    assert!(figures.balance(), "{figures:?}");
    assert_eq!((figures.units_parked.to_string(), figures.scans.undone), ("0".to_owned(), 1));
    // The first goes on as if nothing had been.
    let mut station = place.start();
    close(&mut station).await;
    until_sent(&station).await;
    let receipt = |good| (Kind::Receipt, GoodId(good));
    let expected = BTreeMap::from([(receipt(123_456), Decimal::ONE), (receipt(123_457), Decimal::ONE)]);
    assert_eq!(place.on_service(), expected);
    let listed =
        other.handle.store().run(|db| db.operations(OperationFilter::All, 10)).await.unwrap().unwrap();
    let aside: Vec<_> = listed.iter().filter(|summary| summary.aside.is_some()).collect();
    assert_eq!(aside.len(), 1);
    place.assert_nothing_is_doubled();
    other.stop().await.unwrap();
    station.stop().await.unwrap();
}

#[tokio::test]
async fn documents_of_one_location_never_reach_another_and_are_sent_when_it_is_back() {
    let place = Place::new(Options::sample()).await;
    let mut station = offline(&place).await;
    three_documents(&mut station).await;
    station.stop().await.unwrap();
    place.sandbox.outage(None);
    let begun = place.sandbox.requests().len();
    let mut elsewhere = place.config();
    elsewhere.station.location_id = LocationId(77);
    let station = Station::start(elsewhere, None).unwrap();
    let figures = until_foreign(&station).await;
    assert!(figures.alarms[0].what.contains("location 4564"), "{:?}", figures.alarms);
    sends_nothing(&place, begun).await;
    station.stop().await.unwrap();
    let mut here = home(&place, "mac:1", "dock-1");
    here.books.location = LocationId(77);
    let Adopted::Done(Shares { aside, .. }) = adopt(place.dir.path(), Adoption::Moved, &here) else {
        panic!("not adopted")
    };
    assert_eq!((aside.documents, aside.units.to_string()), (3, "6".to_owned()));
    let station = place.start();
    until_foreign(&station).await;
    let here = home(&place, "mac:1", "dock-1");
    let Adopted::Done(Shares { back, .. }) = adopt(place.dir.path(), Adoption::Moved, &here) else {
        panic!("not adopted")
    };
    assert_eq!((back.documents, back.units.to_string()), (3, "6".to_owned()));
    let figures = until_sent(&station).await;
    assert_eq!((figures.of(State::Posted).operations, units(&place)), (3, Decimal::from(6)));
    assert!(figures.balance());
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_backup_of_a_running_station_is_put_back_whole_and_posts_nothing_again() {
    let place = Place::new(Options::sample()).await;
    let mut station = offline(&place).await;
    three_documents(&mut station).await;
    let (dir, away) = (place.dir.path(), TempDir::new().unwrap());
    let file = away.path().join("station.backup");
    let beside = Db::open_beside(dir, "dock-1").unwrap().unwrap();
    let made = beside.back_up(&file, "[station]\n", NOW).unwrap();
    assert_eq!((made.unsent, made.station.as_str(), made.config.as_str()), (3, "dock-1", "[station]\n"));
    let again = beside.back_up(&file, "", NOW).unwrap_err();
    assert!(matches!(again, BackupError::Exists(_)), "{again}");
    drop(beside);
    place.sandbox.outage(None);
    until_sent(&station).await;
    station.stop().await.unwrap();
    let books = home(&place, "mac:1", "dock-1").books;
    let done = restore(dir, &file, &books, Replace::OnlyDelivered).unwrap();
    assert!(done.replaced.unwrap().exists());
    let station = place.start();
    let figures = until_sent(&station).await;
    assert_eq!((figures.data.state, units(&place)), (DataState::Restored, Decimal::from(6)));
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_sound_backup_of_this_station_changes_nothing() {
    let place = Place::new(Options::sample()).await;
    let mut station = offline(&place).await;
    three_documents(&mut station).await;
    station.stop().await.unwrap();
    let (dir, away) = (place.dir.path(), TempDir::new().unwrap());
    let file = away.path().join("station.backup");
    Db::open_beside(dir, "dock-1").unwrap().unwrap().back_up(&file, "", NOW).unwrap();
    let books = home(&place, "mac:1", "dock-1").books;
    let before = fs::read(dir.join("outbox.db")).unwrap();
    let unsent = restore(dir, &file, &books, Replace::OnlyDelivered).unwrap_err();
    assert!(unsent.to_string().contains("3 undelivered documents"), "{unsent}");
    let elsewhere = Books { location: LocationId(77), ..books.clone() };
    let foreign = restore(dir, &file, &elsewhere, Replace::Anything).unwrap_err();
    assert!(matches!(foreign, BackupError::Foreign { .. }), "{foreign}");
    let text = away.path().join("text");
    fs::write(&text, "not a database").unwrap();
    for file in [&text, &dir.join("goods.db"), &dir.join("outbox.db")] {
        let none = restore(dir, file, &books, Replace::Anything).unwrap_err();
        assert!(matches!(none, BackupError::NoBackup(_)), "{none}");
    }
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0x5a);
    let damaged = away.path().join("damaged");
    fs::write(&damaged, &bytes).unwrap();
    let error = restore(dir, &damaged, &books, Replace::Anything).unwrap_err();
    assert!(matches!(error, BackupError::Damaged(_)), "{error}");
    let mut bytes = fs::read(&file).unwrap();
    // The schema's version (`user_version`, sqlite.org/fileformat.html, section 1.3).
    bytes[60..64].copy_from_slice(&9000_u32.to_be_bytes());
    let newer = away.path().join("newer");
    fs::write(&newer, &bytes).unwrap();
    let error = restore(dir, &newer, &books, Replace::Anything).unwrap_err();
    assert!(matches!(error, BackupError::Newer { found: 9000, .. }), "{error}");
    assert_eq!(fs::read(dir.join("outbox.db")).unwrap(), before);
    assert!(!dir.join("restore.part").exists());
}

#[tokio::test]
async fn a_document_that_waits_too_long_is_an_alarm_until_it_is_delivered() {
    let place = Place::new(Options::sample()).await;
    let mut config = place.config();
    config.station.alarm_after = Some(Duration::from_millis(100));
    let mut station = Station::start(config, None).unwrap();
    station.until_goods_are_read().await;
    take_offline(&place);
    station.scan(SHAMPOO).await.unwrap();
    close(&mut station).await;
    let figures = station.until("an alarm", |figures| !figures.alarms.is_empty()).await;
    assert!(figures.alarms[0].what.contains("1 document has waited too long"), "{:?}", figures.alarms);
    station.scan(&Control::Ok.code()).await.unwrap();
    let figures =
        station.until("a seen alarm", |figures| figures.alarms.iter().all(|alarm| alarm.is_seen)).await;
    assert_eq!(figures.alarms.len(), 1, "OK does not end its cause");
    place.sandbox.outage(None);
    let end = Instant::now() + PATIENCE;
    station.until("the end of the alarm", |figures| figures.alarms.is_empty() || Instant::now() > end).await;
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_machine_whose_hardware_shows_itself_late_sends_nothing_before_and_everything_after() {
    let place = Place::new(Options::sample()).await;
    let (this, late) = (machine::read(&Roots::default()), Machine::default());
    let host_with = |machine: &Machine| Host { machine: machine.clone(), ..host("") };
    let mut station = Station::start_on(host_with(&this), place.config()).unwrap();
    station.until_goods_are_read().await;
    station.scan(SHAMPOO).await.unwrap();
    station.stop().await.unwrap();
    let mut station = Station::start_on(host_with(&late), place.config()).unwrap();
    close(&mut station).await;
    let figures = until_sent(&station).await;
    assert_eq!((figures.data.state, units(&place)), (DataState::Ok, Decimal::ONE));
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_machine_that_shows_nothing_to_compare_sends_nothing() {
    let place = Place::new(Options::sample()).await;
    let station = place.start();
    station.until_goods_are_read().await;
    station.stop().await.unwrap();
    let begun = place.sandbox.requests().len();
    // Where this machine has an interface it is another one, and the agent ends to start anew as foreign.
    let _station = Station::start_on(host(""), place.config()).unwrap();
    sends_nothing(&place, begun).await;
}

/// What happens to a station whose folder is copied and put back.
#[derive(Debug, Clone)]
enum Action {
    Scan(&'static str),
    Park,
    Close,
    /// The next write meets this fault.
    Fail(Fault),
    /// The power goes and comes back.
    Die,
    /// The folder is copied.
    Copy,
    /// The last copy is put back.
    PutBack,
    /// The card spends some time in another machine: it is scanned there, and comes back.
    Elsewhere,
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let faults = vec![
        Fault::DropBefore,
        Fault::ActThenDrop,
        Fault::ActThenStatus(500),
        Fault::Late { ms: 20 },
        Fault::Late { ms: 100 },
        Fault::PartialApply { lines: 1 },
    ];
    let action = prop_oneof![
        8 => select(vec![SHAMPOO, COMB]).prop_map(Action::Scan),
        1 => Just(Action::Park),
        6 => Just(Action::Close),
        3 => select(faults).prop_map(Action::Fail),
        2 => Just(Action::Die),
        3 => Just(Action::Copy),
        3 => Just(Action::PutBack),
        1 => Just(Action::Elsewhere),
    ];
    vec(action, 4..=24)
}

/// Plays a list. Gives back how many units were confirmed, stand on the service, and wait for a person.
async fn play(actions: Vec<Action>) -> (Decimal, Decimal, u64) {
    let place = Place::new(Options::sample()).await;
    let mut station = place.start();
    station.until_goods_are_read().await;
    let (mut copy, mut confirmed) = (None, Decimal::ZERO);
    for action in actions {
        match action {
            Action::Scan(code) => {
                station.scan(code).await.unwrap();
                confirmed += Decimal::ONE;
            }
            Action::Park => {
                station.scan("LATER-1").await.unwrap();
                confirmed += Decimal::ONE;
            }
            Action::Close => close(&mut station).await,
            Action::Fail(fault) => place.sandbox.fault(Selector::path("POST", "/"), fault),
            Action::Die => {
                station.die().await;
                station = place.start();
            }
            Action::Copy => {
                station.stop().await.unwrap();
                copy = Some(copy_of(place.dir.path()));
                station = place.start();
            }
            Action::PutBack => {
                let Some(copy) = &copy else { continue };
                station.stop().await.unwrap();
                put(copy.path(), place.dir.path());
                station = place.start();
            }
            Action::Elsewhere => {
                station.stop().await.unwrap();
                station = Station::start_on(host("mac:2"), place.config()).unwrap();
                station.scan(COMB).await.unwrap();
                confirmed += Decimal::ONE;
                station.stop().await.unwrap();
                station = place.start();
            }
        }
    }
    place.sandbox.put_good(GoodRow::new(GoodId(9001), "Entered later", "LATER-1"));
    station.handle.sync();
    station.until("the parked scans booked", |figures| figures.scans.unknown == 0).await;
    close(&mut station).await;
    let end = Instant::now() + PATIENCE;
    let figures = loop {
        let look = |db: &mut Db| Ok::<_, store::Error>((db.agenda()?, db.figures()?));
        let (agenda, figures) = station.handle.store().run(look).await.unwrap().unwrap();
        if agenda.iter().all(|(_, waiting)| waiting.awaits == Awaits::Nobody)
            && place.sandbox.late_acts() == 0
        {
            break figures;
        }
        assert!(Instant::now() < end, "never at rest: {agenda:?}");
        sleep(LOOK_EVERY).await;
    };
    assert!(figures.balance(), "{figures:?}");
    place.assert_nothing_is_doubled();
    let waits = figures.of(State::Uncertain);
    assert!(waits.operations == 0 || figures.alarms.len() >= usize::try_from(waits.operations).unwrap());
    let posted = figures.of(State::Posted).units.to_decimal();
    let standing = units(&place);
    assert!(standing >= posted, "{posted} units posted by the books, {standing} on the service");
    station.stop().await.unwrap();
    (confirmed, standing, waits.operations)
}

/// Lists of a run, and lists at once.
const LISTS: u8 = 24;
const AT_ONCE: u8 = 8;

#[test]
fn no_list_of_copies_put_back_puts_more_on_the_service_than_was_scanned() {
    let workers: Vec<_> = (0..AT_ONCE)
        .map(|worker| {
            thread::Builder::new()
                .spawn(move || {
                    let config = Config { cases: u32::from(LISTS / AT_ONCE), failure_persistence: None, ..Config::default() };
                    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[worker + 1; 32]);
                    TestRunner::new_with_rng(config, rng).run(&actions(), |actions| {
                        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
                        let (confirmed, standing, waits) = runtime.block_on(play(actions));
                        prop_assert!(standing <= confirmed, "{} scanned, {} on the service", confirmed, standing);
                        println!("{confirmed} units confirmed, {standing} on the service, {waits} documents ask a person");
                        Ok(())
                    })
                })
                .unwrap()
        })
        .collect();
    let failed: Vec<_> = workers.into_iter().filter_map(|worker| worker.join().unwrap().err()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}
