//! Checks the station section by section, and reports each problem with its cure.
//!
//! It changes nothing and needs no running agent, but asks one that runs. Each section is examined whatever the result
//! of the one before, so that one run reports everything.

mod agent;
mod books;
mod certificate;
mod data;
mod goods;
mod holders;
mod mounts;
mod outputs;
mod scanners;
mod service;
mod tokens;

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::printable::harmless;
use crate::owner;
use crate::status::Status;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// Nothing is wrong.
    Ok,
    /// It works, but a person should check it some day.
    Warning,
    /// It does not work, or loses data that it promises to keep.
    Fault,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The section that the finding belongs to.
    pub section: &'static str,
    /// The severity.
    pub grade: Grade,
    /// The observation, on one line.
    pub what: String,
    /// The cure; each warning and each fault has one.
    pub cure: Option<String>,
    /// True if it may end without a repair, as a network outage does. Such a fault does not keep the station from
    /// starting.
    #[serde(skip)]
    pub is_transient: bool,
}

impl Finding {
    fn ok(section: &'static str, what: impl Into<String>) -> Self {
        Self { section, grade: Grade::Ok, what: what.into(), cure: None, is_transient: false }
    }

    fn warning(section: &'static str, what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            section,
            grade: Grade::Warning,
            what: what.into(),
            cure: Some(cure.into()),
            is_transient: false,
        }
    }

    fn fault(section: &'static str, what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { grade: Grade::Fault, ..Self::warning(section, what, cure) }
    }

    /// Returns the same finding, marked as one that may end without a repair.
    fn transient(self) -> Self {
        Self { is_transient: true, ..self }
    }

    /// Returns true if a station with this finding must not be started.
    pub fn bars_start(&self) -> bool {
        self.grade == Grade::Fault && !self.is_transient
    }
}

/// All findings, in the order of the sections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// True if there is no fault.
    ok: bool,
    version: &'static str,
    findings: Vec<Finding>,
}

impl Report {
    fn new(findings: Vec<Finding>) -> Self {
        let ok = findings.iter().all(|finding| finding.grade != Grade::Fault);
        Self { ok, version: env!("CARGO_PKG_VERSION"), findings }
    }

    /// Returns the report on a configuration that cannot be used. Without it nothing else can be checked.
    pub fn of_faults<'a>(faults: impl Iterator<Item = &'a crate::config::Fault>) -> Self {
        let finding = |fault: &crate::config::Fault| {
            Finding::fault(
                "configuration",
                fault.to_string(),
                "correct the file, then run `stockpoint check`",
            )
        };
        Self::new(faults.map(finding).collect())
    }

    /// Returns true if there is no fault.
    pub fn is_ok(&self) -> bool {
        self.ok
    }

    /// Returns the findings.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Returns the report for people: a heading for each section, a line for each finding, and its cure below.
    pub fn text(&self) -> String {
        let mut text = format!("stockpoint {}\n", self.version);
        let mut section = "";
        for finding in &self.findings {
            if finding.section != section {
                section = finding.section;
                let _written = writeln!(text, "\n{section}");
            }
            let grade = match finding.grade {
                Grade::Ok => "ok",
                Grade::Warning => "warning",
                Grade::Fault => "FAULT",
            };
            let _written = writeln!(text, "  {grade:<8} {}", finding.what);
            if let Some(cure) = &finding.cure {
                let _written = writeln!(text, "  {:<8} {cure}", "  do:");
            }
        }
        let count = |grade| self.findings.iter().filter(|finding| finding.grade == grade).count();
        let (faults, warnings) = (count(Grade::Fault), count(Grade::Warning));
        let _written = writeln!(text, "\nfaults: {faults}, warnings: {warnings}");
        text
    }

    /// Returns the report as one JSON object on one line.
    ///
    /// # Panics
    /// Never: JSON can represent everything in it.
    pub fn json(&self) -> String {
        let text = serde_json::to_string(self).expect("a report holds nothing that JSON cannot");
        harmless(&text).into_owned()
    }
}

/// Checks everything. `running` is the status of the running agent, if there is one.
pub async fn examine(config: &Config, clock: &dyn Clock, running: Option<&Status>) -> Report {
    let mut findings = vec![Finding::ok("configuration", "the configuration has no errors")];
    // Tokens are root's and are read before the rights change to those of the folder's owner.
    findings.extend(tokens::examine(config));
    let dir = &config.station.data_dir;
    findings.extend(data::examine(dir));
    findings.extend(in_folder(dir, || books::belonging(config).into_iter().collect()));
    findings.extend(scanners::examine(&config.scanners, running));
    findings.extend(outputs::examine(&config.feedback));
    findings.extend(service::examine(config, clock).await);
    findings.extend(in_folder(dir, || books::examine(config, clock)));
    findings.extend(in_folder(dir, || goods::examine(config)));
    findings.extend(agent::examine(running));
    Report::new(findings)
}

/// Returns the findings in the databases, which root opens with the rights of the folder's owner.
fn in_folder(dir: &Path, examine: impl FnOnce() -> Vec<Finding> + Send) -> Vec<Finding> {
    owner::run_as_owner(dir, examine).unwrap_or_else(|error| {
        let what = format!("{} cannot be opened: {error}", dir.display());
        vec![Finding::fault("data", what, "run this command as the owner of the folder")]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_each_section_once_and_each_cure() {
        let report = Report::new(vec![
            Finding::ok("data", "enough room"),
            Finding::warning("data", "little room", "make some"),
            Finding::fault("service", "no way to it", "plug the cable in"),
        ]);
        let expected = format!(
            "stockpoint {}\n\ndata\n  ok       enough room\n  warning  little room\n    do:    make some\n\nservice\n  \
             FAULT    no way to it\n    do:    plug the cable in\n\nfaults: 1, warnings: 1\n",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(report.text(), expected);
        assert!(!report.is_ok());
        assert!(
            report.json().contains(r#""grade":"fault","what":"no way to it","cure":"plug the cable in""#)
        );
    }

    #[test]
    fn a_warning_is_no_fault() {
        assert!(Report::new(vec![Finding::warning("data", "little room", "make some")]).is_ok());
    }
}
