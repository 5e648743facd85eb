//! Tests of the rows that one frame writes, and that it counts once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{BEGIN, Bench, COMB, DOCK_IN, SHAMPOO, frame, good, read_all, units};
use crate::domain::code::control::Control;
use crate::domain::delivery::State;
use crate::domain::ids::{OperationId, ScannerName, StorageId};
use crate::domain::session::Change;
use crate::domain::stock::mode::Mode;
use crate::domain::time::{BootMillis, Moment};
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
    let scans = ScanCounts { booked: 3, undone: 2, unknown: 1, refused: 1, control: 6, lookup: 1 };
    assert_eq!(figures.scans, scans);
    assert_eq!((figures.units_booked, figures.units_undone), (units(14), units(12)));
    // UNDO after CLOSE took the parked scan back, which was the last.
    assert_eq!(figures.units_parked, units(0));
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
fn a_parked_scan_that_is_taken_back_is_parked_no_longer_and_never_booked() {
    let mut bench = Bench::new();
    for code in ["LATER", &Control::Quantity(5).code(), "LATER", &Control::Undo.code()] {
        bench.scan(code);
    }
    let figures = bench.figures();
    assert_eq!(figures.scans, ScanCounts { unknown: 2, undone: 1, control: 2, ..ScanCounts::default() });
    assert_eq!((figures.units_parked, figures.units_undone), (units(1), units(0)));
    let parked = bench.db.parked().unwrap();
    assert_eq!((parked[0].scans, parked[0].units), (1, units(1)));
    let mut bench = bench.reopen("boot-2");
    bench.scan(&Control::Undo.code());
    assert!(bench.db.parked().unwrap().is_empty());
    read_all(&mut bench.db, &[good(1, "Shampoo", SHAMPOO), good(2, "Comb", COMB), good(3, "Later", "LATER")]);
    assert!(bench.db.book_parked(BEGIN).unwrap().is_empty());
    assert_eq!(bench.figures().scans.undone, 2);
}

#[test]
fn last_changes_the_scan_its_line_and_the_counts() {
    let mut bench = Bench::new();
    for code in [SHAMPOO, COMB, &Control::Last(12).code()] {
        bench.scan(code);
    }
    let id = bench.open_id(DOCK_IN);
    assert_eq!(bench.lines(id), [(1, 1, "1".to_owned()), (2, 2, "12".to_owned())]);
    assert_eq!(bench.figures().units_booked, units(13));
    let mut bench = bench.reopen("boot-2");
    bench.scan(&Control::Last(2).code());
    assert_eq!(bench.lines(id), [(1, 1, "1".to_owned()), (2, 2, "2".to_owned())]);
    assert_eq!((bench.figures().units_booked, bench.figures().units_undone), (units(3), units(0)));
    bench.scan(&Control::Undo.code());
    assert_eq!((bench.figures().units_booked, bench.figures().units_undone), (units(3), units(2)));
    assert_eq!(bench.lines(id), [(1, 1, "1".to_owned())]);
}

/// Returns the age of the last scan of the dock as the next start finds it, in seconds.
fn last_scan_ago(bench: &Bench, now: Moment) -> Option<i64> {
    let followers = [ScannerName::new("dock")].into();
    let last = bench.db.commanded(now, &followers).unwrap().last_scan;
    last.map(|at| now.boot.ms_since(at) / 1000)
}

#[test]
fn the_last_scan_is_known_within_a_boot_by_its_clock_and_across_boots_by_trusted_times_alone() {
    for (is_trusted_then, is_trusted_now, within, across) in [
        (true, true, Some(100), Some(100)),
        (true, false, Some(100), None),
        (false, true, Some(100), None),
        (false, false, Some(100), None),
    ] {
        let mut bench = Bench::new();
        bench.trusted = is_trusted_then;
        bench.scan(&Control::Mode(Mode::WriteOff).code());
        bench.scan_on("ramp", COMB).unwrap();
        let at = Moment { wall: BEGIN.plus_ms(1000), boot: BootMillis(51_000), trusted: is_trusted_now };
        // The wall clock jumps by an hour, the time since boot does not.
        let same = Moment { wall: at.wall.plus_ms(3_600_000), boot: at.boot.plus_ms(100_000), ..at };
        assert_eq!(last_scan_ago(&bench, same), within);
        let bench = bench.reopen("boot-2");
        let after = Moment { wall: at.wall.plus_ms(100_000), boot: BootMillis(5000), ..at };
        assert_eq!(last_scan_ago(&bench, after), across, "{is_trusted_then} {is_trusted_now}");
        let before = Moment { wall: at.wall.plus_ms(-1), boot: BootMillis(5000), ..at };
        assert_eq!(last_scan_ago(&bench, before), None);
    }
}

#[test]
fn what_was_commanded_is_forgotten_when_it_falls_back() {
    let mut bench = Bench::new();
    bench.scan(&Control::Mode(Mode::WriteOff).code());
    bench.scan(&Control::Storage(StorageId(91_272)).code());
    bench.db.close_operations(&[Change::Revert], BEGIN).unwrap();
    assert_eq!((bench.figures().mode, bench.figures().storage), (None, None));
    assert_eq!(bench.reopen("boot-2").session.mode(), Mode::Receipt);
}

#[test]
fn a_scan_is_taken_back_once() {
    let mut bench = Bench::new();
    bench.scan(SHAMPOO);
    bench.scan(COMB);
    let (dock, undo) = (ScannerName::new("dock"), frame(&Control::Undo.code()));
    let (meaning, decision) = bench.decide(&dock, &undo);
    bench.record(&dock, &undo, &meaning, &decision).unwrap();
    let before = bench.figures();
    let again = bench.record(&dock, &undo, &meaning, &decision);
    assert!(matches!(again, Err(Error::Unexpected { .. })), "{again:?}");
    assert_eq!(bench.figures(), before);
    assert_eq!(before.scans.undone, 1);
}

#[test]
fn a_commit_that_fails_writes_nothing_of_a_scan() {
    let fails = Arc::new(AtomicBool::new(false));
    let hook_fails = Arc::clone(&fails);
    let mut bench = Bench::with(Some(Box::new(move || hook_fails.load(Ordering::SeqCst))));
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
    assert_eq!(bench.db.commanded_storage().unwrap(), Some(StorageId(91_272)));
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
