//! A plain service and a plain deliverer: the least that can drive a [`Delivery`].
//!
//! The deliverer does as the real one: it writes down the intent, sends, writes down the outcome, and finds out at its
//! start that it died. The waits are numbers, and pass at once.

use super::*;

/// The wait before a reading of a lost answer, in s.
const READ_BACK_S: u16 = 20;
/// The waits before the two checks for a late double, in s.
const LATE_CHECKS_S: [u16; 2] = [120, 360];
/// The wait after a request that certainly was not carried out, in s.
const BACKOFF_S: u16 = 10;

/// A fault of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing.
    Fine,
    /// No connection.
    NoConnection,
    /// 503; the service did not act.
    Unavailable,
    /// The request is lost.
    LostRequest,
    /// The service acts, and the answer is lost.
    LostAnswer,
    /// The service acts when so many seconds have passed.
    Late(u16),
    /// The service acts, and half of the answer arrives.
    Truncated,
    /// The service makes the document and not all of its lines, and does not answer.
    Partial,
    /// The agent dies between the intent and the request.
    DeathBeforeSend,
    /// The agent dies before the answer.
    DeathAfterSend,
    /// The agent dies with the answer in its hands.
    DeathAfterAnswer,
    /// Something in between answers, and the request is not passed on.
    StrangerBefore,
    /// Something in between answers, after the request was passed on and carried out.
    StrangerAfter,
    /// 403, about this operation alone.
    Forbidden,
    /// Somebody copies the data folder; the request is fine.
    TakeCopy,
    /// Somebody restores the copy, or the folder as it was at first, and starts the agent.
    PutBack,
}

impl Fault {
    /// Returns true if it happens to a folder at rest too.
    pub(super) fn is_of_the_folder(self) -> bool {
        matches!(self, Self::TakeCopy | Self::PutBack)
    }
}

/// The behaviour of the service in all of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service {
    /// The number of lines of the operation.
    pub(super) lines: u16,
    /// The lines that it refuses.
    pub(super) refused: &'static [u16],
    /// True if an operation with such a line leaves a document with the lines before it.
    pub(super) leaves_part: bool,
    /// True if its answers and listings contain the lines' comments, and its answers the lines.
    pub(super) is_talkative: bool,
}

impl Service {
    /// Returns a service that accepts everything and reports everything.
    pub(super) fn plain(lines: u16) -> Self {
        Self { lines, refused: &[], leaves_part: false, is_talkative: true }
    }
}

/// A request that writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Write {
    Step(Step, Option<DocumentId>),
    RemoveTransaction(TransactionId),
    RemoveDocument(DocumentId),
}

/// A document as the service holds it, with the numbers of its lines.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Document {
    id: DocumentId,
    lines: Vec<(u16, TransactionId)>,
}

/// Everything there is: the agent's disk, the service, and what is still under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) delivery: Delivery,
    /// The strategy with which a delivery begins.
    begins: Strategy,
    documents: Vec<Document>,
    last_id: i64,
    under_way: Vec<(u16, Write)>,
    /// True if the service ever acted late: without that nothing may stand twice, however briefly.
    was_late: bool,
    /// Refused lines that became an operation of their own.
    split: Vec<u16>,
    /// The content of a copy of the folder.
    copy: Box<Folder>,
    /// True if a copy was ever restored: where the service has other contents than the copy, a person decides.
    was_put_back: bool,
}

/// The content of a data folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Folder {
    delivery: Delivery,
    split: Vec<u16>,
}

impl World {
    pub(super) fn new(operation: &Operation, begins: Strategy) -> Self {
        let delivery = Delivery::queued(operation).begun(begins);
        Self {
            copy: Box::new(Folder { delivery: delivery.clone(), split: Vec::new() }),
            was_put_back: false,
            delivery,
            begins,
            documents: Vec::new(),
            last_id: 0,
            under_way: Vec::new(),
            was_late: false,
            split: Vec::new(),
        }
    }

    pub(super) fn is_at_rest(&self) -> bool {
        self.delivery.next() == Next::Rest
    }

    /// Returns true if the next request reads.
    pub(super) fn reads_next(&self) -> bool {
        matches!(self.delivery.next(), Next::ReadBack | Next::LateCheck | Next::Look)
    }

    /// Does the next action, with one fault. A world at rest stays as it is.
    pub(super) fn act(&mut self, service: &Service, operation: &Operation, fault: Fault) {
        let fault = match fault {
            Fault::PutBack => return self.put_back(),
            Fault::TakeCopy => {
                let (delivery, split) = (self.delivery.clone(), self.split.clone());
                *self.copy = Folder { delivery, split };
                Fault::Fine
            }
            fault => fault,
        };
        self.assert_glance_says_the_same();
        match self.delivery.next() {
            Next::Send(step) => self.send(service, step, fault),
            Next::ReadBack => {
                self.wait(service, READ_BACK_S);
                if fault == Fault::Fine {
                    let finding = self.survey(service, operation);
                    self.apply(Event::ReadBack(finding));
                }
            }
            Next::LateCheck => {
                self.wait(service, LATE_CHECKS_S[usize::from(self.delivery.late_checks)]);
                if fault == Fault::Fine {
                    let finding = self.survey(service, operation);
                    self.apply(Event::LateChecked(finding));
                }
            }
            Next::Look => {
                if fault == Fault::Fine {
                    let finding = self.survey(service, operation);
                    self.apply(Event::Looked(finding));
                }
            }
            Next::RemoveTransaction(id) => {
                let gone = Event::TransactionRemoved(id);
                self.remove(service, Write::RemoveTransaction(id), gone, fault);
            }
            Next::RemoveDocument(id) => {
                self.remove(service, Write::RemoveDocument(id), Event::DocumentRemoved(id), fault);
            }
            Next::Rest => {}
        }
        self.split_refused();
        if !self.was_late {
            assert!(self.doubled().is_none(), "doubled without a late request: {self:?}");
        }
    }

    /// Starts the agent on the folder as it is.
    fn start(&mut self) {
        if self.delivery.state == State::Sending {
            self.apply(Event::Died);
        }
        self.delivery = self.delivery.clone().found_at_start();
    }

    /// Starts the agent on the copy.
    fn put_back(&mut self) {
        let Folder { delivery, split } = self.copy.as_ref().clone();
        (self.delivery, self.split, self.was_put_back) = (delivery, split, true);
        self.start();
    }

    /// Asserts that the few facts lead to the same next step as the whole delivery.
    fn assert_glance_says_the_same(&self) {
        let awaits = match self.delivery.next() {
            Next::Send(_) | Next::Look | Next::RemoveTransaction(_) | Next::RemoveDocument(_) => {
                Awaits::Request
            }
            Next::ReadBack => Awaits::ReadBack,
            Next::LateCheck => Awaits::LateCheck(self.delivery.late_checks),
            Next::Rest => Awaits::Nobody,
        };
        assert_eq!(self.delivery.glance().awaits(), awaits, "{self:?}");
    }

    fn apply(&mut self, event: Event) {
        self.delivery = self.delivery.apply(event).unwrap().begun(self.begins);
    }

    fn send(&mut self, service: &Service, step: Step, fault: Fault) {
        let write = Write::Step(step, self.delivery.document);
        self.apply(Event::Send(step));
        match fault {
            Fault::Fine => {
                let event = self.carry_out(service, write);
                self.apply(event);
            }
            Fault::NoConnection | Fault::Forbidden => {
                self.apply(Event::NotDone);
                self.wait(service, BACKOFF_S);
                if fault == Fault::Forbidden {
                    self.apply(Event::Barred("forbidden".to_owned()));
                }
            }
            Fault::Unavailable | Fault::LostRequest | Fault::StrangerBefore => self.apply(Event::Lost),
            Fault::LostAnswer | Fault::Truncated | Fault::StrangerAfter => {
                let _unheard = self.carry_out(service, write);
                self.apply(Event::Lost);
            }
            Fault::Late(seconds) => {
                self.under_way.push((seconds, write));
                self.was_late = true;
                self.apply(Event::Lost);
            }
            Fault::Partial => {
                if step == Step::Operation {
                    self.create(1..service.lines.min(2), service);
                } else {
                    let _unheard = self.carry_out(service, write);
                }
                self.apply(Event::Lost);
            }
            Fault::DeathBeforeSend => self.start(),
            Fault::DeathAfterSend | Fault::DeathAfterAnswer => {
                let _unheard = self.carry_out(service, write);
                self.start();
            }
            Fault::TakeCopy | Fault::PutBack => unreachable!("carried out before the request"),
        }
    }

    /// Sends a removal. One whose answer got lost is sent again, so it needs no intent on the disk.
    fn remove(&mut self, service: &Service, write: Write, gone: Event, fault: Fault) {
        match fault {
            Fault::Fine => {
                let _answer = self.carry_out(service, write);
                self.apply(gone);
            }
            Fault::LostAnswer
            | Fault::Truncated
            | Fault::StrangerAfter
            | Fault::Partial
            | Fault::DeathAfterSend
            | Fault::DeathAfterAnswer => {
                let _unheard = self.carry_out(service, write);
            }
            Fault::Late(seconds) => self.under_way.push((seconds, write)),
            Fault::NoConnection
            | Fault::Unavailable
            | Fault::LostRequest
            | Fault::StrangerBefore
            | Fault::DeathBeforeSend
            | Fault::Forbidden
            | Fault::TakeCopy
            | Fault::PutBack => {}
        }
    }

    /// Lets time pass; what was under way arrives.
    fn wait(&mut self, service: &Service, seconds: u16) {
        let mut arriving = Vec::new();
        self.under_way.retain_mut(|(left, write)| {
            if *left <= seconds {
                arriving.push((*left, *write));
                return false;
            }
            *left -= seconds;
            true
        });
        arriving.sort_by_key(|(left, _)| *left);
        for (_, write) in arriving {
            let _unheard = self.carry_out(service, write);
        }
    }

    /// Carries out a request on the service, and returns what its answer proves.
    fn carry_out(&mut self, service: &Service, write: Write) -> Event {
        match write {
            Write::Step(Step::Operation, _) => {
                let taken = (1..=service.lines).take_while(|number| !service.refused.contains(number));
                let taken = u16::try_from(taken.count()).unwrap();
                if taken < service.lines {
                    if service.leaves_part {
                        self.create(1..taken + 1, service);
                    }
                    return refused();
                }
                let document = self.create(1..taken + 1, service);
                self.answer(service, document)
            }
            Write::Step(Step::Document, _) => {
                let document = self.create(1..1, service);
                Event::Done { document, transactions: Vec::new() }
            }
            Write::Step(Step::Line(number), document) => {
                let id = self.last_id + 1;
                let document = self.documents.iter_mut().find(|held| Some(held.id) == document);
                let Some(document) = document.filter(|_| !service.refused.contains(&number)) else {
                    return refused();
                };
                document.lines.push((number, TransactionId(id)));
                self.last_id = id;
                let document = document.id;
                self.answer(service, document)
            }
            Write::RemoveTransaction(id) => {
                for document in &mut self.documents {
                    document.lines.retain(|(_, held)| *held != id);
                }
                Event::TransactionRemoved(id)
            }
            Write::RemoveDocument(id) => {
                self.documents.retain(|held| held.id != id);
                Event::DocumentRemoved(id)
            }
        }
    }

    fn create(&mut self, numbers: std::ops::Range<u16>, service: &Service) -> DocumentId {
        let id = DocumentId(self.last_id + 1);
        let numbers = numbers.filter(|number| !service.refused.contains(number));
        let lines: Vec<_> = numbers.zip(id.0 + 1..).map(|(n, line)| (n, TransactionId(line))).collect();
        self.last_id = lines.last().map_or(id.0, |(_, line)| line.0);
        self.documents.push(Document { id, lines });
        id
    }

    fn answer(&self, service: &Service, document: DocumentId) -> Event {
        let held = self.documents.iter().find(|held| held.id == document).unwrap();
        if service.is_talkative {
            Event::Done { document, transactions: held.lines.clone() }
        } else {
            Event::Unproven { document: Some(document) }
        }
    }

    /// Returns the finding of a complete reading. No call lists documents: they are found by their lines, or not at
    /// all.
    fn survey(&self, service: &Service, operation: &Operation) -> Finding {
        let known = self.delivery.document;
        let only_known = matches!(self.delivery.trace(), Trace::In(_));
        let held = self
            .documents
            .iter()
            .filter(|held| Some(held.id) == known || !only_known && !held.lines.is_empty());
        let line = |&(number, id): &(u16, TransactionId)| FoundLine {
            id,
            good: good(number),
            quantity: quantity(number),
            comment: service.is_talkative.then(|| operation.marker.of_line(number)),
        };
        let found =
            held.map(|held| FoundDocument { id: held.id, lines: held.lines.iter().map(line).collect() });
        if self.split.is_empty() {
            return reconcile(operation, found.collect());
        }
        let mut rest = operation.clone();
        rest.lines.retain(|line| !self.split.contains(&line.number));
        reconcile(&rest, found.collect())
    }

    /// Makes an operation of their own of the refused lines of a posted one, as the store does.
    fn split_refused(&mut self) {
        if self.delivery.state == State::Posted {
            let split = &mut self.split;
            self.delivery.lines.retain(|line| {
                if line.refusal.is_some() {
                    split.push(line.number);
                }
                line.refusal.is_none()
            });
        }
    }

    /// Returns a line that stands twice, if one does.
    pub(super) fn doubled(&self) -> Option<u16> {
        let mut numbers: Vec<u16> = self.standing().map(|(_, number, _)| number).collect();
        numbers.sort_unstable();
        numbers.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
    }

    /// Counts the lines that the service accepts and that do not stand.
    pub(super) fn lost(&self, service: &Service) -> usize {
        let stands = |number: &u16| self.standing().any(|(_, standing, _)| standing == *number);
        let wanted = (1..=service.lines).filter(|number| !service.refused.contains(number));
        wanted.filter(|number| !stands(number)).count()
    }

    fn standing(&self) -> impl Iterator<Item = (DocumentId, u16, TransactionId)> + '_ {
        self.documents.iter().flat_map(|held| held.lines.iter().map(move |&(n, id)| (held.id, n, id)))
    }

    /// Counts the documents without a line: they move no stock, and no call of the service finds them.
    pub(super) fn empty_documents(&self) -> usize {
        self.documents.iter().filter(|held| held.lines.is_empty()).count()
    }

    /// Lets everything that is still under way arrive.
    pub(super) fn let_arrive(&mut self, service: &Service) {
        self.wait(service, u16::MAX);
    }

    /// Tries a refused operation again, as a person does. If nothing stands twice and nothing is under way, nothing may
    /// stand twice from here on.
    pub(super) fn retry(&mut self) {
        self.was_late = self.doubled().is_some() || !self.under_way.is_empty();
        self.apply(Event::Retry);
    }

    /// Asserts what must hold at rest after a 403: a refused line does not stand, or a person was informed.
    pub(super) fn assert_told_if_doubled(&self) {
        let delivery = &self.delivery;
        assert!(self.is_at_rest(), "it never ends: {self:?}");
        let believed = delivery.lines.iter().filter(|line| line.transaction.is_some()).count();
        assert!(delivery.stuck.is_some() || self.standing().count() == believed, "{self:?}");
    }

    /// Returns true if a person must decide because the folder was restored. Then nothing stands twice but what came
    /// late.
    pub(super) fn asks_a_person(&self) -> bool {
        let asks = self.was_put_back && self.delivery.stuck.is_some();
        assert!(!asks || self.is_at_rest() && (self.was_late || self.doubled().is_none()), "{self:?}");
        asks
    }

    /// Tries the operation again, as a person does after looking.
    pub(super) fn decide(&mut self) {
        self.apply(Event::Retry);
    }

    /// Asserts what must hold at rest: each line stands once, in one document, as the agent has recorded it; those
    /// that were refused do not stand.
    pub(super) fn assert_exactly_once(&self, service: &Service) {
        let delivery = &self.delivery;
        assert!(self.is_at_rest(), "it never ends: {self:?}");
        assert_eq!(delivery.stuck, None, "{self:?}");
        let all_refused = service.refused.len() == usize::from(service.lines);
        assert_eq!(delivery.state, if all_refused { State::Refused } else { State::Posted }, "{self:?}");
        let believed = delivery.lines.iter().filter(|line| line.refusal.is_none());
        let believed = believed.map(|line| (delivery.document, line.number, line.transaction));
        let mut standing: Vec<_> = self.standing().map(|(d, n, id)| (Some(d), n, Some(id))).collect();
        standing.sort_unstable();
        assert_eq!(standing, believed.collect::<Vec<_>>(), "{self:?}");
        let numbers: Vec<u16> = standing.iter().map(|(_, number, _)| *number).collect();
        let wanted = (1..=service.lines).filter(|number| !service.refused.contains(number));
        assert_eq!(numbers, wanted.collect::<Vec<_>>(), "{self:?}");
    }
}

fn refused() -> Event {
    Event::Refused("no such good".to_owned())
}
