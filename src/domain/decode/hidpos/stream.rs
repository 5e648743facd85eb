//! Frames from the reports of one HID-POS scanner.

use crate::domain::aim::AimId;
use crate::domain::decode::framing::FRAME_BYTES_MAX;
use crate::domain::decode::framing::Frame;
use crate::domain::decode::framing::Framing;
use crate::domain::decode::framing::Guard;
use crate::domain::decode::framing::MISSING;
use crate::domain::decode::framing::Refusal;
use crate::domain::decode::framing::Span;
use crate::domain::decode::framing::is_terminator;
use crate::domain::decode::framing::whole;
use crate::domain::decode::hidpos::descriptor::Layout;
use crate::domain::decode::hidpos::descriptor::Piece;
use crate::domain::decode::hidpos::descriptor::Reading;
use crate::domain::time::BootMillis;

/// The number of characters of an AIM identifier.
const IDENTIFIER_BYTES: usize = 3;
/// The most bytes of a code without its identifier.
const CODE_BYTES_MAX: usize = FRAME_BYTES_MAX - IDENTIFIER_BYTES;

/// Turns the reports of one scanner into frames.
///
/// The kernel does not stamp reports, so their time is that of reading: a report that is ready to be read belongs to
/// the pending code, however late it is read. A caller that finds none calls [`PosStream::expire`].
#[derive(Debug)]
pub struct PosStream {
    layout: Layout,
    gap_ms: i64,
    guard: Guard,
    code: Option<Code>,
}

/// A code of which a part was read.
#[derive(Debug)]
struct Code {
    identifier: Option<[u8; IDENTIFIER_BYTES]>,
    /// The bytes so far, at most [`CODE_BYTES_MAX`].
    bytes: Vec<u8>,
    fate: Fate,
    begun_at: BootMillis,
    last_at: BootMillis,
}

/// The fate of a code at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is passed on.
    Sound,
    /// It is refused for this.
    Spoilt(Refusal),
    /// It was refused when it grew too long: once is enough.
    Told,
}

/// The result of a code.
enum Ended {
    Frame(Frame),
    /// It was refused before its end.
    Told,
    Nothing,
}

impl PosStream {
    /// Returns the stream of a device that was opened at `opened`. A code that stands unfinished for a gap is refused.
    /// The last report of a code ends it, whatever the terminator.
    pub fn new(layout: Layout, framing: Framing, opened: BootMillis) -> Self {
        let mut guard = Guard::new(framing.guarding, framing.gap);
        guard.opened(opened);
        Self { layout, gap_ms: framing.gap_ms(), guard, code: None }
    }

    /// Takes a report that was read at `at` and appends the frame it completes to `out`.
    pub fn take(&mut self, report: &[u8], at: BootMillis, out: &mut Vec<Frame>) {
        match self.layout.read(report) {
            Reading::Other => (),
            Reading::Malformed => {
                self.spoil(Refusal::BadReport, report, at);
            }
            Reading::Piece(piece) => self.piece(piece, at, out),
        }
    }

    /// Notes that reports were dropped on the way: the pending code, or else the next, is refused.
    pub fn lose(&mut self, at: BootMillis) {
        let code = self.spoil(Refusal::Lost, MISSING, at);
        // The last of the dropped reports may have begun another code, of another symbology.
        code.identifier = None;
    }

    /// Returns the time at which the pending code is refused, if one is pending.
    pub fn deadline(&self) -> Option<BootMillis> {
        self.code.as_ref().map(|code| code.last_at.plus_ms(self.gap_ms))
    }

    /// Refuses the pending code if its deadline is at or before `now`. No report from before `now` may be unread.
    pub fn expire(&mut self, now: BootMillis, out: &mut Vec<Frame>) {
        if self.deadline().is_some_and(|deadline| now.ms_since(deadline) >= 0)
            && let Some(code) = self.code.take()
        {
            let ended = code.last_at.plus_ms(self.gap_ms);
            self.break_off(code, Refusal::Unfinished, ended, out);
        }
    }

    /// Refuses the pending code because the device is gone or is read no longer.
    pub fn finish(&mut self, out: &mut Vec<Frame>) {
        if let Some(code) = self.code.take() {
            let ended = code.last_at;
            self.break_off(code, Refusal::Lost, ended, out);
        }
    }

    fn piece(&mut self, piece: Piece<'_>, at: BootMillis, out: &mut Vec<Frame>) {
        let mut code = match self.code.take() {
            Some(code) => code.joined_by(piece.identifier),
            None => Code::new(piece.identifier, Fate::Sound, at),
        };
        code.last_at = at;
        // Refused at once, because the end may never come.
        if let Some(over_long) = code.append(piece.data) {
            self.tell(over_long, code.span(at), out);
        }
        if piece.is_continued {
            self.code = Some(code);
            return;
        }
        let span = code.span(at);
        self.settle(code.end(), span, out);
    }

    /// Refuses a code that does not end.
    fn break_off(&mut self, code: Code, why: Refusal, ended: BootMillis, out: &mut Vec<Frame>) {
        let span = code.span(ended);
        self.settle(code.broken_off(why), span, out);
    }

    fn settle(&mut self, ended: Ended, span: Span, out: &mut Vec<Frame>) {
        match ended {
            Ended::Frame(frame) => self.tell(frame, span, out),
            // The refusal is long past: what may be a tail counts from the end of the code.
            Ended::Told => self.guard.broken_off(span.ended),
            Ended::Nothing => (),
        }
    }

    fn tell(&mut self, frame: Frame, span: Span, out: &mut Vec<Frame>) {
        out.push(self.guard.admit(frame, span));
    }

    /// Notes that a part of the pending code, or of the next, cannot be read. The code goes on to its end and is then
    /// refused.
    fn spoil(&mut self, why: Refusal, bytes: &[u8], at: BootMillis) -> &mut Code {
        let code = self.code.get_or_insert_with(|| Code::new(None, Fate::Sound, at));
        code.spoil(why);
        code.fill_up(bytes);
        code.last_at = at;
        code
    }
}

impl Code {
    fn new(identifier: Option<[u8; IDENTIFIER_BYTES]>, fate: Fate, at: BootMillis) -> Self {
        Self { identifier, bytes: Vec::new(), fate, begun_at: at, last_at: at }
    }

    const fn span(&self, ended: BootMillis) -> Span {
        Span { begun: self.begun_at, ended }
    }

    /// Joins a further report to the code. It must be of the same symbology.
    fn joined_by(mut self, identifier: Option<[u8; IDENTIFIER_BYTES]>) -> Self {
        if identifier.is_some() && identifier != self.identifier {
            self.spoil(Refusal::Lost);
            self.identifier = identifier;
        }
        self
    }

    /// Marks the code as refused at its end, for the first fault in it.
    fn spoil(&mut self, why: Refusal) {
        match self.fate {
            Fate::Sound => self.fate = Fate::Spoilt(why),
            Fate::Spoilt(_) => (),
            // The next bytes may be of another code, which was not reported yet.
            Fate::Told => {
                self.bytes.clear();
                self.fate = Fate::Spoilt(why);
            }
        }
    }

    /// Adds bytes, and returns the refused frame once it is too long.
    fn append(&mut self, bytes: &[u8]) -> Option<Frame> {
        let has_room = self.bytes.len().saturating_add(bytes.len()) <= CODE_BYTES_MAX;
        if self.fate != Fate::Told {
            self.fill_up(bytes);
        }
        if has_room || self.fate != Fate::Sound {
            return None;
        }
        self.fate = Fate::Told;
        Some(Frame { raw: self.raw(), verdict: Err(Refusal::TooLong) })
    }

    /// Adds as many of the bytes as there is room for.
    fn fill_up(&mut self, bytes: &[u8]) {
        let room = CODE_BYTES_MAX.saturating_sub(self.bytes.len());
        self.bytes.extend(bytes.iter().take(room));
    }

    /// Ends it as its last report does. A code without bytes is nothing.
    fn end(mut self) -> Ended {
        match self.fate {
            Fate::Told => Ended::Told,
            Fate::Spoilt(why) if !self.bytes.is_empty() => {
                Ended::Frame(Frame { raw: self.raw(), verdict: Err(why) })
            }
            Fate::Spoilt(_) => Ended::Nothing,
            Fate::Sound => {
                while self.bytes.last().copied().is_some_and(is_terminator) {
                    self.bytes.pop();
                }
                if self.bytes.is_empty() { Ended::Nothing } else { Ended::Frame(whole(&self.raw())) }
            }
        }
    }

    /// Refuses it: for an earlier fault if it has one, else for this, because its end is missing.
    fn broken_off(mut self, why: Refusal) -> Ended {
        if self.bytes.is_empty() {
            self.bytes = MISSING.to_vec();
        }
        match self.fate {
            Fate::Told => Ended::Told,
            Fate::Spoilt(earlier) => Ended::Frame(Frame { raw: self.raw(), verdict: Err(earlier) }),
            Fate::Sound => Ended::Frame(Frame { raw: self.raw(), verdict: Err(why) }),
        }
    }

    /// Returns the bytes with the identifier in front, if it is an AIM identifier and they do not begin with it.
    fn raw(&self) -> Vec<u8> {
        let known = self.identifier.filter(|identifier| is_aim(*identifier));
        let prefix = known.filter(|identifier| !self.bytes.starts_with(identifier));
        prefix.iter().flatten().chain(&self.bytes).copied().collect()
    }
}

/// Returns true if the characters are an AIM identifier. Some makers put other things into these fields.
fn is_aim(identifier: [u8; IDENTIFIER_BYTES]) -> bool {
    let text = identifier.map(char::from).into_iter().chain(['0']).collect::<String>();
    AimId::split(&text).0.is_some()
}
