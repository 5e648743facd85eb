//! A person corrects what the service refused, beside a running agent, and has it tried again.

use std::collections::BTreeMap;
use std::time::Duration;

use rust_decimal::Decimal;
use stockpoint::domain::code::control::Control;
use stockpoint::domain::delivery::State;
use stockpoint::domain::ids::GoodId;
use stockpoint::domain::stock::mode::Kind;
use stockpoint::feedback::What;
use stockpoint::sandbox::{Fault, Options, Selector};
use stockpoint::store::Figures;

use crate::support::program::Shed;
use crate::support::station::{Place, Station};

const SHAMPOO: &str = "4006381333931";
const COMB: &str = "9521234000013";
const BRUSH: &str = "036000291452";
const SHAMPOO_ID: GoodId = GoodId(123_456);
const COMB_ID: GoodId = GoodId(123_457);
const BRUSH_ID: GoodId = GoodId(123_475);

/// A station that had twelve shampoos, a comb and a brush refused, all in one document.
async fn refused() -> (Place, Station, Shed) {
    let place = Place::new(Options::sample()).await;
    let mut station = place.start();
    station.until_goods_are_read().await;
    place.sandbox.configure(|options| options.permissions.types = vec![4]);
    for code in [&Control::Quantity(12).code(), SHAMPOO, COMB, BRUSH, &Control::Close.code()] {
        station.scan(code).await.unwrap();
    }
    station.until_delivered().await;
    place.sandbox.configure(|options| options.permissions.types = vec![3, 4]);
    let shed = Shed::beside(&place.sandbox, place.dir.path());
    (place, station, shed)
}

fn units(figures: &Figures, state: State) -> String {
    figures.of(state).units.to_string()
}

fn on_service(place: &Place) -> BTreeMap<GoodId, Decimal> {
    place
        .on_service()
        .into_iter()
        .map(|((kind, good), units)| {
            assert_eq!(kind, Kind::Receipt);
            (good, units)
        })
        .collect()
}

async fn retried(station: &Station, shed: &Shed) -> Figures {
    shed.says(&["outbox", "retry", "1"]).await;
    let figures = station.until("the posting", |figures| figures.of(State::Posted).operations == 1).await;
    assert!(figures.balance(), "{figures:?}");
    figures
}

#[tokio::test]
async fn a_corrected_document_is_posted_as_corrected_and_the_books_balance() {
    let (place, station, shed) = refused().await;
    let told = shed.says(&["outbox", "correct", "1", "1", "--quantity", "2", "--price", "4.50"]).await;
    assert_eq!(
        told,
        "line 1 of document 1 is now 2 x Shampoo 1 (good 123456, 4.5 each)\n`stockpoint outbox retry 1` tries it again\n"
    );
    shed.says(&["outbox", "correct", "1", "2", "--quantity", "3"]).await;
    shed.says(&["outbox", "correct", "1", "3", "--drop"]).await;
    let figures = station.handle.figures().await.unwrap();
    // Fourteen were scanned; two combs were added, ten shampoos and the brush taken out.
    assert_eq!(figures.units_booked.to_string(), "16");
    assert_eq!([units(&figures, State::Refused), units(&figures, State::Cancelled)], ["5", "11"]);
    assert!(figures.balance());
    let figures = retried(&station, &shed).await;
    assert_eq!([units(&figures, State::Posted), units(&figures, State::Cancelled)], ["5", "11"]);
    let expected = BTreeMap::from([(SHAMPOO_ID, Decimal::TWO), (COMB_ID, Decimal::from(3))]);
    assert_eq!(on_service(&place), expected);
    let books = place.sandbox.books();
    let shampoo = books.live_lines().into_iter().find(|line| line.good == SHAMPOO_ID).unwrap();
    assert_eq!(shampoo.cost_per_unit.to_string(), "4.5");
}

#[tokio::test]
async fn another_good_brings_its_own_price_and_the_trail_keeps_what_was() {
    let (place, station, shed) = refused().await;
    let other = place
        .sandbox
        .goods()
        .into_iter()
        .find(|good| !good.barcode.is_empty() && ![SHAMPOO_ID, COMB_ID, BRUSH_ID].contains(&good.id));
    let other = other.unwrap();
    let id = other.id.to_string();
    shed.says(&["outbox", "correct", "1", "1", "--good", &id]).await;
    let show = shed.says(&["outbox", "show", "1"]).await;
    assert!(show.contains("a person corrected line 1, 12 x Shampoo 1 (good 123456"), "{show}");
    retried(&station, &shed).await;
    assert_eq!(on_service(&place)[&other.id], Decimal::from(12));
    let books = place.sandbox.books();
    let line = books.live_lines().into_iter().find(|line| line.good == other.id).unwrap();
    assert_eq!(line.cost_per_unit.normalize(), other.actual_cost.normalize());
}

#[tokio::test]
async fn a_document_without_a_line_left_is_cancelled() {
    let (place, station, shed) = refused().await;
    for line in ["1", "2"] {
        shed.says(&["outbox", "correct", "1", line, "--drop"]).await;
    }
    let told = shed.says(&["outbox", "correct", "1", "3", "--drop"]).await;
    assert_eq!(told, "document 1 is cancelled: no line is left\n");
    let figures = station.handle.figures().await.unwrap();
    assert_eq!([units(&figures, State::Refused), units(&figures, State::Cancelled)], ["0", "14"]);
    assert!(figures.balance() && on_service(&place).is_empty());
    assert_eq!(shed.says(&["outbox", "list"]).await, "everything is delivered\n");
}

#[tokio::test]
async fn what_cannot_be_corrected_is_left_alone_and_says_why() {
    let (_place, station, shed) = refused().await;
    let before = station
        .until("both alarms", |figures| {
            figures.alarms.iter().any(|alarm| alarm.what.starts_with("document 1"))
        })
        .await;
    for (args, why) in [
        (&["9", "--drop"][..], "it has no line 9"),
        (&["1", "--good", "123457"], "another line has good 123457 already"),
    ] {
        let ended = shed.run(&[&["outbox", "correct", "1"], args].concat()).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert_eq!(ended.err, format!("stockpoint: document 1 cannot be corrected: {why}\n"));
    }
    for args in
        [&["1"][..], &["1", "--drop", "--price", "1"], &["1", "--quantity", "0"], &["1", "--price", "-1"]]
    {
        let ended = shed.run(&[&["outbox", "correct", "1"], args].concat()).await;
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
    }
    assert_eq!(station.handle.figures().await.unwrap(), before);
    retried(&station, &shed).await;
    let ended = shed.run(&["outbox", "correct", "1", "1", "--drop"]).await;
    assert!(ended.err.contains("it is posted, and only a refused one can be"), "{ended:?}");
}

#[tokio::test]
async fn what_may_still_arrive_late_is_not_corrected_under_it() {
    let place = Place::new(Options::sample()).await;
    let mut config = place.config();
    config.api.late_check_after = Duration::from_hours(1);
    let mut station = Station::start(config, None).unwrap();
    station.until_goods_are_read().await;
    place.sandbox.fault(Selector::path("POST", "/"), Fault::DropBefore);
    place.sandbox.configure(|options| options.permissions.types = vec![4]);
    station.scan(COMB).await.unwrap();
    station.scan(&Control::Close.code()).await.unwrap();
    station.until("the refusal", |figures| figures.of(State::Refused).operations == 1).await;
    let shed = Shed::beside(&place.sandbox, place.dir.path());
    let ended = shed.run(&["outbox", "correct", "1", "1", "--quantity", "2"]).await;
    assert!(ended.err.contains("still looked for on the service"), "{ended:?}");
}

#[tokio::test]
async fn the_list_says_at_once_what_is_to_be_done() {
    let (_place, _station, shed) = refused().await;
    let list = shed.says(&["outbox", "list"]).await;
    assert!(list.starts_with("1 document is not delivered; 1 needs you, marked !\n"), "{list}");
    assert!(list.contains("\n!   1  refused"), "{list}");
    assert!(list.contains("why: Access denied"), "{list}");
    assert!(list.contains("`stockpoint outbox retry 1`"), "{list}");
    let show = shed.says(&["outbox", "show", "1"]).await;
    for text in [list, show] {
        assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
    }
}

#[tokio::test]
async fn a_line_whose_cost_no_number_holds_waits_for_a_person_and_the_rest_is_delivered() {
    let mut options = Options::sample();
    options
        .goods
        .iter_mut()
        .filter(|good| good.id == COMB_ID)
        .for_each(|comb| comb.actual_cost = Decimal::MAX);
    let place = Place::new(options).await;
    let mut station = place.start();
    station.until_goods_are_read().await;
    for code in [SHAMPOO, &Control::Quantity(2).code(), COMB, BRUSH, &Control::Close.code()] {
        station.scan(code).await.unwrap();
    }
    let told = station.until_told(|what| matches!(what, What::Person(_))).await;
    let words = format!("{told:?}");
    for part in ["good 123457", "price 79228162514264337593543950335", "quantity 2"] {
        assert!(words.contains(part), "{words}");
    }
    let figures = station.until_delivered().await;
    assert!(figures.balance(), "{figures:?}");
    assert_eq!((units(&figures, State::Posted), units(&figures, State::Refused)), ("2".into(), "2".into()));
    assert_eq!(on_service(&place), BTreeMap::from([(SHAMPOO_ID, Decimal::ONE), (BRUSH_ID, Decimal::ONE)]));
    let sent = place.sandbox.requests();
    assert!(sent.iter().all(|request| !request.body.contains("123457")), "nothing of it was sent");
    // The line is given a price, and is tried again.
    let shed = Shed::beside(&place.sandbox, place.dir.path());
    shed.says(&["outbox", "correct", "2", "2", "--price", "1.5"]).await;
    shed.says(&["outbox", "retry", "2"]).await;
    station.until("the posting", |figures| units(figures, State::Posted) == "4").await;
    assert_eq!(on_service(&place)[&COMB_ID], Decimal::TWO);
    station.stop().await.unwrap();
}
