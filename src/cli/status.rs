//! `stockpoint status`: the state of the station, and the balance of its books.

use std::fmt::Write as _;
use std::io::Write;

use super::values::OutputFormat;
use super::{Error, read_error, say, take_over};
use crate::app::station;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::domain::health::ApiHealth;
use crate::domain::health::ApiState;
use crate::domain::health::Health;
use crate::domain::health::ScannerHealth;
use crate::socket::{self, Request};
use crate::status::{Reporter, Status};
use crate::store::{Db, Figures};

/// Prints the status: that of the running agent or, without one, the status from the files.
pub(super) fn status(out: &mut impl Write, config: &Config, output: OutputFormat) -> Result<(), Error> {
    let status = match running(config)? {
        Some(status) => status,
        None => at_rest(config)?,
    };
    if output == OutputFormat::Json {
        return say(out, &format!("{}\n", status.json()));
    }
    let mut text = String::new();
    if !status.is_running() {
        text.push_str(
            "NOT RUNNING: nothing is scanned or delivered now; what follows stands in the files\n\n",
        );
    }
    let _written = writeln!(text, "{}: mode {}", status.station(), status.modes());
    for (title, figures) in status.tables() {
        let _written = writeln!(text, "\n{title}");
        for figure in figures {
            let mark = if figure.is_trouble { '!' } else { ' ' };
            let _written = writeln!(text, " {mark} {:<16} {}", figure.name, figure.value);
        }
    }
    say(out, &text)
}

/// Returns the status of the running agent; `None` if none runs.
pub(super) fn running(config: &Config) -> Result<Option<Status>, Error> {
    let dir = &config.station.data_dir;
    take_over(dir)?;
    if !dir.exists() {
        return Ok(None);
    }
    let answer = socket::ask(dir, Request::Status).map_err(read_error(dir))?;
    // An agent that is just stopping does not answer: then the status comes from the files.
    Ok(answer.and_then(|answer| serde_json::from_str(&answer).ok()))
}

/// Returns the status from the files alone, for a station without a running agent.
fn at_rest(config: &Config) -> Result<Status, Error> {
    // No data yet means figures of zero, not an error: the station may be new.
    let db = Db::open_beside(&config.station.data_dir, &config.station.name)?;
    let figures = db.map_or(Ok(Figures::default()), |db| db.figures())?;
    let scanners = config.scanners.iter();
    let scanners =
        scanners.map(|scanner| ScannerHealth::unheard(scanner.name.clone(), scanner.source.kind()));
    let clock = SystemClock::new();
    let health = Health {
        api: ApiHealth { state: ApiState::Offline, last_error: Some("no agent is running".to_owned()) },
        scanners: scanners.collect(),
        // The agent's own judgement ended with the agent; this is the system's.
        clock_trusted: config.station.trust_clock || clock.is_synchronized(),
    };
    Ok(Status::new(station(config, &figures), &figures, health, Reporter::Command, clock.wall()))
}
