//! The patterns of the six signals for ear and eye: one table for every output of the station.
//!
//! Each signal has its own rhythm, so that people recognise it from a buzzer of one pitch, through gloves and earmuffs,
//! from a single light, and without seeing colours. Each has its own colours, so that people recognise it without a
//! sound. Each has its own pitch, for outputs that can play one.
//!
//! ```text
//! booked    .        green                  ▄
//! control   ..       green yellow           ▄ ▄
//! unknown   -.       yellow                 ▄▄▄ ▄
//! refused   ---      red                    ▄▄▄ ▄▄▄ ▄▄▄
//! posted    .-       green yellow red       ▄ ▄▄▄
//! person    -- --    yellow red, repeated   ▄▄▄ ▄▄▄   ▄▄▄ ▄▄▄
//! ```

use std::time::Duration;

use crate::domain::signal::Signal;

/// The length of a dot.
const SHORT: Duration = Duration::from_millis(70);
/// The length of a dash: more than three dots, so that nobody confuses the two.
const LONG: Duration = Duration::from_millis(250);
/// The pause between two marks.
const GAP: Duration = Duration::from_millis(80);
/// The length of a space in the rhythm, in addition to the gap before it.
const SPACE: Duration = Duration::from_millis(250);

/// The length of the longest rhythm, which limits every sound.
pub const PATTERN_MAX: Duration = Duration::from_millis(4 * 250 + 3 * 80 + 250);

/// A light's colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Colour {
    /// The scan is in the books, or will be.
    Green,
    /// A person should check it.
    Yellow,
    /// It was not done.
    Red,
}

impl Colour {
    /// All colours.
    pub const ALL: [Self; 3] = [Self::Green, Self::Yellow, Self::Red];
}

/// The sound and the lights of one signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern {
    /// The dots, dashes and spaces.
    pub rhythm: &'static str,
    /// The lights that are lit, in the order of [`Colour::ALL`].
    pub colours: &'static [Colour],
    /// The pitch in hertz, for outputs that have one.
    pub pitch_hz: u32,
}

/// A period in which nothing changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// Sound and light are on.
    On(Duration),
    /// Sound and light are off.
    Off(Duration),
}

impl Beat {
    /// Returns its length.
    pub const fn length(self) -> Duration {
        match self {
            Self::On(length) | Self::Off(length) => length,
        }
    }
}

/// Returns the pattern of a signal from the table.
pub const fn pattern(signal: Signal) -> Pattern {
    use Colour::{Green, Red, Yellow};
    let (rhythm, colours, pitch_hz): (_, &[Colour], _) = match signal {
        Signal::Booked => (".", &[Green], 1760),
        Signal::Control => ("..", &[Green, Yellow], 1320),
        Signal::Unknown => ("-.", &[Yellow], 880),
        Signal::Refused => ("---", &[Red], 330),
        Signal::Posted => (".-", &[Green, Yellow, Red], 1050),
        Signal::Person => ("-- --", &[Yellow, Red], 660),
    };
    Pattern { rhythm, colours, pitch_hz }
}

impl Pattern {
    /// Returns the rhythm as periods of time. It begins and ends with sound.
    pub fn beats(&self) -> Vec<Beat> {
        let mut beats = Vec::new();
        for mark in self.rhythm.chars() {
            let on = match mark {
                '.' => SHORT,
                '-' => LONG,
                _ => {
                    beats.push(Beat::Off(SPACE));
                    continue;
                }
            };
            if let Some(Beat::On(_)) = beats.last() {
                beats.push(Beat::Off(GAP));
            }
            beats.push(Beat::On(on));
        }
        beats
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn rhythm_of(signal: Signal) -> String {
        let word = |beat: Beat| match beat {
            Beat::On(length) => format!("+{}", length.as_millis()),
            Beat::Off(length) => format!("-{}", length.as_millis()),
        };
        pattern(signal).beats().into_iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_rhythm_follows_its_marks() {
        assert_eq!(rhythm_of(Signal::Booked), "+70");
        assert_eq!(rhythm_of(Signal::Control), "+70 -80 +70");
        assert_eq!(rhythm_of(Signal::Unknown), "+250 -80 +70");
        assert_eq!(rhythm_of(Signal::Refused), "+250 -80 +250 -80 +250");
        assert_eq!(rhythm_of(Signal::Posted), "+70 -80 +250");
        assert_eq!(rhythm_of(Signal::Person), "+250 -80 +250 -250 +250 -80 +250");
    }

    #[test]
    fn no_two_signals_share_a_rhythm_or_their_colours() {
        let rhythms: BTreeSet<_> = Signal::ALL.map(|signal| pattern(signal).rhythm).into();
        let colours: BTreeSet<_> = Signal::ALL.map(|signal| pattern(signal).colours).into();
        let pitches: BTreeSet<_> = Signal::ALL.map(|signal| pattern(signal).pitch_hz).into();
        assert_eq!((rhythms.len(), colours.len(), pitches.len()), (6, 6, 6));
        assert!(Signal::ALL.iter().all(|signal| pattern(*signal).colours.is_sorted()));
    }

    #[test]
    fn none_is_longer_than_the_bound() {
        for signal in Signal::ALL {
            let length: Duration = pattern(signal).beats().into_iter().map(Beat::length).sum();
            assert!(length <= PATTERN_MAX, "{signal:?}: {length:?}");
        }
    }
}
