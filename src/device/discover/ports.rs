//! The serial ports of this machine, as the kernel describes them under `/sys` (`sysfs(5)`).
//!
//! It opens no port, and reads nothing but the file system.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::config::UsbMatch;
use crate::device::PortFault;

/// The makers of barcode scanners, by the vendor id of their USB devices (<http://www.linux-usb.org/usb.ids>; for
/// 0x11fa, Code's "Client Version ICD" D014465, section 5.1).
pub(super) const SCANNER_MAKERS: [(u16, &str); 9] = [
    (0x0536, "Hand Held Products (Honeywell)"),
    (0x05e0, "Symbol (Zebra)"),
    (0x05f9, "PSC (Datalogic)"),
    (0x065a, "Optoelectronics (Opticon)"),
    (0x067e, "Intermec (Honeywell)"),
    (0x076d, "Denso Wave"),
    (0x0c2e, "Metrologic (Honeywell)"),
    (0x11fa, "Code"),
    (0x1eab, "Newland"),
];

/// The words in the product text of a barcode scanner, in lower case.
pub(super) const SCANNER_WORDS: [&str; 3] = ["scanner", "barcode", "bar code"];

/// The folders of the kernel's descriptions and of the device nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// `/sys`
    pub sys: PathBuf,
    /// `/dev`
    pub dev: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self { sys: PathBuf::from("/sys"), dev: PathBuf::from("/dev") }
    }
}

/// A serial port of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPort {
    /// The kernel's name of it: `ttyUSB0`. It may have another one after it is plugged in again.
    pub name: String,
    /// Its device node: `/dev/ttyUSB0`.
    pub node: PathBuf,
    /// The device behind it, if it is a USB port.
    pub usb: Option<UsbIdentity>,
    /// The link named after maker, product and serial number, if udev made one.
    pub by_id: Option<PathBuf>,
    /// The link named after the socket, if udev made one.
    pub by_path: Option<PathBuf>,
}

/// The identity that a USB device states, and the socket that it is plugged in to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsbIdentity {
    /// `idVendor`
    pub vendor: u16,
    /// `idProduct`
    pub product: u16,
    /// Its serial number. Many scanners have none.
    pub serial: Option<String>,
    /// The maker's name, without control characters, as are all these texts.
    pub manufacturer: Option<String>,
    /// The product's name.
    pub product_text: Option<String>,
    /// The bus and the sockets on the way to it: `1-1.3`.
    pub port: String,
    /// The same with configuration and interface, which distinguishes two ports of one device: `1-1.3:1.0`.
    pub interface: Option<String>,
}

/// Returns true if `found` has all properties of `wanted`; a property that is not given may have any value.
pub fn fits(wanted: &UsbMatch, found: &UsbIdentity) -> bool {
    // A socket (`1-1.3`) matches every interface of the device in it; an interface (`1-1.3:1.0`) matches that one.
    let is_port = |port: &String| found.port == *port || found.interface.as_ref() == Some(port);
    wanted.vendor.is_none_or(|vendor| vendor == found.vendor)
        && wanted.product.is_none_or(|product| product == found.product)
        && wanted.port.as_ref().is_none_or(is_port)
        && (wanted.serial.is_none() || wanted.serial == found.serial)
}

/// The reason why a port looks like a scanner, or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// Its maker makes scanners.
    Maker(&'static str),
    /// Its product text contains a word for a scanner.
    ProductText,
    /// Nothing is known of it.
    Unknown,
}

impl Likeness {
    /// Returns true if it looks like a scanner.
    pub const fn is_scanner(self) -> bool {
        match self {
            Self::Maker(_) | Self::ProductText => true,
            Self::Unknown => false,
        }
    }
}

impl fmt::Display for Likeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maker(maker) => write!(f, "its USB vendor id is that of {maker}"),
            Self::ProductText => f.write_str("its product name says so"),
            Self::Unknown => f.write_str("a serial port of unknown use"),
        }
    }
}

/// Returns the serial ports with a device behind them, by name. Consoles, pseudo-terminals and the places that the
/// kernel keeps for possible ports are left out.
///
/// # Errors
/// If the kernel's list cannot be read.
pub fn list_ports(roots: &Roots) -> io::Result<Vec<FoundPort>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(roots.sys.join("class/tty"))? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // A port that is unplugged at this moment is treated as absent.
        let Ok(device) = fs::canonicalize(entry.path().join("device")) else { continue };
        if is_empty_place(&entry.path()) {
            continue;
        }
        let node = roots.dev.join(&name);
        let by_id = link_to(&node, &roots.dev.join("serial/by-id"));
        let by_path = link_to(&node, &roots.dev.join("serial/by-path"));
        found.push(FoundPort { name, node, usb: usb_identity(&device), by_id, by_path });
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// Returns the device node of the one port that matches `wanted`.
///
/// # Errors
/// [`PortFault::NoneMatches`] and [`PortFault::SeveralMatch`], or [`PortFault::Failed`] if the kernel's list
/// cannot be read.
pub fn resolve(roots: &Roots, wanted: &UsbMatch) -> Result<PathBuf, PortFault> {
    let ports = list_ports(roots)
        .map_err(|error| PortFault::Failed { errno: error.raw_os_error().unwrap_or_default() })?;
    let fitting = ports.into_iter().filter(|port| port.usb.as_ref().is_some_and(|usb| fits(wanted, usb)));
    only_one(fitting.map(|port| port.node).collect())
}

/// Returns the node if there is exactly one; it never chooses among several.
pub(super) fn only_one(mut nodes: Vec<PathBuf>) -> Result<PathBuf, PortFault> {
    match (nodes.pop(), nodes.len()) {
        (None, _) => Err(PortFault::NoneMatches),
        (Some(node), 0) => Ok(node),
        (Some(_), others) => Err(PortFault::SeveralMatch { count: others.saturating_add(1) }),
    }
}

/// Returns the likeness of the port to a scanner, from its description.
pub fn looks_like_scanner(port: &FoundPort) -> Likeness {
    let Some(usb) = &port.usb else { return Likeness::Unknown };
    if let Some((_, maker)) = SCANNER_MAKERS.iter().find(|(vendor, _)| *vendor == usb.vendor) {
        return Likeness::Maker(maker);
    }
    let text = usb.product_text.as_deref().unwrap_or_default().to_lowercase();
    if SCANNER_WORDS.iter().any(|word| text.contains(word)) {
        Likeness::ProductText
    } else {
        Likeness::Unknown
    }
}

/// Returns true if the kernel found no chip at this port: its type is 0 (`PORT_UNKNOWN`,
/// `linux/include/uapi/linux/serial_core.h`). USB ports have no type.
fn is_empty_place(class_entry: &Path) -> bool {
    text(class_entry, "type").as_deref() == Some("0")
}

/// Returns the link in `folder` that leads to `node`.
pub(super) fn link_to(node: &Path, folder: &Path) -> Option<PathBuf> {
    let node = fs::canonicalize(node).ok()?;
    let links = fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    links.into_iter().find(|link| fs::canonicalize(link).is_ok_and(|target| target == node))
}

/// Returns the USB device that `device` is part of: the nearest folder above it that has a vendor id.
pub(super) fn usb_identity(device: &Path) -> Option<UsbIdentity> {
    let above = || device.ancestors();
    let usb = above().find(|folder| folder.join("idVendor").is_file())?;
    // On the way down from the USB device to the port, its own folder comes first: the interface `1-1.3:1.0`.
    let interface = above().find(|folder| folder.parent() == Some(usb)).and_then(file_name);
    Some(UsbIdentity {
        vendor: hexadecimal(usb, "idVendor")?,
        product: hexadecimal(usb, "idProduct")?,
        serial: text(usb, "serial"),
        manufacturer: text(usb, "manufacturer"),
        product_text: text(usb, "product"),
        port: file_name(usb)?,
        interface,
    })
}

fn file_name(path: &Path) -> Option<String> {
    path.file_name()?.to_str().map(str::to_owned)
}

pub(super) fn hexadecimal(folder: &Path, file: &str) -> Option<u16> {
    u16::from_str_radix(&text(folder, file)?, 16).ok()
}

/// Returns the text of a file, if it has one. Control characters are left out: a device chooses its texts, and they are
/// printed on terminals.
pub(in crate::device) fn text(folder: &Path, file: &str) -> Option<String> {
    let bytes = fs::read(folder.join(file)).ok()?;
    let text: String = String::from_utf8_lossy(&bytes).chars().filter(|c| !c.is_control()).collect();
    let text = text.trim();
    if text.is_empty() { None } else { Some(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    /// A machine made of files.
    struct Machine {
        folder: TempDir,
        roots: Roots,
    }

    impl Machine {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let roots = Roots { sys: folder.path().join("sys"), dev: folder.path().join("dev") };
            fs::create_dir_all(roots.sys.join("class/tty")).unwrap();
            fs::create_dir_all(&roots.dev).unwrap();
            Self { folder, roots }
        }

        fn file(self, path: &str, text: &str) -> Self {
            let path = self.folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
            self
        }

        fn link(self, path: &str, target: &str) -> Self {
            let path = self.folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            symlink(target, path).unwrap();
            self
        }

        /// Adds a USB device at `port` with one serial port `name`, as the kernel shows one of its serial drivers.
        fn usb(self, port: &str, name: &str, (vendor, product): (&str, &str)) -> Self {
            let device = format!("sys/devices/soc/usb1/1-1/{port}");
            let tty = format!("{device}/{port}:1.0/{name}/tty/{name}");
            self.file(&format!("{device}/idVendor"), &format!("{vendor}\n"))
                .file(&format!("{device}/idProduct"), &format!("{product}\n"))
                .file(&format!("{tty}/dev"), "188:0\n")
                .link(&format!("{tty}/device"), &format!("../../../{name}"))
                .link(
                    &format!("sys/class/tty/{name}"),
                    &format!("../../devices/soc/usb1/1-1/{port}/{port}:1.0/{name}/tty/{name}"),
                )
                .file(&format!("dev/{name}"), "")
        }

        fn names(&self) -> Vec<String> {
            list_ports(&self.roots).unwrap().into_iter().map(|port| port.name).collect()
        }

        fn only(&self) -> FoundPort {
            let mut ports = list_ports(&self.roots).unwrap();
            assert_eq!(ports.len(), 1);
            ports.remove(0)
        }

        fn resolve(&self, wanted: &UsbMatch) -> Result<String, PortFault> {
            resolve(&self.roots, wanted).map(|node| node.file_name().unwrap().to_str().unwrap().to_owned())
        }
    }

    fn at(port: &str) -> UsbMatch {
        UsbMatch { port: Some(port.to_owned()), ..UsbMatch::default() }
    }

    #[test]
    fn ports_with_nothing_behind_them_are_left_out() {
        let machine = Machine::new()
            .file("sys/class/tty/tty1/dev", "4:1")
            .file("sys/class/tty/ttyS0/type", "4\n")
            .file("sys/class/tty/ttyS0/device/driver", "")
            .file("sys/class/tty/ttyS1/type", "0\n")
            .file("sys/class/tty/ttyS1/device/driver", "")
            .usb("1-1.2", "ttyACM0", ("0c2e", "0b61"));
        assert_eq!(machine.names(), ["ttyACM0", "ttyS0"]);
    }

    #[test]
    fn a_usb_port_tells_what_it_is_and_where_it_is_plugged_in() {
        let machine = Machine::new()
            .usb("1-1.3", "ttyUSB0", ("05f9", "4204"))
            .file("sys/devices/soc/usb1/1-1/1-1.3/manufacturer", "Datalogic\n")
            .file("sys/devices/soc/usb1/1-1/1-1.3/product", "Gryphon \u{1b}[2J\n")
            .file("sys/devices/soc/usb1/1-1/1-1.3/serial", "S/N 7\n")
            .link("dev/serial/by-id/usb-Datalogic-if00", "../../ttyUSB0")
            .link("dev/serial/by-path/soc-usb-0:1.3", "../../ttyUSB0")
            .link("dev/serial/by-path/soc-usb-0:1.4", "../../ttyUSB1");
        let port = machine.only();
        assert_eq!(port.node, machine.roots.dev.join("ttyUSB0"));
        assert_eq!(port.by_id, Some(machine.roots.dev.join("serial/by-id/usb-Datalogic-if00")));
        assert_eq!(port.by_path, Some(machine.roots.dev.join("serial/by-path/soc-usb-0:1.3")));
        let told = UsbIdentity {
            vendor: 0x05f9,
            product: 0x4204,
            serial: Some("S/N 7".to_owned()),
            manufacturer: Some("Datalogic".to_owned()),
            product_text: Some("Gryphon [2J".to_owned()),
            port: "1-1.3".to_owned(),
            interface: Some("1-1.3:1.0".to_owned()),
        };
        assert_eq!(port.usb, Some(told));
    }

    #[test]
    fn identical_scanners_are_told_apart_by_where_they_are_plugged_in() {
        let machine = Machine::new().usb("1-1.2", "ttyUSB0", ("0c2e", "0b61")).usb(
            "1-1.3",
            "ttyUSB1",
            ("0c2e", "0b61"),
        );
        let honeywell = UsbMatch { vendor: Some(0x0c2e), product: Some(0x0b61), ..UsbMatch::default() };
        assert_eq!(machine.resolve(&honeywell), Err(PortFault::SeveralMatch { count: 2 }));
        assert_eq!(
            machine.resolve(&UsbMatch { port: at("1-1.3").port, ..honeywell }),
            Ok("ttyUSB1".to_owned())
        );
        assert_eq!(machine.resolve(&at("1-1.2:1.0")), Ok("ttyUSB0".to_owned()));
        assert_eq!(machine.resolve(&at("1-1")), Err(PortFault::NoneMatches));
    }

    #[test]
    fn every_part_of_a_match_must_fit() {
        let machine = Machine::new().usb("1-1.2", "ttyUSB0", ("0c2e", "0b61"));
        let wanted = UsbMatch { vendor: Some(0x0c2e), ..UsbMatch::default() };
        assert_eq!(machine.resolve(&wanted), Ok("ttyUSB0".to_owned()));
        let others = [
            UsbMatch { product: Some(0x0b62), ..wanted.clone() },
            UsbMatch { serial: Some("7".to_owned()), ..wanted.clone() },
            UsbMatch { vendor: Some(0x05f9), ..UsbMatch::default() },
        ];
        for other in others {
            assert_eq!(machine.resolve(&other), Err(PortFault::NoneMatches), "{other}");
        }
    }

    #[test]
    fn a_scanner_is_known_by_its_maker_or_its_product_text() {
        let likeness = |vendor, product_text: &str| {
            let machine = Machine::new()
                .usb("1-1.2", "ttyACM0", (vendor, "0001"))
                .file("sys/devices/soc/usb1/1-1/1-1.2/product", product_text);
            looks_like_scanner(&machine.only())
        };
        assert_eq!(likeness("1eab", "HR22"), Likeness::Maker("Newland"));
        assert_eq!(likeness("ffff", "USB BarCode Reader"), Likeness::ProductText);
        assert_eq!(likeness("0403", "FT232R USB UART"), Likeness::Unknown);
    }

    #[test]
    fn a_machine_without_the_kernels_list_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots { sys: folder.path().to_owned(), dev: folder.path().to_owned() };
        assert!(list_ports(&roots).is_err());
        assert_eq!(resolve(&roots, &at("1-1")), Err(PortFault::Failed { errno: 2 }));
    }
}
