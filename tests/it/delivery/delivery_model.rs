//! Lists of actions, drawn at random, are played on a whole station and on a plain model of it. In the end both
//! must say the same: every confirmed unit is on the service once, and the counts are the model's.
//!
//! Without `PROPTEST_CASES` the same few lists are played each time. With it, so many new ones are drawn.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::thread::Builder;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, FileFailurePersistence, RngAlgorithm, TestRng, TestRunner};
use rust_decimal::Decimal;
use stockpoint::clock::{Clock, SystemClock};
use stockpoint::domain::code::control::{Control, ControlReading};
use stockpoint::domain::decode::framing::Frame;
use stockpoint::domain::delivery::State;
use stockpoint::domain::ids::{GoodId, ScannerName};
use stockpoint::domain::signal::Signal;
use stockpoint::domain::stock::mode::{Kind, Mode};
use stockpoint::domain::time::UnixMillis;
use stockpoint::feedback::{Announcement, What};
use stockpoint::sandbox::{Fault, Foreign, GoodRow, Options, Selector};
use stockpoint::store::{OperationFilter, ScanCounts};
use stockpoint::work::scans::Input;
use tokio::runtime;
use tokio::time::{Duration, Instant, sleep};

use crate::support::station::{LOOK_EVERY, PATIENCE, Place, Station};

/// Lists in an ordinary run.
const CASES: u32 = 24;
/// Lists played at once: they mostly wait.
const AT_ONCE: u32 = 12;
/// Actions in a list.
const ACTIONS_MAX: usize = 40;
/// Faults in a list, of writes and of reads: each costs a wait, which doubles with each failure in a row.
const WRITE_FAULTS_MAX: usize = 4;
const READ_FAULTS_MAX: usize = 2;

/// How long a delivery may rest after a fault about the token before the station is started anew.
const REST_MAX: Duration = Duration::from_secs(3);

/// Codes of goods that are there from the beginning.
const GOODS: [(&str, i64); 3] =
    [("4006381333931", 123_456), ("9521234000013", 123_457), ("036000291452", 123_475)];
/// Codes of goods that the service may learn.
const LATER: [(&str, i64); 2] = [("LATER-1", 9001), ("LATER-2", 9002)];
/// A code of two goods.
const AMBIGUOUS: &str = "9521234000211";
/// A code of no good.
const NEVER: &str = "NEVER";
/// A torn control code.
const MALFORMED: &str = "$SP.CLOSE.";

type Units = BTreeMap<(Kind, GoodId), Decimal>;

#[derive(Debug, Clone)]
enum Action {
    Scan(String),
    /// A person enters the good of `LATER[n]` at the service, and asks for a reading.
    Learn(usize),
    /// The next write meets this fault.
    FailWrite(Fault),
    /// The next read does.
    FailRead(Fault),
    /// The power goes, and comes back.
    Die,
    /// The power goes with this scan on its way: nobody hears whether it was taken.
    DieScanning(String),
    /// Nothing is done for so many milliseconds.
    Rest(u64),
}

fn controls() -> impl Strategy<Value = String> {
    let modes = [Mode::Receipt, Mode::WriteOff, Mode::Lookup].map(Control::Mode);
    let others = [Control::Undo, Control::Close, Control::Close, Control::Cancel, Control::Ok];
    let quantities = [Control::Quantity(2), Control::Quantity(12)];
    let all: Vec<_> =
        modes.into_iter().chain(others).chain(quantities).map(|control| control.code()).collect();
    select(all)
}

fn goods() -> impl Strategy<Value = String> {
    select(GOODS.map(|(code, _)| code.to_owned()).to_vec())
}

fn write_faults() -> Vec<Fault> {
    let refuse = |status| Fault::Refuse { status, message: "Not like this".to_owned() };
    vec![
        Fault::Pass,
        Fault::DropBefore,
        Fault::ActThenDrop,
        Fault::Late { ms: 20 },
        Fault::Late { ms: 200 },
        Fault::Slow { ms: 30 },
        Fault::Slow { ms: 1300 },
        Fault::Truncated,
        Fault::EmptyBody,
        Fault::ActThenStatus(500),
        refuse(503),
        refuse(422),
        refuse(400),
        Fault::SuccessFalse { message: "Not like this".to_owned() },
        Fault::Html502,
        Fault::Unauthorized,
        Fault::Forbidden,
        Fault::TooMany { retry_after_s: Some(0), message_s: Some(0) },
        Fault::PartialApply { lines: 1 },
        Fault::PartialRefuse { lines: 1 },
        Fault::Stranger { status: 404, body: Foreign::Page },
        Fault::Stranger { status: 403, body: Foreign::NearlyJson },
        Fault::Stranger { status: 302, body: Foreign::Empty },
        Fault::ActThenStranger { status: 413, body: Foreign::Page },
        Fault::ActThenStranger { status: 400, body: Foreign::Json },
        Fault::ActThenStranger { status: 200, body: Foreign::EmptyObject },
    ]
}

/// Faults after which a reading is tried again within seconds.
fn read_faults() -> Vec<Fault> {
    vec![
        Fault::DropBefore,
        Fault::ActThenDrop,
        Fault::Truncated,
        Fault::EmptyBody,
        Fault::ActThenStatus(500),
        Fault::Html502,
        Fault::Stranger { status: 404, body: Foreign::Page },
        Fault::Stranger { status: 200, body: Foreign::EmptyList },
        Fault::Stranger { status: 401, body: Foreign::Json },
        Fault::TooMany { retry_after_s: Some(0), message_s: Some(0) },
    ]
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let later = select(LATER.map(|(code, _)| code.to_owned()).to_vec());
    let odd = select(vec![AMBIGUOUS.to_owned(), NEVER.to_owned(), MALFORMED.to_owned()]);
    let action = prop_oneof![
        12 => goods().prop_map(Action::Scan),
        8 => controls().prop_map(Action::Scan),
        3 => later.prop_map(Action::Scan),
        1 => odd.prop_map(Action::Scan),
        1 => (0..LATER.len()).prop_map(Action::Learn),
        4 => select(write_faults()).prop_map(Action::FailWrite),
        1 => select(read_faults()).prop_map(Action::FailRead),
        1 => Just(Action::Die),
        2 => prop_oneof![goods(), controls()].prop_map(Action::DieScanning),
        2 => select(vec![1_u64, 20, 150]).prop_map(Action::Rest),
    ];
    vec(action, 1..=ACTIONS_MAX)
}

/// What a station is, said as plainly as can be.
#[derive(Debug)]
struct Model {
    mode: Mode,
    quantity: Option<u16>,
    /// The scans of the open document, oldest first. One scanner has one document open at the most.
    open: Vec<(Kind, GoodId, Decimal)>,
    /// What closed documents hold.
    closed: Units,
    cancelled: Decimal,
    parked: Vec<(String, Kind, Decimal)>,
    counts: ScanCounts,
    /// What became of the product scans that were not taken back, oldest first.
    products: Vec<Product>,
}

/// What became of a product scan.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Product {
    Open,
    Closed,
    Parked(String),
}

impl Model {
    fn new() -> Self {
        Self {
            mode: Mode::Receipt,
            quantity: None,
            open: Vec::new(),
            closed: Units::new(),
            cancelled: Decimal::ZERO,
            parked: Vec::new(),
            counts: ScanCounts::default(),
            products: Vec::new(),
        }
    }

    /// Takes in a scan and says what signal it must have. `known` is the good of a code that may be known by now, and
    /// `undone` how many scans the station has taken back: one that was parked may have been booked by now.
    fn scan(&mut self, code: &str, known: Option<GoodId>, undone: u64) -> Signal {
        let quantity = self.quantity.take();
        match Control::read(code) {
            ControlReading::Control(control) => self.command(control, quantity, undone),
            ControlReading::Malformed => self.refuse(),
            ControlReading::Kit(card) => panic!("no kit is drawn, and here is {card}"),
            ControlReading::NotControl => self.product(code, known, Decimal::from(quantity.unwrap_or(1))),
        }
    }

    fn command(&mut self, control: Control, quantity: Option<u16>, undone: u64) -> Signal {
        match control {
            Control::Mode(mode) if mode != self.mode => {
                self.close();
                self.mode = mode;
            }
            Control::Quantity(units) => self.quantity = Some(units),
            Control::Undo => {
                if !self.take_back(undone) {
                    return self.refuse();
                }
                self.counts.undone += 1;
            }
            Control::Close => self.close(),
            Control::Cancel if quantity.is_none() => {
                self.cancelled += self.open.drain(..).map(|(_, _, units)| units).sum::<Decimal>();
                self.end_products();
            }
            Control::Last(_) => panic!("none is drawn"),
            Control::Mode(_)
            | Control::Storage(_)
            | Control::Cancel
            | Control::Ok
            | Control::Calibrate(_) => {}
        }
        self.counts.control += 1;
        let drops = quantity.is_some() && !matches!(control, Control::Quantity(_) | Control::Cancel);
        if drops { Signal::Refused } else { Signal::Control }
    }

    /// Takes the last product scan back, if it can be.
    fn take_back(&mut self, undone: u64) -> bool {
        match self.products.last().cloned() {
            None | Some(Product::Closed) => return false,
            Some(Product::Open) => {
                self.open.pop().unwrap();
            }
            Some(Product::Parked(_)) if undone == self.counts.undone => {
                // Its good is known by now, and it is booked in a document of its own.
                *self.products.last_mut().unwrap() = Product::Closed;
                return false;
            }
            Some(Product::Parked(code)) => {
                let at = self.parked.iter().rposition(|(parked, ..)| *parked == code).unwrap();
                self.parked.remove(at);
            }
        }
        self.products.pop();
        true
    }

    fn end_products(&mut self) {
        for product in self.products.iter_mut().filter(|product| **product == Product::Open) {
            *product = Product::Closed;
        }
    }

    fn product(&mut self, code: &str, known: Option<GoodId>, units: Decimal) -> Signal {
        let there = GOODS.iter().find(|(there, _)| *there == code).map(|(_, id)| GoodId(*id));
        match (self.mode.kind(), there.or(known)) {
            (None, good) => {
                self.counts.lookup += 1;
                match good {
                    Some(_) => Signal::Control,
                    None if code == AMBIGUOUS => Signal::Refused,
                    None => Signal::Unknown,
                }
            }
            (Some(kind), Some(good)) => {
                self.counts.booked += 1;
                self.open.push((kind, good, units));
                self.products.push(Product::Open);
                Signal::Booked
            }
            (Some(_), None) if code == AMBIGUOUS => self.refuse(),
            (Some(kind), None) => {
                self.counts.unknown += 1;
                self.parked.push((code.to_owned(), kind, units));
                self.products.push(Product::Parked(code.to_owned()));
                Signal::Unknown
            }
        }
    }

    fn refuse(&mut self) -> Signal {
        self.counts.refused += 1;
        Signal::Refused
    }

    fn close(&mut self) {
        for (kind, good, units) in self.open.drain(..) {
            *self.closed.entry((kind, good)).or_default() += units;
        }
        self.end_products();
    }

    /// Books what is parked of these codes.
    fn learn(&mut self, learned: &BTreeSet<usize>) {
        for (code, id) in learned.iter().map(|at| LATER[*at]) {
            for (_, kind, units) in self.parked.extract_if(.., |(parked, ..)| parked == code) {
                *self.closed.entry((kind, GoodId(id))).or_default() += units;
                self.counts.unknown -= 1;
                self.counts.booked += 1;
            }
        }
    }
}

/// A station and its model, side by side.
struct Run {
    place: Place,
    station: Station,
    model: Model,
    learned: BTreeSet<usize>,
    write_faults: usize,
    read_faults: usize,
    /// Whether a fault was about the token. What met it rests for half a minute, as does the question whether the
    /// token is good again if it gets lost.
    is_barred: bool,
}

impl Run {
    async fn begin() -> Self {
        let place = Place::new(Options::sample()).await;
        let station = place.start();
        station.until_goods_are_read().await;
        let (model, learned) = (Model::new(), BTreeSet::new());
        Self { place, station, model, learned, write_faults: 0, read_faults: 0, is_barred: false }
    }

    async fn act(mut self, action: Action) -> Self {
        match action {
            Action::Scan(code) => self.scan(&code).await,
            Action::Learn(at) => {
                let (code, id) = LATER[at];
                self.place.sandbox.put_good(GoodRow::new(GoodId(id), "Entered later", code));
                self.learned.insert(at);
                self.station.handle.sync();
            }
            Action::FailWrite(fault) => self.fail_write(fault),
            Action::FailRead(fault) => self.fail_read(fault),
            Action::Die => return self.die(None).await,
            Action::DieScanning(code) => return self.die(Some(code)).await,
            Action::Rest(ms) => sleep(Duration::from_millis(ms)).await,
        }
        self
    }

    async fn scan(&mut self, code: &str) {
        let answer = self.station.scan(code).await.unwrap();
        let known = good_told(&answer);
        let enterable = |at: &usize| Some(GoodId(LATER[*at].1)) == known && LATER[*at].0 == code;
        let known = known.filter(|_| self.learned.iter().any(enterable));
        let undone = self.station.handle.figures().await.unwrap().scans.undone;
        let expected = self.model.scan(code, known, undone);
        assert_eq!(answer.signal, expected, "{code}: {answer:?}");
    }

    fn fail_write(&mut self, fault: Fault) {
        let bars = matches!(fault, Fault::Unauthorized | Fault::Forbidden);
        if self.write_faults < WRITE_FAULTS_MAX && !(bars && self.read_faults > 0) {
            self.write_faults += 1;
            self.is_barred |= bars;
            // What is removed is left alone: where that fails, it rests longer than a test can wait.
            self.place.sandbox.fault(Selector::path("POST", "/"), fault);
        }
    }

    fn fail_read(&mut self, fault: Fault) {
        if self.read_faults < READ_FAULTS_MAX && !self.is_barred {
            self.read_faults += 1;
            self.place.sandbox.fault(Selector::Reads, fault);
        }
    }

    /// The power goes. What the store had begun is done or not before the next agent starts.
    async fn die(mut self, scanning: Option<String>) -> Self {
        let store = self.station.handle.store().clone();
        if let Some(code) = &scanning {
            let frame = Frame { raw: code.as_bytes().to_vec(), verdict: Ok(code.clone()) };
            let (scanner, boot, wall) =
                (ScannerName::new("dock"), SystemClock::new().boot(), UnixMillis(1_790_000_000_000));
            self.station.handle.feed(Input::Frame { scanner, frame, boot, wall }).await.unwrap();
            tokio::task::yield_now().await;
        }
        self.station.die().await;
        store.run(|_db| ()).await.unwrap();
        drop(store);
        self.station = self.place.start();
        if let Some(code) = scanning {
            let scans = self.station.handle.figures().await.unwrap().scans;
            let heard = scans.accepted() - self.model.counts.accepted();
            assert!(heard <= 1, "{code} was taken {heard} times");
            if heard == 1 {
                self.model.scan(&code, None, scans.undone);
            }
        }
        self.model.quantity = None;
        self
    }

    /// Starts the station anew as often as something rests: half a minute is too long for a test.
    async fn wake(mut self) -> Self {
        for _ in 0..=WRITE_FAULTS_MAX {
            let end = Instant::now() + REST_MAX;
            while Instant::now() < end {
                if self.station.handle.store().run(|db| db.agenda()).await.unwrap().unwrap().is_empty() {
                    return self;
                }
                sleep(LOOK_EVERY).await;
            }
            self = self.die(None).await;
        }
        self
    }

    /// Closes what is open, waits until all is delivered, and compares.
    async fn end(mut self) {
        self.model.learn(&self.learned);
        let parked = self.model.counts.unknown;
        self.station.handle.sync();
        self.station.until("what is known now", |figures| figures.scans.unknown == parked).await;
        self.scan(&Control::Close.code()).await;
        if self.is_barred {
            self = self.wake().await;
        }
        self.station.until_delivered().await;
        let patience = Instant::now() + PATIENCE;
        while self.place.sandbox.late_acts() > 0 {
            assert!(Instant::now() < patience, "a late request is never carried out");
            sleep(LOOK_EVERY).await;
        }
        let figures = self.station.until_delivered().await;
        assert!(figures.balance() && !figures.is_undelivered(), "{figures:?}");
        assert_eq!(figures.scans, self.model.counts);
        let parked: Decimal = self.model.parked.iter().map(|(_, _, units)| units).sum();
        assert_eq!(figures.units_parked.to_decimal(), parked);
        let standing = figures.units_booked.checked_sub(figures.units_undone).unwrap().to_decimal();
        let closed: Decimal = self.model.closed.values().sum();
        assert_eq!(standing, closed + self.model.cancelled);
        self.place.assert_nothing_is_doubled();
        let refused = self.refused().await;
        let mut expected = self.model.closed;
        for (what, units) in refused {
            *expected.entry(what).or_default() -= units;
        }
        expected.retain(|_, units| !units.is_zero());
        assert_eq!(self.place.on_service(), expected);
        self.station.stop().await.unwrap();
    }

    /// What the service would not have, as the station tells. Where one refused it and carried it out late all the
    /// same, a person was called: it stands.
    async fn refused(&self) -> Units {
        let mut refused = Units::new();
        let all = self.station.handle.store().run(|db| {
            let listed = db.operations(OperationFilter::All, u32::MAX).unwrap();
            let ids = listed.into_iter().filter(|summary| summary.state == State::Refused);
            ids.map(|summary| db.pending(summary.id).unwrap()).collect::<Vec<_>>()
        });
        for pending in all.await.unwrap().into_iter().filter(|pending| pending.delivery.stuck.is_none()) {
            assert!(self.write_faults > 0, "refused without a fault: {pending:?}");
            for line in pending.operation.lines {
                let units = refused.entry((pending.operation.place.kind, line.good)).or_insert(Decimal::ZERO);
                *units += line.quantity.to_decimal();
            }
        }
        refused
    }
}

/// The good that an answer names.
fn good_told(answer: &Announcement) -> Option<GoodId> {
    match &answer.what {
        What::Booked { good, .. } | What::Lookup { good: Some(good), .. } => Some(good.id),
        _ => None,
    }
}

fn play(actions: Vec<Action>) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut run = Run::begin().await;
        for action in actions {
            run = run.act(action).await;
        }
        run.end().await;
    });
}

#[expect(clippy::disallowed_methods, reason = "whoever runs the tests says how many cases there are")]
fn is_asked_for_cases() -> bool {
    env::var_os("PROPTEST_CASES").is_some()
}

fn runner(worker: u32) -> TestRunner {
    let default = Config::default();
    let cases = if is_asked_for_cases() { default.cases } else { CASES };
    let found = FileFailurePersistence::Direct("tests/data/proptest-regressions/delivery_model.txt");
    let config = Config {
        cases: cases.div_ceil(AT_ONCE),
        max_shrink_iters: 30,
        max_shrink_time: 60_000,
        failure_persistence: Some(Box::new(found)),
        ..default
    };
    if is_asked_for_cases() {
        return TestRunner::new(config);
    }
    let seed = [u8::try_from(worker).unwrap(); 32];
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

#[test]
fn whatever_happens_every_confirmed_unit_is_on_the_service_once() {
    let workers: Vec<_> = (0..AT_ONCE)
        .map(|worker| {
            let play_some = move || {
                runner(worker).run(&actions(), |actions| {
                    play(actions);
                    Ok(())
                })
            };
            Builder::new().name(format!("model-{worker}")).spawn(play_some).unwrap()
        })
        .collect();
    let failed: Vec<_> = workers.into_iter().filter_map(|worker| worker.join().unwrap().err()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}
