//! This machine's clock and the service's: what the service's answers show of both, and whether ours is trusted.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::domain::clock_trust::{Belief, ClockTrust, Disagreement, Word, agree};
use crate::domain::time::UnixMillis;

/// The two clocks.
#[derive(Debug)]
pub(super) struct Clocks {
    ours: Arc<dyn Clock>,
    trust: ClockTrust,
    /// The service's clock, and the instant of ours at which it was read.
    server_date: Option<(UnixMillis, Instant)>,
    trusted: watch::Sender<Belief>,
}

impl Clocks {
    /// Returns the clocks before any answer of the service. `declared` is the configuration's word on ours.
    pub(super) fn new(ours: Arc<dyn Clock>, trust: ClockTrust, trusted: watch::Sender<Belief>) -> Self {
        Self { ours, trust, server_date: None, trusted }
    }

    /// Compares ours with the service's clock at an answer.
    pub(super) fn compare(&mut self, server: UnixMillis) {
        self.trust.compare(server, self.ours.wall(), self.ours.boot());
        self.server_date = Some((server, Instant::now()));
    }

    /// Follows the system's and the service's word on our clock. Returns the new belief if the clock has become right
    /// or is right no longer; it is then to be [published](Self::publish).
    pub(super) fn look(&mut self) -> Option<Belief> {
        self.trust.look(self.ours.wall(), self.ours.boot());
        self.trust.synchronized = self.ours.is_synchronized();
        let belief = self.trust.belief();
        let known = *self.trusted.borrow();
        if known.is_right() != belief.is_right() {
            return Some(belief);
        }
        if known != belief {
            self.publish(belief);
        }
        None
    }

    /// Passes the belief in our clock on to the others. The scans' worker may have ended already.
    pub(super) fn publish(&self, belief: Belief) {
        self.trusted.send_replace(belief);
    }

    /// Returns the service's clock now, or `None` before any answer that gives it.
    pub(super) fn server_now(&self) -> Option<UnixMillis> {
        self.server_date.map(|(date, at)| date.plus_ms(i64::try_from(at.elapsed().as_millis()).unwrap_or(0)))
    }

    /// Returns the service's clock now, or ours before any answer.
    pub(super) fn now(&self) -> UnixMillis {
        self.server_now().unwrap_or_else(|| self.ours.wall())
    }

    /// Returns true if our clock is trusted.
    pub(super) fn is_right(&self) -> bool {
        self.trust.is_trusted()
    }

    /// Returns our wall clock if it is trusted.
    pub(super) fn trusted_wall(&self) -> Option<UnixMillis> {
        self.is_right().then(|| self.ours.wall())
    }

    /// Returns the earlier of both clocks if ours is proven to be right. The configuration's word is enough for posting,
    /// and too little for deleting history.
    pub(super) fn proven_now(&self) -> Option<UnixMillis> {
        let ours = self.ours.wall();
        self.trust.is_proven().then(|| self.server_now().map_or(ours, |server| server.min(ours)))
    }

    /// Returns the source whose word on our clock was needed before anything was posted.
    pub(super) fn whose_word(&self) -> Word {
        self.trust.whose_word()
    }

    /// Returns true if only a person can decide which clock is wrong: a time server has set ours, and the service's
    /// differs. A clock that no time server has set yet may still be set.
    pub(super) fn needs_person(&self) -> bool {
        self.trust.synchronized && self.trust.agreed == Some(false)
    }

    /// Returns what is wrong with our clock, in words.
    pub(super) fn why_not_trusted(&self) -> String {
        let ours = self.ours.wall();
        match self.server_now() {
            Some(server) if !agree(server, ours) => {
                Disagreement::of(server, ours, self.trust.synchronized).to_string()
            }
            Some(_) | None => "nothing proves that this machine's clock is right".to_owned(),
        }
    }
}
