//! `stockpoint calibrate`: the settings of a scanner, found out from two codes of the control sheet.

mod report;
mod target;
mod write;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use super::args::CalibrateArgs;
use super::{Error, read_error, say};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::device::PortFault;
use crate::device::capture::Captor;
use crate::domain::calibrate::{self, Attempt, CalibrationCode, Capture, Findings, QUIET_US, read_codes};
use crate::domain::decode::keymap::trace::Trace;
use target::{Reach, Target};

/// Reads the calibration codes, prints the findings, and prints or writes the entry of the scanner.
pub(super) fn calibrate(out: &mut impl Write, path: &Path, args: &CalibrateArgs) -> Result<(), Error> {
    let config = match path.try_exists() {
        // A scanner can be calibrated before the station is set up; only writing needs the file.
        Ok(false) if !args.write => None,
        _ => Some(Config::load(path)?),
    };
    // Everything that can be wrong with the arguments is reported before a person scans.
    let target = target::find(config.as_ref(), args)?;
    if args.write && !target.can_be_written() {
        return Err(Error::usage("the recording does not name the device that it came from")
            .hint("name a configured scanner, whose entry can be written"));
    }
    let attempts = match &args.trace {
        Some(file) => recorded(out, file)?,
        None => listen(out, &target, config.as_ref(), Duration::from_secs(args.seconds))?,
    };
    let findings = Findings::of(&attempts).map_err(unsteady)?.ok_or_else(not_read)?;
    say(out, &report::text(&findings, &read_codes(&attempts)))?;
    let written = if args.write { Some(path) } else { None };
    let told = write::entry(path, &target, &findings, written)?;
    say(out, &told)?;
    let is_faulty = findings.advice().iter().any(|advice| advice.is_fault);
    if is_faulty { Err(faulty()) } else { Ok(()) }
}

/// Returns the error of codes that disagree about the scanner.
fn unsteady(unsteady: calibrate::Unsteady) -> Error {
    Error::failure(unsteady).hint("scan both codes again, one after the other")
}

/// Returns the error of a wait or a recording without a calibration code.
fn not_read() -> Error {
    Error::failure("no calibration code was read")
        .hint("scan CALIBRATE-1 and CALIBRATE-2 of the control sheet (`stockpoint sheet`)")
}

/// Returns the error of a scanner whose own setting must change first.
fn faulty() -> Error {
    Error::failure("the scanner needs another setting first, which the report above names")
        .hint("change that setting of the scanner, then calibrate again")
}

/// Reads the attempts in a recording.
fn recorded(out: &mut impl Write, file: &Path) -> Result<Vec<Attempt>, Error> {
    let text = fs::read_to_string(file).map_err(read_error(file))?;
    let attempts = calibrate::attempts(&Capture::Keys(Trace::parse(&text)?.events));
    attempts.iter().try_for_each(|attempt| say(out, &report::news(attempt)))?;
    Ok(attempts)
}

/// Reads the scanner until both codes were read or the time is over.
fn listen(
    out: &mut impl Write,
    target: &Target,
    config: Option<&Config>,
    time: Duration,
) -> Result<Vec<Attempt>, Error> {
    let clock = SystemClock::new();
    let fault = |fault| device_error(target, config, fault);
    // The device is open before the person is asked to scan: some people scan at once.
    let mut captor = open(target).map_err(fault)?;
    let begun = clock.boot();
    let device = target.device();
    let ask = format!(
        "Scan CALIBRATE-1, then CALIBRATE-2, with the scanner on {device}. There are {} s.\n",
        time.as_secs()
    );
    say(out, &ask)?;
    let (mut attempts, mut is_new) = (Vec::new(), false);
    loop {
        let spent = Duration::from_millis(u64::try_from(clock.boot().ms_since(begun)).unwrap_or(0));
        // The wait ends with the time or with the next quiet moment, whichever is first.
        let left = time.saturating_sub(spent);
        let quiet = Duration::from_micros(QUIET_US.unsigned_abs());
        let has_come = captor.wait(left.min(quiet), &clock).map_err(fault)?;
        // A code is complete when the scanner is quiet: attempts are judged then, not in the middle of one.
        is_new |= has_come;
        let is_over = left.is_zero();
        if is_new && !has_come || is_over {
            let now = calibrate::attempts(captor.capture());
            now.iter().skip(attempts.len()).try_for_each(|attempt| say(out, &report::news(attempt)))?;
            (attempts, is_new) = (now, false);
        }
        if is_over || read_codes(&attempts).len() == CalibrationCode::ALL.len() {
            return Ok(attempts);
        }
    }
}

/// Opens the scanner for reading.
fn open(target: &Target) -> Result<Captor, PortFault> {
    match &target.reach {
        Reach::Keys(place) => Captor::of_keys(&target::node_of_keys(place)?),
        Reach::Bytes(place, line) => Captor::of_bytes(&target::node_of_bytes(place)?, *line),
        Reach::Recording => Err(PortFault::Absent),
    }
}

/// Returns the error of a device that cannot be read. If the agent uses it, the hint is how to stop the agent.
fn device_error(target: &Target, config: Option<&Config>, fault: PortFault) -> Error {
    let is_agent = fault == PortFault::Taken
        && config.is_some_and(|config| super::status::running(config).is_ok_and(|status| status.is_some()));
    let error = Error::device(target.device(), fault);
    if is_agent {
        error.only_hint(
            "the agent has it: `sudo systemctl stop stockpoint`, calibrate, then `sudo systemctl start stockpoint`",
        )
    } else {
        error
    }
}
