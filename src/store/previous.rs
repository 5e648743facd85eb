//! The copy for a downgrade: a file is copied as it is before it is upgraded to a new version.
//!
//! An older program refuses the newer file, but reads the copy. The goods are copied too: without a network they could
//! not be read again, and no scanned code would be known. Invariant: the copy is one version's whole file or does not
//! exist; only the last one is kept.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::files::with_suffix;
use super::{Error, modes};

/// Name of the folder of copies, in the data folder.
pub const PREVIOUS_DIR: &str = "previous";

/// Copies the file as it is, log included, in the place of an earlier copy. A power cut leaves the earlier copy, or the
/// new one whole.
///
/// # Errors
/// [`Error::DiskFull`] if it does not fit; [`Error::Folder`] and [`Error::Sql`] otherwise. The file itself is
/// unchanged.
pub(super) fn keep(connection: &Connection, path: &Path) -> Result<(), Error> {
    let dir = path.with_file_name(PREVIOUS_DIR);
    let (Some(name), Some(parent)) = (path.file_name(), path.parent()) else {
        return Err(at(path)(io::ErrorKind::InvalidInput.into()));
    };
    modes::make_folder(&dir).map_err(at(&dir))?;
    let copy = dir.join(name);
    let part = with_suffix(&copy, ".part");
    remove_if_there(&part)?;
    let made = write(connection, &part);
    if made.is_err() {
        // A half-written copy takes room that the file itself needs now.
        remove_if_there(&part)?;
    }
    made?;
    // The file's content is on the disk already, so the new name never shows half a copy.
    fs::rename(&part, &copy).map_err(at(&copy))?;
    // The parent too: the folder of copies may be new.
    [dir.as_path(), parent].into_iter().try_for_each(flush)
}

fn write(connection: &Connection, part: &Path) -> Result<(), Error> {
    let name = part.to_str().ok_or(io::ErrorKind::InvalidInput.into()).map_err(at(part))?;
    // SQLite writes into an empty file as into a new one.
    modes::make_file(part).map_err(at(part))?;
    // Unlike a copy of the file, it includes the data that is still in the log.
    connection.execute("VACUUM INTO ?1", [name])?;
    // SQLite does not promise that this is on the disk.
    flush(part)
}

fn flush(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|file| file.sync_all()).map_err(at(path))
}

fn remove_if_there(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(at(path)(source)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
    let path: PathBuf = path.to_owned();
    |source| match source.kind() {
        io::ErrorKind::StorageFull => Error::DiskFull,
        _ => Error::Folder { path, source },
    }
}
