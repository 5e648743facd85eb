//! The calibration codes: what they say, and why.
//!
//! Together they have what keyboard layouts put on other keys, or reach with other modifiers: letters of both
//! cases (Q, W, a, m and z move in French, German, Turkish and Czech), digits (which need Shift in French, Belgian and
//! Czech), and the signs of product codes and web addresses. The first alone tells every layout known here from
//! every other, but for those that type ASCII alike; a test proves it. The second has a group separator in its
//! middle, which keyboards have no key for: in Code 128 it is an FNC1, as it is in a GS1 code.
//!
//! Both are fourteen characters long, so that they fit the smallest QR symbol and the smallest label. They begin as
//! control codes do and are compared whole, so no product has them, and no other control code is near: a misread one
//! is refused.

/// What separates the elements of a GS1 code.
pub(super) const SEPARATOR: char = '\u{1d}';

/// A calibration code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CalibrationCode {
    /// Tells layout and case.
    First,
    /// Tells how a group separator arrives.
    Second,
}

impl CalibrationCode {
    /// Both, in the order in which they are scanned.
    pub const ALL: [Self; 2] = [Self::First, Self::Second];

    /// The text to print as a barcode.
    pub const fn text(self) -> &'static str {
        match self {
            Self::First => "$SP.zQm1-/\\#@\"",
            Self::Second => "$SP.Wa+=\u{1d}:;_%'",
        }
    }

    /// The name people know it by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "CALIBRATE-1",
            Self::Second => "CALIBRATE-2",
        }
    }

    /// The code of this text.
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.text() == text)
    }
}
