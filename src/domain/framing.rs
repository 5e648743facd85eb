//! Framing: the bytes of one scanner become frames, one for each scan.
//!
//! Promises: the same bytes give the same frames however they were cut up on the way; a frame that is
//! incomplete, too long, torn or not printable text is refused with its bytes, never passed on; nothing
//! grows beyond [`FRAME_BYTES_MAX`]. It does not know what the text means, and reads no clock: the time
//! of arrival comes in with the bytes.

use std::mem;
use std::time::Duration;

use crate::domain::time::BootMillis;

/// The longest frame, in bytes without its terminator. A GS1 symbol in a single read carries far less;
/// anything longer is noise or the wrong baud rate.
pub const FRAME_BYTES_MAX: usize = 512;

/// Stands in the bytes of a refused frame where something is missing: U+FFFD, the replacement character.
pub const MISSING: &[u8] = "\u{fffd}".as_bytes();

/// The one control character that is data: it separates GS1 elements.
const GROUP_SEPARATOR: char = '\u{1d}';

/// The bytes of one scan and what came of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The bytes as read, without the terminator, 1..=[`FRAME_BYTES_MAX`].
    pub raw: Vec<u8>,
    /// The frame as text, or why it is refused.
    pub verdict: Result<String, Refusal>,
}

/// Why a frame is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// More than [`FRAME_BYTES_MAX`] bytes without a terminator; the first ones are kept.
    TooLong,
    /// The bytes are not UTF-8.
    NotUtf8,
    /// The text has a control character: C0 but GS, DEL, or U+0080 to U+009F.
    ControlCharacter,
    /// No terminator came within the gap.
    Unfinished,
    /// The scanner vanished in the middle of it, or bytes of it were dropped.
    Lost,
    /// A key that types nothing in the scanner's layout, or a combination of keys that makes no character.
    UnknownKey,
    /// It was read, but as many frames waited already as may.
    Overrun,
    /// A report that is not as the scanner's own description of it says.
    BadReport,
}

impl Refusal {
    /// The word for the journal and for logs. It is stored: it never changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too-long",
            Self::NotUtf8 => "not-utf8",
            Self::ControlCharacter => "control-character",
            Self::Unfinished => "unfinished",
            Self::Lost => "lost",
            Self::UnknownKey => "unknown-key",
            Self::Overrun => "overrun",
            Self::BadReport => "bad-report",
        }
    }
}

/// Why the stream of bytes is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cut {
    /// The input ended in good order: what is pending is a whole frame.
    EndOfInput,
    /// The scanner vanished: what is pending is refused; whatever comes next begins a frame.
    Gone,
    /// Bytes were dropped on the way. What is pending is refused, and so is what comes up to the next
    /// terminator or gap: it may be the tail of a frame without its head, and a tail can look like a
    /// shorter code.
    Lost,
}

/// What the pending bytes are part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    /// A frame from its first byte on.
    Sound,
    /// A frame that is refused for this when it ends, whatever else comes of it.
    Spoilt(Refusal),
    /// An over-long frame that has been refused; its remaining bytes are dropped.
    Discarding,
}

/// Turns the bytes of one scanner into frames.
#[derive(Debug)]
pub struct Framer {
    gap_ms: i64,
    /// At most [`FRAME_BYTES_MAX`]; empty while discarding.
    pending: Vec<u8>,
    last_byte_at: BootMillis,
    stream: Stream,
}

impl Framer {
    /// A framer that refuses a frame which stands unfinished for `gap` after its last byte.
    pub fn new(gap: Duration) -> Self {
        Self {
            gap_ms: i64::try_from(gap.as_millis()).unwrap_or(i64::MAX),
            pending: Vec::new(),
            last_byte_at: BootMillis(0),
            stream: Stream::Sound,
        }
    }

    /// Takes bytes that arrived at `now` and appends the frames they complete to `out`.
    pub fn push(&mut self, bytes: &[u8], now: BootMillis, out: &mut Vec<Frame>) {
        self.expire(now, out);
        for &byte in bytes {
            self.take_byte(byte, out);
        }
        if !bytes.is_empty() {
            self.last_byte_at = now;
        }
    }

    /// When the pending frame becomes refused for want of a terminator, if one is pending.
    pub fn deadline(&self) -> Option<BootMillis> {
        if self.pending.is_empty() { None } else { Some(self.last_byte_at.plus_ms(self.gap_ms)) }
    }

    /// Refuses the pending frame if its deadline is at or before `now`.
    pub fn expire(&mut self, now: BootMillis, out: &mut Vec<Frame>) {
        let within_frame = !self.pending.is_empty() || self.stream == Stream::Discarding;
        if within_frame && now.ms_since(self.last_byte_at) >= self.gap_ms {
            self.refuse(self.spoilt_by().unwrap_or(Refusal::Unfinished), out);
            self.stream = Stream::Sound;
        }
    }

    /// Settles the pending bytes because the stream of bytes is interrupted.
    pub fn finish(&mut self, why: Cut, out: &mut Vec<Frame>) {
        match why {
            Cut::EndOfInput => self.end_frame(out),
            Cut::Gone => {
                self.refuse(Refusal::Lost, out);
                self.stream = Stream::Sound;
            }
            Cut::Lost => {
                self.refuse(Refusal::Lost, out);
                self.stream = Stream::Spoilt(Refusal::Lost);
            }
        }
    }

    /// Something of the frame pending, or of the next if none is, cannot be read. It goes on to its end, with a
    /// mark in its bytes, and is then refused: for the first thing that was wrong with it.
    pub fn spoil(&mut self, why: Refusal, now: BootMillis, out: &mut Vec<Frame>) {
        self.expire(now, out);
        if self.stream == Stream::Sound {
            self.stream = Stream::Spoilt(why);
        }
        let has_room = self.pending.len().saturating_add(MISSING.len()) <= FRAME_BYTES_MAX;
        if has_room && self.stream != Stream::Discarding && !self.pending.ends_with(MISSING) {
            self.pending.extend_from_slice(MISSING);
        }
        self.last_byte_at = now;
    }

    /// The scanner is at work on the next byte of the frame pending: its gap counts from `now`.
    pub fn prolong(&mut self, now: BootMillis) {
        if self.deadline().is_some() {
            self.last_byte_at = now;
        }
    }

    fn take_byte(&mut self, byte: u8, out: &mut Vec<Frame>) {
        if is_terminator(byte) {
            self.end_frame(out);
        } else if self.stream == Stream::Discarding {
            // The frame was refused when it grew too long: once is enough.
        } else if self.pending.len() == FRAME_BYTES_MAX {
            self.refuse(Refusal::TooLong, out);
            self.stream = Stream::Discarding;
        } else {
            self.pending.push(byte);
        }
    }

    /// Ends the pending frame as a terminator does. An empty one is nothing, so CRLF ends one frame.
    fn end_frame(&mut self, out: &mut Vec<Frame>) {
        if let Some(why) = self.spoilt_by() {
            self.refuse(why, out);
        } else if !self.pending.is_empty() {
            let raw = mem::take(&mut self.pending);
            let verdict = judge(&raw);
            out.push(Frame { raw, verdict });
        }
        self.stream = Stream::Sound;
    }

    fn spoilt_by(&self) -> Option<Refusal> {
        match self.stream {
            Stream::Spoilt(why) => Some(why),
            Stream::Sound | Stream::Discarding => None,
        }
    }

    fn refuse(&mut self, refusal: Refusal, out: &mut Vec<Frame>) {
        if !self.pending.is_empty() {
            out.push(Frame { raw: mem::take(&mut self.pending), verdict: Err(refusal) });
        }
    }
}

/// The frame of bytes that are one scan, from first to last: of a scanner that says itself where a code begins and ends.
pub fn whole(bytes: &[u8]) -> Frame {
    if bytes.len() > FRAME_BYTES_MAX {
        let raw = bytes.iter().copied().take(FRAME_BYTES_MAX).collect();
        return Frame { raw, verdict: Err(Refusal::TooLong) };
    }
    Frame { raw: bytes.to_vec(), verdict: judge(bytes) }
}

/// CR, LF, Tab and NUL: what scanners are set to send after a code.
pub const fn is_terminator(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | b'\t' | 0)
}

/// The text of a whole frame, if it is one of printable characters and GS.
fn judge(raw: &[u8]) -> Result<String, Refusal> {
    let Ok(text) = str::from_utf8(raw) else { return Err(Refusal::NotUtf8) };
    if text.chars().any(|c| c.is_control() && c != GROUP_SEPARATOR) {
        return Err(Refusal::ControlCharacter);
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Plays a script against a framer with a gap of 200 ms and tells its frames, one a word: the text,
    /// or `!` with the refusal and the number of raw bytes.
    struct Play {
        framer: Framer,
        frames: Vec<Frame>,
    }

    impl Play {
        fn new() -> Self {
            Self { framer: Framer::new(Duration::from_millis(200)), frames: Vec::new() }
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
    fn control_characters_but_the_group_separator_are_refused() {
        assert_eq!(Play::new().push(0, b"01\x1d10\r").tell(), "01\u{1d}10");
        for bad in ["\u{1}", "\u{8}", "\u{b}", "\u{1b}", "\u{1c}", "\u{1e}", "\u{7f}", "\u{80}", "\u{9f}"] {
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
        assert_eq!(
            Play::new().spoil(0, Refusal::UnknownKey).push(1, b"\rnext\r").tell(),
            "!unknown-key:3 next"
        );
        assert_eq!(Play::new().spoil(0, Refusal::Lost).expire(199).tell(), "");
        assert_eq!(
            Play::new().spoil(0, Refusal::Lost).expire(200).push(201, b"next\r").tell(),
            "!lost:3 next"
        );
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

    /// Bytes as noisy scanners send them: mostly digits and terminators, some of everything.
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
                prop_assert!(!frame.raw.iter().any(|&byte| is_terminator(byte)));
                if let Ok(text) = &frame.verdict {
                    prop_assert_eq!(text.as_bytes(), frame.raw.as_slice());
                }
            }
        }
    }
}
