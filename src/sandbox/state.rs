//! The data of the simulated location: goods, documents, lines, balances, and the log of requests.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::io;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use tokio::time::Instant;

use super::answer::Object;
use super::answer::Refusal;
use super::call::Now;
use super::call::Parameters;
use super::cards;
use super::cards::CardRow;
use super::dates;
use super::dates::Edge;
use super::faults::Fault;
use super::faults::Script;
use super::limits::Meter;
use super::options::Category;
use super::options::Dates;
use super::options::GoodRow;
use super::options::Options;
use super::options::Right;
use super::options::Storage;
use crate::domain::ids::CardId;
use crate::domain::ids::DocumentId;
use crate::domain::ids::GoodId;
use crate::domain::ids::StorageId;
use crate::domain::ids::TransactionId;

/// The most requests kept in the log; older ones are dropped.
pub const REQUESTS_MAX: usize = 10_000;
/// The most bytes kept in the log of requests; older requests are dropped.
const REQUEST_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The most documents, and the most lines, in the simulation; beyond it, creating one more fails with 500.
pub const RECORDS_MAX: usize = 100_000;
/// The id of the first good created through the API; the goods of the options have lower ids.
const FIRST_GOOD: i64 = 900_001;
const FIRST_DOCUMENT: i64 = 22_255_501;
const FIRST_LINE: i64 = 3_428_001;

/// A stock document on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its identity.
    pub id: DocumentId,
    /// 3 receipt, 4 (or, by a quirk, 7) write-off, 1 sale, 2 consumption.
    pub type_id: i64,
    /// The storage in which all its lines are booked.
    pub storage: StorageId,
    /// The running number shown to people.
    pub number: i64,
    /// The comment as sent.
    pub comment: String,
    /// The business time that the client chose.
    pub create_date: Timestamp,
    /// That time as the client wrote it.
    pub create_date_text: String,
    /// The time at which the server created it.
    pub made: Timestamp,
    /// True if it was deleted.
    pub deleted: bool,
}

/// A line of a stock document (a goods transaction) on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its identity.
    pub id: TransactionId,
    /// The document it belongs to.
    pub document: DocumentId,
    /// The good it moves.
    pub good: GoodId,
    /// The amount in the unit that was sent, below zero when stock leaves.
    pub amount: Decimal,
    /// The amount in the good's sale unit, which is the change of the balance.
    pub sale_amount: Decimal,
    /// The amount in the good's write-off unit.
    pub service_amount: Decimal,
    /// 1 sale unit, 2 write-off unit.
    pub unit_type: i64,
    /// Price of a unit.
    pub cost_per_unit: Decimal,
    /// The discount, in percent.
    pub discount: Decimal,
    /// The cost of the line, never below zero.
    pub cost: Decimal,
    /// The staff member; 0 for none, as in the two fields below.
    pub master: i64,
    /// The client.
    pub client: i64,
    /// The supplier.
    pub supplier: i64,
    /// The comment as sent.
    pub comment: String,
    /// The time at which the server last wrote it.
    pub last_change: Timestamp,
    /// True if it was deleted.
    pub deleted: bool,
    /// The moment of its creation, for its delayed visibility.
    pub(super) since: Instant,
}

/// All bookings at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Books {
    /// All documents ever created, deleted ones too, by rising id.
    pub documents: Vec<Document>,
    /// All lines ever created, deleted ones too, by rising id.
    pub lines: Vec<Line>,
    /// The stock of each good in each storage, in sale units, where anything was ever booked.
    pub balances: BTreeMap<(GoodId, StorageId), Decimal>,
}

impl Books {
    /// Returns the documents that were not deleted.
    pub fn live_documents(&self) -> Vec<&Document> {
        self.documents.iter().filter(|document| !document.deleted).collect()
    }

    /// Returns the lines that were not deleted.
    pub fn live_lines(&self) -> Vec<&Line> {
        self.lines.iter().filter(|line| !line.deleted).collect()
    }

    /// Returns the lines of a document that were not deleted.
    pub fn lines_of(&self, document: DocumentId) -> Vec<&Line> {
        self.lines.iter().filter(|line| line.document == document && !line.deleted).collect()
    }

    /// Returns the stock of a good in a storage, in sale units.
    pub fn balance(&self, good: GoodId, storage: StorageId) -> Decimal {
        self.balances.get(&(good, storage)).copied().unwrap_or_default()
    }
}

/// A request that the simulation received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// The time, by the server's clock.
    pub at: Timestamp,
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: String,
    /// The path below the base path, as [`super::Selector::path`] takes it.
    pub path: String,
    /// The query, not decoded; empty if there is none.
    pub query: String,
    /// The `Accept` header; empty if there is none, as are the two fields below.
    pub accept: String,
    /// The shape of the `Authorization` header, without the tokens: `Bearer *, User *`.
    pub authorization: String,
    /// The `Content-Type` header.
    pub content_type: String,
    /// The body; empty if there is none.
    pub body: String,
    /// The status of the answer; `None` if there was no answer.
    pub status: Option<u16>,
    /// The fault that it met.
    pub fault: Option<Fault>,
}

impl RequestRecord {
    fn bytes(&self) -> usize {
        let texts =
            [&self.path, &self.query, &self.accept, &self.authorization, &self.content_type, &self.body];
        texts.into_iter().map(String::len).sum()
    }
}

/// A good with the time of its last change.
#[derive(Debug)]
pub(super) struct Good {
    pub(super) row: GoodRow,
    pub(super) last_change: Timestamp,
}

/// Bounds on a time, from the query of a listing.
#[derive(Debug)]
pub(super) struct Span {
    after: Option<Timestamp>,
    before: Option<Timestamp>,
    exclusive: bool,
}

impl Span {
    /// Returns true if the time is within the bounds.
    pub(super) fn holds(&self, time: Timestamp) -> bool {
        let inside = |bound: Timestamp| !self.exclusive || time != bound;
        self.after.is_none_or(|after| time >= after && inside(after))
            && self.before.is_none_or(|before| time <= before && inside(before))
    }
}

/// Everything behind the simulation's lock.
#[derive(Debug)]
pub(super) struct State {
    pub(super) options: Options,
    pub(super) zone: TimeZone,
    pub(super) goods: BTreeMap<GoodId, Good>,
    pub(super) categories: BTreeMap<i64, Category>,
    pub(super) documents: BTreeMap<DocumentId, Document>,
    pub(super) lines: BTreeMap<TransactionId, Line>,
    pub(super) balances: BTreeMap<(GoodId, StorageId), Decimal>,
    pub(super) cards: BTreeMap<CardId, CardRow>,
    pub(super) consumables: cards::Consumables,
    /// The webhook settings last stored.
    pub(super) hooks: Option<Object>,
    pub(super) meter: Meter,
    pub(super) script: Script,
    pub(super) requests: VecDeque<RequestRecord>,
    /// The bytes in that log.
    request_bytes: usize,
    /// The number of requests that will be carried out later.
    pub(super) late: usize,
}

impl State {
    /// Returns the location as it is at its start; its goods last changed a day before `now`.
    pub(super) fn new(mut options: Options, now: Timestamp) -> io::Result<Self> {
        let zone = TimeZone::get(&options.time_zone)
            .map_err(|cause| io::Error::new(io::ErrorKind::InvalidInput, cause))?;
        // A day back, so that the first question for changes finds none of them.
        let last_change = dates::second(dates::days_before(now, 1));
        let cards = cards::sample(&options).into_iter();
        let goods = std::mem::take(&mut options.goods).into_iter();
        let categories = std::mem::take(&mut options.categories).into_iter();
        Ok(Self {
            zone,
            goods: goods.map(|row| (row.id, Good { row, last_change })).collect(),
            categories: categories.map(|category| (category.id, category)).collect(),
            documents: BTreeMap::new(),
            lines: BTreeMap::new(),
            balances: BTreeMap::new(),
            cards: cards.map(|card| (card.id, card)).collect(),
            consumables: cards::Consumables::new(),
            hooks: None,
            meter: Meter::default(),
            script: Script::default(),
            requests: VecDeque::new(),
            request_bytes: 0,
            late: 0,
            options,
        })
    }

    /// Returns all bookings so far.
    pub(super) fn books(&self) -> Books {
        Books {
            documents: self.documents.values().cloned().collect(),
            lines: self.lines.values().cloned().collect(),
            balances: self.balances.clone(),
        }
    }

    /// Adds a good to the table or replaces it.
    pub(super) fn put_good(&mut self, row: GoodRow, now: Timestamp) {
        self.goods.insert(row.id, Good { row, last_change: dates::second(now) });
    }

    /// Returns an id that no good has yet.
    pub(super) fn next_good(&self) -> GoodId {
        // Above every present id, and never below the range of goods created through the API.
        let last = self.goods.keys().next_back().map_or(0, |id| id.0);
        GoodId(last.saturating_add(1).max(FIRST_GOOD))
    }

    /// Returns an id that no document had yet.
    pub(super) fn next_document(&self) -> Result<DocumentId, Refusal> {
        next(self.documents.len(), FIRST_DOCUMENT).map(DocumentId)
    }

    /// Returns an id that no line had yet.
    pub(super) fn next_line(&self) -> Result<TransactionId, Refusal> {
        next(self.lines.len(), FIRST_LINE).map(TransactionId)
    }

    /// Returns a good, which must exist.
    pub(super) fn good(&self, id: GoodId) -> Result<&Good, Refusal> {
        self.goods.get(&id).ok_or_else(|| self.unknown("good", id.0))
    }

    /// Returns a storage, which must exist and be open to the token.
    pub(super) fn storage(&self, id: StorageId) -> Result<&Storage, Refusal> {
        let known = self.options.storages.iter().find(|storage| storage.id == id);
        let storage = known.ok_or_else(|| self.unknown("storage", id.0))?;
        self.options.permissions.require(Right::Storage(id))?;
        Ok(storage)
    }

    /// Returns a document, which must exist and not be deleted.
    pub(super) fn document(&self, id: DocumentId) -> Result<&Document, Refusal> {
        self.documents.get(&id).filter(|document| !document.deleted).ok_or_else(Refusal::not_found)
    }

    /// Books a line into the balance.
    pub(super) fn book(&mut self, line: &Line, now: Now) {
        self.shift(line, line.sale_amount, now);
    }

    /// Takes a line out of the balance again.
    pub(super) fn unbook(&mut self, line: &Line, now: Now) {
        self.shift(line, -line.sale_amount, now);
    }

    fn shift(&mut self, line: &Line, amount: Decimal, now: Now) {
        // The storage is the document's: a changed header moves all its lines.
        let Some(document) = self.documents.get(&line.document) else {
            return;
        };
        let balance = self.balances.entry((line.good, document.storage)).or_default();
        *balance = balance.saturating_add(amount);
        // Whether a movement counts as a change of its good is not documented.
        if self.options.quirks.movement_touches_good
            && let Some(good) = self.goods.get_mut(&line.good)
        {
            good.last_change = dates::second(now.wall);
        }
    }

    /// Reads `changed_after` and `changed_before`.
    pub(super) fn changed(&self, query: &mut Parameters) -> Result<Span, Refusal> {
        let span = self.span(query, "changed_after", "changed_before")?;
        Ok(Span { exclusive: self.options.quirks.changed_exclusive, ..span })
    }

    /// Reads a lower and an upper bound of a time; both bounds are inside.
    pub(super) fn span(&self, query: &mut Parameters, from: &str, to: &str) -> Result<Span, Refusal> {
        let after = self.bound(query, from, Edge::Start)?;
        let before = self.bound(query, to, Edge::End)?;
        Ok(Span { after, before, exclusive: false })
    }

    fn bound(&self, query: &mut Parameters, name: &str, edge: Edge) -> Result<Option<Timestamp>, Refusal> {
        let Some(text) = query.text(name) else {
            return Ok(None);
        };
        let bound = dates::bound(&text, edge, &self.zone);
        bound.map(Some).ok_or_else(|| Refusal::field(name, "This value is not a valid date."))
    }

    /// Writes the time of a document or line in the form of the answers.
    pub(super) fn long_date(&self, time: Timestamp) -> String {
        dates::write(time, &self.zone, self.options.quirks.dates, Dates::Millis)
    }

    /// Writes the time of a row or a change in the form of the answers.
    pub(super) fn short_date(&self, time: Timestamp) -> String {
        dates::write(time, &self.zone, self.options.quirks.dates, Dates::Compact)
    }

    /// Writes a request into the log.
    pub(super) fn record(&mut self, request: RequestRecord) {
        self.request_bytes = self.request_bytes.saturating_add(request.bytes());
        self.requests.push_back(request);
        // Two limits, because requests may be many or large.
        while self.requests.len() > REQUESTS_MAX || self.request_bytes > REQUEST_BYTES_MAX {
            let Some(oldest) = self.requests.pop_front() else { break };
            self.request_bytes = self.request_bytes.saturating_sub(oldest.bytes());
        }
    }

    /// Empties the log of requests.
    pub(super) fn forget_requests(&mut self) {
        self.requests.clear();
        self.request_bytes = 0;
    }

    // The status for an unknown id is not documented.
    fn unknown(&self, what: &str, id: i64) -> Refusal {
        Refusal::new(self.options.quirks.unknown_id_status, format!("Unknown {what} {id}"))
    }
}

/// Returns the id for one more record. Records are never removed, so their number makes ids unique.
fn next(made: usize, first: i64) -> Result<i64, Refusal> {
    let made = i64::try_from(made).ok().filter(|_| made < RECORDS_MAX);
    made.and_then(|made| first.checked_add(made)).ok_or_else(|| Refusal::new(500, "The sandbox is full"))
}
