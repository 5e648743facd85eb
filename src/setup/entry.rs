//! The entry of a scanner in the configuration: its name, its kind and its place.

use std::fmt;
use std::path::Path;

use crate::device::discover::hidraws::FoundHidraw;
use crate::device::discover::inputs::FoundInput;
use crate::device::discover::ports::FoundPort;
use crate::device::discover::ports::UsbIdentity;
use crate::domain::printable::printable;

/// The entry of a scanner. Its text can be pasted into the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannerEntry {
    /// Its name, which the configuration accepts.
    pub name: String,
    /// Its kind, in the word of the configuration.
    pub kind: &'static str,
    /// The line that names its place.
    pub place: String,
    /// The lines behind these, each with its line break; may be empty.
    pub more: String,
}

impl ScannerEntry {
    /// Makes the entry of a serial port.
    pub fn of_port(port: &FoundPort) -> Self {
        Self { name: name_of(&port.name), kind: "serial", place: port_place(port), more: String::new() }
    }

    /// Makes the entry of a HID-POS scanner; `all` are the devices from which it must differ.
    pub fn of_hidraw(hidraw: &FoundHidraw, all: &[FoundHidraw]) -> Self {
        let place = hidraw_place(hidraw, all);
        Self { name: name_of(&hidraw.name), kind: "hidpos", place, more: String::new() }
    }

    /// Makes the entry of a scanner that types; `all` are the devices from which it must differ, and `layout` is the line
    /// that names its keyboard layout.
    pub fn of_input(input: &FoundInput, all: &[FoundInput], layout: &str) -> Self {
        let place = input_place(input, all);
        Self { name: name_of(&input.name), kind: "evdev", place, more: format!("{layout}\n") }
    }
}

impl fmt::Display for ScannerEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, kind, place, more } = self;
        write!(f, "[[scanner]]\nname = \"{name}\"\nkind = \"{kind}\"\n{place}\n{more}")
    }
}

/// Returns the line of an entry that names the place of a port.
pub fn port_place(port: &FoundPort) -> String {
    match &port.usb {
        // By its USB port a scanner is found again, whatever name the kernel gives it next time.
        Some(usb) => format!("match = {}", usb_match(usb, &usb.port)),
        None => format!("path = \"{}\"", port.node.display()),
    }
}

/// Returns the line of an entry that names the place of a HID-POS scanner.
fn hidraw_place(hidraw: &FoundHidraw, all: &[FoundHidraw]) -> String {
    let others: Vec<_> = all.iter().map(|other| &other.identity).collect();
    place(&hidraw.identity, &others, hidraw.by_path.as_ref().unwrap_or(&hidraw.node))
}

/// Returns the line of an entry that names the place of an input device.
pub fn input_place(input: &FoundInput, all: &[FoundInput]) -> String {
    let others: Vec<_> = all.iter().map(|other| &other.identity).collect();
    place(&input.identity, &others, input.by_id.as_ref().unwrap_or(&input.node))
}

/// Returns the shortest description that no other device has; otherwise the path.
fn place(usb: &UsbIdentity, all: &[&UsbIdentity], path: &Path) -> String {
    let same = |other: &&&UsbIdentity| other.port == usb.port && other.serial == usb.serial;
    // A scanner of several interfaces has one port and one serial number for all of them.
    let is_alone = all.iter().filter(same).count() == 1;
    match (&usb.interface, &usb.serial) {
        (Some(_), _) if is_alone => format!("match = {}", usb_match(usb, &usb.port)),
        (Some(interface), _) => format!("match = {}", usb_match(usb, interface)),
        (None, Some(serial)) if is_alone => format!("match = {{ serial = \"{}\" }}", printable(serial)),
        (None, _) => format!("path = \"{}\"", path.display()),
    }
}

fn usb_match(usb: &UsbIdentity, port: &str) -> String {
    format!("{{ vendor = 0x{:04x}, product = 0x{:04x}, port = \"{port}\" }}", usb.vendor, usb.product)
}

/// Returns the HID-POS scanner that is the same device.
pub fn pos_of<'a>(input: &FoundInput, hidraws: &'a [FoundHidraw]) -> Option<&'a FoundHidraw> {
    let port = Some(&input.identity.port).filter(|port| !port.is_empty())?;
    hidraws.iter().find(|pos| pos.identity.port == *port && pos.unfit.is_none())
}

/// Returns a name that the configuration accepts, made from the kernel's name; it may be empty.
pub fn name_of(kernels: &str) -> String {
    kernels.chars().map(|c| c.to_ascii_lowercase()).filter(char::is_ascii_alphanumeric).take(24).collect()
}
