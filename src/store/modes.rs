//! The file modes of the data: only the station's user may read it, whatever the umask.
//!
//! A database's log and its index get the modes of their file from SQLite.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::{GOODS_FILE, OUTBOX_FILE};

/// The mode of the data folder and of folders in it.
const FOLDER_MODE: u32 = 0o700;
/// The mode of every file in it. The socket, which has a mode of its own, is no data.
const FILE_MODE: u32 = 0o600;

/// The sticky bit: a folder that everybody may write to, as `/tmp` is, is nobody's data folder.
const STICKY: u32 = 0o1000;

/// Creates a data folder, or uses one that exists, and closes it to others.
///
/// # Errors
/// The system's reason if it cannot be created.
pub fn make_folder(dir: &Path) -> io::Result<()> {
    if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent)?;
    }
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(dir)?;
    close(dir, FOLDER_MODE);
    Ok(())
}

/// Opens a file of the data folder for writing, creates it if it does not exist, and closes it to others. Its content
/// stays.
///
/// # Errors
/// The system's reason.
pub fn open_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(FILE_MODE).open(path)?;
    close(path, FILE_MODE);
    Ok(file)
}

/// Creates an empty file of the data folder if it does not exist, and closes it to others.
///
/// One that exists is not opened: a process that closes a file loses its locks on it, those of SQLite too
/// (<https://sqlite.org/howtocorrupt.html>).
///
/// # Errors
/// The system's reason.
pub(super) fn make_file(path: &Path) -> io::Result<()> {
    if path.exists() {
        close(path, FILE_MODE);
        return Ok(());
    }
    open_file(path).map(|_made| ())
}

/// Closes the files of the data that an older program left open to others, including those put aside.
pub(super) fn close_files(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.filter_map(Result::ok) {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let name = entry.file_name();
        let is_data =
            [OUTBOX_FILE, GOODS_FILE].iter().any(|file| name.as_encoded_bytes().starts_with(file.as_bytes()));
        if is_file && is_data {
            close(&entry.path(), FILE_MODE);
        }
    }
}

/// Removes the rights that a mode does not have. A file system without modes and a folder of another user stay as they
/// are: the station works there as well.
fn close(path: &Path, mode: u32) {
    let Ok(metadata) = fs::metadata(path) else { return };
    let now = metadata.permissions().mode();
    if now & 0o777 == mode || now & STICKY != 0 {
        return;
    }
    // Not fatal: a station that scans with readable files is better than one that does not scan.
    if let Err(error) = fs::set_permissions(path, Permissions::from_mode(mode)) {
        tracing::warn!(path = %path.display(), %error, "others may read the data");
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn what_was_open_to_others_is_closed_and_a_folder_of_everybody_is_left() {
        let dir = TempDir::new().unwrap();
        let folder = dir.path().join("a/data");
        make_folder(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        let aside = folder.join("outbox.db.damaged-5-wal");
        fs::write(&aside, "bytes").unwrap();
        fs::set_permissions(&aside, Permissions::from_mode(0o644)).unwrap();
        make_folder(&folder).unwrap();
        close_files(&folder);
        assert_eq!([mode(&folder), mode(&aside)], [0o700, 0o600]);
        assert_eq!(fs::read(&aside).unwrap(), b"bytes");
        fs::set_permissions(&folder, Permissions::from_mode(0o1777)).unwrap();
        make_folder(&folder).unwrap();
        assert_eq!(mode(&folder), 0o1777);
    }
}
