//! Calibration: the set-up of a scanner, derived from what it sends for two printed codes.
//!
//! The input is what a scanner sent, as key events or as bytes. The output is the layout, the case, what is added in
//! front and behind, the separator and the speed, with the faults and their remedies. Pure, so that a record from the
//! field is as good as the scanner.
//!
//! Promises: nothing is guessed. A code counts as read only where every character of it is there; a reading that agrees
//! with no layout, lacks characters or differs from the next is reported as such.

mod advice;
mod alphabet;
mod findings;
mod reading;
mod search;
#[cfg(test)]
mod tests;

pub use crate::domain::calibrate::advice::Recommendation;
pub use crate::domain::calibrate::advice::key_name;
pub use crate::domain::calibrate::findings::Findings;
pub use crate::domain::calibrate::findings::GAP_MS_USUAL;
pub use crate::domain::calibrate::findings::Unsteady;
pub use crate::domain::calibrate::findings::read_codes;
pub use crate::domain::calibrate::reading::QUIET_US;
pub use crate::domain::calibrate::search::Case;
pub use crate::domain::calibrate::search::End;
pub use crate::domain::calibrate::search::Form;
pub use crate::domain::calibrate::search::Separator;
pub use crate::domain::code::calibration::CalibrationCode;
use crate::domain::decode::keymap::InputEvent;

/// The input from a scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Capture {
    /// The events of a scanner that types, as the kernel handed them over.
    Keys(Vec<InputEvent>),
    /// The bytes of a scanner on a serial port.
    Bytes(Vec<Byte>),
}

/// A byte of a serial port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Byte {
    /// The time at which it was read, in microseconds since boot.
    pub at_us: i64,
    /// The byte.
    pub byte: u8,
}

/// The result of one thing that was scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// A calibration code, whole.
    Read(SeenCode),
    /// No calibration code that can be used.
    Missed(Miss),
}

/// A calibration code that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenCode {
    /// The code.
    pub code: CalibrationCode,
    /// The forms in which it came, one for each layout in which it is whole; for a serial scanner one without layout.
    pub ways: Vec<LayoutForm>,
}

/// The form in which a code came, in one layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutForm {
    /// The layout; a serial scanner has none.
    pub layout: Option<crate::domain::decode::keymap::LayoutName>,
    /// The form.
    pub form: Form,
}

/// The reason why a reading is of no use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// The kernel threw events away.
    Lost,
    /// Nearly a calibration code, in the layout that comes nearest to one.
    Nearly {
        /// The code.
        code: CalibrationCode,
        /// The text that was read.
        read: String,
        /// True if it is shorter than the code.
        is_short: bool,
    },
    /// Bytes that are no text: the line's settings differ from the scanner's.
    Damaged {
        /// The text that was read.
        read: String,
    },
    /// Something else.
    Other {
        /// The text that was read.
        read: String,
    },
}

/// Returns the results of everything that was scanned, in the order of time.
pub fn attempts(capture: &Capture) -> Vec<Attempt> {
    let candidates = reading::candidates(capture);
    let mut starts: Vec<i64> =
        candidates.iter().flat_map(|candidate| candidate.readings.keys().copied()).collect();
    starts.sort_unstable();
    starts.dedup();
    starts.into_iter().filter_map(|start| search::attempt(&candidates, start)).collect()
}
