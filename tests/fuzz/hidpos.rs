//! The reports of a HID-POS scanner, and report descriptors.

use std::time::Duration;

use crate::domain::decode::framing::{FRAME_BYTES_MAX, Frame, Framing};
use crate::domain::decode::hidpos::{Layout, PosStream};
use crate::domain::time::BootMillis;

use crate::Input;
use crate::framing::SEPARATORS;

const GAP: Duration = Duration::from_millis(200);
/// Long after the device was opened.
const BEGIN: BootMillis = BootMillis(10_000);
/// Bytes of a code in one report.
const PIECE: usize = 56;
/// Report 2: a count, three characters of the AIM identifier, 56 bytes of the code, and a bit that says that it goes on.
const DESCRIPTOR: &[u8] = &[
    0x05, 0x8c, 0x09, 0x02, 0xa1, 0x01, 0x09, 0x12, 0xa1, 0x02, 0x85, 0x02, 0x15, 0x00, 0x26, 0xff, 0x00,
    0x75, 0x08, 0x95, 0x01, 0x05, 0x01, 0x09, 0x3b, 0x81, 0x02, 0x95, 0x03, 0x05, 0x8c, 0x09, 0xfb, 0x09,
    0xfc, 0x09, 0xfd, 0x81, 0x02, 0x95, 0x38, 0x09, 0xfe, 0x82, 0x02, 0x01, 0x25, 0x01, 0x75, 0x01, 0x95,
    0x08, 0x09, 0xff, 0x81, 0x02, 0xc0, 0xc0,
];

/// A code that passes is what consecutive reports brought, all of them; a descriptor of any bytes is read or unfit.
pub(crate) fn check(input: &[u8]) {
    let mut input = Input::new(input);
    if input.byte().is_multiple_of(4) {
        any_descriptor(&mut input);
    } else {
        known_scanner(&mut input);
    }
}

fn any_descriptor(input: &mut Input<'_>) {
    let length = usize::from(input.byte());
    let Ok(layout) = Layout::of(input.bytes(length)) else { return };
    let longest = layout.report_bytes_max();
    let (mut stream, mut frames) = (PosStream::new(layout, Framing::usual(GAP), BootMillis(0)), Vec::new());
    while !input.is_empty() {
        let length = usize::from(input.byte()).min(longest);
        stream.take(input.bytes(length), BEGIN, &mut frames);
    }
    stream.finish(&mut frames);
    within_limits(&frames);
}

fn known_scanner(input: &mut Input<'_>) {
    let layout = Layout::of(DESCRIPTOR).expect("the descriptor is one of a scanner");
    let (mut stream, mut frames) = (PosStream::new(layout, Framing::usual(GAP), BootMillis(0)), Vec::new());
    let mut now = BEGIN;
    // What the reports since the last whole code brought; none, once something was wrong.
    let mut sound = Some(Vec::new());
    // Whether the scanner said that more of the code is to come, or what it said was lost.
    let mut goes_on = false;
    while !input.is_empty() {
        let (what, pause) = (input.byte(), i64::from(input.byte()));
        now = now.plus_ms(pause);
        stream.expire(now, &mut frames);
        if pause >= 200 {
            sound = if goes_on { None } else { Some(Vec::new()) };
        }
        let before = frames.len();
        match what {
            0..=199 => {
                let (piece, is_continued) = (input.bytes(usize::from(what) % (PIECE + 1)), what >= 120);
                stream.take(&report(piece, is_continued), now, &mut frames);
                if let Some(code) = &mut sound {
                    code.extend_from_slice(piece);
                }
                passed(&frames[before..], sound.as_deref());
                goes_on = is_continued;
                if !is_continued {
                    sound = Some(Vec::new());
                }
            }
            200..=227 => {
                let torn = report(input.bytes(7), true);
                stream.take(&torn[..usize::from(what - 190)], now, &mut frames);
                sound = None;
            }
            _ => {
                stream.lose(now);
                (sound, goes_on) = (None, true);
            }
        }
    }
    let before = frames.len();
    stream.finish(&mut frames);
    passed(&frames[before..], None);
    assert_eq!(stream.deadline(), None, "nothing is left pending");
    within_limits(&frames);
}

/// A code of `]E0` in one report.
fn report(piece: &[u8], is_continued: bool) -> Vec<u8> {
    let count = u8::try_from(piece.len()).expect("a piece is short");
    let mut report = vec![2, count];
    report.extend_from_slice(b"]E0");
    report.extend(piece.iter().copied().chain([0; PIECE]).take(PIECE));
    report.push(u8::from(is_continued));
    report
}

/// Line breaks and what else ends a code of other scanners.
const BREAKS: [char; 4] = ['\r', '\n', '\t', '\0'];

/// Codes pass only where nothing was wrong, and whole.
fn passed(frames: &[Frame], sound: Option<&[u8]>) {
    for text in frames.iter().filter_map(|frame| frame.verdict.as_ref().ok()) {
        let code = sound.expect("a code passed of which something was lost");
        let code = code.strip_prefix(b"]E0").unwrap_or(code);
        if is_wide(code) {
            continue;
        }
        let code = code.strip_prefix(b"\x02").unwrap_or(code);
        let text = text.as_bytes().strip_prefix(b"]E0").unwrap_or(text.as_bytes());
        assert!(code.starts_with(text), "a code passed that nobody sent");
        let rest = &code[text.len()..];
        assert!(
            rest.iter().all(|byte| matches!(byte, b'\r' | b'\n' | b'\t' | 0 | 3)),
            "a fragment passed for a code"
        );
    }
}

/// Returns true if it may be UTF-16, whose text is not its bytes.
fn is_wide(code: &[u8]) -> bool {
    code.contains(&0) || code.starts_with(b"\xff\xfe") || code.starts_with(b"\xfe\xff")
}

fn within_limits(frames: &[Frame]) {
    for frame in frames {
        assert!((1..=FRAME_BYTES_MAX).contains(&frame.raw.len()), "a frame has a length");
        let text = frame.verdict.as_deref().unwrap_or_default();
        // A report is one label: its line breaks are data.
        let is_odd = |c: char| c.is_control() && !SEPARATORS.contains(&c) && !BREAKS.contains(&c);
        assert!(!text.chars().any(is_odd), "a control character passed");
    }
}
