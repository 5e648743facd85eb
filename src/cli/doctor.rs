//! `stockpoint doctor`: the station checked section by section, with the cure for each fault.

use std::io::Write;
use std::path::Path;

use super::run::runtime;
use super::values::OutputFormat;
use super::{Error, say, status};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::doctor::{Grade, Report, examine};
use crate::domain::count::counted;
use crate::owner;

/// Checks the station and prints the report; a fault makes the command fail.
pub(super) fn doctor(out: &mut impl Write, path: &Path, output: OutputFormat) -> Result<(), Error> {
    let config = match Config::load(path) {
        Ok(config) => config,
        // A faulty configuration is a finding like any other: programs that read the report get it in the same form.
        Err(faults) => {
            tell(out, &Report::of_faults(faults.iter()), output)?;
            return Err(faults.into());
        }
    };
    let report = look_over(&config)?;
    tell(out, &report, output)?;
    if report.is_ok() { Ok(()) } else { Err(faulty(&report)) }
}

/// Checks the whole station.
pub(super) fn look_over(config: &Config) -> Result<Report, Error> {
    // An agent that does not answer counts as none: the section on the agent reports it.
    let asked = owner::run_as_owner(&config.station.data_dir, || status::running(config).ok().flatten());
    let running = asked.ok().flatten();
    let clock = SystemClock::new();
    Ok(runtime()?.block_on(examine(config, &clock, running.as_ref())))
}

/// Returns the error of a station with faults; the report above names each with its cure.
pub(super) fn faulty(report: &Report) -> Error {
    let faults = report.findings().iter().filter(|finding| finding.grade == Grade::Fault).count();
    Error::failure(format!("doctor found {}", counted(faults, "fault")))
        .hint("the report has the cure of each fault, below it")
}

/// Prints a report in the wanted form.
fn tell(out: &mut impl Write, report: &Report, output: OutputFormat) -> Result<(), Error> {
    let text = match output {
        OutputFormat::Json => format!("{}\n", report.json()),
        OutputFormat::Text => report.text(),
    };
    say(out, &text)
}
