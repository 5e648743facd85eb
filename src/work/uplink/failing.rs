//! The documents that fail although the service answers.
//!
//! A document's failures are on the disk, so that they count over a restart. A person is called after
//! [`CALL_AFTER_FAILURES`] of them or [`CALL_AFTER_MS`], whichever is first, and once.

use std::collections::BTreeSet;

use crate::domain::ids::OperationId;

/// The number of failures in a row after which a person is called: by then it has waited for several minutes.
pub(super) const CALL_AFTER_FAILURES: u32 = 5;

/// The time after which a person is called even after fewer failures, in ms.
pub(super) const CALL_AFTER_MS: i64 = 60 * 60 * 1000;

/// The prospect that a failure passes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hope {
    /// It may pass: a person is called when it lasts.
    MayPass,
    /// Only a person can help, who is called at once.
    NeedsPerson,
}

/// The documents that fail, as far as this process knows.
#[derive(Debug, Default)]
pub(super) struct Failing {
    /// Documents that failed since one was last posted.
    failing: BTreeSet<OperationId>,
    /// Documents that did not have to wait to the end because others were posted again: each once.
    hurried: BTreeSet<OperationId>,
}

impl Failing {
    /// Notes that a document failed.
    pub(super) fn insert(&mut self, id: OperationId) {
        self.failing.insert(id);
    }

    /// Notes that a document was posted. Returns those that may work again as well: two or more failed since the last
    /// one was posted, so the service took none for a while. One that fails by itself is not hurried a second time.
    pub(super) fn posted(&mut self, id: OperationId) -> Vec<OperationId> {
        self.hurried.remove(&id);
        let mut failing = std::mem::take(&mut self.failing);
        failing.remove(&id);
        if failing.len() < 2 {
            return Vec::new();
        }
        failing.into_iter().filter(|other| self.hurried.insert(*other)).collect()
    }

    /// Forgets documents that are no longer to be delivered.
    pub(super) fn retain(&mut self, is_listed: impl Fn(OperationId) -> bool) {
        self.failing.retain(|id| is_listed(*id));
        self.hurried.retain(|id| is_listed(*id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_while_nothing_could_be_posted_is_hurried_once() {
        let [one, two, three] = [1, 2, 3].map(OperationId);
        let mut failing = Failing::default();
        failing.failing.extend([one]);
        assert!(failing.posted(three).is_empty(), "it fails by itself");
        failing.failing.extend([one, two, three]);
        assert_eq!(failing.posted(three), [one, two]);
        failing.failing.extend([one, two]);
        assert!(failing.posted(three).is_empty(), "they fail by themselves");
        assert!(failing.posted(one).is_empty());
        failing.failing.extend([one, two]);
        assert_eq!(failing.posted(three), [one], "it had come on in between");
    }
}
