//! Whether the wall clock may be believed.

use crate::domain::time::{BootMillis, UnixMillis};

/// The most that our clock and the server's may differ, in ms. The server's `Date` has whole seconds, and the
/// answer took its time.
const DISAGREEMENT_MS_MAX: i64 = 90_000;

/// Whether two readings of one moment are of clocks that agree.
pub fn agree(server: UnixMillis, ours: UnixMillis) -> bool {
    server.ms_since(ours).abs() <= DISAGREEMENT_MS_MAX
}

/// Whether a failed request fails because this machine's clock is behind: to it the server's certificate lies in the
/// future. The words are those of rustls (`CertificateError::NotValidYet`).
pub fn is_behind(why_failed: &str) -> bool {
    why_failed.contains("not valid yet") || why_failed.contains("NotValidYet")
}

/// What is known about the clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClockTrust {
    /// The configuration says that it is right.
    pub declared: bool,
    /// The system says that it agrees with a time server.
    pub synchronized: bool,
    /// Whether the server's clock agreed, when it was last seen.
    pub agreed: Option<bool>,
    /// How far the wall clock was ahead of the time since boot then, in ms.
    pub ahead_ms: Option<i64>,
}

impl ClockTrust {
    /// Takes in the server's clock beside ours, which were read at one moment.
    pub fn compare(&mut self, server: UnixMillis, ours: UnixMillis, boot: BootMillis) {
        self.agreed = Some(agree(server, ours));
        self.ahead_ms = Some(ours.0.saturating_sub(boot.0));
    }

    /// Looks whether the wall clock was set since it was last compared: it went on otherwise than the time since boot.
    /// One that agreed does so no longer. One that disagreed may have been put right, so the system is asked again.
    pub fn look(&mut self, ours: UnixMillis, boot: BootMillis) {
        let ahead_ms = ours.0.saturating_sub(boot.0);
        let is_set = self
            .ahead_ms
            .is_some_and(|then| then.saturating_sub(ahead_ms).saturating_abs() > DISAGREEMENT_MS_MAX);
        if is_set {
            self.agreed = self.agreed.filter(|agreed| *agreed).map(|_agreed| false);
            self.ahead_ms = Some(ahead_ms);
        }
    }

    /// Whether the clock is right. The server outweighs the system: what is posted is posted there.
    pub fn is_trusted(self) -> bool {
        self.declared || self.agreed.unwrap_or(self.synchronized)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: BootMillis = BootMillis(1000);

    fn compared(server: i64, ours: i64) -> ClockTrust {
        let mut trust = ClockTrust::default();
        trust.compare(UnixMillis(server), UnixMillis(ours), BOOT);
        trust
    }

    #[test]
    fn the_server_outweighs_the_system_and_the_configuration_both() {
        let mut trust = ClockTrust::default();
        assert!(!trust.is_trusted());
        trust.synchronized = true;
        assert!(trust.is_trusted());
        trust.compare(UnixMillis(1_000_000), UnixMillis(1_090_001), BOOT);
        assert!(!trust.is_trusted());
        trust.compare(UnixMillis(1_000_000), UnixMillis(1_090_000), BOOT);
        assert!(trust.is_trusted());
        trust.compare(UnixMillis(1_000_000), UnixMillis(0), BOOT);
        trust.declared = true;
        assert!(trust.is_trusted());
    }

    #[test]
    fn a_clock_that_agreed_and_is_set_is_not_believed_until_it_agrees_again() {
        let mut trust = ClockTrust { synchronized: true, ..compared(5_000_000, 5_000_000) };
        // A day goes by.
        trust.look(UnixMillis(91_400_000), BootMillis(86_401_000));
        assert!(trust.is_trusted());
        // A little is what time servers correct.
        trust.look(UnixMillis(91_490_000), BootMillis(86_401_000));
        assert!(trust.is_trusted());
        trust.look(UnixMillis(91_490_001), BootMillis(86_401_000));
        assert!(!trust.is_trusted());
        trust.look(UnixMillis(91_400_000), BootMillis(86_401_000));
        trust.compare(UnixMillis(91_400_000), UnixMillis(91_400_000), BootMillis(86_401_000));
        assert!(trust.is_trusted());
    }

    #[test]
    fn a_clock_that_disagreed_and_is_set_is_believed_if_the_system_says_so() {
        let mut trust = compared(5_000_000_000, 0);
        trust.look(UnixMillis(5_000_000_000), BOOT);
        assert_eq!(trust.agreed, None);
        assert!(!trust.is_trusted());
        trust.synchronized = true;
        assert!(trust.is_trusted());
    }

    #[test]
    fn a_certificate_from_the_future_is_a_clock_of_the_past() {
        let rustls = rustls::Error::InvalidCertificate(rustls::CertificateError::NotValidYet);
        assert!(is_behind(&rustls.to_string()), "{rustls}");
        let expired = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        assert!(!is_behind(&expired.to_string()), "{expired}");
    }
}
