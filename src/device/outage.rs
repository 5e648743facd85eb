//! Outages of a scanner's port: each reason is reported once, and the tries to open the port become rarer.

use std::time::Duration;

use crate::device::PortFault;

/// The first and the longest wait before the next try to open the port.
const RETRY_MIN: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// The time after which an open port is back for good, in milliseconds.
const STEADY_MS: i64 = 2000;

/// The last reported reason of an outage, and the wait before the next try.
#[derive(Debug, Default)]
pub(super) struct Outage {
    said: Option<PortFault>,
    wait: Duration,
}

impl Outage {
    /// Returns true if this reason differs from the one that was reported last.
    pub(super) fn is_news(&mut self, why: PortFault) -> bool {
        self.said.replace(why) != Some(why)
    }

    /// Returns twice the last wait, [`RETRY_MIN`]..=[`RETRY_MAX`].
    pub(super) fn next_wait(&mut self) -> Duration {
        self.wait = self.wait.saturating_mul(2).clamp(RETRY_MIN, RETRY_MAX);
        self.wait
    }

    /// Notes that something new is there: the next tries come soon.
    pub(super) fn hurry(&mut self) {
        self.wait = Duration::ZERO;
    }

    /// Notes that the port was open for `lasted_ms`. The waits keep growing for a port that does not stay open for
    /// [`STEADY_MS`], such as one with a loose plug, which opens and vanishes many times in a row.
    pub(super) fn over(&mut self, lasted_ms: i64) {
        self.said = None;
        if lasted_ms >= STEADY_MS {
            self.wait = Duration::ZERO;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_news_once_for_each_reason() {
        let mut outage = Outage::default();
        assert!(outage.is_news(PortFault::Vanished));
        assert!(outage.is_news(PortFault::Absent));
        assert!(!outage.is_news(PortFault::Absent));
        outage.over(0);
        assert!(outage.is_news(PortFault::Absent), "the next outage is another one");
    }

    #[test]
    fn tries_become_rarer_up_to_two_seconds() {
        let mut outage = Outage::default();
        let waits: Vec<u128> = (0..6).map(|_| outage.next_wait().as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1600, 2000, 2000]);
    }

    #[test]
    fn news_of_devices_brings_soon_tries() {
        let mut outage = Outage::default();
        for _ in 0..6 {
            outage.next_wait();
        }
        outage.hurry();
        assert_eq!([outage.next_wait(), outage.next_wait()].map(|wait| wait.as_millis()), [200, 400]);
    }

    #[test]
    fn only_a_port_that_lasted_is_tried_soon_again() {
        let mut outage = Outage::default();
        let mut wait_after = |lasted_ms| {
            outage.over(lasted_ms);
            outage.next_wait().as_millis()
        };
        assert_eq!([wait_after(0), wait_after(1999), wait_after(2000)], [200, 400, 200]);
    }
}
