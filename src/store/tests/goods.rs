//! Tests of the copy of the goods table: the good that a code leads to, and the upkeep of the copy.

use super::{BEGIN, Bench, COMB, SHAMPOO, found, good, read_all};
use crate::domain::home::Books;
use crate::domain::ids::{GoodId, LocationId};
use crate::domain::listing::{Fault, Pass, Turn};
use crate::domain::stock::good::Good;
use crate::domain::time::UnixMillis;
use crate::store::{Doubt, FullReading, GoodsFigures, GoodsPage, Proof};

fn page(goods: &[Good]) -> GoodsPage {
    GoodsPage { rows: goods.len(), goods: goods.to_vec() }
}

#[test]
fn a_code_is_found_in_every_spelling_of_its_number_and_as_a_whole() {
    let mut bench = Bench::new();
    read_all(&mut bench.db, &[good(1, "Tissues", "036000291452"), good(2, "Card", "007")]);
    for code in ["036000291452", "0036000291452", "00036000291452", "]E00036000291452"] {
        assert_eq!(found(&bench.db, code), "1", "{code}");
    }
    for code in ["36000291452", "03600029145", "0360002914522"] {
        assert_eq!(found(&bench.db, code), "unknown", "{code}");
    }
    assert_eq!(found(&bench.db, "007"), "2");
    assert_eq!(found(&bench.db, "7"), "unknown");
}

#[test]
fn two_goods_with_one_code_are_booked_to_neither() {
    let mut bench = Bench::new();
    read_all(
        &mut bench.db,
        &[good(1, "Set", COMB), good(2, "Set (old box)", COMB), good(3, "Comb", SHAMPOO)],
    );
    assert_eq!(found(&bench.db, COMB), "ambiguous");
    assert_eq!(found(&bench.db, SHAMPOO), "3");
    bench.scan(COMB);
    assert_eq!(bench.figures().scans.refused, 1);
}

#[test]
fn the_first_tier_with_a_good_decides() {
    let element_string = "]C10104006381333931";
    let mut bench = Bench::new();
    assert_eq!(found(&bench.db, element_string), "1");
    // Undeclared elements are first of all a text.
    let undeclared = "(01)04006381333931";
    read_all(&mut bench.db, &[good(1, "Shampoo", SHAMPOO), good(9, "Sticker", undeclared)]);
    assert_eq!(found(&bench.db, undeclared), "9");
    let declared_text = good(8, "Text", "0104006381333931");
    read_all(&mut bench.db, &[good(1, "Shampoo", SHAMPOO), declared_text.clone()]);
    assert_eq!(found(&bench.db, element_string), "1");
    assert_eq!(found(&bench.db, "0104006381333931"), "8");
    read_all(&mut bench.db, &[declared_text]);
    assert_eq!(found(&bench.db, element_string), "8");
}

#[test]
fn eight_digits_that_lead_to_two_goods_by_two_readings_are_ambiguous() {
    let mut bench = Bench::new();
    let (as_upc_e, as_ean_8) = (good(1, "By UPC-A", "012345000058"), good(2, "By GTIN-14", "00000001234558"));
    read_all(&mut bench.db, std::slice::from_ref(&as_upc_e));
    assert_eq!(found(&bench.db, "01234558"), "1");
    read_all(&mut bench.db, &[as_upc_e, as_ean_8]);
    assert_eq!(found(&bench.db, "01234558"), "ambiguous");
    assert_eq!(found(&bench.db, "]E401234558"), "2");
}

#[test]
fn a_good_whose_code_changed_is_found_by_the_new_one_only() {
    let mut bench = Bench::new();
    bench.db.put_changed_goods(&[good(1, "Shampoo", "NEW-1")]).unwrap();
    assert_eq!(found(&bench.db, "NEW-1"), "1");
    assert_eq!(found(&bench.db, SHAMPOO), "unknown");
    bench.db.put_changed_goods(&[good(1, "Shampoo", "")]).unwrap();
    assert_eq!(found(&bench.db, "NEW-1"), "unknown");
    assert_eq!(bench.db.good(GoodId(1)).unwrap().unwrap().barcode, "");
}

#[test]
fn a_code_that_one_of_two_goods_gives_up_is_the_others() {
    let mut bench = Bench::new();
    bench.db.put_changed_goods(&[good(3, "Other comb", COMB)]).unwrap();
    assert_eq!(found(&bench.db, COMB), "ambiguous");
    bench.db.put_changed_goods(&[good(2, "Comb", "MOVED")]).unwrap();
    assert_eq!(found(&bench.db, COMB), "3");
    // One page may swap the codes of two goods.
    bench.db.put_changed_goods(&[good(3, "Other comb", "MOVED"), good(2, "Comb", COMB)]).unwrap();
    assert_eq!((found(&bench.db, COMB), found(&bench.db, "MOVED")), ("2".to_owned(), "3".to_owned()));
}

#[test]
fn a_full_reading_is_seen_by_nobody_until_it_is_whole() {
    let mut bench = Bench::new();
    bench.db.begin_full_reading(BEGIN.plus_ms(1)).unwrap();
    let pages = [good(5, "Five", "FIVE"), good(1, "Shampoo", "NEW-1")];
    assert_eq!(bench.db.collect_page(&page(&pages)).unwrap().new, 2);
    assert_eq!((found(&bench.db, "FIVE"), found(&bench.db, SHAMPOO)), ("unknown".to_owned(), "1".to_owned()));
    assert_eq!(bench.db.goods_figures().unwrap().full_at, Some(BEGIN));
    bench.db.finish_full_reading(0).unwrap();
    assert_eq!((found(&bench.db, "FIVE"), found(&bench.db, SHAMPOO)), ("5".to_owned(), "unknown".to_owned()));
    let figures = bench.db.goods_figures().unwrap();
    assert_eq!((figures.count, figures.full_at, figures.synced_at), (2, Some(BEGIN.plus_ms(1)), Some(BEGIN)));
}

#[test]
fn a_full_reading_goes_on_after_a_power_cut_where_it_was() {
    let mut bench = Bench::new();
    bench.db.begin_full_reading(BEGIN.plus_ms(1)).unwrap();
    bench.db.collect_page(&page(&[good(5, "Five", "FIVE")])).unwrap();
    bench.db.collect_page(&page(&[good(6, "Six", "SIX")])).unwrap();
    let mut bench = bench.reopen("boot-2");
    let pass = Pass { page: 3, rows_max: 1, repeated: 0, empty: 0 };
    assert_eq!(bench.db.full_reading().unwrap(), Some(FullReading { begun: BEGIN.plus_ms(1), pass }));
    assert_eq!(bench.db.collect_page(&page(&[])).unwrap().turn, Ok(Turn::Ask(3)));
    let mut bench = bench.reopen("boot-3");
    assert_eq!(bench.db.collect_page(&page(&[])).unwrap().turn, Ok(Turn::End));
    bench.db.finish_full_reading(0).unwrap();
    assert_eq!(bench.db.full_reading().unwrap(), None);
    assert_eq!((found(&bench.db, "FIVE"), found(&bench.db, "SIX")), ("5".to_owned(), "6".to_owned()));
    assert_eq!(bench.db.goods_figures().unwrap().count, 2);
}

#[test]
fn a_page_that_repeats_earlier_ones_drops_the_reading() {
    let mut bench = Bench::new();
    bench.db.begin_full_reading(BEGIN).unwrap();
    bench.db.collect_page(&page(&[good(5, "Five", "FIVE")])).unwrap();
    let again = bench.db.collect_page(&page(&[good(5, "Five", "FIVE")])).unwrap();
    assert_eq!(again.turn, Err(Fault::Repeated { page: 2 }));
    assert_eq!(bench.db.full_reading().unwrap(), None);
    assert_eq!((found(&bench.db, "FIVE"), found(&bench.db, SHAMPOO)), ("unknown".to_owned(), "1".to_owned()));
}

#[test]
fn the_first_reading_of_all_is_found_from_its_first_page_on() {
    let mut bench = Bench::empty();
    bench.db.begin_full_reading(BEGIN).unwrap();
    bench.db.collect_page(&page(&[good(5, "Five", "FIVE")])).unwrap();
    assert_eq!((found(&bench.db, "FIVE"), found(&bench.db, "SIX")), ("5".to_owned(), "unknown".to_owned()));
    let figures = bench.db.goods_figures().unwrap();
    assert_eq!((figures.count, figures.synced_at, figures.full_at), (1, None, None));
    bench.db.collect_page(&page(&[good(6, "Six", "SIX")])).unwrap();
    bench.db.finish_full_reading(0).unwrap();
    assert_eq!((found(&bench.db, "FIVE"), found(&bench.db, "SIX")), ("5".to_owned(), "6".to_owned()));
    let figures = bench.db.goods_figures().unwrap();
    assert_eq!((figures.count, figures.synced_at, figures.full_at), (2, Some(BEGIN), Some(BEGIN)));
}

#[test]
fn a_copy_is_proven_by_a_reading_that_misses_none_of_it() {
    let mut bench = Bench::empty();
    let proof = |bench: &Bench| bench.db.copy_state().unwrap().proof;
    read_all(&mut bench.db, &[good(1, "One", "ONE"), good(2, "Two", "TWO")]);
    assert_eq!(proof(&bench), Proof::Clean);
    bench.db.begin_full_reading(BEGIN).unwrap();
    bench.db.collect_page(&page(&[good(1, "One", "ONE")])).unwrap();
    bench.db.finish_full_reading(1).unwrap();
    assert_eq!(proof(&bench), Proof::Clean);
    read_all(&mut bench.db, &[good(1, "One", "ONE"), good(3, "Three", "THREE")]);
    assert_eq!(proof(&bench), Proof::Proven);
    bench.db.begin_full_reading(BEGIN).unwrap();
    bench.db.collect_page(&page(&[good(1, "One", "ONE")])).unwrap();
    bench.db.finish_full_reading(1).unwrap();
    assert_eq!(proof(&bench), Proof::Proven);
}

#[test]
fn a_reading_in_which_a_row_came_twice_is_proven_by_the_second_one_after_it() {
    let mut bench = Bench::empty();
    let proof = |bench: &Bench| bench.db.copy_state().unwrap().proof;
    bench.db.begin_full_reading(BEGIN).unwrap();
    bench.db.collect_page(&page(&[good(1, "One", "ONE"), good(2, "Two", "TWO")])).unwrap();
    bench.db.collect_page(&page(&[good(2, "Two", "TWO"), good(3, "Three", "THREE")])).unwrap();
    bench.db.finish_full_reading(0).unwrap();
    assert_eq!(proof(&bench), Proof::Moved);
    let goods = [good(1, "One", "ONE"), good(2, "Two", "TWO"), good(3, "Three", "THREE")];
    read_all(&mut bench.db, &goods);
    assert_eq!(proof(&bench), Proof::Clean);
    read_all(&mut bench.db, &goods);
    assert_eq!(proof(&bench), Proof::Proven);
}

#[test]
fn what_a_reading_lacks_is_found_and_a_doubt_outlives_a_restart() {
    let mut bench = Bench::new();
    bench.db.begin_full_reading(BEGIN).unwrap();
    bench.db.collect_page(&page(&[good(2, "Comb", COMB), good(9, "Nine", "NINE")])).unwrap();
    assert_eq!(bench.db.missing_after(GoodId(0)).unwrap(), Some((GoodId(2), vec![GoodId(1)])));
    assert_eq!(bench.db.missing_after(GoodId(2)).unwrap(), None);
    bench.db.keep_good(&good(1, "Shampoo", SHAMPOO)).unwrap();
    assert_eq!(bench.db.missing_after(GoodId(0)).unwrap(), Some((GoodId(2), vec![])));
    assert_eq!(bench.db.collected().unwrap(), 3);
    let doubt = Doubt { missing: 1, mark: -7 };
    bench.db.doubt_full_reading(doubt).unwrap();
    let mut bench = bench.reopen("boot-2");
    let stands = bench.db.copy_state().unwrap();
    assert_eq!((stands.doubt, stands.is_under_way), (Some(doubt), false));
    assert_eq!(found(&bench.db, SHAMPOO), "1");
    read_all(&mut bench.db, &[good(2, "Comb", COMB)]);
    assert_eq!(bench.db.copy_state().unwrap().doubt, None);
}

fn books(service: &str, location: i64) -> Books {
    Books { service: service.to_owned(), location: LocationId(location) }
}

#[test]
fn a_copy_of_another_service_or_location_is_dropped() {
    let (home, sister) = ("https://api.alteg.io/api/v1", "https://api.yclients.com/api/v1");
    let mut bench = Bench::new();
    let mut found_at = |service, location| {
        bench.db.drop_foreign_copy(&books(service, location)).unwrap();
        let found = (found(&bench.db, SHAMPOO), bench.db.goods_figures().unwrap());
        read_all(&mut bench.db, &[good(1, "Shampoo", SHAMPOO)]);
        found
    };
    let nothing = ("unknown".to_owned(), GoodsFigures::default());
    for (service, location, is_kept) in [
        (home, 4564, true),
        (home, 4565, false),
        (home, 4565, true),
        (sister, 4565, false),
        (home, 4565, false),
        ("https://api.alteg.io/api/v1/", 4565, true),
    ] {
        assert_eq!(found_at(service, location) != nothing, is_kept, "{service} {location}");
    }
}

#[test]
fn a_reading_that_begins_anew_forgets_what_the_one_before_collected() {
    let mut bench = Bench::new();
    bench.db.begin_full_reading(BEGIN).unwrap();
    bench.db.collect_page(&page(&[good(5, "Five", "FIVE")])).unwrap();
    read_all(&mut bench.db, &[good(6, "Six", "SIX")]);
    assert_eq!((found(&bench.db, "FIVE"), found(&bench.db, "SIX")), ("unknown".to_owned(), "6".to_owned()));
}

#[test]
fn only_a_full_reading_forgets_a_good() {
    let mut bench = Bench::new();
    bench.db.put_changed_goods(&[good(3, "Three", "THREE")]).unwrap();
    bench.db.changes_complete(BEGIN.plus_ms(9)).unwrap();
    assert_eq!((found(&bench.db, COMB), bench.db.goods_figures().unwrap().count), ("2".to_owned(), 3));
    assert_eq!(bench.db.goods_figures().unwrap().synced_at, Some(BEGIN.plus_ms(9)));
    read_all(&mut bench.db, &[good(3, "Three", "THREE")]);
    assert_eq!((found(&bench.db, COMB), bench.db.goods_figures().unwrap().count), ("unknown".to_owned(), 1));
}

#[test]
fn a_reading_that_was_never_begun_cannot_end() {
    let mut bench = Bench::new();
    assert!(bench.db.finish_full_reading(0).is_err());
    assert_eq!(found(&bench.db, SHAMPOO), "1");
    assert_eq!(bench.db.goods_figures().unwrap().synced_at, Some(UnixMillis(BEGIN.0)));
}
