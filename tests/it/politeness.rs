//! Several stations behind one address share what the service allows it, without knowing of each other.

use std::collections::VecDeque;
use std::time::Duration;

use stockpoint::api::Budget;
use tokio::time::Instant;

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
