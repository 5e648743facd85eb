//! The events of a keyboard scanner.

use std::time::Duration;

use crate::domain::decode::framing::{Frame, Framing};
use crate::domain::decode::keymap::{
    EV_KEY, EV_SYN, InputEvent, KeyStream, LAYOUTS, SYN_DROPPED, SYN_REPORT,
};
use crate::domain::time::BootMillis;

use crate::Input;
use crate::framing::SEPARATORS;

const GAP: Duration = Duration::from_millis(200);
/// Long after the device was opened: no code is in doubt for having begun before.
const BEGIN_US: i64 = 10_000_000;

/// Whatever the events, what passes for a code was typed whole: no event of it lost, no more characters than keys.
pub(crate) fn check(input: &[u8]) {
    let mut input = Input::new(input);
    let layout = LAYOUTS[usize::from(input.byte()) % LAYOUTS.len()].1;
    let events = events(&mut input);
    let mut stream = KeyStream::new(layout, Framing::usual(GAP), BootMillis(0));
    let mut frames: Vec<Frame> = Vec::new();
    let (mut presses, mut lost) = (0_usize, false);
    for event in &events {
        let before = frames.len();
        stream.take(*event, &mut frames);
        presses += usize::from(event.kind == EV_KEY && event.value == 1);
        for frame in &frames[before..] {
            if let Ok(text) = &frame.verdict {
                assert!(!lost, "a code with lost events passed");
                // The press that ends a pause also begins the next code: one may be counted to the code before.
                assert!(text.chars().count() <= presses, "more was read than was typed");
                let is_odd = |c: char| c.is_control() && !SEPARATORS.contains(&c);
                assert!(!text.chars().any(is_odd), "a control character passed");
            }
        }
        if frames.len() > before {
            (presses, lost) = (0, false);
        }
        lost |= event.kind == EV_SYN && event.code == SYN_DROPPED;
    }
    let before = frames.len();
    stream.finish(&mut frames);
    assert!(frames[before..].iter().all(|frame| frame.verdict.is_err()), "an unfinished code passed");
    assert_eq!(stream.deadline(), None, "nothing is left pending");
}

/// Three bytes an event: mostly keys that scanners use, with the kernel's marks between them.
fn events(input: &mut Input<'_>) -> Vec<InputEvent> {
    let (mut events, mut at_us) = (Vec::new(), BEGIN_US);
    while !input.is_empty() {
        let (what, code, pause) = (input.byte(), u16::from(input.byte()), i64::from(input.byte()));
        at_us += pause * 1_000;
        let (kind, code, value) = match what {
            0..=99 => (EV_KEY, code, 1),
            100..=199 => (EV_KEY, code, 0),
            200..=219 => (EV_KEY, code, 2),
            220..=235 => (EV_SYN, SYN_REPORT, 0),
            236..=245 => (EV_SYN, SYN_DROPPED, 0),
            246..=250 => (4, 4, i32::from(code)),
            _ => (u16::from(what), code.wrapping_mul(257), -1),
        };
        events.push(InputEvent { at_us, kind, code, value });
    }
    events
}
