//! Backups: a copy of a station's data in one file, and its restoration.
//!
//! A backup is a SQLite file with everything of `outbox.db` at one moment, and the configuration. The goods table is a
//! copy of the service's and is not in it; tokens are in neither. Restored data is only a scratch file until one rename
//! makes it the station's: whatever interrupts a restore leaves the old data or the new, whole.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::connect::connect;
use super::damage::Content;
use super::files::size;
use super::files::with_suffix;
use super::open::OUTBOX;
use super::swap::{self, remove, sync_folder};
use super::{BackupError, Db, Error, OUTBOX_FILE, damage, modes};
use crate::domain::home::Books;
use crate::domain::ids::LocationId;
use crate::domain::time::UnixMillis;

/// The mark of a SQLite file that is a backup of a station (`PRAGMA application_id`): `SPBK`.
const APPLICATION_ID: i32 = 0x5350_424b;

/// Name of the scratch file in the data folder.
const SCRATCH_FILE: &str = "restore.part";

/// The description of a backup, read from the backup itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// The time at which it was made, by the station's wall clock.
    pub made: UnixMillis,
    /// The station's configuration at that time.
    pub config: String,
    /// The station's name.
    pub station: String,
    /// The number of documents in it that were not delivered at that time.
    pub unsent: u64,
}

/// The permission to replace undelivered data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// Undelivered data must not be replaced.
    OnlyDelivered,
    /// It may be replaced.
    Anything,
}

/// The result of a restoration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredData {
    /// The description of the backup.
    pub backup: Backup,
    /// The path under which the data that was there before is kept.
    pub replaced: Option<PathBuf>,
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> BackupError + '_ {
    move |source| BackupError::File { path: path.to_owned(), source }
}

impl Db {
    /// Writes all data of the station to a new file, as it is at one moment. An agent may run meanwhile.
    ///
    /// # Errors
    /// [`BackupError`]; no file of this name is left.
    pub fn back_up(&self, file: &Path, config: &str, now: UnixMillis) -> Result<Backup, BackupError> {
        if file.exists() {
            return Err(BackupError::Exists(file.to_owned()));
        }
        let part = with_suffix(file, ".part");
        remove_with_logs(&part)?;
        // Renamed when it is whole: whatever interrupts this leaves no half backup under the name.
        let made = self.write_backup(&part, config, now).and_then(|backup| {
            fs::rename(&part, file).map_err(file_error(file))?;
            sync_folder(file)?;
            Ok(backup)
        });
        if made.is_err() {
            remove_with_logs(&part)?;
        }
        made
    }

    fn write_backup(&self, part: &Path, config: &str, now: UnixMillis) -> Result<Backup, BackupError> {
        modes::make_file(part).map_err(file_error(part))?;
        // A statement reads one snapshot, log included, while the agent writes on.
        self.outbox.execute("VACUUM INTO ?1", [part.to_string_lossy()])?;
        let copy = connect(part, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        copy.execute_batch("CREATE TABLE backup (made_ms INTEGER NOT NULL, config TEXT NOT NULL) STRICT")?;
        copy.execute("INSERT INTO backup VALUES (?1, ?2)", (now.0, config))?;
        copy.pragma_update(None, "application_id", APPLICATION_ID)?;
        let backup = describe(&copy)?;
        copy.close().map_err(|(_, error)| error)?;
        // SQLite does not promise that the output of VACUUM INTO is on the disk.
        File::open(part).and_then(|file| file.sync_all()).map_err(file_error(part))?;
        Ok(backup)
    }
}

/// Reads the description of a backup, without changing the backup.
///
/// # Errors
/// [`BackupError`].
pub fn read_backup(file: &Path) -> Result<Backup, BackupError> {
    // For the system's own reason: SQLite would only say that it cannot open the file.
    File::open(file).map_err(file_error(file))?;
    let backup = connect(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    check(&backup, file)?;
    describe(&backup)
}

/// An open backup file. Root opens it before it takes on the rights of the data folder's owner.
#[derive(Debug)]
pub struct BackupFile {
    path: PathBuf,
    content: File,
}

impl BackupFile {
    /// Opens a file that should be a backup.
    ///
    /// # Errors
    /// [`BackupError::File`].
    pub fn open(path: &Path) -> Result<Self, BackupError> {
        let content = File::open(path).map_err(file_error(path))?;
        Ok(Self { path: path.to_owned(), content })
    }
}

/// Puts a backup in the place of the data in a folder that no agent uses. The former data is kept beside it.
/// # Errors
/// [`BackupError`]; the data is as it was.
pub fn restore(
    dir: &Path,
    file: BackupFile,
    here: &Books,
    replace: Replace,
    now: UnixMillis,
) -> Result<RestoredData, BackupError> {
    modes::make_folder(dir).map_err(file_error(dir))?;
    let scratch = dir.join(SCRATCH_FILE);
    remove_with_logs(&scratch)?;
    // Left by a restoration that was interrupted between the second name and the swap.
    swap::remove_second_names(&dir.join(OUTBOX_FILE))?;
    let swapped = prepare(&scratch, file, here).and_then(|backup| {
        refuse_unsent(dir, replace)?;
        let replaced = swap(dir, &scratch, now)?;
        Ok(RestoredData { backup, replaced })
    });
    if swapped.is_err() {
        remove_with_logs(&scratch)?;
    }
    swapped
}

/// Removes a partial database with its logs: SQLite would apply an old log to the next file of that name.
fn remove_with_logs(path: &Path) -> Result<(), BackupError> {
    ["-journal", "-wal", "-shm", ""].iter().try_for_each(|suffix| remove(&with_suffix(path, suffix)))
}

/// Copies the backup to the scratch file and turns it into the station's data there.
fn prepare(scratch: &Path, backup: BackupFile, here: &Books) -> Result<Backup, BackupError> {
    let BackupFile { path: file, mut content } = backup;
    let file = file.as_path();
    // Written into a file with the data's own modes: a copied file would bring those of its source.
    let mut made = modes::open_file(scratch).map_err(file_error(scratch))?;
    io::copy(&mut content, &mut made).map_err(file_error(file))?;
    let copy = connect(scratch, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    check(&copy, file)?;
    let backup = describe(&copy)?;
    // Only known now: the books are inside the backup.
    if let Some(was) = books(&copy)?.filter(|was| was != here) {
        return Err(BackupError::Foreign { was, is: here.clone() });
    }
    // From here on the scratch file is a station's data and no backup.
    copy.execute_batch("DROP TABLE backup")?;
    copy.pragma_update(None, "application_id", 0)?;
    copy.close().map_err(|(_, error)| error)?;
    let dir = scratch.parent().unwrap_or(Path::new("."));
    let owner = fs::metadata(dir).map_err(file_error(dir))?;
    // Root restores a file that the service's user must be able to write.
    chown(scratch, Some(owner.uid()), Some(owner.gid())).map_err(file_error(scratch))?;
    // Before the rename: a power cut could otherwise leave the new name with missing content.
    File::open(scratch).and_then(|file| file.sync_all()).map_err(file_error(scratch))?;
    Ok(backup)
}

fn check(backup: &Connection, file: &Path) -> Result<(), BackupError> {
    let damaged = |error: rusqlite::Error| match Error::from(error) {
        error if error.is_damage() => BackupError::Damaged(file.to_owned()),
        error => BackupError::Store(error),
    };
    let id: Result<i32, _> = backup.query_row("PRAGMA application_id", [], |row| row.get(0));
    match id {
        Ok(APPLICATION_ID) => {}
        Ok(_) => return Err(BackupError::NoBackup(file.to_owned())),
        // A file that is no database at all is not a damaged backup.
        Err(error) => {
            let error = Error::from(error);
            return Err(if error.is_damage() {
                BackupError::NoBackup(file.to_owned())
            } else {
                error.into()
            });
        }
    }
    let found: u32 = backup.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(damaged)?;
    if found > OUTBOX.version() {
        return Err(BackupError::Newer { path: file.to_owned(), found, known: OUTBOX.version() });
    }
    let sound: String =
        backup.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(damaged)?;
    if sound == "ok" { Ok(()) } else { Err(BackupError::Damaged(file.to_owned())) }
}

fn describe(backup: &Connection) -> Result<Backup, BackupError> {
    let (made, config) =
        backup.query_row("SELECT made_ms, config FROM backup", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let station = fact(backup, "data_station")?.unwrap_or_default();
    Ok(Backup { made: UnixMillis(made), config, station, unsent: unsent(backup)? })
}

fn books(backup: &Connection) -> Result<Option<Books>, BackupError> {
    let service = fact(backup, "data_service")?;
    let location = fact(backup, "data_location")?.and_then(|id| id.parse().ok()).map(LocationId);
    Ok(service.zip(location).map(|(service, location)| Books { service, location }))
}

fn fact(connection: &Connection, name: &str) -> Result<Option<String>, BackupError> {
    let value = connection.query_row("SELECT value FROM facts WHERE name = ?1", [name], |row| row.get(0));
    Ok(value.optional()?)
}

fn unsent(connection: &Connection) -> Result<u64, BackupError> {
    let sql = "SELECT count(*) FROM operations WHERE state IN ('open', 'queued', 'sending', 'uncertain')";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

fn refuse_unsent(dir: &Path, replace: Replace) -> Result<(), BackupError> {
    let path = dir.join(OUTBOX_FILE);
    if replace == Replace::Anything || size(&path) == 0 {
        return Ok(());
    }
    let unsent = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .map_err(BackupError::from)
        .and_then(|connection| unsent(&connection));
    let unsent = match unsent {
        Ok(0) => return Ok(()),
        Ok(1) => "1 undelivered document".to_owned(),
        Ok(count) => format!("{count} undelivered documents"),
        // An unreadable folder may hold anything, so it counts as undelivered.
        Err(_unreadable) => "documents that cannot be read".to_owned(),
    };
    Err(BackupError::Unsent { dir: dir.to_owned(), unsent })
}

/// Makes the scratch file the station's data by one rename. The old file gets a second name first, so it is never lost.
fn swap(dir: &Path, scratch: &Path, now: UnixMillis) -> Result<Option<PathBuf>, BackupError> {
    let path = dir.join(OUTBOX_FILE);
    let mut replaced = None;
    // A log without its file counts too: it may be all that is left of the data.
    if size(&path) > 0 || size(&with_suffix(&path, "-wal")) > 0 {
        replaced = Some(match swap::checkpoint(&path) {
            Ok(()) => swap::second_name(&path, swap::REPLACED, now)?,
            Err(_unreadable) => damage::put_aside(&path, Content::Unique, now)?.moved_to.unwrap_or_default(),
        });
    }
    swap::take_place(scratch, &path)?;
    Ok(replaced)
}
