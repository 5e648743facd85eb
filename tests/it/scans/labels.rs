//! What the labels of goods say besides the item: dates that are past, and units that were scanned before.

use stockpoint::config::LabelCheck;
use stockpoint::domain::signal::Signal;
use stockpoint::sandbox::Options;

use crate::support::program::Shed;
use crate::support::station::{Place, Station};

const LABEL: &str = "]d20104006381333931172001312100A1\u{1d}10LOT-7";

/// What a station that takes this care says of these scans, by the words of the page.
async fn told(care: LabelCheck, codes: &[&str]) -> Vec<(Signal, String)> {
    let place = Place::new(Options::sample()).await;
    let mut config = place.config();
    (config.station.expired, config.station.serials) = (care, care);
    let mut station = Station::start(config, None).unwrap();
    station.until_goods_are_read().await;
    let mut told = Vec::new();
    for code in codes {
        let answer = station.scan(code).await.unwrap();
        told.push((answer.signal, answer.to_string()));
    }
    station.stop().await.unwrap();
    told
}

fn has(told: &(Signal, String), signal: Signal, words: &[&str]) {
    assert_eq!(told.0, signal, "{told:?}");
    assert!(words.iter().all(|words| told.1.contains(words)), "{words:?}: {told:?}");
}

#[tokio::test]
async fn a_lot_past_its_date_and_a_unit_scanned_before_are_said() {
    let told = told(LabelCheck::Warn, &[LABEL, LABEL, "$SP.WRITE-OFF.1", LABEL]).await;
    has(&told[0], Signal::Booked, &["! expired 2020-01-31"]);
    assert!(!told[0].1.contains("already"), "{told:?}");
    has(&told[1], Signal::Booked, &["! expired 2020-01-31", "! this unit was scanned on "]);
    assert!(!told[3].1.contains("already"), "what comes in goes out again: {told:?}");
}

#[tokio::test]
async fn a_station_may_refuse_them_or_say_nothing() {
    let unit = "]d201040063813339312100A1";
    let refused = told(LabelCheck::Refuse, &[LABEL, unit, unit]).await;
    has(&refused[0], Signal::Refused, &[": the date on the label is past"]);
    has(&refused[1], Signal::Booked, &[]);
    has(&refused[2], Signal::Refused, &[": this very unit was scanned before"]);
    let off = told(LabelCheck::Off, &[LABEL, LABEL]).await;
    assert!(off.iter().all(|told| told.0 == Signal::Booked && !told.1.contains('!')), "{off:?}");
}

#[tokio::test]
async fn a_document_shows_what_its_labels_said() {
    let place = Place::new(Options::sample()).await;
    let mut station = place.start();
    station.until_goods_are_read().await;
    for code in [LABEL, "$SP.CLOSE.U"] {
        station.scan(code).await.unwrap();
    }
    let shed = Shed::beside(&place.sandbox, place.dir.path());
    let shown = shed.says(&["outbox", "show", "1"]).await;
    assert!(shown.contains("    1  123456   lot LOT-7, use by 200131, serial number 00A1\n"), "{shown}");
    let exported = shed.says(&["outbox", "export"]).await;
    let label = "\"labels\":[{\"good_id\":123456,\"lot\":\"LOT-7\",\"expiry\":\"200131\",\"serial\":\"00A1\",\"quantity\":\"1\"}]";
    assert!(exported.contains(label), "{exported}");
    station.stop().await.unwrap();
}
