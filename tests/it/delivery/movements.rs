//! The listing of movements while others book: a lost posting is found in it, however the rows move.

use rust_decimal::Decimal;
use stockpoint::domain::code::control::Control;
use stockpoint::domain::ids::GoodId;
use stockpoint::sandbox::{Change, Fault, Options, Order, Selector};

use crate::support::station::Place;

const SHAMPOO: &str = "4006381333931";
const LISTING: &str = "/storages/transactions";

/// A service with pages of 20 rows, the newest first, and 30 rows that others booked.
async fn busy_location() -> Place {
    let mut options = Options::sample();
    options.quirks.page_rows_max = Some(20);
    options.quirks.movement_order = Order::NewestFirst;
    let place = Place::new(options).await;
    book(&place, Selector::path("GET", "/goods"), 30);
    place
}

/// Others book so many rows just before this request.
fn book(place: &Place, before: Selector, lines: usize) {
    place.sandbox.fault(before, Fault::Meanwhile(Change::Booked { good: GoodId(123_457), lines }));
}

#[tokio::test]
async fn a_posting_whose_answer_was_lost_is_found_though_others_book_a_page_meanwhile() {
    // Our row is on a page of its own when the second page holds only rows that the first held before.
    for rows in [1, 20] {
        let place = busy_location().await;
        let mut station = place.start();
        station.until_goods_are_read().await;
        station.scan(SHAMPOO).await.unwrap();
        place.sandbox.fault(Selector::path("POST", "/"), Fault::ActThenDrop);
        // Before the first page 25 rows push ours to the second; before the second it is pushed on.
        book(&place, Selector::page(LISTING, 1), 25);
        book(&place, Selector::page(LISTING, 2), rows);
        book(&place, Selector::page(LISTING, 3), rows);
        station.scan(&Control::Close.code()).await.unwrap();
        station.until_delivered().await;
        let ours: Decimal = place
            .on_service()
            .into_iter()
            .filter(|((_, good), _)| *good == GoodId(123_456))
            .map(|(_, units)| units)
            .sum();
        assert_eq!(ours, Decimal::ONE, "others booked {rows} rows between two pages");
        station.stop().await.unwrap();
    }
}
