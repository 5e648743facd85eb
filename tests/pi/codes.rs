//! The codes that are typed: the typist in the guest and whoever looks at its work outside make the same.

/// The code of a keyboard's turn: an EAN-13 of the range that GS1 keeps for demonstrations, each of them once.
pub(crate) fn code(keyboard: usize, turn: usize) -> String {
    let body = format!("952{keyboard:02}{turn:07}");
    let weights = [1, 3].into_iter().cycle();
    let sum: u32 = body.bytes().zip(weights).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}
