//! Whether the wall clock may be believed.

use crate::domain::time::UnixMillis;

/// The most that our clock and the server's may differ, in ms. The server's `Date` has whole seconds, and the
/// answer took its time.
const DISAGREEMENT_MS_MAX: i64 = 90_000;

/// Whether two readings of one moment are of clocks that agree.
pub fn agree(server: UnixMillis, ours: UnixMillis) -> bool {
    server.ms_since(ours).abs() <= DISAGREEMENT_MS_MAX
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
}

impl ClockTrust {
    /// Takes in the server's clock beside ours.
    pub fn compare(&mut self, server: UnixMillis, ours: UnixMillis) {
        self.agreed = Some(agree(server, ours));
    }

    /// Whether the clock is right. The server outweighs the system: what is posted is posted there.
    pub fn is_trusted(self) -> bool {
        self.declared || self.agreed.unwrap_or(self.synchronized)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_outweighs_the_system_and_the_configuration_both() {
        let mut trust = ClockTrust::default();
        assert!(!trust.is_trusted());
        trust.synchronized = true;
        assert!(trust.is_trusted());
        trust.compare(UnixMillis(1_000_000), UnixMillis(1_090_001));
        assert!(!trust.is_trusted());
        trust.compare(UnixMillis(1_000_000), UnixMillis(1_090_000));
        assert!(trust.is_trusted());
        trust.compare(UnixMillis(1_000_000), UnixMillis(0));
        trust.declared = true;
        assert!(trust.is_trusted());
    }
}
