//! Who may read the data, by the modes of the folder and of everything in it.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::process::Command;

use crate::support::program::Shed;

#[tokio::test]
async fn the_data_are_the_stations_alone_whatever_the_umask() {
    for umask in ["000", "077"] {
        let shed = Shed::new();
        shed.write("config.toml", shed.config("http://127.0.0.1:9/api/v1", &shed.path("no-port")));
        shed.write("partner-token", "a-partner-token");
        shed.write("user-token", "a-user-token");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("umask {umask}; exec \"$0\" --config config.toml run")]);
        command.arg(env!("CARGO_BIN_EXE_stockpoint")).current_dir(shed.dir.path()).env_clear();
        let agent = shed.start(command);
        agent.until_logged("ready").await;
        let folder = shed.path("data");
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&folder), 0o700, "umask {umask}");
        let (mut files, mut sockets) = (Vec::new(), 0);
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let is_socket = entry.file_type().unwrap().is_socket();
            let wanted = if is_socket { 0o660 } else { 0o600 };
            assert_eq!(mode(&entry.path()), wanted, "umask {umask}: {}", entry.path().display());
            sockets += usize::from(is_socket);
            files.push(entry.file_name().into_string().unwrap());
        }
        assert_eq!(sockets, 1);
        for name in [
            "outbox.db",
            "outbox.db-wal",
            "outbox.db-shm",
            "goods.db",
            "goods.db-wal",
            "reserve",
            "agent.lock",
        ] {
            assert!(files.iter().any(|file| file == name), "{name}: {files:?}");
        }
        let ended = agent.stop().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let backup = shed.path("backup.sp");
        shed.says(&["backup", backup.to_str().unwrap()]).await;
        assert_eq!(mode(&backup), 0o600);
    }
}
