//! Room reserved on the disk. When the disk is full, scans are refused and deliveries get this room: it must still be
//! possible to store that an operation was sent.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::modes;

/// Name of the file in the data folder.
const RESERVE_FILE: &str = "reserve";

/// The size of the reserved room, in bytes: far more than the new pages in the log when it cannot grow any more.
const RESERVE_BYTES: usize = 512 * 1024;

/// The room: reserved, or given away.
#[derive(Debug)]
pub(super) struct Reserve {
    dir: PathBuf,
    is_held: bool,
}

impl Reserve {
    /// Takes over the room that an earlier process reserved.
    pub(super) fn new(dir: &Path) -> Self {
        // A file of another size was not written to its end and reserves too little.
        let held = fs::metadata(dir.join(RESERVE_FILE)).map_or(0, |metadata| metadata.len());
        Self { dir: dir.to_owned(), is_held: usize::try_from(held) == Ok(RESERVE_BYTES) }
    }

    /// Returns true if the room is reserved. Room that was given away is reserved again once twice as much is free.
    pub(super) fn hold(&mut self) -> bool {
        if !self.is_held && self.has_room() {
            // Written, not only extended: a file with holes reserves nothing.
            self.is_held = modes::open_file(&self.path())
                .and_then(|mut file| file.set_len(0).and_then(|()| file.write_all(&vec![0; RESERVE_BYTES])))
                .is_ok();
        }
        self.is_held
    }

    /// Gives the room away; returns false if there was none.
    pub(super) fn give_away(&mut self) -> bool {
        self.is_held = false;
        match fs::remove_file(self.path()) {
            Ok(()) => {
                tracing::error!("the disk is full; what is stored is still delivered, and scans are refused");
                true
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::error!(%error, "the reserved room cannot be freed");
                }
                false
            }
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.join(RESERVE_FILE)
    }

    fn has_room(&self) -> bool {
        let wanted = u64::try_from(RESERVE_BYTES * 2).unwrap_or(u64::MAX);
        rustix::fs::statvfs(&self.dir).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) >= wanted)
    }
}
