//! The budget of requests, one for everything that the station sends.
//!
//! The service allows 200 requests a minute and 5 a second for an address
//! (<https://developer.alteg.io/en/b2b-v1/openapi>), and every station behind one router shares them.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::pace::Pace;
use crate::random::random;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// The wait after "too many requests" where the service names none, as integrations use it.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// The permission to make one request. Only [`Budget::take`] makes one, and a request consumes it.
#[derive(Debug)]
pub struct Permit(());

/// A limit on the requests of any second and of any minute.
///
/// A process cannot know what the one before it sent, so both count as used up at a start: at most one request in the
/// first second, then the steady rate.
#[derive(Debug)]
pub struct Budget {
    /// The times at which each request of a second may be made again, soonest first.
    second: VecDeque<Instant>,
    /// The times at which each request of a minute may be made again, soonest first.
    minute: VecDeque<Instant>,
    /// The time before which nothing is sent, because the service asked for a wait.
    closed_until: Instant,
    pace: Pace,
}

impl Budget {
    /// Returns a budget that is used up. `per_minute` is 1..=60000 and `per_second` 1..=1000, as the configuration
    /// checks; `seed` starts the random part of waits and gaps, and should differ from station to station.
    pub fn new(per_minute: u32, per_second: u32, seed: u64, now: Instant) -> Self {
        let per_minute = per_minute.max(1);
        // The minute's slots become free one by one; those of the second, except one, after a second.
        let spacing = MINUTE / per_minute;
        let minute = (0..per_minute).map(|slot| now + spacing * slot).collect();
        let second = (0..per_second.max(1)).map(|slot| if slot == 0 { now } else { now + SECOND }).collect();
        Self { second, minute, closed_until: now, pace: Pace::new(per_minute, seed) }
    }

    /// Takes one request from the budget.
    ///
    /// # Errors
    /// The instant from which to ask again, if the budget is used up.
    pub fn take(&mut self, now: Instant) -> Result<Permit, Instant> {
        let soonest = |slots: &VecDeque<Instant>| slots.front().copied().unwrap_or(now);
        // Both windows, the service's wait and the pace must allow it: the latest decides.
        let free = soonest(&self.second).max(soonest(&self.minute)).max(self.open_from());
        if free > now {
            return Err(free);
        }
        for (slots, window) in [(&mut self.second, SECOND), (&mut self.minute, MINUTE)] {
            slots.pop_front();
            slots.push_back(now + window);
        }
        self.pace.leave(now);
        Ok(Permit(()))
    }

    /// Returns the time before which the service's wait or the pace lets nothing out.
    fn open_from(&self) -> Instant {
        self.pace.next().map_or(self.closed_until, |next| self.closed_until.max(next))
    }

    /// Notes that a request was served.
    pub fn served(&mut self) {
        self.pace.faster();
    }

    /// Notes that the service answered "too many requests", perhaps with a wait, and returns the instant before which
    /// nothing is sent.
    ///
    /// Up to half of the wait is added, because stations that were given the same wait must not all come back at its
    /// end. The gap of a slow pace may last longer still.
    pub fn busy(&mut self, retry_after: Option<Duration>, now: Instant) -> Instant {
        self.pace.slower(now);
        let wait = retry_after.unwrap_or(BUSY_WAIT);
        let wait = wait.saturating_add(self.pace.up_to(wait / 2));
        self.close_for(wait, now);
        self.open_from()
    }

    /// Waits until the budget has a request and takes it.
    pub async fn wait(&mut self) -> Permit {
        loop {
            match self.take(Instant::now()) {
                Ok(permit) => return permit,
                Err(free) => sleep_until(free).await,
            }
        }
    }

    /// Sends nothing for this long; a longer wait that was set before still holds.
    pub fn close_for(&mut self, wait: Duration, now: Instant) {
        self.closed_until = self.closed_until.max(now + wait);
    }
}

/// Returns a number that differs from station to station and from start to start.
pub fn seed() -> u64 {
    u64::try_from(random() & u128::from(u64::MAX)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the milliseconds after the start at which requests go out when they are always wanted.
    fn spent(per_minute: u32, per_second: u32, until: Duration) -> Vec<u128> {
        let start = Instant::now();
        let mut budget = Budget::new(per_minute, per_second, 1, start);
        let mut now = start;
        let mut times = Vec::new();
        while now < start + until {
            match budget.take(now) {
                Ok(Permit(())) => times.push((now - start).as_millis()),
                Err(free) => now = free,
            }
        }
        times
    }

    #[test]
    fn a_start_makes_one_request_in_its_first_second() {
        let times = spent(180, 4, Duration::from_secs(3));
        assert_eq!(times.iter().filter(|ms| **ms < 1000).count(), 1);
        assert_eq!(times.first(), Some(&0));
    }

    #[test]
    fn no_second_and_no_minute_ever_holds_more_than_allowed() {
        let times = spent(180, 4, Duration::from_secs(200));
        let most_within = |window: u128| {
            let count = |from: &u128| times.iter().filter(|ms| **ms >= *from && **ms < from + window).count();
            times.iter().map(count).max()
        };
        assert!(most_within(1000) <= Some(4));
        assert_eq!(most_within(60_000), Some(180));
    }

    #[test]
    fn the_wait_after_too_many_is_at_most_half_longer_than_requested() {
        let now = Instant::now();
        let mut budget = Budget::new(6000, 100, 1, now);
        let wait = (budget.busy(Some(Duration::from_secs(8)), now) - now).as_millis();
        assert!((8000..=12_000).contains(&wait), "{wait}");
        let mut budget = Budget::new(6000, 100, 1, now);
        let wait = (budget.busy(None, now) - now).as_millis();
        assert!((5000..=7500).contains(&wait), "{wait}");
    }

    #[test]
    fn a_wait_that_the_service_requests_is_kept() {
        let now = Instant::now();
        let mut budget = Budget::new(6000, 100, 1, now);
        budget.close_for(Duration::from_secs(7), now);
        assert_eq!(budget.take(now + SECOND).err(), Some(now + Duration::from_secs(7)));
        assert!(budget.take(now + Duration::from_secs(7)).is_ok());
    }
}
