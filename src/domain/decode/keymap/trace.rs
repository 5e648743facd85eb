//! Traces: the events of a keyboard scanner as text, to record in the field and to read again anywhere.
//!
//! One event a line: time in seconds since boot with six decimals, kind, code and value, as the kernel numbers
//! them. `#` begins a comment, which may stand behind an event. A line `!opened 12.000000` is the time at which the
//! device was opened; without one it was open long before the first event. A line `!layout de` is the layout
//! of the scanner, `us` without one.
//!
//! ```text
//! !layout us
//! 3.214005 1 2 1      # the key of 1 is pressed
//! 3.214005 0 0 0      # the end of the group
//! ```

use std::fmt;
use std::fmt::Write as _;

use crate::domain::decode::framing::Frame;
use crate::domain::decode::framing::Framing;
use crate::domain::decode::keymap::InputEvent;
use crate::domain::decode::keymap::KeyStream;
use crate::domain::decode::keymap::LayoutName;
use crate::domain::time::BootMillis;

const MICROS_A_SECOND: i64 = 1_000_000;
/// The number of digits after the decimal point of a time.
const DECIMALS: usize = 6;

/// Events of one scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The layout it is set to.
    pub layout: LayoutName,
    /// The time at which its device was opened.
    pub opened: BootMillis,
    /// The events that it sent.
    pub events: Vec<InputEvent>,
}

/// A line that is no event, no comment and no setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is not an event")]
pub struct Unreadable {
    /// The number of the line, counted from 1.
    pub line: usize,
}

impl Trace {
    /// Reads the text of a trace.
    ///
    /// # Errors
    /// [`Unreadable`] with the first line that is wrong.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        // The earliest time: no frame counts as the rest of a code from before the opening.
        let mut trace = Self { layout: LayoutName::US, opened: BootMillis(i64::MIN), events: Vec::new() };
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            trace.read(line).ok_or(Unreadable { line: index.saturating_add(1) })?;
        }
        Ok(trace)
    }

    /// Returns the frames of the trace; at its end the device is gone.
    pub fn replay(&self, framing: Framing) -> Vec<Frame> {
        let mut stream = KeyStream::new(self.layout, framing, self.opened);
        let mut frames = Vec::new();
        for event in &self.events {
            stream.take(*event, &mut frames);
        }
        stream.finish(&mut frames);
        frames
    }

    fn read(&mut self, line: &str) -> Option<()> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [] => (),
            ["!layout", name] => self.layout = LayoutName::from_word(name)?,
            ["!opened", time] => self.opened = BootMillis(micros(time)?.div_euclid(1000)),
            [time, kind, code, value] => self.events.push(InputEvent {
                at_us: micros(time)?,
                kind: kind.parse().ok()?,
                code: code.parse().ok()?,
                value: value.parse().ok()?,
            }),
            _ => return None,
        }
        Some(())
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "!layout {}", self.layout.as_str())?;
        if self.opened != BootMillis(i64::MIN) {
            writeln!(f, "!opened {}", Seconds(self.opened.0.saturating_mul(1000)))?;
        }
        self.events.iter().try_for_each(|event| writeln!(f, "{event}"))
    }
}

impl fmt::Display for InputEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", Seconds(self.at_us), self.kind, self.code, self.value)
    }
}

/// Microseconds, shown as seconds.
pub(in crate::domain) struct Seconds(pub(in crate::domain) i64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0.div_euclid(MICROS_A_SECOND), self.0.rem_euclid(MICROS_A_SECOND));
        write!(f, "{whole}")?;
        f.write_char('.')?;
        write!(f, "{rest:0DECIMALS$}")
    }
}

/// Reads a time of `12`, `12.5` or `12.000001` seconds, in microseconds.
pub(in crate::domain) fn micros(text: &str) -> Option<i64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    // `parse` alone would accept a sign.
    let is_number = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || decimals.len() > DECIMALS || !is_number(whole) || !is_number(decimals) {
        return None;
    }
    let fraction: i64 = format!("{decimals:0<DECIMALS$}").parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(MICROS_A_SECOND)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_read_and_written_the_same() {
        let text = "!layout de\n!opened 1.000000\n12.000001 1 30 1\n12.500000 0 0 0\n";
        assert_eq!(Trace::parse(text).unwrap().to_string(), text);
        let loose = "# a comment\n\n!layout de # German\n!opened 1\n12.000001  1 30 1\n12.5 0 0 0 # end\n";
        assert_eq!(Trace::parse(loose), Trace::parse(text));
    }

    #[test]
    fn a_line_that_is_no_event_is_named() {
        for wrong in
            ["1 2 3", "x 1 30 1", "1.0000001 1 30 1", "-1 1 30 1", "1 1 70000 1", "!layout xx", "1.2.3 1 1 1"]
        {
            assert_eq!(Trace::parse(&format!("\n{wrong}\n")), Err(Unreadable { line: 2 }), "{wrong}");
        }
    }
}
