//! The Scroll Lock light of a keyboard, or of a scanner that types: one light that most of them have.
//!
//! Caps Lock and Num Lock are never used: a scanner that sees them lit types other characters. The light is written
//! through an open file of its own, so that the thread that reads the scanner is not involved. The kernel accepts the
//! event there even if another open file has grabbed the node (`input_inject_event` checks the device's handle, which
//! everybody who opened the node shares: `linux/drivers/input/input.c`).

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::path::Path;

use crate::feedback::lamps;
use crate::feedback::output::Orders;
use crate::feedback::output::RetryBackoff;
use crate::feedback::player::OutputState;

/// The event codes of the light and of the end of a report (`linux/input-event-codes.h`).
const EV_LED: u16 = 0x11;
const LED_SCROLL_LOCK: u16 = 2;
const EV_SYN: u16 = 0;
const SYN_REPORT: u16 = 0;
/// The time of an event, which the kernel fills in: two machine words (`struct input_event`, `linux/input.h`).
const NO_TIME: [u8; 2 * size_of::<usize>()] = [0; 2 * size_of::<usize>()];

const CURE: &str =
    "name an input node with a Scroll Lock light, /dev/input/by-id/…-event-kbd; its group is input";

/// Plays the ordered signals on the light of the input node at `path`.
pub(super) fn run(path: &Path, orders: &Orders) {
    // Never created: a file in the place of a missing device would collect the signals for ever.
    let open = || OpenOptions::new().write(true).open(path);
    lamps::run(orders, RetryBackoff::new("keyboard_led", CURE), open, show);
}

fn show(node: &mut File, state: OutputState) -> io::Result<()> {
    // The light follows the rhythm of the sound, and afterwards the signal's lights.
    let is_lit = state.sounds || !state.lit.is_empty();
    node.write_all(
        &[event(EV_LED, LED_SCROLL_LOCK, i32::from(is_lit)), event(EV_SYN, SYN_REPORT, 0)].concat(),
    )
}

fn event(kind: u16, code: u16, value: i32) -> Vec<u8> {
    [&NO_TIME[..], &kind.to_ne_bytes(), &code.to_ne_bytes(), &value.to_ne_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::signal::Signal;
    use crate::feedback::output::Order;
    use crate::feedback::output::Output;
    use crate::feedback::output::until;

    #[test]
    fn the_light_is_written_as_the_kernel_reads_it_and_put_out_at_the_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_owned();
        let output = Output::start("keyboard_led", move |orders| run(&path, &orders)).unwrap();
        output.sender().send(Order::Signal(Signal::Booked));
        let event_bytes = 2 * size_of::<usize>() + 8;
        let lit = |from: &[u8]| from[event_bytes - 8..event_bytes].to_vec();
        until("a light", || (std::fs::read(file.path()).unwrap().len() >= 2 * event_bytes).then_some(()));
        output.stop();
        let written = std::fs::read(file.path()).unwrap();
        assert_eq!(written.len() % (2 * event_bytes), 0);
        assert_eq!(lit(&written), [0x11, 0, 2, 0, 1, 0, 0, 0]);
        let last = &written[written.len() - 2 * event_bytes..];
        assert_eq!(lit(last), [0x11, 0, 2, 0, 0, 0, 0, 0]);
        assert_eq!(last[2 * event_bytes - 8..], [0; 8]);
    }
}
