//! The sample goods table: a small salon with a shop, and every kind of code that a station has to read.
//!
//! EAN-13 codes have the prefix 952, which GS1 reserves for demonstrations
//! (<https://www.gs1.org/standards/id-keys/company-prefix>), except that of the first good, whose code is the usual
//! example of the API.

use rust_decimal::Decimal;

use super::options::Category;
use super::options::GoodRow;
use super::options::MILLILITRE;
use super::options::Master;
use super::options::PIECE;
use crate::domain::ids::GoodId;
use crate::domain::ids::MasterId;

/// The category of the goods for sale.
pub(super) const PRODUCTS: i64 = 961_078;
/// The category of the goods that the staff use up.
pub(super) const CONSUMABLES: i64 = 961_079;

/// A row: id, title, article, barcode, price and cost price in thousandths, category.
type Row = (i64, &'static str, &'static str, &'static str, i64, i64, i64);

/// The goods. A piece of the first holds 100 ml; two share a code, two have no price, one has no code.
const ROWS: &[Row] = &[
    (123_456, "Shampoo 1", "123", "4006381333931", 12_500, 5_000, PRODUCTS),
    (123_457, "Comb", "", "9521234000013", 2_500, 900, PRODUCTS),
    (123_458, "Conditioner Daily 300 ml", "CND-300", "9521234000020", 11_900, 4_850, PRODUCTS),
    (123_459, "Hair mask Repair 200 ml", "MSK-200", "9521234000037", 16_400, 7_333, PRODUCTS),
    (123_460, "Hair oil Argan 50 ml", "OIL-50", "9521234000044", 18_900, 8_205, PRODUCTS),
    (123_461, "Hair spray Strong 250 ml", "SPR-250", "9521234000051", 9_900, 3_990, PRODUCTS),
    (123_462, "Styling gel 150 ml", "GEL-150", "9521234000068", 7_500, 2_750, PRODUCTS),
    (123_463, "Dry shampoo 200 ml", "DRY-200", "9521234000075", 8_900, 3_610, PRODUCTS),
    (123_464, "Hair dye 5.0 brown", "DYE-50", "9521234000082", 6_900, 2_145, CONSUMABLES),
    (123_465, "Hair dye 7.1 ash blonde", "DYE-71", "9521234000099", 6_900, 2_145, CONSUMABLES),
    (123_466, "Hair dye 9.0 light blonde", "DYE-90", "9521234000105", 6_900, 2_145, CONSUMABLES),
    (123_467, "Oxidant cream 6 % 1 l", "OXI-6", "9521234000112", 9_400, 3_120, CONSUMABLES),
    (123_468, "Bleaching powder 500 g", "BLP-500", "9521234000129", 15_800, 6_480, CONSUMABLES),
    (123_469, "Hand cream 75 ml", "HND-75", "96385074", 4_900, 1_625, PRODUCTS),
    (123_470, "Lip balm", "LIP-1", "96385081", 3_500, 990, PRODUCTS),
    (123_471, "Cuticle oil 10 ml", "CUT-10", "96385098", 5_200, 1_870, PRODUCTS),
    (123_472, "Nail polish Ruby", "NPL-RUB", "96385104", 6_400, 2_300, PRODUCTS),
    (123_473, "Nail polish Nude", "NPL-NUD", "96385111", 6_400, 2_300, PRODUCTS),
    (123_474, "Top coat", "NPL-TOP", "96385128", 6_900, 2_480, PRODUCTS),
    (123_475, "Paper tissues, 1 box", "TIS-1", "036000291452", 2_900, 1_250, CONSUMABLES),
    (123_476, "Cotton pads 100", "CTP-100", "036000291469", 2_200, 845, CONSUMABLES),
    (123_477, "Disposable towels 50", "TWL-50", "036000291476", 8_800, 4_115, CONSUMABLES),
    (123_478, "Nitrile gloves M 100", "GLV-M", "036000291483", 11_900, 6_250, CONSUMABLES),
    (123_479, "Nitrile gloves L 100", "GLV-L", "036000291490", 11_900, 6_250, CONSUMABLES),
    (123_480, "Neck strips 5 rolls", "NCK-5", "036000291506", 7_400, 3_333, CONSUMABLES),
    (123_481, "Surface disinfectant 1 l", "DIS-1000", "9521234000136", 10_900, 4_720, CONSUMABLES),
    (123_482, "Brush Round 32 mm", "BRR-32", "9521234000143", 13_900, 5_600, PRODUCTS),
    (123_483, "Brush Paddle", "BRP-1", "9521234000150", 12_900, 5_100, PRODUCTS),
    (123_484, "Hair clips 10", "CLP-10", "9521234000167", 3_900, 1_100, PRODUCTS),
    (123_485, "Hair ties 12", "TIE-12", "9521234000174", 2_900, 700, PRODUCTS),
    (123_486, "Shaving foam 200 ml", "SHV-200", "9521234000181", 6_900, 2_640, PRODUCTS),
    (123_487, "After-shave balm 100 ml", "AFT-100", "9521234000198", 9_900, 4_010, PRODUCTS),
    (123_488, "Beard oil 30 ml", "BRD-30", "9521234000204", 14_900, 6_125, PRODUCTS),
    (123_489, "Gift set Summer", "GFT-S", "9521234000211", 39_900, 19_450, PRODUCTS),
    (123_490, "Gift set Summer (old box)", "GFT-S-OLD", "9521234000211", 34_900, 19_450, PRODUCTS),
    (123_491, "Fragrance sample 2 ml", "SMP-2", "9521234000228", 0, 0, PRODUCTS),
    (123_492, "Coffee beans, per kg", "COF-KG", "SHELF-12A", 24_000, 11_750, PRODUCTS),
    (123_493, "Loyalty card", "CARD", "CARD/2026", 0, 310, PRODUCTS),
    (123_494, "Retail carton Shampoo 1, 12 pc", "123-12", "14006381333938", 150_000, 60_000, PRODUCTS),
    (123_495, "Razor blades 5", "RZB-5", "04252614", 5_500, 2_105, PRODUCTS),
    (123_496, "Gift wrapping", "WRAP", "", 3_000, 0, PRODUCTS),
];

/// Returns the goods of the sample location.
pub(super) fn goods() -> Vec<GoodRow> {
    ROWS.iter().map(good).collect()
}

/// Returns the people of the sample location: two who work there and one who has left.
pub(super) fn masters() -> Vec<Master> {
    [(5512, "Stock clerk", false), (5513, "Reception", false), (5514, "Stock clerk, before", true)]
        .map(|(id, name, fired)| Master { id: MasterId(id), name: name.to_owned(), fired })
        .to_vec()
}

/// Returns the categories of the sample location, both at the root.
pub(super) fn categories() -> Vec<Category> {
    [(PRODUCTS, "Basic products"), (CONSUMABLES, "Consumables")]
        .map(|(id, title)| Category { id, title: title.to_owned(), parent: None })
        .to_vec()
}

fn good(row: &Row) -> GoodRow {
    let &(id, title, article, barcode, cost, actual_cost, category) = row;
    let mut good = GoodRow::new(GoodId(id), title, barcode);
    article.clone_into(&mut good.article);
    good.category = category;
    good.cost = Decimal::new(cost, 3);
    good.actual_cost = Decimal::new(actual_cost, 3);
    if id == 123_456 {
        good.unit = PIECE;
        good.service_unit = MILLILITRE;
        good.unit_equals = Decimal::ONE_HUNDRED;
    }
    good
}
