//! A person at a terminal, line by line: it works over a serial console as well.

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

/// Longest line that is read, in bytes: the longest token, and some.
const LINE_BYTES_MAX: u64 = 8192;
/// What Ctrl-C types where it sends no signal.
const INTERRUPT: char = '\u{3}';

/// Where answers come from that were not given.
pub(super) struct Person<'a, W> {
    input: StdinLock<'static>,
    out: &'a mut W,
    is_asked: bool,
}

/// A question, the flag that answers it, and what is taken where nothing is answered.
pub(super) struct Question<'a> {
    pub(super) flag: &'static str,
    pub(super) text: &'a str,
    pub(super) default: Option<String>,
}

impl<'a, W: Write> Person<'a, W> {
    /// Nobody is asked if `is_silent`, or if the standard input is no terminal.
    pub(super) fn new(out: &'a mut W, is_silent: bool) -> Self {
        let input = io::stdin();
        let is_asked = input.is_terminal() && !is_silent;
        Self { input: input.lock(), out, is_asked }
    }

    pub(super) fn is_asked(&self) -> bool {
        self.is_asked
    }

    pub(super) fn say(&mut self, text: &str) -> Result<(), Error> {
        say(self.out, text)
    }

    /// What was given, or else is answered, once nothing is wrong with it. `doubt` says what is.
    pub(super) fn answer(
        &mut self,
        given: Option<&String>,
        question: &Question<'_>,
        doubt: impl Fn(&str) -> Option<String>,
    ) -> Result<String, Error> {
        if let Some(given) = given {
            let wrong = |why| Error::Wrong { flag: question.flag, why };
            return doubt(given).map_or(Ok(given.clone()), |why| Err(wrong(why)));
        }
        if !self.is_asked {
            return question.default.clone().ok_or_else(|| Error::Missing(question.flag.to_owned()));
        }
        let shown = match question.default.as_deref() {
            // What an empty answer means is then part of the question.
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
                Some(why) => {
                    // Some doubts repeat the answer, which then is what they are about.
                    let about = if why.starts_with(|c: char| c.is_ascii_alphabetic()) { "that " } else { "" };
                    self.say(&format!("  {about}{why}\n"))?;
                }
            }
        }
    }

    /// Yes or no; where nobody is asked, the default.
    pub(super) fn agrees(&mut self, text: &str, default: bool) -> Result<bool, Error> {
        if !self.is_asked {
            return Ok(default);
        }
        let letters = if default { "Y/n" } else { "y/N" };
        loop {
            match self.line(&format!("{text} [{letters}]: "))?.to_lowercase().as_str() {
                "" => return Ok(default),
                "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => self.say("  type y or n\n")?,
            }
        }
    }

    /// A line of the standard input that is typed unseen, or piped in.
    pub(super) fn secret(&mut self, text: &str) -> Result<SecretString, Error> {
        if !self.is_asked {
            return Ok(trimmed(&self.read()?));
        }
        let line = {
            // Before the question: who pastes quickly is not shown either.
            let _unseen = Unseen::begin()?;
            self.say(&format!("{text} (not shown): "))?;
            self.read()?
        };
        self.say("\n")?;
        let secret = trimmed(&line);
        if secret.expose_secret().contains(INTERRUPT) { Err(Error::Interrupted) } else { Ok(secret) }
    }

    fn line(&mut self, shown: &str) -> Result<String, Error> {
        self.say(shown)?;
        Ok(self.read()?.trim().to_owned())
    }

    fn read(&mut self) -> Result<Zeroizing<String>, Error> {
        // Room for all of it at once: a text that grows leaves unwiped copies behind.
        let room = usize::try_from(LINE_BYTES_MAX).unwrap_or_default();
        let mut line = Zeroizing::new(String::with_capacity(room));
        let read = io::Read::take(&mut self.input, LINE_BYTES_MAX).read_line(&mut line);
        match read.map_err(|source| Error::Io { what: "the standard input".to_owned(), source })? {
            0 => Err(Error::Missing("an answer".to_owned())),
            _ => Ok(line),
        }
    }
}

fn trimmed(line: &str) -> SecretString {
    line.trim_end_matches(['\r', '\n']).into()
}

/// A terminal that does not show what is typed, until this is dropped. It sends no signal meanwhile: one that ended
/// the program would leave the terminal so.
struct Unseen(Termios);

impl Unseen {
    fn begin() -> Result<Self, Error> {
        let failed =
            |errno: rustix::io::Errno| Error::Io { what: "the terminal".to_owned(), source: errno.into() };
        let before = termios::tcgetattr(io::stdin()).map_err(failed)?;
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        termios::tcsetattr(io::stdin(), OptionalActions::Flush, &unseen).map_err(failed)?;
        Ok(Self(before))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing any more.
        let _restored = termios::tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
