//! Connections to a database, for whatever purpose.

use std::io;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::ErrorCode;
use rusqlite::FileControl;
use rusqlite::OpenFlags;
use rusqlite::config::DbConfig;

use super::Error;

/// The working size of the write-ahead log, in bytes: it is grown to it once and then overwritten from its beginning. A
/// log that grows with each commit costs a second write, of the file system's own journal, for each.
pub(super) const WAL_BYTES: u64 = 1024 * 1024;

/// Opens a database file, for whatever purpose.
#[expect(clippy::disallowed_methods, reason = "the one place that opens the database")]
pub(super) fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX);
    let connection = connection.map_err(|source| named(path, Error::from(source)))?;
    distrust(&connection)?;
    Ok(connection)
}

/// Treats a file as one that anybody may have written, as a backup or a copied folder is: its schema runs no function
/// that acts on anything outside, no statement writes the schema's own tables, and a page is checked before it is used
/// (<https://sqlite.org/security.html>).
fn distrust(connection: &Connection) -> Result<(), Error> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(())
}

/// Names the file in an error about a file that may not be used: SQLite's own words do not name it.
pub(super) fn named(path: &Path, error: Error) -> Error {
    match error {
        Error::Sql(source) if is_about_the_file(&source) => {
            Error::Folder { path: path.to_owned(), source: io::Error::other(source) }
        }
        other => other,
    }
}

fn is_about_the_file(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly))
}

/// Makes the last connection that closes leave the log at its size, so that the next start need not grow it.
pub(super) fn keep_log(connection: &Connection) -> Result<(), Error> {
    let mut keep = 1;
    connection.file_control(Some("main"), FileControl::PersistWal(&mut keep))?;
    Ok(())
}
