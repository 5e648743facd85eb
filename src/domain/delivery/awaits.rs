//! The wait of a delivery, derived from a few facts, so that a list of hundreds need not read every line.

use super::{Delivery, LATE_CHECKS, State};

/// The next action for an operation, as far as the waits before it differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaits {
    /// A request that advances it, or that removes what must go.
    Request,
    /// A reading of what the server has.
    ReadBack,
    /// The check for a late double, after this many earlier ones.
    LateCheck(u8),
    /// Nothing, unless a person acts.
    Nobody,
}

/// The few facts of a delivery on which its next step depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance {
    /// The state of the operation.
    pub state: State,
    /// True if something on the server must be removed.
    pub has_surplus: bool,
    /// True if a request of it was ever lost.
    pub is_doubtful: bool,
    /// The number of checks for a late double so far.
    pub late_checks: u8,
    /// True if only a person can decide how to go on.
    pub is_stuck: bool,
}

impl Glance {
    /// Returns the action for which it waits.
    pub fn awaits(self) -> Awaits {
        match self.state {
            State::Refused | State::Uncertain if self.is_stuck => Awaits::Nobody,
            State::Queued => Awaits::Request,
            State::Sending | State::Uncertain => Awaits::ReadBack,
            State::Posted | State::Refused if self.has_surplus => Awaits::Request,
            State::Posted | State::Refused if self.is_doubtful && self.late_checks < LATE_CHECKS => {
                Awaits::LateCheck(self.late_checks)
            }
            State::Posted | State::Refused | State::Open | State::Cancelled => Awaits::Nobody,
        }
    }
}

impl Delivery {
    /// Returns the few facts on which its next step depends.
    pub fn glance(&self) -> Glance {
        Glance {
            state: self.state,
            has_surplus: !self.surplus.is_empty(),
            is_doubtful: self.doubtful,
            late_checks: self.late_checks,
            is_stuck: self.stuck.is_some(),
        }
    }
}
