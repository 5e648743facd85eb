//! `stockpoint trace`: the raw events of a scanner, recorded as text and replayed.

use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use super::args::TraceCommand;
use super::{Error, read_error, say};
use crate::clock::{Clock, SystemClock};
use crate::device::PortFault;
use crate::device::discover::ports::Roots;
use crate::device::evdev::Recorder;
use crate::device::hidpos;
use crate::domain::decode::framing::Framing;
use crate::domain::decode::hidpos::trace::PosTrace;
use crate::domain::decode::keymap::LayoutName;
use crate::domain::decode::keymap::trace::Trace;
use crate::domain::decode::secret::{Before, redacted};
use crate::domain::printable::{printable, printable_bytes};
use crate::domain::session::Reason;

pub(super) fn trace(out: &mut impl Write, command: &TraceCommand) -> Result<(), Error> {
    match command {
        TraceCommand::Record { device, layout } => record(out, device, *layout),
        TraceCommand::Replay { file, gap_ms } => replay(out, file, Duration::from_millis(*gap_ms)),
    }
}

/// Writes events as they come, each group at once; for a HID-POS scanner, its reports.
fn record(out: &mut impl Write, device: &Path, layout: LayoutName) -> Result<(), Error> {
    let ended = if hidpos::Recorder::is_for(device) {
        record_reports(out, device)
    } else {
        record_keys(out, device, layout)
    };
    match ended {
        // Unplugging the device is the usual end of a recording.
        Ok(()) | Err(Ended::Device(PortFault::Vanished)) => Ok(()),
        Err(Ended::Device(fault)) => Err(Error::device(device.display(), fault)),
        Err(Ended::Output(error)) => Err(error),
    }
}

/// The reason why a recording ended.
enum Ended {
    Device(PortFault),
    Output(Error),
}

impl From<PortFault> for Ended {
    fn from(fault: PortFault) -> Self {
        Self::Device(fault)
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Output(error)
    }
}

/// Records the keys of an input device until it is unplugged.
fn record_keys(out: &mut impl Write, device: &Path, layout: LayoutName) -> Result<(), Ended> {
    let clock = SystemClock::new();
    let mut recorder = Recorder::open(device)?;
    say(out, &Trace { layout, opened: clock.boot(), events: Vec::new() }.to_string())?;
    loop {
        let events = recorder.events()?;
        events.iter().try_for_each(|event| say(out, &format!("{event}\n")))?;
    }
}

/// Records the reports of a HID-POS scanner until it is unplugged.
fn record_reports(out: &mut impl Write, device: &Path) -> Result<(), Ended> {
    let clock = SystemClock::new();
    let recorder = hidpos::Recorder::open(&Roots::default(), device)?;
    say(out, &recorder.trace(&clock).to_string())?;
    loop {
        let report = recorder.report(&clock)?;
        say(out, &format!("{report}\n"))?;
    }
}

/// Prints the frames that result from a recording, one a line.
fn replay(out: &mut impl Write, file: &Path, gap: Duration) -> Result<(), Error> {
    let framing = Framing::usual(gap);
    let text = fs::read_to_string(file).map_err(read_error(file))?;
    let frames = if PosTrace::is_one(&text) {
        PosTrace::parse(&text)?.replay(framing)?
    } else {
        Trace::parse(&text)?.replay(framing)
    };
    let mut told = String::new();
    for frame in frames {
        // A recording may contain a set-up code, whose secret must not appear on a terminal.
        let frame = redacted(frame, Before::Plain);
        let _written = match &frame.verdict {
            Ok(text) => writeln!(told, "code      {}", printable(text)),
            Err(refusal) => {
                let words = Reason::Frame(*refusal).words();
                writeln!(told, "refused   {}  {words}", printable_bytes(&frame.raw))
            }
        };
    }
    say(out, &told)
}
