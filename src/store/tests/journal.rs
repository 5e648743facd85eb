//! What one frame writes, and that it counts once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Bench, COMB, DOCK_IN, SHAMPOO, frame, units};
use crate::domain::control::Control;
use crate::domain::delivery::State;
use crate::domain::ids::{OperationId, ScannerName, StorageId};
use crate::domain::mode::Mode;
use crate::domain::time::BootMillis;
use crate::store::{Error, ScanCounts};

#[test]
fn a_booked_scan_counts_and_stands_in_the_open_operation() {
    let mut bench = Bench::new();
    bench.scan(SHAMPOO);
    let figures = bench.figures();
    assert_eq!(figures.scans, ScanCounts { booked: 1, ..ScanCounts::default() });
    assert_eq!(figures.units_booked, units(1));
    assert_eq!((figures.of(State::Open).operations, figures.of(State::Open).units), (1, units(1)));
    assert_eq!(bench.lines(bench.open_id(DOCK_IN)), [(1, 1, "1".to_owned())]);
}

#[test]
fn every_frame_counts_as_one_thing_and_the_books_balance_after_each() {
    let mut bench = Bench::new();
    let codes = [
        SHAMPOO.to_owned(),
        Control::Quantity(12).code(),
        COMB.to_owned(),
        Control::Undo.code(),
        "nobody knows this".to_owned(),
        "$SP.NONSENSE.X".to_owned(),
        Control::Close.code(),
        Control::Undo.code(),
        COMB.to_owned(),
        Control::Cancel.code(),
        Control::Mode(Mode::Lookup).code(),
        SHAMPOO.to_owned(),
    ];
    for (code, number) in codes.iter().zip(1..) {
        bench.scan(code);
        assert_eq!(bench.figures().scans.accepted(), number, "{code}");
    }
    let figures = bench.figures();
    let scans = ScanCounts { booked: 3, undone: 1, unknown: 1, refused: 2, control: 5, lookup: 1 };
    assert_eq!(figures.scans, scans);
    assert_eq!((figures.units_booked, figures.units_undone), (units(14), units(12)));
    assert_eq!(figures.units_parked, units(1));
    assert_eq!(figures.of(State::Queued).units, units(1));
    assert_eq!(figures.of(State::Cancelled).units, units(1));
    assert_eq!(figures.of(State::Open).operations, 0);
}

#[test]
fn scans_of_one_good_add_up_in_one_line() {
    let mut bench = Bench::new();
    for code in [SHAMPOO, COMB, &Control::Quantity(3).code(), SHAMPOO] {
        bench.scan(code);
    }
    assert_eq!(bench.lines(bench.open_id(DOCK_IN)), [(1, 1, "4".to_owned()), (2, 2, "1".to_owned())]);
}

#[test]
fn an_undo_takes_its_quantity_off_and_the_last_one_takes_the_line() {
    let mut bench = Bench::new();
    for code in [SHAMPOO, COMB, COMB] {
        bench.scan(code);
    }
    let id = bench.open_id(DOCK_IN);
    bench.scan(&Control::Undo.code());
    assert_eq!(bench.lines(id), [(1, 1, "1".to_owned()), (2, 2, "1".to_owned())]);
    bench.scan(&Control::Undo.code());
    assert_eq!(bench.lines(id), [(1, 1, "1".to_owned())]);
    let figures = bench.figures();
    assert_eq!((figures.scans.booked, figures.scans.undone), (3, 2));
    assert_eq!((figures.units_undone, figures.of(State::Open).units), (units(2), units(1)));
}

#[test]
fn an_operation_emptied_by_undo_is_cancelled_and_never_on_the_agenda() {
    let mut bench = Bench::new();
    bench.scan(SHAMPOO);
    let id = bench.open_id(DOCK_IN);
    bench.scan(&Control::Undo.code());
    assert_eq!(bench.state(id), State::Cancelled);
    let cancelled = bench.figures().of(State::Cancelled);
    assert_eq!((cancelled.operations, cancelled.units), (1, units(0)));
    assert!(bench.db.agenda().unwrap().is_empty());
}

#[test]
fn a_scan_is_taken_back_once() {
    let mut bench = Bench::new();
    bench.scan(SHAMPOO);
    bench.scan(COMB);
    let (dock, undo) = (ScannerName::new("dock"), frame(&Control::Undo.code()));
    let (heard, decision) = bench.decide(&dock, &undo);
    bench.record(&dock, &undo, (&heard, &decision)).unwrap();
    let before = bench.figures();
    let again = bench.record(&dock, &undo, (&heard, &decision));
    assert!(matches!(again, Err(Error::Unexpected { .. })), "{again:?}");
    assert_eq!(bench.figures(), before);
    assert_eq!(before.scans.undone, 1);
}

#[test]
fn a_commit_that_fails_writes_nothing_of_a_scan() {
    let fails = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&fails);
    let mut bench = Bench::with(Some(Box::new(move || told.load(Ordering::SeqCst))));
    bench.scan(SHAMPOO);
    let before = bench.figures();
    fails.store(true, Ordering::SeqCst);
    for code in [SHAMPOO, COMB, "nobody knows this", &Control::Undo.code(), &Control::Close.code()] {
        assert!(bench.scan_on("dock", code).is_err(), "{code}");
        assert_eq!(bench.figures(), before, "{code}");
    }
    fails.store(false, Ordering::SeqCst);
    bench.scan(COMB);
    assert_eq!(bench.lines(bench.open_id(DOCK_IN)), [(1, 1, "1".to_owned()), (2, 2, "1".to_owned())]);
}

#[test]
fn the_storage_commanded_last_survives_a_power_cut_and_what_it_left_open_is_queued() {
    let mut bench = Bench::new();
    bench.scan(SHAMPOO);
    bench.scan(&Control::Storage(StorageId(91_272)).code());
    assert_eq!(bench.figures().of(State::Queued).operations, 1);
    let mut bench = bench.reopen("boot-2");
    assert_eq!(bench.db.commanded().unwrap().storage, Some(StorageId(91_272)));
    bench.scan(SHAMPOO);
    let open = bench.db.open_operations(BootMillis(7)).unwrap();
    assert_eq!(open.keys().map(|place| place.storage.0).collect::<Vec<_>>(), [91_272]);
    assert_eq!(bench.figures().storage, Some(StorageId(91_272)));
}

#[test]
fn the_mode_commanded_last_and_what_is_open_survive_a_power_cut() {
    let mut bench = Bench::new();
    for code in [&Control::Mode(Mode::WriteOff).code(), SHAMPOO, COMB, &Control::Undo.code()] {
        bench.scan(code);
    }
    bench.scan_on("ramp", COMB).unwrap();
    let before = bench.db.open_operations(BootMillis(7)).unwrap();
    assert_eq!(before.len(), 2);
    let mut bench = bench.reopen("boot-2");
    assert_eq!(bench.session.mode(), Mode::WriteOff);
    assert_eq!(bench.db.open_operations(BootMillis(7)).unwrap(), before);
    // UNDO goes on where it was.
    bench.scan(&Control::Undo.code());
    assert_eq!(bench.figures().of(State::Cancelled).operations, 1);
}

#[test]
fn a_marker_names_its_station_and_no_two_are_the_same() {
    let mut bench = Bench::new();
    for code in [SHAMPOO, &Control::Close.code(), SHAMPOO, &Control::Close.code()] {
        bench.scan(code);
    }
    let marker = |id| bench.db.pending(OperationId(id)).unwrap().operation.marker.as_str().to_owned();
    let (first, second) = (marker(1), marker(2));
    assert!(first.starts_with("#sp:dock-1:") && first.ends_with('#'), "{first}");
    assert_eq!(first.len(), "#sp:dock-1:".len() + 26 + 1);
    assert_ne!(first, second);
}
