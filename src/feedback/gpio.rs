//! A buzzer and up to three lights on the pins of a small board, through the kernel's GPIO character device.
//!
//! The buzzer must be an active one: it has its own oscillator and sounds as long as its line is active.

use gpiocdev::Request;
use gpiocdev::chip::Chip;
use gpiocdev::line::Value;
use gpiocdev::line::Values;

use crate::config::Gpio;
use crate::feedback::lamps;
use crate::feedback::output::Orders;
use crate::feedback::output::RetryBackoff;
use crate::feedback::pattern::Colour;
use crate::feedback::player::OutputState;

/// The name of this program as the owner of the lines, which other programs see.
const CONSUMER: &str = "stockpoint";

const CURE: &str = "`stockpoint doctor` checks the chip and the lines; `gpioinfo` shows who uses them";

/// The reason why the lines cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The chip or a line of it cannot be used.
    #[error(transparent)]
    Line(#[from] gpiocdev::Error),
    /// Another program has a line.
    #[error("line {offset} is used by {consumer}")]
    Used {
        /// The line.
        offset: u32,
        /// The name of the program that has it.
        consumer: String,
    },
}

/// Plays the ordered signals on the lines.
pub(super) fn run(gpio: &Gpio, orders: &Orders) {
    lamps::run(
        orders,
        RetryBackoff::new("gpio", CURE),
        || open(gpio),
        |request, state| request.set_values(&values(gpio, state)),
    );
}

/// Checks that the chip exists and that every line is free or ours.
///
/// # Errors
/// Returns [`Error`]. Nothing is changed.
pub fn examine(gpio: &Gpio) -> Result<(), Error> {
    let chip = Chip::from_path(&gpio.chip)?;
    for (offset, _) in lines(gpio, OutputState::default()) {
        let info = chip.line_info(offset)?;
        // The running agent holds the lines under this name: that is no conflict.
        if info.used && info.consumer != CONSUMER {
            return Err(Error::Used { offset, consumer: info.consumer });
        }
    }
    Ok(())
}

fn open(gpio: &Gpio) -> Result<Request, gpiocdev::Error> {
    let mut builder = Request::builder();
    builder.on_chip(&gpio.chip).with_consumer(CONSUMER);
    for (offset, _) in lines(gpio, OutputState::default()) {
        // Requested inactive, so that no light or buzzer is on before the first signal.
        builder.with_line(offset).as_output(Value::Inactive);
        if gpio.active_low {
            builder.as_active_low();
        }
    }
    builder.request()
}

fn values(gpio: &Gpio, state: OutputState) -> Values {
    let mut values = Values::default();
    for (offset, is_on) in lines(gpio, state) {
        values.set(offset, if is_on { Value::Active } else { Value::Inactive });
    }
    values
}

/// Returns the connected lines, each with true if it is on.
fn lines(gpio: &Gpio, state: OutputState) -> impl Iterator<Item = (u32, bool)> {
    let lit = |colour| state.lit.contains(&colour);
    let all = [
        (gpio.buzzer, state.sounds),
        (gpio.green, lit(Colour::Green)),
        (gpio.yellow, lit(Colour::Yellow)),
        (gpio.red, lit(Colour::Red)),
    ];
    all.into_iter().filter_map(|(line, is_on)| line.map(|offset| (offset, is_on)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::signal::Signal;
    use crate::feedback::pattern::pattern;

    fn gpio() -> Gpio {
        Gpio {
            chip: "/dev/gpiochip0".into(),
            buzzer: Some(18),
            green: Some(23),
            yellow: None,
            red: Some(25),
            active_low: false,
        }
    }

    #[test]
    fn each_line_that_is_connected_does_its_part() {
        let on = |sounds, signal| {
            let state = OutputState { sounds, lit: pattern(signal).colours };
            lines(&gpio(), state).filter(|(_, is_on)| *is_on).map(|(line, _)| line).collect::<Vec<_>>()
        };
        assert_eq!(on(true, Signal::Booked), [18, 23]);
        assert_eq!(on(false, Signal::Person), [25]);
        assert_eq!(on(true, Signal::Posted), [18, 23, 25]);
        assert_eq!(lines(&gpio(), OutputState::default()).count(), 3);
    }

    #[test]
    fn what_is_no_chip_is_reported_as_none() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let none = Gpio { chip: file.path().to_owned(), ..gpio() };
        let reason = examine(&none).unwrap_err().to_string();
        assert!(reason.contains("character device"), "{reason}");
        let absent = Gpio { chip: "/nonexistent/gpiochip0".into(), ..gpio() };
        assert!(examine(&absent).is_err());
    }
}
