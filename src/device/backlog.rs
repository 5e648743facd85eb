//! The messages of a keyboard's or a HID-POS scanner's thread that the agent has not received yet.
//!
//! Promises: only [`Backlog::settle`] waits; messages are sent in their order. When the backlog is full, the content
//! of a further frame is dropped, and the frame still counts: it reaches the agent as a refused one.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;

use crate::device::FrameSender;
use crate::device::FromScanner;
use crate::device::ReadAt;
use crate::device::bell::Bell;
use crate::device::line::FULL_QUEUE_REST;
use crate::device::line::Stopped;
use crate::domain::decode::framing::Frame;
use crate::domain::decode::framing::MISSING;
use crate::domain::decode::framing::Refusal;
use crate::domain::ids::ScannerName;

/// The most waiting frames of one scanner: a quarter of an hour of one quick person's scans, half a megabyte of the
/// longest codes.
pub(super) const BACKLOG_FRAMES_MAX: usize = 1024;

/// Messages in the order in which they are sent.
#[derive(Debug)]
pub(super) struct Backlog {
    frame_sender: FrameSender,
    bell: Bell,
    frames_max: usize,
    waiting: VecDeque<FromScanner>,
    /// The dropped frames, for which there was no room: their number, their scanner, and the time of the last one.
    forgotten: u64,
    last_forgotten: Option<(ScannerName, ReadAt)>,
}

impl Backlog {
    pub(super) fn new(frame_sender: FrameSender, bell: Bell, frames_max: usize) -> Self {
        Self { frame_sender, bell, frames_max, waiting: VecDeque::new(), forgotten: 0, last_forgotten: None }
    }

    /// Adds a frame, or counts it as dropped.
    pub(super) fn push(&mut self, scanner: &ScannerName, frame: Frame, at: ReadAt) {
        if self.waiting.len() < self.frames_max {
            self.waiting.push_back(FromScanner::Frame { scanner: scanner.clone(), frame, at });
        } else {
            self.forgotten = self.forgotten.saturating_add(1);
            self.last_forgotten = Some((scanner.clone(), at));
        }
    }

    /// Adds news of the port. At most two such messages wait, an opening and the loss after it, because the reader's
    /// loop settles the backlog after each loss.
    pub(super) fn tell(&mut self, news: FromScanner) {
        self.waiting.push_back(news);
    }

    /// Sends as many messages as there is room for, and returns true if those were all.
    pub(super) fn flush(&mut self) -> Result<bool, Stopped> {
        while let Some(message) = self.next() {
            match self.frame_sender.queue.try_send(message) {
                Ok(()) => (),
                Err(TrySendError::Full(message)) => {
                    self.waiting.push_front(message);
                    return Ok(false);
                }
                Err(TrySendError::Closed(_)) => return Err(Stopped),
            }
        }
        Ok(true)
    }

    /// Sends everything, and waits for room; a stop ends the wait.
    pub(super) fn settle(&mut self) -> Result<(), Stopped> {
        while !self.flush()? {
            if self.bell.is_stopping() {
                return Err(Stopped);
            }
            self.bell.rest(FULL_QUEUE_REST);
        }
        Ok(())
    }

    /// Returns the longest wait before the next [`Backlog::flush`]; `None` if nothing waits.
    pub(super) fn patience(&self) -> Option<Duration> {
        let is_empty = self.waiting.is_empty() && self.forgotten == 0;
        (!is_empty).then_some(FULL_QUEUE_REST)
    }

    /// Returns the next message: first those that wait, then the dropped frames.
    fn next(&mut self) -> Option<FromScanner> {
        if let Some(message) = self.waiting.pop_front() {
            return Some(message);
        }
        // Of a dropped frame only the count is known, so the agent receives the mark of missing content in its place:
        // the loss is visible, and nothing is guessed.
        let (scanner, at) = self.last_forgotten.clone().filter(|_| self.forgotten > 0)?;
        self.forgotten = self.forgotten.saturating_sub(1);
        let frame = Frame { raw: MISSING.to_vec(), verdict: Err(Refusal::Overrun) };
        Some(FromScanner::Frame { scanner, frame, at })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::mpsc;

    use super::*;
    use crate::clock::SystemClock;
    use crate::domain::time::BootMillis;
    use crate::domain::time::UnixMillis;

    const AT: ReadAt = ReadAt { boot: BootMillis(1), wall: UnixMillis(2) };

    fn bench(queue_max: usize, frames_max: usize) -> (Backlog, mpsc::Receiver<FromScanner>, Bell) {
        let (sender, queue) = mpsc::channel(queue_max);
        let (frame_sender, bell) =
            (FrameSender { clock: Arc::new(SystemClock::new()), queue: sender }, Bell::new().unwrap());
        (Backlog::new(frame_sender, bell.clone(), frames_max), queue, bell)
    }

    fn push(backlog: &mut Backlog, codes: std::ops::Range<u32>) {
        for code in codes {
            let text = code.to_string();
            let frame = Frame { raw: text.clone().into_bytes(), verdict: Ok(text) };
            backlog.push(&ScannerName::new("dock"), frame, AT);
        }
    }

    /// Returns the frames sent since the last call: their texts, or the reasons why they were refused.
    fn sent(queue: &mut mpsc::Receiver<FromScanner>) -> Vec<String> {
        let mut sent = Vec::new();
        while let Ok(FromScanner::Frame { frame, .. }) = queue.try_recv() {
            sent.push(frame.verdict.unwrap_or_else(|refusal| refusal.as_str().to_owned()));
        }
        sent
    }

    #[test]
    fn what_has_no_room_waits_in_its_order() {
        let (mut backlog, mut queue, _bell) = bench(2, 8);
        push(&mut backlog, 1..5);
        assert_eq!(backlog.flush(), Ok(false));
        assert_eq!(backlog.patience(), Some(FULL_QUEUE_REST));
        push(&mut backlog, 5..6);
        assert_eq!(sent(&mut queue), ["1", "2"]);
        assert_eq!(backlog.flush(), Ok(false));
        assert_eq!(sent(&mut queue), ["3", "4"]);
        assert_eq!(backlog.flush(), Ok(true));
        assert_eq!(sent(&mut queue), ["5"]);
        assert_eq!(backlog.patience(), None);
    }

    #[test]
    fn every_frame_beyond_the_limit_is_told_as_a_refused_one() {
        let (mut backlog, mut queue, _bell) = bench(2, 3);
        push(&mut backlog, 1..7);
        let mut all = Vec::new();
        while backlog.flush() == Ok(false) {
            all.extend(sent(&mut queue));
        }
        all.extend(sent(&mut queue));
        assert_eq!(all, ["1", "2", "3", "overrun", "overrun", "overrun"]);
        assert_eq!(backlog.patience(), None);
    }

    #[test]
    fn a_stop_or_a_closed_queue_ends_the_waiting() {
        let (mut backlog, mut queue, bell) = bench(1, 8);
        push(&mut backlog, 1..4);
        bell.stop();
        assert_eq!(backlog.settle(), Err(Stopped));
        assert_eq!(sent(&mut queue), ["1"]);
        queue.close();
        assert_eq!(backlog.flush(), Err(Stopped));
    }
}
