//! What the units of systemd allow, held against what the program does.

use std::collections::BTreeSet;

use stockpoint::config::{Config, Feedback, Problem};

const AGENT: &str = include_str!("../../../systemd/stockpoint.service");
const BOOT: &str = include_str!("../../../systemd/stockpoint-init.service");
const SCAN: &str = include_str!("../../../systemd/stockpoint-scan.service");

/// The values of a setting, in the order of the unit.
fn values<'a>(unit: &'a str, setting: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(setting)?.strip_prefix('=')).collect()
}

/// The classes of devices that a unit may open.
fn allowed(unit: &str) -> BTreeSet<&str> {
    assert_eq!(values(unit, "DevicePolicy"), ["closed"]);
    let rules = values(unit, "DeviceAllow");
    rules.iter().map(|rule| rule.strip_suffix(" rw").unwrap_or_else(|| panic!("{rule}"))).collect()
}

/// The kinds of scanners, as the fault of an unknown one lists them.
fn kinds() -> Vec<String> {
    let text = "[station]\nname = \"a\"\nlocation_id = 1\nstorage_id = 1\n[[scanner]]\nname = \"a\"\nkind = \"zzz\"\n";
    let faults = Config::parse(text, "x").unwrap_err();
    let words = faults.iter().find_map(|fault| match &fault.problem {
        Problem::UnknownWord { allowed, .. } => Some(allowed.clone()),
        _ => None,
    });
    words.unwrap().split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The classes of devices (`/proc/devices`) that a scanner of a kind is opened at.
fn opened_by_scanner(kind: &str) -> &'static [&'static str] {
    match kind {
        "serial" => &["char-ttyUSB", "char-ttyACM", "char-ttyS", "char-ttyAMA"],
        "evdev" => &["char-input"],
        "hidpos" => &["char-hidraw"],
        "stdin" => &[],
        _ => panic!("which devices does a scanner of kind {kind} open? Say so here, and in the units"),
    }
}

fn opened_by_scanners() -> BTreeSet<&'static str> {
    kinds().iter().flat_map(|kind| opened_by_scanner(kind)).copied().collect()
}

/// The classes of devices that the station's own signals open. A new output does not compile before it is named here.
fn opened_by_feedback(feedback: &Feedback) -> BTreeSet<&'static str> {
    let Feedback { person_repeat: _, gpio: _, keyboard_led: _, sound: _, command: _ } = feedback;
    ["char-gpiochip", "char-input", "char-alsa"].into()
}

#[test]
fn a_unit_may_open_what_its_program_opens_and_nothing_else() {
    let text = "[station]\nname = \"a\"\nlocation_id = 1\nstorage_id = 1\n";
    let feedback = Config::parse(text, "x").unwrap().feedback;
    let scanners = opened_by_scanners();
    let everything: BTreeSet<_> = scanners.union(&opened_by_feedback(&feedback)).copied().collect();
    assert_eq!(allowed(AGENT), everything);
    assert_eq!(allowed(SCAN), scanners);
    assert_eq!(allowed(BOOT), BTreeSet::new());
}

#[test]
fn every_unit_writes_to_few_places_and_leaves_no_core() {
    for unit in [AGENT, BOOT, SCAN] {
        for (setting, value) in
            [("ProtectSystem", "strict"), ("LimitCORE", "0"), ("UMask", "0077"), ("NoNewPrivileges", "yes")]
        {
            assert_eq!(values(unit, setting), [value]);
        }
        for setting in ["MemoryMax", "TasksMax"] {
            assert_eq!(values(unit, setting).len(), 1, "{setting}");
        }
    }
    assert_eq!(values(AGENT, "ReadWritePaths"), [] as [&str; 0]);
    assert_eq!(values(BOOT, "ReadWritePaths"), ["/etc/stockpoint -/boot -/var/lib/stockpoint"]);
    assert_eq!(
        values(SCAN, "ReadWritePaths"),
        ["/etc/stockpoint -/etc/NetworkManager/system-connections -/var/lib/stockpoint"]
    );
}
