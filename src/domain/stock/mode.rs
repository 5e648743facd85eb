//! The modes of a station: what it does with the goods that pass by.

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
    /// Returns the word of the configuration, the status and the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::WriteOff => "write-off",
        }
    }

    /// Returns the kind that undoes this one.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Receipt => Self::WriteOff,
            Self::WriteOff => Self::Receipt,
        }
    }

    /// Returns the kind for which [`Kind::as_str`] returns `word`.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Receipt, Self::WriteOff].into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The effect of a scan of a good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// Books the good in.
    Receipt,
    /// Books the good out.
    WriteOff,
    /// Books nothing; shows whether the code is known.
    Lookup,
}

impl Mode {
    /// Returns the word of the configuration, the status and the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::WriteOff => "write-off",
            Self::Lookup => "lookup",
        }
    }

    /// Returns the mode for which [`Mode::as_str`] returns `word`.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Receipt, Self::WriteOff, Self::Lookup].into_iter().find(|mode| mode.as_str() == word)
    }

    /// Returns the kind of operation that a scan joins, if it joins one.
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
