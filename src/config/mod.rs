//! The configuration: one TOML file, read completely at the start, checked to the last key, then typed.
//!
//! Promises: a [`Config`] holds nothing out of bounds and nothing that contradicts itself. A file with mistakes gives
//! all of them at once, each with its line, its key and its cure. No token is in a [`Config`], in its output or in a
//! fault; tokens have a type of their own, [`secrets::Secrets`].
//!
//! It does not check that folders, devices or the service exist, and it does not follow changes of the file.

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
use crate::config::reader::FaultReport;
pub use crate::config::setup::Doubt;
pub use crate::config::setup::SetupFile;
pub use crate::config::setup::doubt_about;
pub use crate::config::web::Listen;
pub use crate::config::web::Web;
use crate::domain::code::pack::Packs;
use crate::domain::code::rule::Rule;
use crate::domain::code::seal::Seal;
use crate::domain::code::variable::Pattern;
use crate::domain::decode::encoding::Encoding;
use crate::domain::decode::framing::Framing;
use crate::domain::decode::framing::Guarding;
use crate::domain::decode::framing::Terminator;
use crate::domain::decode::keymap::LayoutName;
use crate::domain::delivery::Strategy;
use crate::domain::home::{Books, Home, Machine};
use crate::domain::ids::LocationId;
use crate::domain::ids::MasterId;
use crate::domain::ids::ScannerName;
use crate::domain::ids::StorageId;
use crate::domain::session::Conventions;
use crate::domain::stock::kit::KitScan;
use crate::domain::stock::mode::Mode;

/// The file that is read if none is named.
pub const DEFAULT_PATH: &str = "/etc/stockpoint/config.toml";
/// An example file to start from: every key with its default, unit and meaning.
pub const EXAMPLE: &str = include_str!("example.toml");
/// The most scanners of one station. The USB tree of a small board holds no more that a person could tell apart.
pub const SCANNERS_MAX: usize = 32;
/// The most `[[storage]]` sections of one station.
pub const STORAGES_MAX: usize = 32;
/// The most cards in `kits.scan`, so that a person can still arrange their sheet by hand.
pub const KITS_MAX: usize = 1000;
/// The longest answer to a scanner, in bytes. At 9600 baud, 64 bytes already take 67 ms of the operator's time.
pub const SIGNAL_BYTES_MAX: usize = 64;
/// The largest configuration file, in bytes. A file with every key has some ten thousand.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The whole configuration in force.
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
    /// `[[storage]]`, at most [`STORAGES_MAX`], in the order of the file; no two have the same id.
    pub named_storages: Vec<Storage>,
    /// `[[scanner]]`, at most [`SCANNERS_MAX`], in the order of the file. No two have the same name or place, and at
    /// most one reads standard input.
    pub scanners: Vec<Scanner>,
    /// `[[variable_measure]]`, at most [`crate::domain::code::variable::PATTERNS_MAX`]; the first that fits decides.
    pub variable_measures: Vec<Pattern>,
    /// `[[pack]]` and, once the file is read, the rows of `packs_file`; together at most
    /// [`crate::domain::code::pack::PACKS_MAX`].
    pub packs: Packs,
    /// The path of a table with further packs; a relative path is below the folder of the configuration.
    pub packs_file: Option<PathBuf>,
}

/// A storage in which scans can be booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// Its number on the service, 1..=2^53-1.
    pub id: StorageId,
    /// Its name for people, 1..=34 printable characters.
    pub name: Option<String>,
}

/// The identity of this station and its way of booking.
#[derive(Debug, Clone, PartialEq)]
pub struct Station {
    /// Its name, 1..=24 of `a-z 0-9 -`; part of every marker.
    pub name: String,
    /// The location whose stock it books, 1..=2^53-1.
    pub location_id: LocationId,
    /// The storage of scans whose scanner has none of its own, 1..=2^53-1.
    pub storage_id: StorageId,
    /// The mode before a control code sets one.
    pub mode: Mode,
    /// The folder of the databases, never empty; a relative path is below the working directory.
    pub data_dir: PathBuf,
    /// The time without a scan after which an open document closes, 2 s to 7 days; `None` leaves that to the control
    /// code.
    pub document_idle_close: Option<Duration>,
    /// The number of lines at which a document closes, 1..=500.
    pub document_lines_max: usize,
    /// The time within which the same code from the same scanner is a repeat, 0..=5000 ms; zero turns the check off.
    pub repeat_guard: Duration,
    /// The time without a scan after which a quantity (QTY) lapses, 5 s to 10 minutes; `None` means never.
    pub qty_expires: Option<Duration>,
    /// The time without a scan after which the mode and storage from control codes are reset to the configured ones, 10
    /// s to a day; `None` means never.
    pub mode_reverts_after: Option<Duration>,
    /// The staff member that each document names, 1..=2^53-1.
    pub master_id: Option<MasterId>,
    /// The location's time zone; `None` means that the service is asked.
    pub time_zone: Option<TimeZone>,
    /// True if a count in a GS1 element string (AI 30, 37) is the quantity.
    pub gs1_counts: bool,
    /// True if the station's clock is trusted without proof.
    pub trust_clock: bool,
    /// The time for which posted documents stay in the history, in whole days, 7..=36500.
    pub history: Duration,
    /// The time after which an undelivered document raises an alarm, 10 min to 30 days; `None` means never.
    pub alarm_after: Option<Duration>,
    /// The treatment of a document that is older than the account accepts.
    pub back_date: BackDate,
    /// The treatment of a lot that is past its date.
    pub expired: LabelCheck,
    /// The treatment of a unit that was already scanned for the same purpose within 30 days.
    pub serials: LabelCheck,
    /// The file with the secret that authenticates control codes; `None` accepts the control codes of every station.
    pub sheet_secret_file: Option<PathBuf>,
}

/// The treatment of something odd on a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelCheck {
    /// It is ignored.
    Off,
    /// The scan is booked with a warning.
    Warn,
    /// The scan is refused.
    Refuse,
}

/// The treatment of a document that is dated further back than the account allows the token
/// (`storages_create_last_days_count`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackDate {
    /// It keeps its date and waits for a person.
    KeepDate,
    /// It is dated now; its comment holds the time of the scan.
    Today,
}

/// The access to the service and its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// A PEM file with certificate authorities that are trusted in addition to the program's own and the system's.
    pub ca_file: Option<PathBuf>,
    /// The HTTP proxy for all requests, `http://HOST:PORT`. Proxies of the environment are ignored.
    pub proxy: Option<String>,
    /// The address to which all paths are appended: https, or http to a loopback address, without user, query, fragment
    /// or a slash at the end.
    pub base_url: String,
    /// The file with the partner token.
    pub partner_token_file: PathBuf,
    /// The file with the user token.
    pub user_token_file: PathBuf,
    /// The most requests in any minute, 1..=60000, not less than the most in a second.
    pub requests_per_minute_max: u32,
    /// The most requests in any second, 1..=1000.
    pub requests_per_second_max: u32,
    /// The time after which a missing answer counts as lost, 1000..=120000 ms.
    pub request_timeout: Duration,
    /// The shortest time before a lost answer is looked up on the service, and again before the second lookup;
    /// 2000..=3600000 ms.
    pub reconcile_after: Duration,
    /// The time after an uncertain posting at which a late double is searched for, and after four times of which the
    /// search is repeated; 5000..=86400000 ms, not below `reconcile_after`.
    pub late_check_after: Duration,
    /// The strategy by which documents are sent to the service. If an account refuses the one call, new documents go
    /// line by line for a day.
    pub strategy: Strategy,
    /// The name of the array of lines in the operation call.
    pub lines_key: LinesKey,
    /// The document type of a write-off, 4 or 7.
    pub write_off_document_type: u8,
}

/// The name of the array of lines in the operation call. The vendor's schema and its example disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinesKey {
    /// `goods_transactions`, the name in the schema.
    GoodsTransactions,
    /// `transactions`, the name in the example.
    Transactions,
}

/// The intervals at which the goods are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodsSync {
    /// The time between two requests for changes, 5 s to 7 days.
    pub sync_every: Duration,
    /// The time between two full reads, which find deletions, 5 s to 30 days, not below `sync_every`.
    pub full_sync_every: Duration,
}

/// A scanner of the station.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanner {
    /// Its name, which no other scanner has.
    pub name: ScannerName,
    /// The source of its scans.
    pub source: Source,
    /// The time after which an unfinished frame is refused, 20..=5000 ms.
    pub gap: Duration,
    /// The character set of its bytes; UTF-8 for a scanner that types.
    pub encoding: Encoding,
    /// The end of a frame.
    pub terminator: Terminator,
    /// The time within which a frame that follows another one counts as part of it, 0..=1000 ms; zero means never, as
    /// always for standard input.
    pub burst_guard: Duration,
    /// The fixed mode of this scanner.
    pub mode: Option<Mode>,
    /// The fixed storage of this scanner, 1..=2^53-1.
    pub storage_id: Option<StorageId>,
    /// `[[scanner.rule]]`, at most [`crate::domain::code::rule::RULES_MAX`], in the order in which they are applied.
    pub rules: Vec<Rule>,
}

impl Scanner {
    /// Returns the rules by which its input is split into frames.
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

/// The source of scans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A serial port, real or over USB.
    Serial {
        /// The port.
        place: Place,
        /// The settings of the port, and the answers to its scanner.
        serial: Serial,
    },
    /// A scanner that types like a keyboard.
    Evdev {
        /// The input device.
        place: Place,
        /// The keyboard layout that the scanner is set to.
        layout: LayoutName,
    },
    /// A scanner with the USB point-of-sale report (HID Point of Sale Usage Tables 1.02, usage page 0x8C).
    HidPos {
        /// The HID device.
        place: Place,
        /// The reports that are sent to the scanner, one for each signal, its report number first.
        signals: Signals,
    },
    /// Standard input, one barcode a line.
    Stdin,
}

impl Source {
    /// Returns its word in the configuration and in every figure.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Serial { .. } => "serial",
            Self::Evdev { .. } => "evdev",
            Self::HidPos { .. } => "hidpos",
            Self::Stdin => "stdin",
        }
    }
}

/// The device of a scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The device with this path, never empty.
    Path(PathBuf),
    /// The one device with these properties.
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

/// The properties of a USB device. At least one is given, and all that are given must match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsbMatch {
    /// `idVendor`
    pub vendor: Option<u16>,
    /// `idProduct`
    pub product: Option<u16>,
    /// The socket that it is plugged in to, in the kernel's notation: `1-1.3`, or `1-1.3:1.0` for one of its
    /// interfaces; 1..=32 of `0-9 - . :`.
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

/// The settings of a serial port, and the answers to its scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serial {
    /// The settings of the line.
    pub line: Line,
    /// The protocol of the scanner.
    pub protocol: Protocol,
    /// The bytes that are sent back instead of the protocol's own.
    pub signals: Signals,
}

/// The bytes sent to a scanner for each signal, at most [`SIGNAL_BYTES_MAX`]; empty bytes mean those of its protocol.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signals {
    /// The scan is on disk.
    pub booked: Vec<u8>,
    /// The code is not known.
    pub unknown: Vec<u8>,
    /// The frame or the scan was refused.
    pub refused: Vec<u8>,
    /// A control code was carried out.
    pub control: Vec<u8>,
    /// A document was posted.
    pub posted: Vec<u8>,
    /// A person is needed.
    pub person: Vec<u8>,
}

impl Config {
    /// Returns the identity of a station with this configuration on this machine.
    pub fn home(&self, machine: Machine) -> Home {
        let books = Books { service: self.api.base_url.clone(), location: self.station.location_id };
        Home { machine, books, station: self.station.name.clone() }
    }

    /// Reads and checks a file of at most 1 MiB.
    ///
    /// # Errors
    /// The faults of the file, or the reason why it could not be read.
    pub fn load(path: &Path) -> Result<Self, Faults> {
        let file = path.display().to_string();
        let bytes = read_bounded(path).map_err(|problem| Faults::of_file(&file, None, problem))?;
        let text = text_of(&bytes, &file)?;
        let mut config = Self::parse(text, &file)?;
        // Only here, and not in `parse`: the path is relative to the file, and `parse` reads no files.
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

    /// Checks `text`; `file` is its name in the faults. Reads nothing else except the table of time zones.
    ///
    /// # Errors
    /// All faults of the text.
    pub fn parse(text: &str, file: &str) -> Result<Self, Faults> {
        // The parser goes on after an error, so that one run reports the errors of form and those of meaning.
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut report = FaultReport::new(file, text, Provenance::Administrator);
        for error in &errors {
            report.add_syntax(error);
        }
        let config = report.read(root.get_ref(), sections::config);
        report.finish(config)
    }

    /// Returns the rules by which codes are interpreted at this station.
    pub fn conventions(&self) -> Conventions {
        let typing = self.scanners.iter().filter(|scanner| matches!(scanner.source, Source::Evdev { .. }));
        let with_rules = self.scanners.iter().filter(|scanner| !scanner.rules.is_empty());
        Conventions {
            rules: with_rules.map(|scanner| (scanner.name.clone(), scanner.rules.clone())).collect(),
            patterns: self.variable_measures.clone(),
            keyboards: typing.map(|scanner| scanner.name.clone()).collect(),
            kits: self.kits.clone(),
            // The secret is not part of the configuration: until it is read, no control code is valid here.
            seal: self.station.sheet_secret_file.as_ref().map_or_else(Seal::default, |_| Seal::lost()),
        }
    }

    /// Returns every storage that the configuration names, each once: the station's, those of scanners, and those with
    /// a section of their own.
    pub fn storages(&self) -> Vec<Storage> {
        let of_scanners = self.scanners.iter().filter_map(|scanner| scanner.storage_id);
        let mut storages: Vec<Storage> = Vec::new();
        for id in [self.station.storage_id].into_iter().chain(of_scanners) {
            // Scanners may share a storage, which is listed once.
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

    /// Returns the storage of scanners that have none of their own.
    ///
    /// That is `commanded`, which a control code set last, or the station's if none was set or the configuration no
    /// longer names it.
    pub fn storage_in_force(&self, commanded: Option<StorageId>) -> StorageId {
        let is_named = |id: &StorageId| self.storages().iter().any(|storage| storage.id == *id);
        commanded.filter(is_named).unwrap_or(self.station.storage_id)
    }

    /// Returns the configuration in force as a file that parses to the same configuration.
    ///
    /// Comments state where each token was found, so the environment and the token files are read; no token is shown.
    pub fn show(&self) -> String {
        show::show(self, &secrets::environment)
    }
}

/// Returns a text as it may stand in a configuration file, with its quotes.
pub fn quoted(text: &str) -> String {
    show::Quoted(text).to_string()
}

/// Returns true if output to a terminal may be coloured: not where `NO_COLOR` is set to anything
/// (<https://no-color.org>), and not on a terminal that calls itself dumb.
pub fn wants_colour() -> bool {
    let is_set = |variable| secrets::environment(variable).is_some_and(|value| !value.is_empty());
    let is_dumb = secrets::environment("TERM").is_some_and(|term| term == "dumb");
    !is_set("NO_COLOR") && !is_dumb
}

/// Returns a variable of the environment.
pub(crate) fn environment(name: &str) -> Option<std::ffi::OsString> {
    secrets::environment(name)
}

/// Returns the file that systemd connects to the journal, if the log goes there (`$JOURNAL_STREAM`, `systemd.exec(5)`).
pub fn journal_stream() -> Option<String> {
    secrets::environment("JOURNAL_STREAM")?.into_string().ok()
}

fn text_of<'a>(bytes: &'a [u8], file: &str) -> Result<&'a str, Faults> {
    std::str::from_utf8(bytes).map_err(|error| {
        // The bytes before the first wrong one count its line.
        let before = bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n');
        Faults::of_file(file, Some(before.count().saturating_add(1)), Problem::NotUtf8)
    })
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, Problem> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        // One byte more than allowed shows that the file is too large, without reading all of it.
        File::open(path)?.take(FILE_BYTES_MAX.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(Problem::Unreadable)?;
    let is_fit = u64::try_from(bytes.len()).is_ok_and(|length| length <= FILE_BYTES_MAX);
    if is_fit { Ok(bytes) } else { Err(Problem::TooLarge(FILE_BYTES_MAX)) }
}
