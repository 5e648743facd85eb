//! Recognition of a set-up code among the keys that a scanner types, whatever layout the scanner has.
//!
//! A station without configuration does not know the layout. So the keys are read in every known layout, and the layout
//! in which they are a set-up code with a correct check is the scanner's.

use std::time::Duration;

use crate::domain::decode::framing::Frame;
use crate::domain::decode::framing::Framing;
use crate::domain::decode::keymap::InputEvent;
use crate::domain::decode::keymap::KeyStream;
use crate::domain::decode::keymap::LAYOUTS;
use crate::domain::decode::keymap::LayoutName;
use crate::domain::time::BootMillis;
use crate::setup::SetupCode;

/// The longest pause within a code. Slow scanners take 20 ms a key.
const GAP: Duration = Duration::from_millis(500);

/// A set-up code that was typed.
#[derive(Debug)]
pub struct DetectedCode {
    /// The code.
    pub code: SetupCode,
    /// The layouts in which it was typed, at least one: layouts that type every character of it alike cannot be
    /// distinguished.
    pub layouts: Vec<LayoutName>,
}

/// The readers of the keys of one scanner, one for each layout.
#[derive(Debug)]
pub struct SetupCodeDetector(Vec<(LayoutName, KeyStream)>);

impl SetupCodeDetector {
    /// Returns the readers for a device that was opened at `opened`.
    pub fn new(opened: BootMillis) -> Self {
        // A frame soon after the opening is accepted: half a code has no correct check.
        let framing = Framing::unguarded(GAP);
        Self(LAYOUTS.iter().map(|(_, layout)| (*layout, KeyStream::new(*layout, framing, opened))).collect())
    }

    /// Takes an event, and returns the code that it completes.
    pub fn take(&mut self, event: InputEvent) -> Option<DetectedCode> {
        let mut heard: Option<DetectedCode> = None;
        let mut frames = Vec::new();
        for (layout, stream) in &mut self.0 {
            // Every stream gets every key, also after a find: all layouts that fit are reported.
            stream.take(event, &mut frames);
            let code = frames.drain(..).find_map(|frame: Frame| SetupCode::read(&frame.verdict.ok()?));
            match (&mut heard, code) {
                (Some(heard), Some(_same)) => heard.layouts.push(*layout),
                (None, Some(code)) => heard = Some(DetectedCode { code, layouts: vec![*layout] }),
                (_, None) => {}
            }
        }
        heard
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::domain::decode::keymap::EV_KEY;
    use crate::domain::decode::keymap::EV_SYN;
    use crate::domain::decode::keymap::Layout;
    use crate::domain::decode::keymap::Level;
    use crate::domain::decode::keymap::SYN_REPORT;
    use crate::domain::decode::keymap::Stroke;
    use crate::domain::ids::LocationId;
    use crate::setup::OneTimeSecret;

    const SHIFT: u16 = 42;
    const ALT_GR: u16 = 100;
    const ENTER: u16 = 28;

    /// Returns the key and the modifiers that type a character in a layout, if the layout has the character.
    fn keys(layout: &Layout, c: char) -> Option<Vec<u16>> {
        for (shift, alt_gr, held) in
            [(false, false, vec![]), (true, false, vec![SHIFT]), (false, true, vec![ALT_GR])]
        {
            let level = Level { shift, alt_gr, caps: false };
            if let Some(key) = layout.codes().find(|key| layout.stroke(*key, level) == Stroke::Char(c)) {
                return Some(held.into_iter().chain([key]).collect());
            }
        }
        None
    }

    fn typed(text: &str, layout: LayoutName) -> Option<Vec<InputEvent>> {
        let table = Layout::of(layout);
        let mut events = Vec::new();
        let mut at_us = 1_000_000;
        for keys in text.chars().map(|c| keys(&table, c)).chain([Some(vec![ENTER])]) {
            let keys = keys?;
            let down = keys.iter().map(|key| (*key, 1));
            for (code, value) in down.chain(keys.iter().rev().map(|key| (*key, 0))) {
                at_us += 2000;
                events.push(InputEvent { at_us, kind: EV_KEY, code, value });
                events.push(InputEvent { at_us, kind: EV_SYN, code: SYN_REPORT, value: 0 });
            }
        }
        Some(events)
    }

    #[test]
    fn a_code_is_heard_in_every_layout_and_names_one_that_types_it_so() {
        let code = SetupCode {
            name: "dock-1".to_owned(),
            location_id: LocationId(4564),
            address: Some("192.168.1.10:8481".parse().unwrap()),
            wifi: None,
            secret: OneTimeSecret::of(std::array::from_fn(|at| u8::try_from(at * 17 % 251).unwrap())),
        };
        let text = code.text().expose_secret().to_owned();
        let heard_in = |layout| -> Option<String> {
            let mut detector = SetupCodeDetector::new(BootMillis(0));
            let heard: Vec<_> =
                typed(&text, layout)?.into_iter().filter_map(|event| detector.take(event)).collect();
            let [heard] = heard.as_slice() else { panic!("heard {} times", heard.len()) };
            assert_eq!(heard.code.text().expose_secret(), text);
            let layouts: Vec<_> = heard.layouts.iter().map(|layout| layout.as_str()).collect();
            Some(layouts.join(","))
        };
        let told: Vec<_> =
            LAYOUTS.iter().map(|(word, layout)| (*word, heard_in(*layout).unwrap_or_default())).collect();
        let told: Vec<_> = told.iter().map(|(word, heard)| format!("{word}:{heard}")).collect();
        // A layout that types every character of the code like an earlier one cannot be distinguished from it. The
        // Russian one has no Latin letters: such a scanner types nothing that a station could read, and no codes of
        // goods either.
        assert_eq!(
            told.join(" "),
            "us:us,uk,pl uk:us,uk,pl de:de ch:ch,ch-fr ch-fr:ch,ch-fr fr:fr be:be es:es,it it:es,it pt:pt br:br \
             se:se,fi,no,dk fi:se,fi,no,dk no:se,fi,no,dk dk:se,fi,no,dk pl:us,uk,pl cz:cz cz-qwerty:cz-qwerty tr:tr \
             ru: jp:jp"
        );
    }

    #[test]
    fn goods_and_halves_of_codes_are_not_heard() {
        let mut detector = SetupCodeDetector::new(BootMillis(0));
        let events = typed("4006381333931", LayoutName::US).unwrap();
        assert!(events.into_iter().all(|event| detector.take(event).is_none()));
    }
}
