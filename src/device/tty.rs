//! A serial port: opened for this program alone, in raw mode, never waiting.
//!
//! A byte that the line damaged (parity, framing, a break) is read as `0xFF`, which is in no UTF-8 text, so
//! that its frame is refused whole. Terminals would else hand it over as NUL, which ends a frame and makes two
//! shorter codes of one, or leave it out.
//!
//! Bytes that arrive between the opening and the settings are kept: they may be a scan. Of the time before
//! there are none, for the kernel frees a terminal's buffers when the last program closes it; what a scanner
//! itself holds back while nobody listens comes after the opening and is a scan like any other.

use std::ops::RangeInclusive;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::FlockOperation;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::termios::ControlModes;
use rustix::termios::InputModes;
use rustix::termios::OptionalActions;
use rustix::termios::QueueSelector;

use crate::config::DataBits;
use crate::config::FlowControl;
use crate::config::Parity;
use crate::config::StopBits;
use crate::device::PortFault;
use crate::device::serial::SerialPort;

/// Major numbers of pseudo-terminals (`linux/Documentation/admin-guide/devices.txt`, Unix98 PTY slaves).
const PSEUDO_TERMINALS: RangeInclusive<u32> = 136..=143;

/// What stands for a damaged byte.
const DAMAGED: u8 = 0xff;

/// An open serial port. Reading and writing never wait.
#[derive(Debug)]
pub(super) struct Tty {
    fd: OwnedFd,
    flow_control: FlowControl,
}

impl Tty {
    /// Opens the terminal device at `path`, for this program alone, and sets it as `port` says.
    pub(super) fn open(path: &Path, port: &SerialPort) -> Result<Self, PortFault> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(fault)?;
        if !rustix::termios::isatty(&fd) {
            return Err(PortFault::NotSerial);
        }
        take_alone(&fd).map_err(fault)?;
        configure(&fd, port).map_err(fault)?;
        Ok(Self { fd, flow_control: port.line.flow_control })
    }

    /// Reads what is there, up to the length of `buffer`. Zero: nothing is, but the port is still there.
    pub(super) fn read(&self, buffer: &mut [u8]) -> Result<usize, PortFault> {
        match rustix::io::read(&self.fd, buffer) {
            // An end of file can pass, as when another program changed the settings; where the device is gone,
            // asking for them fails with EIO (`tty_ioctl` of a hung-up terminal, linux/drivers/tty/tty_io.c).
            Ok(0) => rustix::termios::tcgetattr(&self.fd).map(|_settings| 0).map_err(fault_while_open),
            Ok(count) => Ok(count),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(errno) => Err(fault_while_open(errno)),
        }
    }

    /// Writes as many of `bytes` as the port takes at once, and tells whether it took all.
    pub(super) fn write(&self, bytes: &[u8]) -> bool {
        rustix::io::write(&self.fd, bytes) == Ok(bytes.len())
    }
}

impl AsFd for Tty {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Tty {
    /// Drops what a scanner that has stopped us was sent and did not take: closing a port waits up to 30 s for
    /// that to go out (`closing_wait`, `linux/drivers/tty/tty_port.c`), and with it whoever stops the thread.
    fn drop(&mut self) {
        if self.flow_control != FlowControl::None {
            // A port that is gone has nothing to drop.
            let _dropped = rustix::termios::tcflush(&self.fd, QueueSelector::OFlush);
        }
    }
}

/// Two readers of one port would each get some of its bytes, so there is one: `flock` keeps out whoever asks
/// for it, root's programs too, and `TIOCEXCL` every other user who opens the port.
fn take_alone(fd: &OwnedFd) -> Result<(), Errno> {
    rustix::fs::flock(fd, FlockOperation::NonBlockingLockExclusive)?;
    let device = rustix::fs::fstat(fd)?.st_rdev;
    // A pseudo-terminal outlives its last user and would keep the mark after a crash of this program.
    if PSEUDO_TERMINALS.contains(&rustix::fs::major(device)) {
        return Ok(());
    }
    rustix::termios::ioctl_tiocexcl(fd)
}

fn configure(fd: &OwnedFd, port: &SerialPort) -> Result<(), Errno> {
    let mut settings = rustix::termios::tcgetattr(fd)?;
    settings.make_raw();
    settings.input_modes -= InputModes::IGNPAR | InputModes::IXOFF | InputModes::IXANY;
    // A damaged byte is marked (`PARMRK`) rather than read as NUL; `INPCK` has damage looked for, without
    // parity too: a byte with a wrong stop bit is damaged.
    settings.input_modes |= InputModes::INPCK | InputModes::PARMRK;
    settings.control_modes -= ControlModes::CSIZE
        | ControlModes::CSTOPB
        | ControlModes::PARENB
        | ControlModes::PARODD
        | ControlModes::CMSPAR
        | ControlModes::CRTSCTS;
    settings.control_modes |= ControlModes::CREAD | ControlModes::CLOCAL;
    settings.control_modes |=
        data_bits(port.line.data_bits) | parity(port.line.parity) | stop_bits(port.line.stop_bits);
    match port.line.flow_control {
        FlowControl::None => (),
        FlowControl::Software => settings.input_modes |= InputModes::IXON | InputModes::IXOFF,
        FlowControl::Hardware => settings.control_modes |= ControlModes::CRTSCTS,
    }
    settings.set_speed(port.line.baud)?;
    rustix::termios::tcsetattr(fd, OptionalActions::Now, &settings)
}

const fn data_bits(bits: DataBits) -> ControlModes {
    match bits {
        DataBits::Five => ControlModes::CS5,
        DataBits::Six => ControlModes::CS6,
        DataBits::Seven => ControlModes::CS7,
        DataBits::Eight => ControlModes::CS8,
    }
}

const fn parity(parity: Parity) -> ControlModes {
    match parity {
        Parity::None => ControlModes::empty(),
        Parity::Even => ControlModes::PARENB,
        Parity::Odd => ControlModes::PARENB.union(ControlModes::PARODD),
    }
}

const fn stop_bits(bits: StopBits) -> ControlModes {
    match bits {
        StopBits::One => ControlModes::empty(),
        StopBits::Two => ControlModes::CSTOPB,
    }
}

/// Why a port could not be opened.
fn fault(errno: Errno) -> PortFault {
    match errno {
        Errno::NOENT | Errno::NODEV | Errno::NXIO => PortFault::Absent,
        Errno::ACCESS | Errno::PERM => PortFault::Denied,
        // `open` says BUSY of another's `TIOCEXCL`, `flock` says AGAIN of another's lock.
        Errno::BUSY | Errno::AGAIN => PortFault::Taken,
        Errno::NOTTY | Errno::ISDIR => PortFault::NotSerial,
        other => fault_while_open(other),
    }
}

/// Why a port that was open is no more.
pub(super) fn fault_while_open(errno: Errno) -> PortFault {
    match errno {
        Errno::IO | Errno::NODEV | Errno::NXIO => PortFault::Vanished,
        other => PortFault::Failed { errno: other.raw_os_error() },
    }
}

/// Undoes the marks of `PARMRK`: the kernel hands over a damaged byte X as `FF 00 X`, and a good FF as `FF FF`
/// (`termios(3)`). Both become one `0xFF`.
#[derive(Debug, Default)]
pub(super) struct Unmarker {
    seen: Seen,
}

/// How much of a mark was read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Seen {
    #[default]
    Nothing,
    Escape,
    EscapeAndNul,
}

impl Unmarker {
    /// The byte meant, once `byte` completes it.
    pub(super) fn byte(&mut self, byte: u8) -> Option<u8> {
        let (seen, meant) = match (self.seen, byte) {
            (Seen::Nothing, DAMAGED) => (Seen::Escape, None),
            (Seen::Escape, 0) => (Seen::EscapeAndNul, None),
            (Seen::Nothing, byte) => (Seen::Nothing, Some(byte)),
            (Seen::Escape | Seen::EscapeAndNul, _) => (Seen::Nothing, Some(DAMAGED)),
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
