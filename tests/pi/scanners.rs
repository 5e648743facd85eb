//! Fast scanners before a slow disk: what is read is what was typed, and what is not is refused.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use rusqlite::Connection;

use crate::codes::code;
use crate::machine::Source;
use crate::machine::cache;
use crate::machine::job;
use crate::station;

/// Milliseconds from a character to the next, and that a write to the disk takes longer.
const PACES: [(usize, usize); 6] = [(1, 300), (1, 10), (2, 100), (5, 100), (5, 300), (10, 300)];

/// Codes for the other reader: it loses enough of them.
const NAIVE_CODES_MAX: usize = 100;

/// Scanners at once.
const KEYBOARDS: usize = 20;

/// Milliseconds from a code to the next: the reader is in the middle of its commit when it comes.
const PAUSE_MS: usize = 20;

/// Makes the disk slow, runs the agent on it with keyboards that type, and keeps what the typist says. The reader
/// that stockpoint is not does the same, for comparison.
const JOB: &str = r#"
mkdir -p /data /tmp /etc/stockpoint
export STOCKPOINT_PARTNER_TOKEN=nobody STOCKPOINT_USER_TOKEN=asks
mkfifo /tmp/log
scan() { # NAME KEYBOARDS MS STALL_MS CODES
    size=$(blockdev --getsz /dev/mmcblk0)
    dmsetup --noudevsync create slow --table "0 $size delay /dev/mmcblk0 0 0 /dev/mmcblk0 0 $4"
    mount -t ext4 -o noatime /dev/dm-0 /data
    sed "s,DATA,/data/$1," /config.toml >/etc/stockpoint/config.toml
    stockpoint --log-level debug run >/tmp/log 2>&1 &
    echo "$1: $(typist scan "$2" "$3" PAUSE_MS "$5" </tmp/log)"
    kill $!
    wait $!
    umount /data
    dmsetup remove slow
}
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
        let naive = format!("typist naive {ms} {PAUSE_MS} {} {stall_ms}", codes.min(NAIVE_CODES_MAX));
        format!("scan {name} {keyboards} {ms} {stall_ms} {codes}\necho \"naive-{name}: $({naive})\"\n")
    }
}

fn type_all(runs: &[Run]) {
    let folder = tempfile::tempdir().unwrap();
    let card = card(folder.path());
    let scripts: String = runs.iter().map(|run| run.script()).collect();
    let files = vec![
        ("job", Source::Text(JOB.replace("PAUSE_MS", &PAUSE_MS.to_string()) + &scripts)),
        ("bin/stockpoint", Source::File(cache().join("stockpoint"))),
        ("bin/typist", Source::File(cache().join("typist"))),
        ("config.toml", Source::Text(station::config("DATA", &keyboards(KEYBOARDS)))),
    ];
    let said = job(&files, &card);
    let told = |begin: String| {
        said.lines().find_map(|line| line.strip_prefix(&begin)).unwrap_or_else(|| panic!("{begin}{said}"))
    };
    for run in runs {
        let (Run { keyboards, ms, stall_ms, codes }, name) = (*run, run.name());
        println!("scanners: {keyboards}, {ms} ms a character, each write {stall_ms} ms slower");
        println!("  another reader: {}", told(format!("naive-{name}: ")));
        println!("  stockpoint:     {}", told(format!("{name}: ")));
        judge(&journal(&card, &name), keyboards, codes);
    }
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
    assert!(Command::new("debugfs").args(["-R", &dump]).arg(card).output().unwrap().status.success());
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
            "[[scanner]]\nname = \"k{number}\"\nkind = \"evdev\"\nmatch = {{ vendor = 0x1eab, product = {number} }}\n"
        )
    };
    (1..=count).map(entry).collect()
}

/// An empty card. Its size must be a power of two.
fn card(folder: &Path) -> PathBuf {
    let image = folder.join("card.img");
    assert!(Command::new("mkfs.ext4").arg("-q").arg(&image).arg("256M").output().unwrap().status.success());
    image
}
