//! `[feedback]`: the station's own outputs for signals, in addition to the scanners.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::fault::Problem;
use crate::config::reader::Table;
use crate::config::values;
use crate::config::values::whole;

/// The GPIO chip of most boards.
const CHIP: &str = "/dev/gpiochip0";
/// The highest line number that a chip may have here. No board has as many lines.
const LINE_MAX: u64 = 1023;
const LINE_KEYS: [&str; 4] = ["gpio_buzzer", "gpio_green", "gpio_yellow", "gpio_red"];

/// The station's own outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// The interval at which "needs a person" is repeated until a person scans the OK code, 5 s to an hour; `None`
    /// gives it once.
    pub person_repeat: Option<Duration>,
    /// A buzzer and lights on pins.
    pub gpio: Option<Gpio>,
    /// An input node whose Scroll Lock light gives the signals, never empty.
    pub keyboard_led: Option<PathBuf>,
    /// The ALSA name of a sound card, never empty.
    pub sound: Option<String>,
    /// A program with its full path, and its arguments, at most 16 words in all; empty if there is none.
    pub command: Vec<String>,
}

/// A GPIO chip and its connected lines: at least one, no two the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpio {
    /// The device of the chip, never empty.
    pub chip: PathBuf,
    /// The line of an active buzzer, 0..=1023.
    pub buzzer: Option<u32>,
    /// The line of a green light, 0..=1023.
    pub green: Option<u32>,
    /// The line of a yellow light, 0..=1023.
    pub yellow: Option<u32>,
    /// The line of a red light, 0..=1023.
    pub red: Option<u32>,
    /// True if a line is on when it is low.
    pub active_low: bool,
}

pub(super) fn feedback(table: &mut Table<'_, '_>) -> Feedback {
    let repeat = values::seconds_or_off(5..=3600);
    Feedback {
        person_repeat: table.or("person_repeat_s", Some(Duration::from_secs(30)), repeat),
        gpio: gpio(table),
        keyboard_led: table.optional("keyboard_led", values::path),
        sound: table.or("sound", None, values::sound),
        command: table.or("command", Vec::new(), values::command),
    }
}

fn gpio(table: &mut Table<'_, '_>) -> Option<Gpio> {
    // Every key is read even if no line is used, so that none is reported as unknown.
    let chip = table.or("gpio_chip", PathBuf::from(CHIP), values::path);
    let active_low = table.or("gpio_active_low", false, values::flag);
    let lines = LINE_KEYS.map(|key| table.optional(key, whole::<u32>(0..=LINE_MAX)));
    // Each line is compared with those before it only, so that a pair is reported once, at its second key.
    for (at, key) in LINE_KEYS.into_iter().enumerate() {
        let before = lines.iter().take(at);
        if let Some(line) = lines.get(at).copied().flatten()
            && before.flatten().any(|other| *other == line)
        {
            let what = "is the line of another light or of the buzzer";
            table.blame(key, Problem::Unfit { what, cure: "give each a line of its own" });
        }
    }
    // Asked by presence and not by value: a line that is wrong has its fault already.
    if LINE_KEYS.iter().all(|key| !table.has(key)) {
        for key in
            ["gpio_chip", "gpio_active_low"].into_iter().filter(|key| table.has(key)).collect::<Vec<_>>()
        {
            let what = "has no effect without a line";
            table.blame(
                key,
                Problem::Unfit {
                    what,
                    cure: "add gpio_buzzer, gpio_green, gpio_yellow or gpio_red, or remove it",
                },
            );
        }
        return None;
    }
    let [buzzer, green, yellow, red] = lines;
    Some(Gpio { chip, buzzer, green, yellow, red, active_low })
}
