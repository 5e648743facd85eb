//! `stockpoint outbox`

use std::io::Write;

use jiff::tz::TimeZone;
use tokio::time::Instant;

use super::args::OutboxCommand;
use super::run::runtime;
use super::{Error, data, data_if_any, export, say};
use crate::api::{Budget, Client};
use crate::app;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::config::secrets::Secrets;
use crate::domain::delivery::{Event, State};
use crate::domain::ids::OperationId;
use crate::domain::printable::printable;
use crate::socket::{self, Request};
use crate::status::rfc3339;
use crate::store::{Advance, Db, Revoked, Undo};
use crate::work::account::{date_in, known_zone};
use crate::work::uplink::seed;
use crate::work::verify::Verifier;

/// A day, in ms.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The most that a list shows; `export` writes everything.
const LISTED_MAX: u32 = 1000;

pub(super) fn outbox(out: &mut impl Write, config: &Config, command: &OutboxCommand) -> Result<(), Error> {
    match command {
        OutboxCommand::List { all } => list(out, config, *all),
        OutboxCommand::Show { id } => show(out, config, OperationId(*id)),
        OutboxCommand::Retry { id, today } => retry(out, config, OperationId(*id), *today),
        OutboxCommand::Revoke { id, delete } => {
            revoke(out, config, OperationId(*id), if *delete { Undo::Delete } else { Undo::Opposite })
        }
        OutboxCommand::Verify { days } => verify(out, config, *days),
        OutboxCommand::Export => data_if_any(config)?.map_or(Ok(()), |db| export::export(out, &db)),
    }
}

fn list(out: &mut impl Write, config: &Config, all: bool) -> Result<(), Error> {
    let operations = data_if_any(config)?.map_or(Ok(Vec::new()), |db| db.operations(!all, LISTED_MAX))?;
    if operations.is_empty() {
        return say(out, if all { "no documents yet\n" } else { "everything is delivered\n" });
    }
    say(
        out,
        "   no  state      kind       storage   lines   units  first scan            document  what to know\n",
    )?;
    for operation in operations {
        let line = format!(
            "{:>5}  {:<9}  {:<9}  {:>7}  {:>6}  {:>6}  {}  {:>8}  {}\n",
            operation.id,
            operation.state,
            operation.place.kind,
            operation.place.storage,
            operation.lines,
            operation.units.to_string(),
            rfc3339(operation.first_scan),
            operation.document.map(|document| document.to_string()).unwrap_or_default(),
            advice(operation.state, operation.trouble.as_deref()),
        );
        say(out, &line)?;
    }
    Ok(())
}

/// What a person should know or do.
fn advice(state: State, trouble: Option<&str>) -> String {
    match (state, trouble) {
        (State::Open, _) => "takes scans; CLOSE posts it".to_owned(),
        (State::Refused, Some(words)) => {
            format!("the service says: {}; correct it there, then `outbox retry`", printable(words))
        }
        (State::Uncertain, Some(why)) => format!("a person must look: {}", printable(why)),
        (State::Uncertain, None) => "being read back; nothing to do".to_owned(),
        (_, Some(words)) => printable(words).to_string(),
        (_, None) => String::new(),
    }
}

fn show(out: &mut impl Write, config: &Config, id: OperationId) -> Result<(), Error> {
    let db = data(config)?;
    let pending = db.pending(id)?;
    let operation = &pending.operation;
    let document = pending.delivery.document.map_or("none yet".to_owned(), |document| document.to_string());
    let head = format!(
        "document {id}: {} in storage {}, {}\n  marker      {}\n  first scan  {}\n  on the service: {document}\n\n",
        operation.place.kind,
        operation.place.storage,
        pending.delivery.state,
        operation.marker,
        rfc3339(pending.first_scan),
    );
    say(out, &head)?;
    for line in &operation.lines {
        let refused = line
            .refusal
            .as_deref()
            .map(|words| format!("  REFUSED: {}", printable(words)))
            .unwrap_or_default();
        let text = format!(
            "  {:>3}  {:>6} x {}  (good {}, {}){refused}\n",
            line.number,
            line.quantity.to_string(),
            printable(&line.title),
            line.good,
            printable(&line.barcode),
        );
        say(out, &text)?;
    }
    say(out, "\n")?;
    for event in db.events(id)? {
        say(out, &format!("  {}  {}\n", rfc3339(event.at), printable(&event.what)))?;
    }
    Ok(())
}

fn retry(out: &mut impl Write, config: &Config, id: OperationId, is_dated_today: bool) -> Result<(), Error> {
    let mut db = data(config)?;
    let delivery = db.pending(id)?.delivery;
    let nothing = Error::NothingToRetry { id: id.0, state: delivery.state };
    let Ok(next) = delivery.apply(Event::Retry) else { return Err(nothing) };
    let advance = Advance {
        id,
        from: delivery.state,
        to: next,
        what: "a person had it tried again".to_owned(),
        now: SystemClock::new().wall(),
    };
    if is_dated_today {
        let zone = zone_of(config, &db)?;
        db.redate(id, &date_in(&zone, advance.now))?;
    }
    if !db.advance(&advance)? {
        return Err(nothing);
    }
    // Without an agent it goes on when one starts.
    let _woken = socket::ask(&config.station.data_dir, Request::Wake);
    say(out, &format!("document {id} is {} again\n", advance.to.state))
}

fn revoke(out: &mut impl Write, config: &Config, id: OperationId, undo: Undo) -> Result<(), Error> {
    let revoked = data(config)?.revoke(id, undo, SystemClock::new().wall())?;
    let told = match revoked {
        Revoked::By(by) => {
            format!("document {by} undoes document {id}: it books the opposite, dated when it is posted\n")
        }
        Revoked::Deleting => {
            format!(
                "document {id} is being deleted on the service; `outbox show {id}` tells when it is gone\n"
            )
        }
        Revoked::Already(by) => {
            return Err(Error::NotRevoked { id: id.0, why: format!("document {by} undoes it already") });
        }
        Revoked::Not(State::Posted, why) => return Err(Error::NotRevoked { id: id.0, why: why.to_owned() }),
        Revoked::Not(state, _) => {
            let why = format!("it is {state}, and only a posted one can be");
            return Err(Error::NotRevoked { id: id.0, why });
        }
    };
    // Without an agent it goes on when one starts.
    let _woken = socket::ask(&config.station.data_dir, Request::Wake);
    say(out, &told)
}

/// The location's time zone, as far as it is known here.
fn zone_of(config: &Config, db: &Db) -> Result<TimeZone, Error> {
    let known = match &config.station.time_zone {
        Some(zone) => Some(zone.clone()),
        None => known_zone(db)?,
    };
    Ok(known.unwrap_or(TimeZone::UTC))
}

fn verify(out: &mut impl Write, config: &Config, days: u16) -> Result<(), Error> {
    let db = data(config)?;
    let api = &config.api;
    let secrets = Secrets::find(api)?;
    let client = Client::new(api, config.station.location_id, &secrets.partner, &secrets.user)
        .map_err(app::Error::Client)?;
    let zone = zone_of(config, &db)?;
    let since = SystemClock::new().wall().plus_ms(-i64::from(days) * DAY_MS);
    let compared = runtime()?.block_on(async {
        // A running agent keeps its own budget: this takes half of one, so that both stay below the service's.
        let budget = Budget::new(api.requests_per_minute_max.div_ceil(2), 1, seed(), Instant::now());
        let (db, station, client) = (&db, config.station.name.as_str(), &client);
        Verifier { db, station, client, budget, zone }.compare(since).await
    })?;
    for difference in &compared.differences {
        say(out, &format!("{difference}\n"))?;
    }
    if compared.left_out > 0 {
        let text =
            format!("{} documents of others were not looked at; ask for fewer days\n", compared.left_out);
        say(out, &text)?;
    }
    say(out, &format!("{} documents compared\n", compared.compared))?;
    match compared.differences.len() {
        0 => Ok(()),
        count => Err(Error::Differs(count)),
    }
}
