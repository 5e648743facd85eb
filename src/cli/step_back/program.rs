//! The older and the newer program. Each is run on copies of the data.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use super::{Error, file_error};
use crate::child;
use crate::store::SCHEMA_WORDS;

/// The search path of a program for commands; nothing else of the environment reaches it.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// The longest output that is read, in bytes. Longer lists are cut.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// The longest time that a program may take to read a copy; it checks a large outbox first.
const ANSWER_TIME_MAX: Duration = Duration::from_mins(5);
/// The longest time that a program may take to print its version.
const VERSION_TIME_MAX: Duration = Duration::from_secs(10);
/// The name of the configuration in a folder of copies.
pub(super) const CONFIG: &str = "config.toml";

/// The sections of the status that belong to the books.
const SECTIONS: [&str; 3] = ["scans", "units", "outbox"];
/// The figures that are zero if everything is delivered.
const UNDELIVERED: [(&str, &str); 6] = [
    ("outbox", "open"),
    ("outbox", "queued"),
    ("outbox", "sending"),
    ("outbox", "uncertain"),
    ("outbox", "refused"),
    ("units", "parked"),
];

/// A program of some version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Program<'a>(&'a Path);

/// The result of a program on a folder of copies.
#[derive(Debug)]
pub(super) enum Told {
    /// It can work with them; these are its books.
    Books(Books),
    /// It does not know the schema of the file with this name.
    Newer(String),
}

/// The figures of the books.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Books(BTreeSet<(String, String, String)>);

impl Books {
    fn of(status: &Value) -> Self {
        let figures = SECTIONS.iter().flat_map(|section| {
            let figures = status.get(section).and_then(Value::as_object).into_iter().flatten();
            figures.map(|(name, value)| ((*section).to_owned(), name.clone(), value.to_string()))
        });
        Self(figures.collect())
    }

    /// Returns true if each figure here is one of `newer`, which may have more.
    pub(super) fn are_those_of(&self, newer: &Self) -> bool {
        // No figures at all would be a subset of any books.
        !self.0.is_empty() && self.0.is_subset(&newer.0)
    }

    /// Returns true if everything in them was delivered.
    pub(super) fn are_delivered(&self) -> bool {
        let is_zero = |(section, name): &(&str, &str)| {
            let figure =
                self.0.iter().find(|figure| (figure.0.as_str(), figure.1.as_str()) == (section, name));
            // A figure that is missing proves nothing, so it counts as undelivered.
            figure.is_some_and(|(_, _, value)| value.trim_matches('"') == "0")
        };
        UNDELIVERED.iter().all(is_zero)
    }
}

impl<'a> Program<'a> {
    pub(super) fn new(path: &'a Path) -> Self {
        Self(path)
    }

    /// Returns its version, as it prints it.
    pub(super) fn version(self) -> String {
        let mut command = child::command(self.0);
        command.arg("--version").stdout(Stdio::piped());
        let said = child::run(&mut command, VERSION_TIME_MAX);
        let said = said.map(|said| String::from_utf8_lossy(&said.output).trim().to_owned());
        said.unwrap_or_else(|_failed| self.0.display().to_string())
    }

    /// Runs the program on a folder of copies, and returns its books.
    pub(super) fn reads(self, copies: &Path) -> Result<Told, Error> {
        let (is_good, said, complaint) = self.says(copies, &["status", "--json"])?;
        let unreadable =
            |said: &str| Error::Unreadable { program: self.0.to_owned(), said: said.trim().to_owned() };
        if is_good {
            let status = serde_json::from_str(&said).map_err(|_no_json| unreadable("it is no JSON"))?;
            return Ok(Told::Books(Books::of(&status)));
        }
        newer_file(&complaint).map(Told::Newer).ok_or_else(|| unreadable(&complaint))
    }

    /// Returns the error that it does not know the schema of a file.
    pub(super) fn cannot_read(self, name: &str) -> Error {
        Error::Unreadable { program: self.0.to_owned(), said: format!("the schema of {name} is newer") }
    }

    /// Returns its list of undelivered documents and codes in a folder of copies.
    pub(super) fn lists(self, copies: &Path) -> Result<String, Error> {
        let documents = self.says(copies, &["outbox", "list"])?.1;
        let codes = self.says(copies, &["unknown", "list"])?.1;
        Ok(format!("{documents}{codes}"))
    }

    /// Runs a command of the program. Returns true if it succeeds, with its output and its error output.
    fn says(self, copies: &Path, words: &[&str]) -> Result<(bool, String, String), Error> {
        let config = copies.join(CONFIG);
        let [out, complaint] = ["said", "complaint"].map(|name| copies.join(name));
        // Both streams go to files, because `child::run` reads no error output.
        let to = |path: &PathBuf| File::create(path).map_err(file_error(path));
        let mut command = child::command(self.0);
        command.args(words).arg("--config").arg(&config).env("PATH", PATH).current_dir(copies);
        command.env("TMPDIR", copies).stdout(to(&out)?).stderr(to(&complaint)?);
        let ended = child::run(&mut command, ANSWER_TIME_MAX)
            .map_err(|error| Error::NoAnswer { program: self.0.to_owned(), source: error })?;
        Ok((ended.status.success(), read(&out)?, read(&complaint)?))
    }
}

/// Reads the output of a program, cut to [`ANSWER_BYTES_MAX`].
fn read(path: &Path) -> Result<String, Error> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes));
    read.map_err(file_error(path))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns the name of the file that a program complains about, if the complaint is about its schema.
fn newer_file(complaint: &str) -> Option<String> {
    let (path, _version) = complaint.split_once(SCHEMA_WORDS)?;
    // Earlier programs have more words between.
    let path = path.strip_suffix(": it").unwrap_or(path);
    Some(Path::new(path).file_name()?.to_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store;

    fn books(outbox: &str) -> Books {
        let status =
            format!("{{\"scans\":{{\"booked\":4}},\"units\":{{\"parked\":\"0\"}},\"outbox\":{outbox}}}");
        Books::of(&serde_json::from_str(&status).unwrap())
    }

    const DELIVERED: &str =
        "{\"open\":0,\"queued\":0,\"sending\":0,\"uncertain\":0,\"posted\":4,\"refused\":0,\"cancelled\":0}";

    #[test]
    fn the_file_of_a_newer_schema_is_named() {
        let earlier = "stockpoint: failed to use the data\n  caused by: open /a b/outbox.db: it has schema version 9, and";
        assert_eq!(newer_file(earlier).unwrap(), "outbox.db");
        let path = Path::new("/a b/goods.db").to_owned();
        let today = store::Error::NewerSchema { path, found: 9, known: 8 };
        assert_eq!(newer_file(&format!("stockpoint: {today}\nhint: none")).unwrap(), "goods.db");
        assert_eq!(newer_file("stockpoint: the disk is full"), None);
    }

    #[test]
    fn books_are_compared_figure_by_figure() {
        let older = books(DELIVERED);
        assert!(older.are_delivered() && older.are_those_of(&books(DELIVERED)));
        let more = books(&DELIVERED.replace("\"open\":0", "\"open\":0,\"new\":1"));
        assert!(older.are_those_of(&more) && !more.are_those_of(&older));
        let queued = books(&DELIVERED.replace("\"queued\":0", "\"queued\":1"));
        assert!(!queued.are_delivered() && !older.are_those_of(&queued));
        let none = Books::of(&Value::Null);
        assert!(!none.are_delivered() && !none.are_those_of(&older));
    }
}
