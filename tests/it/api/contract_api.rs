//! Every call of the client: against the simulated service, against the contract, and against every example of
//! an answer that the contract has.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeSet;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use stockpoint::api::{
    self, BaseUnit, Budget, CategoryToWrite, Client, Consumable, CorrectionRule, GoodToWrite, GoodsFilter,
    LineIds, LineToPost, LocationTitle, Login, MovementFilter, Node, OperationToPost, Outcome, Permit,
    PostedOperation, Unlinked,
};
use stockpoint::domain::ids::{
    CategoryId, DocumentId, GoodId, LocationId, MasterId, RecordId, ServiceId, StorageId, TransactionId,
    UnitId,
};
use stockpoint::domain::stock::mode::Kind;
use stockpoint::domain::stock::operation::{Line, Place as Where};
use stockpoint::domain::stock::quantity::Quantity;
use stockpoint::sandbox::{MILLILITRE, Options, PIECE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::api::openapi::{assert_requests_follow_contract, contract};
use crate::support::station::Place;

const COMB: GoodId = GoodId(123_457);
const SHAMPOO: GoodId = GoodId(123_456);
const PRODUCTS: StorageId = StorageId(91_271);
const RECORD: RecordId = RecordId(77_001);
const SERVICE: ServiceId = ServiceId(3301);
const PRODUCT_CATEGORY: CategoryId = CategoryId(961_078);

/// What the contract has and no call of the client needs: money, webhooks.
const LEFT_OUT: [&str; 4] =
    ["getHookSettings", "listDocumentFinanceRows", "listFinanceRows", "setHookSettings"];

/// A client of the simulated service.
struct Bench {
    place: Place,
    client: Client,
}

impl Bench {
    async fn new(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options::sample();
        change(&mut options);
        let place = Place::new(options).await;
        let client = client(&place.config().api);
        Self { place, client }
    }

    fn check(&self) {
        assert_requests_follow_contract(&self.place.sandbox);
    }
}

pub(crate) fn client(api: &stockpoint::config::Api) -> Client {
    let (partner, user) = ("sandbox-partner-token", "sandbox-user-token");
    Client::new(api, LocationId(4564), &SecretString::from(partner), &SecretString::from(user)).unwrap()
}

/// Leave for one request: these tests are not about the budget.
pub(crate) fn permit() -> Permit {
    let now = Instant::now();
    Budget::new(60, 1, 1, now).take(now).unwrap()
}

fn header(kind: Kind, comment: &str) -> OperationToPost<'_> {
    let place = Where { kind, storage: PRODUCTS };
    OperationToPost { place, create_date: "2026-09-21T23:00:00-05:00", master: None, comment }
}

fn line(good: GoodId, units: i64) -> Line {
    Line {
        number: 1,
        good,
        title: String::new(),
        barcode: String::new(),
        quantity: Quantity::units(units).unwrap(),
        price: "0.9".parse().unwrap(),
        transaction: None,
        refusal: None,
    }
}

pub(crate) fn to_post(line: &Line) -> LineToPost<'_> {
    LineToPost { line, comment: "#sp:dock-1:01J9# 1".to_owned() }
}

/// Posts one comb.
pub(crate) async fn post_comb(client: &Client) -> Result<PostedOperation, api::Error> {
    let comb = line(COMB, 1);
    client.create_operation(permit(), header(Kind::Receipt, "in"), &[to_post(&comb)]).await
}

async fn use_account(bench: &Bench) {
    let card = bench.client.location_card(permit()).await.unwrap();
    assert_eq!(card.zone_name.as_deref(), Some("America/New_York"));
    assert_eq!(bench.client.permissions(permit()).await.unwrap().may_delete, Some(true));
    let locations = bench.client.locations(permit()).await.unwrap();
    assert_eq!(locations, [LocationTitle { id: LocationId(4564), title: "Business Example".to_owned() }]);
    let masters = bench.client.masters(permit()).await.unwrap();
    assert_eq!(masters.iter().map(|master| master.id.0).collect::<Vec<_>>(), [5512, 5513], "one has left");
    let partner = SecretString::from("sandbox-partner-token");
    let mut before = Client::partner_only(&bench.place.config().api, &partner).unwrap();
    let password = SecretString::from("correct horse");
    let login = before.log_in(permit(), "stock-station", &password).await.unwrap();
    assert!(matches!(login, Login::Token(token) if token.expose_secret() == "sandbox-user-token"));
}

#[tokio::test]
async fn a_login_that_wants_a_second_factor_is_none_and_a_wrong_password_is_refused() {
    let mut bench = Bench::new(|options| options.quirks.two_factor = true).await;
    let (right, wrong) = (SecretString::from("correct horse"), SecretString::from("guess"));
    let pending = bench.client.log_in(permit(), "stock-station", &right).await.unwrap();
    assert!(matches!(pending, Login::NoTokenYet), "{pending:?}");
    let refused = bench.client.log_in(permit(), "stock-station", &wrong).await.unwrap_err();
    assert!(matches!(refused.outcome(), Outcome::NotAllowed { status: 401, .. }), "{refused}");
    bench.check();
}

#[tokio::test]
async fn an_answer_to_a_login_never_brings_the_password_in() {
    let body = r#"{"success":false,"meta":{"message":"wrong: correct/horse, correct\/horse"}}"#;
    let mut replay = Replay::of(422, body).await;
    let password = SecretString::from("correct/horse");
    let refused = replay.client.log_in(permit(), "stock-station", &password).await.unwrap_err();
    assert_eq!(refused.outcome(), Outcome::Refused("wrong: (token), (token)".to_owned()));
}

async fn use_goods(bench: &Bench) {
    let client = &bench.client;
    let filter = GoodsFilter { term: Some("952123400001"), ..GoodsFilter::default() };
    let (found, rows) = client.list_goods(permit(), 1, &filter).await.unwrap();
    // Fuzzy: whoever wants one code compares.
    assert_eq!((found.len(), rows), (1, 1));
    assert_eq!(found[0].good.barcode, "9521234000013");
    let mut comb = GoodToWrite::new("Comb, wide", PRODUCT_CATEGORY, UnitId(PIECE.id), UnitId(PIECE.id));
    comb.barcode = Some("0007".to_owned());
    comb.article = Some("CMB-W".to_owned());
    comb.cost = Some("2.5".parse().unwrap());
    comb.actual_cost = Some("1.000001".parse().unwrap());
    comb.unit_equals = Some("1".parse().unwrap());
    comb.critical_amount = Some("2".parse().unwrap());
    comb.desired_amount = Some("9".parse().unwrap());
    comb.netto = Some("0.25".parse().unwrap());
    comb.brutto = Some("0.3".parse().unwrap());
    comb.print_title = Some("Comb".to_owned());
    comb.comment = Some("wide".to_owned());
    (comb.tax_variant, comb.vat) = (Some(0), Some(3));
    let made = client.create_good(permit(), &comb).await.unwrap();
    assert_eq!((made.good.barcode.as_str(), made.good.price.to_string().as_str()), ("0007", "1.000001"));
    assert_eq!((made.article.as_str(), made.comment.as_str()), ("CMB-W", "wide"));
    let read = client.good(permit(), made.good.id).await.unwrap().unwrap();
    assert_eq!(read, made);
    "Comb, narrow".clone_into(&mut comb.title);
    let corrections = [CorrectionRule { rule: 1, base: BaseUnit::Sale }];
    let replaced = client.replace_good(permit(), made.good.id, &comb, &corrections).await.unwrap();
    assert_eq!(replaced.good.title, "Comb, narrow");
    client.delete_good(permit(), made.good.id).await.unwrap();
    assert_eq!(client.good(permit(), made.good.id).await.unwrap(), None);
    client.delete_good(permit(), made.good.id).await.unwrap();
    let nodes = client.search_goods(permit(), "hair oil").await.unwrap();
    assert_eq!(nodes.iter().map(|node| node.node).collect::<Vec<_>>(), [Node::Good(GoodId(123_460))]);
}

async fn use_categories(bench: &Bench) {
    let client = &bench.client;
    let roots = client.categories_below(permit(), None).await.unwrap();
    assert_eq!(
        roots.iter().map(|row| row.title.as_str()).collect::<Vec<_>>(),
        ["Basic products", "Consumables"]
    );
    let new = CategoryToWrite {
        title: "Combs",
        parent: Some(PRODUCT_CATEGORY),
        article: Some("C"),
        comment: Some("all of them"),
    };
    let made = client.create_category(permit(), new).await.unwrap();
    assert_eq!(made.parent, Some(PRODUCT_CATEGORY));
    let below = client.categories_below(permit(), Some(PRODUCT_CATEGORY)).await.unwrap();
    assert_eq!(below, std::slice::from_ref(&made));
    let moved = CategoryToWrite { title: "Brushes", parent: None, article: None, comment: None };
    let moved = client.replace_category(permit(), made.id, moved).await.unwrap();
    assert_eq!((moved.title.as_str(), moved.parent), ("Brushes", None));
    assert_eq!(client.category(permit(), made.id).await.unwrap(), Some(moved.clone()));
    assert_eq!(client.categories(permit(), &[made.id, CategoryId(1)]).await.unwrap(), [moved]);
    client.delete_category(permit(), made.id).await.unwrap();
    assert_eq!(client.category(permit(), made.id).await.unwrap(), None);
    let content = client.category_content(permit(), PRODUCT_CATEGORY, 1).await.unwrap();
    assert_eq!(content.category.node, Node::Category(PRODUCT_CATEGORY));
    assert_eq!(content.children[0].node, Node::Good(SHAMPOO));
    assert_eq!(content.count, i64::try_from(content.children.len()).ok());
}

async fn use_storages(bench: &Bench) {
    let storages = bench.client.storages(permit()).await.unwrap();
    assert_eq!((storages[0].is_for_sale, storages[0].is_for_service), (Some(true), Some(false)));
    assert_eq!((storages[1].is_for_sale, storages[1].is_for_service), (Some(false), Some(true)));
}

async fn use_operation_and_movements(bench: &Bench) {
    let client = &bench.client;
    let lines = [line(SHAMPOO, 2), line(COMB, 3)];
    let lines: Vec<_> = lines.iter().map(to_post).collect();
    let posted = client.create_operation(permit(), header(Kind::WriteOff, "out"), &lines).await.unwrap();
    assert_eq!(posted.lines.unwrap().len(), 2);
    let filter = MovementFilter {
        document: Some(posted.document),
        start_date: Some("2026-09-20"),
        end_date: Some("2026-09-23"),
        changed_after: Some("2020-01-01T00:00:00"),
        changed_before: Some("2100-01-01T00:00:00"),
    };
    let found = client.list_movements(permit(), 1, &filter).await.unwrap();
    assert_eq!(found.iter().map(|row| row.movement.good).collect::<Vec<_>>(), [Some(SHAMPOO), Some(COMB)]);
    assert_eq!(found[1].amount.map(|amount| amount.to_string()).as_deref(), Some("-3"));
    assert_eq!(found[1].cost.map(|cost| cost.to_string()).as_deref(), Some("2.7"));
    assert_eq!(client.movements(permit(), 1, "2020-01-01T00:00:00").await.unwrap().len(), 2);
}

async fn use_documents(bench: &Bench) {
    let client = &bench.client;
    let made = client.create_document(permit(), header(Kind::Receipt, "in")).await.unwrap().document;
    let read = client.document(permit(), made).await.unwrap().unwrap();
    assert_eq!((read.type_id, read.storage, read.comment.as_str()), (Some(3), Some(PRODUCTS), "in"));
    let replaced = client.replace_document(permit(), made, header(Kind::Receipt, "corrected")).await.unwrap();
    assert_eq!(replaced.comment, "corrected");
    assert_eq!(client.document_comment(permit(), made).await.unwrap().as_deref(), Some("corrected"));
    assert_eq!(client.document_lines(permit(), made).await.unwrap(), Some(Vec::new()));
    client.delete_document(permit(), made).await.unwrap();
    assert_eq!(client.document(permit(), made).await.unwrap(), None);
    client.delete_document(permit(), made).await.unwrap();
}

async fn use_lines(bench: &Bench) {
    let client = &bench.client;
    let document = client.create_document(permit(), header(Kind::WriteOff, "out")).await.unwrap().document;
    let (three, four) = (line(COMB, 3), line(COMB, 4));
    let made = client.create_line(permit(), document, &to_post(&three), None).await.unwrap().id;
    let read = client.line(permit(), made).await.unwrap().unwrap();
    assert_eq!((read.document, read.amount.to_string().as_str()), (document, "-3"));
    let which = LineIds { document, line: made };
    let replaced = client.replace_line(permit(), which, &to_post(&four), Some(MasterId(5512))).await.unwrap();
    assert_eq!((replaced.line.quantity, replaced.master), (four.quantity, Some(MasterId(5512))));
    assert_eq!(client.document_lines(permit(), document).await.unwrap().unwrap()[0].quantity, four.quantity);
    client.delete_line(permit(), made).await.unwrap();
    assert!(client.line(permit(), made).await.unwrap().unwrap().is_deleted);
    assert_eq!(client.document_lines(permit(), document).await.unwrap(), Some(Vec::new()));
    client.delete_line(permit(), made).await.unwrap();
    assert_eq!(client.line(permit(), TransactionId(1)).await.unwrap(), None);
}

async fn use_cards(bench: &Bench) {
    let client = &bench.client;
    let (cards, rows) = client.cards(permit(), 1, None).await.unwrap();
    assert_eq!((cards.len(), rows, cards[0].title.as_str()), (1, 1, "Hair wash"));
    assert_eq!((cards[0].items[0].good, cards[0].items[0].amount), (SHAMPOO, Quantity::units(15).unwrap()));
    assert_eq!(client.cards(permit(), 1, Some("colour")).await.unwrap().0, []);
    let card = client.card_of_service(permit(), MasterId(5512), SERVICE).await.unwrap();
    assert_eq!(card.as_ref(), cards.first());
    assert_eq!(client.consumables(permit(), RECORD).await.unwrap(), []);
    let used = Consumable {
        transaction: None,
        storage: PRODUCTS,
        good: SHAMPOO,
        price: "0.05".parse().unwrap(),
        amount: Quantity::units(15).unwrap(),
    };
    let set =
        client.replace_consumables(permit(), RECORD, SERVICE, std::slice::from_ref(&used)).await.unwrap();
    assert_eq!((set[0].service, set[0].consumables.as_slice()), (SERVICE, [used].as_slice()));
    let kept = client.unlink_card(permit(), RECORD, SERVICE, Unlinked::Keep).await.unwrap();
    assert_eq!((kept[0].cards.len(), kept[0].consumables.len()), (0, 1));
    let emptied = client.unlink_card(permit(), RECORD, SERVICE, Unlinked::Remove).await.unwrap();
    assert_eq!(emptied[0].consumables, []);
}

#[tokio::test]
async fn the_account_is_told() {
    let bench = Bench::new(|_| {}).await;
    use_account(&bench).await;
    bench.check();
}

#[tokio::test]
async fn a_good_is_found_made_read_replaced_and_removed() {
    let bench = Bench::new(|_| {}).await;
    use_goods(&bench).await;
    bench.check();
}

#[tokio::test]
async fn a_category_is_found_made_read_replaced_and_removed() {
    let bench = Bench::new(|_| {}).await;
    use_categories(&bench).await;
    bench.check();
}

#[tokio::test]
async fn storages_say_what_they_are_for() {
    let bench = Bench::new(|_| {}).await;
    use_storages(&bench).await;
    bench.check();
}

#[tokio::test]
async fn what_an_operation_moved_is_found_by_document_and_date() {
    let bench = Bench::new(|_| {}).await;
    use_operation_and_movements(&bench).await;
    bench.check();
}

#[tokio::test]
async fn a_document_is_made_read_replaced_and_removed() {
    let bench = Bench::new(|_| {}).await;
    use_documents(&bench).await;
    bench.check();
}

#[tokio::test]
async fn a_line_is_added_read_replaced_and_removed() {
    let bench = Bench::new(|_| {}).await;
    use_lines(&bench).await;
    bench.check();
}

#[tokio::test]
async fn bills_of_materials_are_listed_and_linked_and_unlinked() {
    let bench = Bench::new(|_| {}).await;
    use_cards(&bench).await;
    bench.check();
}

#[tokio::test]
async fn another_unit_for_a_good_that_has_moved_needs_rules() {
    let bench = Bench::new(|_| {}).await;
    let client = &bench.client;
    post_comb(client).await.unwrap();
    let in_ml = GoodToWrite::new("Comb", PRODUCT_CATEGORY, UnitId(PIECE.id), UnitId(MILLILITRE.id));
    let refused = client.replace_good(permit(), COMB, &in_ml, &[]).await.unwrap_err();
    assert!(matches!(refused, api::Error::Refused { status: 409, .. }), "{refused}");
    let rules = [CorrectionRule { rule: 2, base: BaseUnit::Service }];
    assert!(client.replace_good(permit(), COMB, &in_ml, &rules).await.is_ok());
    bench.check();
}

#[tokio::test]
async fn every_operation_of_the_contract_is_called_or_left_out_by_name() {
    let bench = Bench::new(|_| {}).await;
    use_account(&bench).await;
    use_goods(&bench).await;
    use_categories(&bench).await;
    use_storages(&bench).await;
    use_operation_and_movements(&bench).await;
    use_documents(&bench).await;
    use_lines(&bench).await;
    use_cards(&bench).await;
    let made = bench.place.sandbox.requests();
    let called = made.iter().filter_map(|record| contract().operation_of(&record.method, &record.path));
    let called: BTreeSet<&str> = called.map(|operation| operation.id.as_str()).collect();
    let all: BTreeSet<&str> = contract().operations().iter().map(|operation| operation.id.as_str()).collect();
    assert_eq!(all.difference(&called).copied().collect::<Vec<_>>(), LEFT_OUT);
    bench.check();
}

/// Answers every request with one status and body.
pub(crate) struct Replay {
    pub(crate) client: Client,
    _server: JoinSet<()>,
}

impl Replay {
    pub(crate) async fn of(status: u16, body: &str) -> Self {
        Self::in_order(status, &[body]).await
    }

    /// Answers each request with the next body, and all further ones with the last.
    pub(crate) async fn in_order(status: u16, bodies: &[&str]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = |body: &&str| {
            let length = body.len();
            format!(
                "HTTP/1.1 {status} Replay\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
            )
        };
        let answers: Vec<String> = bodies.iter().map(answer).collect();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut left = answers.iter();
            while let Ok((mut stream, _)) = listener.accept().await {
                let answer = left.next().or(answers.last()).unwrap();
                let mut request = Vec::new();
                while !is_whole(&request) && stream.read_buf(&mut request).await.unwrap() > 0 {}
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        });
        let text = format!(
            "[station]\nname = \"x\"\nlocation_id = 1\nstorage_id = 1\n[api]\nbase_url = \"http://{address}/api/v1\"\n"
        );
        let api = stockpoint::config::Config::parse(&text, "replay.toml").unwrap().api;
        Self { client: client(&api), _server: tasks }
    }
}

/// Whether head and body of a request are there.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// What the client reads of an answer to an operation; `None` where it has no such call.
async fn reading(client: &mut Client, operation: &str) -> Option<Result<String, api::Error>> {
    fn told<T: std::fmt::Debug>(answer: Result<T, api::Error>) -> Result<String, api::Error> {
        answer.map(|value| format!("{value:?}"))
    }
    let comb = line(COMB, 1);
    let good = GoodToWrite::new("Comb", CategoryId(1), UnitId(1), UnitId(1));
    let category = CategoryToWrite { title: "Combs", parent: None, article: None, comment: None };
    let receipt = header(Kind::Receipt, "in");
    let (document, transaction) = (DocumentId(22_255_506), TransactionId(3_428_012));
    Some(match operation {
        "authorizeUser" => told(client.log_in(permit(), "stock-station", &SecretString::from("guess")).await),
        "listLocations" => told(client.locations(permit()).await),
        "listMasters" => told(client.masters(permit()).await),
        "getUserPermissions" => told(client.permissions(permit()).await),
        "getLocation" => told(client.location_card(permit()).await),
        "listProducts" => told(client.list_goods(permit(), 1, &GoodsFilter::default()).await),
        "createProduct" => told(client.create_good(permit(), &good).await),
        "searchProducts" => told(client.search_goods(permit(), "comb").await),
        "getProduct" => told(client.good(permit(), SHAMPOO).await),
        "updateProduct" => told(client.replace_good(permit(), COMB, &good, &[]).await),
        "deleteProduct" => told(client.delete_good(permit(), COMB).await),
        "listChildCategories" => told(client.categories_below(permit(), None).await),
        "getCategoryNode" => told(client.category_content(permit(), CategoryId(1), 1).await),
        "getCategoriesByIds" => told(client.categories(permit(), &[CategoryId(1)]).await),
        "createCategory" => told(client.create_category(permit(), category).await),
        "getCategoryDeprecated" => told(client.category(permit(), CategoryId(1)).await),
        "updateCategory" => told(client.replace_category(permit(), CategoryId(1), category).await),
        "deleteCategory" => told(client.delete_category(permit(), CategoryId(1)).await),
        "listStorages" => told(client.storages(permit()).await),
        "listStorageTransactions" => {
            told(client.list_movements(permit(), 1, &MovementFilter::default()).await)
        }
        "createStorageOperation" => told(client.create_operation(permit(), receipt, &[to_post(&comb)]).await),
        "createDocument" => told(client.create_document(permit(), receipt).await),
        "getDocument" => told(client.document(permit(), document).await),
        "updateDocument" => told(client.replace_document(permit(), document, receipt).await),
        "deleteDocument" => told(client.delete_document(permit(), document).await),
        "listDocumentLines" => told(client.document_lines(permit(), document).await),
        "createGoodsTransaction" => told(client.create_line(permit(), document, &to_post(&comb), None).await),
        "getGoodsTransaction" => told(client.line(permit(), transaction).await),
        "updateGoodsTransaction" => told(
            client
                .replace_line(permit(), LineIds { document, line: transaction }, &to_post(&comb), None)
                .await,
        ),
        "deleteGoodsTransaction" => told(client.delete_line(permit(), transaction).await),
        "listTechCards" => told(client.cards(permit(), 1, None).await),
        "getDefaultTechCard" => told(client.card_of_service(permit(), MasterId(1), SERVICE).await),
        "getRecordConsumables" => told(client.consumables(permit(), RECORD).await),
        "setRecordServiceConsumables" => {
            told(client.replace_consumables(permit(), RECORD, SERVICE, &[]).await)
        }
        "unlinkRecordServiceTechCard" => {
            told(client.unlink_card(permit(), RECORD, SERVICE, Unlinked::Keep).await)
        }
        _ => return None,
    })
}

/// Something of each good example that must be read of it.
const READ: [(&str, &str); 31] = [
    ("authorizeUser", "Token"),
    ("listLocations", "LocationId(4565)"),
    ("listMasters", "MasterId(5512)"),
    ("getUserPermissions", "types: [1, 3, 4]"),
    ("getLocation", "America/New_York"),
    ("listProducts", "GoodId(123457)"),
    ("createProduct", "GoodId(123458)"),
    ("searchProducts", "Category(CategoryId(289632))"),
    ("getProduct", "4006381333931"),
    ("updateProduct", "sale_unit: Some(UnitId(216760))"),
    ("listChildCategories", "CategoryId(1035384)"),
    ("getCategoryNode", "Good(GoodId(123456))"),
    ("getCategoriesByIds", "Basic products"),
    ("createCategory", "parent: Some(CategoryId(961078))"),
    ("getCategoryDeprecated", "CategoryId(289632)"),
    ("updateCategory", "Shampoos and balms"),
    ("listStorages", "is_for_service: Some(true)"),
    ("listStorageTransactions", "amount: Some(-2)"),
    ("createStorageOperation", "TransactionId(3428012)"),
    ("createDocument", "DocumentId(22255503)"),
    ("getDocument", "number: Some(1251)"),
    ("updateDocument", "create_date: Some(\"2026-04-24 20:00:00\")"),
    ("listDocumentLines", "Quantity(10000000)"),
    ("createGoodsTransaction", "Quantity(1000000)"),
    ("getGoodsTransaction", "service_amount: Some(-100)"),
    ("updateGoodsTransaction", "master: Some(MasterId(5512))"),
    ("listTechCards", "unit: \"ml\""),
    ("getDefaultTechCard", "CardId(410)"),
    ("getRecordConsumables", "TransactionId(3428020)"),
    ("setRecordServiceConsumables", "ServiceId(3301)"),
    ("unlinkRecordServiceTechCard", "GoodId(123456)"),
];

/// What an example of a refusal or failure must come to.
fn is_right(status: u16, body: &Value, reading: &Result<String, api::Error>) -> bool {
    let message = body.pointer("/meta/message").and_then(Value::as_str).unwrap_or("no reason given");
    match (status, reading) {
        (404, Ok(value)) => value == "None" || value == "()",
        (429, Err(error)) => error.outcome() == Outcome::Wait(Some(Duration::from_secs(3))),
        (500, Err(error)) => error.outcome() == Outcome::Unknown,
        (401 | 403, Err(error)) => {
            error.outcome() == Outcome::NotAllowed { status, words: message.to_owned() }
        }
        (_, Err(error)) => {
            matches!(error.outcome(), Outcome::Refused(words) if words.starts_with(message))
        }
        (_, Ok(_)) => false,
    }
}

#[tokio::test]
async fn every_example_of_an_answer_is_read() {
    let mut read = 0;
    for operation in contract().operations() {
        for (status, body) in &operation.examples {
            let mut replay = Replay::of(*status, &body.to_string()).await;
            let Some(reading) = reading(&mut replay.client, &operation.id).await else {
                assert!(LEFT_OUT.contains(&operation.id.as_str()), "{}", operation.id);
                continue;
            };
            let what = format!("{} {status} {body}: {reading:?}", operation.id);
            if *status >= 300 {
                assert!(is_right(*status, body, &reading), "{what}");
            } else {
                let (_, expected) = READ.iter().find(|(id, _)| *id == operation.id).expect(&what);
                let value = reading.expect(&what);
                assert!(value.contains(expected), "{what}");
            }
            read += 1;
        }
    }
    assert_eq!(read, 307);
}

#[tokio::test]
async fn every_deletion_that_answers_without_a_body_is_taken_as_done() {
    for status in [202, 204] {
        for operation in ["deleteProduct", "deleteCategory", "deleteDocument", "deleteGoodsTransaction"] {
            let mut replay = Replay::of(status, "").await;
            assert_eq!(reading(&mut replay.client, operation).await.unwrap().unwrap(), "()", "{operation}");
        }
    }
}
