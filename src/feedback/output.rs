//! An output: a named thread with a bounded queue. It can be slow or broken without delaying anything else.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::signal::Signal;

/// The most orders that wait for one output. With more, the last one would come too late to be useful.
const ORDERS_MAX: usize = 8;

/// The wait after a failure before an output is tried again; it doubles with each further failure.
const RETRY_MIN: Duration = Duration::from_secs(5);
/// The longest such wait.
const RETRY_MAX: Duration = Duration::from_mins(1);

/// An order to an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    /// A signal and its announcement as JSON.
    Announced(Signal, Arc<str>),
    /// A signal alone.
    Signal(Signal),
    /// A person has seen the alarm.
    AlarmSeen,
    /// Wakes the thread, so that it checks whether to stop.
    Wake,
}

/// The sending end of an output's queue.
#[derive(Debug, Clone)]
pub(super) struct OutputSender {
    name: &'static str,
    queue: SyncSender<Order>,
}

impl OutputSender {
    /// Sends the output an order without waiting. An output that is behind loses it.
    pub(super) fn send(&self, order: Order) {
        // Debug only: an output that is behind would otherwise fill the log with every scan.
        if let Err(error) = self.queue.try_send(order) {
            tracing::debug!(output = self.name, %error, "the output is behind; an order was dropped");
        }
    }
}

/// A running output. Dropping it makes the thread end, but does not wait for it.
pub(super) struct Output {
    sender: OutputSender,
    stopping: Arc<AtomicBool>,
    join: Option<JoinHandle<()>>,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Output").field(&self.sender.name).finish()
    }
}

impl Output {
    /// Starts a thread with the name of the output that calls `run`.
    pub(super) fn start(name: &'static str, run: impl FnOnce(Orders) + Send + 'static) -> io::Result<Self> {
        let (queue, orders) = sync_channel(ORDERS_MAX);
        let stopping = Arc::new(AtomicBool::new(false));
        let orders = Orders { queue: orders, stopping: Arc::clone(&stopping) };
        let join = thread::Builder::new().name(format!("out-{name}")).spawn(move || run(orders))?;
        Ok(Self { sender: OutputSender { name, queue }, stopping, join: Some(join) })
    }

    pub(super) fn sender(&self) -> OutputSender {
        self.sender.clone()
    }

    /// Ends the thread and waits for it, some milliseconds. The thread leaves its output silent and dark.
    pub(super) fn stop(mut self) {
        self.ask_to_stop();
        if self.join.take().is_some_and(|join| join.join().is_err()) {
            tracing::error!(output = self.sender.name, "an output panicked");
        }
    }

    fn ask_to_stop(&self) {
        self.stopping.store(true, Ordering::Release);
        // A full queue means that the thread is awake; it sees the mark before its next order.
        let _woken = self.sender.queue.try_send(Order::Wake);
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.ask_to_stop();
    }
}

/// The receiving end of an output's queue.
#[derive(Debug)]
pub(super) struct Orders {
    queue: Receiver<Order>,
    stopping: Arc<AtomicBool>,
}

/// The result of a wait for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Received {
    Order(Order),
    /// No order came in time.
    Timeout,
    /// The thread must end.
    Stop,
}

impl Orders {
    /// Waits for the next order, at most for `patience`, or without a limit if it is `None`.
    pub(super) fn next(&self, patience: Option<Duration>) -> Received {
        let received = match patience {
            Some(patience) => self.queue.recv_timeout(patience),
            None => self.queue.recv().map_err(|_closed| RecvTimeoutError::Disconnected),
        };
        match received {
            // Checked before the order: a stop must not wait for eight orders that are still queued.
            _ if self.is_stopping() => Received::Stop,
            Ok(order) => Received::Order(order),
            Err(RecvTimeoutError::Timeout) => Received::Timeout,
            Err(RecvTimeoutError::Disconnected) => Received::Stop,
        }
    }

    /// Returns true if the thread must end.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

/// The failures of an output. A failure is logged once with its cure, and the next attempt waits.
#[derive(Debug)]
pub(super) struct RetryBackoff {
    output: &'static str,
    cure: &'static str,
    /// The time of the next attempt and the wait after it; `None` while the output works.
    broken: Option<(Instant, Duration)>,
}

impl RetryBackoff {
    pub(super) fn new(output: &'static str, cure: &'static str) -> Self {
        Self { output, cure, broken: None }
    }

    /// Returns true if the output may be tried now.
    pub(super) fn may_try(&self, now: Instant) -> bool {
        self.broken.is_none_or(|(again, _)| now >= again)
    }

    /// Records a failure. Logs only the first failure of a series.
    pub(super) fn failed(&mut self, why: &dyn fmt::Display, now: Instant) {
        let wait = match self.broken {
            None => {
                tracing::warn!(output = self.output, cure = self.cure, "an output does not work: {why}");
                RETRY_MIN
            }
            Some((_, wait)) => wait.saturating_mul(2).min(RETRY_MAX),
        };
        self.broken = Some((now + wait, wait));
    }

    /// Records a success.
    pub(super) fn worked(&mut self) {
        if self.broken.take().is_some() {
            tracing::info!(output = self.output, "an output works again");
        }
    }
}

/// Waits in a test until `look` returns a value.
#[cfg(test)]
pub(super) fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{what} never came");
        thread::park_timeout(Duration::from_millis(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_output_is_left_alone_for_five_seconds_then_twice_as_long_up_to_a_minute() {
        let mut backoff = RetryBackoff::new("sound", "");
        let mut now = Instant::now();
        assert!(backoff.may_try(now));
        for wait in [5, 10, 20, 40, 60, 60] {
            backoff.failed(&"broken", now);
            assert!(!backoff.may_try(now + Duration::from_millis(wait * 1000 - 1)));
            now += Duration::from_secs(wait);
            assert!(backoff.may_try(now));
        }
        backoff.worked();
        backoff.failed(&"broken", now);
        assert!(backoff.may_try(now + Duration::from_secs(5)));
    }

    #[test]
    fn an_output_that_hangs_holds_nobody_up() {
        let (freed, hung) = sync_channel::<()>(1);
        let output = Output::start("test", move |orders| {
            let _freed = hung.recv();
            while orders.next(None) != Received::Stop {}
        })
        .unwrap();
        for _ in 0..10 * ORDERS_MAX {
            output.sender().send(Order::Signal(Signal::Booked));
        }
        freed.send(()).unwrap();
        output.stop();
    }
}
