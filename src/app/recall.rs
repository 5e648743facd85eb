//! The last scans from before the start, read from the journal for visitors of the page.

use crate::domain::printable::printable_bytes;
use crate::domain::signal::Signal;
use crate::feedback::{Announcement, Earlier, RECENT_MAX, What};
use crate::store::{Db, Error, ScanEntry, ScanFilter};

/// Returns the last scans as announcements, the oldest first.
pub(super) fn recall(db: &Db) -> Result<Vec<Announcement>, Error> {
    let count = u32::try_from(RECENT_MAX).unwrap_or(u32::MAX);
    Ok(db.last_scans(ScanFilter::All, count)?.into_iter().rev().map(announcement).collect())
}

fn announcement(scan: ScanEntry) -> Announcement {
    // The words are stored in the journal. `lookup` has no colour of its own on the page, nor has the word of a later
    // version.
    let signal = match scan.outcome.as_str() {
        "booked" => Signal::Booked,
        "unknown" => Signal::Unknown,
        "refused" => Signal::Refused,
        _ => Signal::Control,
    };
    let code = || scan.barcode.clone().unwrap_or_else(|| printable_bytes(&scan.raw).to_string());
    // The reason of a refusal is a word for programs; its sentence says the same.
    let detail = scan.detail.as_deref().filter(|_| scan.outcome != "refused" || scan.words.is_none());
    let words = [detail, scan.words.as_deref()];
    let earlier = Earlier {
        kind: scan.place.map(|place| place.kind.as_str()),
        quantity: scan.quantity,
        name: scan.title.clone().unwrap_or_else(code),
        words: words.into_iter().flatten().collect::<Vec<_>>().join(": "),
        is_undone: scan.is_undone,
        outcome: scan.outcome,
    };
    Announcement { scanner: Some(scan.scanner), signal, what: What::Earlier(Box::new(earlier)) }
}
