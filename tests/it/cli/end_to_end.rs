//! The main job from end to end: a serial scanner, the real program, the simulated service.
//!
//! `STOCKPOINT_SOAK` and `STOCKPOINT_STORM` say how many scans the two long tests take, `STOCKPOINT_SEED` plays
//! one again. The same seed gives the same scans, the same places of death and the same faults in a row.

use std::collections::BTreeMap;
use std::time::Duration;

use rust_decimal::Decimal;
use serde_json::Value;
use stockpoint::domain::code::control::Control;
use stockpoint::domain::ids::GoodId;
use stockpoint::sandbox::{Chaos, Fault, GoodRow, Options, REQUESTS_MAX, Selector};
use tokio::time::{Instant, sleep, timeout};

use crate::support::program::{Program, Shed, assert_balance};
use crate::support::pty::Pty;
use crate::support::station::Place;

/// A byte with its start and stop bits at 9600 baud.
const BYTE: Duration = Duration::from_micros(1042);
/// How long a scanner's answer may take before it is asked whether it is there at all.
const ANSWER: Duration = Duration::from_secs(3);
/// Goods of the test begin here.
const FIRST_GOOD: i64 = 500_000;

/// What is done to the station, and how quickly.
struct Weather {
    scans: usize,
    /// From the end of one scan to the beginning of the next.
    pause: Duration,
    /// About how many scans a life of the agent has.
    life: u64,
    chaos: Chaos,
}

/// The next number of the `SplitMix64` sequence (Steele, Lea, Flood 2014, public domain).
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *seed;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[expect(clippy::disallowed_methods, reason = "whoever runs the test chooses its length and its seed")]
fn wished(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |value| value.parse().unwrap())
}

/// A stockroom in which every scan is of another good, so that each can be found again by itself.
struct Stockroom {
    place: Place,
    yard: Shed,
    scanner: Pty,
    agent: Option<Program>,
    seed: u64,
    /// Units that were confirmed to the scanner.
    confirmed: BTreeMap<GoodId, u16>,
    kills: u32,
}

impl Stockroom {
    async fn open(scans: usize, seed: u64) -> Self {
        let place = Place::new(Options::sample()).await;
        for number in 0..i64::try_from(scans).unwrap() {
            let id = GoodId(FIRST_GOOD + number);
            place.sandbox.put_good(GoodRow::new(id, "Sample", &barcode(id)));
        }
        let scanner = Pty::new();
        let yard = Shed::of(&place.sandbox, &scanner.path);
        let agent = Some(yard.agent().await);
        yard.until("a goods table", |status| status["goods"]["synced_at"].is_string()).await;
        Self { place, yard, scanner, agent, seed, confirmed: BTreeMap::new(), kills: 0 }
    }

    fn draw(&mut self, below: u64) -> u64 {
        random(&mut self.seed) % below
    }

    /// Sends a scan as a scanner at 9600 baud does; `until` cuts it off after so many bytes.
    async fn send(&mut self, code: &str, until: usize) {
        for byte in code.bytes().chain([b'\r']).take(until) {
            self.scanner.feed(&[byte]);
            sleep(BYTE).await;
        }
    }

    /// Scans a good and waits for the answer; every other time several of it, by a code before.
    async fn scan(&mut self, good: GoodId) {
        let units = u16::try_from(self.draw(16)).unwrap().saturating_sub(6).max(1);
        self.scan_units(good, units).await;
    }

    async fn scan_units(&mut self, good: GoodId, units: u16) {
        if units > 1 {
            self.send(&Control::Quantity(units).code(), usize::MAX).await;
            assert_eq!(self.scanner.answer().await, 'C', "{good}");
        }
        self.send(&barcode(good), usize::MAX).await;
        assert_eq!(self.scanner.answer().await, 'B', "{good}");
        self.confirmed.insert(good, units);
    }

    /// Scans a good while the power goes: somewhere in the scan, or in the milliseconds after it.
    async fn scan_and_die(&mut self, good: GoodId) {
        let (bytes, wait) = (self.draw(40), self.draw(4000));
        self.send(&barcode(good), usize::try_from(bytes).unwrap()).await;
        if bytes > 14 {
            sleep(Duration::from_micros(wait)).await;
        }
        self.agent.take().unwrap().die();
        self.kills += 1;
        self.agent = Some(self.yard.agent_just_open().await);
        // Any answer to what came before stands before the answer to this.
        if self.is_booked_before_ok().await {
            self.confirmed.insert(good, 1);
        }
    }

    /// Ends what may be half a frame, asks the station whether it is there, and says whether a scan was confirmed
    /// before it answered.
    async fn is_booked_before_ok(&mut self) -> bool {
        let mut booked = false;
        loop {
            self.scanner.feed(format!("\r{}\r", Control::Ok.code()).as_bytes());
            while let Ok(answer) = timeout(ANSWER, self.scanner.answer()).await {
                match answer {
                    'C' => return booked,
                    'B' => booked = true,
                    _ => {}
                }
            }
        }
    }

    /// A whole day of it, then the end of all trouble; gives back the figures in one line.
    async fn live_through(&mut self, weather: Weather) -> String {
        let start = Instant::now();
        self.place.sandbox.chaos(Some(weather.chaos));
        let mut life = self.draw(weather.life * 2);
        for number in 0..i64::try_from(weather.scans).unwrap() {
            let good = GoodId(FIRST_GOOD + number);
            if life == 0 {
                self.scan_and_die(good).await;
                life = self.draw(weather.life * 2);
            } else {
                self.scan(good).await;
                life -= 1;
            }
            sleep(weather.pause).await;
        }
        self.send(&Control::Close.code(), usize::MAX).await;
        while self.scanner.answer().await != 'C' {}
        self.until_delivered().await;
        let seconds = start.elapsed().as_secs();
        assert_eq!(self.agent.take().unwrap().stop().await.code, Some(0));
        let verdict = self.compare(weather.scans).await;
        format!("{verdict}, {seconds} s")
    }

    /// Waits until nothing is on its way. A long day takes long, but something must always go on.
    async fn until_delivered(&self) {
        let mut posted = String::new();
        loop {
            let gone_on =
                |status: &Value| is_delivered(status) || status["units"]["posted"] != posted.as_str();
            let status = self.yard.until("a delivery", gone_on).await;
            if is_delivered(&status) {
                return;
            }
            status["units"]["posted"].as_str().unwrap().clone_into(&mut posted);
        }
    }

    /// Compares what was confirmed, what the station believes and what the service has.
    async fn compare(&self, scans: usize) -> String {
        let status = self.yard.status().await;
        assert_balance(&status);
        self.place.assert_nothing_is_doubled();
        let mut held: BTreeMap<GoodId, Decimal> = BTreeMap::new();
        for ((_kind, good), units) in self.place.on_service() {
            *held.entry(good).or_default() += units;
        }
        let there = |good: &GoodId| held.get(good).copied().unwrap_or_default();
        let lost: Vec<_> =
            self.confirmed.iter().filter(|(good, units)| there(good) < Decimal::from(**units)).collect();
        // One that was cut off may be there all the same: once.
        let most = |good: &GoodId| Decimal::from(self.confirmed.get(good).copied().unwrap_or(1));
        let doubled: Vec<_> = held.iter().filter(|(good, units)| **units > most(good)).collect();
        let posted: Decimal = held.values().sum();
        let confirmed: u32 = self.confirmed.values().map(|units| u32::from(*units)).sum();
        let requests = self.place.sandbox.requests();
        assert!(requests.len() < REQUESTS_MAX, "the log of requests is whole");
        let faults = requests.iter().filter(|request| request.fault.is_some()).count();
        let line = format!(
            "scans {scans}, confirmed {} with {confirmed} units, posted {} with {posted}, kills {}, faults {faults}, \
             requests {}, lost {}, doubled {}",
            self.confirmed.len(),
            held.len(),
            self.kills,
            requests.len(),
            lost.len(),
            doubled.len()
        );
        assert!(lost.is_empty() && doubled.is_empty(), "{line}: lost {lost:?}, doubled {doubled:?}");
        assert_eq!(status["units"]["posted"], posted.normalize().to_string(), "{line}: {status}");
        assert!(self.confirmed.len() + usize::try_from(self.kills).unwrap() >= scans, "{line}");
        line
    }
}

/// The thirteen digits of a good of the test, with the check digit of GS1 (General Specifications, section 7.9).
fn barcode(good: GoodId) -> String {
    let digits = format!("952{:09}", good.0);
    let sum: u32 = digits
        .chars()
        .zip([1, 3].into_iter().cycle())
        .filter_map(|(c, weight)| Some(c.to_digit(10)? * weight))
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

fn is_delivered(status: &Value) -> bool {
    ["open", "queued", "sending", "uncertain"].iter().all(|state| status["outbox"][*state] == 0)
}

#[tokio::test]
async fn a_scan_is_confirmed_to_the_scanner_and_posted_once() {
    let mut room = Stockroom::open(2, 0).await;
    room.scan_units(GoodId(FIRST_GOOD), 1).await;
    let status = room.yard.status().await;
    assert_eq!(status["units"]["open"], "1", "what was confirmed is on the disk: {status}");
    room.scan_units(GoodId(FIRST_GOOD + 1), 1).await;
    room.send(&Control::Close.code(), usize::MAX).await;
    assert_eq!(room.scanner.answer().await, 'C');
    room.yard.until("the posting", |status| status["units"]["posted"] == "2").await;
    let books = room.place.sandbox.books();
    let (documents, lines) = (books.live_documents(), books.live_lines());
    assert_eq!((documents.len(), lines.len()), (1, 2));
    assert!(documents[0].comment.starts_with("#sp:dock-1:"), "{}", documents[0].comment);
}

#[tokio::test]
async fn no_confirmed_scan_is_lost_or_doubled_by_kills_and_faults() {
    let (scans, seed) = (wished("STOCKPOINT_SOAK", 150), wished("STOCKPOINT_SEED", 20_261_124));
    let scans = usize::try_from(scans).unwrap();
    let mut room = Stockroom::open(scans, seed).await;
    let chaos = Chaos { selector: Selector::Any, ..Chaos::writes(seed, u32::MAX) };
    let chaos =
        Chaos { odds: chaos.odds.into_iter().map(|(chance, fault)| (chance / 3, fault)).collect(), ..chaos };
    let weather = Weather { scans, pause: Duration::from_millis(10), life: 25, chaos };
    println!("seed {seed}: {}", room.live_through(weather).await);
}

#[tokio::test]
async fn no_unit_is_lost_or_doubled_when_every_second_posting_ends_in_doubt() {
    let (scans, seed) = (wished("STOCKPOINT_STORM", 40), wished("STOCKPOINT_SEED", 7));
    let scans = usize::try_from(scans).unwrap();
    let mut room = Stockroom::open(scans, seed).await;
    let odds = vec![
        (150, Fault::ActThenDrop),
        (100, Fault::DropBefore),
        (100, Fault::Late { ms: 50 }),
        (100, Fault::PartialApply { lines: 3 }),
        (50, Fault::Truncated),
        (50, Fault::Slow { ms: 1500 }),
    ];
    let chaos = Chaos { seed, selector: Selector::Writes, odds, faults_max: u32::MAX };
    let weather = Weather { scans, pause: Duration::from_millis(10), life: 20, chaos };
    println!("seed {seed}: {}", room.live_through(weather).await);
}
