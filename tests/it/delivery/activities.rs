//! Activities of the connection, each with a link alone: no scheduler runs. The test itself asks for each step, over a
//! real store and against the simulated service.

use std::collections::BTreeMap;
use std::sync::Arc;

use stockpoint::app;
use stockpoint::clock::{Clock, SystemClock};
use stockpoint::config::Config;
use stockpoint::domain::clock_trust::ClockTrust;
use stockpoint::domain::decode::framing::Frame;
use stockpoint::domain::delivery::State;
use stockpoint::domain::health::ApiHealth;
use stockpoint::domain::health::ApiState;
use stockpoint::domain::ids::{OperationId, ScannerName};
use stockpoint::domain::session::{Commanded, Session};
use stockpoint::domain::stock::operation::CloseReason;
use stockpoint::domain::time::Moment;
use stockpoint::feedback::Feedback;
use stockpoint::feedback::outputs::Outputs;
use stockpoint::sandbox::{Fault, Options, Selector};
use stockpoint::store::OperationFilter;
use stockpoint::store::{Db, OpenOptions, Store, StoreThread};
use stockpoint::work::heartbeat::Heartbeat;
use stockpoint::work::scans::{ReadFrame, take_in};
use stockpoint::work::uplink::account::Account;
use stockpoint::work::uplink::catalog::Catalog;
use stockpoint::work::uplink::deliver::Deliveries;
use stockpoint::work::uplink::interrupted::Interrupted;
use stockpoint::work::uplink::link::{Link, LinkParts};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::api::contract_api::client;
use crate::support::station::Place;

/// The most steps of an activity; far more than any here takes.
const STEPS_MAX: usize = 50;

/// A link to the simulated service, and what the activities need beside it.
struct Bench {
    place: Place,
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
    store: Store,
    _thread: StoreThread,
    link: Link,
    account: Account,
    health: watch::Receiver<ApiHealth>,
}

impl Bench {
    async fn new() -> Self {
        let place = Place::new(Options::sample()).await;
        let config = Arc::new(place.config());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let options = OpenOptions {
            dir: place.dir.path(),
            station: "dock-1",
            boot_id: "boot-1",
            now: clock.wall(),
            commit_hook: None,
        };
        let (store, thread) = Store::start(Db::open(options).unwrap()).unwrap();
        let (health_tell, health) = watch::channel(ApiHealth { state: ApiState::Offline, last_error: None });
        let link = Link::new(LinkParts {
            store: store.clone(),
            client: client(&config.api),
            clock: Arc::clone(&clock),
            config: Arc::clone(&config),
            feedback: Arc::new(Feedback::new(BTreeMap::new(), &Outputs::default())),
            clock_trust: watch::channel(ClockTrust::Unproven).0,
            health: health_tell,
            stop: CancellationToken::new(),
            heartbeat: Arc::new(Heartbeat::new("the link of a test")),
        });
        let account = Account::new(config.station.time_zone.clone());
        Self { place, config, clock, store, _thread: thread, link, account, health }
    }

    /// Reads the location's time zone, as the scheduler has it read before any delivery.
    async fn read_zone(&mut self) {
        self.account.read_zone(&mut self.link).await.unwrap();
    }

    /// Reads the whole goods table, page by page.
    async fn read_goods(&mut self) -> Catalog {
        let mut catalog = Catalog::new(Instant::now());
        for _ in 0..STEPS_MAX {
            if catalog.was_ever_complete() {
                return catalog;
            }
            catalog.step(&mut self.link, &self.account).await.unwrap();
        }
        panic!("the goods table was never read");
    }

    /// Scans codes and closes their document.
    async fn scan(&self, codes: &[String]) -> OperationId {
        let config = Arc::clone(&self.config);
        let (wall, boot) = (self.clock.wall(), self.clock.boot());
        let codes = codes.to_vec();
        let scan = move |db: &mut Db| {
            let mut session = Session::new(app::rules(&config), Commanded::default(), BTreeMap::new());
            let (dock, labels) = (ScannerName::new("dock"), app::labels(&config));
            for code in codes {
                let frame = Frame { raw: code.as_bytes().to_vec(), verdict: Ok(code) };
                let at = Moment { wall, boot, trusted: true };
                let read = ReadFrame { scanner: dock.clone(), frame, at };
                take_in(db, &labels, &mut session, read).unwrap();
            }
            db.close_operations(&session.close_all(CloseReason::EndOfInput), wall).unwrap();
            db.operations(OperationFilter::All, 1).unwrap()[0].id
        };
        self.store.run(scan).await.unwrap()
    }

    async fn state(&self, id: OperationId) -> State {
        self.store.run(move |db| db.pending(id)).await.unwrap().unwrap().delivery.state
    }

    fn codes(&self) -> Vec<String> {
        let goods = self.place.sandbox.goods();
        goods.into_iter().map(|good| good.barcode).filter(|code| !code.is_empty()).take(2).collect()
    }
}

#[tokio::test]
async fn the_goods_table_is_read_and_a_document_is_posted_without_a_scheduler() {
    let mut bench = Bench::new().await;
    bench.read_zone().await;
    bench.read_goods().await;
    let id = bench.scan(&bench.codes()).await;
    let mut deliveries = Deliveries::default();
    for _ in 0..STEPS_MAX {
        if bench.state(id).await == State::Posted {
            break;
        }
        deliveries.deliver(&mut bench.link, &mut bench.account, id).await.unwrap();
    }
    assert_eq!(bench.state(id).await, State::Posted);
    assert_eq!(bench.place.sandbox.books().live_lines().len(), 2);
    assert_eq!(bench.health.borrow().state, ApiState::Ok);
    bench.place.assert_nothing_is_doubled();
}

#[tokio::test]
async fn a_delivery_whose_answer_is_lost_is_read_back_and_not_sent_again() {
    let mut bench = Bench::new().await;
    bench.read_zone().await;
    a_lost_answer_is_read_back(bench).await;
}

/// The location of the simulated service lies behind UTC, so a reading that began at UTC's time would miss the document.
#[tokio::test]
async fn a_lost_answer_is_read_back_where_the_time_zone_is_not_known() {
    let bench = Bench::new().await;
    a_lost_answer_is_read_back(bench).await;
}

async fn a_lost_answer_is_read_back(mut bench: Bench) {
    bench.read_goods().await;
    let id = bench.scan(&bench.codes()).await;
    bench.place.sandbox.fault(Selector::Writes, Fault::ActThenDrop);
    let mut deliveries = Deliveries::default();
    let mut lost = 0;
    for _ in 0..STEPS_MAX {
        match deliveries.deliver(&mut bench.link, &mut bench.account, id).await {
            Ok(()) => {}
            Err(Interrupted::Api(_)) => lost += 1,
            Err(other) => panic!("{other:?}"),
        }
        if bench.state(id).await == State::Posted {
            break;
        }
    }
    assert_eq!((bench.state(id).await, lost), (State::Posted, 1));
    let writes = bench.place.sandbox.requests().iter().filter(|request| request.method == "POST").count();
    assert_eq!(writes, 1, "it was read back");
    bench.place.assert_nothing_is_doubled();
}
