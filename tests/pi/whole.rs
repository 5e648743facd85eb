//! From the package to the books: a fresh system, the package, a set-up file on its boot partition, scanners on USB, scans,
//! documents, a power cut on a disk that forgets, and everything as it must be after it.

use std::io::Write as _;
use std::thread;
use std::time::Duration;

use crate::board;
use crate::chance::Chance;
use crate::disk::Disk;
use crate::image;
use crate::machine::KEYBOARD;
use crate::machine::Machine;
use crate::machine::Root;
use crate::machine::Setup;
use crate::machine::Source;
use crate::machine::cache;
use crate::service::Service;
use crate::station;
use crate::station::figure;
use crate::station::ready;
use crate::station::send;
use crate::station::until;

/// What a person writes on the card, in any computer.
const SET_UP: &str = r#"
[station]
name = "whole"
location_id = 4564
storage_id = 91271
document_idle_close_s = 5
repeat_guard_ms = 0

[api]
base_url = "http://127.0.0.1:8081/api/v1"
reconcile_after_ms = 2000

DOCK
[[scanner]]
name = "counter"
kind = "evdev"
gap_ms = 2000
burst_guard_ms = 0
match = KEYBOARD

[setup]
partner_token = "sandbox-partner-token"
user_token = "sandbox-user-token"
"#;

const INSTALL: &str = "
dpkg -i /root/stockpoint.deb
systemctl --quiet enable stockpoint-init
sync
echo installed
";

const CODES: [&str; 4] = ["4006381333931", "9521234000013", "96385074", "036000291452"];

pub(crate) fn check() {
    let (folder, service) = (tempfile::tempdir().unwrap(), Service::start());
    let disk = Disk::serve(&image::system(folder.path()));
    let set_up = SET_UP.replace("DOCK", station::DOCK).replace("KEYBOARD", KEYBOARD);
    let mut setup = Setup {
        root: Root::Data,
        data: Some(disk.clone()),
        files: vec![
            ("payload/root/stockpoint.deb", Source::File(cache().join("stockpoint.deb"))),
            ("payload/boot/stockpoint.toml", Source::Text(set_up)),
        ],
        serial: 1,
        service: service.port,
        options: String::new(),
    };
    let (fresh, booted) = Machine::boot(&setup);
    let said = fresh.run(INSTALL);
    assert!(said.contains("installed"), "{said}");
    println!("a fresh system up after {booted:.1?}, and the package installed on it");
    drop(fresh);

    setup.files.clear();
    let (mut machine, _) = Machine::boot(&setup);
    let before = board::check(&mut machine, &service);
    println!("set up by itself: {}", machine.run("ls /boot /etc/stockpoint | tr '\\n' ' '").trim());
    let mut line = machine.serial(0);
    for code in CODES {
        send(&mut line, code);
        machine.type_code(code, true);
    }
    let confirmed = before + 8;
    until(&machine, "eight units more to be posted", |status| figure(status, "/units/posted") == confirmed);
    assert_eq!(service.units().to_string(), confirmed.to_string());

    // A slow card: what is written is in the air for a while.
    disk.flush_takes(Duration::from_millis(40));
    // Three more are confirmed, and the power goes while a fourth is on its way.
    for code in &CODES[..3] {
        send(&mut line, code);
    }
    line.write_all(b"036000291452\r").unwrap();
    thread::sleep(Duration::from_millis(60));
    let writes = disk.cut(machine, &mut Chance(10));
    let confirmed = confirmed + 3;

    let (machine, booted) = Machine::boot(&setup);
    ready(&machine, &["dock", "counter"]);
    let status = until(&machine, "everything to be posted", |status| {
        let of = |path| figure(status, path);
        of("/outbox/open") + of("/outbox/queued") == 0 && of("/units/posted") >= confirmed
    });
    let units = figure(&status, "/units/posted");
    assert!(
        (confirmed..=confirmed + 1).contains(&units) && units == figure(&status, "/units/booked"),
        "{status}"
    );
    assert_eq!(service.units().to_string(), units.to_string());
    println!("power cut ({writes}); up again after {booted:.1?}");
    println!(
        "{confirmed} confirmed and one on its way: {units} booked, {units} posted, {units} on the service"
    );
}
