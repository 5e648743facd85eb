//! QR codes (ISO/IEC 18004). A control code fits the smallest one, because its letters and signs are all in the
//! alphanumeric set. A calibration code fits as well: the smallest one holds as many bytes as it has.

use qrcodegen::{QrCode, QrCodeEcc};

/// The quiet zone on all four sides, in modules (ISO/IEC 18004, 5.3.8).
pub(super) const QUIET_MODULES: i32 = 4;

/// A run of dark modules in a row of the symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) row: i32,
    pub(super) column: i32,
    pub(super) modules: i32,
}

/// The dark modules of a symbol without its quiet zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Matrix {
    /// The number of modules on a side.
    pub(super) side: i32,
    pub(super) runs: Vec<Run>,
}

/// Returns the symbol for a text; `None` for a text longer than any symbol.
///
/// The symbol is as small as possible, with the most error correction that fits its size and at least level M: paper in
/// a stockroom gets dirty.
pub(super) fn encode(text: &str) -> Option<Matrix> {
    let symbol = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let side = symbol.size();
    let runs = (0..side).flat_map(|row| dark_runs(&symbol, row)).collect();
    Some(Matrix { side, runs })
}

/// Returns the dark modules of a row, with neighbours joined: a seam between them would show.
fn dark_runs(symbol: &QrCode, row: i32) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for column in (0..symbol.size()).filter(|&column| symbol.get_module(column, row)) {
        match runs.last_mut() {
            Some(run) if run.column + run.modules == column => run.modules += 1,
            _ => runs.push(Run { row, column, modules: 1 }),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calibrate::CalibrationCode;
    use crate::domain::code::control::{self, Control};

    #[test]
    fn every_control_code_fits_the_smallest_symbol() {
        let calibration = CalibrationCode::ALL.map(Control::Calibrate);
        for control in control::sheet().into_iter().chain(calibration) {
            assert_eq!(encode(&control.code()).unwrap().side, 21, "{}", control.code());
        }
    }

    #[test]
    fn the_corner_of_a_symbol_is_a_finder_pattern() {
        let rows: Vec<String> = (0..7)
            .map(|row| {
                let mut line = ["."; 7];
                for run in encode("$SP.OK.C").unwrap().runs.iter().filter(|run| run.row == row) {
                    for column in run.column..(run.column + run.modules).min(7) {
                        line[usize::try_from(column).unwrap()] = "#";
                    }
                }
                line.concat()
            })
            .collect();
        assert_eq!(rows, ["#######", "#.....#", "#.###.#", "#.###.#", "#.###.#", "#.....#", "#######"]);
    }

    #[test]
    fn a_text_longer_than_any_symbol_has_none() {
        assert_eq!(encode(&"x".repeat(5000)), None);
    }
}
