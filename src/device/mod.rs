//! The scanners: each is read by a named thread of its own, which sends frames and news of its port to the agent over
//! one bounded queue.
//!
//! Promises: a thread waits for its port, for the bell that wakes it, and for room in the queue, and for nothing else;
//! it sleeps while its scanner is silent; it notices a stop at once, whatever it waits for. A frame reaches the queue
//! once, in the order of the bytes, and an incomplete frame reaches it as a refused one. Bytes that are sent to a
//! scanner never delay the bytes that it sends.
//!
//! A serial scanner's bytes wait in the kernel while the agent is busy. A keyboard's node holds no more than one code,
//! and the node of a HID-POS scanner holds 63 reports, so that their threads continue to read and keep the frames
//! themselves, up to a limit.
//!
//! It does not decide what a scan means and stores nothing: a frame counts as read when the agent has it on disk. If a
//! port opens in the middle of a frame, the bytes before that moment are lost, and the rest reads as a shorter frame.

pub mod capture;
pub mod discover;
pub mod evdev;
pub mod hand_over;
pub mod health;
pub mod hidpos;
pub mod serial;
pub mod stdin;

mod backlog;
mod bell;
mod fault;
mod line;
mod outage;
mod reader;
mod watch;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread;
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::device::bell::Bell;
pub use crate::device::fault::PortFault;
use crate::domain::decode::framing::Frame;
use crate::domain::ids::ScannerName;
use crate::domain::signal::Occasion;
use crate::domain::time::BootMillis;
use crate::domain::time::UnixMillis;

/// The most messages of all scanners that wait for the agent: a minute of one quick person's scans.
///
/// The threads wait while it is full and leave the bytes where they are, which loses nothing: the kernel keeps 4096
/// bytes for each terminal (`N_TTY_BUF_SIZE`, `linux/drivers/tty/n_tty.c`), some 290 EAN-13 scans, then has the scanner
/// stopped, by the USB host or by flow control where that is on, and keeps 64 KiB or more of what is still sent
/// (`TTYB_DEFAULT_MEM_LIMIT`, `linux/drivers/tty/tty_buffer.c`). Beyond that the kernel drops bytes of a scanner that
/// cannot be stopped; by then its user has had no answer to thousands of scans.
pub const SCAN_QUEUE_MAX: usize = 64;

/// The most signals that wait for one scanner's thread: with more, the last would come too late for the scan it
/// answers.
pub const SIGNAL_QUEUE_MAX: usize = 8;

/// A failure of a scanner's thread.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bell could not be made: the process is out of file descriptors. Nothing was started.
    #[error("cannot make the bell that wakes the thread of scanner {scanner}")]
    Bell {
        /// The scanner of the thread.
        scanner: ScannerName,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
    /// The thread could not be started. Nothing was started.
    #[error("cannot start the thread of scanner {scanner}")]
    Thread {
        /// The scanner of the thread.
        scanner: ScannerName,
        /// The kernel's reason.
        #[source]
        source: io::Error,
    },
    /// The thread ended by a panic, which is a bug; its frames up to then are in the queue.
    #[error("the thread of scanner {scanner} has panicked")]
    Panicked {
        /// The scanner of the thread.
        scanner: ScannerName,
    },
    /// The limit of waiting signals is reached, or the thread has ended. The signal is dropped.
    #[error("scanner {scanner} takes no more signals")]
    SignalDropped {
        /// The scanner of the signal.
        scanner: ScannerName,
    },
}

/// A message of a scanner's thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromScanner {
    /// A frame was read, or refused.
    Frame {
        /// The scanner.
        scanner: ScannerName,
        /// The frame.
        frame: Frame,
        /// The time at which its last bytes were read.
        at: ReadAt,
    },
    /// The state of the port has changed.
    State {
        /// The scanner of the port.
        scanner: ScannerName,
        /// The new state.
        state: PortState,
    },
}

/// The time at which bytes were read, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadAt {
    /// Time since boot.
    pub boot: BootMillis,
    /// The wall clock, right or wrong.
    pub wall: UnixMillis,
}

/// The state of a scanner's port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortState {
    /// Open: scans can come.
    Open {
        /// The number of times that it was opened before, since the start of the thread.
        reconnects: u32,
    },
    /// Unavailable; the thread retries until it opens. Reported again when the reason changes.
    Gone {
        /// The reason.
        why: PortFault,
    },
    /// The input ended. No more frames come.
    Ended,
}

/// The queue that threads send to, and their clock.
#[derive(Debug, Clone)]
pub struct FrameSender {
    /// The clock that dates the frames.
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
    /// Starts a thread with the scanner's name that calls `run`.
    fn start(name: ScannerName, bell: Bell, run: impl FnOnce() + Send + 'static) -> Result<Self, Error> {
        // The kernel shows only the first 15 bytes of the name (`PR_SET_NAME`, `prctl(2)`).
        let join = thread::Builder::new().name(format!("scan-{name}")).spawn(run);
        match join {
            Ok(join) => Ok(Self { name, bell, join: Some(join) }),
            Err(source) => Err(Error::Thread { scanner: name, source }),
        }
    }

    /// Returns the scanner's name.
    pub fn name(&self) -> &ScannerName {
        &self.name
    }

    /// Returns true if the thread has ended by itself: its input ended, the queue was closed, or it panicked.
    pub fn is_finished(&self) -> bool {
        self.join.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops the thread and waits for it, some milliseconds. A frame begun by then is refused; one for which the queue
    /// has no room is dropped, unconfirmed. Nothing is sent after this.
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

/// The way back to a scanner: to its beeper and its lights.
#[derive(Debug, Clone)]
pub struct SignalSender {
    scanner: ScannerName,
    queue: SyncSender<(Occasion, Vec<u8>)>,
    bell: Bell,
}

impl SignalSender {
    /// Makes the thread write `bytes` to the scanner, at once if its port is open; never waits. A signal for a port
    /// that is gone, or for a scanner that accepts no bytes, is dropped. Call it for the verdict of each frame, with
    /// bytes or without: some scanners wait for it.
    ///
    /// # Errors
    /// [`Error::SignalDropped`] if [`SIGNAL_QUEUE_MAX`] signals wait already or the thread has ended.
    pub fn send(&self, occasion: Occasion, bytes: Vec<u8>) -> Result<(), Error> {
        let queued = self.queue.try_send((occasion, bytes));
        self.bell.ring();
        queued.map_err(|_full| Error::SignalDropped { scanner: self.scanner.clone() })
    }
}
