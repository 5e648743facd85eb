//! The control sheet: the codes that command a station, and those of its kits.

use crate::domain::control;
use crate::domain::ids::CardId;

/// Every control code in force, then every kit, one a line: its name, a tab, the text to print as a barcode.
pub fn text(kits: &[CardId]) -> String {
    let controls = control::sheet().into_iter().map(|control| (control.name(), control.code()));
    let kits = kits.iter().map(|card| (control::kit_name(*card), control::kit_code(*card)));
    let lines: Vec<String> = controls.chain(kits).map(|(name, code)| format!("{name}\t{code}\n")).collect();
    lines.concat()
}
