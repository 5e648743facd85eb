//! The agent's end of the queue into which the scanners' threads put what they read: the test takes it out.

use std::sync::Arc;
use std::time::Duration;

use stockpoint::clock::SystemClock;
use stockpoint::device::FrameSender;
use stockpoint::device::FromScanner;
use stockpoint::device::PortState;
use stockpoint::domain::decode::framing::Frame;
use stockpoint::domain::time::BootMillis;
use tokio::runtime::Builder;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long anything may take before the test fails.
const BOUND: Duration = Duration::from_secs(20);

/// The agent, as far as a scanner's thread knows one.
pub(crate) struct Agent {
    runtime: Runtime,
    queue: mpsc::Receiver<FromScanner>,
    /// What a thread is given of it.
    pub(crate) frame_sender: FrameSender,
}

impl Agent {
    pub(crate) fn new(queue_max: usize) -> Self {
        let (sender, queue) = mpsc::channel(queue_max);
        let frame_sender = FrameSender { clock: Arc::new(SystemClock::new()), queue: sender };
        Self { runtime: Builder::new_current_thread().enable_time().build().unwrap(), queue, frame_sender }
    }

    #[track_caller]
    pub(crate) fn next(&mut self) -> FromScanner {
        self.next_within(BOUND).expect("a message in time")
    }

    /// The next message; `None` if none comes in this time.
    pub(crate) fn next_within(&mut self, time: Duration) -> Option<FromScanner> {
        let message = self.runtime.block_on(async { timeout(time, self.queue.recv()).await });
        Some(message.ok()?.expect("an open queue"))
    }

    #[track_caller]
    pub(crate) fn state(&mut self) -> PortState {
        match self.next() {
            FromScanner::State { state, .. } => state,
            FromScanner::Frame { frame, .. } => panic!("a frame where news of the device was due: {frame:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn frame(&mut self) -> Frame {
        match self.next() {
            FromScanner::Frame { frame, .. } => frame,
            FromScanner::State { state, .. } => panic!("news of the device where a frame was due: {state:?}"),
        }
    }

    /// The next frame in a word.
    #[track_caller]
    pub(crate) fn told(&mut self) -> String {
        told(&self.frame())
    }

    /// Waits until the device was opened again so often; what else is told of it until then is of no interest.
    #[track_caller]
    pub(crate) fn await_open(&mut self, reconnects: u32) {
        while self.state() != (PortState::Open { reconnects }) {}
    }

    /// Waits, because the scanner is silent for so long.
    pub(crate) fn silence(&self, time: Duration) {
        self.runtime.block_on(async { tokio::time::sleep(time).await });
    }

    pub(crate) fn now(&self) -> BootMillis {
        self.frame_sender.clock.boot()
    }

    /// Milliseconds since then.
    pub(crate) fn ms_since(&self, earlier: BootMillis) -> i64 {
        self.now().ms_since(earlier)
    }
}

/// A frame in a word, as the traces write what they expect.
pub(crate) fn told(frame: &Frame) -> String {
    match &frame.verdict {
        Ok(text) => [('\u{1d}', "<GS>"), ('\u{1e}', "<RS>"), ('\u{4}', "<EOT>")]
            .iter()
            .fold(text.clone(), |text, (separator, shown)| text.replace(*separator, shown)),
        Err(refusal) => format!("refused {}", refusal.as_str()),
    }
}
