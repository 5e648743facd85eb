//! One step of one delivery: the intent on the disk, the request, and its result on the disk.

use tokio::time::Instant;

use super::account::Account;
use super::interrupted::Interrupted;
use super::link::Link;
use super::outbox::{Outbox, announce_posted};
use super::pause::Barred;
use super::reconcile::Reconciler;
use super::remove::Removal;
use crate::api::{self, LineToPost, OperationToPost, Outcome, PostedOperation};
use crate::config::BackDate;
use crate::domain::delivery::{Event, Finding, FoundDocument, Next, State, Step, reconcile};
use crate::domain::ids::OperationId;
use crate::domain::stock::operation::{Line, Operation};
use crate::domain::text::error_chain;
use crate::store::{Cause, Pending, Waiting};

/// The alarm for documents on the service that the books hold as unsent.
const RESTORED: &str = "this data folder is older than what was sent from it: documents that it held as unsent were found \
    on the service and are taken as posted; `stockpoint outbox list --all` shows them";

/// The deliveries.
#[derive(Debug, Default)]
pub struct Deliveries {
    pub(super) outbox: Outbox,
    reconciler: Reconciler,
    /// The operation that was forbidden while the token was good. It is tried once more before it is barred.
    retrial: Option<OperationId>,
}

impl Deliveries {
    /// Chooses the operation to act on now. An operation that is tried once more goes first.
    pub(super) fn choose(&mut self, now: Instant) -> Option<OperationId> {
        let again = self.retrial.filter(|id| self.outbox.get(*id).is_some_and(Waiting::is_to_be_sent));
        self.retrial = again;
        again.or_else(|| self.outbox.due_now(now))
    }

    /// Does the next step for one operation.
    ///
    /// While the account's time zone is not known, documents are dated in UTC, and readings begin twelve hours earlier
    /// than they need to.
    ///
    /// # Errors
    /// [`Interrupted`] if the service did not answer as it should, the agent stops, or the store has ended.
    pub async fn deliver(
        &mut self,
        link: &mut Link,
        account: &mut Account,
        id: OperationId,
    ) -> Result<(), Interrupted> {
        let mut pending = link.db(move |db| db.pending(id)).await?;
        pending.delivery = pending.delivery.begun(self.outbox.first_strategy(link));
        match pending.delivery.next() {
            Next::Send(step) => match unsayable(&pending) {
                lines if lines.is_empty() => self.send(link, account, pending, step).await,
                lines => self.leave_out(link, &pending, lines).await,
            },
            Next::ReadBack => self.read_back(link, account, &pending).await,
            Next::LateCheck => self.late_check(link, account, &pending).await,
            Next::Look => self.look(link, account, &pending).await,
            Next::RemoveTransaction(transaction) => self.removal(link, &pending).of_line(transaction).await,
            Next::RemoveDocument(document) => self.removal(link, &pending).of_document(document).await,
            Next::Rest => Ok(()),
        }
    }

    fn removal<'a>(&'a mut self, link: &'a mut Link, pending: &'a Pending) -> Removal<'a> {
        Removal { link, outbox: &mut self.outbox, pending }
    }

    /// Refuses the lines that cannot be sent. They wait for a person, and the other lines are delivered.
    async fn leave_out(
        &mut self,
        link: &mut Link,
        pending: &Pending,
        lines: Vec<(u16, String)>,
    ) -> Result<(), Interrupted> {
        let words: Vec<&str> = lines.iter().map(|(_, why)| why.as_str()).collect();
        let what = format!("not sent: {}", words.join("; "));
        let next = self.outbox.advance(link, pending, Event::Unsayable(lines), &what).await?;
        announce_posted(link, &pending.operation, next.as_ref());
        Ok(())
    }

    /// Sends one step of a delivery. The date and the intent are on the disk before the request.
    async fn send(
        &mut self,
        link: &mut Link,
        account: &mut Account,
        mut pending: Pending,
        step: Step,
    ) -> Result<(), Interrupted> {
        let id = pending.operation.id;
        let Some(date) = self.date_of(link, account, &pending).await? else { return Ok(()) };
        let comment = comment_of(account, &pending, &date);
        let permit = link.permit().await?;
        let now = link.clock.wall();
        let fixed = date.clone();
        let server_now = link.clocks.server_now();
        // Fixed on disk before the request: a repetition must carry the same date, or it would not look like one.
        link.db(move |db| db.fix_dates(id, &fixed, now, server_now)).await?;
        let what = format!("sending {}", step_words(step));
        // The intent is on disk before the request leaves: a crash in between is read back. The other order could post
        // twice.
        let Some(sending) = self.outbox.advance(link, &pending, Event::Send(step), &what).await? else {
            return Ok(());
        };
        pending.delivery = sending;
        let operation = &pending.operation;
        let header = OperationToPost {
            place: operation.place,
            create_date: &date,
            master: link.config.station.master_id,
            comment: &comment,
        };
        let client = &link.client;
        let answer = match (step, pending.delivery.document) {
            (Step::Operation, _) => client.create_operation(permit, header, &lines_to_post(operation)).await,
            (Step::Line(number), Some(document)) => match line_to_post(operation, number) {
                Some(due) => client
                    .create_line(permit, document, &due, header.master)
                    .await
                    .map(|posted| PostedOperation { document, comment: None, lines: Some(vec![posted]) }),
                None => return Ok(()),
            },
            (Step::Document | Step::Line(_), _) => client.create_document(permit, header).await,
        };
        let answer = link.take_answer(answer).await;
        self.settle(link, &pending, step, answer).await
    }

    /// Returns the date of a document: that of its first request, else that of its first scan; of one that undoes
    /// another, now. `None` if the account would refuse the document for its date; it then waits for a person.
    async fn date_of(
        &mut self,
        link: &mut Link,
        account: &mut Account,
        pending: &Pending,
    ) -> Result<Option<String>, Interrupted> {
        if let Some(date) = &pending.create_date {
            return Ok(Some(date.clone()));
        }
        if pending.revokes.is_some() {
            return Ok(Some(account.date(link.clock.wall())));
        }
        let date = account.date(pending.first_scan);
        if !account.would_refuse_date_of(link, pending.first_scan).await? {
            return Ok(Some(date));
        }
        if link.config.station.back_date == BackDate::Today {
            return Ok(Some(account.date(link.clock.wall())));
        }
        let id = pending.operation.id;
        let words = format!(
            "scanned at {date}, which is further back than the token may date documents \
             (storages_create_last_days_count): have that widened, or post it dated today with \
             `stockpoint outbox retry {id} --today`"
        );
        let next = self.outbox.advance(link, pending, Event::Barred(words.clone()), &words).await?;
        announce_posted(link, &pending.operation, next.as_ref());
        Ok(None)
    }

    /// Stores the result of a request.
    async fn settle(
        &mut self,
        link: &mut Link,
        sent: &Pending,
        step: Step,
        answer: Result<PostedOperation, Interrupted>,
    ) -> Result<(), Interrupted> {
        match answer {
            Ok(posted) => {
                self.retrial = None;
                // It comes before the step: it puts others back on the agenda, however this one continues.
                self.outbox.one_is_posted(link, sent.operation.id);
                let event = proven(&sent.operation, step, &posted);
                let what = format!("the server answered: document {}", posted.document);
                let next = self.outbox.advance(link, sent, event, &what).await?;
                announce_posted(link, &sent.operation, next.as_ref());
                Ok(())
            }
            Err(Interrupted::Api(error)) => self.settle_failure(link, sent, step, error).await,
            Err(interrupted) => Err(interrupted),
        }
    }

    /// Stores the failure of a request: what is proven about it decides the next state.
    async fn settle_failure(
        &mut self,
        link: &mut Link,
        sent: &Pending,
        step: Step,
        error: api::Error,
    ) -> Result<(), Interrupted> {
        let id = sent.operation.id;
        let what = format!("no document yet: {}", error_chain(&error));
        let outcome = error.outcome();
        if !matches!(outcome, Outcome::NotAllowed { .. }) {
            self.retrial = None;
        }
        match outcome {
            Outcome::Refused(words) => {
                // The server answered; only this operation is concerned.
                if step == Step::Operation {
                    self.outbox.one_call_refused(id);
                }
                let next = self.outbox.advance(link, sent, Event::Refused(words), &what).await?;
                announce_posted(link, &sent.operation, next.as_ref());
                Ok(())
            }
            // The service may have acted, so nothing is sent again before it is read back.
            Outcome::Unknown => {
                self.outbox.advance(link, sent, Event::Lost, &what).await?;
                Err(Interrupted::Api(error))
            }
            Outcome::NotDone | Outcome::Wait(_) => {
                self.outbox.advance(link, sent, Event::NotDone, &what).await?;
                Err(Interrupted::Api(error))
            }
            Outcome::NotAllowed { status, words } => {
                self.outbox.advance(link, sent, Event::NotDone, &what).await?;
                link.failed(&error);
                self.retrial = self.retrial.filter(|tried| *tried == id && status == 403);
                // The next request, the probe, shows whether this operation or the token is at fault.
                link.pause((status == 403).then_some(Barred { id, words }));
                Ok(())
            }
        }
    }

    /// Handles an operation that was forbidden although the token was good right after it. The first time may be the
    /// end of a period in which everything was forbidden, so the operation is tried again; the second time concerns the
    /// operation.
    pub(super) async fn forbidden_alone(
        &mut self,
        link: &mut Link,
        barred: Barred,
    ) -> Result<(), Interrupted> {
        let Barred { id, words } = barred;
        if self.retrial.take() == Some(id) {
            return self.bar(link, id, &words).await;
        }
        self.retrial = Some(id);
        tracing::info!(operation = id.0, "forbidden, though the token is good: tried once more");
        Ok(())
    }

    /// Forgets the operation that was to be tried once more: everything is forbidden, or nothing answers.
    pub(super) fn forget_retrial(&mut self) {
        self.retrial = None;
    }

    /// Refuses an operation that the service forbids; it then waits for a person.
    async fn bar(&mut self, link: &mut Link, id: OperationId, words: &str) -> Result<(), Interrupted> {
        let pending = link.db(move |db| db.pending(id)).await?;
        // A command may have withdrawn it while the pause lasted.
        if pending.delivery.state != State::Queued {
            return Ok(());
        }
        let what = format!("the server forbids it: {words}");
        self.outbox.advance(link, &pending, Event::Barred(words.to_owned()), &what).await?;
        Ok(())
    }

    async fn reconcile(
        &mut self,
        link: &mut Link,
        account: &Account,
        pending: &Pending,
    ) -> Result<Finding, Interrupted> {
        let due_since = self.outbox.due_since(pending.operation.id);
        self.reconciler.reconcile(link, account, pending, due_since).await
    }

    /// Reads back an operation whose request may have been carried out.
    async fn read_back(
        &mut self,
        link: &mut Link,
        account: &Account,
        pending: &Pending,
    ) -> Result<(), Interrupted> {
        let finding = self.reconcile(link, account, pending).await?;
        let what = format!("read back: {}", finding_words(&finding));
        let next = self.outbox.advance(link, pending, Event::ReadBack(finding), &what).await?;
        announce_posted(link, &pending.operation, next.as_ref());
        Ok(())
    }

    /// Searches the service for an operation that this start found unsent. Anything that the service has of it was sent
    /// from another copy of this folder.
    async fn look(
        &mut self,
        link: &mut Link,
        account: &Account,
        pending: &Pending,
    ) -> Result<(), Interrupted> {
        let finding = self.reconcile(link, account, pending).await?;
        let is_news = pending.delivery.is_news(&finding);
        let what = format!("looked for it before its first request: {}", finding_words(&finding));
        // The alarm comes first: after a crash in between, the next start searches again. In the other order the alarm
        // would be lost.
        if is_news {
            link.alarms.raise(Cause::Restored, RESTORED).await?;
        }
        let next = self.outbox.advance(link, pending, Event::Looked(finding), &what).await?;
        announce_posted(link, &pending.operation, next.as_ref());
        Ok(())
    }

    /// Searches for a double that a lost request may have made after it was read back.
    async fn late_check(
        &mut self,
        link: &mut Link,
        account: &Account,
        pending: &Pending,
    ) -> Result<(), Interrupted> {
        let finding = self.reconcile(link, account, pending).await?;
        let what = format!("looked for a late double: {}", finding_words(&finding));
        self.outbox.advance(link, pending, Event::LateChecked(finding), &what).await?;
        Ok(())
    }
}

/// Returns the comment of a document: its marker and, if its date is not that of its first scan, the true time. For
/// a document that undoes another, it names that by the service's number, because the other's marker in it would
/// make it a double of that one.
fn comment_of(account: &Account, pending: &Pending, date: &str) -> String {
    if let Some((_, document)) = pending.revokes {
        let undone = document.map(|document| format!(" {document}")).unwrap_or_default();
        return format!("{} undoes document{undone}", pending.operation.marker);
    }
    let (marker, scanned) = (&pending.operation.marker, account.date(pending.first_scan));
    if scanned == date { marker.to_string() } else { format!("{marker} scanned {scanned}") }
}

/// Returns the event that a good answer proves: all of what was sent stands, or that is not proven.
fn proven(operation: &Operation, step: Step, posted: &PostedOperation) -> Event {
    let document = posted.document;
    let unproven = Event::Unproven { document: Some(document) };
    let foreign = posted.comment.as_deref().is_some_and(|comment| !operation.marker.is_in(comment));
    if foreign && step != Step::Document {
        // The document is not ours, so even its number must not be kept.
        return Event::Unproven { document: None };
    }
    if step == Step::Document {
        return Event::Done { document, transactions: Vec::new() };
    }
    // An answer without lines shows that something was posted, not that all of it was.
    let Some(lines) = posted.lines.clone() else { return unproven };
    let Finding::Found(found) = reconcile(operation, vec![FoundDocument { id: document, lines }]) else {
        return unproven;
    };
    let whole = match step {
        Step::Line(number) => found.transactions.iter().any(|(stands, _)| *stands == number),
        Step::Operation | Step::Document => found.transactions.len() == operation.lines.len(),
    };
    if whole && found.surplus.is_empty() {
        Event::Done { document, transactions: found.transactions }
    } else {
        unproven
    }
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

/// Returns the words for a step in the trail.
fn step_words(step: Step) -> String {
    match step {
        Step::Operation => "the document with its lines".to_owned(),
        Step::Document => "the document alone".to_owned(),
        Step::Line(number) => format!("line {number}"),
    }
}

/// Returns the words for a finding in the trail.
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
