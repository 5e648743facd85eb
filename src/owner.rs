//! Runs work in the data folder as the user to whom the folder belongs.
//!
//! A command that root types must not open the service user's files as root: files that it made would be root's, and
//! anybody who can put a link there could make root follow it. So root first becomes the folder's owner, with no group
//! but the owner's, and cannot go back. On Linux rights belong to a thread (`credentials(7)`, "Conforming to";
//! `setresuid(2)`, "C library/kernel differences"): a new thread has those of the thread that starts it.
//!
//! Root stays root for `init`, `calibrate --write` and the scripts of the package, which write outside the folder, and
//! for reading tokens, which belong to root. What these do in the data folder goes through [`run_as_owner`].

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::panic;
use std::path::Path;
use std::thread;

use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// The user and the group of a data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    user: u32,
    group: u32,
}

impl Owner {
    /// Returns the owner that root has to become to work in `dir`; `None` for a user other than root, for a folder that
    /// belongs to root, and for one that does not exist.
    ///
    /// # Errors
    /// The system's reason why the owner cannot be read.
    pub fn to_become(dir: &Path) -> io::Result<Option<Self>> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        match fs::metadata(dir) {
            Ok(folder) => {
                let owner = Self { user: folder.uid(), group: folder.gid() };
                Ok(Some(owner).filter(|owner| !Uid::from_raw(owner.user).is_root()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The number of the user.
    pub fn user(self) -> u32 {
        self.user
    }

    /// Gives this thread the owner's rights for good.
    fn become_owner(self) -> io::Result<()> {
        let (user, group) = (Uid::from_raw(self.user), Gid::from_raw(self.group));
        // Groups first, the user last: only root may change groups. All three ids are set, so that none leads back.
        set_thread_groups(&[group])?;
        set_thread_res_gid(group, group, group)?;
        set_thread_res_uid(user, user, user)?;
        Ok(())
    }
}

/// Turns root into the owner of `dir` for good. Call before the process starts a thread, which would stay root's.
///
/// # Errors
/// The system's reason; nothing in the folder may be opened then.
pub fn become_owner(dir: &Path) -> io::Result<()> {
    Owner::to_become(dir)?.map_or(Ok(()), Owner::become_owner)
}

/// Runs `work` with the rights of the owner of `dir`, in a thread of its own, so that the caller stays root.
///
/// # Errors
/// The system's reason; nothing was done then.
pub fn run_as_owner<T: Send>(dir: &Path, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    let Some(owner) = Owner::to_become(dir)? else { return Ok(work()) };
    thread::scope(|scope| {
        let as_owner = move || owner.become_owner().map(|()| work());
        let thread = thread::Builder::new().name("data".to_owned()).spawn_scoped(scope, as_owner)?;
        // A panic belongs to the caller, as if the work had run in its thread.
        thread.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::chown;

    use tempfile::TempDir;

    use super::*;

    /// `nobody` and `nogroup` of Debian.
    const NOBODY: u32 = 65_534;

    #[test]
    fn root_works_as_the_owner_and_comes_back() {
        if !geteuid().is_root() {
            return;
        }
        let dir = TempDir::new().unwrap();
        assert_eq!(Owner::to_become(dir.path()).unwrap(), None, "it is root's own");
        assert_eq!(Owner::to_become(&dir.path().join("none")).unwrap(), None);
        chown(dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        let file = dir.path().join("file");
        let result = run_as_owner(dir.path(), || {
            fs::write(&file, "").unwrap();
            let away = fs::read("/etc/shadow").unwrap_err().kind();
            let back = set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT).is_ok();
            (away, back, fs::read_to_string("/proc/thread-self/status").unwrap())
        });
        let (away, back, status) = result.unwrap();
        assert_eq!((away, back), (io::ErrorKind::PermissionDenied, false));
        for line in [
            "Uid:\t65534\t65534\t65534\t65534",
            "Gid:\t65534\t65534\t65534\t65534",
            "CapEff:\t0000000000000000",
        ] {
            assert!(status.contains(line), "{status}");
        }
        assert!(status.contains("Groups:\t65534 \n"), "{status}");
        assert_eq!(fs::metadata(&file).unwrap().uid(), NOBODY);
        assert!(geteuid().is_root());
    }
}
