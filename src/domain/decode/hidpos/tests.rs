use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::domain::decode::framing::FRAME_BYTES_MAX;
use crate::domain::decode::framing::Frame;
use crate::domain::decode::framing::Framing;
use crate::domain::decode::framing::Guarding;
use crate::domain::decode::hidpos::trace::PosTrace;
use crate::domain::decode::hidpos::trace::Report;
use crate::domain::time::BootMillis;

/// Reports of a test follow each other at once.
const FRAMING: Framing = Framing {
    guarding: Guarding::On { burst: Duration::ZERO },
    ..Framing::usual(Duration::from_millis(200))
};
/// The number of bytes of a code in one report of the [`USUAL`] scanner.
const PIECE: usize = 56;

/// The report that most scanners have, of 64 bytes: its number 2, a count, the identifier, 56 bytes of the code, two
/// bytes of the maker's, and a byte whose lowest bit shows that the code goes on. Then a report to the scanner.
const USUAL: &[u8] = &[
    0x05, 0x8c, 0x09, 0x02, 0xa1, 0x01, // a bar code scanner:
    0x09, 0x12, 0xa1, 0x02, 0x85, 0x02, //   scanned data, report 2
    0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, //   of bytes:
    0x95, 0x01, 0x05, 0x01, 0x09, 0x3b, 0x81, 0x02, //   byte count
    0x95, 0x03, 0x05, 0x8c, 0x09, 0xfb, 0x09, 0xfc, 0x09, 0xfd, 0x81, 0x02, //   identifier
    0x95, 0x38, 0x09, 0xfe, 0x82, 0x02, 0x01, //   decoded data
    0x06, 0x66, 0xff, 0x95, 0x02, 0x09, 0x04, 0x09, 0x00, 0x81, 0x02, //   the maker's
    0x05, 0x8c, 0x25, 0x01, 0x75, 0x01, 0x95, 0x08, 0x09, 0xff, 0x81, 0x02, //   continued
    0xc0, //
    0x09, 0x14, 0xa1, 0x02, 0x85, 0x04, 0x95, 0x08, 0x09, 0x5f, 0x91, 0x82, 0xc0, 0xc0,
];

/// No number, no count and no identifier: 8 bytes, of which 7 are of the code, then a bit and padding.
const PLAIN: &[u8] = &[
    0x05, 0x8c, 0x09, 0x02, 0xa1, 0x01, 0x75, 0x08, 0x95, 0x07, 0x09, 0xfe, 0x82, 0x02, 0x01, //
    0x75, 0x01, 0x95, 0x01, 0x09, 0xff, 0x81, 0x02, 0x95, 0x07, 0x81, 0x03, 0xc0,
];

/// A keyboard: modifiers, padding and six keys.
const KEYBOARD: &[u8] = &[
    0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7, 0x15, 0x00, 0x25, 0x01, 0x75,
    0x01, 0x95, 0x08, 0x81, 0x02, 0x95, 0x01, 0x75, 0x08, 0x81, 0x03, 0x95, 0x06, 0x75, 0x08, 0x25, 0x65,
    0x19, 0x00, 0x29, 0x65, 0x81, 0x00, 0xc0,
];

/// Returns a report of the [`USUAL`] scanner.
fn report(identifier: &str, data: &[u8], is_continued: bool) -> Vec<u8> {
    assert!(data.len() <= PIECE);
    let mut report = vec![2, u8::try_from(data.len()).unwrap()];
    report.extend(identifier.bytes().chain([0; 3]).take(3));
    report.extend(data.iter().copied().chain([0; PIECE]).take(PIECE));
    report.extend([b'j', 0, u8::from(is_continued)]);
    report
}

/// Returns the reports in which the [`USUAL`] scanner sends a code.
fn reports(identifier: &str, code: &[u8]) -> Vec<Vec<u8>> {
    let last = code.len().div_ceil(PIECE).max(1) - 1;
    let pieces = code.chunks(PIECE).enumerate();
    pieces.map(|(index, piece)| report(identifier, piece, index < last)).collect()
}

/// A player of reports to the stream of a scanner that was opened long ago. It shows the frames one a word: the text,
/// or `!` with the refusal and the number of raw bytes.
struct Play {
    stream: PosStream,
    frames: Vec<Frame>,
}

impl Play {
    fn new() -> Self {
        Self::of(USUAL)
    }

    fn of(descriptor: &[u8]) -> Self {
        Self::opened(descriptor, -1000)
    }

    fn opened(descriptor: &[u8], at: i64) -> Self {
        let stream = PosStream::new(Layout::of(descriptor).unwrap(), FRAMING, BootMillis(at));
        Self { stream, frames: Vec::new() }
    }

    fn take(mut self, at: i64, report: &[u8]) -> Self {
        self.stream.take(report, BootMillis(at), &mut self.frames);
        self
    }

    fn all(self, at: i64, reports: &[Vec<u8>]) -> Self {
        reports.iter().fold(self, |play, report| play.take(at, report))
    }

    fn lose(mut self, at: i64) -> Self {
        self.stream.lose(BootMillis(at));
        self
    }

    fn expire(mut self, at: i64) -> Self {
        self.stream.expire(BootMillis(at), &mut self.frames);
        self
    }

    fn finish(mut self) -> Self {
        self.stream.finish(&mut self.frames);
        self
    }

    fn tell(&self) -> String {
        let words = self.frames.iter().map(|frame| match &frame.verdict {
            Ok(text) => text.clone(),
            Err(refusal) => format!("!{}:{}", refusal.as_str(), frame.raw.len()),
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn a_code_is_read_with_its_symbology_before_it() {
    let play = Play::new().take(0, &report("]E0", b"4006381333931", false));
    assert_eq!(play.tell(), "]E04006381333931");
    let play = play.take(1, &report("]C1", b"0104006381333931\x1d10A", false));
    assert_eq!(play.tell(), "]E04006381333931 ]C10104006381333931\u{1d}10A");
}

#[test]
fn what_is_no_identifier_is_not_put_before_the_code() {
    assert_eq!(Play::new().take(0, &report("", b"007", false)).tell(), "007");
    for other in ["E0", "j12", "]1x", "]E-"] {
        assert_eq!(Play::new().take(0, &report(other, b"007", false)).tell(), "007", "{other}");
    }
    let twice = Play::new().take(0, &report("]E0", b"]E04006381333931", false));
    assert_eq!(twice.tell(), "]E04006381333931", "a scanner that is set to send it with the code, too");
}

#[test]
fn a_code_of_several_reports_is_put_together() {
    let code: Vec<u8> = (0..150).map(|index| b'0' + index % 10).collect();
    let play = Play::new().all(0, &reports("]Q1", &code));
    assert_eq!(play.tell(), format!("]Q1{}", String::from_utf8(code).unwrap()));
}

#[test]
fn the_count_says_where_a_code_ends_and_without_one_the_padding_does() {
    let mut counted = report("", b"12345678", false);
    counted[1] = 4;
    assert_eq!(Play::new().take(0, &counted).tell(), "1234");
    let play = Play::of(PLAIN).take(0, b"1234567\x01").take(1, b"89\0\0\0\0\0\0").take(2, b"ABC\0\0\0\0\0");
    assert_eq!(play.tell(), "123456789 ABC");
}

#[test]
fn a_suffix_is_taken_off_and_a_line_break_within_is_data() {
    let play = Play::new().take(0, &report("]E0", b"4006381333931\r\n", false));
    assert_eq!(play.tell(), "]E04006381333931");
    let play = Play::new().take(0, &report("]Q1", b"96385074\r96385074\r", false));
    assert_eq!(play.tell(), "]Q196385074\r96385074");
    assert_eq!(Play::new().take(0, &report("]Q1", b"12\x013", false)).tell(), "!control-character:7");
    assert_eq!(Play::new().take(0, &report("]Q1", b"12\xff3", false)).tell(), "!not-utf8:7");
}

#[test]
fn reports_without_a_code_are_nothing() {
    let play = Play::new().take(0, &[4, 1]).take(1, &[]).take(2, &report("]E0", b"", false));
    assert_eq!(play.finish().tell(), "");
}

#[test]
fn a_code_not_finished_within_the_gap_is_refused() {
    let play = Play::new().take(1000, &report("]Q1", b"400638", true));
    assert_eq!(play.stream.deadline(), Some(BootMillis(1200)));
    let play = play.expire(1199);
    assert_eq!(play.tell(), "");
    let play = play.expire(1200);
    assert_eq!(play.tell(), "!unfinished:9");
    assert_eq!(play.stream.deadline(), None);
}

#[test]
fn the_rest_of_a_code_that_was_broken_off_is_refused_for_a_second() {
    let broken_off = || Play::new().take(0, &report("]Q1", b"400638", true)).expire(200);
    for identifier in ["]Q1", "]E4", ""] {
        let raw = 7 + identifier.len();
        let rest = broken_off().take(1199, &report(identifier, b"1333931", false));
        assert_eq!(rest.tell(), format!("!unfinished:9 !tail:{raw}"));
        let rest = rest.take(1200, &report("]Q1", b"007", false));
        assert_eq!(rest.tell(), format!("!unfinished:9 !tail:{raw} ]Q1007"));
    }
}

#[test]
fn a_code_that_begins_as_another_ends_is_a_further_line_of_its_label() {
    let stream = PosStream::new(
        Layout::of(USUAL).unwrap(),
        Framing::usual(Duration::from_millis(200)),
        BootMillis(-1000),
    );
    let play = Play { stream, frames: Vec::new() };
    let play = play.take(0, &report("]Q1", b"400638", true)).take(30, &report("]Q1", b"1333931", false));
    let play =
        play.take(69, &report("]E4", b"96385074", false)).take(109, &report("]E4", b"96385074", false));
    assert_eq!(play.tell(), "]Q14006381333931 !burst:11 ]E496385074");
}

#[test]
fn a_report_that_is_read_late_still_belongs_to_its_code() {
    let play = Play::new().take(0, &report("]Q1", b"400638", true));
    let play = play.take(5000, &report("]Q1", b"1333931", false)).expire(5000);
    assert_eq!(play.tell(), "]Q14006381333931");
}

#[test]
fn a_device_lost_in_the_middle_of_a_code_refuses_it() {
    let play = Play::new().take(0, &report("]Q1", b"400638", true)).finish();
    assert_eq!(play.tell(), "!lost:9");
    assert_eq!(Play::new().finish().tell(), "");
}

#[test]
fn a_report_of_the_wrong_size_is_a_refused_scan() {
    let whole = report("]E0", b"4006381333931", false);
    for wrong in [&whole[..63], &whole[..1], &[whole.clone(), vec![0]].concat()] {
        let play = Play::new().take(0, wrong).expire(200);
        assert_eq!(play.tell(), format!("!bad-report:{}", wrong.len()));
        let play = play.take(1200, &whole);
        assert_eq!(play.tell(), format!("!bad-report:{} ]E04006381333931", wrong.len()));
    }
    let mut overfull = whole;
    overfull[1] = 57;
    assert_eq!(Play::new().take(0, &overfull).finish().tell(), "!bad-report:64");
}

#[test]
fn a_wrong_report_within_a_code_refuses_it_to_its_end() {
    let code = reports("]Q1", &[b'7'; 120]);
    let play = Play::new().take(0, &code[0]).take(1, &code[1][..10]).take(2, &code[2]);
    assert_eq!(play.tell(), "!bad-report:77");
    assert_eq!(play.take(1002, &report("]E4", b"96385074", false)).tell(), "!bad-report:77 ]E496385074");
}

#[test]
fn a_report_of_another_symbology_within_a_code_makes_no_code_of_two() {
    let play = Play::new().take(0, &report("]Q1", b"400638", true));
    let play = play.take(1, &report("]E4", b"96385074", false));
    assert_eq!(play.tell(), "!lost:17");
}

#[test]
fn dropped_reports_refuse_the_code_pending_or_the_next() {
    let play = Play::new().take(0, &report("]Q1", b"400638", true)).lose(1);
    let play = play.take(2, &report("]Q1", b"1333931", false)).take(1002, &report("]E4", b"96385074", false));
    assert_eq!(play.tell(), "!lost:19 ]E496385074");
    let headless = Play::new().lose(0).take(1, &report("]Q1", b"1333931", false));
    assert_eq!(headless.tell(), "!lost:13");
    let silent = Play::new().lose(0).expire(200).take(300, &report("]Q1", b"1333931", false));
    assert_eq!(silent.tell(), "!lost:3 !tail:10");
}

#[test]
fn a_code_that_comes_within_the_gap_after_the_opening_may_be_a_tail() {
    let code = report("]Q1", b"1333931", false);
    let play = Play::opened(USUAL, 1000).take(1199, &code).take(1200, &code);
    assert_eq!(play.tell(), "!tail:10 ]Q11333931");
}

#[test]
fn a_burst_of_ten_thousand_bytes_is_refused_once() {
    let burst = reports("]Q1", &[b'7'; 10_000]);
    let play = Play::new().all(0, &burst).take(999, &report("]E4", b"31", false));
    let play = play.take(1000, &report("]E4", b"96385074", false));
    assert_eq!(play.tell(), format!("!too-long:{FRAME_BYTES_MAX} !tail:5 ]E496385074"));
    let full = reports("]Q1", &[b'7'; FRAME_BYTES_MAX - 3]);
    assert_eq!(Play::new().all(0, &full).tell(), format!("]Q1{}", "7".repeat(FRAME_BYTES_MAX - 3)));
}

#[test]
fn reports_dropped_within_a_burst_may_hold_the_next_code_which_is_refused_too() {
    let burst = reports("]Q1", &[b'7'; 10_000]);
    let play = Play::new().all(0, &burst[..20]).lose(1).take(2, &report("]E4", b"96385074", false));
    assert_eq!(play.tell(), format!("!too-long:{FRAME_BYTES_MAX} !lost:14"));
}

#[test]
fn fields_are_found_wherever_a_descriptor_puts_them() {
    assert_eq!(Layout::of(USUAL).unwrap().report_bytes_max(), 64);
    assert_eq!(Layout::of(PLAIN).unwrap().report_bytes_max(), 8);
    // The identifier as one field of three, the flag before it, a usage with its page, a stack of globals.
    let odd = [
        0x05, 0x01, 0x0b, 0x02, 0x00, 0x8c, 0x00, 0xa1, 0x01, 0x85, 0x07, 0x75, 0x08, 0x95, 0x01,
        0xa4, //
        0x05, 0x8c, 0x95, 0x01, 0x09, 0xff, 0x81, 0x02, 0x95, 0x03, 0x09, 0xfb, 0x81, 0x02, //
        0x95, 0x04, 0x1a, 0xfe, 0x00, 0x2a, 0xfe, 0x00, 0x81, 0x02, 0xb4, //
        0x09, 0x3b, 0x81, 0x02, 0xc0,
    ];
    let play = Play::of(&odd).take(0, b"\x07\x01]E44006\x04").take(1, b"\x07\x00]E438\0\0\x02");
    assert_eq!(play.tell(), "]E4400638");
}

#[test]
fn a_scanner_beside_a_keyboard_in_one_descriptor_is_found() {
    let mut keyboard = KEYBOARD.to_vec();
    keyboard.splice(6..6, [0x85, 0x01]);
    let play = Play::of(&[keyboard, USUAL.to_vec()].concat());
    let play = play.take(0, &[1, 0, 0, 30, 0, 0, 0, 0, 0]).take(1, &report("]E0", b"4006381333931", false));
    assert_eq!(play.tell(), "]E04006381333931");
}

#[test]
fn what_is_no_scanner_that_can_be_read_is_said_to_be_none() {
    assert_eq!(Layout::of(KEYBOARD), Err(Unfit::NoScanner));
    assert_eq!(Layout::of(&[]), Err(Unfit::NoScanner));
    // A scanner that has only triggers; decoded data beside the byte boundaries; in a collection of the maker's.
    let triggers = [0x05, 0x8c, 0x09, 0x02, 0xa1, 0x01, 0x75, 0x08, 0x95, 0x01, 0x09, 0x60, 0x91, 0x02, 0xc0];
    assert_eq!(Layout::of(&triggers), Err(Unfit::NoData));
    let aslant = [0x05, 0x8c, 0x09, 0x02, 0xa1, 0x01, 0x75, 0x07, 0x95, 0x08, 0x09, 0xfe, 0x81, 0x02, 0xc0];
    assert_eq!(Layout::of(&aslant), Err(Unfit::Unreadable));
    let mut makers = USUAL.to_vec();
    makers.splice(0..2, [0x06, 0x8c, 0xff]);
    assert_eq!(Layout::of(&makers), Err(Unfit::NoScanner));
    // Up to the end of its decoded data.
    for cut_off in 1..46 {
        assert!(Layout::of(&USUAL[..cut_off]).is_err(), "{cut_off}");
    }
}

#[test]
fn a_descriptor_that_asks_for_too_much_is_unfit() {
    let huge =
        [0x05, 0x8c, 0x09, 0x02, 0xa1, 0x01, 0x75, 0x08, 0x97, 255, 255, 255, 255, 0x09, 0xfe, 0x81, 2];
    assert_eq!(Layout::of(&huge), Err(Unfit::Unreadable));
    assert_eq!(Layout::of(&[0xa4; 5]), Err(Unfit::Unreadable));
    assert_eq!(Layout::of(&[0xb4]), Err(Unfit::Unreadable));
    assert_eq!(Layout::of(&[0x85, 0]), Err(Unfit::Unreadable));
}

#[test]
fn a_trace_is_read_and_written_the_same_and_gives_the_frames_of_its_scanner() {
    let trace = PosTrace {
        descriptor: PLAIN.to_vec(),
        opened: BootMillis(1000),
        reports: vec![
            Report { at_us: 1_100_000, bytes: Some(b"tail\0\0\0\0".to_vec()) },
            Report { at_us: 2_000_000, bytes: Some(b"4006381\x01".to_vec()) },
            Report { at_us: 2_001_000, bytes: Some(b"333931\0\0".to_vec()) },
            Report { at_us: 3_000_000, bytes: None },
            Report { at_us: 4_000_000, bytes: Some(b"ABC\0\0\0\0\x01".to_vec()) },
        ],
    };
    let text = trace.to_string();
    assert!(PosTrace::is_one(&text) && !PosTrace::is_one("!layout us\n1.0 1 2 1\n"));
    assert_eq!(PosTrace::parse(&text).as_ref(), Ok(&trace));
    assert!(text.contains("\n3.000000 lost\n4.000000 4142430000000001\n"), "{text}");
    let frames = trace.replay(FRAMING).unwrap();
    let play = Play { stream: Play::new().stream, frames };
    assert_eq!(play.tell(), "!tail:4 4006381333931 !lost:3 !lost:3");
}

#[test]
fn a_line_of_a_trace_that_is_no_report_is_named() {
    for wrong in ["1", "1 2 3", "x 00", "1 0", "1 0g", "!descriptor 0", "!opened x"] {
        let told = PosTrace::parse(&format!("\n{wrong}\n")).map_err(|unreadable| unreadable.line);
        assert_eq!(told, Err(2), "{wrong}");
    }
}

/// A fault of a report on its way.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// It comes after longer than the gap.
    Late,
    /// It is dropped, and that is known.
    Dropped,
    /// It has not all its bytes.
    Short,
    /// The device vanishes before it, and comes back knowing nothing of the code.
    Unplugged,
}

fn faults() -> impl Strategy<Value = Fault> {
    prop_oneof![
        12 => Just(Fault::None),
        1 => Just(Fault::Late),
        1 => Just(Fault::Dropped),
        1 => Just(Fault::Short),
        1 => Just(Fault::Unplugged),
    ]
}

/// Returns codes of every length that a frame may have, each character its own place in it, so that no part is like
/// another.
fn codes() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let identifiers = prop_oneof![Just("]Q1"), Just("]d2"), Just("")];
    (identifiers, 1..300_usize, 0..26_usize).prop_map(|(identifier, length, turn)| {
        let letter = |at: usize| b'A' + u8::try_from((at * 7 + at / 26 + turn) % 26).unwrap();
        (identifier, (0..length).map(letter).collect())
    })
}

fn text_of(identifier: &str, code: &[u8]) -> String {
    format!("{identifier}{}", String::from_utf8(code.to_vec()).unwrap())
}

proptest! {
    #[test]
    fn codes_that_come_whole_are_read_as_they_are(codes in vec(codes(), 1..6)) {
        let play = codes.iter().fold(Play::new(), |play, (identifier, code)| play.all(0, &reports(identifier, code)));
        let expected: Vec<String> = codes.iter().map(|(identifier, code)| text_of(identifier, code)).collect();
        prop_assert_eq!(play.tell(), expected.join(" "));
    }

    #[test]
    fn whatever_befalls_reports_no_part_of_a_code_is_read_as_one(
        codes in vec(codes(), 1..6),
        faults in vec(faults(), 36),
    ) {
        let whole: Vec<String> = codes.iter().map(|(identifier, code)| text_of(identifier, code)).collect();
        let (mut play, mut now, mut faults) = (Play::new(), 0, faults.into_iter());
        let mut befallen = false;
        for (identifier, code) in &codes {
            let mut is_short = false;
            for report in reports(identifier, code) {
                let fault = faults.next().unwrap_or(Fault::None);
                befallen |= fault != Fault::None && (fault != Fault::Late || play.stream.deadline().is_some());
                now += 1;
                play = match fault {
                    Fault::None => play.take(now, &report),
                    // After a short report nobody knows whether more was to come: a pause ends its code.
                    Fault::Late if is_short => play.take(now, &report),
                    Fault::Late => {
                        now += 1000;
                        play.expire(now).take(now, &report)
                    }
                    Fault::Dropped => play.lose(now),
                    Fault::Short => play.take(now, &report[..40]),
                    Fault::Unplugged => {
                        let play = play.finish();
                        let stream = Play::opened(USUAL, now).stream;
                        Play { stream, frames: play.frames }
                    }
                };
                is_short |= fault == Fault::Short;
                if fault == Fault::Unplugged {
                    break;
                }
            }
        }
        let play = play.expire(now + 1000).finish();
        for frame in &play.frames {
            if let Ok(text) = &frame.verdict {
                prop_assert!(whole.contains(text), "{} is no code", text);
            }
        }
        let read = play.frames.iter().filter(|frame| frame.verdict.is_ok()).count();
        prop_assert!(read == whole.len() || befallen);
    }

    #[test]
    fn any_bytes_are_a_descriptor_or_unfit(descriptor in vec(any::<u8>(), 0..400)) {
        if let Ok(layout) = Layout::of(&descriptor) {
            prop_assert!(layout.report_bytes_max() <= 4097);
        }
    }

    #[test]
    fn a_damaged_descriptor_and_any_reports_give_frames_within_their_limits(
        damage in vec((0..USUAL.len(), any::<u8>()), 0..4),
        reports in vec((0..300_i64, vec(any::<u8>(), 0..80)), 0..40),
    ) {
        let mut descriptor = USUAL.to_vec();
        for (at, byte) in damage {
            descriptor[at] = byte;
        }
        let Ok(layout) = Layout::of(&descriptor) else { return Ok(()) };
        let mut play = Play { stream: PosStream::new(layout, FRAMING, BootMillis(0)), frames: Vec::new() };
        let mut now = 0;
        for (wait, report) in reports {
            now += wait;
            play = play.expire(now).take(now, &report);
            prop_assert!(play.stream.deadline().is_none_or(|deadline| deadline > BootMillis(now)));
        }
        for frame in play.finish().frames {
            prop_assert!((1..=FRAME_BYTES_MAX).contains(&frame.raw.len()));
            prop_assert!(frame.verdict.is_err() || frame.verdict == Ok(String::from_utf8(frame.raw).unwrap()));
        }
    }

    #[test]
    fn any_text_is_a_trace_or_unreadable(text in "(!descriptor [0-9a-f]{0,80}\n)?([0-9]{1,3}(\\.[0-9]{1,7})? [0-9a-f]{0,20}\n?){0,9}") {
        if let Ok(trace) = PosTrace::parse(&text) {
            let _frames = trace.replay(FRAMING);
            prop_assert_eq!(PosTrace::parse(&trace.to_string()), Ok(trace));
        }
    }
}
