//! The faults of a configuration: each with its problem, its place and its cure.
//!
//! Invariant: a fault is one line of text and never repeats a value that may be a secret.

use std::borrow::Cow;
use std::fmt;
use std::io;

/// The most faults that are reported for one file. A file with more is not a configuration.
pub const FAULTS_MAX: usize = 100;
/// The longest piece of a file that a fault repeats, in characters.
const SHOWN_CHARS_MAX: usize = 40;

/// The faults of one configuration file: at least one, at most [`FAULTS_MAX`], in the order of their lines. Displays
/// one fault on each line.
#[derive(Debug)]
pub struct Faults {
    faults: Vec<Fault>,
    left_out: usize,
}

impl Faults {
    /// Sorts the faults by line. `left_out` is the number of further faults that were not kept.
    pub(crate) fn new(mut faults: Vec<Fault>, left_out: usize) -> Self {
        // A stable sort: the faults of one line keep the order in which they were found.
        faults.sort_by_key(|fault| fault.line);
        Self { faults, left_out }
    }

    /// Returns the single fault of a file whose content cannot be examined.
    pub(crate) fn of_file(file: impl Into<String>, line: Option<usize>, problem: Problem) -> Self {
        Self::new(vec![Fault { file: file.into(), line, key: String::new(), problem }], 0)
    }

    /// Returns the faults, in the order of their lines.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{fault}")?;
        }
        if self.left_out > 0 {
            write!(f, "\nand {} more; correct these first", self.left_out)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// A fault: `config.toml:12: scanner[0].gap_ms: 5 is out of range; use 20 to 5000`.
#[derive(Debug)]
pub struct Fault {
    /// The file, as it was named on the command line.
    pub file: String,
    /// The line, from 1; for a missing key, that of its section's header. `None` means the whole file.
    pub line: Option<usize>,
    /// The path of the key, `scanner[0].gap_ms`; empty if no key is the cause.
    pub key: String,
    /// The problem.
    pub problem: Problem,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}; {}", self.problem, self.problem.cure())
    }
}

/// The problem of a file or a key.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file could not be opened or read.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// The file is larger than any configuration.
    #[error("is larger than {0} bytes")]
    TooLarge(u64),
    /// The file is not text.
    #[error("is not UTF-8 text")]
    NotUtf8,
    /// The text is not TOML (<https://toml.io/en/v1.1.0>). Holds the parser's message, never the text itself.
    #[error("{0}")]
    Syntax(String),
    /// A key or a section is in the file twice.
    #[error("is written twice")]
    Twice,
    /// A key that has no meaning in its section.
    #[error("is not a key known here")]
    UnknownKey {
        /// The key that was probably meant.
        near: Option<&'static str>,
        /// The keys that may stand here.
        known: Vec<&'static str>,
    },
    /// A required key that is missing.
    #[error("is missing")]
    Missing {
        /// The line to write.
        example: &'static str,
    },
    /// A value of another type than the key needs.
    #[error("is {found}")]
    WrongType {
        /// The type of the value in the file.
        found: &'static str,
        /// The type that is needed.
        wanted: &'static str,
    },
    /// A number outside its bounds.
    #[error("{value} is out of range")]
    OutOfRange {
        /// The number as written.
        value: String,
        /// The bounds, both included.
        allowed: String,
    },
    /// A word that is not one of the allowed ones.
    #[error("\"{value}\" is not one of the words known here")]
    UnknownWord {
        /// The word as written.
        value: String,
        /// The words that may stand here.
        allowed: String,
    },
    /// A value that does not fit its key. The value is not repeated: an address may hold a password.
    #[error("{what}")]
    Unfit {
        /// The problem of the value.
        what: &'static str,
        /// The cure.
        cure: &'static str,
    },
    /// Two numbers in the wrong order.
    #[error("{value} is more than {other} = {limit}")]
    Exceeds {
        /// The number of this key.
        value: u64,
        /// The key whose number may not be less.
        other: &'static str,
        /// The number of that key.
        limit: u64,
    },
    /// A code that another pack has.
    #[error("is the code of {by} already")]
    PackTaken {
        /// The place where that pack was written.
        by: String,
    },
    /// A value that only one scanner may have.
    #[error("is the same as that of scanner[{by}]")]
    Taken {
        /// The index of the scanner that has it already.
        by: usize,
        /// The cure.
        cure: &'static str,
    },
}

impl Problem {
    /// Returns the cure.
    pub fn cure(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Unreadable(_) => "check the path and its permissions, or name another file with --config",
            Self::TooLarge(_) => "this is not a configuration, name the right file with --config",
            Self::NotUtf8 => "save the file as UTF-8",
            Self::Syntax(_) => "write key = value or [section], one a line, and text in double quotes",
            Self::Twice | Self::PackTaken { .. } => "keep one of the two",
            Self::UnknownKey { near, known } => return near_or_all(*near, known).into(),
            Self::Missing { example } => return format!("add {example}").into(),
            Self::WrongType { wanted, .. } => return format!("write {wanted}").into(),
            Self::OutOfRange { allowed, .. } | Self::UnknownWord { allowed, .. } => {
                return format!("use {allowed}").into();
            }
            Self::Unfit { cure, .. } | Self::Taken { cure, .. } => cure,
            Self::Exceeds { other, .. } => return format!("lower this one or raise {other}").into(),
        })
    }
}

/// The length of the shortest text that may be a token, in characters. The service's tokens have 20 and 32.
const TOKEN_CHARS_MIN: usize = 16;

/// Returns true if a text could be a token in the wrong place: a long word of letters and digits. No key, name or word
/// of a configuration looks like that.
pub(crate) fn may_be_token(text: &str) -> bool {
    let has = |kind: fn(&char) -> bool| text.chars().any(|c| kind(&c));
    text.chars().count() >= TOKEN_CHARS_MIN
        && has(char::is_ascii_digit)
        && has(char::is_ascii_alphabetic)
        // The other characters are those of Base64 and the dots of signed tokens.
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+/=.".contains(c))
}

/// Returns a piece of the file that a fault may repeat: on one line, short, and without a token.
pub(crate) fn shown(text: &str) -> String {
    if may_be_token(text) {
        return "(not shown: it may be a token)".to_owned();
    }
    // Escaped, so that a line feed in a key cannot begin a line of the log that looks like another message.
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn near_or_all(near: Option<&'static str>, known: &[&'static str]) -> String {
    match near {
        Some(near) => format!("did you mean {near}?"),
        None => format!("remove it, or use one of {}", known.join(", ")),
    }
}
