//! Reads the properties that distinguish this machine from another; no other module does.
//!
//! Only properties that an SD card does not carry count: `/etc/machine-id` and the host name travel with it. Each
//! property is hashed, because nobody who receives a backup or a status needs to see a serial number.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};

use crate::domain::home::{HASH_CHARS, Machine, Source};

/// The most network interfaces that are read.
const INTERFACES_MAX: usize = 64;

/// Values that boards have in place of a serial number: they distinguish nothing.
const PLACEHOLDERS: [&str; 5] =
    ["none", "default string", "to be filled by o.e.m.", "system serial number", "not specified"];

/// The folders in which the kernel describes the hardware.
#[derive(Debug, Clone)]
pub struct Roots {
    /// The device tree (`/sys/firmware/devicetree/base`).
    pub device_tree: PathBuf,
    /// The DMI table (`/sys/class/dmi/id`).
    pub dmi: PathBuf,
    /// The network interfaces (`/sys/class/net`).
    pub net: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            device_tree: PathBuf::from("/sys/firmware/devicetree/base"),
            dmi: PathBuf::from("/sys/class/dmi/id"),
            net: PathBuf::from("/sys/class/net"),
        }
    }
}

/// Reads the properties of this machine. Properties that cannot be read are left out.
pub fn read(roots: &Roots) -> Machine {
    let serial = text(&roots.device_tree.join("serial-number")).map(|serial| (Source::DeviceTree, serial));
    let product = text(&roots.dmi.join("product_uuid")).map(|uuid| (Source::Dmi, uuid));
    let addresses = addresses(&roots.net).into_iter().map(|address| (Source::Mac, address));
    let properties = serial.into_iter().chain(product).chain(addresses);
    Machine::new(properties.map(|(source, value)| (source, hash(source, &value))).collect())
}

/// Returns the addresses of the physical interfaces, in the order in which the kernel found them.
///
/// A bridge or a tunnel has no device, and an address that was set by hand or at random (`addr_assign_type` is not 0)
/// is no property of the machine.
fn addresses(net: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(net) else { return Vec::new() };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path()).take(INTERFACES_MAX);
    let mut found: Vec<(u32, String)> = paths.filter_map(|path| physical(&path)).collect();
    // The folder lists them in any order; the kernel's index makes it the same at each start.
    found.sort();
    found.into_iter().map(|(_, address)| address).collect()
}

fn physical(interface: &Path) -> Option<(u32, String)> {
    let is_permanent = text(&interface.join("addr_assign_type")).is_none_or(|kind| kind == "0");
    if !interface.join("device").exists() || !is_permanent {
        return None;
    }
    let index = text(&interface.join("ifindex"))?.parse().ok()?;
    let address = text(&interface.join("address"))?;
    // An interface that is still being set up shows zeros.
    let is_set = address.chars().any(|c| c.is_ascii_hexdigit() && c != '0');
    is_set.then_some((index, address))
}

/// Reads a property as text, without the NUL at its end in the device tree; `None` if it has no meaning.
fn text(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace()).to_lowercase();
    (!text.is_empty() && !PLACEHOLDERS.contains(&text.as_str())).then_some(text)
}

fn hash(source: Source, value: &str) -> String {
    // The prefix and the source's name keep the hash apart from hashes of the same number elsewhere.
    let digest = digest(&SHA256, format!("stockpoint {} {value}", source.as_str()).as_bytes());
    let mut hex = String::new();
    for byte in digest.as_ref().iter().take(HASH_CHARS.div_ceil(2)) {
        let _written_to_memory = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn roots(dir: &TempDir) -> Roots {
        let at = |name: &str| dir.path().join(name);
        Roots { device_tree: at("tree"), dmi: at("dmi"), net: at("net") }
    }

    fn put(dir: &TempDir, path: &str, text: &str) {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn sources(machine: &Machine) -> Vec<String> {
        machine
            .to_string()
            .split_whitespace()
            .map(|word| word.split(':').next().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_machine_is_known_by_what_its_card_does_not_carry() {
        let dir = TempDir::new().unwrap();
        let roots = roots(&dir);
        assert_eq!(read(&roots), Machine::default());
        // A tunnel, an address made up at each start, and two interfaces in the order of the kernel.
        put(&dir, "net/tun0/address", "02:00:00:00:00:01\n");
        put(&dir, "net/tun0/ifindex", "1\n");
        assert_eq!(read(&roots), Machine::default());
        for (name, index, address, kind) in [
            ("eth0", "9", "dc:a6:32:00:00:02", "0"),
            ("wlan0", "3", "dc:a6:32:00:00:01", "0"),
            ("usb0", "2", "7a:00:00:00:00:03", "1"),
        ] {
            for (file, text) in
                [("address", address), ("ifindex", index), ("addr_assign_type", kind), ("device/x", "")]
            {
                put(&dir, &format!("net/{name}/{file}"), text);
            }
        }
        let macs = read(&roots);
        assert_eq!(sources(&macs), ["mac", "mac"]);
        assert_eq!(macs.id(), hash(Source::Mac, "dc:a6:32:00:00:01"));
        put(&dir, "dmi/product_uuid", "Default string\n");
        assert_eq!(sources(&read(&roots)), ["mac", "mac"]);
        put(&dir, "dmi/product_uuid", "4c4c4544-0042\n");
        put(&dir, "tree/serial-number", "10000000abcdef01\0");
        let all = read(&roots);
        assert_eq!(sources(&all), ["device-tree", "dmi", "mac", "mac"]);
        assert_eq!(all.id(), hash(Source::DeviceTree, "10000000abcdef01"));
        assert!(!all.to_string().contains("abcdef01"));
    }
}
