//! Power cuts under scanning: what was confirmed is there after the next boot, in its order, and is posted once.

use std::fs;
use std::io::Read as _;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use rusqlite::Connection;

use crate::chance::Chance;
use crate::disk::Cut;
use crate::disk::Disk;
use crate::machine::Machine;
use crate::machine::Root;
use crate::machine::Setup;
use crate::machine::Source;
use crate::machine::cache;
use crate::service::Service;
use crate::station;
use crate::station::figure;

/// Good codes of the service's sample, so that each scan is booked as one unit.
const CODES: [&str; 6] =
    ["4006381333931", "9521234000013", "9521234000020", "96385074", "96385081", "036000291452"];

/// Another, for the scan of which nobody waited for the answer: it may be there or not.
const IN_DOUBT: &str = "96385098";

/// And this one only asks whether the station is up and has its goods.
const KNOCK: &str = "9521234000143";

const BOOKED: u8 = 0x06;

/// As long as a memory card takes: meanwhile what was written is in the air.
const FLUSH_TAKES: Duration = millis(40);

const SCANNER: &str = r#"
[[scanner]]
name = "dock"
kind = "serial"
path = "/dev/ttyUSB0"
signals_hex = { booked = "06", unknown = "14", refused = "15" }
"#;

/// What the power cuts of one station came to.
#[derive(Debug, Default)]
struct Toll {
    confirmed: usize,
    lost: usize,
    writes: Cut,
    is_sound: bool,
    is_balanced: bool,
}

/// On a disk that is flushed nothing is lost, and the books balance. With flushes left out, the same test must see it.
pub(crate) fn check(cuts: usize) {
    let lies = toll(&["barrier=1", "barrier=0"], 1);
    println!("flushes left out: {} of {} confirmed scans lost", lies.lost, lies.confirmed);
    assert!(lies.lost > 0, "{lies:?}");
    let toll = in_lanes(cuts);
    println!("{cuts} cuts: {} of {} confirmed scans lost; {}", toll.lost, toll.confirmed, toll.writes);
    assert!(toll.lost == 0 && toll.is_sound && toll.is_balanced, "{toll:?}");
}

/// Two stations have their power cut half as often each, at the same time.
fn in_lanes(cuts: usize) -> Toll {
    let lane = |cuts: usize, seed| thread::spawn(move || toll(&vec!["barrier=1"; cuts], seed));
    let (one, other) = (lane(cuts.div_ceil(2), 2), lane(cuts / 2, 3));
    let (one, other) = (one.join().unwrap(), other.join().unwrap());
    let mut writes = one.writes;
    writes += other.writes;
    Toll {
        confirmed: one.confirmed + other.confirmed,
        lost: one.lost + other.lost,
        writes,
        is_sound: one.is_sound && other.is_sound,
        is_balanced: one.is_balanced && other.is_balanced,
    }
}

/// Boots with the disk mounted so, scans, and cuts the power, as often as that; then lets everything be posted and
/// looks at the books. Panics if the station does not come up by itself.
fn toll(mounts: &[&str], seed: u64) -> Toll {
    let (folder, service) = (tempfile::tempdir().unwrap(), Service::start());
    let (mut chance, mut toll, mut lives) = (Chance(seed), Toll::default(), Vec::new());
    let disk = Disk::serve(&data_image(folder.path()));
    disk.flush_takes(FLUSH_TAKES);
    for (number, mount) in mounts.iter().enumerate() {
        let machine = Machine::start(&setup(&disk, &service, mount));
        let mut line = machine.serial(0);
        let up = knock(&machine, &mut line);
        let time = 200 + chance.below(1500);
        let confirmed = scan(&mut line, millis(time), &mut chance);
        line.write_all(format!("{IN_DOUBT}\r").as_bytes()).unwrap();
        if number % 2 == 0 {
            // At any moment of a scan's way, and a little after it.
            thread::sleep(millis(chance.below(2 * time / confirmed.len().max(1))));
        } else {
            // While it is being written.
            disk.wait_for_write();
            thread::sleep(millis(chance.below(40)));
        }
        let writes = disk.cut(machine, &mut chance);
        println!(
            "cut {:>3} of {seed}: up after {up:>4.1?}, {:>3} confirmed; {writes}",
            number + 1,
            confirmed.len()
        );
        toll.writes += writes;
        toll.confirmed += confirmed.len();
        lives.push(confirmed);
    }
    let (machine, _) = Machine::boot(&setup(&disk, &service, "barrier=1"));
    let posted = machine.wait("everything to be posted", || {
        let status = station::status(&machine).filter(|status| status["running"] == true)?;
        let left = |state| figure(&status, &format!("/outbox/{state}"));
        let is_done = ["open", "queued", "sending", "uncertain"].map(left) == [0; 4];
        is_done.then(|| figure(&status, "/units/posted"))
    });
    toll.is_balanced = service.units().to_string() == posted.to_string();
    let (is_sound, journal) = journal(&machine, folder.path());
    Toll { lost: lost(&lives, &journal), is_sound, ..toll }
}

fn setup(disk: &Disk, service: &Service, mount: &str) -> Setup {
    Setup {
        root: Root::Small,
        data: Some(disk.clone()),
        files: vec![
            ("bin/stockpoint", Source::File(cache().join("stockpoint"))),
            ("etc/stockpoint/config.toml", Source::Text(station::config("/data", SCANNER))),
        ],
        serial: 1,
        service: service.port,
        options: format!("mount={mount}"),
    }
}

const fn millis(count: usize) -> Duration {
    Duration::from_millis(count as u64)
}

/// Waits until the station books, and has answered every knock; how long its first answer took.
fn knock(machine: &Machine, line: &mut UnixStream) -> Duration {
    let (begun, mut up, mut answer) = (Instant::now(), None, [0]);
    line.set_read_timeout(Some(millis(1000))).unwrap();
    machine.wait("the station to book", || {
        line.write_all(format!("{KNOCK}\r").as_bytes()).unwrap();
        line.read_exact(&mut answer).ok()?;
        up.get_or_insert_with(|| begun.elapsed());
        // Until it has the goods, it parks what is scanned.
        (answer == [BOOKED]).then_some(())
    });
    while line.read_exact(&mut answer).is_ok() {}
    up.unwrap()
}

/// Scans for so long, one code after the answer to the last; what was confirmed, in order.
fn scan(line: &mut UnixStream, time: Duration, chance: &mut Chance) -> Vec<&'static str> {
    let (begun, mut confirmed, mut answer) = (Instant::now(), Vec::new(), [0]);
    line.set_read_timeout(Some(millis(20_000))).unwrap();
    while begun.elapsed() < time {
        let code = CODES[chance.below(CODES.len())];
        line.write_all(format!("{code}\r").as_bytes()).unwrap();
        line.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [BOOKED], "{code}");
        confirmed.push(code);
    }
    confirmed
}

/// How many confirmed scans the journal has not, each life's followed by one in doubt.
fn lost(lives: &[Vec<&str>], journal: &[String]) -> usize {
    let (mut lost, mut rest) = (0, journal);
    for life in lives {
        for code in life {
            match rest.split_first() {
                Some((found, others)) if found == code => rest = others,
                _ => lost += 1,
            }
        }
        if rest.first().is_some_and(|found| found == IN_DOUBT) {
            rest = &rest[1..];
        }
    }
    lost
}

/// Whether the database is sound and the first there ever was, and the codes of all booked scans in their order.
#[expect(clippy::disallowed_methods, reason = "a test looks behind the store")]
fn journal(machine: &Machine, folder: &Path) -> (bool, Vec<String>) {
    machine.run("touch /stop; killall stockpoint; while pidof stockpoint; do usleep 100000; done");
    let names = machine.run("ls /data");
    let moved_aside = names.lines().filter(|name| name.starts_with("outbox.db.")).count();
    for name in ["outbox.db", "outbox.db-wal"] {
        fs::write(folder.join(name), machine.bytes_of(&format!("cat /data/{name}"))).unwrap();
    }
    let database = Connection::open(folder.join("outbox.db")).unwrap();
    let sound: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    let booked = "SELECT CAST(raw AS TEXT) FROM scans WHERE outcome = 'booked' AND barcode <> ?1 ORDER BY id";
    let mut booked = database.prepare(booked).unwrap();
    let codes = booked.query_map([KNOCK], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    (sound == "ok" && moved_aside == 0, codes)
}

/// An empty file system for the data.
fn data_image(folder: &Path) -> PathBuf {
    let image = folder.join("data.img");
    let made = Command::new("mkfs.ext4").arg("-q").arg(&image).arg("64M").output();
    assert!(made.unwrap().status.success());
    image
}
