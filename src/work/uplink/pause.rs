//! The pause after the service has not accepted the token, or has forbidden an operation.

use tokio::time::Instant;

use crate::domain::ids::OperationId;

/// An operation that was forbidden, in the service's words.
#[derive(Debug)]
pub(super) struct Barred {
    /// The operation.
    pub(super) id: OperationId,
    /// The words.
    pub(super) words: String,
}

/// A pause: until its probe is answered well, nothing else is sent.
#[derive(Debug)]
pub(super) struct Pause {
    pub(super) next_probe: Instant,
    /// True if a person was called.
    pub(super) is_alarmed: bool,
    /// The operation that was forbidden. It counts against the operation only if the very next request shows that the
    /// token is good; else everything was forbidden.
    pub(super) barred: Option<Barred>,
}

impl Pause {
    pub(super) fn new(barred: Option<Barred>) -> Self {
        Self { next_probe: Instant::now(), is_alarmed: false, barred }
    }
}
