//! Buzzers and lights: devices that are either on or off.

use std::fmt;

use tokio::time::Instant;

use crate::feedback::output::Order;
use crate::feedback::output::Orders;
use crate::feedback::output::Received;
use crate::feedback::output::RetryBackoff;
use crate::feedback::player::OutputState;
use crate::feedback::player::Player;

/// Plays the ordered signals until the thread must end, and leaves the device silent and dark.
///
/// `open` opens the device silent and dark; `show` sets its state until the next call. A device that fails is opened
/// again when `backoff` allows it.
pub(super) fn run<D, E: fmt::Display>(
    orders: &Orders,
    mut backoff: RetryBackoff,
    open: impl Fn() -> Result<D, E>,
    show: impl Fn(&mut D, OutputState) -> Result<(), E>,
) {
    let begun = Instant::now();
    let (mut player, mut device, mut last) = (Player::default(), None, OutputState::default());
    loop {
        // The pattern goes on while the device is broken: one that works again joins in where the signal is now.
        let state = player.state(begun.elapsed());
        if device.is_none() && backoff.may_try(Instant::now()) {
            device = open().map_err(|why| backoff.failed(&why, Instant::now())).ok();
            last = OutputState::default();
        }
        // Written only on a change: the loop also runs after an order that changes nothing.
        if let Some(opened) = device.as_mut().filter(|_| state != last) {
            match show(opened, state) {
                Ok(()) => {
                    backoff.worked();
                    last = state;
                }
                Err(why) => {
                    backoff.failed(&why, Instant::now());
                    device = None;
                }
            }
        }
        match orders.next(player.time_left(begun.elapsed())) {
            Received::Order(Order::Signal(signal) | Order::Announced(signal, _)) => {
                player.play(signal, begun.elapsed());
            }
            Received::Order(Order::AlarmSeen) => player.calm(begun.elapsed()),
            Received::Order(Order::Wake) | Received::Timeout => {}
            Received::Stop => break,
        }
    }
    if let Some(opened) = &mut device
        && let Err(why) = show(opened, OutputState::default())
    {
        backoff.failed(&why, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::SyncSender;
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    use super::*;
    use crate::domain::signal::Signal;
    use crate::feedback::output::Output;

    const BOUND: Duration = Duration::from_secs(20);

    /// Returns an output whose device reports each state: the number of lights, and a `b` if it sounds.
    fn reporting(reports: SyncSender<String>) -> Output {
        Output::start("test", move |orders| {
            let open = || reports.send("open".to_owned()).map(|()| reports.clone());
            let word =
                |state: OutputState| format!("{}{}", state.lit.len(), if state.sounds { "b" } else { "" });
            run(&orders, RetryBackoff::new("test", ""), open, |reports, state| reports.send(word(state)));
        })
        .unwrap()
    }

    #[test]
    fn a_signal_is_played_and_the_device_left_silent_and_dark() {
        let (reports, received) = sync_channel(64);
        let output = reporting(reports);
        output.sender().send(Order::Signal(Signal::Refused));
        let first: Vec<_> = (0..2).map(|_| received.recv_timeout(BOUND).unwrap()).collect();
        assert_eq!(first, ["open", "1b"]);
        output.stop();
        assert_eq!(received.iter().last().as_deref(), Some("0"));
    }

    #[test]
    fn a_device_that_is_not_there_is_tried_once_and_not_with_each_signal() {
        let (reports, received) = sync_channel(64);
        let output = Output::start("test", move |orders| {
            let open = || {
                reports.send(()).unwrap();
                Err::<(), _>("not there")
            };
            run(&orders, RetryBackoff::new("test", ""), open, |(), _| Ok(()));
        })
        .unwrap();
        for signal in Signal::ALL {
            output.sender().send(Order::Signal(signal));
        }
        received.recv_timeout(BOUND).unwrap();
        output.stop();
        assert_eq!(received.iter().count(), 0);
    }
}
