//! Plays sounds through the machine's sound card with ALSA's `aplay`.
//!
//! The newest signal is played at once and cuts off the one before. The program reads its sound from a file in memory,
//! so it cannot block this thread, whatever the card does. A program that does not end is killed.

use std::fs::File;
use std::io;
use std::io::Seek;
use std::io::Write;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::fs::MemfdFlags;
use rustix::fs::memfd_create;
use tokio::time::Instant;

use crate::child;
use crate::child::Child;
use crate::domain::signal::Signal;
use crate::feedback::output::Order;
use crate::feedback::output::Orders;
use crate::feedback::output::Received;
use crate::feedback::output::RetryBackoff;
use crate::feedback::pattern::PATTERN_MAX;
use crate::feedback::wav::wav;

/// The program, searched for in `PATH`.
pub const PLAYER: &str = "aplay";

/// The time that a sound may take in addition to its length, for a card that must wake up first.
const LATE_MAX: Duration = Duration::from_secs(2);
/// The interval between two checks whether the player has ended.
const CHECK_EVERY: Duration = Duration::from_millis(50);

const CURE: &str =
    "install alsa-utils; `aplay -l` lists the cards, `aplay -L` the names for `sound`; the group is audio";

/// The reason why a sound was not played.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("aplay cannot be started: {0}")]
    Start(io::Error),
    #[error("aplay did not play: {0}")]
    Refused(ExitStatus),
    #[error("aplay did not end")]
    Hung,
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Start(error)
    }
}

/// Plays the ordered signals on the sound card `device`.
pub(super) fn run(device: &str, program: &str, orders: &Orders) {
    let mut backoff = RetryBackoff::new("sound", CURE);
    let mut playing: Option<(Child, Instant)> = None;
    loop {
        // Without a running player there is nothing to check, and the thread sleeps until the next order.
        let received = orders.next(playing.as_ref().map(|_| CHECK_EVERY));
        match check(&mut playing) {
            Ok(false) => {}
            Ok(true) => backoff.worked(),
            Err(why) => backoff.failed(&why, Instant::now()),
        }
        match received {
            Received::Order(Order::Signal(signal) | Order::Announced(signal, _))
                if backoff.may_try(Instant::now()) =>
            {
                // Killed before the next one starts: most cards play for one program at a time.
                playing = None;
                match start(device, program, signal) {
                    Ok(child) => playing = Some((child, Instant::now() + PATTERN_MAX + LATE_MAX)),
                    Err(why) => backoff.failed(&why, Instant::now()),
                }
            }
            Received::Order(_) | Received::Timeout => {}
            Received::Stop => return,
        }
    }
}

/// Returns true if the player has just ended successfully.
fn check(playing: &mut Option<(Child, Instant)>) -> Result<bool, Error> {
    let Some((child, until)) = playing else { return Ok(false) };
    match child.ended()? {
        Some(status) => {
            *playing = None;
            if status.success() { Ok(true) } else { Err(Error::Refused(status)) }
        }
        None if Instant::now() >= *until => {
            *playing = None;
            Err(Error::Hung)
        }
        None => Ok(false),
    }
}

fn start(device: &str, program: &str, signal: Signal) -> Result<Child, Error> {
    // A pipe would not do: a player that does not read would block the writer once the pipe is full.
    let mut sound =
        File::from(memfd_create("stockpoint-sound", MemfdFlags::CLOEXEC).map_err(io::Error::from)?);
    sound.write_all(&wav(signal))?;
    sound.rewind()?;
    let mut command = child::command(program);
    command.args(["-q", "-t", "wav", "-D", device, "-"]).stdin(sound);
    Ok(Child::start(&mut command)?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;
    use crate::feedback::output::Output;
    use crate::feedback::output::until;

    /// Returns a program that keeps its input and then runs `then`.
    fn player(folder: &Path, then: &str) -> String {
        let path = folder.join("aplay");
        let text = format!(
            "#!/bin/sh\necho \"$@\" >>{0}/arguments\ncat >{0}/sound.part && mv {0}/sound.part {0}/sound.$$\n{then}\n",
            folder.display()
        );
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }

    fn start_output(folder: &Path, then: &str) -> Output {
        let program = player(folder, then);
        Output::start("sound", move |orders| run("hw:0", &program, &orders)).unwrap()
    }

    fn sounds(folder: &Path) -> Vec<Vec<u8>> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let kept = names.filter(|path| path.file_stem().is_some_and(|stem| stem == "sound"));
        kept.filter(|path| path.extension().is_some_and(|end| end != "part"))
            .map(|path| fs::read(path).unwrap())
            .collect()
    }

    #[test]
    fn the_player_is_given_the_sound_of_the_signal() {
        let folder = tempfile::tempdir().unwrap();
        let output = start_output(folder.path(), "");
        output.sender().send(Order::Signal(Signal::Refused));
        let played = until("a sound", || sounds(folder.path()).pop());
        output.stop();
        assert_eq!(played, wav(Signal::Refused));
        let arguments = fs::read_to_string(folder.path().join("arguments")).unwrap();
        assert_eq!(arguments, "-q -t wav -D hw:0 -\n");
    }

    #[test]
    fn the_newest_sound_cuts_off_one_that_does_not_end() {
        let folder = tempfile::tempdir().unwrap();
        let output = start_output(folder.path(), "sleep 1000");
        output.sender().send(Order::Signal(Signal::Refused));
        until("the first sound", || (sounds(folder.path()).len() == 1).then_some(()));
        output.sender().send(Order::Signal(Signal::Booked));
        until("the second sound", || sounds(folder.path()).contains(&wav(Signal::Booked)).then_some(()));
        let begun = Instant::now();
        output.stop();
        assert!(begun.elapsed() < Duration::from_secs(20), "the player was waited for");
    }

    #[test]
    fn a_player_that_fails_or_hangs_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let failing = start("hw:0", &player(folder.path(), "exit 1"), Signal::Booked).unwrap();
        let playing = std::cell::RefCell::new(Some((failing, Instant::now() + Duration::from_mins(1))));
        let why = until("its end", || check(&mut playing.borrow_mut()).err());
        assert_eq!(why.to_string(), "aplay did not play: exit status: 1");
        let hanging = start("hw:0", &player(folder.path(), "sleep 1000"), Signal::Booked).unwrap();
        let mut playing = Some((hanging, Instant::now()));
        assert_eq!(check(&mut playing).unwrap_err().to_string(), "aplay did not end");
        assert!(playing.is_none());
    }

    #[test]
    fn a_missing_player_harms_nobody() {
        let output = Output::start("sound", |orders| run("default", "/nonexistent/aplay", &orders)).unwrap();
        for signal in Signal::ALL {
            output.sender().send(Order::Signal(signal));
        }
        output.stop();
    }
}
