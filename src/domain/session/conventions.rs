//! What a frame means on this station: by the formatting rules of its scanner, then as a control code or a kit,
//! then by the patterns of the labels that are in use here.
//!
//! Invariant: what decides is the frame and the configuration, nothing else, so the same frame always means the same.

use std::collections::BTreeMap;

use super::{Barcode, Control, Heard, Reading, ScannerName};
use crate::domain::rule::{self, Rule};
use crate::domain::variable::{self, Pattern};

/// What the configuration says of codes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conventions {
    /// The formatting rules of the scanners that have any.
    pub rules: BTreeMap<ScannerName, Vec<Rule>>,
    /// What in-store labels with a measure look like, the first that fits first.
    pub patterns: Vec<Pattern>,
}

impl Conventions {
    /// The rules of a scanner, in their order.
    pub fn rules_of(&self, scanner: &ScannerName) -> &[Rule] {
        self.rules.get(scanner).map_or(&[], Vec::as_slice)
    }

    /// What the text of a frame is.
    pub fn hear(&self, scanner: &ScannerName, text: &str) -> Heard {
        self.understand(&rule::apply_all(self.rules_of(scanner), text))
    }

    /// What the text of a frame is after the rules.
    pub fn understand(&self, text: &str) -> Heard {
        match Control::read(text) {
            Reading::Control(control) => Heard::Control(control),
            Reading::Kit(card) => Heard::Kit(card),
            Reading::Malformed => Heard::MalformedControl,
            Reading::NotControl => {
                let barcode = Barcode::read(text);
                Heard::Product(Box::new(variable::read(&self.patterns, &barcode).unwrap_or(barcode)))
            }
        }
    }
}
