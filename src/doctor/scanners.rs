//! The scanners: their state from the running agent, or a test whether they can be opened.

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

/// The name that the kernel has for the agent's process (`proc_pid_comm(5)`).
const OURSELVES: &str = "stockpoint";

pub(super) fn examine(scanners: &[Scanner], running: Option<&Status>) -> Vec<Finding> {
    if scanners.is_empty() {
        return vec![Finding::warning(
            SECTION,
            "none is configured",
            "`stockpoint devices` shows what is plugged in, with the entry to paste",
        )];
    }
    let examined = scanners.iter().flat_map(|scanner| {
        let state = told(scanner, running).or_else(|| looked_at(scanner));
        let is_well = state.as_ref().is_none_or(|finding| finding.grade == Grade::Ok);
        state.into_iter().chain(held_by_others(scanner, is_well))
    });
    examined.collect()
}

/// Reports other programs that have the scanner's device open.
///
/// Many programs read keyboards too, which does no harm once the station has the device for itself; a serial port's
/// bytes go to one reader only.
fn held_by_others(scanner: &Scanner, is_well: bool) -> Option<Finding> {
    let device = device(scanner)?;
    if is_well && matches!(scanner.source, Source::Evdev { .. }) {
        return None;
    }
    let holders = holders::of(&device, Path::new(holders::PROCESSES), &[OURSELVES]);
    let first = holders.first()?.split(' ').next().unwrap_or_default();
    Some(Finding::warning(
        SECTION,
        format!("{} is also open in {}: it may take what is scanned", scanner.name, holders.join(", ")),
        format!(
            "stop that program, or have it leave this device alone (`systemctl disable --now {first}`, if it is a service)"
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

/// Reports the agent's view of the scanner; the agent has the port, and nobody else can test it meanwhile.
fn told(scanner: &Scanner, running: Option<&Status>) -> Option<Finding> {
    let name = &scanner.name;
    let state = running?.scanner_state(name)?;
    let what = format!("{name} is {}", state.as_str());
    let is_there = matches!(state, ScannerState::Healthy | ScannerState::Quiet);
    if let Some(advice) = running?.scanner_advice(name).filter(|_| is_there) {
        return Some(Finding::warning(SECTION, format!("{name}: {advice}"), Advice::CURE));
    }
    Some(match state {
        ScannerState::Healthy | ScannerState::Quiet => Finding::ok(SECTION, what),
        ScannerState::Unstable => Finding::warning(
            SECTION,
            what,
            "it comes and goes: try another cable and another socket, or a hub with its own power",
        ),
        ScannerState::Gone => Finding::fault(SECTION, what, cure(scanner)),
    })
}

/// Returns the cure that a test from here gives; otherwise points to the agent's log, which has the reason.
fn cure(scanner: &Scanner) -> String {
    looked_at(scanner).and_then(|finding| finding.cure).unwrap_or_else(|| {
        "`journalctl -u stockpoint` says why; `stockpoint devices` shows what is there".to_owned()
    })
}

fn looked_at(scanner: &Scanner) -> Option<Finding> {
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
        Ok(()) => Finding::ok(SECTION, format!("{name} ({place}) is there")),
        Err(why) => {
            // It is read as soon as somebody plugs it in, like everything that may pass.
            let may_pass = matches!(why, PortFault::Absent);
            Finding { may_pass, ..Finding::fault(SECTION, format!("{name} ({place}): {why}"), why.cure()) }
        }
    })
}

fn may_open(path: &Path) -> Result<(), PortFault> {
    access(path, Access::READ_OK | Access::WRITE_OK).map_err(|errno| match errno {
        Errno::NOENT | Errno::NODEV | Errno::NXIO => PortFault::Absent,
        Errno::ACCESS | Errno::PERM => PortFault::Denied,
        other => PortFault::Failed { errno: other.raw_os_error() },
    })
}
