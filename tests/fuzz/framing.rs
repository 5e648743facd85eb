//! The bytes of a serial scanner, in pieces and with pauses.

use std::time::Duration;

use stockpoint::domain::framing::{Cut, FRAME_BYTES_MAX, Frame, Framer};
use stockpoint::domain::time::BootMillis;

use crate::Input;

const GAP: Duration = Duration::from_millis(200);

/// A piece of the stream: how long after the one before it comes, and what it is.
enum Piece<'a> {
    Bytes(i64, &'a [u8]),
    Interrupted(i64, Cut),
}

/// The same stream read in pieces and byte by byte gives the same frames, and no frame is anything but what came.
pub(crate) fn check(input: &[u8]) {
    let pieces = pieces(input);
    let frames = read(&pieces, usize::MAX);
    assert_eq!(frames, read(&pieces, 1), "the cut decides what is read");
    let stream: Vec<u8> = pieces.iter().flat_map(Piece::bytes).copied().collect();
    for frame in &frames {
        assert!((1..=FRAME_BYTES_MAX).contains(&frame.raw.len()), "a frame has a length");
        assert!(stream.windows(frame.raw.len()).any(|window| window == frame.raw), "bytes were made up");
        if let Ok(text) = &frame.verdict {
            assert_eq!(text.as_bytes(), frame.raw, "the text is what was read");
            assert!(!text.chars().any(|c| c.is_control() && c != '\u{1d}'), "a control character passed");
            assert_stands_whole(text.as_bytes(), &pieces);
        }
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
    let whole = runs.iter().flat_map(|run| run.split(is_end)).any(|part| part == text);
    assert!(whole, "a fragment passed for a frame");
}

fn pieces(input: &[u8]) -> Vec<Piece<'_>> {
    let mut input = Input::new(input);
    let mut pieces = Vec::new();
    while !input.is_empty() {
        let pause = i64::from(input.byte());
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

fn read(pieces: &[Piece<'_>], at_once: usize) -> Vec<Frame> {
    let (mut framer, mut out, mut now) = (Framer::new(GAP), Vec::new(), BootMillis(0));
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
