//! The pace of typing, which distinguishes a scanner that types from a person.
//!
//! A quick typist strikes a key every 60 ms, and sometimes two at once; a scanner presses one every 1 to 20 ms, code
//! after code, and ends with Enter. Only counts are kept, not what was typed, because that may be a password.

use crate::domain::decode::keymap::EV_KEY;
use crate::domain::decode::keymap::EV_SYN;
use crate::domain::decode::keymap::InputEvent;
use crate::domain::decode::keymap::SYN_DROPPED;

/// The fewest keys of a burst, without the one that ends it: the shortest codes in a shop have as many digits.
pub const BURST_KEYS_MIN: u32 = 6;
/// The longest time between two keys of a burst, in microseconds.
pub const BURST_STEP_US_MAX: i64 = 30_000;

/// The keys that end a code: Enter, and that of the number pad (`linux/input-event-codes.h`).
const ENDS: [u16; 2] = [28, 96];
/// Control, Shift, Alt and Super, left and right: pressed with a key, not beside it.
const MODIFIERS: [u16; 8] = [29, 97, 42, 54, 56, 100, 125, 126];

/// The pace of the typing so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Nothing was typed.
    Silent,
    /// Typed as people do.
    Person,
    /// As fast as a scanner, but not ended by Enter.
    Unended,
    /// As fast as a scanner, and ended by Enter.
    Scanner(Bursts),
}

/// Bursts that are a scanner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bursts {
    /// The number of bursts.
    pub count: u32,
    /// The number of keys of the last one, without Enter.
    pub keys: u32,
    /// The longest time from one of its keys to the next, in microseconds, 0..=[`BURST_STEP_US_MAX`].
    pub step_us: i64,
}

/// Watches the keys of one device.
#[derive(Debug, Default)]
pub struct Typing {
    last_us: Option<i64>,
    /// The number of keys that came fast one after the other, up to now, and their longest step.
    run: u32,
    step_us: i64,
    is_typed: bool,
    is_fast: bool,
    bursts: Option<Bursts>,
}

impl Typing {
    /// Processes an event, and returns true if it ends a burst.
    pub fn take(&mut self, event: InputEvent) -> bool {
        match (event.kind, event.code) {
            (EV_SYN, SYN_DROPPED) => {
                // Keys are missing here, so the time to the next one is not a step.
                self.last_us = None;
                false
            }
            (EV_KEY, key) if event.value == 1 && !MODIFIERS.contains(&key) => self.press(key, event.at_us),
            _ => false,
        }
    }

    /// Returns the pace of the typing so far.
    pub const fn pace(&self) -> Pace {
        match (self.bursts, self.is_fast, self.is_typed) {
            (Some(bursts), _, _) => Pace::Scanner(bursts),
            (None, true, _) => Pace::Unended,
            (None, false, true) => Pace::Person,
            (None, false, false) => Pace::Silent,
        }
    }

    fn press(&mut self, key: u16, at_us: i64) -> bool {
        self.is_typed = true;
        let step_us = self.last_us.replace(at_us).map(|last_us| at_us.saturating_sub(last_us));
        if let Some(step_us) = step_us.filter(|step_us| (0..=BURST_STEP_US_MAX).contains(step_us)) {
            self.step_us = self.step_us.max(step_us);
        } else {
            (self.run, self.step_us) = (0, 0);
        }
        let is_end = ENDS.contains(&key);
        let is_burst = is_end && self.run >= BURST_KEYS_MIN;
        if is_burst {
            let count = self.bursts.map_or(0, |bursts| bursts.count).saturating_add(1);
            self.bursts = Some(Bursts { count, keys: self.run, step_us: self.step_us });
        }
        if is_end {
            // The next key begins a run of its own.
            (self.run, self.step_us, self.last_us) = (0, 0, None);
        } else {
            self.run = self.run.saturating_add(1);
            self.is_fast |= self.run >= BURST_KEYS_MIN;
        }
        is_burst
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const ENTER: u16 = 28;
    const KEY_1: u16 = 2;

    fn press(at_us: i64, code: u16) -> InputEvent {
        InputEvent { at_us, kind: EV_KEY, code, value: 1 }
    }

    /// Returns the pace of these keys, each so many microseconds after the one before it, and the number of bursts they
    /// ended.
    fn typed(keys: &[(i64, u16)]) -> (Pace, usize) {
        let (mut typing, mut now, mut ends) = (Typing::default(), 1_000_000, 0);
        for &(step_us, key) in keys {
            now += step_us;
            ends += usize::from(typing.take(press(now, key)));
            typing.take(InputEvent { value: 0, ..press(now, key) });
        }
        (typing.pace(), ends)
    }

    fn code(keys: usize, step_us: i64) -> Vec<(i64, u16)> {
        let mut code = vec![(step_us, KEY_1); keys];
        code[0].0 = 2_000_000;
        [code, vec![(step_us, ENTER)]].concat()
    }

    #[test]
    fn six_fast_keys_and_enter_are_a_scanners() {
        let bursts = Bursts { count: 1, keys: 6, step_us: 30_000 };
        assert_eq!(typed(&code(6, 30_000)), (Pace::Scanner(bursts), 1));
        assert_eq!(typed(&code(5, 1_000)), (Pace::Person, 0));
        assert_eq!(typed(&code(13, 30_001)), (Pace::Person, 0));
        let twice = [code(13, 1_000), code(8, 2_000)].concat();
        assert_eq!(typed(&twice), (Pace::Scanner(Bursts { count: 2, keys: 8, step_us: 2_000 }), 2));
    }

    #[test]
    fn one_slow_key_begins_anew() {
        let mut slow = code(11, 1_000);
        slow[5].0 = 31_000;
        // Six keys from the slow one on.
        assert_eq!(typed(&slow), (Pace::Scanner(Bursts { count: 1, keys: 6, step_us: 1_000 }), 1));
        slow[6].0 = 31_000;
        assert_eq!(typed(&slow), (Pace::Person, 0));
    }

    #[test]
    fn a_person_is_no_scanner_and_silence_is_nobody() {
        assert_eq!(typed(&[]), (Pace::Silent, 0));
        assert_eq!(typed(&code(60, 60_000)), (Pace::Person, 0));
        // Two keys at once, again and again.
        let rolled: Vec<_> = (0..40).map(|key| (if key % 2 == 0 { 120_000 } else { 8_000 }, KEY_1)).collect();
        assert_eq!(typed(&[rolled, vec![(10_000, ENTER)]].concat()), (Pace::Person, 0));
    }

    #[test]
    fn fast_keys_without_enter_are_told() {
        assert_eq!(typed(&code(13, 1_000)[..13]), (Pace::Unended, 0));
        let late = [&code(13, 1_000)[..13], &[(500_000, ENTER)]].concat();
        assert_eq!(typed(&late), (Pace::Unended, 0));
    }

    #[test]
    fn shift_is_pressed_with_a_key_and_autorepeat_is_no_key() {
        let mut typing = Typing::default();
        for at_us in 0..6 {
            assert!(!typing.take(press(at_us * 10_000, 42)));
            assert!(!typing.take(press(at_us * 10_000 + 5_000, KEY_1)));
        }
        assert!(typing.take(press(60_000, ENTER)));
        let mut held = Typing::default();
        held.take(press(0, KEY_1));
        for at_us in 1..40 {
            held.take(InputEvent { value: 2, ..press(at_us * 25_000, KEY_1) });
        }
        assert_eq!(held.pace(), Pace::Person);
    }

    #[test]
    fn lost_events_join_no_two_runs() {
        let mut typing = Typing::default();
        for at_us in 0..5 {
            typing.take(press(at_us * 1_000, KEY_1));
        }
        typing.take(InputEvent { at_us: 5_000, kind: EV_SYN, code: SYN_DROPPED, value: 0 });
        typing.take(press(6_000, KEY_1));
        assert!(!typing.take(press(7_000, ENTER)));
        assert_eq!(typing.pace(), Pace::Person);
    }

    proptest! {
        #[test]
        fn slow_typing_is_never_a_scanners(keys in vec((30_001..1_000_000_i64, 1..128_u16), 0..80)) {
            let (pace, ends) = typed(&keys);
            prop_assert!(matches!(pace, Pace::Silent | Pace::Person) && ends == 0);
        }

        #[test]
        fn any_events_are_counted(events in vec((any::<i64>(), 0..5_u16, any::<u16>(), any::<i32>()), 0..80)) {
            let mut typing = Typing::default();
            let mut ends = 0;
            for (at_us, kind, code, value) in events {
                ends += u32::from(typing.take(InputEvent { at_us, kind, code, value }));
            }
            let told = if let Pace::Scanner(bursts) = typing.pace() { bursts.count } else { 0 };
            prop_assert_eq!(told, ends);
        }
    }
}
