//! The six signals by which a station informs a person who is not looking at it.

/// A signal, audible or visible. Each is distinct on every output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    /// The scan is on disk and will be posted.
    Booked,
    /// The code is not in the goods table; the scan is parked.
    Unknown,
    /// Nothing was booked: a bad frame, an ambiguous code, a repeat, a command that makes no sense here.
    Refused,
    /// A control code was carried out.
    Control,
    /// A document reached the server.
    Posted,
    /// Something waits for a person.
    Person,
}

impl Signal {
    /// Every signal, in the order of the documentation.
    pub const ALL: [Self; 6] =
        [Self::Booked, Self::Unknown, Self::Refused, Self::Control, Self::Posted, Self::Person];

    /// Returns the word of the configuration and the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
            Self::Control => "control",
            Self::Posted => "posted",
            Self::Person => "person",
        }
    }
}

/// The occasion on which a scanner receives a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// It answers a frame of this scanner: each frame gets one, in the order of the frames.
    Verdict,
    /// Something happened that concerns everybody.
    News,
}
