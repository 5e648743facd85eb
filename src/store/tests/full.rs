//! Tests with a disk that takes nothing more.

use std::fs;

use tempfile::TempDir;

use super::{Bench, COMB, SHAMPOO};
use crate::domain::code::control::Control;
use crate::domain::delivery::{Event, State, Step};
use crate::domain::ids::{DocumentId, OperationId, TransactionId};
use crate::store::Error;
use crate::store::reserve::Reserve;

/// A bench whose outbox may not grow by a page, with operation 1 queued, and figures as they were when the first
/// scan was refused.
fn full_bench() -> Bench {
    let mut bench = Bench::new();
    bench.scan(SHAMPOO);
    bench.scan(&Control::Close.code());
    limit(&bench, 1);
    for _ in 0..20_000 {
        let before = bench.figures();
        match bench.scan_on("dock", COMB) {
            Ok(_) => {}
            Err(error) => {
                assert!(
                    matches!(error, Error::DiskFull) && error.is_passing() && !error.is_damage(),
                    "{error}"
                );
                assert_eq!(bench.figures(), before);
                return bench;
            }
        }
    }
    panic!("the file grows beyond its limit");
}

/// Sets the pages that the outbox may have; it never goes below those it has.
fn limit(bench: &Bench, pages: u32) {
    bench.db.outbox.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_row| Ok(())).unwrap();
}

#[test]
fn a_scan_that_does_not_fit_is_refused_whole_and_taken_once_there_is_room() {
    let mut bench = full_bench();
    let before = bench.figures();
    assert!(matches!(bench.scan_on("dock", SHAMPOO), Err(Error::DiskFull)));
    assert_eq!(bench.figures(), before);
    let sound: String = bench.db.outbox.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    limit(&bench, u32::MAX - 1);
    bench.scan(SHAMPOO);
    assert_eq!(bench.figures().scans.booked, before.scans.booked + 1);
}

#[test]
fn what_is_stored_is_still_delivered() {
    let mut bench = full_bench();
    let id = OperationId(1);
    bench.db.fix_dates(id, "2026-09-21T10:00:00-04:00", bench.at().wall, None).unwrap();
    bench.step(id, Event::Send(Step::Operation));
    let transactions = vec![(1, TransactionId(7))];
    bench.step(id, Event::Done { document: DocumentId(7), transactions });
    assert_eq!(bench.state(id), State::Posted);
    assert_eq!(bench.figures().of(State::Posted).operations, 1);
}

#[test]
fn room_is_kept_back_given_once_and_taken_again() {
    let dir = TempDir::new().unwrap();
    let size = || fs::metadata(dir.path().join("reserve")).map(|file| file.len()).ok();
    let mut reserve = Reserve::new(dir.path());
    assert!(!reserve.give_away());
    assert!(reserve.hold());
    assert_eq!(size(), Some(512 * 1024));
    // Another process takes it up as it is.
    assert!(Reserve::new(dir.path()).hold());
    assert!(reserve.give_away());
    assert_eq!(size(), None);
    assert!(!reserve.give_away());
    assert!(reserve.hold());
    assert_eq!(size(), Some(512 * 1024));
}
