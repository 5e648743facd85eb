//! Checks that the station's own outputs have what they need. Nothing sounds or lights up for it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{Access, access};

use super::Finding;
use crate::child;
use crate::config::Feedback;
use crate::feedback::{gpio, sound};

const SECTION: &str = "signals";
/// The longest wait for the player to print its version.
const PLAYER_TIME_MAX: Duration = Duration::from_secs(5);
/// The file in which ALSA lists the sound cards.
const CARDS: &str = "/proc/asound/cards";

pub(super) fn examine(feedback: &Feedback) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(gpio) = &feedback.gpio {
        let what = format!("the buzzer and lights on {}", gpio.chip.display());
        findings.push(match gpio::examine(gpio) {
            Ok(()) => Finding::ok(SECTION, format!("{what} can be used")),
            Err(why) => Finding::fault(
                SECTION,
                format!("{what}: {why}"),
                "`gpiodetect` lists the chips and `gpioinfo` who uses which line; `stockpoint help signals` says how the service gets its group",
            ),
        });
    }
    if let Some(path) = &feedback.keyboard_led {
        findings.push(reachable(
            "the keyboard's light",
            path,
            Access::WRITE_OK,
            "`stockpoint devices` lists the input nodes; their group is input",
        ));
    }
    if let Some(device) = &feedback.sound {
        findings.push(of_sound(device, &fs::read_to_string(CARDS).unwrap_or_default()));
    }
    if let Some(program) = feedback.command.first() {
        findings.push(reachable(
            "the command",
            Path::new(program),
            Access::EXEC_OK,
            "correct `feedback.command`, or make the program executable (chmod +x)",
        ));
    }
    findings
}

fn reachable(what: &str, path: &Path, how: Access, cure: &str) -> Finding {
    let path_shown = path.display();
    match access(path, how) {
        Ok(()) => Finding::ok(SECTION, format!("{what}, {path_shown}, can be used")),
        Err(errno) => {
            let why = std::io::Error::from(errno);
            Finding::fault(SECTION, format!("{what}, {path_shown}, cannot be used: {why}"), cure)
        }
    }
}

fn of_sound(device: &str, cards: &str) -> Finding {
    let player = child::run(child::command(sound::PLAYER).arg("--version"), PLAYER_TIME_MAX);
    if let Err(child::Error::Hung(_)) = player {
        let cure = format!("run `{} --version` by hand", sound::PLAYER);
        return Finding::fault(
            SECTION,
            format!("{}, which plays the sounds, does not end", sound::PLAYER),
            cure,
        );
    }
    if player.is_err() {
        let cure = "apt-get install alsa-utils, or set feedback.sound = \"\"";
        return Finding::fault(
            SECTION,
            format!("{}, which plays the sounds, cannot be run", sound::PLAYER),
            cure,
        );
    }
    // The line of a card begins with its number; without cards the file holds one line of text.
    if !cards.lines().any(|line| line.trim_start().starts_with(|first: char| first.is_ascii_digit())) {
        return Finding::fault(
            SECTION,
            "the machine has no sound card",
            "plug one in, load its driver, or set feedback.sound = \"\"",
        );
    }
    Finding::ok(SECTION, format!("sounds are played by {} on {device}", sound::PLAYER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Grade;

    fn feedback() -> Feedback {
        Feedback { person_repeat: None, gpio: None, keyboard_led: None, sound: None, command: Vec::new() }
    }

    #[test]
    fn a_station_without_outputs_of_its_own_has_nothing_to_check() {
        assert!(examine(&feedback()).is_empty());
    }

    #[test]
    fn a_command_and_a_light_are_there_or_a_fault() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_owned();
        let grades =
            |feedback: &Feedback| examine(feedback).iter().map(|finding| finding.grade).collect::<Vec<_>>();
        let there = Feedback {
            keyboard_led: Some(path.clone()),
            command: vec!["/bin/true".to_owned()],
            ..feedback()
        };
        assert_eq!(grades(&there), [Grade::Ok, Grade::Ok]);
        let not_there = Feedback {
            keyboard_led: Some("/nonexistent".into()),
            command: vec![path.display().to_string()],
            ..feedback()
        };
        assert_eq!(grades(&not_there), [Grade::Fault, Grade::Fault]);
    }

    #[test]
    fn a_machine_without_a_card_or_a_player_gets_the_cure() {
        let finding = of_sound("default", "--- no soundcards ---\n");
        assert_eq!(finding.grade, Grade::Fault);
        assert!(finding.cure.unwrap().ends_with("or set feedback.sound = \"\""));
    }
}
