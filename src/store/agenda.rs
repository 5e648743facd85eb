//! The operations that wait for the deliverer, and their failures.
//!
//! Invariant: reading the agenda costs by the number of operations on it, which is bounded, never by the number of
//! their lines; it costs nothing while nothing changes.

use rusqlite::{OptionalExtension, Row};

use super::outbox::UNDER_WAY;
use super::{Db, Error, read};
use crate::domain::delivery::{Awaits, Glance, State};
use crate::domain::ids::OperationId;
use crate::domain::time::UnixMillis;

/// The most undelivered operations that the deliverer gets at once, some 100 bytes each; the rest follows when these
/// are done. A station needs weeks to scan as many.
const AGENDA_MAX: u32 = 4096;

/// The facts about an operation by which the deliverer chooses its next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Its state.
    pub state: State,
    /// The event that it waits for.
    pub awaits: Awaits,
    /// The number of failures in a row.
    pub failures: u32,
    /// The wall clock at the next try, if the last one failed.
    pub retry_at: Option<UnixMillis>,
}

impl Waiting {
    /// Returns true if its next request takes it further.
    pub fn is_to_be_sent(&self) -> bool {
        self.state == State::Queued && self.awaits == Awaits::Request
    }
}

/// The version of the outbox: it changes whenever anything in the outbox does, by this program or by a command beside
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AgendaVersion {
    ours: u64,
    others: i64,
}

/// The agenda at a version.
#[derive(Debug, Clone)]
pub struct Agenda {
    /// The version.
    pub version: AgendaVersion,
    /// The operations. Those on their way come first, oldest first: the search for late doubles must not hold them up,
    /// nor must operations that fail, which are sorted by their next try.
    pub waiting: Vec<(OperationId, Waiting)>,
}

/// A failure to store.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The operation.
    pub id: OperationId,
    /// The failure in words.
    pub fault: String,
    /// The wall clock at the next try.
    pub retry_at: UnixMillis,
    /// The wall clock now.
    pub now: UnixMillis,
}

/// The failures of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failing {
    /// The number of failures in a row.
    pub failures: u32,
    /// The wall clock at the first of them.
    pub since: UnixMillis,
    /// True if a person was called because of them.
    pub is_person_called: bool,
}

impl Db {
    /// Returns the agenda if it has changed since `seen`.
    ///
    /// # Errors
    /// [`Error::Sql`], or [`Error::Unexpected`] for a row this program did not write.
    pub fn agenda_since(&self, seen: Option<AgendaVersion>) -> Result<Option<Agenda>, Error> {
        // `data_version` changes with commits of other connections only; this one's show in `total_changes`.
        let others = self.outbox.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        let version = AgendaVersion { ours: self.outbox.total_changes(), others };
        if seen == Some(version) {
            return Ok(None);
        }
        Ok(Some(Agenda { version, waiting: self.agenda()? }))
    }

    /// Returns the operations that wait for the deliverer; at most 4096.
    ///
    /// # Errors
    /// [`Error::Sql`], or [`Error::Unexpected`] for a row this program did not write.
    pub fn agenda(&self) -> Result<Vec<(OperationId, Waiting)>, Error> {
        // Condition and order are those of the index, word for word: its first rows are found without reading the
        // others.
        let sql = format!(
            "SELECT id, state, surplus <> '', doubtful, late_checks, stuck IS NOT NULL, failures, retry_ms
             FROM operations
             WHERE (state IN ('queued', 'sending', 'uncertain')
                OR (surplus <> '' AND state IN ('posted', 'refused'))
                OR (doubtful AND late_checks < 2 AND state IN ('posted', 'refused')))
             ORDER BY state IN ('posted', 'refused'), stuck IS NOT NULL, failures > 0, coalesce(retry_ms, 0), id
             LIMIT {AGENDA_MAX}"
        );
        let mut statement = self.outbox.prepare_cached(&sql)?;
        let mut rows = statement.query([])?;
        let mut agenda = Vec::new();
        while let Some(row) = rows.next()? {
            agenda.push((OperationId(row.get(0)?), waiting(row)?));
        }
        Ok(agenda)
    }

    /// Returns the operations that were being sent when the process before this one died.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn left_sending(&self) -> Result<Vec<OperationId>, Error> {
        let sql = format!("SELECT id FROM operations WHERE {UNDER_WAY} AND state = 'sending' ORDER BY id");
        let mut statement = self.outbox.prepare_cached(&sql)?;
        let ids = statement.query_map([], |row| row.get(0).map(OperationId))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// Counts a failure of an operation. Returns `None` if the operation no longer exists.
    ///
    /// # Errors
    /// Any, and then nothing was counted.
    pub fn count_failure(&mut self, failure: &Failure) -> Result<Option<Failing>, Error> {
        let sql = "UPDATE operations SET failures = failures + 1, fault = ?2, retry_ms = ?3,
                     failing_ms = coalesce(failing_ms, ?4)
                   WHERE id = ?1 RETURNING failures, failing_ms, called";
        self.write_with_reserve(|db| {
            let mut statement = db.outbox.prepare_cached(sql)?;
            let values = (failure.id.0, &failure.fault, failure.retry_at.0, failure.now.0);
            let failing = statement.query_row(values, |row| {
                Ok(Failing {
                    failures: row.get(0)?,
                    since: UnixMillis(row.get(1)?),
                    is_person_called: row.get(2)?,
                })
            });
            Ok(failing.optional()?)
        })
    }

    /// Notes that a person was called because an operation fails.
    ///
    /// # Errors
    /// Any, and then nothing was noted.
    pub fn note_person_called(&mut self, id: OperationId) -> Result<(), Error> {
        self.write_with_reserve(|db| {
            db.outbox.prepare_cached("UPDATE operations SET called = 1 WHERE id = ?1")?.execute([id.0])?;
            Ok(())
        })
    }

    /// Makes the next try of a failing operation due now, as if it had never failed. Returns false if it does not fail.
    ///
    /// # Errors
    /// Any, and then nothing was changed.
    pub fn try_now(&mut self, id: OperationId) -> Result<bool, Error> {
        let sql =
            "UPDATE operations SET failures = 0, fault = NULL, failing_ms = NULL, retry_ms = NULL, called = 0
                   WHERE id = ?1 AND failures > 0";
        self.write_with_reserve(|db| Ok(db.outbox.prepare_cached(sql)?.execute([id.0])? > 0))
    }

    /// Returns the number of failures of an operation in a row.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn failures(&self, id: OperationId) -> Result<u32, Error> {
        let sql = "SELECT failures FROM operations WHERE id = ?1";
        let failures = self.outbox.prepare_cached(sql)?.query_row([id.0], |row| row.get(0)).optional()?;
        Ok(failures.unwrap_or(0))
    }
}

/// Reads columns in the order of [`Db::agenda`].
fn waiting(row: &Row<'_>) -> Result<Waiting, Error> {
    let state: String = row.get(1)?;
    let glance = Glance {
        state: read::state(&state)?,
        has_surplus: row.get(2)?,
        is_doubtful: row.get(3)?,
        late_checks: row.get(4)?,
        is_stuck: row.get(5)?,
    };
    Ok(Waiting {
        state: glance.state,
        awaits: glance.awaits(),
        failures: row.get(6)?,
        retry_at: row.get::<_, Option<i64>>(7)?.map(UnixMillis),
    })
}
