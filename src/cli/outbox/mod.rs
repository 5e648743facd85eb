//! `stockpoint outbox`: the documents and their delivery, and what a person can do about them.

mod export;
mod list;

use std::io::Write;

use serde_json::Value;

use super::args::{Correct, OutboxCommand};
use super::run::runtime;
use super::values::OutputFormat;
use super::{Error, ServiceAccess, access_beside, data, data_if_any, say};
use crate::cli::station::location_of;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::config::secrets::Secrets;
use crate::domain::count::counted;
use crate::domain::delivery::{Event, State};
use crate::domain::ids::{GoodId, OperationId};
use crate::domain::printable::printable;
use crate::domain::stock::quantity::Money;
use crate::socket::{self, Request};
use crate::store::Advance;
use crate::store::Corrected;
use crate::store::Correction;
use crate::store::Db;
use crate::store::OperationFilter;
use crate::store::Revoked;
use crate::store::Summary;
use crate::store::Undo;
use crate::work::dates::date_in;
use crate::work::verify::Verifier;

/// A day, in ms.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The date that a document has on the service after a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DocumentDate {
    Unchanged,
    Today,
}

pub(super) fn outbox(out: &mut impl Write, config: &Config, command: &OutboxCommand) -> Result<(), Error> {
    match command {
        OutboxCommand::List { all, output } => {
            let filter = if *all { OperationFilter::All } else { OperationFilter::Undelivered };
            match output {
                OutputFormat::Json => list_json(out, config, filter),
                OutputFormat::Text => list::list(out, config, filter),
            }
        }
        OutboxCommand::Show { id, output: OutputFormat::Json } => show_json(out, config, OperationId(*id)),
        OutboxCommand::Show { id, output: OutputFormat::Text } => list::show(out, config, OperationId(*id)),
        OutboxCommand::Retry { id, today } => {
            let date = if *today { DocumentDate::Today } else { DocumentDate::Unchanged };
            retry(out, config, OperationId(*id), date)
        }
        OutboxCommand::Correct(correction) => correct(out, config, correction),
        OutboxCommand::Revoke { id, delete } => {
            revoke(out, config, OperationId(*id), if *delete { Undo::Delete } else { Undo::Opposite })
        }
        OutboxCommand::Verify { days } => verify(out, config, *days),
        OutboxCommand::Export => data_if_any(config)?.map_or(Ok(()), |db| export::export(out, &db)),
    }
}

/// Prints the same documents as the table, each as `export` writes it.
fn list_json(out: &mut impl Write, config: &Config, filter: OperationFilter) -> Result<(), Error> {
    let documents = match data_if_any(config)? {
        None => Vec::new(),
        Some(db) => {
            let listed = db.operations(filter, list::LISTED_MAX)?;
            listed.iter().map(|operation| as_json(&db, operation)).collect::<Result<_, _>>()?
        }
    };
    say(out, &format!("{}\n", Value::from(documents)))
}

/// Returns a document as `export` writes it, with the member `needs_you`.
fn as_json(db: &Db, operation: &Summary) -> Result<Value, Error> {
    let mut document = export::as_json(db, operation)?;
    if let Some(members) = document.as_object_mut() {
        members.insert("needs_you".to_owned(), list::needs_a_person(operation).into());
    }
    Ok(document)
}

fn show_json(out: &mut impl Write, config: &Config, id: OperationId) -> Result<(), Error> {
    let db = data(config)?;
    let document = as_json(&db, &db.summary(id)?)?;
    say(out, &format!("{document}\n"))
}

/// Returns a refused or uncertain document to the delivery, or ends the wait of a failing one.
fn retry(out: &mut impl Write, config: &Config, id: OperationId, date: DocumentDate) -> Result<(), Error> {
    let mut db = data(config)?;
    let delivery = db.pending(id)?.delivery;
    let nothing = || nothing_to_retry(id, delivery.state);
    let is_failing = db.try_now(id)?;
    let next = match delivery.apply(Event::Retry) {
        Ok(next) => next,
        // The document needs no new state; only the wait before its next try ends.
        Err(_) if is_failing => {
            let _woken = socket::ask(&config.station.data_dir, Request::Wake);
            return say(
                out,
                &format!("document {id} is {}; its next try does not wait any longer\n", delivery.state),
            );
        }
        Err(_) => return Err(nothing()),
    };
    let advance = Advance {
        id,
        from: delivery.state,
        to: next,
        what: "a person had it tried again".to_owned(),
        now: SystemClock::new().wall(),
    };
    if date == DocumentDate::Today {
        let location = location_of(config, &db)?;
        db.redate(id, &date_in(location.zone(), advance.now))?;
    }
    // The agent may have moved the document since it was read.
    if !db.advance(&advance)? {
        return Err(nothing());
    }
    // Without an agent the delivery continues when one starts.
    let _woken = socket::ask(&config.station.data_dir, Request::Wake);
    say(out, &format!("document {id} is {} again\n", advance.to.state))
}

fn nothing_to_retry(id: OperationId, state: State) -> Error {
    Error::failure(format!(
        "document {id} is {state}: only a refused or uncertain document can be tried again"
    ))
}

/// Corrects or drops one line of a refused document.
fn correct(out: &mut impl Write, config: &Config, wanted: &Correct) -> Result<(), Error> {
    let mut db = data(config)?;
    let good = match wanted.good.map(GoodId) {
        None => None,
        Some(id) => Some(Box::new(db.good(id)?.ok_or_else(|| Error::no_such_good(id))?)),
    };
    let (price, quantity) = (wanted.price.map(Money::new), wanted.quantity);
    let correction =
        if wanted.drop { Correction::Drop } else { Correction::Change { good, price, quantity } };
    let id = wanted.id;
    let now = SystemClock::new().wall();
    let told = match db.correct(OperationId(id), wanted.line, &correction, now)? {
        Corrected::Line(line) => format!(
            "line {} of document {id} is now {} x {} (good {}, {} each)\n",
            line.number,
            line.quantity,
            printable(&line.title),
            line.good,
            line.price
        ),
        Corrected::Dropped => format!("line {} of document {id} is dropped\n", wanted.line),
        Corrected::Cancelled => return say(out, &format!("document {id} is cancelled: no line is left\n")),
        Corrected::Not(why) => {
            return Err(Error::failure(format!("document {id} cannot be corrected: {why}")));
        }
    };
    say(out, &format!("{told}`stockpoint outbox retry {id}` tries it again\n"))
}

/// Undoes a posted document.
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
            return Err(Error::failure(format!("document {id} is undone already, by document {by}")));
        }
        Revoked::Not(State::Posted, why) => {
            return Err(Error::failure(format!("document {id} cannot be undone: {why}")));
        }
        Revoked::Not(state, _) => {
            let why = format!("document {id} is {state}: only a posted document can be undone");
            return Err(Error::failure(why));
        }
    };
    // Without an agent the delivery continues when one starts.
    let _woken = socket::ask(&config.station.data_dir, Request::Wake);
    say(out, &told)
}

/// Compares posted documents with the service; a difference makes the command fail.
fn verify(out: &mut impl Write, config: &Config, days: u16) -> Result<(), Error> {
    // Tokens are found while this is root: `data` gives up its rights.
    let secrets = Secrets::find(&config.api);
    let db = data(config)?;
    let ServiceAccess { client, budget } = access_beside(config, secrets)?;
    let zone = location_of(config, &db)?.zone().clone();
    let since = SystemClock::new().wall().plus_ms(-i64::from(days) * DAY_MS);
    let compared = runtime()?.block_on(async {
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
        count => Err(Error::failure(format!("outbox verify found {}", counted(count, "difference")))),
    }
}
