//! A worker's word on when it will be heard of again, for whoever watches over it.
//!
//! A watchdog that is fed by a timer of its own says only that the timer runs. Here each worker says, before it
//! waits for anything, how long that may take; one that is not heard of by then is stuck.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::domain::time::BootMillis;

/// When a worker will have been heard of again.
#[derive(Debug)]
pub struct Pulse {
    worker: &'static str,
    /// Time since boot, in ms.
    due: AtomicI64,
}

impl Pulse {
    /// A worker that has not begun: it is never late.
    pub const fn new(worker: &'static str) -> Self {
        Self { worker, due: AtomicI64::new(i64::MAX) }
    }

    /// Whose it is.
    pub const fn worker(&self) -> &'static str {
        self.worker
    }

    /// The worker will be heard of again within `patience`.
    pub fn expect_within(&self, patience: Duration, clock: &dyn Clock) {
        let ms = i64::try_from(patience.as_millis()).unwrap_or(i64::MAX);
        self.due.store(clock.boot().plus_ms(ms).0, Ordering::Relaxed);
    }

    /// The worker has ended in good order.
    pub fn rest(&self) {
        self.due.store(i64::MAX, Ordering::Relaxed);
    }

    /// Whether the worker should have been heard of before `now`.
    pub fn is_late(&self, now: BootMillis) -> bool {
        self.due.load(Ordering::Relaxed) < now.0
    }
}
