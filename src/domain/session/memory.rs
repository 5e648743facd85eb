//! The session's memory of one scanner.

use super::decision::{Decision, Outcome};
use super::reason::Reason;
use crate::domain::code::control::Control;
use crate::domain::decode::framing::{Frame, Refusal};
use crate::domain::decode::secret;
use crate::domain::ids::StorageId;
use crate::domain::session::advice::ReadingWatch;
use crate::domain::signal::Signal;
use crate::domain::stock::mode::Mode;
use crate::domain::time::BootMillis;

/// The part of the configuration that is about one scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScannerBinding {
    /// The scanner's own mode, if it has one; it then accepts no other.
    pub mode: Option<Mode>,
    /// The storage in which its scans are always booked, if it has one; it then accepts no other.
    pub storage: Option<StorageId>,
}

impl ScannerBinding {
    /// Returns true if a code can command its mode or its storage.
    pub const fn follows_commands(&self) -> bool {
        self.mode.is_none() || self.storage.is_none()
    }
}

/// The short memory of one scanner. It is not kept over a restart: a quantity commanded before a power cut
/// must not multiply the first scan after it.
#[derive(Debug, Clone, Default)]
pub(super) struct ScannerMemory {
    pending: Option<Pending>,
    last: Option<Last>,
    /// True if `last` is the frame just before.
    is_last_latest: bool,
    /// True if the frame before held a secret: a rest that is cut off behind it may hold more.
    pub(super) was_secret: bool,
    /// The watch on whether it reads as it should.
    pub(super) watch: ReadingWatch,
}

/// The quantity that QTY commanded, until a product frame uses it up, another control code drops it, or it lapses.
#[derive(Debug, Clone, Copy)]
struct Pending {
    quantity: u16,
    at: BootMillis,
}

/// The last frame that could be read.
#[derive(Debug, Clone)]
struct Last {
    raw: Vec<u8>,
    seen: BootMillis,
    /// The signal with which it was answered.
    signal: Signal,
}

impl ScannerMemory {
    /// Returns the quantity that QTY commanded for the next scan.
    pub(super) fn quantity(&self) -> Option<u16> {
        self.pending.map(|pending| pending.quantity)
    }

    /// Forgets a quantity for which no scan came in so long, and returns it.
    pub(super) fn lapse(&mut self, now: BootMillis, expires_ms: i64) -> Option<u16> {
        let lapsed = self.pending.take_if(|pending| now.ms_since(pending.at) >= expires_ms)?;
        Some(lapsed.quantity)
    }

    /// Returns the signal with which the last frame was answered.
    pub(super) fn signal(&self) -> Option<Signal> {
        self.last.as_ref().map(|last| last.signal)
    }

    /// Returns true if this code came just before from this scanner. The window counts from the last time it was seen,
    /// so that a label left under a scanner in presentation mode stays one scan however long it lies.
    ///
    /// A double read may come so soon that it counts as a further line of the same label. It is a repeat of the label
    /// if nothing came between.
    pub(super) fn repeats(&self, frame: &Frame, at: BootMillis, guard_ms: i64) -> bool {
        let may_repeat = match frame.verdict {
            Ok(_) => true,
            Err(Refusal::Burst) => self.is_last_latest,
            Err(_) => false,
        };
        let is_same = |last: &Last| last.raw == frame.raw && at.ms_since(last.seen) < guard_ms;
        may_repeat && self.last.as_ref().is_some_and(is_same)
    }

    pub(super) fn remember(&mut self, frame: &Frame, at: BootMillis, decision: &Decision) {
        let outcome = &decision.outcome;
        self.was_secret = secret::is_redacted(frame);
        self.is_last_latest = frame.verdict.is_ok() || *outcome == Outcome::Refused(Reason::Repeat);
        if self.is_last_latest {
            self.last = Some(Last { raw: frame.raw.clone(), seen: at, signal: decision.signal });
        }
        self.pending = match outcome {
            Outcome::Control(Control::Quantity(quantity)) => Some(Pending { quantity: *quantity, at }),
            // Neither a product nor a command: noise, a smudge, or a repeat of the scan before. The quantity still
            // waits.
            Outcome::Refused(Reason::Repeat | Reason::Frame(_) | Reason::MalformedControl) => self.pending,
            _ => None,
        };
    }
}
