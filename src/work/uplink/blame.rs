//! Decides what is at fault for a failure: the connection to the service, or the one thing that was asked for.
//!
//! A request that fails accuses the thing that it was for: a document, or a reading. If the service answers next, the
//! connection is good and the thing is at fault: it waits, longer each time, and everything else goes on. If nothing
//! answers, the connection is at fault and nothing waits longer than it has to. A request that the service itself
//! refuses needs no second look.

use std::collections::BTreeMap;

use crate::domain::ids::OperationId;

/// The thing that a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Thing {
    /// One document.
    Document(OperationId),
    /// The location's time zone.
    Zone,
    /// The storages and the rights of the account.
    Account,
    /// The goods table.
    Goods,
    /// The bills of materials.
    Kits,
}

/// The things that are accused.
#[derive(Debug, Default)]
pub(super) struct Blame {
    /// The things that failed since the service last answered, with the failure in words.
    accused: BTreeMap<Thing, String>,
    /// True if the service has answered since.
    has_answered: bool,
}

impl Blame {
    /// Notes that the service answered: the accused things failed by themselves.
    pub(super) fn answered(&mut self) {
        self.has_answered = true;
    }

    /// Clears the accused because the service did not answer: only the connection is at fault.
    pub(super) fn acquit(&mut self) {
        self.accused.clear();
    }

    /// Accuses a thing whose request failed. An answer from before shows nothing about it.
    pub(super) fn accuse(&mut self, thing: Thing, fault: String) {
        self.accused.insert(thing, fault);
        self.has_answered = false;
    }

    /// Takes out the things that are at fault, because the service has answered since they failed.
    pub(super) fn take_convicted(&mut self) -> BTreeMap<Thing, String> {
        if self.has_answered { std::mem::take(&mut self.accused) } else { BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_failed_while_the_service_is_there_is_convicted() {
        let (one, other) = (Thing::Document(OperationId(1)), Thing::Goods);
        let mut blame = Blame::default();
        blame.answered();
        blame.accuse(one, "no answer".to_owned());
        assert!(blame.take_convicted().is_empty(), "an answer from before shows nothing");
        blame.accuse(other, "no answer".to_owned());
        blame.answered();
        assert_eq!(blame.take_convicted().into_keys().collect::<Vec<_>>(), [one, other]);
        blame.accuse(one, "no answer".to_owned());
        blame.acquit();
        blame.answered();
        assert!(blame.take_convicted().is_empty(), "the connection was at fault");
    }
}
