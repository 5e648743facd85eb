//! The limit of requests in a minute and in a second.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::options::Limit;

const MINUTE: Duration = Duration::from_mins(1);
const SECOND: Duration = Duration::from_secs(1);

/// The times of the requests admitted within the last minute. Invariant: never more than the limit's own `per_minute`,
/// so the queue is bounded.
#[derive(Debug, Default)]
pub(super) struct Meter(VecDeque<Instant>);

impl Meter {
    /// Admits a request, or returns the seconds (rounded up) until the next one is admitted.
    pub(super) fn admit(&mut self, limit: Limit, now: Instant) -> Result<(), u64> {
        while self.0.front().is_some_and(|&first| now.duration_since(first) >= MINUTE) {
            self.0.pop_front();
        }
        let minute = self.wait(limit.per_minute, MINUTE, now);
        let second = self.wait(limit.per_second, SECOND, now);
        match minute.max(second) {
            // Only admitted requests count: a refused one does not lengthen the wait.
            None => {
                self.0.push_back(now);
                Ok(())
            }
            Some(wait) => Err(wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))),
        }
    }

    /// Returns the wait until fewer than `max` requests lie within `span`; `None` if no wait is needed.
    fn wait(&self, max: usize, span: Duration, now: Instant) -> Option<Duration> {
        // A limit of zero never admits anything.
        let Some(back) = max.checked_sub(1) else {
            return Some(span);
        };
        let oldest = *self.0.iter().rev().nth(back)?;
        span.checked_sub(now.duration_since(oldest)).filter(|wait| !wait.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit { per_minute: 4, per_second: 2 };

    #[test]
    fn the_third_request_of_a_second_waits_for_the_rest_of_it() {
        let start = Instant::now();
        let mut meter = Meter::default();
        let answers = [0, 100, 200, 1000].map(|ms| meter.admit(LIMIT, start + Duration::from_millis(ms)));
        assert_eq!(answers, [Ok(()), Ok(()), Err(1), Ok(())]);
    }

    #[test]
    fn the_fifth_request_of_a_minute_waits_for_the_rest_of_it() {
        let start = Instant::now();
        let mut meter = Meter::default();
        let answers = [0, 1, 2, 3, 4, 60].map(|s| meter.admit(LIMIT, start + Duration::from_secs(s)));
        assert_eq!(answers, [Ok(()), Ok(()), Ok(()), Ok(()), Err(56), Ok(())]);
    }
}
