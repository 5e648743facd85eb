//! The command line: carries out a command and returns an exit code: 0 success, 1 failure, 2 wrong usage or
//! configuration.

mod args;
mod calibrate;
mod check;
mod create;
mod demo;
mod devices;
mod doctor;
mod export;
mod goods;
mod home;
mod init;
mod log;
mod look_on;
mod outbox;
mod run;
mod scans;
mod sheet;
mod shown;
mod status;
mod step_back;
mod sync;
mod trace;
mod try_code;
mod unknown;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser};
use tokio::time::Instant;
use tracing::Level;

use crate::api::{Budget, Client};
use crate::app;
use crate::config::secrets::{self, Secrets};
use crate::config::{Config, Faults};
use crate::demo as demonstration;
use crate::device::PortFault;
use crate::domain::ids::GoodId;
use crate::domain::printable::harmless;
use crate::owner;
use crate::setup;
use crate::store::{self, Db};
use crate::work::uplink::seed;
use args::{Args, Command, DevicesCommand};

/// The exit code for wrong usage and wrong configuration: starting again will not help. `RestartPreventExitStatus=` of
/// the unit uses it (systemd.service(5)).
const WRONG: u8 = 2;
/// The exit code of a failure.
const FAILED: u8 = 1;

/// The exit code of a demonstration that was interrupted, as a shell reports a program that SIGINT ended (128 + 2): not
/// 0, because not everything was scanned and delivered, and not 1, because nothing failed.
const INTERRUPTED: u8 = 130;

/// The reason why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is wrong. Its faults name their places and cures.
    #[error("{0}")]
    Config(#[from] Faults),
    /// A token is missing or cannot be used.
    #[error("find the tokens")]
    Secrets(#[from] secrets::Error),
    /// The agent failed.
    #[error("run the agent")]
    Agent(#[from] app::Error),
    /// The demonstration failed.
    #[error("run the demonstration")]
    Demo(#[from] demonstration::Error),
    /// The data cannot be read or changed.
    #[error("use the data")]
    Store(#[from] store::Error),
    /// A file or the output cannot be used.
    #[error("use {what}")]
    Io {
        /// The file, or the output.
        what: String,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Root cannot work with the rights of the data folder's owner.
    #[error("become the owner of {}", .dir.display())]
    Owner {
        /// The data folder.
        dir: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The agent would make files of root's in a folder of another user.
    #[error(
        "run the agent as root: {} belongs to user {user}; use `systemctl start stockpoint`, or run it as that user",
        .dir.display()
    )]
    RunByRoot {
        /// The data folder.
        dir: PathBuf,
        /// The number of its owner.
        user: u32,
    },
    /// There is no data yet, so there is nothing to change.
    #[error("find any data in {}; the agent makes it when it first runs", .0.display())]
    NoData(PathBuf),
    /// The agent did not finish in time.
    #[error("see it done within an hour; `stockpoint status` tells how the service is")]
    NotYet,
    /// The service, or the agent, does not answer.
    #[error("read the goods table: {0}; an agent that runs tries again by itself")]
    NotRead(String),
    /// A scanner could not be calibrated, or is set up wrong.
    #[error("calibrate the scanner")]
    Calibrate(#[from] calibrate::Error),
    /// The goods table has no good with this id.
    #[error("find good {0} in the goods table; `stockpoint goods find CODE` shows what is there")]
    NoSuchGood(GoodId),
    /// The goods table has the code already.
    #[error("give the code to a good: the goods table knows it already")]
    KnownAlready,
    /// The code is a control code, or that of a kit.
    #[error("give the code to a good: it begins as a control code does, and never is a good's")]
    ControlCode,
    /// Several goods have the code.
    #[error("choose a good: several have this code; correct it on the service")]
    Ambiguous,
    /// The code has no parked scans.
    #[error("find the code among the parked ones; `stockpoint unknown list` shows them")]
    NotParked,
    /// The typed code was read in several ways.
    #[error("tell which code is meant: it was read in several ways; name one of {0}")]
    SeveralRead(String),
    /// The code was never scanned, or is booked already.
    #[error(
        "find {0} among the parked codes: it was never scanned, or is booked; --anyway gives it to the good all the same"
    )]
    NeverParked(String),
    /// The code is given to no good.
    #[error("find {0} among the codes given to goods; `stockpoint unknown assigned` lists them")]
    NotGiven(String),
    /// The barcode was not written into the good.
    #[error("write the barcode into the good")]
    Save(#[from] crate::work::save::Error),
    /// A value was not given, and there is nobody to ask. Nothing was made.
    #[error("know {0}; give it, or type the command on a terminal to be asked")]
    Missing(String),
    /// A given value cannot be used. Nothing was made.
    #[error("use {flag}: it {why}")]
    Wrong {
        /// The flag.
        flag: &'static str,
        /// The problem and its cure.
        why: String,
    },
    /// The person has interrupted the command. Nothing was made.
    #[error("go on: it was interrupted, and nothing was written")]
    Interrupted,
    /// The service gives no user token, or refuses the tokens.
    #[error("log in: {0}")]
    NoLogin(String),
    /// The station could not be set up.
    #[error(transparent)]
    Setup(#[from] setup::Error),
    /// Nobody scanned the set-up code in its time.
    #[error("hand the set-up over: nobody scanned the code in its time; print a new one")]
    CodeExpired,
    /// The set-up was sent, but its recipient did not acknowledge it in time.
    #[error(
        "hand the set-up over: it went to {0}, which did not acknowledge it; see whether the station is set up, and if not, print a \
         new code and revoke the tokens"
    )]
    CodeUnacknowledged(SocketAddr),
    /// The station speaks another version of the protocol.
    #[error(
        "hand the set-up over: the program at {0} is of another version; install the same version on both machines"
    )]
    CodeOfOtherVersion(SocketAddr),
    /// Too many wrong proofs were sent.
    #[error(
        "hand the set-up over: {} proofs were wrong, so the code is locked; somebody in this network guesses",
        setup::WRONG_PROOFS_MAX
    )]
    CodeLocked,
    /// systemd does not start the service. The station is set up.
    #[error("enable the service; `systemctl status stockpoint` tells why")]
    NotEnabled,
    /// systemctl cannot be started or does not end. The station is set up.
    #[error("have systemctl enable the service")]
    Systemctl(#[source] crate::child::Error),
    /// A good could not be made.
    #[error("make the good")]
    Create(#[from] crate::work::create::Error),
    /// The control sheet cannot be printed.
    #[error("print the control sheet")]
    Sheet(#[from] crate::sheet::Error),
    /// The output is a terminal, which cannot show this format.
    #[error("show a PDF on a terminal; name a file with --output")]
    NotForTerminals,
    /// The operation cannot be tried again in its state.
    #[error("try document {id} again: it is {state}, and only a refused or uncertain one can be")]
    NothingToRetry {
        /// Its number.
        id: i64,
        /// Its state.
        state: crate::domain::delivery::State,
    },
    /// The line cannot be corrected in its state.
    #[error("correct document {id}: {why}")]
    NotCorrected {
        /// The document's number.
        id: i64,
        /// The obstacle.
        why: String,
    },
    /// The operation cannot be undone in its state.
    #[error("undo document {id}: {why}")]
    NotRevoked {
        /// Its number.
        id: i64,
        /// The obstacle.
        why: String,
    },
    /// The data folder belongs to this station already.
    #[error("adopt {}: it belongs to this station already", .0.display())]
    NotForeign(PathBuf),
    /// A copy has the name of the station that it was copied from.
    #[error(
        "adopt the copy: its documents carry the name {0}, which the other station goes by; set another station.name"
    )]
    SameName(String),
    /// The backup was not made or not put back.
    #[error("back up or restore")]
    Backup(#[from] store::BackupError),
    /// The step back to the program before the last upgrade failed.
    #[error("step back")]
    StepBack(#[from] step_back::Error),
    /// The service and the station could not be compared.
    #[error("compare with the service")]
    Verify(#[from] crate::work::verify::Error),
    /// The service and the station differ.
    #[error("find both the same: {0} differences")]
    Differs(usize),
    /// The device cannot be read.
    #[error("read the device: {0}; {cure}", cure = .0.cure())]
    Device(PortFault),
    /// The configuration has no scanner of this name.
    #[error("find a scanner \"{name}\" in the configuration; it has {known}")]
    NoSuchScanner {
        /// The name that was asked for.
        name: String,
        /// The names that it has.
        known: String,
    },
    /// A backslash is followed by a character with which it has no meaning.
    #[error("read the code; write \\x1d for the group separator, \\\\ for a backslash")]
    Escape,
    /// A line of a trace cannot be read.
    #[error("read the trace")]
    Trace(#[from] crate::domain::keymap::trace::Unreadable),
    /// A line of a HID-POS trace cannot be read.
    #[error("read the trace")]
    PosTrace(#[from] crate::domain::hidpos::trace::Unreadable),
    /// The trace is of a device that is no scanner.
    #[error("read the trace")]
    NoScanner(#[from] crate::domain::hidpos::Unfit),
    /// The station has a fault; the report shows it.
    #[error("find the station without a fault")]
    Faulty,
    /// The output has the result already: the process ends with this code and prints no more.
    #[error("say more")]
    Told(u8),
    /// The demonstration was interrupted. Its books were shown.
    #[error("come to the end of the scans: the demonstration was interrupted")]
    DemoInterrupted,
    /// The books of the demonstration do not balance.
    #[error("balance the books")]
    Unbalanced,
}

impl Error {
    fn output(source: io::Error) -> Self {
        Self::Io { what: "the output".to_owned(), source }
    }

    /// Returns true if the reader of our output closed it, as `head` does: this is no failure.
    fn is_closed_pipe(&self) -> bool {
        matches!(
            self,
            Self::Io { source, .. } | Self::Demo(demonstration::Error::Output(source))
                if source.kind() == io::ErrorKind::BrokenPipe
        )
    }

    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_)
            | Self::Secrets(_)
            | Self::Missing(_)
            | Self::Wrong { .. }
            | Self::Setup(setup::Error::Faults(_))
            | Self::NotForTerminals
            | Self::NoSuchScanner { .. }
            | Self::Escape
            // This is the wrong program for this data: only a person can correct that.
            | Self::Agent(app::Error::Store(store::Error::NewerSchema { .. })) => ExitCode::from(WRONG),
            Self::Told(code) => ExitCode::from(*code),
            Self::Calibrate(error) if error.is_usage() => ExitCode::from(WRONG),
            Self::DemoInterrupted => ExitCode::from(INTERRUPTED),
            _ if self.is_closed_pipe() => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }
}

/// Returns the definition of the command line, for manual pages and completions.
pub fn definition() -> clap::Command {
    Args::command()
}

/// Carries out the command line.
pub fn main() -> ExitCode {
    let args = Args::parse();
    start_log(&args);
    match carry_out(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !error.is_closed_pipe() && !matches!(error, Error::Told(_)) {
                complain(&error);
            }
            error.exit_code()
        }
    }
}

fn carry_out(args: &Args) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    let config = || Config::load(&args.config).map_err(Error::from);
    match &args.command {
        Command::Demo { scans, dir } => demo::demo(scans.as_deref(), dir.as_deref()),
        Command::Run => run::run(config()?),
        Command::Check => check::check(&mut out, &config()?),
        Command::Status { json } => status::status(&mut out, &config()?, *json),
        Command::Doctor { json } => doctor::doctor(&mut out, &args.config, *json),
        Command::Init(wish) => init::init(&mut out, &args.config, wish),
        Command::Devices { command: Some(DevicesCommand::Try { name, code }), .. } => {
            try_code::try_code(&mut out, &config()?, name, code)
        }
        Command::Devices { watch: Some(seconds), .. } => {
            look_on::look_on(&mut out, Duration::from_secs(*seconds))
        }
        Command::Devices { json, .. } => devices::devices(&mut out, *json),
        Command::Calibrate(wanted) => calibrate::calibrate(&mut out, &args.config, wanted),
        Command::Trace { command } => trace::trace(&mut out, command),
        Command::Outbox { command } => outbox::outbox(&mut out, &config()?, command),
        Command::Goods { command } => goods::goods(&mut out, config()?, command),
        Command::Adopt(wanted) => home::adopt(&mut out, &config()?, wanted),
        Command::Backup { file } => home::backup(&mut out, &config()?, &args.config, file),
        Command::Restore(wanted) if wanted.print_config => home::show_config(&mut out, &wanted.file),
        Command::Restore(wanted) => home::restore(&mut out, &config()?, wanted),
        Command::StepBack(wanted) => step_back::step_back(&mut out, &config()?, wanted),
        Command::Scans { command } => scans::scans(&mut out, &config()?, command),
        Command::Unknown { command } => unknown::unknown(&mut out, &config()?, command),
        Command::Sheet(sheet) => sheet::sheet(&mut out, &args.config, sheet),
    }
}

/// Starts the log on the standard error, which the journal of systemd keeps.
fn start_log(args: &Args) {
    // The demonstration has output of its own: only errors go to the log.
    let level = match (&args.command, args.log_level) {
        (_, Some(level)) => level.level(),
        (Command::Demo { .. }, None) => Level::WARN,
        (_, None) => Level::INFO,
    };
    log::start(level, args.log_format);
}

/// Prints what failed and its causes, for a person.
#[expect(clippy::print_stderr, reason = "the one place that speaks to the person who typed the command")]
fn complain(error: &Error) {
    let prefix = if log::is_journal() { log::prefix(Level::ERROR) } else { "" };
    if let Error::Config(faults) | Error::Setup(setup::Error::Faults(faults)) = error {
        faults.to_string().lines().for_each(|fault| eprintln!("{prefix}{fault}"));
        return;
    }
    eprintln!("{prefix}stockpoint: failed to {}", harmless(&error.to_string()));
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        eprintln!("{prefix}  caused by: {}", harmless(&source.to_string()));
        cause = source.source();
    }
}

/// Writes a text of a command, JSON or not. It is the only way to the output, and lets no character through that
/// commands a terminal.
fn say(out: &mut impl Write, text: &str) -> Result<(), Error> {
    out.write_all(harmless(text).as_bytes()).and_then(|()| out.flush()).map_err(Error::output)
}

/// Opens the data of a station, for a command that needs some.
fn data(config: &Config) -> Result<Db, Error> {
    data_if_any(config)?.ok_or_else(|| Error::NoData(config.station.data_dir.clone()))
}

/// Opens the data of a station, for a command that only reports: no data means nothing to report, which is no failure.
/// Root works with the rights of the folder's owner from here on: steps that need root, such as reading tokens, come
/// first.
fn data_if_any(config: &Config) -> Result<Option<Db>, Error> {
    take_over(&config.station.data_dir)?;
    let mut db = Db::beside(&config.station.data_dir, &config.station.name)?;
    if let Some(db) = &mut db {
        db.allow_kits(config.kits.clone());
        db.know_packs(config.packs.clone());
    }
    Ok(db)
}

/// Makes root act as the owner of the data folder, for the rest of the process.
fn take_over(dir: &Path) -> Result<(), Error> {
    owner::take_over(dir).map_err(owner_error(dir))
}

fn owner_error(dir: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
    move |source| Error::Owner { dir: dir.to_owned(), source }
}

/// Returns the access to the service for a command that runs beside an agent. A running agent keeps its own budget:
/// this takes half of one, so that both together stay below the service's. Only root may read the tokens, and so they
/// are found before the data is opened.
fn way_beside(config: &Config, secrets: Result<Secrets, secrets::Error>) -> Result<(Client, Budget), Error> {
    let api = &config.api;
    let secrets = secrets?;
    let client = Client::new(api, config.station.location_id, &secrets.partner, &secrets.user)
        .map_err(app::Error::Client)?;
    let budget = Budget::new(api.requests_per_minute_max.div_ceil(2), 1, seed(), Instant::now());
    Ok((client, budget))
}

fn read_error(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
    move |source| Error::Io { what: path.display().to_string(), source }
}
