//! Frames from the bytes of one scanner.

use std::mem;

use super::Cut;
use super::FRAME_BYTES_MAX;
use super::Frame;
use super::Framing;
use super::Guard;
use super::MISSING;
use super::Refusal;
use super::Span;
use super::Terminator;
use super::terminator::STX;
use super::terminator::is_blank;
use super::text::Breaks;
use super::text::alternates;
use super::text::is_marked_wide;
use super::text::judge;
use crate::domain::time::BootMillis;

/// The state of the frame to which the pending bytes belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    /// A frame from its first byte on.
    Sound,
    /// A frame that is refused for this at its end, whatever else is wrong with it.
    Spoilt(Refusal),
    /// An over-long frame that has been refused; its remaining bytes are dropped.
    Discarding,
}

/// Turns the bytes of one scanner into frames.
#[derive(Debug)]
pub struct Framer {
    terminator: Terminator,
    gap_ms: i64,
    guard: Guard,
    /// The bytes of the pending frame, at most [`FRAME_BYTES_MAX`]; empty while discarding.
    pending: Vec<u8>,
    /// The byte before the next; NUL at the beginning of a frame.
    previous: u8,
    begun_at: BootMillis,
    last_byte_at: BootMillis,
    stream: Stream,
}

impl Framer {
    /// Returns the framer of a scanner of which nothing was read yet.
    pub fn new(framing: Framing) -> Self {
        Self {
            terminator: framing.terminator,
            gap_ms: framing.gap_ms(),
            guard: Guard::new(framing.guarding, framing.gap),
            pending: Vec::new(),
            previous: 0,
            begun_at: BootMillis(0),
            last_byte_at: BootMillis(0),
            stream: Stream::Sound,
        }
    }

    /// Notes that the port was opened, or has come back: a frame that begins within the gap may be the rest of a code.
    pub fn opened(&mut self, at: BootMillis) {
        self.guard.opened(at);
    }

    /// Takes bytes that arrived at `now` and appends the frames they complete to `out`.
    pub fn push(&mut self, bytes: &[u8], now: BootMillis, out: &mut Vec<Frame>) {
        self.push_begun(bytes, Span { begun: now, ended: now }, out);
    }

    /// Takes bytes that are complete at the end of `work`. If they begin a frame, it began with the work.
    pub fn push_begun(&mut self, bytes: &[u8], work: Span, out: &mut Vec<Frame>) {
        // These bytes must not complete a frame whose gap has run out before them.
        self.expire(work.ended, out);
        for &byte in bytes {
            self.take_byte(byte, work, out);
            self.last_byte_at = work.ended;
        }
    }

    /// Returns the time at which the pending frame is refused for want of a terminator, if one is pending.
    pub fn deadline(&self) -> Option<BootMillis> {
        if self.pending.is_empty() { None } else { Some(self.last_byte_at.plus_ms(self.gap_ms)) }
    }

    /// Refuses the pending frame if its deadline is at or before `now`.
    pub fn expire(&mut self, now: BootMillis, out: &mut Vec<Frame>) {
        let within_frame = !self.pending.is_empty() || self.stream == Stream::Discarding;
        if !within_frame || now.ms_since(self.last_byte_at) < self.gap_ms {
            return;
        }
        let at = self.last_byte_at.plus_ms(self.gap_ms);
        match self.stream {
            Stream::Discarding => self.guard.broken_off(at),
            // The NUL could have been half of a UTF-16 character; no more came, so it was the terminator.
            Stream::Sound if self.is_one_character_and_nul() => self.end_frame(self.last_byte_at, out),
            // The rest of a longer terminator than the one that is named.
            Stream::Sound if self.pending.iter().all(|byte| is_blank(*byte)) => self.pending.clear(),
            Stream::Sound => self.refuse(Refusal::Unfinished, at, out),
            Stream::Spoilt(why) => {
                self.refuse(why, at, out);
                // Whatever is wrong with it, its end was not read.
                self.guard.broken_off(at);
            }
        }
        self.begin_anew();
    }

    /// Settles the pending bytes because the stream of bytes is interrupted.
    pub fn finish(&mut self, why: Cut, out: &mut Vec<Frame>) {
        let at = self.last_byte_at;
        if self.stream == Stream::Discarding {
            self.guard.broken_off(at);
        }
        match why {
            // The last line of a file may have no terminator.
            Cut::EndOfInput => self.end_frame(at, out),
            Cut::Gone | Cut::Lost => self.refuse(Refusal::Lost, at, out),
        }
        self.begin_anew();
        if why == Cut::Lost {
            self.stream = Stream::Spoilt(Refusal::Lost);
        }
    }

    /// Notes that a part of the pending frame, or of the next if none is pending, cannot be read. The frame goes on to
    /// its end, with a mark in its bytes, and is then refused: for the first fault in it.
    pub fn spoil(&mut self, why: Refusal, now: BootMillis, out: &mut Vec<Frame>) {
        self.expire(now, out);
        if self.stream == Stream::Sound {
            self.stream = Stream::Spoilt(why);
        }
        // One mark stands for any number of faults in a row.
        let has_room = self.pending.len().saturating_add(MISSING.len()) <= FRAME_BYTES_MAX;
        if has_room && self.stream != Stream::Discarding && !self.pending.ends_with(MISSING) {
            if self.pending.is_empty() {
                self.begun_at = now;
            }
            self.pending.extend_from_slice(MISSING);
        }
        self.last_byte_at = now;
    }

    /// Counts the gap of the pending frame from `now`, because the scanner is at work on its next byte.
    pub fn prolong(&mut self, now: BootMillis) {
        if self.deadline().is_some() {
            self.last_byte_at = now;
        }
    }

    /// Returns true if nothing of a frame was read yet.
    pub fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.stream != Stream::Discarding
    }

    fn take_byte(&mut self, byte: u8, work: Span, out: &mut Vec<Frame>) {
        let previous = mem::replace(&mut self.previous, byte);
        if self.terminator.ends_at(previous, byte) && !self.is_high_byte(byte) {
            self.drop_first_half_of_terminator();
            self.part_one_character(out);
            self.end_frame(work.ended, out);
            self.begin_anew();
        } else if self.stream == Stream::Discarding {
            // The frame was refused when it grew too long: once is enough.
        } else if self.pending.len() == FRAME_BYTES_MAX {
            self.refuse(Refusal::TooLong, work.ended, out);
            self.stream = Stream::Discarding;
        } else {
            self.add(byte, work, out);
        }
    }

    /// Adds a byte of data to the frame pending, or begins one with it.
    fn add(&mut self, byte: u8, work: Span, out: &mut Vec<Frame>) {
        // In UTF-16 of this kind, NUL stands in every second place: any other byte there shows that it is none.
        if byte != 0 {
            self.part_wide_text(out);
        }
        // STX begins a code. Blank bytes in front of it are what is left of the end of the code before.
        if byte == STX && self.pending.iter().all(|byte| is_blank(*byte)) {
            self.pending.clear();
        }
        if self.pending.is_empty() {
            self.begun_at = work.begun;
        }
        self.pending.push(byte);
    }

    /// Removes the CR of CRLF from the data.
    fn drop_first_half_of_terminator(&mut self) {
        if self.terminator == Terminator::CrLf && self.pending.ends_with(b"\r") {
            self.pending.pop();
        }
    }

    /// Returns true for a NUL that may belong to the character before it, and so ends nothing yet.
    fn is_high_byte(&self, byte: u8) -> bool {
        let is_open = self.terminator == Terminator::Any && self.stream == Stream::Sound;
        // After an odd number of bytes, each second one NUL, this NUL completes a character.
        let is_second = self.pending.len() % 2 == 1 && alternates(&self.pending);
        is_open && byte == 0 && (is_second || is_marked_wide(&self.pending))
    }

    fn is_one_character_and_nul(&self) -> bool {
        self.terminator == Terminator::Any && self.pending.len() == 2 && self.pending.ends_with(&[0])
    }

    /// Ends the pending frame if its bytes began like UTF-16 and go on otherwise: the NUL in them was the terminator,
    /// and their last byte begins another frame.
    fn part_wide_text(&mut self, out: &mut Vec<Frame>) {
        let is_open = self.terminator == Terminator::Any && self.stream == Stream::Sound;
        let is_half_read = self.pending.len() > 2 && self.pending.len() % 2 == 1 && alternates(&self.pending);
        if !is_open || !is_half_read {
            return;
        }
        let last = self.pending.pop();
        self.end_frame(self.last_byte_at, out);
        self.pending.extend(last);
        self.begun_at = self.last_byte_at;
    }

    /// Parts two codes of one character each, of which the first ended with NUL.
    fn part_one_character(&mut self, out: &mut Vec<Frame>) {
        if self.pending.len() == 3 {
            self.part_wide_text(out);
        }
    }

    /// Ends the pending frame as a terminator does. A frame without data is nothing, so CRLF ends one frame.
    fn end_frame(&mut self, at: BootMillis, out: &mut Vec<Frame>) {
        if let Stream::Spoilt(why) = self.stream {
            self.refuse(why, at, out);
            return;
        }
        if self.stream == Stream::Discarding {
            self.guard.broken_off(at);
        }
        if self.is_one_character_and_nul() {
            self.pending.pop();
        }
        let raw = mem::take(&mut self.pending);
        if raw.iter().all(|byte| is_blank(*byte)) {
            return;
        }
        let breaks = if self.terminator == Terminator::Any { Breaks::End } else { Breaks::AreData };
        // NUL stands in a frame of any terminator only as part of UTF-16.
        let verdict = judge(&raw, breaks);
        self.tell(Frame { raw, verdict }, at, out);
    }

    fn refuse(&mut self, refusal: Refusal, at: BootMillis, out: &mut Vec<Frame>) {
        if !self.pending.is_empty() {
            let raw = mem::take(&mut self.pending);
            self.tell(Frame { raw, verdict: Err(refusal) }, at, out);
        }
    }

    fn tell(&mut self, frame: Frame, ended: BootMillis, out: &mut Vec<Frame>) {
        let span = Span { begun: self.begun_at, ended };
        out.push(self.guard.admit(frame, span));
    }

    /// Begins a frame with the next byte.
    fn begin_anew(&mut self) {
        self.stream = Stream::Sound;
        // NUL is the first half of no terminator.
        self.previous = 0;
    }
}
