//! The calibration codes: their texts, and the reasons for them.
//!
//! Together they have the characters that keyboard layouts put on other keys, or reach with other modifiers: letters of
//! both cases (Q, W, a, m and z move in French, German, Turkish and Czech), digits (which need Shift in French, Belgian
//! and Czech), and the signs of product codes and web addresses. The first alone distinguishes every layout known here
//! from every other, except those that type ASCII alike; a test proves it. The second has a group separator in its
//! middle, for which keyboards have no key: in Code 128 it is an FNC1, as it is in a GS1 code.
//!
//! Both are fourteen characters long, so that they fit the smallest QR symbol and the smallest label. They begin as
//! control codes do and are compared whole, so no product has them, and no other control code is near: a misread one
//! is refused.

/// The character that separates the elements of a GS1 code.
pub(in crate::domain) const SEPARATOR: char = '\u{1d}';

/// A calibration code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CalibrationCode {
    /// Reveals layout and case.
    First,
    /// Reveals how a group separator arrives.
    Second,
}

impl CalibrationCode {
    /// Both, in the order in which they are scanned.
    pub const ALL: [Self; 2] = [Self::First, Self::Second];

    /// Returns the text to print as a barcode.
    pub const fn text(self) -> &'static str {
        match self {
            Self::First => "$SP.zQm1-/\\#@\"",
            Self::Second => "$SP.Wa+=\u{1d}:;_%'",
        }
    }

    /// Returns the name that people know it by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "CALIBRATE-1",
            Self::Second => "CALIBRATE-2",
        }
    }

    /// Returns the code of this text.
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.text() == text)
    }
}
