//! Replaces files whole or not at all, on the disk to the last byte (`rename(2)`).
//!
//! The database files of backups are written elsewhere: SQLite fills them, and [`crate::store`] renames them.

use std::fs;
use std::fs::DirBuilder;
use std::fs::File;
use std::fs::Metadata;
use std::fs::OpenOptions;
use std::fs::Permissions;
use std::io;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::chown;
use std::path::Path;
use std::path::PathBuf;

/// The rights among the bits of a mode.
const RIGHTS: u32 = 0o7777;
/// The mode of a folder that is created for a file.
const FOLDER_MODE: u32 = 0o755;

/// A file that is on the disk but not yet in its place. Dropping it removes it.
pub(crate) struct Draft {
    draft: PathBuf,
    place: PathBuf,
}

impl Draft {
    /// Writes `content` beside `place`; it is on the disk to its last byte when this returns.
    pub(crate) fn of(place: &Path, content: &[u8], mode: u32) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder_of(place))?;
        let this = Self { draft: beside(place, "new"), place: place.to_owned() };
        this.write(content, mode)?;
        Ok(this)
    }

    /// Writes `content` beside `place`, with the rights and the owner of `old`.
    pub(crate) fn like(old: &Metadata, place: &Path, content: &[u8]) -> io::Result<Self> {
        let this = Self::of(place, content, old.mode() & RIGHTS)?;
        // Only root may give a file away. Anybody else owns it already, or could not have read it for writing.
        let _given = chown(&this.draft, Some(old.uid()), Some(old.gid()));
        Ok(this)
    }

    fn write(&self, content: &[u8], mode: u32) -> io::Result<()> {
        // A power failure may have left an earlier draft. The file below has to be a new one: nobody may have an old
        // one open, or have put a link in its place.
        match fs::remove_file(&self.draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&self.draft)?;
        // The umask may have removed more rights. A FAT partition has no modes to set.
        let _without_modes = file.set_permissions(Permissions::from_mode(mode));
        file.write_all(content)?;
        file.sync_all()
    }

    /// Returns the path at which it will be.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// Moves it to its place and replaces the file that was there.
    pub(crate) fn take_place(self) -> io::Result<PathBuf> {
        fs::rename(&self.draft, &self.place)?;
        // A rename is only on the disk once its folder is.
        File::open(folder_of(&self.place))?.sync_all()?;
        Ok(self.place.clone())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After it has taken its place there is nothing left to remove.
        let _removed = fs::remove_file(&self.draft);
    }
}

/// Returns `path` with a dot and `end` appended.
pub(crate) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(end);
    name.into()
}

/// Returns the folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_with_its_rights_and_a_draft_that_is_dropped_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("made/config.toml");
        Draft::of(&place, b"old", 0o640).unwrap().take_place().unwrap();
        // A link that lies where the draft is written is not followed.
        symlink(folder.path().join("victim"), beside(&place, "new")).unwrap();
        let old = fs::metadata(&place).unwrap();
        drop(Draft::like(&old, &place, b"dropped").unwrap());
        assert_eq!(fs::read(&place).unwrap(), b"old");
        Draft::like(&old, &place, b"new").unwrap().take_place().unwrap();
        assert_eq!(
            (fs::read(&place).unwrap(), fs::metadata(&place).unwrap().mode() & 0o777),
            (b"new".to_vec(), 0o640)
        );
        assert_eq!(fs::read_dir(place.parent().unwrap()).unwrap().count(), 1);
        assert!(!folder.path().join("victim").exists());
    }
}
