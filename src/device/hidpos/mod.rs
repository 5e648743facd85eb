//! HID-POS scanners, read from their hidraw node.
//!
//! The thread reads until the device vanishes, and tries again when the kernel shows a new node, or after 200 ms, then
//! twice as long each time, up to 2 s.
//!
//! The kernel keeps 63 reports for a reader that is late and drops further ones without notice (`hidraw_report_event`,
//! `linux/drivers/hid/hidraw.c`). So this thread never waits for the agent: frames wait in a backlog of its own.
//! Whenever it has found as many reports as that in a row, something may be missing, and the code is refused.
//!
//! Debian's kernel (6.1) drops a report that is shorter than its descriptor states. The station never sees such a
//! report: it books nothing and cannot report the loss.
//!
//! Signals are written between two reads, each as one report, its number first.

mod node;

use std::convert::Infallible;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::sync_channel;

use tracing::debug;
use tracing::info;

use crate::clock::Clock;
use crate::config::Place;
use crate::device::Device;
use crate::device::Error;
use crate::device::FrameSender;
use crate::device::PortFault;
use crate::device::SIGNAL_QUEUE_MAX;
use crate::device::SignalSender;
use crate::device::bell::Bell;
use crate::device::discover::hidraws;
use crate::device::discover::ports::Roots;
use crate::device::fault::fault_while_open;
use crate::device::hidpos::node::Hidraw;
use crate::device::line::Stopped;
use crate::device::reader::Reader;
use crate::domain::decode::framing::Framing;
use crate::domain::decode::hidpos::PosStream;
use crate::domain::decode::hidpos::trace::PosTrace;
use crate::domain::decode::hidpos::trace::Report;
use crate::domain::ids::ScannerName;
use crate::domain::signal::Occasion;

/// The reports that the kernel keeps for one reader: one less than the places of its ring (`HIDRAW_BUFFER_SIZE`,
/// `linux/include/uapi/linux/hidraw.h`).
const KERNEL_KEEPS: u32 = 63;

/// A HID-POS scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PosScanner {
    /// The scanner's name.
    pub name: ScannerName,
    /// The HID device.
    pub at: Place,
    /// The rules by which its codes are separated.
    pub framing: Framing,
}

/// Starts the thread of a HID-POS scanner. A missing device is no error: the thread waits for it.
///
/// # Errors
/// [`Error::Bell`] or [`Error::Thread`] if the process is out of file descriptors or threads.
pub fn start(
    scanner: PosScanner,
    roots: Roots,
    frame_sender: FrameSender,
) -> Result<(Device, SignalSender), Error> {
    let PosScanner { name, at, framing } = scanner;
    let reader = Reader::new(name.clone(), at, &roots, frame_sender)
        .map_err(|source| Error::Bell { scanner: name.clone(), source })?;
    let bell = reader.bell.clone();
    let (queue, signals) = sync_channel(SIGNAL_QUEUE_MAX);
    let thread = Thread { reader, connection: Connection { framing, signals } };
    let device = Device::start(name.clone(), bell.clone(), move || thread.run(&roots))?;
    Ok((device, SignalSender { scanner: name, queue, bell }))
}

/// A reader of the raw reports of a scanner, for a trace.
#[derive(Debug)]
pub struct Recorder {
    node: Hidraw,
    descriptor: Vec<u8>,
    bell: Bell,
}

impl Recorder {
    /// Opens the device at `path`, if that is a HID device.
    ///
    /// # Errors
    /// The device cannot be read; the fault is the reason.
    pub fn open(roots: &Roots, path: &Path) -> Result<Self, PortFault> {
        let no_bell =
            |error: io::Error| PortFault::Failed { errno: error.raw_os_error().unwrap_or_default() };
        let node = Hidraw::open(roots, path)?;
        let name = hidraws::kernels_name(path).ok_or(PortFault::NotHidPos)?;
        let descriptor = hidraws::descriptor(roots, &name).ok_or(PortFault::Vanished)?;
        Ok(Self { node, descriptor, bell: Bell::new().map_err(no_bell)? })
    }

    /// Returns true if `path` names a HID device, and not a keyboard.
    pub fn is_for(path: &Path) -> bool {
        hidraws::kernels_name(path).is_some()
    }

    /// Returns the beginning of its trace.
    pub fn trace(&self, clock: &dyn Clock) -> PosTrace {
        PosTrace { descriptor: self.descriptor.clone(), opened: clock.boot(), reports: Vec::new() }
    }

    /// Waits for a report, without a limit.
    ///
    /// # Errors
    /// [`PortFault::Vanished`] when the device is unplugged.
    pub fn report(&self, clock: &dyn Clock) -> Result<Report, PortFault> {
        let mut buffer = buffer(&self.node);
        loop {
            if let Some(count) = self.node.read(&mut buffer)? {
                buffer.truncate(count);
                return Ok(Report { at_us: clock.boot().0.saturating_mul(1000), bytes: Some(buffer) });
            }
            self.bell.wait(self.node.as_fd(), None).map_err(fault_while_open)?;
        }
    }
}

/// Returns a buffer for a report and one byte more, which reveals a report that is too long.
fn buffer(node: &Hidraw) -> Vec<u8> {
    vec![0; node.layout().report_bytes_max().saturating_add(1)]
}

/// The number of reports that were found in a row, without a moment at which there was none.
#[derive(Debug, Default)]
struct Row {
    reports: u32,
}

impl Row {
    /// Counts a report. Returns true as soon as the kernel's ring may have been full, so that a gap may come before the
    /// next report.
    const fn may_hide_loss_after_one_more(&mut self) -> bool {
        self.reports = self.reports.saturating_add(1);
        self.reports >= KERNEL_KEEPS
    }
}

/// The data that the thread owns.
#[derive(Debug)]
struct Thread {
    reader: Reader,
    connection: Connection,
}

/// The settings for reading and answering an open device.
#[derive(Debug)]
struct Connection {
    framing: Framing,
    signals: Receiver<(Occasion, Vec<u8>)>,
}

impl Thread {
    fn run(mut self, roots: &Roots) {
        let Err(Stopped) = self.serve(roots);
        debug!(scanner = %self.reader.name, "scanner stopped");
    }

    fn serve(&mut self, roots: &Roots) -> Result<Infallible, Stopped> {
        let open = |at: &Place| match at {
            Place::Path(path) => Hidraw::open(roots, path),
            Place::Match(wanted) => Hidraw::open(roots, &hidraws::resolve(roots, wanted)?),
        };
        self.reader.serve(open, |reader, node| self.connection.run(reader, node))
    }
}

impl Connection {
    /// Reads an open device until it is gone, closes it, and returns the reason why it is gone.
    fn run(&self, reader: &mut Reader, node: Hidraw) -> Result<PortFault, Stopped> {
        info!(scanner = %reader.name, device = %reader.at, "scanner is ready");
        // These are signals for earlier scans: a beep now would confirm a scan that it does not belong to.
        self.signals.try_iter().take(SIGNAL_QUEUE_MAX).for_each(drop);
        let mut stream = PosStream::new(node.layout().clone(), self.framing, reader.clock.boot());
        let ended = self.listen(reader, &node, &mut stream);
        drop(node);
        let mut frames = Vec::new();
        stream.finish(&mut frames);
        reader.keep_last(frames, &ended);
        ended
    }

    /// Reads until the device is gone, and returns the reason.
    fn listen(
        &self,
        reader: &mut Reader,
        node: &Hidraw,
        stream: &mut PosStream,
    ) -> Result<PortFault, Stopped> {
        let (mut report, mut frames) = (buffer(node), Vec::new());
        let mut row = Row::default();
        loop {
            if reader.bell.is_stopping() {
                return Err(Stopped);
            }
            self.write_signals(reader, node);
            // The clock is read before the reports: a report that comes later must not find its time over.
            let now = reader.clock.boot();
            let read = match node.read(&mut report) {
                Ok(read) => read.and_then(|count| report.get(..count)),
                Err(why) => return Ok(why),
            };
            let is_drained = read.is_none();
            if let Some(report) = read {
                stream.take(report, now, &mut frames);
                // This report is whole, so it is taken before the gap that may follow it.
                if row.may_hide_loss_after_one_more() {
                    stream.lose(now);
                }
            } else {
                stream.expire(now, &mut frames);
                row = Row::default();
            }
            reader.keep(frames.drain(..), now);
            reader.flush()?;
            let patience = reader.patience(stream.deadline());
            if is_drained && let Err(errno) = reader.bell.wait(node.as_fd(), patience) {
                return Ok(fault_while_open(errno));
            }
        }
    }

    fn write_signals(&self, reader: &Reader, node: &Hidraw) {
        for (_occasion, signal) in self.signals.try_iter().take(SIGNAL_QUEUE_MAX) {
            if !signal.is_empty() && !node.write(&signal) {
                debug!(scanner = %reader.name, "signal dropped: the scanner takes no such report");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_reports_in_a_row_as_the_kernel_keeps_may_hide_that_it_dropped_some() {
        let mut row = Row::default();
        let doubted: Vec<bool> = (1..=65).map(|_| row.may_hide_loss_after_one_more()).collect();
        assert_eq!(doubted.iter().position(|doubted| *doubted), Some(62));
        assert!(doubted.iter().skip(62).all(|doubted| *doubted));
    }
}
