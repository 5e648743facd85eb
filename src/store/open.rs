//! Opens the files: pragmas, versions, and the handling of a damaged file.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::connect::WAL_BYTES;
use super::connect::connect;
use super::connect::keep_log;
use super::connect::named;
use super::damage;
use super::damage::CheckDepth;
use super::damage::Content;
use super::damage::Damaged;
use super::files::size;
use super::files::with_suffix;
use super::log::Log;
use super::prune::Sweep;
use super::reserve::Reserve;
use super::{Db, Error, GOODS_FILE, OUTBOX_FILE, goods, modes, parked, previous};
use crate::domain::code::pack::Packs;
use crate::domain::ids::ScanId;
use crate::domain::stock::kit::KitScan;
use crate::domain::time::UnixMillis;

/// The longest wait of a statement for another process that writes (a command beside the agent).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A function that runs before each commit of the outbox; `true` makes the commit fail. For tests that cut the power.
pub type CommitHook = Box<dyn FnMut() -> bool + Send>;

/// The place and the options of opening.
pub struct OpenOptions<'a> {
    /// The data folder; it is made if it does not exist.
    pub dir: &'a Path,
    /// The station's name, part of every marker.
    pub station: &'a str,
    /// The kernel's id of this boot.
    pub boot_id: &'a str,
    /// The wall clock now, to name a file that must be moved aside.
    pub now: UnixMillis,
    /// The commit hook, for tests.
    pub commit_hook: Option<CommitHook>,
}

impl std::fmt::Debug for OpenOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenOptions").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// The properties of one of the two files.
pub(super) struct Plan {
    name: &'static str,
    /// The upgrades: `steps[n]` takes version `n` to `n + 1`.
    steps: &'static [&'static str],
    synchronous: &'static str,
    /// The pages in the log after which a commit checkpoints it, until a thread of its own does; 0: `Db::do_housekeeping` does.
    autocheckpoint: u16,
    /// The content, which decides what becomes of a damaged file.
    content: Content,
}

pub(super) const OUTBOX: Plan = Plan {
    name: OUTBOX_FILE,
    steps: &[
        include_str!("schema/outbox_v1.sql"),
        include_str!("schema/outbox_v2.sql"),
        include_str!("schema/outbox_v3.sql"),
        include_str!("schema/outbox_v4.sql"),
        include_str!("schema/outbox_v5.sql"),
        include_str!("schema/outbox_v6.sql"),
        include_str!("schema/outbox_v7.sql"),
        include_str!("schema/outbox_v8.sql"),
        include_str!("schema/outbox_v9.sql"),
    ],
    // A signal is a promise: the commit must be on the disk, not only in the log's buffer.
    synchronous: "FULL",
    // A checkpoint takes two flushes: it is done between scans, never inside a scan's commit.
    autocheckpoint: 0,
    content: Content::Unique,
};

const GOODS: Plan = Plan {
    name: GOODS_FILE,
    steps: &[
        include_str!("schema/goods_v1.sql"),
        include_str!("schema/goods_v2.sql"),
        include_str!("schema/goods_v3.sql"),
    ],
    // Losing the last commits of a copy costs one more reading of a page.
    synchronous: "NORMAL",
    // 1 MiB: a reading of a hundred thousand goods is checkpointed bit by bit, not at once while a scan waits.
    autocheckpoint: 256,
    content: Content::Cache,
};

impl Db {
    /// Opens both files; creates or upgrades them as needed.
    ///
    /// # Errors
    /// [`Error::NewerSchema`] if a file is of a later version, in which case neither was touched;
    /// [`Error::Folder`] if the folder cannot be used; [`Error::Sql`] or [`Error::DiskFull`] otherwise.
    pub fn open(options: OpenOptions<'_>) -> Result<Self, Error> {
        let folder = |source| Error::Folder { path: options.dir.to_owned(), source };
        modes::make_folder(options.dir).map_err(folder)?;
        modes::close_files(options.dir);
        // Both are checked before either is opened for writing: a refused start must leave both as they were.
        for plan in [&OUTBOX, &GOODS] {
            plan.refuse_newer(options.dir)?;
        }
        let mut damaged = Vec::new();
        let mut reserve = Reserve::new(options.dir);
        let (mut outbox, goods, boot) = match open_files(&options, PreviousCopy::Keep, &mut damaged) {
            // Without the copy of the older version and with the reserved room the upgrade may fit: stored scans must
            // be delivered on a full disk too.
            Err(Error::DiskFull) if reserve.give_away() => {
                open_files(&options, PreviousCopy::Skip, &mut damaged)?
            }
            opened => opened?,
        };
        damage::clear_suspicion(options.dir)?;
        // Reserved at the first start, and again if it was given away and there is room now.
        reserve.hold();
        // Set only now: tests cut commits of the work, never those of opening.
        if let Some(hook) = options.commit_hook {
            outbox.commit_hook(Some(hook))?;
        }
        for connection in [&outbox, &goods] {
            // The check above has read every page; a station at rest holds none of them.
            connection.execute_batch("PRAGMA shrink_memory")?;
        }
        let mut log = Log::default();
        log.watch(&mut outbox)?;
        let (station, reserve) = (options.station.to_owned(), Some(reserve));
        Ok(Self {
            outbox,
            goods,
            station,
            // `check_home` sets it.
            found_to: ScanId(0),
            boot,
            log,
            goods_log: Log::default(),
            counted_at: 0,
            indexing: None,
            sweep: Sweep::default(),
            damaged,
            reserve,
            kits: KitScan::default(),
            packs: Packs::default(),
        })
    }
}

/// The choice whether an older file is copied before it is upgraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PreviousCopy {
    /// It is copied first.
    Keep,
    /// It is not copied: the file itself needs the room that is left.
    Skip,
}

/// Opens both files, brings their rows to this program's form, and returns them with the row of this boot.
fn open_files(
    options: &OpenOptions<'_>,
    copy: PreviousCopy,
    damaged: &mut Vec<Damaged>,
) -> Result<(Connection, Connection, i64), Error> {
    let mut outbox = OUTBOX.open(options, copy, damaged)?;
    parked::carry_over(&mut outbox)?;
    let mut goods = GOODS.open(options, copy, damaged)?;
    goods::renew_keys(&mut goods)?;
    let path = options.dir.join(OUTBOX_FILE);
    let grown = grow_wal(&mut outbox, &path).and_then(|()| boot_row(&outbox, options.boot_id));
    let boot = grown.map_err(|error| named(&path, error))?;
    Ok((outbox, goods, boot))
}

impl Db {
    /// Opens the files for a command, which may run beside an agent: nothing is created, upgraded or moved aside.
    /// Returns `None` if there is no data yet.
    ///
    /// # Errors
    /// [`Error::NewerSchema`]; [`Error::Sql`]; [`Error::Unexpected`] if the files are of an older version, which
    /// the agent upgrades when it starts.
    pub fn open_beside(dir: &Path, station: &str) -> Result<Option<Self>, Error> {
        // An agent at its first start creates the empty file before it writes the schema.
        if [OUTBOX_FILE, GOODS_FILE].iter().any(|name| size(&dir.join(name)) == 0) {
            return Ok(None);
        }
        for plan in [&OUTBOX, &GOODS] {
            plan.refuse_newer(dir)?;
        }
        let (Some(outbox), Some(goods)) = (OUTBOX.join(dir)?, GOODS.join(dir)?) else { return Ok(None) };
        let station = station.to_owned();
        Ok(Some(Self {
            outbox,
            goods,
            station,
            // A command cannot know what the agent's start found.
            found_to: ScanId(i64::MAX),
            boot: 0,
            log: Log::default(),
            goods_log: Log::default(),
            counted_at: 0,
            indexing: None,
            sweep: Sweep::default(),
            damaged: Vec::new(),
            reserve: None,
            kits: KitScan::default(),
            packs: Packs::default(),
        }))
    }
}

impl Plan {
    /// Opens the file for a command; returns `None` for an empty file, which an agent is just creating.
    fn join(&self, dir: &Path) -> Result<Option<Connection>, Error> {
        let connection = connect(&dir.join(self.name), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // Version 0: the schema's transaction is not committed yet.
        match user_version(&connection)? {
            0 => return Ok(None),
            found if found == self.version() => {}
            _ => return Err(Error::Unexpected { what: "the schema of an older version" }),
        }
        set_pragmas(&connection, self)?;
        keep_log(&connection)?;
        Ok(Some(connection))
    }

    pub(super) fn version(&self) -> u32 {
        u32::try_from(self.steps.len()).unwrap_or(u32::MAX)
    }

    /// Checks the version and changes nothing, not even the log.
    fn refuse_newer(&self, dir: &Path) -> Result<(), Error> {
        let path = dir.join(self.name);
        if size(&path) == 0 {
            return Ok(());
        }
        // A file that cannot be opened or read is judged later, by code that knows how to keep a damaged one.
        let Ok(connection) = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE) else { return Ok(()) };
        // Closing must not checkpoint into a file that is not ours to write.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        match user_version(&connection) {
            Ok(found) if found > self.version() => {
                Err(Error::NewerSchema { path, found, known: self.version() })
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Opens the file for the agent. A damaged one is put aside first and a new one begun.
    fn open(
        &self,
        options: &OpenOptions<'_>,
        copy: PreviousCopy,
        damaged: &mut Vec<Damaged>,
    ) -> Result<Connection, Error> {
        let path = options.dir.join(self.name);
        let depth = damage::check_depth(options.dir);
        match self.prepare(&path, depth, copy) {
            Err(error) if error.is_damage() => {
                damaged.push(damage::put_aside(&path, self.content, options.now)?);
                // The damaged file is out of the way: the second try creates a new one.
                self.prepare(&path, depth, copy)
            }
            result => result,
        }
        .map_err(|error| named(&path, error))
    }

    fn prepare(&self, path: &Path, depth: CheckDepth, copy: PreviousCopy) -> Result<Connection, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        // Before the file is created: beside a new file SQLite would delete the log.
        damage::refuse_lone_log(path)?;
        modes::make_file(path).map_err(|source| Error::Folder { path: path.to_owned(), source })?;
        let mut connection = connect(path, flags)?;
        // A damaged file is kept as it was found: closing it must not checkpoint the log and delete it.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        set_pragmas(&connection, self)?;
        damage::check(&connection, path, depth)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        self.upgrade(&mut connection, path, copy)?;
        keep_log(&connection)?;
        Ok(connection)
    }

    /// Runs all missing steps in one transaction, and writes the version last: a file is of one version or of another.
    fn upgrade(&self, connection: &mut Connection, path: &Path, copy: PreviousCopy) -> Result<(), Error> {
        let found = user_version(connection)?;
        if found == self.version() {
            return Ok(());
        }
        if found > 0 && copy == PreviousCopy::Keep {
            keep_previous(connection, path)?;
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Read again under the write lock: another process may have upgraded the file since.
        let found = usize::try_from(user_version(&transaction)?).unwrap_or(usize::MAX);
        for step in self.steps.iter().skip(found) {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "user_version", self.version())?;
        transaction.commit()?;
        Ok(())
    }
}

/// Keeps a copy of the older version.
///
/// If the copy does not fit, the file is upgraded without: stored data must be delivered, and an older program can
/// still be installed with the newer file put aside.
fn keep_previous(connection: &Connection, path: &Path) -> Result<(), Error> {
    match previous::keep(connection, path) {
        Err(Error::DiskFull) => {
            let file = path.display();
            tracing::error!(%file, "no copy of the older version is kept: the disk is full");
            Ok(())
        }
        kept => kept,
    }
}

fn set_pragmas(connection: &Connection, plan: &Plan) -> Result<(), Error> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Readers (a command beside the agent) never wait for the writer, and a commit is one write of the log.
    let _mode: String = connection.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0))?;
    connection.pragma_update(None, "synchronous", plan.synchronous)?;
    connection.pragma_update(None, "wal_autocheckpoint", plan.autocheckpoint)?;
    // 1 MiB of pages: enough for the upper levels of every tree, small enough for a 512 MB board.
    connection.pragma_update(None, "cache_size", -1024)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // More than the statements of the agent's steady work, so that none of them is prepared twice; rusqlite's default
    // is 16.
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Returns the schema version of a file; 0 before the first step.
fn user_version(connection: &Connection) -> Result<u32, Error> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// Returns the number of this boot, and gives it one if it has none.
fn boot_row(connection: &Connection, boot_id: &str) -> Result<i64, Error> {
    // A second start within one boot finds the row of the first: times since boot are comparable between them.
    connection.execute("INSERT OR IGNORE INTO boots (boot_id) VALUES (?1)", [boot_id])?;
    Ok(connection.query_row("SELECT id FROM boots WHERE boot_id = ?1", [boot_id], |row| row.get(0))?)
}

/// Grows the log once to its working size and checkpoints it, so that later commits overwrite it in place.
fn grow_wal(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    let missing = WAL_BYTES.saturating_sub(size(&with_suffix(path, "-wal")));
    if missing == 0 {
        return Ok(());
    }
    // Zeros of the missing size pass through the log. RESTART then lets the next commit begin at its start, and the
    // file keeps its length.
    let transaction = connection.transaction()?;
    transaction.execute_batch("CREATE TABLE ballast (bytes BLOB)")?;
    transaction
        .execute("INSERT INTO ballast VALUES (zeroblob(?1))", [i64::try_from(missing).unwrap_or(0)])?;
    transaction.commit()?;
    connection.execute_batch("DROP TABLE ballast; PRAGMA wal_checkpoint(RESTART)")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

    const ONE: &str = "CREATE TABLE one (x); INSERT INTO one VALUES (1)";

    /// Returns the plan of a separate file, so that the tests do not change with the real ones.
    const fn plan(steps: &'static [&'static str]) -> Plan {
        Plan { name: "plan.db", steps, synchronous: "FULL", autocheckpoint: 0, content: Content::Unique }
    }

    fn open(plan: &Plan, dir: &TempDir) -> Result<Connection, Error> {
        let options = OpenOptions {
            dir: dir.path(),
            station: "dock-1",
            boot_id: "a boot",
            now: NOW,
            commit_hook: None,
        };
        plan.open(&options, PreviousCopy::Keep, &mut Vec::new())
    }

    fn tables(connection: &Connection) -> String {
        let sql = "SELECT coalesce(group_concat(name, ' ' ORDER BY name), '') FROM sqlite_schema";
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_file_is_not_trusted_whatever_it_is_opened_for() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("plan.db");
        for flags in [
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
            OpenFlags::SQLITE_OPEN_READ_WRITE,
            OpenFlags::SQLITE_OPEN_READ_ONLY,
        ] {
            let connection = connect(&path, flags).unwrap();
            let pragma = |name: &str| -> i64 {
                connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)).unwrap()
            };
            assert_eq!([pragma("trusted_schema"), pragma("cell_size_check")], [0, 1]);
            assert!(connection.db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE).unwrap());
            let _ignored = connection.pragma_update(None, "writable_schema", true);
            connection.execute("UPDATE sqlite_schema SET sql = ''", []).unwrap_err();
        }
    }

    #[test]
    fn what_no_statement_uses_is_not_built_in() {
        let connection = open(&plan(&[ONE]), &TempDir::new().unwrap()).unwrap();
        let mut statement = connection.prepare("SELECT name FROM pragma_module_list").unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        let modules: Vec<String> = rows.collect::<Result<_, _>>().unwrap();
        for gone in ["fts3", "fts4", "fts5", "rtree", "geopoly", "dbstat"] {
            assert!(!modules.iter().any(|module| module == gone), "{modules:?}");
        }
        connection.query_row("SELECT load_extension('x')", [], |_row| Ok(())).unwrap_err();
    }

    #[test]
    fn a_step_that_fails_leaves_the_old_version_whole() {
        let dir = TempDir::new().unwrap();
        drop(open(&plan(&[ONE]), &dir).unwrap());
        let broken =
            plan(&[ONE, "CREATE TABLE two (x); UPDATE one SET x = 2", "CREATE TABLE three (x); nonsense"]);
        assert!(open(&broken, &dir).is_err());
        let connection = open(&plan(&[ONE]), &dir).unwrap();
        assert_eq!((user_version(&connection).unwrap(), tables(&connection).as_str()), (1, "one"));
        let row: i64 = connection.query_row("SELECT x FROM one", [], |row| row.get(0)).unwrap();
        assert_eq!(row, 1);
    }

    #[test]
    fn the_older_version_is_kept_with_what_its_log_holds() {
        let dir = TempDir::new().unwrap();
        let older = open(&plan(&[ONE]), &dir).unwrap();
        older.execute_batch("INSERT INTO one VALUES (2)").unwrap();
        // As after a power cut: there is no checkpoint.
        older.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
        drop(older);
        let newer = plan(&[ONE, "CREATE TABLE two (x); DELETE FROM one"]);
        drop(open(&newer, &dir).unwrap());
        let copy = connect(&dir.path().join("previous/plan.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        assert_eq!((user_version(&copy).unwrap(), tables(&copy).as_str()), (1, "one"));
        let sum: i64 = copy.query_row("SELECT sum(x) FROM one", [], |row| row.get(0)).unwrap();
        assert_eq!(sum, 3);
    }

    #[test]
    fn a_later_copy_takes_the_place_of_an_earlier_one_and_of_one_that_was_cut_short() {
        let dir = TempDir::new().unwrap();
        drop(open(&plan(&["CREATE TABLE one (x)"]), &dir).unwrap());
        drop(open(&plan(&["CREATE TABLE one (x)", "CREATE TABLE two (x)"]), &dir).unwrap());
        fs::write(dir.path().join("previous/plan.db.part"), "cut short").unwrap();
        let all = plan(&["CREATE TABLE one (x)", "CREATE TABLE two (x)", "CREATE TABLE three (x)"]);
        drop(open(&all, &dir).unwrap());
        let copy = connect(&dir.path().join("previous/plan.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        assert_eq!(tables(&copy), "one two");
        let left: Vec<_> = fs::read_dir(dir.path().join("previous")).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn no_copy_is_kept_of_a_new_file_or_one_up_to_date() {
        let dir = TempDir::new().unwrap();
        drop(open(&plan(&[ONE]), &dir).unwrap());
        drop(open(&plan(&[ONE]), &dir).unwrap());
        assert!(!dir.path().join("previous").exists());
    }

    #[test]
    fn only_the_steps_that_a_file_lacks_are_done() {
        let dir = TempDir::new().unwrap();
        drop(open(&plan(&["CREATE TABLE one (x)"]), &dir).unwrap());
        let all = plan(&["CREATE TABLE one (x)", "CREATE TABLE two (x)", "CREATE TABLE three (x)"]);
        let connection = open(&all, &dir).unwrap();
        assert_eq!(user_version(&connection).unwrap(), 3);
        assert_eq!(tables(&connection), "one three two");
    }
}
