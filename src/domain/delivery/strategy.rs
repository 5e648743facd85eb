//! The two ways of bringing an operation to the server, and what the machine asks of each.
//!
//! In one call there is one answer, and all of it may get lost. Line by line takes a request more than there are
//! lines, but what is lost is one line, and it can only be in the document that was made for it.

use super::{Delivery, Step};
use crate::domain::ids::DocumentId;

/// How an operation is brought to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Way {
    /// The document and all its lines in one call.
    #[default]
    OneCall,
    /// The document, then each line that it lacks.
    LineByLine,
    /// Likewise, after the server had refused the one call and nothing of it stood.
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

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// This line will not stand; the others may.
    Line(u16),
    /// Nothing stands, and nothing will.
    Everything,
    /// Part of it may stand: the server is read back before it goes on.
    Perhaps,
}

/// Where a lost request may have left something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// In any document that carries the marker.
    Anywhere,
    /// In this one alone.
    In(DocumentId),
}

/// What the machine asks of a way.
pub(super) trait Strategy {
    /// The request that brings a queued delivery on; `None` if nothing is missing any more.
    fn next_step(&self, delivery: &Delivery) -> Option<Step>;

    /// What it means that the server refused this request.
    fn refused(&self, step: Step) -> Refused;

    /// Where to look for the request that is not settled.
    fn trace(&self, delivery: &Delivery) -> Trace;
}

struct OneCall;

impl Strategy for OneCall {
    /// All or nothing: it is never asked of a delivery that has ended.
    fn next_step(&self, _: &Delivery) -> Option<Step> {
        Some(Step::Operation)
    }

    /// Whether such a call is all or nothing on the server is not documented.
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

    /// A lost line can only be in the document it was sent to.
    fn trace(&self, delivery: &Delivery) -> Trace {
        match (delivery.step, delivery.document) {
            (Some(Step::Line(_)), Some(document)) => Trace::In(document),
            _ => Trace::Anywhere,
        }
    }
}
