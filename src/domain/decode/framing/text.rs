//! The text in the bytes of a whole frame.
//!
//! STX in front and ETX behind are framing. GS, RS, FS, US and EOT are data: they part the fields of GS1 element
//! strings and of ISO/IEC 15434 envelopes. A frame in which each second byte is NUL is text in UTF-16, which
//! two-dimensional symbols may hold.

use super::Refusal;
use super::terminator::{ETX, STX};

/// The marks in front of text in UTF-16, the low byte of each character first or last.
const LOW_FIRST: &[u8] = &[0xff, 0xfe];
const HIGH_FIRST: &[u8] = &[0xfe, 0xff];
/// The fewest bytes that are read as UTF-16 without a mark: two characters.
const WIDE_BYTES_MIN: usize = 4;

/// The meaning of CR, LF, Tab and NUL within a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breaks {
    /// Characters of the code.
    AreData,
    /// No part of a code: they would have ended the frame.
    End,
}

/// Returns the text of a whole frame, or the reason why it is none.
pub(super) fn judge(raw: &[u8], breaks: Breaks) -> Result<String, Refusal> {
    let data = unframed(raw);
    let text = match wide(data) {
        Some(text) => text,
        None => str::from_utf8(data).map_err(|_not_text| Refusal::NotUtf8)?.to_owned(),
    };
    if text.chars().any(|c| c.is_control() && !is_data(c, breaks)) {
        return Err(Refusal::ControlCharacter);
    }
    Ok(text)
}

/// Returns the code between STX and ETX.
fn unframed(raw: &[u8]) -> &[u8] {
    let raw = raw.strip_prefix(&[STX]).unwrap_or(raw);
    raw.strip_suffix(&[ETX]).unwrap_or(raw)
}

const fn is_data(c: char, breaks: Breaks) -> bool {
    match c {
        '\u{4}' | '\u{1c}'..='\u{1f}' => true,
        '\r' | '\n' | '\t' | '\0' => matches!(breaks, Breaks::AreData),
        _ => false,
    }
}

/// Returns the text of bytes in UTF-16, if they are: characters below U+0100, so that bytes in another encoding do not
/// count as UTF-16.
fn wide(data: &[u8]) -> Option<String> {
    if let Some(marked) = data.strip_prefix(LOW_FIRST) {
        // A single byte alternates with nothing, so it needs a NUL behind it as proof.
        return low_first(marked).filter(|_| marked.contains(&0));
    }
    if let Some(marked) = data.strip_prefix(HIGH_FIRST) {
        return high_first(marked);
    }
    if data.len() < WIDE_BYTES_MIN {
        return None;
    }
    low_first(data).or_else(|| high_first(data))
}

/// Returns the text, if each character is a byte and NUL. The NUL of the last may stand behind the terminator.
fn low_first(data: &[u8]) -> Option<String> {
    alternates(data).then(|| data.iter().step_by(2).copied().map(char::from).collect())
}

/// Returns the text, if each character is NUL and a byte. The last NUL may be that of the terminator.
fn high_first(data: &[u8]) -> Option<String> {
    let (first, rest) = data.split_first()?;
    let rest = if rest.len().is_multiple_of(2) { rest.strip_suffix(&[0])? } else { rest };
    if *first == 0 { low_first(rest) } else { None }
}

/// Returns true if the bytes may be characters below U+0100 in UTF-16, the low byte of each first.
pub(super) fn alternates(data: &[u8]) -> bool {
    data.iter().zip([false, true].into_iter().cycle()).all(|(byte, is_high)| (*byte == 0) == is_high)
}

/// Returns true if the bytes begin as marked text in UTF-16 does. Nothing else does: they are not UTF-8.
pub(super) fn is_marked_wide(data: &[u8]) -> bool {
    data.starts_with(LOW_FIRST) || data.starts_with(HIGH_FIRST)
}
