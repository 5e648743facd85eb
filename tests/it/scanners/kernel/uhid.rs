//! A HID device of the kernel's (`linux/Documentation/hid/uhid.rst`), of which the test is the scanner.

use std::fs::File;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::path::PathBuf;

use crate::scanners::hidpos::DESCRIPTOR;
use crate::scanners::kernel::Kernel;
use crate::scanners::kernel::VENDOR;
use crate::scanners::kernel::node_of;

/// Of `linux/uhid.h`: kinds of events, and their size.
const UHID: &str = "/dev/uhid";
const UHID_START: u32 = 2;
const UHID_OPEN: u32 = 4;
const UHID_CREATE2: u32 = 11;
const UHID_INPUT2: u32 = 12;
const UHID_EVENT_BYTES: usize = 4380;
const BUS_USB: u16 = 3;

impl Kernel {
    pub(super) fn of_scanners() -> Option<Self> {
        Self::by_node(UHID)
    }

    /// A HID-POS scanner with this product id. Dropping it is pulling the plug.
    pub(super) fn scanner(&self, product: u16) -> Scanner {
        let mut file = self.open().unwrap();
        let mut event = UHID_CREATE2.to_ne_bytes().to_vec();
        let text = |text: &str, length: usize| {
            text.bytes().chain(std::iter::repeat(0)).take(length).collect::<Vec<u8>>()
        };
        let serial = format!("test-{product}");
        event.extend(text("stockpoint test scanner", 128));
        event.extend(text("", 64));
        event.extend(text(&serial, 64));
        event.extend(u16::try_from(DESCRIPTOR.len()).unwrap().to_ne_bytes());
        event.extend(BUS_USB.to_ne_bytes());
        event.extend([u32::from(VENDOR), u32::from(product), 1, 0].map(u32::to_ne_bytes).concat());
        event.extend(DESCRIPTOR);
        file.write_all(&event).unwrap();
        await_event(&mut file, UHID_START);
        let node = node_of(&serial);
        Scanner { file, node }
    }
}

/// A scanner that is plugged in.
pub(super) struct Scanner {
    file: File,
    pub(super) node: PathBuf,
}

impl Scanner {
    /// Waits until somebody has the device open.
    pub(super) fn await_reader(&mut self) {
        await_event(&mut self.file, UHID_OPEN);
    }

    pub(super) fn send(&mut self, report: &[u8]) {
        let mut event = UHID_INPUT2.to_ne_bytes().to_vec();
        event.extend(u16::try_from(report.len()).unwrap().to_ne_bytes());
        event.extend(report);
        self.file.write_all(&event).unwrap();
    }
}

fn await_event(file: &mut File, wanted: u32) {
    let mut event = vec![0; UHID_EVENT_BYTES];
    loop {
        match file.read(&mut event) {
            Ok(count) if count >= 4 && event[..4] == wanted.to_ne_bytes() => return,
            Ok(_) => (),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted),
        }
    }
}
