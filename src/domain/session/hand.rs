//! What the session remembers of one scanner.

use super::decision::{Outcome, Reason};
use crate::domain::advice::Watch;
use crate::domain::control::Control;
use crate::domain::framing::Frame;
use crate::domain::ids::StorageId;
use crate::domain::mode::Mode;
use crate::domain::time::BootMillis;

/// What the configuration says of one scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Desk {
    /// The scanner always does this, if said; it then takes no other mode.
    pub mode: Option<Mode>,
    /// The storage its scans are always booked in, if said; it then takes no other.
    pub storage: Option<StorageId>,
}

/// The short memory of one scanner. It is not kept over a restart: a quantity commanded before a power cut
/// must not multiply the first scan after it.
#[derive(Debug, Clone, Default)]
pub(super) struct Hand {
    /// What QTY said, until a product frame uses it up or another control code drops it.
    pub(super) quantity: Option<u16>,
    last: Option<(Vec<u8>, BootMillis)>,
    /// Whether it reads as it should.
    pub(super) watch: Watch,
}

impl Hand {
    /// Whether this code came just before from this scanner. The window counts from the last time it was
    /// seen, so that a label left under a scanner in presentation mode stays one scan however long it lies.
    pub(super) fn repeats(&self, raw: &[u8], at: BootMillis, guard_ms: i64) -> bool {
        self.last.as_ref().is_some_and(|(seen, when)| seen == raw && at.ms_since(*when) < guard_ms)
    }

    pub(super) fn remember(&mut self, frame: &Frame, at: BootMillis, outcome: &Outcome) {
        if frame.verdict.is_ok() {
            self.last = Some((frame.raw.clone(), at));
        }
        self.quantity = match outcome {
            Outcome::Control(Control::Quantity(units)) => Some(*units),
            // Neither a product nor a command: noise, a smudge, or the scan before it over again.
            Outcome::Refused(Reason::Repeat | Reason::Frame(_) | Reason::MalformedControl) => self.quantity,
            _ => None,
        };
    }
}
