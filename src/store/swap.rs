//! Replaces a database by another file, in one step.
//!
//! If this is interrupted, at whichever system call, the database is the old one or the new one, whole, and the old one
//! has a name as long as it is to be kept. The log is checkpointed first, so that no log of one database ever lies
//! beside the other.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::OpenFlags;

use super::connect::connect;
use super::files::{size, with_suffix};
use super::{BackupError, Error, damage};
use crate::domain::time::UnixMillis;

/// The ending of a database that a restore replaced.
pub(super) const REPLACED: &str = "replaced";
/// The ending of one that an older program cannot read, with nothing in it that is undelivered.
const ASIDE: &str = "aside";
/// The ending of one that an older program cannot read, with something in it that is undelivered.
const UNDELIVERED: &str = "undelivered";

/// The decision about the replaced database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is kept beside the new one; everything in it was delivered.
    Aside,
    /// It is kept beside the new one; something in it is undelivered.
    Undelivered,
    /// It is a copy of the service's data, and is not kept.
    Not,
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> BackupError + '_ {
    move |source| BackupError::File { path: path.to_owned(), source }
}

/// Turns a database into one file that can be renamed. No process may have it open.
///
/// # Errors
/// It cannot be read; it is as it was.
pub fn make_whole(path: &Path) -> Result<(), BackupError> {
    if size(path) == 0 && size(&with_suffix(path, "-wal")) == 0 {
        return Ok(());
    }
    damage::refuse_lone_log(path)?;
    checkpoint(path)
}

/// Puts `by`, a whole file on the same file system, in the place of a whole database; without `by`, removes the
/// database. Returns the path under which the old one is kept.
///
/// # Errors
/// A file cannot be renamed; the database is the old one, or has been replaced.
pub fn replace(
    path: &Path,
    by: Option<&Path>,
    kept: Kept,
    now: UnixMillis,
) -> Result<Option<PathBuf>, BackupError> {
    let ending = match kept {
        Kept::Aside => Some(ASIDE),
        Kept::Undelivered => Some(UNDELIVERED),
        Kept::Not => None,
    };
    // The second name comes first: from here on the old data has a name whatever happens.
    let kept = match ending.filter(|_| path.exists()) {
        Some(ending) => Some(second_name(path, ending, now)?),
        None => None,
    };
    match by {
        Some(by) => take_place(by, path)?,
        None => remove(path)?,
    }
    Ok(kept)
}

/// Gives a database a second name, under which it is kept when another takes its place.
pub(super) fn second_name(path: &Path, ending: &str, now: UnixMillis) -> Result<PathBuf, BackupError> {
    let name = damage::free_name(path, ending, now)?;
    // A hard link, not a rename: the database keeps its own name until the new file takes it.
    fs::hard_link(path, &name).map_err(file_error(&name))?;
    sync_folder(path)?;
    Ok(name)
}

/// Removes second names of a database that was never replaced, because a swap was interrupted.
///
/// # Errors
/// The folder cannot be read or changed.
pub fn remove_second_names(path: &Path) -> Result<(), BackupError> {
    let (Some(folder), Some(name), Ok(database)) = (path.parent(), path.file_name(), fs::metadata(path))
    else {
        return Ok(());
    };
    let begins: Vec<String> =
        [REPLACED, ASIDE, UNDELIVERED].map(|ending| format!("{}.{ending}-", name.to_string_lossy())).into();
    for entry in fs::read_dir(folder).map_err(file_error(folder))? {
        let entry = entry.map_err(file_error(folder))?;
        let is_named = begins.iter().any(|begin| entry.file_name().to_string_lossy().starts_with(begin));
        // The same file under two names has one inode; a kept file of an earlier swap has another.
        let is_same = |other: &fs::Metadata| (other.dev(), other.ino()) == (database.dev(), database.ino());
        if is_named && entry.metadata().is_ok_and(|other| is_same(&other)) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Renames `by` to `path`, on the disk when this returns.
pub(super) fn take_place(by: &Path, path: &Path) -> Result<(), BackupError> {
    fs::rename(by, path).map_err(file_error(path))?;
    sync_folder(path)
}

/// Checkpoints the log; the last connection that closes then deletes it (`sqlite.org/wal.html`, section 2.1).
pub(super) fn checkpoint(path: &Path) -> Result<(), BackupError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_row| Ok(()))?;
    connection.close().map_err(|(_, error)| Error::from(error))?;
    // A log with content means that another process has the database open.
    for suffix in ["-wal", "-shm"] {
        let part = with_suffix(path, suffix);
        if size(&part) > 0 {
            return Err(BackupError::File { path: part, source: io::ErrorKind::AlreadyExists.into() });
        }
        remove(&part)?;
    }
    Ok(())
}

pub(super) fn remove(path: &Path) -> Result<(), BackupError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file_error(path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(super) fn sync_folder(file: &Path) -> Result<(), BackupError> {
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(file_error(dir))
}
