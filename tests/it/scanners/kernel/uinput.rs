//! A keyboard of the kernel's (`linux/Documentation/input/uinput.rst`), on which the test types as a scanner does.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use input_linux::EventKind;
use input_linux::InputId;
use input_linux::Key;
use input_linux::MiscKind;
use input_linux::UInputHandle;
use input_linux::sys;
use stockpoint::domain::decode::keymap::Layout;
use stockpoint::domain::decode::keymap::LayoutName;
use stockpoint::domain::decode::keymap::Level;
use stockpoint::domain::decode::keymap::Stroke;
use tokio::time::sleep;

use crate::scanners::kernel::Kernel;
use crate::scanners::kernel::VENDOR;

const UINPUT: &str = "/dev/uinput";

const ENTER: u16 = 28;
const LEFT_CTRL: u16 = 29;
const LEFT_SHIFT: u16 = 42;
const RIGHT_ALT: u16 = 100;
/// The key of `]` on a US keyboard: with Ctrl it is a group separator on every keyboard.
const BRACKET: u16 = 27;

/// From a change of a key to the next. A reader that is late for many of them finds some dropped.
const STEP: Duration = Duration::from_millis(2);

impl Kernel {
    pub(super) fn of_keyboards() -> Option<Self> {
        Self::by_node(UINPUT)
    }

    /// A keyboard with this product id. Dropping it is pulling the plug.
    pub(super) fn keyboard(&self, product: u16) -> Keyboard {
        let handle = UInputHandle::new(self.open().unwrap());
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

    /// Types a text and Enter, as a scanner that is set to this layout.
    pub(super) async fn type_text(&self, text: &str, layout: LayoutName) {
        let layout = Layout::of(layout);
        for keys in text.chars().map(|c| keys(&layout, c)).chain([vec![ENTER]]) {
            let down = keys.iter().map(|key| (*key, 1));
            let up = keys.iter().rev().map(|key| (*key, 0));
            for (code, value) in down.chain(up) {
                self.change(code, value);
                sleep(STEP).await;
            }
        }
    }
}

/// The keys that type a character, in the order in which they are pressed.
fn keys(layout: &Layout, c: char) -> Vec<u16> {
    if c == '\u{1d}' {
        return vec![LEFT_CTRL, BRACKET];
    }
    let ways = [(false, false, vec![]), (true, false, vec![LEFT_SHIFT]), (false, true, vec![RIGHT_ALT])];
    let found = ways.into_iter().find_map(|(shift, alt_gr, held)| {
        let level = Level { shift, alt_gr, caps: false };
        let key = layout.codes().find(|key| layout.stroke(*key, level) == Stroke::Char(c))?;
        Some([held, vec![key]].concat())
    });
    found.unwrap_or_else(|| panic!("no key types {c:?}"))
}
