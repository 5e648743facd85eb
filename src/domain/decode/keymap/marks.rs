//! Marks of everything that keys typed, one for each character. They show how a scanner types, where a frame would
//! only show the refusal.

use crate::domain::decode::keymap::decoder::KeyChange;
use crate::domain::decode::keymap::decoder::KeyDecoder;
use crate::domain::decode::keymap::layout::LayoutName;
use crate::domain::decode::keymap::stream::EV_KEY;
use crate::domain::decode::keymap::stream::EV_SYN;
use crate::domain::decode::keymap::stream::InputEvent;
use crate::domain::decode::keymap::stream::SYN_DROPPED;
use crate::domain::decode::keymap::stream::SYN_REPORT;

/// The content of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// This character, which may be a terminator.
    Char(char),
    /// A key without a meaning in the layout, or a combination that makes no character.
    Unclear,
    /// Events were thrown away.
    Lost,
}

/// One character, or something in place of one, that was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The time at which its first key was pressed, in microseconds since boot.
    pub from_us: i64,
    /// The time at which it was complete, likewise.
    pub at_us: i64,
    /// Its content.
    pub what: What,
    /// The keys that were pressed for it, modifiers too.
    pub keys: Vec<u16>,
}

/// Returns the marks that `events` type in `layout`. A combination that is begun and not finished for `quiet_us` is
/// unclear.
pub fn marks(layout: LayoutName, events: &[InputEvent], quiet_us: i64) -> Vec<Mark> {
    let mut marker = MarkReader::new(layout, quiet_us);
    for event in events {
        marker.take(*event);
    }
    marker.break_off();
    marker.marks
}

/// Returns the longest time between two changes of keys from `from_us` to `to_us`.
pub fn longest_wait_us(events: &[InputEvent], from_us: i64, to_us: i64) -> i64 {
    let keys = events.iter().filter(|event| event.kind == EV_KEY && event.value <= 1);
    let times: Vec<i64> = keys.map(|event| event.at_us).filter(|at| (from_us..=to_us).contains(at)).collect();
    let waits = times.iter().zip(times.iter().skip(1)).map(|(one, next)| next.saturating_sub(*one));
    waits.max().unwrap_or(0)
}

struct MarkReader {
    decoder: KeyDecoder,
    quiet_us: i64,
    marks: Vec<Mark>,
    /// The keys that were pressed since the last mark, and the time of the first.
    keys: Vec<u16>,
    from_us: Option<i64>,
    last_us: i64,
    is_torn: bool,
}

impl MarkReader {
    fn new(layout: LayoutName, quiet_us: i64) -> Self {
        Self {
            decoder: KeyDecoder::new(layout),
            quiet_us,
            marks: Vec::new(),
            keys: Vec::new(),
            from_us: None,
            last_us: i64::MIN,
            is_torn: false,
        }
    }

    fn take(&mut self, event: InputEvent) {
        match (event.kind, event.code) {
            (EV_SYN, SYN_DROPPED) => {
                self.decoder.lose();
                self.mark(What::Lost, event.at_us);
                (self.is_torn, self.last_us) = (true, event.at_us);
            }
            (EV_SYN, SYN_REPORT) => self.is_torn = false,
            (EV_KEY, code) if !self.is_torn => self.key(code, event),
            _ => (),
        }
    }

    fn key(&mut self, code: u16, event: InputEvent) {
        let at = event.at_us;
        let change = match event.value {
            0 => KeyChange::Release,
            1 => KeyChange::Press,
            _ => KeyChange::Repeat,
        };
        if at.saturating_sub(self.last_us) >= self.quiet_us {
            self.break_off();
            self.decoder.settle();
        }
        // Repetitions are the kernel's and show nothing of the scanner's pace.
        if change != KeyChange::Repeat {
            self.last_us = at;
        }
        if change == KeyChange::Press {
            self.keys.push(code);
            self.from_us = self.from_us.or(Some(at));
        }
        let typed = self.decoder.key(code, change);
        if typed.unclear {
            self.mark(What::Unclear, at);
        }
        if let Some(c) = typed.text {
            self.mark(What::Char(c), at);
        }
    }

    /// Marks a combination that is begun as unclear, because it is never finished.
    fn break_off(&mut self) {
        if self.decoder.is_midway() {
            self.decoder.give_up();
            self.mark(What::Unclear, self.last_us);
        }
        (self.keys, self.from_us) = (Vec::new(), None);
    }

    fn mark(&mut self, what: What, at_us: i64) {
        let (keys, from_us) = (std::mem::take(&mut self.keys), self.from_us.take().unwrap_or(at_us));
        self.marks.push(Mark { from_us, at_us, what, keys });
    }
}
