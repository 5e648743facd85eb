//! Standard input as a scanner: one barcode a line.
//!
//! The thread waits for the input with `poll` and never in a read, so that it notices a stop even if a person at a
//! terminal never types another line. The settings of the input stay unchanged: a non-blocking input would be
//! non-blocking for every program that shares the terminal.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::io::Errno;
use tracing::info;
use tracing::warn;

use crate::device::Device;
use crate::device::Error;
use crate::device::FrameSender;
use crate::device::PortState;
use crate::device::bell::Bell;
use crate::device::bell::Woken;
use crate::device::fault::fault_while_open;
use crate::device::line::Line;
use crate::device::line::Stopped;
use crate::domain::decode::framing::Cut;
use crate::domain::decode::framing::Framing;
use crate::domain::ids::ScannerName;

/// The most bytes of one read.
const READ_BYTES_MAX: usize = 1024;

/// The pause after an input that reported itself readable and had nothing to read: without it such an input would keep
/// a processor busy.
const NOTHING_REST: Duration = Duration::from_millis(10);

/// Starts the thread that reads `input`, `std::io::stdin()` as a rule. Nothing else may read it: bytes that another
/// reader has buffered are missing here. A frame unfinished for a gap is refused; at the end of the input the last one
/// needs no terminator.
///
/// # Errors
/// [`Error::Bell`] or [`Error::Thread`] if the process is out of file descriptors or threads.
pub fn start<I>(
    name: ScannerName,
    framing: Framing,
    input: I,
    frame_sender: FrameSender,
) -> Result<Device, Error>
where
    I: AsFd + Send + 'static,
{
    let bell = Bell::new().map_err(|source| Error::Bell { scanner: name.clone(), source })?;
    let mut line = Line::new(name.clone(), framing, frame_sender, bell.clone());
    Device::start(name, bell.clone(), move || {
        if serve(&input, &bell, &mut line) == Err(Stopped) {
            // The agent that stopped the thread may no longer receive: then nobody misses this frame.
            let _sent = line.finish(Cut::Gone);
        }
    })
}

/// Reads to the end of the input.
fn serve(input: &impl AsFd, bell: &Bell, line: &mut Line) -> Result<(), Stopped> {
    line.tell(PortState::Open { reconnects: 0 })?;
    let ended = listen(input, bell, line)?;
    match ended {
        Ok(()) => {
            info!(scanner = %line.scanner(), "input ended");
            line.finish(Cut::EndOfInput)?;
            line.tell(PortState::Ended)
        }
        Err(errno) => {
            let why = fault_while_open(errno);
            warn!(scanner = %line.scanner(), "input failed: {why}");
            // Nothing can open standard input again, so the thread ends with this report.
            line.finish(Cut::Gone)?;
            line.tell(PortState::Gone { why })
        }
    }
}

/// Sends frames until the input ends, or fails.
fn listen(input: &impl AsFd, bell: &Bell, line: &mut Line) -> Result<Result<(), Errno>, Stopped> {
    let mut buffer = [0; READ_BYTES_MAX];
    loop {
        if bell.is_stopping() {
            return Err(Stopped);
        }
        match bell.wait(input.as_fd(), line.patience()) {
            Ok(Woken::Input) => match rustix::io::read(input, &mut buffer[..]) {
                Ok(0) => return Ok(Ok(())),
                Ok(count) => line.take(buffer.get(..count).unwrap_or_default())?,
                Err(Errno::AGAIN | Errno::INTR) => bell.rest(NOTHING_REST),
                Err(errno) => return Ok(Err(errno)),
            },
            Ok(Woken::Otherwise) => line.expire()?,
            Err(errno) => return Ok(Err(errno)),
        }
    }
}
