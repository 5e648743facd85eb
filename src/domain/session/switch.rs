//! Changes of mode and of storage: for every scanner that the configuration gives none of its own.
//!
//! What such scanners had open is closed, since a document is of one mode and one storage.

use super::{
    Change, CloseReason, Control, Decision, Desk, Mode, Outcome, Place, Reason, ScannerName, Session, Signal,
    StorageId, close,
};

impl Session {
    /// The storage that scans of this desk are booked in.
    pub(super) fn storage_of(&self, desk: &Desk) -> StorageId {
        desk.storage.unwrap_or(self.storage)
    }

    /// A scanner with a mode of its own takes no other; one without changes the mode of all that have none,
    /// and what they had open is closed.
    pub(super) fn change_mode(&self, scanner: &ScannerName, mode: Mode) -> Decision {
        let fixed = self.rules.desks.get(scanner).and_then(|desk| desk.mode);
        if fixed.is_some_and(|fixed| fixed != mode) {
            return Decision::refused(Reason::FixedMode);
        }
        let mut decision = Decision::of(Outcome::Control(Control::Mode(mode)), Signal::Control);
        if fixed.is_some() {
            return decision;
        }
        // Remembered even where it changes nothing now: the configuration may say otherwise at the next start.
        decision.changes.push(Change::SetMode(mode));
        if mode == self.mode {
            return decision;
        }
        let Some(kind) = self.mode.kind() else { return decision };
        let left = |place: &Place| {
            place.kind == kind
                && self
                    .rules
                    .desks
                    .values()
                    .any(|desk| desk.mode.is_none() && self.storage_of(desk) == place.storage)
        };
        decision
            .changes
            .extend(self.serving(&left).map(|(place, open)| close(place, open, CloseReason::ModeChange)));
        decision
    }

    /// A scanner with a storage of its own takes no other; one without changes the storage of all that have none,
    /// and what they had open is closed. A storage that the configuration does not name is refused: the code is
    /// another station's, and the books of a storage must not depend on which sheet hangs on the wall.
    pub(super) fn change_storage(&self, scanner: &ScannerName, storage: StorageId) -> Decision {
        if !self.rules.storages.contains(&storage) {
            return Decision::refused(Reason::OtherStorage);
        }
        let fixed = self.rules.desks.get(scanner).and_then(|desk| desk.storage);
        if fixed.is_some_and(|fixed| fixed != storage) {
            return Decision::refused(Reason::FixedStorage);
        }
        let mut decision = Decision::of(Outcome::Control(Control::Storage(storage)), Signal::Control);
        if fixed.is_some() {
            return decision;
        }
        decision.changes.push(Change::SetStorage(storage));
        if storage == self.storage {
            return decision;
        }
        let left = |place: &Place| {
            let kind_of = |desk: &Desk| desk.mode.unwrap_or(self.mode).kind();
            place.storage == self.storage
                && self
                    .rules
                    .desks
                    .values()
                    .any(|desk| desk.storage.is_none() && kind_of(desk) == Some(place.kind))
        };
        decision
            .changes
            .extend(self.serving(&left).map(|(place, open)| close(place, open, CloseReason::StorageChange)));
        decision
    }
}
