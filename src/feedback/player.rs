//! Computes the state of a buzzer and lights at each moment, given the signals so far.
//!
//! The newest signal is played at once and cuts off the one before, because it answers the scan that a person has just
//! made. *Needs a person* is the exception: it waits for the end of a playing signal, is played again from its
//! beginning if a newer one cut it off, and its lights stay on until somebody has seen the alarm.
//!
//! The player reads no clock. Callers pass the time since any fixed point.

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::signal::Signal;
use crate::feedback::pattern::Beat;
use crate::feedback::pattern::Colour;
use crate::feedback::pattern::pattern;

/// The silence between a signal that is cut off and the one that cuts it off. It is well below the 50 ms in which a
/// verdict must sound.
const CUT: Duration = Duration::from_millis(30);
/// The silence between the end of a signal and the beginning of an alarm.
const PAUSE: Duration = Duration::from_millis(300);
/// The time that a signal's lights stay on after its sound. People easily miss a flash of 70 ms.
const AFTERGLOW: Duration = Duration::from_millis(500);

/// The sound and the lights at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutputState {
    /// True if the buzzer sounds.
    pub sounds: bool,
    /// The lights that are lit.
    pub lit: &'static [Colour],
}

/// One period of a signal that is being played.
#[derive(Debug, Clone, Copy)]
struct Period {
    /// The time of its end.
    until: Duration,
    state: OutputState,
}

/// Plays one signal at a time.
#[derive(Debug, Default)]
pub struct Player {
    /// The signal that is being played, and its remaining periods.
    playing: Option<(Signal, VecDeque<Period>)>,
    alarm: PendingAlarm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum PendingAlarm {
    #[default]
    None,
    /// The alarm was played; its lights stay on.
    Standing,
    /// The alarm will be played when no other signal plays.
    Due,
}

impl Player {
    /// Plays a signal from `now` on.
    pub fn play(&mut self, signal: Signal, now: Duration) {
        self.advance(now);
        match (&self.playing, signal) {
            // A second alarm during the first one says nothing new.
            (Some((Signal::Person, _)), Signal::Person) => {}
            (Some(_), Signal::Person) => self.alarm = PendingAlarm::Due,
            (Some((cut_off, _)), _) => {
                if *cut_off == Signal::Person {
                    self.alarm = PendingAlarm::Due;
                }
                self.begin(signal, now, CUT);
            }
            (None, _) => self.begin(signal, now, Duration::ZERO),
        }
    }

    /// Records that a person has seen the alarm.
    pub fn calm(&mut self, now: Duration) {
        self.advance(now);
        self.alarm = PendingAlarm::None;
        // Only the alarm is silenced: the answer to the OK code goes on.
        self.playing.take_if(|(signal, _)| *signal == Signal::Person);
    }

    /// Returns the sound and the lights at `now`.
    pub fn state(&mut self, now: Duration) -> OutputState {
        self.advance(now);
        let playing = self.playing.as_ref().and_then(|(_, left)| left.front());
        playing.map_or_else(|| self.at_rest(), |period| period.state)
    }

    /// Returns the time until they change; `None` if they last until the next signal.
    pub fn time_left(&mut self, now: Duration) -> Option<Duration> {
        self.advance(now);
        let (_, left) = self.playing.as_ref()?;
        left.front().map(|period| period.until.saturating_sub(now))
    }

    fn at_rest(&self) -> OutputState {
        let lit = if self.alarm == PendingAlarm::None { &[] } else { pattern(Signal::Person).colours };
        OutputState { sounds: false, lit }
    }

    fn begin(&mut self, signal: Signal, now: Duration, silence: Duration) {
        let mut left = VecDeque::new();
        let mut until = now;
        let mut add = |length: Duration, state| {
            until = until.saturating_add(length);
            left.push_back(Period { until, state });
        };
        if !silence.is_zero() {
            // A pause makes it audible that one signal ends and another begins.
            add(silence, OutputState::default());
        }
        let pattern = pattern(signal);
        for beat in pattern.beats() {
            match beat {
                Beat::On(length) => add(length, OutputState { sounds: true, lit: pattern.colours }),
                Beat::Off(length) => add(length, OutputState::default()),
            }
        }
        add(AFTERGLOW, OutputState { sounds: false, lit: pattern.colours });
        if signal == Signal::Person {
            self.alarm = PendingAlarm::Standing;
        }
        self.playing = Some((signal, left));
    }

    /// Drops the periods that are over at `now`, and starts an alarm that is due.
    fn advance(&mut self, now: Duration) {
        if let Some((_, left)) = &mut self.playing {
            while left.front().is_some_and(|period| period.until <= now) {
                left.pop_front();
            }
            if left.is_empty() {
                self.playing = None;
                if self.alarm == PendingAlarm::Due {
                    self.begin(Signal::Person, now, PAUSE);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays `(ms, signal)` and returns each change of the state: the time in ms and a letter for each thing that is
    /// on: `b` for the buzzer, `g`, `y` and `r` for the lights. `None` instead of a signal means that a person has seen
    /// the alarm.
    fn play(script: &[(u64, Option<Signal>)], until_ms: u64) -> String {
        let (mut player, mut changes, mut last) = (Player::default(), Vec::new(), String::new());
        for ms in 0..=until_ms {
            let now = Duration::from_millis(ms);
            for (_, signal) in script.iter().filter(|(at, _)| *at == ms) {
                match signal {
                    Some(signal) => player.play(*signal, now),
                    None => player.calm(now),
                }
            }
            let state = letters(player.state(now));
            if state != last {
                changes.push(format!("{ms}:{state}"));
                last = state;
            }
        }
        changes.join(" ")
    }

    fn letters(state: OutputState) -> String {
        let light = |colour: &Colour| match colour {
            Colour::Green => 'g',
            Colour::Yellow => 'y',
            Colour::Red => 'r',
        };
        state.sounds.then_some('b').into_iter().chain(state.lit.iter().map(light)).collect()
    }

    #[test]
    fn a_signal_begins_at_once_and_its_light_stays_a_while() {
        assert_eq!(play(&[(5, Some(Signal::Booked))], 2000), "5:bg 75:g 575:");
        assert_eq!(play(&[(0, Some(Signal::Unknown))], 2000), "0:by 250: 330:by 400:y 900:");
    }

    #[test]
    fn the_newest_signal_cuts_off_the_one_before_within_fifty_ms() {
        let played = play(&[(0, Some(Signal::Refused)), (100, Some(Signal::Booked))], 2000);
        assert_eq!(played, "0:br 100: 130:bg 200:g 700:");
    }

    #[test]
    fn an_alarm_is_lit_until_a_person_has_seen_it() {
        let played = play(&[(0, Some(Signal::Person)), (60_000, None)], 61_000);
        assert_eq!(played, "0:byr 250: 330:byr 580: 830:byr 1080: 1160:byr 1410:yr 60000:");
    }

    #[test]
    fn an_alarm_that_was_cut_off_is_played_again_whole() {
        let played = play(&[(0, Some(Signal::Person)), (300, Some(Signal::Booked))], 3000);
        assert_eq!(
            played,
            "0:byr 250: 330:bg 400:g 900: 1200:byr 1450: 1530:byr 1780: 2030:byr 2280: 2360:byr 2610:yr"
        );
    }

    #[test]
    fn an_alarm_lets_the_answer_to_a_scan_end() {
        let played = play(&[(0, Some(Signal::Booked)), (1, Some(Signal::Person))], 1000);
        assert_eq!(played, "0:bg 70:g 570: 870:byr");
    }

    #[test]
    fn an_alarm_is_not_lost_however_many_signals_come() {
        let mut script: Vec<_> = (0..50).map(|scan| (scan * 100, Some(Signal::Booked))).collect();
        script.insert(3, (250, Some(Signal::Person)));
        let played = play(&script, 8000);
        let end = "4930:bg 5000:g 5500: 5800:byr 6050: 6130:byr 6380: 6630:byr 6880: 6960:byr 7210:yr";
        assert!(played.ends_with(end), "{played}");
    }

    #[test]
    fn a_seen_alarm_is_not_played_again_and_the_answer_to_the_ok_is() {
        let script = [(0, Some(Signal::Person)), (300, Some(Signal::Control)), (300, None)];
        assert_eq!(play(&script, 3000), "0:byr 250: 330:bgy 400: 480:bgy 550:gy 1050:");
    }

    #[test]
    fn a_state_lasts_until_it_changes() {
        let mut player = Player::default();
        assert_eq!(player.time_left(Duration::ZERO), None);
        player.play(Signal::Booked, Duration::from_millis(5));
        assert_eq!(player.time_left(Duration::from_millis(10)), Some(Duration::from_millis(65)));
        assert_eq!(player.time_left(Duration::from_millis(75)), Some(Duration::from_millis(500)));
        assert_eq!(player.time_left(Duration::from_millis(575)), None);
    }
}
