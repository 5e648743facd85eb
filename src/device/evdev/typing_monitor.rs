//! Watching the keystrokes of keyboards, to find out which of them is a scanner.
//!
//! Promises: devices are neither grabbed nor changed; keystrokes still arrive as usual, and are not kept here. A
//! keyboard that another program has grabbed, as the agent grabs its scanners, is silent here.

use std::os::fd::AsFd;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use rustix::event::PollFd;
use rustix::event::PollFlags;
use rustix::event::Timespec;
use rustix::event::poll;

use crate::clock::Clock;
use crate::device::PortFault;
use crate::device::evdev::node::Node;
use crate::domain::decode::typing::Bursts;
use crate::domain::decode::typing::Pace;
use crate::domain::decode::typing::Typing;
use crate::domain::time::BootMillis;

/// The most reads of one keyboard before the others have their turn.
const READS_MAX: usize = 16;

/// The observations of one keyboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Its device node.
    pub node: PathBuf,
    /// Its way of typing, or the reason why it could not be opened or was lost before it typed.
    pub told: Result<Pace, PortFault>,
}

/// A keyboard that is watched.
#[derive(Debug)]
struct Watched {
    path: PathBuf,
    node: Node,
    typing: Typing,
}

/// The keyboards that are open to be watched.
#[derive(Debug)]
pub struct TypingMonitor {
    /// The device nodes in the order in which they were named.
    nodes: Vec<PathBuf>,
    watched: Vec<Watched>,
    seen: Vec<Observation>,
}

impl TypingMonitor {
    /// Opens the keyboards at these nodes; everything that is typed from then on is seen.
    pub fn open(nodes: Vec<PathBuf>) -> Self {
        let (mut watched, mut seen) = (Vec::new(), Vec::new());
        for path in &nodes {
            match Node::watch(path) {
                Ok(node) => watched.push(Watched { path: path.clone(), node, typing: Typing::default() }),
                Err(why) => seen.push(Observation { node: path.clone(), told: Err(why) }),
            }
        }
        Self { nodes, watched, seen }
    }

    /// Watches the keyboards for this long. `on_burst` is called for each burst of a scanner when it ends; an error of
    /// it ends the watch.
    ///
    /// # Errors
    /// That of `on_burst`.
    pub fn watch<E>(
        self,
        time: Duration,
        clock: &dyn Clock,
        mut on_burst: impl FnMut(&Path, Bursts) -> Result<(), E>,
    ) -> Result<Vec<Observation>, E> {
        let Self { nodes, mut watched, mut seen } = self;
        let end = clock.boot().plus_ms(i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
        while let Some(left) = left(end, clock) {
            // The list is rebuilt each time, because a keyboard that was unplugged would end every further wait at
            // once.
            wait(&watched, left);
            for keyboard in std::mem::take(&mut watched) {
                match keyboard.read(&mut on_burst)? {
                    Ok(keyboard) => watched.push(keyboard),
                    Err(gone) => seen.push(gone),
                }
            }
        }
        seen.extend(watched.into_iter().map(|keyboard| {
            let Watched { path: node, typing, .. } = keyboard;
            Observation { node, told: Ok(typing.pace()) }
        }));
        seen.sort_by_key(|seen| nodes.iter().position(|node| *node == seen.node));
        Ok(seen)
    }
}

impl Watched {
    /// Reads what was typed since, and returns the keyboard if it is still there.
    fn read<E>(
        mut self,
        on_burst: &mut impl FnMut(&Path, Bursts) -> Result<(), E>,
    ) -> Result<Result<Self, Observation>, E> {
        let mut events = Vec::new();
        for _ in 0..READS_MAX {
            if let Err(why) = self.node.read(&mut events) {
                // A keyboard whose way of typing was recognised keeps that result.
                let told = if self.typing.pace() == Pace::Silent { Err(why) } else { Ok(self.typing.pace()) };
                return Ok(Err(Observation { node: self.path, told }));
            }
            if events.is_empty() {
                break;
            }
            for event in &events {
                if self.typing.take(*event)
                    && let Pace::Scanner(bursts) = self.typing.pace()
                {
                    on_burst(&self.path, bursts)?;
                }
            }
        }
        Ok(Ok(self))
    }
}

/// Returns the time until `end`; `None` if it has come.
fn left(end: BootMillis, clock: &dyn Clock) -> Option<Duration> {
    let left_ms = u64::try_from(end.ms_since(clock.boot())).ok().filter(|left_ms| *left_ms > 0);
    left_ms.map(Duration::from_millis)
}

/// Waits until a keyboard types or vanishes, for this long at most.
fn wait(watched: &[Watched], left: Duration) {
    let mut waited: Vec<PollFd<'_>> = watched
        .iter()
        .map(|keyboard| PollFd::from_borrowed_fd(keyboard.node.as_fd(), PollFlags::IN))
        .collect();
    // An interrupted wait is as good as one that is over: the caller checks again.
    let _ready = poll(&mut waited, Timespec::try_from(left).ok().as_ref());
}
