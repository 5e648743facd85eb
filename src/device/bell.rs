//! The bell: wakes a scanner's thread that waits for its port, for a signal to be written or to stop.

use std::io;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::event::EventfdFlags;
use rustix::event::PollFd;
use rustix::event::PollFlags;
use rustix::event::Timespec;
use rustix::event::eventfd;
use rustix::event::poll;
use rustix::io::Errno;

/// A bell that many can ring and one thread waits for. A ring before the thread waits is not lost.
#[derive(Debug, Clone)]
pub(super) struct Bell(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// An event that is readable from a ring until the thread has seen it (`eventfd(2)`).
    rung: OwnedFd,
    stopping: AtomicBool,
}

/// The reason why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woken {
    /// The input has bytes, or has ended or failed; a read shows which.
    Input,
    /// The bell rang, or the time is up.
    Otherwise,
}

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        let rung = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self(Arc::new(Inner { rung, stopping: AtomicBool::new(false) })))
    }

    /// Wakes the thread.
    pub(super) fn ring(&self) {
        // Fails only when the counter is at its highest, and then the bell is ringing.
        let _written = rustix::io::write(&self.0.rung, &1_u64.to_ne_bytes());
    }

    /// Wakes the thread and makes it stop, for good.
    pub(super) fn stop(&self) {
        // The flag comes before the ring: a thread that wakes finds it set.
        self.0.stopping.store(true, Ordering::Release);
        self.ring();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Acquire)
    }

    /// Waits until `input` can be read, the bell rings or `patience` is over; without `patience`, for ever.
    pub(super) fn wait(&self, input: BorrowedFd<'_>, patience: Option<Duration>) -> Result<Woken, Errno> {
        let mut waited =
            [PollFd::from_borrowed_fd(input, PollFlags::IN), PollFd::new(&self.0.rung, PollFlags::IN)];
        match poll(&mut waited, timespec(patience).as_ref()) {
            Ok(_) => (),
            Err(Errno::INTR) => return Ok(Woken::Otherwise),
            Err(errno) => return Err(errno),
        }
        // `poll` reports hang-ups and errors without being asked (`poll(2)`). They count as input, because the read
        // that follows returns the reason.
        let [input, rung] = waited.map(|waited| !waited.revents().is_empty());
        if rung {
            self.hush();
        }
        Ok(if input { Woken::Input } else { Woken::Otherwise })
    }

    /// Waits until the bell rings or `patience` is over.
    pub(super) fn rest(&self, patience: Duration) {
        let mut waited = [PollFd::from_borrowed_fd(self.0.rung.as_fd(), PollFlags::IN)];
        // An interrupted wait is as good as one that is over: every caller checks again what it waits for.
        let _ready = poll(&mut waited, timespec(Some(patience)).as_ref());
        self.hush();
    }

    fn hush(&self) {
        // One read clears the count of all rings (`eventfd(2)`). It fails only when the bell is not ringing, which is
        // the desired state.
        let _count = rustix::io::read(&self.0.rung, &mut [0; 8]);
    }
}

fn timespec(patience: Option<Duration>) -> Option<Timespec> {
    patience.and_then(|patience| Timespec::try_from(patience).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A time long enough to fail a test that should not have waited for it.
    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_ring_before_the_wait_is_heard_once() {
        let (bell, silent) = (Bell::new().unwrap(), Bell::new().unwrap());
        bell.ring();
        bell.ring();
        assert_eq!(bell.wait(silent.0.rung.as_fd(), Some(LONG)), Ok(Woken::Otherwise));
        assert!(rustix::io::read(&bell.0.rung, &mut [0; 8]).is_err(), "the bell still rings");
    }

    #[test]
    fn input_is_told_from_the_bell() {
        let (bell, input) = (Bell::new().unwrap(), Bell::new().unwrap());
        input.ring();
        assert_eq!(bell.wait(input.0.rung.as_fd(), Some(LONG)), Ok(Woken::Input));
    }

    #[test]
    fn a_wait_ends_when_its_time_is_up() {
        let (bell, silent) = (Bell::new().unwrap(), Bell::new().unwrap());
        assert_eq!(bell.wait(silent.0.rung.as_fd(), Some(Duration::from_millis(1))), Ok(Woken::Otherwise));
        assert!(!bell.is_stopping());
    }
}
