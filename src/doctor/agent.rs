//! Checks the agent itself: its process, its version, and the state of its systemd unit.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::Finding;
use crate::child;
use crate::status::Status;

const SECTION: &str = "agent";

/// The systemd unit of the package.
const UNIT: &str = "stockpoint.service";

/// The longest wait for systemctl.
const SYSTEMCTL_TIME_MAX: Duration = Duration::from_secs(10);

/// The path of the unit file that the package installs.
const PACKAGED_UNIT: &str = "/usr/lib/systemd/system/stockpoint.service";

/// The number of restarts since the boot from which the doctor warns.
const RESTARTS_WARN: u32 = 5;

pub(super) fn examine(running: Option<&Status>) -> Vec<Finding> {
    // An upgrade replaces the program on the disk; the old one runs until somebody restarts the unit.
    let mut findings = vec![match running {
        Some(status) if status.version() != env!("CARGO_PKG_VERSION") => Finding::warning(
            SECTION,
            format!("the agent is version {}, this program {}", status.version(), env!("CARGO_PKG_VERSION")),
            format!("systemctl restart {UNIT}"),
        ),
        Some(_) => Finding::ok(SECTION, "the agent runs"),
        None => Finding::fault(
            SECTION,
            "no agent runs: nothing is scanned or delivered",
            format!("systemctl enable --now {UNIT}; `journalctl -u {UNIT}` shows why it ended"),
        ),
    }];
    if let Some(unit) = properties() {
        findings.push(of_unit(&unit));
        findings.extend(of_files(&unit));
        findings.extend(of_sandbox(&unit));
        findings.extend(running.and_then(|_status| of_process(&unit, Path::new("/proc"))));
    }
    findings
}

/// The properties that are requested from systemd.
const PROPERTIES: [&str; 11] = [
    "LoadState",
    "ActiveState",
    "UnitFileState",
    "NRestarts",
    "Result",
    "MainPID",
    "NeedDaemonReload",
    "FragmentPath",
    "DropInPaths",
    "DynamicUser",
    "User",
];

/// The most important restrictions of the package's unit: the property, its value, and what that value prevents
/// (`systemd.exec(5)`).
const SANDBOX: [(&str, &str, &str); 7] = [
    ("NoNewPrivileges", "yes", "it gains no rights"),
    ("CapabilityBoundingSet", "", "it has no capabilities of root"),
    ("ProtectSystem", "strict", "it writes only to its data folder"),
    ("ProtectHome", "yes", "it cannot see home folders"),
    ("PrivateTmp", "yes", "it shares no temporary files"),
    ("MemoryDenyWriteExecute", "yes", "it runs only its own code"),
    ("DevicePolicy", "closed", "it opens only the devices that the unit names"),
];

type Properties = BTreeMap<String, String>;

/// Returns the properties of the unit; `None` where there is no systemd.
fn properties() -> Option<Properties> {
    let sandbox = SANDBOX.map(|(name, _, _)| name);
    let names: Vec<&str> = PROPERTIES.into_iter().chain(sandbox).collect();
    let mut systemctl = child::command("systemctl");
    // `show` answers for a unit that does not exist, too, with `LoadState=not-found`.
    systemctl.args(["show", UNIT, &format!("--property={}", names.join(","))]).stdout(Stdio::piped());
    let shown = match child::run(&mut systemctl, SYSTEMCTL_TIME_MAX) {
        Err(why @ child::Error::Hung(_)) => {
            tracing::warn!(%why, "systemctl does not report on the unit");
            None
        }
        shown => shown.ok(),
    };
    // Without a running systemd, as in a container, systemctl fails: there is nothing to report.
    let shown = shown.filter(|shown| shown.status.success())?;
    let text = String::from_utf8_lossy(&shown.output).into_owned();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let unit: Properties = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    (!unit.is_empty()).then_some(unit)
}

fn of<'a>(unit: &'a Properties, name: &str) -> &'a str {
    unit.get(name).map_or("", String::as_str)
}

fn is_loaded(unit: &Properties) -> bool {
    of(unit, "LoadState") == "loaded"
}

fn of_unit(unit: &Properties) -> Finding {
    if !is_loaded(unit) {
        return Finding::warning(
            SECTION,
            format!("{UNIT} is not installed"),
            "install the package, so that the station starts by itself after a power cut",
        );
    }
    let restarts: u32 = of(unit, "NRestarts").parse().unwrap_or(0);
    // A unit that is not started at boot is reported before its restarts: it is the worse of the two.
    if of(unit, "UnitFileState") != "enabled" {
        let cure = format!("systemctl enable {UNIT}");
        return Finding::warning(SECTION, "the unit is not started at boot", cure);
    }
    if restarts >= RESTARTS_WARN {
        return Finding::warning(
            SECTION,
            format!("systemd has restarted the agent {restarts} times ({})", of(unit, "Result")),
            format!("`journalctl -u {UNIT}` shows why"),
        );
    }
    Finding::ok(SECTION, format!("the unit is {} and starts at boot", of(unit, "ActiveState")))
}

/// Checks that systemd uses the unit's files as they are on the disk, and that they are the package's.
fn of_files(unit: &Properties) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !is_loaded(unit) {
        return findings;
    }
    if of(unit, "NeedDaemonReload") == "yes" {
        findings.push(Finding::warning(
            SECTION,
            "the unit's files have changed, but systemd uses the old ones",
            format!("systemctl daemon-reload; systemctl restart {UNIT}"),
        ));
    }
    // A file in `/etc` hides the one of the package as a whole, with everything that later versions change
    // (`systemd.unit(5)`).
    let overridden = of(unit, "FragmentPath");
    if overridden.starts_with("/etc/") && Path::new(PACKAGED_UNIT).exists() {
        findings.push(Finding::warning(
            SECTION,
            format!("{overridden} hides the unit of the package, which later versions change"),
            format!("keep only what differs (`systemctl edit {UNIT}`), then remove that file"),
        ));
    }
    if !of(unit, "DropInPaths").is_empty() {
        findings.push(Finding::ok(SECTION, format!("the unit is changed by {}", of(unit, "DropInPaths"))));
    }
    findings
}

/// Checks that the agent has the restrictions of the package's unit.
fn of_sandbox(unit: &Properties) -> Option<Finding> {
    if !is_loaded(unit) {
        return None;
    }
    // An old systemd does not know every property; one that it does not report is not held against the unit.
    let reported = SANDBOX.into_iter().filter(|(name, _, _)| unit.contains_key(*name));
    let open: Vec<String> = reported
        .filter(|(name, wanted, _)| of(unit, name) != *wanted)
        .map(|(name, wanted, what)| format!("{name}={wanted} ({what})"))
        .collect();
    // Without `User=`, a unit of the system runs as root.
    let is_root = of(unit, "DynamicUser") != "yes" && matches!(of(unit, "User"), "" | "root" | "0");
    let root = is_root.then(|| "User=stockpoint (the agent is root)".to_owned());
    let open: Vec<String> = root.into_iter().chain(open).collect();
    Some(if open.is_empty() {
        Finding::ok(SECTION, "the unit restricts the agent as the package does")
    } else {
        Finding::warning(
            SECTION,
            format!("the unit lacks {}", open.join(", ")),
            format!("`systemctl cat {UNIT}` shows which file sets it otherwise; remove that line"),
        )
    })
}

/// Checks that systemd started the running agent, and that the agent is the program on the disk.
fn of_process(unit: &Properties, processes: &Path) -> Option<Finding> {
    if !is_loaded(unit) {
        return None;
    }
    if of(unit, "ActiveState") != "active" {
        return Some(Finding::warning(
            SECTION,
            "systemd did not start the running agent: nothing restarts it",
            format!("stop it, then `systemctl start {UNIT}`"),
        ));
    }
    // The kernel appends this to the name of a file that was removed (`proc_pid_exe(5)`). Only root can read the link.
    let program = fs::read_link(processes.join(of(unit, "MainPID")).join("exe")).ok()?;
    program.to_str().is_some_and(|path| path.ends_with(" (deleted)")).then(|| {
        Finding::warning(
            SECTION,
            "the program on the disk was replaced, but the old one still runs",
            format!("systemctl restart {UNIT}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;
    use crate::doctor::Grade;

    const LOADED: (&str, &str) = ("LoadState", "loaded");

    fn unit(pairs: &[(&str, &str)]) -> Properties {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_unit_that_is_missing_disabled_or_restless_is_a_warning() {
        let grade = |pairs: &[(&str, &str)]| of_unit(&unit(pairs)).grade;
        assert_eq!(grade(&[("LoadState", "not-found")]), Grade::Warning);
        assert_eq!(grade(&[LOADED, ("UnitFileState", "disabled")]), Grade::Warning);
        let enabled = ("UnitFileState", "enabled");
        assert_eq!(grade(&[LOADED, enabled, ("NRestarts", "5")]), Grade::Warning);
        assert_eq!(grade(&[LOADED, enabled, ("NRestarts", "4"), ("ActiveState", "active")]), Grade::Ok);
    }

    #[test]
    fn files_that_systemd_has_not_read_are_a_warning_and_a_drop_in_is_named() {
        assert_eq!(of_files(&unit(&[("LoadState", "not-found"), ("NeedDaemonReload", "yes")])), []);
        assert_eq!(of_files(&unit(&[LOADED, ("NeedDaemonReload", "no"), ("DropInPaths", "")])), []);
        let found = of_files(&unit(&[LOADED, ("NeedDaemonReload", "yes"), ("DropInPaths", "/etc/x.conf")]));
        let reported: Vec<_> = found.iter().map(|finding| (finding.grade, finding.what.as_str())).collect();
        let changed = "the unit's files have changed, but systemd uses the old ones";
        assert_eq!(reported, [(Grade::Warning, changed), (Grade::Ok, "the unit is changed by /etc/x.conf")]);
    }

    /// Returns the properties of the package's unit, as systemd reports them.
    fn restricted() -> Vec<(&'static str, &'static str)> {
        [LOADED, ("User", "stockpoint")]
            .into_iter()
            .chain(SANDBOX.map(|(name, wanted, _)| (name, wanted)))
            .collect()
    }

    #[test]
    fn a_sandbox_with_a_hole_names_the_hole() {
        assert_eq!(of_sandbox(&unit(&restricted())).unwrap().grade, Grade::Ok);
        let mut open = restricted();
        open.push(("ProtectSystem", "full"));
        open.push(("CapabilityBoundingSet", "cap_sys_admin"));
        let finding = of_sandbox(&unit(&open)).unwrap();
        assert_eq!(finding.grade, Grade::Warning);
        assert_eq!(
            finding.what,
            "the unit lacks CapabilityBoundingSet= (it has no capabilities of root), \
             ProtectSystem=strict (it writes only to its data folder)"
        );
    }

    #[test]
    fn an_agent_that_is_root_is_not_restricted() {
        for (user, dynamic, grade) in
            [("", "no", Grade::Warning), ("root", "no", Grade::Warning), ("", "yes", Grade::Ok)]
        {
            let mut pairs = restricted();
            pairs.extend([("User", user), ("DynamicUser", dynamic)]);
            assert_eq!(of_sandbox(&unit(&pairs)).unwrap().grade, grade, "{user} {dynamic}");
        }
    }

    #[test]
    fn the_unit_of_the_package_is_what_the_sandbox_is_compared_with() {
        let text = include_str!("../../systemd/stockpoint.service");
        for (name, wanted, _) in SANDBOX {
            assert!(text.lines().any(|line| line == format!("{name}={wanted}")), "{name}={wanted}");
        }
    }

    #[test]
    fn an_agent_of_nobody_and_a_program_that_was_replaced_are_warnings() {
        let dir = TempDir::new().unwrap();
        fs::create_dir(dir.path().join("42")).unwrap();
        symlink("/usr/bin/stockpoint", dir.path().join("42/exe")).unwrap();
        fs::create_dir(dir.path().join("43")).unwrap();
        symlink("/usr/bin/stockpoint (deleted)", dir.path().join("43/exe")).unwrap();
        let found = |state, number| {
            let unit = unit(&[LOADED, ("ActiveState", state), ("MainPID", number)]);
            of_process(&unit, dir.path()).map(|finding| finding.what)
        };
        assert_eq!(found("active", "42"), None);
        assert!(found("inactive", "0").unwrap().contains("systemd did not start"));
        assert!(found("active", "43").unwrap().contains("was replaced"));
    }
}
