//! Lengths on paper.

/// A length on paper, in micrometres.
pub(super) type Um = i32;

/// One millimetre.
pub(super) const MM: Um = 1000;
