//! Changes of mode and of storage: for every scanner that the configuration gives none of its own.
//!
//! The documents that such scanners had open are closed, since a document is of one mode and one storage.

use super::{
    BootMillis, Change, CloseReason, Control, Decision, Mode, Outcome, Place, Reason, ScannerBinding,
    ScannerName, Session, Signal, StorageId, close,
};

impl Session {
    /// Returns the storage in which scans of a scanner with this binding are booked.
    pub(super) fn storage_of(&self, binding: &ScannerBinding) -> StorageId {
        binding.storage.unwrap_or(self.storage)
    }

    /// Changes the mode of all scanners that have none of their own, and closes what they had open. A scanner with a
    /// mode of its own accepts no other.
    pub(super) fn change_mode(&self, scanner: &ScannerName, mode: Mode) -> Decision {
        let fixed = self.rules.bindings.get(scanner).and_then(|binding| binding.mode);
        if fixed.is_some_and(|fixed| fixed != mode) {
            return Decision::refused(Reason::FixedMode);
        }
        let mut decision = Decision::of(Outcome::Control(Control::Mode(mode)), Signal::Control);
        // The command asks for the mode that the scanner has: there is nothing to change or to refuse.
        if fixed.is_some() {
            return decision;
        }
        // Remembered even where it changes nothing now: the configuration may say otherwise at the next start.
        decision.changes.push(Change::SetMode(mode));
        if mode == self.mode {
            return decision;
        }
        decision.changes.extend(self.leave_mode());
        decision
    }

    /// Closes the operations that scanners without a mode of their own have open.
    fn leave_mode(&self) -> Vec<Change> {
        let Some(kind) = self.mode.kind() else { return Vec::new() };
        let left = |place: &Place| {
            let is_there = |binding: &ScannerBinding| {
                binding.mode.is_none() && self.storage_of(binding) == place.storage
            };
            place.kind == kind && self.rules.bindings.values().any(is_there)
        };
        self.serving(&left).map(|(place, open)| close(place, open, CloseReason::ModeChange)).collect()
    }

    /// Changes the storage of all scanners that have none of their own, and closes what they had open. A scanner with a
    /// storage of its own accepts no other. A storage that the configuration does not name is refused: the code is
    /// another station's, and the books of a storage must not depend on which sheet hangs on the wall.
    pub(super) fn change_storage(&self, scanner: &ScannerName, storage: StorageId) -> Decision {
        if !self.rules.storages.contains(&storage) {
            return Decision::refused(Reason::OtherStorage);
        }
        let fixed = self.rules.bindings.get(scanner).and_then(|binding| binding.storage);
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
        decision.changes.extend(self.leave_storage());
        decision
    }

    /// Closes the operations that scanners without a storage of their own have open.
    fn leave_storage(&self) -> Vec<Change> {
        let left = |place: &Place| {
            let kind_of = |binding: &ScannerBinding| binding.mode.unwrap_or(self.mode).kind();
            let is_there =
                |binding: &ScannerBinding| binding.storage.is_none() && kind_of(binding) == Some(place.kind);
            place.storage == self.storage && self.rules.bindings.values().any(is_there)
        };
        self.serving(&left).map(|(place, open)| close(place, open, CloseReason::StorageChange)).collect()
    }

    /// Returns the changes by which a commanded mode and storage fall back, because nobody scanned for so long, or
    /// because it is not known how long. A person who finds the scanner the next morning counts on what is usual.
    pub fn reverts(&self, now: BootMillis) -> Vec<Change> {
        let Some(reverts_ms) = self.rules.mode_reverts_ms.filter(|_| self.is_commanded) else {
            return Vec::new();
        };
        if self.last_scan.is_some_and(|at| now.ms_since(at) < reverts_ms) {
            return Vec::new();
        }
        let mut changes = vec![Change::Revert];
        if self.mode != self.rules.mode {
            changes.extend(self.leave_mode());
        }
        if self.storage != self.rules.storage {
            let mut left = self.leave_storage();
            // One operation may be left by both changes, and it closes once.
            left.retain(|left| !closes_one_of(&changes, left));
            changes.append(&mut left);
        }
        changes
    }

    pub(super) fn revert(&mut self) {
        (self.mode, self.storage) = (self.rules.mode, self.rules.storage);
        self.is_commanded = false;
    }

    /// Returns true if a code can command the mode or the storage of a scanner.
    pub(super) fn follows_commands(&self, scanner: &ScannerName) -> bool {
        let binding = self.rules.bindings.get(scanner);
        binding.is_some_and(ScannerBinding::follows_commands)
    }
}

fn closes_one_of(changes: &[Change], close: &Change) -> bool {
    changes.iter().any(|change| change.ends().is_some() && change.ends() == close.ends())
}
