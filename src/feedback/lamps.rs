//! Buzzers and lights: devices that are either on or off.

use std::fmt;

use tokio::time::Instant;

use crate::feedback::output::Heard;
use crate::feedback::output::Order;
use crate::feedback::output::Orders;
use crate::feedback::output::Trouble;
use crate::feedback::player::Player;
use crate::feedback::player::Shown;

/// Plays the ordered signals until the thread must end, and leaves the device silent and dark.
///
/// `open` opens the device silent and dark; `show` sets its state until the next call. A device that fails is opened
/// again when `trouble` allows it.
pub(super) fn run<D, E: fmt::Display>(
    orders: &Orders,
    mut trouble: Trouble,
    open: impl Fn() -> Result<D, E>,
    show: impl Fn(&mut D, Shown) -> Result<(), E>,
) {
    let begun = Instant::now();
    let (mut player, mut device, mut last) = (Player::default(), None, Shown::default());
    loop {
        // The pattern goes on while the device is broken: one that works again joins in where the signal is now.
        let shown = player.shown(begun.elapsed());
        if device.is_none() && trouble.may_try(Instant::now()) {
            device = open().map_err(|why| trouble.failed(&why, Instant::now())).ok();
            last = Shown::default();
        }
        // Written only on a change: the loop also runs after an order that changes nothing.
        if let Some(opened) = device.as_mut().filter(|_| shown != last) {
            match show(opened, shown) {
                Ok(()) => {
                    trouble.worked();
                    last = shown;
                }
                Err(why) => {
                    trouble.failed(&why, Instant::now());
                    device = None;
                }
            }
        }
        match orders.next(player.lasts(begun.elapsed())) {
            Heard::Order(Order::Signal(signal) | Order::Said(signal, _)) => {
                player.play(signal, begun.elapsed());
            }
            Heard::Order(Order::Calm) => player.calm(begun.elapsed()),
            Heard::Order(Order::Wake) | Heard::Nothing => {}
            Heard::Stop => break,
        }
    }
    if let Some(opened) = &mut device
        && let Err(why) = show(opened, Shown::default())
    {
        trouble.failed(&why, Instant::now());
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
    fn telling(told: SyncSender<String>) -> Output {
        Output::start("test", move |orders| {
            let open = || told.send("open".to_owned()).map(|()| told.clone());
            let word = |shown: Shown| format!("{}{}", shown.lit.len(), if shown.sounds { "b" } else { "" });
            run(&orders, Trouble::new("test", ""), open, |told, shown| told.send(word(shown)));
        })
        .unwrap()
    }

    #[test]
    fn a_signal_is_played_and_the_device_left_silent_and_dark() {
        let (told, hears) = sync_channel(64);
        let output = telling(told);
        output.sender().tell(Order::Signal(Signal::Refused));
        let first: Vec<_> = (0..2).map(|_| hears.recv_timeout(BOUND).unwrap()).collect();
        assert_eq!(first, ["open", "1b"]);
        output.stop();
        assert_eq!(hears.iter().last().as_deref(), Some("0"));
    }

    #[test]
    fn a_device_that_is_not_there_is_tried_once_and_not_with_each_signal() {
        let (told, hears) = sync_channel(64);
        let output = Output::start("test", move |orders| {
            let open = || {
                told.send(()).unwrap();
                Err::<(), _>("not there")
            };
            run(&orders, Trouble::new("test", ""), open, |(), _| Ok(()));
        })
        .unwrap();
        for signal in Signal::ALL {
            output.sender().tell(Order::Signal(signal));
        }
        hears.recv_timeout(BOUND).unwrap();
        output.stop();
        assert_eq!(hears.iter().count(), 0);
    }
}
