//! Tests of codes that no good has yet, and of their booking once one has.

use super::{BEGIN, Bench, COMB, DOCK_IN, SHAMPOO, found, good, read_all, session_with, units};
use crate::domain::code::barcode::Barcode;
use crate::domain::code::control::Control;
use crate::domain::code::pack::{Content, Pack, Packs};
use crate::domain::code::rule::Rule;
use crate::domain::code::variable::{ItemCode, Measured, Pattern};
use crate::domain::delivery::State;
use crate::domain::ids::{GoodId, OperationId, ScannerName};
use crate::domain::session::Conventions;
use crate::domain::stock::mode::Kind;
use crate::store::{Assigned, Assignment, ParkedAt, find_given};

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
    let listed: Vec<_> =
        parked.iter().map(|code| (code.code.as_str(), code.scans, code.units.to_string())).collect();
    assert_eq!(listed, [("NEVER", 1, "1".to_owned()), ("LATER", 3, "7".to_owned())]);
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
    // The document is dated by the scan of the code, not by the moment at which it became known.
    assert_eq!(dock.first_scan, BEGIN.plus_ms(1000));
    let ramp = bench.db.pending(booked[1]).unwrap();
    assert_eq!((ramp.operation.place.kind, ramp.operation.place.storage.0), (Kind::WriteOff, 91_272));
    let figures = bench.figures();
    assert_eq!((figures.scans.unknown, figures.scans.booked, figures.scans.accepted()), (1, 3, 5));
    assert_eq!((figures.units_parked, figures.units_booked), (units(1), units(7)));
}

/// Codes that a step ends with whole, one that needs several steps, and one behind it.
#[test]
fn many_parked_scans_are_booked_some_at_a_time_and_each_once() {
    let mut bench = Bench::new();
    for number in 0..60 {
        for _ in 0..3 {
            bench.scan(&format!("A-{number:02}"));
        }
    }
    for _ in 0..250 {
        bench.scan("B");
    }
    bench.scan("C");
    let goods = (0..60).map(|number| good(100 + number, "A", &format!("A-{number:02}")));
    let goods: Vec<_> = goods.chain([good(7, "B", "B"), good(8, "C", "C")]).collect();
    bench.db.put_changed_goods(&goods).unwrap();
    let (mut at, mut steps) = (Some(ParkedAt::default()), Vec::new());
    while let Some(after) = at {
        let step = bench.db.book_some_parked(&after, BEGIN).unwrap();
        steps.push(step.operations.len());
        at = step.next;
    }
    // 33 codes of three scans are whole within a hundred, 27 more before the long one, which is cut every hundred.
    assert_eq!(steps, [33, 27, 1, 1, 2]);
    let figures = bench.figures();
    assert_eq!((figures.units_parked, figures.scans.booked), (units(0), 60 * 3 + 250 + 1));
    assert_eq!(bench.db.book_parked(BEGIN).unwrap(), []);
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
    // With its identifier this is a UPC-E and no EAN-8: it is not the same code without it.
    for (raw, listed, barcode) in
        [("BLATER", "LATER", "LATER"), ("B]E001234558", "]E001234558", "012345000058"), ("BB", "B", "B")]
    {
        let mut bench = bench_with_conventions();
        bench.scan(raw);
        assert_eq!(bench.db.parked().unwrap()[0].code, listed);
        let kept: Vec<u8> = bench.db.outbox.query_row("SELECT raw FROM scans", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, raw.as_bytes(), "the journal has the bytes");
        // The configuration at that time does not matter.
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
    let assigned = bench.assign("2112345000008", 2);
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
    let assigned = bench.assign("LATER", 2);
    let Assigned::Done { good, operations } = assigned else { panic!("{assigned:?}") };
    assert_eq!((good.title.as_str(), operations.len()), ("Comb", 2));
    assert_eq!(bench.figures().scans.unknown, 0);
    bench.scan("LATER");
    assert_eq!(bench.figures().scans.booked, 4);
    assert_eq!(found(&bench.reopen("boot-2").db, "LATER"), "2");
}

#[test]
fn the_goods_table_outweighs_an_assignment() {
    let mut bench = Bench::new();
    bench.assign("LATER", 2);
    bench.db.put_changed_goods(&[good(3, "Later", "LATER")]).unwrap();
    assert_eq!(found(&bench.db, "LATER"), "3");
}

#[test]
fn a_code_given_to_a_good_that_is_gone_is_unknown_until_it_is_back() {
    let mut bench = Bench::new();
    bench.assign("LATER", 2);
    read_all(&mut bench.db, &[good(1, "Shampoo", SHAMPOO)]);
    assert_eq!(found(&bench.db, "LATER"), "unknown");
    read_all(&mut bench.db, &[good(2, "Comb", COMB)]);
    assert_eq!(found(&bench.db, "LATER"), "2");
}

#[test]
fn a_code_is_not_given_to_a_good_that_is_not_there_nor_taken_from_one_that_has_it() {
    let mut bench = bench_with_parked_scans();
    assert_eq!(bench.assign("LATER", 99), Assigned::NoSuchGood);
    assert_eq!(bench.assign(SHAMPOO, 2), Assigned::KnownAlready);
    assert_eq!(
        (found(&bench.db, "LATER"), found(&bench.db, SHAMPOO)),
        ("unknown".to_owned(), "1".to_owned())
    );
    assert_eq!(bench.figures().scans.unknown, 3);
}

#[test]
fn codes_of_the_same_digits_that_were_read_otherwise_are_two_parked_codes() {
    let mut bench = Bench::new();
    for code in ["]E401234558", "]E001234558", "01234558"] {
        bench.scan(code);
    }
    let parked = bench.db.parked().unwrap();
    let codes: Vec<_> = parked.iter().map(|code| (code.code.as_str(), code.scans)).collect();
    assert_eq!(codes, [("01234558", 1), ("]E001234558", 1), ("]E401234558", 1)]);
    // The UPC-E is known now, whichever row came first; what can be both is booked as it would be by a scan.
    bench.db.put_changed_goods(&[good(3, "Late", "012345000058")]).unwrap();
    assert_eq!(bench.db.book_parked(BEGIN).unwrap().len(), 2);
    let parked = bench.db.parked().unwrap();
    assert_eq!(parked.iter().map(|code| code.code.as_str()).collect::<Vec<_>>(), ["]E401234558"]);
}

#[test]
fn an_assignment_teaches_no_other_code_of_the_same_digits() {
    let mut bench = Bench::new();
    bench.assign("]E001234558", 2);
    let codes = ["]E001234558", "012345000058", "]E401234558", "01234558"];
    assert_eq!(codes.map(|code| found(&bench.db, code)), ["2", "2", "unknown", "2"]);
    let mut bench = Bench::new();
    bench.assign("01234558", 2);
    assert_eq!(codes.map(|code| found(&bench.db, code)), ["unknown", "unknown", "unknown", "2"]);
    bench.assign("]E001234558", 1);
    bench.assign("]E401234558", 2);
    assert_eq!(codes.map(|code| found(&bench.db, code)), ["1", "1", "2", "2"]);
    bench.db.unassign("g00000001234558+g00012345000058").unwrap();
    assert_eq!(found(&bench.db, "01234558"), "ambiguous");
}

#[test]
fn a_serialised_code_is_parked_assigned_and_counted_by_its_item() {
    let mut bench = Bench::new();
    let label = |serial: &str| format!("]d2011400638133393821{serial}\u{1d}10LOT");
    for serial in ["A", "B", "C"] {
        bench.scan(&label(serial));
    }
    bench.scan("14006381333938");
    let parked = bench.db.parked().unwrap();
    let [code] = &parked[..] else { panic!("{parked:?}") };
    assert_eq!((code.code.as_str(), code.scans, code.places), ("14006381333938", 4, 1));
    let Assigned::Done { operations, .. } = bench.assign(&label("B"), 2) else { panic!("not assigned") };
    assert_eq!(bench.lines(operations[0]), [(1, 2, "4".to_owned())]);
    assert_eq!(found(&bench.db, &label("D")), "2");
    let sql = "SELECT lot, serial FROM scans ORDER BY id LIMIT 1";
    let kept: (String, String) =
        bench.db.outbox.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(kept, ("LOT".to_owned(), "A".to_owned()));
}

#[test]
fn labels_of_one_item_may_be_goods_of_their_own() {
    let mut bench = Bench::new();
    bench.scan("010400638133394821A");
    bench.scan("010400638133394821B");
    bench
        .db
        .put_changed_goods(&[good(3, "Item", "4006381333948"), good(4, "Unit", "010400638133394821B")])
        .unwrap();
    let booked = bench.db.book_parked(BEGIN).unwrap();
    assert_eq!(bench.lines(booked[0]), [(1, 3, "1".to_owned()), (2, 4, "1".to_owned())]);
}

#[test]
fn what_was_given_is_listed_and_can_be_taken_back() {
    let mut bench = bench_with_parked_scans();
    bench.assign("LATER", 2);
    bench.assign("]E401234558", 1);
    let given = bench.db.given().unwrap();
    let listed: Vec<_> =
        given.iter().map(|given| (given.code.as_str(), given.title.as_deref(), given.at)).collect();
    assert_eq!(listed, [("]E401234558", Some("Shampoo"), Some(BEGIN)), ("LATER", Some("Comb"), Some(BEGIN))]);
    assert_eq!(find_given(&given, "]C0LATER").unwrap().key, "tLATER");
    assert_eq!(find_given(&given, "LATE"), None);
    assert_eq!(bench.db.unassign("tLATER").unwrap(), Some(GoodId(2)));
    assert_eq!(bench.db.unassign("tLATER").unwrap(), None);
    let figures = bench.figures();
    bench.scan("LATER");
    assert_eq!(bench.figures().scans.unknown, figures.scans.unknown + 1, "it is unknown again");
    assert_eq!(bench.figures().units_booked, units(7), "and what was booked stays booked");
}

/// A station that knows a carton of twelve shampoos, and one of six of a good that it finds by its barcode.
fn bench_with_packs() -> Bench {
    let mut bench = Bench::new();
    let mut packs = Packs::default();
    let place = "pack[0]".to_owned();
    let content = Content::Good(GoodId(1));
    packs.add(Pack { code: "14006381333938".to_owned(), content, factor: 12, place: place.clone() }).unwrap();
    let content = Content::Barcode("LATER".to_owned());
    packs.add(Pack { code: "SIX".to_owned(), content, factor: 6, place }).unwrap();
    bench.db.set_packs(packs);
    bench
}

#[test]
fn a_pack_counts_what_is_in_it_and_the_goods_table_outweighs_it() {
    let mut bench = bench_with_packs();
    assert_eq!(found(&bench.db, "14006381333938"), "12 x 1");
    assert_eq!(found(&bench.db, "]C1011400638133393810AB"), "12 x 1");
    bench.scan("14006381333938");
    bench.scan(&Control::Quantity(3).code());
    bench.scan("14006381333938");
    assert_eq!(bench.lines(bench.open_id(DOCK_IN)), [(1, 1, "48".to_owned())]);
    assert_eq!(bench.assign("14006381333938", 2), Assigned::KnownAlready);
    bench.db.put_changed_goods(&[good(3, "Carton", "14006381333938")]).unwrap();
    assert_eq!(found(&bench.db, "14006381333938"), "3");
}

#[test]
fn parked_scans_of_a_pack_are_booked_with_what_is_in_it() {
    let mut bench = bench_with_packs();
    bench.scan("SIX");
    bench.scan(&Control::Quantity(2).code());
    bench.scan("SIX");
    assert_eq!(bench.figures().units_parked, units(3));
    bench.db.put_changed_goods(&[good(3, "Later", "LATER")]).unwrap();
    let booked = bench.db.book_parked(BEGIN).unwrap();
    assert_eq!(bench.lines(booked[0]), [(1, 3, "18".to_owned())]);
    assert_eq!(bench.figures().units_booked, units(18));
    bench.scan("CASE");
    let code = Barcode::read("CASE");
    let wanted = Assignment { code: &code, good: GoodId(2), factor: 24 };
    let Assigned::Done { operations, .. } = bench.db.assign(&wanted, BEGIN).unwrap() else {
        panic!("not assigned")
    };
    assert_eq!(bench.lines(operations[0]), [(1, 2, "24".to_owned())]);
    assert_eq!(found(&bench.db, "CASE"), "24 x 2");
}

#[test]
fn a_pack_whose_goods_are_two_or_none_is_booked_to_neither() {
    let mut bench = bench_with_packs();
    assert_eq!(found(&bench.db, "SIX"), "unknown");
    bench.db.put_changed_goods(&[good(3, "Later", "LATER"), good(4, "Later too", "LATER")]).unwrap();
    assert_eq!(found(&bench.db, "SIX"), "ambiguous");
}

#[test]
fn a_parked_scan_that_was_taken_back_waits_for_nothing() {
    let mut bench = bench_with_parked_scans();
    bench.db.outbox.execute("UPDATE scans SET undone_by = 9 WHERE id = 1", []).unwrap();
    assert_eq!(bench.db.parked().unwrap()[0].scans, 2);
    bench.db.put_changed_goods(&[good(3, "Later", "LATER")]).unwrap();
    let booked = bench.db.book_parked(BEGIN).unwrap();
    assert_eq!(bench.lines(booked[0]), [(1, 3, "5".to_owned())]);
}

#[test]
fn the_copy_of_an_older_program_is_found_by_the_keys_of_this_one() {
    let mut bench = Bench::new();
    bench.db.put_changed_goods(&[good(3, "Padded", "ABC-1 "), good(4, "Typed", "]E09521234000020")]).unwrap();
    let old = "DELETE FROM keys WHERE good_id IN (3, 4); DELETE FROM progress WHERE name = 'keys_edition';
               INSERT INTO keys VALUES ('tABC-1 ', 3), ('t]E09521234000020', 4)";
    bench.db.goods.execute_batch(old).unwrap();
    assert_eq!(found(&bench.db, "ABC-1"), "unknown");
    let bench = bench.reopen("boot-2");
    let codes = ["ABC-1", "ABC-1 ", "9521234000020", "]E09521234000020", SHAMPOO];
    assert_eq!(codes.map(|code| found(&bench.db, code)), ["3", "3", "4", "4", "1"]);
    let old: i64 = bench
        .db
        .goods
        .query_row("SELECT count(*) FROM keys WHERE key LIKE 't%'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(old, 1);
}
