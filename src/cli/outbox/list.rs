//! `stockpoint outbox list` and `show`: the undelivered documents, with reasons and actions.

use std::io::Write;

use crate::cli::station::location_of;
use crate::cli::{Error, data, data_if_any, say};
use crate::config::Config;
use crate::domain::delivery::State;
use crate::domain::ids::OperationId;
use crate::domain::printable::printable;
use crate::domain::stock::operation::Line;
use crate::status::Location;
use crate::store::LabelFacts;
use crate::store::OperationFilter;
use crate::store::RepeatedFailure;
use crate::store::Summary;

/// The most operations that a list shows; `export` writes everything.
pub(super) const LISTED_MAX: u32 = 1000;

/// The most labels that are shown of one document.
const LABELS_MAX: usize = 100;

/// The width of a line, in characters: that of a terminal that shares the screen with another window.
const WIDTH: usize = 110;

/// The indent of an explanation.
const INDENT: &str = "       ";

/// The head of the table.
const HEAD: &str =
    "   no  state      kind       storage        lines     units  first scan        on the service\n";

/// Prints the table of documents, each with its reason and its action below it.
pub(super) fn list(out: &mut impl Write, config: &Config, filter: OperationFilter) -> Result<(), Error> {
    let nothing = match filter {
        OperationFilter::All => "no documents yet\n",
        OperationFilter::Undelivered => "everything is delivered\n",
    };
    let Some(db) = data_if_any(config)? else { return say(out, nothing) };
    let operations = db.operations(filter, LISTED_MAX)?;
    if operations.is_empty() {
        return say(out, nothing);
    }
    let location = location_of(config, &db)?;
    say(out, &headline(&operations))?;
    say(out, HEAD)?;
    for operation in &operations {
        let line = format!(
            "{}{:>4}  {:<9}  {:<9}  {:<12}  {:>6}  {:>8}  {:<16}  {}",
            if needs_a_person(operation) { '!' } else { ' ' },
            operation.id,
            operation.state,
            operation.place.kind,
            location.storage(operation.place.storage),
            operation.lines,
            operation.units.to_string(),
            location.minute(operation.first_scan),
            operation.document.map(|document| document.to_string()).unwrap_or_default(),
        );
        say(out, &format!("{}\n", line.trim_end()))?;
        for text in explain(operation, &location) {
            say(out, &wrapped(INDENT, &text))?;
        }
    }
    Ok(())
}

/// Returns the most important fact, which is printed before any table.
fn headline(operations: &[Summary]) -> String {
    let is_delivered = |operation: &&Summary| matches!(operation.state, State::Posted | State::Cancelled);
    // With `--all` the list also has delivered documents, which do not count here.
    let undelivered = operations.len() - operations.iter().filter(is_delivered).count();
    let waiting = operations.iter().filter(|operation| needs_a_person(operation)).count();
    let told = match undelivered {
        0 => "everything is delivered".to_owned(),
        1 => "1 document is not delivered".to_owned(),
        more => format!("{more} documents are not delivered"),
    };
    let failing = operations.iter().filter(|operation| operation.failing.is_some()).count();
    match waiting {
        0 if failing == 1 => format!("{told}; 1 failed and is tried again\n\n"),
        0 if failing > 1 => format!("{told}; {failing} failed and are tried again\n\n"),
        0 => format!("{told}; nothing to do\n\n"),
        1 => format!("{told}; 1 needs you, marked !\n\n"),
        more => format!("{told}; {more} need you, marked !\n\n"),
    }
}

/// Returns true if a document needs a person: the delivery alone does not complete it.
pub(super) fn needs_a_person(operation: &Summary) -> bool {
    if operation.failing.as_ref().is_some_and(|failing| failing.is_person_called) {
        return true;
    }
    match operation.state {
        State::Refused => true,
        // An earlier refusal means nothing for a document that the station is still reading back.
        State::Uncertain => operation.is_stuck && operation.revoked_by.is_none(),
        State::Posted => operation.trouble.is_some() && operation.revoked_by.is_none(),
        State::Open | State::Queued | State::Sending | State::Cancelled => false,
    }
}

/// Returns the origin of an operation, the reason for its state, and the next action, each on a line of its own.
fn explain(operation: &Summary, location: &Location) -> Vec<String> {
    let id = operation.id;
    // An uncertain document keeps the words of an earlier refusal; they mean nothing before it is stuck.
    let trouble =
        operation.trouble.as_deref().filter(|_| operation.state != State::Uncertain || operation.is_stuck);
    let trouble = trouble.map(|words| printable(words).to_string());
    let mut told = Vec::new();
    if let Some(undone) = operation.revokes {
        told.push(format!("undoes document {undone}"));
    }
    if let Some(by) = operation.revoked_by {
        told.push(format!("undone by document {by}"));
    }
    match (operation.split_from, operation.state) {
        (Some(from), State::Cancelled) => told.push(format!("taken out of document {from}")),
        (Some(from), _) => told.push(format!("lines of document {from} that were refused")),
        (None, _) => {}
    }
    match (operation.state, trouble) {
        (State::Open, _) => told.push("takes scans; the CLOSE code posts it".to_owned()),
        // A failing document is explained below, with its next try.
        (State::Queued, _) if operation.failing.is_some() => {}
        (State::Queued, _) => {
            told.push("waits for its turn; nothing to do (`stockpoint status` tells how the service is)".to_owned());
        }
        (State::Sending, _) => told.push("on its way; nothing to do".to_owned()),
        (State::Uncertain, None) if operation.failing.is_some() => told.push(
            "an answer got lost; it is looked for on the service before anything is sent again".to_owned(),
        ),
        (State::Uncertain, None) => told.push(
            "an answer got lost; it is looked for on the service before anything is sent again; nothing to do"
                .to_owned(),
        ),
        (State::Uncertain, Some(words)) => {
            told.push(format!("why: {words}"));
            told.push(format!("do:  look at it in Altegio; `stockpoint outbox retry {id}` reads it again"));
        }
        (State::Refused, words) => {
            told.push(format!("why: {}", words.unwrap_or_else(|| "no reason was given".to_owned())));
            told.push(format!("do:  put it right in Altegio, or here with `stockpoint outbox correct {id} LINE`;"));
            told.push(format!("     then `stockpoint outbox retry {id}`"));
        }
        (State::Posted, Some(words)) => told.push(format!("why: {words}")),
        (State::Posted, None) if operation.is_being_revoked => told.push("being deleted on the service".to_owned()),
        (State::Cancelled, _) if operation.aside.is_some() => {
            let books = operation.aside.as_deref().unwrap_or_default();
            told.push(format!("put aside: it belongs to {}; never sent from here", printable(books)));
        }
        (State::Cancelled, _) if operation.document.is_some() => told.push("deleted on the service".to_owned()),
        (State::Posted | State::Cancelled, _) => {}
    }
    told.extend(operation.failing.iter().flat_map(|failing| explain_failing(operation, failing, location)));
    told
}

/// Returns the failing step, the number of its failures, and the time of the next try.
fn explain_failing(operation: &Summary, failing: &RepeatedFailure, location: &Location) -> [String; 3] {
    let what = match operation.state {
        State::Queued | State::Sending => "posting it",
        State::Uncertain => "bringing it on",
        State::Posted if operation.is_being_revoked => "deleting it",
        State::Posted | State::Refused => "looking after it",
        State::Open | State::Cancelled => "it",
    };
    let times = if failing.failures == 1 {
        "once".to_owned()
    } else {
        format!("{} times in a row", failing.failures)
    };
    let id = operation.id;
    [
        format!("why: {what} failed {times}, lately: {}", printable(&failing.fault)),
        format!("     the next try is at {}", location.time(failing.retry_at)),
        format!(
            "do:  nothing, if the service is known to be in trouble; `stockpoint outbox retry {id}` tries it at once"
        ),
    ]
}

/// Prints one document with its lines, its labels and its trail.
pub(super) fn show(out: &mut impl Write, config: &Config, id: OperationId) -> Result<(), Error> {
    let db = data(config)?;
    let summary = db.summary(id)?;
    let pending = db.pending(id)?;
    let (location, place) = (location_of(config, &db)?, summary.place);
    let document = summary.document.map_or("none yet".to_owned(), |document| format!("document {document}"));
    let head = format!(
        "document {id}: {} in {}, {}\n  marker          {}\n  first scan      {}\n  on the service  {document}\n",
        place.kind,
        location.storage_in_words(place.storage),
        summary.state,
        summary.marker,
        location.time(summary.first_scan),
    );
    say(out, &head)?;
    for text in explain(&summary, &location) {
        say(out, &wrapped("  ", &text))?;
    }
    say(out, "\nline     units  good\n")?;
    for line in &pending.operation.lines {
        say(out, &line_text(line))?;
    }
    let labels = db.labels(id)?;
    if !labels.is_empty() {
        say(out, "\nunits  good     what the labels say\n")?;
    }
    // A document may have thousands of labels, one for each unit with a serial number.
    for label in labels.iter().take(LABELS_MAX) {
        say(out, &label_text(label))?;
    }
    if labels.len() > LABELS_MAX {
        say(out, &format!("… {} more; `outbox export` writes all of them\n", labels.len() - LABELS_MAX))?;
    }
    say(out, "\nwhat became of it\n")?;
    for event in db.events(id)? {
        let at = location.time(event.at);
        say(out, &wrapped("  ", &format!("{at}  {}", printable(&event.what))))?;
    }
    Ok(())
}

fn label_text(label: &LabelFacts) -> String {
    let parts = [("lot", &label.lot), ("use by", &label.expiry), ("serial number", &label.serial)];
    let told = parts.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let told: Vec<String> = told.map(|(name, value)| format!("{name} {}", printable(value))).collect();
    format!("{:>5}  {:<7}  {}\n", label.quantity.to_string(), label.good.to_string(), told.join(", "))
}

fn line_text(line: &Line) -> String {
    let code =
        if line.barcode.is_empty() { String::new() } else { format!(", code {}", printable(&line.barcode)) };
    let text = format!(
        "{:>4}  {:>8}  {} (good {}{code}, {} each)",
        line.number,
        line.quantity.to_string(),
        printable(&line.title),
        line.good,
        line.price,
    );
    let refusal = line.refusal.as_deref().map(|words| format!("refused: {}", printable(words)));
    let refusal = refusal.map(|words| wrapped("                ", &words)).unwrap_or_default();
    format!("{text}\n{refusal}")
}

/// Returns text in lines of at most [`WIDTH`] columns behind an indent, broken between words.
fn wrapped(indent: &str, text: &str) -> String {
    let mut lines = vec![indent.to_owned()];
    for (at, word) in text.split(' ').enumerate() {
        // A word wider than the page stays whole.
        let Some(line) = lines.last_mut() else { continue };
        let width = line.chars().count() + 1 + word.chars().count();
        if width > WIDTH && line.len() > indent.len() {
            lines.push(format!("{indent}     {word}"));
        } else {
            line.push_str(if at == 0 { "" } else { " " });
            line.push_str(word);
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{DocumentId, StorageId};
    use crate::domain::stock::mode::Kind;
    use crate::domain::stock::operation::{Marker, Place};
    use crate::domain::stock::quantity::Quantity;
    use crate::domain::time::UnixMillis;

    fn summary(state: State, trouble: Option<&str>) -> Summary {
        Summary {
            id: OperationId(12),
            marker: Marker::new("dock-1", "01J9"),
            place: Place { kind: Kind::Receipt, storage: StorageId(91_271) },
            state,
            lines: 3,
            units: Quantity::ONE,
            first_scan: UnixMillis(0),
            document: None,
            trouble: trouble.map(str::to_owned),
            is_stuck: trouble.is_some(),
            split_from: None,
            revokes: None,
            revoked_by: None,
            is_being_revoked: false,
            aside: None,
            failing: None,
        }
    }

    fn explain(operation: &Summary) -> Vec<String> {
        super::explain(operation, &Location::default())
    }

    /// Returns a queued document that fails.
    fn failing(failures: u32, is_person_called: bool) -> Summary {
        let fault = "the service reports a failure of its own (status 500)".to_owned();
        let retry_at = UnixMillis(1_790_000_000_000);
        let failing = Some(RepeatedFailure { failures, fault, retry_at, is_person_called });
        Summary { failing, ..summary(State::Queued, None) }
    }

    #[test]
    fn what_fails_says_how_often_and_when_it_is_tried_next() {
        assert_eq!(
            explain(&failing(3, false)),
            [
                "why: posting it failed 3 times in a row, lately: the service reports a failure of its own (status 500)",
                "     the next try is at 2026-09-21 14:13:20",
                "do:  nothing, if the service is known to be in trouble; `stockpoint outbox retry 12` tries it at once",
            ]
        );
        assert!(explain(&failing(1, false))[0].starts_with("why: posting it failed once, lately:"));
        let told = headline(&[failing(5, true)]);
        assert_eq!(told.trim_end(), "1 document is not delivered; 1 needs you, marked !");
        assert_eq!(
            headline(&[failing(1, false)]).trim_end(),
            "1 document is not delivered; 1 failed and is tried again"
        );
    }

    #[test]
    fn every_state_says_why_and_what_to_do() {
        let told = |state, trouble| explain(&summary(state, trouble)).join("|");
        assert_eq!(told(State::Open, None), "takes scans; the CLOSE code posts it");
        assert_eq!(
            told(State::Queued, None),
            "waits for its turn; nothing to do (`stockpoint status` tells how the service is)"
        );
        assert_eq!(told(State::Sending, None), "on its way; nothing to do");
        assert_eq!(
            told(State::Uncertain, None),
            "an answer got lost; it is looked for on the service before anything is sent again; nothing to do"
        );
        assert_eq!(
            told(State::Uncertain, Some("line 3 was never sent")),
            "why: line 3 was never sent|do:  look at it in Altegio; `stockpoint outbox retry 12` reads it again"
        );
        assert_eq!(
            told(State::Refused, Some("The good is archived")),
            "why: The good is archived|\
             do:  put it right in Altegio, or here with `stockpoint outbox correct 12 LINE`;|\
             \x20    then `stockpoint outbox retry 12`"
        );
        assert_eq!(told(State::Posted, None), "");
        assert_eq!(told(State::Cancelled, None), "");
    }

    #[test]
    fn a_refusal_of_before_is_no_call_while_the_station_reads_back() {
        let reading = Summary { is_stuck: false, ..summary(State::Uncertain, Some("No such good")) };
        assert!(!needs_a_person(&reading));
        assert!(explain(&reading)[0].starts_with("an answer got lost"));
        assert!(needs_a_person(&summary(State::Uncertain, Some("line 3 was never sent"))));
    }

    #[test]
    fn what_belongs_together_is_named() {
        let split = Summary { split_from: Some(OperationId(4)), ..summary(State::Refused, Some("no")) };
        assert_eq!(explain(&split)[0], "lines of document 4 that were refused");
        let dropped = Summary { split_from: Some(OperationId(4)), ..summary(State::Cancelled, None) };
        assert_eq!(explain(&dropped), ["taken out of document 4"]);
        let undone = Summary { revoked_by: Some(OperationId(15)), ..summary(State::Posted, None) };
        assert_eq!(explain(&undone), ["undone by document 15"]);
        let undoing = Summary { revokes: Some(OperationId(4)), ..summary(State::Posted, None) };
        assert_eq!(explain(&undoing), ["undoes document 4"]);
        let going = Summary { is_being_revoked: true, ..summary(State::Posted, None) };
        assert_eq!(explain(&going), ["being deleted on the service"]);
        let gone = Summary { document: Some(DocumentId(7)), ..summary(State::Cancelled, None) };
        assert_eq!(explain(&gone), ["deleted on the service"]);
    }

    #[test]
    fn the_first_line_says_whether_anything_is_to_be_done() {
        let refused = || summary(State::Refused, Some("no"));
        let queued = || summary(State::Queued, None);
        let posted = || summary(State::Posted, None);
        for (operations, told) in [
            (vec![posted()], "everything is delivered; nothing to do"),
            (vec![posted(), queued()], "1 document is not delivered; nothing to do"),
            (vec![queued(), refused()], "2 documents are not delivered; 1 needs you, marked !"),
            (vec![refused(), refused()], "2 documents are not delivered; 2 need you, marked !"),
        ] {
            assert_eq!(headline(&operations).trim_end(), told);
        }
    }

    #[test]
    fn no_line_is_wider_than_the_page() {
        let words = "word ".repeat(60);
        let text = wrapped(INDENT, &format!("why: {words}"));
        assert!(text.lines().count() > 2);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH && line.starts_with(INDENT)), "{text}");
        assert_eq!(text.split_whitespace().filter(|word| *word == "word").count(), 60);
        let unbroken = "x".repeat(200);
        assert_eq!(wrapped("", &unbroken), format!("{unbroken}\n"));
    }
}
