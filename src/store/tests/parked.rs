//! Codes that no good has yet, and what becomes of them once one has.

use super::{BEGIN, Bench, COMB, DOCK_IN, SHAMPOO, found, good, read_all, session_with, units};
use crate::domain::control::Control;
use crate::domain::delivery::State;
use crate::domain::ids::{GoodId, OperationId, ScannerName};
use crate::domain::mode::Kind;
use crate::domain::rule::Rule;
use crate::domain::session::Conventions;
use crate::domain::variable::{ItemCode, Measured, Pattern};
use crate::store::Assigned;

/// Two scans of `LATER` at the dock, of one unit and of five, and one at the ramp.
fn bench_with_parked_scans() -> Bench {
    let mut bench = Bench::new();
    for code in ["LATER", &Control::Quantity(5).code(), "LATER"] {
        bench.scan(code);
    }
    bench.scan_on("ramp", "LATER").unwrap();
    bench
}

#[test]
fn parked_scans_are_listed_by_code_with_what_they_sum_up_to() {
    let mut bench = bench_with_parked_scans();
    bench.scan("NEVER");
    let parked = bench.db.parked().unwrap();
    let told: Vec<_> =
        parked.iter().map(|code| (code.code.as_str(), code.scans, code.units.to_string())).collect();
    assert_eq!(told, [("NEVER", 1, "1".to_owned()), ("LATER", 3, "7".to_owned())]);
    assert_eq!((parked[1].first_scan, parked[1].last_scan), (BEGIN.plus_ms(1000), BEGIN.plus_ms(4000)));
    assert_eq!(bench.figures().units_parked, units(8));
}

#[test]
fn a_code_that_becomes_known_is_booked_once_in_an_operation_for_each_place() {
    let mut bench = bench_with_parked_scans();
    bench.scan("NEVER");
    assert_eq!(bench.db.book_parked(BEGIN).unwrap(), []);
    bench.db.put_changed_goods(&[good(3, "Later", "LATER")]).unwrap();
    let booked = bench.db.book_parked(BEGIN.plus_ms(9000)).unwrap();
    assert_eq!(booked, [OperationId(1), OperationId(2)]);
    assert_eq!(bench.db.book_parked(BEGIN.plus_ms(9001)).unwrap(), []);
    let dock = bench.db.pending(booked[0]).unwrap();
    assert_eq!((dock.operation.place, dock.delivery.state), (DOCK_IN, State::Queued));
    assert_eq!(bench.lines(booked[0]), [(1, 3, "6".to_owned())]);
    // The document is dated when the code was scanned, not when it became known.
    assert_eq!(dock.first_scan, BEGIN.plus_ms(1000));
    let ramp = bench.db.pending(booked[1]).unwrap();
    assert_eq!((ramp.operation.place.kind, ramp.operation.place.storage.0), (Kind::WriteOff, 91_272));
    let figures = bench.figures();
    assert_eq!((figures.scans.unknown, figures.scans.booked, figures.scans.accepted()), (1, 3, 5));
    assert_eq!((figures.units_parked, figures.units_booked), (units(1), units(7)));
}

/// A station whose scanner puts a B in front of all it reads, and whose labels that begin with 21 are weighed.
fn bench_with_conventions() -> Bench {
    let mut bench = Bench::new();
    let strip = Rule { strip_prefix: Some("B".to_owned()), ..Rule::default() };
    let weighed = Pattern::new("21IIIIIWWWWWC", Measured::Weight, 3, ItemCode::Zeroed).unwrap();
    let rules = [(ScannerName::new("dock"), vec![strip])].into();
    let conventions = Conventions { rules, patterns: vec![weighed], ..Conventions::default() };
    bench.session = session_with(&bench.db, conventions);
    bench
}

#[test]
fn a_parked_code_is_found_later_by_what_the_rules_made_of_it() {
    // Behind its identifier this is a UPC-E and no EAN-8: it is not the same code without.
    for (raw, listed, barcode) in
        [("BLATER", "LATER", "LATER"), ("B]E001234558", "01234558", "012345000058"), ("BB", "B", "B")]
    {
        let mut bench = bench_with_conventions();
        bench.scan(raw);
        assert_eq!(bench.db.parked().unwrap()[0].code, listed);
        let kept: Vec<u8> = bench.db.outbox.query_row("SELECT raw FROM scans", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, raw.as_bytes(), "the journal has the bytes");
        // What the configuration says by then is of no matter.
        bench = bench.reopen("boot-2");
        bench.db.put_changed_goods(&[good(3, "Later", barcode), good(4, "Other", raw)]).unwrap();
        let booked = bench.db.book_parked(BEGIN).unwrap();
        assert_eq!(bench.lines(booked[0]), [(1, 3, "1".to_owned())], "{raw}");
    }
}

#[test]
fn labels_of_one_unknown_good_are_one_parked_code_with_their_weights() {
    let mut bench = bench_with_conventions();
    for label in ["2112345015002", "B2112345999999"] {
        bench.scan(label);
    }
    let parked = bench.db.parked().unwrap();
    let [code] = &parked[..] else { panic!("{parked:?}") };
    assert_eq!(
        (code.code.as_str(), code.scans, code.units.to_string()),
        ("2112345000008", 2, "101.499".to_owned())
    );
    let assigned = bench.db.assign("2112345000008", GoodId(2), BEGIN).unwrap();
    let Assigned::Done { operations, .. } = assigned else { panic!("{assigned:?}") };
    assert_eq!(bench.lines(operations[0]), [(1, 2, "101.499".to_owned())]);
    bench.scan("2112345015002");
    assert_eq!(bench.figures().units_booked.to_string(), "102.999");
}

#[test]
fn a_label_whose_good_becomes_known_is_booked_with_its_weight() {
    let mut bench = bench_with_conventions();
    bench.scan("B2112345015002");
    bench.db.put_changed_goods(&[good(3, "Pasta", "2112345000008")]).unwrap();
    let booked = bench.db.book_parked(BEGIN).unwrap();
    assert_eq!(bench.lines(booked[0]), [(1, 3, "1.5".to_owned())]);
}

#[test]
fn parked_scans_do_not_join_the_open_operation_of_their_place() {
    let mut bench = bench_with_parked_scans();
    bench.scan(SHAMPOO);
    let open = bench.open_id(DOCK_IN);
    bench.db.put_changed_goods(&[good(3, "Later", "LATER")]).unwrap();
    let booked = bench.db.book_parked(BEGIN).unwrap();
    assert!(!booked.contains(&open));
    assert_eq!(bench.lines(open), [(1, 1, "1".to_owned())]);
    assert_eq!(bench.state(open), State::Open);
}

#[test]
fn a_code_that_two_goods_share_stays_parked_until_one_has_it_alone() {
    let mut bench = bench_with_parked_scans();
    bench.db.put_changed_goods(&[good(3, "Later", "LATER"), good(4, "Later too", "LATER")]).unwrap();
    assert_eq!(bench.db.book_parked(BEGIN).unwrap(), []);
    assert_eq!(bench.figures().scans.unknown, 3);
    bench.db.put_changed_goods(&[good(4, "Later too", "OTHER")]).unwrap();
    assert_eq!(bench.db.book_parked(BEGIN).unwrap().len(), 2);
}

#[test]
fn a_code_given_to_a_good_means_it_from_then_on_and_books_what_was_parked() {
    let mut bench = bench_with_parked_scans();
    let assigned = bench.db.assign("LATER", GoodId(2), BEGIN).unwrap();
    let Assigned::Done { good, operations } = assigned else { panic!("{assigned:?}") };
    assert_eq!((good.title.as_str(), operations.len()), ("Comb", 2));
    assert_eq!(bench.figures().scans.unknown, 0);
    bench.scan("LATER");
    assert_eq!(bench.figures().scans.booked, 4);
    assert_eq!(found(&bench.reopen("boot-2").db, "LATER"), "2");
}

#[test]
fn the_goods_table_outweighs_what_a_person_said() {
    let mut bench = Bench::new();
    bench.db.assign("LATER", GoodId(2), BEGIN).unwrap();
    bench.db.put_changed_goods(&[good(3, "Later", "LATER")]).unwrap();
    assert_eq!(found(&bench.db, "LATER"), "3");
}

#[test]
fn a_code_given_to_a_good_that_is_gone_is_unknown_until_it_is_back() {
    let mut bench = Bench::new();
    bench.db.assign("LATER", GoodId(2), BEGIN).unwrap();
    read_all(&mut bench.db, &[good(1, "Shampoo", SHAMPOO)]);
    assert_eq!(found(&bench.db, "LATER"), "unknown");
    read_all(&mut bench.db, &[good(2, "Comb", COMB)]);
    assert_eq!(found(&bench.db, "LATER"), "2");
}

#[test]
fn a_code_is_not_given_to_a_good_that_is_not_there_nor_taken_from_one_that_has_it() {
    let mut bench = bench_with_parked_scans();
    assert_eq!(bench.db.assign("LATER", GoodId(99), BEGIN).unwrap(), Assigned::NoSuchGood);
    assert_eq!(bench.db.assign(SHAMPOO, GoodId(2), BEGIN).unwrap(), Assigned::KnownAlready);
    assert_eq!(
        (found(&bench.db, "LATER"), found(&bench.db, SHAMPOO)),
        ("unknown".to_owned(), "1".to_owned())
    );
    assert_eq!(bench.figures().scans.unknown, 3);
}
