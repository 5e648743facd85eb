//! Names the programs that have a device open: they can keep a scanner from the station.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The folder in which the kernel describes processes (`proc(5)`).
pub(super) const PROCESSES: &str = "/proc";

/// The most processes that are named.
const NAMED_MAX: usize = 4;

/// Returns the other programs that have `device` open, by name and number, such as `ModemManager (412)`.
///
/// Only root sees all of them.
pub(super) fn of(device: &Path, processes: &Path, except: &[&str]) -> Vec<String> {
    // Compared by device and inode, because a node has several names, such as those in `/dev/serial/by-id`.
    let Ok(device) = fs::metadata(device).map(|metadata| (metadata.dev(), metadata.ino())) else {
        return Vec::new();
    };
    let Ok(entries) = fs::read_dir(processes) else { return Vec::new() };
    let folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let holding = folders.filter(|folder| is_process(folder) && holds(folder, device));
    let named = holding.filter_map(|folder| {
        // A process may end at any moment: one that cannot be read is passed over.
        let name = fs::read_to_string(folder.join("comm")).ok()?;
        let (name, number) = (name.trim(), folder.file_name()?.to_str()?);
        (!except.contains(&name)).then(|| format!("{name} ({number})"))
    });
    let mut named: Vec<String> = named.take(NAMED_MAX).collect();
    named.sort_unstable();
    named
}

fn is_process(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

fn holds(process: &Path, device: (u64, u64)) -> bool {
    // Another user's process does not show its open files (`proc_pid_fd(5)`).
    let Ok(entries) = fs::read_dir(process.join("fd")) else { return false };
    let open = entries.filter_map(|entry| Some(entry.ok()?.path()));
    open.filter_map(|path: PathBuf| fs::metadata(path).ok())
        .any(|metadata| (metadata.dev(), metadata.ino()) == device)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn who_has_a_device_open_is_named_and_we_are_not() {
        let dir = TempDir::new().unwrap();
        let device = dir.path().join("ttyUSB0");
        fs::write(&device, b"").unwrap();
        let by_id = dir.path().join("by-id");
        symlink(&device, &by_id).unwrap();
        for (number, name, opens) in [
            ("412", "ModemManager", true),
            ("7", "stockpoint", true),
            ("8", "init", false),
            ("sys", "no", true),
        ] {
            let process = dir.path().join(number);
            fs::create_dir_all(process.join("fd")).unwrap();
            fs::write(process.join("comm"), format!("{name}\n")).unwrap();
            if opens {
                symlink(&device, process.join("fd/5")).unwrap();
            }
        }
        let found = |path: &Path| of(path, dir.path(), &["stockpoint"]);
        assert_eq!(found(&device), ["ModemManager (412)"]);
        assert_eq!(found(&by_id), ["ModemManager (412)"]);
        assert_eq!(found(&dir.path().join("none")), [] as [&str; 0]);
    }

    #[test]
    fn the_kernels_own_table_is_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let found = of(file.path(), Path::new(PROCESSES), &[]);
        assert!(
            found.iter().any(|holder| holder.ends_with(&format!("({})", std::process::id()))),
            "{found:?}"
        );
    }
}
