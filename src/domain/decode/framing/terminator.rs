//! Terminators: the ends of frames.

/// Start of text, which some scanners send before a code.
pub(super) const STX: u8 = 2;
/// End of text, which some scanners send behind a code.
pub(super) const ETX: u8 = 3;

/// The end that a scanner sends after a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Terminator {
    /// CR, LF, CR and LF together, Tab or NUL: whatever comes first.
    Any,
    /// CR; LF, Tab and NUL are data.
    Cr,
    /// LF; CR, Tab and NUL are data.
    Lf,
    /// CR and LF together; either alone, Tab and NUL are data.
    CrLf,
    /// Tab; CR, LF and NUL are data.
    Tab,
    /// ETX; CR, LF, Tab and NUL are data.
    Etx,
}

impl Terminator {
    /// Every terminator with its word in the configuration.
    pub const WORDS: [(&str, Self); 6] = [
        ("any", Self::Any),
        ("cr", Self::Cr),
        ("lf", Self::Lf),
        ("crlf", Self::CrLf),
        ("tab", Self::Tab),
        ("etx", Self::Etx),
    ];

    /// Returns its word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Cr => "cr",
            Self::Lf => "lf",
            Self::CrLf => "crlf",
            Self::Tab => "tab",
            Self::Etx => "etx",
        }
    }

    /// Returns true if `byte`, which came behind `previous`, ends a frame.
    pub(super) const fn ends_at(self, previous: u8, byte: u8) -> bool {
        match self {
            Self::Any => is_terminator(byte),
            Self::Cr => byte == b'\r',
            Self::Lf => byte == b'\n',
            Self::CrLf => previous == b'\r' && byte == b'\n',
            Self::Tab => byte == b'\t',
            Self::Etx => byte == ETX,
        }
    }
}

/// Returns true for CR, LF, Tab and NUL, which scanners can be set to send after a code.
pub const fn is_terminator(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | b'\t' | 0)
}

/// Returns true for bytes that are no code by themselves: terminators, and the bytes that frame a code.
pub(super) const fn is_blank(byte: u8) -> bool {
    is_terminator(byte) || byte == ETX || byte == STX
}
