//! The error of a command: a fact, its causes, the hints that help, and the exit code.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use crate::app;
use crate::child;
use crate::config::Doubt;
use crate::config::Faults;
use crate::config::secrets;
use crate::demo as demonstration;
use crate::device::PortFault;
use crate::domain::decode::hidpos;
use crate::domain::decode::keymap;
use crate::domain::ids::GoodId;
use crate::domain::printable::harmless;
use crate::domain::printable::printable;
use crate::setup;
use crate::sheet;
use crate::store;
use crate::work::create;
use crate::work::save;
use crate::work::verify;

/// The exit code for wrong usage and wrong configuration: starting again will not help. `RestartPreventExitStatus=` of
/// the unit uses it (systemd.service(5)).
const WRONG: u8 = 2;
/// The exit code of a failure.
const FAILED: u8 = 1;
/// The exit code of a demonstration that was interrupted, as a shell reports a program that SIGINT ended (128 + 2): not
/// 0, because not everything was scanned and delivered, and not 1, because nothing failed.
const INTERRUPTED: u8 = 130;

/// The kind of an error, which gives the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The command was used in a wrong way, or the configuration is wrong.
    Usage,
    /// The command failed.
    Failure,
    /// A person interrupted the demonstration.
    Interrupted,
    /// The output has the result already, and nothing more is printed: the command was used in a wrong way, or the
    /// configuration is wrong.
    ReportedUsage,
    /// The output has the result already, and nothing more is printed: the command failed.
    ReportedFailure,
    /// The reader of the output closed it, as `head` does. That is no failure, and nothing is printed.
    ClosedPipe,
}

impl Kind {
    pub(super) fn exit_code(self) -> ExitCode {
        match self {
            Self::Usage | Self::ReportedUsage => ExitCode::from(WRONG),
            Self::Failure | Self::ReportedFailure => ExitCode::from(FAILED),
            Self::Interrupted => ExitCode::from(INTERRUPTED),
            Self::ClosedPipe => ExitCode::SUCCESS,
        }
    }

    /// Returns true if the reason must still be printed.
    pub(super) fn is_news(self) -> bool {
        match self {
            Self::Usage | Self::Failure | Self::Interrupted => true,
            Self::ReportedUsage | Self::ReportedFailure | Self::ClosedPipe => false,
        }
    }

    /// Returns the kind of an I/O error.
    fn of_io(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::ClosedPipe } else { Self::Failure }
    }
}

/// The reason why a command ended without success. Displays the fact alone; its causes are its sources.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    fact: Box<dyn std::error::Error + Send + Sync>,
    hints: Vec<String>,
}

impl Error {
    fn new(kind: Kind, fact: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind, fact: fact.into(), hints: Vec::new() }
    }

    /// Makes an error of a wrong usage, from a text or from another error.
    pub(super) fn usage(fact: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(Kind::Usage, fact)
    }

    /// Makes an error of a failure, from a text or from another error.
    pub(super) fn failure(fact: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(Kind::Failure, fact)
    }

    /// Makes an error from the failure of the system that is its cause.
    pub(super) fn io(fact: impl Into<String>, source: io::Error) -> Self {
        let is_denied = source.kind() == io::ErrorKind::PermissionDenied;
        // Only this cause has a cure that fits every file.
        let hint = is_denied.then_some("run the command as root (`sudo`), or as the user whose file it is");
        Self::new(Kind::of_io(&source), Caused { fact: fact.into(), source: source.into() }).hint_if(hint)
    }

    /// Makes the error of an output that cannot be written.
    pub(super) fn output(source: io::Error) -> Self {
        Self::io("cannot write the output", source)
    }

    /// Makes the error of a demonstration that a person ended.
    pub(super) fn interrupted_demo() -> Self {
        Self::new(Kind::Interrupted, "the demonstration was interrupted before the end of the scans")
    }

    /// Makes the error of a wrong usage or configuration that is printed already.
    pub(super) fn reported_usage() -> Self {
        Self::new(Kind::ReportedUsage, "the problems are listed above")
    }

    /// Makes the error of a failure that is printed already.
    pub(super) fn reported_failure() -> Self {
        Self::new(Kind::ReportedFailure, "the result is printed above")
    }

    /// Makes the error of required values that were not given and cannot be asked for.
    pub(super) fn required(flags: &[&str]) -> Self {
        let are = if flags.len() == 1 { "is" } else { "are" };
        Self::usage(format!("{} {are} required", flags.join(", ")))
            .hint("pass it, or run the command on a terminal, where it asks")
    }

    /// Makes the error of an input that ends where a person should answer.
    pub(super) fn no_answer() -> Self {
        Self::usage("the input ended before an answer")
            .hint("answer on a terminal, or pass the values with flags")
    }

    /// Makes the error of a given value that cannot be used.
    pub(super) fn doubtful(flag: &str, doubt: &Doubt) -> Self {
        // Some problems begin with the value, which is then their subject.
        let verb = doubt.problem.starts_with(|c: char| c.is_ascii_lowercase());
        let apart = if verb { "" } else { ":" };
        Self::usage(format!("{flag}{apart} {}", doubt.problem)).hint(doubt.cure.clone())
    }

    /// Makes the error of a good that the goods table lacks.
    pub(super) fn no_such_good(good: GoodId) -> Self {
        Self::failure(format!("no good {good} in the goods table"))
            .hint("`stockpoint goods find CODE` shows the good of a code")
    }

    /// Makes the error of a scanner that is not configured; `known` are the names of those that are.
    pub(super) fn no_scanner(name: &str, known: &str) -> Self {
        let name = printable(name);
        if known.is_empty() {
            return Self::usage(format!("no scanner \"{name}\": the configuration has none"))
                .hint("`stockpoint devices` shows the [[scanner]] section to add");
        }
        Self::usage(format!("no scanner \"{name}\" in the configuration, which has {known}"))
            .hint("name one of these")
    }

    /// Makes the error of a code that begins as a control code does.
    pub(super) fn control_code() -> Self {
        Self::failure("the code begins as a control code does, and no good can have it")
    }

    /// Makes the error of a device that cannot be read.
    pub(super) fn device(device: impl fmt::Display, fault: PortFault) -> Self {
        Self::failure(format!("{device}: {fault}")).hint(fault.cure())
    }

    /// Makes the error of a systemctl that does not start or does not end.
    pub(super) fn systemctl(source: child::Error) -> Self {
        let fact = "systemctl cannot enable the service".to_owned();
        Self::failure(Caused { fact, source: source.into() })
    }

    /// Adds a hint: an action that helps.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Replaces the hints.
    #[must_use]
    pub(super) fn only_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints = vec![hint.into()];
        self
    }

    /// Adds a hint if there is one.
    #[must_use]
    pub(super) fn hint_if(self, hint: Option<impl Into<String>>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the lines to print: the fact, its causes, the hints. The faults of a configuration name their file and
    /// their cures, and are printed alone.
    pub(super) fn lines(&self) -> Vec<String> {
        // Faults have one line each, which begins with the file and the line number.
        if let Some(faults) = self.fact.downcast_ref::<Faults>() {
            return faults.to_string().lines().map(str::to_owned).collect();
        }
        let mut lines = vec![format!("stockpoint: {}", harmless(&self.to_string()))];
        let mut cause = std::error::Error::source(self);
        while let Some(source) = cause {
            lines.push(format!("  caused by: {}", harmless(&source.to_string())));
            cause = source.source();
        }
        lines.extend(self.hints.iter().map(|hint| format!("hint: {}", harmless(hint))));
        lines
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fact.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.fact.source()
    }
}

/// A fact and its cause.
#[derive(Debug, thiserror::Error)]
#[error("{fact}")]
struct Caused {
    fact: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// Returns the function that makes the error of a file that cannot be read.
pub(super) fn read_error(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
    move |source| Error::io(format!("cannot read {}", path.display()), source)
}

/// Returns the function that makes the error of a file that cannot be written.
pub(super) fn write_error(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
    move |source| Error::io(format!("cannot write {}", path.display()), source)
}

/// Returns the function that makes the error of a data folder whose owner root cannot become.
pub(super) fn owner_error(dir: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
    move |source| Error::io(format!("cannot become the owner of {}", dir.display()), source)
}

impl From<Faults> for Error {
    fn from(faults: Faults) -> Self {
        Self::usage(faults)
    }
}

impl From<secrets::Error> for Error {
    fn from(error: secrets::Error) -> Self {
        let hint = error.hint();
        Self::usage(error).hint(hint)
    }
}

impl From<app::Error> for Error {
    fn from(error: app::Error) -> Self {
        let hint = error.hint();
        let kind = match &error {
            // The program is too old for the data. systemd must not start it again and again.
            app::Error::Store(store::Error::NewerSchema { .. }) => Kind::Usage,
            _ => Kind::Failure,
        };
        Self::new(kind, error).hint_if(hint)
    }
}

impl From<demonstration::Error> for Error {
    fn from(error: demonstration::Error) -> Self {
        match error {
            demonstration::Error::Output(source) => Self::output(source),
            demonstration::Error::Agent(error) => {
                let hint = error.hint();
                Self::failure(error).hint_if(hint)
            }
            // The demonstration writes its own configuration, so its faults are not those of a person.
            demonstration::Error::Config(faults) => Self::failure(faults),
            error => Self::failure(error),
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        let hint = error.hint();
        Self::failure(error).hint_if(hint)
    }
}

impl From<store::BackupError> for Error {
    fn from(error: store::BackupError) -> Self {
        let hint = error.hint();
        Self::failure(error).hint_if(hint)
    }
}

impl From<setup::Error> for Error {
    fn from(error: setup::Error) -> Self {
        let hint = error.hint();
        match error {
            // The faults carry their cures, and a person must edit the file: a usage error.
            setup::Error::Faults(faults) => Self::usage(faults),
            error => Self::failure(error).hint_if(hint),
        }
    }
}

impl From<create::Error> for Error {
    fn from(error: create::Error) -> Self {
        let hint = error.hint();
        Self::failure(error).hint_if(hint)
    }
}

impl From<save::Error> for Error {
    fn from(error: save::Error) -> Self {
        let hint = error.hint();
        Self::failure(error).hint_if(hint)
    }
}

impl From<verify::Error> for Error {
    fn from(error: verify::Error) -> Self {
        let hint = error.hint();
        Self::failure(error).hint_if(hint)
    }
}

impl From<sheet::Error> for Error {
    fn from(error: sheet::Error) -> Self {
        let hint = error.hint();
        Self::failure(error).hint_if(hint)
    }
}

impl From<keymap::trace::Unreadable> for Error {
    fn from(error: keymap::trace::Unreadable) -> Self {
        Self::failure(error).hint("a line is TIME KIND CODE VALUE, !opened TIME or !layout NAME")
    }
}

impl From<hidpos::trace::Unreadable> for Error {
    fn from(error: hidpos::trace::Unreadable) -> Self {
        Self::failure(error).hint("a line is TIME HEX, TIME lost, !opened TIME or !descriptor HEX")
    }
}

impl From<hidpos::Unfit> for Error {
    fn from(error: hidpos::Unfit) -> Self {
        Self::failure(error)
    }
}
