//! The log, on the standard error: lines for people, for programs, or for the journal of systemd.
//!
//! The journal keeps the time itself and reads the level from a prefix (`sd-daemon(3)`), so that `journalctl -p err`
//! finds what needs a person. A warning or an error that is repeated word for word is logged once, and after a while
//! with the number of its repetitions: a service that is away for a night must not fill the journal.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::fstat;
use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Format, Full, Json, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use super::args::LogFormat;
use crate::config;
use crate::domain::printable::harmless;

/// The time in which a warning is not logged again.
const QUIET: Duration = Duration::from_mins(10);
/// The most warnings that are remembered at one time; beyond it the oldest is dropped, and may be logged again.
const REMEMBERED_MAX: usize = 64;
/// The length to which a warning is cut in the line about its repetitions, in characters.
const SUMMARY_CHARS_MAX: usize = 400;

/// Starts the log.
pub(super) fn start(level: Level, log_format: LogFormat) {
    let filter = Targets::new().with_default(Level::WARN).with_target("stockpoint", level);
    let is_journal = is_journal();
    let form = match log_format {
        LogFormat::Json => Form::Json(tracing_subscriber::fmt::format().json().with_target(false)),
        LogFormat::Text if is_journal => Form::Journal(
            tracing_subscriber::fmt::format().with_target(false).with_level(false).without_time(),
        ),
        LogFormat::Text => Form::Text(tracing_subscriber::fmt::format().with_target(false)),
    };
    let lines = Lines { form, is_journal, repeats: Mutex::default() };
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(|| Harmless)
        .with_ansi(io::stderr().is_terminal())
        .event_format(lines);
    tracing_subscriber::registry().with(filter).with(layer).init();
}

/// Returns the prefix of a line of this level in the journal (`sd-daemon(3)`, `SD_ERR` and the others).
pub(super) fn prefix(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        _ => "<7>",
    }
}

/// Returns true if the standard error goes to the journal. systemd names the journal's file in `JOURNAL_STREAM`
/// (`systemd.exec(5)`); a process that inherits the variable but has another standard error does not count.
pub(super) fn is_journal() -> bool {
    let Some(named) = config::journal_stream() else { return false };
    fstat(io::stderr()).is_ok_and(|file| format!("{}:{}", file.st_dev, file.st_ino) == named)
}

/// The standard error without characters that command a terminal. A line is written whole.
struct Harmless;

impl io::Write for Harmless {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A line is one write, so no character is cut at the end of the bytes.
        let text = String::from_utf8_lossy(bytes);
        io::stderr().write_all(harmless(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// The form of a line.
enum Form {
    Text(Format<Full, SystemTime>),
    Journal(Format<Full, ()>),
    Json(Format<Json, SystemTime>),
}

/// A writer of events as lines, one each.
struct Lines {
    form: Form,
    is_journal: bool,
    repeats: Mutex<Repeats>,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let (now, level) = (Instant::now(), *event.metadata().level());
        // The lock is held for the lookup alone, not while lines are formatted.
        let (over, is_said) = {
            let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
            (repeats.over(now), level > Level::WARN || repeats.is_new(|| Said::of(event), now))
        };
        for said in over {
            self.summarise(&said, &mut writer)?;
        }
        if !is_said {
            return Ok(());
        }
        if self.is_journal {
            writer.write_str(prefix(level))?;
        }
        match &self.form {
            Form::Text(form) => form.format_event(context, writer, event),
            Form::Journal(form) => form.format_event(context, writer, event),
            Form::Json(form) => form.format_event(context, writer, event),
        }
    }
}

impl Lines {
    /// Writes the number of times that a warning was repeated without being logged.
    fn summarise(&self, said: &Said, writer: &mut Writer<'_>) -> fmt::Result {
        if self.is_journal {
            writer.write_str(prefix(said.level))?;
        }
        let Said { level, text, again, .. } = said;
        match &self.form {
            Form::Journal(_) => writeln!(writer, "{text} repeated={again}"),
            Form::Text(_) => {
                SystemTime.format_time(writer)?;
                writeln!(writer, " {level:>5} {text} repeated={again}")
            }
            Form::Json(_) => {
                let mut timestamp = String::new();
                SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
                let fields = serde_json::json!({"message": text, "repeated": again});
                let level = level.as_str();
                let line = serde_json::json!({"timestamp": timestamp, "level": level, "fields": fields});
                writeln!(writer, "{line}")
            }
        }
    }
}

/// A warning that was logged, and the number of its repetitions since.
#[derive(Debug)]
struct Said {
    /// The hash of its place in the program and of all its words.
    key: u64,
    level: Level,
    /// Its words, cut to [`SUMMARY_CHARS_MAX`].
    text: String,
    since: Option<Instant>,
    /// The number of its repetitions.
    again: u64,
}

impl Said {
    fn of(event: &Event<'_>) -> Self {
        // The message and its values count: another reason is another warning.
        let mut words = Words { text: String::new() };
        event.record(&mut words);
        let mut hasher = DefaultHasher::new();
        (event.metadata().callsite(), &words.text).hash(&mut hasher);
        let text = words.text.chars().take(SUMMARY_CHARS_MAX).collect();
        Self { key: hasher.finish(), level: *event.metadata().level(), text, since: None, again: 0 }
    }
}

/// The warnings that were logged lately, oldest first.
#[derive(Debug, Default)]
struct Repeats(Vec<Said>);

impl Repeats {
    /// Returns true if this warning was not logged lately. It is remembered either way.
    fn is_new(&mut self, said: impl FnOnce() -> Said, now: Instant) -> bool {
        let said = said();
        if let Some(known) = self.0.iter_mut().find(|known| known.key == said.key) {
            known.again = known.again.saturating_add(1);
            return false;
        }
        if self.0.len() >= REMEMBERED_MAX {
            self.0.remove(0);
        }
        self.0.push(Said { since: Some(now), ..said });
        true
    }

    /// Removes the warnings that may be logged again from now on, and returns those that were repeated.
    fn over(&mut self, now: Instant) -> Vec<Said> {
        let is_over = |said: &Said| said.since.is_none_or(|since| now.duration_since(since) >= QUIET);
        // The oldest come first, so the first one that is still quiet ends the search.
        let count = self.0.iter().take_while(|said| is_over(said)).count();
        self.0.drain(..count).filter(|said| said.again > 0).collect()
    }
}

/// The words of an event in the log: the message, then `name=value`.
struct Words {
    text: String,
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let space = if self.text.is_empty() { "" } else { " " };
        self.text.push_str(space);
        if field.name() != "message" {
            self.text.push_str(field.name());
            self.text.push('=');
        }
        // It is kept on one line, whatever a server sends.
        self.text.extend(format!("{value:?}").chars().map(|c| if c.is_control() { ' ' } else { c }));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(key: u64) -> impl FnOnce() -> Said {
        move || Said { key, level: Level::WARN, text: format!("warning {key}"), since: None, again: 0 }
    }

    #[test]
    fn a_warning_is_said_once_and_after_a_while_how_often_it_came_again() {
        let (mut repeats, start) = (Repeats::default(), Instant::now());
        assert!(repeats.is_new(said(1), start));
        for second in 1..=7 {
            assert!(!repeats.is_new(said(1), start + Duration::from_secs(second)));
        }
        assert!(repeats.is_new(said(2), start));
        assert!(repeats.over(start + QUIET - Duration::from_millis(1)).is_empty());
        let over = repeats.over(start + QUIET);
        let told: Vec<_> = over.iter().map(|said| (said.text.as_str(), said.again)).collect();
        assert_eq!(told, [("warning 1", 7)], "what came once is not told again");
        assert!(repeats.is_new(said(1), start + QUIET));
    }

    #[test]
    fn what_is_remembered_has_a_limit() {
        let (mut repeats, now) = (Repeats::default(), Instant::now());
        for key in 0..1000 {
            assert!(repeats.is_new(said(key), now));
        }
        assert_eq!(repeats.0.len(), 64);
        assert!(!repeats.is_new(said(999), now) && repeats.is_new(said(0), now));
    }
}
