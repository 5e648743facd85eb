//! The node of an input device (`/dev/input/event7`): opened for this program alone, and set to report keys only.
//!
//! - Grabbed (`EVIOCGRAB`): what is scanned reaches no console and no desktop.
//! - Masked (`EVIOCSMASK`): of a keyboard's three events for each change of a key (scan code, key, report) the kernel
//!   keeps two. Its ring has room for 64 (`evdev_compute_buffer_size`, `linux/drivers/input/evdev.c`): an EAN-13 with
//!   Enter is 84 events without the mask and 56 with it.
//! - Stamped by the clock that counts since boot (`EVIOCSCLOCKID`): by the wall clock, a correction of the time would
//!   look like a gap within a code.
//! - With Caps Lock's light off: a scanner that sees it lit swaps upper and lower case.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::UNIX_EPOCH;

use evdev::EventType;
use evdev::KeyCode;
use evdev::LedCode;
use evdev::raw_stream::RawDevice;
use input_linux::EvdevHandle;
use input_linux::EventKind;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::device::PortFault;
use crate::device::discover::inputs::NEEDED_KEYS;
use crate::device::fault::fault_while_open;
use crate::domain::decode::keymap::EV_KEY;
use crate::domain::decode::keymap::InputEvent;

/// `CLOCK_BOOTTIME` (`linux/time.h`).
const CLOCK_BOOT: i32 = 7;
/// The kinds of events that are kept: `EV_KEY`. Those of `EV_SYN` always are.
const KINDS_KEPT: u64 = 1 << EV_KEY;
/// The most readings in a row: one of `evdev` takes 32 events, and a keyboard's ring holds 64.
const READS_MAX: usize = 2;

/// An open input device. Reading never waits.
///
/// The device is read raw: a synchronised stream hides that the kernel dropped events (`SYN_DROPPED`), and so hides
/// that a code is incomplete.
pub(in crate::device) struct Node {
    device: RawDevice,
    /// True if the kernel keeps keys alone; kernels before 4.4 cannot.
    pub(in crate::device) is_masked: bool,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("name", &self.device.name()).field("is_masked", &self.is_masked).finish()
    }
}

impl Node {
    /// Opens the keyboard at `path` for this program alone.
    pub(in crate::device) fn open(path: &Path) -> Result<Self, PortFault> {
        let mut node = Self::of_keyboard(path, OFlags::RDWR)?;
        node.device.grab().map_err(|error| io_fault(&error))?;
        node.put_out_caps_lock();
        Ok(node)
    }

    /// Opens the keyboard at `path` only to watch it: keystrokes still arrive as usual.
    pub(in crate::device) fn watch(path: &Path) -> Result<Self, PortFault> {
        Self::of_keyboard(path, OFlags::RDONLY)
    }

    fn of_keyboard(path: &Path, access: OFlags) -> Result<Self, PortFault> {
        let flags = access | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(fault)?;
        // A file or another device refuses the first request.
        let device = RawDevice::from_fd(fd).map_err(|error| match io_fault(&error) {
            PortFault::Absent => PortFault::Absent,
            _not_evdev => PortFault::NotKeyboard,
        })?;
        let keys = device.supported_keys();
        if !keys.is_some_and(|keys| NEEDED_KEYS.iter().all(|key| keys.contains(KeyCode(*key)))) {
            return Err(PortFault::NotKeyboard);
        }
        // On the same descriptor: `evdev` has no safe call for the clock and the mask.
        let more = EvdevHandle::new(device.as_fd());
        more.set_clock_id(CLOCK_BOOT).map_err(|error| io_fault(&error))?;
        // The kernel takes whole words only, of eight bytes at most (`bits_from_user`, linux/drivers/input/evdev.c).
        // The mask of `EV_SYN` selects whole kinds of events (`__evdev_is_filtered`, linux/drivers/input/evdev.c).
        let is_masked = more.set_event_mask_raw(EventKind::Synchronize, &KINDS_KEPT.to_ne_bytes()).is_ok();
        Ok(Self { device, is_masked })
    }

    /// Reads the available events into `events`, in place of its content. If it stays empty, there are no events, but
    /// the device is still there.
    pub(in crate::device) fn read(&mut self, events: &mut Vec<InputEvent>) -> Result<(), PortFault> {
        events.clear();
        for _ in 0..READS_MAX {
            match self.device.fetch_events() {
                Ok(read) => events.extend(read.map(event)),
                Err(error) => match Errno::from_io_error(&error) {
                    Some(Errno::AGAIN | Errno::INTR) => return Ok(()),
                    // The events that were read before it vanished are a code or its beginning; the next reading
                    // reports the loss.
                    _gone if !events.is_empty() => return Ok(()),
                    errno => return Err(fault_while_open(errno.unwrap_or(Errno::IO))),
                },
            }
        }
        Ok(())
    }

    fn put_out_caps_lock(&mut self) {
        if self.device.get_led_state().is_ok_and(|lit| lit.contains(LedCode::LED_CAPSL)) {
            let put_out = evdev::InputEvent::new(EventType::LED.0, LedCode::LED_CAPSL.0, 0);
            let report = evdev::InputEvent::new(EventType::SYNCHRONIZATION.0, 0, 0);
            // A keyboard whose light cannot be switched off still types.
            let _written = self.device.send_events(&[put_out, report]);
        }
    }
}

impl AsFd for Node {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

/// Returns one event. Its time counts since boot.
fn event(read: evdev::InputEvent) -> InputEvent {
    let since = read.timestamp().duration_since(UNIX_EPOCH).unwrap_or_default();
    InputEvent {
        at_us: i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        kind: read.event_type().0,
        code: read.code(),
        value: read.value(),
    }
}

/// Returns the reason why a node could not be opened.
fn fault(errno: Errno) -> PortFault {
    match errno {
        Errno::NOENT | Errno::NODEV | Errno::NXIO => PortFault::Absent,
        Errno::ACCESS | Errno::PERM => PortFault::Denied,
        // This is how the kernel reports a device that another program has grabbed (`evdev_grab`,
        // linux/drivers/input/evdev.c).
        Errno::BUSY => PortFault::Taken,
        Errno::NOTTY | Errno::ISDIR | Errno::INVAL => PortFault::NotKeyboard,
        other => fault_while_open(other),
    }
}

fn io_fault(error: &io::Error) -> PortFault {
    fault(Errno::from_io_error(error).unwrap_or(Errno::IO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_input_device_is_said_to_be_none() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (path, why) in [
            (file.path(), PortFault::NotKeyboard),
            (Path::new("/dev/null"), PortFault::NotKeyboard),
            (Path::new("/tmp"), PortFault::NotKeyboard),
            (Path::new("/nonexistent/event0"), PortFault::Absent),
        ] {
            assert_eq!(Node::open(path).err(), Some(why), "{}", path.display());
        }
    }
}
