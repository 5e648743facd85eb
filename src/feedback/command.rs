//! Runs a program that the owner chooses, for example for a lamp on the wall, a message or a smart plug.
//!
//! The signal's name is its last argument, and the announcement is on its standard input. No shell is involved. One
//! program runs at a time, in the order of the signals, for at most 5 s. It gets none of the station's environment.

use std::io;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use crate::child::Child;
use crate::domain::signal::Signal;
use crate::feedback::output::Order;
use crate::feedback::output::Orders;
use crate::feedback::output::Received;
use crate::feedback::output::RetryBackoff;

/// The longest run time of the program.
const TIME_MAX: Duration = Duration::from_secs(5);
/// The interval between two checks whether it has ended.
const CHECK_EVERY: Duration = Duration::from_millis(20);

const CURE: &str = "run it by hand with the name of a signal, as the user of the service; it has 5 s";

/// The reason why a program failed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the command cannot be started: {0}")]
    Start(io::Error),
    #[error("the command ended with {0}")]
    Failed(ExitStatus),
    #[error("the command did not end and was killed")]
    Hung,
    #[error("the service stops")]
    Stop,
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Start(error)
    }
}

/// Runs `command`, a program and its arguments, for each ordered signal.
pub(super) fn run(command: &[String], orders: &Orders) {
    let mut backoff = RetryBackoff::new("command", CURE);
    loop {
        match orders.next(None) {
            // While the output is in backoff, orders are dropped: late signals would only mislead.
            Received::Order(order) if backoff.may_try(Instant::now()) => {
                let input = match order {
                    Order::Announced(signal, message) => Input { signal, message },
                    Order::Signal(signal) => Input { signal, message: Arc::from("") },
                    Order::AlarmSeen | Order::Wake => continue,
                };
                match run_once(command, &input, orders) {
                    Ok(()) => backoff.worked(),
                    Err(Error::Stop) => return,
                    Err(why) => backoff.failed(&why, Instant::now()),
                }
            }
            Received::Order(_) | Received::Timeout => {}
            Received::Stop => return,
        }
    }
}

/// The input of the program.
struct Input {
    signal: Signal,
    /// The announcement as JSON; empty if the signal is given alone.
    message: Arc<str>,
}

fn run_once(command: &[String], input: &Input, orders: &Orders) -> Result<(), Error> {
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    let mut command = Command::new(program);
    command.args(arguments).arg(input.signal.as_str());
    // An empty environment: the station's own may hold the tokens.
    command.env_clear().stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = Child::start(&mut command)?;
    child.write_input(&input.message);
    let until = Instant::now() + TIME_MAX;
    loop {
        match child.ended()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(Error::Failed(status)),
            None if Instant::now() >= until => return Err(Error::Hung),
            None if orders.is_stopping() => return Err(Error::Stop),
            // Does not wait for an order: orders stay in the queue until this one is done.
            None => thread::park_timeout(CHECK_EVERY),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::feedback::output::Output;
    use crate::feedback::output::until;

    /// Returns an output that runs a script with these lines. Its arguments are the folder and then the signal.
    fn output(folder: &tempfile::TempDir, lines: &str) -> Output {
        let path = folder.path().join("signal");
        fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let command = [path, folder.path().to_owned()].map(|part| part.display().to_string());
        Output::start("command", move |orders| run(&command, &orders)).unwrap()
    }

    fn recorded(folder: &tempfile::TempDir) -> String {
        fs::read_to_string(folder.path().join("record")).unwrap_or_default()
    }

    #[test]
    fn each_signal_is_passed_by_name_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let output = output(&folder, "echo \"$2\" >>\"$1/record\"");
        for signal in Signal::ALL {
            output.sender().send(Order::Signal(signal));
        }
        until("the last signal", || recorded(&folder).ends_with("person\n").then_some(()));
        output.stop();
        assert_eq!(recorded(&folder), "booked\nunknown\nrefused\ncontrol\nposted\nperson\n");
    }

    #[test]
    fn a_command_reads_the_announcement_and_sees_nothing_of_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let output = output(
            &folder,
            "/bin/cat >\"$1/part\"; echo \"$HOME$CARGO_MANIFEST_DIR.\" >>\"$1/part\"; /bin/mv \"$1/part\" \"$1/record\"",
        );
        output.sender().send(Order::Announced(Signal::Booked, Arc::from("{\"signal\":\"booked\"}")));
        until("its record", || (!recorded(&folder).is_empty()).then_some(()));
        output.stop();
        assert_eq!(recorded(&folder), "{\"signal\":\"booked\"}\n.\n");
    }

    #[test]
    fn a_command_and_what_it_started_end_with_the_station() {
        let folder = tempfile::tempdir().unwrap();
        let output = output(&folder, "sleep 1000 & echo $! >\"$1/part\"; mv \"$1/part\" \"$1/record\"; wait");
        output.sender().send(Order::Signal(Signal::Booked));
        until("a start", || (!recorded(&folder).is_empty()).then_some(()));
        let begun = Instant::now();
        output.stop();
        assert!(begun.elapsed() < TIME_MAX, "the command was waited for");
        let sleeper = format!("/proc/{}/stat", recorded(&folder).trim());
        // The process is gone, or dead and not yet collected by its new parent.
        until("its end", || {
            let state = fs::read_to_string(&sleeper).unwrap_or_default();
            (state.is_empty() || state.contains(") Z ")).then_some(())
        });
    }

    #[test]
    fn a_command_that_fails_or_is_not_there_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let output = output(&folder, "exit 3");
        let why = |command: &str| {
            let (orders, keep) = orders();
            let input = Input { signal: Signal::Booked, message: Arc::from("") };
            let reason = run_once(&[command.to_owned()], &input, &orders).unwrap_err().to_string();
            keep.stop();
            reason
        };
        assert_eq!(
            why(&folder.path().join("signal").display().to_string()),
            "the command ended with exit status: 3"
        );
        assert!(why("/nonexistent/signal").starts_with("the command cannot be started: "));
        output.stop();
    }

    /// Returns the receiving end of a queue such as an output has.
    fn orders() -> (Orders, Output) {
        let (given, taken) = std::sync::mpsc::sync_channel(1);
        let output = Output::start("test", move |orders| given.send(orders).unwrap()).unwrap();
        (taken.recv().unwrap(), output)
    }
}
