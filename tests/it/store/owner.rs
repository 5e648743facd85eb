//! Commands that root types open the data folder with the rights of the user that it belongs to.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use nix::unistd::geteuid;
use stockpoint::domain::time::UnixMillis;
use stockpoint::store::{Db, OpenOptions};

use crate::support::program::{Ended, Shed};

/// `nobody` and `nogroup` of Debian.
const NOBODY: u32 = 65_534;
const NOW: UnixMillis = UnixMillis(1_790_200_000_000);

/// A station whose data belongs to another user than the configuration and the tokens, which are root's alone.
fn station() -> Shed {
    let shed = Shed::new();
    fs::set_permissions(shed.dir.path(), fs::Permissions::from_mode(0o711)).unwrap();
    let config = shed.config("http://127.0.0.1:1/api/v1", Path::new("/dev/ttyUSB7"));
    for (name, content) in
        [("config.toml", config.as_str()), ("partner-token", "a-token"), ("user-token", "a-token")]
    {
        let file = shed.write(name, content);
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let dir = &shed.path("data");
    drop(
        Db::open(OpenOptions { dir, station: "dock-1", boot_id: "a", now: NOW, commit_hook: None }).unwrap(),
    );
    fs::write(dir.join("agent.lock"), "").unwrap();
    chown(dir, Some(NOBODY), Some(NOBODY)).unwrap();
    for name in files(&shed) {
        chown(dir.join(name), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    fs::create_dir(shed.path("roots")).unwrap();
    fs::set_permissions(shed.path("roots"), fs::Permissions::from_mode(0o700)).unwrap();
    shed
}

fn files(shed: &Shed) -> Vec<String> {
    let entries = fs::read_dir(shed.path("data")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

async fn typed(shed: &Shed, args: &[&str]) -> Ended {
    let ended = shed.start(shed.command(args)).ended().await;
    for name in files(shed) {
        let owner = fs::symlink_metadata(shed.path("data").join(&name)).unwrap().uid();
        assert!(
            owner == NOBODY || name == "outbox.db" && ended.code != Some(0),
            "{args:?} left {name} to {owner}"
        );
    }
    ended
}

/// Commands that use the databases and need no service.
const COMMANDS: [&[&str]; 12] = [
    &["status"],
    &["outbox", "list"],
    &["outbox", "export"],
    &["outbox", "show", "1"],
    &["outbox", "retry", "1"],
    &["scans", "list"],
    &["unknown", "list"],
    &["unknown", "assigned"],
    &["goods", "stats"],
    &["goods", "find", "4006381333931"],
    &["adopt", "--moved"],
    &["backup", "roots/station.backup"],
];

#[tokio::test]
async fn root_opens_no_file_of_the_data_folder() {
    if !geteuid().is_root() {
        return;
    }
    let shed = station();
    // Only root could open it.
    chown(shed.path("data/outbox.db"), Some(0), Some(0)).unwrap();
    fs::set_permissions(shed.path("data/outbox.db"), fs::Permissions::from_mode(0o600)).unwrap();
    for args in COMMANDS {
        let refused = typed(&shed, args).await;
        assert_ne!(refused.code, Some(0), "{args:?}: {refused:?}");
        assert!(refused.err.contains("unable to open database file"), "{args:?}: {refused:?}");
    }
    let looked = typed(&shed, &["doctor"]).await;
    assert!(looked.out.contains("the databases cannot be read"), "{looked:?}");
}

#[tokio::test]
async fn root_does_its_work_with_the_owners_rights_and_leaves_nothing_of_its_own() {
    if !geteuid().is_root() {
        return;
    }
    let shed = station();
    for args in COMMANDS {
        let ended = typed(&shed, args).await;
        let is_told = ended.code == Some(0) || !ended.err.contains("ermission denied");
        assert!(is_told && !ended.err.contains("unable to open"), "{args:?}: {ended:?}");
    }
    let backup = shed.path("roots/station.backup");
    assert_eq!((backup.metadata().unwrap().uid(), backup.metadata().unwrap().mode() & 0o777), (0, 0o600));
    let sheet = typed(&shed, &["sheet", "--format", "svg", "--output", "roots/sheet.svg"]).await;
    assert_eq!(sheet.code, Some(0), "{sheet:?}");
    assert!(!sheet.err.contains("without kits"), "{}", sheet.err);
    let restored = typed(&shed, &["restore", "roots/station.backup"]).await;
    assert_eq!(restored.code, Some(0), "{restored:?}");
    // The tokens are root's alone; the service is away.
    let verified = typed(&shed, &["outbox", "verify"]).await;
    assert!(!verified.err.contains("ermission denied"), "{verified:?}");
    let looked = typed(&shed, &["doctor"]).await;
    assert!(looked.out.contains("both tokens of the service are there"), "{}", looked.out);
    let run = typed(&shed, &["run"]).await;
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(
        run.err.contains("belongs to user 65534\nhint: `systemctl start stockpoint` runs it as its user"),
        "{}",
        run.err
    );
}
