//! `stockpoint doctor`

use std::io::Write;
use std::path::Path;

use super::run::runtime;
use super::{Error, say, status};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::doctor::{Report, examine};
use crate::owner;

pub(super) fn doctor(out: &mut impl Write, path: &Path, as_json: bool) -> Result<(), Error> {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(faults) => {
            tell(out, &Report::of_faults(faults.iter()), as_json)?;
            return Err(Error::Config(faults));
        }
    };
    let report = look_over(&config)?;
    tell(out, &report, as_json)?;
    if report.is_ok() { Ok(()) } else { Err(Error::Faulty) }
}

/// Checks the whole station.
pub(super) fn look_over(config: &Config) -> Result<Report, Error> {
    // An agent that does not answer counts as none: the section on the agent reports it.
    let asked = owner::within(&config.station.data_dir, || status::running(config).ok().flatten());
    let running = asked.ok().flatten();
    let clock = SystemClock::new();
    Ok(runtime()?.block_on(examine(config, &clock, running.as_ref())))
}

fn tell(out: &mut impl Write, report: &Report, as_json: bool) -> Result<(), Error> {
    let text = if as_json { format!("{}\n", report.json()) } else { report.text() };
    say(out, &text)
}
