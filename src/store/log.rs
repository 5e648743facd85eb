//! The write-ahead logs: their length, and their checkpoints.
//!
//! A checkpoint (SQLite's word) copies the pages of a log into the database file, so that the log can be overwritten
//! from its beginning. A hook counts every commit. After every job of the store's thread a checkpoint is requested if
//! it is due, and a thread with a connection of its own runs it: SQLite runs checkpoints beside writers, so that no
//! scan waits for one. A log that is copied in full is overwritten from its beginning and cut to its working size. A
//! reader that does not end prevents that; a log that grows beyond a limit raises an alarm.

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

/// The number of commits after which a checkpoint is due. A page that many of them changed is then written once.
const COMMITS_PER_CHECKPOINT: u32 = 64;

/// The number of frames of one page each, 1 MiB in all, after which a checkpoint is due, however few commits made them.
const FRAMES_PER_CHECKPOINT: u32 = 256;

/// The number of frames, 4 MiB of them, at which the writer runs the checkpoint itself: it writes faster than the
/// thread copies.
const FRAMES_MAX: u32 = 1024;

/// The most checkpoints in a row that one request causes, because more was written meanwhile.
const CHECKPOINTS_IN_A_ROW: u32 = 3;

/// The length in bytes above which a log raises an alarm: 700 scans beside a reader that does not end.
const LOG_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The stack of a thread that runs checkpoints, in bytes; they need little of it.
const STACK_BYTES: usize = 256 * 1024;

/// The counts of a log, shared by the code that writes to it and the thread that runs its checkpoints.
#[derive(Debug, Default)]
struct Counts {
    /// The number of commits since the file was opened; it wraps to 0.
    commits: AtomicU32,
    /// The number of frames in it after the last commit.
    frames: AtomicU32,
    /// The number of frames that were written since the file was opened, whether the log began anew meanwhile or not; it
    /// wraps to 0.
    written: AtomicU32,
    /// True if the last checkpoint left some of it, because a reader still needs the file as it was.
    is_left: AtomicBool,
}

/// A write-ahead log.
#[derive(Debug, Default)]
pub(super) struct Log {
    counts: Arc<Counts>,
    /// The commits and the written frames at the last request for a checkpoint.
    requested_at: (u32, u32),
    /// `None` in a command and before the store's thread runs: then the caller runs checkpoints.
    checkpointer: Option<Checkpointer>,
}

/// The thread that runs the checkpoints of a log.
#[derive(Debug)]
struct Checkpointer {
    requests: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Log {
    /// Counts the commits of a connection, and switches off SQLite's own checkpoints, for which a commit would wait.
    pub(super) fn watch(&mut self, connection: &mut Connection) -> Result<(), Error> {
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        // A log that grew beyond its working size, beside a reader, is cut when it is next written from its beginning.
        connection.pragma_update(None, "journal_size_limit", WAL_BYTES)?;
        let counts = Arc::clone(&self.counts);
        // Relaxed suffices here and below: the counts only decide when a checkpoint is due, and it reads the log
        // itself.
        connection.wal_hook(Some(move |_log: &mut rusqlite::hooks::Wal, frames: i32| {
            counts.commits.fetch_add(1, Ordering::Relaxed);
            let frames = u32::try_from(frames).unwrap_or(0);
            let before = counts.frames.swap(frames, Ordering::Relaxed);
            // Fewer than before: the log began anew, and all of them are new.
            counts.written.fetch_add(frames.checked_sub(before).unwrap_or(frames), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(())
    }

    /// Returns the number of commits so far; it wraps to 0.
    pub(super) fn commits(&self) -> u32 {
        self.counts.commits.load(Ordering::Relaxed)
    }

    /// Requests a checkpoint if one is due.
    fn checkpoint_if_due(&mut self, connection: &Connection) -> Result<(), Error> {
        let (commits, written) = (self.commits(), self.counts.written.load(Ordering::Relaxed));
        let (commits_then, written_then) = self.requested_at;
        let grown = written.wrapping_sub(written_then);
        if commits.wrapping_sub(commits_then) < COMMITS_PER_CHECKPOINT && grown < FRAMES_PER_CHECKPOINT {
            return Ok(());
        }
        self.requested_at = (commits, written);
        let frames = self.counts.frames.load(Ordering::Relaxed);
        if frames >= FRAMES_MAX { self.checkpoint_now(connection) } else { self.checkpoint(connection) }
    }

    /// Requests a checkpoint now.
    pub(super) fn checkpoint(&self, connection: &Connection) -> Result<(), Error> {
        let Some(checkpointer) = &self.checkpointer else { return self.checkpoint_now(connection) };
        // A full queue means that a request is waiting, and that checkpoint copies everything committed up to now.
        let _or_requested_already = checkpointer.requests.try_send(());
        Ok(())
    }

    /// Runs a checkpoint before this returns.
    pub(super) fn checkpoint_now(&self, connection: &Connection) -> Result<(), Error> {
        checkpoint(connection, &self.counts).map(|_copied| ())
    }
}

/// Checkpoints a log as far as its readers allow, and returns how many of its frames are in the file now.
fn checkpoint(connection: &Connection, counts: &Counts) -> Result<u32, Error> {
    // PASSIVE never waits for readers or writers.
    let (is_busy, frames, copied): (bool, i64, i64) =
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    counts.is_left.store(is_busy || copied < frames, Ordering::Relaxed);
    Ok(u32::try_from(copied).unwrap_or(0))
}

/// Checkpoints a log, and again what was written meanwhile: only a log that is copied in full is overwritten.
fn catch_up(connection: &Connection, counts: &Counts) -> Result<(), Error> {
    for _ in 0..CHECKPOINTS_IN_A_ROW {
        let copied = checkpoint(connection, counts)?;
        if counts.is_left.load(Ordering::Relaxed) || counts.frames.load(Ordering::Relaxed) <= copied {
            break;
        }
    }
    Ok(())
}

impl Checkpointer {
    fn start(path: &Path, counts: Arc<Counts>) -> Result<Self, Error> {
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        keep_log(&connection)?;
        // One waiting request is enough: a checkpoint copies everything that is there when it runs.
        let (requests, requested) = sync_channel(1);
        let checkpointing = move || {
            while requested.recv() == Ok(()) {
                if let Err(error) = catch_up(&connection, &counts) {
                    // Nothing is lost: the log holds the data, and the next checkpoint copies all of it.
                    tracing::warn!(%error, "the checkpoint of a database log failed");
                }
            }
        };
        let thread = Builder::new().name("store-log".to_owned()).stack_size(STACK_BYTES).spawn(checkpointing);
        let thread = thread.map_err(|source| Error::Folder { path: path.to_owned(), source })?;
        Ok(Self { requests, thread })
    }

    fn end(self) {
        // The thread's loop ends when the sender is gone.
        drop(self.requests);
        if self.thread.join().is_err() {
            tracing::error!("a thread that runs the checkpoints of a database log has panicked");
        }
    }
}

impl Db {
    /// Starts a checkpointing thread for each log. If one cannot start, [`Db::do_housekeeping`] does its work.
    pub(super) fn start_checkpointers(&mut self) {
        for (log, connection) in [(&mut self.log, &mut self.outbox), (&mut self.goods_log, &mut self.goods)] {
            let path = connection.path().map(PathBuf::from).ok_or(io::ErrorKind::NotFound);
            let started = path
                .map_err(|kind| Error::Folder { path: PathBuf::new(), source: kind.into() })
                .and_then(|path| Checkpointer::start(&path, Arc::clone(&log.counts)))
                .and_then(|checkpointer| log.watch(connection).map(|()| checkpointer));
            match started {
                Ok(checkpointer) => log.checkpointer = Some(checkpointer),
                Err(error) => tracing::warn!(%error, "the checkpoints of a database log run between scans"),
            }
        }
    }

    /// Keeps the logs short after a job, whatever it committed.
    pub(super) fn keep_logs_short(&mut self) {
        for (log, connection) in [(&mut self.log, &self.outbox), (&mut self.goods_log, &self.goods)] {
            // Without such a thread a checkpoint runs when nobody waits.
            if log.checkpointer.is_some()
                && let Err(error) = log.checkpoint_if_due(connection)
            {
                tracing::warn!(%error, "the checkpoint of a database log failed");
            }
        }
    }

    /// Does the housekeeping between scans: brings the counts up to date once enough has been committed, and
    /// checkpoints the logs if that is due, or if a reader prevented it before.
    ///
    /// # Errors
    /// Any; nothing is lost, and the next call tries again.
    pub fn do_housekeeping(&mut self) -> Result<(), Error> {
        if self.log.commits().wrapping_sub(self.counted_at) >= COMMITS_PER_CHECKPOINT {
            totals::count_up(&self.outbox)?;
            self.counted_at = self.log.commits();
        }
        for (log, connection) in [(&mut self.log, &self.outbox), (&mut self.goods_log, &self.goods)] {
            if log.counts.is_left.load(Ordering::Relaxed) {
                log.checkpoint(connection)?;
            }
            log.checkpoint_if_due(connection)?;
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
                // The size is not part of the words: it would change them at every check.
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

    /// Checkpoints the logs before the end.
    pub(super) fn close(&mut self) {
        for (log, connection) in [(&mut self.log, &self.outbox), (&mut self.goods_log, &self.goods)] {
            // The thread ends first, so that none of its requests runs beside the last checkpoint.
            if let Some(checkpointer) = log.checkpointer.take() {
                checkpointer.end();
            }
            if let Err(error) = log.checkpoint(connection) {
                // The log keeps what the file lacks: nothing is lost, and the next start reads both.
                tracing::warn!(%error, "the database log was left as it is");
            }
        }
    }
}

impl Drop for Db {
    /// Lifts the limit of the logs: the last connection that closes empties a log that has one. The next start would
    /// have to grow it again, which a full disk prevents.
    fn drop(&mut self) {
        for connection in [&self.outbox, &self.goods] {
            if let Err(error) = connection.pragma_update(None, "journal_size_limit", -1) {
                tracing::warn!(%error, "the database log begins anew at the next start");
            }
        }
    }
}
