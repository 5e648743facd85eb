//! `stockpoint demo`: the whole job against a simulated service, with nothing installed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};

use super::run::{interrupted, runtime};
use super::{Error, read_error, take_over, write_error};
use crate::config::wants_colour;
use crate::demo::{DemoOptions, Outcome, run};

/// The longest silence of a pipe before its first code.
const WRITER_WITHIN: Duration = Duration::from_secs(10);
/// The flag that opens a pipe without waiting for its writer.
const NONBLOCK: i32 = OFlags::NONBLOCK.bits().cast_signed();

/// Runs the demonstration. Its exit code is that of its books: 0 only if they balance.
pub(super) fn demo(scans: Option<&Path>, dir: Option<&Path>) -> Result<(), Error> {
    let file = scans.map(|path| open(path).map_err(read_error(path))).transpose()?;
    if let Some(dir) = dir {
        take_over(dir)?;
    }
    let temporary = std::env::temp_dir().join(format!("stockpoint-demo-{}", std::process::id()));
    let kept = dir.unwrap_or(&temporary);
    let options = DemoOptions {
        dir: kept,
        is_terminal: file.is_none() && io::stdin().is_terminal(),
        is_coloured: io::stdout().is_terminal() && wants_colour(),
        scans: file,
    };
    let outcome = runtime()?.block_on(async {
        let stop = interrupted()?;
        Ok::<_, Error>(run(options, &mut io::stdout(), stop).await?)
    });
    // The folder is removed before the outcome is judged: a failed demonstration leaves nothing behind, either.
    if dir.is_none() && temporary.exists() {
        fs::remove_dir_all(&temporary).map_err(write_error(&temporary))?;
    }
    match outcome? {
        Outcome::Balanced => Ok(()),
        Outcome::Unbalanced => Err(Error::failure("the books do not balance")),
        Outcome::Interrupted => Err(Error::interrupted_demo()),
    }
}

/// Opens a list of scans. A folder holds none, and a pipe without a writer would block without end.
fn open(path: &Path) -> io::Result<File> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::IsADirectory,
            "it is a folder, and not a file with one code a line",
        ));
    }
    if !kind.is_fifo() {
        return File::open(path);
    }
    // Opened in this way, it does not wait for a writer.
    let file = OpenOptions::new().read(true).custom_flags(NONBLOCK).open(path)?;
    let patience = Timespec::try_from(WRITER_WITHIN).map_err(io::Error::other)?;
    if poll(&mut [PollFd::new(&file, PollFlags::IN)], Some(&patience))? == 0 {
        let why = format!("nothing was written into the pipe within {} s", WRITER_WITHIN.as_secs());
        return Err(io::Error::new(io::ErrorKind::TimedOut, why));
    }
    // From here on, reading waits for the writer as with any pipe.
    fcntl_setfl(&file, OFlags::empty())?;
    Ok(file)
}
