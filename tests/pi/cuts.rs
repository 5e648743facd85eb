//! Power cuts under scanning: what was confirmed is there after the next boot, in its order, and is posted once.

use std::io::Read as _;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use rusqlite::Connection;
use rusqlite::OpenFlags;
use stockpoint::domain::code::control::Control;
use tempfile::TempDir;

use crate::chance::Chance;
use crate::disk::Cut;
use crate::disk::Disk;
use crate::image::debugfs;
use crate::image::empty;
use crate::image::tear_commit;
use crate::machine::Machine;
use crate::machine::Root;
use crate::machine::Setup;
use crate::machine::Source;
use crate::machine::cache;
use crate::service::Service;
use crate::station;
use crate::station::BOOKED;
use crate::station::CONTROL;
use crate::station::figure;

/// Good codes of the service's sample, so that each scan is booked as one unit.
const CODES: [&str; 6] =
    ["4006381333931", "9521234000013", "9521234000020", "96385074", "96385081", "036000291452"];

/// Another, for the scan of which nobody waited for the answer: it may be there or not.
const IN_DOUBT: &str = "96385098";

/// And this one only asks whether the station is up and has its goods.
const KNOCK: &str = "9521234000143";

const OUTBOX: &str = "outbox.db";

/// As long as a memory card takes: meanwhile what was written is in the air.
const FLUSH_TAKES: Duration = millis(40);

/// Here the usual gap is what a torn code waits for.
const SCANNER: &str = r#"
[[scanner]]
name = "dock"
kind = "serial"
path = "/dev/ttyUSB0"
burst_guard_ms = 0
signals_hex = { booked = "06", control = "11", unknown = "14", refused = "15" }
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
    let (unflushed, torn) = (thread::spawn(without_flushes), thread::spawn(in_a_commit));
    unflushed.join().unwrap();
    torn.join().unwrap();
    let toll = in_lanes(cuts);
    println!("{cuts} cuts: {} of {} confirmed scans lost; {}", toll.lost, toll.confirmed, toll.writes);
    assert!(toll.lost == 0 && toll.is_sound && toll.is_balanced, "{toll:?}");
}

/// The file system may be beyond reading after it, so nothing is booted from it again: a journal that cannot be read has
/// lost everything.
fn without_flushes() {
    let mut station = Station::new(1);
    station.live("barrier=1");
    station.live("barrier=0");
    let (_, journal) = station.left_behind().unwrap_or_default();
    let (confirmed, lost) = (station.confirmed(), lost(&station.lives, &journal));
    println!("flushes left out: {lost} of {confirmed} confirmed scans lost");
    assert!(lost > 0);
}

/// A cut in the middle of the journal's last block, which few of the others hit. The kernel of Debian 12 does not mount
/// what that leaves ("journal transaction 2 is corrupt", EUCLEAN); with what Debian does before it mounts, the station
/// comes up by itself.
fn in_a_commit() {
    let mut station = Station::new(4);
    tear_commit(&station.image);
    station.live("barrier=1");
    let (is_sound, journal) = station.left_behind().unwrap();
    assert!(is_sound && lost(&station.lives, &journal) == 0, "{journal:?}");
}

/// Two stations have their power cut half as often each, at the same time.
fn in_lanes(cuts: usize) -> Toll {
    let lane = |cuts: usize, seed| thread::spawn(move || toll(cuts, seed));
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

/// Lives and has the power cut that often; then lets everything be posted and looks at the books. Panics if the station
/// does not come up by itself.
fn toll(cuts: usize, seed: u64) -> Toll {
    let mut station = Station::new(seed);
    (0..cuts).for_each(|_| station.live("barrier=1"));
    let is_balanced = station.is_balanced_at_last();
    let (is_sound, journal) = station.left_behind().unwrap();
    Toll {
        confirmed: station.confirmed(),
        lost: lost(&station.lives, &journal),
        writes: station.writes,
        is_sound,
        is_balanced,
    }
}

/// A station whose power is cut now and again.
struct Station {
    folder: TempDir,
    /// Of the disk.
    image: PathBuf,
    disk: Disk,
    service: Service,
    seed: u64,
    chance: Chance,
    /// What was confirmed between a boot and the next cut, in order.
    lives: Vec<Vec<&'static str>>,
    writes: Cut,
}

impl Station {
    fn new(seed: u64) -> Self {
        let (folder, service) = (tempfile::tempdir().unwrap(), Service::start());
        let image = empty(folder.path(), "data", "64M");
        let disk = Disk::serve(&image);
        disk.flush_takes(FLUSH_TAKES);
        let (chance, lives, writes) = (Chance(seed), Vec::new(), Cut::default());
        Self { folder, image, disk, service, seed, chance, lives, writes }
    }

    /// Boots with the disk mounted so, scans, and has its power cut.
    fn live(&mut self, mount: &str) {
        let machine = Machine::start(&setup(&self.disk, &self.service, mount));
        let mut line = machine.serial(0);
        let up = knock(&machine, &mut line);
        let time = 200 + self.chance.below(1500);
        let confirmed = scan(&mut line, millis(time), &mut self.chance);
        line.write_all(format!("{IN_DOUBT}\r").as_bytes()).unwrap();
        if self.lives.len().is_multiple_of(2) {
            // At any moment of a scan's way, and a little after it.
            thread::sleep(millis(self.chance.below(2 * time / confirmed.len().max(1))));
        } else {
            // While it is being written.
            self.disk.wait_for_write();
            thread::sleep(millis(self.chance.below(40)));
        }
        let writes = self.disk.cut(machine, &mut self.chance);
        println!(
            "cut {:>3} of {}: up after {up:>4.1?}, {:>3} confirmed; {writes}",
            self.lives.len() + 1,
            self.seed,
            confirmed.len()
        );
        self.writes += writes;
        self.lives.push(confirmed);
    }

    fn confirmed(&self) -> usize {
        self.lives.iter().map(Vec::len).sum()
    }

    /// Lives once more, until everything is posted; whether the service has as many units as the station says.
    fn is_balanced_at_last(&self) -> bool {
        let (machine, _) = Machine::boot(&setup(&self.disk, &self.service, "barrier=1"));
        let posted = machine.wait("everything to be posted", || {
            let status = station::status(&machine).filter(|status| status["running"] == true)?;
            let left = |state| figure(&status, &format!("/outbox/{state}"));
            let is_done = ["open", "queued", "sending", "uncertain"].map(left) == [0; 4];
            is_done.then(|| figure(&status, "/units/posted"))
        });
        machine.run(
            "touch /stop; killall stockpoint; while pidof stockpoint; do usleep 100000; done; umount /data",
        );
        self.service.units().to_string() == posted.to_string()
    }

    /// Whether the database on the disk is sound and the first there ever was, and the codes of all booked scans in
    /// their order. Nothing, if it cannot be read.
    #[expect(clippy::disallowed_methods, reason = "a test looks behind the store")]
    fn left_behind(&self) -> Option<(bool, Vec<String>)> {
        // It replays the journal of the file system, as mounting would.
        let _repaired = Command::new("e2fsck").arg("-fy").arg(&self.image).output().unwrap();
        let database = self.folder.path().join(OUTBOX);
        for end in ["", "-wal"] {
            debugfs(&self.image, &format!("dump /{OUTBOX}{end} {}{end}", database.display()))?;
        }
        let moved_aside = debugfs(&self.image, "ls -p /")?.contains("/outbox.db.");
        let database = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE).ok()?;
        let sound: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).ok()?;
        let booked =
            "SELECT CAST(raw AS TEXT) FROM scans WHERE outcome = 'booked' AND barcode <> ?1 ORDER BY id";
        let mut booked = database.prepare(booked).ok()?;
        let codes = booked.query_map([KNOCK], |row| row.get(0)).ok()?.collect::<Result<_, _>>().ok()?;
        Some((sound == "ok" && !moved_aside, codes))
    }
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
    line.set_read_timeout(Some(millis(200))).unwrap();
    // What nobody takes off the line fills it.
    line.set_write_timeout(Some(millis(200))).unwrap();
    machine.wait("the station to book", || {
        line.write_all(format!("{KNOCK}\r").as_bytes()).ok()?;
        line.read_exact(&mut answer).ok()?;
        up.get_or_insert_with(|| begun.elapsed());
        // Until it has the goods, it parks what is scanned.
        (answer == [BOOKED]).then_some(())
    });
    // Answers come in the order of the scans, and of what was knocked nothing sounds like a command, not even if it was
    // torn when the port was opened.
    line.set_read_timeout(Some(millis(20_000))).unwrap();
    line.set_write_timeout(None).unwrap();
    line.write_all(format!("{}\r", Control::Ok.code()).as_bytes()).unwrap();
    while answer != [CONTROL] {
        line.read_exact(&mut answer).unwrap();
    }
    up.unwrap()
}

/// Scans for so long, one code after the answer to the last; what was confirmed, in order.
fn scan(line: &mut UnixStream, time: Duration, chance: &mut Chance) -> Vec<&'static str> {
    let (begun, mut confirmed, mut answer) = (Instant::now(), Vec::new(), [0]);
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
