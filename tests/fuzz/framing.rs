//! The bytes of a serial scanner, in pieces and with pauses.

use std::time::Duration;

use crate::domain::decode::framing::{Cut, FRAME_BYTES_MAX, Frame, Framer, Framing, Refusal};
use crate::domain::time::BootMillis;

use crate::Input;

const GAP: Duration = Duration::from_millis(200);
/// A byte of the input stands for a pause of up to two seconds: longer than any gap, and than the time of tails.
const PAUSE_MS: i64 = 8;
/// Control characters that are data.
pub(crate) const SEPARATORS: [char; 5] = ['\u{4}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{1f}'];

/// A piece of the stream: how long after the one before it comes, and what it is.
enum Piece<'a> {
    Bytes(i64, &'a [u8]),
    Interrupted(i64, Cut),
}

/// The same stream read in pieces and byte by byte gives the same frames, and no frame is anything but what came.
pub(crate) fn check(input: &[u8]) {
    let pieces = pieces(input);
    let frames = read(&pieces, usize::MAX, Framing::unguarded(GAP));
    assert_eq!(frames, read(&pieces, 1, Framing::unguarded(GAP)), "the cut decides what is read");
    check_guard(&pieces, &frames);
    let stream: Vec<u8> = pieces.iter().flat_map(Piece::bytes).copied().collect();
    for frame in &frames {
        assert!((1..=FRAME_BYTES_MAX).contains(&frame.raw.len()), "a frame has a length");
        assert!(stream.windows(frame.raw.len()).any(|window| window == frame.raw), "bytes were made up");
        if let Ok(text) = &frame.verdict {
            assert!(
                !text.chars().any(|c| c.is_control() && !SEPARATORS.contains(&c)),
                "a control character passed"
            );
            let is_wide = frame.raw.contains(&0) || frame.raw.starts_with(b"\xff\xfe");
            if !is_wide && !frame.raw.starts_with(b"\xfe\xff") {
                let data = frame.raw.strip_prefix(b"\x02").unwrap_or(&frame.raw);
                let data = data.strip_suffix(b"\x03").unwrap_or(data);
                assert_eq!(text.as_bytes(), data, "the text is what was read");
                assert_stands_whole(&frame.raw, &pieces);
            }
        }
    }
}

/// The guard refuses whole frames and changes nothing else: no bytes, no number, no order. What it lets through stands
/// long enough behind the frame before it.
fn check_guard(pieces: &[Piece<'_>], unguarded: &[Frame]) {
    let guarded = read(pieces, usize::MAX, Framing::usual(GAP));
    assert_eq!(guarded.len(), unguarded.len(), "the guard swallowed a frame");
    assert_eq!(guarded, read(pieces, 1, Framing::usual(GAP)), "the cut decides what is refused");
    for (guarded, unguarded) in guarded.iter().zip(unguarded) {
        assert_eq!(guarded.raw, unguarded.raw);
        let is_refused_by_it = matches!(guarded.verdict, Err(Refusal::Tail | Refusal::Burst));
        assert!(is_refused_by_it || guarded.verdict == unguarded.verdict, "the guard changed a verdict");
    }
    if pieces.iter().all(|piece| matches!(piece, Piece::Bytes(0, _))) {
        let read = guarded.iter().position(|frame| frame.verdict.is_ok());
        assert!(read.is_none_or(|at| at == 0), "a further line of a label passed");
        let in_all = guarded.iter().filter(|frame| frame.verdict.is_ok()).count();
        assert!(in_all <= 1, "two lines of a label passed");
    }
}

impl Piece<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(_, bytes) => bytes,
            Self::Interrupted(..) => &[],
        }
    }
}

/// An accepted frame stands between two ends in the stream: a terminator, a pause, an interruption, the beginning.
fn assert_stands_whole(text: &[u8], pieces: &[Piece<'_>]) {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n' | b'\t' | 0);
    let (mut run, mut runs, mut silence) = (Vec::new(), Vec::new(), 0);
    for piece in pieces {
        let (pause, interrupted) = match piece {
            Piece::Bytes(pause, _) => (*pause, false),
            Piece::Interrupted(pause, _) => (*pause, true),
        };
        silence += pause;
        if interrupted || silence >= 200 {
            runs.push(std::mem::take(&mut run));
        }
        if !piece.bytes().is_empty() {
            silence = 0;
        }
        run.extend_from_slice(piece.bytes());
    }
    runs.push(run);
    // STX begins a frame, whatever framing stands before it: ETX behind a terminator, another STX.
    let is_framing = |byte: &u8| matches!(byte, 2 | 3);
    let stands = |part: &[u8]| {
        let front = part.strip_suffix(text);
        front.is_some_and(|front| front.is_empty() || (text[0] == 2 && front.iter().all(is_framing)))
    };
    let whole = runs.iter().flat_map(|run| run.split(is_end)).any(stands);
    assert!(whole, "a fragment passed for a frame");
}

fn pieces(input: &[u8]) -> Vec<Piece<'_>> {
    let mut input = Input::new(input);
    let mut pieces = Vec::new();
    while !input.is_empty() {
        let pause = i64::from(input.byte()) * PAUSE_MS;
        let kind = input.byte();
        pieces.push(match kind {
            253 => Piece::Interrupted(pause, Cut::EndOfInput),
            254 => Piece::Interrupted(pause, Cut::Gone),
            255 => Piece::Interrupted(pause, Cut::Lost),
            // Long pieces reach the limit of a frame with a short input.
            length => Piece::Bytes(pause, input.bytes(usize::from(length) * 3)),
        });
    }
    pieces
}

fn read(pieces: &[Piece<'_>], at_once: usize, framing: Framing) -> Vec<Frame> {
    let (mut framer, mut out, mut now) = (Framer::new(framing), Vec::new(), BootMillis(0));
    for piece in pieces {
        match piece {
            Piece::Bytes(pause, bytes) => {
                now = now.plus_ms(*pause);
                framer.expire(now, &mut out);
                for part in bytes.chunks(at_once.min(bytes.len()).max(1)) {
                    framer.push(part, now, &mut out);
                }
            }
            Piece::Interrupted(pause, cut) => {
                now = now.plus_ms(*pause);
                framer.expire(now, &mut out);
                framer.finish(*cut, &mut out);
            }
        }
    }
    framer.finish(Cut::Gone, &mut out);
    out
}
