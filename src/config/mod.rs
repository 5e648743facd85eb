//! The configuration: one TOML file, read whole at the start, checked to the last key, then typed.
//!
//! Promises: a [`Config`] holds nothing out of bounds and nothing that contradicts itself. A file with
//! mistakes gives all of them at once, each with its line, its key and its cure. No token is in a
//! [`Config`], in what it shows or in a fault; tokens have a type of their own, [`secrets::Secrets`].
//!
//! What it does not do: look whether folders, devices or the API are there, or follow changes of the file.

pub mod edit;
mod fault;
mod feedback;
mod handed;
mod line;
mod packs;
mod protocol;
mod reader;
mod rules;
mod scanner;
pub mod secrets;
mod sections;
mod setup;
mod show;
#[cfg(test)]
mod tests;
mod values;
mod web;

use std::fmt;
use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use toml::de::DeTable;

pub use crate::config::fault::FAULTS_MAX;
pub use crate::config::fault::Fault;
pub use crate::config::fault::Faults;
pub use crate::config::fault::Problem;
pub use crate::config::feedback::Feedback;
pub use crate::config::feedback::Gpio;
use crate::config::handed::Provenance;
pub use crate::config::line::DataBits;
pub use crate::config::line::FlowControl;
pub use crate::config::line::Line;
pub use crate::config::line::Parity;
pub use crate::config::line::StopBits;
pub use crate::config::protocol::Protocol;
use crate::config::reader::Report;
pub use crate::config::setup::SetupFile;
pub use crate::config::setup::doubt_about;
pub use crate::config::web::Listen;
pub use crate::config::web::Web;
use crate::domain::encoding::Encoding;
use crate::domain::framing::Framing;
use crate::domain::framing::Guarding;
use crate::domain::framing::Terminator;
use crate::domain::home::{Books, Home, Machine};
use crate::domain::ids::LocationId;
use crate::domain::ids::MasterId;
use crate::domain::ids::ScannerName;
use crate::domain::ids::StorageId;
use crate::domain::keymap::LayoutName;
use crate::domain::kit::KitScan;
use crate::domain::mode::Mode;
use crate::domain::pack::Packs;
use crate::domain::rule::Rule;
use crate::domain::seal::Seal;
use crate::domain::session::Conventions;
use crate::domain::variable::Pattern;

/// The file read if none is named.
pub const DEFAULT_PATH: &str = "/etc/stockpoint/config.toml";
/// Every key with its default, unit and meaning: a file to begin from.
pub const EXAMPLE: &str = include_str!("example.toml");
/// Most scanners of one station: a USB tree of a small board holds no more that a person could tell apart.
pub const SCANNERS_MAX: usize = 32;
/// Most storages of one station that have a `[[storage]]` of their own.
pub const STORAGES_MAX: usize = 32;
/// Most cards that `kits.scan` names, so that a sheet of them can still be laid out by hand.
pub const KITS_MAX: usize = 1000;
/// Longest answer to a scanner, in bytes: at 9600 baud, 64 bytes already take 67 ms of the operator's time.
pub const SIGNAL_BYTES_MAX: usize = 64;
/// Largest configuration file, in bytes: a full one has some ten thousand.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Everything in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `[station]`
    pub station: Station,
    /// `[api]`
    pub api: Api,
    /// `[goods]`
    pub goods: GoodsSync,
    /// `[kits]`: `scan`, the kits that the sheet prints and a scan books.
    pub kits: KitScan,
    /// `[web]`
    pub web: Web,
    /// `[feedback]`
    pub feedback: Feedback,
    /// `[[storage]]`, at most [`STORAGES_MAX`], in the order of the file; no two share an id.
    pub named_storages: Vec<Storage>,
    /// `[[scanner]]`, at most [`SCANNERS_MAX`], in the order of the file. No two share a name or a place,
    /// and at most one reads standard input.
    pub scanners: Vec<Scanner>,
    /// `[[variable_measure]]`, at most [`crate::domain::variable::PATTERNS_MAX`]; the first that fits decides.
    pub variable_measures: Vec<Pattern>,
    /// `[[pack]]` and, once the file is read, the rows of `packs_file`; together at most [`crate::domain::pack::PACKS_MAX`].
    pub packs: Packs,
    /// A table of further packs; a relative path is below the folder of the configuration.
    pub packs_file: Option<PathBuf>,
}

/// A storage that scans can be booked in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// Its number on the service, 1..=2^53-1.
    pub id: StorageId,
    /// What people call it, 1..=34 printable characters.
    pub name: Option<String>,
}

/// What this station is and how it books.
#[derive(Debug, Clone, PartialEq)]
pub struct Station {
    /// Its name, 1..=24 of `a-z 0-9 -`; part of every marker.
    pub name: String,
    /// The location whose stock it books, 1..=2^53-1.
    pub location_id: LocationId,
    /// The storage it books, 1..=2^53-1, where no scanner has one of its own.
    pub storage_id: StorageId,
    /// The mode before any was commanded.
    pub mode: Mode,
    /// The folder of its databases, never empty; a relative one is below the working directory.
    pub data_dir: PathBuf,
    /// An open document closes after this long without a scan, 2 s to 7 days; `None`: only by control code.
    pub document_idle_close: Option<Duration>,
    /// A document closes when it has this many lines, 1..=500.
    pub document_lines_max: usize,
    /// The same code from the same scanner sooner than this is a repeat, 0..=5000 ms; zero: never.
    pub repeat_guard: Duration,
    /// A quantity that QTY set lapses after this long without a scan, 5 s to 10 minutes; `None`: never.
    pub qty_expires: Option<Duration>,
    /// What was commanded falls back to the configuration after this long without a scan, 10 s to a day; `None`: never.
    pub mode_reverts_after: Option<Duration>,
    /// The staff member named on each document, 1..=2^53-1.
    pub master_id: Option<MasterId>,
    /// The location's time zone, by its IANA name; `None`: ask the API.
    pub time_zone: Option<TimeZone>,
    /// Whether a count in a GS1 element string (AI 30, 37) is the quantity.
    pub gs1_counts: bool,
    /// Whether the station's clock is believed without proof.
    pub trust_clock: bool,
    /// How long what was posted stays in the history, whole days, 7..=36500.
    pub history: Duration,
    /// A document that is undelivered for so long is an alarm, 10 min to 30 days; `None`: never.
    pub alarm_after: Option<Duration>,
    /// What becomes of a document that is older than the account takes.
    pub back_date: BackDate,
    /// What is done about a lot that is past its date.
    pub expired: Care,
    /// What is done about a unit that was scanned for the same purpose within 30 days.
    pub serials: Care,
    /// A file with the secret that control codes are checked with; `None`: they are those of every station.
    pub sheet_secret_file: Option<PathBuf>,
}

/// What is done about something odd on a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// Nothing.
    Off,
    /// The scan is booked, and what is odd is said with it.
    Warn,
    /// The scan is refused.
    Refuse,
}

/// What becomes of a document whose date lies further back than the account lets the token date documents
/// (`storages_create_last_days_count`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackDate {
    /// It keeps its date and waits for a person.
    KeepDate,
    /// It is dated now; when it was scanned stands in its comment.
    Today,
}

/// How the API is reached, and how gently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// A file with certificate authorities that are trusted beside the program's own and the system's, in PEM form.
    pub ca_file: Option<PathBuf>,
    /// The HTTP proxy that all requests go through, `http://HOST:PORT`; the environment's proxies are ignored.
    pub proxy: Option<String>,
    /// The address all paths are put behind: https, or http to a loopback address; no user, query or
    /// fragment, no slash at the end.
    pub base_url: String,
    /// A file with the partner token.
    pub partner_token_file: PathBuf,
    /// A file with the user token.
    pub user_token_file: PathBuf,
    /// Most requests in any minute, 1..=60000, not below those of a second.
    pub requests_per_minute_max: u32,
    /// Most requests in any second, 1..=1000.
    pub requests_per_second_max: u32,
    /// An answer not here after this long is lost, 1000..=120000 ms.
    pub request_timeout: Duration,
    /// A lost answer is read back no sooner, and a second time this long after; 2000..=3600000 ms.
    pub reconcile_after: Duration,
    /// A late double is looked for this long after an uncertain posting, and once more after four times
    /// that; 5000..=86400000 ms, not below `reconcile_after`.
    pub late_check_after: Duration,
    /// How a document reaches the service.
    pub strategy: Strategy,
    /// What the array of lines is called in the operation call.
    pub lines_key: LinesKey,
    /// The document type of a write-off, 4 or 7.
    pub write_off_document_type: u8,
}

/// How a document reaches the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Document and lines in one call. Where an account refuses that, the other way is taken by itself.
    Operation,
    /// First the document, then each line.
    Document,
}

/// What the array of lines is called in the operation call. The vendor's schema and its example disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinesKey {
    /// `goods_transactions`, as the schema has it.
    GoodsTransactions,
    /// `transactions`, as the example has it.
    Transactions,
}

/// How often the goods are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodsSync {
    /// Between two looks at what changed, 5 s to 7 days.
    pub sync_every: Duration,
    /// Between two whole downloads, which find deletions, 5 s to 30 days, not below `sync_every`.
    pub full_sync_every: Duration,
}

/// One physical reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanner {
    /// Its name, of which no two are the same.
    pub name: ScannerName,
    /// Where its scans come from.
    pub source: Source,
    /// A frame not finished in this long is refused, 20..=5000 ms.
    pub gap: Duration,
    /// The character set of what it sends; UTF-8 of one that types.
    pub encoding: Encoding,
    /// What ends a frame.
    pub terminator: Terminator,
    /// A frame that begins sooner than this after the end of the one before is a part of it, 0..=1000 ms; zero: never,
    /// and always zero for standard input.
    pub burst_guard: Duration,
    /// The mode this scanner always has.
    pub mode: Option<Mode>,
    /// The storage this scanner always books, 1..=2^53-1.
    pub storage_id: Option<StorageId>,
    /// `[[scanner.rule]]`, at most [`crate::domain::rule::RULES_MAX`], in the order in which they are carried out.
    pub rules: Vec<Rule>,
}

impl Scanner {
    /// How its frames are told apart.
    pub fn framing(&self) -> Framing {
        let guarding = match self.source {
            Source::Stdin => Guarding::Off,
            Source::Serial { .. } | Source::Evdev { .. } | Source::HidPos { .. } => {
                Guarding::On { burst: self.burst_guard }
            }
        };
        Framing { gap: self.gap, terminator: self.terminator, guarding }
    }
}

/// Where scans come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A serial port, real or over USB.
    Serial {
        /// Which port.
        place: Place,
        /// How it is set and answered.
        serial: Serial,
    },
    /// A scanner that types like a keyboard.
    Evdev {
        /// Which input device.
        place: Place,
        /// The layout the scanner is set to.
        layout: LayoutName,
    },
    /// A scanner with the USB point-of-sale report (HID Point of Sale Usage Tables 1.02, usage page 0x8C).
    HidPos {
        /// Which HID device.
        place: Place,
        /// What it is sent back: one report to the scanner for each signal, its number first.
        signals: Signals,
    },
    /// Standard input, one barcode a line.
    Stdin,
}

impl Source {
    /// The word for it in the configuration and in every figure.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Serial { .. } => "serial",
            Self::Evdev { .. } => "evdev",
            Self::HidPos { .. } => "hidpos",
            Self::Stdin => "stdin",
        }
    }
}

/// Which device is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The one with this path, never empty.
    Path(PathBuf),
    /// The one like this.
    Match(UsbMatch),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Match(wanted) => wanted.fmt(f),
        }
    }
}

/// What a USB device must be like. At least one part is given; all that are given must agree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsbMatch {
    /// `idVendor`
    pub vendor: Option<u16>,
    /// `idProduct`
    pub product: Option<u16>,
    /// Where it is plugged in, as the kernel names it: `1-1.3`, or `1-1.3:1.0` for one interface of it; 1..=32 of
    /// `0-9 - . :`.
    pub port: Option<String>,
    /// Its serial number, 1..=126 characters.
    pub serial: Option<String>,
}

impl fmt::Display for UsbMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let vendor = self.vendor.map(|vendor| format!("vendor {vendor:04x}"));
        let product = self.product.map(|product| format!("product {product:04x}"));
        let port = self.port.as_ref().map(|port| format!("port {port}"));
        let serial = self.serial.as_ref().map(|serial| format!("serial {serial}"));
        let parts: Vec<String> = [vendor, product, port, serial].into_iter().flatten().collect();
        write!(f, "USB {}", parts.join(", "))
    }
}

/// How a serial port is set, and what is sent back to its scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serial {
    /// The line's settings.
    pub line: Line,
    /// How the scanner is spoken to.
    pub protocol: Protocol,
    /// What is sent back in place of the protocol's own bytes.
    pub signals: Signals,
}

/// The bytes sent back to a scanner for each signal, at most [`SIGNAL_BYTES_MAX`]; empty: what its protocol has for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signals {
    /// The scan is on disk.
    pub booked: Vec<u8>,
    /// The code is not known.
    pub unknown: Vec<u8>,
    /// The frame or the scan was refused.
    pub refused: Vec<u8>,
    /// A control code was obeyed.
    pub control: Vec<u8>,
    /// A document was posted.
    pub posted: Vec<u8>,
    /// A person is needed.
    pub person: Vec<u8>,
}

impl Config {
    /// Where a station with this configuration is, on this machine.
    pub fn home(&self, machine: Machine) -> Home {
        let books = Books { service: self.api.base_url.clone(), location: self.station.location_id };
        Home { machine, books, station: self.station.name.clone() }
    }

    /// Reads and checks a file of at most 1 MiB.
    ///
    /// # Errors
    /// Everything that is wrong with it, or why it could not be read.
    pub fn load(path: &Path) -> Result<Self, Faults> {
        let file = path.display().to_string();
        let bytes = read_bounded(path).map_err(|problem| Faults::of_file(&file, None, problem))?;
        let text = text_of(&bytes, &file)?;
        let mut config = Self::parse(text, &file)?;
        if let Some(packs) = &mut config.packs_file {
            *packs = path.parent().unwrap_or(Path::new("")).join(&packs);
            let packs = packs.display().to_string();
            config.add_packs(Path::new(&packs), &packs)?;
        }
        Ok(config)
    }

    /// Adds the packs of a file.
    fn add_packs(&mut self, path: &Path, file: &str) -> Result<(), Faults> {
        let bytes = read_bounded(path).map_err(|problem| Faults::of_file(file, None, problem))?;
        let text = text_of(&bytes, file)?;
        packs::add_rows(&mut self.packs, text, file)
    }

    /// Checks `text`; `file` is its name in the faults. Reads nothing else but the table of time zones.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, file: &str) -> Result<Self, Faults> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut report = Report::new(file, text, Provenance::Administrator);
        for error in &errors {
            report.add_syntax(error);
        }
        let config = report.read(root.get_ref(), sections::config);
        report.finish(config)
    }

    /// What codes mean here.
    pub fn conventions(&self) -> Conventions {
        let typing = self.scanners.iter().filter(|scanner| matches!(scanner.source, Source::Evdev { .. }));
        let with_rules = self.scanners.iter().filter(|scanner| !scanner.rules.is_empty());
        Conventions {
            rules: with_rules.map(|scanner| (scanner.name.clone(), scanner.rules.clone())).collect(),
            patterns: self.variable_measures.clone(),
            keyboards: typing.map(|scanner| scanner.name.clone()).collect(),
            kits: self.kits.clone(),
            // Its secret is not part of the configuration: until it is read, no code is this station's.
            seal: self.station.sheet_secret_file.as_ref().map_or_else(Seal::default, |_| Seal::lost()),
        }
    }

    /// Every storage that the configuration names, each once: the station's, those of scanners, those of their own.
    pub fn storages(&self) -> Vec<Storage> {
        let of_scanners = self.scanners.iter().filter_map(|scanner| scanner.storage_id);
        let mut storages: Vec<Storage> = Vec::new();
        for id in [self.station.storage_id].into_iter().chain(of_scanners) {
            if storages.iter().all(|storage| storage.id != id) {
                let name = self.named_storages.iter().find(|named| named.id == id);
                storages.push(Storage { id, name: name.and_then(|named| named.name.clone()) });
            }
        }
        let is_new = |named: &&Storage| storages.iter().all(|storage| storage.id != named.id);
        let more: Vec<Storage> = self.named_storages.iter().filter(is_new).cloned().collect();
        storages.extend(more);
        storages
    }

    /// The storage of scanners that have none of their own, where a control code commanded `commanded` last: the
    /// station's, if the configuration names that one no more.
    pub fn storage_in_force(&self, commanded: Option<StorageId>) -> StorageId {
        let is_named = |id: &StorageId| self.storages().iter().any(|storage| storage.id == *id);
        commanded.filter(is_named).unwrap_or(self.station.storage_id)
    }

    /// What is in force, as a configuration file that reads back the same. Says in comments where each
    /// token was found, and so looks at the environment and the token files; never shows a token.
    pub fn show(&self) -> String {
        show::show(self, &secrets::environment)
    }
}

/// A text as it may stand in a configuration file, quotes and all.
pub fn quoted(text: &str) -> String {
    show::Quoted(text).to_string()
}

/// Whether output to a terminal may be coloured: not where `NO_COLOR` is set to anything
/// (<https://no-color.org>), and not on a terminal that calls itself dumb.
pub fn wants_colour() -> bool {
    let is_set = |variable| secrets::environment(variable).is_some_and(|value| !value.is_empty());
    let is_dumb = secrets::environment("TERM").is_some_and(|term| term == "dumb");
    !is_set("NO_COLOR") && !is_dumb
}

/// A variable of the environment.
pub(crate) fn environment(name: &str) -> Option<std::ffi::OsString> {
    secrets::environment(name)
}

/// The file that systemd says the log goes to, if it is the journal (`systemd.exec(5)`, `$JOURNAL_STREAM`).
pub fn journal_stream() -> Option<String> {
    secrets::environment("JOURNAL_STREAM")?.into_string().ok()
}

fn text_of<'a>(bytes: &'a [u8], file: &str) -> Result<&'a str, Faults> {
    std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n');
        Faults::of_file(file, Some(before.count().saturating_add(1)), Problem::NotUtf8)
    })
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, Problem> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(FILE_BYTES_MAX.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(Problem::Unreadable)?;
    let is_fit = u64::try_from(bytes.len()).is_ok_and(|length| length <= FILE_BYTES_MAX);
    if is_fit { Ok(bytes) } else { Err(Problem::TooLarge(FILE_BYTES_MAX)) }
}
