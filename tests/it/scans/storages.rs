//! The storage that a code commanded, from the scan to the books of the service and over a restart.

use stockpoint::config::Storage;
use stockpoint::domain::code::control::Control;
use stockpoint::domain::ids::StorageId;
use stockpoint::domain::signal::Signal;
use stockpoint::sandbox::Options;

use crate::support::station::{Place, Station};

const SHAMPOO: &str = "4006381333931";
const CELLAR: StorageId = StorageId(91272);

fn start(place: &Place) -> Station {
    let mut config = place.config();
    config.named_storages = vec![Storage { id: CELLAR, name: Some("Cellar".to_owned()) }];
    Station::start(config, None).unwrap()
}

#[tokio::test]
async fn a_document_is_posted_to_the_storage_commanded_last_before_and_after_a_restart() {
    let place = Place::new(Options::sample()).await;
    let mut station = start(&place);
    station.until_goods_are_read().await;
    station.scan(SHAMPOO).await.unwrap();
    let answer = station.scan(&Control::Storage(CELLAR).code()).await.unwrap();
    assert_eq!(
        (answer.signal, answer.to_string().as_str()),
        (
            Signal::Control,
            "ok                 STORAGE-91272 Cellar  (mode: receipt)  closed: 1 document, 1 line, 1 unit"
        )
    );
    let status: serde_json::Value =
        serde_json::from_str(&station.handle.status().await.unwrap().json()).unwrap();
    assert_eq!(status["storage_id"], 91272);
    station.stop().await.unwrap();

    let mut station = start(&place);
    station.scan(SHAMPOO).await.unwrap();
    station.scan(&Control::Close.code()).await.unwrap();
    let figures = station.until_delivered().await;
    assert!(figures.balance());
    let books = place.sandbox.books();
    let storages: Vec<i64> = books.live_documents().iter().map(|document| document.storage.0).collect();
    assert_eq!(storages, [91271, 91272]);
}

#[tokio::test]
async fn the_code_of_a_storage_of_another_station_is_refused() {
    let place = Place::new(Options::sample()).await;
    let mut station = start(&place);
    let answer = station.scan(&Control::Storage(StorageId(91273)).code()).await.unwrap();
    assert_eq!(answer.signal, Signal::Refused);
    assert!(answer.to_string().ends_with(": this station does not know that storage"), "{answer}");
}
