//! `stockpoint unknown`

use std::io::Write;

use serde_json::json;

use super::args::UnknownCommand;
use super::{Error, data, data_if_any, say};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::domain::ids::GoodId;
use crate::domain::printable::printable;
use crate::socket::{self, Request};
use crate::status::rfc3339;
use crate::store::Assigned;

pub(super) fn unknown(out: &mut impl Write, config: &Config, command: &UnknownCommand) -> Result<(), Error> {
    match command {
        UnknownCommand::List => list(out, config),
        UnknownCommand::Assign { code, good_id } => assign(out, config, code, GoodId(*good_id)),
        UnknownCommand::Export => export(out, config),
    }
}

fn list(out: &mut impl Write, config: &Config) -> Result<(), Error> {
    let parked = data_if_any(config)?.map_or(Ok(Vec::new()), |db| db.parked())?;
    if parked.is_empty() {
        return say(out, "no code is unknown\n");
    }
    say(out, "scans  units  last scanned          code\n")?;
    for code in parked {
        let line = format!(
            "{:>5}  {:>5}  {}  {}\n",
            code.scans,
            code.units,
            rfc3339(code.last_scan),
            printable(&code.code)
        );
        say(out, &line)?;
    }
    Ok(())
}

fn assign(out: &mut impl Write, config: &Config, code: &str, good: GoodId) -> Result<(), Error> {
    // A whole label stands for its good, as it does when it is scanned.
    let heard = config.conventions().understand(code);
    let code = heard.code().filter(|_| heard.is_measured()).unwrap_or_else(|| code.to_owned());
    match data(config)?.assign(&code, good, SystemClock::new().wall())? {
        Assigned::NoSuchGood => Err(Error::NoSuchGood(good)),
        Assigned::KnownAlready => Err(Error::KnownAlready),
        Assigned::ControlCode => Err(Error::ControlCode),
        Assigned::Done { good, operations } => {
            // Without an agent it is delivered when one starts; with one, at its next look at the latest.
            let _woken = socket::ask(&config.station.data_dir, Request::Wake);
            let text = format!(
                "{} now means {}; {} documents were made of what was scanned of it\n",
                printable(&code),
                printable(&good.title),
                operations.len()
            );
            say(out, &text)
        }
    }
}

fn export(out: &mut impl Write, config: &Config) -> Result<(), Error> {
    for code in data_if_any(config)?.map_or(Ok(Vec::new()), |db| db.parked())? {
        let line = json!({
            "code": code.code,
            "scans": code.scans,
            "units": code.units.to_string(),
            "first_scan_at": rfc3339(code.first_scan),
            "last_scan_at": rfc3339(code.last_scan),
        });
        say(out, &format!("{line}\n"))?;
    }
    Ok(())
}
