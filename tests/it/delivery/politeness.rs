//! Several stations behind one address share what the service allows it, without knowing of each other.

use std::collections::VecDeque;
use std::time::Duration;

use stockpoint::api::Budget;
use stockpoint::domain::code::control::Control;
use stockpoint::domain::delivery::State;
use stockpoint::sandbox::{Fault, Limit, Options, Selector};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::support::station::{Place, Station};

/// What the service allows an address.
const PER_MINUTE: usize = 200;
const PER_SECOND: usize = 5;

/// How long a served request takes.
const ANSWER: Duration = Duration::from_millis(80);

/// The service's own count: requests let through within the last minute, oldest first.
#[derive(Default)]
struct Limiter(VecDeque<Instant>);

impl Limiter {
    /// Lets a request through, or tells for how many seconds it would not.
    fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        while self.0.front().is_some_and(|first| now - *first >= Duration::from_mins(1)) {
            self.0.pop_front();
        }
        for (most, span) in [(PER_SECOND, 1), (PER_MINUTE, 60)] {
            let span = Duration::from_secs(span);
            if let Some(oldest) = self.0.iter().rev().nth(most - 1)
                && let Some(left) = span.checked_sub(now - *oldest).filter(|left| !left.is_zero())
            {
                return Err(Duration::from_secs(left.as_secs() + 1));
            }
        }
        self.0.push_back(now);
        Ok(())
    }
}

/// One station with requests to make; it makes the next when the one before is answered and its budget has one.
struct Agent {
    budget: Budget,
    wakes: Instant,
    left: usize,
    served: usize,
    refused: usize,
    done: Option<Instant>,
    /// What it had been served when the first station of all was done.
    when_first_done: usize,
}

impl Agent {
    fn new(each: usize, seed: u64, start: Instant) -> Self {
        Self {
            budget: Budget::new(180, 4, seed, start),
            wakes: start,
            left: each,
            served: 0,
            refused: 0,
            done: None,
            when_first_done: 0,
        }
    }

    /// Makes a request if its budget has one, and hears from the service, which may tell a wait.
    fn turn(&mut self, service: &mut impl FnMut(Instant) -> Result<(), Option<Duration>>) {
        let now = self.wakes;
        match self.budget.take(now) {
            Err(free) => self.wakes = free,
            Ok(_permit) => match service(now) {
                Ok(()) => {
                    self.budget.served();
                    self.served += 1;
                    self.left -= 1;
                    self.done = (self.left == 0).then_some(now);
                    self.wakes = now + ANSWER;
                }
                Err(wait) => {
                    self.refused += 1;
                    self.wakes = self.budget.busy(wait, now);
                }
            },
        }
    }
}

fn crowd(agents: usize, each: usize, seed: u64, start: Instant) -> Vec<Agent> {
    let of = |number| seed + u64::try_from(number).unwrap() * 7919;
    (0..agents).map(|number| Agent::new(each, of(number), start)).collect()
}

/// Lets stations drain their requests in virtual time.
fn drain(agents: usize, each: usize, seed: u64) -> (Instant, Vec<Agent>) {
    let start = Instant::now();
    let mut limiter = Limiter::default();
    let mut agents = crowd(agents, each, seed, start);
    let (mut is_first_done, mut is_noted) = (false, false);
    while let Some(agent) = agents.iter_mut().filter(|agent| agent.left > 0).min_by_key(|agent| agent.wakes) {
        assert!(agent.wakes - start < Duration::from_hours(24 * 7), "a station starves");
        agent.turn(&mut |now| limiter.admit(now).map_err(Some));
        is_first_done |= agent.left == 0;
        if is_first_done && !is_noted {
            is_noted = true;
            for agent in &mut agents {
                agent.when_first_done = agent.served;
            }
        }
    }
    (start, agents)
}

/// What an hour of a crowd comes to, each in thousandths.
#[derive(Debug, Clone, Copy)]
struct Hour {
    /// Of what the limit allows.
    used: usize,
    /// Refused, of all that was asked.
    refused: usize,
    /// Jain's index: 1000 if all are served the same, 1000 / n if one of n has everything.
    fairness: usize,
}

/// Lets stations that never run out of work share the limit for an hour.
fn hour(agents: usize, seed: u64) -> Hour {
    let start = Instant::now();
    let mut limiter = Limiter::default();
    let mut agents = crowd(agents, usize::MAX, seed, start);
    loop {
        let agent = agents.iter_mut().min_by_key(|agent| agent.wakes).unwrap();
        if agent.wakes - start >= Duration::from_hours(1) {
            break;
        }
        agent.turn(&mut |now| limiter.admit(now).map_err(Some));
    }
    let total = |of: fn(&Agent) -> usize| agents.iter().map(of).sum::<usize>();
    let (served, refused) = (total(|agent| agent.served), total(|agent| agent.refused));
    let squares = total(|agent| agent.served.pow(2));
    Hour {
        used: served * 1000 / (60 * PER_MINUTE),
        refused: refused * 1000 / (served + refused),
        fairness: served.pow(2) * 1000 / (agents.len() * squares),
    }
}

/// The hours of several seeds: the mean, and the worst of each figure.
fn hours(agents: usize) -> (Hour, Hour) {
    let hours: Vec<Hour> = (1..=12).map(|seed| hour(agents, seed * 104_729)).collect();
    let mean = |of: fn(&Hour) -> usize| hours.iter().map(of).sum::<usize>() / hours.len();
    let least = |of: fn(&Hour) -> usize| hours.iter().map(of).min().unwrap();
    let worst = Hour {
        used: least(|hour| hour.used),
        refused: hours.iter().map(|hour| hour.refused).max().unwrap(),
        fairness: least(|hour| hour.fairness),
    };
    let mean = Hour {
        used: mean(|hour| hour.used),
        refused: mean(|hour| hour.refused),
        fairness: mean(|hour| hour.fairness),
    };
    println!("{agents} stations, an hour, in thousandths: mean {mean:?}, worst {worst:?}");
    (mean, worst)
}

#[test]
fn eight_stations_use_the_limit_fairly_for_an_hour() {
    let (mean, worst) = hours(8);
    assert!(worst.used >= 650, "{worst:?}");
    assert!(worst.refused <= 25, "{worst:?}");
    assert!(worst.fairness >= 880, "{mean:?}, {worst:?}");
}

/// Small steps alone used 746 thousandths of the limit, and were refused 94 (`git log src/api/pace.rs`).
#[test]
fn forty_stations_use_three_quarters_of_the_limit_for_an_hour() {
    let (mean, worst) = hours(40);
    assert!(worst.used >= 750, "{worst:?}");
    assert!(mean.refused <= 115, "{mean:?}");
    assert!(worst.fairness >= 900, "{worst:?}");
}

/// How long the service refuses everything: somebody else's burst.
const STORM: Duration = Duration::from_secs(14);

/// Documents of a station that is caught in it.
const CAUGHT: usize = 60;

/// Lets a station that is alone deliver through a burst that begins so long after its start. Gives back when the last
/// document was served, and how often it was refused.
fn caught(seed: u64, after: Duration, told: fn(Duration) -> Option<Duration>) -> (Duration, usize) {
    let start = Instant::now();
    let mut agent = Agent::new(CAUGHT, seed, start);
    while agent.left > 0 {
        agent.turn(&mut |now| {
            let since = (now - start).checked_sub(after);
            let left = since.and_then(|since| STORM.checked_sub(since)).filter(|left| !left.is_zero());
            left.map_or(Ok(()), |left| Err(told(left)))
        });
    }
    (agent.done.unwrap() - start, agent.refused)
}

#[test]
fn a_burst_of_somebody_elses_costs_a_station_that_is_alone_half_a_minute() {
    type Told = fn(Duration) -> Option<Duration>;
    let cases: [(&str, Told); 4] = [
        ("no wait is told", |_left| None),
        ("a second is told", |_left| Some(Duration::from_secs(1))),
        ("three seconds are told", |_left| Some(Duration::from_secs(3))),
        ("the end is told", |left| Some(Duration::from_secs(left.as_secs() + 1))),
    ];
    for (words, told) in cases {
        for after in [0, 5] {
            let run = |seed: u64| caught(seed * 104_729, Duration::from_secs(after), told);
            let runs: Vec<_> = (1..=24).map(run).collect();
            let (longest, shortest) = (runs.iter().max().unwrap(), runs.iter().min().unwrap());
            let most = runs.iter().map(|(_, refused)| refused).max().unwrap();
            println!(
                "60 documents, 14 s of 429 after {after} s, {words}: {} to {} s, refused up to {most} times",
                shortest.0.as_secs(),
                longest.0.as_secs()
            );
            assert!(longest.0 <= Duration::from_mins(1), "{words}, after {after} s: {longest:?}");
        }
    }
}

#[test]
fn bursts_ten_minutes_apart_never_make_a_station_think_that_it_shares() {
    let start = Instant::now();
    let mut agent = Agent::new(usize::MAX, 5, start);
    let mut each = vec![0_usize; 60];
    while agent.wakes - start < Duration::from_hours(1) {
        let minute = usize::try_from((agent.wakes - start).as_secs() / 60).unwrap();
        let before = agent.served;
        agent.turn(&mut |now| {
            let into = (now - start).as_secs() % 600;
            if into < STORM.as_secs() { Err(Some(Duration::from_secs(3))) } else { Ok(()) }
        });
        each[minute] += agent.served - before;
    }
    println!("a burst of 14 s every ten minutes: served each minute {each:?}");
    let full = each.iter().filter(|served| **served >= 178).count();
    assert!(full >= 48, "{each:?}");
}

#[test]
fn eight_stations_behind_one_limit_all_drain_and_hardly_ever_ask_too_soon() {
    for seed in 1..=6 {
        let (start, agents) = drain(8, 1250, seed * 104_729);
        let total = |of: fn(&Agent) -> usize| agents.iter().map(of).sum::<usize>();
        let (served, refused) = (total(|agent| agent.served), total(|agent| agent.refused));
        let done: Vec<Instant> = agents.iter().filter_map(|agent| agent.done).collect();
        let minutes = |at: Option<&Instant>| (*at.unwrap() - start).as_secs() / 60;
        let behind = agents.iter().map(|agent| agent.when_first_done).min().unwrap();
        println!(
            "8 stations, {served} requests in {} min, the ideal of the limit {} min: {refused} refused; the first \
             station done after {} min, the slowest then at {behind} of 1250",
            minutes(done.iter().max()),
            served / PER_MINUTE,
            minutes(done.iter().min()),
        );
        assert_eq!((done.len(), served), (8, 10_000));
        assert!(refused * 40 < served + refused, "more than 25 in 1000 are refused: {refused}");
        assert!(behind * 8 > 1250, "a station has done {behind} while another has done all");
    }
}

#[test]
fn a_station_that_is_alone_goes_at_the_full_pace() {
    let (start, agents) = drain(1, 1800, 1);
    let took = agents[0].done.unwrap() - start;
    assert_eq!(agents[0].refused, 0);
    assert!(took <= Duration::from_secs(605), "{took:?} for 1800 requests at 180 a minute");
}

#[test]
fn ten_thousand_documents_take_a_ninth_longer_than_the_limit_would_allow() {
    let (start, agents) = drain(1, 10_000, 1);
    let took = agents[0].done.unwrap() - start;
    let ideal = Duration::from_mins(10_000 / u64::try_from(PER_MINUTE).unwrap());
    println!(
        "10,000 requests of one station: {} s, the ideal of the limit {} s",
        took.as_secs(),
        ideal.as_secs()
    );
    assert_eq!(agents[0].refused, 0);
    // 180 of the 200 a minute, so that a station alone never meets the limit.
    assert!(took * 100 <= ideal * 112, "{took:?}");
}

#[test]
fn a_station_whose_company_leaves_finds_its_full_pace_again() {
    let start = Instant::now();
    let mut budget = Budget::new(180, 4, 3, start);
    // Refused, served just enough to be on the way back, refused again: the address is shared.
    let mut now = budget.busy(Some(Duration::from_secs(1)), start);
    (0..2).for_each(|_| budget.served());
    for _ in 0..3 {
        now = budget.busy(Some(Duration::from_secs(1)), now);
    }
    let mut minutes = Vec::new();
    for minute in 1..=120_u64 {
        let end = start + Duration::from_mins(minute);
        let mut served = 0;
        while now < end {
            match budget.take(now) {
                Ok(_permit) => {
                    budget.served();
                    served += 1;
                }
                Err(free) => now = free,
            }
        }
        minutes.push(served);
    }
    let back = minutes.iter().position(|served| *served >= 170).unwrap();
    println!("alone after company: {} a minute at first, the full pace after {back} minutes", minutes[1]);
    assert!((15..40).contains(&minutes[1]), "{minutes:?}");
    assert!(back < 30, "{minutes:?}");
}

/// Documents that each agent has to deliver.
const DOCUMENTS: u64 = 25;

/// Eight whole agents against a service that allows thirty times what the real one does, so that it takes seconds.
#[tokio::test]
async fn eight_agents_behind_one_limit_deliver_everything_once() {
    let mut options = Options::sample();
    options.limit = Some(Limit { per_minute: 6000, per_second: 150 });
    let place = Place::new(options).await;
    let folders: Vec<TempDir> = (0..8).map(|_| TempDir::new().unwrap()).collect();
    let mut stations = Vec::new();
    for (number, folder) in folders.iter().enumerate() {
        let mut config = place.config();
        config.station.name = format!("dock-{number}");
        folder.path().clone_into(&mut config.station.data_dir);
        config.api.requests_per_minute_max = 5400;
        config.api.requests_per_second_max = 120;
        stations.push(Station::start(config, None).unwrap());
    }
    for station in &mut stations {
        station.until_goods_are_read().await;
        for _ in 0..DOCUMENTS {
            for code in ["4006381333931".to_owned(), Control::Close.code()] {
                station.scan(&code).await.unwrap();
            }
        }
    }
    for station in stations {
        let figures = station.until_delivered().await;
        assert_eq!(figures.of(State::Posted).operations, DOCUMENTS);
        station.stop().await.unwrap();
    }
    place.assert_nothing_is_doubled();
    let requests = place.sandbox.requests();
    let refused = requests.iter().filter(|request| request.status == Some(429)).count();
    println!("8 agents, {} documents, {} requests, {refused} refused", 8 * DOCUMENTS, requests.len());
    assert_eq!(u64::try_from(place.sandbox.books().live_documents().len()).unwrap(), 8 * DOCUMENTS);
}

/// A whole agent that delivers documents through a burst of 429. `told` is the wait that the service names in its header, and
/// the one in its words. Gives back how often it was refused.
async fn delivered_through(burst: Duration, documents: u64, told: (Option<u64>, Option<u64>)) -> usize {
    let place = Place::new(Options::sample()).await;
    let mut station = place.start();
    station.until_goods_are_read().await;
    let (retry_after_s, message_s) = told;
    place.sandbox.outage(Some((Selector::Any, Fault::TooMany { retry_after_s, message_s })));
    for _ in 0..documents {
        for code in ["4006381333931".to_owned(), Control::Close.code()] {
            station.scan(&code).await.unwrap();
        }
    }
    sleep(burst).await;
    place.sandbox.outage(None);
    let figures = station.until_delivered().await;
    assert_eq!(figures.of(State::Posted).operations, documents);
    place.assert_nothing_is_doubled();
    station.stop().await.unwrap();
    let requests = place.sandbox.requests();
    requests.iter().filter(|request| request.status == Some(429)).count()
}

#[tokio::test]
async fn a_burst_of_429_is_outlived_whatever_wait_is_told_and_wherever() {
    let burst = Duration::from_secs(2);
    let (header, words, nothing) = tokio::join!(
        delivered_through(burst, 20, (Some(1), None)),
        delivered_through(burst, 20, (None, Some(1))),
        delivered_through(burst, 20, (None, None)),
    );
    println!("2 s of 429: refused {header} times with a header, {words} with words, {nothing} with neither");
    assert!((1..=3).contains(&header) && (1..=3).contains(&words), "{header}, {words}");
    assert_eq!(nothing, 1);
}
