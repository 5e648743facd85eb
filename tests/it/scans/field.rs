//! What was reported from the field: each case goes the way of a scan, from the bytes, keys or reports of a scanner to the
//! data on disk, in virtual time.
//!
//! The cases stand in `tests/data/field/cases.txt`, blocks of lines with a word in front:
//! - `shelf`: the goods of every case that names none; `good TITLE = CODE`: one of the case's own; `later`: one that the
//!   goods table has only after the scans;
//! - `station` and `scanner`: a line of the configuration;
//! - `sends TEXT`: bytes of a serial scanner, with `\r`, `\n`, `\t`, `\\` and `\x1d`; `sends-many COUNT CHARACTER`;
//!   `keyboard LAYOUT`, then `keys`: those that a scanner types, 2 ms apart, by their numbers, `+42` pressed, `-42`
//!   released, `@300` a pause of so many ms; `report IDENTIFIER TEXT`: a HID-POS report, `...` behind if more follows;
//! - `pause MS`; `opens now`: the port is opened when the first byte comes, and not long before;
//! - `books QUANTITY TITLE` or `books nothing`, `never QUANTITY TITLE` (in all), `parks COUNT`, `parks at most COUNT`, `refuses at
//!   most COUNT`: what must come of it; `reads TEXT`, `not-read TEXT`, `not-for REASON`: which frames must come or not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use stockpoint::app;
use stockpoint::config::{Config, Scanner};
use stockpoint::domain::decode::framing::{Frame, Framer};
use stockpoint::domain::decode::hidpos::trace::{PosTrace, Report};
use stockpoint::domain::decode::keymap::trace::Trace;
use stockpoint::domain::decode::keymap::{EV_KEY, EV_SYN, InputEvent, LayoutName, SYN_REPORT};
use stockpoint::domain::ids::{GoodId, ScannerName};
use stockpoint::domain::printable::printable;
use stockpoint::domain::session::{Commanded, Outcome, Session};
use stockpoint::domain::stock::good::Good;
use stockpoint::domain::time::{BootMillis, Moment, UnixMillis};
use stockpoint::store::Db;
use stockpoint::store::GoodsPage;
use stockpoint::store::OpenOptions;
use stockpoint::store::OperationFilter;
use stockpoint::work::scans::ReadFrame;
use stockpoint::work::scans::take_in;
use tempfile::TempDir;

use crate::scanners::hidpos::{DESCRIPTOR, report};

/// Since boot, when the first byte comes; the port was opened long before, if the case says nothing else.
const BEGIN_MS: i64 = 100_000;
/// After the last byte: no gap is longer.
const END_MS: i64 = 10_000;
/// Between two keys of a keyboard scanner.
const KEY_MS: i64 = 2;

/// The cases that come out as they must.
const RIGHT: &[&str] = &[
    "I15b", "I21b", "I38", "I47", "I41", "I43", "I46", "T08", "T09", "T14", "P01", "I02", "I03", "I05",
    "I28", "I30", "I31", "I32", "T11", "P02", "I30t", "I31t", "I34", "I09", "I11", "I12", "I17", "I19",
    "I20", "I22", "I26", "I48b", "I49", "I50", "I36", "I37", "I41b", "I45", "I07", "I51", "I53", "T05",
    "T06", "T07", "T10",
];

/// The cases that do not, and what comes of them today. T02 presses F8 for GS: a function key means what its maker says, so
/// that the code is refused and `stockpoint calibrate` names the key.
const WRONG: &[(&str, &str)] = &[("T02", "refused unknown-key")];

/// One case, as the file has it.
#[derive(Debug, Default, Clone)]
struct Case {
    id: String,
    /// Word and the rest of each line.
    lines: Vec<(String, String)>,
}

/// What came of a case.
#[derive(Debug, Default)]
struct Came {
    booked: BTreeMap<String, String>,
    parked: usize,
    refused: Vec<&'static str>,
    frames: Vec<Frame>,
}

impl Case {
    fn of(&self, word: &str) -> impl Iterator<Item = &str> {
        self.lines.iter().filter(move |(known, _)| known == word).map(|(_, rest)| rest.as_str())
    }

    fn config(&self) -> Result<Config, String> {
        let lines = |word| self.of(word).fold(String::new(), |lines, line| lines + line + "\n");
        let text = format!(
            "[station]\nname = \"dock-1\"\nlocation_id = 1\nstorage_id = 1\nrepeat_guard_ms = 0\n{}\
             [[scanner]]\nname = \"dock\"\nkind = \"serial\"\npath = \"/dev/ttyUSB0\"\n{}",
            lines("station"),
            lines("scanner")
        );
        Config::parse(&text, "case.toml").map_err(|faults| faults.to_string())
    }

    /// The frames of the case, each with the time at which it was read.
    fn frames(&self, scanner: &Scanner) -> Vec<(BootMillis, Frame)> {
        let all_at_end = |frames: Vec<Frame>| {
            let at = |index: usize| BootMillis(BEGIN_MS + 1000 * i64::try_from(index).unwrap());
            frames.into_iter().enumerate().map(|(index, frame)| (at(index), frame)).collect()
        };
        if let Some(layout) = self.of("keyboard").next() {
            return all_at_end(self.keyboard(layout).replay(scanner.framing()));
        }
        if self.of("report").next().is_some() {
            return all_at_end(self.reports().replay(scanner.framing()).unwrap());
        }
        self.serial(scanner)
    }

    fn serial(&self, scanner: &Scanner) -> Vec<(BootMillis, Frame)> {
        let mut stream = Framer::new(scanner.framing());
        let is_open_long = self.of("opens").next().is_none();
        stream.opened(BootMillis(if is_open_long { 0 } else { BEGIN_MS }));
        let (mut read, mut frames, mut now) = (Vec::new(), Vec::new(), BootMillis(BEGIN_MS));
        for (word, rest) in &self.lines {
            match word.as_str() {
                "pause" => now = now.plus_ms(rest.parse().unwrap()),
                "sends" | "sends-many" => {
                    stream.expire(now, &mut frames);
                    stream.push(&bytes(word, rest), now, &mut frames);
                    read.extend(frames.drain(..).map(|frame| (now, frame)));
                }
                _ => {}
            }
        }
        stream.expire(now.plus_ms(END_MS), &mut frames);
        read.extend(frames.drain(..).map(|frame| (now.plus_ms(END_MS), frame)));
        read
    }

    fn keyboard(&self, layout: &str) -> Trace {
        let layout = LayoutName::from_word(layout).unwrap();
        let (mut events, mut at_us) = (Vec::new(), BEGIN_MS * 1000);
        let mut key = |code: u16, value: i32, at_us: i64| {
            events.push(InputEvent { at_us, kind: EV_KEY, code, value });
            events.push(InputEvent { at_us, kind: EV_SYN, code: SYN_REPORT, value: 0 });
        };
        for word in self.of("keys").flat_map(str::split_whitespace) {
            at_us += KEY_MS * 1000;
            match word.split_at(1) {
                ("@", ms) => at_us += (ms.parse::<i64>().unwrap() - KEY_MS) * 1000,
                ("+", code) => key(code.parse().unwrap(), 1, at_us),
                ("-", code) => key(code.parse().unwrap(), 0, at_us),
                _ => {
                    key(word.parse().unwrap(), 1, at_us);
                    at_us += KEY_MS * 1000;
                    key(word.parse().unwrap(), 0, at_us);
                }
            }
        }
        Trace { layout, opened: BootMillis(0), events }
    }

    fn reports(&self) -> PosTrace {
        let (mut reports, mut at_ms) = (Vec::new(), BEGIN_MS);
        for (word, rest) in &self.lines {
            match word.as_str() {
                "pause" => at_ms += rest.parse::<i64>().unwrap(),
                "report" => {
                    let (identifier, text) = rest.split_once(' ').unwrap();
                    let (text, is_continued) =
                        text.strip_suffix(" ...").map_or((text, false), |text| (text, true));
                    let bytes = Some(report(identifier, &unescaped(text), is_continued));
                    reports.push(Report { at_us: at_ms * 1000, bytes });
                }
                _ => {}
            }
        }
        PosTrace { descriptor: DESCRIPTOR.to_vec(), opened: BootMillis(0), reports }
    }

    /// Plays the case to the end.
    fn play(&self, usual: &Case) -> Result<Came, String> {
        let config = self.config()?;
        let own: Vec<&str> = self.of("good").collect();
        let goods = if own.is_empty() { goods(usual.of("good")) } else { goods(own.into_iter()) };
        let dir = TempDir::new().unwrap();
        let now = UnixMillis(1_790_000_000_000);
        let options =
            OpenOptions { dir: dir.path(), station: "dock-1", boot_id: "boot-1", now, commit_hook: None };
        let mut db = Db::open(options).unwrap();
        read_goods(&mut db, &goods);
        let mut session = Session::new(app::rules(&config), Commanded::default(), BTreeMap::new());
        let (dock, labels) = (ScannerName::new("dock"), app::labels(&config));
        let mut came = Came::default();
        for (boot, frame) in self.frames(&config.scanners[0]) {
            let frame = config.scanners[0].encoding.read(frame);
            let at = Moment { wall: now.plus_ms(boot.0), boot, trusted: true };
            let read = ReadFrame { scanner: dock.clone(), frame: frame.clone(), at };
            session.lapse(boot);
            let verdict = take_in(&mut db, &labels, &mut session, read).unwrap();
            came.frames.push(frame);
            if let Outcome::Refused(reason) = &verdict.decision.outcome {
                came.refused.push(reason.as_str());
            }
        }
        self.learn(&mut db, goods);
        for (title, quantity) in lines(&db) {
            came.booked.insert(title, quantity);
        }
        came.parked = usize::try_from(db.figures().unwrap().scans.unknown).unwrap();
        Ok(came)
    }

    /// Has the goods table know what it knows later, and books what was parked of it.
    fn learn(&self, db: &mut Db, mut known: Vec<Good>) {
        let later: Vec<&str> = self.of("later").collect();
        if later.is_empty() {
            return;
        }
        let first = known.len();
        known.extend(goods(later.into_iter()));
        for (index, good) in known.iter_mut().enumerate().skip(first) {
            good.id = GoodId(i64::try_from(index).unwrap() + 1);
        }
        read_goods(db, &known);
        db.book_parked(UnixMillis(1_790_000_900_000)).unwrap();
    }

    /// What of it must come and did not, or must not and did.
    fn missed(&self, came: &Came) -> Vec<String> {
        let mut missed = Vec::new();
        let mut wanted = BTreeMap::new();
        for (word, rest) in &self.lines {
            let is_met = match word.as_str() {
                "books" => {
                    wanted.extend(
                        rest.split_once(' ').map(|(units, title)| (title.to_owned(), units.to_owned())),
                    );
                    true
                }
                "never" => {
                    let (units, title) = rest.split_once(' ').unwrap();
                    came.booked.get(title).is_none_or(|booked| booked != units)
                }
                "parks" | "refuses" => {
                    let count = if word == "parks" { came.parked } else { came.refused.len() };
                    match rest.strip_prefix("at most ") {
                        Some(most) => count <= most.parse::<usize>().unwrap(),
                        None => count == rest.parse::<usize>().unwrap(),
                    }
                }
                "reads" => told(&came.frames) == [rest.as_str()],
                "not-read" => !told(&came.frames).contains(rest),
                "not-for" => !came.refused.contains(&rest.as_str()),
                _ => true,
            };
            if !is_met {
                missed.push(format!("{word} {rest}"));
            }
        }
        if self.of("books").next().is_some() && wanted != came.booked {
            missed.push(format!("books {wanted:?}"));
        }
        missed
    }
}

/// What was read and not refused.
fn told(frames: &[Frame]) -> Vec<String> {
    frames
        .iter()
        .filter_map(|frame| frame.verdict.as_ref().ok())
        .map(|text| printable(text).to_string())
        .collect()
}

/// What came of a case, in a line.
fn line(came: &Came) -> String {
    let mut parts: Vec<String> =
        came.booked.iter().map(|(title, units)| format!("booked {units} {title}")).collect();
    if came.parked > 0 {
        parts.push(format!("parked {}", came.parked));
    }
    if !came.refused.is_empty() {
        parts.push(format!("refused {}", came.refused.join(" ")));
    }
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

fn goods<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Good> {
    let good = |(line, id): (&str, i64)| {
        let (title, code) = line.split_once(" = ").unwrap();
        Good {
            id: GoodId(id),
            title: title.to_owned(),
            barcode: String::from_utf8(unescaped(code)).unwrap(),
            unit: "pc".to_owned(),
            price: "1.00".parse().unwrap(),
            sale_price: None,
            write_off_unit: None,
        }
    };
    lines.zip(1..).map(good).collect()
}

fn read_goods(db: &mut Db, goods: &[Good]) {
    db.begin_full_reading(UnixMillis(0)).unwrap();
    db.collect_page(&GoodsPage { rows: goods.len(), goods: goods.to_vec() }).unwrap();
    db.finish_full_reading(0).unwrap();
}

/// What stands in operations: title and quantity of each line.
fn lines(db: &Db) -> Vec<(String, String)> {
    let summaries = db.operations(OperationFilter::All, 100).unwrap();
    let lines = summaries.into_iter().flat_map(|summary| db.pending(summary.id).unwrap().operation.lines);
    lines.map(|line| (line.title, line.quantity.to_string())).collect()
}

fn bytes(word: &str, rest: &str) -> Vec<u8> {
    if word == "sends" {
        return unescaped(rest);
    }
    let (count, character) = rest.split_once(' ').unwrap();
    character.repeat(count.parse().unwrap()).into_bytes()
}

fn unescaped(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text.chars());
    while let Some(c) = rest.next() {
        let byte = match (c, (c == '\\').then(|| rest.next()).flatten()) {
            ('\\', Some('r')) => b'\r',
            ('\\', Some('n')) => b'\n',
            ('\\', Some('t')) => b'\t',
            ('\\', Some('\\')) => b'\\',
            ('\\', Some('x')) => {
                let hex: String = rest.by_ref().take(2).collect();
                u8::from_str_radix(&hex, 16).unwrap()
            }
            ('\\', other) => panic!("\\{other:?} is no escape"),
            (c, _) => {
                bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
        };
        bytes.push(byte);
    }
    bytes
}

/// The shelf, and the cases.
fn read() -> (Case, Vec<Case>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/field/cases.txt");
    let text = fs::read_to_string(path).unwrap();
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim_start();
        if matches!(word, "shelf" | "case") {
            cases.push(Case { id: rest.to_owned(), ..Case::default() });
        } else {
            cases.last_mut().unwrap().lines.push((word.to_owned(), rest.to_owned()));
        }
    }
    (cases.remove(0), cases)
}

#[test]
fn every_case_from_the_field_comes_out_as_it_is_said_here() {
    let (shelf, cases) = read();
    let mut faults = Vec::new();
    for case in &cases {
        let came = case.play(&shelf);
        let (missed, today) = match &came {
            Ok(came) => (case.missed(came), line(came)),
            Err(fault) => (vec![fault.clone()], "the configuration is refused".to_owned()),
        };
        let known = WRONG.iter().find(|(id, _)| *id == case.id).map(|(_, today)| *today);
        match (RIGHT.contains(&case.id.as_str()), known) {
            (true, None) if missed.is_empty() => {}
            (true, None) => faults.push(format!("{}: {today}, but it {missed:?}", case.id)),
            (false, Some(known)) if known == today && !missed.is_empty() => {}
            (false, Some(_)) if missed.is_empty() => faults.push(format!("{}: is right now", case.id)),
            (false, Some(_)) => faults.push(format!("(\"{}\", {today:?}),", case.id)),
            _ => {
                faults
                    .push(format!("{}: stands in no list, or in both: {today}, missed {missed:?}", case.id));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    assert_eq!(cases.len(), 46);
    assert_eq!(RIGHT.len() + WRONG.len(), cases.len());
}

#[test]
fn every_case_names_where_it_is_from() {
    let (_shelf, cases) = read();
    for case in &cases {
        assert!(case.of("says").next().is_some(), "{}", case.id);
        assert!(case.of("source").all(|source| source.starts_with("https://")), "{}", case.id);
        assert!(case.of("source").next().is_some(), "{}", case.id);
    }
}
