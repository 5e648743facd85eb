//! What a delivery waits for, told from few facts: a list of hundreds need not read every line.

use super::{Delivery, LATE_CHECKS, State};

/// What comes next for an operation, as far as the waits before it differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaits {
    /// A request that brings it on, or removes what must go.
    Request,
    /// A reading of what the server has.
    ReadBack,
    /// The look for a late double after so many.
    LateCheck(u8),
    /// A person, or nothing.
    Nobody,
}

/// The few facts of a delivery that its next step hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance {
    /// Where it stands.
    pub state: State,
    /// Whether something stands on the server that must go.
    pub has_surplus: bool,
    /// Whether a request of it was ever lost.
    pub is_doubtful: bool,
    /// Looks for a late double done so far.
    pub late_checks: u8,
    /// Whether only a person can decide how to go on.
    pub is_stuck: bool,
}

impl Glance {
    /// What it waits for.
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
    /// The few facts that its next step hangs on.
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
