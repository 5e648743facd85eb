//! The plan of a step back, decided on copies of the data.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::program::{Books, CONFIG, Program, Told};
use super::{Error, file_error, remove_folder};
use crate::app::FolderLock;
use crate::cli;
use crate::cli::args::StepBackArgs;
use crate::config::{Config, quoted};
use crate::domain::time::UnixMillis;
use crate::store::swap::{self, Kept};
use crate::store::{BackupError, GOODS_FILE, OUTBOX_FILE, PREVIOUS_DIR};

/// The name of the folder of copies, in the data folder.
const SCRATCH: &str = "step-back.part";
/// The databases, in the order in which they are replaced: with the earlier goods, the older program still refuses the
/// newer outbox.
const DATABASES: [&str; 2] = [GOODS_FILE, OUTBOX_FILE];

/// The data for the older program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Data {
    /// The present data, which it can read.
    AsItIs,
    /// The copies that were kept at the upgrade: nothing was scanned or delivered since.
    AsBefore,
    /// Empty data; the present data is kept beside it.
    Empty(Kept),
}

/// A step back that can be carried out. It holds the lock of the data folder, so that no agent starts meanwhile.
#[derive(Debug)]
pub(super) struct Plan {
    /// True if the programs are exchanged; false if the older one is installed already.
    pub(super) exchanges: bool,
    pub(super) data: Data,
    dir: PathBuf,
    /// The databases that the older program cannot read.
    newer: Vec<&'static str>,
    /// The databases among these whose kept copy is too new as well.
    without_copy: Vec<&'static str>,
    /// The lock; `None`: there is no folder.
    lock: Option<FolderLock>,
}

impl Plan {
    /// Decides on a step back and prepares its files. Runs with the rights of the folder's owner.
    pub(super) fn of(dir: &Path, config: &Config, wish: &StepBackArgs) -> Result<Self, cli::Error> {
        let mut plan = Self {
            exchanges: true,
            data: Data::AsItIs,
            dir: dir.to_owned(),
            newer: Vec::new(),
            without_copy: Vec::new(),
            lock: None,
        };
        if !dir.is_dir() {
            return Ok(plan);
        }
        plan.lock = Some(FolderLock::take(dir)?);
        for name in DATABASES {
            swap::remove_second_names(&dir.join(name)).map_err(Error::Data)?;
        }
        plan.decide(config, wish)?;
        plan.prepare()?;
        Ok(plan)
    }

    /// Decides which program is the older one, and which data it gets.
    fn decide(&mut self, config: &Config, wish: &StepBackArgs) -> Result<(), Error> {
        // An interrupted step back may have left its copies.
        remove_folder(&self.scratch())?;
        make_folder(&self.scratch())?;
        let now = self.copies("now", config)?;
        let (installed, previous) = (Program::new(&wish.installed), Program::new(&wish.previous));
        let (older, newer) = match installed.reads(&now)? {
            // An older package was installed over a newer one.
            Told::Newer(_) => {
                self.exchanges = false;
                (installed, previous)
            }
            Told::Books(_) => (previous, installed),
        };
        let books = self.books_before(older, config)?;
        if self.newer.is_empty() {
            return Ok(());
        }
        let Told::Books(books_now) = newer.reads(&now)? else {
            return Err(newer.cannot_read(OUTBOX_FILE));
        };
        // Equal books mean that nothing was scanned or delivered since the upgrade.
        self.data = match (books.are_those_of(&books_now), books_now.are_delivered()) {
            (true, _) => Data::AsBefore,
            (false, true) => Data::Empty(Kept::Aside),
            (false, false) if wish.leave_undelivered => Data::Empty(Kept::Undelivered),
            (false, false) => return Err(Error::Undelivered(newer.lists(&now)?)),
        };
        Ok(())
    }

    /// Returns the books of the older program, with the present data that it can read and the kept copies of the rest.
    fn books_before(&mut self, older: Program<'_>, config: &Config) -> Result<Books, Error> {
        let before = self.copies("before", config)?;
        loop {
            match older.reads(&before)? {
                Told::Books(books) => return Ok(books),
                Told::Newer(name) => self.go_back(&before, older, &name)?,
            }
        }
    }

    /// Puts the kept copy of a database into its place among the copies, unless that copy is too new as well.
    fn go_back(&mut self, before: &Path, older: Program<'_>, name: &str) -> Result<(), Error> {
        let Some(name) =
            DATABASES.iter().find(|known| **known == name && !self.without_copy.contains(*known))
        else {
            return Err(older.cannot_read(name));
        };
        // A log that belongs to another database would damage this one.
        for suffix in ["", "-wal", "-shm"] {
            remove(&before.join(format!("{name}{suffix}")))?;
        }
        if self.newer.contains(name) {
            self.without_copy.push(name);
            return Ok(());
        }
        self.newer.push(name);
        copy_if_there(&self.kept_at_upgrade(name), &before.join(name))
    }

    /// Makes one whole file on the disk of each file that will take a place, and of each database that will make room.
    fn prepare(&mut self) -> Result<(), Error> {
        if let Data::Empty(_) = self.data
            && !self.newer.contains(&OUTBOX_FILE)
        {
            self.newer.push(OUTBOX_FILE);
        }
        // The programs have opened their copies; a file that takes a place must never have been opened.
        let places = self.scratch().join("places");
        if !self.newer.is_empty() {
            make_folder(&places)?;
        }
        for name in &self.newer {
            if self.takes_copy(name) {
                copy_if_there(&self.kept_at_upgrade(name), &places.join(name))?;
            }
            swap::make_whole(&self.dir.join(name))?;
        }
        Ok(())
    }

    /// Replaces the data that the older program cannot read, and returns the place where the outbox is kept.
    pub(super) fn replace_data(&self, now: UnixMillis) -> Result<Option<PathBuf>, BackupError> {
        let mut outbox = None;
        for name in DATABASES.iter().filter(|name| self.newer.contains(*name)) {
            let place = self.scratch().join("places").join(name);
            let kept = match (*name, self.data) {
                (OUTBOX_FILE, Data::Empty(kept)) => kept,
                (OUTBOX_FILE, _) => Kept::Aside,
                _ => Kept::Not,
            };
            let by = Some(place.as_path()).filter(|place| place.exists());
            outbox = swap::replace(&self.dir.join(name), by, kept, now)?;
        }
        // A leftover does no harm, and the next step back removes it.
        let _removed = remove_folder(&self.scratch());
        Ok(outbox)
    }

    /// Returns true for a database whose copy takes its place: false for an outbox that begins empty.
    fn takes_copy(&self, name: &str) -> bool {
        !self.without_copy.contains(&name) && (name != OUTBOX_FILE || self.data == Data::AsBefore)
    }

    fn scratch(&self) -> PathBuf {
        self.dir.join(SCRATCH)
    }

    fn kept_at_upgrade(&self, name: &str) -> PathBuf {
        self.dir.join(PREVIOUS_DIR).join(name)
    }

    /// Makes a folder with copies of the databases, logs included, and a configuration for it.
    fn copies(&self, name: &str, config: &Config) -> Result<PathBuf, Error> {
        let folder = self.scratch().join(name);
        make_folder(&folder)?;
        for file in DATABASES.iter().flat_map(|name| [(*name).to_owned(), format!("{name}-wal")]) {
            copy_if_there(&self.dir.join(&file), &folder.join(&file))?;
        }
        let station = &config.station;
        let text = format!(
            "[station]\nname = {}\nlocation_id = {}\nstorage_id = {}\ndata_dir = {}\n",
            quoted(&station.name),
            station.location_id,
            station.storage_id,
            quoted(&folder.to_string_lossy())
        );
        let file = folder.join(CONFIG);
        fs::write(&file, text).map_err(file_error(&file))?;
        Ok(folder)
    }
}

/// Makes a folder for the owner alone.
fn make_folder(path: &Path) -> Result<(), Error> {
    DirBuilder::new().mode(0o700).create(path).map_err(file_error(path))
}

/// Copies a file, if it is there, and returns when all of it is on the disk.
fn copy_if_there(from: &Path, to: &Path) -> Result<(), Error> {
    match fs::copy(from, to) {
        Ok(_bytes) => File::open(to).and_then(|file| file.sync_all()).map_err(file_error(to)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(file_error(from)(error)),
    }
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file_error(path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
