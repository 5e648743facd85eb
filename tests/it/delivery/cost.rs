//! What a document costs of the service's allowance.

use stockpoint::domain::code::control::Control;
use stockpoint::domain::delivery::State;
use stockpoint::sandbox::{Fault, Options, RequestRecord, Selector};

use crate::support::station::{Place, Station};

/// Documents that are delivered.
const DOCUMENTS: u64 = 10;

/// Whether a request is about deliveries, not about goods or the account.
fn is_of_a_delivery(request: &RequestRecord) -> bool {
    ["/storage_operations", "/storages/transactions"].iter().any(|path| request.path.starts_with(path))
}

/// Scans and closes documents of one line each, and tells how often the service was asked for them.
async fn requests_for(documents: u64, fault: Option<Fault>) -> usize {
    let place = Place::new(Options::sample()).await;
    let mut station = Station::start(place.config(), None).unwrap();
    station.until_goods_are_read().await;
    if let Some(fault) = fault {
        place.sandbox.fault(Selector::Writes, fault);
    }
    for _ in 0..documents {
        for code in ["4006381333931".to_owned(), Control::Close.code()] {
            station.scan(&code).await.unwrap();
        }
    }
    let wanted = |figures: &stockpoint::store::Figures| figures.of(State::Posted).operations == documents;
    station.until("the posting", wanted).await;
    let asked = place.sandbox.requests().iter().filter(|request| is_of_a_delivery(request)).count();
    place.assert_nothing_is_doubled();
    station.stop().await.unwrap();
    asked
}

#[tokio::test]
async fn a_document_costs_one_request() {
    assert_eq!(requests_for(DOCUMENTS, None).await, 10);
}

/// A whole listing of movements (a page, the empty one behind it twice, the page again) and the lines of the document
/// that was found.
#[tokio::test]
async fn an_answer_that_is_lost_costs_five_more() {
    assert_eq!(requests_for(1, Some(Fault::ActThenDrop)).await, 1 + 4 + 1);
}

/// What was lost is looked for twice, each time in a listing that is empty twice, and made again.
#[tokio::test]
async fn a_request_that_is_lost_costs_five_more() {
    assert_eq!(requests_for(1, Some(Fault::DropBefore)).await, 1 + 2 * 2 + 1);
}
