//! Counters and times of the running agent for monitoring.
//!
//! Each meter is a handle whose copies count together. The agent itself reads none of them. Times are in seconds, as
//! Prometheus expects them; they are the only fractions in the program, and nothing is computed from them.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

/// Upper bounds of the times of commits, in seconds: from a tenth of a millisecond on a solid-state disk to a memory
/// card that reorganises itself.
const COMMIT_S: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// Upper bounds of the times of requests, in seconds; the longest time-out is 120 s.
const REQUEST_S: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

/// One label and its value.
pub type Label = [(&'static str, &'static str); 1];

/// The times that scans take to reach the disk.
#[derive(Debug, Clone)]
pub struct Commits {
    time: Histogram,
}

impl Commits {
    /// Notes how long after its arrival a scan was on the disk.
    pub fn note(&self, took: Duration) {
        self.time.observe(took.as_secs_f64());
    }

    /// Returns the times.
    pub const fn time(&self) -> &Histogram {
        &self.time
    }
}

impl Default for Commits {
    fn default() -> Self {
        Self { time: Histogram::new(COMMIT_S) }
    }
}

/// The requests to the service, counted by outcome and timed.
#[derive(Debug, Clone)]
pub struct Requests {
    by_outcome: Family<Label, Counter>,
    time: Histogram,
}

impl Requests {
    /// The words of all outcomes.
    pub const OUTCOMES: [&str; 8] =
        ["ok", "refused", "not-allowed", "limited", "failed", "stranger", "lost", "not-sent"];

    /// Notes a request that ended after this long.
    pub fn note(&self, outcome: &'static str, took: Duration) {
        self.by_outcome.get_or_create(&[("outcome", outcome)]).inc();
        self.time.observe(took.as_secs_f64());
    }

    /// Returns the requests by their outcome.
    pub const fn by_outcome(&self) -> &Family<Label, Counter> {
        &self.by_outcome
    }

    /// Returns the times of the requests.
    pub const fn time(&self) -> &Histogram {
        &self.time
    }
}

impl Default for Requests {
    fn default() -> Self {
        let by_outcome = Family::default();
        for outcome in Self::OUTCOMES {
            // An outcome that never happened is zero, not absent: its rate can then be computed from the first one on.
            let _zero = by_outcome.get_or_create_owned(&[("outcome", outcome)]);
        }
        Self { by_outcome, time: Histogram::new(REQUEST_S) }
    }
}
