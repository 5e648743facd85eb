//! The text of a frame: control codes, product codes, GS1 elements and links.

use crate::domain::aim::AimId;
use crate::domain::code::barcode::{Barcode, Key};
use crate::domain::code::control::{Control, ControlReading};
use crate::domain::code::gs1::{ELEMENTS_MAX, Gs1Data, element_string, read_link};
use crate::domain::code::gtin;

/// Whatever was read, nothing of it is made up, and nothing but its own printed text is a command.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    command(text);
    let barcode = Barcode::read(text);
    assert!(text.contains(&barcode.text), "the code is a piece of what was read");
    assert_eq!(Barcode::read(&barcode.name()).identity(), barcode.identity(), "a name is another code's");
    assert!((1..=2).contains(&barcode.tiers.len()), "a code has one or two tiers");
    for key in barcode.tiers.iter().flatten() {
        match key {
            Key::Text(key) => assert_eq!(*key, barcode.text, "a text is looked up as it is"),
            Key::Gtin(key) => {
                assert_eq!(key.as_str().len(), 14, "a trade item has fourteen digits");
                assert!(gtin::has_check_digit(key.as_str()), "a trade item has a right check digit");
            }
        }
    }
    let spelled = element_string(&barcode.text);
    if let Some(data) = &barcode.gs1 {
        elements(data, if read_link(&barcode.text).is_some() { &barcode.text } else { &spelled });
    }
    if let Some(data) = Gs1Data::read_undeclared(&spelled) {
        again(&data);
    }
    let _link = read_link(text);
}

/// A command is obeyed only in the one spelling that the sheet prints.
fn command(text: &str) {
    let (_symbology, code) = AimId::split(text);
    match Control::read(text) {
        ControlReading::Control(control) => {
            assert_eq!(control.code(), code, "a second spelling of a command");
        }
        ControlReading::NotControl => {
            assert!(!code.starts_with("$SP."), "a malformed command passes for a good");
        }
        ControlReading::Kit(_) | ControlReading::Malformed => assert!(code[..4].eq_ignore_ascii_case("$SP.")),
    }
}

/// Every element of an element string stands in the code. A link spells some of them in other words.
fn elements(data: &Gs1Data, code: &str) {
    assert!(data.elements.len() <= ELEMENTS_MAX);
    assert!(data.count != Some(0), "a count of nothing");
    if read_link(code).is_none() {
        for (ai, value) in &data.elements {
            assert!(code.contains(&format!("{ai}{value}")), "an element was made up");
        }
    }
}

/// What was read whole, written down again with a separator behind each element, is read as the same.
fn again(data: &Gs1Data) {
    let text: String = data.elements.iter().flat_map(|(ai, value)| [ai, value.as_str(), "\u{1d}"]).collect();
    assert_eq!(Gs1Data::read_undeclared(&text).as_ref(), Some(data), "a second reading tells something else");
}
