//! The raw data of a scanner, for calibration: keys before any layout, bytes before any frame.

use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::Line;
use crate::config::Place;
use crate::config::Protocol;
use crate::device::PortFault;
use crate::device::bell::Bell;
use crate::device::bell::Woken;
use crate::device::evdev::node::Node;
use crate::device::fault::fault_while_open;
use crate::device::serial::SerialPort;
use crate::device::serial::tty::Tty;
use crate::device::serial::tty::Unmarker;
use crate::domain::calibrate::Byte;
use crate::domain::calibrate::Capture;
use crate::domain::decode::framing::Framing;
use crate::domain::ids::ScannerName;

/// The most events or bytes that are kept: some hundred codes, more than anybody scans in the available time.
pub const CAPTURE_MAX: usize = 20_000;

/// The most bytes of one read.
const READ_BYTES_MAX: usize = 1024;

/// A scanner whose raw data is captured, closed to other programs meanwhile.
#[derive(Debug)]
pub struct Captor {
    open: Open,
    bell: Bell,
    capture: Capture,
}

#[derive(Debug)]
enum Open {
    Keys(Node),
    Bytes(Tty, Unmarker),
}

impl Captor {
    /// Opens the input device at `path` for this program alone.
    ///
    /// # Errors
    /// The device cannot be read; the fault is the reason.
    pub fn of_keys(path: &Path) -> Result<Self, PortFault> {
        Self::new(Open::Keys(Node::open(path)?), Capture::Keys(Vec::new()))
    }

    /// Opens the serial port at `path` for this program alone.
    ///
    /// # Errors
    /// The port cannot be read; the fault is the reason.
    pub fn of_bytes(path: &Path, line: Line) -> Result<Self, PortFault> {
        let (name, at) = (ScannerName::new("calibrate"), Place::Path(path.to_owned()));
        // The capture reads raw bytes: the protocol and the framing only complete the structure.
        let tty = Tty::open(
            path,
            &SerialPort { name, at, line, protocol: Protocol::None, framing: Framing::usual(Duration::ZERO) },
        )?;
        Self::new(Open::Bytes(tty, Unmarker::default()), Capture::Bytes(Vec::new()))
    }

    fn new(open: Open, capture: Capture) -> Result<Self, PortFault> {
        let no_bell =
            |error: std::io::Error| PortFault::Failed { errno: error.raw_os_error().unwrap_or_default() };
        Ok(Self { open, bell: Bell::new().map_err(no_bell)?, capture })
    }

    /// Returns all data that it has sent, at most [`CAPTURE_MAX`] events or bytes; later data is not kept.
    pub fn capture(&self) -> &Capture {
        &self.capture
    }

    /// Waits for more data, for `patience` at most, and returns true if any came.
    ///
    /// # Errors
    /// [`PortFault::Vanished`] when it is unplugged.
    pub fn wait(&mut self, patience: Duration, clock: &dyn Clock) -> Result<bool, PortFault> {
        let fd = match &self.open {
            Open::Keys(node) => node.as_fd(),
            Open::Bytes(tty, _) => tty.as_fd(),
        };
        match self.bell.wait(fd, Some(patience)).map_err(fault_while_open)? {
            Woken::Otherwise => Ok(false),
            Woken::Input => self.read(clock),
        }
    }

    fn read(&mut self, clock: &dyn Clock) -> Result<bool, PortFault> {
        match (&mut self.open, &mut self.capture) {
            (Open::Keys(node), Capture::Keys(kept)) => {
                let mut events = Vec::new();
                node.read(&mut events)?;
                let has_come = !events.is_empty();
                kept.extend(events);
                kept.truncate(CAPTURE_MAX);
                Ok(has_come)
            }
            (Open::Bytes(tty, unmarker), Capture::Bytes(kept)) => {
                let mut buffer = [0; READ_BYTES_MAX];
                let count = tty.read(&mut buffer)?;
                // The clock counts milliseconds; captures are in microseconds, as the kernel stamps keys.
                let at_us = clock.boot().0.saturating_mul(1000);
                let read = buffer.iter().take(count).filter_map(|&byte| unmarker.byte(byte));
                kept.extend(read.map(|byte| Byte { at_us, byte }));
                kept.truncate(CAPTURE_MAX);
                Ok(count > 0)
            }
            // The two are always made as a matching pair.
            (Open::Keys(_), Capture::Bytes(_)) | (Open::Bytes(..), Capture::Keys(_)) => Ok(false),
        }
    }
}
