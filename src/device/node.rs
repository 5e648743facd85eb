//! The node of an input device (`/dev/input/event7`): taken for this program alone, told to give keys only.
//!
//! - Grabbed (`EVIOCGRAB`): what is scanned reaches no console and no desktop.
//! - Masked (`EVIOCSMASK`): of a keyboard's three events for each change of a key (scan code, key, report) the kernel
//!   keeps two. Its ring has room for 64 (`evdev_compute_buffer_size`, `linux/drivers/input/evdev.c`): an EAN-13 with
//!   Enter is 84 events without the mask and 56 with it.
//! - Stamped by the clock that counts since boot (`EVIOCSCLOCKID`): by the wall clock a correction of the time would be
//!   a gap within a code.
//! - With Caps Lock's light off: a scanner that sees it lit turns its letters round.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::path::Path;

use input_linux::EvdevHandle;
use input_linux::EventKind;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::device::PortFault;
use crate::device::tty::fault_while_open;
use crate::domain::keymap::EV_KEY;
use crate::domain::keymap::InputEvent;

/// `CLOCK_BOOTTIME` (`linux/time.h`).
const CLOCK_BOOT: i32 = 7;
/// The kinds of events that are kept: `EV_KEY`. Those of `EV_SYN` always are.
const KINDS_KEPT: u64 = 1 << EV_KEY;
/// `EV_LED` and `LED_CAPSL` (`linux/input-event-codes.h`).
const EV_LED: u16 = 0x11;
const LED_CAPS_LOCK: u16 = 1;
/// Bytes of a bit for each key: `KEY_CNT` is 0x300.
const KEY_BITS_BYTES: usize = 96;
/// What a keyboard that types codes has: `KEY_1` to `KEY_0` and `KEY_ENTER`.
const NEEDED_KEYS: [u16; 11] = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 28];
/// Events of one read: as many as a keyboard's ring holds.
const EVENTS_MAX: usize = 64;
/// Bytes of the two halves of an event's time, each a `__kernel_ulong_t` (`struct input_event`, `linux/input.h`).
const WORD: usize = size_of::<usize>();
/// Bytes of an event: its time, kind, code and value.
const EVENT_BYTES: usize = 2 * WORD + 8;
const MICROS_A_SECOND: i64 = 1_000_000;

/// An open input device. Reading never waits.
pub(super) struct Node {
    handle: EvdevHandle<OwnedFd>,
    /// Whether the kernel keeps keys alone; kernels before 4.4 cannot.
    pub(super) is_masked: bool,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("fd", self.handle.as_inner())
            .field("is_masked", &self.is_masked)
            .finish()
    }
}

impl Node {
    /// Opens the keyboard at `path` and takes it for this program alone.
    pub(super) fn open(path: &Path) -> Result<Self, PortFault> {
        let node = Self::of_keyboard(path, OFlags::RDWR)?;
        node.handle.grab(true).map_err(|error| io_fault(&error))?;
        node.put_out_caps_lock();
        Ok(node)
    }

    /// Opens the keyboard at `path` only to look on: what is typed goes where it always went, too.
    pub(super) fn look_on(path: &Path) -> Result<Self, PortFault> {
        Self::of_keyboard(path, OFlags::RDONLY)
    }

    fn of_keyboard(path: &Path, access: OFlags) -> Result<Self, PortFault> {
        let flags = access | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(fault)?;
        let handle = EvdevHandle::new(fd);
        // Its own fault, before any other: a file or another device refuses this question.
        handle.driver_version().map_err(|_not_evdev| PortFault::NotKeyboard)?;
        let mut keys = [0; KEY_BITS_BYTES];
        handle.event_bits_raw(EventKind::Key, &mut keys).map_err(|error| io_fault(&error))?;
        if !is_keyboard(&keys) {
            return Err(PortFault::NotKeyboard);
        }
        handle.set_clock_id(CLOCK_BOOT).map_err(|error| io_fault(&error))?;
        // The kernel takes whole words only, of eight bytes at most (`bits_from_user`, linux/drivers/input/evdev.c).
        let is_masked = handle.set_event_mask_raw(EventKind::Synchronize, &KINDS_KEPT.to_ne_bytes()).is_ok();
        Ok(Self { handle, is_masked })
    }

    /// Reads what is there into `events`, in place of what was in it. None: nothing is, but the device still is.
    pub(super) fn read(&self, events: &mut Vec<InputEvent>) -> Result<(), PortFault> {
        events.clear();
        let mut buffer = [0; EVENTS_MAX * EVENT_BYTES];
        match rustix::io::read(self.handle.as_inner(), &mut buffer) {
            Ok(count) => {
                let read = buffer.get(..count).unwrap_or_default();
                events.extend(read.chunks_exact(EVENT_BYTES).filter_map(event));
                Ok(())
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(errno) => Err(fault_while_open(errno)),
        }
    }

    fn put_out_caps_lock(&self) {
        let mut lit = [0_u8; 8];
        let told = self.handle.led_state(&mut lit);
        if told.is_ok() && has_bit(&lit, LED_CAPS_LOCK) {
            // A keyboard whose light cannot be put out types all the same.
            let _written = rustix::io::write(
                self.handle.as_inner(),
                &[bytes(EV_LED, LED_CAPS_LOCK), bytes(0, 0)].concat(),
            );
        }
    }
}

impl AsFd for Node {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_inner().as_fd()
    }
}

/// Whether a device with these keys, one bit each, can type a code.
pub(super) fn is_keyboard(keys: &[u8]) -> bool {
    NEEDED_KEYS.iter().all(|key| has_bit(keys, *key))
}

/// Whether the bit `number` is set; eight are in a byte, lowest first.
pub(super) fn has_bit(bits: &[u8], number: u16) -> bool {
    let byte = bits.get(usize::from(number.div_euclid(8)));
    byte.is_some_and(|byte| byte & (1 << number.rem_euclid(8)) != 0)
}

/// One event, as the kernel writes it.
fn event(bytes: &[u8]) -> Option<InputEvent> {
    let (seconds, rest) = bytes.split_at_checked(WORD)?;
    let (micros, rest) = rest.split_at_checked(WORD)?;
    let (&[kind_low, kind_high, code_low, code_high], value) = rest.split_first_chunk()?;
    Some(InputEvent {
        at_us: word(seconds)?.saturating_mul(MICROS_A_SECOND).saturating_add(word(micros)?),
        kind: u16::from_ne_bytes([kind_low, kind_high]),
        code: u16::from_ne_bytes([code_low, code_high]),
        value: i32::from_ne_bytes(value.try_into().ok()?),
    })
}

fn word(bytes: &[u8]) -> Option<i64> {
    i64::try_from(usize::from_ne_bytes(bytes.try_into().ok()?)).ok()
}

/// An event to write: value 0, and no time, which the kernel sets.
fn bytes(kind: u16, code: u16) -> Vec<u8> {
    let mut bytes = vec![0; 2 * WORD];
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(code.to_ne_bytes());
    bytes.extend(0_i32.to_ne_bytes());
    bytes
}

/// Why a node could not be opened.
fn fault(errno: Errno) -> PortFault {
    match errno {
        Errno::NOENT | Errno::NODEV | Errno::NXIO => PortFault::Absent,
        Errno::ACCESS | Errno::PERM => PortFault::Denied,
        // So the kernel calls a device that another program has grabbed (`evdev_grab`, linux/drivers/input/evdev.c).
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
    fn an_event_is_read_as_the_kernel_writes_it() {
        let mut bytes = Vec::new();
        bytes.extend(12_usize.to_ne_bytes());
        bytes.extend(345_678_usize.to_ne_bytes());
        bytes.extend([1_u16, 30].map(u16::to_ne_bytes).concat());
        bytes.extend((-1_i32).to_ne_bytes());
        assert_eq!(bytes.len(), EVENT_BYTES);
        assert_eq!(event(&bytes), Some(InputEvent { at_us: 12_345_678, kind: 1, code: 30, value: -1 }));
        assert_eq!(event(&bytes[1..]), None);
    }

    #[test]
    fn a_keyboard_has_the_digits_and_enter() {
        let mut keys = [0_u8; KEY_BITS_BYTES];
        for key in NEEDED_KEYS {
            assert!(!is_keyboard(&keys));
            keys[usize::from(key / 8)] |= 1 << (key % 8);
        }
        assert!(is_keyboard(&keys));
        // A power button.
        assert!(!is_keyboard(&[0, 0, 0x10]));
    }

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
