//! The control sheet: the codes that command a station.

use crate::domain::control;

/// Every control code in force, one a line: its name, a tab, the text to print as a barcode.
pub fn text() -> String {
    let lines: Vec<String> =
        control::sheet().iter().map(|control| format!("{}\t{}\n", control.name(), control.code())).collect();
    lines.concat()
}
