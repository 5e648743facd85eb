//! The arguments of the command line.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use rust_decimal::Decimal;
use tracing::Level;

use super::init::InitArgs;
use super::values::OutputFormat;
use super::values::{above_zero, amount, layout, output_format, quantity};
use crate::config::DEFAULT_PATH;
use crate::domain::code::pack::FACTOR_MAX;
use crate::domain::decode::keymap::LayoutName;
use crate::domain::stock::quantity::Quantity;

/// A headless barcode station: scans become stock documents in Altegio, none lost, none twice.
#[derive(Debug, Parser)]
#[command(name = "stockpoint", version, about, max_term_width = 100)]
pub(super) struct Args {
    /// The configuration file
    #[arg(long, global = true, value_name = "FILE", default_value = DEFAULT_PATH)]
    pub(super) config: PathBuf,
    /// The form of the log on the standard error
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub(super) log_format: LogFormat,
    /// The lowest level that is logged
    #[arg(long, global = true, value_enum)]
    pub(super) log_level: Option<LogLevel>,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum LogLevel {
    /// Data was lost or a person is needed
    Error,
    /// Something went wrong and was corrected
    Warn,
    /// Each document and each change of state
    Info,
    /// Each scan
    Debug,
}

impl LogLevel {
    pub(super) const fn level(self) -> Level {
        match self {
            Self::Error => Level::ERROR,
            Self::Warn => Level::WARN,
            Self::Info => Level::INFO,
            Self::Debug => Level::DEBUG,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Try it: the whole job against a simulated service, with nothing installed
    Demo {
        /// Read barcodes from this file, one a line, instead of the standard input
        #[arg(long, value_name = "FILE")]
        scans: Option<PathBuf>,
        /// Keep the data in this folder instead of a temporary one
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Set this station up: asks, or takes a file or a scanned code
    Init(Box<InitArgs>),
    /// Run the agent until SIGTERM or SIGINT
    Run,
    /// Check the configuration and print what is in force, without secrets
    Check,
    /// Show the state of the station and whether its books balance
    Status {
        /// As one JSON object
        #[arg(long = "json", action = ArgAction::SetTrue, value_parser = output_format())]
        output: OutputFormat,
    },
    /// Check the whole station, section by section, with the cure for each fault
    Doctor {
        /// As one JSON object
        #[arg(long = "json", action = ArgAction::SetTrue, value_parser = output_format())]
        output: OutputFormat,
    },
    /// List serial ports, HID-POS scanners and keyboards, which look like scanners and why, with the entry to paste
    #[command(args_conflicts_with_subcommands = true)]
    Devices {
        /// Look on for so long at what the keyboards type, and tell which types as fast as a scanner. No keyboard is
        /// taken: what is typed goes where it always went, too
        #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "15",
              value_parser = clap::value_parser!(u64).range(1..=600))]
        watch: Option<u64>,
        /// As one JSON array
        #[arg(long = "json", action = ArgAction::SetTrue, value_parser = output_format(),
              conflicts_with = "watch")]
        output: OutputFormat,
        #[command(subcommand)]
        command: Option<DevicesCommand>,
    },
    /// Find out how a scanner is set up from two codes of the control sheet, and print its entry
    Calibrate(CalibrateArgs),
    /// Record or read what a keyboard or HID-POS scanner sends, event by event
    Trace {
        #[command(subcommand)]
        command: TraceCommand,
    },
    /// The documents and their way to the service
    Outbox {
        #[command(subcommand)]
        command: OutboxCommand,
    },
    /// The copy of the goods table
    Goods {
        #[command(subcommand)]
        command: GoodsCommand,
    },
    /// Make a data folder of another machine, service or location this station's own, and send what it holds
    Adopt(AdoptArgs),
    /// Write everything of this station to a new file, tokens left out; the agent may run
    Backup {
        /// The file to make
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Put a backup in the place of this station's data; the agent must not run
    Restore(RestoreArgs),
    /// Put the program before the last upgrade in its place, with data that it can read; the agent must not run
    #[command(hide = true)]
    StepBack(StepBackArgs),
    /// Scans one by one: what was read, and what came of it
    Scans {
        #[command(subcommand)]
        command: ScansCommand,
    },
    /// Scanned codes that no good has
    Unknown {
        #[command(subcommand)]
        command: UnknownCommand,
    },
    /// The control codes to print
    Sheet(SheetArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum DevicesCommand {
    /// Show what becomes of a code of a scanner: each of its formatting rules, what the code is, and its good.
    /// Nothing is booked
    Try {
        /// The scanner, as the configuration names it
        name: String,
        /// The code as the scanner sends it, with \x1d for the group separator and \\ for a backslash; - reads codes
        /// from the standard input, one a line
        #[arg(allow_hyphen_values = true)]
        code: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ScansCommand {
    /// List scans, newest first, with what came of each
    List {
        /// Only those that were refused
        #[arg(long)]
        refused: bool,
        /// One JSON object a line, for programs
        #[arg(long = "json", action = ArgAction::SetTrue, value_parser = output_format())]
        output: OutputFormat,
        /// The most scans to show
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        count: u32,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum OutboxCommand {
    /// List documents that are not delivered, newest first
    List {
        /// List those that are, too
        #[arg(long)]
        all: bool,
        /// As one JSON array
        #[arg(long = "json", action = ArgAction::SetTrue, value_parser = output_format())]
        output: OutputFormat,
    },
    /// Show one document with its lines and its trail
    Show {
        /// Its number
        id: i64,
        /// As one JSON object, as `export` writes it
        #[arg(long = "json", action = ArgAction::SetTrue, value_parser = output_format())]
        output: OutputFormat,
    },
    /// Try a refused document again, or read an uncertain one back again
    Retry {
        /// Its number
        id: i64,
        /// Date it today, if the account does not take its date any more; the true time goes into its comment
        #[arg(long)]
        today: bool,
    },
    /// Correct a line of a refused document, then try it with `outbox retry`
    Correct(Correct),
    /// Undo a posted document: book the opposite movement, dated now, or delete it on the service
    Revoke {
        /// Its number
        id: i64,
        /// Delete its lines and then the document, instead of booking the opposite
        #[arg(long)]
        delete: bool,
    },
    /// Compare what was posted with what the service has
    Verify {
        /// The number of days to go back
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=3650))]
        days: u16,
    },
    /// Write everything as JSON lines
    Export,
}

/// The line of a document to correct, and its new values.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
pub(super) struct Correct {
    /// The document's number
    pub(super) id: i64,
    /// The line's number, as `outbox show` shows it
    pub(super) line: u16,
    /// Another good, by its id on the service; its own price comes with it
    #[arg(long, group = "what", value_name = "GOOD_ID")]
    pub(super) good: Option<i64>,
    /// Another cost price of one unit
    #[arg(long, group = "what", value_parser = amount)]
    pub(super) price: Option<Decimal>,
    /// Another quantity; what is taken off counts as cancelled, what is added as booked
    #[arg(long, group = "what", value_name = "N", value_parser = quantity)]
    pub(super) quantity: Option<Quantity>,
    /// Take the line out; it counts as cancelled
    #[arg(long, group = "what", conflicts_with_all = ["good", "price", "quantity"])]
    pub(super) drop: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum GoodsCommand {
    /// Read the whole goods table now
    Sync,
    /// Look a code up as a scan would
    Find {
        /// The code
        code: String,
        /// As one JSON object
        #[arg(long = "json", action = ArgAction::SetTrue, value_parser = output_format())]
        output: OutputFormat,
    },
    /// Make a good on the service for a scanned code that no good has, and book what was scanned of it. What is
    /// not given is asked on a terminal
    Create(NewGood),
    /// Show the size and the age of the copy
    Stats {
        /// As one JSON object
        #[arg(long = "json", action = ArgAction::SetTrue, value_parser = output_format())]
        output: OutputFormat,
    },
}

/// A good to be made.
#[derive(Debug, clap::Args)]
pub(super) struct NewGood {
    /// The code, as `unknown list` lists it
    pub(super) code: String,
    /// The name people know the good by
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub(super) title: Option<String>,
    /// The category's id
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(i64).range(1..))]
    pub(super) category: Option<i64>,
    /// The id of the unit it is sold and counted in
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(i64).range(1..))]
    pub(super) sale_unit: Option<i64>,
    /// The id of the unit that services use it up in
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(i64).range(1..))]
    pub(super) service_unit: Option<i64>,
    /// Write-off units in one sale unit, where the two differ
    #[arg(long, value_name = "N", value_parser = above_zero)]
    pub(super) unit_equals: Option<Decimal>,
    /// The selling price
    #[arg(long, value_name = "PRICE", value_parser = amount)]
    pub(super) cost: Option<Decimal>,
    /// The cost price, which its documents carry
    #[arg(long, value_name = "PRICE", value_parser = amount)]
    pub(super) actual_cost: Option<Decimal>,
    /// The stock-keeping code of the house
    #[arg(long, value_name = "TEXT")]
    pub(super) article: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum UnknownCommand {
    /// List them, the one scanned last first
    List {
        /// As one JSON array
        #[arg(long = "json", action = ArgAction::SetTrue, value_parser = output_format())]
        output: OutputFormat,
    },
    /// Give a code to a good; what was scanned of it is booked. Shows first what that will book, and asks on a terminal
    Assign(Assign),
    /// List the codes that were given to goods
    Assigned {
        /// As one JSON array
        #[arg(long = "json", action = ArgAction::SetTrue, value_parser = output_format())]
        output: OutputFormat,
    },
    /// Take a code back from its good; what was booked of it stays booked
    Unassign {
        /// The code, as `unknown assigned` lists it
        code: String,
    },
    /// Write the parked codes as JSON lines
    Export,
}

/// A code for a good.
#[derive(Debug, clap::Args)]
pub(super) struct Assign {
    /// The code, as `unknown list` lists it
    pub(super) code: String,
    /// The good's id on the service
    pub(super) good_id: i64,
    /// Sale units that one scan of the code counts: the code of a carton
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(FACTOR_MAX)))]
    pub(super) factor: u32,
    /// Take a code that was never scanned
    #[arg(long)]
    pub(super) anyway: bool,
    /// Do not ask
    #[arg(long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) saving: Saving,
}

/// The choice to make a code the barcode of its good on the service.
#[derive(Debug, clap::Args)]
pub(super) struct Saving {
    /// Write the code into the good on the service as its barcode, so that every station knows it
    #[arg(long, conflicts_with = "factor")]
    pub(super) save: bool,
    /// Replace the barcode that the good has there
    #[arg(long, requires = "save")]
    pub(super) overwrite: bool,
}

/// The control codes to print.
#[derive(Debug, clap::Args)]
pub(super) struct SheetArgs {
    /// The form of the sheet
    #[arg(long, value_enum, default_value_t = SheetFormat::Text)]
    pub(super) format: SheetFormat,
    /// The paper
    #[arg(long, value_enum, default_value_t = SheetPaper::A4)]
    pub(super) paper: SheetPaper,
    /// The barcodes
    #[arg(long, value_enum, default_value_t = SheetSymbology::Code128)]
    pub(super) symbology: SheetSymbology,
    /// Write to this file instead of the standard output
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

/// A scanner to calibrate. Stop the agent first: it keeps its scanners for itself.
#[derive(Debug, clap::Args)]
pub(super) struct CalibrateArgs {
    /// The name of a configured scanner, or a device such as /dev/input/event0 or /dev/ttyUSB0; not needed where there
    /// is only one
    #[arg(value_name = "NAME|DEVICE")]
    pub(super) scanner: Option<String>,
    /// Read what `trace record` recorded instead of a device
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,
    /// The time to wait for the codes
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(super) seconds: u64,
    /// Write the entry into the configuration; the old file is kept as FILE.bak
    #[arg(long)]
    pub(super) write: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum TraceCommand {
    /// Write the events of a device as text, until it is unplugged or this is interrupted. Stop the agent first: it
    /// keeps its scanners for itself
    Record {
        /// The device, such as /dev/input/event0 or, of a HID-POS scanner, /dev/hidraw0
        device: PathBuf,
        /// The keyboard layout that the scanner is set to, which the text will say; of a HID-POS scanner it is nothing
        #[arg(long, default_value = "us", value_parser = layout)]
        layout: LayoutName,
    },
    /// Print the codes that recorded events make
    Replay {
        /// The recording
        file: PathBuf,
        /// The scanner's `gap_ms`
        #[arg(long, value_name = "MS", default_value_t = 200, value_parser = clap::value_parser!(u64).range(20..=5000))]
        gap_ms: u64,
    },
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct AdoptArgs {
    /// The old machine is gone, or the location has moved: go on with everything unsent, after looking for it
    #[arg(long)]
    pub(super) moved: bool,
    /// This is a new station made from a copy: what the copy holds unsent is put aside, for the other station sends it
    #[arg(long)]
    pub(super) copy: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// The backup
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Replace the data that is here although it has undelivered documents; it is kept beside the new one
    #[arg(long)]
    pub(super) force: bool,
    /// Only print the configuration that the backup carries
    #[arg(long)]
    pub(super) print_config: bool,
}

/// The arguments that the package's `step-back` passes.
#[derive(Debug, clap::Args)]
pub(super) struct StepBackArgs {
    /// Keep what is undelivered here, where the older program cannot read it, to be booked by hand
    #[arg(long)]
    pub(super) leave_undelivered: bool,
    /// The program that runs
    #[arg(long, value_name = "FILE", default_value = "/usr/bin/stockpoint")]
    pub(super) installed: PathBuf,
    /// The program that was kept at the upgrade
    #[arg(long, value_name = "FILE", default_value = "/usr/lib/stockpoint/previous/stockpoint")]
    pub(super) previous: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum SheetFormat {
    /// Each code's name, a tab, and the code
    Text,
    /// A picture, its pages one below the other
    Svg,
    /// A page for a browser, to be printed from there
    Html,
    /// For any printer
    Pdf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum SheetPaper {
    /// A sheet for the wall
    A4,
    /// A roll for the common small label printers, 58 × 40 mm
    #[value(name = "label-58x40")]
    Label58x40,
    /// Brother DK-11209, 62 × 29 mm
    #[value(name = "label-62x29")]
    Label62x29,
    /// Dymo 99012, 89 × 36 mm
    #[value(name = "label-89x36")]
    Label89x36,
    /// A4 sheets of 24 labels, 70 × 37 mm, for an office printer
    #[value(name = "labels-70x37")]
    Labels70x37,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum SheetSymbology {
    /// Code 128, which every scanner reads
    Code128,
    /// QR, for scanners with a camera
    Qr,
    /// Both of each
    Both,
}
