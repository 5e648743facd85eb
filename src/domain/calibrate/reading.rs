//! Readings: a capture, cut at pauses and behind each run of terminators.

use std::collections::BTreeMap;

use crate::domain::calibrate::Byte;
use crate::domain::calibrate::Capture;
use crate::domain::calibrate::alphabet::Alphabet;
use crate::domain::decode::keymap::InputEvent;
use crate::domain::decode::keymap::LAYOUTS;
use crate::domain::decode::keymap::LayoutName;
use crate::domain::decode::keymap::Mark;
use crate::domain::decode::keymap::What;
use crate::domain::decode::keymap::longest_wait_us;
use crate::domain::decode::keymap::marks;

/// The shortest pause that ends a reading, in microseconds: no scanner pauses so long within a code, and nobody scans
/// two sooner.
pub const QUIET_US: i64 = 500_000;

/// A capture, seen in one layout.
#[derive(Debug)]
pub(super) struct Candidate {
    /// The layout; bytes need none.
    pub(super) layout: Option<LayoutName>,
    /// The characters that its keys may mean, if it has no Latin letters.
    pub(super) without_latin: Option<Alphabet>,
    /// The readings, by the time of their first key or byte.
    pub(super) readings: BTreeMap<i64, Reading>,
}

/// Everything of one scan.
#[derive(Debug)]
pub(super) struct Reading {
    /// The characters before the terminators.
    pub(super) body: Vec<Mark>,
    /// The terminators with which it ends.
    pub(super) end: String,
    /// The longest pause within it.
    pub(super) longest_us: i64,
}

/// Returns every interpretation of a capture: keys in each layout, bytes as they are.
pub(super) fn candidates(capture: &Capture) -> Vec<Candidate> {
    match capture {
        Capture::Keys(events) => LAYOUTS
            .iter()
            .map(|(_, layout)| Candidate {
                layout: Some(*layout),
                without_latin: Alphabet::without_latin(*layout),
                readings: of_keys(*layout, events),
            })
            .collect(),
        Capture::Bytes(bytes) => {
            vec![Candidate { layout: None, without_latin: None, readings: of_bytes(bytes) }]
        }
    }
}

impl Reading {
    /// Returns the text that was read, with U+FFFD for what has no meaning.
    pub(super) fn text(&self) -> String {
        text(&self.body)
    }
}

/// Returns the characters of marks, with U+FFFD for what has no meaning.
pub(super) fn text(marks: &[Mark]) -> String {
    let character = |mark: &Mark| match mark.what {
        What::Char(c) => c,
        What::Unclear | What::Lost => char::REPLACEMENT_CHARACTER,
    };
    marks.iter().map(character).collect()
}

fn of_keys(layout: LayoutName, events: &[InputEvent]) -> BTreeMap<i64, Reading> {
    cut(marks(layout, events, QUIET_US), |from, to| longest_wait_us(events, from, to))
}

fn of_bytes(bytes: &[Byte]) -> BTreeMap<i64, Reading> {
    let raw: Vec<u8> = bytes.iter().map(|byte| byte.byte).collect();
    // Bytes of one read have one time. One microsecond more for each keeps two codes of one read apart.
    let mut last_us = i64::MIN;
    let mut times = bytes.iter().map(|byte| {
        last_us = byte.at_us.max(last_us.saturating_add(1));
        last_us
    });
    let mut marks = Vec::new();
    let mut push = |what, length: usize| {
        let taken: Vec<i64> = times.by_ref().take(length).collect();
        if let (Some(from_us), Some(at_us)) = (taken.first(), taken.last()) {
            marks.push(Mark { from_us: *from_us, at_us: *at_us, what, keys: Vec::new() });
        }
    };
    for chunk in raw.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push(What::Char(c), c.len_utf8()));
        chunk.invalid().iter().for_each(|_byte| push(What::Unclear, 1));
    }
    let of_marks: Vec<i64> = marks.iter().flat_map(|mark| [mark.from_us, mark.at_us]).collect();
    let longest = |from: i64, to: i64| {
        let times: Vec<i64> = of_marks.iter().copied().filter(|at| (from..=to).contains(at)).collect();
        let waits = times.iter().zip(times.iter().skip(1)).map(|(one, next)| next.saturating_sub(*one));
        waits.max().unwrap_or(0)
    };
    cut(marks, longest)
}

/// Cuts marks into readings. Terminators alone are not a reading.
fn cut(marks: Vec<Mark>, longest_us: impl Fn(i64, i64) -> i64) -> BTreeMap<i64, Reading> {
    let mut pieces: Vec<Vec<Mark>> = Vec::new();
    for mark in marks {
        let goes_on = pieces.last().and_then(|piece| piece.last()).is_some_and(|before| {
            // Without any pause, a character behind a terminator begins the next code.
            let is_next = is_terminator(before) && !is_terminator(&mark);
            !is_next && mark.from_us.saturating_sub(before.at_us) < QUIET_US
        });
        match pieces.last_mut() {
            Some(piece) if goes_on => piece.push(mark),
            _ => pieces.push(vec![mark]),
        }
    }
    let reading = |mut body: Vec<Mark>| {
        let from = body.first()?.from_us;
        let to = body.last()?.at_us;
        let end = body.split_off(body.iter().rposition(|mark| !is_terminator(mark))?.saturating_add(1));
        Some((from, Reading { body, end: text(&end), longest_us: longest_us(from, to) }))
    };
    pieces.into_iter().filter_map(reading).collect()
}

/// Returns true for CR, LF, Tab and NUL, as in [`crate::domain::decode::framing`].
fn is_terminator(mark: &Mark) -> bool {
    matches!(mark.what, What::Char('\r' | '\n' | '\t' | '\0'))
}
