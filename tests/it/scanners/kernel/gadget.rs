//! A HID-POS scanner on a USB of the kernel's own (`dummy_hcd`, and `linux/Documentation/usb/gadget_configfs.rst`): both
//! ends of the cable are here, and the host's end knows nothing of it.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;

use nix::fcntl::OFlag;
use rustix::event::PollFd;
use rustix::event::PollFlags;
use rustix::event::Timespec;
use rustix::event::poll;

use crate::scanners::hidpos::DESCRIPTOR;
use crate::scanners::hidpos::report;
use crate::scanners::kernel::Kernel;
use crate::scanners::kernel::VENDOR;
use crate::scanners::kernel::node_of;
use crate::scanners::kernel::until;

const GADGETS: &str = "/sys/kernel/config/usb_gadget";
/// The one controller whose cable leads nowhere but back to this machine.
const CONTROLLER: &str = "dummy_udc.0";
/// English (United States), as strings are asked for.
const LANGUAGE: &str = "strings/0x409";

impl Kernel {
    pub(super) fn of_gadgets() -> Option<Self> {
        if Path::new(GADGETS).is_dir() && Path::new("/sys/class/udc").join(CONTROLLER).exists() {
            return Some(Self::by(GADGETS));
        }
        println!("skipped: no {GADGETS} (modprobe usb_f_hid), or no {CONTROLLER} (modprobe dummy_hcd)");
        None
    }

    /// A HID-POS scanner that is not plugged in yet.
    pub(super) fn gadget(&self, product: u16) -> Gadget {
        let at = Path::new(self.maker).join("stockpoint");
        let serial = format!("test-{product}");
        let (function, config) = (at.join("functions/hid.0"), at.join("configs/c.1"));
        for folder in [&at, &at.join(LANGUAGE), &function, &config] {
            fs::create_dir(folder).unwrap();
        }
        let length = report("]E0", b"", false).len().to_string();
        let write = |file: PathBuf, value: &[u8]| fs::write(file, value).unwrap();
        write(at.join("idVendor"), format!("{VENDOR:#x}").as_bytes());
        write(at.join("idProduct"), format!("{product:#x}").as_bytes());
        write(at.join(LANGUAGE).join("manufacturer"), b"Stockpoint");
        write(at.join(LANGUAGE).join("product"), b"stockpoint test scanner");
        write(at.join(LANGUAGE).join("serialnumber"), serial.as_bytes());
        // No keyboard and no mouse, for a machine that starts.
        write(function.join("protocol"), b"0");
        write(function.join("subclass"), b"0");
        write(function.join("report_length"), length.as_bytes());
        write(function.join("report_desc"), DESCRIPTOR);
        symlink(&function, config.join("hid.0")).unwrap();
        Gadget { at, serial, end: None }
    }
}

/// A scanner with a USB cable. Dropping it takes it apart.
pub(super) struct Gadget {
    at: PathBuf,
    serial: String,
    /// The scanner's end of the cable, if that is plugged in.
    end: Option<File>,
}

impl Gadget {
    /// Plugs it in; the node by which this machine knows it.
    pub(super) fn plug_in(&mut self) -> PathBuf {
        fs::write(self.at.join("UDC"), CONTROLLER).unwrap();
        let flags = OFlag::O_NONBLOCK.bits();
        let end = OpenOptions::new().read(true).write(true).custom_flags(flags).open("/dev/hidg0").unwrap();
        self.end = Some(end);
        node_of(&self.serial)
    }

    pub(super) fn unplug(&mut self) {
        self.end = None;
        fs::write(self.at.join("UDC"), "\n").unwrap();
    }

    /// Sends a report, and waits until this machine has fetched it.
    pub(super) fn send(&self, report: &[u8]) {
        let mut end = self.end.as_ref().unwrap();
        assert_eq!(ready(end.write(report)), Some(report.len()));
        until(|| {
            (poll(&mut [PollFd::new(&end, PollFlags::OUT)], Some(&Timespec::default())) == Ok(1))
                .then_some(())
        });
    }

    /// The next report that it is sent.
    pub(super) fn heard(&self) -> Vec<u8> {
        let mut end = self.end.as_ref().unwrap();
        let mut heard = vec![0; 64];
        let count = until(|| ready(end.read(&mut heard)));
        heard.truncate(count);
        heard
    }
}

impl Drop for Gadget {
    fn drop(&mut self) {
        self.end = None;
        // What cannot be taken apart, the next test says.
        let _unplugged = fs::write(self.at.join("UDC"), "\n");
        let _link = fs::remove_file(self.at.join("configs/c.1/hid.0"));
        for folder in ["configs/c.1", "functions/hid.0", LANGUAGE, ""] {
            let _folder = fs::remove_dir(self.at.join(folder));
        }
    }
}

/// What came of an attempt, unless it is to be made again.
fn ready(attempt: std::io::Result<usize>) -> Option<usize> {
    match attempt {
        Ok(count) => Some(count),
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => panic!("{error}"),
    }
}
