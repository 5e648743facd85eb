//! One step of one delivery: the intent on the disk, the request, and its result on the disk.

use std::collections::BTreeSet;

use super::records::{Wanted, documents};
use super::{Halt, Uplink};
use crate::api::{LineToPost, Movement, OperationToPost, Outcome, PostedOperation};
use crate::config::BackDate;
use crate::domain::delivery::{Delivery, Event, Finding, FoundDocument, Next, State, Step, Trace, judge};
use crate::domain::ids::{DocumentId, OperationId};
use crate::domain::signal::Signal;
use crate::domain::stock::mode::Kind;
use crate::domain::stock::operation::Line;
use crate::domain::stock::operation::Operation;
use crate::domain::text::error_chain;
use crate::domain::time::UnixMillis;
use crate::feedback::What;
use crate::store::{Cause, Pending};
use crate::work::trust::Word;

/// The words for a person when the service has documents that the books do not know of.
const RESTORED: &str = "this data folder is older than what was sent from it: documents that it held as unsent were found \
    on the service and are taken as posted; `stockpoint outbox list --all` shows them";

/// The time before the first request at which a reading begins, in ms: the clocks may differ, and the service's records
/// may carry a time from before its answer.
const READ_BACK_MARGIN_MS: i64 = 10 * 60 * 1000;

/// The further time by which a reading begins earlier if nothing proves our clock and the service's was not known, in
/// ms: longer than a station is cut off from a service that it has just reached.
const UNPROVEN_MARGIN_MS: i64 = 31 * 24 * 60 * 60 * 1000;

impl Uplink {
    /// Does the next step for one operation.
    pub(super) async fn deliver(&mut self, id: OperationId) -> Result<(), Halt> {
        let mut pending = self.parts.store.run(move |db| db.pending(id)).await??;
        pending.delivery = pending.delivery.begun(self.first_way());
        match pending.delivery.next() {
            Next::Send(step) => match unsayable(&pending) {
                lines if lines.is_empty() => self.send(&pending, step).await,
                lines => self.leave_out(&pending, lines).await,
            },
            Next::ReadBack => self.read_back(&pending).await,
            Next::LateCheck => self.late_check(&pending).await,
            Next::Look => self.look(&pending).await,
            Next::RemoveTransaction(line) => self.remove_line(&pending, line).await,
            Next::RemoveDocument(document) => self.remove_document(&pending, document).await,
            Next::Rest => Ok(()),
        }
    }

    /// Refuses the lines that cannot be sent. They wait for a person, and the rest is delivered.
    async fn leave_out(&mut self, pending: &Pending, lines: Vec<(u16, String)>) -> Result<(), Halt> {
        let words: Vec<&str> = lines.iter().map(|(_, why)| why.as_str()).collect();
        let what = format!("not sent: {}", words.join("; "));
        let id = pending.operation.id;
        let next = self.advance(id, &pending.delivery, Event::Unsayable(lines), &what).await?;
        self.arrived(&pending.operation, next.as_ref());
        Ok(())
    }

    async fn send(&mut self, pending: &Pending, step: Step) -> Result<(), Halt> {
        let id = pending.operation.id;
        let Some(date) = self.date_of(pending).await? else { return Ok(()) };
        let comment = self.comment_of(pending, &date);
        let permit = self.permit().await?;
        let now = self.parts.clock.wall();
        let fixed = date.clone();
        let server_now = self.server_heard();
        self.parts.store.run(move |db| db.fix_dates(id, &fixed, now, server_now)).await??;
        let what = format!("sending {}", step_words(step));
        let Some(sending) = self.advance(id, &pending.delivery, Event::Send(step), &what).await? else {
            return Ok(());
        };
        let operation = &pending.operation;
        let header = OperationToPost {
            place: operation.place,
            create_date: &date,
            master: self.parts.config.station.master_id,
            comment: &comment,
        };
        let client = &self.parts.client;
        let answer = match (step, sending.document) {
            (Step::Operation, _) => client.create_operation(permit, header, &lines_to_post(operation)).await,
            (Step::Line(number), Some(document)) => match line_to_post(operation, number) {
                Some(line) => client
                    .create_line(permit, document, &line, header.master)
                    .await
                    .map(|line| PostedOperation { document, comment: None, lines: Some(vec![line]) }),
                None => return Ok(()),
            },
            (Step::Document | Step::Line(_), _) => client.create_document(permit, header).await,
        };
        let answer = self.heard(answer).await;
        self.settle(pending, &sending, step, answer).await
    }

    /// Returns the date of a document: that of its first request, else that of its first scan; of one that undoes
    /// another, now. `None` if the account would refuse the document for its date; it then waits for a person.
    async fn date_of(&mut self, pending: &Pending) -> Result<Option<String>, Halt> {
        if let Some(date) = &pending.create_date {
            return Ok(Some(date.clone()));
        }
        if pending.revokes.is_some() {
            return Ok(Some(self.account.date(self.parts.clock.wall())));
        }
        let date = self.account.date(pending.first_scan);
        if !self.is_too_old(pending.first_scan).await? {
            return Ok(Some(date));
        }
        if self.parts.config.station.back_date == BackDate::Today {
            return Ok(Some(self.account.date(self.parts.clock.wall())));
        }
        let id = pending.operation.id;
        let words = format!(
            "scanned at {date}, which is further back than the token may date documents \
             (storages_create_last_days_count): have that widened, or post it dated today with \
             `stockpoint outbox retry {id} --today`"
        );
        let next = self.advance(id, &pending.delivery, Event::Barred(words.clone()), &words).await?;
        self.arrived(&pending.operation, next.as_ref());
        Ok(None)
    }

    /// Returns the comment of a document: its marker and, if its date is not that of its first scan, the true time. For
    /// a document that undoes another, it names that by the service's number, because the other's marker in it would
    /// make it a double of that one.
    fn comment_of(&self, pending: &Pending, date: &str) -> String {
        if let Some((_, document)) = pending.revokes {
            let undone = document.map(|document| format!(" {document}")).unwrap_or_default();
            return format!("{} undoes document{undone}", pending.operation.marker);
        }
        let (marker, scanned) = (&pending.operation.marker, self.account.date(pending.first_scan));
        if scanned == date { marker.to_string() } else { format!("{marker} scanned {scanned}") }
    }

    /// Stores the result of a request.
    async fn settle(
        &mut self,
        pending: &Pending,
        sending: &Delivery,
        step: Step,
        answer: Result<PostedOperation, Halt>,
    ) -> Result<(), Halt> {
        let (id, operation) = (pending.operation.id, &pending.operation);
        let error = match answer {
            Ok(posted) => {
                self.retrial = None;
                self.one_is_posted(id);
                let event = proven(operation, step, &posted);
                let what = format!("the server answered: document {}", posted.document);
                let next = self.advance(id, sending, event, &what).await?;
                self.arrived(operation, next.as_ref());
                return Ok(());
            }
            Err(Halt::Api(error)) => error,
            Err(halt) => return Err(halt),
        };
        let what = format!("no document yet: {}", error_chain(&error));
        let outcome = error.outcome();
        if !matches!(outcome, Outcome::NotAllowed { .. }) {
            self.retrial = None;
        }
        match outcome {
            Outcome::Refused(words) => {
                // The server answered; only this operation is concerned.
                if step == Step::Operation {
                    self.form.refused(id);
                }
                let next = self.advance(id, sending, Event::Refused(words), &what).await?;
                self.arrived(operation, next.as_ref());
                Ok(())
            }
            Outcome::Unknown => {
                self.advance(id, sending, Event::Lost, &what).await?;
                Err(Halt::Api(error))
            }
            Outcome::NotDone | Outcome::Wait(_) => {
                self.advance(id, sending, Event::NotDone, &what).await?;
                Err(Halt::Api(error))
            }
            Outcome::NotAllowed { status, words } => {
                self.advance(id, sending, Event::NotDone, &what).await?;
                self.failed(&error);
                self.not_allowed(id, status, words);
                Ok(())
            }
        }
    }

    async fn read_back(&mut self, pending: &Pending) -> Result<(), Halt> {
        let finding = self.survey(pending).await?;
        let what = format!("read back: {}", finding_words(&finding));
        let id = pending.operation.id;
        let next = self.advance(id, &pending.delivery, Event::Surveyed(finding), &what).await?;
        self.arrived(&pending.operation, next.as_ref());
        Ok(())
    }

    /// Searches the service for an operation that this start found unsent. Whatever the service has of it was sent from
    /// another copy of this folder.
    async fn look(&mut self, pending: &Pending) -> Result<(), Halt> {
        let finding = self.survey(pending).await?;
        let id = pending.operation.id;
        let is_news = pending.delivery.is_news(&finding);
        let what = format!("looked for it before its first request: {}", finding_words(&finding));
        // Raised first: after a crash in between the next start looks again; in the other order nobody would learn of
        // it.
        if is_news {
            self.raise(Cause::Restored, RESTORED).await?;
        }
        let next = self.advance(id, &pending.delivery, Event::Looked(finding), &what).await?;
        self.arrived(&pending.operation, next.as_ref());
        Ok(())
    }

    async fn late_check(&mut self, pending: &Pending) -> Result<(), Halt> {
        let finding = self.survey(pending).await?;
        let what = format!("looked for a late double: {}", finding_words(&finding));
        let id = pending.operation.id;
        self.advance(id, &pending.delivery, Event::LateSurveyed(finding), &what).await?;
        Ok(())
    }

    /// Announces that an operation is posted. One that needs a decision has an alarm.
    pub(super) fn arrived(&self, operation: &Operation, delivery: Option<&Delivery>) {
        let Some(delivery) = delivery.filter(|delivery| delivery.state == State::Posted) else { return };
        let posted: Vec<_> = delivery.lines.iter().filter(|line| line.refusal.is_none()).collect();
        let units = posted.iter().filter_map(|line| operation.line(line.number));
        let units = units.map(|line| line.quantity).sum();
        let what = What::Posted { operation: operation.id, lines: posted.len(), units };
        self.announce(Signal::Posted, what);
    }

    /// Reads everything on the server that carries the operation's marker, completely.
    async fn survey(&mut self, pending: &Pending) -> Result<Finding, Halt> {
        let operation = &pending.operation;
        let mut documents: BTreeSet<DocumentId> = pending.delivery.document.into_iter().collect();
        if pending.delivery.trace() == Trace::Anywhere {
            documents.extend(self.marked_documents(pending).await?);
        }
        let mut found = Vec::new();
        for document in documents {
            let permit = self.permit().await?;
            let lines = self.parts.client.document_lines(permit, document).await;
            if let Some(lines) = self.heard(lines).await? {
                found.push(FoundDocument { id: document, lines });
            }
        }
        // A document of ours whose lines are all deleted was removed before: it is no twin.
        let known = pending.delivery.document;
        found.retain(|document| !document.lines.is_empty() || Some(document.id) == known);
        Ok(judge(operation, found))
    }

    /// Returns the documents that carry the operation's marker. No call lists documents, so they are found through the
    /// movements since before the first request; the listing may leave out comments, so the comment of each document
    /// that could be ours is read.
    async fn marked_documents(&mut self, pending: &Pending) -> Result<BTreeSet<DocumentId>, Halt> {
        let operation = &pending.operation;
        let since = reading_begins(pending, self.trust.whose_word(), self.server_heard());
        let wanted = Wanted { since, begun_after: self.due_since(operation.id) };
        let movements = self.movements(wanted).await?;
        let is_named = |movement: &&Movement| {
            movement.comment.as_deref().is_some_and(|comment| operation.marker.is_in(comment))
        };
        let is_silent = |movement: &&Movement| movement.comment.is_none() && could_be(operation, movement);
        let mut ours = documents(movements.iter().filter(is_named));
        let candidates = documents(movements.iter().filter(is_silent));
        self.tidy_records();
        for document in candidates.difference(&ours.clone()) {
            if self.is_marked(operation, *document).await? {
                ours.insert(*document);
            }
        }
        Ok(ours)
    }

    /// Returns true if a document carries the operation's marker: in its own comment, or, if it has none, in those of
    /// its lines. A document that is known to be of another operation of this station is not read.
    async fn is_marked(&mut self, operation: &Operation, document: DocumentId) -> Result<bool, Halt> {
        if let Some(comments) = self.documents.comments(document) {
            return Ok(comments.iter().any(|comment| operation.marker.is_in(comment)));
        }
        if let Some(owner) = self.parts.store.run(move |db| db.owner_of(document)).await?? {
            return Ok(owner == operation.id);
        }
        let permit = self.permit().await?;
        let comment = self.parts.client.document_comment(permit, document).await;
        let comment = match self.heard(comment).await {
            // A document that is deleted, and still listed, may be refused in any words; its lines decide.
            Err(Halt::Api(error)) if error.is_refusal() => None,
            comment => comment?,
        };
        let mut comments: Vec<String> = comment.into_iter().collect();
        comments.retain(|comment| !comment.is_empty());
        if comments.is_empty() {
            let permit = self.permit().await?;
            let lines = self.parts.client.document_lines(permit, document).await;
            let lines = self.heard(lines).await?.unwrap_or_default();
            comments.extend(lines.into_iter().filter_map(|line| line.comment));
        }
        let marked = comments.iter().any(|comment| operation.marker.is_in(comment));
        if !comments.is_empty() {
            self.documents.remember(document, comments);
        }
        Ok(marked)
    }
}

/// Returns true if a movement without a comment could be of this operation, by the members that it has.
fn could_be(operation: &Operation, movement: &Movement) -> bool {
    let types: &[i64] = match operation.place.kind {
        Kind::Receipt => &[3],
        // Either, whatever is configured: what was sent may be from before the configuration changed.
        Kind::WriteOff => &[4, 7],
    };
    movement.type_id.is_none_or(|type_id| types.contains(&type_id))
        && movement.storage.is_none_or(|storage| storage == operation.place.storage)
        && movement.good.is_none_or(|good| operation.lines.iter().any(|line| line.good == good))
}

/// Returns the event that a good answer proves: all of what was sent stands, or that is not proven.
fn proven(operation: &Operation, step: Step, posted: &PostedOperation) -> Event {
    let document = posted.document;
    let unproven = Event::Unproven { document: Some(document) };
    let foreign = posted.comment.as_deref().is_some_and(|comment| !operation.marker.is_in(comment));
    if foreign && step != Step::Document {
        return Event::Unproven { document: None };
    }
    if step == Step::Document {
        return Event::Done { document, transactions: Vec::new() };
    }
    let Some(lines) = posted.lines.clone() else { return unproven };
    let Finding::Found(found) = judge(operation, vec![FoundDocument { id: document, lines }]) else {
        return unproven;
    };
    let whole = match step {
        Step::Line(number) => found.transactions.iter().any(|(told, _)| *told == number),
        Step::Operation | Step::Document => found.transactions.len() == operation.lines.len(),
    };
    if whole && found.surplus.is_empty() {
        Event::Done { document, transactions: found.transactions }
    } else {
        unproven
    }
}

/// Returns the time from which a reading shows whether anything of an operation was carried out: before its first
/// request, by the service's clock.
///
/// Our own clock counts only if the service's was not known at the first request. If only the configuration says that
/// our clock is right, it may have been wrong by any amount either way, so much more is read.
fn reading_begins(pending: &Pending, word: Word, server_now: Option<UnixMillis>) -> UnixMillis {
    let first_scan = pending.first_scan;
    let ours = pending.sent.unwrap_or(first_scan);
    let begins = match (pending.server_sent, word) {
        (Some(server), _) => server,
        (None, Word::Proof) => ours,
        (None, Word::Configuration) => ours.min(first_scan).plus_ms(-UNPROVEN_MARGIN_MS),
    };
    // What was sent was sent before now.
    let latest = match (server_now, pending.server_sent, word) {
        (Some(now), None, Word::Configuration) => now.plus_ms(-UNPROVEN_MARGIN_MS),
        (Some(now), ..) => now,
        (None, ..) => begins,
    };
    begins.min(latest).plus_ms(-READ_BACK_MARGIN_MS)
}

/// Returns the lines that are still to be sent and cannot be, each with the reason.
fn unsayable(pending: &Pending) -> Vec<(u16, String)> {
    let is_due = |number| {
        let mut lines = pending.delivery.lines.iter();
        lines.any(|line| line.number == number && line.transaction.is_none() && line.refusal.is_none())
    };
    let lines = pending.operation.lines.iter().filter(|line| is_due(line.number));
    lines.filter_map(|line| Some((line.number, line.why_unsayable()?))).collect()
}

fn lines_to_post(operation: &Operation) -> Vec<LineToPost<'_>> {
    operation.lines.iter().map(|line| to_post(operation, line)).collect()
}

fn line_to_post(operation: &Operation, number: u16) -> Option<LineToPost<'_>> {
    operation.line(number).map(|line| to_post(operation, line))
}

fn to_post<'a>(operation: &Operation, line: &'a Line) -> LineToPost<'a> {
    LineToPost { line, comment: operation.marker.of_line(line.number) }
}

fn step_words(step: Step) -> String {
    match step {
        Step::Operation => "the document with its lines".to_owned(),
        Step::Document => "the document alone".to_owned(),
        Step::Line(number) => format!("line {number}"),
    }
}

fn finding_words(finding: &Finding) -> String {
    match finding {
        Finding::Absent => "the server has nothing of it".to_owned(),
        Finding::Conflict(why) => why.clone(),
        Finding::Found(found) => {
            let doubles = found.surplus.transactions.len() + found.surplus.documents.len();
            format!(
                "document {} with {} of its lines, {doubles} doubles",
                found.document,
                found.transactions.len()
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::StorageId;
    use crate::domain::stock::operation::{Marker, Place};

    const DAY_MS: i64 = 86_400_000;
    /// The time at which the first request really left, by the service's clock.
    const SENT: i64 = 1_790_000_000_000;

    fn pending(server_sent: Option<i64>, ours_sent: Option<i64>, first_scan: i64) -> Pending {
        let place = Place { kind: Kind::Receipt, storage: StorageId(1) };
        let marker = Marker::new("dock-1", "01J9");
        let operation = Operation { id: OperationId(1), marker, place, lines: Vec::new() };
        Pending {
            delivery: Delivery::queued(&operation),
            operation,
            create_date: None,
            sent: ours_sent.map(UnixMillis),
            server_sent: server_sent.map(UnixMillis),
            first_scan: UnixMillis(first_scan),
            revokes: None,
        }
    }

    /// Returns how long before the first request a reading begins, in ms.
    fn before_ms(pending: &Pending, word: Word, server_now: Option<i64>) -> i64 {
        UnixMillis(SENT).ms_since(reading_begins(pending, word, server_now.map(UnixMillis)))
    }

    #[test]
    fn a_reading_begins_by_the_services_clock_whatever_ours_said() {
        for off_by in [-20_000 * DAY_MS, -DAY_MS, 0, DAY_MS, 20_000 * DAY_MS] {
            let pending = pending(Some(SENT), Some(SENT + off_by), SENT + off_by);
            for word in [Word::Proof, Word::Configuration] {
                assert_eq!(before_ms(&pending, word, Some(SENT + 60_000)), READ_BACK_MARGIN_MS);
                assert_eq!(before_ms(&pending, word, None), READ_BACK_MARGIN_MS);
            }
        }
    }

    #[test]
    fn our_clock_counts_where_something_proved_it() {
        let sent = pending(None, Some(SENT), SENT - 5000);
        assert_eq!(before_ms(&sent, Word::Proof, Some(SENT + 60_000)), READ_BACK_MARGIN_MS);
        let unsent = pending(None, None, SENT - 5000);
        assert_eq!(before_ms(&unsent, Word::Proof, None), READ_BACK_MARGIN_MS + 5000);
    }

    #[test]
    fn a_reading_begins_before_the_first_request_wherever_our_clock_stood() {
        for off_by in [-20_000 * DAY_MS, -40 * DAY_MS, -DAY_MS, 0, DAY_MS, 30 * DAY_MS, 20_000 * DAY_MS] {
            for (sent, later) in
                [(Some(SENT + off_by), 1000), (None, 1000), (Some(SENT + off_by), 30 * DAY_MS)]
            {
                let pending = pending(None, sent, SENT + off_by);
                let before = before_ms(&pending, Word::Configuration, Some(SENT + later));
                assert!(before >= READ_BACK_MARGIN_MS, "{off_by} {sent:?} {later}: {before}");
            }
        }
    }

    #[test]
    fn no_reading_begins_in_the_services_future() {
        let pending = pending(Some(SENT + DAY_MS), Some(SENT + DAY_MS), SENT + DAY_MS);
        for word in [Word::Proof, Word::Configuration] {
            assert!(before_ms(&pending, word, Some(SENT)) >= READ_BACK_MARGIN_MS);
        }
    }
}
