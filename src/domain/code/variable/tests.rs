//! Tests of labels, real ones and others, and of the verifier against numbers that others have published.

use proptest::prelude::*;

use super::*;
use crate::domain::code::gtin::has_check_digit;
use crate::domain::code::measure::bought;
use crate::domain::ids::GoodId;
use crate::domain::stock::good::Good;

fn pattern(written: &str, measured: Measured, item: ItemCode) -> Pattern {
    Pattern::new(written, measured, measured.usual_decimals(), item).unwrap()
}

fn weight() -> Pattern {
    pattern("21IIIIIWWWWWC", Measured::Weight, ItemCode::Zeroed)
}

/// Returns the good's key and the measure that a code is read as; `-` if it is a code like any other.
fn tell(patterns: &[Pattern], code: &str) -> String {
    let Some(barcode) = read(patterns, &Barcode::read(code)) else { return "-".to_owned() };
    let keys: Vec<String> = barcode.tiers.iter().flatten().map(Key::encode).collect();
    let measure = match barcode.measure {
        Some(Measure::Amount(quantity)) => quantity.to_string(),
        Some(Measure::Price(price)) => format!("price {price}"),
        Some(Measure::Unverified) => "unverified".to_owned(),
        None => "nothing".to_owned(),
    };
    format!("{} {} {measure}", barcode.text, keys.join("+"))
}

fn good(sale_price: &str) -> Good {
    Good {
        id: GoodId(1),
        title: "Apples".to_owned(),
        barcode: String::new(),
        unit: "kg".to_owned(),
        price: Money::default(),
        sale_price: sale_price.parse().ok(),
        write_off_unit: None,
    }
}

fn price(amount: &str) -> Measure {
    Measure::Price(amount.parse().unwrap())
}

#[test]
fn a_label_gives_its_good_and_its_weight() {
    // The example of Odoo's "Barcode nomenclature": pasta, 1.5 kg.
    assert_eq!(tell(&[weight()], "2112345015002"), "2112345000008 g02112345000008 1.5");
    assert_eq!(tell(&[weight()], "]E02112345015002"), "2112345000008 g02112345000008 1.5");
    assert_eq!(tell(&[weight()], "2112345000008"), "2112345000008 g02112345000008 0");
    assert_eq!(tell(&[weight()], "2112345999999"), "2112345000008 g02112345000008 99.999");
}

#[test]
fn a_good_may_be_known_by_its_reference_alone() {
    let by_reference = pattern("21IIIIIWWWWWC", Measured::Weight, ItemCode::Reference);
    assert_eq!(tell(&[by_reference], "2112345015002"), "12345 t12345 1.5");
}

#[test]
fn a_upc_a_is_an_ean_13_with_a_zero_in_front() {
    for written in ["2IIIIIVPPPPC", "02IIIIIVPPPPC"] {
        let pattern = pattern(written, Measured::Price, ItemCode::Zeroed);
        for code in ["212345928752", "0212345928752", "00212345928752"] {
            assert_eq!(
                tell(std::slice::from_ref(&pattern), code),
                "0212345000007 g00212345000007 price 28.75",
                "{written}"
            );
        }
    }
}

#[test]
fn pieces_are_counted_whole_and_decimals_are_as_configured() {
    let count = pattern("28IIIIIWWWWWC", Measured::Count, ItemCode::Zeroed);
    assert_eq!(tell(&[count], "2812345000120"), "2812345000007 g02812345000007 12");
    let grams = Pattern::new("28IIIIIWWWWWC", Measured::Weight, 0, ItemCode::Zeroed).unwrap();
    assert_eq!(tell(&[grams], "2812345000120"), "2812345000007 g02812345000007 12");
}

#[test]
fn a_code_that_does_not_fit_is_a_code_like_any_other() {
    for code in
        ["2012345015005", "2112345015003", "4006381333931", "21123456", "2112345", "]C1012112345015002"]
    {
        assert_eq!(tell(&[weight()], code), "-", "{code}");
    }
    assert_eq!(tell(&[], "2112345015002"), "-");
}

#[test]
fn the_first_pattern_that_fits_decides() {
    let narrow = pattern("2112IIIWWWWWC", Measured::Count, ItemCode::Reference);
    assert_eq!(tell(&[narrow.clone(), weight()], "2112345015002"), "345 t345 1500");
    assert_eq!(tell(&[weight(), narrow], "2112345015002"), "2112345000008 g02112345000008 1.5");
}

#[test]
fn a_wrong_verifier_makes_the_measure_worthless() {
    let verified = pattern("2IIIIIVPPPPC", Measured::Price, ItemCode::Zeroed);
    assert_eq!(
        tell(std::slice::from_ref(&verified), "212345928752"),
        "0212345000007 g00212345000007 price 28.75"
    );
    assert_eq!(tell(&[verified], "212345828755"), "0212345000007 g00212345000007 unverified");
    assert_eq!(Measure::Unverified.of(&good("1")), None);
}

#[test]
fn verifiers_are_those_that_others_compute() {
    // Five digits: labels in the tests of the Snabble SDK, a self-scanning till. Four: the General Specifications.
    for (measure, verifier) in [
        ("14685", "6"),
        ("00502", "5"),
        ("00828", "4"),
        ("00782", "0"),
        ("00408", "6"),
        ("00284", "2"),
        ("01336", "6"),
        ("00238", "0"),
        ("00190", "8"),
        ("2875", "9"),
        ("0000", "0"),
        ("00000", "0"),
    ] {
        assert_eq!(verifier_of(measure).as_deref(), Some(verifier), "{measure}");
    }
    assert_eq!(verifier_of("123"), None);
    assert_eq!(verifier_of("12a4"), None);
}

#[test]
fn a_price_buys_an_exact_quantity_or_none() {
    assert_eq!(price("5").of(&good("2.50")).unwrap().to_string(), "2");
    assert_eq!(price("3.21").of(&good("12.84")).unwrap().to_string(), "0.25");
    assert_eq!(price("0.01").of(&good("10")).unwrap().to_string(), "0.001");
    assert_eq!(price("0.01").of(&good("100")), None, "four decimals");
    assert_eq!(price("4.64").of(&good("12.99")), None);
    assert_eq!(price("1").of(&good("3")), None);
    assert_eq!(price("1").of(&good("0")), None);
    assert_eq!(price("1").of(&good("none")), None);
}

#[test]
fn what_is_no_pattern_is_said() {
    let why = |written| Pattern::new(written, Measured::Weight, 3, ItemCode::Zeroed).unwrap_err();
    for (written, bad) in [
        ("", BadPattern::Length),
        ("21IIIIWWWWC", BadPattern::Length),
        ("21IIIIIIWWWWWC", BadPattern::Length),
        ("21iiiiiWWWWWC", BadPattern::Character),
        ("21IIIIIWWWW-C", BadPattern::Character),
        ("2éIIIIWWWWWC", BadPattern::Character),
        ("31IIIIIWWWWWC", BadPattern::Front),
        ("02IIIIWWWWWC", BadPattern::Front),
        ("IIIIIIIWWWWWC", BadPattern::Front),
        ("21IIIIIWWWWWW", BadPattern::CheckDigit),
        ("21IIIICWWWWWC", BadPattern::CheckDigit),
        ("2123456WWWWWC", BadPattern::Item),
        ("21IIIIIIIIIIC", BadPattern::Measure),
        ("21WWIIIIIWWWC", BadPattern::Measure),
        ("21IIIIIPPPPPC", BadPattern::Letter),
        ("21IIIIIWWPPPC", BadPattern::Letter),
        ("21IIIIVVWWWWC", BadPattern::Verifier),
        ("21IIIIVWWWWWWC", BadPattern::Length),
        ("21IIIVWWWWWWC", BadPattern::Verifier),
    ] {
        assert_eq!(why(written), bad, "{written}");
    }
    let price = Pattern::new("21IIIIIWWWWWC", Measured::Price, 2, ItemCode::Zeroed);
    assert_eq!(price.unwrap_err(), BadPattern::Letter);
}

/// Returns patterns of every form: so many of each letter, the measure before or behind the item.
fn patterns() -> impl Strategy<Value = Pattern> {
    let measured = proptest::sample::select(vec![Measured::Weight, Measured::Count, Measured::Price]);
    let item = proptest::sample::select(vec![ItemCode::Zeroed, ItemCode::Reference]);
    (measured, item, 1_usize..9, any::<bool>(), any::<bool>(), 0..=DECIMALS_MAX).prop_map(
        |(measured, item, digits, has_verifier, is_first, decimals)| {
            let letter = if measured == Measured::Price { "P" } else { "W" };
            let verifier = if has_verifier && matches!(digits, 4 | 5) { "V" } else { "" };
            let measure = format!("{verifier}{}", letter.repeat(digits));
            let items = "I".repeat(10 - measure.len());
            let written =
                if is_first { format!("27{measure}{items}C") } else { format!("27{items}{measure}C") };
            Pattern::new(&written, measured, decimals, item).unwrap()
        },
    )
}

proptest! {
    #[test]
    fn two_labels_of_one_good_differ_in_nothing_but_the_measure(
        pattern in patterns(), reference in "[0-9]{10}", one in "[0-9]{10}", other in "[0-9]{10}",
    ) {
        let label = |measure: &str| {
            let digits: String = pattern.as_str().chars().take(12).enumerate().map(|(at, place)| match place {
                'I' => reference.as_bytes()[at - 2] as char,
                'W' | 'P' | 'V' => measure.as_bytes()[at - 2] as char,
                digit => digit,
            }).collect();
            with_check_digit(&digits)
        };
        let barcode = |code: String| read(std::slice::from_ref(&pattern), &Barcode::read(&code)).unwrap();
        let (one, other) = (barcode(label(&one)), barcode(label(&other)));
        prop_assert_eq!(&one.text, &other.text);
        prop_assert_eq!(&one.tiers, &other.tiers);
        if pattern.item() == ItemCode::Zeroed {
            prop_assert!(has_check_digit(&one.text));
            // The good's own code is a label with a measure of zero.
            let own = barcode(one.text.clone());
            prop_assert_eq!(own.text, one.text);
            let nothing = match pattern.measured() {
                Measured::Price => Measure::Price(Money::default()),
                Measured::Weight | Measured::Count => Measure::Amount(Quantity::ZERO),
            };
            prop_assert_eq!(own.measure, Some(nothing));
        }
    }

    #[test]
    fn no_text_stops_a_pattern(pattern in patterns(), text in "[0-9]{0,15}|.{0,20}", written in ".{0,14}") {
        let _read = read(std::slice::from_ref(&pattern), &Barcode::read(&text));
        let _made = Pattern::new(&written, Measured::Weight, 3, ItemCode::Zeroed);
    }

    #[test]
    fn what_a_price_buys_costs_that_price(price_cents in 0_i64..100_000, each_cents in 1_i64..10_000) {
        let (paid, each) = (Decimal::new(price_cents, 2), Decimal::new(each_cents, 2));
        if let Some(quantity) = bought(Money::new(paid), Money::new(each)) {
            prop_assert_eq!(quantity.to_decimal() * each, paid);
            prop_assert!(quantity.to_decimal().scale() <= 3);
        }
    }

    #[test]
    fn a_single_wrong_digit_of_five_is_told_by_the_verifier(measure in "[0-9]{5}", at in 0_usize..5, by in 1_u8..10) {
        let mut wrong = measure.clone().into_bytes();
        wrong[at] = (wrong[at] - b'0' + by) % 10 + b'0';
        let wrong = String::from_utf8(wrong).unwrap();
        prop_assert_ne!(verifier_of(&measure), verifier_of(&wrong));
    }
}
