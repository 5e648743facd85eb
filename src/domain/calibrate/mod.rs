//! Calibration: how a scanner is set up, derived from what it sends for two printed codes.
//!
//! What a scanner sent comes in, as key events or as bytes; the layout, the case, what is added in front and behind,
//! the separator and the speed go out, with what is wrong and how to cure it. Pure, so that a record from the field
//! is as good as the scanner.
//!
//! Promises: nothing is guessed. A code counts as read only where every character of it is there; what agrees with
//! no layout, lacks characters or differs from one reading to the next is said to do so.

mod advice;
mod code;
mod findings;
mod reading;
mod search;
#[cfg(test)]
mod tests;

pub use crate::domain::calibrate::advice::Advice;
pub use crate::domain::calibrate::advice::key_name;
pub use crate::domain::calibrate::code::CalibrationCode;
pub use crate::domain::calibrate::findings::Findings;
pub use crate::domain::calibrate::findings::GAP_MS_USUAL;
pub use crate::domain::calibrate::findings::Unsteady;
pub use crate::domain::calibrate::findings::read_codes;
pub use crate::domain::calibrate::reading::QUIET_US;
pub use crate::domain::calibrate::search::Case;
pub use crate::domain::calibrate::search::End;
pub use crate::domain::calibrate::search::Form;
pub use crate::domain::calibrate::search::Separator;
use crate::domain::keymap::InputEvent;

/// What a scanner sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Capture {
    /// A scanner that types: its events as the kernel handed them over.
    Keys(Vec<InputEvent>),
    /// A scanner on a serial port.
    Bytes(Vec<Byte>),
}

/// A byte of a serial port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Byte {
    /// When it was read, in microseconds since boot.
    pub at_us: i64,
    /// The byte.
    pub byte: u8,
}

/// What came of one thing that was scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// A calibration code, whole.
    Read(Seen),
    /// None that can be used.
    Missed(Miss),
}

/// A calibration code that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which.
    pub code: CalibrationCode,
    /// How it came, for each layout in which it is whole; of a serial scanner one without layout.
    pub ways: Vec<Way>,
}

/// How a code came, in one layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The layout; a serial scanner has none.
    pub layout: Option<crate::domain::keymap::LayoutName>,
    /// How it came.
    pub form: Form,
}

/// Why a reading is of no use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// The kernel threw events away.
    Lost,
    /// Nearly a calibration code, in the layout that makes most of it.
    Nearly {
        /// Which code.
        code: CalibrationCode,
        /// What was read.
        read: String,
        /// Whether it is shorter than the code.
        is_short: bool,
    },
    /// Bytes that are no text: the line is set otherwise than the scanner.
    Damaged {
        /// What was read.
        read: String,
    },
    /// Something else.
    Other {
        /// What was read.
        read: String,
    },
}

/// What came of everything that was scanned, in the order of time.
pub fn attempts(capture: &Capture) -> Vec<Attempt> {
    let candidates = reading::candidates(capture);
    let mut starts: Vec<i64> =
        candidates.iter().flat_map(|candidate| candidate.readings.keys().copied()).collect();
    starts.sort_unstable();
    starts.dedup();
    starts.into_iter().filter_map(|start| search::attempt(&candidates, start)).collect()
}
