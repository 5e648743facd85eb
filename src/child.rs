//! Runs other programs: each in a process group of its own, for a bounded time, and with almost no environment.
//!
//! Promises: nothing waits for a program without a limit; at the end the program and everything that it started are
//! killed; its output is read up to [`OUTPUT_BYTES_MAX`]. It sees no variables except `PATH` and `LANG`.

use std::ffi::OsStr;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::Child as Process;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::fs::fcntl_getfl;
use rustix::fs::fcntl_setfl;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process_group;
use tokio::time::Instant;

use crate::config::environment;

/// The most output of a program that is read, in bytes.
const OUTPUT_BYTES_MAX: u64 = 64 * 1024;
/// The interval between two checks whether a program has ended.
const POLL_EVERY: Duration = Duration::from_millis(20);
/// The variables that a program sees: `PATH`, to find other programs, and `LANG`, the language of its messages.
const VARIABLES: [&str; 2] = ["PATH", "LANG"];

/// The reason why a program did not end by itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It does not exist, or may not be run.
    #[error("the program cannot be started")]
    Start(#[from] io::Error),
    /// It took longer than it may.
    #[error("the program did not end within {} s and was killed", .0.as_secs())]
    Hung(Duration),
}

/// The exit status of a program, and what it wrote to its standard output.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) output: Vec<u8>,
}

/// Builds the command for a program, with no input, no output, and only [`VARIABLES`] of the environment.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    // A program gets nothing that it does not need: the agent's environment may hold secrets.
    command.env_clear();
    command.envs(VARIABLES.into_iter().filter_map(|name| Some((name, environment(name)?))));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Runs a program to its end, for at most `time_max`.
///
/// # Errors
/// It cannot be started, or did not end in time and was killed.
pub(crate) fn run(command: &mut Command, time_max: Duration) -> Result<Ended, Error> {
    let mut child = Child::start(command)?;
    let ends = Instant::now() + time_max;
    let mut output = Vec::new();
    loop {
        // Read while it runs: a program that writes more than a pipe holds would otherwise wait for ever.
        child.read(&mut output)?;
        if let Some(status) = child.ended()? {
            return Ok(Ended { status, output });
        }
        if Instant::now() >= ends {
            return Err(Error::Hung(time_max));
        }
        // Polled, because the standard library has no wait with a time-out.
        thread::park_timeout(POLL_EVERY);
    }
}

/// A running program. Dropping it kills it and everything that it started.
#[derive(Debug)]
pub(crate) struct Child(Option<Process>);

impl Child {
    /// Starts `command`, whose streams the caller has set.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        // A group of its own, so that `drop` reaches its children too.
        command.process_group(0).spawn().map(|process| Self(Some(process)))
    }

    /// Writes `text` to its standard input, which then ends. It is no error if the program does not read it, and cannot
    /// block the caller: a pipe holds more than any text that is written here.
    pub(crate) fn write_input(&mut self, text: &str) {
        let Some(mut input) = self.0.as_mut().and_then(|process| process.stdin.take()) else { return };
        if let Err(error) = writeln!(input, "{text}") {
            tracing::debug!(%error, "a program did not read its input");
        }
    }

    /// Reads what it has written so far without waiting for more: a process that it started may keep its output open.
    fn read(&mut self, output: &mut Vec<u8>) -> io::Result<()> {
        let Some(stdout) = self.0.as_mut().and_then(|process| process.stdout.as_mut()) else { return Ok(()) };
        // Without O_NONBLOCK the read would wait for the end of the output, which may never come.
        fcntl_setfl(&*stdout, fcntl_getfl(&*stdout)? | OFlags::NONBLOCK)?;
        let room = OUTPUT_BYTES_MAX.saturating_sub(u64::try_from(output.len()).unwrap_or(u64::MAX));
        match stdout.take(room).read_to_end(output) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }

    /// Returns the exit status, if it has ended.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        let Some(process) = &mut self.0 else { return Ok(None) };
        let ended = process.try_wait()?;
        if ended.is_some() {
            // It is reaped now, and its number may belong to another process: `drop` must not kill it.
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = command("/bin/sh");
        command.args(["-c", script]).stdout(Stdio::piped());
        command
    }

    #[test]
    fn output_is_read_up_to_a_limit_and_a_program_sees_path_and_language_alone() {
        let ended = run(&mut shell("/usr/bin/env; exit 3"), Duration::from_mins(1)).unwrap();
        assert_eq!(ended.status.code(), Some(3));
        for line in String::from_utf8(ended.output).unwrap().lines() {
            let name = line.split('=').next().unwrap();
            // A shell sets some of its own.
            assert!(["PATH", "LANG", "PWD", "SHLVL", "_", "OLDPWD"].contains(&name), "{line}");
        }
        let much = run(&mut shell("/usr/bin/head -c 200000 /dev/zero"), Duration::from_millis(500));
        assert!(matches!(much, Err(Error::Hung(_))), "{much:?}");
    }

    #[test]
    fn a_program_that_does_not_end_is_killed_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pid_file = folder.path().join("pid");
        let script = format!("sleep 1000 & echo $! >{}; wait", pid_file.display());
        let why = run(&mut shell(&script), Duration::from_secs(1)).unwrap_err();
        assert_eq!(why.to_string(), "the program did not end within 1 s and was killed");
        let sleeper = format!("/proc/{}/stat", fs::read_to_string(&pid_file).unwrap().trim());
        // Gone, or dead and not yet reaped by the process that inherited it.
        let ends = Instant::now() + Duration::from_secs(20);
        while fs::read_to_string(&sleeper).is_ok_and(|state| !state.contains(") Z ")) {
            assert!(Instant::now() < ends, "it lives on");
            thread::park_timeout(POLL_EVERY);
        }
    }

    #[test]
    fn a_program_whose_output_something_else_keeps_open_is_not_waited_for() {
        let begun = Instant::now();
        let ended = run(&mut shell("sleep 60 & echo done"), Duration::from_mins(1)).unwrap();
        assert_eq!(ended.output, b"done\n");
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_missing_program_is_reported() {
        let why = run(&mut command("/nonexistent/program"), Duration::from_secs(1)).unwrap_err();
        assert!(matches!(why, Error::Start(_)), "{why}");
    }
}
