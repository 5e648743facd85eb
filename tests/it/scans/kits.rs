//! Kits on a whole station: the cards are read from the service, and a kit's code writes its materials off.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rust_decimal::Decimal;
use serde_json::{Value, json};
use stockpoint::config::Config;
use stockpoint::domain::code::control::{Control, kit_code};
use stockpoint::domain::delivery::State;
use stockpoint::domain::ids::{CardId, GoodId, StorageId};
use stockpoint::domain::signal::Signal;
use stockpoint::domain::stock::kit::KitScan;
use stockpoint::domain::stock::mode::{Kind, Mode};
use stockpoint::feedback::What;
use stockpoint::sandbox::{CardRow, Fault, Options, Selector};
use tokio::time::{Instant, sleep};

use crate::api::openapi::assert_requests_follow_contract;
use crate::support::station::{LOOK_EVERY, PATIENCE, Place, Station};

const SHAMPOO: GoodId = GoodId(123_456);
const COMB: GoodId = GoodId(123_457);
const DOCK: StorageId = StorageId(91_271);
const SALON: StorageId = StorageId(91_272);

/// The sample's card takes 15 ml of a shampoo of 100 from the salon; this one two combs and a shampoo as well.
fn treatment() -> CardRow {
    let item =
        |good, storage, amount: &str, unit: &str| (good, storage, amount.parse().unwrap(), unit.to_owned());
    let items =
        vec![item(COMB, DOCK, "2", "pc"), item(SHAMPOO, DOCK, "1", "pc"), item(SHAMPOO, SALON, "15", "ml")];
    CardRow { id: CardId(500), title: "Treatment".to_owned(), items }
}

/// A station in write-off mode that has read the cards.
async fn station(place: &Place) -> Station {
    let mut station = Station::start(Config { kits: KitScan::All, ..place.config() }, None).unwrap();
    station.until_goods_are_read().await;
    until_cards(&station, place.sandbox.cards().len()).await;
    station.scan(&Control::Mode(Mode::WriteOff).code()).await.unwrap();
    station
}

async fn until_cards(station: &Station, count: usize) {
    let end = Instant::now() + PATIENCE;
    while station.handle.cards().await.unwrap().len() != count {
        assert!(Instant::now() < end, "{count} cards never came");
        sleep(LOOK_EVERY).await;
    }
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn written_off<const N: usize>(units: [(GoodId, &str); N]) -> BTreeMap<(Kind, GoodId), Decimal> {
    units.into_iter().map(|(good, units)| ((Kind::WriteOff, good), decimal(units))).collect()
}

#[tokio::test]
async fn a_kit_writes_its_materials_off_the_storages_its_card_names() {
    let place = Place::new(Options::sample()).await;
    place.sandbox.put_card(treatment());
    let mut station = station(&place).await;
    station.scan(&Control::Quantity(3).code()).await.unwrap();
    let answer = station.scan(&kit_code(CardId(500))).await.unwrap();
    let What::BookedKit { title, materials, quantity, .. } = &answer.what else { panic!("{answer}") };
    assert_eq!((title.as_str(), *materials, quantity.to_string().as_str()), ("Treatment", 3, "9.45"));
    assert_eq!(answer.signal, Signal::Booked);
    assert_eq!(answer.to_string(), "write-off 9.45     Treatment  (kit: 3 materials)");
    station.scan(&Control::Close.code()).await.unwrap();
    let figures = station.until_delivered().await;
    assert!(figures.balance());
    assert_eq!((figures.scans.booked, figures.units_booked.to_string().as_str()), (1, "9.45"));
    assert_eq!((figures.of(State::Posted).operations, figures.of(State::Open).operations), (2, 0));
    assert_eq!(place.on_service(), written_off([(SHAMPOO, "3.45"), (COMB, "6")]));
    let books = place.sandbox.books();
    assert_eq!(books.balance(COMB, DOCK), decimal("-6"));
    assert_eq!(books.balance(SHAMPOO, DOCK), decimal("-3"));
    assert_eq!(books.balance(SHAMPOO, SALON), decimal("-0.45"));
    assert_requests_follow_contract(&place.sandbox);
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_kit_that_is_taken_back_reaches_no_storage() {
    let place = Place::new(Options::sample()).await;
    place.sandbox.put_card(treatment());
    let mut station = station(&place).await;
    station.scan("9521234000013").await.unwrap();
    station.scan(&kit_code(CardId(500))).await.unwrap();
    assert_eq!(station.scan(&Control::Undo.code()).await.unwrap().signal, Signal::Control);
    station.scan(&Control::Close.code()).await.unwrap();
    let figures = station.until_delivered().await;
    assert!(figures.balance());
    assert_eq!((figures.scans.booked, figures.scans.undone), (2, 1));
    assert_eq!(figures.units_undone.to_string(), "3.15");
    assert_eq!(place.on_service(), written_off([(COMB, "1")]));
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_kit_that_nobody_knows_yet_is_parked_and_booked_once() {
    let place = Place::new(Options::sample()).await;
    let mut station = station(&place).await;
    station.scan(&Control::Quantity(2).code()).await.unwrap();
    assert_eq!(station.scan(&kit_code(CardId(500))).await.unwrap().signal, Signal::Unknown);
    place.sandbox.put_card(treatment());
    station.handle.sync();
    station.until("the kit", |figures| figures.scans.unknown == 0).await;
    station.handle.sync();
    station.until_told(|what| matches!(what, What::Progress(_))).await;
    let figures = station.until_delivered().await;
    assert!(figures.balance());
    assert_eq!((figures.scans.booked, figures.units_booked.to_string().as_str()), (1, "6.3"));
    assert_eq!(place.on_service(), written_off([(SHAMPOO, "2.3"), (COMB, "4")]));
    place.assert_nothing_is_doubled();
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_kit_with_a_unit_nobody_can_convert_is_refused() {
    let place = Place::new(Options::sample()).await;
    let items = vec![(COMB, DOCK, Decimal::ONE, "barrel".to_owned())];
    place.sandbox.put_card(CardRow { id: CardId(501), title: "Odd".to_owned(), items });
    let mut station = station(&place).await;
    let answer = station.scan(&kit_code(CardId(501))).await.unwrap();
    assert_eq!(answer.signal, Signal::Refused);
    assert_eq!(
        answer.to_string(),
        format!("refused            {}: a material of this kit cannot be booked", kit_code(CardId(501)))
    );
    assert_eq!(station.handle.figures().await.unwrap().scans.refused, 1);
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_kit_whose_answers_are_lost_is_posted_once() {
    let place = Place::new(Options::sample()).await;
    place.sandbox.put_card(treatment());
    let mut station = station(&place).await;
    for fault in [Fault::ActThenDrop, Fault::DropBefore, Fault::ActThenStatus(500)] {
        place.sandbox.fault(Selector::Writes, fault);
    }
    station.scan(&kit_code(CardId(500))).await.unwrap();
    station.scan(&Control::Close.code()).await.unwrap();
    let figures = station.until_delivered().await;
    assert!(figures.balance());
    assert_eq!(place.sandbox.faults_left(), 0);
    assert_eq!(place.on_service(), written_off([(SHAMPOO, "1.15"), (COMB, "2")]));
    place.assert_nothing_is_doubled();
    station.stop().await.unwrap();
}

#[tokio::test]
async fn an_account_without_bills_of_materials_works_as_ever() {
    for status in [403, 404, 500] {
        let place = Place::new(Options::sample()).await;
        let cards = Selector::path("GET", "/technological_cards/4564");
        place.sandbox.outage(Some((cards, Fault::Refuse { status, message: "No cards here".to_owned() })));
        let mut station = place.start();
        station.until_goods_are_read().await;
        station.scan("9521234000013").await.unwrap();
        station.scan(&Control::Close.code()).await.unwrap();
        let figures = station.until_delivered().await;
        assert_eq!(figures.of(State::Posted).operations, 1, "{status}");
        // They are asked for, in vain; only documents follow on the way, and all is well.
        let after = || {
            let requests = place.sandbox.requests().into_iter();
            let mut from_cards =
                requests.skip_while(|request| !request.path.starts_with("/technological_cards"));
            from_cards.next().map(|_cards| from_cards.map(|request| request.method).collect::<Vec<_>>())
        };
        let end = Instant::now() + PATIENCE;
        while after().is_none() {
            assert!(Instant::now() < end, "{status}: nobody asked for cards");
            sleep(LOOK_EVERY).await;
        }
        for _ in 0..20 {
            let told: Value = serde_json::from_str(&station.handle.status().await.unwrap().json()).unwrap();
            assert_eq!(told["api"], json!({"state": "ok", "last_error": null}), "{status}");
            sleep(LOOK_EVERY).await;
        }
        station.scan("9521234000013").await.unwrap();
        station.scan(&Control::Close.code()).await.unwrap();
        station.until("the second posting", |figures| figures.of(State::Posted).operations == 2).await;
        let methods = after().unwrap();
        assert!(methods.iter().all(|method| method == "POST"), "{status}: {methods:?}");
        station.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_listing_of_cards_that_repeats_itself_or_gives_few_a_page_is_read_to_its_end() {
    let mut options = Options::sample();
    options.quirks.page_rows_max = Some(2);
    options.goods.truncate(3);
    let place = Place::new(options).await;
    for id in 411..416 {
        place.sandbox.put_card(CardRow { id: CardId(id), ..treatment() });
    }
    let station = station(&place).await;
    assert_eq!(station.handle.cards().await.unwrap(), [410, 411, 412, 413, 414, 415].map(CardId));
    station.stop().await.unwrap();
}

/// A configuration for commands that look at the data, with these kits.
fn config(place: &Place, kits: &str) -> PathBuf {
    let path = place.dir.path().join("config.toml");
    let text = format!(
        "[station]\nname = \"dock-1\"\nlocation_id = 4564\nstorage_id = 91271\ndata_dir = \"{}\"\n\
         [kits]\nscan = {kits}\n[[scanner]]\nname = \"dock\"\nkind = \"stdin\"\n",
        place.dir.path().display()
    );
    fs::write(&path, text).unwrap();
    path
}

/// What a command says, or what it complains of.
fn told(config: &Path, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stockpoint"));
    let output = command
        .arg("--config")
        .arg(config)
        .args(args)
        .env("STOCKPOINT_PARTNER_TOKEN", "p")
        .env("STOCKPOINT_USER_TOKEN", "u")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

#[tokio::test]
async fn the_sheet_ends_with_the_kits_that_are_known() {
    let place = Place::new(Options::sample()).await;
    station(&place).await.stop().await.unwrap();
    let fixed = told(&place.dir.path().join("none.toml"), &["sheet"]).unwrap();
    assert!(fixed.ends_with("OK\t$SP.OK.C\n"), "{fixed}");
    let with_kit = format!("{fixed}KIT-410\t$SP.KIT-410.C\n");
    let cases = [("\"all\"", &with_kit), ("[7, 410]", &with_kit), ("[7]", &fixed), ("\"none\"", &fixed)];
    for (kits, codes) in cases {
        let config = config(&place, kits);
        assert_eq!(&told(&config, &["sheet"]).unwrap(), codes, "{kits}");
        let page = told(&config, &["sheet", "--format", "html"]).unwrap();
        assert_eq!(page.contains("KIT-410"), codes == &with_kit, "{kits}");
        assert!(told(&config, &["check"]).unwrap().contains(&format!("\n[kits]\nscan = {kits}\n")), "{kits}");
    }
    let config = config(&place, "\"all\"");
    fs::write(&config, "nonsense").unwrap();
    assert_eq!(told(&config, &["sheet"]).unwrap(), fixed);
}

#[tokio::test]
async fn a_kit_is_found_by_its_code_which_is_never_given_to_a_good() {
    let place = Place::new(Options::sample()).await;
    station(&place).await.stop().await.unwrap();
    let config = config(&place, "\"none\"");
    let found = told(&config, &["goods", "find", "$SP.KIT-410.C"]).unwrap();
    assert_eq!(found, "123456\t0.15 pc\tfrom Consumables\tShampoo 1\n");
    assert_eq!(told(&config, &["goods", "find", &kit_code(CardId(7))]), Err(String::new()), "no good has it");
    for args in [&["unknown", "assign", "$SP.KIT-410.C", "123456"][..], &["goods", "create", "$SP.KIT-410.C"]]
    {
        let complaint = told(&config, args).unwrap_err();
        assert!(complaint.contains("begins as a control code does"), "{args:?}: {complaint}");
    }
}

#[tokio::test]
async fn a_kit_is_booked_only_where_the_configuration_says_so() {
    let place = Place::new(Options::sample()).await;
    place.sandbox.put_card(treatment());
    let kits = KitScan::Only([CardId(410)].into());
    let mut station = Station::start(Config { kits, ..place.config() }, None).unwrap();
    station.until_goods_are_read().await;
    until_cards(&station, 2).await;
    station.scan(&Control::Mode(Mode::WriteOff).code()).await.unwrap();
    // One that is known, and one that nobody knows yet.
    for card in [500, 501] {
        let answer = station.scan(&kit_code(CardId(card))).await.unwrap();
        assert_eq!(answer.signal, Signal::Refused);
        let (words, answer) = (format!("refused            $SP.KIT-{card}."), answer.to_string());
        assert!(answer.starts_with(&words), "{answer}");
        assert!(answer.ends_with(": kit codes are off (kits.scan)"), "{answer}");
    }
    assert_eq!(station.scan(&kit_code(CardId(410))).await.unwrap().signal, Signal::Booked);
    station.scan(&Control::Close.code()).await.unwrap();
    let figures = station.until_delivered().await;
    assert!(figures.balance());
    assert_eq!((figures.scans.booked, figures.scans.refused, figures.scans.unknown), (1, 2, 0));
    assert_eq!(place.on_service(), written_off([(SHAMPOO, "0.15")]));
    station.stop().await.unwrap();
}
