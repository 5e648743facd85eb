use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::domain::time::BootMillis;

const GAP: Duration = Duration::from_millis(200);

/// A player of scripts against a framer with a gap of 200 ms. It shows the frames one a word: the text, or `!` with the
/// refusal and the number of raw bytes.
struct Play {
    framer: Framer,
    frames: Vec<Frame>,
}

impl Play {
    /// Returns a player of a scanner of which any whole frame is passed on.
    fn new() -> Self {
        Self::of(Framing::unguarded(GAP))
    }

    /// Returns a player of a scanner that is set as usual, its port opened long ago.
    fn guarded() -> Self {
        Self::of(Framing::usual(GAP))
    }

    fn ended_by(terminator: Terminator) -> Self {
        Self::of(Framing { terminator, ..Framing::unguarded(GAP) })
    }

    fn of(framing: Framing) -> Self {
        Self { framer: Framer::new(framing), frames: Vec::new() }
    }

    fn opened(mut self, now: i64) -> Self {
        self.framer.opened(BootMillis(now));
        self
    }

    fn push(mut self, now: i64, bytes: &[u8]) -> Self {
        self.framer.push(bytes, BootMillis(now), &mut self.frames);
        self
    }

    fn expire(mut self, now: i64) -> Self {
        self.framer.expire(BootMillis(now), &mut self.frames);
        self
    }

    fn spoil(mut self, now: i64, why: Refusal) -> Self {
        self.framer.spoil(why, BootMillis(now), &mut self.frames);
        self
    }

    fn prolong(mut self, now: i64) -> Self {
        self.framer.prolong(BootMillis(now));
        self
    }

    fn finish(mut self, why: Cut) -> Self {
        self.framer.finish(why, &mut self.frames);
        self
    }

    fn tell(&self) -> String {
        let words: Vec<String> = self
            .frames
            .iter()
            .map(|frame| match &frame.verdict {
                Ok(text) => text.clone(),
                Err(refusal) => format!("!{}:{}", refusal.as_str(), frame.raw.len()),
            })
            .collect();
        words.join(" ")
    }
}

#[test]
fn every_terminator_ends_one_frame_and_empty_frames_are_nothing() {
    let play = Play::new().push(0, b"\r\na\rb\nc\r\nd\te\0\0\n\r\tf\r");
    assert_eq!(play.tell(), "a b c d e f");
}

#[test]
fn a_frame_not_finished_within_the_gap_is_refused_and_the_rest_begins_a_new_one() {
    let play = Play::new().push(0, b"40063").push(200, b"8133\r");
    assert_eq!(play.tell(), "!unfinished:5 8133");
}

#[test]
fn the_gap_counts_from_the_last_byte() {
    let play = Play::new().push(0, b"1").push(199, b"2").push(398, b"3").push(597, b"\r");
    assert_eq!(play.tell(), "123");
}

#[test]
fn the_deadline_is_the_first_moment_that_refuses() {
    let play = Play::new().push(1000, b"12");
    assert_eq!(play.framer.deadline(), Some(BootMillis(1200)));
    let play = play.expire(1199);
    assert_eq!(play.tell(), "");
    let play = play.expire(1200);
    assert_eq!(play.tell(), "!unfinished:2");
    assert_eq!(play.framer.deadline(), None);
}

#[test]
fn a_read_of_no_bytes_does_not_prolong_a_frame() {
    let play = Play::new().push(0, b"12").push(150, b"").expire(200);
    assert_eq!(play.tell(), "!unfinished:2");
}

#[test]
fn a_frame_of_the_full_length_passes_and_one_byte_more_is_refused_once() {
    let play = Play::new().push(0, &[b'7'; 512]).push(0, b"\r");
    assert_eq!(play.tell(), "7".repeat(512));
    let play = Play::new().push(0, &[b'7'; 2000]).push(0, b"\rnext\r");
    assert_eq!(play.tell(), "!too-long:512 next");
}

#[test]
fn a_gap_ends_the_discarding_of_an_over_long_frame() {
    let play = Play::new().push(0, &[b'7'; 600]).push(199, b"8").push(399, b"next\r");
    assert_eq!(play.tell(), "!too-long:512 next");
    assert_eq!(Play::new().push(0, &[b'7'; 600]).framer.deadline(), None);
}

#[test]
fn control_characters_that_are_no_separators_are_refused() {
    let separated = "[)>\u{1e}06\u{1d}1P7\u{1c}A\u{1f}B\u{1e}\u{4}";
    assert_eq!(Play::new().push(0, format!("{separated}\r").as_bytes()).tell(), separated);
    for bad in ["\u{1}", "\u{8}", "\u{b}", "\u{1b}", "\u{7f}", "\u{80}", "\u{9f}"] {
        let bytes = format!("1{bad}\r");
        let told = Play::new().push(0, bytes.as_bytes()).tell();
        assert!(told.starts_with("!control-character:"), "{bad:?} gave {told}");
    }
    assert_eq!(Play::new().push(0, "\u{a0}\r".as_bytes()).tell(), "\u{a0}");
}

#[test]
fn bytes_that_are_not_utf8_are_refused_and_kept() {
    let play = Play::new().push(0, b"12\xff3\r");
    assert_eq!(play.tell(), "!not-utf8:4");
    assert_eq!(play.frames[0].raw, b"12\xff3");
}

#[test]
fn the_end_of_the_input_ends_the_last_frame() {
    assert_eq!(Play::new().push(0, b"1\n2").finish(Cut::EndOfInput).tell(), "1 2");
    assert_eq!(Play::new().finish(Cut::EndOfInput).tell(), "");
    assert_eq!(Play::new().push(0, &[b'7'; 600]).finish(Cut::EndOfInput).tell(), "!too-long:512");
}

#[test]
fn a_scanner_that_vanishes_loses_the_pending_frame_and_no_other() {
    let play = Play::new().push(0, b"400").finish(Cut::Gone).push(1, b"638\r");
    assert_eq!(play.tell(), "!lost:3 638");
}

#[test]
fn the_tail_of_a_torn_frame_is_never_a_frame() {
    let play = Play::new().push(0, b"400").finish(Cut::Lost).push(1, b"96385074\rnext\r");
    assert_eq!(play.tell(), "!lost:3 !lost:8 next");
    let headless = Play::new().finish(Cut::Lost).push(1, b"96385074\rnext\r");
    assert_eq!(headless.tell(), "!lost:8 next");
}

#[test]
fn a_torn_frame_ends_at_its_terminator_at_a_gap_or_with_the_input() {
    let terminated = Play::new().push(0, b"400").finish(Cut::Lost).push(1, b"\rnext\r");
    assert_eq!(terminated.tell(), "!lost:3 next");
    let gap = Play::new().finish(Cut::Lost).push(1, b"5").push(201, b"next\r");
    assert_eq!(gap.tell(), "!lost:1 next");
    let ended = Play::new().finish(Cut::Lost).push(1, b"5").finish(Cut::EndOfInput);
    assert_eq!(ended.tell(), "!lost:1");
}

#[test]
fn a_spoilt_frame_is_refused_whole_and_once_with_a_mark_where_something_is_missing() {
    let play = Play::new().push(0, b"400").spoil(1, Refusal::UnknownKey).spoil(2, Refusal::Lost);
    let play = play.push(3, b"638\rnext\r");
    assert_eq!(play.tell(), "!unknown-key:9 next");
    assert_eq!(play.frames[0].raw, "400\u{fffd}638".as_bytes());
}

#[test]
fn a_frame_of_which_nothing_can_be_read_is_refused_too() {
    assert_eq!(Play::new().spoil(0, Refusal::UnknownKey).push(1, b"\rnext\r").tell(), "!unknown-key:3 next");
    assert_eq!(Play::new().spoil(0, Refusal::Lost).expire(199).tell(), "");
    assert_eq!(Play::new().spoil(0, Refusal::Lost).expire(200).push(201, b"next\r").tell(), "!lost:3 next");
    assert_eq!(Play::new().spoil(0, Refusal::Lost).finish(Cut::Gone).tell(), "!lost:3");
    assert_eq!(
        Play::new().push(0, &[b'7'; 600]).spoil(1, Refusal::Lost).push(2, b"\r").tell(),
        "!too-long:512"
    );
}

#[test]
fn a_mark_never_makes_a_frame_longer_than_it_may_be() {
    let play = Play::new().push(0, &[b'7'; 511]).spoil(1, Refusal::Lost).push(2, b"\r");
    assert_eq!(play.tell(), "!lost:511");
}

#[test]
fn a_frame_at_whose_next_byte_the_scanner_works_is_not_unfinished() {
    assert_eq!(Play::new().push(0, b"1").prolong(199).push(398, b"2\r").tell(), "12");
    assert_eq!(Play::new().prolong(199).push(398, b"2\r").tell(), "2");
}

/// Returns bytes as noisy scanners send them: mostly digits and terminators, some of everything.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        6 => proptest::char::range('0', '9').prop_map(|digit| u8::try_from(digit).unwrap()),
        2 => proptest::sample::select(b"\r\n\t\0\x1d".to_vec()),
        1 => any::<u8>(),
    ];
    proptest::collection::vec(byte, 0..1200)
}

fn frames_of(pieces: &[&[u8]], step_ms: i64) -> Vec<Frame> {
    let mut play = Play::new();
    let mut now = 0;
    for piece in pieces {
        play = play.push(now, piece);
        now += step_ms;
    }
    play.finish(Cut::EndOfInput).frames
}

#[test]
fn the_rest_of_an_unfinished_frame_is_refused_for_a_second() {
    let begun = || Play::guarded().push(0, b"40063813339").expire(200);
    assert_eq!(begun().push(300, b"31\r").tell(), "!unfinished:11 !tail:2");
    assert_eq!(begun().push(1199, b"31\r").tell(), "!unfinished:11 !tail:2");
    assert_eq!(begun().push(1200, b"31\r").tell(), "!unfinished:11 31");
    let thrice = begun().push(300, b"3").push(600, b"1").push(1799, b"31\r").push(2000, b"next\r");
    assert_eq!(thrice.tell(), "!unfinished:11 !unfinished:1 !unfinished:1 !tail:2 next");
}

#[test]
fn a_frame_that_the_gap_cuts_off_has_a_tail_whatever_it_is_refused_for() {
    for why in Refusal::ALL {
        let cut = || Play::guarded().push(5000, b"400").spoil(5010, why).expire(5300);
        let refused = format!("!{}:6", why.as_str());
        assert_eq!(cut().push(5400, b"96385074\r").tell(), format!("{refused} !tail:8"), "{why:?}");
        assert_eq!(cut().push(6300, b"96385074\r").tell(), format!("{refused} 96385074"), "{why:?}");
    }
}

#[test]
fn a_tail_does_not_make_the_time_of_tails_longer() {
    let play = Play::guarded().push(0, b"400").push(300, b"31\r").push(1100, b"31\r").push(1210, b"next\r");
    assert_eq!(play.tell(), "!unfinished:3 !tail:2 !tail:2 next");
}

#[test]
fn the_rest_of_a_frame_that_was_too_long_is_refused_from_its_end_on() {
    let long = || Play::guarded().push(0, &[b'7'; 600]);
    assert_eq!(long().push(300, b"96385074\r").tell(), "!too-long:512 !tail:8");
    let discarded = long().push(150, b"7").push(300, b"7\r").push(1299, b"31\r").push(1340, b"next\r");
    assert_eq!(discarded.tell(), "!too-long:512 !tail:2 next");
    let silent = long().push(150, b"7").expire(350).push(1349, b"31\r").push(1400, b"next\r");
    assert_eq!(silent.tell(), "!too-long:512 !tail:2 next");
}

#[test]
fn the_rest_of_a_torn_frame_is_refused() {
    let torn = Play::guarded().push(0, b"400").finish(Cut::Lost).push(1, b"96385074\r").push(900, b"31\r");
    assert_eq!(torn.push(1100, b"next\r").tell(), "!lost:3 !lost:8 !tail:2 next");
    let gone = Play::guarded().push(0, b"400").finish(Cut::Gone).opened(500).push(900, b"31\r");
    assert_eq!(gone.push(1100, b"next\r").tell(), "!lost:3 !tail:2 next");
}

#[test]
fn what_begins_within_the_gap_after_the_opening_is_refused() {
    for (begins, told) in [(0, "!tail:8"), (199, "!tail:8"), (200, "96385074")] {
        let play = Play::guarded().opened(1000).push(1000 + begins, b"96385074\r");
        assert_eq!(play.tell(), told, "{begins}");
    }
    let slow = Play::guarded().opened(1000).push(1199, b"9638").push(1300, b"5074\r").push(1400, b"next\r");
    assert_eq!(slow.tell(), "!tail:8 next");
}

#[test]
fn refusals_of_whole_frames_have_no_tail() {
    let play = Play::guarded().push(0, b"12\xff3\r").push(50, b"12\x01\r").push(100, b"next\r");
    assert_eq!(play.tell(), "!not-utf8:4 !control-character:3 next");
    let key = Play::guarded().push(0, b"4").spoil(1, Refusal::UnknownKey).push(2, b"\r").push(50, b"next\r");
    assert_eq!(key.tell(), "!unknown-key:4 next");
}

#[test]
fn a_label_with_line_breaks_is_its_first_line() {
    let label = b"4006381333931\r$SP.WRITE-OFF.1\n$SP.QTY-100.R\r\n4006381333931\t$SP.CLOSE.U\0";
    assert_eq!(
        Play::guarded().push(0, label).tell(),
        "4006381333931 !burst:15 !burst:13 !burst:13 !burst:11"
    );
    let (front, rest) = label.split_at(20);
    let slow = Play::guarded().push(0, front).push(39, rest);
    assert_eq!(slow.tell(), "4006381333931 !burst:15 !burst:13 !burst:13 !burst:11");
}

#[test]
fn a_burst_counts_from_the_end_of_any_frame_to_the_first_byte_of_the_next() {
    let play =
        Play::guarded().push(0, b"1\r").push(39, b"2\r").push(78, b"3").push(160, b"\r").push(200, b"4\r");
    assert_eq!(play.tell(), "1 !burst:1 !burst:1 4");
    let empty = Play::guarded().push(0, b"1\r").push(30, b"\n").push(40, b"2\r");
    assert_eq!(empty.tell(), "1 2");
}

#[test]
fn without_a_burst_guard_and_without_any_guard_lines_are_scans() {
    let off = Framing { guarding: Guarding::On { burst: Duration::ZERO }, ..Framing::usual(GAP) };
    assert_eq!(Play::of(off).push(0, b"1\r2\r").tell(), "1 2");
    assert_eq!(Play::of(off).push(0, b"1").push(200, b"2\r").tell(), "!unfinished:1 !tail:1");
    assert_eq!(Play::new().opened(0).push(0, b"1\r2\r").tell(), "1 2");
    assert_eq!(Play::new().push(0, b"1").push(200, b"2\r").tell(), "!unfinished:1 2");
}

#[test]
fn stx_and_etx_are_framing_in_front_and_behind_and_no_data_within() {
    let play = Play::new().push(0, b"\x024006381333931\x03\r\x02\x03\rA\x03B\r").push(0, b"\x02C\r");
    assert_eq!(play.tell(), "4006381333931 !control-character:3 C");
    assert_eq!(play.frames[0].raw, b"\x024006381333931\x03");
    let packet = whole(b"\x02]E04006381333931\x03");
    assert_eq!(packet.verdict, Ok("]E04006381333931".to_owned()));
}

#[test]
fn a_named_terminator_makes_data_of_the_others() {
    let breaks = b"A\rB\nC\tD\0E\r\nF\x03";
    for (terminator, told) in [
        (Terminator::Cr, "A|B\nC\tD\0E"),
        (Terminator::Lf, "A\rB|C\tD\0E\r"),
        (Terminator::CrLf, "A\rB\nC\tD\0E"),
        (Terminator::Tab, "A\rB\nC"),
        (Terminator::Etx, "A\rB\nC\tD\0E\r\nF"),
    ] {
        let play = Play::ended_by(terminator).push(0, breaks);
        assert_eq!(play.tell().replace(' ', "|"), told, "{terminator:?}");
        let bytewise = breaks.iter().fold(Play::ended_by(terminator), |play, byte| play.push(1, &[*byte]));
        assert_eq!(bytewise.tell(), play.tell(), "{terminator:?}");
    }
}

#[test]
fn what_follows_a_named_terminator_and_is_no_code_is_nothing() {
    let play = Play::ended_by(Terminator::Cr).push(0, b"1\r\n").push(300, b"2\r\n").expire(600);
    assert_eq!(play.tell(), "1 2");
    let play = Play::ended_by(Terminator::Etx).push(0, b"\x021\x03\r\n\x022\x03\r\n").expire(600);
    assert_eq!(play.tell(), "1 2");
}

#[test]
fn text_in_utf_16_is_read_right_and_a_nul_behind_one_character_still_ends_it() {
    for bytes in
        [&b"4\x000\x000\x006\x00\r"[..], b"\x004\x000\x000\x006\r", b"4\x000\x000\x006\x00\r\x00\n\x00"]
    {
        assert_eq!(Play::new().push(0, bytes).tell(), "4006", "{bytes:?}");
        assert_eq!(
            Play::ended_by(Terminator::Cr).push(0, bytes).expire(500).tell().trim_matches('\0'),
            "4006"
        );
    }
    for bytes in [&b"\xff\xfe4\x000\x00\xdf\x00\r"[..], b"\xfe\xff\x004\x000\x00\xdf\r"] {
        assert_eq!(Play::new().push(0, bytes).tell(), "40\u{df}", "{bytes:?}");
    }
    for (bytes, told) in [
        (&b"\xff\xfe\r"[..], "!not-utf8:2"),
        (b"\xfe\xff\r", "!not-utf8:2"),
        (b"\xff\xfe4\r", "!not-utf8:3"),
        (b"\xff\xfe12\r", "!not-utf8:4"),
        (b"\xff\xfe1\x00\x322\r", "!not-utf8:6"),
    ] {
        assert_eq!(Play::new().push(0, bytes).tell(), told, "{bytes:?}");
    }
    assert_eq!(Play::new().push(0, b"4\x00").expire(200).tell(), "4");
    assert_eq!(Play::new().push(0, b"4\x00\r").tell(), "4");
    assert_eq!(Play::new().push(0, b"4\x005\r").tell(), "4 5");
    assert_eq!(Play::guarded().push(0, b"4\x00").push(100, b"1").push(150, b"2\r").tell(), "4 !burst:2");
    assert_eq!(Play::new().push(0, b"4\x0012\x003\r").tell(), "4 12 3");
    assert_eq!(Play::new().push(0, b"4\x000\x00").expire(200).tell(), "!unfinished:4");
}

proptest! {
    #[test]
    fn any_partition_of_the_same_bytes_gives_the_same_frames(
        bytes in noise(), size in 1_usize..40, step_ms in 0_i64..200,
    ) {
        let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
        prop_assert_eq!(frames_of(&pieces, step_ms), frames_of(&[&bytes], 0));
    }

    #[test]
    fn a_frame_is_bounded_not_empty_and_free_of_terminators(bytes in noise()) {
        for frame in frames_of(&[&bytes], 0) {
            prop_assert!((1..=FRAME_BYTES_MAX).contains(&frame.raw.len()));
            let is_wide = frame.raw.contains(&0);
            prop_assert!(!frame.raw.iter().any(|&byte| is_terminator(byte) && byte != 0));
            if let Ok(text) = &frame.verdict {
                let data: Vec<u8> = frame.raw.iter().copied().filter(|byte| !matches!(byte, 0 | 2 | 3)).collect();
                prop_assert!(is_wide || text.as_bytes() == data, "{text:?} of {:?}", frame.raw);
            }
        }
    }

    #[test]
    fn no_part_of_a_code_that_was_cut_by_pauses_is_read_as_one(
        code in "[0-9A-Z\u{1d}]{1,20}",
        cuts in proptest::collection::vec((0_usize..20, 0_i64..1200), 0..4),
        terminator in proptest::sample::select(&["\r", "\n", "\r\n", "\t"][..]),
    ) {
        let bytes = format!("{code}{terminator}").into_bytes();
        let mut play = Play::guarded().opened(-1000);
        let (mut cuts, mut now, mut from) = (cuts, 0, 0);
        cuts.sort_unstable();
        for (at, pause) in cuts {
            // Not behind the terminator, where the code is read.
            let at = at.min(code.len());
            if at <= from {
                continue;
            }
            play = play.push(now, &bytes[from..at]);
            now += pause;
            play = play.expire(now);
            from = at;
        }
        let play = play.push(now, &bytes[from..]).expire(now + 5000);
        for frame in &play.frames {
            prop_assert!(frame.verdict.as_ref().is_ok_and(|text| *text == code) || frame.verdict.is_err());
        }
    }

    #[test]
    fn no_further_line_of_a_label_is_read_wherever_a_pause_within_a_line_is(
        lines in proptest::collection::vec("[0-9A-Z$.-]{1,12}", 2..6),
        at in 0_usize..60,
        pause in 0_i64..1200,
    ) {
        let bytes = format!("{}\r", lines.join("\r")).into_bytes();
        let at = at.min(bytes.len() - 1);
        let is_between_lines = at > 0 && bytes[at - 1] == b'\r';
        let pause = if is_between_lines { pause % 40 } else { pause };
        let play = Play::guarded().push(0, &bytes[..at]).expire(pause).push(pause, &bytes[at..]).expire(5000);
        let read: Vec<&String> = play.frames.iter().filter_map(|frame| frame.verdict.as_ref().ok()).collect();
        prop_assert!(read.is_empty() || read == [&lines[0]], "{read:?}");
    }

    #[test]
    fn text_in_utf_16_is_read_whole_or_not_at_all(
        code in "[0-9A-Z]{3,20}",
        is_high_first in any::<bool>(),
        at in 0_usize..45,
        pause in 0_i64..1200,
    ) {
        let unit = |c: char| {
            let unit = u16::try_from(u32::from(c)).unwrap();
            if is_high_first { unit.to_be_bytes() } else { unit.to_le_bytes() }
        };
        let mut bytes: Vec<u8> = code.chars().flat_map(unit).collect();
        bytes.push(b'\r');
        // After the first character and its NUL, a pause means that this was the code.
        let at = if at == 2 || is_high_first && at == 3 { 4 } else { at.min(bytes.len()) };
        let play = Play::guarded().push(0, &bytes[..at]).expire(pause).push(pause, &bytes[at..]).expire(5000);
        for frame in &play.frames {
            prop_assert!(frame.verdict.as_ref().is_ok_and(|text| *text == code) || frame.verdict.is_err(), "{frame:?}");
        }
        if pause < 200 {
            prop_assert_eq!(play.tell(), code);
        }
    }
}
