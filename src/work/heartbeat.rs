//! The time by which a worker reports again, for a watchdog.
//!
//! A watchdog with a timer of its own proves only that the timer runs. Here each worker notes, before it waits for
//! anything, how long that may take; a worker that does not report by then is stuck.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::domain::time::BootMillis;

/// The time by which a worker reports again.
#[derive(Debug)]
pub struct Heartbeat {
    worker: &'static str,
    /// Time since boot, in ms.
    due: AtomicI64,
}

impl Heartbeat {
    /// Returns the heartbeat of a worker that has not begun: it is never late.
    pub const fn new(worker: &'static str) -> Self {
        Self { worker, due: AtomicI64::new(i64::MAX) }
    }

    /// Returns the name of the worker.
    pub const fn worker(&self) -> &'static str {
        self.worker
    }

    /// Notes that the worker will report again within `patience`.
    pub fn expect_within(&self, patience: Duration, clock: &dyn Clock) {
        let ms = i64::try_from(patience.as_millis()).unwrap_or(i64::MAX);
        // No other memory depends on this number, so no stronger order is needed.
        self.due.store(clock.boot().plus_ms(ms).0, Ordering::Relaxed);
    }

    /// Notes that the worker has ended without an error: it is never late from now on.
    pub fn rest(&self) {
        self.due.store(i64::MAX, Ordering::Relaxed);
    }

    /// Returns true if the worker should have reported before `now`.
    pub fn is_late(&self, now: BootMillis) -> bool {
        self.due.load(Ordering::Relaxed) < now.0
    }
}
