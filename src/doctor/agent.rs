//! The agent itself: whether it runs, as which version, and what systemd says of its unit.

use std::collections::BTreeMap;
use std::process::Command;

use super::Finding;
use crate::status::Status;

const SECTION: &str = "agent";

/// The unit of the package.
const UNIT: &str = "stockpoint.service";

/// Restarts of the unit since the boot, from which something is wrong.
const RESTARTS_WARN: u32 = 5;

pub(super) fn examine(running: Option<&Status>) -> Vec<Finding> {
    let mut findings = vec![match running {
        Some(status) if status.version() != env!("CARGO_PKG_VERSION") => Finding::warning(
            SECTION,
            format!("version {} runs, and this is {}", status.version(), env!("CARGO_PKG_VERSION")),
            format!("systemctl restart {UNIT}"),
        ),
        Some(_) => Finding::ok(SECTION, "it runs"),
        None => Finding::fault(
            SECTION,
            "none runs: nothing is scanned and nothing delivered",
            format!("systemctl enable --now {UNIT}; `journalctl -u {UNIT}` says why it ended"),
        ),
    }];
    findings.extend(properties().map(|unit| of_unit(&unit)));
    findings
}

/// What systemd says of the unit; `None` where there is no systemd.
fn properties() -> Option<BTreeMap<String, String>> {
    let told = Command::new("systemctl")
        .args(["show", UNIT, "--property=LoadState,ActiveState,UnitFileState,NRestarts,Result"])
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let unit: BTreeMap<String, String> =
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    (!unit.is_empty()).then_some(unit)
}

fn of_unit(unit: &BTreeMap<String, String>) -> Finding {
    let of = |name: &str| unit.get(name).map_or("", String::as_str);
    if of("LoadState") != "loaded" {
        return Finding::warning(
            SECTION,
            format!("{UNIT} is not installed"),
            "install it, so that the station comes up by itself after a power cut",
        );
    }
    let restarts: u32 = of("NRestarts").parse().unwrap_or(0);
    if of("UnitFileState") != "enabled" {
        let cure = format!("systemctl enable {UNIT}");
        return Finding::warning(SECTION, "the unit is not started at boot", cure);
    }
    if restarts >= RESTARTS_WARN {
        return Finding::warning(
            SECTION,
            format!("systemd restarted it {restarts} times ({})", of("Result")),
            format!("`journalctl -u {UNIT}` says why"),
        );
    }
    Finding::ok(SECTION, format!("its unit is {} and started at boot", of("ActiveState")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Grade;

    fn unit(pairs: &[(&str, &str)]) -> Finding {
        of_unit(&pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_unit_that_is_missing_disabled_or_restless_wants_a_look() {
        let loaded = ("LoadState", "loaded");
        assert_eq!(unit(&[("LoadState", "not-found")]).grade, Grade::Warning);
        assert_eq!(unit(&[loaded, ("UnitFileState", "disabled")]).grade, Grade::Warning);
        let enabled = ("UnitFileState", "enabled");
        assert_eq!(unit(&[loaded, enabled, ("NRestarts", "5")]).grade, Grade::Warning);
        assert_eq!(unit(&[loaded, enabled, ("NRestarts", "4"), ("ActiveState", "active")]).grade, Grade::Ok);
    }
}
