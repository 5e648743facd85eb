//! `stockpoint outbox export`: all documents, for a person or an accountant.

use std::io::Write;

use serde_json::{Value, json};

use crate::cli::{Error, say, scans};
use crate::domain::ids::OperationId;
use crate::status::rfc3339;
use crate::store::{Db, OperationFilter, ScanFilter, Summary};

/// The limit of operations and scans: all are written.
const EVERY: u32 = u32::MAX;

/// Prints all documents and then all refused scans, oldest first, one JSON object a line.
pub(super) fn export(out: &mut impl Write, db: &Db) -> Result<(), Error> {
    for operation in db.operations(OperationFilter::All, EVERY)?.into_iter().rev() {
        say(out, &format!("{}\n", as_json(db, &operation)?))?;
    }
    // A refused scan is in no document, so a complete record needs it on its own.
    for scan in db.last_scans(ScanFilter::Refused, EVERY)?.iter().rev() {
        say(out, &format!("{}\n", scans::as_json(scan)))?;
    }
    Ok(())
}

/// Returns a document as one JSON object, with its lines and its trail.
pub(super) fn as_json(db: &Db, operation: &Summary) -> Result<Value, Error> {
    Ok(json!({
            "document": operation.id.0,
            "marker": operation.marker.as_str(),
            "kind": operation.place.kind.as_str(),
            "storage_id": operation.place.storage.0,
            "state": operation.state.as_str(),
            // Quantities are strings, because many programs read JSON numbers as floats.
            "units": operation.units.to_string(),
            "first_scan_at": rfc3339(operation.first_scan),
            "server_document_id": operation.document.map(|document| document.0),
            "split_from": operation.split_from.map(|from| from.0),
            "undoes": operation.revokes.map(|undone| undone.0),
            "put_aside_for": operation.aside,
            "trouble": operation.trouble,
            "lines": lines(db, operation)?,
            "labels": labels(db, operation.id)?,
            "trail": trail(db, operation.id)?,
    }))
}

fn lines(db: &Db, operation: &Summary) -> Result<Vec<Value>, Error> {
    let lines = db.pending(operation.id)?.operation.lines.into_iter().map(|line| {
        json!({
            "number": line.number,
            "good_id": line.good.0,
            "title": line.title,
            "barcode": line.barcode,
            "quantity": line.quantity.to_string(),
            "cost_per_unit": line.price.to_string(),
            "server_transaction_id": line.transaction.map(|id| id.0),
            "refusal": line.refusal,
        })
    });
    Ok(lines.collect())
}

fn labels(db: &Db, id: OperationId) -> Result<Vec<Value>, Error> {
    let labels = db.labels(id)?.into_iter().map(|label| {
        json!({
            "good_id": label.good.0,
            "lot": label.lot,
            "expiry": label.expiry,
            "serial": label.serial,
            "quantity": label.quantity.to_string(),
        })
    });
    Ok(labels.collect())
}

fn trail(db: &Db, id: OperationId) -> Result<Vec<Value>, Error> {
    let events = db.events(id)?.into_iter();
    Ok(events.map(|event| json!({ "at": rfc3339(event.at), "what": event.what })).collect())
}
