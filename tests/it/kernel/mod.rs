//! Devices of the kernel's own, on which the test types and scans: keyboards, HID-POS scanners, pins. Where the kernel
//! makes none, the tests say that they were skipped; on the emulated board of `tests/pi/run devices` it makes them all.

mod commands;
mod hidpos;
mod keyboards;
mod pins;
mod uhid;
mod uinput;

use std::fs::File;
use std::fs::OpenOptions;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// The maker that the devices name; each test's have products of their own.
const VENDOR: u16 = 0x1eab;

/// Every program sees every device, so one test at a time makes any.
static TURN: Mutex<()> = Mutex::new(());

/// The kernel as a maker of devices, for one test alone.
pub(crate) struct Kernel {
    maker: &'static str,
    _turn: MutexGuard<'static, ()>,
}

impl Kernel {
    /// `None`, with the reason printed, where it makes none by this node.
    fn take(maker: &'static str) -> Option<Self> {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        match open(maker) {
            Ok(_file) => Some(Self { maker, _turn: turn }),
            Err(error) => {
                println!("skipped: {maker}: {error}");
                None
            }
        }
    }

    /// The node again, for one more device.
    fn open(&self) -> File {
        open(self.maker).unwrap()
    }
}

fn open(maker: &str) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).open(maker)
}
