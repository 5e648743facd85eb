//! Alarms: reports of what needs a person, kept until their cause is gone.

use std::collections::BTreeMap;
use std::fmt;

use rusqlite::{Connection, TransactionBehavior};

use super::outbox::{FOR_A_PERSON, UNDER_WAY};
use super::{Db, Error};
use crate::domain::ids::OperationId;
use crate::domain::time::UnixMillis;

/// The most documents that have an alarm of their own. A person who has so many to look at works through the list of
/// documents.
const DOCUMENT_ALARMS_MAX: u32 = 100;

/// The most undelivered documents among which overdue ones are counted, oldest first.
const OVERDUE_MAX: u32 = 1000;

/// The cause of an alarm. There is one alarm for each cause at the most.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The data folder belongs elsewhere.
    Foreign,
    /// The service has documents that the folder did not know of.
    Restored,
    /// The service does not accept the tokens.
    Token,
    /// The location lacks a storage of the configuration.
    Storages,
    /// The token lacks a right that the configuration needs.
    Rights,
    /// The location's time zone is not known.
    Zone,
    /// The service's clock and this machine's, which a time server vouches for, differ.
    Clock,
    /// Documents wait for longer than `station.alarm_after_s`.
    Undelivered,
    /// The station page cannot be served.
    Page,
    /// The secret of the control sheet cannot be used.
    Sheet,
    /// A database log is too long.
    Log,
    /// A document will soon be older than the account accepts.
    Age(OperationId),
    /// A document needs a decision.
    Document(OperationId),
    /// An event, in words. It ends when a person confirms it with OK.
    Event(String),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("foreign"),
            Self::Restored => f.write_str("restored"),
            Self::Token => f.write_str("token"),
            Self::Storages => f.write_str("storages"),
            Self::Rights => f.write_str("rights"),
            Self::Zone => f.write_str("zone"),
            Self::Clock => f.write_str("clock"),
            Self::Undelivered => f.write_str("undelivered"),
            Self::Page => f.write_str("page"),
            Self::Sheet => f.write_str("sheet"),
            Self::Log => f.write_str("log"),
            Self::Age(id) => write!(f, "age {id}"),
            Self::Document(id) => write!(f, "document {id}"),
            Self::Event(words) => write!(f, "event {words}"),
        }
    }
}

/// An active alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Its number, which is never used again.
    pub id: i64,
    /// The wall clock when it was raised.
    pub since: UnixMillis,
    /// The trouble, in words for a person.
    pub what: String,
    /// True if a person has confirmed it with OK.
    pub is_seen: bool,
}

/// The bounds of the undelivered documents that have waited too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overdue {
    /// Those that were closed before this time, by a clock that is right.
    pub closed_before: Option<UnixMillis>,
    /// Those up to this one, which have waited too long by the time since the start.
    pub up_to: Option<OperationId>,
}

/// The result of a review of alarms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reviewed {
    /// The words of the new alarms.
    pub raised: Vec<String>,
    /// True if any has ended.
    pub has_ended: bool,
}

impl Db {
    /// Raises an alarm, or brings its words up to date. Returns true if it is new.
    ///
    /// # Errors
    /// Any, and then it is as it was.
    pub fn raise_alarm(&mut self, cause: &Cause, what: &str, now: UnixMillis) -> Result<bool, Error> {
        raise(&self.outbox, &cause.to_string(), what, now)
    }

    /// Ends an alarm: its cause is gone. Returns true if it stood.
    ///
    /// # Errors
    /// Any, and then it still stands.
    pub fn end_alarm(&mut self, cause: &Cause) -> Result<bool, Error> {
        end(&self.outbox, &cause.to_string())
    }

    /// Returns the alarms that stand, the oldest first.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn alarms(&self) -> Result<Vec<Alarm>, Error> {
        let sql = "SELECT id, since_ms, what, seen FROM alarms ORDER BY id";
        let mut statement = self.outbox.prepare_cached(sql)?;
        let rows = statement.query_map([], |row| {
            Ok(Alarm {
                id: row.get(0)?,
                since: UnixMillis(row.get(1)?),
                what: row.get(2)?,
                is_seen: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Notes that a person has seen every alarm. Alarms whose cause is past end then: single events, and a restored
    /// folder unless one of its documents still needs a decision.
    ///
    /// # Errors
    /// Any, and then nothing was noted.
    pub fn acknowledge_alarms(&mut self) -> Result<(), Error> {
        let transaction = self.outbox.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute("UPDATE alarms SET seen = 1 WHERE NOT seen", [])?;
        transaction.execute("DELETE FROM alarms WHERE cause LIKE 'event %'", [])?;
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM operations WHERE {UNDER_WAY} AND state = 'uncertain' AND stuck IS NOT NULL)"
        );
        let undecided: bool = transaction.query_row(&sql, [], |row| row.get(0))?;
        if !undecided {
            end(&transaction, &Cause::Restored.to_string())?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Brings the documents' alarms up to date: one for each document that needs a decision or is being corrected on
    /// the service, and one for all that are undelivered and `overdue`.
    ///
    /// # Errors
    /// Any, and then they are as they were.
    pub fn review_documents(&mut self, overdue: &Overdue, now: UnixMillis) -> Result<Reviewed, Error> {
        let standing = self.document_alarms(overdue)?;
        let known: BTreeMap<String, String> = {
            let sql = "SELECT cause, what FROM alarms WHERE cause LIKE 'document %' OR cause = 'undelivered'";
            let mut statement = self.outbox.prepare_cached(sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<_, _>>()?
        };
        // Nearly every call ends here, with one read and no write.
        if known == standing {
            return Ok(Reviewed::default());
        }
        let mut changed = Reviewed::default();
        let transaction = self.outbox.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (cause, what) in &standing {
            if raise(&transaction, cause, what, now)? {
                changed.raised.push(what.clone());
            }
        }
        for cause in known.keys() {
            if !standing.contains_key(cause) {
                changed.has_ended |= end(&transaction, cause)?;
            }
        }
        transaction.commit()?;
        Ok(changed)
    }

    /// Returns the oldest document that is closed and not delivered.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn oldest_undelivered(&self) -> Result<Option<OperationId>, Error> {
        let sql = format!("SELECT min(id) FROM operations WHERE {UNDER_WAY}");
        let id: Option<i64> = self.outbox.prepare_cached(&sql)?.query_row([], |row| row.get(0))?;
        Ok(id.map(OperationId))
    }

    /// Returns the causes and words of the documents' alarms that should be active.
    fn document_alarms(&self, overdue: &Overdue) -> Result<BTreeMap<String, String>, Error> {
        // `FOR_A_PERSON` repeats the condition of the index word for word, or SQLite would read every operation. The
        // lines below narrow it down. A document that another one undoes needs nobody.
        let sql = format!(
            "SELECT id, state, coalesce(stuck, refusal,
                      (SELECT refusal FROM lines WHERE operation_id = o.id AND refusal IS NOT NULL LIMIT 1)),
                    CASE WHEN called THEN failures END, fault FROM operations o
             WHERE {FOR_A_PERSON}
               AND (state = 'refused' OR stuck IS NOT NULL OR (state = 'posted' AND surplus <> '' AND doubtful) OR called)
               AND (state IN ('refused', 'uncertain', 'posted') OR called)
               AND NOT EXISTS (SELECT 1 FROM operations r WHERE r.revokes = o.id AND r.state <> 'cancelled')
             ORDER BY id LIMIT {DOCUMENT_ALARMS_MAX}"
        );
        let mut statement = self.outbox.prepare_cached(&sql)?;
        let mut rows = statement.query([])?;
        let mut alarms = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let (id, state): (i64, String) = (row.get(0)?, row.get(1)?);
            let why: Option<String> = row.get(2)?;
            let (failures, fault): (Option<u32>, Option<String>) = (row.get(3)?, row.get(4)?);
            let words = match (state.as_str(), why) {
                _ if failures.is_some() => failing_words(id, failures, fault.as_deref()),
                ("posted", None) => {
                    format!("document {id} was doubled by a late request; the double is being removed")
                }
                (state, why) => {
                    format!("document {id} is {state}: {}", why.as_deref().unwrap_or("no reason given"))
                }
            };
            alarms.insert(Cause::Document(OperationId(id)).to_string(), words);
        }
        alarms.extend(self.undelivered(overdue)?);
        Ok(alarms)
    }

    fn undelivered(&self, overdue: &Overdue) -> Result<Option<(String, String)>, Error> {
        // The inner limit bounds the cost after weeks without a network.
        let sql = format!(
            "SELECT count(*) FROM (SELECT id, closed_ms FROM operations WHERE {UNDER_WAY} ORDER BY id LIMIT {OVERDUE_MAX})
             WHERE closed_ms < ?1 OR id <= ?2"
        );
        let bounds = (overdue.closed_before.map(|at| at.0), overdue.up_to.map(|id| id.0));
        let count: u32 = self.outbox.prepare_cached(&sql)?.query_row(bounds, |row| row.get(0))?;
        let words = match count {
            0 => return Ok(None),
            OVERDUE_MAX.. => format!("{count} documents or more have waited too long for their delivery"),
            1 => "1 document has waited too long for its delivery".to_owned(),
            count => format!("{count} documents have waited too long for their delivery"),
        };
        let cure = "nothing is lost; `stockpoint status` says how the service is";
        Ok(Some((Cause::Undelivered.to_string(), format!("{words}: {cure}"))))
    }
}

fn failing_words(id: i64, failures: Option<u32>, fault: Option<&str>) -> String {
    let times = match failures {
        None | Some(0 | 1) => "once".to_owned(),
        Some(failures) => format!("{failures} times in a row"),
    };
    let fault = fault.unwrap_or("no reason given");
    format!(
        "document {id} failed {times}: {fault}; it is tried again, at least every hour; `stockpoint outbox show {id}` has \
         the details"
    )
}

/// Raises an alarm or updates its words, and returns true if it is new.
pub(super) fn raise(
    connection: &Connection,
    cause: &str,
    what: &str,
    now: UnixMillis,
) -> Result<bool, Error> {
    let sql = "INSERT INTO alarms (cause, since_ms, what) VALUES (?1, ?2, ?3) ON CONFLICT (cause) DO NOTHING";
    if connection.prepare_cached(sql)?.execute((cause, now.0, what))? == 1 {
        return Ok(true);
    }
    // An alarm that is active already keeps its number, its time and a person's OK; only the words follow.
    let sql = "UPDATE alarms SET what = ?2 WHERE cause = ?1 AND what <> ?2";
    connection.prepare_cached(sql)?.execute((cause, what))?;
    Ok(false)
}

/// Ends an alarm, and returns true if it was active.
pub(super) fn end(connection: &Connection, cause: &str) -> Result<bool, Error> {
    Ok(connection.prepare_cached("DELETE FROM alarms WHERE cause = ?1")?.execute([cause])? == 1)
}
