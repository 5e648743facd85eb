//! The data that survives a power cut: two SQLite files, owned by one thread.
//!
//! `outbox.db` holds the journal of every frame, the operations made of them, and the progress of their delivery. Each
//! commit is on the disk when it returns (`synchronous=FULL`). If the file is damaged it is moved aside, never deleted,
//! and a new one begun. `goods.db` is a copy of the server's goods table; if it is damaged it is deleted and fills
//! again.
//!
//! [`Db`] is the two files, used from one thread. [`Store`] passes jobs to the thread that owns them through a bounded
//! queue. A command beside a running agent opens a [`Db`] of its own: SQLite keeps the two apart.
//!
//! Invariant: SQL stands in this module and nowhere else.

mod agenda;
mod alarms;
mod assigned;
mod backup;
mod backup_error;
mod barcodes;
mod connect;
mod correct;
mod damage;
mod figures;
mod files;
mod goods;
mod home;
mod indexing;
mod journal;
mod kits;
mod labels;
mod location;
mod log;
mod modes;
mod open;
mod opening;
mod origin;
mod outbox;
mod parked;
mod previous;
mod prune;
mod read;
mod reading;
mod repair;
mod reserve;
mod revoke;
mod stream;
pub mod swap;
#[cfg(test)]
mod tests;
mod thread;
mod totals;

use std::io;
use std::path::PathBuf;

use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use rusqlite::{Connection, ErrorCode};

pub use agenda::{Agenda, AgendaVersion, Failing, Failure, Waiting};
pub use alarms::{Alarm, Cause, Overdue, Reviewed};
pub use assigned::{Assigned, Assignment, Given, find_given};
pub use backup::{Backup, BackupFile, Replace, RestoredData, read_backup, restore};
pub use backup_error::BackupError;
pub use barcodes::{BarcodeFault, NamedGood};
pub use correct::{Corrected, Correction};
pub use damage::{Damaged, suspect};
pub use figures::{Figures, ScanCounts, StateCount};
pub use goods::GoodsFigures;
pub use home::{Adopted, Adoption, Data, Share, Shares};
pub use journal::NewScan;
pub use labels::{LabelFacts, SerializedItem};
pub use location::{Location, zone_of_text};
pub use modes::{make_folder, open_file};
pub use open::{CommitHook, OpenOptions};
pub use outbox::{Advance, OperationFilter, Pending, RepeatedFailure, Summary, TrailEntry};
pub use parked::{ParkedAt, ParkedCode, Unparked};
pub use previous::PREVIOUS_DIR;
pub use prune::Pruned;
pub use reading::{Collected, CopyState, Doubt, FullReading, GoodsPage, Proof, ReadingNumbers};
pub use repair::Repaired;
pub use revoke::{Revoked, Undo};
pub use stream::{Cursor, DeliveryEntry, JournalEntry, OperationEntry, ScanEntry, ScanFilter};
pub use thread::{STORE_QUEUE_MAX, Store, StoreClosed, StoreThread};

use crate::domain::code::pack::Packs;
use crate::domain::ids::ScanId;
use crate::domain::stock::kit::KitScan;
use reserve::Reserve;

/// Name of the file of everything that cannot be obtained again, in the data folder.
pub const OUTBOX_FILE: &str = "outbox.db";
/// Name of the file of the goods table's copy, in the data folder.
pub const GOODS_FILE: &str = "goods.db";
/// The names of both, each with its log.
pub const FILES: [&str; 4] = [OUTBOX_FILE, "outbox.db-wal", GOODS_FILE, "goods.db-wal"];

/// The words between the file and its version in [`Error::NewerSchema`]. The program that a step back runs may be an
/// older or a newer one: these words stay as they are.
pub const SCHEMA_WORDS: &str = " has schema version";

/// The reason why a job of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file was written by a later version of this program. Nothing was touched.
    #[error("{path}{SCHEMA_WORDS} {found}, and this program knows versions up to {known}")]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest this program knows.
        known: u32,
    },
    /// The data folder or a file in it cannot be used. Nothing was stored.
    #[error("cannot use {path}")]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The file is not a sound database. Nothing was stored; the next start moves it aside.
    #[error("{path} is damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// SQLite's reason.
        #[source]
        source: rusqlite::Error,
    },
    /// The disk is full. Nothing was stored, and what was stored before is whole.
    #[error("the disk is full")]
    DiskFull,
    /// SQLite refused for another reason. Nothing was stored.
    #[error("the database cannot be used")]
    Sql(#[source] rusqlite::Error),
    /// A row holds a value that this program never writes.
    #[error("{what} in the database is not as this program writes it")]
    Unexpected {
        /// The value.
        what: &'static str,
    },
    /// No operation has this number.
    #[error("no document {0}")]
    NoOperation(i64),
}

impl Error {
    /// Returns the action of a person that helps, if there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NewerSchema { .. } => Some(
                "install the newer program again, or go back to the older data with `/usr/lib/stockpoint/step-back`",
            ),
            Self::Damaged { .. } => Some(
                "start the agent, which sets a damaged file aside and begins a new one; keep what it sets aside",
            ),
            Self::DiskFull => Some("make room on the disk of the data folder"),
            Self::NoOperation(_) => Some("`stockpoint outbox list --all` shows the documents"),
            Self::Folder { .. } | Self::Sql(_) | Self::Unexpected { .. } => None,
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        // The log's index is a file as well, and SQLite has an error of its own for one that cannot grow.
        let is_index = error.sqlite_error().is_some_and(|error| error.extended_code == SQLITE_IOERR_SHMSIZE);
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            _ if is_index => Self::DiskFull,
            _ => Self::Sql(error),
        }
    }
}

impl Error {
    /// Returns true if the file itself is broken: going on is not safe.
    pub fn is_damage(&self) -> bool {
        let broken = matches!(self.code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase));
        matches!(self, Self::Damaged { .. }) || broken
    }

    /// Returns true if the same may work later: the disk is full, another process is writing, or the disk failed once.
    pub fn is_passing(&self) -> bool {
        // Busy and locked: a command beside the agent wrote for longer than a statement waits. An I/O error: memory
        // cards fail once and work again.
        let passing = matches!(
            self.code(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::SystemIoFailure)
        );
        matches!(self, Self::DiskFull) || passing
    }

    fn code(&self) -> Option<ErrorCode> {
        if let Self::Sql(source) = self { source.sqlite_error_code() } else { None }
    }
}

/// The two files, opened.
#[derive(Debug)]
pub struct Db {
    outbox: Connection,
    goods: Connection,
    station: String,
    /// The last journal row that this start found; scans parked up to it may have been booked by another copy.
    found_to: ScanId,
    boot: i64,
    log: log::Log,
    goods_log: log::Log,
    /// The number of commits of the outbox when the counts were brought up to date.
    counted_at: u32,
    indexing: Option<indexing::Indexing>,
    sweep: prune::Sweep,
    damaged: Vec<Damaged>,
    /// `None` beside an agent, which owns the reserved room.
    reserve: Option<Reserve>,
    /// The kits whose parked scans may be booked; none until they are set.
    kits: KitScan,
    packs: Packs,
}

impl Db {
    /// Sets the kits whose parked scans may be booked; parked scans of other kits stay parked.
    pub fn allow_kits(&mut self, kits: KitScan) {
        self.kits = kits;
    }

    /// Sets the packs that codes may stand for from now on.
    pub fn set_packs(&mut self, packs: Packs) {
        self.packs = packs;
    }

    /// Returns the files that were found damaged when this was opened, and where they are now.
    pub fn damaged(&self) -> &[Damaged] {
        &self.damaged
    }
}
