//! The reasons why a scanner's port is unavailable, and what a person can do about each.

use std::io;

use rustix::io::Errno;

/// The reason why a port is unavailable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PortFault {
    /// Nothing is at the path.
    #[error("there is no such port")]
    Absent,
    /// It was open and vanished.
    #[error("the port vanished")]
    Vanished,
    /// The user the agent runs as may not open it.
    #[error("the port may not be opened by this user")]
    Denied,
    /// Another program has it.
    #[error("another program has the port")]
    Taken,
    /// Something is at the path, but no terminal device.
    #[error("this is not a serial port")]
    NotSerial,
    /// Something is at the path, but no keyboard.
    #[error("this is not a keyboard")]
    NotKeyboard,
    /// Something is at the path, but no device with a bar code scanner's reports.
    #[error("this is not a HID-POS scanner")]
    NotHidPos,
    /// No port matches the configured properties.
    #[error("no port matches")]
    NoneMatches,
    /// More than one port matches the configured properties.
    #[error("{count} ports match")]
    SeveralMatch {
        /// The number of ports that match.
        count: usize,
    },
    /// Any other refusal of the kernel.
    #[error("{}", io::Error::from_raw_os_error(*.errno))]
    Failed {
        /// Its number (`errno(3)`).
        errno: i32,
    },
}

impl PortFault {
    /// Returns the action that a person can take.
    pub const fn cure(self) -> &'static str {
        match self {
            Self::Absent | Self::Vanished => {
                "plug the scanner in; if it is, `stockpoint devices` shows under which path"
            }
            Self::Denied => {
                "add the agent's user to the group that owns the device: often dialout for a serial port, input for a keyboard; a HID-POS scanner has one from the rule 99-stockpoint.rules alone: install it, or add the scanner's vendor id to it"
            }
            Self::Taken => {
                "stop the other program; ModemManager and brltty take serial ports by themselves, other barcode programs and key mappers keyboards"
            }
            Self::NotSerial => "correct `path`; `stockpoint devices` shows the serial ports",
            Self::NotKeyboard => "correct `path`; `stockpoint devices` shows the keyboards",
            Self::NotHidPos => {
                "correct `path`, or set the scanner to USB HID-POS by the code in its manual; `stockpoint devices` shows those there are"
            }
            Self::NoneMatches => {
                "plug the scanner in, or correct `match`; `stockpoint devices` shows what is there"
            }
            Self::SeveralMatch { .. } => "add `port` to `match`; `stockpoint devices` shows it for each",
            Self::Failed { .. } => "plug the scanner into another socket, and see the kernel's log",
        }
    }
}

/// Returns the reason why a port that was open is gone.
pub(super) fn fault_while_open(errno: Errno) -> PortFault {
    match errno {
        // An unplugged terminal and an unplugged HID device answer EIO, an unplugged input device ENODEV.
        Errno::IO | Errno::NODEV | Errno::NXIO => PortFault::Vanished,
        other => PortFault::Failed { errno: other.raw_os_error() },
    }
}
