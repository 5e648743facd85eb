//! The trust in the wall clock.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::time::{BootMillis, UnixMillis};

/// The most that our clock and the server's may differ, in ms. The server's `Date` has whole seconds, and the
/// answer took its time.
const DISAGREEMENT_MS_MAX: i64 = 90_000;

/// Returns true if two readings of one moment are of clocks that agree.
pub fn agree(server: UnixMillis, ours: UnixMillis) -> bool {
    server.ms_since(ours).abs() <= DISAGREEMENT_MS_MAX
}

/// The facts that are known about the clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClockEvidence {
    /// True if the configuration declares it right.
    pub declared: bool,
    /// True if the system reports that it agrees with a time server.
    pub synchronized: bool,
    /// True if the server's clock agreed when it was last seen; `None` if it was not seen yet.
    pub agreed: Option<bool>,
    /// The time by which the wall clock was ahead of the time since boot when it was last compared or found to have
    /// been set, or else first checked, in ms.
    pub ahead_ms: Option<i64>,
}

impl ClockEvidence {
    /// Records the server's clock and ours, which were read at one moment.
    pub fn compare(&mut self, server: UnixMillis, ours: UnixMillis, boot: BootMillis) {
        self.agreed = Some(agree(server, ours));
        // Later checks measure from this comparison.
        self.ahead_ms = Some(ours.0.saturating_sub(boot.0));
    }

    /// Checks whether the wall clock was set since the last check: then it advanced by another amount than the time
    /// since boot. A trusted clock loses its trust. An untrusted one may have been corrected, so the system's report
    /// counts again. Call before querying the system anew.
    pub fn look(&mut self, ours: UnixMillis, boot: BootMillis) {
        let ahead_ms = ours.0.saturating_sub(boot.0);
        let known = *self.ahead_ms.get_or_insert(ahead_ms);
        if ahead_ms.saturating_sub(known).saturating_abs() > DISAGREEMENT_MS_MAX {
            let was_right = self.agreed.unwrap_or(self.synchronized);
            // `None` makes the system's report count again.
            self.agreed = was_right.then_some(false);
            self.ahead_ms = Some(ahead_ms);
        }
    }

    /// Returns true if the clock is trusted: by the configuration, or because it is proven. The server outweighs the
    /// system, because documents are posted there.
    pub fn is_trusted(self) -> bool {
        self.declared || self.is_proven()
    }

    /// Returns true if the service's clock agrees, or the system vouches for ours and the service does not contradict.
    pub fn is_proven(self) -> bool {
        self.agreed.unwrap_or(self.synchronized)
    }

    /// Returns the source of the trust that was needed before anything was posted.
    pub fn source(self) -> TrustSource {
        if self.declared { TrustSource::Configuration } else { TrustSource::Proof }
    }

    /// Returns the trust that others may have in the clock until the next check.
    pub fn trust(self) -> ClockTrust {
        match self.ahead_ms {
            _ if self.declared => ClockTrust::Declared,
            Some(ahead_ms) if self.is_trusted() => ClockTrust::Proven { ahead_ms },
            _ => ClockTrust::Unproven,
        }
    }
}

/// Two clocks that differ, read at one moment. Its text gives the time of each, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disagreement {
    /// The service's clock.
    pub server: UnixMillis,
    /// Our clock.
    pub ours: UnixMillis,
    /// True if the system reports that ours agrees with a time server.
    pub is_synchronized: bool,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |time: UnixMillis| {
            Timestamp::from_millisecond(time.0).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC)
        };
        let (server, ours) = (at(self.server), at(self.ours));
        let pattern = if server.date() == ours.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
        let whose = if self.is_synchronized {
            "synchronised with a time server"
        } else {
            "synchronised with nothing"
        };
        let (server, ours) = (server.strftime(pattern), ours.strftime(pattern));
        write!(f, "the service's clock says {server} UTC, this machine ({whose}) says {ours} UTC")
    }
}

/// The source of the trust in the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustSource {
    /// The service's clock agrees, or the system vouches for ours and the service does not contradict. A station whose
    /// clock has neither posts nothing.
    Proof,
    /// `station.trust_clock`, whatever the service's clock says.
    Configuration,
}

/// The trust in the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockTrust {
    /// Nothing proves it.
    Unproven,
    /// The configuration declares it right.
    Declared,
    /// It is right as long as it is about as far ahead of the time since boot as it was then.
    Proven {
        /// The time by which it was ahead, in ms.
        ahead_ms: i64,
    },
}

impl ClockTrust {
    /// Returns true if the clock was right at the last check.
    pub fn is_right(self) -> bool {
        self != Self::Unproven
    }

    /// Returns true if a reading of the wall clock is right. The clock may have been set since the last check.
    pub fn holds_at(self, wall: UnixMillis, boot: BootMillis) -> bool {
        match self {
            Self::Unproven => false,
            Self::Declared => true,
            Self::Proven { ahead_ms } => agree(UnixMillis(boot.0.saturating_add(ahead_ms)), wall),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: BootMillis = BootMillis(1000);

    fn compared(server: i64, ours: i64) -> ClockEvidence {
        let mut evidence = ClockEvidence::default();
        evidence.compare(UnixMillis(server), UnixMillis(ours), BOOT);
        evidence
    }

    #[test]
    fn the_server_outweighs_the_system_and_the_configuration_both() {
        let mut evidence = ClockEvidence::default();
        assert!(!evidence.is_trusted());
        evidence.synchronized = true;
        assert!(evidence.is_trusted());
        evidence.compare(UnixMillis(1_000_000), UnixMillis(1_090_001), BOOT);
        assert!(!evidence.is_trusted());
        evidence.compare(UnixMillis(1_000_000), UnixMillis(1_090_000), BOOT);
        assert!(evidence.is_trusted());
        evidence.compare(UnixMillis(1_000_000), UnixMillis(0), BOOT);
        evidence.declared = true;
        assert!(evidence.is_trusted());
    }

    #[test]
    fn a_clock_that_agreed_and_is_set_is_not_believed_until_it_agrees_again() {
        let mut evidence = ClockEvidence { synchronized: true, ..compared(5_000_000, 5_000_000) };
        // A day goes by.
        evidence.look(UnixMillis(91_400_000), BootMillis(86_401_000));
        assert!(evidence.is_trusted());
        // A little is what time servers correct.
        evidence.look(UnixMillis(91_490_000), BootMillis(86_401_000));
        assert!(evidence.is_trusted());
        evidence.look(UnixMillis(91_490_001), BootMillis(86_401_000));
        assert!(!evidence.is_trusted());
        evidence.look(UnixMillis(91_400_000), BootMillis(86_401_000));
        evidence.compare(UnixMillis(91_400_000), UnixMillis(91_400_000), BootMillis(86_401_000));
        assert!(evidence.is_trusted());
    }

    #[test]
    fn a_clock_that_disagreed_and_is_set_is_believed_if_the_system_says_so() {
        let mut evidence = compared(5_000_000_000, 0);
        evidence.look(UnixMillis(5_000_000_000), BOOT);
        assert_eq!(evidence.agreed, None);
        assert!(!evidence.is_trusted());
        evidence.synchronized = true;
        assert!(evidence.is_trusted());
    }

    #[test]
    fn a_clock_that_boots_in_the_past_is_believed_once_a_time_server_has_set_it() {
        let mut evidence = ClockEvidence::default();
        evidence.look(UnixMillis(0), BOOT);
        assert_eq!(evidence.trust(), ClockTrust::Unproven);
        evidence.look(UnixMillis(5_000_000_000), BOOT);
        evidence.synchronized = true;
        assert_eq!(evidence.trust(), ClockTrust::Proven { ahead_ms: 4_999_999_000 });
        // The system's report is from before somebody set the clock by hand.
        evidence.look(UnixMillis(6_000_000_000), BOOT);
        assert_eq!(evidence.trust(), ClockTrust::Unproven);
    }

    #[test]
    fn a_reading_of_a_clock_that_was_set_since_it_was_looked_at_is_not_right() {
        let trust = ClockTrust::Proven { ahead_ms: 1_000_000 };
        let holds = |wall| trust.holds_at(UnixMillis(wall), BOOT);
        assert!(holds(1_001_000) && holds(1_091_000) && holds(911_000));
        assert!(!holds(1_091_001) && !holds(910_999));
        assert!(ClockTrust::Declared.holds_at(UnixMillis(0), BOOT));
        assert!(!ClockTrust::Unproven.holds_at(UnixMillis(1_001_000), BOOT));
    }

    #[test]
    fn what_two_clocks_say_is_told_of_both() {
        let text = |ours, is_synchronized| {
            let server = UnixMillis(1_790_000_000_000);
            Disagreement { server, ours: UnixMillis(ours), is_synchronized }.to_string()
        };
        assert_eq!(
            text(1_790_000_300_000, true),
            "the service's clock says 14:13:20 UTC, this machine (synchronised with a time server) says 14:18:20 UTC"
        );
        assert_eq!(
            text(0, false),
            "the service's clock says 2026-09-21 14:13:20 UTC, this machine (synchronised with nothing) says \
             1970-01-01 00:00:00 UTC"
        );
    }
}
