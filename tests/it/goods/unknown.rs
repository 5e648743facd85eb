//! Codes that no good has, from the command line: seen before they are given to a good, taken back after, and written into
//! the good on the service.

use std::time::Duration;

use serde_json::{Value, json};
use stockpoint::api::Budget;
use stockpoint::domain::ids::GoodId;
use stockpoint::domain::stock::good::Good;
use stockpoint::sandbox::{Fault, GoodRow, Options, Selector};
use stockpoint::work::create::Creator;
use stockpoint::work::save::{Error, Standing};
use tokio::time::Instant;

use crate::api::contract_api::client;
use crate::api::openapi::assert_requests_follow_contract;
use crate::support::program::Shed;
use crate::support::station::{Place, Station};

const COMB: GoodId = GoodId(123_457);

/// A station beside which commands are typed.
async fn shed() -> (Place, Station, Shed) {
    let place = Place::new(Options::sample()).await;
    let station = place.start();
    station.until_goods_are_read().await;
    let shed = Shed::beside(&place.sandbox, place.dir.path());
    (place, station, shed)
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn a_code_is_seen_before_it_is_given_and_taken_back_after() {
    let (_place, mut station, shed) = shed().await;
    for code in ["]E001234558", "]E401234558", "]E401234558"] {
        station.scan(code).await.unwrap();
    }
    let listed = parsed(&shed.says(&["unknown", "list", "--json"]).await);
    let codes: Vec<_> =
        listed.as_array().unwrap().iter().map(|code| [&code["code"], &code["scans"]]).collect();
    assert_eq!(json!(codes), json!([["]E401234558", 2], ["]E001234558", 1]]));
    let never = shed.run(&["unknown", "assign", "8888", "123457"]).await;
    assert_eq!(never.code, Some(1), "{never:?}");
    assert!(never.err.contains("--anyway"), "{never:?}");
    let either = shed.run(&["unknown", "assign", "01234558", "123457", "--anyway"]).await;
    assert!(either.err.contains("in several ways: ]E401234558, ]E001234558"), "{either:?}");
    let told = shed.says(&["unknown", "assign", "]E401234558", "123457", "--factor", "12"]).await;
    let preview = "code       ]E401234558\ngood       123457 Comb\none scan   12 pc\nbooks      24 pc of 2 scans, in 1 document\n";
    assert!(told.starts_with(preview), "{told}");
    assert!(
        told.ends_with("]E401234558 now means 12 pc Comb; 1 document was made of what was scanned of it\n"),
        "{told}"
    );
    let anyway = shed.says(&["unknown", "assign", "8888", "123457", "--anyway"]).await;
    assert!(anyway.contains("books      nothing now: the code was never scanned\n"), "{anyway}");
    let assigned = parsed(&shed.says(&["unknown", "assigned", "--json"]).await);
    let given: Vec<_> = assigned
        .as_array()
        .unwrap()
        .iter()
        .map(|given| [&given["code"], &given["title"], &given["factor"]])
        .collect();
    assert_eq!(json!(given), json!([["]E401234558", "Comb", 12], ["8888", "Comb", 1]]));
    let back = shed.says(&["unknown", "unassign", "8888"]).await;
    assert!(back.starts_with("8888 no longer means Comb; it is unknown again"), "{back}");
    let again = shed.run(&["unknown", "unassign", "8888"]).await;
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(shed.says(&["unknown", "assigned"]).await.contains("]E401234558"));
    station.stop().await.unwrap();
}

async fn save(place: &Place, barcode: &str, standing: Standing) -> Result<Good, Error> {
    let client = client(&place.config().api);
    let budget = Budget::new(6000, 100, 1, Instant::now() - Duration::from_mins(2));
    Creator { client: &client, budget, wait: Duration::from_millis(20) }.save(COMB, barcode, standing).await
}

fn comb(place: &Place) -> GoodRow {
    place.sandbox.goods().into_iter().find(|good| good.id == COMB).unwrap()
}

#[tokio::test]
async fn a_barcode_is_written_into_the_good_and_no_other_is_overwritten_unasked() {
    let place = Place::new(Options::sample()).await;
    let before = comb(&place);
    let refused = save(&place, "SHELF-9", Standing::Kept).await;
    assert!(matches!(refused, Err(Error::Other { .. })), "{refused:?}");
    assert_eq!(comb(&place).barcode, before.barcode);
    let taken = save(&place, "4006381333931", Standing::Overwritten).await;
    assert!(matches!(taken, Err(Error::Taken(_))), "{taken:?}");
    let written = save(&place, "SHELF-9", Standing::Overwritten).await.unwrap();
    assert_eq!((written.id, written.barcode.as_str()), (COMB, "SHELF-9"));
    let after = comb(&place);
    let rest =
        |row: &GoodRow| (row.title.clone(), row.article.clone(), row.category, row.cost, row.actual_cost);
    assert_eq!(rest(&after), rest(&before), "and nothing else is changed");
    let writes = || place.sandbox.requests().iter().filter(|request| request.method == "PUT").count();
    assert_eq!(writes(), 1);
    save(&place, "SHELF-9", Standing::Kept).await.unwrap();
    assert_eq!(writes(), 1, "it is there already");
    assert_requests_follow_contract(&place.sandbox);
}

#[tokio::test]
async fn a_lost_answer_is_read_back() {
    let place = Place::new(Options::sample()).await;
    place.sandbox.fault(Selector::Writes, Fault::ActThenDrop);
    let written = save(&place, "SHELF-9", Standing::Overwritten).await.unwrap();
    assert_eq!(written.barcode, "SHELF-9");
    place.sandbox.fault(Selector::Writes, Fault::DropBefore);
    let lost = save(&place, "SHELF-10", Standing::Overwritten).await;
    assert!(matches!(lost, Err(Error::Lost(_))), "{lost:?}");
    assert_eq!(comb(&place).barcode, "SHELF-9");
}
