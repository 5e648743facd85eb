//! Values on the command line: words and numbers become what they mean.

use clap::builder::BoolValueParser;
use clap::builder::TypedValueParser;
use rust_decimal::Decimal;

use crate::domain::decode::keymap::{LAYOUTS, LayoutName};
use crate::domain::stock::quantity::Quantity;

/// Reads the name of a keyboard layout.
pub(super) fn layout(word: &str) -> Result<LayoutName, String> {
    LayoutName::from_word(word).ok_or_else(|| {
        let words: Vec<&str> = LAYOUTS.iter().map(|(word, _)| *word).collect();
        format!("use one of {}", words.join(", "))
    })
}

/// The form of a command's output, set by its flag `--json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutputFormat {
    /// Text for people
    Text,
    /// JSON for programs
    Json,
}

/// Returns the parser of the flag `--json`, which clap gives the words `true` and `false`.
pub(super) fn output_format() -> impl TypedValueParser<Value = OutputFormat> {
    BoolValueParser::new().map(|is_json| if is_json { OutputFormat::Json } else { OutputFormat::Text })
}

/// Reads an amount that is not below zero, as an exact decimal.
pub(super) fn amount(text: &str) -> Result<Decimal, &'static str> {
    let number = Decimal::from_str_exact(text).ok().filter(|number| *number >= Decimal::ZERO);
    number.ok_or("this is no number such as 12.50")
}

/// Reads a quantity above zero.
pub(super) fn quantity(text: &str) -> Result<Quantity, &'static str> {
    Quantity::from_decimal(above_zero(text)?).ok_or("this has more than six decimal places, or is too large")
}

/// Reads a number above zero, as an exact decimal.
pub(super) fn above_zero(text: &str) -> Result<Decimal, &'static str> {
    amount(text).and_then(|number| if number.is_zero() { Err("this must be above zero") } else { Ok(number) })
}
