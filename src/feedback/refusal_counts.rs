//! The number of refused scans of each scanner since the start. A high number points to a bad cable or a dirty window.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::{Announcement, What};
use crate::domain::ids::ScannerName;

/// The counts of refused scans.
#[derive(Debug, Default)]
pub(super) struct RefusalCounts(Mutex<BTreeMap<ScannerName, u64>>);

impl RefusalCounts {
    /// Counts an announcement of a scan that was refused, not stored or a repeat.
    pub(super) fn note(&self, announcement: &Announcement) {
        let is_refusal =
            matches!(announcement.what, What::Refused { .. } | What::Repeat(_) | What::NotStored);
        if let (Some(scanner), true) = (&announcement.scanner, is_refusal) {
            let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.entry(scanner.clone()).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// Returns the number of refused scans of this scanner.
    pub(super) fn of(&self, scanner: &ScannerName) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(scanner).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::signal::Signal;

    #[test]
    fn refused_scans_are_counted_for_their_scanner_alone() {
        let refusal_counts = RefusalCounts::default();
        let (dock, counter) = (ScannerName::new("dock"), ScannerName::new("counter"));
        let note = |scanner: Option<&ScannerName>, what| {
            refusal_counts.note(&Announcement { scanner: scanner.cloned(), signal: Signal::Refused, what });
        };
        note(Some(&dock), What::NotStored);
        note(Some(&dock), What::NotStored);
        note(Some(&dock), What::Ended);
        note(None, What::NotStored);
        assert_eq!([refusal_counts.of(&dock), refusal_counts.of(&counter)], [2, 0]);
    }
}
