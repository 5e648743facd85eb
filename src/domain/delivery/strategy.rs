//! The two ways of bringing an operation to the server, and what the state machine asks of each.
//!
//! One call has one answer, and all of it may get lost. Line by line takes one request more than there are lines, but a
//! lost request is one line only, and that line can only be in the document that was made for it.

use super::{Delivery, Step};
use crate::domain::ids::DocumentId;

/// The way in which an operation is brought to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Way {
    /// The document and all its lines in one call.
    #[default]
    OneCall,
    /// The document, then each line that it lacks.
    LineByLine,
    /// The document, then each line, after the server had refused the one call and nothing of it stood.
    AfterRefusal,
}

impl Way {
    pub(super) fn strategy(self) -> &'static dyn Strategy {
        match self {
            Self::OneCall => &OneCall,
            Self::LineByLine | Self::AfterRefusal => &DocumentThenLines,
        }
    }
}

/// The meaning of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// This line will not stand; the others may.
    Line(u16),
    /// Nothing stands, and nothing will.
    Everything,
    /// Part of it may stand: the server is read back before it goes on.
    Perhaps,
}

/// The place where a lost request may have left something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// In any document that carries the marker.
    Anywhere,
    /// In this one alone.
    In(DocumentId),
}

/// The questions that the state machine asks of a way.
pub(super) trait Strategy {
    /// Returns the request that advances a queued delivery, or `None` if nothing is missing any more.
    fn next_step(&self, delivery: &Delivery) -> Option<Step>;

    /// Returns the meaning of the server's refusal of this request.
    fn refused(&self, step: Step) -> Refused;

    /// Returns the place where the request that is not settled may have left something.
    fn trace(&self, delivery: &Delivery) -> Trace;
}

struct OneCall;

impl Strategy for OneCall {
    /// Returns the one call, all or nothing. It is never asked of a delivery that has ended.
    fn next_step(&self, _: &Delivery) -> Option<Step> {
        Some(Step::Operation)
    }

    /// Returns [`Refused::Perhaps`]: it is not documented whether such a call is all or nothing on the server.
    fn refused(&self, _: Step) -> Refused {
        Refused::Perhaps
    }

    fn trace(&self, _: &Delivery) -> Trace {
        Trace::Anywhere
    }
}

struct DocumentThenLines;

impl Strategy for DocumentThenLines {
    fn next_step(&self, delivery: &Delivery) -> Option<Step> {
        let line = delivery.missing().next()?;
        Some(if delivery.document.is_some() { Step::Line(line) } else { Step::Document })
    }

    fn refused(&self, step: Step) -> Refused {
        match step {
            Step::Line(number) => Refused::Line(number),
            // A document that was refused has no lines: nothing of it stands.
            Step::Document => Refused::Everything,
            Step::Operation => Refused::Perhaps,
        }
    }

    /// Returns the document to which a lost line was sent, because the line can be in no other.
    fn trace(&self, delivery: &Delivery) -> Trace {
        match (delivery.step, delivery.document) {
            (Some(Step::Line(_)), Some(document)) => Trace::In(document),
            _ => Trace::Anywhere,
        }
    }
}
