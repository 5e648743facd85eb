//! The service's ways that its own pages do not tell, or tell twice and differently: each is read.

use std::time::Duration;

use stockpoint::api::{self, GoodsFilter, MovementFilter, Node, Outcome};
use stockpoint::domain::ids::{
    CategoryId, DocumentId, GoodId, MasterId, ServiceId, StorageId, TransactionId,
};
use stockpoint::domain::stock::quantity::Money;
use stockpoint::sandbox::{Dates, DeletedRows, GoodRow, LinesKey, Nothing, Options, Quirks};

use crate::api::contract_api::{Replay, client, permit, post_comb};
use crate::api::openapi::assert_requests_follow_contract;
use crate::support::station::Place;

const COMB: GoodId = GoodId(123_457);

async fn quirky(change: impl FnOnce(&mut Quirks)) -> Place {
    let mut options = Options::sample();
    change(&mut options.quirks);
    Place::new(options).await
}

/// The only movement in an answer of one row with these members.
async fn movement(members: &str) -> api::MovementDetails {
    let body = format!(r#"{{"success":true,"data":[{{"id":1,"document_id":2{members}}}],"meta":[]}}"#);
    let replay = Replay::of(200, &body).await;
    replay.client.list_movements(permit(), 1, &MovementFilter::default()).await.unwrap().pop().unwrap()
}

/// The only good in an answer of one row with these members.
async fn good(members: &str) -> api::GoodDetails {
    let body = format!(r#"{{"success":true,"data":[{{"good_id":7,"title":"Comb"{members}}}],"meta":[]}}"#);
    let replay = Replay::of(200, &body).await;
    let (mut goods, _) = replay.client.list_goods(permit(), 1, &GoodsFilter::default()).await.unwrap();
    goods.pop().unwrap()
}

/// What an answer to the cheapest call proves.
async fn outcome(status: u16, body: &str) -> Outcome {
    Replay::of(status, body).await.client.storages(permit()).await.unwrap_err().outcome()
}

fn refused(words: &str) -> Outcome {
    Outcome::Refused(words.to_owned())
}

#[tokio::test]
async fn meta_and_a_missing_relation_are_an_array_an_object_or_null() {
    for nothing in [Nothing::Array, Nothing::Object, Nothing::Null] {
        let place = quirky(|quirks| (quirks.meta, quirks.relation) = (nothing, nothing)).await;
        let client = client(&place.config().api);
        let posted = post_comb(&client).await.unwrap();
        let rows = client.list_movements(permit(), 1, &MovementFilter::default()).await.unwrap();
        assert_eq!((rows[0].movement.document, rows[0].master), (posted.document, None), "{nothing:?}");
        let line = posted.lines.unwrap().pop().unwrap().id;
        assert_eq!(client.line(permit(), line).await.unwrap().unwrap().master, None, "{nothing:?}");
        assert_requests_follow_contract(&place.sandbox);
    }
}

#[tokio::test]
async fn a_single_good_and_a_default_card_are_an_object_or_an_array_of_one() {
    for is_array in [false, true] {
        let place = quirky(|quirks| quirks.single_as_array = is_array).await;
        let client = client(&place.config().api);
        assert_eq!(client.good(permit(), COMB).await.unwrap().unwrap().good.id, COMB);
        let card = client.card_of_service(permit(), MasterId(1), ServiceId(2)).await.unwrap().unwrap();
        assert_eq!(card.title, "Hair wash");
    }
    let none = Replay::of(200, r#"{"success":true,"data":[],"meta":[]}"#).await;
    assert_eq!(none.client.card_of_service(permit(), MasterId(1), ServiceId(2)).await.unwrap(), None);
}

#[tokio::test]
async fn a_list_in_place_of_the_good_asked_for_is_not_taken_for_it() {
    let list = r#"{"success":true,"data":[{"good_id":1,"title":"Another"},{"good_id":7,"title":"It"}]}"#;
    let answer = Replay::of(200, list).await.client.good(permit(), GoodId(7)).await;
    assert!(matches!(answer, Err(api::Error::Incomplete { .. })), "{answer:?}");
}

#[tokio::test]
async fn numbers_come_as_text_and_flags_as_numbers() {
    let place = quirky(|quirks| quirks.loose_types = true).await;
    let loose = client(&place.config().api);
    assert_eq!(loose.location_card(permit()).await.unwrap().zone_hours.map(|hours| hours.len()), Some(2));
    assert_eq!(loose.storages(permit()).await.unwrap()[1].is_for_service, Some(true));
    let row = movement(r#","type_id":"4","amount":"-2.5","operation_unit_type":"1","deleted":1"#).await;
    assert_eq!((row.movement.type_id, row.unit_type, row.is_deleted), (Some(4), Some(1), true));
    assert_eq!(row.amount.map(|amount| amount.to_string()).as_deref(), Some("-2.5"));
}

#[tokio::test]
async fn a_flag_of_a_storage_has_two_spellings() {
    for spelling in ["for_service", "for_services"] {
        let body = format!(r#"{{"success":true,"data":[{{"id":1,"title":"Back room","{spelling}":1}}]}}"#);
        let storages = Replay::of(200, &body).await.client.storages(permit()).await.unwrap();
        assert_eq!((storages[0].id, storages[0].is_for_service), (StorageId(1), Some(true)), "{spelling}");
    }
}

#[tokio::test]
async fn a_misspelt_or_unknown_member_does_no_harm() {
    let body = r#"{"success":true,"data":{"id":5,"type_id":3,"company":{"ccoordinate_lat":"40.7"},
                  "user":{"id":"999290","name":"x"},"announced":{"by":"nobody"}},"meta":[]}"#;
    let document =
        Replay::of(200, body).await.client.document(permit(), DocumentId(5)).await.unwrap().unwrap();
    assert_eq!((document.id, document.user), (DocumentId(5), Some(999_290)));
    assert_eq!(
        good(r#","is_goods_mark_enabled":null,"loyalty_expiration_type_id":{"a":[]}"#).await.good.id.0,
        7
    );
}

#[tokio::test]
async fn the_lines_of_an_operation_answer_have_either_name() {
    for key in [LinesKey::GoodsTransactions, LinesKey::Transactions, LinesKey::Both] {
        let place = quirky(|quirks| quirks.lines_out = key).await;
        let posted = post_comb(&client(&place.config().api)).await.unwrap();
        assert_eq!(posted.lines.map(|lines| lines.len()), Some(1), "{key:?}");
    }
}

#[tokio::test]
async fn the_client_of_a_movement_has_either_name() {
    for name in ["client", "clients"] {
        let row = movement(&format!(r#","{name}":{{"id":"31","name":"x"}}"#)).await;
        assert_eq!(row.client, Some(31), "{name}");
        assert_eq!(movement(&format!(r#","{name}":[]"#)).await.client, None, "{name}");
    }
}

#[tokio::test]
async fn a_date_is_taken_over_in_whatever_shape() {
    for dates in [Dates::Mixed, Dates::Millis, Dates::Compact, Dates::Local] {
        let place = quirky(|quirks| quirks.dates = dates).await;
        let client = client(&place.config().api);
        let document = post_comb(&client).await.unwrap().document;
        let read = client.document(permit(), document).await.unwrap().unwrap();
        let date = read.create_date.unwrap().replace('T', " ");
        assert!(date.starts_with("2026-09-22 00:00:00"), "{dates:?}: {date}");
    }
}

#[tokio::test]
async fn a_type_is_known_by_its_number_whatever_its_label() {
    for label in [r#""Product sales""#, r#""Product sale""#, r#"{"id":9,"title":"x"}"#, "null"] {
        let row = movement(&format!(r#","type":{label},"type_id":4"#)).await;
        assert_eq!(row.movement.type_id, Some(4), "{label}");
    }
}

#[tokio::test]
async fn a_type_that_is_never_written_is_read() {
    // Transfers are 0 or 5, write-offs of some accounts 7.
    for type_id in [0, 5, 6, 7, 8, 9] {
        assert_eq!(movement(&format!(r#","type_id":{type_id}"#)).await.movement.type_id, Some(type_id));
    }
}

#[tokio::test]
async fn any_good_status_is_success() {
    let line = r#"{"success":true,"data":{"id":1,"document_id":2,"good_id":3,"amount":-1}}"#;
    for status in [200, 201, 202] {
        let replay = Replay::of(status, line).await;
        assert!(replay.client.line(permit(), TransactionId(1)).await.unwrap().is_some(), "{status}");
    }
    for status in [202, 204] {
        assert!(Replay::of(status, "").await.client.delete_line(permit(), TransactionId(1)).await.is_ok());
    }
    // No page of the service's says that a deletion is answered so.
    let empty = Replay::of(200, "").await.client.delete_line(permit(), TransactionId(1)).await.unwrap_err();
    assert_eq!(empty.outcome(), Outcome::Unknown);
}

#[tokio::test]
async fn a_good_status_that_says_it_failed_is_a_refusal() {
    let body = r#"{"success":false,"data":null,"meta":{"message":"Нет прав"}}"#;
    assert_eq!(outcome(200, body).await, refused("Нет прав"));
    assert_eq!(outcome(200, r#"{"success":0,"meta":[]}"#).await, refused("no reason given (status 400)"));
}

#[tokio::test]
async fn an_empty_body_proves_nothing_where_one_is_due() {
    assert_eq!(outcome(200, "").await, Outcome::Unknown);
    assert_eq!(outcome(200, r#"{"success":true,"data":null}"#).await, Outcome::Unknown);
}

#[tokio::test]
async fn an_error_is_read_without_success_and_in_any_language() {
    let bare = r#"{"errors":{"code":404,"message":"Не найдено"},"meta":{"message":"Не найдено"}}"#;
    assert_eq!(outcome(404, bare).await, refused("Не найдено"));
    let wordless = r#"{"success":false,"data":null,"meta":[]}"#;
    assert_eq!(outcome(400, wordless).await, refused("no reason given (status 400)"));
    let words = "no reason given (status 401)".to_owned();
    assert_eq!(outcome(401, wordless).await, Outcome::NotAllowed { status: 401, words });
}

#[tokio::test]
async fn what_is_not_in_the_services_form_proves_nothing_whatever_its_status() {
    for status in [200, 302, 400, 401, 403, 404, 413, 421, 422, 429, 500, 502] {
        for body in ["<html>", "{}", "[]", "null", r#"{"message":"no"}"#, r#"{"success":false}"#] {
            assert_eq!(outcome(status, body).await, Outcome::Unknown, "{status} {body}");
        }
    }
}

#[tokio::test]
async fn the_faults_of_a_422_are_an_array_or_a_map() {
    let list = r#"{"meta":{"message":"Invalid","errors":[{"message":"So"},{"[title]":["is missing"]}]}}"#;
    let map = r#"{"meta":{"message":"Invalid","errors":{"title":["is missing"]}}}"#;
    assert_eq!(outcome(422, list).await, refused("Invalid; So; is missing"));
    assert_eq!(outcome(422, map).await, refused("Invalid; is missing"));
}

#[tokio::test]
async fn a_wait_of_nothing_is_a_second() {
    let body = r#"{"meta":{"message":"Повторите через 0 секунд"}}"#;
    assert_eq!(outcome(429, body).await, Outcome::Wait(Some(Duration::from_secs(1))));
    assert_eq!(outcome(429, "").await, Outcome::Wait(None));
}

#[tokio::test]
async fn a_text_that_is_empty_absent_or_null_is_none() {
    for members in ["", r#","article":"","barcode":"","comment":"""#, r#","article":null,"barcode":null"#] {
        let row = good(members).await;
        assert_eq!((row.article.as_str(), row.good.barcode.as_str(), row.comment.as_str()), ("", "", ""));
    }
    assert_eq!(good(r#","barcode":4006381333931"#).await.good.barcode, "4006381333931");
    assert_eq!(movement(r#","comment":"""#).await.movement.comment, None);
}

#[tokio::test]
async fn a_price_is_never_read_off_the_text_for_people() {
    let row = good(r#","unit_actual_cost_format":"3 510 ₽","actual_cost":3510.07"#).await;
    assert_eq!(row.good.price.to_string(), "3510.07");
}

#[tokio::test]
async fn headers_stay_headers_where_the_page_lists_them_as_parameters() {
    let place = quirky(|_| {}).await;
    client(&place.config().api).categories_below(permit(), Some(CategoryId(961_078))).await.unwrap();
    assert_eq!(place.sandbox.requests()[0].query, "");
    assert_requests_follow_contract(&place.sandbox);
}

#[tokio::test]
async fn a_search_is_asked_in_the_words_of_the_table() {
    let place = quirky(|_| {}).await;
    let nodes = client(&place.config().api).search_goods(permit(), "comb").await.unwrap();
    assert_eq!(nodes[0].node, Node::Good(COMB));
    assert_eq!(place.sandbox.requests()[0].query, "term=comb&count=100");
}

#[tokio::test]
async fn a_term_finds_more_than_was_meant() {
    let place = quirky(|_| {}).await;
    place.sandbox.put_good(GoodRow::new(GoodId(1), "9521234000013 lookalike", ""));
    let filter = GoodsFilter { term: Some("9521234000013"), ..GoodsFilter::default() };
    let (goods, _) = client(&place.config().api).list_goods(permit(), 1, &filter).await.unwrap();
    assert_eq!(goods.iter().map(|row| row.good.id).collect::<Vec<_>>(), [GoodId(1), COMB]);
}

#[tokio::test]
async fn an_amount_keeps_every_digit() {
    let row = movement(r#","amount":-0.300003,"cost":0.2887528875,"discount":12.50"#).await;
    let told = [row.amount, row.cost.and_then(Money::amount), row.discount];
    assert_eq!(told.map(|number| number.unwrap().to_string()), ["-0.300003", "0.2887528875", "12.50"]);
}

#[tokio::test]
async fn deleted_movements_are_listed_and_flagged_on_some_accounts() {
    let place = quirky(|quirks| quirks.movement_deleted = DeletedRows::Flagged).await;
    let client = client(&place.config().api);
    let posted = post_comb(&client).await.unwrap();
    client.delete_line(permit(), posted.lines.unwrap()[0].id).await.unwrap();
    let rows = client.list_movements(permit(), 1, &MovementFilter::default()).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.is_deleted).collect::<Vec<_>>(), [true]);
}

#[tokio::test]
async fn a_card_with_an_item_that_cannot_be_read_is_no_card() {
    let card = |items: &str| {
        format!(
            r#"{{"success":true,"data":[{{"id":410,"title":"Wash","technological_card_items":{items}}}]}}"#
        )
    };
    for (items, cards) in [
        (r#"[{"good_id":1,"amount":"15"}]"#, 1),
        (r#"[{"good":{"id":1},"amount":1.5}]"#, 1),
        (r#"[{"good_id":1,"amount":15},{"good_id":2}]"#, 0),
        ("null", 0),
    ] {
        let replay = Replay::of(200, &card(items)).await;
        let (read, rows) = replay.client.cards(permit(), 1, None).await.unwrap();
        assert_eq!((read.len(), rows), (cards, 1), "{items}");
    }
}
