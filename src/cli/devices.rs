//! `stockpoint devices`

use std::fmt::Write as _;
use std::io::Write;

use super::{Error, read_error, say};
use crate::device::inputs::{self, FoundInput, InputLikeness};
use crate::device::ports::{self, FoundPort, Roots, UsbIdentity};
use crate::domain::printable::printable;

pub(super) fn devices(out: &mut impl Write) -> Result<(), Error> {
    let roots = Roots::default();
    let found = ports::list_ports(&roots).map_err(read_error(&roots.sys))?;
    let typing = inputs::list_inputs(&roots).map_err(read_error(&roots.sys))?;
    say(out, &text(&found, &typing))
}

fn text(found: &[FoundPort], typing: &[FoundInput]) -> String {
    if found.is_empty() && typing.is_empty() {
        return "no serial port and no keyboard is there; plug the scanner in\n".to_owned();
    }
    let mut text = String::new();
    for port in found {
        describe_port(&mut text, port);
    }
    for input in typing {
        describe_input(&mut text, input, typing);
    }
    text
}

/// One port, and the entry to paste into the configuration.
fn describe_port(text: &mut String, port: &FoundPort) {
    let likeness = ports::looks_like_scanner(port);
    let verdict = if likeness.is_scanner() { "a scanner" } else { "perhaps a scanner" };
    let _written = writeln!(text, "{}: {verdict}: {likeness}", port.node.display());
    if let Some(usb) = &port.usb {
        describe_usb(text, usb);
    }
    let _written = writeln!(text, "\n  [[scanner]]\n  name = \"{}\"\n  kind = \"serial\"", name(&port.name));
    let _written = match &port.usb {
        // By its USB port a scanner is found again under whatever name the kernel gives it next time.
        Some(usb) => writeln!(text, "  match = {}\n", usb_match(usb, &usb.port)),
        None => writeln!(text, "  path = \"{}\"\n", port.node.display()),
    };
}

/// One input device that types. What looks like a keyboard has its entry behind `#`: nobody's keyboard is to be
/// taken from them by a paste.
fn describe_input(text: &mut String, input: &FoundInput, all: &[FoundInput]) {
    let likeness = inputs::looks_like_scanner(input);
    let (verdict, mark) = match likeness {
        InputLikeness::Maker(_) | InputLikeness::Name => ("a scanner that types", ""),
        InputLikeness::NoLights => ("perhaps a scanner that types", ""),
        InputLikeness::Pointer | InputLikeness::Keyboard => ("a keyboard, not a scanner", "#"),
    };
    let _written = writeln!(text, "{}: {verdict}: {likeness}", input.node.display());
    describe_usb(text, &input.identity);
    if !likeness.is_scanner() {
        let _written = writeln!(
            text,
            "  It is left alone. If it is a scanner all the same, use the entry without its #."
        );
    }
    let _written = writeln!(text, "\n  {mark}[[scanner]]\n  {mark}name = \"{}\"", name(&input.name));
    let _written = writeln!(text, "  {mark}kind = \"evdev\"\n  {mark}{}", place(input, all));
    let _written =
        writeln!(text, "  {mark}layout = \"us\" # the keyboard layout that the scanner is set to\n");
}

/// The shortest description that no other device has.
fn place(input: &FoundInput, all: &[FoundInput]) -> String {
    let usb = &input.identity;
    let same = |other: &&FoundInput| other.identity.port == usb.port && other.identity.serial == usb.serial;
    let is_alone = all.iter().filter(same).count() == 1;
    match (&usb.interface, &usb.serial, &input.by_id) {
        (Some(_), _, _) if is_alone => format!("match = {}", usb_match(usb, &usb.port)),
        (Some(interface), _, _) => format!("match = {}", usb_match(usb, interface)),
        (None, Some(serial), _) if is_alone => format!("match = {{ serial = \"{}\" }}", printable(serial)),
        (None, _, Some(link)) => format!("path = \"{}\"", link.display()),
        (None, _, None) => format!("path = \"{}\"", input.node.display()),
    }
}

fn usb_match(usb: &UsbIdentity, port: &str) -> String {
    format!("{{ vendor = 0x{:04x}, product = 0x{:04x}, port = \"{port}\" }}", usb.vendor, usb.product)
}

fn describe_usb(text: &mut String, usb: &UsbIdentity) {
    let maker = usb.manufacturer.as_deref().unwrap_or("unknown maker");
    let product = usb.product_text.as_deref().unwrap_or("unknown product");
    let where_to = if usb.port.is_empty() { String::new() } else { format!(", in USB port {}", usb.port) };
    let _written = writeln!(
        text,
        "  {:04x}:{:04x} {} {}{where_to}",
        usb.vendor,
        usb.product,
        printable(maker),
        printable(product)
    );
}

/// A name that the configuration takes.
fn name(kernels: &str) -> String {
    kernels.chars().map(|c| c.to_ascii_lowercase()).filter(char::is_ascii_alphanumeric).take(24).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Place, Source};
    use crate::device::inputs::Abilities;

    fn input(name: &str, vendor: u16, interface: Option<&str>) -> FoundInput {
        let port = interface.and_then(|interface| interface.split(':').next()).unwrap_or_default();
        let identity = UsbIdentity {
            vendor,
            product: 1,
            serial: None,
            manufacturer: Some("Maker".to_owned()),
            product_text: Some("Product".to_owned()),
            port: port.to_owned(),
            interface: interface.map(str::to_owned),
        };
        let abilities = Abilities { types: true, lights: true, points: false };
        let node = format!("/dev/input/{name}").into();
        FoundInput { name: name.to_owned(), node, title: None, identity, abilities, by_id: None }
    }

    /// The scanners of a configuration that has what was told pasted into it, without the `#`s.
    fn pasted(told: &str) -> Vec<Source> {
        let station = "[station]\nname = \"a\"\nlocation_id = 1\nstorage_id = 1\n";
        let entries = told.lines().filter_map(|line| line.strip_prefix("  "));
        let keys = entries.map(|line| line.trim_start_matches('#'));
        let wanted = |line: &&str| line.starts_with("[[") || line.contains(" = ");
        let text = keys.filter(wanted).collect::<Vec<_>>().join("\n");
        let config = Config::parse(&format!("{station}{text}"), "config.toml").unwrap();
        config.scanners.into_iter().map(|scanner| scanner.source).collect()
    }

    fn port_of(source: &Source) -> Option<&str> {
        match source {
            Source::Evdev { place: Place::Match(wanted), .. } => wanted.port.as_deref(),
            _ => None,
        }
    }

    #[test]
    fn a_scanner_has_an_entry_to_paste_and_a_keyboard_is_said_to_be_one() {
        let told = text(
            &[],
            &[input("event0", 0x0c2e, Some("1-1.3:1.0")), input("event1", 0xffff, Some("1-1.4:1.0"))],
        );
        let (scanner, keyboard) = told.split_once("/dev/input/event1").unwrap();
        assert!(
            scanner
                .starts_with("/dev/input/event0: a scanner that types: its vendor id is that of Metrologic"),
            "{told}"
        );
        assert!(
            scanner.contains("\n  match = { vendor = 0x0c2e, product = 0x0001, port = \"1-1.3\" }\n"),
            "{told}"
        );
        assert!(keyboard.starts_with(": a keyboard, not a scanner: nothing tells it from one\n"), "{told}");
        assert!(keyboard.contains("\n  #[[scanner]]\n") && !keyboard.contains("\n  [[scanner]]\n"), "{told}");
        let sources = pasted(&told);
        assert_eq!(sources.iter().map(port_of).collect::<Vec<_>>(), [Some("1-1.3"), Some("1-1.4")]);
    }

    #[test]
    fn two_keyboards_of_one_device_are_told_apart_by_their_interfaces() {
        let inputs = [input("event0", 0x0c2e, Some("1-1.3:1.0")), input("event1", 0x0c2e, Some("1-1.3:1.1"))];
        let sources = pasted(&text(&[], &inputs));
        assert_eq!(sources.iter().map(port_of).collect::<Vec<_>>(), [Some("1-1.3:1.0"), Some("1-1.3:1.1")]);
    }

    #[test]
    fn a_device_that_is_not_on_usb_is_known_by_its_address_or_its_node() {
        let mut wireless = input("event0", 0xffff, None);
        wireless.identity.serial = Some("00:11:22:33:44:55".to_owned());
        assert!(text(&[], &[wireless]).contains("match = { serial = \"00:11:22:33:44:55\" }"));
        assert!(text(&[], &[input("event3", 0xffff, None)]).contains("path = \"/dev/input/event3\""));
    }
}
