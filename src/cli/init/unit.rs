//! The systemd unit of the station: enables and starts it, if systemd runs.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::is_units_own;
use crate::child;
use crate::cli::Error;
use crate::cli::say;

/// The unit of the station.
const UNIT: &str = "stockpoint.service";
/// The longest wait for systemctl: systemd gives a unit 90 s to stop and 90 s to start.
const SYSTEMCTL_TIME_MAX: Duration = Duration::from_secs(200);
/// The unit that waits for a set-up code.
const SCAN_UNIT: &str = "stockpoint-scan.service";
/// The folder that exists while systemd runs (`sd_booted(3)`).
const SYSTEMD: &str = "/run/systemd/system";

/// The treatment of the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// The unit is left as it is.
    Not,
    /// The unit is started, and the call returns when scans are accepted.
    AndWait,
    /// The unit is started, and the call returns at once: the unit itself may wait for the one that runs this program.
    NoWait,
}

/// Makes systemd start the station, now and at each boot. Returns false if it was not started, and then prints how to
/// start it.
pub(super) fn enable(out: &mut impl Write, config: &Path, start: Start) -> Result<bool, Error> {
    let by_hand = format!("start it with `stockpoint --config {} run`", config.display());
    let not = if start == Start::Not {
        format!("the service was left as it is; start it with `systemctl enable --now {UNIT}`")
    } else if !is_units_own(config) {
        format!("the service reads another configuration; {by_hand}")
    } else if !Path::new(SYSTEMD).is_dir() {
        format!("systemd does not run here; {by_hand}")
    } else {
        systemctl(&["enable", UNIT], Start::AndWait)?;
        // A unit that was running has read the old configuration.
        systemctl(&["restart", UNIT], start)?;
        say(out, &format!("{UNIT} is enabled and started; `stockpoint status` shows how it is\n"))?;
        return Ok(true);
    };
    say(out, &format!("{not}\n"))?;
    Ok(false)
}

/// Stops the unit that waits for a code, once this station has a configuration.
pub(super) fn end_scanning(config: &Path) -> Result<(), Error> {
    if !is_units_own(config) || !Path::new(SYSTEMD).is_dir() {
        return Ok(());
    }
    let mut asked = child::command("systemctl");
    asked.args(["--quiet", "is-enabled", SCAN_UNIT]);
    let is_enabled = child::run(&mut asked, SYSTEMCTL_TIME_MAX).map_err(Error::systemctl)?.status.success();
    if is_enabled { systemctl(&["disable", SCAN_UNIT], Start::AndWait) } else { Ok(()) }
}

/// Runs systemctl, whose own messages go to the person.
fn systemctl(words: &[&str], start: Start) -> Result<(), Error> {
    let no_wait = (start == Start::NoWait).then_some("--no-block");
    let mut systemctl = child::command("systemctl");
    systemctl.args(no_wait).args(words).stdout(Stdio::inherit()).stderr(Stdio::inherit());
    let ended = child::run(&mut systemctl, SYSTEMCTL_TIME_MAX).map_err(Error::systemctl)?;
    if ended.status.success() {
        return Ok(());
    }
    Err(Error::failure("systemd does not start the service, and the station is set up")
        .hint("`systemctl status stockpoint` shows the reason"))
}
