//! The pace of a station among others behind one address: additive increase, multiplicative decrease, jitter.
//!
//! The service counts all stations behind one router together and tells none of them about the others: a station sees
//! only "too many requests". That has two causes, which need opposite answers:
//!
//! - *A burst of another station*, such as an import that runs for some seconds. It is over soon, and then the old pace
//!   is right again. So a station at its full pace that has met no refusal for [`QUIET`] slows down, and is back within
//!   a dozen requests.
//! - *Other stations.* The limit is shared for good. A refusal on the way back shows it: the station slows down again
//!   and stays slow. From then on each refusal halves its pace, and each request that is served raises it by a small
//!   step. Stations that share a limit end up at about the same pace, because a station is halved the more often the
//!   more it sends.
//!
//! The gaps between requests vary at random in both cases. `tests/it/delivery/politeness.rs` simulates both.

use std::time::Duration;

use tokio::time::Instant;

/// Thousandths of a request.
const MILLI: u64 = 1000;
/// A minute, in ms.
const MINUTE_MS: u64 = 60_000;

/// The number of steps from nothing to the full pace, for a station whose address is shared. Smaller steps leave more
/// of the limit unused; with larger ones more requests are refused: at equilibrium, one in `pace / (2 * step)`.
const STEPS: u64 = 1200;

/// The number of requests served in a row after which a slow station catches up. Where forty stations share the limit,
/// few are served so often between two refusals; where eight do, most are.
const CATCH_UP_AFTER: u32 = 12;

/// A station slower than this part of the full pace can catch up.
const SLOW_PART: u64 = 12;

/// The part of the full pace at which a station gains, in a minute, as much as one that catches up. The small steps come
/// with each request, so the slowest station alone would need a quarter of an hour to find the room that there is.
const CATCH_UP_PART: u64 = 4;

/// The slowest pace, in thousandths of a request a minute: a station makes two requests a minute whatever happens.
const LEAST: u64 = 2 * MILLI;

/// The slowest pace during a burst of another station's, in thousandths of a request a minute: the end of the burst is
/// noticed within 15 s.
const LEAST_IN_BURST: u64 = 6 * MILLI;

/// The time for which a station that is alone at its address meets no refusal. A refusal that comes sooner after the
/// last one shows that there are others.
const QUIET: Duration = Duration::from_mins(5);

/// The number of served requests that end an episode: refusals with fewer between them have the same cause.
const EPISODE_ENDS_AFTER: u32 = 2;

/// The part of the way back to the full pace by which each served request speeds up.
const WAY_BACK_PART: u64 = 4;

/// The part of the pace, in hundredths, that counts as the full one: equal parts of the rest would never reach it.
const FULL_PERCENT: u64 = 99;

/// The other users of the address that a station assumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Neighbours {
    /// None. The pace is the full one and nothing is spaced: the windows of the budget are enough.
    Alone,
    /// One that will be gone soon: the pace is low, or on the way back.
    Passing {
        /// The pace at the end of the episode, in thousandths of a request a minute.
        low: u64,
    },
    /// Some, for good.
    Sharing,
}

/// The pace of a station.
#[derive(Debug)]
pub(super) struct Pace {
    /// The full pace that the configuration allows, in thousandths of a request a minute.
    most: u64,
    /// The pace now, in thousandths of a request a minute, [`LEAST`] to `most`.
    rate: u64,
    neighbours: Neighbours,
    /// The number of requests served since the last refusal.
    in_row: u32,
    /// The time of the last refusal.
    refused: Option<Instant>,
    /// The time of the last request.
    sent: Option<Instant>,
    /// The length of the gap after it in relation to the gap of the pace: 0 is a half, 65535 one and a half.
    spread: u32,
    /// The state of the generator of gaps; never 0.
    random: u64,
}

impl Pace {
    /// Returns the full pace. `seed` starts the random gaps.
    pub(super) fn new(per_minute: u32, seed: u64) -> Self {
        let most = u64::from(per_minute).saturating_mul(MILLI).max(LEAST);
        Self {
            most,
            rate: most,
            neighbours: Neighbours::Alone,
            in_row: 0,
            refused: None,
            sent: None,
            spread: 0,
            // A xorshift generator whose state is 0 would return 0 for ever.
            random: seed | 1,
        }
    }

    /// Notes that a request was served.
    pub(super) fn faster(&mut self) {
        self.in_row = self.in_row.saturating_add(1);
        match self.neighbours {
            Neighbours::Alone => {}
            // One served request may have slipped through during the burst; it undoes the last halving and no more.
            Neighbours::Passing { .. } if self.in_row < EPISODE_ENDS_AFTER => {
                self.rate = self.rate.saturating_mul(2).min(self.most);
            }
            Neighbours::Passing { .. } => {
                self.rate += self.most.saturating_sub(self.rate) / WAY_BACK_PART;
                if self.rate.saturating_mul(100) >= self.most.saturating_mul(FULL_PERCENT) {
                    (self.rate, self.neighbours) = (self.most, Neighbours::Alone);
                }
            }
            Neighbours::Sharing => self.rate = self.rate.saturating_add(self.step()).min(self.most),
        }
    }

    /// Returns the gain in pace of one served request, for a station that shares its address.
    fn step(&self) -> u64 {
        let step = (self.most / STEPS).max(1);
        if self.in_row <= CATCH_UP_AFTER || self.rate >= self.most / SLOW_PART {
            return step;
        }
        // Divided by the pace: a station that is served less often gains more with each request.
        step.max(step.saturating_mul(self.most / CATCH_UP_PART) / self.rate.max(LEAST))
    }

    /// Notes that the service answered "too many requests".
    pub(super) fn slower(&mut self, now: Instant) {
        let is_same_episode = self.refused.is_some() && self.in_row < EPISODE_ENDS_AFTER;
        let was_quiet = self.refused.is_none_or(|last| now.saturating_duration_since(last) >= QUIET);
        let half = (self.rate / 2).max(LEAST);
        (self.rate, self.neighbours) = match self.neighbours {
            Neighbours::Alone if was_quiet => (half, Neighbours::Passing { low: half }),
            // A second refusal in the same episode shows that half the pace was far too much.
            Neighbours::Passing { .. } if is_same_episode => {
                let low = (self.rate / 4).max(LEAST_IN_BURST).min(self.rate);
                (low, Neighbours::Passing { low })
            }
            // Refused on the way back: the others are there for good.
            Neighbours::Passing { low } => (low.min(self.rate), Neighbours::Sharing),
            // Alone, but refused soon after the last time: other stations share the limit.
            Neighbours::Alone | Neighbours::Sharing => (half, Neighbours::Sharing),
        };
        (self.in_row, self.refused) = (0, Some(now));
    }

    /// Notes that a request was sent.
    pub(super) fn leave(&mut self, now: Instant) {
        self.sent = Some(now);
        self.spread = self.draw();
    }

    /// Returns the time at which the next request may be sent: after the gap of the present pace, up to a half shorter
    /// or longer; `None` if it may be sent at any time.
    pub(super) fn next(&self) -> Option<Instant> {
        if self.neighbours == Neighbours::Alone {
            return None;
        }
        // Computed anew at each call, so that a request that was served meanwhile shortens the gap.
        let gap = Duration::from_millis(MINUTE_MS.saturating_mul(MILLI) / self.rate.max(1));
        Some(self.sent? + (gap / 2).saturating_add(part(gap, self.spread)))
    }

    /// Returns a random part of `longest`.
    pub(super) fn up_to(&mut self, longest: Duration) -> Duration {
        part(longest, self.draw())
    }

    /// Draws from 0..=65535.
    fn draw(&mut self) -> u32 {
        // Marsaglia's xorshift64 ("Xorshift RNGs", 2003): the numbers need to spread, not to be secret.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        u32::try_from(self.random >> 48).unwrap_or(0)
    }
}

/// Returns this many 65536ths of a time.
fn part(of: Duration, parts: u32) -> Duration {
    of.saturating_mul(parts) / (1 << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a pace after so many refusals in a row, the first long after the last.
    fn refused(times: usize) -> (Pace, Instant) {
        let (mut pace, now) = (Pace::new(180, 1), Instant::now());
        (0..times).for_each(|_| pace.slower(now));
        (pace, now)
    }

    fn served(pace: &mut Pace, times: usize) {
        (0..times).for_each(|_| pace.faster());
    }

    #[test]
    fn a_burst_of_somebody_elses_slows_down_to_six_a_minute() {
        let rates: Vec<u64> = (1..=6).map(|times| refused(times).0.rate).collect();
        assert_eq!(rates, [90_000, 22_500, 6000, 6000, 6000, 6000]);
    }

    #[test]
    fn after_a_burst_the_full_pace_is_back_within_a_score_of_requests() {
        let (mut pace, _now) = refused(4);
        let mut rates = Vec::new();
        while pace.neighbours != Neighbours::Alone {
            pace.faster();
            rates.push(pace.rate / 1000);
        }
        assert_eq!(rates[..5], [12, 54, 85, 109, 126]);
        assert_eq!((pace.rate, rates.len()), (180_000, 17));
    }

    #[test]
    fn a_refusal_on_the_way_back_undoes_it_and_means_company() {
        let (mut pace, now) = refused(4);
        served(&mut pace, 3);
        pace.slower(now);
        assert_eq!((pace.rate, pace.neighbours), (6000, Neighbours::Sharing));
        pace.faster();
        assert_eq!(pace.rate, 6150);
        pace.slower(now);
        assert_eq!(pace.rate, 3075);
        (0..20).for_each(|_| pace.slower(now));
        assert_eq!(pace.rate, 2000);
    }

    #[test]
    fn a_refusal_soon_after_another_means_company_and_one_long_after_does_not() {
        for (later, neighbours) in [(299, Neighbours::Sharing), (300, Neighbours::Passing { low: 90_000 })] {
            let (mut pace, now) = refused(1);
            served(&mut pace, 100);
            assert_eq!(pace.neighbours, Neighbours::Alone);
            pace.slower(now + Duration::from_secs(later));
            assert_eq!((pace.rate, pace.neighbours), (90_000, neighbours));
        }
    }

    #[test]
    fn who_shares_an_address_goes_up_by_small_steps_to_the_most() {
        let mut pace = Pace { rate: 90_000, neighbours: Neighbours::Sharing, ..Pace::new(180, 1) };
        served(&mut pace, 599);
        assert_eq!(pace.rate, 179_850);
        served(&mut pace, 10);
        assert_eq!((pace.rate, pace.neighbours), (180_000, Neighbours::Sharing));
    }

    #[test]
    fn a_slow_station_that_is_served_twelve_times_in_a_row_catches_up() {
        let mut pace = Pace { rate: 2000, neighbours: Neighbours::Sharing, ..Pace::new(180, 1) };
        served(&mut pace, 12);
        assert_eq!(pace.rate, 3800);
        pace.faster();
        assert_eq!(pace.rate, 3800 + 1776);
        let mut pace = Pace { rate: 15_000, ..pace };
        pace.faster();
        assert_eq!(pace.rate, 15_150);
    }

    #[test]
    fn gaps_vary_by_a_half_either_way_and_there_are_none_at_the_full_pace() {
        let now = Instant::now();
        let mut pace = Pace::new(180, 7);
        pace.leave(now);
        assert_eq!(pace.next(), None);
        pace.slower(now);
        let mut gap = || {
            pace.leave(now);
            (pace.next().unwrap() - now).as_millis()
        };
        let gaps: Vec<u128> = (0..200).map(|_| gap()).collect();
        assert!(gaps.iter().all(|gap| (333..=999).contains(gap)), "{gaps:?}");
        assert!(gaps.iter().any(|gap| *gap < 400) && gaps.iter().any(|gap| *gap > 900));
    }

    #[test]
    fn a_served_request_shortens_the_gap_after_it() {
        let (mut pace, now) = refused(4);
        pace.leave(now);
        let slow = pace.next().unwrap() - now;
        pace.faster();
        assert!((pace.next().unwrap() - now) * 2 <= slow + Duration::from_millis(2));
    }

    #[test]
    fn any_limit_that_can_be_configured_comes_down_and_back() {
        for per_minute in [1, 2, 3, 7, 60, 200, 60_000] {
            let (mut pace, now) = (Pace::new(per_minute, 1), Instant::now());
            let most = pace.most;
            (0..9).for_each(|_| pace.slower(now));
            assert!((LEAST..=most).contains(&pace.rate), "{per_minute}: {}", pace.rate);
            served(&mut pace, 40);
            assert_eq!((pace.rate, pace.neighbours), (most, Neighbours::Alone), "{per_minute}");
        }
    }
}
