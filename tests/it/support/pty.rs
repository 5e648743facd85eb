//! Pseudo-terminals as serial ports, and device nodes that come and go.

use std::fs;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::pty::PtyMaster;
use nix::pty::grantpt;
use nix::pty::posix_openpt;
use nix::pty::ptsname_r;
use nix::pty::unlockpt;
use nix::sys::termios::Termios;
use nix::sys::termios::tcgetattr;
use rustix::event::PollFd;
use rustix::event::PollFlags;
use rustix::event::Timespec;
use rustix::event::poll;
use tempfile::TempDir;

/// How long a test waits for bytes before it fails.
const BOUND: Duration = Duration::from_secs(20);
/// Between two looks at whether any came.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// A pseudo-terminal. The test has the master; closing it is pulling the plug.
pub(crate) struct Pty {
    pub(crate) master: PtyMaster,
    pub(crate) path: PathBuf,
}

impl Pty {
    pub(crate) fn new() -> Self {
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let master = posix_openpt(flags).expect("a pseudo-terminal");
        grantpt(&master).expect("its ownership");
        unlockpt(&master).expect("its unlocking");
        let path = PathBuf::from(ptsname_r(&master).expect("its name"));
        Self { master, path }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.master.write_all(bytes).expect("a terminal that takes bytes");
    }

    /// Reads `count` bytes that the scanner was sent.
    pub(crate) fn heard(&mut self, count: usize) -> Vec<u8> {
        let mut heard = Vec::new();
        while heard.len() < count {
            assert!(self.is_heard_within(BOUND), "only {heard:?} were sent");
            let mut bytes = [0; 64];
            let most = bytes.len().min(count - heard.len());
            let read = self.master.read(&mut bytes[..most]).expect("bytes from the terminal");
            heard.extend(bytes.iter().take(read));
        }
        heard
    }

    /// The next byte that the scanner was sent, awaited without holding up what else the test does.
    pub(crate) async fn answer(&mut self) -> char {
        let end = tokio::time::Instant::now() + BOUND;
        while !self.is_heard_within(Duration::ZERO) {
            assert!(tokio::time::Instant::now() < end, "the scanner was sent nothing");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.heard(1).into_iter().map(char::from).next().expect("a byte")
    }

    /// Whether there is something to read within `patience`. A terminal whose other end is not open, or was closed for a
    /// moment, has nothing to read and says so at once: it is asked again.
    pub(crate) fn is_heard_within(&self, patience: Duration) -> bool {
        let pause = Timespec::try_from(LOOK_EVERY).expect("a short time");
        let looks = patience.as_millis() / LOOK_EVERY.as_millis();
        for look in 0..=looks {
            let timeout = if look == looks { Timespec::default() } else { pause };
            let mut polled = [PollFd::new(&self.master, PollFlags::IN)];
            let count = poll(&mut polled, Some(&timeout)).unwrap_or(0);
            let has = |flags| polled.iter().any(|fd| fd.revents().contains(flags));
            if count > 0 && has(PollFlags::IN) {
                return true;
            }
            if count > 0 {
                let _waited = poll(&mut [], Some(&timeout));
            }
        }
        false
    }

    /// The settings of the terminal; those of the two ends are the same.
    pub(crate) fn settings(&self) -> Termios {
        tcgetattr(&self.master).expect("the settings")
    }
}

/// A link that leads to one terminal, then to another, as a device node that comes back.
pub(crate) struct Node {
    pub(crate) folder: TempDir,
}

impl Node {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("ttyUSB0")
    }

    pub(crate) fn lead_to(&self, pty: &Pty) {
        self.remove();
        symlink(&pty.path, self.path()).expect("a link");
    }

    pub(crate) fn remove(&self) {
        if self.path().is_symlink() {
            fs::remove_file(self.path()).expect("a link to remove");
        }
    }
}
