//! The pace of a station among others behind one address: additive increase, multiplicative decrease, jitter.
//!
//! The service counts all stations behind one router together and tells none of them about the others; all a
//! station ever sees is "too many requests". Each such answer halves its pace, each request that is served raises
//! it by a small step, and the gaps between its requests vary at random. Stations that share a limit end up
//! at the same pace, for the more a station sends the more often it is halved; the step is small, so that looking
//! for room costs three requests in two hundred.

use std::time::Duration;

use tokio::time::Instant;

/// Thousandths of a request.
const MILLI: u64 = 1000;
/// A minute, in ms.
const MINUTE_MS: u64 = 60_000;

/// Steps from nothing to the most. With a thousand, a station that is alone is back at the full pace within a
/// quarter of an hour, and eight that share one limit hear "too many" of 3 requests in 200; with a third of that they
/// hear it of more than 2 in 100 (`tests/it/politeness.rs`).
const STEPS: u64 = 1000;

/// The slowest pace, in thousandths of a request a minute: a station is heard of twice a minute whatever
/// happens.
const LEAST: u64 = 2 * MILLI;

/// How fast a station goes.
#[derive(Debug)]
pub(super) struct Pace {
    /// Thousandths of a request a minute: what the configuration allows.
    most: u64,
    /// Thousandths of a request a minute, [`LEAST`] to `most`. At the most nothing is spaced: the windows of the
    /// budget are enough for a station that is alone.
    rate: u64,
    /// The state of the generator of gaps; never 0.
    random: u64,
}

impl Pace {
    /// The full pace. `seed` starts the random gaps.
    pub(super) fn new(per_minute: u32, seed: u64) -> Self {
        let most = u64::from(per_minute).saturating_mul(MILLI).max(LEAST);
        Self { most, rate: most, random: seed | 1 }
    }

    /// A request was served: a little faster.
    pub(super) fn faster(&mut self) {
        self.rate = self.rate.saturating_add((self.most / STEPS).max(1)).min(self.most);
    }

    /// Too many requests: half as fast.
    pub(super) fn slower(&mut self) {
        self.rate = (self.rate / 2).max(LEAST);
    }

    /// When the request after one at `now` may leave: after the gap of this pace, a half shorter or longer.
    pub(super) fn after(&mut self, now: Instant) -> Instant {
        if self.rate >= self.most {
            return now;
        }
        let gap_ms = MINUTE_MS.saturating_mul(MILLI) / self.rate;
        let gap = Duration::from_millis(gap_ms / 2).saturating_add(self.up_to(Duration::from_millis(gap_ms)));
        now + gap
    }

    /// A random part of `longest`.
    pub(super) fn up_to(&mut self, longest: Duration) -> Duration {
        // Marsaglia's xorshift64 ("Xorshift RNGs", 2003): spread, not secrecy, is wanted.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let part = u32::try_from(self.random >> 48).unwrap_or(0);
        longest.saturating_mul(part) / (1 << 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_halved_down_to_two_a_minute() {
        let mut pace = Pace::new(180, 1);
        pace.slower();
        assert_eq!(pace.rate, 90_000);
        (0..20).for_each(|_| pace.slower());
        assert_eq!(pace.rate, 2000);
    }

    #[test]
    fn it_recovers_in_equal_steps_and_stops_at_the_most() {
        let mut pace = Pace::new(180, 1);
        pace.slower();
        (0..499).for_each(|_| pace.faster());
        assert_eq!(pace.rate, 179_820);
        (0..10).for_each(|_| pace.faster());
        assert_eq!(pace.rate, 180_000);
    }

    #[test]
    fn gaps_vary_by_a_half_either_way_and_there_are_none_at_the_full_pace() {
        let now = Instant::now();
        let mut pace = Pace::new(180, 7);
        assert_eq!(pace.after(now), now);
        pace.slower();
        let gaps: Vec<u128> = (0..200).map(|_| (pace.after(now) - now).as_millis()).collect();
        assert!(gaps.iter().all(|gap| (333..=999).contains(gap)), "{gaps:?}");
        assert!(gaps.iter().any(|gap| *gap < 400) && gaps.iter().any(|gap| *gap > 900));
    }
}
