//! Reads single values in whatever shape the service gives them.
//!
//! Seen in the wild: numbers as text and text as numbers, flags as 0 and 1, a missing relation as `[]` or
//! `null`, one object as an array of one. Amounts are taken from their decimal text, never through a float.

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::stock::quantity::Money;

/// The most texts taken out of a nested value; nobody reads more of an error.
const TEXTS_MAX: usize = 20;

/// Reads text, or a number as it is spelled. `null` and everything else gives `None`.
pub(super) fn text(raw: Option<&RawValue>) -> Option<String> {
    let raw = raw?.get();
    match raw.as_bytes().first()? {
        b'"' => serde_json::from_str(raw).ok(),
        b'-' | b'0'..=b'9' => Some(raw.to_owned()),
        _ => None,
    }
}

/// Reads a decimal number, written as a number or as text.
pub(super) fn decimal(raw: Option<&RawValue>) -> Option<Decimal> {
    // A `RawValue` has no blanks around it, so its first character tells a text from a number.
    let spelled = raw?.get();
    if spelled.starts_with('"') { read_decimal(&text(raw)?) } else { read_decimal(spelled) }
}

/// Reads a price. A missing price is zero; one that is present and not a number is unreadable, and never zero.
pub(super) fn money(raw: Option<&RawValue>) -> Money {
    match raw.map(RawValue::get) {
        // A price that silently became zero would be posted as the cost of stock.
        None | Some("null" | "\"\"" | "[]" | "{}" | "false") => Money::default(),
        Some(_) => decimal(raw).map_or(Money::UNREADABLE, Money::new),
    }
}

/// Reads a decimal to its last digit; returns `None` rather than round.
fn read_decimal(text: &str) -> Option<Decimal> {
    let text = text.trim();
    let Some((digits, exponent)) = text.split_once(['e', 'E']) else {
        return Decimal::from_str_exact(text).ok();
    };
    // `Decimal::from_scientific` would round.
    let (digits, exponent) =
        (Decimal::from_str_exact(digits).ok()?.normalize(), exponent.parse::<i32>().ok()?);
    let scale = i32::try_from(digits.scale()).ok()?.checked_sub(exponent)?;
    // A negative scale means zeros at the end of the mantissa: a decimal's scale is never below zero.
    let zeros = u32::try_from(scale.checked_neg()?.max(0)).ok()?;
    let mantissa = digits.mantissa().checked_mul(10_i128.checked_pow(zeros)?)?;
    Decimal::try_from_i128_with_scale(mantissa, u32::try_from(scale.max(0)).ok()?).ok()
}

/// Reads a whole number, written as a number (with or without decimals that are zero) or as text.
pub(super) fn integer(raw: Option<&RawValue>) -> Option<i64> {
    // Nearly all are plain digits, and a goods table has hundreds of thousands of them: no decimal is built for these.
    if let Ok(number) = raw?.get().parse() {
        return Some(number);
    }
    let number = decimal(raw)?.normalize();
    if number.scale() == 0 { i64::try_from(number.mantissa()).ok() } else { None }
}

/// Reads an identity: a whole number above zero. The service writes 0 for "none".
pub(super) fn id(raw: Option<&RawValue>) -> Option<i64> {
    integer(raw).filter(|id| *id > 0)
}

/// Reads a flag: `true`, a number other than 0, or either as text.
pub(super) fn flag(raw: Option<&RawValue>) -> Option<bool> {
    match raw?.get() {
        "true" => Some(true),
        "false" => Some(false),
        _ => match text(raw)?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => integer(raw).map(|number| number != 0),
        },
    }
}

/// Reads the identity of a related object; `[]`, `{}` and `null` are none.
pub(super) fn related(raw: Option<&RawValue>) -> Option<i64> {
    #[derive(Deserialize)]
    struct Related<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
    }
    let related: Related<'_> = serde_json::from_str(raw?.get()).ok()?;
    id(related.id)
}

/// Returns the object itself, or the first member of an array.
pub(super) fn one(raw: &RawValue) -> Option<&RawValue> {
    if raw.get().starts_with('[') { list(raw).into_iter().next() } else { Some(raw) }
}

/// Returns the members of an array, and none for anything else.
pub(super) fn list(raw: &RawValue) -> Vec<&RawValue> {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// Returns every text inside a value, in order and at any depth; at most 20.
pub(super) fn all_texts(raw: &RawValue) -> Vec<String> {
    fn collect(value: &serde_json::Value, texts: &mut Vec<String>) {
        if texts.len() >= TEXTS_MAX {
            return;
        }
        match value {
            serde_json::Value::String(text) => texts.push(text.clone()),
            serde_json::Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
            serde_json::Value::Object(members) => members.values().for_each(|value| collect(value, texts)),
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
        }
    }
    let mut texts = Vec::new();
    if let Ok(value) = serde_json::from_str(raw.get()) {
        collect(&value, &mut texts);
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn a_number_is_read_from_every_spelling_to_the_last_digit() {
        let cases = [("12.5", "12.5"), ("\"12.5\"", "12.5"), ("1e3", "1000"), ("-0.10", "-0.10")];
        for (json, decimal_text) in cases {
            assert_eq!(decimal(Some(&raw(json))), decimal_text.parse().ok(), "{json}");
        }
        assert_eq!(decimal(Some(&raw("[]"))), None);
        assert_eq!(integer(Some(&raw("\"-5\""))), Some(-5));
        assert_eq!(integer(Some(&raw("4.0"))), Some(4));
        assert_eq!(id(Some(&raw("0"))), None);
    }

    #[test]
    fn a_number_that_does_not_fit_is_not_rounded() {
        let cases = [
            ("1.5E+3", Some("1500")),
            ("25e-1", Some("2.5")),
            ("0e99", None),
            ("7e28", Some("70000000000000000000000000000")),
            ("8e28", None),
            ("1e-28", Some("0.0000000000000000000000000001")),
            ("1e-29", None),
            ("1e2147483648", None),
            ("1e-2147483648", None),
            ("0.12345678901234567890123456789", None),
            ("1.2345678901234567890123456789012e0", None),
        ];
        for (json, expected) in cases {
            let read = decimal(Some(&raw(json))).map(|number| number.normalize().to_string());
            assert_eq!(read.as_deref(), expected, "{json}");
        }
    }

    #[test]
    fn a_price_that_is_present_and_unreadable_is_not_zero() {
        for json in ["null", "\"\"", "[]", "false", "0", "\"0.00\""] {
            assert_eq!(money(Some(&raw(json))), Money::default(), "{json}");
        }
        assert_eq!(money(None), Money::default());
        for json in ["1e40", "\"12,50\"", "\"free\"", "true", "[1]"] {
            assert_eq!(money(Some(&raw(json))), Money::UNREADABLE, "{json}");
        }
    }

    #[test]
    fn a_flag_is_a_boolean_a_number_or_text() {
        for json in ["true", "1", "\"1\"", "\"true\""] {
            assert_eq!(flag(Some(&raw(json))), Some(true), "{json}");
        }
        for json in ["false", "0", "\"0\""] {
            assert_eq!(flag(Some(&raw(json))), Some(false), "{json}");
        }
        assert_eq!(flag(Some(&raw("[]"))), None);
    }

    #[test]
    fn a_missing_relation_has_many_shapes() {
        assert_eq!(related(Some(&raw(r#"{"id":"7","name":"x"}"#))), Some(7));
        for json in ["[]", "{}", "null", "0"] {
            assert_eq!(related(Some(&raw(json))), None, "{json}");
        }
    }
}
