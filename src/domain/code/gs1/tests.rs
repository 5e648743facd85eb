//! Tests of GS1 element strings.

use proptest::prelude::*;

use super::*;
use crate::domain::code::barcode::Barcode;

const GS: &str = "\u{1d}";

fn tell(data: &Gs1Data) -> String {
    let mut words: Vec<String> = Vec::new();
    words.extend(data.gtin.iter().map(|gtin| format!("gtin={gtin}")));
    words.extend(data.lot.iter().map(|lot| format!("lot={lot}")));
    words.extend(data.serial.iter().map(|serial| format!("serial={serial}")));
    words.extend(data.expiry.iter().map(|expiry| format!("expiry={expiry}")));
    words.extend(data.count.iter().map(|count| format!("count={count}")));
    words.extend(data.net_weight_kg.iter().map(|weight| format!("kg={weight}")));
    words.join(" ")
}

fn declared(text: &str) -> String {
    tell(&Gs1Data::read_declared(text))
}

fn undeclared(text: &str) -> Option<String> {
    Gs1Data::read_undeclared(text).map(|data| tell(&data))
}

#[test]
fn a_full_label_is_read_both_ways() {
    let text = format!("01040063813339311726123110AB-1{GS}21S/9");
    let told = "gtin=04006381333931 lot=AB-1 serial=S/9 expiry=261231";
    assert_eq!(declared(&text), told);
    assert_eq!(undeclared(&text).as_deref(), Some(told));
}

#[test]
fn separators_in_front_behind_and_where_none_is_needed_do_no_harm() {
    let text = format!("{GS}0104006381333931{GS}17261231{GS}{GS}10AB{GS}");
    let told = "gtin=04006381333931 lot=AB expiry=261231";
    assert_eq!(declared(&text), told);
    assert_eq!(undeclared(&text).as_deref(), Some(told));
}

#[test]
fn elements_may_stand_in_any_order() {
    let text = format!("10AB{GS}31030019501726120001040063813339313024");
    let told = "gtin=04006381333931 lot=AB expiry=261200 count=24 kg=1.95";
    assert_eq!(declared(&text), told);
    assert_eq!(undeclared(&text).as_deref(), Some(told));
}

#[test]
fn contained_items_count_where_the_label_names_no_item_of_its_own() {
    let unit = "00006141411234567890";
    assert_eq!(declared(&format!("{unit}02040063813339313748")), "gtin=04006381333931 count=48");
    let both = "01095060001343520204006381333931";
    assert_eq!(declared(&format!("{both}3748{GS}306")), "gtin=09506000134352 count=6");
    assert_eq!(declared("01040063813339313748"), "gtin=04006381333931", "37 counts contents alone");
    assert_eq!(declared("01095060001343530204006381333931"), "", "a damaged item is not replaced");
}

#[test]
fn what_is_unknown_or_wrong_does_not_hide_the_rest_of_a_declared_string() {
    let gtin = "gtin=04006381333931";
    for text in [
        format!("23X{GS}0104006381333931"),
        format!("8999abc{GS}0104006381333931"),
        "0412345678901234560104006381333931".to_owned(),
        format!("0104006381333931{GS}???"),
        "010400638133393117269999".to_owned(),
        format!("010400638133393110{}", "A".repeat(21)),
        "31800012340104006381333931".to_owned(),
        format!("17é{GS}0104006381333931"),
        format!("1726{GS}0104006381333931"),
    ] {
        assert_eq!(declared(&text), gtin, "{text:?}");
        assert_eq!(undeclared(&text), None, "{text:?}");
    }
}

#[test]
fn an_undeclared_string_has_to_be_whole_and_to_carry_a_gtin() {
    for text in [
        "",
        "hello",
        "10AB",
        "2012",
        "00006141411234567890",
        "0104006381333932",
        "010400638133393",
        "01040063813339311",
        "0104006381333931 ",
        "01040063813339311726123",
        "]C10104006381333931",
        "(01)04006381333931",
    ] {
        assert_eq!(undeclared(text), None, "{text}");
    }
}

#[test]
fn a_code_that_contradicts_itself_is_not_believed() {
    let items = "01040063813339310109506000134352";
    assert_eq!(declared(items), "");
    assert_eq!(undeclared(items), None);
    let lots = format!("010400638133393110A{GS}10B");
    assert_eq!(declared(&lots), "gtin=04006381333931");
    assert_eq!(undeclared(&lots), None);
    let twice = "01040063813339310104006381333931";
    assert_eq!(undeclared(twice).as_deref(), Some("gtin=04006381333931"));
}

#[test]
fn a_count_is_a_positive_number_of_up_to_eight_digits() {
    assert_eq!(declared("01040063813339313000012"), "gtin=04006381333931 count=12");
    assert_eq!(declared("01040063813339313099999999"), "gtin=04006381333931 count=99999999");
    for count in ["0", "123456789", "1A", "-1", "+1"] {
        assert_eq!(declared(&format!("010400638133393130{count}")), "gtin=04006381333931", "{count}");
    }
}

#[test]
fn a_weight_has_as_many_decimals_as_its_identifier_says() {
    let weight = |ai: &str| declared(&format!("{ai}001234"));
    assert_eq!(weight("3100"), "kg=1234");
    assert_eq!(weight("3103"), "kg=1.234");
    assert_eq!(weight("3105"), "kg=0.01234");
    assert_eq!(weight("3106"), "");
}

#[test]
fn the_number_of_elements_is_bounded() {
    let text = format!("{}0104006381333931", "2012".repeat(100));
    let data = Gs1Data::read_declared(&text);
    assert_eq!(data.elements.len(), ELEMENTS_MAX);
    assert_eq!(undeclared(&text), None);
}

/// Returns elements with allowed values, one of each AI at most, and a GTIN among them.
fn elements() -> impl Strategy<Value = Vec<(String, String)>> {
    let pool: [(&str, &str); 14] = [
        ("10", "[A-Z0-9/_.-]{1,20}"),
        ("21", "[a-zA-Z0-9]{1,20}"),
        ("17", "[0-9]{2}(0[1-9]|1[0-2])(0[0-9]|1[0-9]|2[0-8])"),
        ("15", "[0-9]{2}(0[1-9]|1[0-2])(0[0-9]|1[0-9]|2[0-8])"),
        ("11", "[0-9]{2}(0[1-9]|1[0-2])(0[0-9]|1[0-9]|2[0-8])"),
        ("20", "[0-9]{2}"),
        ("30", "[0-9]{1,8}"),
        ("37", "[0-9]{1,8}"),
        ("240", "[A-Z0-9]{1,30}"),
        ("400", "[A-Z0-9]{1,30}"),
        ("3102", "[0-9]{6}"),
        ("8005", "[0-9]{6}"),
        ("8020", "[A-Z0-9]{1,25}"),
        ("91", "[!-\"%-?A-Z_a-z]{1,90}"),
    ];
    let all: Vec<_> =
        pool.into_iter().map(|(ai, values)| values.prop_map(move |value| (ai.to_owned(), value))).collect();
    let gtin = Just(("01".to_owned(), "04006381333931".to_owned()));
    (all, proptest::collection::vec(any::<bool>(), 14), gtin, any::<prop::sample::Index>()).prop_map(
        |(all, kept, gtin, at)| {
            let mut elements: Vec<_> =
                all.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(e, _)| e).collect();
            elements.insert(at.index(elements.len() + 1), gtin);
            elements
        },
    )
}

/// Returns what a station books for a label, by whether it counts by labels: the item and the number, or nothing.
fn booked(text: &str, counts: bool) -> Option<(String, u32)> {
    let barcode = Barcode::read(text);
    let count = match (barcode.amount, counts) {
        (Amount::One, _) | (Amount::Count(_) | Amount::Unclear, false) => Some(1),
        (Amount::Count(count) | Amount::Contents(count), true) => Some(count),
        (Amount::Contents(_), false) | (Amount::Unclear, true) | (Amount::Unusable, _) => None,
    };
    Some((barcode.item?.to_string(), count?))
}

/// Returns what a label means that is read as it was printed.
fn meant(label: &[(String, String)], counts: bool) -> Option<(String, u32)> {
    let value = |ai| label.iter().find(|(other, _)| other == ai).map(|(_, value)| value.as_str());
    let (item, is_variable) =
        (value("01").or(value("02"))?, value("01").is_none_or(|item| item.starts_with('9')));
    let count = value("30").or(value("37")).and_then(|count| count.parse().ok());
    match (value("3103"), count, is_variable) {
        (Some(_), _, _) => None,
        (None, count, true) => Some((item.to_owned(), count.filter(|_| counts)?)),
        (None, count, false) => Some((item.to_owned(), count.filter(|_| counts).unwrap_or(1))),
    }
}

/// Returns labels of an item, of one of variable measure, or of contents, with whatever else may stand beside it.
fn labels() -> impl Strategy<Value = Vec<(String, String)>> {
    let item = prop::sample::select(vec![
        vec![("01", "04006381333931")],
        vec![("01", "99521234000016"), ("3103", "001950")],
        vec![("01", "99521234000016"), ("30", "12")],
        vec![("02", "04006381333931"), ("37", "48")],
        vec![("01", "04006381333931"), ("30", "6")],
    ]);
    let beside = elements().prop_map(|elements| {
        elements.into_iter().filter(|(ai, _)| !matches!(ai.as_str(), "01" | "02" | "30" | "37" | "3102"))
    });
    (item, beside, prop::collection::vec(any::<prop::sample::Index>(), 2)).prop_map(|(item, beside, at)| {
        let mut label: Vec<_> = beside.collect();
        for ((ai, value), at) in item.into_iter().zip(at) {
            label.insert(at.index(label.len() + 1), (ai.to_owned(), value.to_owned()));
        }
        label
    })
}

proptest! {
    #[test]
    fn a_separator_that_is_lost_books_no_other_item_and_no_other_quantity(
        label in labels(), lost in any::<prop::sample::Index>(), id in prop::sample::select(vec!["", "]C1", "]d2", "]Q1"]),
        counts in any::<bool>(),
    ) {
        let element = |(ai, value): &(String, String), separator: &str| {
            format!("{ai}{value}{}", if rule::predefined_length(ai).is_some() { "" } else { separator })
        };
        let right = meant(&label, counts);
        let whole: String = label.iter().map(|told| element(told, GS)).collect();
        let read = booked(&format!("{id}{whole}"), counts);
        prop_assert!(read.is_none() || read == right, "{:?} became {:?}: {:?}", right, read, whole);
        let lost = lost.index(label.len());
        let torn: String =
            label.iter().enumerate().map(|(at, told)| element(told, if at == lost { "" } else { GS })).collect();
        let read = booked(&format!("{id}{torn}"), counts);
        prop_assert!(read.is_none() || read == right, "{:?} became {:?}: {:?}", right, read, torn);
        let all: String = label.iter().map(|told| element(told, "")).collect();
        let read = booked(&format!("{id}{all}"), counts);
        prop_assert!(read.is_none() || read == right, "{:?} became {:?}: {:?}", right, read, all);
    }

    #[test]
    fn an_element_string_of_known_identifiers_is_read_back(elements in elements()) {
        let mut text = String::new();
        for (ai, value) in &elements {
            text.push_str(ai);
            text.push_str(value);
            if rule::predefined_length(ai).is_none() {
                text.push_str(GS);
            }
        }
        let data = Gs1Data::read_undeclared(&text).unwrap();
        prop_assert_eq!(&data.elements, &elements);
        prop_assert_eq!(&Gs1Data::read_declared(&text), &data);
    }

    #[test]
    fn reading_never_panics(text in "[0-9\u{1d}é]{0,60}|.{0,60}") {
        let data = Gs1Data::read_declared(&text);
        prop_assert!(data.elements.len() <= ELEMENTS_MAX);
        if let Some(whole) = Gs1Data::read_undeclared(&text) {
            prop_assert_eq!(whole, data);
        }
    }
}
