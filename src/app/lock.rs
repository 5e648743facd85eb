//! The lock of a data folder: one agent at a time uses the folder.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::Error;
use crate::store;

/// The name of the lock file in the data folder.
const LOCK_FILE: &str = "agent.lock";

/// A lock on a data folder, held as long as the agent lives. The kernel releases it however the process ends.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
}

impl FolderLock {
    /// Locks a data folder. Does not wait.
    ///
    /// # Errors
    /// [`Error::InUse`] if another agent holds the lock; [`Error::Folder`] if the lock file cannot be opened or locked.
    pub fn take(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(LOCK_FILE);
        let file = store::open_file(&path).map_err(|source| Error::Folder { path, source })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse(dir.to_owned())),
            Err(TryLockError::Error(source)) => Err(Error::Folder { path: dir.to_owned(), source }),
        }
    }
}

impl Drop for FolderLock {
    /// Unlocks the file.
    ///
    /// Closing it is not enough: between `fork` and `exec`, a child process that another thread starts holds a copy of
    /// the descriptor and with it the lock (`flock(2)`).
    fn drop(&mut self) {
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "the data folder stays locked until this process ends");
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_folder_has_one_agent_at_a_time() {
        let dir = TempDir::new().unwrap();
        let lock = FolderLock::take(dir.path()).unwrap();
        assert!(matches!(FolderLock::take(dir.path()), Err(Error::InUse(_))));
        drop(lock);
        FolderLock::take(dir.path()).unwrap();
    }

    #[test]
    fn a_folder_is_free_though_somebody_inherited_the_lock() {
        let dir = TempDir::new().unwrap();
        let lock = FolderLock::take(dir.path()).unwrap();
        let inherited = lock.file.try_clone().unwrap();
        drop(lock);
        FolderLock::take(dir.path()).unwrap();
        drop(inherited);
    }
}
