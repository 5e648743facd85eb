//! Character sets: the meaning of the bytes of a scanner that does not send UTF-8.
//!
//! Promises: bytes that a character set does not know are refused, never replaced.

use encoding_rs::{SHIFT_JIS, WINDOWS_1252};

use crate::domain::decode::framing::{self, Frame, Refusal};

/// The character set that a scanner sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// UTF-8, of which ASCII is a part.
    #[default]
    Utf8,
    /// Latin-1, in the form of Windows-1252, which has printable characters at 80 to 9F where Latin-1 has control
    /// codes.
    Latin1,
    /// Shift JIS, in the form of Windows-31J.
    ShiftJis,
}

/// Each character set with the word for it in the configuration.
pub const ENCODINGS: [(&str, Encoding); 3] =
    [("utf-8", Encoding::Utf8), ("latin-1", Encoding::Latin1), ("shift-jis", Encoding::ShiftJis)];

impl Encoding {
    /// Reads the bytes of a frame in this character set. A frame that was refused for another reason than its text
    /// stays refused.
    #[must_use]
    pub fn read(self, frame: Frame) -> Frame {
        let encoding = match self {
            Self::Utf8 => return frame,
            Self::Latin1 => WINDOWS_1252,
            Self::ShiftJis => SHIFT_JIS,
        };
        let is_about_text =
            matches!(frame.verdict, Ok(_) | Err(Refusal::NotUtf8 | Refusal::ControlCharacter));
        if !is_about_text {
            return frame;
        }
        // A byte order mark must not choose another set: the configuration decides.
        let verdict = match encoding.decode_without_bom_handling_and_without_replacement(&frame.raw) {
            Some(text) => framing::whole(text.as_bytes()).verdict,
            None => Err(Refusal::NotUtf8),
        };
        Frame { verdict, ..frame }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(encoding: Encoding, bytes: &[u8]) -> Result<String, Refusal> {
        let frame = encoding.read(framing::whole(bytes));
        assert_eq!(frame.raw, bytes, "the journal has the bytes");
        frame.verdict
    }

    #[test]
    fn bytes_are_read_in_the_character_set_of_the_scanner() {
        assert_eq!(read(Encoding::Utf8, b"Gr\xf6\xdfe"), Err(Refusal::NotUtf8));
        assert_eq!(read(Encoding::Latin1, b"Gr\xf6\xdfe").as_deref(), Ok("Größe"));
        assert_eq!(read(Encoding::Latin1, b"5 \x80").as_deref(), Ok("5 €"));
        assert_eq!(read(Encoding::ShiftJis, b"\x8f\xa4\x95i-1").as_deref(), Ok("商品-1"));
        // What is UTF-8 by chance is read in the set that the scanner has.
        assert_eq!(read(Encoding::Latin1, "é".as_bytes()).as_deref(), Ok("Ã©"));
        for (_, encoding) in ENCODINGS {
            assert_eq!(
                read(encoding, b"]E04006381333931").as_deref(),
                Ok("]E04006381333931"),
                "{encoding:?}"
            );
        }
    }

    #[test]
    fn what_a_character_set_does_not_know_is_refused() {
        assert_eq!(read(Encoding::ShiftJis, b"A\x81"), Err(Refusal::NotUtf8));
        assert_eq!(read(Encoding::Latin1, b"A\x81B"), Err(Refusal::ControlCharacter));
        assert_eq!(read(Encoding::Latin1, b"A\x01B"), Err(Refusal::ControlCharacter));
        let torn = Frame { raw: b"Gr\xf6".to_vec(), verdict: Err(Refusal::Unfinished) };
        assert_eq!(Encoding::Latin1.read(torn.clone()), torn);
    }
}
