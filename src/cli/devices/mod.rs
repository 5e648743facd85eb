//! `stockpoint devices`

pub(super) mod try_code;
pub(super) mod watch;

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::{Error, read_error, say};
use crate::device::discover::hidraws::{self, FoundHidraw};
use crate::device::discover::inputs::{self, FoundInput, InputLikeness, Sign};
use crate::device::discover::ports::{self, FoundPort, Roots, UsbIdentity};
use crate::domain::printable::printable;

/// The sign of a HID-POS scanner.
const HIDPOS_SIGN: &str = "its report descriptor has usage page 0x8C";

/// The devices that are plugged in.
struct Found {
    ports: Vec<FoundPort>,
    hidraws: Vec<FoundHidraw>,
    inputs: Vec<FoundInput>,
}

pub(super) fn devices(out: &mut impl Write, is_json: bool) -> Result<(), Error> {
    let roots = Roots::default();
    let found = Found {
        ports: ports::list_ports(&roots).map_err(read_error(&roots.sys))?,
        hidraws: hidraws::list_hidraws(&roots).map_err(read_error(&roots.sys))?,
        inputs: inputs::list_inputs(&roots).map_err(read_error(&roots.sys))?,
    };
    if is_json { say(out, &format!("{}\n", json_of(&found))) } else { say(out, &text(&found)) }
}

/// Returns one object for each device: its place, its likeness to a scanner with the reason, and its entry to paste.
fn json_of(found: &Found) -> Value {
    let Found { ports, hidraws, inputs } = found;
    let ports = ports.iter().map(|port| {
        let likeness = ports::looks_like_scanner(port);
        let mut entry = String::new();
        port_entry(&mut entry, port);
        device("serial", &port.node, (likeness.is_scanner(), likeness.to_string()), port.usb.as_ref(), &entry)
    });
    let hidraws_json = hidraws.iter().map(|hidraw| {
        let mut entry = String::new();
        if hidraw.unfit.is_none() {
            hidraw_entry(&mut entry, hidraw, hidraws);
        }
        let why = hidraw.unfit.map_or_else(|| HIDPOS_SIGN.to_owned(), |unfit| unfit.to_string());
        device("hidpos", &hidraw.node, (hidraw.unfit.is_none(), why), Some(&hidraw.identity), &entry)
    });
    let inputs_json = inputs.iter().map(|input| {
        let likeness = inputs::looks_like_scanner(input);
        let mut entry = String::new();
        input_entry(&mut entry, input, inputs, "");
        let verdict = (likeness.is_scanner(), likeness.to_string());
        device("evdev", &input.node, verdict, Some(&input.identity), &entry)
    });
    ports.chain(hidraws_json).chain(inputs_json).collect()
}

fn device(
    kind: &str,
    node: &Path,
    (is_scanner, why): (bool, String),
    usb: Option<&UsbIdentity>,
    entry: &str,
) -> Value {
    json!({
        "kind": kind,
        "node": node.display().to_string(),
        "looks_like_scanner": is_scanner,
        "why": why,
        "vendor": usb.map(|usb| usb.vendor),
        "product": usb.map(|usb| usb.product),
        "maker": usb.and_then(|usb| usb.manufacturer.as_deref()),
        "product_name": usb.and_then(|usb| usb.product_text.as_deref()),
        "usb_port": usb.map(|usb| usb.port.as_str()).filter(|port| !port.is_empty()),
        "entry": entry.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n"),
    })
}

fn text(found: &Found) -> String {
    let Found { ports, hidraws, inputs } = found;
    if ports.is_empty() && hidraws.is_empty() && inputs.is_empty() {
        return "no serial port, no HID-POS scanner and no keyboard is there; plug the scanner in\n"
            .to_owned();
    }
    let mut text = String::new();
    for port in ports {
        describe_port(&mut text, port);
    }
    for hidraw in hidraws {
        describe_hidraw(&mut text, hidraw, hidraws);
    }
    for input in inputs {
        describe_input(&mut text, input, found);
    }
    text
}

/// Describes one port, with the entry to paste into the configuration.
fn describe_port(text: &mut String, port: &FoundPort) {
    let likeness = ports::looks_like_scanner(port);
    let verdict = if likeness.is_scanner() { "a scanner" } else { "perhaps a scanner" };
    let _written = writeln!(text, "{}: {verdict}: {likeness}", port.node.display());
    if let Some(usb) = &port.usb {
        describe_usb(text, usb);
    }
    port_entry(text, port);
}

fn port_entry(text: &mut String, port: &FoundPort) {
    let name = name_of(&port.name);
    let _written = writeln!(text, "\n  [[scanner]]\n  name = \"{name}\"\n  kind = \"serial\"");
    let _written = writeln!(text, "  {}\n", port_place(port));
}

/// Returns the line of an entry that names the place of a port.
pub(super) fn port_place(port: &FoundPort) -> String {
    match &port.usb {
        // By its USB port a scanner is found again, whatever name the kernel gives it next time.
        Some(usb) => format!("match = {}", usb_match(usb, &usb.port)),
        None => format!("path = \"{}\"", port.node.display()),
    }
}

/// Describes one HID-POS scanner, which states itself that it is one.
fn describe_hidraw(text: &mut String, hidraw: &FoundHidraw, all: &[FoundHidraw]) {
    let node = hidraw.node.display();
    if let Some(unfit) = hidraw.unfit {
        let _written = writeln!(text, "{node}: a scanner that cannot be read this way: {unfit}");
        describe_usb(text, &hidraw.identity);
        text.push('\n');
        return;
    }
    let _written = writeln!(text, "{node}: a HID-POS scanner: {HIDPOS_SIGN}");
    describe_usb(text, &hidraw.identity);
    hidraw_entry(text, hidraw, all);
}

fn hidraw_entry(text: &mut String, hidraw: &FoundHidraw, all: &[FoundHidraw]) {
    let _written =
        writeln!(text, "\n  [[scanner]]\n  name = \"{}\"\n  kind = \"hidpos\"", name_of(&hidraw.name));
    let _written = writeln!(text, "  {}\n", hidraw_place(hidraw, all));
}

/// Returns the line of an entry that names the place of a HID-POS scanner.
pub(super) fn hidraw_place(hidraw: &FoundHidraw, all: &[FoundHidraw]) -> String {
    let others: Vec<_> = all.iter().map(|other| &other.identity).collect();
    place(&hidraw.identity, &others, hidraw.by_path.as_ref().unwrap_or(&hidraw.node))
}

/// Describes one input device that types. The entry of a device that looks like a keyboard is behind `#`: a paste must
/// not take somebody's keyboard away.
fn describe_input(text: &mut String, input: &FoundInput, found: &Found) {
    let likeness = inputs::looks_like_scanner(input);
    let verdict = match likeness {
        InputLikeness::Maker(_) | InputLikeness::Name => "a scanner that types",
        InputLikeness::NoLights => "perhaps a scanner that types",
        InputLikeness::Pointer | InputLikeness::Keyboard => "a keyboard, not a scanner",
    };
    let _written = writeln!(text, "{}: {verdict}: {likeness}", input.node.display());
    describe_usb(text, &input.identity);
    describe_signs(text, input);
    let pos = pos_of(input, &found.hidraws);
    if let Some(pos) = pos {
        let node = pos.node.display();
        let _written = writeln!(text, "  The same device is a HID-POS scanner, too: better use {node}.");
    } else if !likeness.is_scanner() {
        let _written = writeln!(
            text,
            "  It is left alone. If it is a scanner all the same, use the entry without its #; \
             `stockpoint devices --watch` tells by its typing."
        );
    }
    let mark = if likeness.is_scanner() && pos.is_none() { "" } else { "#" };
    input_entry(text, input, &found.inputs, mark);
}

/// Returns the HID-POS scanner that is the same device.
pub(super) fn pos_of<'a>(input: &FoundInput, hidraws: &'a [FoundHidraw]) -> Option<&'a FoundHidraw> {
    let port = Some(&input.identity.port).filter(|port| !port.is_empty())?;
    hidraws.iter().find(|pos| pos.identity.port == *port && pos.unfit.is_none())
}

fn describe_signs(text: &mut String, input: &FoundInput) {
    let (pro, contra): (Vec<Sign>, Vec<Sign>) =
        inputs::signs(input).into_iter().partition(|sign| sign.is_for());
    for (which, signs) in [("for", pro), ("against", contra)] {
        let signs: Vec<String> = signs.iter().map(ToString::to_string).collect();
        if !signs.is_empty() {
            let _written = writeln!(text, "  {which} a scanner: {}", signs.join(", "));
        }
    }
}

/// Writes the entry to paste, each line behind `mark`.
pub(super) fn input_entry(text: &mut String, input: &FoundInput, all: &[FoundInput], mark: &str) {
    let place = input_place(input, all);
    let _written = writeln!(text, "\n  {mark}[[scanner]]\n  {mark}name = \"{}\"", name_of(&input.name));
    let _written = writeln!(text, "  {mark}kind = \"evdev\"\n  {mark}{place}");
    let _written =
        writeln!(text, "  {mark}layout = \"us\" # the keyboard layout that the scanner is set to\n");
}

/// Returns the line of an entry that names the place of an input device.
pub(super) fn input_place(input: &FoundInput, all: &[FoundInput]) -> String {
    let others: Vec<_> = all.iter().map(|other| &other.identity).collect();
    place(&input.identity, &others, input.by_id.as_ref().unwrap_or(&input.node))
}

/// Returns the shortest description that no other device has; otherwise the path.
fn place(usb: &UsbIdentity, all: &[&UsbIdentity], path: &Path) -> String {
    let same = |other: &&&UsbIdentity| other.port == usb.port && other.serial == usb.serial;
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

/// Returns a name that the configuration accepts.
pub(super) fn name_of(kernels: &str) -> String {
    kernels.chars().map(|c| c.to_ascii_lowercase()).filter(char::is_ascii_alphanumeric).take(24).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Place, Source};
    use crate::device::discover::inputs::Abilities;
    use crate::domain::decode::hidpos::Unfit;

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
        FoundInput {
            name: name.to_owned(),
            node,
            title: None,
            identity,
            abilities,
            is_boot_keyboard: true,
            by_id: None,
        }
    }

    fn typing(inputs: &[FoundInput]) -> String {
        text(&Found { ports: Vec::new(), hidraws: Vec::new(), inputs: inputs.to_vec() })
    }

    fn hidraw(name: &str, port: &str, unfit: Option<Unfit>) -> FoundHidraw {
        let identity =
            UsbIdentity { port: port.to_owned(), ..input("event0", 0x1eab, Some("1-1.3:1.0")).identity };
        let node = format!("/dev/{name}").into();
        FoundHidraw { name: name.to_owned(), node, title: None, identity, unfit, by_path: None }
    }

    /// Returns the scanners of a configuration into which the printed text was pasted, without the `#`s.
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
            Source::Evdev { place: Place::Match(wanted), .. }
            | Source::HidPos { place: Place::Match(wanted), .. } => wanted.port.as_deref(),
            _ => None,
        }
    }

    #[test]
    fn a_scanner_has_an_entry_to_paste_and_a_keyboard_is_said_to_be_one() {
        let told =
            typing(&[input("event0", 0x0c2e, Some("1-1.3:1.0")), input("event1", 0xffff, Some("1-1.4:1.0"))]);
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
        let sources = pasted(&typing(&inputs));
        assert_eq!(sources.iter().map(port_of).collect::<Vec<_>>(), [Some("1-1.3:1.0"), Some("1-1.3:1.1")]);
    }

    #[test]
    fn a_device_that_is_not_on_usb_is_known_by_its_address_or_its_node() {
        let mut wireless = input("event0", 0xffff, None);
        wireless.identity.serial = Some("00:11:22:33:44:55".to_owned());
        assert!(typing(&[wireless]).contains("match = { serial = \"00:11:22:33:44:55\" }"));
        assert!(typing(&[input("event3", 0xffff, None)]).contains("path = \"/dev/input/event3\""));
    }

    #[test]
    fn a_keyboard_is_said_to_be_one_with_all_that_speaks_for_and_against_it() {
        let told = typing(&[input("event0", 0x0c2e, Some("1-1.3:1.0"))]);
        let signs = "  for a scanner: vendor id of Metrologic (Honeywell)\n  \
                     against a scanner: lights as keyboards have, a keyboard by its USB interface descriptor\n";
        assert!(told.contains(signs), "{told}");
        let told = typing(&[input("event1", 0xffff, Some("1-1.4:1.0"))]);
        assert!(
            told.contains("  against a scanner: vendor id of no known maker of scanners, lights"),
            "{told}"
        );
        assert!(!told.contains("  for a scanner"), "{told}");
    }

    #[test]
    fn a_hid_pos_scanner_has_an_entry_to_paste_and_its_keyboard_says_where_it_is() {
        let hidraws = vec![hidraw("hidraw0", "1-1.3", None), hidraw("hidraw1", "1-1.4", None)];
        let inputs = vec![input("event0", 0x1eab, Some("1-1.3:1.1"))];
        let told = text(&Found { ports: Vec::new(), hidraws, inputs });
        let entry = "/dev/hidraw0: a HID-POS scanner: its report descriptor has usage page 0x8C\n  \
                     1eab:0001 Maker Product, in USB port 1-1.3\n\n  [[scanner]]\n  name = \"hidraw0\"\n  \
                     kind = \"hidpos\"\n  match = { vendor = 0x1eab, product = 0x0001, port = \"1-1.3\" }\n";
        assert!(told.starts_with(entry), "{told}");
        assert!(
            told.contains("  The same device is a HID-POS scanner, too: better use /dev/hidraw0.\n"),
            "{told}"
        );
        assert!(told.contains("\n  #[[scanner]]\n  #name = \"event0\"\n"), "{told}");
        let (scanners, _keyboard) = told.split_once("/dev/input/event0").unwrap();
        let sources = pasted(scanners);
        assert_eq!(sources.iter().map(port_of).collect::<Vec<_>>(), [Some("1-1.3"), Some("1-1.4")]);
    }

    #[test]
    fn a_scanner_without_decoded_data_has_no_entry() {
        let hidraws = vec![hidraw("hidraw0", "1-1.3", Some(Unfit::NoData))];
        let told = text(&Found { ports: Vec::new(), hidraws, inputs: Vec::new() });
        assert!(told.contains("usage page 0x8C, but no report with decoded data\n"), "{told}");
        assert!(!told.contains("[[scanner]]"), "{told}");
    }
}
