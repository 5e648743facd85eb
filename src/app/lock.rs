//! One agent a data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use super::Error;

/// Name of the lock's file in the data folder.
const LOCK_FILE: &str = "agent.lock";

/// Held as long as the agent lives; the system releases it however the process ends.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    pub(super) fn take(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(LOCK_FILE);
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = opened.map_err(|source| Error::Folder { path, source })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse(dir.to_owned())),
            Err(TryLockError::Error(source)) => Err(Error::Folder { path: dir.to_owned(), source }),
        }
    }
}
