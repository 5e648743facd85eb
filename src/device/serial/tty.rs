//! A serial port: opened for this program alone, in raw mode, without waiting.
//!
//! `serialport` opens the port a second time, keeps others out and sets the line. The reader is a descriptor of our
//! own: nothing can wait for the library's descriptor beside other events, and it does not report damaged bytes.
//!
//! A byte that the line damaged (parity, framing, a break) is read as `0xFF`, which is in no UTF-8 text, so that its
//! frame is refused whole. Otherwise a terminal would report it as NUL, which ends a frame and makes two shorter codes
//! of one, or would leave it out.
//!
//! Bytes that arrive between the opening and the settings are kept: they may be a scan. There are none from before the
//! opening, because the kernel frees a terminal's buffers when the last program closes it; bytes that a scanner itself
//! holds back while nobody reads come after the opening and are a scan like any other.

use std::io;
use std::ops::RangeInclusive;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::termios::ControlModes;
use rustix::termios::InputModes;
use rustix::termios::OptionalActions;
use rustix::termios::QueueSelector;
use serialport::ErrorKind;
use serialport::TTYPort;

use crate::config::DataBits;
use crate::config::FlowControl;
use crate::config::Parity;
use crate::config::StopBits;
use crate::device::PortFault;
use crate::device::fault::fault_while_open;
use crate::device::serial::port::SerialPort;

/// The major numbers of pseudo-terminals (`linux/Documentation/admin-guide/devices.txt`, Unix98 PTY slaves).
const PSEUDO_TERMINALS: RangeInclusive<u32> = 136..=143;

/// The byte that replaces a damaged one.
const DAMAGED: u8 = 0xff;

/// An open serial port. Reading and writing never wait.
#[derive(Debug)]
pub(in crate::device) struct Tty {
    fd: OwnedFd,
    /// The lock that reserves the port as long as it is open.
    _lock: TTYPort,
    flow_control: FlowControl,
}

impl Tty {
    /// Opens the terminal device at `path` for this program alone, with the settings of `port`.
    pub(in crate::device) fn open(path: &Path, port: &SerialPort) -> Result<Self, PortFault> {
        // A link is followed once, so that both descriptors are of one device.
        let path = std::fs::canonicalize(path).map_err(|error| fault(errno_of(&error)))?;
        // Opened before the library sets `TIOCEXCL`, which refuses every later opening by other users than root.
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::open(&path, flags, Mode::empty()).map_err(fault)?;
        if !rustix::termios::isatty(&fd) {
            return Err(PortFault::NotSerial);
        }
        let lock = set_line(&path, port)?;
        share_pseudo_terminal(&fd).map_err(fault)?;
        mark_damage(&fd, port.line.flow_control).map_err(fault)?;
        Ok(Self { fd, _lock: lock, flow_control: port.line.flow_control })
    }

    /// Reads the available bytes, up to the length of `buffer`. Returns zero if there are none and the port is still
    /// there.
    pub(in crate::device) fn read(&self, buffer: &mut [u8]) -> Result<usize, PortFault> {
        match rustix::io::read(&self.fd, buffer) {
            // An end of file can pass, as when another program changed the settings; where the device is gone,
            // asking for them fails with EIO (`tty_ioctl` of a hung-up terminal, linux/drivers/tty/tty_io.c).
            Ok(0) => rustix::termios::tcgetattr(&self.fd).map(|_settings| 0).map_err(fault_while_open),
            Ok(count) => Ok(count),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(errno) => Err(fault_while_open(errno)),
        }
    }

    /// Writes as many of `bytes` as the port accepts at once, and returns true if it accepted all.
    pub(in crate::device) fn write(&self, bytes: &[u8]) -> bool {
        rustix::io::write(&self.fd, bytes) == Ok(bytes.len())
    }
}

impl AsFd for Tty {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Tty {
    /// Drops bytes that were sent to a scanner which has stopped us and did not receive them: closing a port waits up
    /// to 30 s for them to go out (`closing_wait`, `linux/drivers/tty/tty_port.c`), and so would a caller that stops
    /// the thread.
    fn drop(&mut self) {
        if self.flow_control != FlowControl::None {
            // A port that is gone has nothing to drop.
            let _dropped = rustix::termios::tcflush(&self.fd, QueueSelector::OFlush);
        }
    }
}

/// Sets the line and keeps other programs out: two readers of one port would each get some of its bytes. `flock` keeps
/// out every program that asks for it, root's programs too, and `TIOCEXCL` every other user.
fn set_line(path: &Path, port: &SerialPort) -> Result<TTYPort, PortFault> {
    let path = path.to_str().ok_or(PortFault::NotSerial)?;
    let line = port.line;
    let builder = serialport::new(path, line.baud)
        .data_bits(data_bits(line.data_bits))
        .parity(parity(line.parity))
        .stop_bits(stop_bits(line.stop_bits))
        .flow_control(flow_control(line.flow_control));
    TTYPort::open(&builder).map_err(|error| match error.kind() {
        // This is how the library reports a port that is locked (`serialport` 4.10, `posix/flock.rs`).
        ErrorKind::NoDevice => PortFault::Taken,
        ErrorKind::InvalidInput => fault(Errno::INVAL),
        ErrorKind::Io(kind) => fault(errno_of(&kind.into())),
        ErrorKind::Unknown => PortFault::Vanished,
    })
}

/// Removes the mark of `TIOCEXCL` from a pseudo-terminal, which outlives its last user and would keep the mark after a
/// crash of this program; the lock stays.
fn share_pseudo_terminal(fd: &OwnedFd) -> Result<(), Errno> {
    let device = rustix::fs::fstat(fd)?.st_rdev;
    let is_pseudo = PSEUDO_TERMINALS.contains(&rustix::fs::major(device));
    if is_pseudo { rustix::termios::ioctl_tiocnxcl(fd) } else { Ok(()) }
}

/// Makes the kernel mark damaged bytes (`PARMRK`) rather than read them as NUL. `INPCK` makes it search for damage,
/// without parity too: a byte with a wrong stop bit is damaged. Only software flow control may remove bytes.
fn mark_damage(fd: &OwnedFd, flow_control: FlowControl) -> Result<(), Errno> {
    let mut settings = rustix::termios::tcgetattr(fd)?;
    // Settings outlive the program that made them: `IGNPAR` would drop damaged bytes, `IXANY` would let any byte
    // restart stopped output, and `CMSPAR` would turn even and odd parity into mark and space.
    settings.input_modes -= InputModes::IGNPAR | InputModes::IXANY;
    settings.input_modes |= InputModes::INPCK | InputModes::PARMRK;
    if flow_control != FlowControl::Software {
        settings.input_modes -= InputModes::IXON | InputModes::IXOFF;
    }
    settings.control_modes -= ControlModes::CMSPAR;
    rustix::termios::tcsetattr(fd, OptionalActions::Now, &settings)
}

const fn data_bits(bits: DataBits) -> serialport::DataBits {
    match bits {
        DataBits::Five => serialport::DataBits::Five,
        DataBits::Six => serialport::DataBits::Six,
        DataBits::Seven => serialport::DataBits::Seven,
        DataBits::Eight => serialport::DataBits::Eight,
    }
}

const fn parity(parity: Parity) -> serialport::Parity {
    match parity {
        Parity::None => serialport::Parity::None,
        Parity::Even => serialport::Parity::Even,
        Parity::Odd => serialport::Parity::Odd,
    }
}

const fn stop_bits(bits: StopBits) -> serialport::StopBits {
    match bits {
        StopBits::One => serialport::StopBits::One,
        StopBits::Two => serialport::StopBits::Two,
    }
}

const fn flow_control(control: FlowControl) -> serialport::FlowControl {
    match control {
        FlowControl::None => serialport::FlowControl::None,
        FlowControl::Software => serialport::FlowControl::Software,
        FlowControl::Hardware => serialport::FlowControl::Hardware,
    }
}

/// Returns the kernel's number for an error. The library keeps only the kind of its errors; each kind that matters here
/// has a number.
fn errno_of(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(match error.kind() {
        io::ErrorKind::NotFound => Errno::NOENT,
        io::ErrorKind::PermissionDenied => Errno::ACCESS,
        io::ErrorKind::WouldBlock => Errno::AGAIN,
        io::ErrorKind::ResourceBusy => Errno::BUSY,
        _ => Errno::IO,
    })
}

/// Returns the reason why a port could not be opened.
fn fault(errno: Errno) -> PortFault {
    match errno {
        Errno::NOENT | Errno::NODEV | Errno::NXIO => PortFault::Absent,
        Errno::ACCESS | Errno::PERM => PortFault::Denied,
        // `open` reports BUSY for another program's `TIOCEXCL`, `flock` reports AGAIN for another program's lock.
        Errno::BUSY | Errno::AGAIN => PortFault::Taken,
        Errno::NOTTY | Errno::ISDIR => PortFault::NotSerial,
        other => fault_while_open(other),
    }
}

/// A reader that undoes the marks of `PARMRK`: the kernel reports a damaged byte X as `FF 00 X`, and a good FF as
/// `FF FF` (`termios(3)`). Both become one `0xFF`.
#[derive(Debug, Default)]
pub(in crate::device) struct Unmarker {
    seen: MarkPart,
}

/// The part of a mark that was read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum MarkPart {
    #[default]
    Nothing,
    Escape,
    EscapeAndNul,
}

impl Unmarker {
    /// Returns the real byte, once `byte` completes it.
    pub(in crate::device) fn byte(&mut self, byte: u8) -> Option<u8> {
        let (seen, meant) = match (self.seen, byte) {
            (MarkPart::Nothing, DAMAGED) => (MarkPart::Escape, None),
            (MarkPart::Escape, 0) => (MarkPart::EscapeAndNul, None),
            (MarkPart::Nothing, byte) => (MarkPart::Nothing, Some(byte)),
            (MarkPart::Escape | MarkPart::EscapeAndNul, _) => (MarkPart::Nothing, Some(DAMAGED)),
        };
        self.seen = seen;
        meant
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmarked(bytes: &[u8]) -> Vec<u8> {
        let mut unmarker = Unmarker::default();
        bytes.iter().filter_map(|&byte| unmarker.byte(byte)).collect()
    }

    #[test]
    fn a_damaged_byte_is_neither_a_terminator_nor_left_out() {
        assert_eq!(unmarked(b"400\xff\x006381\r"), b"400\xff381\r");
        assert_eq!(unmarked(b"400\xff\x00\r381\r"), b"400\xff381\r");
    }

    #[test]
    fn a_break_spoils_its_frame() {
        assert_eq!(unmarked(b"40\xff\x00\x0063\r"), b"40\xff63\r");
    }

    #[test]
    fn an_undamaged_ff_stays_one_byte_and_a_nul_a_terminator() {
        assert_eq!(unmarked(b"4\xff\xff5\x006\xff\xff"), b"4\xff5\x006\xff");
    }
}
