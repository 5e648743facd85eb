//! Damage: how it is looked for, and what becomes of a damaged file.
//!
//! A file is looked through when it is opened; a large one only after damage was met while it was in use. Then the
//! process ends, for going on would build on sand, and leaves word in the folder, so that the next start looks at
//! every page whatever that takes: else it would meet the same damage again and again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::Error;
use super::open::{size, with_suffix};
use crate::domain::time::UnixMillis;

/// Files above this are not checked page by page at every start, for that would take seconds on a memory card.
const CHECK_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Damaged files that may carry nearly the same time, in ms.
const SAME_TIME_MAX: i64 = 1000;

/// Name of the file in the data folder that says that damage was met.
const SUSPICION_FILE: &str = "suspicion";

/// How carefully a file is looked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// As at every start.
    Usual,
    /// Every page and every index, however large the file is.
    Great,
}

/// A file that was found damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// The file.
    pub file: PathBuf,
    /// Where it was moved, or `None` if it was a cache and deleted.
    pub moved_to: Option<PathBuf>,
}

/// Leaves word that damage was met, for the next start.
///
/// # Errors
/// The system's reason; the next start is then as careful as any.
pub fn suspect(dir: &Path) -> io::Result<()> {
    fs::write(dir.join(SUSPICION_FILE), b"")
}

/// How carefully the files of a folder are to be looked through.
pub(super) fn care(dir: &Path) -> Care {
    if dir.join(SUSPICION_FILE).exists() { Care::Great } else { Care::Usual }
}

/// The files were looked through and are sound, or were put aside.
pub(super) fn clear_suspicion(dir: &Path) -> Result<(), Error> {
    let path = dir.join(SUSPICION_FILE);
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Folder { path, source }),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A cache is deleted; anything else is kept under another name, log included.
pub(super) fn put_aside(path: &Path, is_cache: bool, now: UnixMillis) -> Result<Damaged, Error> {
    let free = free_name(path, "damaged", now)?;
    let aside = |suffix: &str| with_suffix(&free, suffix);
    for suffix in ["-wal", "-shm", ""] {
        let part = with_suffix(path, suffix);
        if !part.exists() {
            continue;
        }
        let done = if is_cache { fs::remove_file(&part) } else { fs::rename(&part, aside(suffix)) };
        done.map_err(|source| Error::Folder { path: part, source })?;
    }
    let moved_to = if is_cache { None } else { Some(aside("")) };
    Ok(Damaged { file: path.to_owned(), moved_to })
}

/// Looks through a file that was just opened.
///
/// # Errors
/// [`Error::Damaged`], or whatever SQLite says while it looks.
pub(super) fn check(connection: &Connection, path: &Path, care: Care) -> Result<(), Error> {
    let pragma = match care {
        Care::Usual if size(path) > CHECK_BYTES_MAX => return Ok(()),
        Care::Usual => "PRAGMA quick_check(1)",
        Care::Great => "PRAGMA integrity_check(1)",
    };
    let answer: String = connection.query_row(pragma, [], |row| row.get(0))?;
    if answer == "ok" {
        return Ok(());
    }
    Err(damage(path, answer))
}

/// A log whose file is gone or empty is all that is left of it. SQLite would begin a new file and delete the log.
pub(super) fn refuse_lone_log(path: &Path) -> Result<(), Error> {
    if size(path) > 0 || size(&with_suffix(path, "-wal")) == 0 {
        return Ok(());
    }
    Err(damage(path, "there is a log and nothing it belongs to".to_owned()))
}

fn damage(path: &Path, what: String) -> Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Error::Damaged { path: path.to_owned(), source: rusqlite::Error::SqliteFailure(code, Some(what)) }
}

/// A name beside a file that says what became of it and when.
pub(super) fn free_name(path: &Path, what: &str, now: UnixMillis) -> Result<PathBuf, Error> {
    // A wrong clock may tell the same time twice.
    let mut names =
        (0..SAME_TIME_MAX).map(|more| with_suffix(path, &format!(".{what}-{}", now.plus_ms(more).0)));
    let taken = || Error::Folder { path: path.to_owned(), source: io::ErrorKind::AlreadyExists.into() };
    names.find(|name| !is_there(name)).ok_or_else(taken)
}

/// Whether a file or its log is there.
fn is_there(path: &Path) -> bool {
    path.exists() || with_suffix(path, "-wal").exists()
}
