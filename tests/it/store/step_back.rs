//! A step back, a restore and an adoption, each killed at every system call that changes a file: the newer program never
//! meets the outbox of before.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use serde_json::Value;
use stockpoint::domain::code::control::Control;
use stockpoint::domain::time::UnixMillis;
use stockpoint::sandbox::{Fault, Options, Selector};
use stockpoint::store::{Db, OpenOptions};

use crate::support::program::{Ended, Shed};
use crate::support::station::Place;

const NOW: UnixMillis = UnixMillis(1_790_200_000_000);
/// The system calls by which files come, go, get another name or reach the disk.
const CALLS: [&str; 12] = [
    "rename",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "mkdir",
    "rmdir",
    "ftruncate",
    "fsync",
    "fdatasync",
    "pwrite64",
];
/// More of one of these calls a step back does not make.
const CALLS_MAX: u32 = 200;

/// A station after an upgrade whose program raised the schema of the outbox.
struct Upgraded {
    shed: Shed,
    /// The schema that the older program knows.
    schema: u32,
}

/// Which program is installed, and which outbox it meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// As after the upgrade.
    NewerWithNewer,
    /// It refuses to start, and the step back can go on.
    OlderWithNewer,
    /// As after the step back.
    OlderWithOlder,
    /// It would upgrade the outbox, and deliver what is in it again.
    NewerWithOlder,
}

impl Upgraded {
    fn new() -> Self {
        let shed = Shed::new();
        let config = shed.config("http://127.0.0.1:1/api/v1", Path::new("/dev/ttyUSB7"));
        // Elsewhere than by default.
        shed.write("config.toml", config);
        let dir = &shed.path("data");
        drop(
            Db::open(OpenOptions { dir, station: "dock-1", boot_id: "a", now: NOW, commit_hook: None })
                .unwrap(),
        );
        fs::create_dir(dir.join("previous")).unwrap();
        for name in ["outbox.db", "goods.db"] {
            checkpoint(&dir.join(name));
            fs::copy(dir.join(name), dir.join("previous").join(name)).unwrap();
        }
        let outbox = connect(dir.join("outbox.db")).unwrap();
        let schema: u32 = outbox.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        outbox.pragma_update(None, "user_version", schema + 1).unwrap();
        drop(outbox);
        fs::create_dir(shed.path("previous")).unwrap();
        let upgraded = Self { shed, schema };
        fs::copy(env!("CARGO_BIN_EXE_stockpoint"), upgraded.previous()).unwrap();
        fs::write(upgraded.installed(), upgraded.later()).unwrap();
        fs::set_permissions(upgraded.installed(), fs::Permissions::from_mode(0o755)).unwrap();
        upgraded
    }

    /// The text of a program of a later version: what it cannot do it lets the program of today do, with the schema of
    /// the copies set back (`user_version`, sqlite.org/fileformat.html, section 1.3).
    fn later(&self) -> String {
        format!(
            "#!/bin/sh\n# later\nfor file; do :; done\nfolder=${{file%/*}}\n[ \"$1\" = --version ] && exec echo later\n\
             printf '\\000\\000\\000\\{:03o}' | dd of=\"$folder/outbox.db\" bs=1 seek=60 conv=notrunc 2>/dev/null\n\
             exec {} \"$@\"\n",
            self.schema,
            env!("CARGO_BIN_EXE_stockpoint")
        )
    }

    fn installed(&self) -> PathBuf {
        self.shed.path("stockpoint")
    }

    fn previous(&self) -> PathBuf {
        self.shed.path("previous/stockpoint")
    }

    fn words(&self, more: &[&str]) -> Vec<String> {
        let mut words: Vec<String> =
            ["--config", "config.toml", "step-back", "--installed"].map(str::to_owned).into();
        words.extend([self.installed().display().to_string(), "--previous".to_owned()]);
        words.push(self.previous().display().to_string());
        words.extend(more.iter().map(|word| (*word).to_owned()));
        words
    }

    async fn step_back(&self, more: &[&str]) -> Ended {
        let words = self.words(more);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.shed.start(self.shed.bare_command(&words)).ended().await
    }

    fn killed_at(&self, call: &str, n: u32) -> bool {
        killed_at(&self.shed, &self.words(&[]), call, n)
    }
    fn state(&self) -> State {
        let is_later = |path: &Path| fs::read(path).unwrap().starts_with(b"#!/bin/sh\n# later\n");
        let is_newer = is_later(&self.installed());
        assert_ne!(is_newer, is_later(&self.previous()), "there is one of each");
        let outbox = self.shed.path("data/outbox.db");
        let version: u32 =
            connect(&outbox).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        match (is_newer, version > self.schema) {
            (true, true) => State::NewerWithNewer,
            (false, true) => State::OlderWithNewer,
            (false, false) => State::OlderWithOlder,
            (true, false) => State::NewerWithOlder,
        }
    }

    fn kept(&self) -> Vec<String> {
        let entries = fs::read_dir(self.shed.path("data")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("outbox.db.")).collect()
    }
}

/// Runs the program until the `n`th call of a kind, before which it is killed; `false` if it makes no more of them.
fn killed_at(shed: &Shed, words: &[String], call: &str, n: u32) -> bool {
    let mut strace = Command::new("strace");
    strace.args(["-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    // Not the programs that it asks: they work on copies.
    strace.args(["-e", &format!("inject={call}:signal=KILL:when={n}")]);
    strace.arg(env!("CARGO_BIN_EXE_stockpoint")).args(words);
    let ended = strace.current_dir(shed.dir.path()).output().unwrap();
    !ended.status.success()
}

#[expect(clippy::disallowed_methods, reason = "what a program of another version made")]
fn connect(path: impl AsRef<Path>) -> rusqlite::Result<Connection> {
    Connection::open(path)
}

fn checkpoint(path: &Path) {
    let connection = connect(path).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_row| Ok(())).unwrap();
}

#[tokio::test]
async fn the_data_is_as_it_was_wherever_the_folder_is() {
    let station = Upgraded::new();
    let done = station.step_back(&[]).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.out.contains("is in its place, with the data as it was before the upgrade"), "{done:?}");
    assert_eq!((station.state(), station.kept().len()), (State::OlderWithOlder, 1));
    assert!(!station.shed.path("data/step-back.part").exists());
    let forward = station.step_back(&[]).await;
    assert!(forward.out.contains("later is in its place, with the data as it is"), "{forward:?}");
}

#[tokio::test]
async fn books_that_went_on_since_begin_anew_and_are_kept() {
    let station = Upgraded::new();
    let outbox = station.shed.path("data/outbox.db");
    connect(&outbox).unwrap().execute("UPDATE totals SET refused = refused + 1", []).unwrap();
    checkpoint(&outbox);
    let before = fs::read(&outbox).unwrap();
    let done = station.step_back(&[]).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.out.contains("with empty books; the earlier ones are kept in"), "{done:?}");
    assert!(!outbox.exists());
    let kept = station.kept();
    assert_eq!(fs::read(station.shed.path("data").join(&kept[0])).unwrap(), before);
}

#[tokio::test]
async fn killed_at_any_call_it_leaves_a_pair_that_fits_or_one_that_refuses_and_goes_on() {
    if !crate::cli::sheet::have(&["strace"]) {
        return;
    }
    let mut seen = Vec::new();
    let mut kills = Vec::new();
    for call in CALLS {
        for n in 1..=CALLS_MAX {
            let station = Upgraded::new();
            if !station.killed_at(call, n) {
                break;
            }
            kills.push(call);
            let state = station.state();
            assert_ne!(state, State::NewerWithOlder, "killed at {call} {n}");
            assert!(station.kept().len() <= 1, "killed at {call} {n}: {:?}", station.kept());
            if state == State::OlderWithNewer {
                let refused = station.shed.start(station.shed.command(&["status"])).ended().await;
                assert!(refused.err.contains(" has schema version"), "{refused:?}");
            }
            let done = station.step_back(&[]).await;
            assert_eq!(done.code, Some(0), "killed at {call} {n}: {done:?}");
            let wanted =
                if state == State::OlderWithOlder { State::NewerWithOlder } else { State::OlderWithOlder };
            assert_eq!(station.state(), wanted, "killed at {call} {n}, in {state:?}");
            assert_eq!(station.kept().len(), 1, "killed at {call} {n}: {:?}", station.kept());
            if !seen.contains(&state) {
                seen.push(state);
            }
        }
    }
    for call in CALLS {
        println!("killed at {} calls of {call}", kills.iter().filter(|killed| **killed == call).count());
    }
    assert!(seen.len() == 3, "{seen:?}");
}

/// How many scans the books refused: which of two outboxes it is.
fn refused(outbox: &Path) -> i64 {
    connect(outbox).unwrap().query_row("SELECT refused FROM totals", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_restore_that_is_killed_at_any_call_leaves_the_old_data_or_the_new_with_the_old_beside_it() {
    if !crate::cli::sheet::have(&["strace"]) {
        return;
    }
    let words = ["--config", "config.toml", "restore", "backup"].map(str::to_owned);
    for call in CALLS {
        for n in 1..=CALLS_MAX {
            let shed = Upgraded::new().shed;
            let dir = shed.path("data");
            let outbox = dir.join("outbox.db");
            fs::copy(dir.join("previous/outbox.db"), &outbox).unwrap();
            Db::open_beside(&dir, "dock-1").unwrap().unwrap().back_up(&shed.path("backup"), "", NOW).unwrap();
            connect(&outbox).unwrap().execute("UPDATE totals SET refused = 7", []).unwrap();
            if !killed_at(&shed, &words, call, n) {
                break;
            }
            let kept = || {
                let names = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path());
                names
                    .filter(|path| path.to_string_lossy().contains("outbox.db.replaced-"))
                    .collect::<Vec<_>>()
            };
            let is_new = refused(&outbox) == 0;
            assert!(is_new || refused(&outbox) == 7, "killed at {call} {n}");
            assert!(!is_new || kept().iter().any(|kept| refused(kept) == 7), "killed at {call} {n}");
            let again = shed.start(shed.command(&["restore", "backup"])).ended().await;
            assert_eq!(again.code, Some(0), "killed at {call} {n}: {again:?}");
            assert_eq!(refused(&outbox), 0);
            assert!(kept().iter().any(|kept| refused(kept) == 7), "killed at {call} {n}: {:?}", kept());
        }
    }
}

/// Where the document of a folder stands: not sent and of the books of before, or put aside for them.
async fn is_put_aside(shed: &Shed) -> bool {
    let documents = shed.says(&["outbox", "list", "--all", "--json"]).await;
    let documents: Value = serde_json::from_str(&documents).unwrap();
    assert_eq!(documents.as_array().unwrap().len(), 1, "{documents}");
    let is_aside = documents[0]["put_aside_for"].is_string();
    assert_eq!(documents[0]["state"], if is_aside { "cancelled" } else { "queued" }, "{documents}");
    is_aside
}

#[tokio::test]
async fn an_adoption_that_is_killed_at_any_call_is_done_or_not_begun() {
    if !crate::cli::sheet::have(&["strace"]) {
        return;
    }
    let place = Place::new(Options::sample()).await;
    let mut station = place.start();
    station.until_goods_are_read().await;
    place.sandbox.outage(Some((Selector::Any, Fault::DropBefore)));
    for code in ["4006381333931".to_owned(), Control::Close.code()] {
        station.scan(&code).await.unwrap();
    }
    station.stop().await.unwrap();
    let words = ["--config", "config.toml", "adopt", "--moved"].map(str::to_owned);
    for call in CALLS {
        for n in 1..=CALLS_MAX {
            // The folder of a station that has moved to another location.
            let shed = Shed::new();
            let config = shed.config("http://127.0.0.1:1/api/v1", Path::new("/dev/ttyUSB7"));
            shed.write("config.toml", config.replace("location_id = 4564", "location_id = 4565"));
            fs::create_dir(shed.path("data")).unwrap();
            for name in ["outbox.db", "outbox.db-wal", "goods.db", "goods.db-wal"] {
                let _if_there = fs::copy(place.dir.path().join(name), shed.path("data").join(name));
            }
            if !killed_at(&shed, &words, call, n) {
                assert!(is_put_aside(&shed).await);
                break;
            }
            let is_done = is_put_aside(&shed).await;
            let again = shed.run(&["adopt", "--moved"]).await;
            assert_eq!(again.code, Some(i32::from(is_done)), "killed at {call} {n}: {again:?}");
            assert!(is_put_aside(&shed).await, "killed at {call} {n}");
        }
    }
}
