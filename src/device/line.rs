//! The path of one scanner's bytes: through the framer, into the agent's queue.

use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;

use crate::device::FrameSender;
use crate::device::FromScanner;
use crate::device::PortState;
use crate::device::ReadAt;
use crate::device::bell::Bell;
use crate::domain::decode::framing::Cut;
use crate::domain::decode::framing::Frame;
use crate::domain::decode::framing::Framer;
use crate::domain::decode::framing::Framing;
use crate::domain::ids::ScannerName;
use crate::domain::time::BootMillis;

/// The pause of a thread before it checks again for room in a full queue: short compared with the time a person takes
/// to scan, and 50 checks a second cost nothing.
pub(super) const FULL_QUEUE_REST: Duration = Duration::from_millis(20);

/// The shortest wait for the rest of a frame: the clock counts whole milliseconds, and zero would be no wait.
const PATIENCE_MIN: Duration = Duration::from_millis(1);

/// The signal that the thread must end: it was stopped, or the agent no longer receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stopped;

/// One scanner's framer and its place in the queue.
#[derive(Debug)]
pub(super) struct Line {
    scanner: ScannerName,
    frame_sender: FrameSender,
    bell: Bell,
    framer: Framer,
    /// The milliseconds by which the framer's clock is late; see [`Line::take`].
    behind_ms: i64,
    /// The frames on their way from the framer to the queue; empty between calls.
    frames: Vec<Frame>,
}

impl Line {
    pub(super) fn new(scanner: ScannerName, framing: Framing, frame_sender: FrameSender, bell: Bell) -> Self {
        Self { scanner, frame_sender, bell, framer: Framer::new(framing), behind_ms: 0, frames: Vec::new() }
    }

    pub(super) fn scanner(&self) -> &ScannerName {
        &self.scanner
    }

    /// Notes that the port was opened, or has come back.
    pub(super) fn opened(&mut self) {
        let now = self.now();
        self.framer.opened(now);
    }

    /// Sends the frames that `bytes` complete.
    ///
    /// Bytes that can be read belong to the pending frame, even if its time is over by the clock: they waited in the
    /// kernel while the thread waited for the queue or for the processor, and a caller that finds no bytes calls
    /// [`Line::expire`]. So the framer's clock is held back by the time that the thread was late.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        if let Some(deadline) = self.framer.deadline() {
            // One more than the lateness, because a frame expires at its deadline and not after it.
            let late_ms = self.now().plus_ms(1).ms_since(deadline);
            self.behind_ms = self.behind_ms.saturating_add(late_ms.max(0));
        }
        let now = self.now();
        self.framer.push(bytes, now, &mut self.frames);
        self.send_frames()
    }

    /// Sends a frame that was not made from the pending bytes.
    pub(super) fn pass(&mut self, frame: Frame) -> Result<(), Stopped> {
        self.frames.push(frame);
        self.send_frames()
    }

    /// Returns the wait for the rest of the pending frame; `None` (no limit) if there is none.
    pub(super) fn patience(&self) -> Option<Duration> {
        let left_ms = self.framer.deadline()?.ms_since(self.now());
        Some(Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)).max(PATIENCE_MIN))
    }

    /// Refuses the pending frame if its time is over. Call it only when there are no bytes to read.
    pub(super) fn expire(&mut self) -> Result<(), Stopped> {
        let now = self.now();
        self.framer.expire(now, &mut self.frames);
        self.send_frames()
    }

    /// Settles the pending frame because the bytes end here.
    pub(super) fn finish(&mut self, why: Cut) -> Result<(), Stopped> {
        self.framer.finish(why, &mut self.frames);
        self.send_frames()
    }

    /// Sends news of the port.
    pub(super) fn tell(&self, state: PortState) -> Result<(), Stopped> {
        self.send(FromScanner::State { scanner: self.scanner.clone(), state })
    }

    fn now(&self) -> BootMillis {
        self.frame_sender.clock.boot().plus_ms(self.behind_ms.saturating_neg())
    }

    fn send_frames(&mut self) -> Result<(), Stopped> {
        let at = ReadAt { boot: self.frame_sender.clock.boot(), wall: self.frame_sender.clock.wall() };
        let frames: Vec<Frame> = self.frames.drain(..).collect();
        let scanner = &self.scanner;
        frames
            .into_iter()
            .try_for_each(|frame| self.send(FromScanner::Frame { scanner: scanner.clone(), frame, at }))
    }

    /// Sends a message when there is room. A stop ends only the wait: a message with room is still sent.
    fn send(&self, message: FromScanner) -> Result<(), Stopped> {
        let mut waiting = message;
        loop {
            match self.frame_sender.queue.try_send(waiting) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(message)) if !self.bell.is_stopping() => waiting = message,
                Err(TrySendError::Full(_) | TrySendError::Closed(_)) => return Err(Stopped),
            }
            self.bell.rest(FULL_QUEUE_REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicI64;
    use std::sync::atomic::Ordering;

    use tokio::sync::mpsc;

    use super::*;
    use crate::clock::Clock;
    use crate::domain::time::UnixMillis;

    /// A clock that the test moves.
    #[derive(Debug, Default)]
    struct HandClock(AtomicI64);

    impl Clock for HandClock {
        fn wall(&self) -> UnixMillis {
            UnixMillis(self.0.load(Ordering::Relaxed))
        }

        fn boot(&self) -> BootMillis {
            BootMillis(self.0.load(Ordering::Relaxed))
        }

        fn boot_id(&self) -> &'static str {
            "boot"
        }

        fn is_synchronized(&self) -> bool {
            false
        }
    }

    /// A line with a gap of 200 ms, its clock, and the agent's end of its queue.
    struct Bench {
        line: Line,
        clock: Arc<HandClock>,
        queue: mpsc::Receiver<FromScanner>,
        bell: Bell,
    }

    impl Bench {
        fn new(queue_max: usize) -> Self {
            let (clock, bell) = (Arc::new(HandClock::default()), Bell::new().unwrap());
            let (sender, queue) = mpsc::channel(queue_max);
            let frame_sender = FrameSender { clock: Arc::<HandClock>::clone(&clock), queue: sender };
            let framing = Framing::usual(Duration::from_millis(200));
            let line = Line::new(ScannerName::new("dock"), framing, frame_sender, bell.clone());
            Self { line, clock, queue, bell }
        }

        fn pass(&self, ms: i64) {
            self.clock.0.fetch_add(ms, Ordering::Relaxed);
        }

        /// Returns the frames sent since the last call: their bytes, with `!` before the refused ones.
        fn sent(&mut self) -> Vec<String> {
            let mut sent = Vec::new();
            while let Ok(FromScanner::Frame { frame, .. }) = self.queue.try_recv() {
                let refused = if frame.verdict.is_err() { "!" } else { "" };
                sent.push(format!("{refused}{}", String::from_utf8_lossy(&frame.raw)));
            }
            sent
        }
    }

    #[test]
    fn bytes_that_waited_in_the_kernel_still_belong_to_their_frame() {
        let mut bench = Bench::new(8);
        assert_eq!(bench.line.take(b"40063"), Ok(()));
        bench.pass(5000);
        assert_eq!(bench.line.take(b"81333"), Ok(()));
        bench.pass(199);
        assert_eq!(bench.line.expire(), Ok(()));
        assert_eq!(bench.line.take(b"931\r"), Ok(()));
        assert_eq!(bench.sent(), ["4006381333931"]);
    }

    #[test]
    fn the_gap_is_whole_again_after_a_delay() {
        let mut bench = Bench::new(8);
        assert_eq!(bench.line.take(b"40063"), Ok(()));
        bench.pass(5000);
        assert_eq!(bench.line.take(b"81333"), Ok(()));
        assert_eq!(bench.line.patience(), Some(Duration::from_millis(200)));
        bench.pass(200);
        assert_eq!(bench.line.expire(), Ok(()));
        assert_eq!(bench.sent(), ["!4006381333"]);
    }

    #[test]
    fn a_frame_is_dated_by_the_clock_even_after_a_delay() {
        let mut bench = Bench::new(8);
        assert_eq!(bench.line.take(b"40063"), Ok(()));
        bench.pass(5000);
        assert_eq!(bench.line.take(b"\r"), Ok(()));
        let Ok(FromScanner::Frame { at, .. }) = bench.queue.try_recv() else { panic!("no frame") };
        assert_eq!(at, ReadAt { boot: BootMillis(5000), wall: UnixMillis(5000) });
    }

    #[test]
    fn nothing_pending_is_waited_for_without_end_and_an_overdue_rest_but_shortly() {
        let mut bench = Bench::new(8);
        assert_eq!(bench.line.patience(), None);
        assert_eq!(bench.line.take(b"4"), Ok(()));
        bench.pass(5000);
        assert_eq!(bench.line.patience(), Some(Duration::from_millis(1)));
    }

    #[test]
    fn a_stop_ends_the_waiting_for_room_and_sends_what_has_room() {
        let mut bench = Bench::new(1);
        bench.bell.stop();
        assert_eq!(bench.line.take(b"1\r2\r"), Err(Stopped));
        assert_eq!(bench.sent(), ["1"]);
    }

    #[test]
    fn a_closed_queue_ends_the_line() {
        let mut bench = Bench::new(1);
        bench.queue.close();
        assert_eq!(bench.line.take(b"1\r"), Err(Stopped));
    }
}
