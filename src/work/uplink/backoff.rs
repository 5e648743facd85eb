//! The retry back-off of the connection: the time without requests after a failure, and the first request after it.

use std::time::Duration;

use tokio::time::Instant;

use super::waits::backoff;
use crate::api;
use crate::api::Outcome;
use crate::random::random;

/// The number of failures in a row, probes included, after which a request other than the probe is tried: the probe's
/// address may be the only one that fails. Until then no document is sent to a service that may be in trouble.
const PROBES_MAX: u32 = 8;

/// The back-off.
#[derive(Debug)]
pub(super) struct Backoff {
    /// The number of failures in a row.
    failures: u32,
    /// The time before which nothing is sent.
    closed_until: Instant,
    /// True if the next request only asks whether the service answers, because the last one failed.
    is_in_doubt: bool,
}

impl Backoff {
    pub(super) fn new(now: Instant) -> Self {
        Self { failures: 0, closed_until: now, is_in_doubt: false }
    }

    /// Returns the time before which nothing is sent.
    pub(super) fn closed_until(&self) -> Instant {
        self.closed_until
    }

    /// Returns true if the next request must be the probe.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.is_in_doubt
    }

    /// Notes a good answer: the connection works.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
        self.is_in_doubt = false;
    }

    /// Notes that the service asked for a wait.
    pub(super) fn wait_until(&mut self, until: Instant) {
        self.closed_until = until;
    }

    /// Notes that the connection failed once more, and returns how long nothing is sent.
    pub(super) fn grow(&mut self, error: &api::Error, now: Instant) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.is_in_doubt = true;
        let wait = backoff(self.failures, random()).max(wait_asked_for(error));
        self.closed_until = now + wait;
        wait
    }

    /// Notes that the probe failed. If the service itself keeps failing to answer it, another request is tried.
    pub(super) fn probe_failed(&mut self, error: &api::Error) {
        // Only cleared here; a good answer resets the whole back-off.
        self.is_in_doubt &= is_doubtful_after(error, self.failures);
    }
}

/// Returns true if after this failure of the probe only the probe goes on being sent.
fn is_doubtful_after(error: &api::Error, failures: u32) -> bool {
    match error.outcome() {
        Outcome::Refused(_) => false,
        Outcome::NotDone | Outcome::Wait(_) | Outcome::NotAllowed { .. } => true,
        Outcome::Unknown => error.is_silence() || !failures.is_multiple_of(PROBES_MAX),
    }
}

/// Returns the wait that an answer of something in between asks for.
fn wait_asked_for(error: &api::Error) -> Duration {
    if let api::Error::Stranger { wait: Some(wait), .. } = error { *wait } else { Duration::ZERO }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_that_the_service_itself_fails_to_answer_holds_up_the_rest_for_a_while_only() {
        let failed = api::Error::Server { status: 500 };
        let doubtful: Vec<bool> = (1..=9).map(|failures| is_doubtful_after(&failed, failures)).collect();
        assert_eq!(doubtful, [true, true, true, true, true, true, true, false, true]);
        let body = api::Body::Page;
        let stranger = api::Error::Stranger { status: 404, body, wait: None };
        assert!((1..100).all(|failures| is_doubtful_after(&stranger, failures)));
    }
}
