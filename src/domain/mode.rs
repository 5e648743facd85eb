//! What a station is doing with the goods that pass by.

use std::fmt;

/// The direction of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Stock comes in; the server calls it an arrival (document type 3).
    Receipt,
    /// Stock goes out; the server calls it a write-off (document type 4).
    WriteOff,
}

impl Kind {
    /// The word of the configuration, the status and the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::WriteOff => "write-off",
        }
    }

    /// The kind that undoes this one.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Receipt => Self::WriteOff,
            Self::WriteOff => Self::Receipt,
        }
    }

    /// The kind that [`Kind::as_str`] spells so.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Receipt, Self::WriteOff].into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a scan of a good does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// Books the good in.
    Receipt,
    /// Books the good out.
    WriteOff,
    /// Books nothing: tells whether the code is known.
    Lookup,
}

impl Mode {
    /// The word of the configuration, the status and the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::WriteOff => "write-off",
            Self::Lookup => "lookup",
        }
    }

    /// The mode that [`Mode::as_str`] spells so.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Receipt, Self::WriteOff, Self::Lookup].into_iter().find(|mode| mode.as_str() == word)
    }

    /// The kind of operation a scan joins, if it joins one.
    pub const fn kind(self) -> Option<Kind> {
        match self {
            Self::Receipt => Some(Kind::Receipt),
            Self::WriteOff => Some(Kind::WriteOff),
            Self::Lookup => None,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
