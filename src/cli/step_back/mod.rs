//! `stockpoint step-back`: restores the program before the last upgrade, with data that it can read.
//! `systemd/debian/step-back` calls it, with the service stopped.
//!
//! It decides on copies, in a scratch folder of the data folder. Then it changes the live files with one rename each,
//! in this order: the programs are exchanged, the goods are replaced, the outbox is replaced. So an interruption at any
//! system call leaves one of these states:
//!
//! - the newer program with the newer data, as before;
//! - the older program with the newer data, on which it refuses to start; this command then continues from there;
//! - the older program with data that it can read.
//!
//! The newer program never meets the older outbox, which it would deliver again.

mod plan;
mod program;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use self::plan::{Data, Plan};
use self::program::Program;
use super::args::StepBackArgs;
use super::{Error as CliError, owner_error, say};
use crate::child;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::owner;
use crate::store::BackupError;

/// The reason why there was no step back. Nothing was changed, unless the variant says so.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No program was kept.
    #[error("no earlier program is kept as {}", .0.display())]
    NoProgram(PathBuf),
    /// A program cannot read a copy of the data.
    #[error("{} cannot read a copy of the data: {said}", .program.display())]
    Unreadable {
        /// The program.
        program: PathBuf,
        /// Its output.
        said: String,
    },
    /// A program did not answer about a copy of the data.
    #[error("{} does not answer about a copy of the data", .program.display())]
    NoAnswer {
        /// The program.
        program: PathBuf,
        /// The reason.
        #[source]
        source: child::Error,
    },
    /// Undelivered data would be left behind.
    #[error("nothing is changed: the older program cannot read what is undelivered:\n{0}")]
    Undelivered(String),
    /// A file cannot be used.
    #[error("cannot use {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A database cannot be made whole or replaced.
    #[error("cannot replace the data")]
    Data(#[from] BackupError),
    /// The data could not be replaced, after the programs were exchanged.
    #[error("the older program is in its place, and cannot start yet: the data is not replaced")]
    HalfDone(#[source] BackupError),
}

impl Error {
    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Undelivered(_) => {
                Some("wait until it is delivered, or leave it here with --leave-undelivered")
            }
            Self::HalfDone(_) => {
                Some("run `/usr/lib/stockpoint/step-back` again, until it ends without an error")
            }
            Self::Data(error) => error.hint(),
            Self::NoProgram(_) | Self::Unreadable { .. } | Self::NoAnswer { .. } | Self::File { .. } => None,
        }
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        match error.hint() {
            Some(hint) => Self::failure(error).hint(hint),
            None => Self::failure(error),
        }
    }
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
    move |source| Error::File { path: path.to_owned(), source }
}

/// Puts the earlier program and its data in their places.
pub(super) fn step_back(out: &mut impl Write, config: &Config, wish: &StepBackArgs) -> Result<(), CliError> {
    if !wish.previous.is_file() {
        return Err(Error::NoProgram(wish.previous.clone()).into());
    }
    // Programs and copies must be found from any folder.
    let dir = &std::path::absolute(&config.station.data_dir).map_err(file_error(&config.station.data_dir))?;
    let plan = owner::run_as_owner(dir, || Plan::of(dir, config, wish)).map_err(owner_error(dir))??;
    // The programs come first: the older one refuses the newer data, the newer one would deliver the older outbox.
    if plan.exchanges {
        exchange(&wish.installed, &wish.previous)?;
    }
    // From here on, a failure may leave a station that cannot start; the hint of its error names the next step.
    let now = SystemClock::new().wall();
    let kept = owner::run_as_owner(dir, || plan.replace_data(now))
        .map_err(owner_error(dir))?
        .map_err(Error::HalfDone)?;
    let data = match (&plan.data, &kept) {
        (Data::AsItIs, _) => "with the data as it is".to_owned(),
        (Data::AsBefore, _) => "with the data as it was before the upgrade".to_owned(),
        (Data::Empty(_), Some(kept)) => {
            format!("with empty books; the earlier ones are kept in {}", kept.display())
        }
        (Data::Empty(_), None) => "with empty books".to_owned(),
    };
    let version = Program::new(&wish.installed).version();
    say(out, &format!("stockpoint: {version} is in its place, {data}\n"))
}

/// Exchanges two programs in one atomic step, and returns when that is on the disk. Neither place is ever empty.
fn exchange(installed: &Path, previous: &Path) -> Result<(), Error> {
    renameat_with(CWD, installed, CWD, previous, RenameFlags::EXCHANGE)
        .map_err(|errno| file_error(previous)(errno.into()))?;
    for program in [installed, previous] {
        let folder = program.parent().unwrap_or(Path::new("/"));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(file_error(folder))?;
    }
    Ok(())
}

/// Removes a folder with its content, if it is there.
fn remove_folder(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file_error(path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
