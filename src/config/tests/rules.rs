//! Formatting rules and patterns: their bounds, and the faults of wrong ones.

use super::*;
use crate::domain::code::rule::Length;
use crate::domain::code::variable::{ItemCode, Measured};

fn rule(lines: &str) -> String {
    format!("{SCANNER}[[scanner.rule]]\n{lines}\n")
}

fn label(lines: &str) -> String {
    format!("[[variable_measure]]\n{lines}\n")
}

#[test]
fn a_rule_of_strips_alone_is_read() {
    let config = with(&rule("strip_prefix = \"]\\u001D\"\nstrip_suffix = \"C\"")).unwrap();
    let [rule] = &config.scanners[0].rules[..] else { panic!("one rule") };
    assert_eq!(rule.strip_prefix.as_deref(), Some("]\u{1d}"));
    assert_eq!((rule.strip_suffix.as_deref(), &rule.replace), (Some("C"), &None));
}

#[test]
fn rules_belong_to_the_scanner_above_them() {
    let one = "[[scanner.rule]]\nstrip_prefix = \"1\"\n";
    let other = SCANNER.replace("dock", "yard").replace("USB0", "USB1");
    let config = with(&format!("{SCANNER}{one}{one}{other}{one}")).unwrap();
    assert_eq!(config.scanners.iter().map(|scanner| scanner.rules.len()).collect::<Vec<_>>(), [2, 1]);
    let conventions = config.conventions();
    assert_eq!(conventions.rules_of(&ScannerName::new("yard")).len(), 1);
    assert_eq!(conventions.rules_of(&ScannerName::new("till")), []);
}

#[test]
fn sixteen_rules_are_the_most_and_sixteen_patterns() {
    let rules = |count| format!("{SCANNER}{}", "[[scanner.rule]]\nstrip_prefix = \"1\"\n".repeat(count));
    assert!(with(&rules(16)).is_ok());
    check_fault(&rules(17), "config.toml:9: scanner[0].rule: 17 is out of range; use at most 16");
    let labels = |count| label("pattern = \"21IIIIIWWWWWC\"\nmeasure = \"weight\"").repeat(count);
    assert!(with(&labels(16)).is_ok());
    check_fault(&labels(17), "config.toml:5: variable_measure: 17 is out of range; use at most 16");
}

#[test]
fn a_rule_must_do_something() {
    check_fault(
        &rule("if_prefix = \"B\""),
        "config.toml:9: scanner[0].rule[0].strip_prefix: is missing; add strip_prefix, strip_suffix, drop_first, \
         drop_last, keep_first, keep_last, or replace and with: without any of them the rule does nothing",
    );
    check_fault(
        &rule("replace = \"-\""),
        "config.toml:9: scanner[0].rule[0].with: is missing; add with = \"…\"; with = \"\" removes what is replaced",
    );
    check_fault(
        &rule("with = \"-\""),
        "config.toml:10: scanner[0].rule[0].with: has no effect without replace; add replace = \"…\", or remove it",
    );
}

#[test]
fn the_texts_of_a_rule_are_bounded() {
    for key in ["if_prefix", "if_suffix", "strip_prefix", "strip_suffix", "replace"] {
        let others = if key == "replace" { "\nwith = \"\"" } else { "\nreplace = \"-\"\nwith = \"\"" };
        let text = |value: &str| rule(&format!("{key} = \"{value}\"{others}"));
        assert!(with(&text(&"é".repeat(64))).is_ok(), "{key}");
        for (value, fault) in [
            ("é".repeat(65), "is too long; use 64 characters at most"),
            (String::new(), "is empty; write what is meant, or remove the key"),
            (
                "\\r".to_owned(),
                "holds a control character; remove it; the only one that a code may hold is the group separator, \"\\u001D\"",
            ),
        ] {
            check_fault(&text(&value), &format!("config.toml:10: scanner[0].rule[0].{key}: {fault}"));
        }
    }
}

#[test]
fn a_length_is_one_number_or_two() {
    let length = |written: &str| rule(&format!("if_length = {written}\nstrip_prefix = \"1\""));
    for (written, min, max) in [("13", 13, 13), ("[8, 14]", 8, 14), ("[1, 512]", 1, 512)] {
        let config = with(&length(written)).unwrap();
        assert_eq!(config.scanners[0].rules[0].if_length, Some(Length { min, max }), "{written}");
    }
    for (written, fault) in [
        ("0", "0 is out of range; use 1 to 512"),
        ("[8, 513]", "513 is out of range; use 1 to 512"),
        ("[8]", "does not have two numbers; write the least and the most, as in [8, 14]"),
        ("[14, 8]", "has the greater number first; write the least and the most, as in [8, 14]"),
        ("\"13\"", "is text; write a whole number, or the least and the most as in [8, 14]"),
        ("[8, \"14\"]", "is text; write a whole number, without quotes"),
    ] {
        check_fault(&length(written), &format!("config.toml:10: scanner[0].rule[0].if_length: {fault}"));
    }
}

#[test]
fn a_kind_of_code_is_one_of_those_known() {
    let fault = faults(&rule("if_symbology = \"UPC-A\"\nstrip_prefix = \"0\"")).concat();
    assert!(
        fault.starts_with(
            "config.toml:10: scanner[0].rule[0].if_symbology: \"UPC-A\" is not one of the words known here; \
             use \"EAN-13\" or \"EAN-8\" or \"Code 128\""
        ),
        "{fault}"
    );
}

#[test]
fn a_pattern_has_the_usual_decimals_of_its_measure() {
    for (pattern, measure, decimals) in
        [("21IIIIIWWWWWC", "weight", 3), ("21IIIIIWWWWWC", "count", 0), ("2IIIIIVPPPPC", "price", 2)]
    {
        let config = with(&label(&format!("pattern = \"{pattern}\"\nmeasure = \"{measure}\""))).unwrap();
        let [read] = &config.variable_measures[..] else { panic!("one pattern") };
        assert_eq!((read.as_str(), read.decimals(), read.item()), (pattern, decimals, ItemCode::Zeroed));
    }
    let lines = "pattern = \"21IIIIIWWWWWC\"\nmeasure = \"weight\"\ndecimals = 0\nitem = \"reference\"";
    let config = with(&label(lines)).unwrap();
    let read = &config.variable_measures[0];
    assert_eq!((read.measured(), read.decimals(), read.item()), (Measured::Weight, 0, ItemCode::Reference));
}

#[test]
fn a_wrong_pattern_is_said_with_one_that_is_right() {
    for (lines, fault) in [
        (
            "pattern = \"21IIIIIPPPPPC\"\nmeasure = \"weight\"",
            "6: variable_measure[0].pattern: has W where a price is measured, or P where none is; \
             write one such as \"21IIIIIWWWWWC\" or \"2IIIIIVPPPPC\"",
        ),
        (
            "measure = \"weight\"",
            "5: variable_measure[0].pattern: is missing; add pattern = \"21IIIIIWWWWWC\" under this [[variable_measure]]",
        ),
        (
            "pattern = \"21IIIIIPPPPPC\"",
            "5: variable_measure[0].measure: is missing; add measure = \"weight\", \"count\" or \"price\" under this \
             [[variable_measure]]",
        ),
        (
            "pattern = \"21IIIIIWWWWWC\"\nmeasure = \"weight\"\ndecimals = 7",
            "8: variable_measure[0].decimals: 7 is out of range; use 0 to 6",
        ),
    ] {
        check_fault(&label(lines), &format!("config.toml:{fault}"));
    }
}
