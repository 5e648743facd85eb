//! Checks the scanners: reports their state from the running agent, or tests whether they can be opened.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::io::Errno;

use super::{Finding, Grade, holders};
use crate::config::{Place, Scanner, Source};
use crate::device::PortFault;
use crate::device::discover::hidraws;
use crate::device::discover::inputs;
use crate::device::discover::ports::{self, Roots};
use crate::domain::health::ScannerState;
use crate::domain::session::advice::Advice;
use crate::status::Status;

const SECTION: &str = "scanners";

/// The kernel's name for the agent's process (`proc_pid_comm(5)`).
const OUR_NAME: &str = "stockpoint";

pub(super) fn examine(scanners: &[Scanner], running: Option<&Status>) -> Vec<Finding> {
    if scanners.is_empty() {
        return vec![Finding::warning(
            SECTION,
            "no scanner is configured",
            "`stockpoint devices` lists what is plugged in, with the entry for the configuration",
        )];
    }
    let examined = scanners.iter().flat_map(|scanner| {
        // A running agent has the device open; a test from here sees only whether it exists and may be opened.
        let state = reported(scanner, running).or_else(|| tested(scanner));
        let grade = state.as_ref().map_or(Grade::Ok, |finding| finding.grade);
        state.into_iter().chain(held_by_others(scanner, grade))
    });
    examined.collect()
}

/// Reports other programs that have the scanner's device open. `grade` is that of the scanner itself.
///
/// Many programs read keyboards, too, which does no harm once the station has grabbed the device. The bytes of a serial
/// port go to one reader only.
fn held_by_others(scanner: &Scanner, grade: Grade) -> Option<Finding> {
    let device = device(scanner)?;
    if grade == Grade::Ok && matches!(scanner.source, Source::Evdev { .. }) {
        return None;
    }
    let holders = holders::of(&device, Path::new(holders::PROCESSES), &[OUR_NAME]);
    let first = holders.first()?.split(' ').next().unwrap_or_default();
    Some(Finding::warning(
        SECTION,
        format!("{} is also open in {}, which may take its scans", scanner.name, holders.join(", ")),
        format!(
            "stop that program, or make it ignore this device (`systemctl disable --now {first}` if it is a service)"
        ),
    ))
}

/// Returns the device node that a scanner has now.
fn device(scanner: &Scanner) -> Option<PathBuf> {
    match &scanner.source {
        Source::Serial { place: Place::Path(path), .. } | Source::Evdev { place: Place::Path(path), .. } => {
            Some(path.clone())
        }
        Source::Serial { place: Place::Match(wanted), .. } => ports::resolve(&Roots::default(), wanted).ok(),
        Source::Evdev { place: Place::Match(wanted), .. } => inputs::resolve(&Roots::default(), wanted).ok(),
        Source::HidPos { .. } | Source::Stdin => None,
    }
}

/// Reports the agent's view of the scanner. The agent holds the port, and nobody else can test it meanwhile.
fn reported(scanner: &Scanner, running: Option<&Status>) -> Option<Finding> {
    let name = &scanner.name;
    let state = running?.scanner_state(name)?;
    let what = format!("{name} is {}", state.as_str());
    let is_there = matches!(state, ScannerState::Healthy | ScannerState::Quiet);
    // Advice on a scanner that is gone or comes and goes would only distract from that.
    if let Some(advice) = running?.scanner_advice(name).filter(|_| is_there) {
        return Some(Finding::warning(SECTION, format!("{name}: {advice}"), Advice::CURE));
    }
    Some(match state {
        ScannerState::Healthy | ScannerState::Quiet => Finding::ok(SECTION, what),
        ScannerState::Unstable => Finding::warning(
            SECTION,
            what,
            "the connection is lost again and again: try another cable and socket, or a hub with its own power",
        ),
        ScannerState::Gone => Finding::fault(SECTION, what, cure(scanner)),
    })
}

/// Returns the cure from a test on the spot, or else a pointer to the agent's log, which has the reason.
fn cure(scanner: &Scanner) -> String {
    tested(scanner).and_then(|finding| finding.cure).unwrap_or_else(|| {
        "`journalctl -u stockpoint` shows why; `stockpoint devices` lists the devices".to_owned()
    })
}

fn tested(scanner: &Scanner) -> Option<Finding> {
    let name = &scanner.name;
    let place = match &scanner.source {
        Source::Serial { place, .. } | Source::Evdev { place, .. } | Source::HidPos { place, .. } => place,
        Source::Stdin => return Some(Finding::ok(SECTION, format!("{name} reads the standard input"))),
    };
    let found = match (place, &scanner.source) {
        (Place::Path(path), _) => may_open(path),
        (Place::Match(wanted), Source::Serial { .. }) => {
            ports::resolve(&Roots::default(), wanted).and_then(|path| may_open(&path))
        }
        (Place::Match(wanted), Source::Evdev { .. }) => {
            inputs::resolve(&Roots::default(), wanted).and_then(|path| may_open(&path))
        }
        (Place::Match(wanted), Source::HidPos { .. }) => {
            hidraws::resolve(&Roots::default(), wanted).and_then(|path| may_open(&path))
        }
        (Place::Match(_), Source::Stdin) => return None,
    };
    Some(match found {
        Ok(()) => Finding::ok(SECTION, format!("{name} ({place}) can be opened")),
        Err(why) => {
            // It ends without a repair: the scanner is read as soon as it is plugged in.
            let is_transient = matches!(why, PortFault::Absent);
            Finding {
                is_transient,
                ..Finding::fault(SECTION, format!("{name} ({place}): {why}"), why.cure())
            }
        }
    })
}

fn may_open(path: &Path) -> Result<(), PortFault> {
    // `ENODEV` and `ENXIO`: the node is there, but its device is gone.
    access(path, Access::READ_OK | Access::WRITE_OK).map_err(|errno| match errno {
        Errno::NOENT | Errno::NODEV | Errno::NXIO => PortFault::Absent,
        Errno::ACCESS | Errno::PERM => PortFault::Denied,
        other => PortFault::Failed { errno: other.raw_os_error() },
    })
}
