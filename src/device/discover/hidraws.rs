//! The HID devices of this machine, as the kernel describes them under `/sys` (`sysfs(5)`,
//! `linux/Documentation/hid/hidraw.rst`).
//!
//! It opens no device, and reads nothing but the file system.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::config::UsbMatch;
use crate::device::PortFault;
use crate::device::discover::ports::Roots;
use crate::device::discover::ports::UsbIdentity;
use crate::device::discover::ports::fits;
use crate::device::discover::ports::link_to;
use crate::device::discover::ports::only_one;
use crate::device::discover::ports::text;
use crate::device::discover::ports::usb_identity;
use crate::domain::decode::hidpos::Layout;
use crate::domain::decode::hidpos::Unfit;

/// The most links from a path to its node; with more, the links go in a circle.
const LINKS_MAX: usize = 8;

/// A HID device that describes itself as a bar code scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundHidraw {
    /// The kernel's name of it: `hidraw3`. It may have another one after it is plugged in again.
    pub name: String,
    /// Its device node: `/dev/hidraw3`.
    pub node: PathBuf,
    /// The name that the device states, without control characters.
    pub title: Option<String>,
    /// Its identity. A device that is not on USB has no port, and its address serves as serial number.
    pub identity: UsbIdentity,
    /// The reason why it cannot be read, if it cannot.
    pub unfit: Option<Unfit>,
    /// The link named after its socket, if this station's udev rule made one.
    pub by_path: Option<PathBuf>,
}

/// Returns the HID devices that have a bar code scanner's collection, sorted by name.
///
/// # Errors
/// If the kernel's list cannot be read. A kernel without HID devices has none, which is no error.
pub fn list_hidraws(roots: &Roots) -> io::Result<Vec<FoundHidraw>> {
    let entries = match fs::read_dir(roots.sys.join("class/hidraw")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        found.extend(hidraw(roots, name));
    }
    // Shorter names first: `hidraw9` comes before `hidraw10`.
    found.sort_by(|one, other| (one.name.len(), &one.name).cmp(&(other.name.len(), &other.name)));
    Ok(found)
}

/// Returns the device node of the one HID-POS scanner that matches `wanted`.
///
/// # Errors
/// [`PortFault::NoneMatches`] and [`PortFault::SeveralMatch`], or [`PortFault::Failed`] if the kernel's list
/// cannot be read.
pub fn resolve(roots: &Roots, wanted: &UsbMatch) -> Result<PathBuf, PortFault> {
    let hidraws = list_hidraws(roots)
        .map_err(|error| PortFault::Failed { errno: error.raw_os_error().unwrap_or_default() })?;
    let fitting =
        hidraws.into_iter().filter(|hidraw| hidraw.unfit.is_none() && fits(wanted, &hidraw.identity));
    only_one(fitting.map(|hidraw| hidraw.node).collect())
}

/// Returns the kernel's name of the node that `path` names, directly or through links.
pub(in crate::device) fn kernels_name(path: &Path) -> Option<String> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let name = path.file_name()?.to_str()?;
        if name.starts_with("hidraw") {
            return Some(name.to_owned());
        }
        let target = fs::read_link(&path).ok()?;
        path = path.parent()?.join(target);
    }
    None
}

/// Returns the layout of the device's reports from its own description, or `None` if the kernel knows no such device.
pub(in crate::device) fn layout(roots: &Roots, name: &str) -> Option<Result<Layout, Unfit>> {
    let descriptor = descriptor(roots, name)?;
    Some(Layout::of(&descriptor))
}

/// Returns the device's report descriptor.
pub(in crate::device) fn descriptor(roots: &Roots, name: &str) -> Option<Vec<u8>> {
    fs::read(class(roots, name).join("device/report_descriptor")).ok()
}

/// Returns the numbers under which the kernel knows the device's node: `244:0`.
pub(in crate::device) fn numbers(roots: &Roots, name: &str) -> Option<String> {
    text(&class(roots, name), "dev")
}

fn class(roots: &Roots, name: &str) -> PathBuf {
    roots.sys.join("class/hidraw").join(name)
}

fn hidraw(roots: &Roots, name: String) -> Option<FoundHidraw> {
    let unfit = match layout(roots, &name)? {
        Ok(_layout) => None,
        // This is a keyboard, a mouse or a key for signing in.
        Err(Unfit::NoScanner | Unfit::Unreadable) => return None,
        Err(unfit) => Some(unfit),
    };
    // A device that is unplugged at this moment is treated as absent.
    let device = fs::canonicalize(class(roots, &name).join("device")).ok()?;
    let node = roots.dev.join(&name);
    let by_path = link_to(&node, &roots.dev.join("stockpoint"));
    let identity = usb_identity(&device).or_else(|| hid_identity(&device))?;
    Some(FoundHidraw { name, node, title: told(&device, "HID_NAME"), identity, unfit, by_path })
}

/// Returns the identity of a device in the kernel's HID core: `HID_ID=0005:00000C2E:00000B61`, bus, vendor and product
/// (`hid_uevent`, `linux/drivers/hid/hid-core.c`).
fn hid_identity(device: &Path) -> Option<UsbIdentity> {
    let id = told(device, "HID_ID")?;
    // The first number is the bus, which identifies no device.
    let mut numbers = id.split(':').skip(1).map(|number| u32::from_str_radix(number, 16).ok());
    let mut next = || u16::try_from(numbers.next().flatten()?).ok();
    Some(UsbIdentity {
        vendor: next()?,
        product: next()?,
        serial: told(device, "HID_UNIQ"),
        manufacturer: None,
        product_text: told(device, "HID_NAME"),
        port: String::new(),
        interface: None,
    })
}

fn told(device: &Path, key: &str) -> Option<String> {
    let bytes = fs::read(device.join("uevent")).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
    let value: String = value.chars().filter(|c| !c.is_control()).collect();
    if value.is_empty() { None } else { Some(value) }
}
