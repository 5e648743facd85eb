//! Devices of the kernel's own, on which the test types and scans: keyboards, HID-POS scanners, pins. Where the kernel
//! makes none, the tests say that they were skipped; on the emulated board of `tests/pi/run devices` it makes them all.

mod commands;
mod gadget;
mod hidpos;
mod keyboards;
mod pins;
mod uhid;
mod uinput;

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread::yield_now;
use std::time::Duration;

use stockpoint::config::UsbMatch;
use stockpoint::device::discover::hidraws;
use stockpoint::device::discover::ports::Roots;
use tokio::time::Instant;

/// The maker that the devices name; each test's have products of their own.
const VENDOR: u16 = 0x1eab;

/// How long the kernel may take.
const BOUND: Duration = Duration::from_secs(20);

/// Every program sees every device, so one test at a time makes any.
static TURN: Mutex<()> = Mutex::new(());

/// The kernel as a maker of devices, for one test alone.
pub(crate) struct Kernel {
    /// By what it makes them.
    maker: &'static str,
    _turn: MutexGuard<'static, ()>,
}

impl Kernel {
    fn by(maker: &'static str) -> Self {
        Self { maker, _turn: TURN.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    /// `None`, with the reason printed, where it makes no device by this node.
    fn by_node(maker: &'static str) -> Option<Self> {
        let kernel = Self::by(maker);
        if let Err(error) = kernel.open() {
            println!("skipped: {maker}: {error}");
            return None;
        }
        Some(kernel)
    }

    /// The node, for one device.
    fn open(&self) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(self.maker)
    }
}

/// The node of the HID-POS scanner with this serial number, as soon as there is one.
fn node_of(serial: &str) -> PathBuf {
    let wanted = UsbMatch { serial: Some(serial.to_owned()), ..UsbMatch::default() };
    until(|| hidraws::resolve(&Roots::default(), &wanted).ok().filter(|node| node.exists()))
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + BOUND;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "it never came");
        yield_now();
    }
}
