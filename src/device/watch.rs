//! A wait for a device node that ends when a node appears or its attributes change, so that nothing has to be polled.
//!
//! The kernel makes a node before udev gives it its group and its links, so a change of attributes ends the wait too
//! (`inotify(7)`). A wait is never longer than its limit, so the next try finds what the watch cannot see.

use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::path::PathBuf;

use rustix::fs::inotify;
use rustix::fs::inotify::CreateFlags;
use rustix::fs::inotify::WatchFlags;

/// The most bytes of news that are read at once; more are read with the next.
const NEWS_BYTES_MAX: usize = 4096;

/// A watch on some folders.
#[derive(Debug)]
pub(super) struct FolderWatch {
    inotify: OwnedFd,
    folders: Vec<PathBuf>,
}

impl FolderWatch {
    /// Returns a watch on `folders`, which begins as soon as they exist, or `None` if the process or the user has no
    /// watch left.
    pub(super) fn new(folders: Vec<PathBuf>) -> Option<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
        let watch = Self { inotify, folders };
        watch.renew();
        Some(watch)
    }

    /// Watches folders that have appeared since. Folders that are already watched stay so.
    pub(super) fn renew(&self) {
        let news = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ATTRIB | WatchFlags::ONLYDIR;
        for folder in self.folders.iter().filter(|folder| folder.is_dir()) {
            // A folder that vanishes at this moment has no news.
            let _watched = inotify::add_watch(&self.inotify, Path::new(folder), news);
        }
    }

    /// Drops the news so far.
    pub(super) fn forget(&self) {
        let mut news = [0; NEWS_BYTES_MAX];
        while rustix::io::read(&self.inotify, &mut news).is_ok_and(|count| count > 0) {}
    }
}

impl AsFd for FolderWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::device::bell::Bell;
    use crate::device::bell::Woken;

    /// A time long enough to fail a test that should not have waited for it.
    const LONG: Option<Duration> = Some(Duration::from_secs(20));

    #[test]
    fn a_new_node_and_its_new_owner_each_wake_once() {
        let (folder, bell) = (tempfile::tempdir().unwrap(), Bell::new().unwrap());
        let watch = FolderWatch::new(vec![folder.path().to_owned()]).unwrap();
        assert_eq!(bell.wait(watch.as_fd(), Some(Duration::ZERO)), Ok(Woken::Otherwise));
        let node = folder.path().join("event7");
        fs::write(&node, "").unwrap();
        assert_eq!(bell.wait(watch.as_fd(), LONG), Ok(Woken::Input));
        watch.forget();
        assert_eq!(bell.wait(watch.as_fd(), Some(Duration::ZERO)), Ok(Woken::Otherwise));
        let mut rights = fs::metadata(&node).unwrap().permissions();
        rights.set_readonly(true);
        fs::set_permissions(&node, rights).unwrap();
        assert_eq!(bell.wait(watch.as_fd(), LONG), Ok(Woken::Input));
    }

    #[test]
    fn a_folder_that_appears_later_is_watched_when_renewed() {
        let (folder, bell) = (tempfile::tempdir().unwrap(), Bell::new().unwrap());
        let input = folder.path().join("input");
        let watch = FolderWatch::new(vec![folder.path().to_owned(), input.clone()]).unwrap();
        fs::create_dir(&input).unwrap();
        assert_eq!(bell.wait(watch.as_fd(), LONG), Ok(Woken::Input));
        watch.renew();
        watch.forget();
        fs::write(input.join("event0"), "").unwrap();
        assert_eq!(bell.wait(watch.as_fd(), LONG), Ok(Woken::Input));
    }
}
