//! The command line: carries out a command and returns an exit code: 0 success, 1 failure, 2 wrong usage or
//! configuration.

mod args;
mod calibrate;
mod check;
mod demo;
mod devices;
mod doctor;
mod error;
mod examples;
mod goods;
mod help;
mod home;
mod init;
mod logging;
mod outbox;
mod run;
mod scans;
mod sheet;
mod station;
mod status;
mod step_back;
mod sync;
mod trace;
mod unknown;
mod values;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, FromArgMatches};
use tokio::time::Instant;
use tracing::Level;

use crate::api::{Budget, Client, seed};
use crate::app;
use crate::config::Config;
use crate::config::secrets::{self, Secrets};
use crate::domain::printable::harmless;
use crate::owner;
use crate::store::Db;
use args::{Args, Command, DevicesCommand};
pub use error::Error;
use error::{owner_error, read_error, write_error};

/// Returns the definition of the command line, for manual pages and completions.
pub fn definition() -> clap::Command {
    help::with_examples(Args::command(), "")
}

/// Carries out the command line.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // The topics of `help` are no commands, so clap would refuse them.
    if let Some(answer) = help::help(&mut io::stdout().lock(), &arguments) {
        return ended(answer);
    }
    let args = definition().get_matches_from(arguments);
    let args = Args::from_arg_matches(&args).unwrap_or_else(|error| error.exit());
    start_log(&args);
    ended(carry_out(&args))
}

/// Reports a failure, and returns the exit code.
fn ended(result: Result<(), Error>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if error.kind().is_news() {
                complain(&error);
            }
            error.kind().exit_code()
        }
    }
}

/// Carries out the command that was parsed.
fn carry_out(args: &Args) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    // Some commands work without a configuration, so it is loaded only where one is required.
    let config = || Config::load(&args.config).map_err(Error::from);
    match &args.command {
        Command::Demo { scans, dir } => demo::demo(scans.as_deref(), dir.as_deref()),
        Command::Run => run::run(config()?),
        Command::Check => check::check(&mut out, &config()?),
        Command::Status { output } => status::status(&mut out, &config()?, *output),
        Command::Doctor { output } => doctor::doctor(&mut out, &args.config, *output),
        Command::Init(wish) => init::init(&mut out, &args.config, wish),
        Command::Devices { command: Some(DevicesCommand::Try { name, code }), .. } => {
            devices::try_code::try_code(&mut out, &config()?, name, code)
        }
        Command::Devices { watch: Some(seconds), .. } => {
            devices::watch::watch(&mut out, Duration::from_secs(*seconds))
        }
        Command::Devices { output, .. } => devices::devices(&mut out, *output),
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
    logging::start(level, args.log_format);
}

/// Prints an error for a person. A closed standard error is ignored.
fn complain(error: &Error) {
    let prefix = if logging::is_journal() { logging::prefix(Level::ERROR) } else { "" };
    let text = error.lines().join(&format!("\n{prefix}"));
    let _written = writeln!(io::stderr().lock(), "{prefix}{text}");
}

/// Writes a text of a command, JSON or not. It is the only way to the output, and lets no character through that
/// commands a terminal.
fn say(out: &mut impl Write, text: &str) -> Result<(), Error> {
    out.write_all(harmless(text).as_bytes()).and_then(|()| out.flush()).map_err(Error::output)
}

/// Opens the data of a station, for a command that requires data.
fn data(config: &Config) -> Result<Db, Error> {
    data_if_any(config)?.ok_or_else(|| {
        Error::failure(format!("no data in {}", config.station.data_dir.display()))
            .hint("the agent makes it when it first runs: `stockpoint run`")
    })
}

/// Opens the data of a station, for a command that only reports: no data means nothing to report, which is no failure.
/// Root works with the rights of the folder's owner from here on: steps that need root, such as reading tokens, come
/// first.
fn data_if_any(config: &Config) -> Result<Option<Db>, Error> {
    take_over(&config.station.data_dir)?;
    let mut db = Db::open_beside(&config.station.data_dir, &config.station.name)?;
    if let Some(db) = &mut db {
        db.allow_kits(config.kits.clone());
        db.set_packs(config.packs.clone());
    }
    Ok(db)
}

/// Makes root act as the owner of the data folder, for the rest of the process.
fn take_over(dir: &Path) -> Result<(), Error> {
    owner::become_owner(dir).map_err(owner_error(dir))
}

/// The access to the service of a command that runs beside an agent.
struct ServiceAccess {
    client: Client,
    budget: Budget,
}

/// Returns the access to the service for a command that runs beside an agent. A running agent keeps its own budget:
/// this takes half of one, so that both together stay below the service's. Only root may read the tokens, and so they
/// are found before the data is opened.
fn access_beside(config: &Config, secrets: Result<Secrets, secrets::Error>) -> Result<ServiceAccess, Error> {
    let api = &config.api;
    let secrets = secrets?;
    let client = Client::new(api, config.station.location_id, &secrets.partner, &secrets.user)
        .map_err(app::Error::Client)?;
    let budget = Budget::new(api.requests_per_minute_max.div_ceil(2), 1, seed(), Instant::now());
    Ok(ServiceAccess { client, budget })
}
