//! `stockpoint scans`: single scans, each with its outcome.

use std::io::Write;

use serde_json::{Value, json};

use super::args::ScansCommand;
use super::values::OutputFormat;
use super::{Error, data_if_any, say};
use crate::cli::station::location_of;
use crate::config::Config;
use crate::domain::printable::printable;
use crate::status::{Location, rfc3339};
use crate::store::{ScanEntry, ScanFilter};

/// Lists scans, newest first.
pub(super) fn scans(out: &mut impl Write, config: &Config, command: &ScansCommand) -> Result<(), Error> {
    let ScansCommand::List { refused, output, count } = command;
    let wanted = if *refused { ScanFilter::Refused } else { ScanFilter::All };
    let db = data_if_any(config)?;
    let scans = db.as_ref().map_or(Ok(Vec::new()), |db| db.last_scans(wanted, *count))?;
    if *output == OutputFormat::Json {
        return scans.iter().try_for_each(|scan| say(out, &format!("{}\n", as_json(scan))));
    }
    if scans.is_empty() {
        return say(out, if *refused { "no scan was refused\n" } else { "nothing was scanned\n" });
    }
    let location = db.map_or(Ok(Location::default()), |db| location_of(config, &db))?;
    say(out, "scanned              scanner     outcome   what\n")?;
    for scan in &scans {
        let (at, scanner) = (location.time(scan.at), scan.scanner.as_str());
        say(out, &format!("{at}  {scanner:<10}  {:<8}  {}\n", scan.outcome, told(scan)))?;
    }
    Ok(())
}

/// Returns the bytes in the form in which they are typed behind `devices try`, and their result.
fn told(scan: &ScanEntry) -> String {
    let mut told = escaped(&scan.raw);
    let title = scan.title.as_ref().map(|title| printable(title).to_string());
    let quantity = scan.quantity.map(|quantity| format!("x {quantity}"));
    let words = scan.words.clone();
    // The reason of a refusal is a word for programs; its sentence, where there is one, means the same.
    let detail = scan.detail.clone().filter(|_| scan.outcome != "refused" || words.is_none());
    for part in [detail, title, quantity, words].into_iter().flatten() {
        told.push_str("  ");
        told.push_str(&part);
    }
    if scan.is_undone {
        told.push_str("  (taken back)");
    }
    told
}

/// Returns a scan as one JSON object.
pub(super) fn as_json(scan: &ScanEntry) -> Value {
    // `detail` is the reason of a refusal or the name of a command.
    let is_refused = scan.outcome == "refused";
    json!({
        "scan": scan.id.0,
        "at": rfc3339(scan.at),
        "time_is_sure": scan.is_time_sure,
        "scanner": scan.scanner.as_str(),
        "outcome": scan.outcome,
        "reason": scan.detail.as_ref().filter(|_| is_refused),
        "control": scan.detail.as_ref().filter(|_| !is_refused),
        "words": scan.words,
        "bytes": escaped(&scan.raw),
        "code": scan.barcode,
        "kind": scan.place.map(|place| place.kind.as_str()),
        "storage_id": scan.place.map(|place| place.storage.0),
        "quantity": scan.quantity.map(|quantity| quantity.to_string()),
        "good_id": scan.good.map(|good| good.0),
        "title": scan.title,
        "document": scan.operation.map(|operation| operation.0),
        "undone": scan.is_undone,
    })
}

/// Returns bytes in printable ASCII, as `devices try` reads them.
fn escaped(bytes: &[u8]) -> String {
    let escape = |byte: &u8| match *byte {
        b'\\' => "\\\\".to_owned(),
        byte @ b' '..=b'~' => char::from(byte).to_string(),
        byte => format!("\\x{byte:02x}"),
    };
    bytes.iter().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_so_that_they_can_be_tried_again() {
        assert_eq!(escaped(b"01\x1d10\\ \xff\r"), "01\\x1d10\\\\ \\xff\\x0d");
    }
}
