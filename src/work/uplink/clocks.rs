//! This machine's clock and the service's: what the service's answers show of both, and whether ours is trusted.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::domain::clock_trust::{ClockEvidence, ClockTrust, Disagreement, TrustSource, agree};
use crate::domain::time::UnixMillis;

/// The two clocks.
#[derive(Debug)]
pub(super) struct Clocks {
    ours: Arc<dyn Clock>,
    evidence: ClockEvidence,
    /// The service's clock, and the instant of ours at which it was read.
    server_date: Option<(UnixMillis, Instant)>,
    trust: watch::Sender<ClockTrust>,
}

impl Clocks {
    /// Returns the clocks before any answer of the service. `declared` is the configuration's word on ours.
    pub(super) fn new(
        ours: Arc<dyn Clock>,
        evidence: ClockEvidence,
        trust: watch::Sender<ClockTrust>,
    ) -> Self {
        Self { ours, evidence, server_date: None, trust }
    }

    /// Compares ours with the service's clock at an answer.
    pub(super) fn compare(&mut self, server: UnixMillis) {
        self.evidence.compare(server, self.ours.wall(), self.ours.boot());
        self.server_date = Some((server, Instant::now()));
    }

    /// Follows the system's and the service's word on our clock. Returns the new trust if the clock has become right
    /// or is right no longer; it is then to be [published](Self::publish).
    pub(super) fn look(&mut self) -> Option<ClockTrust> {
        self.evidence.look(self.ours.wall(), self.ours.boot());
        self.evidence.synchronized = self.ours.is_synchronized();
        let trust = self.evidence.trust();
        let known = *self.trust.borrow();
        // The caller has to repair the stored times before anybody else acts on the change.
        if known.is_right() != trust.is_right() {
            return Some(trust);
        }
        if known != trust {
            self.publish(trust);
        }
        None
    }

    /// Passes the trust in our clock on to the others. The scans' worker may have ended already.
    pub(super) fn publish(&self, trust: ClockTrust) {
        self.trust.send_replace(trust);
    }

    /// Returns the service's clock now, or `None` before any answer that gives it.
    pub(super) fn server_now(&self) -> Option<UnixMillis> {
        // The time since then is that of our monotonic clock, which cannot be set.
        self.server_date.map(|(date, at)| date.plus_ms(i64::try_from(at.elapsed().as_millis()).unwrap_or(0)))
    }

    /// Returns the service's clock now, or ours before any answer.
    pub(super) fn now(&self) -> UnixMillis {
        self.server_now().unwrap_or_else(|| self.ours.wall())
    }

    /// Returns true if our clock is trusted.
    pub(super) fn is_right(&self) -> bool {
        self.evidence.is_trusted()
    }

    /// Returns our wall clock if it is trusted.
    pub(super) fn trusted_wall(&self) -> Option<UnixMillis> {
        self.is_right().then(|| self.ours.wall())
    }

    /// Returns the earlier of both clocks if ours is proven to be right. The configuration's word is enough for
    /// posting, and too little for deleting history.
    pub(super) fn proven_now(&self) -> Option<UnixMillis> {
        let ours = self.ours.wall();
        self.evidence.is_proven().then(|| self.server_now().map_or(ours, |server| server.min(ours)))
    }

    /// Returns the source of the trust that was needed before anything was posted.
    pub(super) fn trust_source(&self) -> TrustSource {
        self.evidence.source()
    }

    /// Returns true if only a person can decide which clock is wrong: a time server has set ours, and the service's
    /// differs. A clock that no time server has set yet may still be set.
    pub(super) fn needs_person(&self) -> bool {
        self.evidence.synchronized && self.evidence.agreed == Some(false)
    }

    /// Returns what is wrong with our clock, in words.
    pub(super) fn why_not_trusted(&self) -> String {
        let ours = self.ours.wall();
        match self.server_now() {
            Some(server) if !agree(server, ours) => {
                let is_synchronized = self.evidence.synchronized;
                Disagreement { server, ours, is_synchronized }.to_string()
            }
            Some(_) | None => "nothing proves that this machine's clock is right".to_owned(),
        }
    }
}
