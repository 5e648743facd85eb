//! The questions to a person at a terminal, line by line, so that they work over a serial console, too.

use std::io;
use std::io::BufRead;
use std::io::IsTerminal;
use std::io::StdinLock;
use std::io::Write;

use rustix::termios;
use rustix::termios::LocalModes;
use rustix::termios::OptionalActions;
use rustix::termios::Termios;
use secrecy::ExposeSecret;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use crate::cli::Error;
use crate::cli::say;
use crate::config::Doubt;

/// The longest line that is read, in bytes. The longest token is shorter.
const LINE_BYTES_MAX: u64 = 8192;
/// The character that Ctrl-C types where it sends no signal.
const INTERRUPT: char = '\u{3}';

/// The condition under which questions are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Questions {
    /// Questions are asked if the standard input is a terminal.
    OnTerminal,
    /// No question is asked: each answer is given or has a default.
    Never,
}

/// The answer to a question that is not asked, or answered with Enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DefaultAnswer {
    Yes,
    No,
}

/// The source of answers that were not given in advance.
pub(super) struct Person<'a, W> {
    input: StdinLock<'static>,
    out: &'a mut W,
    is_asked: bool,
}

/// A question, the flag that answers it, and the default for an empty answer.
pub(super) struct Question<'a> {
    pub(super) flag: &'static str,
    pub(super) text: &'a str,
    pub(super) default: Option<String>,
}

impl<'a, W: Write> Person<'a, W> {
    /// Returns the person at the standard input.
    pub(super) fn new(out: &'a mut W, questions: Questions) -> Self {
        let input = io::stdin();
        let is_asked = questions == Questions::OnTerminal && input.is_terminal();
        Self { input: input.lock(), out, is_asked }
    }

    /// Returns true if questions are asked.
    pub(super) fn is_asked(&self) -> bool {
        self.is_asked
    }

    pub(super) fn say(&mut self, text: &str) -> Result<(), Error> {
        say(self.out, text)
    }

    /// Returns the given value, or else the answer to the question, as soon as it is valid. `doubt` returns the problem
    /// of a value.
    pub(super) fn answer(
        &mut self,
        given: Option<&String>,
        question: &Question<'_>,
        doubt: impl Fn(&str) -> Option<Doubt>,
    ) -> Result<String, Error> {
        if let Some(given) = given {
            return doubt(given)
                .map_or(Ok(given.clone()), |doubt| Err(Error::doubtful(question.flag, &doubt)));
        }
        if !self.is_asked {
            return question.default.clone().ok_or_else(|| Error::required(&[question.flag]));
        }
        let shown = match question.default.as_deref() {
            // The meaning of an empty answer is then part of the question.
            None | Some("") => format!("{}: ", question.text),
            Some(default) => format!("{} [{default}]: ", question.text),
        };
        loop {
            let line = self.line(&shown)?;
            let answer = match (&question.default, line.is_empty()) {
                (Some(default), true) => return Ok(default.clone()),
                _ => line,
            };
            match doubt(&answer) {
                None => return Ok(answer),
                Some(doubt) => {
                    // Some problems repeat the answer, which is then their subject.
                    let verb = doubt.problem.starts_with(|c: char| c.is_ascii_alphabetic());
                    let about = if verb { "that " } else { "" };
                    self.say(&format!("  {about}{doubt}\n"))?;
                }
            }
        }
    }

    /// Asks for yes or no. Returns the default if no question is asked.
    pub(super) fn agrees(&mut self, text: &str, default: DefaultAnswer) -> Result<bool, Error> {
        let is_yes = default == DefaultAnswer::Yes;
        if !self.is_asked {
            return Ok(is_yes);
        }
        let letters = if is_yes { "Y/n" } else { "y/N" };
        loop {
            match self.line(&format!("{text} [{letters}]: "))?.to_lowercase().as_str() {
                "" => return Ok(is_yes),
                "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => self.say("  type y or n\n")?,
            }
        }
    }

    /// Reads a line from the standard input without showing it on the terminal. Returns `None` at the end of the input.
    pub(super) fn secret(&mut self, text: &str) -> Result<Option<SecretString>, Error> {
        if !self.is_asked {
            return Ok(self.read()?.map(|line| trimmed(&line)));
        }
        let line = {
            // It begins before the question, so that a quick paste is not shown, either.
            let _unseen = Unseen::begin()?;
            self.say(&format!("{text} (not shown): "))?;
            self.read()?
        };
        self.say("\n")?;
        let secret = line.map(|line| trimmed(&line));
        if secret.as_ref().is_some_and(|secret| secret.expose_secret().contains(INTERRUPT)) {
            return Err(Error::failure("init was interrupted, and nothing was written"));
        }
        Ok(secret)
    }

    fn line(&mut self, shown: &str) -> Result<String, Error> {
        self.say(shown)?;
        Ok(self.read()?.ok_or_else(Error::no_answer)?.trim().to_owned())
    }

    /// Reads a line; `None` at the end of the input.
    fn read(&mut self) -> Result<Option<Zeroizing<String>>, Error> {
        // The whole buffer is allocated at once: a text that grows leaves copies in memory that are not erased.
        let room = usize::try_from(LINE_BYTES_MAX).unwrap_or_default();
        let mut line = Zeroizing::new(String::with_capacity(room));
        let read = io::Read::take(&mut self.input, LINE_BYTES_MAX).read_line(&mut line);
        let count = read.map_err(|source| Error::io("cannot read the standard input", source))?;
        Ok((count > 0).then_some(line))
    }
}

/// Returns a line without its end, as a secret.
fn trimmed(line: &str) -> SecretString {
    line.trim_end_matches(['\r', '\n']).into()
}

/// The guard of a terminal that does not show typed text; dropping it restores the terminal. Ctrl-C sends no signal
/// meanwhile, because a signal that ended the program would leave the terminal in this state.
struct Unseen(Termios);

impl Unseen {
    fn begin() -> Result<Self, Error> {
        let failed = |errno: rustix::io::Errno| Error::io("cannot use the terminal", errno.into());
        let before = termios::tcgetattr(io::stdin()).map_err(failed)?;
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        termios::tcsetattr(io::stdin(), OptionalActions::Flush, &unseen).map_err(failed)?;
        Ok(Self(before))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // This fails only if the terminal is gone, and then nothing is left to restore.
        let _restored = termios::tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
