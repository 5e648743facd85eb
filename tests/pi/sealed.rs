//! A root file system that nothing can write to and a partition for the data, as the guide has it: set up, scanned on,
//! cut off from its power, and there again.

use crate::chance::Chance;
use crate::disk::Disk;
use crate::image;
use crate::machine::Machine;
use crate::machine::Root;
use crate::machine::Setup;
use crate::machine::Source;
use crate::service::Service;
use crate::station;
use crate::station::figure;
use crate::station::ready;
use crate::station::send;
use crate::station::until;

/// The page with the lines of the file systems.
const PAGE: &str = include_str!("../../src/guide/install.md");

const CODES: [&str; 4] = ["4006381333931", "9521234000013", "96385074", "036000291452"];

/// What an upgrade does around itself.
const OPEN_AND_SHUT: &str =
    "mount -o remount,rw / && touch /proof && rm /proof && mount -o remount,ro / && echo done";

pub(crate) fn check() {
    let (folder, service) = (tempfile::tempdir().unwrap(), Service::start());
    // Under the names that the guide has for them.
    let (card, data) = (image::system(folder.path()), image::empty(folder.path(), "stockpoint", "64M"));
    image::rename(&card, "rootfs");
    let disk = Disk::serve(&data);
    let mut files = station::package(station::DOCK);
    files.push(("payload/root/fstab", Source::Text(fstab())));
    let mut setup = Setup {
        root: Root::Card(card),
        data: Some(disk.clone()),
        files,
        serial: 1,
        service: service.port,
        options: String::new(),
    };
    let (fresh, _) = Machine::boot(&setup);
    station::install(&fresh);
    let said = fresh.run("systemctl stop stockpoint && cp /root/fstab /etc/fstab && sync && echo sealed");
    assert!(said.contains("sealed"), "{said}");
    drop(fresh);

    setup.files.clear();
    let (machine, _) = Machine::boot(&setup);
    ready(&machine, &["dock"]);
    println!("sealed: {}", sealed(&machine));
    let mut line = machine.serial(0);
    for code in CODES {
        send(&mut line, code);
    }
    until_posted(&machine, 4);
    let said = machine.run(OPEN_AND_SHUT);
    assert!(said.contains("done"), "{said}");
    disk.cut(machine, &mut Chance(11));

    let (machine, booted) = Machine::boot(&setup);
    ready(&machine, &["dock"]);
    sealed(&machine);
    send(&mut machine.serial(0), CODES[0]);
    until_posted(&machine, 5);
    assert_eq!(service.units().to_string(), "5");
    println!("power cut; up again after {booted:.1?}: 5 booked, 5 posted, 5 on the service");
}

/// That nothing can write to the root and something to the data; how the two are mounted.
fn sealed(machine: &Machine) -> String {
    let said = machine.run("touch /proof 2>&1");
    assert!(said.contains("Read-only file system"), "{said}");
    let mounts = machine.run("grep -E ' (/|/var/lib/stockpoint) ext4 ' /proc/mounts | tr '\\n' ';'");
    assert!(mounts.contains(" / ext4 ro,") && mounts.contains(" /var/lib/stockpoint ext4 rw,"), "{mounts}");
    mounts
}

fn until_posted(machine: &Machine, units: u64) {
    let status = until(machine, "the units to be posted", |status| figure(status, "/units/posted") >= units);
    let booked = figure(&status, "/units/booked");
    assert_eq!((figure(&status, "/units/posted"), booked), (units, units), "{status}");
}

/// The lines of the guide, as they stand there.
fn fstab() -> String {
    let is_mount = |line: &&str| line.starts_with("LABEL=") || line.starts_with("tmpfs ");
    let lines: Vec<_> = PAGE.lines().filter(is_mount).collect();
    assert_eq!(lines.len(), 6, "{lines:?}");
    lines.join("\n") + "\n"
}
