//! The health of a scanner, derived from the messages of its thread.

use std::collections::VecDeque;

use crate::device::FromScanner;
use crate::device::PortFault;
use crate::device::PortState;
use crate::domain::health::{ScannerHealth, ScannerMeter, ScannerState};
use crate::domain::ids::ScannerName;
use crate::domain::time::BootMillis;

/// The losses of a port within [`UNSTABLE_MS`] from which it is unstable: it has a loose plug, a bad cable or too
/// little current.
const LOSSES_MAX: usize = 3;
/// Ten minutes, in milliseconds.
const UNSTABLE_MS: i64 = 600_000;
/// The time without a frame after which a scanner is quiet: one hour, in milliseconds.
const QUIET_MS: i64 = 3_600_000;

/// The record of one scanner: its presence, the time of its last sign, and its last losses.
#[derive(Debug, Clone, Default)]
pub struct Presence {
    /// The time of the last sign of the open port, which is its opening or a frame; `None` while it is not open.
    heard: Option<BootMillis>,
    /// The number of times that its port opened.
    openings: u64,
    /// The time at which its last frame was read.
    last_frame: Option<BootMillis>,
    /// The reason why it is not open, as its thread reported last.
    fault: Option<PortFault>,
    /// The times of its last losses, at most [`LOSSES_MAX`], oldest first.
    losses: VecDeque<BootMillis>,
}

impl Presence {
    /// Records a message of this scanner's thread that came at `now`.
    pub fn note(&mut self, message: &FromScanner, now: BootMillis) {
        match message {
            FromScanner::Frame { .. } => {
                // A frame that was queued before the loss of the port does not open the port again.
                self.heard = self.heard.map(|_before| now);
                self.last_frame = Some(now);
            }
            FromScanner::State { state: PortState::Open { .. }, .. } => {
                self.heard = Some(now);
                self.fault = None;
                self.openings = self.openings.saturating_add(1);
            }
            FromScanner::State { state: PortState::Ended, .. } => self.heard = None,
            FromScanner::State { state: PortState::Gone { why }, .. } => {
                self.fault = Some(*why);
                // Only an open port can be lost: another reason for the same outage is no further loss.
                if self.heard.take().is_some() {
                    self.losses.push_back(now);
                    while self.losses.len() > LOSSES_MAX {
                        self.losses.pop_front();
                    }
                }
            }
        }
    }

    /// Returns the number of times that it came back after a loss.
    pub fn reconnects(&self) -> u64 {
        self.openings.saturating_sub(1)
    }

    /// Returns the milliseconds since its last frame; `None` before the first.
    pub fn last_frame_age_ms(&self, now: BootMillis) -> Option<i64> {
        self.last_frame.map(|at| now.ms_since(at))
    }

    /// Returns the reason why it cannot be read, while that is known.
    pub fn fault(&self) -> Option<PortFault> {
        self.fault
    }

    /// Returns the health of the scanner at `now`.
    pub fn health(&self, now: BootMillis) -> ScannerState {
        let Some(heard) = self.heard else { return ScannerState::Gone };
        let recent = self.losses.iter().filter(|lost| now.ms_since(**lost) < UNSTABLE_MS);
        if recent.count() >= LOSSES_MAX {
            ScannerState::Unstable
        } else if now.ms_since(heard) >= QUIET_MS {
            ScannerState::Quiet
        } else {
            ScannerState::Healthy
        }
    }
}

/// The health of every scanner, in the order of the configuration.
#[derive(Debug, Clone, Default)]
pub struct AllHealth(Vec<(ScannerHealth, Presence)>);

impl AllHealth {
    /// Returns the health of scanners that have not reported yet, of these names and kinds.
    pub fn unheard(scanners: impl IntoIterator<Item = (ScannerName, &'static str)>) -> Self {
        let unheard = |(name, kind)| (ScannerHealth::unheard(name, kind), Presence::default());
        Self(scanners.into_iter().map(unheard).collect())
    }

    /// Returns the health of every scanner at this time.
    pub fn at(&self, now: BootMillis) -> Vec<ScannerHealth> {
        let told = self.0.iter().map(|(scanner, presence)| ScannerHealth {
            state: presence.health(now),
            reconnects: presence.reconnects(),
            fault: presence.fault().map(|fault| fault.to_string()),
            ..scanner.clone()
        });
        told.collect()
    }

    /// Returns the counts of every scanner.
    pub fn meters(&self, now: BootMillis) -> Vec<ScannerMeter> {
        let told = self.0.iter().map(|(scanner, presence)| ScannerMeter {
            name: scanner.name.clone(),
            reconnects: presence.reconnects(),
            last_scan_age_s: presence.last_frame_age_ms(now).map(|age| age.max(0).div_euclid(1000)),
        });
        told.collect()
    }

    /// Records a message of a scanner's thread that came at `now`.
    pub fn note(&mut self, message: &FromScanner, now: BootMillis) {
        let (FromScanner::Frame { scanner, .. } | FromScanner::State { scanner, .. }) = message;
        let Some((known, presence)) = self.0.iter_mut().find(|(known, _)| known.name == *scanner) else {
            return;
        };
        presence.note(message, now);
        if let FromScanner::Frame { at, .. } = message {
            known.last_scan_at = Some(at.wall);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::ReadAt;
    use crate::domain::decode::framing::Frame;
    use crate::domain::time::UnixMillis;

    const OPEN: PortState = PortState::Open { reconnects: 0 };
    const GONE: PortState = PortState::Gone { why: PortFault::Vanished };

    fn after(states: &[(i64, PortState)]) -> Presence {
        let mut presence = Presence::default();
        for &(at, state) in states {
            let message = FromScanner::State { scanner: ScannerName::new("dock"), state };
            presence.note(&message, BootMillis(at));
        }
        presence
    }

    #[test]
    fn a_scanner_is_gone_before_its_port_opens_and_after_its_input_ends() {
        assert_eq!(after(&[]).health(BootMillis(0)), ScannerState::Gone);
        assert_eq!(after(&[(1, OPEN), (2, PortState::Ended)]).health(BootMillis(3)), ScannerState::Gone);
    }

    #[test]
    fn an_hour_without_a_frame_is_quiet_and_a_frame_ends_it() {
        let mut presence = after(&[(0, OPEN)]);
        assert_eq!(presence.health(BootMillis(3_599_999)), ScannerState::Healthy);
        assert_eq!(presence.health(BootMillis(3_600_000)), ScannerState::Quiet);
        let frame = Frame { raw: b"1".to_vec(), verdict: Ok("1".to_owned()) };
        let at = ReadAt { boot: BootMillis(3_600_000), wall: UnixMillis(0) };
        let message = FromScanner::Frame { scanner: ScannerName::new("dock"), frame, at };
        assert_eq!(presence.last_frame_age_ms(BootMillis(3_600_000)), None);
        presence.note(&message, BootMillis(3_600_000));
        assert_eq!(presence.health(BootMillis(3_600_001)), ScannerState::Healthy);
        assert_eq!(presence.last_frame_age_ms(BootMillis(3_600_001)), Some(1));
    }

    #[test]
    fn a_scanner_that_comes_back_has_reconnected_and_one_that_came_first_has_not() {
        assert_eq!(after(&[]).reconnects(), 0);
        assert_eq!(after(&[(0, OPEN)]).reconnects(), 0);
        assert_eq!(after(&[(0, OPEN), (1, GONE), (2, OPEN), (3, GONE), (4, OPEN)]).reconnects(), 2);
    }

    #[test]
    fn why_it_is_gone_is_known_until_it_is_back() {
        let denied = PortState::Gone { why: PortFault::Denied };
        assert_eq!(after(&[(0, GONE), (1, denied)]).fault(), Some(PortFault::Denied));
        assert_eq!(after(&[(0, denied), (1, OPEN)]).fault(), None);
    }

    #[test]
    fn three_losses_in_ten_minutes_are_unstable_until_they_are_old() {
        let presence = after(&[(0, OPEN), (1, GONE), (2, OPEN), (3, GONE), (4, OPEN), (5, GONE), (6, OPEN)]);
        assert_eq!(presence.health(BootMillis(7)), ScannerState::Unstable);
        assert_eq!(presence.health(BootMillis(600_001)), ScannerState::Healthy);
    }

    #[test]
    fn a_port_that_is_missed_twice_is_lost_once() {
        let denied = PortState::Gone { why: PortFault::Denied };
        let presence = after(&[(0, OPEN), (1, GONE), (2, denied), (3, OPEN), (4, GONE), (5, OPEN)]);
        assert_eq!(presence.health(BootMillis(6)), ScannerState::Healthy);
    }
}
