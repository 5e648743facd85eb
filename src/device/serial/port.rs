//! A serial port and its settings.

use crate::config::Line;
use crate::config::Place;
use crate::config::Protocol;
use crate::domain::decode::framing::Framing;
use crate::domain::ids::ScannerName;

/// A serial port and its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SerialPort {
    /// The scanner's name.
    pub name: ScannerName,
    /// The port.
    pub at: Place,
    /// The settings of the line. A pseudo-terminal and most USB scanners accept any speed and ignore it.
    pub line: Line,
    /// The protocol of the scanner.
    pub protocol: Protocol,
    /// The rules by which its frames are separated.
    pub framing: Framing,
}
