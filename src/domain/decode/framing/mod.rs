//! Framing: the bytes of one scanner become frames, one for each scan.
//!
//! Promises: the same bytes give the same frames however they were cut up on the way; a frame that is
//! incomplete, too long, torn or not printable text is refused with its bytes, never passed on, and so is one that may
//! be the rest of such a frame or a further line of one label ([`Guard`]); nothing grows beyond [`FRAME_BYTES_MAX`]. It
//! does not know what the text means, and reads no clock: the time of arrival comes in with the bytes.

mod framer;
mod guard;
mod terminator;
#[cfg(test)]
mod tests;
mod text;

use std::time::Duration;

pub use framer::Framer;
pub use guard::BURST_GUARD_MS_USUAL;
pub use guard::Guard;
pub use guard::Guarding;
pub use guard::Span;
pub use guard::TAIL_MS;
pub use terminator::Terminator;
pub use terminator::is_terminator;
use text::Breaks;
use text::judge;

/// The longest frame, in bytes without its terminator. A GS1 symbol in a single read carries far less;
/// anything longer is noise or the wrong baud rate.
pub const FRAME_BYTES_MAX: usize = 512;

/// The mark in the bytes of a refused frame where something is missing: U+FFFD, the replacement character.
pub const MISSING: &[u8] = "\u{fffd}".as_bytes();

/// The settings that divide the bytes of one scanner into frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing {
    /// The time after its last byte after which an unfinished frame is refused.
    pub gap: Duration,
    /// The end of a frame.
    pub terminator: Terminator,
    /// The choice of whole frames that are refused nevertheless.
    pub guarding: Guarding,
}

impl Framing {
    /// Returns the framing of a device whose configuration gives only the length of a gap.
    pub const fn usual(gap: Duration) -> Self {
        let burst = Duration::from_millis(BURST_GUARD_MS_USUAL);
        Self { gap, terminator: Terminator::Any, guarding: Guarding::On { burst } }
    }

    /// Returns the framing of text that no device sends: lines may follow each other at once.
    pub const fn unguarded(gap: Duration) -> Self {
        Self { guarding: Guarding::Off, ..Self::usual(gap) }
    }

    /// Returns the gap, in milliseconds.
    pub(in crate::domain) fn gap_ms(&self) -> i64 {
        millis(self.gap)
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The bytes of one scan and the verdict on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The bytes as read, without the terminator, 1..=[`FRAME_BYTES_MAX`].
    pub raw: Vec<u8>,
    /// The frame as text, or the reason why it is refused.
    pub verdict: Result<String, Refusal>,
}

/// The reason why a frame is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// More than [`FRAME_BYTES_MAX`] bytes without a terminator; the first ones are kept.
    TooLong,
    /// The bytes are not UTF-8.
    NotUtf8,
    /// The text has a control character that does not belong to a code: one of C0 except GS, RS, FS, US and EOT; DEL;
    /// or one of U+0080 to U+009F.
    ControlCharacter,
    /// No terminator came within the gap.
    Unfinished,
    /// The scanner vanished in the middle of it, or bytes of it were dropped.
    Lost,
    /// A key that types nothing in the scanner's layout, or a combination of keys that makes no character.
    UnknownKey,
    /// It was read while the most frames that may wait were already waiting.
    Overrun,
    /// A report that does not match the scanner's own description of it.
    BadReport,
    /// It began so soon after a frame that was cut off, or after the opening of the port, that it may be the rest of
    /// one.
    Tail,
    /// It began so soon after the one before it that both are of one label.
    Burst,
    /// It carries a secret, which was removed from its bytes.
    Secret,
}

impl Refusal {
    /// Every reason, in the order of the manual.
    pub const ALL: [Self; 11] = [
        Self::Unfinished,
        Self::TooLong,
        Self::Lost,
        Self::Tail,
        Self::Burst,
        Self::NotUtf8,
        Self::ControlCharacter,
        Self::UnknownKey,
        Self::Overrun,
        Self::BadReport,
        Self::Secret,
    ];

    /// Returns the word for the journal and for logs. It is stored, so it never changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too-long",
            Self::NotUtf8 => "not-utf8",
            Self::ControlCharacter => "control-character",
            Self::Unfinished => "unfinished",
            Self::Lost => "lost",
            Self::UnknownKey => "unknown-key",
            Self::Overrun => "overrun",
            Self::BadReport => "bad-report",
            Self::Tail => "tail",
            Self::Burst => "burst",
            Self::Secret => "secret",
        }
    }

    /// Returns true if the rest of the frame may still come, as a frame of its own.
    const fn may_have_a_tail(self) -> bool {
        match self {
            // The end of these was not read or not understood: the rest may come with a terminator of its own.
            Self::TooLong | Self::Unfinished | Self::Lost | Self::BadReport => true,
            Self::NotUtf8
            | Self::ControlCharacter
            | Self::UnknownKey
            | Self::Overrun
            | Self::Tail
            | Self::Burst
            | Self::Secret => false,
        }
    }
}

/// The reason why the stream of bytes is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cut {
    /// The input ended in good order: what is pending is a whole frame.
    EndOfInput,
    /// The scanner vanished: what is pending is refused; whatever comes next begins a frame.
    Gone,
    /// Bytes were dropped on the way. What is pending is refused, and so is what comes up to the next
    /// terminator or gap: it may be the tail of a frame without its head, and a tail can look like a
    /// shorter code.
    Lost,
}

/// Returns the frame of bytes that are one scan, from first to last: for a scanner that marks the beginning and the end
/// of a code itself.
pub fn whole(bytes: &[u8]) -> Frame {
    if bytes.len() > FRAME_BYTES_MAX {
        let raw = bytes.iter().copied().take(FRAME_BYTES_MAX).collect();
        return Frame { raw, verdict: Err(Refusal::TooLong) };
    }
    // No terminator ends such a frame, so line breaks in it are data.
    Frame { raw: bytes.to_vec(), verdict: judge(bytes, Breaks::AreData) }
}
