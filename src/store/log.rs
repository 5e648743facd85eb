//! The write-ahead logs: their length, and the times at which they are folded into their files.
//!
//! The log's hook counts every commit, whoever makes it. After every job of the store's thread a fold that is due is
//! requested, and a thread of its own with a connection of its own does it: SQLite folds a log in while others write to
//! it, so that no scan waits for it. A log that is folded in whole is written over from its beginning and cut to its
//! working size. A reader that does not end prevents that; a log that grows beyond a limit raises an alarm.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use rusqlite::{Connection, OpenFlags};

use super::alarms::{self, Cause, Reviewed};
use super::connect::{WAL_BYTES, connect, keep_log};
use super::files::{size, with_suffix};
use super::{Db, Error, totals};
use crate::domain::time::UnixMillis;

/// The number of commits after which a log is folded in. A page changed by many of them is then written once.
const COMMITS_PER_FOLD: u32 = 64;

/// The number of frames of a page each, 1 MiB of them, after which a log is folded in however few commits they are of.
const FRAMES_PER_FOLD: u32 = 256;

/// The number of frames, 4 MiB of them, at which the writer itself folds a log in: it writes faster than the thread
/// that folds.
const FRAMES_MAX: u32 = 1024;

/// The most folds of a log in a row because more was written meanwhile.
const FOLDS_IN_A_ROW: u32 = 3;

/// The length in bytes above which a log raises an alarm: 700 scans beside a reader that does not end.
const LOG_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The stack of a thread that folds logs in, in bytes; folding in needs little of it.
const STACK_BYTES: usize = 256 * 1024;

/// The counts of a log, shared by the code that writes to it and the code that folds it in.
#[derive(Debug, Default)]
struct Count {
    /// The number of commits since the file was opened; it wraps to 0.
    commits: AtomicU32,
    /// The number of frames in it after the last commit.
    frames: AtomicU32,
    /// True if folding it in has left some of it, because a reader still needs the file as it was.
    is_left: AtomicBool,
}

/// A log.
#[derive(Debug, Default)]
pub(super) struct Log {
    count: Arc<Count>,
    /// The commits and frames at the last request to fold it in.
    asked_at: (u32, u32),
    /// `None` in a command and before the store's thread runs: then the caller folds it in.
    folder: Option<Folder>,
}

/// The thread that folds a log in.
#[derive(Debug)]
struct Folder {
    asks: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Log {
    /// Counts the commits of a connection. SQLite's own folding, for which a commit would wait, is switched off.
    pub(super) fn watch(&mut self, connection: &mut Connection) -> Result<(), Error> {
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        // Room that the log took beyond its working size, beside a reader, is freed when it is written from its
        // beginning.
        connection.pragma_update(None, "journal_size_limit", WAL_BYTES)?;
        let count = Arc::clone(&self.count);
        connection.wal_hook(Some(move |_log: &mut rusqlite::hooks::Wal, frames: i32| {
            count.commits.fetch_add(1, Ordering::Relaxed);
            count.frames.store(u32::try_from(frames).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(())
    }

    /// Returns the number of commits so far; it wraps to 0.
    pub(super) fn commits(&self) -> u32 {
        self.count.commits.load(Ordering::Relaxed)
    }

    /// Requests a fold if enough was committed.
    fn fold_if_due(&mut self, connection: &Connection) -> Result<(), Error> {
        let (commits, frames) = (self.commits(), self.count.frames.load(Ordering::Relaxed));
        let (commits_then, frames_then) = self.asked_at;
        // A log that began anew since has fewer frames than it had.
        let grown = frames.checked_sub(frames_then).unwrap_or(frames);
        if commits.wrapping_sub(commits_then) < COMMITS_PER_FOLD && grown < FRAMES_PER_FOLD {
            return Ok(());
        }
        self.asked_at = (commits, frames);
        if frames >= FRAMES_MAX { self.fold_now(connection) } else { self.fold(connection) }
    }

    /// Requests a fold now.
    pub(super) fn fold(&self, connection: &Connection) -> Result<(), Error> {
        let Some(folder) = &self.folder else { return self.fold_now(connection) };
        // A thread that has a request already will find everything that was committed up to now.
        let _or_asked_already = folder.asks.try_send(());
        Ok(())
    }

    /// Folds it in before this returns.
    pub(super) fn fold_now(&self, connection: &Connection) -> Result<(), Error> {
        fold(connection, &self.count).map(|_folded| ())
    }
}

/// Folds a log in as far as its readers allow, and returns how many of its frames are in the file now.
fn fold(connection: &Connection, count: &Count) -> Result<u32, Error> {
    let (is_busy, frames, folded): (bool, i64, i64) =
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    count.is_left.store(is_busy || folded < frames, Ordering::Relaxed);
    Ok(u32::try_from(folded).unwrap_or(0))
}

/// Folds a log in, and again the part that was written meanwhile: only one that is folded in whole is written over.
fn catch_up(connection: &Connection, count: &Count) -> Result<(), Error> {
    for _ in 0..FOLDS_IN_A_ROW {
        let folded = fold(connection, count)?;
        if count.is_left.load(Ordering::Relaxed) || count.frames.load(Ordering::Relaxed) <= folded {
            break;
        }
    }
    Ok(())
}

impl Folder {
    fn start(path: &Path, count: Arc<Count>) -> Result<Self, Error> {
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        keep_log(&connection)?;
        let (asks, asked) = sync_channel(1);
        let folding = move || {
            while asked.recv() == Ok(()) {
                if let Err(error) = catch_up(&connection, &count) {
                    // Nothing is lost: the log holds it, and the next fold takes all of it.
                    tracing::warn!(%error, "a database log cannot be folded in");
                }
            }
        };
        let thread = Builder::new().name("store-log".to_owned()).stack_size(STACK_BYTES).spawn(folding);
        let thread = thread.map_err(|source| Error::Folder { path: path.to_owned(), source })?;
        Ok(Self { asks, thread })
    }

    fn end(self) {
        drop(self.asks);
        if self.thread.join().is_err() {
            tracing::error!("a thread that folds a database log in has panicked");
        }
    }
}

impl Db {
    /// Lets threads of their own fold the logs in from now on. If one cannot start, [`Db::tend`] does it.
    pub(super) fn fold_apart(&mut self) {
        for (log, connection) in [(&mut self.log, &mut self.outbox), (&mut self.goods_log, &mut self.goods)] {
            let path = connection.path().map(PathBuf::from).ok_or(io::ErrorKind::NotFound);
            let started = path
                .map_err(|kind| Error::Folder { path: PathBuf::new(), source: kind.into() })
                .and_then(|path| Folder::start(&path, Arc::clone(&log.count)))
                .and_then(|folder| log.watch(connection).map(|()| folder));
            match started {
                Ok(folder) => log.folder = Some(folder),
                Err(error) => tracing::warn!(%error, "a database log is folded in between scans"),
            }
        }
    }

    /// Keeps the logs short after a job, whatever it committed.
    pub(super) fn keep_logs_short(&mut self) {
        for (log, connection) in [(&mut self.log, &self.outbox), (&mut self.goods_log, &self.goods)] {
            // Without a thread of its own a log is folded in when nobody waits.
            if log.folder.is_some()
                && let Err(error) = log.fold_if_due(connection)
            {
                tracing::warn!(%error, "a database log cannot be folded in");
            }
        }
    }

    /// Does the housekeeping between scans: brings the counts up to date once enough has been committed, and folds the
    /// logs in if that is due, or if a reader prevented it before.
    ///
    /// # Errors
    /// Any; nothing is lost, and the next call tries again.
    pub fn tend(&mut self) -> Result<(), Error> {
        if self.log.commits().wrapping_sub(self.counted_at) >= COMMITS_PER_FOLD {
            totals::count_up(&self.outbox)?;
            self.counted_at = self.log.commits();
        }
        for (log, connection) in [(&mut self.log, &self.outbox), (&mut self.goods_log, &self.goods)] {
            if log.count.is_left.load(Ordering::Relaxed) {
                log.fold(connection)?;
            }
            log.fold_if_due(connection)?;
        }
        Ok(())
    }

    /// Raises an alarm for a log that is too long, or ends it.
    ///
    /// # Errors
    /// Any, and then the alarm is as it was.
    pub fn review_logs(&mut self, now: UnixMillis) -> Result<Reviewed, Error> {
        let paths = [&self.outbox, &self.goods].map(|connection| connection.path().map(PathBuf::from));
        let logs = paths.into_iter().flatten().map(|path| with_suffix(&path, "-wal"));
        let longest = logs.map(|log| (size(&log), log)).max();
        let cause = Cause::Log.to_string();
        let mut changed = Reviewed::default();
        match longest.filter(|(bytes, _)| *bytes > LOG_BYTES_MAX) {
            None => changed.has_ended = alarms::end(&self.outbox, &cause)?,
            Some((_, log)) => {
                // The size is left out of the words: it would differ with each look.
                let what = format!(
                    "{} is longer than {} MiB: a program that reads the database does not end; `fuser` names those that \
                     have the file open",
                    log.display(),
                    LOG_BYTES_MAX / (1024 * 1024)
                );
                if alarms::raise(&self.outbox, &cause, &what, now)? {
                    changed.raised.push(what);
                }
            }
        }
        Ok(changed)
    }

    /// Folds the logs into the files before the end.
    pub(super) fn close(&mut self) {
        for (log, connection) in [(&mut self.log, &self.outbox), (&mut self.goods_log, &self.goods)] {
            if let Some(folder) = log.folder.take() {
                folder.end();
            }
            if let Err(error) = log.fold(connection) {
                // The log keeps the part that the file lacks: nothing is lost, the next start reads both.
                tracing::warn!(%error, "the database log was left as it is");
            }
        }
    }
}

impl Drop for Db {
    /// Lifts the limit of the logs: the last connection that closes empties a log that has one. The next start would
    /// have to grow it again, and on a full disk could not.
    fn drop(&mut self) {
        for connection in [&self.outbox, &self.goods] {
            if let Err(error) = connection.pragma_update(None, "journal_size_limit", -1) {
                tracing::warn!(%error, "the database log begins anew at the next start");
            }
        }
    }
}
