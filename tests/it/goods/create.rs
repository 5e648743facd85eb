//! Making a good for a parked code: through the library, and as a person types it, beside a running agent.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::fcntl::OFlag;
use rust_decimal::Decimal;
use stockpoint::api::{Budget, GoodToWrite};
use stockpoint::domain::code::control::Control;
use stockpoint::domain::ids::{CategoryId, GoodId, UnitId};
use stockpoint::domain::stock::mode::Kind;
use stockpoint::sandbox::{Fault, GoodRow, Options, PIECE, Selector};
use stockpoint::work::create::{Creator, Error, Made};
use tokio::time::{Instant, sleep};

use crate::api::contract_api::{Replay, client};
use crate::api::openapi::assert_requests_follow_contract;
use crate::support::pty::Pty;
use crate::support::station::{LOOK_EVERY, PATIENCE, Place, Station};

const CODE: &str = "0007";
const CATEGORY: i64 = 961_078;
/// All that the service demands of a good.
const WHOLE: [&str; 8] =
    ["--title", "Comb, wide", "--category", "961078", "--sale-unit", "216760", "--service-unit", "216760"];

fn comb() -> GoodToWrite {
    let mut good = GoodToWrite::new("Comb, wide", CategoryId(CATEGORY), UnitId(PIECE.id), UnitId(PIECE.id));
    good.barcode = Some(CODE.to_owned());
    good
}

/// Makes the comb once.
async fn make(place: &Place) -> Result<Made, Error> {
    let client = client(&place.config().api);
    let free = Instant::now() - Duration::from_mins(2);
    let budget = Budget::new(6000, 100, 1, free);
    Creator { client: &client, budget, wait: Duration::from_millis(20) }.make(&comb()).await
}

fn made(place: &Place) -> Vec<GoodRow> {
    place.sandbox.goods().into_iter().filter(|good| good.barcode == CODE).collect()
}

#[tokio::test]
async fn a_good_that_has_the_barcode_is_found_and_not_made_again() {
    let place = Place::new(Options::sample()).await;
    // A search that finds this first, and it is not meant.
    place.sandbox.put_good(GoodRow::new(GoodId(7000), "Resembles it", "00071"));
    let first = make(&place).await.unwrap();
    let Made::New(good) = &first else { panic!("{first:?}") };
    assert_eq!((good.title.as_str(), good.barcode.as_str()), ("Comb, wide", CODE));
    assert_eq!(make(&place).await.unwrap(), Made::Found(good.clone()));
    assert_eq!(made(&place).len(), 1);
    assert_requests_follow_contract(&place.sandbox);
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_and_the_good_is_made_once() {
    for fault in [Fault::ActThenDrop, Fault::Truncated, Fault::EmptyBody, Fault::ActThenStatus(500)] {
        let place = Place::new(Options::sample()).await;
        place.sandbox.fault(Selector::Writes, fault.clone());
        let first = make(&place).await;
        assert!(matches!(first, Ok(Made::New(_))), "{fault:?}: {first:?}");
        assert_eq!(made(&place).len(), 1, "{fault:?}");
        let writes = place.sandbox.requests().iter().filter(|request| request.method == "POST").count();
        assert_eq!(writes, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_request_that_is_lost_is_told_and_the_next_try_makes_the_good() {
    let place = Place::new(Options::sample()).await;
    place.sandbox.fault(Selector::Writes, Fault::DropBefore);
    let first = make(&place).await;
    assert!(matches!(first, Err(Error::Lost(_))), "{first:?}");
    assert_eq!(made(&place).len(), 0);
    assert!(matches!(make(&place).await, Ok(Made::New(_))));
    assert_eq!(made(&place).len(), 1);
}

#[tokio::test]
async fn a_good_made_late_is_found_by_the_next_try() {
    let place = Place::new(Options::sample()).await;
    place.sandbox.fault(Selector::Writes, Fault::Late { ms: 300 });
    assert!(matches!(make(&place).await, Err(Error::Lost(_))));
    while place.sandbox.late_acts() > 0 {
        sleep(LOOK_EVERY).await;
    }
    assert!(matches!(make(&place).await, Ok(Made::Found(_))));
    assert_eq!(made(&place).len(), 1);
}

#[tokio::test]
async fn of_two_goods_with_the_barcode_neither_is_taken() {
    let place = Place::new(Options::sample()).await;
    for id in [7001, 7002] {
        place.sandbox.put_good(GoodRow::new(GoodId(id), "One of two", CODE));
    }
    let made = make(&place).await;
    assert!(matches!(made, Err(Error::Several(GoodId(7001), GoodId(7002)))), "{made:?}");
}

#[tokio::test]
async fn a_good_that_was_made_with_another_barcode_is_named() {
    let body = r#"{"success":true,"data":[{"good_id":9,"title":"Comb","barcode":"00071"}],"meta":[]}"#;
    let nothing = r#"{"success":true,"data":[],"meta":[]}"#;
    // Two passes over a search that finds another good, then the answer to the good that is made.
    let replay = Replay::in_order(200, &[body, nothing, nothing, body]).await;
    let budget = Budget::new(6000, 100, 1, Instant::now() - Duration::from_mins(2));
    let mut creator = Creator { client: &replay.client, budget, wait: Duration::ZERO };
    let made = creator.make(&comb()).await;
    assert!(matches!(made, Err(Error::OtherBarcode(GoodId(9)))), "{made:?}");
}

#[tokio::test]
async fn a_refusal_makes_nothing() {
    let mut options = Options::sample();
    options.permissions.goods = false;
    let place = Place::new(options).await;
    assert!(matches!(make(&place).await, Err(Error::Api(_))));
    assert_eq!(made(&place).len(), 0);
}

/// A station with an agent that has parked three of the code.
async fn parked(options: Options) -> (Place, Station) {
    let place = Place::new(options).await;
    let mut station = place.start();
    station.until_goods_are_read().await;
    for code in [Control::Quantity(2).code(), CODE.to_owned(), CODE.to_owned()] {
        station.scan(&code).await.unwrap();
    }
    (place, station)
}

/// What a command came to.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    complaint: String,
}

/// Types `stockpoint goods create` with these arguments, and these lines where it asks.
async fn create(place: &Place, arguments: &[&str], person: Option<&str>) -> Ran {
    let dir = place.dir.path();
    let file = |name: &str| dir.join(name);
    fs::write(file("partner"), "sandbox-partner-token").unwrap();
    fs::write(file("user"), "sandbox-user-token").unwrap();
    let config = format!(
        "[station]\nname = \"dock-1\"\nlocation_id = 4564\nstorage_id = 91271\ndata_dir = \"{0}\"\n[api]\n\
         base_url = \"{1}\"\nreconcile_after_ms = 2000\npartner_token_file = \"{0}/partner\"\n\
         user_token_file = \"{0}/user\"\n[[scanner]]\nname = \"dock\"\nkind = \"stdin\"\n",
        dir.display(),
        place.sandbox.base_url()
    );
    fs::write(file("config.toml"), config).unwrap();
    let mut terminal = person.map(|_| Pty::new());
    let input = terminal.as_ref().map_or_else(Stdio::null, |terminal| {
        let flags = OFlag::O_NOCTTY.bits();
        File::options().read(true).write(true).custom_flags(flags).open(&terminal.path).unwrap().into()
    });
    if let (Some(terminal), Some(lines)) = (&mut terminal, person) {
        terminal.feed(lines.as_bytes());
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_stockpoint"))
        .args(["goods", "create", "--config"])
        .arg(file("config.toml"))
        .args(arguments)
        .stdin(input)
        .stdout(File::create(file("out")).unwrap())
        .stderr(File::create(file("complaint")).unwrap())
        .spawn()
        .unwrap();
    let end = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() >= end {
            child.kill().unwrap();
            panic!("it never ends: {}", fs::read_to_string(file("out")).unwrap());
        }
        sleep(LOOK_EVERY).await;
    };
    let text = |name: &str| fs::read_to_string(file(name)).unwrap();
    Ran { code: status.code(), out: text("out"), complaint: text("complaint") }
}

#[tokio::test]
async fn a_parked_code_becomes_a_good_and_what_was_parked_is_delivered() {
    let (place, station) = parked(Options::sample()).await;
    let prices = ["--cost", "2.50", "--actual-cost", "0.9", "--article", "CMB-W"];
    let arguments = [&[CODE], WHOLE.as_slice(), &prices].concat();
    let ran = create(&place, &arguments, None).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.ends_with("(Comb, wide) was made; 1 document was made of what was parked\n"), "{ran:?}");
    let good = made(&place).pop().unwrap();
    assert_eq!((good.cost.to_string().as_str(), good.actual_cost.to_string().as_str()), ("2.5", "0.9"));
    let figures = station.until_delivered().await;
    assert!(figures.balance() && figures.scans.unknown == 0, "{figures:?}");
    assert_eq!(place.on_service().get(&(Kind::Receipt, good.id)), Some(&Decimal::from(3)));
    let again = create(&place, &arguments, None).await;
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(again.out.contains("has this code already; 0 documents"), "{again:?}");
    assert_eq!(made(&place).len(), 1);
    assert_requests_follow_contract(&place.sandbox);
    station.stop().await.unwrap();
}

#[tokio::test]
async fn without_a_terminal_what_is_missing_is_named_and_nothing_is_asked_of_the_service() {
    let (place, station) = parked(Options::sample()).await;
    station.stop().await.unwrap();
    place.sandbox.forget_requests();
    let ran =
        create(&place, &[CODE, "--title", "Comb", "--sale-unit", "216760", "--service-unit", "216762"], None)
            .await;
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.complaint.contains("stockpoint: --category, --unit-equals are required\nhint: "), "{ran:?}");
    let unparked = create(&place, &[&["0008"], WHOLE.as_slice()].concat(), None).await;
    assert_eq!(unparked.code, Some(1), "{unparked:?}");
    assert!(unparked.complaint.contains("stockpoint unknown list"), "{unparked:?}");
    assert_eq!(place.sandbox.requests(), []);
}

#[tokio::test]
async fn on_a_terminal_everything_is_asked_with_what_there_is_to_choose_from() {
    let (place, station) = parked(Options::sample()).await;
    // An empty title, a category and a price that are none: each is asked again.
    let lines = "\nComb, wide\n12\n961078\n216760\n216762\n100\n2,50\n2.50\n\nCMB-W\n";
    let ran = create(&place, &[CODE], Some(lines)).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for shown in ["961079  Consumables", "216762  ml", "was made; 1 document was"] {
        assert!(ran.out.contains(shown), "{shown}: {ran:?}");
    }
    let good = made(&place).pop().unwrap();
    assert_eq!(
        (good.category, good.article.as_str(), good.unit_equals),
        (CATEGORY, "CMB-W", Decimal::from(100))
    );
    assert_eq!((good.cost.to_string().as_str(), good.actual_cost), ("2.5", Decimal::ZERO));
    station.until_delivered().await;
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_command_whose_answer_is_lost_makes_the_good_once_and_books() {
    let (place, station) = parked(Options::sample()).await;
    place.sandbox.fault(Selector::path("POST", "/goods"), Fault::ActThenDrop);
    let ran = create(&place, &[&[CODE], WHOLE.as_slice()].concat(), None).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(made(&place).len(), 1);
    station.until_delivered().await;
    assert_eq!(place.on_service().values().sum::<Decimal>(), Decimal::from(3));
    station.stop().await.unwrap();
}
