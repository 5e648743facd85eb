//! The state of an operation.

use std::fmt;

/// The state of an operation. The words are those of the status and the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Still takes scans.
    Open,
    /// Closed, and not on its way; part of it may already stand on the server.
    Queued,
    /// A request is on its way, or was when the process died.
    Sending,
    /// A request may or may not have been carried out.
    Uncertain,
    /// The server has all of it.
    Posted,
    /// The server refused it; a person must decide.
    Refused,
    /// Dropped before it was sent.
    Cancelled,
}

impl State {
    /// Every state, in the order of the status.
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::Queued,
        Self::Sending,
        Self::Uncertain,
        Self::Posted,
        Self::Refused,
        Self::Cancelled,
    ];

    /// Returns the word of the status and the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Uncertain => "uncertain",
            Self::Posted => "posted",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns the state for which [`State::as_str`] returns `word`.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
