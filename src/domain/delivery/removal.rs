//! The deletion of a posted operation, when a person asks for it.
//!
//! The list of all that must be deleted is stored first: all lines, then the document. The removal of each is repeated until it
//! succeeds, and the document is deleted only when a reading shows none of the lines. Until then the operation counts
//! as posted, from then on as cancelled.

use super::{Delivery, LATE_CHECKS, State};
use crate::domain::ids::DocumentId;

impl Delivery {
    /// Returns true while it is being deleted on the server because a person asked for it.
    pub fn is_being_revoked(&self) -> bool {
        self.state == State::Posted && self.document.is_some_and(|id| self.surplus.documents.contains(&id))
    }

    /// Returns true if it is being deleted and all of it still stands.
    pub fn is_revoked_untouched(&self) -> bool {
        let posted = self.lines.iter().filter(|line| line.transaction.is_some()).count();
        self.is_being_revoked() && self.surplus.transactions.len() == posted
    }

    /// Returns the reason why it cannot be deleted on the server now, or `None` if it can.
    pub fn why_not_revoked(&self) -> Option<&'static str> {
        if self.state != State::Posted || self.document.is_none() {
            Some("it is not posted")
        } else if self.is_being_revoked() {
            Some("it is being deleted already")
        } else if !self.surplus.is_empty() || self.doubtful && self.late_checks < LATE_CHECKS {
            Some("an answer got lost, and a double of it may still come; try again in some minutes")
        } else if self.lines.iter().any(|line| line.transaction.is_none()) {
            Some("the service never told the numbers of its lines; undo it without --delete")
        } else {
            None
        }
    }

    pub(super) fn revoke(&mut self) {
        self.stuck = None;
        self.surplus.transactions = self.lines.iter().filter_map(|line| line.transaction).collect();
        self.surplus.documents = self.document.into_iter().collect();
    }

    /// Marks it as cancelled. The document's number is kept, because listings may show the document for a long time.
    pub(super) fn revoked(&mut self, document: DocumentId) {
        self.surplus.documents.retain(|kept| *kept != document);
        self.state = State::Cancelled;
    }

    pub(super) fn keep(&mut self, words: &str) {
        self.surplus.transactions.clear();
        self.surplus.documents.clear();
        self.stuck = Some(format!("it could not be deleted: {words}"));
    }
}
