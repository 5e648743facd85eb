//! `stockpoint devices`: the serial ports, HID-POS scanners and keyboards, with the entries to paste.

pub(super) mod try_code;
pub(super) mod watch;

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::values::OutputFormat;
use super::{Error, read_error, say};
use crate::device::discover::hidraws::{self, FoundHidraw};
use crate::device::discover::inputs::{self, FoundInput, InputLikeness, Sign};
use crate::device::discover::ports::{self, FoundPort, Roots, UsbIdentity};
use crate::domain::printable::printable;
use crate::setup::entry::{ScannerEntry, pos_of};

/// The sign of a HID-POS scanner.
const HIDPOS_SIGN: &str = "its report descriptor has usage page 0x8C";

/// The line of an entry that names the layout of a scanner that types, while its layout is unknown.
pub(super) const LAYOUT: &str = "layout = \"us\" # the keyboard layout that the scanner is set to";

/// The devices that are plugged in.
struct FoundDevices {
    ports: Vec<FoundPort>,
    hidraws: Vec<FoundHidraw>,
    inputs: Vec<FoundInput>,
}

/// Lists the devices that are plugged in and may be scanners.
pub(super) fn devices(out: &mut impl Write, output: OutputFormat) -> Result<(), Error> {
    let roots = Roots::default();
    let found = FoundDevices {
        ports: ports::list_ports(&roots).map_err(read_error(&roots.sys))?,
        hidraws: hidraws::list_hidraws(&roots).map_err(read_error(&roots.sys))?,
        inputs: inputs::list_inputs(&roots).map_err(read_error(&roots.sys))?,
    };
    match output {
        OutputFormat::Json => say(out, &format!("{}\n", json_of(&found))),
        OutputFormat::Text => say(out, &text(&found)),
    }
}

/// Returns one object for each device: its place, its likeness to a scanner with the reason, and its entry to paste.
fn json_of(found: &FoundDevices) -> Value {
    let FoundDevices { ports, hidraws, inputs } = found;
    let ports = ports.iter().map(|port| {
        let likeness = ports::looks_like_scanner(port);
        let entry = ScannerEntry::of_port(port).to_string();
        let judgement = Judgement { is_scanner: likeness.is_scanner(), why: likeness.to_string() };
        device("serial", &port.node, &judgement, port.usb.as_ref(), &entry)
    });
    let hidraws_json = hidraws.iter().map(|hidraw| {
        // An unfit device is listed with its reason and without an entry.
        let entry = hidraw.unfit.is_none().then(|| ScannerEntry::of_hidraw(hidraw, hidraws).to_string());
        let why = hidraw.unfit.map_or_else(|| HIDPOS_SIGN.to_owned(), |unfit| unfit.to_string());
        let judgement = Judgement { is_scanner: hidraw.unfit.is_none(), why };
        device("hidpos", &hidraw.node, &judgement, Some(&hidraw.identity), &entry.unwrap_or_default())
    });
    let inputs_json = inputs.iter().map(|input| {
        let likeness = inputs::looks_like_scanner(input);
        let entry = ScannerEntry::of_input(input, inputs, LAYOUT).to_string();
        let judgement = Judgement { is_scanner: likeness.is_scanner(), why: likeness.to_string() };
        device("evdev", &input.node, &judgement, Some(&input.identity), &entry)
    });
    ports.chain(hidraws_json).chain(inputs_json).collect()
}

/// The judgement whether a device is a scanner.
struct Judgement {
    is_scanner: bool,
    why: String,
}

/// Returns one device as a JSON object.
fn device(kind: &str, node: &Path, judgement: &Judgement, usb: Option<&UsbIdentity>, entry: &str) -> Value {
    json!({
        "kind": kind,
        "node": node.display().to_string(),
        "looks_like_scanner": judgement.is_scanner,
        "why": judgement.why,
        "vendor": usb.map(|usb| usb.vendor),
        "product": usb.map(|usb| usb.product),
        "maker": usb.and_then(|usb| usb.manufacturer.as_deref()),
        "product_name": usb.and_then(|usb| usb.product_text.as_deref()),
        "usb_port": usb.map(|usb| usb.port.as_str()).filter(|port| !port.is_empty()),
        "entry": entry.trim_end(),
    })
}

fn text(found: &FoundDevices) -> String {
    let FoundDevices { ports, hidraws, inputs } = found;
    // An empty page would look like a failure.
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
    text.push_str(&indented(&ScannerEntry::of_port(port), ""));
}

/// Describes one HID-POS scanner; its report descriptor identifies it as a scanner.
fn describe_hidraw(text: &mut String, hidraw: &FoundHidraw, all: &[FoundHidraw]) {
    let node = hidraw.node.display();
    // An entry for it would give no scans, so none is printed.
    if let Some(unfit) = hidraw.unfit {
        let _written = writeln!(text, "{node}: a scanner that cannot be read this way: {unfit}");
        describe_usb(text, &hidraw.identity);
        text.push('\n');
        return;
    }
    let _written = writeln!(text, "{node}: a HID-POS scanner: {HIDPOS_SIGN}");
    describe_usb(text, &hidraw.identity);
    text.push_str(&indented(&ScannerEntry::of_hidraw(hidraw, all), ""));
}

/// Describes one input device that types. The entry of a device that looks like a keyboard is behind `#`: a paste must
/// not make the station grab a person's keyboard.
fn describe_input(text: &mut String, input: &FoundInput, found: &FoundDevices) {
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
        // The signs prove nothing, so the person gets a way to find out.
        let _written = writeln!(
            text,
            "  It is left alone. If it is a scanner all the same, use the entry without its #; \
             `stockpoint devices --watch` tells by its typing."
        );
    }
    // A device with a HID-POS interface gets its entry there.
    let mark = if likeness.is_scanner() && pos.is_none() { "" } else { "#" };
    text.push_str(&indented(&ScannerEntry::of_input(input, &found.inputs, LAYOUT), mark));
}

/// Describes the signs for and against a scanner.
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

/// Returns the entry to paste, each line behind `mark`.
pub(super) fn indented(entry: &ScannerEntry, mark: &str) -> String {
    let mut text = "\n".to_owned();
    for line in entry.to_string().lines() {
        let _written = writeln!(text, "  {mark}{line}");
    }
    text.push('\n');
    text
}

/// Describes the USB device; its texts come from the device and are made printable.
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
        text(&FoundDevices { ports: Vec::new(), hidraws: Vec::new(), inputs: inputs.to_vec() })
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
        let told = text(&FoundDevices { ports: Vec::new(), hidraws, inputs });
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
        let told = text(&FoundDevices { ports: Vec::new(), hidraws, inputs: Vec::new() });
        assert!(told.contains("usage page 0x8C, but no report with decoded data\n"), "{told}");
        assert!(!told.contains("[[scanner]]"), "{told}");
    }
}
