//! The control sheet: the codes that command a station, as text and for printing.
//!
//! It is for a clerk with gloves who has never read a manual: each code has a big name, a picture and one line of
//! meaning. Nothing depends on colour alone, so a black and white printer is enough. A scanner must not read a
//! neighbouring code by mistake: quiet zones are kept whole, no two linear codes stand side by side at one height, and
//! a code whose effect cannot be undone stands apart, in a thick frame.
//!
//! The pages are laid out once, in whole micrometres, and then drawn as SVG, HTML or PDF.

mod code128;
mod groups;
mod html;
mod label;
mod letters;
mod page;
mod paper;
mod pdf;
mod picture;
mod qr;
mod single;
mod svg;
mod symbol;
#[cfg(test)]
mod tests;
mod units;
mod wall;

use crate::domain::code::control;
use crate::domain::code::control::Control;
use crate::domain::code::seal::Seal;
use crate::domain::ids::{CardId, StorageId};

pub use crate::sheet::groups::Code;
pub use crate::sheet::groups::Group;
pub use crate::sheet::groups::Risk;
pub use crate::sheet::groups::calibration_group;
pub use crate::sheet::groups::control_groups;
pub use crate::sheet::groups::kit_group;
pub use crate::sheet::groups::storage_group;
pub use crate::sheet::page::Ink;
use crate::sheet::page::Page;
pub use crate::sheet::paper::Paper;
pub use crate::sheet::picture::Picture;
pub use crate::sheet::single::qr_on_terminal;
pub use crate::sheet::single::qr_picture;
pub use crate::sheet::symbol::PrintSymbology;

/// A storage's number, and its name for people if it has one.
pub type NamedStorage = (StorageId, Option<String>);

/// Returns every control code in force and then every kit, one in a line: its name, a tab, the text of the barcode.
///
/// The calibration codes command nothing and are left out: a separator in a text ends a line for some programs.
pub fn text(seal: &Seal, storages: &[NamedStorage], kits: &[(CardId, String)]) -> String {
    let storages = groups::choice(storages).iter().map(|(storage, _)| Control::Storage(*storage));
    let controls =
        control::sheet().into_iter().chain(storages).map(|control| (control.name(), seal.code(control)));
    let kits = kits.iter().map(|(card, _)| (control::kit_name(*card), seal.kit_code(*card)));
    let lines: Vec<String> = controls.chain(kits).map(|(name, code)| format!("{name}\t{code}\n")).collect();
    lines.concat()
}

/// The file format of the sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One picture with its pages one below the other.
    Svg,
    /// A page for a browser, which prints it at its true size.
    Html,
    /// A file for any printer.
    Pdf,
}

/// The sheet's own details, which are printed on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imprint {
    /// The station's name, if it has one.
    pub station: Option<String>,
    /// The day on which it was made.
    pub date: String,
}

/// The reason why a sheet cannot be printed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// No barcode can hold it.
    #[error("{0:?} has no barcode")]
    NoBarcode(String),
    /// Its bars would be too thin to be read.
    #[error("the bars of {0} do not fit on this paper")]
    TooLong(String),
}

impl Error {
    /// Returns the action of a person that helps, if there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoBarcode(_) => None,
            Self::TooLong(_) => Some("choose a larger paper, or QR codes"),
        }
    }
}

/// The form of a sheet to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintJob {
    /// The file format.
    pub format: Format,
    /// The paper.
    pub paper: Paper,
    /// Its barcodes.
    pub symbology: PrintSymbology,
    /// The sheet's own details.
    pub imprint: Imprint,
}

impl PrintJob {
    /// Lays out these groups and returns the file of the sheet.
    ///
    /// # Errors
    /// A code that has no barcode, or none that fits the paper.
    pub fn print(&self, groups: &[Group]) -> Result<Vec<u8>, Error> {
        let pages = self.lay_out(groups)?;
        let title = self.imprint.title();
        Ok(match self.format {
            Format::Svg => svg::document(&pages, &title).into_bytes(),
            Format::Html => html::document(&pages, &title).into_bytes(),
            Format::Pdf => pdf::document(&pages, &title),
        })
    }

    fn lay_out(&self, groups: &[Group]) -> Result<Vec<Page>, Error> {
        match self.paper.stock() {
            None => wall::lay_out(groups, self.symbology, &self.imprint),
            Some(stock) => label::lay_out(groups, &stock, self.symbology, &self.imprint),
        }
    }
}

impl Imprint {
    fn title(&self) -> String {
        self.station.as_ref().map_or_else(
            || "stockpoint control sheet".to_owned(),
            |station| format!("stockpoint control sheet of {station}"),
        )
    }

    /// Returns station, day and version, for the foot.
    fn line(&self) -> String {
        let version = concat!("stockpoint ", env!("CARGO_PKG_VERSION"));
        let parts = self.station.iter().map(String::as_str).chain([self.date.as_str(), version]);
        parts.collect::<Vec<_>>().join(", ")
    }
}
