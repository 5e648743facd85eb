//! `stockpoint devices`

use std::fmt::Write as _;
use std::io::Write;

use super::{Error, read_error, say};
use crate::device::ports::{self, FoundPort, Roots};
use crate::domain::printable::printable;

pub(super) fn devices(out: &mut impl Write) -> Result<(), Error> {
    let roots = Roots::default();
    let found = ports::list_ports(&roots).map_err(read_error(&roots.sys))?;
    if found.is_empty() {
        return say(
            out,
            "no serial port is there; plug the scanner in, or switch it from keyboard to serial mode\n",
        );
    }
    let mut text = String::new();
    for port in &found {
        describe(&mut text, port);
    }
    say(out, &text)
}

/// One port, and the entry to paste into the configuration.
fn describe(text: &mut String, port: &FoundPort) {
    let likeness = ports::looks_like_scanner(port);
    let verdict = if likeness.is_scanner() { "a scanner" } else { "perhaps a scanner" };
    let _written = writeln!(text, "{}: {verdict}: {likeness}", port.node.display());
    if let Some(usb) = &port.usb {
        let maker = usb.manufacturer.as_deref().unwrap_or("unknown maker");
        let product = usb.product_text.as_deref().unwrap_or("unknown product");
        let _written = writeln!(
            text,
            "  {:04x}:{:04x} {} {}, in USB port {}",
            usb.vendor,
            usb.product,
            printable(maker),
            printable(product),
            usb.port
        );
    }
    let _written = writeln!(text, "\n  [[scanner]]\n  name = \"{}\"\n  kind = \"serial\"", name(port));
    let _written = match &port.usb {
        // By its USB port a scanner is found again under whatever name the kernel gives it next time.
        Some(usb) => writeln!(
            text,
            "  match = {{ vendor = 0x{:04x}, product = 0x{:04x}, port = \"{}\" }}\n",
            usb.vendor, usb.product, usb.port
        ),
        None => writeln!(text, "  path = \"{}\"\n", port.node.display()),
    };
}

/// A name that the configuration takes.
fn name(port: &FoundPort) -> String {
    port.name.chars().map(|c| c.to_ascii_lowercase()).filter(char::is_ascii_alphanumeric).take(24).collect()
}
