//! The simulated Altegio does what its contract, its quirks and its faults say, over real HTTP.

#![expect(clippy::indexing_slicing, clippy::panic, reason = "test helpers fail by panicking")]

use std::future::pending;
use std::time::Duration;

use reqwest::Client;
use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::Value;
use serde_json::json;
use stockpoint::domain::ids::GoodId;
use stockpoint::domain::ids::StorageId;
use stockpoint::sandbox::Books;
use stockpoint::sandbox::Chaos;
use stockpoint::sandbox::DeletedRows;
use stockpoint::sandbox::Fault;
use stockpoint::sandbox::Foreign;
use stockpoint::sandbox::GoodRow;
use stockpoint::sandbox::Lasts;
use stockpoint::sandbox::Limit;
use stockpoint::sandbox::LinesKey;
use stockpoint::sandbox::Options;
use stockpoint::sandbox::Quirks;
use stockpoint::sandbox::Sandbox;
use stockpoint::sandbox::Selector;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const OPERATION: &str = "/storage_operations/operation/4564";
const DOCUMENTS: &str = "/storage_operations/documents/4564";
const LINES: &str = "/storage_operations/goods_transactions/4564";
const MOVEMENTS: &str = "/storages/transactions/4564";
const SHAMPOO: GoodId = GoodId(123_456);
const COMB: GoodId = GoodId(123_457);
const PRODUCTS: StorageId = StorageId(91_271);

/// A running location and a client that has the right headers.
struct Bench {
    sandbox: Sandbox,
    client: Client,
    _server: JoinSet<()>,
}

#[derive(Debug)]
struct Reply {
    status: u16,
    date: String,
    retry_after: Option<String>,
    text: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|cause| panic!("{cause}: {}", self.text))
    }

    fn rows(&self) -> Vec<Value> {
        self.json()["data"].as_array().cloned().unwrap_or_default()
    }
}

impl Bench {
    async fn start(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options::sample();
        change(&mut options);
        let (sandbox, server) = Sandbox::bind(options).await.expect("a free port");
        let mut tasks = JoinSet::new();
        tasks.spawn(server.run(pending()));
        Self { sandbox, client: client(), _server: tasks }
    }

    async fn quirky(change: impl FnOnce(&mut Quirks)) -> Self {
        Self::start(|options| change(&mut options.quirks)).await
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.sandbox.base_url()))
            .header("Accept", "application/vnd.api.v2+json")
            .header("Authorization", "Bearer sandbox-partner-token, User sandbox-user-token")
    }

    async fn get(&self, path: &str) -> Reply {
        send(self.request(Method::GET, path)).await.expect("an answer")
    }

    async fn delete(&self, path: &str) -> Reply {
        send(self.request(Method::DELETE, path)).await.expect("an answer")
    }

    async fn try_post(&self, path: &str, body: &Value) -> reqwest::Result<Reply> {
        send(with_json(self.request(Method::POST, path), body)).await
    }

    async fn post(&self, path: &str, body: &Value) -> Reply {
        self.try_post(path, body).await.expect("an answer")
    }

    async fn put(&self, path: &str, body: &Value) -> Reply {
        send(with_json(self.request(Method::PUT, path), body)).await.expect("an answer")
    }

    fn books(&self) -> Books {
        self.sandbox.books()
    }

    fn stock(&self, good: GoodId) -> String {
        self.books().balance(good, PRODUCTS).normalize().to_string()
    }

    fn counts(&self) -> (usize, usize) {
        (self.books().live_documents().len(), self.books().live_lines().len())
    }
}

#[expect(clippy::disallowed_methods, reason = "the tests talk to the simulation without the agent's client")]
fn client() -> Client {
    // Already installed by another test of this binary: the very same provider.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().expect("a plain client")
}

fn with_json(request: reqwest::RequestBuilder, body: &Value) -> reqwest::RequestBuilder {
    request.header("Content-Type", "application/json").body(body.to_string())
}

async fn send(request: reqwest::RequestBuilder) -> reqwest::Result<Reply> {
    let response = request.send().await?;
    let header =
        |name: &str| response.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
    let (date, retry_after) = (header("date").unwrap_or_default(), header("retry-after"));
    Ok(Reply { status: response.status().as_u16(), date, retry_after, text: response.text().await? })
}

/// Two shampoos and three combs, come in or gone out.
fn operation(type_id: i64) -> Value {
    json!({
        "type_id": type_id, "storage_id": 91271, "create_date": "2026-09-21T23:00:00-05:00",
        "comment": "#sp:dock-1:01J9#",
        "goods_transactions": [
            line(SHAMPOO, "2", "5", "10"),
            line(COMB, "3", "0.9", "2.7"),
        ],
    })
}

fn line(good: GoodId, amount: &str, cost_per_unit: &str, cost: &str) -> Value {
    let [amount, cost_per_unit, cost] = [amount, cost_per_unit, cost].map(number);
    json!({
        "good_id": good.0, "operation_unit_type": 1, "amount": amount, "cost_per_unit": cost_per_unit,
        "discount": 0, "cost": cost, "comment": "#sp:dock-1:01J9# 1",
    })
}

fn number(digits: &str) -> Value {
    digits.parse().expect("a JSON number")
}

fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    body.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object").insert(key.to_owned(), value);
    body
}

fn without(mut body: Value, pointer: &str) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    body.pointer_mut(parent)
        .and_then(Value::as_object_mut)
        .expect("an object")
        .remove(key)
        .expect("a member");
    body
}

fn document(type_id: i64) -> Value {
    json!({ "type_id": type_id, "storage_id": 91271, "create_date": "2026-09-21 23:00:00", "comment": "d" })
}

fn late_line(document: i64) -> Value {
    with(line(COMB, "1", "0.9", "0.9"), "/document_id", json!(document))
}

#[tokio::test]
async fn a_receipt_comes_in_and_a_write_off_goes_out() {
    let bench = Bench::start(|_| {}).await;
    let receipt = bench.post(OPERATION, &operation(3)).await;
    assert_eq!(receipt.status, 200);
    assert_eq!(bench.stock(COMB), "3");
    let write_off = bench.post(OPERATION, &operation(4)).await.json();
    let made = &write_off["data"];
    assert_eq!(made["document"]["comment"], "#sp:dock-1:01J9#");
    assert_eq!(made["document"]["create_date"], "2026-09-22T00:00:00.000-04:00");
    assert_eq!(made["transactions"][1]["amount"], -3);
    assert_eq!(made["transactions"][1]["cost"], 2.7);
    bench.post(OPERATION, &operation(4)).await;
    assert_eq!(bench.stock(COMB), "-3");
    assert_eq!(bench.counts(), (3, 6));
}

#[tokio::test]
async fn nothing_is_deduplicated() {
    let bench = Bench::start(|_| {}).await;
    bench.post(OPERATION, &operation(3)).await;
    bench.post(OPERATION, &operation(3)).await;
    assert_eq!(bench.counts(), (2, 4));
    assert_eq!(bench.sandbox.requests().len(), 2);
}

#[tokio::test]
async fn numbers_keep_every_digit() {
    let bench = Bench::start(|_| {}).await;
    let body = r#"{"type_id":3,"storage_id":91271,"create_date":"2026-09-21 23:00:00","goods_transactions":[
        {"good_id":123457,"operation_unit_type":1,"amount":0.300003,"cost_per_unit":1.1,"discount":12.5,
         "cost":0.2887528875}]}"#;
    let request = bench.request(Method::POST, OPERATION).header("Content-Type", "application/json");
    let reply = send(request.body(body)).await.unwrap();
    assert!(reply.text.contains(r#""cost":0.2887528875,"#), "{}", reply.text);
    assert!(reply.text.contains(r#""amount":0.300003,"#), "{}", reply.text);
    assert_eq!(bench.stock(COMB), "0.300003");
}

#[tokio::test]
async fn every_request_brings_the_right_accept_and_both_tokens() {
    let bench = Bench::start(|_| {}).await;
    let url = format!("{}/goods/4564", bench.sandbox.base_url());
    let bare = send(bench.client.get(&url)).await.unwrap();
    assert_eq!((bare.status, bare.text.contains("Accept")), (400, true));
    let request = bench.client.get(&url).header("Accept", "application/vnd.api.v2+json");
    let partner = request.header("Authorization", "Bearer sandbox-partner-token");
    assert_eq!(send(partner).await.unwrap().json()["meta"]["message"], "Authentication needed.");
    assert_eq!(bench.get("/goods/4564/").await.status, 200);
    bench.sandbox.configure(|options| "another".clone_into(&mut options.user_token));
    assert_eq!(bench.get("/goods/4564").await.status, 401);
    bench.sandbox.configure(|options| options.quirks.bare_errors = true);
    assert_eq!(bench.get("/goods/4564").await.json()["errors"]["code"], 401);
}

#[tokio::test]
async fn the_token_is_given_for_login_and_password_alone() {
    let bench = Bench::start(|_| {}).await;
    let post = |body: Value| {
        let request = bench.client.post(format!("{}/auth", bench.sandbox.base_url()));
        let request = request.header("Accept", "application/vnd.api.v2+json");
        send(with_json(request.header("Authorization", "Bearer sandbox-partner-token"), &body))
    };
    let login = json!({ "login": "stock-station", "password": "correct horse" });
    let good = post(login.clone()).await.unwrap();
    assert_eq!((good.status, &good.json()["data"]["user_token"]), (201, &json!("sandbox-user-token")));
    assert_eq!(post(with(login.clone(), "/password", json!("guess"))).await.unwrap().status, 401);
    bench.sandbox.configure(|options| options.quirks.two_factor = true);
    let pending = post(login).await.unwrap();
    assert_eq!((pending.status, &pending.json()["data"]["user_token"]), (200, &Value::Null));
}

#[tokio::test]
async fn rights_are_told_and_enforced() {
    let bench = Bench::start(|options| {
        options.permissions.storages = vec![PRODUCTS];
        options.permissions.types = vec![3];
        options.permissions.delete = false;
        options.permissions.days_back = Some(7);
    })
    .await;
    let told = bench.get("/user/permissions/4564").await.json();
    assert_eq!(told["data"]["storages"]["storages_create_last_days_count"], 7);
    assert_eq!(told["data"]["storages"]["storages_ids"], json!([91271]));
    assert_eq!(bench.get("/storages/4564").await.rows().len(), 1);
    assert_eq!(bench.post(OPERATION, &operation(4)).await.status, 403);
    let old = with(document(3), "/create_date", json!("2020-01-01 00:00:00"));
    assert_eq!(bench.post(DOCUMENTS, &old).await.status, 403);
    let elsewhere = with(document(3), "/storage_id", json!(91272));
    assert_eq!(bench.post(DOCUMENTS, &elsewhere).await.status, 403);
    assert_eq!(bench.get("/goods/9999").await.status, 403);
    assert_eq!(bench.delete(&format!("{DOCUMENTS}/22255501")).await.status, 403);
}

#[tokio::test]
async fn every_flaw_of_an_operation_is_refused_by_name_and_books_nothing() {
    let bench = Bench::start(|_| {}).await;
    let fine = operation(3);
    let first = "/goods_transactions/0";
    let flaws = [
        (with(fine.clone(), "/station", json!("dock-1")), "station"),
        (with(fine.clone(), "/type_id", json!(9)), "type_id"),
        (with(fine.clone(), "/type_id", json!("3")), "type_id"),
        (without(fine.clone(), "/storage_id"), "storage_id"),
        (with(fine.clone(), "/create_date", json!("yesterday")), "create_date"),
        (with(fine.clone(), "/create_date", json!("2026-02-30 10:00:00")), "create_date"),
        (with(fine.clone(), "/comment", json!(5)), "comment"),
        (with(fine.clone(), "/goods_transactions", json!([])), "goods_transactions"),
        (without(fine.clone(), "/goods_transactions"), "goods_transactions"),
        (with(fine.clone(), &format!("{first}/amount"), json!(0)), "goods_transactions[0].amount"),
        (with(fine.clone(), &format!("{first}/amount"), json!(-2)), "goods_transactions[0].amount"),
        (with(fine.clone(), &format!("{first}/amount"), json!("2")), "goods_transactions[0].amount"),
        (with(fine.clone(), &format!("{first}/amount"), json!(1e-7)), "goods_transactions[0].amount"),
        (with(fine.clone(), &format!("{first}/cost"), json!(10.01)), "goods_transactions[0].cost"),
        (with(fine.clone(), &format!("{first}/discount"), json!(101)), "goods_transactions[0].discount"),
        (with(fine.clone(), &format!("{first}/operation_unit_type"), json!(3)), "operation_unit_type"),
        (with(fine.clone(), &format!("{first}/document_id"), json!(22_255_501)), "document_id"),
        (with(fine.clone(), &format!("{first}/marker"), json!("")), "goods_transactions[0].marker"),
        (without(fine.clone(), &format!("{first}/discount")), "goods_transactions[0].discount"),
    ];
    for (body, field) in flaws {
        let reply = bench.post(OPERATION, &body).await;
        assert_eq!(reply.status, 422, "{field}: {}", reply.text);
        assert!(reply.json()["meta"]["errors"].to_string().contains(field), "{field}: {}", reply.text);
    }
    assert_eq!(bench.counts(), (0, 0));
}

#[tokio::test]
async fn a_body_that_is_not_json_and_a_query_nobody_knows_are_refused() {
    let bench = Bench::start(|_| {}).await;
    let text = bench.request(Method::POST, OPERATION).header("Content-Type", "text/plain").body("{}");
    assert_eq!(send(text).await.unwrap().status, 400);
    let broken = bench.request(Method::POST, OPERATION).header("Content-Type", "application/json").body("{");
    assert_eq!(send(broken).await.unwrap().status, 400);
    let flaws = ["page=0", "count=0", "page=x", "good_id=1", "page=1&page=2", "changed_after=soon"];
    for flaw in flaws {
        assert_eq!(bench.get(&format!("{MOVEMENTS}?{flaw}")).await.status, 422, "{flaw}");
    }
    assert_eq!(bench.get("/goods/4564?barcode=1").await.status, 422);
    assert_eq!(bench.get("/nothing/4564").await.status, 404);
    let large = bench.request(Method::POST, OPERATION).body("x".repeat((1 << 20) + 1));
    assert_eq!(send(large).await.unwrap().status, 413);
}

#[tokio::test]
async fn an_unknown_good_or_storage_gets_the_status_of_the_account() {
    let bench = Bench::start(|_| {}).await;
    let unknown = with(operation(3), "/goods_transactions/1/good_id", json!(1));
    for status in [404, 403, 400, 422] {
        bench.sandbox.configure(|options| options.quirks.unknown_id_status = status);
        assert_eq!(bench.post(OPERATION, &unknown).await.status, status);
        assert_eq!(bench.get("/goods/4564/1").await.status, status);
        let elsewhere = with(document(3), "/storage_id", json!(1));
        assert_eq!(bench.post(DOCUMENTS, &elsewhere).await.status, status);
    }
    assert_eq!(bench.counts(), (0, 0));
}

#[tokio::test]
async fn a_bad_second_line_leaves_the_first_only_where_operations_are_partial() {
    let bench = Bench::quirky(|quirks| quirks.partial_operation = true).await;
    let unknown = with(operation(3), "/goods_transactions/1/good_id", json!(1));
    assert_eq!(bench.post(OPERATION, &unknown).await.status, 404);
    assert_eq!(bench.counts(), (1, 1));
    assert_eq!((bench.stock(SHAMPOO), bench.stock(COMB)), ("2".to_owned(), "0".to_owned()));
}

#[tokio::test]
async fn a_staff_member_and_the_name_of_the_lines_are_demanded_where_the_account_does() {
    let bench = Bench::quirky(|quirks| {
        quirks.master_required = true;
        quirks.lines_in = LinesKey::Transactions;
        quirks.lines_out = LinesKey::Both;
    })
    .await;
    assert_eq!(bench.post(OPERATION, &operation(3)).await.status, 422);
    let lines = operation(3)["goods_transactions"].clone();
    let renamed = with(without(operation(3), "/goods_transactions"), "/transactions", lines);
    let refused = bench.post(OPERATION, &renamed).await;
    assert_eq!((refused.status, &refused.json()["meta"]["message"]), (400, &json!("Staff member required")));
    let reply = bench.post(OPERATION, &with(renamed, "/master_id", json!(5512))).await.json();
    assert_eq!(reply["data"]["transactions"], reply["data"]["goods_transactions"]);
    assert_eq!(reply["data"]["transactions"][0]["master"]["id"], 5512);
}

#[tokio::test]
async fn a_document_takes_lines_and_gives_them_back() {
    let bench = Bench::start(|_| {}).await;
    let made = bench.post(DOCUMENTS, &document(4)).await.json();
    let id = made["data"]["id"].as_i64().unwrap();
    assert_eq!(made["data"]["create_date"], "2026-09-21T23:00:00.000-04:00");
    let line = bench.post(LINES, &late_line(id)).await.json();
    let line_path = format!("{LINES}/{}", line["data"]["id"]);
    assert_eq!((bench.stock(COMB), &line["data"]["sale_amount"]), ("-1".to_owned(), &json!(-1)));
    let doubled = with(with(late_line(id), "/amount", json!(2)), "/cost", json!(1.8));
    assert_eq!(bench.put(&line_path, &doubled).await.status, 200);
    assert_eq!(bench.stock(COMB), "-2");
    let moved = with(document(4), "/storage_id", json!(91272));
    assert_eq!(bench.put(&format!("{DOCUMENTS}/{id}"), &moved).await.status, 200);
    assert_eq!(bench.books().balance(COMB, StorageId(91272)), Decimal::from(-2));
    let listed = bench.get(&format!("/storage_operations/documents/goods_transactions/{id}")).await;
    assert_eq!((&listed.json()["meta"]["count"], &listed.rows()[0]["amount"]), (&json!(1), &json!(-2)));
    let deleted = bench.delete(&line_path).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (202, ""));
    assert_eq!(bench.get(&line_path).await.json()["data"]["deleted"], true);
    assert_eq!(bench.delete(&line_path).await.status, 404);
    assert_eq!(bench.books().balance(COMB, StorageId(91272)), Decimal::ZERO);
}

#[tokio::test]
async fn a_deleted_document_takes_its_lines_along_unless_the_account_keeps_them() {
    for (cascade, lines, stock) in [(true, 0, "0"), (false, 2, "3")] {
        let bench = Bench::quirky(|quirks| quirks.cascade_delete = cascade).await;
        let made = bench.post(OPERATION, &operation(3)).await.json();
        let path = format!("{DOCUMENTS}/{}", made["data"]["document"]["id"]);
        assert_eq!(bench.delete(&path).await.status, 202);
        assert_eq!(bench.get(&path).await.status, 404);
        assert_eq!(bench.counts(), (0, lines));
        assert_eq!(bench.stock(COMB), stock);
    }
}

#[tokio::test]
async fn the_type_of_a_write_off_document_is_four_or_seven() {
    let bench = Bench::start(|_| {}).await;
    assert_eq!(bench.post(DOCUMENTS, &document(7)).await.status, 422);
    bench.sandbox.configure(|options| options.quirks.write_off_document_type = 7);
    assert_eq!(bench.post(DOCUMENTS, &document(4)).await.status, 422);
    let id = bench.post(DOCUMENTS, &document(7)).await.json()["data"]["id"].as_i64().unwrap();
    bench.post(LINES, &late_line(id)).await;
    assert_eq!(bench.stock(COMB), "-1");
}

#[tokio::test]
async fn a_write_off_unit_is_its_part_of_a_sale_unit() {
    let bench = Bench::start(|_| {}).await;
    let line = with(line(SHAMPOO, "150", "0.05", "7.5"), "/operation_unit_type", json!(2));
    let body = with(operation(3), "/goods_transactions", json!([line]));
    assert_eq!(bench.post(OPERATION, &body).await.status, 200);
    assert_eq!(bench.stock(SHAMPOO), "1.5");
}

#[tokio::test]
async fn goods_are_paged_without_a_total_and_filtered_by_change() {
    let bench = Bench::start(|_| {}).await;
    let table = bench.sandbox.goods().len();
    let mut read = 0;
    for page in 1.. {
        let rows = bench.get(&format!("/goods/4564?page={page}&count=15")).await.rows().len();
        read += rows;
        if rows < 15 {
            break;
        }
    }
    assert_eq!(read, table);
    assert_eq!(bench.get("/goods/4564").await.rows().len(), 25);
    bench.sandbox.configure(|options| options.quirks.page_rows_max = Some(10));
    assert_eq!(bench.get("/goods/4564?count=100").await.rows().len(), 10);
    let since = (jiff::Timestamp::now() - jiff::SignedDuration::from_secs(60)).to_string();
    assert_eq!(bench.get(&format!("/goods/4564?changed_after={since}")).await.rows().len(), 0);
    bench.sandbox.put_good(GoodRow::new(GoodId(7), "New", "0123"));
    bench.sandbox.remove_good(COMB);
    let changed = bench.get(&format!("/goods/4564?changed_after={since}")).await.rows();
    assert_eq!((changed.len(), &changed[0]["barcode"]), (1, &json!("0123")));
    assert_eq!(bench.get("/goods/4564?term=comb").await.rows().len(), 0);
    assert_eq!(bench.get("/goods/4564/123457").await.status, 404);
}

#[tokio::test]
async fn goods_and_categories_are_made_changed_and_deleted() {
    let bench = Bench::start(|_| {}).await;
    let category = json!({ "title": "Brushes", "parent_category_id": 961_078 });
    let category = bench.post("/goods_categories/4564", &category).await;
    assert_eq!(category.status, 201);
    let id = category.json()["data"]["id"].clone();
    let good = json!({
        "title": "Brush", "barcode": "0042", "category_id": id, "sale_unit_id": 216_760,
        "service_unit_id": 216_760, "cost": 12.5,
    });
    let made = bench.post("/goods/4564", &good).await;
    assert_eq!((made.status, &made.json()["data"]["barcode"]), (201, &json!("0042")));
    let path = format!("/goods/4564/{}", made.json()["data"]["good_id"]);
    let renamed = bench.put(&path, &with(good.clone(), "/title", json!("Big brush"))).await;
    assert_eq!((renamed.status, &renamed.json()["data"]["value"]), (200, &json!("Big brush")));
    assert_eq!(bench.post("/goods/4564", &with(good, "/ean", json!("1"))).await.status, 422);
    let node = bench.get(&format!("/goods/category_node/4564/{id}")).await.json();
    assert_eq!(node["data"]["children_count"], 1);
    assert_eq!(bench.get("/goods/search/4564?term=big").await.rows().len(), 1);
    assert_eq!(bench.delete(&path).await.status, 204);
    assert_eq!(bench.delete(&format!("/goods_categories/4564/{id}")).await.status, 204);
    assert_eq!(bench.get("/company/4564/goods_categories/0").await.json()["meta"]["count"], 2);
}

#[tokio::test]
async fn units_of_a_moved_good_change_only_with_correction_rules() {
    let bench = Bench::start(|_| {}).await;
    bench.post(OPERATION, &operation(3)).await;
    let good = json!({
        "title": "Comb", "category_id": 961_078, "sale_unit_id": 216_764, "service_unit_id": 216_764,
    });
    let refused = bench.put("/goods/4564/123457", &good).await;
    assert_eq!((refused.status, &refused.json()["meta"]["conflict"]), (409, &json!(true)));
    let ruled = with(good, "/correction_rules", json!([{ "type": 1, "base_unit": "sale" }]));
    assert_eq!(bench.put("/goods/4564/123457", &ruled).await.status, 200);
}

#[tokio::test]
async fn movements_are_paged_and_filtered() {
    let bench = Bench::start(|_| {}).await;
    let first = bench.post(OPERATION, &operation(3)).await.json();
    bench.post(OPERATION, &with(operation(4), "/create_date", json!("2026-10-01 08:00:00"))).await;
    let rows = async |query: &str| bench.get(&format!("{MOVEMENTS}?{query}")).await.rows().len();
    let document = &first["data"]["document"]["id"];
    assert_eq!(rows("page=1&count=3").await, 3);
    assert_eq!(rows("page=2&count=3").await, 1);
    assert_eq!(rows(&format!("document_id={document}")).await, 2);
    assert_eq!(rows("start_date=2026-10-01&end_date=2026-10-01").await, 2);
    assert_eq!(rows("changed_after=2020-01-01T00:00:00%2B03:00").await, 4);
    assert_eq!(rows("changed_before=2020-01-01T00:00:00").await, 0);
}

#[tokio::test]
async fn movements_leave_out_what_the_account_leaves_out() {
    let bench = Bench::start(|_| {}).await;
    let made = bench.post(OPERATION, &operation(4)).await.json();
    let row = bench.get(MOVEMENTS).await.rows()[1].clone();
    assert_eq!((&row["amount"], &row["supplier"], &row["client"]), (&json!(-3), &json!([]), &json!([])));
    assert_eq!(row["create_date"], "2026-09-22T00:00:00-0400");
    bench.sandbox.configure(|options| {
        options.quirks.movement_amount = false;
        options.quirks.movement_comment = false;
        options.quirks.movement_deleted = DeletedRows::Flagged;
    });
    let line = &made["data"]["transactions"][0]["id"];
    bench.delete(&format!("{LINES}/{line}")).await;
    let row = bench.get(MOVEMENTS).await.rows()[0].clone();
    assert_eq!((row.get("amount"), row.get("comment"), &row["deleted"]), (None, None, &json!(true)));
    bench.sandbox.configure(|options| options.quirks.movement_deleted = DeletedRows::Hidden);
    assert_eq!(bench.get(MOVEMENTS).await.rows().len(), 1);
}

#[tokio::test]
async fn a_new_line_is_listed_only_after_its_delay() {
    let bench = Bench::quirky(|quirks| quirks.visible_after_ms = 3_600_000).await;
    let made = bench.post(OPERATION, &operation(3)).await.json();
    let lines =
        format!("/storage_operations/documents/goods_transactions/{}", made["data"]["document"]["id"]);
    assert_eq!((bench.get(MOVEMENTS).await.rows().len(), bench.get(&lines).await.rows().len()), (0, 0));
    let line = &made["data"]["transactions"][0]["id"];
    assert_eq!(bench.get(&format!("{LINES}/{line}")).await.status, 200);
    bench.sandbox.configure(|options| options.quirks.visible_after_ms = 1);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!((bench.get(MOVEMENTS).await.rows().len(), bench.get(&lines).await.rows().len()), (2, 2));
}

#[tokio::test]
async fn the_servers_clock_may_be_wrong() {
    let bench = Bench::start(|options| options.clock_ahead_s = 365 * 86_400).await;
    let now = jiff::Timestamp::now();
    let reply = bench.post(OPERATION, &operation(3)).await;
    let date = jiff::fmt::rfc2822::parse(&reply.date).unwrap().timestamp();
    assert!(date.duration_since(now).as_hours() > 8000, "{}", reply.date);
    assert!(bench.books().documents[0].made > now);
    bench.sandbox.configure(|options| options.clock_ahead_s = -100);
    let date = jiff::fmt::rfc2822::parse(&bench.get(MOVEMENTS).await.date).unwrap().timestamp();
    assert!(date < now);
}

#[tokio::test]
async fn the_location_the_cards_the_hooks_and_the_money_answer() {
    let bench = Bench::start(|_| {}).await;
    assert_eq!(bench.get("/company/4564").await.json()["data"]["timezone_name"], "America/New_York");
    let hooks = json!({ "urls": ["https://example.com/hook"], "active": 1, "good": 1 });
    assert_eq!(bench.post("/hooks_settings/4564", &hooks).await.status, 201);
    assert_eq!(bench.get("/hooks_settings/4564").await.json()["data"]["good"], 1);
    assert_eq!(bench.post("/hooks_settings/4564", &with(hooks, "/good", json!(2))).await.status, 422);
    assert_eq!(bench.get("/transactions/4564?start_date=20260921&real_money=1").await.rows().len(), 0);
    assert_eq!(bench.get("/technological_cards/4564?search=wash").await.rows().len(), 1);
    let card = bench.get("/technological_cards/default_for_staff_and_service/4564/5512/3301").await.json();
    assert_eq!(card["data"]["id"], 410);
    let used = json!({ "consumables": [{ "goods_transaction_id": 0, "record_id": 77001, "service_id": 3301,
        "storage_id": 91272, "good_id": 123_456, "price": 0, "amount": 15 }] });
    let cards = "/technological_cards/record_consumables";
    assert_eq!(bench.put(&format!("{cards}/consumables/4564/77001/3301"), &used).await.status, 200);
    let detach = format!("{cards}/technological_cards/4564/77001/3301?delete_consumables=1");
    assert_eq!(bench.delete(&detach).await.status, 200);
    let left = bench.get(&format!("{cards}/4564/77001")).await.rows();
    assert_eq!((&left[0]["technological_cards"], &left[0]["consumables"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn loose_types_change_the_shape_and_not_the_content() {
    let bench = Bench::quirky(|quirks| {
        quirks.loose_types = true;
        quirks.single_as_array = true;
        quirks.meta = stockpoint::sandbox::Nothing::Object;
        quirks.relation = stockpoint::sandbox::Nothing::Null;
        quirks.dates = stockpoint::sandbox::Dates::Local;
        quirks.errors_map = true;
    })
    .await;
    let good = bench.get("/goods/4564/123457").await.json();
    assert_eq!((&good["meta"], &good["data"][0]["good_id"]), (&json!({}), &json!(123_457)));
    assert_eq!(good["data"][0]["loyalty_abonement_type_id"], "150");
    assert!(bench.get("/company/4564").await.json()["data"]["timezone"].is_string());
    let made = bench.post(OPERATION, &operation(3)).await.json();
    assert_eq!(made["data"]["document"]["create_date"], "2026-09-22 00:00:00");
    assert_eq!(made["data"]["transactions"][0]["supplier"], Value::Null);
    let refused = bench.post(OPERATION, &json!({})).await.json();
    assert!(refused["meta"]["errors"]["type_id"].is_array(), "{refused}");
}

#[tokio::test]
async fn a_dropped_request_is_done_or_not_as_scripted() {
    for (fault, made) in [(Fault::DropBefore, 0), (Fault::ActThenDrop, 1), (Fault::Truncated, 1)] {
        let bench = Bench::start(|_| {}).await;
        // A kept connection, so that nothing can be blamed on a fresh one.
        bench.get("/company/4564").await;
        bench.sandbox.fault(Selector::Writes, fault.clone());
        bench.get("/company/4564").await;
        assert!(bench.try_post(OPERATION, &operation(3)).await.is_err(), "{fault:?}");
        assert_eq!(bench.counts().0, made, "{fault:?}");
        assert_eq!((bench.sandbox.requests().len(), bench.sandbox.faults_left()), (3, 0), "{fault:?}");
        assert_eq!(bench.sandbox.requests()[2].fault, Some(fault));
        assert_eq!(bench.post(OPERATION, &operation(3)).await.status, 200);
    }
}

/// What a client without any HTTP library gets to see.
async fn on_the_wire(fault: Fault) -> String {
    let bench = Bench::start(|_| {}).await;
    bench.sandbox.fault(Selector::Any, fault);
    let address = bench.sandbox.base_url();
    let address = address.trim_start_matches("http://").trim_end_matches("/api/v1");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = "GET /api/v1/storages/4564 HTTP/1.1\r\nHost: sandbox\r\nAccept: application/vnd.api.v2+json\r\n\
        Authorization: Bearer sandbox-partner-token, User sandbox-user-token\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("room");
    let mut seen = String::new();
    stream.read_to_string(&mut seen).await.expect("an orderly end");
    seen
}

#[tokio::test]
async fn a_dropped_connection_carries_no_byte_and_a_truncated_answer_half_of_them() {
    for fault in [Fault::DropBefore, Fault::ActThenDrop, Fault::Late { ms: 0 }] {
        assert_eq!(on_the_wire(fault).await, "");
    }
    let seen = on_the_wire(Fault::Truncated).await;
    let (head, body) = seen.split_once("\r\n\r\n").expect("a whole head");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert_eq!(body.len(), length.parse::<usize>().unwrap() / 2);
}

#[tokio::test]
async fn a_late_request_is_carried_out_after_its_connection_is_gone() {
    let bench = Bench::start(|_| {}).await;
    bench.sandbox.fault(Selector::path("POST", "/storage_operations/operation"), Fault::Late { ms: 300 });
    assert!(bench.try_post(OPERATION, &operation(3)).await.is_err());
    assert_eq!((bench.counts(), bench.sandbox.late_acts()), ((0, 0), 1));
    while bench.sandbox.late_acts() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(bench.counts(), (1, 2));
}

#[tokio::test]
async fn a_slow_answer_comes_after_the_deed() {
    let bench = Bench::start(|_| {}).await;
    bench.sandbox.fault(Selector::Any, Fault::Slow { ms: 10_000 });
    let request = with_json(bench.request(Method::POST, OPERATION), &operation(3));
    let outcome = send(request.timeout(Duration::from_millis(500))).await;
    assert!(outcome.is_err_and(|cause| cause.is_timeout()));
    assert_eq!(bench.counts(), (1, 2));
}

#[tokio::test]
async fn an_answer_that_lies_about_the_deed_is_the_one_scripted() {
    let busy = "busy".to_owned();
    let faults = [
        (Fault::Pass, 200, 1),
        (Fault::EmptyBody, 200, 1),
        (Fault::ActThenStatus(500), 500, 1),
        (Fault::Refuse { status: 503, message: busy.clone() }, 503, 0),
        (Fault::SuccessFalse { message: busy }, 200, 0),
        (Fault::Html502, 502, 0),
        (Fault::Stranger { status: 404, body: Foreign::Page }, 404, 0),
        (Fault::ActThenStranger { status: 413, body: Foreign::Json }, 413, 1),
        (Fault::Unauthorized, 401, 0),
        (Fault::Forbidden, 403, 0),
        (Fault::TooMany { retry_after_s: Some(7), message_s: Some(7) }, 429, 0),
        (Fault::TooMany { retry_after_s: None, message_s: None }, 429, 0),
    ];
    for (fault, status, made) in faults {
        let bench = Bench::start(|_| {}).await;
        bench.sandbox.fault(Selector::Any, fault.clone());
        let reply = bench.post(OPERATION, &operation(3)).await;
        assert_eq!((reply.status, bench.counts().0), (status, made), "{fault:?}");
        assert_eq!(reply.retry_after.is_some(), reply.text.contains("in 7 seconds"), "{fault:?}");
        let empty = matches!(fault, Fault::EmptyBody | Fault::TooMany { message_s: None, .. });
        assert_eq!(reply.text.is_empty(), empty, "{fault:?}");
    }
}

#[tokio::test]
async fn part_of_an_operation_stands_when_it_is_cut_short() {
    let bench = Bench::start(|_| {}).await;
    bench.sandbox.fault(Selector::Writes, Fault::PartialApply { lines: 1 });
    bench.sandbox.fault(Selector::Writes, Fault::PartialRefuse { lines: 0 });
    assert!(bench.try_post(OPERATION, &operation(3)).await.is_err());
    assert_eq!((bench.counts(), bench.stock(SHAMPOO)), ((1, 1), "2".to_owned()));
    assert_eq!(bench.post(OPERATION, &operation(3)).await.status, 422);
    assert_eq!(bench.counts(), (2, 1));
}

#[tokio::test]
async fn an_outage_lasts_until_it_is_over() {
    let bench = Bench::start(|_| {}).await;
    bench.sandbox.outage(Some((Selector::Reads, Fault::Html502)));
    for _ in 0..3 {
        assert_eq!(bench.get(MOVEMENTS).await.status, 502);
    }
    assert_eq!(bench.post(OPERATION, &operation(3)).await.status, 200);
    bench.sandbox.outage(None);
    assert_eq!(bench.get(MOVEMENTS).await.status, 200);
}

#[tokio::test]
async fn a_fault_lasts_for_its_requests_or_its_time_and_only_for_those_it_is_for() {
    let bench = Bench::start(|_| {}).await;
    let stranger = |body| Fault::Stranger { status: 403, body };
    bench.sandbox.fail(Selector::path("GET", "/company"), stranger(Foreign::Page), Lasts::Requests(2));
    let page = Selector::Page { prefix: "/goods/4564".to_owned(), page: 2 };
    bench.sandbox.fail(page, stranger(Foreign::EmptyList), Lasts::UntilRecovered);
    let reply = bench.get("/company/4564").await;
    assert!(reply.status == 403 && reply.text.contains("Log in"), "{}", reply.text);
    assert_eq!(bench.get("/goods/4564?page=2&count=5").await.text, "[]");
    assert_eq!(bench.get("/goods/4564?page=1&count=5").await.status, 200);
    assert_eq!(bench.get("/company/4564").await.status, 403);
    assert_eq!(bench.get("/company/4564").await.status, 200);
    bench.sandbox.recover();
    assert_eq!(bench.get("/goods/4564?page=2&count=5").await.status, 200);
    bench.sandbox.fail(Selector::Any, stranger(Foreign::Empty), Lasts::Millis(0));
    assert_eq!(bench.get("/company/4564").await.status, 200);
}

#[tokio::test]
async fn chance_repeats_itself_and_ends() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let bench = Bench::start(|_| {}).await;
        bench.sandbox.chaos(Some(Chaos::writes(7, 5)));
        for _ in 0..40 {
            let _whatever = bench.try_post(OPERATION, &operation(3)).await;
        }
        runs.push(bench.sandbox.requests().into_iter().map(|request| request.fault).collect::<Vec<_>>());
    }
    assert_eq!(runs[0], runs[1]);
    assert_eq!(runs[0].iter().flatten().count(), 5);
}

#[tokio::test]
async fn a_request_over_the_limit_is_refused_with_the_wait() {
    let bench = Bench::start(|options| options.limit = Some(Limit { per_minute: 5, per_second: 5 })).await;
    bench.sandbox.configure(|options| options.quirks.retry_after = true);
    for _ in 0..5 {
        assert_eq!(bench.get("/company/4564").await.status, 200);
    }
    let refused = bench.post(OPERATION, &operation(3)).await;
    let wait = refused.retry_after.clone().expect("the header");
    let message = format!("Request limit exceeded, try again in {wait} seconds.");
    assert_eq!((refused.status, &refused.json()["meta"]["message"]), (429, &json!(message)));
    assert_eq!(bench.counts(), (0, 0));
    bench.sandbox.configure(|options| options.limit = None);
    assert_eq!(bench.get("/company/4564").await.status, 200);
}

#[tokio::test]
async fn a_stopped_server_closes_its_connections() {
    let (sandbox, server) = Sandbox::bind(Options::sample()).await.unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let mut tasks = JoinSet::new();
    tasks.spawn(server.run(async {
        let _either_way = stopped.await;
    }));
    let bench = Bench { sandbox, client: client(), _server: JoinSet::new() };
    bench.get("/company/4564").await;
    stop.send(()).unwrap();
    tasks.join_next().await.unwrap().unwrap();
    assert!(send(bench.request(Method::GET, "/company/4564")).await.is_err());
}

#[tokio::test]
async fn the_log_of_requests_has_the_headers_and_no_token() {
    let bench = Bench::start(|_| {}).await;
    bench.post(DOCUMENTS, &document(3)).await;
    let record = &bench.sandbox.requests()[0];
    assert_eq!(record.accept, "application/vnd.api.v2+json");
    assert_eq!(record.authorization, "Bearer *, User *");
    assert_eq!(record.content_type, "application/json");
    assert!(!format!("{record:?}").contains("token"), "{record:?}");
}

#[tokio::test]
async fn the_log_of_requests_forgets_the_oldest_beyond_its_bytes() {
    let bench = Bench::start(|_| {}).await;
    let body = "x".repeat(1 << 20);
    for _ in 0..65 {
        let request = bench.request(Method::POST, OPERATION).body(body.clone());
        assert_eq!(send(request).await.unwrap().status, 400);
    }
    bench.get("/company/4564").await;
    let requests = bench.sandbox.requests();
    assert_eq!((requests.len(), requests[63].path.as_str()), (64, "/company/4564"));
}
