//! The reasons why an activity ends before it is done.

use crate::api;
use crate::api::Outcome;
use crate::work::Error;

/// The reason why an activity ended early.
#[derive(Debug)]
pub enum Interrupted {
    /// The agent stops.
    Stopped,
    /// The service did not answer as it should; the activity is tried again later.
    Api(api::Error),
    /// The process must end.
    Fatal(Error),
}

impl From<api::Error> for Interrupted {
    fn from(error: api::Error) -> Self {
        Self::Api(error)
    }
}

impl<E: Into<Error>> From<E> for Interrupted {
    fn from(error: E) -> Self {
        Self::Fatal(error.into())
    }
}

/// Returns true if the service answered and would probably answer the same again.
pub(super) fn would_answer_the_same(error: &api::Error) -> bool {
    match error.outcome() {
        Outcome::Refused(_) => true,
        Outcome::NotAllowed { status, .. } => status == 403,
        Outcome::Unknown => matches!(error, api::Error::Server { .. } | api::Error::Incomplete { .. }),
        Outcome::NotDone | Outcome::Wait(_) => false,
    }
}
