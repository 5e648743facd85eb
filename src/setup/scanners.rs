//! The scanners that are plugged in, each with the entry that makes it the station's.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::config::quoted;
use crate::device::discover::hidraws;
use crate::device::discover::inputs;
use crate::device::discover::ports;
use crate::device::discover::ports::Roots;
use crate::device::hidpos;
use crate::domain::decode::keymap::LayoutName;
use crate::domain::printable::printable;
use crate::setup::Error;
use crate::setup::entry::ScannerEntry;
use crate::setup::entry::name_of;
use crate::setup::entry::pos_of;

/// The way to read a scanner's codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadBy {
    /// As bytes of a serial port.
    Serial,
    /// As reports of a HID-POS scanner.
    Pos,
    /// As keys.
    Keys,
}

/// A device that may be a scanner.
#[derive(Debug, Clone)]
pub struct FoundScanner {
    /// Its device node.
    pub node: PathBuf,
    /// The way to read it.
    pub way: ReadBy,
    /// Its description for a person.
    pub title: String,
    /// True if it looks like a scanner.
    pub looks_like_scanner: bool,
    /// Its entry in the configuration.
    pub entry: String,
}

impl FoundScanner {
    /// Returns a device that is not among those found: its path shows its kind.
    fn at(node: &Path, layout: LayoutName) -> Self {
        let way = if node.starts_with("/dev/input") {
            ReadBy::Keys
        } else if hidpos::Recorder::is_for(node) {
            ReadBy::Pos
        } else {
            ReadBy::Serial
        };
        let (kind, more) = match way {
            ReadBy::Serial => ("serial", String::new()),
            ReadBy::Pos => ("hidpos", String::new()),
            ReadBy::Keys => ("evdev", format!("{}\n", layout_line(layout))),
        };
        let name = name_of(&node.file_name().unwrap_or_default().to_string_lossy());
        let place = format!("path = {}", quoted(&node.to_string_lossy()));
        Self {
            node: node.to_owned(),
            way,
            title: printable(&node.to_string_lossy()).to_string(),
            looks_like_scanner: true,
            entry: ScannerEntry { name, kind, place, more }.to_string(),
        }
    }
}

/// Returns the devices that are there; `layout` is the assumed layout of scanners that type.
///
/// # Errors
/// The system does not list its devices.
pub fn found(layout: LayoutName) -> Result<Vec<FoundScanner>, Error> {
    let roots = Roots::default();
    let ports = ports::list_ports(&roots).map_err(Error::io(&roots.sys))?;
    let hidraws = hidraws::list_hidraws(&roots).map_err(Error::io(&roots.sys))?;
    let inputs = inputs::list_inputs(&roots).map_err(Error::io(&roots.sys))?;
    let serial = ports.iter().map(|port| {
        let likeness = ports::looks_like_scanner(port);
        let product = port.usb.as_ref().and_then(|usb| usb.product_text.as_deref());
        FoundScanner {
            node: port.node.clone(),
            way: ReadBy::Serial,
            title: titled(&port.node, product, &likeness.to_string()),
            looks_like_scanner: likeness.is_scanner(),
            entry: ScannerEntry::of_port(port).to_string(),
        }
    });
    // A HID-POS device whose reports cannot be read gets no entry.
    let pos = hidraws.iter().filter(|hidraw| hidraw.unfit.is_none()).map(|hidraw| FoundScanner {
        node: hidraw.node.clone(),
        way: ReadBy::Pos,
        title: titled(&hidraw.node, hidraw.title.as_deref(), "a HID-POS scanner"),
        looks_like_scanner: true,
        entry: ScannerEntry::of_hidraw(hidraw, &hidraws).to_string(),
    });
    let typing = inputs.iter().map(|input| {
        let likeness = inputs::looks_like_scanner(input);
        FoundScanner {
            node: input.node.clone(),
            way: ReadBy::Keys,
            title: titled(&input.node, input.title.as_deref(), &likeness.to_string()),
            // An input device that is a HID-POS scanner as well is better read as one.
            looks_like_scanner: likeness.is_scanner() && pos_of(input, &hidraws).is_none(),
            entry: ScannerEntry::of_input(input, &inputs, &layout_line(layout)).to_string(),
        }
    });
    Ok(serial.chain(pos).chain(typing).collect())
}

/// Returns the line that names the layout of a scanner that types.
fn layout_line(layout: LayoutName) -> String {
    format!("layout = \"{}\"", layout.as_str())
}

fn titled(node: &Path, product: Option<&str>, why: &str) -> String {
    let product = product.map(|product| format!(" {},", printable(product))).unwrap_or_default();
    format!("{}:{product} {why}", node.display())
}

/// Returns the device at `node`, from the devices found or from its path alone.
///
/// # Errors
/// The system does not list its devices.
pub fn at(node: &Path, layout: LayoutName) -> Result<FoundScanner, Error> {
    // A person may name a link, as those in /dev/input/by-id.
    let is_it = |found: &FoundScanner| {
        found.node == node || fs::canonicalize(node).is_ok_and(|target| target == found.node)
    };
    Ok(found(layout)?.into_iter().find(is_it).unwrap_or_else(|| FoundScanner::at(node, layout)))
}

/// Returns the entries of all devices that look like a scanner.
///
/// # Errors
/// The system does not list its devices.
pub fn likely_entries(layout: LayoutName) -> Result<Vec<String>, Error> {
    let likely = found(layout)?.into_iter().filter(|found| found.looks_like_scanner);
    Ok(likely.map(|found| found.entry).collect())
}
