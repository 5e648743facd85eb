//! `stockpoint init`: sets a station up, from no configuration to a running service.

mod args;
mod ask;
mod person;
mod qr;
mod scan;
mod service;
mod tokens;
mod unit;

use std::fs;
use std::io;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use secrecy::ExposeSecret;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use self::args::ANY;
pub(super) use self::args::InitArgs;
use self::ask::Scanners;
use self::person::DefaultAnswer;
use self::person::Person;
use self::unit::Start;
use super::Error;
use super::doctor;
use super::doctor::faulty;
use super::home;
use super::read_error;
use super::run::runtime;
use super::say;
use crate::config::Config;
use crate::config::DEFAULT_PATH;
use crate::config::Faults;
use crate::doctor::Finding;
use crate::doctor::Grade;
use crate::domain::printable::printable;
use crate::setup;
use crate::setup::BOOT_FOLDERS;
use crate::setup::Bundle;
use crate::setup::FILE_NAME;
use crate::setup::Installed;
use crate::setup::Replace;
use crate::setup::consume;
use crate::setup::install;
use crate::setup::is_set_up;
use crate::setup::may_install;
use crate::setup::scanners;

/// The longest password, in bytes.
const SECRET_BYTES_MAX: u64 = 4096;

/// Sets a station up in the way that the arguments choose.
pub(super) fn init(out: &mut impl Write, config: &Path, args: &InitArgs) -> Result<(), Error> {
    if args.print_qr {
        return print_qr(out, config, args);
    }
    if let Some(folder) = &args.boot {
        return from_boot(out, config, args, given(folder));
    }
    // It is checked first: a person must not answer questions in vain.
    may_install(config)?;
    if is_set_up(config)? && !args.force && !may_replace(out, config, args)? {
        return Err(setup::Error::SetUpAlready(config.to_owned()).into());
    }
    let bundle = match (&args.from, &args.scan) {
        (Some(file), _) => {
            let entries = scanners::likely_entries(args.answers.layout())?;
            from_file(file, Bundle::read)?.with_scanners(&entries).map_err(setup::Error::from)?
        }
        (None, Some(device)) => match from_code(out, config, args, given(device))? {
            Some(bundle) => bundle,
            None => return say(out, "nothing was written\n"),
        },
        (None, None) => match ask_all(out, config, args)? {
            Some(bundle) => bundle,
            None => return say(out, "nothing was written\n"),
        },
    };
    let sheet_secret = bundle.config().station.sheet_secret_file.clone();
    let asks_itself = args.from.is_none() && args.scan.is_none();
    // The secret is made before the configuration that names it.
    if let Some(file) = sheet_secret.filter(|_| asks_itself) {
        make_sheet_secret(out, &file)?;
    }
    let installed = install(bundle, config, Replace::KeepOld)?;
    tell_written(out, &installed)?;
    if args.scan.is_some() {
        unit::end_scanning(config)?;
    }
    finish(out, config, args)
}

/// Returns the place of the sheet's secret: beside the configuration.
fn sheet_secret_beside(config: &Path) -> PathBuf {
    config.with_file_name("sheet-secret")
}

/// Makes the secret of the control sheet, unless there is one: sheets that hang on the wall stay valid.
fn make_sheet_secret(out: &mut impl Write, file: &Path) -> Result<(), Error> {
    if file.exists() {
        return say(out, &format!("\nkept {}\n", file.display()));
    }
    setup::private_file(file, setup::OneTimeSecret::fresh()?.line().expose_secret().as_bytes())?;
    let text = format!(
        "\nwrote {0}: copy it to every station that shares this sheet, and print the sheet with `stockpoint sheet`\n",
        file.display()
    );
    say(out, &text)
}

/// Returns the path that was named; `None` if any is accepted.
fn given(path: &Path) -> Option<&Path> {
    Some(path).filter(|path| *path != Path::new(ANY))
}

/// Returns true if a person agrees to replace the existing set-up. A file or a code alone never does.
fn may_replace(out: &mut impl Write, config: &Path, args: &InitArgs) -> Result<bool, Error> {
    if args.from.is_some() || args.scan.is_some() {
        return Ok(false);
    }
    let question =
        format!("{} is there already. Set this station up anew, and keep that as .bak", config.display());
    Person::new(out, args.questions()).agrees(&question, DefaultAnswer::No)
}

/// Asks everything. Returns `None` if the person then declines.
fn ask_all(out: &mut impl Write, config: &Path, args: &InitArgs) -> Result<Option<Bundle>, Error> {
    let api = ask::api_before(args, config)?;
    let secret_file = sheet_secret_beside(config);
    let mut person = Person::new(out, args.questions());
    if person.is_asked() {
        person.say(
            "Answers in [brackets] are taken with Enter. Nothing is written before the end; Ctrl-C ends.\n\n",
        )?;
    }
    let asked = ask::bundle(&mut person, args, &api, Scanners::OfThisMachine, &secret_file);
    let bundle = runtime()?.block_on(asked)?;
    if person.is_asked() {
        if bundle.config().station.sheet_secret_file.is_none() {
            person.say(
                "\nAny stockpoint control sheet commands this station. With --seal-sheet, only sheets of your own do.\n",
            )?;
        }
        person.say(&format!("\n{}\n", bundle.text()))?;
    }
    let is_wanted = person.agrees(&format!("write this to {}", config.display()), DefaultAnswer::Yes)?;
    Ok(is_wanted.then_some(bundle))
}

/// Waits for a code and gets the bundle that it opens. Returns `None` if a person at the terminal then declines.
fn from_code(
    out: &mut impl Write,
    config: &Path,
    args: &InitArgs,
    device: Option<&Path>,
) -> Result<Option<Bundle>, Error> {
    let Some(bundle) = runtime()?.block_on(scan::bundle(out, args, device))? else { return Ok(None) };
    let is_wanted = is_wanted(out, config, args, &bundle)?;
    Ok(is_wanted.then_some(bundle))
}

/// Shows a configuration that another person has written, and asks for confirmation if there is a terminal.
fn is_wanted(out: &mut impl Write, config: &Path, args: &InitArgs, bundle: &Bundle) -> Result<bool, Error> {
    let shown = bundle.text().lines().map(|line| format!("  {}\n", printable(line)));
    say(out, &format!("\n{}\n", shown.collect::<String>()))?;
    Person::new(out, args.questions())
        .agrees(&format!("write this to {}", config.display()), DefaultAnswer::Yes)
}

/// Makes a bundle for another station and offers it with a set-up code.
fn print_qr(out: &mut impl Write, config: &Path, args: &InitArgs) -> Result<(), Error> {
    let api = ask::api_before(args, config)?;
    runtime()?.block_on(async {
        let mut person = Person::new(out, args.questions());
        let secret_file = sheet_secret_beside(config);
        let bundle = match &args.from {
            Some(file) => from_file(file, Bundle::handed)?,
            None => ask::bundle(&mut person, args, &api, Scanners::OfAnother, &secret_file).await?,
        };
        drop(person);
        qr::print(out, args, &bundle).await
    })
}

/// Reads a bundle from a file with one of the two readers of [`Bundle`].
fn from_file(file: &Path, read: fn(&str, &str) -> Result<Bundle, Faults>) -> Result<Bundle, Error> {
    let text = Zeroizing::new(fs::read_to_string(file).map_err(read_error(file))?);
    Ok(read(&text, &file.display().to_string()).map_err(setup::Error::from)?)
}

/// Sets the station up from the file on the boot partition, if there is one.
fn from_boot(
    out: &mut impl Write,
    config: &Path,
    args: &InitArgs,
    folder: Option<&Path>,
) -> Result<(), Error> {
    let folders: Vec<&Path> = match folder {
        Some(folder) => vec![folder],
        None => BOOT_FOLDERS.iter().map(Path::new).collect(),
    };
    let files = folders.iter().map(|folder| folder.join(FILE_NAME));
    let Some(file) = files.into_iter().find(|file| file.exists()) else {
        let looked: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
        return say(out, &format!("no {FILE_NAME} in {}\n", looked.join(" or ")));
    };
    // A file with faults is not shown; its faults are reported below, and beside it.
    if let Ok(bundle) = from_file(&file, Bundle::handed)
        && !is_wanted(out, config, args, &bundle)?
    {
        return say(out, "nothing was written\n");
    }
    let entries = scanners::likely_entries(args.answers.layout())?;
    let consumed = consume(&file, config, |bundle| Ok(bundle.with_scanners(&entries)?))?;
    match &consumed.installed {
        Some(installed) => tell_written(out, installed)?,
        None => say(out, "the station was set up so already\n")?,
    }
    say(out, &format!("{} has no tokens any more and is now {}\n", file.display(), consumed.left.display()))?;
    // The data folder may be that of another station, as on a copied card.
    home::warn_if_foreign(out, &Config::load(config)?)?;
    unit::enable(out, config, if args.no_start { Start::Not } else { Start::NoWait }).map(drop)
}

/// Prints the files that were written.
fn tell_written(out: &mut impl Write, installed: &Installed) -> Result<(), Error> {
    let named =
        |paths: &[PathBuf]| -> Vec<String> { paths.iter().map(|path| path.display().to_string()).collect() };
    say(out, &format!("\nwrote {}\n", named(&installed.written).join(", ")))?;
    match &installed.old {
        Some(old) => say(out, &format!("the old configuration is now {}\n", old.display())),
        None => Ok(()),
    }
}

/// Checks the new station and starts it. A station with a fault that a person must correct is not started. A station
/// whose network or service is unavailable is started, because it can scan.
fn finish(out: &mut impl Write, config: &Path, args: &InitArgs) -> Result<(), Error> {
    let before = doctor::look_over(&Config::load(config)?)?;
    // Before the start no agent runs, so the findings about the agent do not count yet.
    let of_station = |finding: &&Finding| finding.section != "agent";
    let is_barred = before.findings().iter().filter(of_station).any(Finding::bars_start);
    if is_barred && !args.no_start {
        say(out, &format!("\n{}\n", before.text()))?;
        say(out, "The station is set up and not started: correct what is a FAULT above, then run\n")?;
        say(out, "`stockpoint doctor` and `systemctl enable --now stockpoint.service`.\n")?;
        return Err(faulty(&before));
    }
    let is_started = unit::enable(out, config, if args.no_start { Start::Not } else { Start::AndWait })?;
    let report = if is_started { doctor::look_over(&Config::load(config)?)? } else { before };
    say(out, &format!("\n{}\n", report.text()))?;
    let is_news = |finding: &&Finding| is_started || of_station(finding);
    let is_faulty = report.findings().iter().filter(is_news).any(|finding| finding.grade == Grade::Fault);
    if is_faulty {
        say(out, "The station is set up; what is still wrong with it stands above.\n")?;
        return Err(faulty(&report));
    }
    say(out, "The station is set up.\n")
}

/// Reads a secret from a file, without the end of its line.
fn secret_file(file: &Path) -> Result<SecretString, Error> {
    let read = || -> io::Result<SecretString> {
        let mut text = Zeroizing::new(String::new());
        fs::File::open(file)?.take(SECRET_BYTES_MAX).read_to_string(&mut text)?;
        Ok(text.trim_end_matches(['\r', '\n']).into())
    };
    read().map_err(read_error(file))
}

/// Returns true if the unit reads this configuration.
fn is_units_own(config: &Path) -> bool {
    config == Path::new(DEFAULT_PATH)
}
