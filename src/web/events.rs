//! `/events`: scans and deliveries as they happen, as server-sent events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
//!
//! Events are read from the journal, so they are on the disk and none is left out. A client that returns sends the id
//! of its last event (`Last-Event-ID`, as browsers do by themselves) and gets everything after it; `0-0` is before all
//! events. Without an id the stream begins now. An event has one of two names, an id, and one JSON object as its data.
//! A member that does not apply is `null`; programs ignore members that they do not know.
//!
//! The guide's page `operating` lists the members, and a test compares the two.
//!
//! A comment is sent after a while without events, so that both sides notice a dead connection. The number of clients
//! is limited, in all and for each visitor. A client delays a scan by at most one short read of the journal; a client
//! that does not read is disconnected.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Extension, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use serde::Serialize;
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep, timeout};

use super::StatusSource;
use super::listener::Visit;
use super::slots::{Limits, Slot, Slots};
use crate::domain::printable::{harmless, printable_bytes};
use crate::feedback::{Announcement, Feedback};
use crate::status::rfc3339;
use crate::store::{Cursor, DeliveryEntry, JournalEntry, ScanEntry, Store};

/// The limits of clients at one time.
const CLIENTS: Limits = Limits { total: 8, kept_for_local: 2, per_peer: 3 };
/// The most entries of one read from the journal. A scan that arrives meanwhile waits for one such read.
const PAGE_MAX: u32 = 64;
/// The pause between two full pages for a client that has much to catch up with.
const PAUSE: Duration = Duration::from_millis(20);
/// The interval between two reads of the journal without an announcement: the steps of a delivery are not announced.
const READ_EVERY: Duration = Duration::from_secs(1);
/// The time without an event after which a comment is sent.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// The beginning of the stream: the time after which a client that lost its connection should return, in ms.
const PREAMBLE: &str = "retry: 2000\n\n";

/// The journal for the clients that follow it.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    store: Store,
    feedback: Arc<Feedback>,
    slots: Slots,
}

impl Events {
    pub(crate) fn new(store: Store, feedback: Arc<Feedback>) -> Self {
        Self { store, feedback, slots: Slots::new(CLIENTS) }
    }

    /// Returns the number of clients that follow the journal now.
    pub(crate) fn clients(&self) -> usize {
        self.slots.taken()
    }
}

/// Answers a client with the stream.
pub(super) async fn stream(
    State(source): State<StatusSource>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
) -> Response {
    let events = source.events;
    // An unreadable id is an error, not a new beginning: the client would miss events without noticing.
    let seen = headers.get("last-event-id").map(|id| id.to_str().ok().and_then(cursor));
    let seen = match seen {
        Some(None) => {
            let why = "Last-Event-ID is not the id of an event of this station\n";
            return (StatusCode::BAD_REQUEST, why).into_response();
        }
        Some(seen) => seen,
        None => None,
    };
    let Ok(slot) = events.slots.take(visit.peer) else {
        let retry = [(RETRY_AFTER, "5")];
        return (StatusCode::SERVICE_UNAVAILABLE, retry, "too many clients follow the events\n")
            .into_response();
    };
    // Subscribed before the end of the journal is read: what is announced in between is not missed.
    let announcements = events.feedback.listen();
    let Ok(Ok(end)) = events.store.run(|db| db.end_of_journal()).await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let seen = begin(seen, end);
    let follower = Follower {
        store: events.store,
        announcements,
        seen,
        is_behind: false,
        last_sent: Instant::now(),
        _slot: slot,
    };
    // The limit on the time of a visit ends here: a stream has no end.
    visit.become_stream();
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    (headers, Body::new(EventBody::begin(follower))).into_response()
}

/// Returns the place at which the stream begins.
///
/// A place beyond the end belongs to a journal that no longer exists (a damaged one was set aside): everything in this
/// one is new.
fn begin(seen: Option<Cursor>, end: Cursor) -> Cursor {
    match seen {
        None => end,
        Some(seen) if seen.scan > end.scan || seen.event > end.event => Cursor::default(),
        Some(seen) => seen,
    }
}

/// Reads an id: two whole numbers with a hyphen between them.
fn cursor(id: &str) -> Option<Cursor> {
    let (scan, event) = id.trim().split_once('-')?;
    let number = |digits: &str| digits.parse().ok().filter(|number: &i64| *number >= 0);
    Some(Cursor { scan: number(scan)?, event: number(event)? })
}

/// One client.
struct Follower {
    store: Store,
    announcements: broadcast::Receiver<Announcement>,
    seen: Cursor,
    /// True if the last page was full, so that there is probably more.
    is_behind: bool,
    last_sent: Instant,
    _slot: Slot,
}

impl Follower {
    /// Returns the next piece to send; `None` if the agent ends or the journal cannot be read.
    async fn next(mut self) -> (Self, Option<String>) {
        loop {
            if self.is_behind {
                sleep(PAUSE).await;
            }
            let seen = self.seen;
            let page = match self.store.run(move |db| db.journal_after(seen, PAGE_MAX)).await {
                Ok(Ok(page)) => page,
                Ok(Err(error)) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the events cannot be read");
                    return (self, None);
                }
                Err(_ended) => return (self, None),
            };
            self.is_behind = u32::try_from(page.len()).is_ok_and(|count| count >= PAGE_MAX);
            if !page.is_empty() {
                let text = self.text_of(&page);
                return (self, Some(text));
            }
            if self.last_sent.elapsed() >= COMMENT_EVERY {
                self.last_sent = Instant::now();
                return (self, Some(": nothing new\n\n".to_owned()));
            }
            // An announcement is only a hint, and even a lost one does no harm: the journal is read in any case.
            let _hint = timeout(READ_EVERY, self.announcements.recv()).await;
        }
    }

    fn text_of(&mut self, page: &[JournalEntry]) -> String {
        let mut text = String::new();
        for entry in page {
            self.seen = self.seen.behind(entry);
            let (name, data) = match entry {
                JournalEntry::Scan(scan) => ("scan", json(&ScanEvent::from(scan.as_ref()))),
                JournalEntry::Delivery(delivery) => {
                    ("delivery", json(&DeliveryEvent::from(delivery.as_ref())))
                }
            };
            let Cursor { scan, event } = self.seen;
            let _written = write!(text, "id: {scan}-{event}\nevent: {name}\ndata: {data}\n\n");
        }
        self.last_sent = Instant::now();
        text
    }
}

/// The body of the answer: one piece after the other, each requested when the one before is on its way.
///
/// It does not use axum's `sse`: that needs a `Stream`, for which no crate is used here yet, and sends each event as a
/// piece of its own, where a page of the journal is one piece. Each event is JSON on one line and needs no splitting.
struct EventBody {
    next: Pin<Box<dyn Future<Output = (Follower, Option<String>)> + Send>>,
}

impl EventBody {
    fn begin(follower: Follower) -> Self {
        Self { next: Box::pin(async { (follower, Some(PREAMBLE.to_owned())) }) }
    }
}

impl HttpBody for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let (follower, text) = ready!(self.next.as_mut().poll(context));
        let Some(text) = text else {
            // A body may be polled after its end, but a finished future must not be.
            self.next = Box::pin(std::future::pending());
            return Poll::Ready(None);
        };
        self.next = Box::pin(follower.next());
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(text)))))
    }
}

fn json(event: &impl Serialize) -> String {
    let text = serde_json::to_string(event).expect("an event holds nothing that JSON cannot");
    harmless(&text).into_owned()
}

#[derive(Serialize)]
struct ScanEvent<'a> {
    id: i64,
    at: String,
    time_is_sure: bool,
    scanner: &'a str,
    outcome: &'a str,
    detail: Option<&'a str>,
    code: String,
    kind: Option<&'static str>,
    storage_id: Option<i64>,
    quantity: Option<String>,
    good_id: Option<i64>,
    title: Option<&'a str>,
    document: Option<i64>,
    undone: bool,
    words: Option<&'a str>,
}

impl<'a> From<&'a ScanEntry> for ScanEvent<'a> {
    fn from(scan: &'a ScanEntry) -> Self {
        let shown = || printable_bytes(&scan.raw).to_string();
        Self {
            id: scan.id.0,
            at: rfc3339(scan.at),
            time_is_sure: scan.is_time_sure,
            scanner: scan.scanner.as_str(),
            outcome: &scan.outcome,
            detail: scan.detail.as_deref(),
            code: scan.barcode.clone().unwrap_or_else(shown),
            kind: scan.place.map(|place| place.kind.as_str()),
            storage_id: scan.place.map(|place| place.storage.0),
            quantity: scan.quantity.map(|quantity| quantity.to_string()),
            good_id: scan.good.map(|good| good.0),
            title: scan.title.as_deref(),
            document: scan.operation.map(|operation| operation.0),
            undone: scan.is_undone,
            words: scan.words.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct DeliveryEvent<'a> {
    id: i64,
    at: String,
    what: &'a str,
    document: Option<i64>,
    marker: Option<&'a str>,
    kind: Option<&'static str>,
    storage_id: Option<i64>,
    units: Option<String>,
    state: Option<&'static str>,
    document_id: Option<i64>,
}

impl<'a> From<&'a DeliveryEntry> for DeliveryEvent<'a> {
    fn from(delivery: &'a DeliveryEntry) -> Self {
        let operation = delivery.operation.as_ref();
        Self {
            id: delivery.id,
            at: rfc3339(delivery.at),
            what: &delivery.what,
            document: operation.map(|operation| operation.id.0),
            marker: operation.map(|operation| operation.marker.as_str()),
            kind: operation.map(|operation| operation.place.kind.as_str()),
            storage_id: operation.map(|operation| operation.place.storage.0),
            units: operation.map(|operation| operation.units.to_string()),
            state: operation.map(|operation| operation.state.as_str()),
            document_id: operation.and_then(|operation| operation.document).map(|document| document.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_two_whole_numbers() {
        assert_eq!(cursor("12-7"), Some(Cursor { scan: 12, event: 7 }));
        assert_eq!(cursor(" 0-0 "), Some(Cursor::default()));
        for id in ["", "12", "-", "12-", "-1-2", "1--2", "a-b", "1-2-3", "99999999999999999999-1"] {
            assert_eq!(cursor(id), None, "{id}");
        }
    }

    #[test]
    fn the_stream_begins_now_or_where_it_was_left_or_anew_in_another_journal() {
        let end = Cursor { scan: 5, event: 3 };
        assert_eq!(begin(None, end), end);
        let seen = Cursor { scan: 5, event: 0 };
        assert_eq!(begin(Some(seen), end), seen);
        for beyond in [Cursor { scan: 6, event: 3 }, Cursor { scan: 0, event: 4 }] {
            assert_eq!(begin(Some(beyond), end), Cursor::default());
        }
    }
}
