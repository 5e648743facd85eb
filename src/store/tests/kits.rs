//! Tests of kits: the copy of the cards, and one scan that stands in several operations.

use super::{BEGIN, Bench, COMB, DOCK_IN, SHAMPOO, found, good, read_all, units};
use crate::domain::code::control::{Control, kit_code};
use crate::domain::delivery::{Event, State, Step};
use crate::domain::ids::{CardId, DocumentId, GoodId, OperationId, StorageId, TransactionId};
use crate::domain::stock::good::WriteOffUnit;
use crate::domain::stock::kit::{Card, KitScan, Material};
use crate::domain::stock::mode::{Kind, Mode};
use crate::domain::stock::operation::Place;
use crate::domain::stock::quantity::Quantity;
use crate::domain::stock::resolution::Resolution;
use crate::domain::time::{BootMillis, UnixMillis};
use crate::store::{Assigned, ScanCounts};

const WASH: CardId = CardId(410);

fn material(good: i64, storage: i64, amount: &str, unit: &str) -> Material {
    Material {
        good: GoodId(good),
        storage: Some(StorageId(storage)),
        amount: Quantity::from_decimal(amount.parse().unwrap()).unwrap(),
        unit: unit.to_owned(),
    }
}

/// Two combs from the dock's storage, and 15 ml of a shampoo of 100 from the ramp's.
fn wash() -> Card {
    let materials = vec![material(2, 91_271, "2", "pc"), material(1, 91_272, "15", "ml")];
    Card { id: WASH, title: "Hair wash".to_owned(), materials }
}

/// A bench that knows the goods and the card, in write-off mode.
fn bench() -> Bench {
    let mut bench = Bench::new();
    read_goods(&mut bench);
    bench.db.put_cards(&[wash()]).unwrap();
    bench.scan(&Control::Mode(Mode::WriteOff).code());
    bench
}

fn read_goods(bench: &mut Bench) {
    let mut shampoo = good(1, "Shampoo", SHAMPOO);
    let per_sale_unit = "100".parse().unwrap();
    shampoo.write_off_unit = Some(WriteOffUnit { name: "ml".to_owned(), per_sale_unit });
    read_all(&mut bench.db, &[shampoo, good(2, "Comb", COMB)]);
}

fn quantity(decimal: &str) -> Quantity {
    Quantity::from_decimal(decimal.parse().unwrap()).unwrap()
}

const OUT_OF_DOCK: Place = Place { kind: Kind::WriteOff, storage: StorageId(91_271) };
const OUT_OF_RAMP: Place = Place { kind: Kind::WriteOff, storage: StorageId(91_272) };

#[test]
fn a_kit_is_one_booked_scan_of_several_operations() {
    let mut bench = bench();
    bench.scan(COMB);
    bench.scan(&Control::Quantity(3).code());
    bench.scan(&kit_code(WASH));
    let (dock, ramp) = (bench.open_id(OUT_OF_DOCK), bench.open_id(OUT_OF_RAMP));
    assert_eq!(bench.lines(dock), [(1, 2, "7".to_owned())]);
    assert_eq!(bench.lines(ramp), [(1, 1, "0.45".to_owned())]);
    let figures = bench.figures();
    assert_eq!(figures.scans, ScanCounts { booked: 2, control: 2, ..ScanCounts::default() });
    assert_eq!((figures.units_booked, figures.of(State::Open).operations), (quantity("7.45"), 2));
    assert_eq!(bench.db.pending(ramp).unwrap().operation.lines[0].barcode, kit_code(WASH));
}

#[test]
fn an_undo_takes_all_of_a_kit_off_and_counts_once_after_a_power_cut_too() {
    let mut bench = bench();
    bench.scan(&kit_code(WASH));
    bench.scan_on("ramp", COMB).unwrap();
    bench.scan(COMB);
    let before = bench.db.open_operations(BootMillis(7)).unwrap();
    let mut bench = bench.reopen("boot-2");
    assert_eq!(bench.db.open_operations(BootMillis(7)).unwrap(), before);
    let (dock, ramp) = (bench.open_id(OUT_OF_DOCK), bench.open_id(OUT_OF_RAMP));
    bench.scan(&Control::Undo.code());
    bench.scan(&Control::Undo.code());
    assert_eq!(bench.state(dock), State::Cancelled);
    assert_eq!(bench.lines(ramp), [(2, 2, "1".to_owned())]);
    let figures = bench.figures();
    assert_eq!((figures.scans.booked, figures.scans.undone), (3, 2));
    assert_eq!(figures.units_undone, quantity("3.15"));
}

#[test]
fn a_kit_whose_commit_fails_is_in_no_operation() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    let fails = Arc::new(AtomicBool::new(false));
    let hook_fails = Arc::clone(&fails);
    let mut bench = Bench::with(Some(Box::new(move || hook_fails.load(Ordering::SeqCst))));
    read_goods(&mut bench);
    bench.db.put_cards(&[wash()]).unwrap();
    bench.scan(&Control::Mode(Mode::WriteOff).code());
    fails.store(true, Ordering::SeqCst);
    assert!(bench.scan_on("dock", &kit_code(WASH)).is_err());
    fails.store(false, Ordering::SeqCst);
    assert_eq!(bench.figures().units_booked, units(0));
    assert!(bench.db.open_operations(BootMillis(0)).unwrap().is_empty());
}

#[test]
fn a_parked_kit_is_booked_once_when_its_card_and_its_goods_are_known() {
    let mut bench = bench();
    bench.db.put_cards(&[]).unwrap();
    bench.scan(&Control::Quantity(2).code());
    bench.scan(&kit_code(WASH));
    bench.scan_on("ramp", &kit_code(WASH)).unwrap();
    assert_eq!((bench.figures().scans.unknown, bench.figures().units_parked), (2, units(3)));
    assert_eq!(bench.db.book_parked(BEGIN).unwrap(), []);
    read_all(&mut bench.db, &[good(2, "Comb", COMB)]);
    bench.db.put_cards(&[wash()]).unwrap();
    assert_eq!(bench.db.book_parked(BEGIN).unwrap(), [], "the shampoo is not known yet");
    read_goods(&mut bench);
    assert_eq!(bench.db.book_parked(BEGIN).unwrap(), [OperationId(1), OperationId(2)]);
    assert_eq!(bench.db.book_parked(BEGIN).unwrap(), []);
    assert_eq!(bench.lines(OperationId(1)), [(1, 2, "6".to_owned())]);
    assert_eq!(bench.lines(OperationId(2)), [(1, 1, "0.45".to_owned())]);
    let figures = bench.figures();
    assert_eq!((figures.scans.booked, figures.scans.unknown), (2, 0));
    assert_eq!((figures.units_booked, figures.units_parked), (quantity("6.45"), units(0)));
    assert_eq!(figures.of(State::Queued).units, quantity("6.45"));
    let sql = "SELECT sum(quantity) FROM scans WHERE outcome = 'booked'";
    let journalled = bench.db.outbox.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(Quantity::from_millionths(journalled), figures.units_booked);
}

#[test]
fn a_parked_kit_that_turns_out_unusable_stays_parked() {
    let mut bench = bench();
    bench.db.put_cards(&[]).unwrap();
    bench.scan(&kit_code(WASH));
    let barrel = Card { materials: vec![material(1, 91_272, "1", "barrel")], ..wash() };
    bench.db.put_cards(&[barrel]).unwrap();
    assert_eq!(bench.db.kit(WASH).unwrap(), Resolution::Unusable);
    assert_eq!(bench.db.book_parked(BEGIN).unwrap(), []);
    assert_eq!(bench.figures().scans.unknown, 1);
}

#[test]
fn the_cards_read_replace_those_before() {
    let mut bench = bench();
    let other = Card { id: CardId(7), title: "Other".to_owned(), ..wash() };
    bench.db.put_cards(&[other]).unwrap();
    assert_eq!(bench.db.cards().unwrap(), [(CardId(7), "Other".to_owned())]);
    assert_eq!(bench.db.kit(WASH).unwrap(), Resolution::Unknown);
    assert!(matches!(bench.db.kit(CardId(7)).unwrap(), Resolution::Kit(_)));
}

#[test]
fn a_change_of_a_goods_second_unit_counts_at_the_next_scan() {
    let mut bench = bench();
    let mut shampoo = good(1, "Shampoo", SHAMPOO);
    let per_sale_unit = "50".parse().unwrap();
    shampoo.write_off_unit = Some(WriteOffUnit { name: "ml".to_owned(), per_sale_unit });
    bench.db.put_changed_goods(&[shampoo]).unwrap();
    bench.scan(&kit_code(WASH));
    assert_eq!(bench.lines(bench.open_id(OUT_OF_RAMP)), [(1, 1, "0.3".to_owned())]);
}

#[test]
fn a_control_code_is_never_given_to_a_good() {
    let mut bench = bench();
    for code in [kit_code(WASH), kit_code(CardId(9)), Control::Undo.code(), "$SP.nonsense".to_owned()] {
        assert_eq!(bench.assign(&code, 1), Assigned::ControlCode, "{code}");
    }
    assert_eq!(found(&bench.db, &kit_code(WASH)), "unknown");
}

#[test]
fn a_kits_scan_is_forgotten_with_the_last_operation_it_stands_in() {
    let mut bench = bench();
    bench.scan_on("ramp", COMB).unwrap();
    bench.scan(&kit_code(WASH));
    bench.scan(&Control::Close.code());
    let rows = |bench: &Bench, table: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        bench.db.outbox.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    let later = UnixMillis(BEGIN.0 + 1_000_000_000);
    for (id, lines, scans_left, parts_left) in [(2, 1, 2, 1), (1, 2, 0, 0)] {
        let id = OperationId(id);
        bench.step(id, Event::Send(Step::Operation));
        let transactions =
            (1..=lines).map(|line| (line, TransactionId(id.0 * 10 + i64::from(line)))).collect();
        bench.step(id, Event::Done { document: DocumentId(id.0), transactions });
        let before = bench.figures();
        assert_eq!(bench.db.prune(later).unwrap().operations, 1);
        assert_eq!(bench.figures(), before);
        assert_eq!((rows(&bench, "scans"), rows(&bench, "scan_parts")), (scans_left, parts_left));
    }
}

#[test]
fn a_kit_in_receipt_mode_opens_nothing() {
    let mut bench = bench();
    bench.scan(&Control::Mode(Mode::Receipt).code());
    bench.scan(&kit_code(WASH));
    assert_eq!(bench.figures().scans.refused, 1);
    assert!(!bench.db.open_operations(BootMillis(0)).unwrap().contains_key(&DOCK_IN));
}

#[test]
fn a_kit_that_was_parked_stays_so_and_is_listed_while_it_may_not_be_booked() {
    let mut bench = Bench::new();
    read_goods(&mut bench);
    bench.scan(&Control::Mode(Mode::WriteOff).code());
    bench.scan(&kit_code(WASH));
    bench.db.put_cards(&[wash()]).unwrap();
    for kits in [KitScan::None, KitScan::Only([CardId(999)].into())] {
        bench.db.allow_kits(kits);
        assert_eq!(bench.db.book_parked(BEGIN).unwrap(), []);
        let parked: Vec<String> = bench.db.parked().unwrap().into_iter().map(|parked| parked.code).collect();
        assert_eq!(parked, [kit_code(WASH)]);
    }
    bench.db.allow_kits(KitScan::Only([WASH].into()));
    assert_eq!(bench.db.book_parked(BEGIN).unwrap().len(), 2);
    assert!(bench.db.parked().unwrap().is_empty());
}
