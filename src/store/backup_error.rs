//! The reasons why a backup is not made or not restored.

use std::io;
use std::path::PathBuf;

use super::Error;
use crate::domain::home::Books;

/// The reason why a backup was not made or not restored. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is a file of this name already.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// The file is no backup of a station.
    #[error("{} is not a backup of a station", .0.display())]
    NoBackup(PathBuf),
    /// The file is damaged.
    #[error("{} is damaged", .0.display())]
    Damaged(PathBuf),
    /// A later version of this program made the backup.
    #[error("{} was made by a newer program: its schema is {found}, and this program knows versions up to {known}", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest this program knows.
        known: u32,
    },
    /// The backup belongs to another location or service than the configuration names.
    #[error("the backup belongs to {was}, and the configuration names {is}")]
    Foreign {
        /// The books that the backup belongs to.
        was: Books,
        /// The books that the configuration names.
        is: Books,
    },
    /// The data that would be replaced has documents that are not delivered.
    #[error("the data in {} has {unsent} that would be replaced", .dir.display())]
    Unsent {
        /// The data folder.
        dir: PathBuf,
        /// The number of documents, in words.
        unsent: String,
    },
    /// A file cannot be used.
    #[error("cannot use {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] Error),
}

impl BackupError {
    /// Returns the action of a person that helps, if there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Exists(_) => Some("name another file, or move that one away"),
            Self::Newer { .. } => Some("install the program that made the backup, or a later one"),
            Self::Foreign { .. } => Some("restore it on its own station, or correct the configuration"),
            Self::Unsent { .. } => Some(
                "let the agent deliver it first, or pass --force, which keeps the old data beside the new",
            ),
            Self::Store(error) => error.hint(),
            Self::NoBackup(_) | Self::Damaged(_) | Self::File { .. } => None,
        }
    }
}

impl From<rusqlite::Error> for BackupError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(Error::from(error))
    }
}
