//! A keyboard of the kernel's (`linux/Documentation/input/uinput.rst`), on which the test types as a scanner does.

use std::fs::File;
use std::path::PathBuf;

use input_linux::EventKind;
use input_linux::InputId;
use input_linux::Key;
use input_linux::MiscKind;
use input_linux::UInputHandle;
use input_linux::sys;

use crate::kernel::Kernel;
use crate::kernel::VENDOR;

const UINPUT: &str = "/dev/uinput";

const ENTER: u16 = 28;

impl Kernel {
    pub(super) fn of_keyboards() -> Option<Self> {
        Self::take(UINPUT)
    }

    /// A keyboard with this product id. Dropping it is pulling the plug.
    pub(super) fn keyboard(&self, product: u16) -> Keyboard {
        let handle = UInputHandle::new(self.open());
        handle.set_evbit(EventKind::Key).unwrap();
        handle.set_evbit(EventKind::Misc).unwrap();
        handle.set_mscbit(MiscKind::Scancode).unwrap();
        for key in Key::iter().filter(|key| (1..128).contains(&key.code())) {
            handle.set_keybit(key).unwrap();
        }
        let id = InputId { bustype: sys::BUS_USB, vendor: VENDOR, product, version: 1 };
        handle.create(&id, b"stockpoint test scanner", 0, &[]).unwrap();
        let node = handle.evdev_path().unwrap();
        Keyboard { handle, node }
    }
}

/// A keyboard that is plugged in.
pub(super) struct Keyboard {
    handle: UInputHandle<File>,
    pub(super) node: PathBuf,
}

impl Keyboard {
    /// Presses a key (1) or releases it (0), as a keyboard on USB has the kernel say it.
    pub(super) fn change(&self, code: u16, value: i32) {
        let zero = sys::timeval { tv_sec: 0, tv_usec: 0 };
        let event = |type_, code, value| sys::input_event { time: zero, type_, code, value };
        let events = [event(4, 4, i32::from(code)), event(1, code, value), event(0, 0, 0)];
        assert_eq!(self.handle.write(&events).unwrap(), events.len());
    }

    /// Types digits and Enter, as fast as the kernel takes them.
    pub(super) fn scan(&self, digits: &str) {
        let keys = digits.bytes().map(|digit| if digit == b'0' { 11 } else { u16::from(digit - b'0') + 1 });
        for code in keys.chain([ENTER]) {
            self.change(code, 1);
            self.change(code, 0);
        }
    }
}
