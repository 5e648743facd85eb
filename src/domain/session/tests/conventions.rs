//! Tests of formatting rules, and of labels with a measure inside.

use super::*;
use crate::domain::code::rule::Rule;
use crate::domain::code::variable::{ItemCode, Measured, Pattern};

/// Returns rules in which `dock` puts a B in front of all it reads and a C behind; labels that begin with 21 are
/// weighed, those that begin with 22 are priced.
fn with_conventions() -> Rules {
    let strip =
        Rule { strip_prefix: Some("B".to_owned()), strip_suffix: Some("C".to_owned()), ..Rule::default() };
    let weighed = Pattern::new("21IIIIIWWWWWC", Measured::Weight, 3, ItemCode::Zeroed).unwrap();
    let priced = Pattern::new("22IIIIIPPPPPC", Measured::Price, 2, ItemCode::Zeroed).unwrap();
    let conventions = Conventions {
        rules: [(ScannerName::new("dock"), vec![strip])].into(),
        patterns: vec![weighed, priced],
        keyboards: [ScannerName::new("dock")].into(),
        kits: KitScan::All,
        ..Conventions::default()
    };
    Rules { conventions, ..rules() }
}

fn play(script: &str) -> String {
    play_with(with_conventions(), script)
}

#[test]
fn the_rules_of_a_scanner_are_for_its_codes_alone() {
    assert_eq!(play("dock: BpenC yard: BpenC"), "booked 1 receipt@91 [#1 +1 pen]; parked 1 receipt@92");
}

#[test]
fn a_command_is_heard_with_and_without_what_the_scanner_adds() {
    let undo = Control::Undo.code();
    assert_eq!(
        play(&format!("dock: BpenC B{undo}C BpenC {undo}")),
        "booked 1 receipt@91 [#1 +1 pen]; control UNDO [#1 -1 pen, #1 cancelled]; \
         booked 1 receipt@91 [#2 +1 pen]; control UNDO [#2 -1 pen, #2 cancelled]"
    );
    assert_eq!(play(&format!("yard: B{undo}C")), "parked 1 receipt@92");
}

#[test]
fn a_kit_is_heard_behind_what_the_scanner_adds() {
    assert_eq!(
        play(&format!("dock: write-off B{}C", kit_code(CardId(2)))),
        "control WRITE-OFF [mode write-off]; booked 1 write-off@91 [#1 +1 ink]"
    );
}

#[test]
fn a_repeat_is_told_by_the_bytes_and_not_by_what_the_rules_leave() {
    assert_eq!(
        play("dock: BpenC t:100 BpenC t:100 pen"),
        "booked 1 receipt@91 [#1 +1 pen]; refused repeat; booked 1 receipt@91 [#1 +1 pen]"
    );
}

#[test]
fn a_label_books_its_weight_times_the_quantity_commanded() {
    assert_eq!(play("dock: 2112345015002"), "booked 1.5 receipt@91 [#1 +1.5 cup]");
    assert_eq!(
        play("dock: qty:3 2112345015002 cup"),
        "control QTY-3; booked 4.5 receipt@91 [#1 +4.5 cup]; booked 1 receipt@91 [#1 +1 cup]"
    );
    assert_eq!(
        documents_with(with_conventions(), "dock: B2112345015002C cup"),
        "#1 receipt@91 open: 2.5 cup"
    );
    assert_eq!(
        play("dock: 2112345015002 undo"),
        "booked 1.5 receipt@91 [#1 +1.5 cup]; control UNDO [#1 -1.5 cup, #1 cancelled]"
    );
}

#[test]
fn a_label_of_an_unknown_good_is_parked_with_its_weight() {
    assert_eq!(play("dock: qty:2 2199999015008"), "control QTY-2; parked 3 receipt@91");
}

#[test]
fn a_label_that_says_nothing_is_refused_and_uses_the_quantity_up() {
    assert_eq!(
        play("dock: qty:2 2112345000008 cup"),
        "control QTY-2; refused quantity; booked 1 receipt@91 [#1 +1 cup]"
    );
    assert_eq!(play("view: 2112345000008"), "lookup cup");
}

#[test]
fn without_a_pattern_a_label_is_a_code_like_any_other() {
    assert_eq!(
        play_with(rules(), "dock: 2112345015002 2112345000008"),
        "parked 1 receipt@91; booked 1 receipt@91 [#1 +1 cup]"
    );
}

#[test]
fn a_price_of_an_unknown_good_is_refused_for_nobody_can_say_how_much_it_is() {
    assert_eq!(play("dock: 2212345005000"), "refused label-price");
    assert_eq!(play("view: 2212345005000"), "lookup unknown");
}

#[test]
fn a_price_books_what_it_buys_if_that_is_exact() {
    let priced = |price| {
        let pattern = Pattern::new("21IIIIIPPPPPC", Measured::Price, 2, ItemCode::Zeroed).unwrap();
        let conventions = Conventions { patterns: vec![pattern], ..Conventions::default() };
        play_with(Rules { conventions, ..rules() }, price)
    };
    assert_eq!(priced("2112345005003"), "booked 2 receipt@91 [#1 +2 cup]");
    assert_eq!(priced("2112345003337"), "booked 1.332 receipt@91 [#1 +1.332 cup]");
    assert_eq!(priced("2112345000008"), "refused quantity");
}

/// Returns the scanners on which advice stands after a script.
fn advised(script: &str) -> String {
    let advice = Player::new(with_conventions()).play(script).session.advice();
    advice.iter().map(|(scanner, advice)| format!("{scanner} {advice:?}")).collect::<Vec<_>>().join("; ")
}

#[test]
fn advice_stands_on_the_scanner_whose_codes_look_wrong_until_it_reads_right() {
    assert_eq!(advised("dock: 4006381333932 4006381333937"), "dock CheckDigit");
    assert_eq!(advised("dock: B4006381333932C 4006381333937"), "dock CheckDigit");
    assert_eq!(advised("dock: $))^#*!###(#! $))^#*!###(#!"), "dock ShiftedDigits");
    assert_eq!(advised("view: 4006381333932 4006381333937"), "view CheckDigit");
    assert_eq!(
        advised("dock: 4006381333932 noise t:10 4006381333932 till: 4006381333937"),
        "dock CheckDigit"
    );
    for script in [
        "dock: 4006381333932 till: 4006381333937",
        "dock: 4006381333932 pen 4006381333937",
        "dock: 4006381333932 4006381333937 pen",
        "dock: 4006381333932 4006381333937 undo receipt",
        "dock: 4006381333932 t:10 4006381333932",
        "till: $))^#*!###(#! $))^#*!###(#!",
    ] {
        assert_eq!(advised(script), "", "{script}");
    }
}
