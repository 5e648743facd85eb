//! Checks what the file system under the data folder guarantees for a flush.

use std::path::Path;

use super::Finding;

const SECTION: &str = "data";

/// The file in which the kernel lists the mounts (`proc_pid_mounts(5)`).
pub(super) const MOUNTS: &str = "/proc/self/mounts";

/// The file in which the administrator lists the mounts and the file systems to check at boot (`fstab(5)`).
pub(super) const FSTAB: &str = "/etc/fstab";

/// The kinds of file systems whose content a power cut deletes.
const IN_MEMORY: [&str; 3] = ["tmpfs", "ramfs", "overlay"];

/// The mount options with which flushed data may not be on the disk, or not in order (`ext4(5)`).
const UNSAFE: [&str; 4] = ["data=writeback", "nobarrier", "barrier=0", "fsync_mode=nobarrier"];

/// The value of `commit=` in seconds above which the doctor warns. The file system may keep data that nobody flushes
/// for that time (`ext4(5)`); its default is 5.
const COMMIT_S_WARN: u32 = 60;

/// A file system and its mount point.
#[derive(Debug, PartialEq, Eq)]
struct Mount<'a> {
    device: &'a str,
    point: String,
    kind: &'a str,
    options: &'a str,
}

/// Returns the mount that holds `path`: the one with the longest mount point, and the last one of equals.
fn mount_of<'a>(mounts: &'a str, path: &Path) -> Option<Mount<'a>> {
    let read = |line: &'a str| {
        let mut words = line.split(' ');
        let (device, point) = (words.next()?, unescaped(words.next()?));
        Some(Mount { device, point, kind: words.next()?, options: words.next()? })
    };
    let holds = |mount: &Mount<'_>| path.starts_with(&mount.point);
    // `max_by_key` returns the last of equal ones: a later mount at the same point hides the earlier one.
    mounts.lines().filter_map(read).filter(holds).max_by_key(|mount| mount.point.len())
}

/// Returns a mount point without escapes. The kernel writes a blank in a path as `\040`, a tab as `\011` and a
/// backslash as `\134`.
fn unescaped(point: &str) -> String {
    // The backslash comes last: replaced first, it could form a new escape.
    point.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
}

/// Returns true if `fstab` mounts the file system without a check: the sixth word of its line is 0 or missing.
///
/// A power cut can leave a journal that the kernel refuses (EUCLEAN) and `e2fsck -p` repairs.
fn is_mounted_unchecked(fstab: &str, mount: &Mount<'_>) -> bool {
    let pass = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let is_it = !line.trim_start().starts_with('#') && unescaped(words.nth(1)?) == mount.point;
        is_it.then(|| words.nth(3).unwrap_or("0").to_owned())
    };
    // The check that fstab asks for matters to ext file systems, whose journal `e2fsck` repairs.
    mount.kind.starts_with("ext") && fstab.lines().find_map(pass).is_some_and(|pass| pass == "0")
}

/// Returns the findings about the file system under `path`.
pub(super) fn findings(mounts: &str, fstab: &str, path: &Path) -> Vec<Finding> {
    let Some(mount) = mount_of(mounts, path) else { return Vec::new() };
    let Mount { device, point, kind, options } = &mount;
    let has = |wanted: &str| options.split(',').any(|option| option == wanted);
    let mut findings = Vec::new();
    if IN_MEMORY.contains(kind) {
        findings.push(Finding::fault(
            SECTION,
            format!("{point} is a {kind}: a power cut deletes everything on it"),
            "put station.data_dir on a partition of the card or disk",
        ));
    }
    if has("ro") {
        findings.push(Finding::fault(
            SECTION,
            format!("{point} is mounted read-only"),
            "mount it writable; if the kernel did this by itself the card is failing (`dmesg`): replace it",
        ));
    }
    if let Some(option) = UNSAFE.iter().find(|option| has(option)) {
        findings.push(Finding::fault(
            SECTION,
            format!("{point} is mounted with {option}: a booked scan may be lost in a power cut"),
            format!("remove {option} from the line of {point} in {FSTAB} and restart"),
        ));
    }
    let commit_s = options.split(',').find_map(|option| option.strip_prefix("commit=")?.parse().ok());
    if let Some(seconds) = commit_s.filter(|seconds: &u32| *seconds > COMMIT_S_WARN) {
        findings.push(Finding::warning(
            SECTION,
            format!(
                "{point} is mounted with commit={seconds}: a power cut may delete as many seconds of logs and settings; \
                 bookings are flushed at once and stay"
            ),
            format!("set commit=30 or less in the line of {point} in {FSTAB}"),
        ));
    }
    if is_mounted_unchecked(fstab, &mount) {
        // The root file system is checked first, all others after it (`fstab(5)`).
        let pass = if point == "/" { 1 } else { 2 };
        findings.push(Finding::warning(
            SECTION,
            format!(
                "{point} is not checked before it is mounted: after a power cut the kernel may refuse to mount it"
            ),
            format!("set the sixth field of the line of {point} in {FSTAB} to {pass}"),
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(SECTION, format!("{point} ({kind} on {device}) keeps what is flushed")));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Grade;

    const MOUNTS: &str = "\
/dev/mmcblk0p2 / ext4 rw,noatime 0 0
tmpfs /run tmpfs rw,nosuid,nodev 0 0
/dev/mmcblk0p3 /var/lib ext4 rw,relatime,data=writeback 0 0
/dev/sda1 /mnt/a\\040disk ext4 ro,relatime 0 0
/dev/sda2 /mnt/b ext4 rw,commit=600 0 0
/dev/sda3 /mnt/c f2fs rw,fsync_mode=nobarrier 0 0
/dev/sda4 /mnt/d ext4 rw,barrier=0,commit=60 0 0
/dev/sda5 /mnt/e ext4 rw 0 0
/dev/sda6 /mnt/an\\040f ext4 rw 0 0
/dev/sda7 /mnt/g ext4 rw 0 0
/dev/sda8 /mnt/h f2fs rw 0 0
";

    const FSTAB: &str = "\
# /dev/sda9 / ext4 defaults 0 0
LABEL=root / ext4 defaults 0 1
LABEL=e\t/mnt/e   ext4  defaults  0  0
LABEL=f /mnt/an\\040f ext4 defaults
LABEL=g /mnt/g ext4 defaults 0 2
LABEL=h /mnt/h f2fs defaults 0 0
";

    fn found(path: &str) -> Vec<(Grade, String)> {
        findings(MOUNTS, FSTAB, Path::new(path))
            .into_iter()
            .map(|finding| (finding.grade, finding.what))
            .collect()
    }

    #[test]
    fn the_longest_mount_point_holds_a_path() {
        let point = |path| mount_of(MOUNTS, Path::new(path)).map(|mount| mount.point);
        assert_eq!(point("/var/lib/stockpoint").as_deref(), Some("/var/lib"));
        assert_eq!(point("/var/library").as_deref(), Some("/"));
        assert_eq!(point("/mnt/a disk/data").as_deref(), Some("/mnt/a disk"));
    }

    #[test]
    fn what_forgets_a_flush_is_a_fault() {
        assert_eq!(
            found("/srv"),
            [(Grade::Ok, "/ (ext4 on /dev/mmcblk0p2) keeps what is flushed".to_owned())]
        );
        for (path, word) in [
            ("/run/x", "tmpfs"),
            ("/var/lib/x", "data=writeback"),
            ("/mnt/a disk", "read-only"),
            ("/mnt/c", "fsync_mode=nobarrier"),
            ("/mnt/d", "barrier=0"),
        ] {
            let reported = found(path);
            assert!(
                matches!(reported.as_slice(), [(Grade::Fault, what)] if what.contains(word)),
                "{reported:?}"
            );
        }
    }

    #[test]
    fn what_is_mounted_unchecked_is_a_warning() {
        for path in ["/mnt/e", "/mnt/an f/data"] {
            let reported = found(path);
            let [(Grade::Warning, what)] = reported.as_slice() else { panic!("{reported:?}") };
            assert!(what.contains("is not checked"), "{what}");
        }
        for path in ["/srv", "/mnt/g", "/mnt/h"] {
            assert!(matches!(found(path).as_slice(), [(Grade::Ok, _)]), "{path}");
        }
    }

    #[test]
    fn what_forgets_only_what_nobody_flushes_is_a_warning() {
        let reported = found("/mnt/b/data");
        assert!(
            matches!(reported.as_slice(), [(Grade::Warning, what)] if what.contains("commit=600") && what.contains("stay")),
            "{reported:?}"
        );
    }
}
