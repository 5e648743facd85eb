//! Delivery of an operation to the server exactly once, although the server cannot recognise a repeat.
//!
//! A [`Delivery`] holds all that is known of one operation's way to the server. [`Delivery::next`] returns the next
//! action, and [`Delivery::apply`] records its outcome. The shell writes each new state to disk *before* it does what
//! that state announces, so a process that dies at any point finds, when it comes back, a state that admits everything
//! that may have happened meanwhile.
//!
//! Everything rests on one rule: after an answer that does not prove "not done", nothing is sent again before the
//! server's own records were read in full, twice and a wait apart, without finding the marker. A request that the
//! server carries out even later becomes a double, which is looked for again and removed.
//!
//! A delivery holds only what one data folder knows, and a folder can be a restored copy. So an operation that a start
//! finds unsent is looked for by its marker before its first request ([`Next::Look`]), and again afterwards, as after
//! a lost answer: the request of another copy may still be on its way.
//!
//! Two things are not found: a double that comes after the last check, and a document without lines whose answer was
//! lost, because no listing of the server shows it. Such a document stays there, empty, and moves no stock.
//!
//! Invariant: only a person's decision leads out of [`State::Posted`], [`State::Refused`] or [`State::Cancelled`], and
//! nothing leads from [`State::Uncertain`] to a new request without two absences.

mod awaits;
mod look;
mod reconcile;
mod removal;
mod state;
mod strategy;
#[cfg(test)]
mod tests;

use thiserror::Error;

pub use awaits::{Awaits, Glance};
pub use reconcile::{Finding, Found, FoundDocument, FoundLine, reconcile};
pub use state::State;
pub use strategy::{Strategy, Trace};

use strategy::Refused;

use super::ids::{DocumentId, TransactionId};
use crate::domain::stock::operation::Operation;

/// The number of complete readings without the marker that prove its absence.
pub const ABSENCES_PROVING: u8 = 2;
/// The number of checks for a late double after a posting that was once uncertain.
pub const LATE_CHECKS: u8 = 2;

/// One request that writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The document and all its lines in one call.
    Operation,
    /// The document alone.
    Document,
    /// One line of a document that stands.
    Line(u16),
}

/// The lines and documents on the server that must be removed: a double, a document without a line, or what a person
/// takes back. Removing is repeatable, so it needs no state of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Surplus {
    /// Lines, which go first.
    pub transactions: Vec<TransactionId>,
    /// Documents.
    pub documents: Vec<DocumentId>,
}

impl Surplus {
    /// Returns true if there is nothing to remove.
    pub fn is_empty(&self) -> bool {
        self.transactions.is_empty() && self.documents.is_empty()
    }
}

/// The progress of one line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LineProgress {
    /// Its number in the operation.
    pub number: u16,
    /// The server's id, once known.
    pub transaction: Option<TransactionId>,
    /// The server's words, if it refused the line.
    pub refusal: Option<String>,
}

impl LineProgress {
    fn is_missing(&self) -> bool {
        self.transaction.is_none() && self.refusal.is_none()
    }
}

/// All that is known of one operation's way to the server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Delivery {
    /// The state of the operation.
    pub state: State,
    /// The request that was sent last and is not settled. It is set while sending or uncertain, but not where a
    /// person's retry made the delivery uncertain again.
    pub step: Option<Step>,
    /// The server's document, once known.
    pub document: Option<DocumentId>,
    /// The progress of each line, in the order of their numbers.
    pub lines: Vec<LineProgress>,
    /// The strategy that brings it to the server. One call that was refused, or carried out in part, goes on line by
    /// line.
    pub strategy: Strategy,
    /// The number of complete readings without what was sent, since it was sent; 0..=[`ABSENCES_PROVING`].
    pub absences: u8,
    /// The server's words of a refusal after which part of the operation may still stand.
    pub refusal: Option<String>,
    /// True if a request of it was ever lost, so that the server may carry it out late.
    pub doubtful: bool,
    /// The number of checks for a late double so far; 0..=[`LATE_CHECKS`].
    pub late_checks: u8,
    /// The lines and documents on the server that must be removed.
    pub surplus: Surplus,
    /// The reason why only a person can decide how to go on, if so.
    pub stuck: Option<String>,
    /// True if the service must be searched for it before anything of it is sent: a start found it unsent, and the
    /// folder may be a copy of one from which it was sent.
    pub look_first: bool,
}

/// The next action for one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Write down the intent, then send.
    Send(Step),
    /// Read back what the server has, after the wait for a lost answer.
    ReadBack,
    /// Look for a late double, after the longer wait.
    LateCheck,
    /// Look for it before its first request.
    Look,
    /// Remove a line of the surplus.
    RemoveTransaction(TransactionId),
    /// Remove a document of the surplus.
    RemoveDocument(DocumentId),
    /// Nothing, unless a person acts.
    Rest,
}

/// An event of one operation: the outcome of a request or of a reading, an intent, or a person's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The intent to send this is about to be written down.
    Send(Step),
    /// Carried out, and the answer shows all that was sent.
    Done {
        /// The document.
        document: DocumentId,
        /// Line numbers and the server's ids for them, as far as the answer has them.
        transactions: Vec<(u16, TransactionId)>,
    },
    /// Carried out, but the answer does not show all that was sent.
    Unproven {
        /// The document, if the answer has it.
        document: Option<DocumentId>,
    },
    /// Proven not to be carried out; the same request may be sent again.
    NotDone,
    /// May or may not be carried out, now or later.
    Lost,
    /// Refused in the server's words; part of it may still stand.
    Refused(String),
    /// The server's records were read in full.
    ReadBack(Finding),
    /// A late check read the server's records in full.
    LateChecked(Finding),
    /// The server's records were read in full before the first request of this start.
    Looked(Finding),
    /// A line of the surplus is gone.
    TransactionRemoved(TransactionId),
    /// A document of the surplus is gone.
    DocumentRemoved(DocumentId),
    /// The process died with a request on its way.
    Died,
    /// The token may do everything but this: the server forbids this very operation, in these words.
    Barred(String),
    /// These lines cannot be expressed to the server, for these reasons. Nothing of them was sent.
    Unsayable(Vec<(u16, String)>),
    /// A person asked to try it again.
    Retry,
    /// A person asked to delete it on the server.
    Revoke,
    /// A reading still shows lines that were removed.
    StillThere(Vec<TransactionId>),
    /// The server refuses to delete it, in these words; nothing of it was deleted.
    Kept(String),
}

/// An event that cannot happen in this state: a fault of the program, not of the server.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a delivery that is {state} takes no {event}")]
pub struct IllegalTransition {
    state: State,
    event: String,
}

impl Delivery {
    /// Returns the delivery of a closed operation of which nothing was sent.
    pub fn queued(operation: &Operation) -> Self {
        let lines = operation.lines.iter().map(|line| LineProgress {
            number: line.number,
            transaction: line.transaction,
            refusal: line.refusal.clone(),
        });
        Self {
            state: State::Queued,
            step: None,
            document: None,
            lines: lines.collect(),
            strategy: Strategy::default(),
            absences: 0,
            refusal: None,
            doubtful: false,
            late_checks: 0,
            surplus: Surplus::default(),
            stuck: None,
            look_first: false,
        }
    }

    /// Returns the next action.
    pub fn next(&self) -> Next {
        let removal = || {
            let line = self.surplus.transactions.first().map(|id| Next::RemoveTransaction(*id));
            line.or_else(|| self.surplus.documents.first().map(|id| Next::RemoveDocument(*id)))
        };
        match self.state {
            State::Refused | State::Uncertain if self.stuck.is_some() => Next::Rest,
            State::Queued if self.look_first => Next::Look,
            // A queued delivery that misses nothing never rests: `settle` moves it on.
            State::Queued => removal().or_else(|| self.next_step().map(Next::Send)).unwrap_or(Next::Rest),
            State::Sending | State::Uncertain => Next::ReadBack,
            State::Posted | State::Refused => match removal() {
                Some(removal) => removal,
                None if self.doubtful && self.late_checks < LATE_CHECKS => Next::LateCheck,
                None => Next::Rest,
            },
            State::Open | State::Cancelled => Next::Rest,
        }
    }

    fn next_step(&self) -> Option<Step> {
        self.strategy.next_step(self)
    }

    /// Returns the place where the request that is not settled may have left something.
    pub fn trace(&self) -> Trace {
        self.strategy.trace(self)
    }

    /// Returns the delivery, set to begin with this strategy. A delivery that has begun with another one, or whose
    /// document is known, keeps its own.
    #[must_use]
    pub fn begun(self, strategy: Strategy) -> Self {
        let is_fresh =
            self.state == State::Queued && self.strategy == Strategy::OneCall && self.document.is_none();
        if is_fresh { Self { strategy, ..self } } else { self }
    }

    /// Returns true if this delivery shows that the server refuses the one call whatever is in it: the call was
    /// refused, and the operation stands whole line by line.
    pub fn shows_one_call_refused(&self) -> bool {
        let stands = |line: &LineProgress| line.transaction.is_some();
        self.state == State::Posted
            && self.strategy == Strategy::AfterRefusal
            && self.lines.iter().all(stands)
    }

    fn missing(&self) -> impl Iterator<Item = u16> + '_ {
        self.lines.iter().filter(|line| line.is_missing()).map(|line| line.number)
    }

    /// Returns the delivery after an event.
    ///
    /// # Errors
    /// [`IllegalTransition`] if the event cannot happen in this state; the delivery is unchanged.
    pub fn apply(&self, event: Event) -> Result<Self, IllegalTransition> {
        let mut next = self.clone();
        match (self.state, event) {
            (State::Queued, Event::Send(step)) => next.send(step),
            (State::Sending, Event::Done { document, transactions }) => next.done(document, &transactions),
            (State::Sending, Event::Unproven { document }) => {
                // Not doubtful: the request was carried out, so nothing of it can come late.
                next.document = next.document.or(document);
                next.doubt();
            }
            (State::Sending, Event::NotDone) => next.settle(),
            (State::Sending, Event::Lost | Event::Died) => {
                // The server may carry the request out even after it is settled, so checks for a late double follow.
                next.doubtful = true;
                next.doubt();
            }
            (State::Sending, Event::Refused(words)) => next.refused(words),
            (State::Uncertain, Event::ReadBack(finding)) => next.read_back(finding),
            (State::Posted | State::Refused, Event::LateChecked(finding)) => next.late(finding),
            (State::Queued, Event::Looked(finding)) if self.look_first => next.looked(finding),
            (State::Queued | State::Posted | State::Refused, Event::TransactionRemoved(id)) => {
                next.surplus.transactions.retain(|kept| *kept != id);
            }
            // Before the general arm below: here the document is the last part of a deletion.
            (State::Posted, Event::DocumentRemoved(id)) if self.is_being_revoked() => next.revoked(id),
            (State::Posted, Event::StillThere(lines)) if self.is_being_revoked() => {
                next.surplus.transactions = lines;
            }
            (State::Posted, Event::Kept(words)) if self.is_being_revoked() => next.keep(&words),
            (State::Posted, Event::Revoke) if self.why_not_revoked().is_none() => next.revoke(),
            (State::Queued | State::Posted | State::Refused, Event::DocumentRemoved(id)) => {
                next.surplus.documents.retain(|kept| *kept != id);
                if next.document == Some(id) {
                    next.document = None;
                }
                if next.state == State::Queued {
                    next.settle();
                }
            }
            (State::Queued, Event::Barred(words)) => next.bar(&words),
            (State::Queued, Event::Unsayable(lines)) => next.leave_out(lines),
            (State::Refused | State::Uncertain, Event::Retry) => next.retry(),
            (state, event) => {
                return Err(IllegalTransition { state, event: format!("{event:?}") });
            }
        }
        Ok(next)
    }

    fn send(&mut self, step: Step) {
        self.state = State::Sending;
        self.step = Some(step);
        self.absences = 0;
        self.refusal = None;
    }

    fn doubt(&mut self) {
        self.state = State::Uncertain;
        self.absences = 0;
    }

    fn done(&mut self, document: DocumentId, transactions: &[(u16, TransactionId)]) {
        self.document = Some(document);
        for line in &mut self.lines {
            let told = transactions.iter().find(|(number, _)| *number == line.number);
            line.transaction = told.map(|(_, id)| *id).or(line.transaction);
        }
        // `Done` means that all of the one call was carried out, even where the answer leaves out numbers of lines.
        if self.step == Some(Step::Operation) { self.post() } else { self.settle() }
    }

    fn refused(&mut self, words: String) {
        match self.step.map(|step| self.strategy.refused(step)) {
            Some(Refused::Line(number)) => {
                self.refuse_line(number, words);
                self.settle();
            }
            Some(Refused::Everything) => self.refuse_all(&words),
            Some(Refused::Perhaps) | None => {
                self.refusal = Some(words);
                self.doubt();
            }
        }
    }

    fn refuse_line(&mut self, number: u16, words: String) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.number == number) {
            line.refusal = Some(words);
        }
    }

    fn refuse_all(&mut self, words: &str) {
        for line in &mut self.lines {
            line.refusal.get_or_insert_with(|| words.to_owned());
        }
        self.step = None;
        self.state = State::Refused;
    }

    /// Refuses every line that is missing. What already stands stays.
    fn bar(&mut self, words: &str) {
        for line in self.lines.iter_mut().filter(|line| line.is_missing()) {
            line.refusal = Some(words.to_owned());
        }
        self.go_line_by_line();
        self.settle();
    }

    /// Refuses these lines. The rest goes line by line, because the one call would send these lines too.
    fn leave_out(&mut self, lines: Vec<(u16, String)>) {
        for (number, words) in lines {
            if self.missing().any(|missing| missing == number) {
                self.refuse_line(number, words);
            }
        }
        self.go_line_by_line();
        self.settle();
    }

    /// Starts a refused operation afresh. An operation of which a request was ever lost is read back first and never
    /// sent without proof, because the lost request may be carried out by now.
    fn retry(&mut self) {
        self.stuck = None;
        self.absences = 0;
        if self.state == State::Uncertain {
            return;
        }
        for line in &mut self.lines {
            line.refusal = None;
        }
        self.document = None;
        self.strategy = Strategy::default();
        self.late_checks = 0;
        if self.doubtful { self.doubt() } else { self.settle() }
    }

    fn post(&mut self) {
        self.step = None;
        self.state = State::Posted;
    }

    /// Ends the last request: the delivery is queued or, if no line is missing any more, at its end.
    fn settle(&mut self) {
        self.step = None;
        self.state = State::Queued;
        if self.next_step().is_some() {
            return;
        }
        // Posted even if other lines were refused: what stands has moved stock.
        if self.lines.iter().any(|line| line.transaction.is_some()) {
            self.state = State::Posted;
        } else if let Some(document) = self.document {
            // Every line was refused. The empty document is removed, because it would puzzle the readers of the books.
            if !self.surplus.documents.contains(&document) {
                self.surplus.documents.push(document);
            }
        } else {
            self.state = State::Refused;
        }
    }

    fn read_back(&mut self, finding: Finding) {
        match finding {
            Finding::Absent => self.absent(),
            Finding::Conflict(why) => self.stuck = Some(why),
            Finding::Found(found) => {
                self.document = Some(found.document);
                self.take_lines(&found);
                self.surplus = found.surplus;
                if self.missing().next().is_none() {
                    self.refusal = None;
                    self.go_line_by_line();
                    self.settle();
                } else {
                    self.absent();
                }
            }
        }
    }

    /// Records the lines that a reading found. A line that stands is not refused, whatever the server answered about
    /// it.
    fn take_lines(&mut self, found: &Found) {
        for line in &mut self.lines {
            let told = found.transactions.iter().find(|(number, _)| *number == line.number);
            line.transaction = told.map(|(_, id)| *id);
            line.refusal = line.refusal.take().filter(|_| line.transaction.is_none());
        }
    }

    /// Counts an absence: something that was sent is not there. The second absence is proof. The missing lines of one
    /// call that was refused, or that stands in part, go line by line.
    fn absent(&mut self) {
        self.absences += 1;
        if self.absences < ABSENCES_PROVING {
            return;
        }
        if self.document.is_some() {
            self.go_line_by_line();
        } else if self.refusal.is_some() {
            self.strategy = Strategy::AfterRefusal;
        }
        self.refusal = None;
        // The two readings were a search of the service.
        self.look_first = false;
        self.settle();
    }

    fn go_line_by_line(&mut self) {
        if self.strategy == Strategy::OneCall {
            self.strategy = Strategy::LineByLine;
        }
    }

    fn late(&mut self, finding: Finding) {
        match finding {
            Finding::Absent => self.late_checks += 1,
            Finding::Conflict(why) => {
                self.late_checks += 1;
                self.stuck = Some(why);
            }
            Finding::Found(found) => {
                self.late_checks += 1;
                if self.state == State::Refused {
                    self.stuck = Some(format!("document {} stands although it was refused", found.document));
                    return;
                }
                // The fault that an earlier check found is gone.
                self.stuck = None;
                self.document = Some(found.document);
                self.take_late_lines(&found);
                self.surplus = found.surplus;
            }
        }
    }

    /// Records the lines that a late check found. The check may keep another of two twins than the one posted, but
    /// never fewer lines than were posted.
    fn take_late_lines(&mut self, found: &Found) {
        for line in &mut self.lines {
            let told = found.transactions.iter().find(|(number, _)| *number == line.number);
            line.transaction = told.map(|(_, id)| *id).or(line.transaction);
        }
    }
}
