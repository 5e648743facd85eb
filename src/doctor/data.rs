//! Checks that the data folder can be used, and reports its free space and damaged files in it.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, statvfs};

use super::{Finding, mounts};
use crate::feedback::counted;

const SECTION: &str = "data";

/// The free space in bytes below which the doctor warns, and below which scans will soon be refused.
const ROOM_WARN: u64 = 256 * 1024 * 1024;
const ROOM_FAULT: u64 = 8 * 1024 * 1024;

/// The folder in which the kernel describes block devices. For an eMMC card it states there how much of its life is
/// used (`life_time` in `linux/Documentation/driver-api/mmc/mmc-dev-attrs.rst`).
const BLOCK_DEVICES: &str = "/sys/block";

/// The used part of a card's life, in tenths, from which the card should be replaced.
const LIFE_TENTHS_WARN: u32 = 8;

pub(super) fn examine(dir: &Path) -> Vec<Finding> {
    let Ok(dir) = fs::canonicalize(dir) else {
        return vec![Finding::warning(
            SECTION,
            format!("{} does not exist yet", dir.display()),
            "nothing, if the station has never run: the agent creates it; otherwise find out what removed it",
        )];
    };
    let mut findings = vec![usable(&dir)];
    findings.extend(room(&dir));
    // A box without an fstab has nothing to report about it.
    let [mounts, fstab] =
        [mounts::MOUNTS, mounts::FSTAB].map(|at| fs::read_to_string(at).unwrap_or_default());
    findings.extend(mounts::findings(&mounts, &fstab, &dir));
    findings.extend(damaged(&dir));
    findings.extend(card_wear());
    findings
}

fn usable(dir: &Path) -> Finding {
    match access(dir, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => Finding::ok(SECTION, format!("{} can be used", dir.display())),
        Err(error) => Finding::fault(
            SECTION,
            format!("{} cannot be used: {error}", dir.display()),
            "give it to the user that the agent runs as; run this command as root to check it from outside",
        ),
    }
}

fn room(dir: &Path) -> Option<Finding> {
    let disk = statvfs(dir).ok()?;
    // `f_bavail`, not `f_bfree`: the blocks reserved for root are no use to the agent (`statvfs(3)`).
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let what = format!("{} MB are free", free / 1_000_000);
    let cure = "delete what is not needed, or use a larger card";
    Some(match free {
        0..ROOM_FAULT => Finding::fault(SECTION, format!("{what}: scans are refused, or soon will be"), cure),
        ROOM_FAULT..ROOM_WARN => Finding::warning(SECTION, what, cure),
        _ => Finding::ok(SECTION, what),
    })
}

/// Reports files that the agent has set aside because they were damaged.
fn damaged(dir: &Path) -> Option<Finding> {
    let entries = fs::read_dir(dir).ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    // A log is set aside with its database and is counted with it.
    let mut kept: Vec<String> =
        names.filter(|name| name.contains(".damaged-") && !name.ends_with("-wal")).collect();
    kept.sort_unstable();
    let last = kept.last()?;
    Some(Finding::warning(
        SECTION,
        format!("{} set aside here, the latest {last}", counted(kept.len(), "damaged file")),
        "copy them to another machine (`sqlite3 FILE .recover` reads what is left), then remove them; replace the card",
    ))
}

fn card_wear() -> Vec<Finding> {
    let Ok(devices) = fs::read_dir(BLOCK_DEVICES) else { return Vec::new() };
    let files = devices.filter_map(|device| Some(device.ok()?.path().join("device/life_time")));
    files.filter_map(|file| wear_of(&file)).collect()
}

fn wear_of(file: &PathBuf) -> Option<Finding> {
    let tenths = life_tenths(&fs::read_to_string(file).ok()?)?;
    // From `…/DEVICE/device/life_time` to `DEVICE`.
    let device = file.ancestors().nth(2)?.file_name()?.to_str()?;
    let what = format!("{device} has used up about {} % of its life", tenths * 10);
    Some(if tenths >= LIFE_TENTHS_WARN {
        Finding::warning(SECTION, what, "replace it before it fails")
    } else {
        Finding::ok(SECTION, what)
    })
}

/// Returns the greater of the two figures of an eMMC card, in tenths: `0x01` means up to one tenth, `0x0b` means all of
/// it or more.
fn life_tenths(text: &str) -> Option<u32> {
    let figures =
        text.split_whitespace().filter_map(|figure| u32::from_str_radix(figure.strip_prefix("0x")?, 16).ok());
    // 0 means that the card does not report it (JEDEC JESD84-B51, `DEVICE_LIFE_TIME_EST_TYP_A`).
    figures.filter(|tenths| *tenths > 0).max()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::doctor::Grade;

    #[test]
    fn the_life_of_a_card_is_the_worse_of_its_two_figures() {
        assert_eq!(life_tenths("0x01 0x03\n"), Some(3));
        assert_eq!(life_tenths("0x0b 0x02"), Some(11));
        assert_eq!(life_tenths("0x00 0x00"), None);
        assert_eq!(life_tenths("?"), None);
    }

    #[test]
    fn damaged_files_are_counted_without_their_logs() {
        let dir = TempDir::new().unwrap();
        assert_eq!(damaged(dir.path()), None);
        for name in ["outbox.db.damaged-1", "outbox.db.damaged-1-wal", "outbox.db.damaged-2", "outbox.db"] {
            fs::write(dir.path().join(name), b"").unwrap();
        }
        let finding = damaged(dir.path()).unwrap();
        assert_eq!(finding.what, "2 damaged files set aside here, the latest outbox.db.damaged-2");
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_no_fault() {
        let dir = TempDir::new().unwrap();
        let findings = examine(&dir.path().join("none"));
        assert!(matches!(findings.as_slice(), [Finding { grade: Grade::Warning, .. }]), "{findings:?}");
    }
}
