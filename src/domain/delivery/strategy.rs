//! The strategies that bring an operation to the server, and the questions that the state machine puts to each.
//!
//! One call has one answer, and all of it may get lost. Line by line takes one request more than there are lines, but a
//! lost request is one line only, and that line can only be in the document that was made for it.

use super::{Delivery, Step};
use crate::domain::ids::DocumentId;

/// The strategy by which an operation is brought to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Strategy {
    /// The document and all its lines in one call.
    #[default]
    OneCall,
    /// The document, then each line that it lacks.
    LineByLine,
    /// The document, then each line, after the server had refused the one call and nothing of it stood. It is never
    /// configured.
    AfterRefusal,
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

impl Strategy {
    /// Returns the request that advances a queued delivery, or `None` if nothing is missing any more. The one call is
    /// never asked of a delivery that has ended.
    pub(super) fn next_step(self, delivery: &Delivery) -> Option<Step> {
        match self {
            Self::OneCall => Some(Step::Operation),
            Self::LineByLine | Self::AfterRefusal => {
                let line = delivery.missing().next()?;
                Some(if delivery.document.is_some() { Step::Line(line) } else { Step::Document })
            }
        }
    }

    /// Returns the meaning of the server's refusal of this request.
    pub(super) fn refused(self, step: Step) -> Refused {
        match (self, step) {
            // It is not documented whether the one call is all or nothing on the server.
            (Self::OneCall, _) | (_, Step::Operation) => Refused::Perhaps,
            (Self::LineByLine | Self::AfterRefusal, Step::Line(number)) => Refused::Line(number),
            // A document that was refused has no lines: nothing of it stands.
            (Self::LineByLine | Self::AfterRefusal, Step::Document) => Refused::Everything,
        }
    }

    /// Returns the place where the request that is not settled may have left something. A lost line can only be in the
    /// document to which it was sent.
    pub(super) fn trace(self, delivery: &Delivery) -> Trace {
        match (self, delivery.step, delivery.document) {
            (Self::LineByLine | Self::AfterRefusal, Some(Step::Line(_)), Some(document)) => {
                Trace::In(document)
            }
            _ => Trace::Anywhere,
        }
    }
}
