//! The input devices of this machine, as the kernel describes them under `/sys` (`sysfs(5)`).
//!
//! It opens no device, and reads nothing but the file system.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::config::UsbMatch;
use crate::device::PortFault;
use crate::device::discover::ports::Roots;
use crate::device::discover::ports::SCANNER_MAKERS;
use crate::device::discover::ports::SCANNER_WORDS;
use crate::device::discover::ports::UsbIdentity;
use crate::device::discover::ports::fits;
use crate::device::discover::ports::hexadecimal;
use crate::device::discover::ports::link_to;
use crate::device::discover::ports::only_one;
use crate::device::discover::ports::text;
use crate::device::discover::ports::usb_identity;

/// The bytes of a word in the kernel's lists of bits: those of a `long` of this program, since a 64-bit kernel writes
/// words of 32 bits for a 32-bit program (`input_bits_to_string`, `linux/drivers/input/input.c`).
const WORD: usize = size_of::<usize>();

/// The keys of a keyboard that can type codes: `KEY_1` to `KEY_0` and `KEY_ENTER`.
pub(in crate::device) const NEEDED_KEYS: [u16; 11] = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 28];

/// An input device of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundInput {
    /// The kernel's name of it: `event3`. It may have another one after it is plugged in again.
    pub name: String,
    /// Its device node: `/dev/input/event3`.
    pub node: PathBuf,
    /// The name that the device states, without control characters.
    pub title: Option<String>,
    /// Its identity. A device that is not on USB has no port, and its address serves as serial number.
    pub identity: UsbIdentity,
    /// Its abilities.
    pub abilities: Abilities,
    /// True if its USB interface states that it is a boot keyboard (class 3, subclass 1, protocol 1; "Device Class
    /// Definition for HID" 1.11, section 4.2 and 4.3).
    pub is_boot_keyboard: bool,
    /// The link named after maker, product and serial number, if udev made one.
    pub by_id: Option<PathBuf>,
}

/// The abilities of an input device that help to distinguish a scanner from other devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// True if it has the digits and Enter.
    pub types: bool,
    /// True if it has lights, for Caps Lock and Num Lock.
    pub lights: bool,
    /// True if it moves a pointer.
    pub points: bool,
}

/// The reason why an input device looks like a scanner, or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputLikeness {
    /// Its maker makes scanners.
    Maker(&'static str),
    /// Its name contains a word for a scanner.
    Name,
    /// It types and has no lights; few keyboards are without lights.
    NoLights,
    /// It moves a pointer too, which no scanner does.
    Pointer,
    /// Nothing distinguishes it from a keyboard.
    Keyboard,
}

impl InputLikeness {
    /// Returns true if it looks like a scanner.
    pub const fn is_scanner(self) -> bool {
        match self {
            Self::Maker(_) | Self::Name | Self::NoLights => true,
            Self::Pointer | Self::Keyboard => false,
        }
    }
}

impl fmt::Display for InputLikeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maker(maker) => write!(f, "its vendor id is that of {maker}"),
            Self::Name => f.write_str("its name says so"),
            Self::NoLights => f.write_str("it types digits and Enter, and has no lights as keyboards have"),
            Self::Pointer => f.write_str("it moves a pointer too"),
            Self::Keyboard => f.write_str("nothing tells it from one"),
        }
    }
}

/// A sign for or against a scanner in the description of an input device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Its maker makes scanners.
    Maker(&'static str),
    /// Its name contains a word for a scanner.
    Name,
    /// It has no lights for Caps Lock and Num Lock.
    NoLights,
    /// Its USB interface does not state that it is a keyboard.
    NoKeyboardInterface,
    /// Its vendor id belongs to no known maker of scanners.
    OtherMaker,
    /// It has lights.
    Lights,
    /// Its USB interface states that it is a keyboard. Most scanners that type state that as well.
    KeyboardInterface,
    /// It moves a pointer.
    Pointer,
}

impl Sign {
    /// Returns true if it is a sign for a scanner.
    pub const fn is_for(self) -> bool {
        match self {
            Self::Maker(_) | Self::Name | Self::NoLights | Self::NoKeyboardInterface => true,
            Self::OtherMaker | Self::Lights | Self::KeyboardInterface | Self::Pointer => false,
        }
    }
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maker(maker) => write!(f, "vendor id of {maker}"),
            Self::Name => f.write_str("name of a scanner"),
            Self::NoLights => f.write_str("no lights"),
            Self::NoKeyboardInterface => f.write_str("no keyboard by its USB interface descriptor"),
            Self::OtherMaker => f.write_str("vendor id of no known maker of scanners"),
            Self::Lights => f.write_str("lights as keyboards have"),
            Self::KeyboardInterface => f.write_str("a keyboard by its USB interface descriptor"),
            Self::Pointer => f.write_str("moves a pointer"),
        }
    }
}

/// Returns the input devices that type digits and Enter, by name. Mice, buttons and lids are left out.
///
/// # Errors
/// If the kernel's list cannot be read. A kernel without input devices has none, which is no error.
pub fn list_inputs(roots: &Roots) -> io::Result<Vec<FoundInput>> {
    let entries = match fs::read_dir(roots.sys.join("class/input")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // A device that is unplugged at this moment is treated as absent.
        let Ok(device) = fs::canonicalize(entry.path().join("device")) else { continue };
        if name.starts_with("event") {
            found.extend(input(roots, name, &device).filter(|input| input.abilities.types));
        }
    }
    // Shorter names first: `event9` comes before `event10`.
    found.sort_by(|one, other| (one.name.len(), &one.name).cmp(&(other.name.len(), &other.name)));
    Ok(found)
}

/// Returns the device node of the one keyboard that matches `wanted`.
///
/// # Errors
/// [`PortFault::NoneMatches`] and [`PortFault::SeveralMatch`], or [`PortFault::Failed`] if the kernel's list
/// cannot be read.
pub fn resolve(roots: &Roots, wanted: &UsbMatch) -> Result<PathBuf, PortFault> {
    let inputs = list_inputs(roots)
        .map_err(|error| PortFault::Failed { errno: error.raw_os_error().unwrap_or_default() })?;
    let fitting = inputs.into_iter().filter(|input| fits(wanted, &input.identity));
    only_one(fitting.map(|input| input.node).collect())
}

/// Returns all signs about the device that distinguish a scanner from a keyboard.
pub fn signs(input: &FoundInput) -> Vec<Sign> {
    let Abilities { lights, points, .. } = input.abilities;
    let interface = match (&input.identity.interface, input.is_boot_keyboard) {
        (None, _) => None,
        (Some(_), true) => Some(Sign::KeyboardInterface),
        (Some(_), false) => Some(Sign::NoKeyboardInterface),
    };
    let signs = [
        Some(maker(input).map_or(Sign::OtherMaker, Sign::Maker)),
        is_named(input).then_some(Sign::Name),
        Some(if lights { Sign::Lights } else { Sign::NoLights }),
        interface,
        points.then_some(Sign::Pointer),
    ];
    signs.into_iter().flatten().collect()
}

/// Returns the likeness of the device to a scanner, from its description.
pub fn looks_like_scanner(input: &FoundInput) -> InputLikeness {
    // The maker and the name outweigh all else. The pointer is checked before the lights, because a mouse has no
    // lights either.
    if let Some(maker) = maker(input) {
        InputLikeness::Maker(maker)
    } else if is_named(input) {
        InputLikeness::Name
    } else if input.abilities.points {
        InputLikeness::Pointer
    } else if input.abilities.lights {
        InputLikeness::Keyboard
    } else {
        InputLikeness::NoLights
    }
}

fn maker(input: &FoundInput) -> Option<&'static str> {
    let maker = SCANNER_MAKERS.iter().find(|(vendor, _)| *vendor == input.identity.vendor);
    maker.map(|(_, maker)| *maker)
}

fn is_named(input: &FoundInput) -> bool {
    let mut names = [&input.title, &input.identity.product_text].into_iter().flatten();
    names.any(|name| SCANNER_WORDS.iter().any(|word| name.to_lowercase().contains(word)))
}

fn input(roots: &Roots, name: String, device: &Path) -> Option<FoundInput> {
    let node = roots.dev.join("input").join(&name);
    let by_id = link_to(&node, &roots.dev.join("input/by-id"));
    // A keyboard on Bluetooth or on the board has no USB device above it, but the input core knows its numbers.
    let own_identity = || {
        Some(UsbIdentity {
            vendor: hexadecimal(device, "id/vendor")?,
            product: hexadecimal(device, "id/product")?,
            serial: text(device, "uniq"),
            manufacturer: None,
            product_text: text(device, "name"),
            port: String::new(),
            interface: None,
        })
    };
    let identity = usb_identity(device).or_else(own_identity)?;
    let title = text(device, "name");
    let (abilities, is_boot_keyboard) = (abilities(device), is_boot_keyboard(device));
    Some(FoundInput { name, node, title, identity, abilities, is_boot_keyboard, by_id })
}

/// Returns true if the USB interface above the device states that it is a boot keyboard.
fn is_boot_keyboard(device: &Path) -> bool {
    let interface = device.ancestors().find(|folder| folder.join("bInterfaceClass").is_file());
    interface.is_some_and(|interface| {
        let told = ["bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol"];
        told.map(|file| hexadecimal(interface, file)) == [Some(3), Some(1), Some(1)]
    })
}

fn abilities(device: &Path) -> Abilities {
    let is_any = |list: &str| bits(device, list).iter().any(|byte| *byte != 0);
    Abilities {
        types: is_keyboard(&bits(device, "capabilities/key")),
        lights: is_any("capabilities/led"),
        points: is_any("capabilities/rel") || is_any("capabilities/abs"),
    }
}

/// Returns true if a device with these keys, one bit each, can type a code.
fn is_keyboard(keys: &[u8]) -> bool {
    NEEDED_KEYS.iter().all(|key| has_bit(keys, *key))
}

/// Returns true if the bit `number` is set; eight are in a byte, lowest first.
fn has_bit(bits: &[u8], number: u16) -> bool {
    let byte = bits.get(usize::from(number.div_euclid(8)));
    byte.is_some_and(|byte| byte & (1 << number.rem_euclid(8)) != 0)
}

/// Returns a list of bits, eight in a byte, lowest first. The kernel writes words in hexadecimal, highest first
/// (`input_print_bitmap`, `linux/drivers/input/input.c`).
fn bits(device: &Path, list: &str) -> Vec<u8> {
    let text = text(device, list).unwrap_or_default();
    let words = text.split_whitespace().rev();
    words.flat_map(|word| usize::from_str_radix(word, 16).map_or([0; WORD], usize::to_le_bytes)).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    /// The kernel's lists of the keys of a keyboard and a mouse, in words of 64 bits.
    const KEYBOARD_KEYS: &str = "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe";
    const MOUSE_KEYS: &str = "ff0000 0 0 0 0";

    struct Machine {
        folder: TempDir,
        roots: Roots,
    }

    impl Machine {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let roots = Roots { sys: folder.path().join("sys"), dev: folder.path().join("dev") };
            fs::create_dir_all(roots.sys.join("class/input")).unwrap();
            Self { folder, roots }
        }

        /// Adds a USB device at `port` with one input device, which has these files.
        fn usb(self, port: &str, name: &str, vendor: &str, files: &[(&str, &str)]) -> Self {
            let usb = self.folder.path().join("sys/devices/usb1").join(port);
            let input = usb.join(format!("{port}:1.0/0003:1/input/input7"));
            for (file, text) in files {
                let path = input.join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, format!("{text}\n")).unwrap();
            }
            fs::write(usb.join("idVendor"), format!("{vendor}\n")).unwrap();
            fs::write(usb.join("idProduct"), "0001\n").unwrap();
            let class = self.roots.sys.join("class/input").join(name);
            fs::create_dir_all(&class).unwrap();
            symlink(&input, class.join("device")).unwrap();
            self
        }

        fn only(&self) -> FoundInput {
            let mut inputs = list_inputs(&self.roots).unwrap();
            assert_eq!(inputs.len(), 1);
            inputs.remove(0)
        }
    }

    fn keyboard(led: &'static str, rel: &'static str) -> [(&'static str, &'static str); 4] {
        [
            ("name", "HID 1234"),
            ("capabilities/key", KEYBOARD_KEYS),
            ("capabilities/led", led),
            ("capabilities/rel", rel),
        ]
    }

    #[test]
    fn a_keyboard_has_the_digits_and_enter() {
        // A bit for each key: `KEY_CNT` is 0x300.
        let mut keys = [0_u8; 96];
        for key in NEEDED_KEYS {
            assert!(!is_keyboard(&keys));
            keys[usize::from(key / 8)] |= 1 << (key % 8);
        }
        assert!(is_keyboard(&keys));
        // This is a power button.
        assert!(!is_keyboard(&[0, 0, 0x10]));
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn only_what_types_digits_and_enter_is_listed() {
        let machine = Machine::new()
            .usb("1-1.2", "event10", "046d", &keyboard("7", "0"))
            .usb("1-1.3", "event9", "046d", &[("capabilities/key", MOUSE_KEYS), ("capabilities/rel", "903")])
            .usb("1-1.4", "mouse0", "046d", &keyboard("7", "0"));
        let input = machine.only();
        assert_eq!((input.name.as_str(), input.title.as_deref()), ("event10", Some("HID 1234")));
        assert_eq!(input.node, machine.roots.dev.join("input/event10"));
        assert_eq!((input.identity.port.as_str(), input.identity.vendor), ("1-1.2", 0x046d));
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn a_scanner_is_told_from_a_keyboard_and_the_reason_is_given() {
        let likeness = |vendor: &str, files: &[(&str, &str)]| {
            looks_like_scanner(&Machine::new().usb("1-1.2", "event0", vendor, files).only())
        };
        assert_eq!(likeness("0c2e", &keyboard("7", "0")), InputLikeness::Maker("Metrologic (Honeywell)"));
        assert_eq!(likeness("ffff", &keyboard("1f", "0")), InputLikeness::Keyboard);
        assert_eq!(likeness("ffff", &keyboard("0", "0")), InputLikeness::NoLights);
        assert_eq!(likeness("ffff", &keyboard("0", "3")), InputLikeness::Pointer);
        let named =
            [("name", "USB BarCode Reader"), ("capabilities/key", KEYBOARD_KEYS), ("capabilities/led", "7")];
        assert_eq!(likeness("ffff", &named), InputLikeness::Name);
        assert!(!InputLikeness::Keyboard.is_scanner() && InputLikeness::Name.is_scanner());
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn two_identical_scanners_are_told_apart_by_their_ports() {
        let machine = Machine::new().usb("1-1.2", "event0", "0c2e", &keyboard("7", "0")).usb(
            "1-1.3",
            "event1",
            "0c2e",
            &keyboard("7", "0"),
        );
        let wanted = UsbMatch { vendor: Some(0x0c2e), ..UsbMatch::default() };
        assert_eq!(resolve(&machine.roots, &wanted), Err(PortFault::SeveralMatch { count: 2 }));
        let wanted = UsbMatch { port: Some("1-1.3".to_owned()), ..wanted };
        assert_eq!(resolve(&machine.roots, &wanted), Ok(machine.roots.dev.join("input/event1")));
        let wanted = UsbMatch { port: Some("1-1.4".to_owned()), ..wanted };
        assert_eq!(resolve(&machine.roots, &wanted), Err(PortFault::NoneMatches));
    }

    #[test]
    fn a_machine_without_input_devices_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots { sys: folder.path().to_owned(), dev: folder.path().to_owned() };
        assert_eq!(list_inputs(&roots).unwrap(), []);
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn every_sign_is_told_and_whether_it_speaks_for_a_scanner() {
        let machine = Machine::new().usb("1-1.2", "event0", "0c2e", &keyboard("7", "0"));
        let told = signs(&machine.only());
        assert_eq!(told, [Sign::Maker("Metrologic (Honeywell)"), Sign::Lights, Sign::NoKeyboardInterface]);
        let interface = machine.folder.path().join("sys/devices/usb1/1-1.2/1-1.2:1.0");
        for (file, says) in
            [("bInterfaceClass", "03"), ("bInterfaceSubClass", "01"), ("bInterfaceProtocol", "01")]
        {
            assert!(!machine.only().is_boot_keyboard, "{file}");
            fs::write(interface.join(file), format!("{says}\n")).unwrap();
        }
        assert!(signs(&machine.only()).contains(&Sign::KeyboardInterface));
        let plain = Machine::new().usb("1-1.2", "event0", "ffff", &keyboard("0", "3"));
        let against: Vec<Sign> = signs(&plain.only()).into_iter().filter(|sign| !sign.is_for()).collect();
        assert_eq!(against, [Sign::OtherMaker, Sign::Pointer]);
    }
}
