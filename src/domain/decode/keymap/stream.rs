//! Frames from the events of one keyboard scanner.
//!
//! Promises: a frame is passed on only if every event of it was read and understood, in the scanner's layout.
//! After lost events, an unclear key, a combination not finished, a gap or a lost device the code is refused
//! whole, once, with U+FFFD where something is missing. The same events give the same frames: time is the
//! kernel's, which comes with each of them.

use crate::domain::decode::framing::Cut;
use crate::domain::decode::framing::Frame;
use crate::domain::decode::framing::Framer;
use crate::domain::decode::framing::Framing;
use crate::domain::decode::framing::Refusal;
use crate::domain::decode::framing::Span;
use crate::domain::decode::keymap::decoder::KeyChange;
use crate::domain::decode::keymap::decoder::KeyDecoder;
use crate::domain::decode::keymap::decoder::Typed;
use crate::domain::decode::keymap::layout::LayoutName;
use crate::domain::time::BootMillis;

/// Kinds of events, and the codes of those that separate them (`linux/include/uapi/linux/input-event-codes.h`).
pub const EV_SYN: u16 = 0;
/// A key.
pub const EV_KEY: u16 = 1;
/// The end of a group of events.
pub const SYN_REPORT: u16 = 0;
/// The kernel has thrown events away, those up to the next [`SYN_REPORT`] too
/// (`linux/Documentation/input/event-codes.rst`, `EV_SYN`).
pub const SYN_DROPPED: u16 = 3;

/// An event of an input device, as the kernel hands it over (`struct input_event`, `linux/input.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputEvent {
    /// The time at which it happened, in microseconds since boot.
    pub at_us: i64,
    /// Its kind: `EV_KEY` and so on.
    pub kind: u16,
    /// Its code within that kind: a key.
    pub code: u16,
    /// The change: 0 released, 1 pressed, 2 held.
    pub value: i32,
}

impl InputEvent {
    /// Returns the time at which it happened.
    pub const fn at(&self) -> BootMillis {
        BootMillis(self.at_us.div_euclid(1000))
    }
}

/// Turns the events of one keyboard scanner into frames.
#[derive(Debug)]
pub struct KeyStream {
    decoder: KeyDecoder,
    framer: Framer,
    gap_ms: i64,
    last_key_at: BootMillis,
    /// The time of the first key of the next character, if one is pressed already.
    begun_at: Option<BootMillis>,
    /// True within a group of events of which some are lost.
    is_torn: bool,
}

impl KeyStream {
    /// Returns the stream of a device that was opened at `opened`, of a scanner set to `layout`. A code that stands
    /// unfinished for a gap is refused.
    pub fn new(layout: LayoutName, framing: Framing, opened: BootMillis) -> Self {
        let mut framer = Framer::new(framing);
        framer.opened(opened);
        Self {
            decoder: KeyDecoder::new(layout),
            framer,
            gap_ms: framing.gap_ms(),
            last_key_at: opened,
            begun_at: None,
            is_torn: false,
        }
    }

    /// Takes an event and appends the frame it completes to `out`.
    pub fn take(&mut self, event: InputEvent, out: &mut Vec<Frame>) {
        let at = event.at();
        match (event.kind, event.code) {
            (EV_SYN, SYN_DROPPED) => {
                // A gap before the loss ends the earlier code first: the loss spoils only the code after it.
                self.expire(at, out);
                self.decoder.lose();
                self.framer.spoil(Refusal::Lost, at, out);
                self.last_key_at = at;
                self.is_torn = true;
            }
            // Events are whole again behind the next report (`SYN_DROPPED`, event-codes.rst).
            (EV_SYN, SYN_REPORT) => self.is_torn = false,
            (EV_KEY, code) if !self.is_torn => {
                self.expire(at, out);
                if event.value == 1 {
                    self.begun_at.get_or_insert(at);
                }
                let typed = match event.value {
                    0 => self.decoder.key(code, KeyChange::Release),
                    1 => self.decoder.key(code, KeyChange::Press),
                    _ => self.decoder.key(code, KeyChange::Repeat),
                };
                // The repetitions of a key that stays down do not prolong a code.
                if event.value <= 1 {
                    self.last_key_at = at;
                    self.framer.prolong(at);
                }
                self.type_out(typed, at, out);
                let is_idle = self.framer.is_idle() && self.decoder.is_at_rest();
                if is_idle || typed.text.is_some() {
                    self.begun_at = None;
                }
            }
            // The rest of a torn group and events other than keys carry no part of a code.
            _ => (),
        }
    }

    /// Returns the time at which the pending keys or frame are refused, if there are any.
    pub fn deadline(&self) -> Option<BootMillis> {
        let midway = self.decoder.is_midway().then(|| self.last_key_at.plus_ms(self.gap_ms));
        self.framer.deadline().into_iter().chain(midway).min()
    }

    /// Refuses the pending keys or frame if the deadline is at or before `now`. No event from before `now` may be
    /// unread.
    pub fn expire(&mut self, now: BootMillis, out: &mut Vec<Frame>) {
        if now.ms_since(self.last_key_at) >= self.gap_ms {
            self.break_off(Refusal::Unfinished, out);
            self.decoder.settle();
            self.begun_at = None;
        }
        self.framer.expire(now, out);
    }

    /// Refuses the pending keys or frame because the device is gone or is read no longer.
    pub fn finish(&mut self, out: &mut Vec<Frame>) {
        self.break_off(Refusal::Lost, out);
        self.framer.finish(Cut::Gone, out);
    }

    fn type_out(&mut self, typed: Typed, at: BootMillis, out: &mut Vec<Frame>) {
        if typed.unclear {
            self.framer.spoil(Refusal::UnknownKey, at, out);
        }
        if let Some(c) = typed.text {
            let work = Span { begun: self.begun_at.unwrap_or(at), ended: at };
            self.framer.push_begun(c.encode_utf8(&mut [0; 4]).as_bytes(), work, out);
        }
    }

    /// Spoils the code to which an unfinished combination belongs.
    fn break_off(&mut self, why: Refusal, out: &mut Vec<Frame>) {
        if self.decoder.is_midway() {
            self.decoder.give_up();
            self.framer.spoil(why, self.last_key_at, out);
        }
    }
}
