//! Reads tables in which every value knows its line.
//!
//! Each key is read by name, each fault is recorded with its place, and reading continues, so that one run finds all
//! faults. This module knows no keys and no bounds; those are in `sections` and `scanner`.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;
use toml::de::DeValue;

use crate::config::fault::FAULTS_MAX;
use crate::config::fault::Fault;
use crate::config::fault::Faults;
use crate::config::fault::Problem;
use crate::config::fault::shown;
use crate::config::handed;
use crate::config::handed::Provenance;

/// The parser's message for a key or section that is there twice. After this error alone, the tables around it are
/// still as they were meant.
const TWICE: &str = "duplicate key";
/// The most wrong characters with which a mistyped key is still recognised.
const SLIP_CHARS_MAX: usize = 2;

/// The faults of one file, in the order in which they are found.
pub(super) struct FaultReport<'t> {
    file: &'t str,
    text: &'t str,
    line_ends: Vec<usize>,
    faults: Vec<Fault>,
    left_out: usize,
    malformed: BTreeSet<usize>,
    is_broken: bool,
    provenance: Provenance,
}

impl<'t> FaultReport<'t> {
    pub(super) fn new(file: &'t str, text: &'t str, provenance: Provenance) -> Self {
        let line_ends = text.match_indices('\n').map(|(offset, _)| offset).collect();
        let (faults, malformed) = (Vec::new(), BTreeSet::new());
        Self { file, text, line_ends, faults, left_out: 0, malformed, is_broken: false, provenance }
    }

    /// Records a fault that the parser found. From then on, faults that may only follow from it are left out.
    pub(super) fn add_syntax(&mut self, error: &toml::de::Error) {
        let span = error.span().unwrap_or_default();
        let line = self.line_of(span.start);
        self.malformed.insert(line);
        if error.message() == TWICE {
            let key = self.text.get(span).map(shown).unwrap_or_default();
            self.push(line, key, Problem::Twice);
        } else {
            self.is_broken = true;
            self.push(line, String::new(), Problem::Syntax(error.message().to_owned()));
        }
    }

    /// Reads the whole file's table with `read`.
    pub(super) fn read<T>(&mut self, root: &DeTable<'t>, read: impl FnOnce(&mut Table<'_, 't>) -> T) -> T {
        Table::read(self, String::new(), 1, Some(root), read)
    }

    /// Returns the value that was read, if there was no fault.
    pub(super) fn finish<T>(self, read: Option<T>) -> Result<T, Faults> {
        match read {
            Some(value) if self.faults.is_empty() => Ok(value),
            _ => Err(Faults::new(self.faults, self.left_out)),
        }
    }

    fn line_of(&self, offset: usize) -> usize {
        // An error at the end of the text belongs to the last line, not to the empty one behind the last line feed.
        let last = self.text.len().saturating_sub(1);
        // The number of line feeds before the offset is the number of lines before it.
        self.line_ends.partition_point(|end| *end < offset.min(last)).saturating_add(1)
    }

    /// Records a fault of meaning, unless a fault of form already explains it.
    fn add(&mut self, line: usize, key: String, problem: Problem) {
        // A broken file loses keys and whole sections: they would look missing, or their keys unknown.
        let may_follow = matches!(problem, Problem::UnknownKey { .. } | Problem::Missing { .. });
        if !(self.malformed.contains(&line) || self.is_broken && may_follow) {
            self.push(line, key, problem);
        }
    }

    fn push(&mut self, line: usize, key: String, problem: Problem) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(Fault { file: self.file.to_owned(), line: Some(line), key, problem });
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }
}

/// A section during reading. A section that is not in the file reads as an empty one.
pub(super) struct Table<'r, 't> {
    report: &'r mut FaultReport<'t>,
    path: String,
    line: usize,
    entries: Option<&'r DeTable<'t>>,
    known: Vec<&'static str>,
}

impl<'r, 't> Table<'r, 't> {
    /// Reads one table, then refuses every key that `read` did not ask for.
    fn read<T>(
        report: &'r mut FaultReport<'t>,
        path: String,
        line: usize,
        entries: Option<&'r DeTable<'t>>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let mut table = Self { report, path, line, entries, known: Vec::new() };
        let value = read(&mut table);
        table.refuse_unknown();
        table.refuse_not_taken();
        value
    }

    /// Returns the value of `key`; `None` if it is absent or `convert` refused it.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        convert: impl FnOnce(&DeValue<'t>) -> Result<T, Problem>,
    ) -> Option<T> {
        let value = self.find(key)?;
        convert(value.get_ref()).map_err(|problem| self.blame(key, problem)).ok()
    }

    /// Returns the value of `key`, or `default` if it is absent or `convert` refused it.
    pub(super) fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        convert: impl FnOnce(&DeValue<'t>) -> Result<T, Problem>,
    ) -> T {
        self.optional(key, convert).unwrap_or(default)
    }

    /// Returns the value of `key`, which must be there; `example` is the line to write if it is absent.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        example: &'static str,
        convert: impl FnOnce(&DeValue<'t>) -> Result<T, Problem>,
    ) -> Option<T> {
        if !self.has(key) {
            self.blame(key, Problem::Missing { example });
        }
        self.optional(key, convert)
    }

    /// Reads the section `key`. An absent section reads as an empty one; `None` means that the value is not a section.
    pub(super) fn section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Table<'_, 't>) -> T,
    ) -> Option<T> {
        if self.find(key).is_some() {
            return self.inner(key, read);
        }
        // Even an absent section is read: its required keys are then missing, and its defaults apply.
        Some(Table::read(self.report, join(&self.path, key), self.line, None, read))
    }

    /// Reads the table `key`, if it is there.
    pub(super) fn inner<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Table<'_, 't>) -> T,
    ) -> Option<T> {
        let value = self.find(key)?;
        self.descend(join(&self.path, key), value, "a table, [key] or { .. }", read)
    }

    /// Reads each table of the list `key`, at most `count_max`. An absent list is an empty one.
    pub(super) fn each<T>(
        &mut self,
        key: &'static str,
        count_max: usize,
        mut read: impl FnMut(&mut Table<'_, 't>, usize) -> Option<T>,
    ) -> Vec<T> {
        let Some(value) = self.find(key) else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            let wanted = "the header of each with two brackets, as in [[scanner]]";
            self.blame(key, Problem::WrongType { found: type_of(value.get_ref()), wanted });
            return Vec::new();
        };
        if list.len() > count_max {
            let (value, allowed) = (list.len().to_string(), format!("at most {count_max}"));
            self.blame(key, Problem::OutOfRange { value, allowed });
        }
        // No more are read, so that a file with a million tables is refused as quickly as one with 33.
        let entries = list.iter().take(count_max).enumerate();
        let wanted = "a table for each, as in [[scanner]]";
        let mut read_one = |(index, value): (usize, &'r Spanned<DeValue<'t>>)| {
            let path = format!("{}[{index}]", join(&self.path, key));
            self.descend(path, value, wanted, |table| read(table, index)).flatten()
        };
        entries.filter_map(&mut read_one).collect()
    }

    /// Returns true if `key` is in the file, with a correct value or not.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.is_some_and(|entries| entries.contains_key(key))
    }

    /// Records a fault at `key`, or at the section's header if the key is absent.
    pub(super) fn blame(&mut self, key: &str, problem: Problem) {
        let entry = self.entries.and_then(|entries| entries.get_key_value(key));
        let line = entry.map_or(self.line, |(key, _)| self.report.line_of(key.span().start));
        // A key is shown like a value: a token may stand in its place.
        self.report.add(line, join(&self.path, &shown(key)), problem);
    }

    fn find(&mut self, key: &'static str) -> Option<&'r Spanned<DeValue<'t>>> {
        // Known once it was asked for: the keys need no list of their own beside the code that reads them.
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.entries?.get(key)
    }

    fn descend<T>(
        &mut self,
        path: String,
        value: &Spanned<DeValue<'t>>,
        wanted: &'static str,
        read: impl FnOnce(&mut Table<'_, 't>) -> T,
    ) -> Option<T> {
        let Range { start, .. } = value.span();
        let line = self.report.line_of(start);
        let Some(entries) = value.get_ref().as_table() else {
            let found = type_of(value.get_ref());
            self.report.add(line, path, Problem::WrongType { found, wanted });
            return None;
        };
        Some(Table::read(self.report, path, line, Some(entries), read))
    }

    fn refuse_unknown(&mut self) {
        let Some(entries) = self.entries else { return };
        for key in entries.keys().map(|key| key.get_ref().as_ref()) {
            if !self.known.contains(&key) {
                let near = nearest(key, &self.known);
                self.blame(key, Problem::UnknownKey { near, known: self.known.clone() });
            }
        }
    }

    /// Refuses every known key that a file of this origin may not set.
    fn refuse_not_taken(&mut self) {
        let Some(entries) = self.entries else { return };
        if self.report.provenance == Provenance::Administrator {
            return;
        }
        for (key, value) in entries {
            let key = key.get_ref().as_ref();
            let refusal = handed::refusal(&self.path, key, value.get_ref());
            // An unknown key already has its fault.
            if let Some(problem) = refusal.filter(|_| self.known.contains(&key)) {
                self.blame(key, problem);
            }
        }
    }
}

/// Returns the type of a value in words that fit after "is".
pub(super) fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Returns the known key that was probably meant: one begins with the other, or they differ in one short place.
fn nearest(written: &str, known: &[&'static str]) -> Option<&'static str> {
    let plain = shown(written).to_lowercase().replace('-', "_");
    let slip = known.iter().map(|key| (differing(&plain, key), *key)).min();
    // A short key must share at least half of its characters, or any two would be alike.
    let near = slip.filter(|(chars, key)| *chars <= SLIP_CHARS_MAX && *chars < key.len().div_ceil(2));
    let begins =
        |key: &&str| plain.len() > SLIP_CHARS_MAX && (key.starts_with(&plain) || plain.starts_with(*key));
    near.map(|(_, key)| key).or_else(|| known.iter().copied().find(begins))
}

/// Returns the length of the part in which two words differ, which lies between their common ends.
fn differing(one: &str, other: &str) -> usize {
    let same = |(left, right): &(char, char)| left == right;
    let head = one.chars().zip(other.chars()).take_while(same).count();
    let tail = one.chars().rev().zip(other.chars().rev()).take_while(same).count();
    // In words such as `aa` and `aaa` the two ends overlap: never less than zero.
    one.chars().count().max(other.chars().count()).saturating_sub(head.saturating_add(tail))
}
