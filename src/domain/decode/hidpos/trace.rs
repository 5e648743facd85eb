//! Traces: the reports of a HID-POS scanner as text, to record in the field and to read again anywhere.
//!
//! One report a line: the time in seconds since boot with six decimals, then its bytes in hexadecimal; in place of the
//! bytes, `lost` where reports were dropped. `#` begins a comment. A line `!descriptor` with bytes in hexadecimal is
//! the scanner's report descriptor, without which nothing can be read; a line `!opened 12.000000` is the time at which
//! the device was opened; without one it was open long before the first report.
//!
//! ```text
//! !descriptor 058c0902a101…c0
//! 3.214005 020d5d4530343030…00
//! ```

use std::fmt;

use crate::domain::decode::framing::Frame;
use crate::domain::decode::framing::Framing;
use crate::domain::decode::hidpos::Layout;
use crate::domain::decode::hidpos::PosStream;
use crate::domain::decode::hidpos::Unfit;
use crate::domain::decode::keymap::trace::Seconds;
use crate::domain::decode::keymap::trace::micros;
use crate::domain::time::BootMillis;

/// The word that distinguishes such a trace from that of a keyboard.
const DESCRIPTOR: &str = "!descriptor";

/// Reports of one scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PosTrace {
    /// Its report descriptor.
    pub descriptor: Vec<u8>,
    /// The time at which its device was opened.
    pub opened: BootMillis,
    /// The reports that it sent.
    pub reports: Vec<Report>,
}

/// A report, or the loss of some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The time at which it was read, in microseconds since boot.
    pub at_us: i64,
    /// Its bytes, or `None` where reports were dropped.
    pub bytes: Option<Vec<u8>>,
}

/// A line that is no report, no comment and no setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is not a report")]
pub struct Unreadable {
    /// The number of the line, counted from 1.
    pub line: usize,
}

impl PosTrace {
    /// Returns true if the text is such a trace, rather than one of a keyboard.
    pub fn is_one(text: &str) -> bool {
        text.lines().any(|line| line.split_whitespace().next() == Some(DESCRIPTOR))
    }

    /// Reads the text of a trace.
    ///
    /// # Errors
    /// [`Unreadable`] with the first line that is wrong.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        // The earliest time: no frame counts as the rest of a code from before the opening.
        let mut trace = Self { descriptor: Vec::new(), opened: BootMillis(i64::MIN), reports: Vec::new() };
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            trace.read(line).ok_or(Unreadable { line: index.saturating_add(1) })?;
        }
        Ok(trace)
    }

    /// Returns the frames of the trace; at its end the device is gone.
    ///
    /// # Errors
    /// [`Unfit`], if the descriptor is not that of a scanner.
    pub fn replay(&self, framing: Framing) -> Result<Vec<Frame>, Unfit> {
        let mut stream = PosStream::new(Layout::of(&self.descriptor)?, framing, self.opened);
        let mut frames = Vec::new();
        for report in &self.reports {
            let at = BootMillis(report.at_us.div_euclid(1000));
            // A thread expires codes as soon as the node is drained; in a trace only the next report shows how much
            // time passed.
            stream.expire(at, &mut frames);
            match &report.bytes {
                Some(bytes) => stream.take(bytes, at, &mut frames),
                None => stream.lose(at),
            }
        }
        stream.finish(&mut frames);
        Ok(frames)
    }

    fn read(&mut self, line: &str) -> Option<()> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [] => (),
            [DESCRIPTOR] => self.descriptor.clear(),
            [DESCRIPTOR, hex] => self.descriptor = bytes(hex)?,
            ["!opened", time] => self.opened = BootMillis(micros(time)?.div_euclid(1000)),
            [time, "lost"] => self.reports.push(Report { at_us: micros(time)?, bytes: None }),
            [time, hex] => self.reports.push(Report { at_us: micros(time)?, bytes: Some(bytes(hex)?) }),
            _ => return None,
        }
        Some(())
    }
}

impl fmt::Display for PosTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{DESCRIPTOR} {}", Hex(&self.descriptor))?;
        if self.opened != BootMillis(i64::MIN) {
            writeln!(f, "!opened {}", Seconds(self.opened.0.saturating_mul(1000)))?;
        }
        self.reports.iter().try_for_each(|report| writeln!(f, "{report}"))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", Seconds(self.at_us))?;
        match &self.bytes {
            Some(bytes) => write!(f, "{}", Hex(bytes)),
            None => f.write_str("lost"),
        }
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Returns the bytes for which pairs of hexadecimal digits stand.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = hex.chars().map(|c| u8::try_from(c.to_digit(16)?).ok()).collect::<Option<_>>()?;
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some(high << 4 | low),
        _ => None,
    });
    pairs.collect()
}
