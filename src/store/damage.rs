//! Detects damaged files and puts them aside.
//!
//! A file is checked when it is opened; a large one only after damage was found while it was in use. Then the process
//! ends, because going on is not safe, and leaves a mark in the folder, so that the next start checks every page
//! however long that takes: otherwise it would find the same damage again and again.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::files::{size, with_suffix};
use super::{Error, modes};
use crate::domain::time::UnixMillis;

/// The size in bytes above which files are not checked page by page at every start, because that would take seconds on
/// a memory card.
const CHECK_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The length in ms of the search for a free name: a damaged file's name carries its time.
const SAME_TIME_MAX: i64 = 1000;

/// Name of the file in the data folder that marks that damage was found.
const SUSPICION_FILE: &str = "suspicion";

/// The care with which a file is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CheckDepth {
    /// As at every start.
    Quick,
    /// Every page and every index, however large the file is.
    Full,
}

/// The content of a file, which decides what becomes of a damaged one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// It can be obtained again: the file is deleted.
    Cache,
    /// It cannot: the file is kept.
    Unique,
}

/// A damaged file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// The file.
    pub file: PathBuf,
    /// The path that it was moved to, or `None` if it was a cache and deleted.
    pub moved_to: Option<PathBuf>,
}

/// Leaves a mark for the next start: damage was found.
///
/// # Errors
/// The system's reason; the next start is then as careful as any.
pub fn suspect(dir: &Path) -> io::Result<()> {
    modes::make_file(&dir.join(SUSPICION_FILE))
}

/// Returns the depth of the check that the files of a folder need.
pub(super) fn check_depth(dir: &Path) -> CheckDepth {
    if dir.join(SUSPICION_FILE).exists() { CheckDepth::Full } else { CheckDepth::Quick }
}

/// Removes the mark: the files were checked and are sound, or were put aside.
pub(super) fn clear_suspicion(dir: &Path) -> Result<(), Error> {
    let path = dir.join(SUSPICION_FILE);
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Folder { path, source }),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// One step of putting a file aside. If an interruption comes between any two of them, the file still has its log
/// under one of its names, and the file in use still has its log.
#[derive(Debug)]
enum Step {
    /// Gives a file a second name.
    Name(PathBuf, PathBuf),
    /// Takes a name away.
    Remove(PathBuf),
    /// Waits until the folder's names are on the disk.
    Flush(PathBuf),
}

/// Deletes a cache; keeps any other file under another name, log included.
pub(super) fn put_aside(path: &Path, content: Content, now: UnixMillis) -> Result<Damaged, Error> {
    let free = free_name(path, "damaged", now)?;
    if content == Content::Unique {
        // If this is interrupted the next start finds the damage again, however large the file is.
        let dir = path.parent().unwrap_or(Path::new("."));
        suspect(dir).map_err(|source| Error::Folder { path: dir.to_owned(), source })?;
    }
    // An interrupted start may have given it a second name; a second copy would only cost room.
    let kept = kept_already(path);
    let free = kept.is_none().then_some(free).filter(|_| content == Content::Unique);
    for step in steps(path, free.as_deref()) {
        step.take()?;
    }
    Ok(Damaged { file: path.to_owned(), moved_to: kept.or(free) })
}

/// Returns the steps in their order: everything has its second name before anything loses its first, and the file
/// loses it before its log does. A file without its log would look whole; a log without its file does not.
fn steps(path: &Path, kept: Option<&Path>) -> Vec<Step> {
    let dir = path.parent().unwrap_or(Path::new(".")).to_owned();
    let mut steps = Vec::new();
    if let Some(kept) = kept {
        let name = |suffix| Step::Name(with_suffix(path, suffix), with_suffix(kept, suffix));
        steps.extend(["-wal", ""].map(name));
        steps.push(Step::Flush(dir.clone()));
    }
    steps.push(Step::Remove(path.to_owned()));
    steps.push(Step::Flush(dir.clone()));
    // The index of the log is rebuilt from it.
    steps.extend(["-wal", "-shm"].map(|suffix| Step::Remove(with_suffix(path, suffix))));
    steps.push(Step::Flush(dir));
    steps
}

impl Step {
    fn take(&self) -> Result<(), Error> {
        let (path, done) = match self {
            Self::Name(from, to) => (from, second_name(from, to)),
            Self::Remove(path) => (path, fs::remove_file(path)),
            Self::Flush(dir) => (dir, File::open(dir).and_then(|dir| dir.sync_all())),
        };
        // Missing files are no error: an interrupted start may have got further than this step.
        match done {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(Error::Folder { path: path.clone(), source })
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Gives a file a second name; on a file system without hard links, a copy.
fn second_name(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(error)
            if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported) =>
        {
            fs::copy(from, to)?;
            File::open(to)?.sync_all()
        }
        named => named,
    }
}

/// Returns the second name that an interrupted start gave a file, if only the log is left in place.
fn kept_already(path: &Path) -> Option<PathBuf> {
    // The log's second name leads to the file's: both were given together.
    let log = fs::metadata(with_suffix(path, "-wal")).ok().filter(|log| log.nlink() > 1 && !path.exists())?;
    let names = fs::read_dir(path.parent()?).ok()?.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let mut others = names.filter(|name| fs::metadata(name).is_ok_and(|other| other.ino() == log.ino()));
    let other = others.find(|name| *name != with_suffix(path, "-wal"))?;
    other.to_str()?.strip_suffix("-wal").map(PathBuf::from)
}

/// Checks a file that was just opened.
///
/// # Errors
/// [`Error::Damaged`], or the error that SQLite reports while it checks.
pub(super) fn check(connection: &Connection, path: &Path, depth: CheckDepth) -> Result<(), Error> {
    let pragma = match depth {
        CheckDepth::Quick if size(path) > CHECK_BYTES_MAX => return Ok(()),
        CheckDepth::Quick => "PRAGMA quick_check(1)",
        CheckDepth::Full => "PRAGMA integrity_check(1)",
    };
    let answer: String = connection.query_row(pragma, [], |row| row.get(0))?;
    if answer == "ok" {
        return Ok(());
    }
    Err(damage(path, answer))
}

/// Refuses a log whose file is gone or empty: the log is all that is left of it. SQLite would begin a new file and
/// delete the log.
pub(super) fn refuse_lone_log(path: &Path) -> Result<(), Error> {
    if size(path) > 0 || size(&with_suffix(path, "-wal")) == 0 {
        return Ok(());
    }
    Err(damage(path, "there is a log and nothing it belongs to".to_owned()))
}

fn damage(path: &Path, what: String) -> Error {
    // The code of SQLite's own finding, so that both kinds of damage are handled alike.
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Error::Damaged { path: path.to_owned(), source: rusqlite::Error::SqliteFailure(code, Some(what)) }
}

/// Returns a free name beside a file, which shows what happened to the file and when.
pub(super) fn free_name(path: &Path, what: &str, now: UnixMillis) -> Result<PathBuf, Error> {
    // A wrong clock may show the same time twice.
    let mut names =
        (0..SAME_TIME_MAX).map(|more| with_suffix(path, &format!(".{what}-{}", now.plus_ms(more).0)));
    let taken = || Error::Folder { path: path.to_owned(), source: io::ErrorKind::AlreadyExists.into() };
    names.find(|name| !is_there(name)).ok_or_else(taken)
}

/// Returns true if a file or its log exists.
fn is_there(path: &Path) -> bool {
    path.exists() || with_suffix(path, "-wal").exists()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::store::{Db, OUTBOX_FILE, OpenOptions};

    const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

    fn open(dir: &Path) -> Db {
        let options = OpenOptions { dir, station: "dock-1", boot_id: "a boot", now: NOW, commit_hook: None };
        Db::open(options).unwrap()
    }

    /// A folder whose outbox is damaged and whose log holds data that the file does not, as a power cut leaves it.
    fn damaged_folder() -> (TempDir, Vec<u8>, Vec<u8>) {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join(OUTBOX_FILE);
        let mut db = open(dir.path());
        db.remember("time_zone", "UTC").unwrap();
        let (mut file, log) = (fs::read(&path).unwrap(), fs::read(with_suffix(&path, "-wal")).unwrap());
        drop(db);
        file[..100].fill(0);
        fs::write(&path, &file).unwrap();
        fs::write(with_suffix(&path, "-wal"), &log).unwrap();
        fs::remove_file(with_suffix(&path, "-shm")).unwrap();
        (dir, file, log)
    }

    /// The bytes of every file aside that has its log beside it, with those of the log.
    fn aside(dir: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
        let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        let files = entries.filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.contains(".damaged-") && !name.ends_with("-wal")
        });
        files.map(|path| (fs::read(&path).unwrap(), fs::read(with_suffix(&path, "-wal")).unwrap())).collect()
    }

    #[test]
    fn whatever_interrupts_it_a_damaged_file_is_kept_with_its_log() {
        let count = steps(Path::new("x/outbox.db"), Some(Path::new("x/y"))).len();
        assert_eq!(count, 8);
        for taken in 0..=count {
            let (dir, file, log) = damaged_folder();
            let path = dir.path().join(OUTBOX_FILE);
            suspect(dir.path()).unwrap();
            let free = free_name(&path, "damaged", NOW).unwrap();
            steps(&path, Some(&free)).iter().take(taken).for_each(|step| step.take().unwrap());
            // The power comes back, twice.
            let db = open(dir.path());
            for found in db.damaged() {
                assert_eq!(fs::read(found.moved_to.as_ref().unwrap()).unwrap(), file, "after {taken} steps");
            }
            assert_eq!(
                db.fact("time_zone").unwrap(),
                None,
                "after {taken} steps an old state is gone on from"
            );
            drop(db);
            assert_eq!(open(dir.path()).damaged(), [], "after {taken} steps");
            let kept = aside(dir.path());
            assert!(
                !kept.is_empty() && kept.iter().all(|kept| *kept == (file.clone(), log.clone())),
                "after {taken} steps"
            );
        }
    }

    #[test]
    fn a_second_name_takes_no_others_place() {
        let dir = TempDir::new().unwrap();
        let [from, to] = ["a", "b"].map(|name| dir.path().join(name));
        fs::write(&from, "bytes").unwrap();
        second_name(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"bytes");
        assert!(second_name(&from, &to).is_err(), "nothing is ever written over");
    }
}
