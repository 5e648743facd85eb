//! Barcodes as shapes.

use crate::sheet::page::{Area, Symbol};
use crate::sheet::units::Um;
use crate::sheet::{Error, code128, qr};

/// The width of the thinnest printed bar, in micrometres: 7.5 thousandths of an inch, the least that common scanners
/// read at arm's length and common printers print.
const MODULE_MIN: Um = 190;

/// The kinds of barcodes to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrintSymbology {
    /// Code 128: every scanner reads it.
    Code128,
    /// QR: for scanners with a camera; it can be read with more dirt and at any angle.
    Qr,
    /// Both kinds of each code, side by side.
    Both,
}

impl PrintSymbology {
    pub(super) fn has_bars(self) -> bool {
        matches!(self, Self::Code128 | Self::Both)
    }

    pub(super) fn has_qr(self) -> bool {
        matches!(self, Self::Qr | Self::Both)
    }
}

/// Returns a Code 128 symbol of this height at the origin. Bars are `module` wide, or narrower if they would not fit
/// `room`.
pub(super) fn bars(code: &str, module: Um, room: Um, height: Um) -> Result<Symbol, Error> {
    let widths = code128::encode(code).ok_or_else(|| Error::NoBarcode(code.to_owned()))?;
    let modules = widths.iter().map(|width| i32::from(*width)).sum::<i32>() + 2 * code128::QUIET_MODULES;
    let module = module.min(room.div_euclid(modules));
    if module < MODULE_MIN {
        return Err(Error::TooLong(code.to_owned()));
    }
    let mut bars = Vec::new();
    let mut x = code128::QUIET_MODULES * module;
    for (width, at) in widths.into_iter().zip(0_usize..) {
        let width = i32::from(width) * module;
        // Widths alternate between bars and spaces, bar first.
        if at % 2 == 0 {
            bars.push(Area::new(x, 0, width, height));
        }
        x += width;
    }
    Ok(Symbol { code: code.to_owned(), area: Area::new(0, 0, modules * module, height), bars })
}

/// Returns a QR symbol at the origin. Its modules are as large as `room` allows in whole `dot`s of the printer.
pub(super) fn qr_symbol(code: &str, dot: Um, room: Um) -> Result<Symbol, Error> {
    let matrix = qr::encode(code).ok_or_else(|| Error::NoBarcode(code.to_owned()))?;
    let modules = matrix.side + 2 * qr::QUIET_MODULES;
    // Rounded down to whole dots: a broken dot blurs every edge.
    let module = room.div_euclid(modules * dot) * dot;
    if module < MODULE_MIN {
        return Err(Error::TooLong(code.to_owned()));
    }
    let place = |modules: i32| (modules + qr::QUIET_MODULES) * module;
    let bar = |run: &qr::Run| Area::new(place(run.column), place(run.row), run.modules * module, module);
    let bars = matrix.runs.iter().map(bar).collect();
    Ok(Symbol { code: code.to_owned(), area: Area::new(0, 0, modules * module, modules * module), bars })
}

impl Symbol {
    /// Returns the same symbol with its corner at this place.
    pub(super) fn at(self, x: Um, y: Um) -> Self {
        let moved = |area: Area| Area { x: area.x + x, y: area.y + y, ..area };
        Self { area: moved(self.area), bars: self.bars.into_iter().map(moved).collect(), code: self.code }
    }
}
