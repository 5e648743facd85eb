//! The scanner's entry: printed, and written into the configuration on request.

use std::fs;
use std::path::{Path, PathBuf};

use super::target::{Entry, Target};
use crate::cli::{Error, read_error, write_error};
use crate::config::edit::{Edited, Tuning, append};
use crate::config::{Config, Scanner};
use crate::domain::calibrate::{Findings, GAP_MS_USUAL};
use crate::domain::decode::framing::Terminator;
use crate::draft::{Draft, beside};
use crate::setup;

/// Returns the text about the entry, and writes the entry into the file `written`, if one is given.
pub(super) fn entry(
    config: &Path,
    target: &Target,
    findings: &Findings,
    written: Option<&Path>,
) -> Result<String, Error> {
    let edited = match &target.entry {
        Entry::Configured(scanner) => {
            let text = fs::read_to_string(config).map_err(read_error(config))?;
            let tuning = tuning(findings, Some(scanner));
            let name = scanner.name.as_str();
            tuning.apply(&text, name).ok_or_else(|| not_editable(config))?
        }
        Entry::New { name, kind, place } => {
            let entry = new_entry(name, kind, place.as_deref(), findings);
            let text = match written {
                Some(file) => fs::read_to_string(file).map_err(read_error(file))?,
                None => String::new(),
            };
            Edited { file: append(&text, &entry), entry }
        }
    };
    let indented = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") };
    let lines: Vec<String> = edited.entry.lines().map(indented).collect();
    let shown = lines.concat();
    match written {
        None => Ok(format!("\n{shown}\n")),
        Some(file) => {
            let kept = write(file, &edited.file)?;
            let (file, kept) = (file.display(), kept.display());
            Ok(format!("\n{shown}\nWritten to {file}; the old file is {kept}. Start the agent again.\n"))
        }
    }
}

fn not_editable(config: &Path) -> Error {
    Error::failure(format!("the entry in {} cannot be changed line by line", config.display()))
        .hint("paste the entry by hand")
}

/// Returns the settings that the findings require.
fn tuning(findings: &Findings, scanner: Option<&Scanner>) -> Tuning {
    let gap_ms = match (scanner, findings.gap_ms_safe()) {
        // A gap that the user has chosen and that is safe stays.
        (Some(scanner), Some(safe)) if scanner.gap.as_millis() >= u128::from(safe) => None,
        (None, Some(safe)) if safe <= GAP_MS_USUAL => None,
        _ => Some(findings.gap_ms()),
    };
    Tuning {
        layout: findings.layout(),
        gap_ms,
        terminator: findings.terminator(scanner.map_or(Terminator::Any, |scanner| scanner.terminator)),
        strip_prefix: findings.prefix.clone(),
        strip_suffix: findings.suffix.clone(),
    }
}

/// Returns the whole entry of a scanner that has none yet.
fn new_entry(name: &str, kind: &'static str, place: Option<&str>, findings: &Findings) -> String {
    let place = place.unwrap_or("path = \"/dev/input/…\" # as `stockpoint devices` shows it");
    let tuning = tuning(findings, None);
    let rule = tuning.rule();
    let gap = if rule.is_empty() { "" } else { "\n" };
    let more = format!("{}{gap}{rule}", tuning.keys());
    setup::entry::ScannerEntry { name: name.to_owned(), kind, place: place.to_owned(), more }.to_string()
}

/// Replaces the file by the new text, whole or not at all, and reads it back; the old file is kept beside it.
fn write(path: &Path, text: &str) -> Result<PathBuf, Error> {
    // A configuration that `run` would refuse is not written.
    let wanted = Config::parse(text, &path.display().to_string())?;
    // A link stays a link: the file behind it is replaced.
    let path = fs::canonicalize(path).map_err(read_error(path))?;
    let old = fs::metadata(&path).map_err(read_error(&path))?;
    let put = |place: &Path, content: &[u8]| {
        Draft::like(&old, place, content).and_then(Draft::take_place).map_err(write_error(place))
    };
    let kept = put(&beside(&path, "bak"), &fs::read(&path).map_err(read_error(&path))?)?;
    put(&path, text.as_bytes())?;
    if Config::load(&path)? == wanted { Ok(kept) } else { Err(not_editable(&path)) }
}
