//! Fast scanners before a slow disk: what is read is what was typed, and what is not is refused.

use std::path::Path;

use rusqlite::Connection;

use crate::codes::code;
use crate::image::debugfs;
use crate::image::empty;
use crate::machine::Source;
use crate::machine::cache;
use crate::machine::job;
use crate::station;

/// Milliseconds from a character to the next, and that a write to the disk takes longer.
const PACES: [(usize, usize); 6] = [(1, 300), (1, 10), (2, 100), (5, 100), (5, 300), (10, 300)];

/// Codes for the other readers: they lose enough of them.
const NAIVE_CODES_MAX: usize = 100;

/// The other readers: what the typist calls each, and what it is.
const NAIVE: [(&str, &str); 3] = [
    ("plain", "with neither"),
    ("masked", "with the mask alone"),
    ("apart", "that reads apart from its commits alone"),
];

/// The size of the card.
const CARD: &str = "256M";

/// Scanners at once.
const KEYBOARDS: usize = 20;

/// Milliseconds from a code to the next: the reader is in the middle of its commit when it comes.
const PAUSE_MS: usize = 20;

/// The same where nothing shall wait for a commit but its own code.
const LONG_PAUSE_MS: usize = 300;

/// How much longer than on a serial line it may take from the last key to the commit, in percent.
const SERIAL_PERCENT_MAX: u64 = 130;

/// Makes the disk slow, runs the agent on it while the typist types, and tells what that said.
const JOB: &str = r#"
mkdir -p /data /tmp /etc/stockpoint
export STOCKPOINT_PARTNER_TOKEN=nobody STOCKPOINT_USER_TOKEN=asks
mkfifo /tmp/log
# The far end of the serial line.
stty -F /dev/ttyGS0 raw -echo
station() { # NAME CONFIG STALL_MS TYPIST…
    name=$1 config=$2 stall=$3
    shift 3
    size=$(blockdev --getsz /dev/mmcblk0)
    dmsetup --noudevsync create slow --table "0 $size delay /dev/mmcblk0 0 0 /dev/mmcblk0 0 $stall"
    mount -t ext4 -o noatime /dev/dm-0 /data
    sed "s,DATA,/data/$name," "/$config.toml" >/etc/stockpoint/config.toml
    stockpoint --log-level debug run >/tmp/log 2>&1 &
    echo "$name: $(typist "$@" </tmp/log)"
    kill $!
    wait $!
    umount /data
    dmsetup remove slow
}
"#;

/// A serial scanner that the kernel itself makes, so that it lives in virtual time too.
const SERIAL: &str = r#"
[[scanner]]
name = "line"
kind = "serial"
path = "/dev/ttyACM0"
burst_guard_ms = 0
"#;

/// What became of the codes of a run.
#[derive(Debug, Default)]
struct Outcome {
    typed: usize,
    right: usize,
    /// Read as something that nobody typed.
    altered: usize,
    /// Refused, which the person hears.
    refused: usize,
    /// Neither read nor, before the next that was, refused: nobody was told.
    silent: usize,
}

/// Types so many codes at each pace, and on twenty keyboards at once. In virtual time nothing but the station can lose
/// one: not one may be lost.
pub(crate) fn check(codes: usize) {
    let mut runs: Vec<_> = PACES.map(|(ms, stall_ms)| Run { keyboards: 1, ms, stall_ms, codes }).into();
    runs.push(Run { keyboards: KEYBOARDS, ms: 5, stall_ms: 10, codes });
    type_all(&runs);
    check_answer(codes);
}

/// Types very many codes at the hardest pace.
pub(crate) fn check_long(codes: usize) {
    type_all(&[Run { keyboards: 1, ms: 1, stall_ms: 300, codes }]);
}

/// One start of the station and what is typed.
#[derive(Debug, Clone, Copy)]
struct Run {
    keyboards: usize,
    /// From a character to the next.
    ms: usize,
    /// How much longer a write to the disk takes.
    stall_ms: usize,
    /// Of each keyboard.
    codes: usize,
}

impl Run {
    /// The name of its folder, and what its lines begin with.
    fn name(self) -> String {
        format!("{}-{}-{}", self.keyboards, self.ms, self.stall_ms)
    }

    /// The lines of the job.
    fn script(self) -> String {
        let Self { keyboards, ms, stall_ms, codes } = self;
        let name = self.name();
        let station =
            format!("station {name} keyboards {stall_ms} scan {keyboards} {ms} {PAUSE_MS} {codes}\n");
        let naive = NAIVE.map(|(kind, _)| {
            let codes = codes.min(NAIVE_CODES_MAX);
            format!("echo \"{kind}-{name}: $(typist {kind} {ms} {PAUSE_MS} {codes} {stall_ms})\"\n")
        });
        station + &naive.concat()
    }
}

fn type_all(runs: &[Run]) {
    let folder = tempfile::tempdir().unwrap();
    let card = empty(folder.path(), "data", CARD);
    let said = job(&files(&runs.iter().map(|run| run.script()).collect::<String>()), Some(&card));
    for run in runs {
        let (Run { keyboards, ms, stall_ms, codes }, name) = (*run, run.name());
        println!("scanners: {keyboards}, {ms} ms a character, each write {stall_ms} ms slower");
        for (kind, what) in NAIVE {
            println!("  a reader {what}: {}", told(&said, &format!("{kind}-{name}")));
        }
        println!("  stockpoint: {}", told(&said, &name));
        judge(&journal(&card, &name), keyboards, codes);
    }
}

/// From the last key to the commit it takes about as long as from the last byte of a serial line.
fn check_answer(codes: usize) {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "station keys keyboards 10 scan 1 1 {LONG_PAUSE_MS} {codes}\n\
         station line serial 10 send /dev/ttyGS0 1 {LONG_PAUSE_MS} {codes}\n"
    );
    let said = job(&files(&script), Some(&empty(folder.path(), "data", CARD)));
    let commit_us = |name| -> u64 {
        let words = told(&said, name);
        words.split(' ').next_back().unwrap().parse().unwrap()
    };
    let (keys, line) = (commit_us("keys"), commit_us("line"));
    println!("from the end of a code to its commit: {keys} us of keys, {line} us on a serial line");
    assert!(keys * 100 <= line * SERIAL_PERCENT_MAX);
}

/// The files of a job that begins with ours.
fn files(script: &str) -> Vec<(&'static str, Source)> {
    vec![
        ("job", Source::Text(format!("{JOB}{script}"))),
        ("bin/stockpoint", Source::File(cache().join("stockpoint"))),
        ("bin/typist", Source::File(cache().join("typist"))),
        ("keyboards.toml", Source::Text(station::config("DATA", &keyboards(KEYBOARDS)))),
        ("serial.toml", Source::Text(station::config("DATA", SERIAL))),
    ]
}

/// What a job said of one of its parts.
fn told<'a>(said: &'a str, name: &str) -> &'a str {
    let find = |line: &'a str| line.strip_prefix(name)?.strip_prefix(": ");
    said.lines().find_map(find).unwrap_or_else(|| panic!("nothing of {name} in {said}"))
}

/// Looks at the journal, and panics if not every code is in it as it was typed.
fn judge(journal: &[Frame], keyboards: usize, codes: usize) {
    let mut all = Outcome::default();
    for keyboard in 0..keyboards {
        let name = format!("k{}", keyboard + 1);
        let frames = journal.iter().filter(|frame| frame.scanner == name);
        all.add(frames, &(0..codes).map(|turn| code(keyboard, turn)).collect::<Vec<_>>());
    }
    let Outcome { typed, right, altered, refused, silent } = all;
    println!(
        "  in the journal: {right} of {typed}; altered {altered}, refused {refused}, lost in silence {silent}"
    );
    assert_eq!((right, altered, refused, silent), (typed, 0, 0, 0));
}

impl Outcome {
    fn add<'a>(&mut self, frames: impl Iterator<Item = &'a Frame>, typed: &[String]) {
        self.typed += typed.len();
        let (mut next, mut refusals) = (0, 0);
        for frame in frames {
            if frame.is_refused {
                refusals += 1;
                self.refused += 1;
            } else if let Some(ahead) = typed[next..].iter().position(|code| *code == frame.text) {
                self.silent += usize::from(ahead > 0 && refusals == 0);
                self.right += 1;
                (next, refusals) = (next + ahead + 1, 0);
            } else {
                self.altered += 1;
            }
        }
        self.silent += usize::from(next < typed.len() && refusals == 0);
    }
}

/// A row of the journal.
struct Frame {
    scanner: String,
    text: String,
    is_refused: bool,
}

/// The journal that the station of this run left on the card.
#[expect(clippy::disallowed_methods, reason = "a test looks behind the store")]
fn journal(card: &Path, run: &str) -> Vec<Frame> {
    let copy = card.with_extension(run);
    let dump = format!("dump /{run}/outbox.db {}", copy.display());
    debugfs(card, &dump).unwrap();
    let database = Connection::open(copy).unwrap();
    let select = "SELECT scanner, CAST(raw AS TEXT), outcome = 'refused' FROM scans ORDER BY id";
    let mut select = database.prepare(select).unwrap();
    let frames = select
        .query_map([], |row| Ok(Frame { scanner: row.get(0)?, text: row.get(1)?, is_refused: row.get(2)? }));
    frames.unwrap().map(Result::unwrap).collect()
}

/// The entries of so many keyboards.
fn keyboards(count: usize) -> String {
    let entry = |number: usize| {
        format!(
            "[[scanner]]\nname = \"k{number}\"\nkind = \"evdev\"\nmatch = {{ vendor = 0x1eab, product = {number} }}\nburst_guard_ms = 0\n"
        )
    };
    (1..=count).map(entry).collect()
}
