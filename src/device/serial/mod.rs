//! Scanners on a serial port, real or over USB.
//!
//! The thread opens the port, reads until it vanishes, and tries to open it again: after 200 ms, then twice as long
//! each time, up to 2 s. An outage is logged once, with its cure; the tries are not logged. Signals are written between
//! two reads, and dropped if the port is gone or accepts no bytes.

mod port;
mod protocol;
pub(super) mod tty;

use std::convert::Infallible;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use tracing::debug;
use tracing::info;
use tracing::warn;

use crate::clock::Clock;
use crate::config::Place;
use crate::device::Device;
use crate::device::Error;
use crate::device::FrameSender;
use crate::device::PortFault;
use crate::device::PortState;
use crate::device::SIGNAL_QUEUE_MAX;
use crate::device::SignalSender;
use crate::device::bell::Bell;
use crate::device::bell::Woken;
use crate::device::discover::ports;
use crate::device::discover::ports::Roots;
use crate::device::fault::fault_while_open;
use crate::device::line::Line;
use crate::device::line::Stopped;
use crate::device::outage::Outage;
pub use crate::device::serial::port::SerialPort;
use crate::device::serial::protocol::Ends;
use crate::device::serial::protocol::ProtocolDriver;
use crate::device::serial::tty::Tty;
use crate::device::serial::tty::Unmarker;
use crate::domain::signal::Occasion;

/// The most bytes of one read.
const READ_BYTES_MAX: usize = 1024;

/// The pause after a port that reported itself readable and had nothing to read: without it such a port would keep a
/// processor busy.
const NOTHING_REST: Duration = Duration::from_millis(10);

/// Starts the thread of a serial scanner. A missing port is no error: the thread waits for it.
///
/// # Errors
/// [`Error::Bell`] or [`Error::Thread`] if the process is out of file descriptors or threads.
pub fn start(
    port: SerialPort,
    roots: Roots,
    frame_sender: FrameSender,
) -> Result<(Device, SignalSender), Error> {
    let scanner = port.name.clone();
    let bell = Bell::new().map_err(|source| Error::Bell { scanner: scanner.clone(), source })?;
    let (queue, signals) = sync_channel(SIGNAL_QUEUE_MAX);
    let clock = Arc::clone(&frame_sender.clock);
    let line = Line::new(scanner.clone(), port.framing, frame_sender, bell.clone());
    let driver = ProtocolDriver::new(port.protocol, port.framing);
    let thread = Thread { port, roots, signals, clock, bell: bell.clone(), line, driver };
    let device = Device::start(scanner.clone(), bell.clone(), move || thread.run())?;
    Ok((device, SignalSender { scanner, queue, bell }))
}

/// The data that the thread owns.
#[derive(Debug)]
struct Thread {
    port: SerialPort,
    roots: Roots,
    signals: Receiver<(Occasion, Vec<u8>)>,
    clock: Arc<dyn Clock>,
    bell: Bell,
    line: Line,
    driver: ProtocolDriver,
}

impl Thread {
    fn run(mut self) {
        let Err(Stopped) = self.serve();
        // The agent that stopped the thread may no longer receive: then nobody misses this frame.
        let _sent = self.driver.finish(&mut self.line);
        debug!(scanner = %self.port.name, "scanner stopped");
    }

    fn serve(&mut self) -> Result<Infallible, Stopped> {
        let mut outage = Outage::default();
        let mut reconnects = 0;
        loop {
            let why = match self.open() {
                Ok(tty) => {
                    self.driver.opened(&mut self.line, self.clock.boot());
                    // Old signals are dropped before the news of the port is sent; signals after the news are for
                    // scans to come.
                    self.drop_signals();
                    self.line.tell(PortState::Open { reconnects })?;
                    reconnects = reconnects.saturating_add(1);
                    self.connection(tty, &mut outage)?
                }
                Err(why) => why,
            };
            if outage.is_news(why) {
                warn!(scanner = %self.port.name, port = %self.port.at, cure = why.cure(), "scanner is gone: {why}");
                self.line.tell(PortState::Gone { why })?;
            }
            self.rest(outage.next_wait())?;
        }
    }

    /// Reads an open port until it is gone, closes it, and returns the reason why it is gone.
    fn connection(&mut self, tty: Tty, outage: &mut Outage) -> Result<PortFault, Stopped> {
        info!(scanner = %self.port.name, port = %self.port.at, "scanner is ready");
        let opened = self.clock.boot();
        let why = self.listen(&tty)?;
        // It is closed before anything waits for the queue: as long as it is open, the device that returns gets
        // another name.
        drop(tty);
        outage.over(self.clock.boot().ms_since(opened));
        self.driver.finish(&mut self.line)?;
        Ok(why)
    }

    fn open(&self) -> Result<Tty, PortFault> {
        match &self.port.at {
            Place::Path(path) => Tty::open(path, &self.port),
            Place::Match(wanted) => Tty::open(&ports::resolve(&self.roots, wanted)?, &self.port),
        }
    }

    /// Reads until the port is gone, and returns the reason.
    fn listen(&mut self, tty: &Tty) -> Result<PortFault, Stopped> {
        let mut buffer = [0; READ_BYTES_MAX];
        let mut unmarker = Unmarker::default();
        loop {
            if self.bell.is_stopping() {
                return Err(Stopped);
            }
            self.write_signals(tty)?;
            let patience = self.driver.patience(&self.line, self.clock.as_ref());
            match self.bell.wait(tty.as_fd(), patience) {
                Ok(Woken::Input) => match tty.read(&mut buffer) {
                    Ok(0) => self.bell.rest(NOTHING_REST),
                    Ok(count) => {
                        let read = buffer.iter().take(count);
                        let bytes: Vec<u8> = read.filter_map(|&byte| unmarker.byte(byte)).collect();
                        self.with_driver(tty, |driver, ends| driver.take(&bytes, ends))?;
                    }
                    Err(why) => return Ok(why),
                },
                Ok(Woken::Otherwise) => self.with_driver(tty, ProtocolDriver::expire)?,
                Err(errno) => return Ok(fault_while_open(errno)),
            }
        }
    }

    fn write_signals(&mut self, tty: &Tty) -> Result<(), Stopped> {
        let signals: Vec<_> = self.signals.try_iter().take(SIGNAL_QUEUE_MAX).collect();
        for (occasion, bytes) in signals {
            if !self.with_driver(tty, |driver, ends| driver.signal(occasion, bytes, ends))? {
                debug!(scanner = %self.port.name, "signal dropped: the scanner takes no bytes");
            }
        }
        Ok(())
    }

    fn with_driver<T>(&mut self, tty: &Tty, act: impl FnOnce(&mut ProtocolDriver, &mut Ends<'_>) -> T) -> T {
        let Self { line, driver, clock, bell, .. } = self;
        act(driver, &mut Ends { tty, line, clock: clock.as_ref(), bell })
    }

    /// Drops signals for earlier scans: a beep now would confirm a scan that it does not belong to.
    fn drop_signals(&self) {
        self.signals.try_iter().take(SIGNAL_QUEUE_MAX).for_each(drop);
    }

    /// Waits before the next try. A signal for a port that is gone makes the try come sooner, which does no harm.
    fn rest(&self, wait: Duration) -> Result<(), Stopped> {
        self.bell.rest(wait);
        self.drop_signals();
        if self.bell.is_stopping() { Err(Stopped) } else { Ok(()) }
    }
}
