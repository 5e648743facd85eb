//! Several stations behind one address share what the service allows it, without knowing of each other.

use std::collections::VecDeque;
use std::time::Duration;

use stockpoint::api::Budget;
use stockpoint::domain::control::Control;
use stockpoint::domain::delivery::State;
use stockpoint::sandbox::{Limit, Options};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::station::{Place, Station};

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

/// Lets stations drain their requests in virtual time.
fn drain(agents: usize, each: usize, seed: u64) -> (Instant, Vec<Agent>) {
    let start = Instant::now();
    let mut limiter = Limiter::default();
    let mut agents: Vec<Agent> = (0..agents)
        .map(|number| Agent {
            budget: Budget::new(180, 4, seed + u64::try_from(number).unwrap() * 7919, start),
            wakes: start,
            left: each,
            served: 0,
            refused: 0,
            done: None,
            when_first_done: 0,
        })
        .collect();
    let (mut is_first_done, mut is_noted) = (false, false);
    while let Some(agent) = agents.iter_mut().filter(|agent| agent.left > 0).min_by_key(|agent| agent.wakes) {
        let now = agent.wakes;
        assert!(now - start < Duration::from_hours(24 * 7), "a station starves");
        match agent.budget.take(now) {
            Err(free) => agent.wakes = free,
            Ok(_permit) => match limiter.admit(now) {
                Ok(()) => {
                    agent.budget.served();
                    agent.served += 1;
                    agent.left -= 1;
                    agent.done = (agent.left == 0).then_some(now);
                    agent.wakes = now + ANSWER;
                    is_first_done |= agent.left == 0;
                }
                Err(wait) => {
                    agent.refused += 1;
                    agent.wakes = agent.budget.busy(Some(wait), now);
                }
            },
        }
        if is_first_done && !is_noted {
            is_noted = true;
            for agent in &mut agents {
                agent.when_first_done = agent.served;
            }
        }
    }
    (start, agents)
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
        assert!(refused * 50 < served + refused, "more than 2 in 100 are refused: {refused}");
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
fn a_station_left_alone_finds_its_full_pace_again() {
    let start = Instant::now();
    let mut budget = Budget::new(180, 4, 3, start);
    let mut now = start;
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
    println!(
        "after three refusals in a row: {} a minute at first, the full pace after {back} minutes",
        minutes[1]
    );
    assert!((15..40).contains(&minutes[1]), "{minutes:?}");
    assert!(back < 60, "{minutes:?}");
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
