//! Formatting rules, labels with a measure inside, and advice: from the scan to the service's books.

use rust_decimal::Decimal;
use stockpoint::config::Config;
use stockpoint::domain::code::control::Control;
use stockpoint::domain::ids::{GoodId, ScannerName};
use stockpoint::domain::session::Reason;
use stockpoint::domain::session::advice::Advice;
use stockpoint::domain::signal::Signal;
use stockpoint::domain::stock::mode::Kind;
use stockpoint::feedback::{Announcement, What};
use stockpoint::sandbox::{GoodRow, Options};

use crate::support::program::Shed;
use crate::support::station::{Place, Station, booked};

const PASTA: GoodId = GoodId(7000);
const APPLES: GoodId = GoodId(7001);
const CHEESE: GoodId = GoodId(7002);

/// The scanner puts a B in front of all it reads and a C behind, and types the dashes that the goods table has not.
/// Labels of 21 are weighed, those of 22 priced.
const CONVENTIONS: &str = r#"
[[scanner.rule]]
strip_prefix = "B"
strip_suffix = "C"

[[scanner.rule]]
if_prefix = "SHELF-12-"
replace = "12-"
with = "12"

[[variable_measure]]
pattern = "21IIIIIWWWWWC"
measure = "weight"

[[variable_measure]]
pattern = "22IIIIIPPPPPC"
measure = "price"
"#;

fn configured(place: &Place) -> Config {
    let scanner = "[station]\nname = \"x\"\nlocation_id = 1\nstorage_id = 1\n\
                   [[scanner]]\nname = \"dock\"\nkind = \"stdin\"\n";
    let written = Config::parse(&format!("{scanner}{CONVENTIONS}"), "rules.toml").unwrap();
    Config { scanners: written.scanners, variable_measures: written.variable_measures, ..place.config() }
}

fn units(decimal: &str) -> Decimal {
    decimal.parse().unwrap()
}

/// A deli: pasta by weight, cheese at 3 by its price, and apples that the service does not know yet.
async fn deli() -> (Place, Station) {
    let place = Place::new(Options::sample()).await;
    place.sandbox.put_good(GoodRow::new(PASTA, "Pasta", "2112345000008"));
    place.sandbox.put_good(GoodRow { cost: units("3"), ..GoodRow::new(CHEESE, "Cheese", "2212345000005") });
    let station = Station::start(configured(&place), None).unwrap();
    station.until_goods_are_read().await;
    (place, station)
}

#[tokio::test]
async fn what_a_scanner_adds_is_taken_off_and_what_it_spells_otherwise_put_right() {
    let (place, mut station) = deli().await;
    let close = Control::Close.code();
    for (code, good) in [("B4006381333931C", 123_456), ("BSHELF-12-AC", 123_492), ("4006381333931", 123_456)]
    {
        let answer = station.scan(code).await.unwrap();
        assert_eq!(booked(&answer), Some((Kind::Receipt, GoodId(good), Decimal::ONE)), "{code}");
    }
    let closed = station.scan(&format!("B{close}C")).await.unwrap();
    assert_eq!(closed.signal, Signal::Control);
    station.until_delivered().await;
    assert_eq!(place.on_service()[&(Kind::Receipt, GoodId(123_456))], units("2"));
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_label_reaches_the_service_with_what_stands_inside() {
    let (place, mut station) = deli().await;
    let scans = [
        ("B2112345015002C", PASTA, "1.5"),
        ("2112345999999", PASTA, "99.999"),
        ("2212345006007", CHEESE, "2"),
    ];
    for (label, good, amount) in scans {
        let answer = station.scan(label).await.unwrap();
        assert_eq!(booked(&answer), Some((Kind::Receipt, good, units(amount))), "{label}");
    }
    // For 5 one gets no whole number of thousandths.
    let inexact = station.scan("2212345005000").await.unwrap();
    assert!(matches!(inexact.what, What::Refused { reason: Reason::LabelPrice, .. }), "{inexact:?}");
    station.scan(&Control::Close.code()).await.unwrap();
    let figures = station.until_delivered().await;
    assert!(figures.balance());
    let held = place.on_service();
    assert_eq!(held[&(Kind::Receipt, PASTA)], units("101.499"));
    assert_eq!(held[&(Kind::Receipt, CHEESE)], units("2"));
    station.stop().await.unwrap();
}

#[tokio::test]
async fn labels_of_a_good_that_comes_later_are_booked_with_their_weights() {
    let (place, mut station) = deli().await;
    for label in ["2199999015008", "B2199999000509C"] {
        assert_eq!(station.scan(label).await.unwrap().signal, Signal::Unknown, "{label}");
    }
    assert_eq!(station.handle.figures().await.unwrap().units_parked.to_decimal(), units("1.55"));
    // What the configuration says by then is of no matter: the codes are parked under their good's own.
    station.stop().await.unwrap();
    let station = place.start();
    place.sandbox.put_good(GoodRow::new(APPLES, "Apples", "2199999000004"));
    station.handle.sync();
    station.until("the apples", |figures| figures.scans.unknown == 0).await;
    station.until_delivered().await;
    assert_eq!(place.on_service()[&(Kind::Receipt, APPLES)], units("1.55"));
    station.stop().await.unwrap();
}

#[tokio::test]
async fn two_wrong_check_digits_in_a_row_are_said_once_until_a_code_is_right() {
    let (_place, mut station) = deli().await;
    let scanner = ScannerName::new("dock");
    let said = |station: &Station| {
        let is_advice = |what: &What| matches!(what, What::Advice { scanner, advice: Advice::CheckDigit } if scanner.as_str() == "dock");
        station.handle.recent().iter().filter(|news| is_advice(&news.what)).count()
    };
    station.scan("4006381333932").await.unwrap();
    let status = station.handle.status().await.unwrap();
    assert_eq!((said(&station), status.scanner_advice(&scanner)), (0, None));
    station.scan("400638133393").await.unwrap();
    let told = station.until_told(|what| matches!(what, What::Advice { .. })).await;
    let announcement = Announcement { scanner: None, signal: Signal::Control, what: told };
    assert_eq!(
        announcement.to_string(),
        "advice             dock: the check digit is wrong twice in a row: the scanner may be set to another \
         layout, or drops digits; run `stockpoint calibrate`"
    );
    station.scan("4006381333933").await.unwrap();
    let status = station.handle.status().await.unwrap();
    let advice = status.scanner_advice(&scanner).unwrap();
    assert!(advice.starts_with("the check digit is wrong twice in a row: "), "{advice}");
    // The scan of a good ends it.
    station.scan("B4006381333931C").await.unwrap();
    let status = station.handle.status().await.unwrap();
    assert_eq!((said(&station), status.scanner_advice(&scanner)), (1, None));
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_code_is_tried_in_the_local_copy_and_nothing_is_booked() {
    let (place, station) = deli().await;
    let shed = Shed::beside(&place.sandbox, place.dir.path());
    let config = std::fs::read_to_string(shed.path("config.toml")).unwrap();
    shed.write("config.toml", format!("{config}{CONVENTIONS}"));
    assert_eq!(
        shed.says(&["devices", "try", "dock", "B2112345015002C"]).await,
        "frame       B2112345015002C\nrule 1      2112345015002\nrule 2      (does not begin with if_prefix)\n\
         label       1.5 inside\nlooked up   GTIN 02112345000008\ngood        7000 Pasta\nquantity    1.5 pc\n"
    );
    let inexact = shed.says(&["devices", "try", "dock", "2212345005000"]).await;
    let refused = "quantity    refused: it cannot be said exactly (selling price: 3)";
    assert!(inexact.ends_with(&format!("\ngood        7002 Cheese\n{refused}\n")), "{inexact}");
    let piped = shed.run_with(&["devices", "try", "dock", "-"], b"SHELF-12-A\r\n4006381333932\n").await;
    assert_eq!(piped.code, Some(0), "{piped:?}");
    let (shelf, wrong) = piped.out.split_once("\n\n").unwrap();
    assert!(
        shelf.ends_with("\nlooked up   text SHELF-12A\ngood        123492 Coffee beans, per kg"),
        "{shelf}"
    );
    assert!(wrong.ends_with("\nlooked up   text 4006381333932\ngood        none has this code\n"), "{wrong}");
    for (args, words) in [
        (
            ["devices", "try", "till", "1"],
            "stockpoint: no scanner \"till\" in the configuration, which has dock\n",
        ),
        (
            ["devices", "try", "dock", "\\q"],
            "a backslash without a meaning\nhint: write \\x1d for the group separator",
        ),
    ] {
        let ended = shed.run(&args).await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.err.contains(words), "{ended:?}");
    }
    let figures = station.handle.figures().await.unwrap();
    assert_eq!((figures.scans.accepted(), figures.units_booked.to_decimal()), (0, Decimal::ZERO));
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_whole_label_stands_for_its_good_where_a_code_is_typed() {
    let (place, mut station) = deli().await;
    station.scan("2199999015008").await.unwrap();
    let shed = Shed::beside(&place.sandbox, place.dir.path());
    let config = std::fs::read_to_string(shed.path("config.toml")).unwrap();
    shed.write("config.toml", format!("{config}{CONVENTIONS}"));
    assert!(shed.says(&["goods", "find", "2112345015002"]).await.starts_with("7000\t"));
    let assigned = shed.says(&["unknown", "assign", "2199999000509", "7000"]).await;
    let preview =
        "code       2199999000004\ngood       7000 Pasta\nbooks      1.5 pc of 1 scan, in 1 document\n";
    assert!(assigned.starts_with(preview), "{assigned}");
    assert!(
        assigned.ends_with("2199999000004 now means Pasta; 1 document was made of what was scanned of it\n"),
        "{assigned}"
    );
    station.until_delivered().await;
    assert_eq!(place.on_service()[&(Kind::Receipt, PASTA)], units("1.5"));
    station.stop().await.unwrap();
}
