//! The station's own outputs from the configuration. Each is optional, and all can be used at once.

use std::io;

use crate::config::Feedback;
use crate::feedback::command;
use crate::feedback::gpio;
use crate::feedback::output::Output;
use crate::feedback::output::OutputSender;
use crate::feedback::scroll_lock;
use crate::feedback::sound;

/// The running outputs.
#[derive(Debug, Default)]
pub struct Outputs(Vec<Output>);

impl Outputs {
    /// Starts a thread for each configured output. A failing output is not an error; it is logged and retried.
    ///
    /// # Errors
    /// The system cannot start another thread.
    pub fn start(config: &Feedback) -> io::Result<Self> {
        let mut outputs = Vec::new();
        if let Some(gpio) = config.gpio.clone() {
            outputs.push(Output::start("gpio", move |orders| gpio::run(&gpio, &orders))?);
        }
        if let Some(path) = config.keyboard_led.clone() {
            outputs.push(Output::start("keyboard-led", move |orders| scroll_lock::run(&path, &orders))?);
        }
        if let Some(device) = config.sound.clone() {
            outputs.push(Output::start("sound", move |orders| sound::run(&device, sound::PLAYER, &orders))?);
        }
        if !config.command.is_empty() {
            let command = config.command.clone();
            outputs.push(Output::start("command", move |orders| command::run(&command, &orders))?);
        }
        Ok(Self(outputs))
    }

    /// Ends all outputs and leaves them silent and dark.
    pub fn stop(self) {
        self.0.into_iter().for_each(Output::stop);
    }

    #[cfg(test)]
    pub(super) fn of(outputs: Vec<Output>) -> Self {
        Self(outputs)
    }

    pub(super) fn senders(&self) -> Vec<OutputSender> {
        self.0.iter().map(Output::sender).collect()
    }
}
