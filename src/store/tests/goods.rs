//! The copy of the goods table: what a code leads to, and how the copy is kept.

use super::{BEGIN, Bench, COMB, SHAMPOO, found, good, read_all};
use crate::domain::good::Good;
use crate::domain::ids::GoodId;
use crate::domain::time::UnixMillis;
use crate::store::GoodsPage;

fn page(number: u32, goods: &[Good]) -> GoodsPage {
    GoodsPage { page: number, goods: goods.to_vec() }
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
    assert_eq!(bench.db.collect_page(&page(1, &pages)).unwrap(), 2);
    assert_eq!((found(&bench.db, "FIVE"), found(&bench.db, SHAMPOO)), ("unknown".to_owned(), "1".to_owned()));
    assert_eq!(bench.db.goods_figures().unwrap().full_at, Some(BEGIN));
    bench.db.finish_full_reading().unwrap();
    assert_eq!((found(&bench.db, "FIVE"), found(&bench.db, SHAMPOO)), ("5".to_owned(), "unknown".to_owned()));
    let figures = bench.db.goods_figures().unwrap();
    assert_eq!(
        (figures.count, figures.full_at, figures.synced_at),
        (2, Some(BEGIN.plus_ms(1)), figures.full_at)
    );
}

#[test]
fn a_full_reading_goes_on_after_a_power_cut_where_it_was() {
    let mut bench = Bench::new();
    bench.db.begin_full_reading(BEGIN.plus_ms(1)).unwrap();
    bench.db.collect_page(&page(1, &[good(5, "Five", "FIVE")])).unwrap();
    bench.db.collect_page(&page(2, &[good(6, "Six", "SIX")])).unwrap();
    let mut bench = bench.reopen("boot-2");
    assert_eq!(bench.db.full_reading().unwrap(), Some((BEGIN.plus_ms(1), 3)));
    // The server repeats its last page: nothing of it is new, which ends the reading.
    assert_eq!(bench.db.collect_page(&page(3, &[good(6, "Six", "SIX")])).unwrap(), 0);
    bench.db.finish_full_reading().unwrap();
    assert_eq!(bench.db.full_reading().unwrap(), None);
    assert_eq!((found(&bench.db, "FIVE"), found(&bench.db, "SIX")), ("5".to_owned(), "6".to_owned()));
    assert_eq!(bench.db.goods_figures().unwrap().count, 2);
}

#[test]
fn a_reading_that_begins_anew_forgets_what_the_one_before_collected() {
    let mut bench = Bench::new();
    bench.db.begin_full_reading(BEGIN).unwrap();
    bench.db.collect_page(&page(1, &[good(5, "Five", "FIVE")])).unwrap();
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
    assert!(bench.db.finish_full_reading().is_err());
    assert_eq!(found(&bench.db, SHAMPOO), "1");
    assert_eq!(bench.db.goods_figures().unwrap().synced_at, Some(UnixMillis(BEGIN.0)));
}
