//! The scanners: each is read by a named thread of its own, which hands frames and news of its port to the
//! agent over one bounded queue.
//!
//! Promises: a thread waits for its port, for the bell that wakes it, and for room in the queue, and for
//! nothing else; it sleeps while its scanner is silent; it sees a stop at once, whatever it waits for. A frame
//! reaches the queue once, in the order of the bytes, and a frame that was torn reaches it refused. Nothing a
//! scanner is sent ever delays what it sends.
//!
//! A serial scanner's bytes wait in the kernel while the agent is busy; a keyboard's node holds no more than one
//! code, and that of a HID-POS scanner 63 reports, so that their threads go on reading and keep the frames themselves,
//! up to a limit.
//!
//! It does not decide what a scan means, and keeps nothing: a frame counts as read when the agent has it on
//! disk. Where a port opens in the middle of a frame, the bytes before that moment are nowhere, and the rest
//! reads as a shorter frame.

pub mod capture;
pub mod evdev;
pub mod health;
pub mod hidpos;
pub mod hidraws;
pub mod inputs;
pub mod onlooker;
pub mod ports;
pub mod serial;
pub mod stdin;

mod backlog;
mod bell;
mod hidraw;
mod line;
mod node;
mod outage;
mod reader;
mod talk;
mod tty;
mod watch;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread;
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::device::bell::Bell;
use crate::domain::framing::Frame;
use crate::domain::ids::ScannerName;
use crate::domain::signal::Occasion;
use crate::domain::time::BootMillis;
use crate::domain::time::UnixMillis;

/// Most messages of all scanners that wait for the agent: a minute of one quick person's scans.
///
/// When it is full, the threads wait and leave the bytes where they are, which loses nothing: the kernel keeps
/// 4096 bytes for each terminal (`N_TTY_BUF_SIZE`, `linux/drivers/tty/n_tty.c`), some 290 EAN-13 scans, then has
/// the scanner stopped, by the USB host or by flow control where that is on, and keeps 64 KiB or more of what
/// is still sent (`TTYB_DEFAULT_MEM_LIMIT`, `linux/drivers/tty/tty_buffer.c`). Beyond that the kernel drops bytes
/// of a scanner that cannot be stopped; its person has then heard no answer for thousands of scans.
pub const SCAN_QUEUE_MAX: usize = 64;

/// Most signals that wait for one scanner's thread: more are older than the scan a person listens for.
pub const SIGNAL_QUEUE_MAX: usize = 8;

/// What went wrong with a scanner's thread.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No bell: the process is out of file descriptors. Nothing was started.
    #[error("make the bell that wakes the thread of scanner {scanner}")]
    Bell {
        /// Whose thread.
        scanner: ScannerName,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
    /// No thread. Nothing was started.
    #[error("start the thread of scanner {scanner}")]
    Thread {
        /// Whose thread.
        scanner: ScannerName,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
    /// The thread ended by a panic, which is a bug; its frames up to then are in the queue.
    #[error("stop scanner {scanner} in good order: its thread had panicked")]
    Panicked {
        /// Whose thread.
        scanner: ScannerName,
    },
    /// As many signals wait already as may, or the thread has ended. The signal is dropped.
    #[error("signal scanner {scanner}")]
    SignalDropped {
        /// Whose signal.
        scanner: ScannerName,
    },
}

/// What a scanner's thread says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromScanner {
    /// A frame was read, or refused.
    Frame {
        /// By which scanner.
        scanner: ScannerName,
        /// The frame.
        frame: Frame,
        /// When its last bytes were read.
        at: ReadAt,
    },
    /// The port is not what it was.
    State {
        /// Whose port.
        scanner: ScannerName,
        /// What it is now.
        state: PortState,
    },
}

/// When bytes were read, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadAt {
    /// Time since boot.
    pub boot: BootMillis,
    /// The wall clock, right or wrong.
    pub wall: UnixMillis,
}

/// What a scanner's port is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortState {
    /// Open: scans can come.
    Open {
        /// How often it was opened before, since the start of the thread.
        reconnects: u32,
    },
    /// Not to be had; tried again until it is. Said again when the reason changes.
    Gone {
        /// Why.
        why: PortFault,
    },
    /// The input came to its end. Nothing more comes.
    Ended,
}

/// Why a port cannot be had.
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
    /// No port is like the configured one.
    #[error("no port matches")]
    NoneMatches,
    /// More than one port is like the configured one.
    #[error("{count} ports match")]
    SeveralMatch {
        /// How many.
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
    /// What a person can do about it.
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

/// Where threads send to, and their clock.
#[derive(Debug, Clone)]
pub struct Outlet {
    /// The clock frames are dated by.
    pub clock: Arc<dyn Clock>,
    /// The queue to the agent, of [`SCAN_QUEUE_MAX`].
    pub queue: mpsc::Sender<FromScanner>,
}

/// A scanner's running thread. Dropping it asks the thread to stop and does not wait.
#[derive(Debug)]
pub struct Device {
    name: ScannerName,
    bell: Bell,
    join: Option<JoinHandle<()>>,
}

impl Device {
    /// Starts `run` on a thread named after the scanner.
    fn start(name: ScannerName, bell: Bell, run: impl FnOnce() + Send + 'static) -> Result<Self, Error> {
        let join = thread::Builder::new().name(format!("scan-{name}")).spawn(run);
        match join {
            Ok(join) => Ok(Self { name, bell, join: Some(join) }),
            Err(source) => Err(Error::Thread { scanner: name, source }),
        }
    }

    /// The scanner's name.
    pub fn name(&self) -> &ScannerName {
        &self.name
    }

    /// Whether the thread has ended by itself: its input ended, the queue was closed, or it panicked.
    pub fn is_finished(&self) -> bool {
        self.join.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops the thread and waits for it, some milliseconds. A frame begun by then is refused; one for which
    /// the queue has no room is dropped, unconfirmed. Nothing is sent after this.
    ///
    /// # Errors
    /// [`Error::Panicked`] if the thread had panicked.
    pub fn stop(mut self) -> Result<(), Error> {
        self.bell.stop();
        let ended = self.join.take().map_or(Ok(()), JoinHandle::join);
        ended.map_err(|_panic| Error::Panicked { scanner: self.name.clone() })
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.bell.stop();
    }
}

/// The way back to a scanner: its beeper and its lights.
#[derive(Debug, Clone)]
pub struct SignalSender {
    scanner: ScannerName,
    queue: SyncSender<(Occasion, Vec<u8>)>,
    bell: Bell,
}

impl SignalSender {
    /// Has `bytes` written to the scanner, at once if its port is open; never waits. A signal for a port that
    /// is gone, or for a scanner that takes no bytes, is dropped. Each frame is to have its verdict, with bytes or
    /// without: some scanners wait for it.
    ///
    /// # Errors
    /// [`Error::SignalDropped`] if [`SIGNAL_QUEUE_MAX`] signals wait already or the thread has ended.
    pub fn send(&self, occasion: Occasion, bytes: Vec<u8>) -> Result<(), Error> {
        let queued = self.queue.try_send((occasion, bytes));
        self.bell.ring();
        queued.map_err(|_full| Error::SignalDropped { scanner: self.scanner.clone() })
    }
}
