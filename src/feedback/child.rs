//! A program that is run for a signal: in its own process group, for a bounded time, never waited for without one.

use std::io;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::Child as Process;
use std::process::Command;
use std::process::ExitStatus;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process_group;

/// A running program. Dropping it kills it and whatever it started.
#[derive(Debug)]
pub(super) struct Child(Option<Process>);

impl Child {
    /// Starts `command`, whose streams the caller has set.
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        command.process_group(0).spawn().map(|process| Self(Some(process)))
    }

    /// Gives it text on its standard input, which then ends. A program that does not read it is no error, and cannot
    /// hold anybody up: a pipe holds more than any text of ours.
    pub(super) fn give(&mut self, text: &str) {
        let Some(mut input) = self.0.as_mut().and_then(|process| process.stdin.take()) else { return };
        if let Err(error) = writeln!(input, "{text}") {
            tracing::debug!(%error, "a program does not read what it is told");
        }
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        let Some(process) = &mut self.0 else { return Ok(None) };
        let ended = process.try_wait()?;
        if ended.is_some() {
            self.0 = None;
        }
        Ok(ended)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let Some(mut process) = self.0.take() else { return };
        // Not reaped yet, so its number is still its own. An error means that nothing of the group is left.
        let group = i32::try_from(process.id()).ok().and_then(Pid::from_raw);
        let _killed = group.map(|group| kill_process_group(group, Signal::KILL));
        // A killed program ends at once, unless the kernel itself holds it up.
        if let Err(error) = process.wait() {
            tracing::debug!(%error, "a program cannot be waited for");
        }
    }
}
