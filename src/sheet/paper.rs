//! The kinds of paper.

use crate::sheet::page::Ink;
use crate::sheet::units::MM;
use crate::sheet::units::Um;

/// A kind of paper, named as in the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paper {
    /// A sheet for the wall.
    A4,
    /// The common roll of small desk printers with 203 dots an inch.
    Label58x40,
    /// Brother DK-11209, for the QL printers with 300 dots an inch.
    Label62x29,
    /// Dymo 99012, for the `LabelWriter` printers with 300 dots an inch.
    Label89x36,
    /// A4 sheets of 24 labels for any office printer: Avery Zweckform 3474, Herma 4464.
    Labels70x37,
}

/// A stock of labels: a page has one label, or several edge to edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stock {
    pub(super) page: (Um, Um),
    /// The width and height of a label.
    pub(super) label: (Um, Um),
    /// The number of labels side by side, and of rows.
    pub(super) grid: (i32, i32),
    /// The space between the page's upper edge and the first row.
    pub(super) top: Um,
    /// The margin within the edges of a label that stays empty: the printer cannot reach it, or the roll is not
    /// straight.
    pub(super) edge: Um,
    /// The printer's dots per inch.
    pub(super) resolution: i32,
    /// The width of the thinnest bar, in dots. Whole dots give sharp bars.
    pub(super) module_dots: i32,
    pub(super) colours: Colours,
}

/// The colours that a stock's printer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colours {
    /// Black alone: a thermal printer.
    Black,
    /// All colours, or shades of grey.
    All,
}

impl Paper {
    /// Returns the stock of labels; `None` for the sheet for the wall.
    pub(super) fn stock(self) -> Option<Stock> {
        // Printers of rolls have 300 dots an inch, with one exception below; three of them make a bar of 254 µm.
        let roll = |width: Um, height: Um| Stock {
            page: (width, height),
            label: (width, height),
            grid: (1, 1),
            top: 0,
            edge: 1500,
            resolution: 300,
            module_dots: 3,
            colours: Colours::Black,
        };
        match self {
            Self::A4 => None,
            Self::Label58x40 => Some(Stock { resolution: 203, module_dots: 2, ..roll(58 * MM, 40 * MM) }),
            Self::Label62x29 => Some(roll(62 * MM, 29 * MM)),
            Self::Label89x36 => Some(Stock { module_dots: 4, edge: 2 * MM, ..roll(89 * MM, 36 * MM) }),
            Self::Labels70x37 => Some(Stock {
                page: (210 * MM, 297 * MM),
                label: (70 * MM, 37 * MM),
                grid: (3, 8),
                top: 500,
                edge: 5 * MM,
                resolution: 600,
                module_dots: 6,
                colours: Colours::All,
            }),
        }
    }
}

impl Stock {
    /// Returns the length of this many dots of the printer.
    pub(super) fn dots(&self, dots: i32) -> Um {
        dots * 25_400 / self.resolution
    }

    pub(super) fn ink(&self, ink: Ink) -> Ink {
        match self.colours {
            Colours::Black => Ink::Black,
            Colours::All => ink,
        }
    }
}
