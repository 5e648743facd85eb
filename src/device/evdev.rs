//! Scanners that type like a keyboard, read from their input node.
//!
//! The thread takes the device for itself, reads until it vanishes, and tries again when the kernel shows a new node,
//! or after 200 ms, then twice as long each time, up to 2 s. A node is there before its group is, so that a
//! refusal counts only after a second.
//!
//! The kernel keeps no more than one code for a reader that is late, so this one never waits for the agent:
//! frames wait in a backlog of its own. What the kernel dropped all the same refuses its code.

use std::convert::Infallible;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tracing::debug;
use tracing::info;
use tracing::warn;

use crate::clock::Clock;
use crate::config::Place;
use crate::device::Device;
use crate::device::Error;
use crate::device::FromScanner;
use crate::device::Outlet;
use crate::device::PortFault;
use crate::device::PortState;
use crate::device::ReadAt;
use crate::device::backlog::BACKLOG_FRAMES_MAX;
use crate::device::backlog::Backlog;
use crate::device::bell::Bell;
use crate::device::bell::Woken;
use crate::device::inputs;
use crate::device::line::Stopped;
use crate::device::node::Node;
use crate::device::outage::Outage;
use crate::device::ports::Roots;
use crate::device::tty;
use crate::device::watch::Watch;
use crate::domain::framing::Frame;
use crate::domain::ids::ScannerName;
use crate::domain::keymap::InputEvent;
use crate::domain::keymap::KeyStream;
use crate::domain::keymap::LayoutName;
use crate::domain::time::BootMillis;
use crate::domain::time::UnixMillis;

/// How long udev may take to give a new node its group, and how often to look meanwhile.
const RIGHTS_WAIT: Duration = Duration::from_millis(100);
const RIGHTS_TRIES_MAX: u32 = 10;

/// Shortest wait for the rest of a code: the clock counts whole milliseconds, and none would be no wait.
const PATIENCE_MIN: Duration = Duration::from_millis(1);

/// A keyboard scanner and how it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyboard {
    /// The scanner's name.
    pub name: ScannerName,
    /// Which input device.
    pub at: Place,
    /// The layout the scanner is set to.
    pub layout: LayoutName,
    /// A code not finished in this long is refused, 20..=5000 ms.
    pub gap: Duration,
}

/// Starts the thread of a keyboard scanner. A device that is not there is no error: it is waited for.
///
/// # Errors
/// [`Error::Bell`] or [`Error::Thread`] if the process is out of file descriptors or threads.
pub fn start(keyboard: Keyboard, roots: Roots, outlet: Outlet) -> Result<Device, Error> {
    let scanner = keyboard.name.clone();
    let bell = Bell::new().map_err(|source| Error::Bell { scanner: scanner.clone(), source })?;
    let clock = Arc::clone(&outlet.clock);
    let backlog = Backlog::new(outlet, bell.clone(), BACKLOG_FRAMES_MAX);
    let watch = Watch::new(watched(&keyboard.at, &roots));
    let thread = Thread { keyboard, roots, clock, bell: bell.clone(), watch, backlog };
    Device::start(scanner, bell, move || thread.run())
}

/// Reads the events of a keyboard as they are, for a trace.
#[derive(Debug)]
pub struct Recorder {
    node: Node,
    bell: Bell,
}

impl Recorder {
    /// Takes the device at `path` for this program alone.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn open(path: &Path) -> Result<Self, PortFault> {
        let no_bell =
            |error: io::Error| PortFault::Failed { errno: error.raw_os_error().unwrap_or_default() };
        Ok(Self { node: Node::open(path)?, bell: Bell::new().map_err(no_bell)? })
    }

    /// Waits for events, without end.
    ///
    /// # Errors
    /// [`PortFault::Vanished`] when the device is unplugged.
    pub fn events(&self) -> Result<Vec<InputEvent>, PortFault> {
        let mut events = Vec::new();
        while events.is_empty() {
            self.bell.wait(self.node.as_fd(), None).map_err(tty::fault_while_open)?;
            self.node.read(&mut events)?;
        }
        Ok(events)
    }
}

/// The folders in which the device can appear: that of the nodes, of the links to it, and the one that holds both.
fn watched(at: &Place, roots: &Roots) -> Vec<PathBuf> {
    let mut folders = vec![roots.dev.clone(), roots.dev.join("input")];
    if let Place::Path(path) = at {
        folders.extend(path.parent().map(Path::to_owned));
    }
    folders
}

/// What the thread owns.
#[derive(Debug)]
struct Thread {
    keyboard: Keyboard,
    roots: Roots,
    clock: Arc<dyn Clock>,
    bell: Bell,
    watch: Option<Watch>,
    backlog: Backlog,
}

impl Thread {
    fn run(mut self) {
        let Err(Stopped) = self.serve();
        debug!(scanner = %self.keyboard.name, "scanner stopped");
    }

    fn serve(&mut self) -> Result<Infallible, Stopped> {
        let mut outage = Outage::default();
        let mut reconnects = 0;
        loop {
            let why = match self.open()? {
                Ok(node) => {
                    self.tell(PortState::Open { reconnects })?;
                    reconnects = reconnects.saturating_add(1);
                    self.connection(node, &mut outage)?
                }
                Err(why) => why,
            };
            if outage.is_news(why) {
                let Keyboard { name, at, .. } = &self.keyboard;
                warn!(scanner = %name, device = %at, cure = why.cure(), "scanner is gone: {why}");
                self.tell(PortState::Gone { why })?;
            }
            // The device is closed: nothing is missed while the agent makes room.
            self.backlog.settle()?;
            if self.rest(outage.next_wait())? {
                outage.hurry();
            }
        }
    }

    /// Tries to open the device, for a second if this user may not yet.
    fn open(&self) -> Result<Result<Node, PortFault>, Stopped> {
        let mut tries = 1;
        loop {
            match self.try_open() {
                Err(PortFault::Denied) if tries < RIGHTS_TRIES_MAX => tries = tries.saturating_add(1),
                opened => return Ok(opened),
            }
            self.rest(RIGHTS_WAIT)?;
        }
    }

    fn try_open(&self) -> Result<Node, PortFault> {
        match &self.keyboard.at {
            Place::Path(path) => Node::open(path),
            Place::Match(wanted) => Node::open(&inputs::resolve(&self.roots, wanted)?),
        }
    }

    /// Reads an open device until it is gone, closes it, and tells why it is gone.
    fn connection(&mut self, node: Node, outage: &mut Outage) -> Result<PortFault, Stopped> {
        let Keyboard { name, at, layout, gap } = &self.keyboard;
        info!(scanner = %name, device = %at, layout = layout.as_str(), "scanner is ready");
        if !node.is_masked {
            warn!(scanner = %name, "this kernel keeps scan codes too: a code over ten characters may be refused");
        }
        let opened = self.clock.boot();
        let mut stream = KeyStream::new(*layout, *gap, opened);
        let ended = self.listen(&node, &mut stream);
        drop(node);
        let mut frames = Vec::new();
        stream.finish(&mut frames);
        let now = self.clock.boot();
        self.keep(frames, now);
        outage.over(now.ms_since(opened));
        if ended.is_err() {
            // The agent that told the thread to stop may listen no longer: then nobody misses this frame.
            let _sent = self.backlog.flush();
        }
        ended
    }

    /// Reads until the device is gone, and tells why it is.
    fn listen(&mut self, node: &Node, stream: &mut KeyStream) -> Result<PortFault, Stopped> {
        let (mut events, mut frames) = (Vec::new(), Vec::new());
        loop {
            if self.bell.is_stopping() {
                return Err(Stopped);
            }
            // Before the reading: an event that comes after it must not find its time over.
            let now = self.clock.boot();
            if let Err(why) = node.read(&mut events) {
                return Ok(why);
            }
            for event in &events {
                stream.take(*event, &mut frames);
                self.keep(frames.drain(..), event.at());
            }
            let is_drained = events.is_empty();
            if is_drained {
                stream.expire(now, &mut frames);
                self.keep(frames.drain(..), now);
            }
            self.backlog.flush()?;
            if is_drained && let Err(errno) = self.bell.wait(node.as_fd(), self.patience(stream)) {
                return Ok(tty::fault_while_open(errno));
            }
        }
    }

    /// Keeps frames that were complete at `boot`, for the agent.
    fn keep(&mut self, frames: impl IntoIterator<Item = Frame>, boot: BootMillis) {
        for frame in frames {
            // The kernel's stamp is on the clock since boot alone.
            let late_ms = self.clock.boot().ms_since(boot);
            let wall = UnixMillis(self.clock.wall().0.saturating_sub(late_ms));
            self.backlog.push(&self.keyboard.name, frame, ReadAt { boot, wall });
        }
    }

    /// How long to wait for the rest of a code, or for room in the queue.
    fn patience(&self, stream: &KeyStream) -> Option<Duration> {
        let left = stream.deadline().map(|deadline| {
            let left_ms = deadline.ms_since(self.clock.boot());
            Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)).max(PATIENCE_MIN)
        });
        left.into_iter().chain(self.backlog.patience()).min()
    }

    fn tell(&mut self, state: PortState) -> Result<(), Stopped> {
        self.backlog.tell(FromScanner::State { scanner: self.keyboard.name.clone(), state });
        self.backlog.flush().map(|_all| ())
    }

    /// Waits before the next try, for something new among the devices at most, and tells whether that came.
    fn rest(&self, wait: Duration) -> Result<bool, Stopped> {
        let mut woken = Ok(Woken::Otherwise);
        match &self.watch {
            Some(watch) => {
                watch.renew();
                woken = self.bell.wait(watch.as_fd(), Some(wait));
                watch.forget();
            }
            None => self.bell.rest(wait),
        }
        if self.bell.is_stopping() { Err(Stopped) } else { Ok(woken == Ok(Woken::Input)) }
    }
}
