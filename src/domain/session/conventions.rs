//! The meaning of a frame on this station: by the formatting rules of its scanner, then as a control code or a kit,
//! then by the patterns of the labels that are in use here.
//!
//! Invariant: only the frame and the configuration decide, so the same frame always means the same.

use std::collections::{BTreeMap, BTreeSet};

use super::{Barcode, Control, ControlReading, Frame, Heard, Outcome, Resolution, ScannerName};
use crate::domain::aim::AimId;
use crate::domain::code::rule::{self, Rule};
use crate::domain::code::seal::Seal;
use crate::domain::code::variable::{self, Pattern};
use crate::domain::session::advice::{Evidence, Sent};
use crate::domain::stock::kit::KitScan;

/// The part of the configuration that is about codes.
#[derive(Debug, Clone, Default)]
pub struct Conventions {
    /// The formatting rules of the scanners that have any.
    pub rules: BTreeMap<ScannerName, Vec<Rule>>,
    /// The patterns of in-store labels with a measure; the first that fits decides.
    pub patterns: Vec<Pattern>,
    /// The scanners that type, each in a layout of its own.
    pub keyboards: BTreeSet<ScannerName>,
    /// The kits that may be booked.
    pub kits: KitScan,
    /// The seal of this station's control codes.
    pub seal: Seal,
}

impl Conventions {
    /// Returns the form in which a scanner sends codes.
    fn form_of(&self, scanner: &ScannerName) -> Sent {
        if self.keyboards.contains(scanner) { Sent::AsKeys } else { Sent::AsText }
    }

    /// Returns the rules of a scanner, in their order.
    pub fn rules_of(&self, scanner: &ScannerName) -> &[Rule] {
        self.rules.get(scanner).map_or(&[], Vec::as_slice)
    }

    /// Returns the meaning of a frame's text, by the rules of its scanner.
    pub fn hear(&self, scanner: &ScannerName, text: &str) -> Heard {
        self.understand(&rule::apply_all(self.rules_of(scanner), &self.seal, text))
    }

    /// Returns the evidence that a frame gives about its scanner, by its outcome.
    pub(super) fn evidence(&self, scanner: &ScannerName, frame: &Frame, outcome: &Outcome) -> Evidence {
        match (outcome, &frame.verdict) {
            (Outcome::Refused(_), _) | (_, Err(_)) => Evidence::Nothing,
            (Outcome::Unknown { .. } | Outcome::Lookup(Resolution::Unknown), Ok(text)) => {
                match self.hear(scanner, text) {
                    Heard::Product(barcode) => Evidence::of_unknown(&barcode, self.form_of(scanner)),
                    _ => Evidence::Sound,
                }
            }
            (Outcome::Booked { .. } | Outcome::Control(_) | Outcome::Lookup(_), Ok(_)) => Evidence::Sound,
        }
    }

    /// Returns the meaning of a frame's text after the rules.
    pub fn understand(&self, text: &str) -> Heard {
        match self.seal.read(text) {
            ControlReading::Control(control) => Heard::Control(control),
            ControlReading::Kit(card) => Heard::Kit(card),
            ControlReading::Malformed => Heard::MalformedControl,
            ControlReading::NotControl => {
                let barcode = Barcode::read(text);
                // The command stands behind an invisible mark. Only a frame that is a command as it stands is obeyed.
                if Control::read(&barcode.text) != ControlReading::NotControl {
                    return Heard::MalformedControl;
                }
                if barcode.symbology.is_some_and(AimId::is_add_on) {
                    return Heard::AddOn;
                }
                Heard::Product(Box::new(variable::read(&self.patterns, &barcode).unwrap_or(barcode)))
            }
        }
    }
}
