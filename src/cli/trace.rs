//! `stockpoint trace`

use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use super::args::TraceCommand;
use super::{Error, read_error, say};
use crate::clock::{Clock, SystemClock};
use crate::device::PortFault;
use crate::device::evdev::Recorder;
use crate::domain::keymap::LayoutName;
use crate::domain::keymap::trace::Trace;
use crate::domain::printable::{printable, printable_bytes};

pub(super) fn trace(out: &mut impl Write, command: &TraceCommand) -> Result<(), Error> {
    match command {
        TraceCommand::Record { device, layout } => record(out, device, *layout),
        TraceCommand::Replay { file, gap_ms } => replay(out, file, Duration::from_millis(*gap_ms)),
    }
}

/// Writes events as they come, each group at once.
fn record(out: &mut impl Write, device: &Path, layout: LayoutName) -> Result<(), Error> {
    let clock = SystemClock::new();
    let recorder = Recorder::open(device).map_err(Error::Device)?;
    say(out, &Trace { layout, opened: clock.boot(), events: Vec::new() }.to_string())?;
    loop {
        match recorder.events() {
            Ok(events) => events.iter().try_for_each(|event| say(out, &format!("{event}\n")))?,
            Err(PortFault::Vanished) => return Ok(()),
            Err(why) => return Err(Error::Device(why)),
        }
    }
}

/// Tells the frames that come of the recorded events, one a line.
fn replay(out: &mut impl Write, file: &Path, gap: Duration) -> Result<(), Error> {
    let text = fs::read_to_string(file).map_err(read_error(file))?;
    let mut told = String::new();
    for frame in Trace::parse(&text)?.replay(gap) {
        let _written = match &frame.verdict {
            Ok(text) => writeln!(told, "code      {}", printable(text)),
            Err(refusal) => {
                writeln!(told, "refused   {} ({})", printable_bytes(&frame.raw), refusal.as_str())
            }
        };
    }
    say(out, &told)
}
