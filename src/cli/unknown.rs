//! `stockpoint unknown`: scanned codes that no good has, and their assignment to goods.

use std::io::{self, BufRead, IsTerminal, Write};

use serde_json::{Value, json};

use super::args::{Assign, Saving, UnknownCommand};
use super::run::runtime;
use super::station::plain_conventions;
use super::values::OutputFormat;
use super::{Error, ServiceAccess, access_beside, data, data_if_any, say};
use crate::cli::station::location_of;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::config::secrets::Secrets;
use crate::domain::code::barcode::Barcode;
use crate::domain::ids::GoodId;
use crate::domain::printable::printable;
use crate::domain::session::Heard;
use crate::domain::stock::good::{Good, times};
use crate::socket::{self, Request};
use crate::status::{Location, rfc3339};
use crate::store::{Assigned, Assignment, Db, Given, ParkedCode, find_given};
use crate::work::create::{Creator, barcode_for};
use crate::work::save::Standing;

pub(super) fn unknown(out: &mut impl Write, config: &Config, command: &UnknownCommand) -> Result<(), Error> {
    match command {
        UnknownCommand::List { output } => list(out, config, *output),
        UnknownCommand::Assign(wish) => assign(out, config, wish),
        UnknownCommand::Assigned { output } => assigned(out, config, *output),
        UnknownCommand::Unassign { code } => unassign(out, config, code),
        UnknownCommand::Export => export(out, config),
    }
}

fn list(out: &mut impl Write, config: &Config, output: OutputFormat) -> Result<(), Error> {
    let db = data_if_any(config)?;
    let parked = db.as_ref().map_or(Ok(Vec::new()), Db::parked)?;
    if output == OutputFormat::Json {
        let codes: Vec<Value> = parked.iter().map(told).collect();
        return say(out, &format!("{}\n", Value::from(codes)));
    }
    if parked.is_empty() {
        return say(out, "no code is unknown\n");
    }
    // The times are the location's, in the zone of the configuration or of the service.
    let location = db.map_or(Ok(Location::default()), |db| location_of(config, &db))?;
    say(out, "scans  units  last scanned         code\n")?;
    for code in parked {
        let line = format!(
            "{:>5}  {:>5}  {}  {}\n",
            code.scans,
            code.units,
            location.time(code.last_scan),
            printable(&code.code)
        );
        say(out, &line)?;
    }
    Ok(())
}

/// Prints the parked codes, one JSON object a line.
fn export(out: &mut impl Write, config: &Config) -> Result<(), Error> {
    for code in data_if_any(config)?.map_or(Ok(Vec::new()), |db| db.parked())? {
        say(out, &format!("{}\n", told(&code)))?;
    }
    Ok(())
}

/// Returns a parked code as one JSON object.
fn told(code: &ParkedCode) -> Value {
    json!({
        "code": code.code,
        "scans": code.scans,
        "units": code.units.to_string(),
        "documents": code.places,
        "first_scan_at": rfc3339(code.first_scan),
        "last_scan_at": rfc3339(code.last_scan),
    })
}

/// Returns the parked code for a typed one: the code with the same symbology and characters or, if a person typed the
/// characters alone, the only code with these.
pub(super) fn meant<'a>(parked: &'a [ParkedCode], typed: &Barcode) -> Result<Option<&'a ParkedCode>, Error> {
    let read_as = typed.identity();
    if let Some(parked) = parked.iter().find(|parked| parked.read_as == read_as) {
        return Ok(Some(parked));
    }
    // Without a symbology the characters alone must be clear: two codes may have the same ones.
    let mut alike = parked
        .iter()
        .filter(|parked| typed.symbology.is_none() && Barcode::read(&parked.text).text == typed.text);
    match (alike.next(), alike.next()) {
        (first, None) => Ok(first),
        (first, second) => {
            let names = first.into_iter().chain(second).chain(alike);
            let names: Vec<String> = names.map(|parked| printable(&parked.code).to_string()).collect();
            Err(Error::failure(format!("the code was read in several ways: {}", names.join(", ")))
                .hint("name one of these"))
        }
    }
}

/// Reads a typed text as a scan of it would be read: a whole label stands for its good.
fn read(config: &Config, typed: &str) -> Result<Barcode, Error> {
    match plain_conventions(config).understand(typed) {
        Heard::Product(barcode) => Ok(*barcode),
        Heard::AddOn => Ok(Barcode::read(typed)),
        Heard::Kit(_) | Heard::Control(_) | Heard::MalformedControl | Heard::Repeat | Heard::Bad(_) => {
            Err(Error::control_code())
        }
    }
}

/// Gives a code to a good here or, with `--save`, on the service, and books what was scanned of it.
fn assign(out: &mut impl Write, config: &Config, wish: &Assign) -> Result<(), Error> {
    let typed = read(config, &wish.code)?;
    // Tokens are found while this is root: `data` gives up its rights.
    let secrets = wish.saving.save.then(|| Secrets::find(&config.api));
    let mut db = data(config)?;
    let parked = db.parked()?;
    let parked = meant(&parked, &typed)?;
    // A label with a measure was parked under the code of its good.
    let code = parked.map_or(typed, |parked| Barcode::read(&parked.text));
    let wanted = Assignment { code: &code, good: GoodId(wish.good_id), factor: wish.factor };
    let good = db.may_assign(&wanted)?.map_err(|refused| why_not(&refused, wanted.good))?;
    // A code that was never scanned may be a typing error.
    if parked.is_none() && !wish.anyway {
        return Err(Error::failure(format!(
            "no scan of {} is parked: it was never scanned, or is booked",
            printable(&code.name())
        ))
        .hint("--anyway gives the code to the good all the same"));
    }
    // The preview is shown even if nothing is asked: the output then records what was booked.
    say(out, &preview(&good, &code, wish.factor, parked))?;
    if !wish.yes && !agreed(out)? {
        return say(out, "nothing was changed\n");
    }
    if let Some(secrets) = secrets {
        let access = access_beside(config, secrets)?;
        let change = BarcodeChange { assignment: wanted, standing: standing(&wish.saving) };
        return save(out, config, access, &mut db, &change);
    }
    match db.assign(&wanted, SystemClock::new().wall())? {
        Assigned::Done { good, operations } => {
            let what = format!("{} now means {}", printable(&code.name()), packed(&good, wish.factor));
            finish(out, config, &what, operations.len())
        }
        refused => Err(why_not(&refused, wanted.good)),
    }
}

const fn standing(saving: &Saving) -> Standing {
    if saving.overwrite { Standing::Overwritten } else { Standing::Kept }
}

/// A code that becomes the barcode of its good on the service.
struct BarcodeChange<'a> {
    assignment: Assignment<'a>,
    standing: Standing,
}

/// Writes the code into the good on the service. Scans then find the good by it like by any other barcode.
fn save(
    out: &mut impl Write,
    config: &Config,
    access: ServiceAccess,
    db: &mut Db,
    change: &BarcodeChange<'_>,
) -> Result<(), Error> {
    let ServiceAccess { client, budget } = access;
    let barcode = barcode_for(change.assignment.code);
    let good = runtime()?.block_on(async {
        let mut creator = Creator { client: &client, budget, wait: config.api.reconcile_after };
        creator.save(change.assignment.good, &barcode, change.standing).await
    })?;
    // The copy gets the good at once, so that the parked scans are booked without waiting for the next reading.
    db.put_changed_goods(std::slice::from_ref(&good))?;
    let operations = db.book_parked(SystemClock::new().wall())?;
    let what = format!("good {} ({}) has the barcode {barcode} now", good.id, printable(&good.title));
    finish(out, config, &what, operations.len())
}

/// Wakes a running agent and prints the result.
fn finish(out: &mut impl Write, config: &Config, what: &str, operations: usize) -> Result<(), Error> {
    // Without an agent it is delivered when one starts; if the request is lost, at the agent's next check.
    let _woken = socket::ask(&config.station.data_dir, Request::Wake);
    say(out, &format!("{what}; {} made of what was scanned of it\n", documents_were(operations)))
}

pub(super) fn documents_were(count: usize) -> String {
    if count == 1 { "1 document was".to_owned() } else { format!("{count} documents were") }
}

fn counted(count: u64, thing: &str) -> String {
    if count == 1 { format!("{count} {thing}") } else { format!("{count} {thing}s") }
}

/// Returns the error of an assignment that is refused.
fn why_not(refused: &Assigned, good: GoodId) -> Error {
    match refused {
        Assigned::ControlCode => Error::control_code(),
        Assigned::NoSuchGood => Error::no_such_good(good),
        Assigned::KnownAlready | Assigned::Done { .. } => {
            Error::failure("a good in the goods table has this code already")
                .hint("`stockpoint goods find CODE` shows it")
        }
    }
}

/// Returns the preview of a booking, which is shown before the question.
fn preview(good: &Good, code: &Barcode, factor: u32, parked: Option<&ParkedCode>) -> String {
    let unit = printable(&good.unit);
    let code = format!(
        "code       {}\ngood       {} {}\n",
        printable(&code.name()),
        good.id,
        printable(&good.title)
    );
    let pack = if factor > 1 { format!("one scan   {factor} {unit}\n") } else { String::new() };
    let Some(parked) = parked else {
        return format!("{code}{pack}books      nothing now: the code was never scanned\n");
    };
    let units = times(parked.units, factor).unwrap_or(parked.units);
    let (scans, documents) = (counted(parked.scans, "scan"), counted(parked.places, "document"));
    format!("{code}{pack}books      {units} {unit} of {scans}, in {documents}\n")
}

/// Asks on a terminal; elsewhere the command itself is the consent.
fn agreed(out: &mut impl Write) -> Result<bool, Error> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Ok(true);
    }
    say(out, "go on? [y/N] ")?;
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    read.map_err(|source| Error::io("cannot read the terminal", source))?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

fn packed(good: &Good, factor: u32) -> String {
    let title = printable(&good.title);
    if factor == 1 { title.to_string() } else { format!("{factor} {} {title}", printable(&good.unit)) }
}

/// Lists the codes that were given to goods here.
fn assigned(out: &mut impl Write, config: &Config, output: OutputFormat) -> Result<(), Error> {
    let given = data_if_any(config)?.map_or(Ok(Vec::new()), |db| db.given())?;
    if output == OutputFormat::Json {
        let told = given.iter().map(|given| {
            json!({
                "code": given.code,
                "good_id": given.good.0,
                "title": given.title,
                "factor": given.factor,
                "given_at": given.at.map(rfc3339),
            })
        });
        return say(out, &format!("{}\n", Value::from(told.collect::<Vec<_>>())));
    }
    if given.is_empty() {
        return say(out, "no code was given to a good\n");
    }
    say(out, "   good  a scan  code                  title\n")?;
    for Given { code, good, title, factor, .. } in given {
        let title =
            title.map_or("(not in the goods table)".to_owned(), |title| printable(&title).to_string());
        say(out, &format!("{good:>7}  {factor:>6}  {:<20}  {title}\n", printable(&code).to_string()))?;
    }
    Ok(())
}

/// Takes a code back from its good.
fn unassign(out: &mut impl Write, config: &Config, code: &str) -> Result<(), Error> {
    let mut db = data(config)?;
    let given = db.given()?;
    let not_given = || {
        Error::failure(format!("{} is given to no good", printable(code)))
            .hint("`stockpoint unknown assigned` lists the codes that are")
    };
    let given = find_given(&given, code).ok_or_else(not_given)?;
    let good = db.unassign(&given.key)?.ok_or_else(not_given)?;
    let title = given.title.as_deref().map_or(format!("good {good}"), |title| printable(title).to_string());
    let text = format!(
        "{} no longer means {title}; it is unknown again, and what was booked of it stays booked\n",
        printable(&given.code)
    );
    say(out, &text)
}
