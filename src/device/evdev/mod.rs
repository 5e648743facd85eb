//! Scanners that type like a keyboard, read from their input node.
//!
//! The thread grabs the device, reads until it vanishes, and tries again when the kernel shows a new node, or after
//! 200 ms, then twice as long each time, up to 2 s. The kernel makes a node before udev sets its group, so a refusal
//! counts only after a second.
//!
//! The kernel keeps no more than one code for a reader that is late, so this thread never waits for the agent: frames
//! wait in a backlog of its own. If the kernel still drops events, their code is refused.

pub(super) mod node;
pub mod typing_monitor;

use std::convert::Infallible;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use tracing::debug;
use tracing::info;
use tracing::warn;

use crate::config::Place;
use crate::device::Device;
use crate::device::Error;
use crate::device::FrameSender;
use crate::device::PortFault;
use crate::device::bell::Bell;
use crate::device::discover::inputs;
use crate::device::discover::ports::Roots;
use crate::device::evdev::node::Node;
use crate::device::fault::fault_while_open;
use crate::device::line::Stopped;
use crate::device::reader::Reader;
use crate::domain::decode::framing::Framing;
use crate::domain::decode::keymap::InputEvent;
use crate::domain::decode::keymap::KeyStream;
use crate::domain::decode::keymap::LayoutName;
use crate::domain::ids::ScannerName;

/// A keyboard scanner and its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyboard {
    /// The scanner's name.
    pub name: ScannerName,
    /// The input device.
    pub at: Place,
    /// The layout that the scanner is set to.
    pub layout: LayoutName,
    /// The rules by which its codes are separated.
    pub framing: Framing,
}

/// Starts the thread of a keyboard scanner. A missing device is no error: the thread waits for it.
///
/// # Errors
/// [`Error::Bell`] or [`Error::Thread`] if the process is out of file descriptors or threads.
pub fn start(keyboard: Keyboard, roots: Roots, frame_sender: FrameSender) -> Result<Device, Error> {
    let Keyboard { name, at, layout, framing } = keyboard;
    let reader = Reader::new(name.clone(), at, &roots, frame_sender)
        .map_err(|source| Error::Bell { scanner: name.clone(), source })?;
    let bell = reader.bell.clone();
    let thread = Thread { reader, connection: Connection { layout, framing } };
    Device::start(name, bell, move || thread.run(&roots))
}

/// A reader of the raw events of a keyboard, for a trace.
#[derive(Debug)]
pub struct Recorder {
    node: Node,
    bell: Bell,
}

impl Recorder {
    /// Opens the device at `path` for this program alone.
    ///
    /// # Errors
    /// The device cannot be read; the fault is the reason.
    pub fn open(path: &Path) -> Result<Self, PortFault> {
        let no_bell =
            |error: io::Error| PortFault::Failed { errno: error.raw_os_error().unwrap_or_default() };
        Ok(Self { node: Node::open(path)?, bell: Bell::new().map_err(no_bell)? })
    }

    /// Waits for events, without a limit.
    ///
    /// # Errors
    /// [`PortFault::Vanished`] when the device is unplugged.
    pub fn events(&mut self) -> Result<Vec<InputEvent>, PortFault> {
        let mut events = Vec::new();
        while events.is_empty() {
            events = self.events_within(None)?;
        }
        Ok(events)
    }

    /// Waits for events, no longer than `patience`; there may be none.
    ///
    /// # Errors
    /// [`PortFault::Vanished`] when the device is unplugged.
    pub fn events_within(&mut self, patience: Option<Duration>) -> Result<Vec<InputEvent>, PortFault> {
        let mut events = Vec::new();
        self.bell.wait(self.node.as_fd(), patience).map_err(fault_while_open)?;
        self.node.read(&mut events)?;
        Ok(events)
    }
}

/// The data that the thread owns.
#[derive(Debug)]
struct Thread {
    reader: Reader,
    connection: Connection,
}

/// The settings for reading an open device.
#[derive(Debug)]
struct Connection {
    layout: LayoutName,
    framing: Framing,
}

impl Thread {
    fn run(mut self, roots: &Roots) {
        let Err(Stopped) = self.serve(roots);
        debug!(scanner = %self.reader.name, "scanner stopped");
    }

    fn serve(&mut self, roots: &Roots) -> Result<Infallible, Stopped> {
        let open = |at: &Place| match at {
            Place::Path(path) => Node::open(path),
            Place::Match(wanted) => Node::open(&inputs::resolve(roots, wanted)?),
        };
        self.reader.serve(open, |reader, node| self.connection.run(reader, node))
    }
}

impl Connection {
    /// Reads an open device until it is gone, closes it, and returns the reason why it is gone.
    fn run(&self, reader: &mut Reader, mut node: Node) -> Result<PortFault, Stopped> {
        let (name, layout) = (&reader.name, self.layout.as_str());
        info!(scanner = %name, device = %reader.at, layout, "scanner is ready");
        if !node.is_masked {
            warn!(scanner = %name, "this kernel keeps scan codes too: a code over ten characters may be refused");
        }
        let mut stream = KeyStream::new(self.layout, self.framing, reader.clock.boot());
        let ended = listen(reader, &mut node, &mut stream);
        drop(node);
        let mut frames = Vec::new();
        stream.finish(&mut frames);
        reader.keep_last(frames, &ended);
        ended
    }
}

/// Reads until the device is gone, and returns the reason.
fn listen(reader: &mut Reader, node: &mut Node, stream: &mut KeyStream) -> Result<PortFault, Stopped> {
    let (mut events, mut frames) = (Vec::new(), Vec::new());
    loop {
        if reader.bell.is_stopping() {
            return Err(Stopped);
        }
        // The clock is read before the events: an event that comes later must not find its time over.
        let now = reader.clock.boot();
        if let Err(why) = node.read(&mut events) {
            return Ok(why);
        }
        for event in &events {
            stream.take(*event, &mut frames);
            reader.keep(frames.drain(..), event.at());
        }
        // Only a drained device lets the time run out: events that still wait in the kernel belong to the pending
        // code.
        let is_drained = events.is_empty();
        if is_drained {
            stream.expire(now, &mut frames);
            reader.keep(frames.drain(..), now);
        }
        reader.flush()?;
        let patience = reader.patience(stream.deadline());
        if is_drained && let Err(errno) = reader.bell.wait(node.as_fd(), patience) {
            return Ok(fault_while_open(errno));
        }
    }
}
