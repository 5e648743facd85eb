//! The home of the data folder, and what happens to its documents when the folder is found elsewhere.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::alarms::{self, Cause};
use super::outbox::{FOR_A_PERSON, UNDER_WAY};
use super::{Db, Error, outbox, totals};
use crate::domain::home::{Books, DataState, Difference, Home, Machine, belongs_to};
use crate::domain::ids::{LocationId, OperationId, ScanId};
use crate::domain::stock::quantity::Quantity;
use crate::domain::time::UnixMillis;

const ID: &str = "data_id";
const MACHINE: &str = "data_machine";
const SERVICE: &str = "data_service";
const LOCATION: &str = "data_location";
const STATION: &str = "data_station";

/// Name of the reason why the folder is foreign, in words; present only while it is.
const FOREIGN: &str = "data_foreign";

/// The books of the configuration at the last foreign start.
const FOREIGN_BOOKS: &str = "data_foreign_books";

/// The last operation and the last journal row that were not made in those books on this machine.
const FOREIGN_AFTER: &str = "data_foreign_after";

/// The facts about the folder itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Data {
    /// The folder's id.
    pub id: String,
    /// The id of the machine it belongs to; `unknown` if that has none.
    pub machine: String,
    /// The state that decides whether its documents may be sent.
    pub state: DataState,
    /// The reason why they may not, in words.
    pub why: Option<String>,
}

impl Default for Data {
    /// Returns the state before any data exists.
    fn default() -> Self {
        Self {
            id: String::new(),
            machine: Machine::default().id().to_owned(),
            state: DataState::Ok,
            why: None,
        }
    }
}

/// The way in which a person adopts a foreign folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adoption {
    /// The folder was moved: the former machine, service or location is gone.
    Moved,
    /// The folder is a copy: the former station goes on.
    Copy,
}

/// The documents that were put aside, or came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share {
    /// Documents.
    pub documents: u64,
    /// Their units.
    pub units: Quantity,
}

/// The effect of an adoption on the content of the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shares {
    /// The documents that are never sent from here.
    pub aside: Share,
    /// The documents that had been put aside for this location earlier, and are delivered now.
    pub back: Share,
    /// The number of parked scans that were dropped: the former station has them too, or they are of another location.
    pub parked: u64,
    /// The number of codes that were given to goods of another location.
    pub assignments: u64,
}

/// The result of an adoption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adopted {
    /// The folder belongs here already; nothing was changed.
    NotForeign,
    /// A copy needs another name than this one; nothing was changed.
    SameName(String),
    /// The folder belongs here now.
    Done(Shares),
}

/// The last rows of a folder at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Newest {
    operation: OperationId,
    scan: ScanId,
}

impl Db {
    /// Checks at the start whether the folder belongs `here`, and makes every unsent document be searched for on the
    /// service before its next request.
    ///
    /// A folder that never belonged anywhere belongs here from now on. In one that belongs elsewhere, open documents
    /// are closed, so that new scans stay apart from them.
    ///
    /// # Errors
    /// Any, and then nothing was changed.
    pub fn check_home(&mut self, here: &Home, now: UnixMillis) -> Result<Data, Error> {
        let transaction = self.outbox.transaction_with_behavior(TransactionBehavior::Immediate)?;
        match home(&transaction)? {
            None => settle(&transaction, here)?,
            Some(home) => match home.differences(here).as_slice() {
                [] => {
                    let machine = home.machine.with(&here.machine);
                    settle(&transaction, &Home { machine, ..here.clone() })?;
                }
                differences => found_elsewhere(&transaction, here, differences, now)?,
            },
        }
        // Another copy of this folder may have run since and may have sent any of these. Only a search on the service
        // shows that.
        let sql = format!(
            "UPDATE operations SET look_first = 1 WHERE NOT look_first AND id IN
               (SELECT id FROM operations WHERE state = 'open'
                UNION ALL SELECT id FROM operations WHERE {UNDER_WAY}
                UNION ALL SELECT id FROM operations WHERE {FOR_A_PERSON} AND state = 'refused')"
        );
        transaction.execute(&sql, [])?;
        let found = newest(&transaction)?.scan;
        transaction.commit()?;
        // Set after the commit: `found_to` separates the rows of earlier starts from those of this one.
        self.found_to = found;
        self.data()
    }

    /// Returns the facts about the folder itself.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn data(&self) -> Result<Data, Error> {
        let why = self.fact(FOREIGN)?;
        let restored = "SELECT EXISTS (SELECT 1 FROM alarms WHERE cause = 'restored')";
        let is_restored: bool = self.outbox.prepare_cached(restored)?.query_row([], |row| row.get(0))?;
        let state = match (&why, is_restored) {
            (Some(_), _) => DataState::Foreign,
            (None, true) => DataState::Restored,
            (None, false) => DataState::Ok,
        };
        let machine = Machine::stored(&self.fact(MACHINE)?.unwrap_or_default());
        let id = self.fact(ID)?.unwrap_or_default();
        Ok(Data { id, machine: machine.id().to_owned(), state, why })
    }

    /// Returns the home of the folder; `None` if it never had one.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn home(&self) -> Result<Option<Home>, Error> {
        home(&self.outbox)
    }

    /// Makes the folder belong `here`.
    ///
    /// Documents that are unsent in a copy, or were made for another location, are put aside: they stay listed and are
    /// never sent from here.
    ///
    /// # Errors
    /// Any, and then nothing was changed.
    pub fn adopt(&mut self, adoption: Adoption, here: &Home, now: UnixMillis) -> Result<Adopted, Error> {
        let transaction = self.outbox.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let Some(home) = home(&transaction)? else { return Ok(Adopted::NotForeign) };
        let differences = home.differences(here);
        if differences.is_empty() {
            return Ok(Adopted::NotForeign);
        }
        if adoption == Adoption::Copy && home.station == here.station {
            return Ok(Adopted::SameName(home.station));
        }
        totals::count_up(&transaction)?;
        let is_elsewhere =
            differences.iter().any(|difference| matches!(difference, Difference::Location { .. }));
        let mut shares = Shares::default();
        if adoption == Adoption::Copy || is_elsewhere {
            // Scans made here since the folder was found elsewhere belong here, whatever happens to the older ones.
            let last = foreign_after(&transaction)?.map_or_else(|| newest(&transaction), Ok)?;
            shares.aside = put_aside(&transaction, last.operation, &home.books.to_string(), now)?;
            shares.parked = drop_parked(&transaction, last.scan)?;
        }
        if is_elsewhere {
            shares.assignments = drop_assignments(&transaction, now)?;
        }
        // A copy leaves documents that were put aside earlier to the station that it was copied from.
        if adoption == Adoption::Moved {
            shares.back = bring_back(&transaction, &here.books.to_string(), now)?;
        }
        // The id is part of the markers of parked scans. With the old one, this station and the original would give two
        // documents one marker.
        if adoption == Adoption::Copy {
            let sql = "UPDATE facts SET value = lower(hex(randomblob(16))) WHERE name = 'data_id'";
            transaction.execute(sql, [])?;
        }
        settle(&transaction, here)?;
        let what = match adoption {
            Adoption::Moved => format!("adopted as moved: it belonged to {}", belonged(&home)),
            Adoption::Copy => {
                format!("adopted as a copy of station {}: it belonged to {}", home.station, belonged(&home))
            }
        };
        outbox::trail(&transaction, None, &what, now)?;
        transaction.commit()?;
        Ok(Adopted::Done(shares))
    }
}

fn belonged(home: &Home) -> String {
    format!("{}, machine {}", home.books, home.machine.id())
}

fn home(connection: &Connection) -> Result<Option<Home>, Error> {
    let Some(service) = fact(connection, SERVICE)? else { return Ok(None) };
    let location = fact(connection, LOCATION)?.and_then(|id| id.parse().ok()).map(LocationId);
    Ok(Some(Home {
        machine: Machine::stored(&fact(connection, MACHINE)?.unwrap_or_default()),
        books: Books {
            service,
            location: location.ok_or(Error::Unexpected { what: "the folder's location" })?,
        },
        station: fact(connection, STATION)?.unwrap_or_default(),
    }))
}

/// Makes the folder belong here from now on, and ends the alarm about a foreign folder.
fn settle(connection: &Connection, here: &Home) -> Result<(), Error> {
    let facts = [
        (MACHINE, here.machine.to_remember().to_string()),
        // Most starts find the same facts. Unchanged ones are not written, to spare the memory card.
        (SERVICE, here.books.service.clone()),
        (LOCATION, here.books.location.0.to_string()),
        (STATION, here.station.clone()),
    ];
    for (name, value) in facts {
        if fact(connection, name)?.as_deref() != Some(value.as_str()) {
            super::journal::set_fact(connection, name, &value)?;
        }
    }
    let foreign = [FOREIGN, FOREIGN_BOOKS, FOREIGN_AFTER];
    for name in foreign {
        connection.prepare_cached("DELETE FROM facts WHERE name = ?1")?.execute([name])?;
    }
    alarms::end(connection, &Cause::Foreign.to_string())?;
    Ok(())
}

/// Notes that the folder belongs elsewhere, closes its open documents at the first such start, and raises an alarm.
fn found_elsewhere(
    connection: &Connection,
    here: &Home,
    differences: &[Difference],
    now: UnixMillis,
) -> Result<(), Error> {
    let words = belongs_to(differences);
    let books = here.books.to_string();
    // Later starts with the same configuration must not move the bound: scans made here since the first one belong
    // here.
    if fact(connection, FOREIGN_BOOKS)?.as_deref() != Some(books.as_str()) {
        let open: Vec<i64> = {
            let mut statement = connection.prepare("SELECT id FROM operations WHERE state = 'open'")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect::<Result<_, _>>()?
        };
        for id in open {
            outbox::close(
                connection,
                OperationId(id),
                &format!("closed at a start elsewhere: {words}"),
                now,
            )?;
        }
        let Newest { operation, scan } = newest(connection)?;
        super::journal::set_fact(connection, FOREIGN_AFTER, &format!("{operation} {}", scan.0))?;
        super::journal::set_fact(connection, FOREIGN_BOOKS, &books)?;
    }
    super::journal::set_fact(connection, FOREIGN, &words)?;
    let what = format!(
        "{words}: scans are stored here and nothing is sent; run `stockpoint adopt --moved` if the folder was moved \
         here, or `stockpoint adopt --copy` if this is a new station"
    );
    alarms::raise(connection, &Cause::Foreign.to_string(), &what, now)?;
    Ok(())
}

fn foreign_after(connection: &Connection) -> Result<Option<Newest>, Error> {
    let Some(text) = fact(connection, FOREIGN_AFTER)? else { return Ok(None) };
    let last = text.split_once(' ').and_then(|(operation, scan)| {
        Some(Newest { operation: OperationId(operation.parse().ok()?), scan: ScanId(scan.parse().ok()?) })
    });
    Ok(Some(last.ok_or(Error::Unexpected { what: "the folder's last rows" })?))
}

/// Returns the last operation and the last journal row; 0 where there is none.
fn newest(connection: &Connection) -> Result<Newest, Error> {
    let last = |table: &str| -> Result<i64, Error> {
        let sql = format!("SELECT coalesce(max(id), 0) FROM {table}");
        Ok(connection.query_row(&sql, [], |row| row.get(0))?)
    };
    Ok(Newest { operation: OperationId(last("operations")?), scan: ScanId(last("scans")?) })
}

/// Puts aside the unsent documents up to `last`, and returns their number and units.
///
/// Documents that wait for a removal or a late check on the service are left to the station that sent them.
fn put_aside(
    connection: &Connection,
    last: OperationId,
    books: &str,
    now: UnixMillis,
) -> Result<Share, Error> {
    let unsent: Vec<(i64, String)> = {
        let sql = "SELECT id, state FROM operations WHERE id <= ?1
                   AND state IN ('open', 'queued', 'sending', 'uncertain', 'refused') ORDER BY id";
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map([last.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    let mut share = Share::default();
    for (id, state) in unsent {
        // An open document has no sum yet. `finish` computes the units that the update below returns.
        if state == "open" {
            outbox::finish(connection, OperationId(id), "closed: it is put aside", now)?;
        }
        let sql = "UPDATE operations SET state = 'cancelled', aside = ?2, surplus = '', stuck = NULL
                   WHERE id = ?1 RETURNING units";
        let units: i64 = connection.prepare_cached(sql)?.query_row((id, books), |row| row.get(0))?;
        outbox::trail(connection, Some(OperationId(id)), &format!("put aside: it belongs to {books}"), now)?;
        share = share.and(Quantity::from_millionths(units));
    }
    // Two late checks are all that a doubtful document gets, so 2 means that none is left to do.
    let sql = "UPDATE operations SET surplus = '', late_checks = 2
               WHERE id <= ?1 AND state = 'posted' AND (surplus <> '' OR doubtful AND late_checks < 2)";
    connection.execute(sql, [last.0])?;
    Ok(share)
}

/// Queues the documents again that had been put aside for these books, and returns their number and units.
fn bring_back(connection: &Connection, books: &str, now: UnixMillis) -> Result<Share, Error> {
    let back: Vec<(i64, i64)> = {
        let sql =
            "UPDATE operations SET state = 'queued', aside = NULL, step = NULL, absences = 0, look_first = 1
                   WHERE aside = ?1 AND state = 'cancelled' RETURNING id, units";
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map([books], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    let mut share = Share::default();
    for (id, units) in back {
        outbox::trail(connection, Some(OperationId(id)), "taken back from what was put aside", now)?;
        share = share.and(Quantity::from_millionths(units));
    }
    Ok(share)
}

/// Drops the parked scans up to `last`, and returns their number: they stay in the journal and are never booked here.
fn drop_parked(connection: &Connection, last: ScanId) -> Result<u64, Error> {
    // No UNDO took these back, so each names itself in `undone_by`: any number there ends the parking.
    let sql = "UPDATE scans SET undone_by = id WHERE outcome = 'unknown' AND undone_by IS NULL AND id <= ?1";
    let dropped = connection.execute(sql, [last.0])?;
    let dropped = i64::try_from(dropped).unwrap_or(i64::MAX);
    connection.execute("UPDATE totals SET undone = undone + ?1", [dropped])?;
    Ok(dropped.unsigned_abs())
}

/// Forgets which codes were given to goods of another location, and notes each in the trail.
fn drop_assignments(connection: &Connection, now: UnixMillis) -> Result<u64, Error> {
    let dropped: Vec<(String, i64)> = {
        let mut statement = connection.prepare("DELETE FROM assignments RETURNING key, good_id")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    for (key, good) in &dropped {
        let what = format!(
            "the code with the key {key} is no longer given to good {good}, which is another location's"
        );
        outbox::trail(connection, None, &what, now)?;
    }
    Ok(u64::try_from(dropped.len()).unwrap_or(u64::MAX))
}

fn fact(connection: &Connection, name: &str) -> Result<Option<String>, Error> {
    let mut statement = connection.prepare_cached("SELECT value FROM facts WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0)).optional()?)
}

impl Share {
    fn and(self, units: Quantity) -> Self {
        Self { documents: self.documents + 1, units: [self.units, units].into_iter().sum() }
    }
}
