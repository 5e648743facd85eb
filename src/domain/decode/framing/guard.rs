//! Whole frames that are refused nevertheless: the one rule for every kind of scanner.
//!
//! The rest of a frame that was cut off ends with a terminator like any code, and one EAN-13 in ten ends in digits that
//! are an EAN-8. A label with line breaks in it sends several frames, and nobody scanned its later lines as codes of
//! their own. Neither is passed on.

use std::time::Duration;

use super::Frame;
use super::Refusal;
use super::millis;
use crate::domain::time::BootMillis;

/// The time after a frame that was cut off within which another may be its rest, in milliseconds: no scanner pauses
/// longer within a code, and a person who heard the refusal has hardly scanned again.
pub const TAIL_MS: i64 = 1000;

/// The time after the end of a frame within which no person can scan another label, in milliseconds, where nothing else
/// is set.
pub const BURST_GUARD_MS_USUAL: u64 = 40;

/// The choice of whole frames that are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarding {
    /// None: the input is no device.
    Off,
    /// Those that may be the rest of another, and those that begin sooner than this after the end of the one before.
    On {
        /// The time, in which zero refuses none.
        burst: Duration,
    },
}

/// The time in which a frame was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The time of its first byte, or of the first key of its first character.
    pub begun: BootMillis,
    /// The time of its terminator; for a frame without one, the moment at which it was given up.
    pub ended: BootMillis,
}

/// The part of a scanner's past that decides whether its next frame is accepted.
#[derive(Debug)]
pub struct Guard {
    guarding: Guarding,
    gap_ms: i64,
    /// The time until which a frame that begins may be the rest of something.
    doubted_until: Option<BootMillis>,
    last_end: Option<BootMillis>,
}

impl Guard {
    /// Returns the guard of a scanner of which nothing was read yet.
    pub fn new(guarding: Guarding, gap: Duration) -> Self {
        Self { guarding, gap_ms: millis(gap), doubted_until: None, last_end: None }
    }

    /// Notes that the port was opened, or has come back: a code may be under way.
    pub fn opened(&mut self, at: BootMillis) {
        self.doubt_until(at.plus_ms(self.gap_ms));
    }

    /// Notes that a frame that was cut off before goes on up to `at`.
    pub fn broken_off(&mut self, at: BootMillis) {
        self.doubt_until(at.plus_ms(TAIL_MS));
    }

    /// Takes the next frame of the scanner, and returns it with the verdict that it has among those before it.
    #[must_use]
    pub fn admit(&mut self, frame: Frame, span: Span) -> Frame {
        let Guarding::On { burst } = self.guarding else { return frame };
        // A torn frame keeps its own reason, because that reason announces its tail.
        let verdict = match frame.verdict {
            Err(refusal) if refusal.may_have_a_tail() => Err(refusal),
            _ if self.doubted_until.is_some_and(|until| span.begun < until) => Err(Refusal::Tail),
            _ if self.last_end.is_some_and(|end| span.begun.ms_since(end) < millis(burst)) => {
                Err(Refusal::Burst)
            }
            verdict => verdict,
        };
        // A refused frame counts too: each line of a label comes soon after the line before it, not after the first.
        self.last_end = Some(span.ended);
        if let Err(refusal) = verdict
            && refusal.may_have_a_tail()
        {
            self.broken_off(span.ended);
        }
        Frame { verdict, ..frame }
    }

    fn doubt_until(&mut self, until: BootMillis) {
        self.doubted_until = self.doubted_until.max(Some(until));
    }
}
