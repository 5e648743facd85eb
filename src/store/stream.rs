//! The journal as a stream: frames and trail together, after a given place.

use rusqlite::Row;

use super::{Db, Error, read};
use crate::domain::delivery::State;
use crate::domain::ids::{DocumentId, GoodId, OperationId, ScanId, ScannerName};
use crate::domain::session::Reason;
use crate::domain::stock::operation::{Marker, Place};
use crate::domain::stock::quantity::Quantity;
use crate::domain::time::UnixMillis;

/// The choice of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanFilter {
    /// All.
    All,
    /// Those that were refused.
    Refused,
}

/// A place in the journal: everything up to it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor {
    /// The last frame, by its number; 0 before the first.
    pub scan: i64,
    /// The last entry of the trail, by its number; 0 before the first.
    pub event: i64,
}

/// One entry of the stream.
#[derive(Debug, Clone)]
pub enum JournalEntry {
    /// A frame that was journalled.
    Scan(Box<ScanEntry>),
    /// An entry of a document's trail.
    Delivery(Box<DeliveryEntry>),
}

/// A frame of the journal. Its booking is shown as it is now: a parked frame may be booked later.
#[derive(Debug, Clone)]
pub struct ScanEntry {
    /// Its number.
    pub id: ScanId,
    /// The wall clock at its last byte.
    pub at: UnixMillis,
    /// True if that time is exact: trusted, or corrected since.
    pub is_time_sure: bool,
    /// The reader that it came from.
    pub scanner: ScannerName,
    /// Its bytes.
    pub raw: Vec<u8>,
    /// The word of its outcome.
    pub outcome: String,
    /// The reason why it was refused, or the control code that it was.
    pub detail: Option<String>,
    /// The code without its AIM prefix, if it was looked up.
    pub barcode: Option<String>,
    /// Kind and storage, if it is booked or parked.
    pub place: Option<Place>,
    /// The quantity, if it is booked or parked.
    pub quantity: Option<Quantity>,
    /// The good, if it is booked or was looked up, and no kit.
    pub good: Option<GoodId>,
    /// The good's title, if it has one of these.
    pub title: Option<String>,
    /// The operation in which it is booked.
    pub operation: Option<OperationId>,
    /// True if it was taken back later.
    pub is_undone: bool,
    /// The result of a command, or the reason of a refusal, in words.
    pub words: Option<String>,
}

/// An entry of the trail with the present state of its operation.
#[derive(Debug, Clone)]
pub struct DeliveryEntry {
    /// Its number in the trail.
    pub id: i64,
    /// The wall clock at the entry.
    pub at: UnixMillis,
    /// The event in words.
    pub what: String,
    /// The operation, if it is still kept and this concerns one.
    pub operation: Option<OperationEntry>,
}

/// An operation as the stream shows it.
#[derive(Debug, Clone)]
pub struct OperationEntry {
    /// Its number.
    pub id: OperationId,
    /// Its marker on the server.
    pub marker: Marker,
    /// Kind and storage.
    pub place: Place,
    /// Its state.
    pub state: State,
    /// The units in all.
    pub units: Quantity,
    /// The server's document, once known.
    pub document: Option<DocumentId>,
}

impl JournalEntry {
    const fn at(&self) -> UnixMillis {
        match self {
            Self::Scan(scan) => scan.at,
            Self::Delivery(delivery) => delivery.at,
        }
    }
}

impl Cursor {
    /// Returns the place after `entry`.
    #[must_use]
    pub fn behind(self, entry: &JournalEntry) -> Self {
        match entry {
            JournalEntry::Scan(scan) => Self { scan: scan.id.0, ..self },
            JournalEntry::Delivery(delivery) => Self { event: delivery.id, ..self },
        }
    }
}

impl Db {
    /// Returns the end of the journal.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn end_of_journal(&self) -> Result<Cursor, Error> {
        let sql =
            "SELECT (SELECT coalesce(max(id), 0) FROM scans), (SELECT coalesce(max(id), 0) FROM events)";
        let mut statement = self.outbox.prepare_cached(sql)?;
        Ok(statement.query_row([], |row| Ok(Cursor { scan: row.get(0)?, event: row.get(1)? }))?)
    }

    /// Returns the journal's entries after `seen`, at most `count`. Frames come in their order and the trail in its
    /// own; the two are merged by the wall clock, which may have been corrected in between.
    ///
    /// # Errors
    /// [`Error::Sql`], or [`Error::Unexpected`] for a row this program did not write.
    pub fn journal_after(&self, seen: Cursor, count: u32) -> Result<Vec<JournalEntry>, Error> {
        let sql = "SELECT s.*, l.title FROM scans s
                   LEFT JOIN lines l ON l.operation_id = s.operation_id AND l.good_id = s.good_id
                   WHERE s.id > ?1 ORDER BY s.id LIMIT ?2";
        let scans =
            self.entries(sql, (seen.scan, count), |row| Ok(JournalEntry::Scan(Box::new(scan(row)?))))?;
        let scans = scans.into_iter().map(|entry| self.with_title(entry)).collect::<Result<_, _>>()?;
        let sql = "SELECT e.id AS event, e.wall_ms, e.what, o.id, o.marker, o.kind, o.storage_id, o.state,
                     o.document_id,
                     (SELECT coalesce(sum(quantity), 0) FROM lines l WHERE l.operation_id = o.id) AS in_all
                   FROM events e LEFT JOIN operations o ON o.id = e.operation_id
                   WHERE e.id > ?1 ORDER BY e.id LIMIT ?2";
        let deliveries = self.entries(sql, (seen.event, count), delivery)?;
        let mut joined = joined(scans, deliveries);
        // Each list may hold `count` entries. The rest of both comes again with the next call.
        joined.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        Ok(joined)
    }

    /// Returns the last frames, youngest first: all of them, or those that were refused.
    ///
    /// # Errors
    /// [`Error::Sql`], or [`Error::Unexpected`] for a row this program did not write.
    pub fn last_scans(&self, filter: ScanFilter, count: u32) -> Result<Vec<ScanEntry>, Error> {
        let filter = match filter {
            ScanFilter::All => "",
            ScanFilter::Refused => "WHERE s.outcome = 'refused'",
        };
        let sql = format!(
            "SELECT s.*, l.title FROM scans s
             LEFT JOIN lines l ON l.operation_id = s.operation_id AND l.good_id = s.good_id
             {filter} ORDER BY s.id DESC LIMIT ?1"
        );
        let mut statement = self.outbox.prepare_cached(&sql)?;
        let mut rows = statement.query([count])?;
        let mut scans = Vec::new();
        while let Some(row) = rows.next()? {
            scans.push(scan(row)?);
        }
        Ok(scans)
    }

    /// Adds the title to a frame that was looked up: it belongs to no document, so its title is the goods table's
    /// present one.
    fn with_title(&self, entry: JournalEntry) -> Result<JournalEntry, Error> {
        let JournalEntry::Scan(mut scan) = entry else { return Ok(entry) };
        if let (None, Some(good), "lookup") = (&scan.title, scan.good, scan.outcome.as_str()) {
            scan.title = self.good(good)?.map(|good| good.title);
        }
        Ok(JournalEntry::Scan(scan))
    }

    fn entries(
        &self,
        sql: &str,
        after: (i64, u32),
        read: fn(&Row<'_>) -> Result<JournalEntry, Error>,
    ) -> Result<Vec<JournalEntry>, Error> {
        let mut statement = self.outbox.prepare_cached(sql)?;
        let mut rows = statement.query(after)?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            entries.push(read(row)?);
        }
        Ok(entries)
    }
}

/// Merges two lists, each in its own order, by taking the earlier of the two heads.
fn joined(scans: Vec<JournalEntry>, deliveries: Vec<JournalEntry>) -> Vec<JournalEntry> {
    let mut joined = Vec::with_capacity(scans.len().saturating_add(deliveries.len()));
    // Not sorted: a corrected clock may make a list's own order differ from that of the times.
    let mut deliveries = deliveries.into_iter().peekable();
    for scan in scans {
        joined.extend(std::iter::from_fn(|| deliveries.next_if(|delivery| delivery.at() < scan.at())));
        joined.push(scan);
    }
    joined.extend(deliveries);
    joined
}

fn scan(row: &Row<'_>) -> Result<ScanEntry, Error> {
    let clock: String = row.get("clock")?;
    let scanner: String = row.get("scanner")?;
    let (outcome, detail): (String, Option<String>) = (row.get("outcome")?, row.get("detail")?);
    let words = match (outcome.as_str(), &detail) {
        ("refused", Some(word)) => {
            Reason::all().find(|reason| reason.as_str() == word).map(|reason| reason.words().to_owned())
        }
        _ => row.get("words")?,
    };
    Ok(ScanEntry {
        id: ScanId(row.get("id")?),
        at: UnixMillis(row.get("wall_ms")?),
        is_time_sure: matches!(clock.as_str(), "trusted" | "repaired"),
        scanner: ScannerName::new(scanner),
        raw: row.get("raw")?,
        outcome,
        detail,
        words,
        barcode: row.get("barcode")?,
        place: place(row)?,
        quantity: row.get::<_, Option<i64>>("quantity")?.map(Quantity::from_millionths),
        good: row.get::<_, Option<i64>>("good_id")?.map(GoodId),
        title: row.get("title")?,
        operation: row.get::<_, Option<i64>>("operation_id")?.map(OperationId),
        is_undone: row.get::<_, Option<i64>>("undone_by")?.is_some(),
    })
}

fn place(row: &Row<'_>) -> Result<Option<Place>, Error> {
    let kind: Option<String> = row.get("kind")?;
    let Some(kind) = kind else { return Ok(None) };
    Ok(Some(read::place(&kind, row.get("storage_id")?)?))
}

fn delivery(row: &Row<'_>) -> Result<JournalEntry, Error> {
    let operation = row.get::<_, Option<i64>>("id")?.map(OperationId);
    Ok(JournalEntry::Delivery(Box::new(DeliveryEntry {
        id: row.get("event")?,
        at: UnixMillis(row.get("wall_ms")?),
        what: row.get("what")?,
        operation: operation.map(|id| operation_entry(id, row)).transpose()?,
    })))
}

fn operation_entry(id: OperationId, row: &Row<'_>) -> Result<OperationEntry, Error> {
    let (marker, kind, state): (String, String, String) =
        (row.get("marker")?, row.get("kind")?, row.get("state")?);
    Ok(OperationEntry {
        id,
        marker: Marker::stored(marker),
        place: read::place(&kind, row.get("storage_id")?)?,
        state: read::state(&state)?,
        units: Quantity::from_millionths(row.get("in_all")?),
        document: row.get::<_, Option<i64>>("document_id")?.map(DocumentId),
    })
}
