//! Buzzer and lights on the pins of a chip: who has the lines, and what the chip has on them.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use gpiocdev::chip::Chip;
use stockpoint::config::Config;
use stockpoint::config::Gpio;
use stockpoint::config::Protocol;
use stockpoint::domain::signal::Signal;
use tokio::time::Instant;
use tokio::time::sleep;

use crate::scanners::verdict::KNOWN;
use crate::scanners::verdict::Passing;
use crate::scanners::verdict::Room;
use crate::support::station::PATIENCE;

/// Whoever sets it says that nothing hangs on the pins of that chip.
const CHIP: &str = "STOCKPOINT_GPIO_CHIP";

/// What the kernel tells of all lines, by asking the chips.
const TOLD: &str = "/sys/kernel/debug/gpio";

/// The lines of buzzer, green and red.
const LINES: [u32; 3] = [0, 1, 3];

/// Between two looks at the lines; the shortest beat is 70 ms.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A chip whose lines may be driven, and what it has on them.
struct Pins(PathBuf);

impl Pins {
    /// A chip that drives nothing: one of the kernel's (`gpio-sim`), or one of which somebody says so. `None`, with the
    /// reason printed, where there is none.
    #[expect(clippy::disallowed_methods, reason = "whoever runs the test says which chip it may drive")]
    fn find() -> Option<Self> {
        let is_simulated = |path: &PathBuf| {
            let info = Chip::from_path(path).and_then(|chip| chip.info());
            info.is_ok_and(|info| info.label.starts_with("gpio-") && info.num_lines > LINES[2])
        };
        let simulated = || gpiocdev::chip::chips().ok()?.into_iter().find(is_simulated);
        let chip = env::var_os(CHIP).map(PathBuf::from).or_else(simulated);
        if chip.is_none() || fs::read(TOLD).is_err() {
            println!("skipped: no simulated GPIO chip (modprobe gpio-sim) here, or no {TOLD}");
            return None;
        }
        chip.map(Self)
    }

    /// A stockroom with a buzzer, a green and a red light.
    async fn room(&self, active_low: bool) -> Room {
        let [buzzer, green, red] = LINES.map(Some);
        let gpio = Gpio { chip: self.0.clone(), buzzer, green, yellow: None, red, active_low };
        let room =
            Room::with(Protocol::Honeywell, |config: &mut Config| config.feedback.gpio = Some(gpio)).await;
        room.until("lines that are taken", async || self.users() == ["stockpoint"; 3]).await;
        room
    }

    fn users(&self) -> [String; 3] {
        let chip = Chip::from_path(&self.0).unwrap();
        LINES.map(|line| chip.line_info(line).unwrap().consumer)
    }

    /// What is on the lines of buzzer, green and red: high or low.
    fn levels(&self) -> String {
        let told = fs::read_to_string(TOLD).unwrap();
        let name = self.0.file_name().and_then(|name| name.to_str()).unwrap();
        let (_others, told) = told.split_once(&format!("{name}: GPIOs ")).unwrap();
        let (first, told) = told.split_once('-').unwrap();
        let first: u32 = first.parse().unwrap();
        let level = |line: u32| {
            let mark = format!(" gpio-{:<3} (", first + line);
            let told = told.lines().find(|told| told.starts_with(&mark)).unwrap_or_else(|| panic!("{told}"));
            let (_name, told) = told.split_once(") out ").unwrap_or_else(|| panic!("no output: {told}"));
            if told.starts_with("hi") { '1' } else { '0' }
        };
        LINES.map(level).iter().collect()
    }

    /// What is on the lines, one after the other, until so many changes were seen. One counts if it lasts from a look to
    /// the next: the chip may change its lines one by one.
    async fn changes(&self, count: usize) -> Vec<String> {
        let (mut seen, end) = (vec![self.levels()], Instant::now() + PATIENCE);
        let mut last = self.levels();
        while seen.len() <= count {
            assert!(Instant::now() < end, "only {seen:?}");
            sleep(LOOK_EVERY).await;
            let now = self.levels();
            if now == last && seen.last() != Some(&now) {
                seen.push(now.clone());
            }
            last = now;
        }
        seen
    }
}

#[tokio::test]
async fn the_lines_are_taken_as_outputs_and_given_back() {
    let Some(pins) = Pins::find() else { return };
    let mut room = pins.room(false).await;
    room.expect(KNOWN, Signal::Booked).await;
    room.close().await;
    assert_eq!(pins.users(), ["", "", ""]);
}

#[tokio::test]
async fn a_line_is_high_after_the_commit_and_for_as_long_as_the_signal_lasts() {
    let Some(pins) = Pins::find() else { return };
    let mut room = pins.room(false).await;
    room.gate.set(Passing::Shut);
    room.scan(KNOWN);
    room.gate.until_knocked().await;
    // Whatever was to be lit without the commit has time to be.
    sleep(LOOK_EVERY * 10).await;
    assert_eq!(pins.levels(), "000");
    room.gate.set(Passing::Open);
    // Sound and light, then the light alone for a while.
    assert_eq!(pins.changes(3).await, ["000", "110", "010", "000"]);
    room.scan("$SP.NOPE.X");
    let refused = ["000", "101", "000", "101", "000", "101", "001", "000"];
    assert_eq!(pins.changes(7).await, refused);
    room.close().await;
}

#[tokio::test]
async fn a_line_that_is_active_low_rests_high() {
    let Some(pins) = Pins::find() else { return };
    let mut room = pins.room(true).await;
    assert_eq!(pins.levels(), "111");
    room.scan(KNOWN);
    assert_eq!(pins.changes(3).await, ["111", "001", "101", "111"]);
    room.close().await;
}
