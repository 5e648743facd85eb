//! `stockpoint adopt`, `stockpoint backup` and `stockpoint restore`: the machine that the data belongs to, and its
//! moves to another one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::args::{AdoptArgs, RestoreArgs};
use super::{Error, data, data_if_any, owner_error, read_error, say, take_over, write_error};
use crate::app::FolderLock;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::domain::count::counted;
use crate::domain::home::{Home, belongs_to};
use crate::machine;
use crate::owner::{self, Owner};
use crate::socket::{self, Request};
use crate::status::rfc3339;
use crate::store::{self, Adopted, Adoption, Backup, BackupError, BackupFile, Replace, Share, Shares};

/// The name of the file in the data folder in which a backup is made that root then copies to its place.
const BACKUP_SCRATCH: &str = "backup.part-of-root";

/// Returns the home that this configuration has on this machine.
fn here(config: &Config) -> Home {
    config.home(machine::read(&machine::Roots::default()))
}

/// Makes a data folder from elsewhere belong to this station.
pub(super) fn adopt(out: &mut impl Write, config: &Config, wanted: &AdoptArgs) -> Result<(), Error> {
    let adoption = if wanted.copy { Adoption::Copy } else { Adoption::Moved };
    let mut db = data(config)?;
    let adopted = db.adopt(adoption, &here(config), SystemClock::new().wall())?;
    let share = match adopted {
        Adopted::NotForeign => {
            let dir = config.station.data_dir.display();
            return Err(Error::failure(format!("the data folder {dir} belongs to this station already")));
        }
        Adopted::SameName(name) => {
            return Err(Error::failure(format!(
                "the copy has the name of the other station: its documents carry the name {name}"
            ))
            .hint("set another station.name, then adopt the copy"));
        }
        Adopted::Done(share) => share,
    };
    let text = told(adoption, &share, &config.station.name);
    // Without an agent the delivery continues when one starts.
    let _woken = socket::ask(&config.station.data_dir, Request::Wake);
    say(out, &text)
}

/// Returns the results of an adoption, one fact a line.
fn told(adoption: Adoption, done: &Shares, station: &str) -> String {
    let mut lines = vec![match adoption {
        Adoption::Moved => {
            "the data folder belongs here now; what is unsent is looked for on the service first".to_owned()
        }
        Adoption::Copy => format!("the data folder is that of station {station} now"),
    }];
    let documents =
        |share: Share| format!("{} ({} units)", counted(share.documents, "document"), share.units);
    if done.aside.documents > 0 {
        let aside = documents(done.aside);
        lines.push(format!("{aside} put aside: never sent from here; `outbox list --all` shows them"));
    }
    if done.back.documents > 0 {
        lines.push(format!("{} of this location waited here and will be sent", documents(done.back)));
    }
    if done.parked > 0 {
        let scans = counted(done.parked, "parked scan");
        lines.push(format!("{scans} dropped: the codes are not of this station"));
    }
    if done.assignments > 0 {
        let codes = counted(done.assignments, "code");
        lines.push(format!("{codes} no longer given to a good: the goods were another location's"));
    }
    lines.join("\n") + "\n"
}

/// Writes everything of this station, without the tokens, into a new file.
pub(super) fn backup(
    out: &mut impl Write,
    config: &Config,
    config_file: &Path,
    file: &Path,
) -> Result<(), Error> {
    let text = fs::read_to_string(config_file).map_err(read_error(config_file))?;
    let dir = &config.station.data_dir;
    // The data is read as its owner, who may not write to the place that root has named.
    let made = match Owner::to_become(dir).map_err(owner_error(dir))? {
        Some(_) => backup_by_root(config, &text, file)?,
        None => data(config)?.back_up(file, &text, SystemClock::new().wall())?,
    };
    let undelivered = counted(made.unsent, "undelivered document");
    say(
        out,
        &format!(
            "{} holds station {} with {undelivered}; tokens are not in it\n",
            file.display(),
            made.station
        ),
    )
}

/// Makes the backup in the folder as the owner of the data; then root, which may write elsewhere, copies it to its
/// place.
fn backup_by_root(config: &Config, text: &str, file: &Path) -> Result<Backup, Error> {
    if file.exists() {
        return Err(BackupError::Exists(file.to_owned()).into());
    }
    let dir = &config.station.data_dir;
    let scratch = dir.join(BACKUP_SCRATCH);
    let write = || -> Result<(Backup, File), Error> {
        remove_if_there(&scratch)?;
        let made = data(config)?.back_up(&scratch, text, SystemClock::new().wall())?;
        // The open file is all that root needs; its name in the owner's folder could be changed meanwhile.
        let content = File::open(&scratch).map_err(read_error(&scratch))?;
        remove_if_there(&scratch)?;
        Ok((made, content))
    };
    let (made, mut content) = owner::run_as_owner(dir, write).map_err(owner_error(dir))??;
    // Under its own name the backup appears only when all of it is on the disk.
    let part = file.with_added_extension("part");
    copy_out(&mut content, &part, file).inspect_err(|_failed| {
        // An incomplete file is of no use; the failure itself is reported.
        let _removed = fs::remove_file(&part);
    })?;
    Ok(made)
}

/// Copies an open file to `part`, and then gives it its name `file`.
fn copy_out(content: &mut File, part: &Path, file: &Path) -> Result<(), Error> {
    remove_if_there(part)?;
    let mut copy = || -> io::Result<()> {
        let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part)?;
        io::copy(content, &mut out)?;
        out.sync_all()?;
        fs::rename(part, file)?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // The rename itself survives a power cut only with its folder on the disk.
        File::open(folder)?.sync_all()
    };
    copy().map_err(write_error(file))
}

fn remove_if_there(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(write_error(path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Puts a backup in the place of this station's data.
pub(super) fn restore(out: &mut impl Write, config: &Config, wanted: &RestoreArgs) -> Result<(), Error> {
    let dir = &config.station.data_dir;
    // Root may read a backup that the owner of the data may not, so it is opened first.
    let backup = BackupFile::open(&wanted.file)?;
    store::make_folder(dir).map_err(write_error(dir))?;
    take_over(dir)?;
    // An agent with the data open would write into the files that are replaced.
    let _lock = FolderLock::take(dir)?;
    let replace = if wanted.force { Replace::Anything } else { Replace::OnlyDelivered };
    let now = SystemClock::new().wall();
    let done = store::restore(dir, backup, &here(config).books, replace, now)?;
    let undelivered = counted(done.backup.unsent, "undelivered document");
    let made = rfc3339(done.backup.made);
    say(out, &format!("restored station {} as of {made}, with {undelivered}\n", done.backup.station))?;
    if let Some(kept) = &done.replaced {
        say(out, &format!("the data that was here is kept as {}\n", kept.display()))?;
    }
    say(
        out,
        "at the next start, what is unsent is looked for on the service before it is sent; on another machine, run \
         `stockpoint adopt --moved` first\n",
    )
}

/// Prints a warning if the data belongs to another machine or station: a new configuration does not change that.
pub(super) fn warn_if_foreign(out: &mut impl Write, config: &Config) -> Result<(), Error> {
    let dir = &config.station.data_dir;
    let home = || -> Result<Option<Home>, Error> {
        Ok(data_if_any(config)?.map(|db| db.home()).transpose()?.flatten())
    };
    let home = owner::run_as_owner(dir, home).map_err(owner_error(dir))??;
    let differences = home.map(|home| home.differences(&here(config))).unwrap_or_default();
    if differences.is_empty() {
        return Ok(());
    }
    let text = format!(
        "{}: nothing is sent before `stockpoint adopt --moved` or `stockpoint adopt --copy`\n",
        belongs_to(&differences)
    );
    say(out, &text)
}

/// Prints the configuration that a backup carries.
pub(super) fn show_config(out: &mut impl Write, file: &Path) -> Result<(), Error> {
    say(out, &store::read_backup(file)?.config)
}
