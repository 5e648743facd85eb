//! The common part of the threads of two kinds of scanners: those whose node is opened, read until it vanishes, and
//! opened again when the kernel shows a new one, and whose frames wait in a backlog.

use std::convert::Infallible;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::clock::Clock;
use crate::config::Place;
use crate::device::FrameSender;
use crate::device::FromScanner;
use crate::device::PortFault;
use crate::device::PortState;
use crate::device::ReadAt;
use crate::device::backlog::BACKLOG_FRAMES_MAX;
use crate::device::backlog::Backlog;
use crate::device::bell::Bell;
use crate::device::bell::Woken;
use crate::device::discover::ports::Roots;
use crate::device::line::Stopped;
use crate::device::outage::Outage;
use crate::device::watch::FolderWatch;
use crate::domain::decode::framing::Frame;
use crate::domain::ids::ScannerName;
use crate::domain::time::BootMillis;
use crate::domain::time::UnixMillis;

/// The pause between two checks whether udev has given a new node its group, and the number of checks.
const RIGHTS_WAIT: Duration = Duration::from_millis(100);
const RIGHTS_TRIES_MAX: u32 = 10;

/// The shortest wait for the rest of a code: the clock counts whole milliseconds, and zero would be no wait.
const PATIENCE_MIN: Duration = Duration::from_millis(1);

/// One scanner's place, its clock, and its way to the agent.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) name: ScannerName,
    pub(super) at: Place,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) bell: Bell,
    watch: Option<FolderWatch>,
    backlog: Backlog,
}

impl Reader {
    /// Returns a reader of the device at `at`, which appears in the folder of the nodes, in `folder` below it, or at
    /// the place that its path names.
    pub(super) fn new(
        name: ScannerName,
        at: Place,
        roots: &Roots,
        frame_sender: FrameSender,
    ) -> io::Result<Self> {
        let bell = Bell::new()?;
        let clock = Arc::clone(&frame_sender.clock);
        let backlog = Backlog::new(frame_sender, bell.clone(), BACKLOG_FRAMES_MAX);
        let watch = FolderWatch::new(watched(&at, roots));
        Ok(Self { name, at, clock, bell, watch, backlog })
    }

    /// Opens with `open` and reads with `listen`, again and again, until the thread is stopped. `listen` returns the
    /// reason why the device is gone.
    pub(super) fn serve<N>(
        &mut self,
        mut open: impl FnMut(&Place) -> Result<N, PortFault>,
        mut listen: impl FnMut(&mut Self, N) -> Result<PortFault, Stopped>,
    ) -> Result<Infallible, Stopped> {
        let mut outage = Outage::default();
        let mut reconnects = 0;
        loop {
            let why = match self.open(&mut open)? {
                Ok(node) => {
                    self.tell(PortState::Open { reconnects })?;
                    reconnects = reconnects.saturating_add(1);
                    let opened = self.clock.boot();
                    let why = listen(self, node)?;
                    outage.over(self.clock.boot().ms_since(opened));
                    why
                }
                Err(why) => why,
            };
            if outage.is_news(why) {
                warn!(scanner = %self.name, device = %self.at, cure = why.cure(), "scanner is gone: {why}");
                self.tell(PortState::Gone { why })?;
            }
            // The device is closed: nothing is missed while the agent makes room.
            self.backlog.settle()?;
            if self.rest(outage.next_wait())? {
                outage.hurry();
            }
        }
    }

    /// Keeps frames that were complete at `boot`, for the agent.
    pub(super) fn keep(&mut self, frames: impl IntoIterator<Item = Frame>, boot: BootMillis) {
        for frame in frames {
            // The kernel stamps keys by the clock since boot alone, so the wall clock is set back by the time since
            // then.
            let late_ms = self.clock.boot().ms_since(boot);
            let wall = UnixMillis(self.clock.wall().0.saturating_sub(late_ms));
            self.backlog.push(&self.name, frame, ReadAt { boot, wall });
        }
    }

    /// Keeps the frames with which a connection ends. If the thread ends too, they are sent at once, as far as there is
    /// room: the agent that stopped the thread may no longer receive, and then nobody misses them.
    pub(super) fn keep_last<T>(&mut self, frames: Vec<Frame>, ended: &Result<T, Stopped>) {
        self.keep(frames, self.clock.boot());
        if ended.is_err() {
            let _sent = self.backlog.flush();
        }
    }

    /// Sends the agent as many frames as it has room for.
    pub(super) fn flush(&mut self) -> Result<(), Stopped> {
        self.backlog.flush().map(|_all| ())
    }

    /// Returns the longest wait for the rest of a code that is due at `deadline`, or for room in the queue.
    pub(super) fn patience(&self, deadline: Option<BootMillis>) -> Option<Duration> {
        let left = deadline.map(|deadline| {
            let left_ms = deadline.ms_since(self.clock.boot());
            Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)).max(PATIENCE_MIN)
        });
        left.into_iter().chain(self.backlog.patience()).min()
    }

    /// Tries to open the device, for a second if this user may not open it yet.
    fn open<N>(
        &self,
        open: &mut impl FnMut(&Place) -> Result<N, PortFault>,
    ) -> Result<Result<N, PortFault>, Stopped> {
        let mut tries = 1;
        loop {
            match open(&self.at) {
                Err(PortFault::Denied) if tries < RIGHTS_TRIES_MAX => tries = tries.saturating_add(1),
                opened => return Ok(opened),
            }
            self.rest(RIGHTS_WAIT)?;
        }
    }

    fn tell(&mut self, state: PortState) -> Result<(), Stopped> {
        self.backlog.tell(FromScanner::State { scanner: self.name.clone(), state });
        self.flush()
    }

    /// Waits before the next try, at most until something new appears among the devices, and returns true if it did.
    fn rest(&self, wait: Duration) -> Result<bool, Stopped> {
        let mut woken = Ok(Woken::Otherwise);
        match &self.watch {
            Some(watch) => {
                // A folder such as `/dev/input` appears with its first device, so the watch is renewed before each
                // wait.
                watch.renew();
                woken = self.bell.wait(watch.as_fd(), Some(wait));
                // Dropped before the next try, not before the wait: a node that appears during a try ends the wait
                // after it at once.
                watch.forget();
            }
            None => self.bell.rest(wait),
        }
        if self.bell.is_stopping() { Err(Stopped) } else { Ok(woken == Ok(Woken::Input)) }
    }
}

/// Returns the folders in which the device can appear: those of the nodes and of the input devices, and the one that
/// its path names.
fn watched(at: &Place, roots: &Roots) -> Vec<PathBuf> {
    let mut folders = vec![roots.dev.clone(), roots.dev.join("input")];
    if let Place::Path(path) = at {
        folders.extend(path.parent().map(ToOwned::to_owned));
    }
    folders
}
