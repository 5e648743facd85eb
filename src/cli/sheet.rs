//! `stockpoint sheet`: the control codes to print, with the storages and kits that the station has.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::args::{SheetArgs, SheetFormat, SheetPaper, SheetSymbology};
use super::{Error, data_if_any, owner_error, write_error};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, secrets};
use crate::domain::code::seal::Seal;
use crate::domain::ids::CardId;
use crate::owner;
use crate::sheet::{self, Format, Imprint, NamedStorage, Paper, PrintJob, PrintSymbology};

/// Prints the control sheet, or writes it into a file.
pub(super) fn sheet(out: &mut impl Write, config: &Path, args: &SheetArgs) -> Result<(), Error> {
    let seal = seal(config)?;
    let format = match args.format {
        SheetFormat::Text => {
            return deliver(out, args, sheet::text(&seal, &storages(config), &kits(config)).as_bytes());
        }
        SheetFormat::Svg => Format::Svg,
        SheetFormat::Html => Format::Html,
        SheetFormat::Pdf => Format::Pdf,
    };
    if format == Format::Pdf && args.output.is_none() && io::stdout().is_terminal() {
        return Err(Error::usage("a PDF cannot be shown on a terminal").hint("name a file with --output"));
    }
    let job = PrintJob {
        format,
        paper: paper(args.paper),
        symbology: symbology(args.symbology),
        imprint: imprint(config)?,
    };
    let mut groups = sheet::control_groups(&seal);
    groups.extend(sheet::storage_group(&seal, &storages(config)));
    groups.extend(sheet::kit_group(&seal, &kits(config)));
    groups.push(sheet::calibration_group());
    deliver(out, args, &job.print(&groups)?)
}

/// Returns the seal of the codes. Codes that the station would refuse are not printed: an unreadable secret is an
/// error.
fn seal(config: &Path) -> Result<Seal, Error> {
    match Config::load(config) {
        Ok(config) => Ok(secrets::seal(&config.station)?),
        // Without a configuration the codes are those of every station; the problem with it is reported together with
        // its name.
        Err(_) => Ok(Seal::default()),
    }
}

/// Returns the imprint; without a configuration the sheet has no name on it.
fn imprint(config: &Path) -> Result<Imprint, Error> {
    // A missing configuration is not an error; a faulty one is.
    let station = match config.try_exists() {
        Ok(false) => None,
        _ => Some(Config::load(config)?.station),
    };
    let zone =
        station.as_ref().and_then(|station| station.time_zone.clone()).unwrap_or_else(TimeZone::system);
    let now = Timestamp::from_millisecond(SystemClock::new().wall().0).unwrap_or_default();
    Ok(Imprint { station: station.map(|station| station.name), date: now.to_zoned(zone).date().to_string() })
}

/// Writes the sheet to the file that was named, or else to the output. The bytes of a PDF must not be filtered, so this
/// does not use `say`.
fn deliver(out: &mut impl Write, args: &SheetArgs, bytes: &[u8]) -> Result<(), Error> {
    match &args.output {
        Some(file) => fs::write(file, bytes).map_err(write_error(file)),
        None => out.write_all(bytes).and_then(|()| out.flush()).map_err(Error::output),
    }
}

fn paper(paper: SheetPaper) -> Paper {
    match paper {
        SheetPaper::A4 => Paper::A4,
        SheetPaper::Label58x40 => Paper::Label58x40,
        SheetPaper::Label62x29 => Paper::Label62x29,
        SheetPaper::Label89x36 => Paper::Label89x36,
        SheetPaper::Labels70x37 => Paper::Labels70x37,
    }
}

fn symbology(symbology: SheetSymbology) -> PrintSymbology {
    match symbology {
        SheetSymbology::Code128 => PrintSymbology::Code128,
        SheetSymbology::Qr => PrintSymbology::Qr,
        SheetSymbology::Both => PrintSymbology::Both,
    }
}

/// Returns the storages that the configuration names. If it cannot be read, the sheet is printed without them, as it is
/// printed without kits; the message about the kits has the reason.
fn storages(config: &Path) -> Vec<NamedStorage> {
    let named = Config::load(config).map(|config| config.storages()).unwrap_or_default();
    named.into_iter().map(|storage| (storage.id, storage.name)).collect()
}

/// Returns the kits in the station's data that it may book, with their numbers and names. A problem with them is
/// reported and is not a failure, because the control codes can be printed without them.
fn kits(config: &Path) -> Vec<(CardId, String)> {
    if !config.exists() {
        return Vec::new();
    }
    let cards = Config::load(config).map_err(Error::from).and_then(|config| {
        let dir = &config.station.data_dir;
        // Root writes the sheet to the given place, and so stays root.
        let read = || -> Result<Vec<_>, Error> {
            Ok(data_if_any(&config)?.map(|db| db.cards()).transpose()?.unwrap_or_default())
        };
        let mut cards = owner::run_as_owner(dir, read).map_err(owner_error(dir))??;
        cards.retain(|(card, _)| config.kits.allows(*card));
        Ok(cards)
    });
    cards.unwrap_or_else(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, "the sheet is without kits");
        Vec::new()
    })
}
