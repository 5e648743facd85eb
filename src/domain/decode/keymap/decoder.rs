//! From keys to characters: the meaning of the presses and releases of a scanner that types like a keyboard.
//!
//! A press counts once, however long it lasts: repetitions are the kernel's, and `00` is two presses. Whatever is
//! not plainly one character is *unclear*, never left out: a key that types nothing, a combination that is a
//! command, a combination not finished, a release without its press.
//!
//! Besides plain keys, Shift, Caps Lock and `AltGr` it understands: the number pad, with or without Num Lock; Ctrl and
//! Alt together as `AltGr`, which is how Windows reads it; Ctrl with a letter or a bracket (`Ctrl+]` is GS); a code
//! typed on the number pad while Alt is held (`Alt+029` and `Alt+0029` are GS); Ctrl, Shift and U, then a code in
//! hexadecimal; accents, with the space bar or pressed twice; the arrow down as an end.

use crate::domain::decode::keymap::layout::Layout;
use crate::domain::decode::keymap::layout::LayoutName;
use crate::domain::decode::keymap::layout::Level;
use crate::domain::decode::keymap::layout::Stroke;

/// The most keys held at once: more than a person has fingers, and a report of a USB keyboard holds six.
const KEYS_DOWN_MAX: usize = 32;
/// The most digits of a code on the number pad: `Alt+00255` is the longest that anybody documents.
const PAD_DIGITS_MAX: usize = 5;
/// The most digits of a code in hexadecimal: the highest character is 10FFFF.
const HEX_DIGITS_MAX: usize = 6;

/// Keys by their codes (`linux/include/uapi/linux/input-event-codes.h`).
mod key {
    pub(super) const TAB: u16 = 15;
    pub(super) const ENTER: u16 = 28;
    pub(super) const LEFT_CTRL: u16 = 29;
    pub(super) const LEFT_SHIFT: u16 = 42;
    pub(super) const RIGHT_SHIFT: u16 = 54;
    pub(super) const LEFT_ALT: u16 = 56;
    pub(super) const SPACE: u16 = 57;
    pub(super) const CAPS_LOCK: u16 = 58;
    pub(super) const NUM_LOCK: u16 = 69;
    pub(super) const SCROLL_LOCK: u16 = 70;
    pub(super) const PAD_ENTER: u16 = 96;
    pub(super) const RIGHT_CTRL: u16 = 97;
    pub(super) const RIGHT_ALT: u16 = 100;
    pub(super) const LINE_FEED: u16 = 101;
    pub(super) const DOWN: u16 = 108;
}

/// A change of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyChange {
    /// It was released.
    Release,
    /// It was pressed.
    Press,
    /// It is still held.
    Repeat,
}

/// The result of a change of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Typed {
    /// True if something before `text` could not be read.
    pub(super) unclear: bool,
    /// The character, which may be a terminator.
    pub(super) text: Option<char>,
}

impl Typed {
    const NOTHING: Self = Self { unclear: false, text: None };
    const UNCLEAR: Self = Self { unclear: true, text: None };

    const fn text(c: char) -> Self {
        Self { unclear: false, text: Some(c) }
    }
}

/// A combination that is begun and types nothing yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    Nothing,
    /// An accent.
    Accent(char),
    /// A code on the number pad, ended by the release of Alt.
    PadCode(Digits),
    /// A code in hexadecimal, ended by Space or Enter, or by the release of Ctrl.
    HexCode(Digits),
}

/// Digits of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Digits {
    count: usize,
    value: u32,
    led_by_zero: bool,
}

impl Digits {
    /// Returns these digits and one more, unless there are `count_max`.
    fn and(self, digit: u32, radix: u32, count_max: usize) -> Option<Self> {
        if self.count >= count_max {
            return None;
        }
        Some(Self {
            count: self.count.saturating_add(1),
            value: self.value.saturating_mul(radix).saturating_add(digit),
            led_by_zero: self.led_by_zero || self.count == 0 && digit == 0,
        })
    }

    /// Returns the character of a code on the number pad. Below 128 all code pages agree. From 160 on only codes led by
    /// a zero have one, because they are of Windows-1252, which is Latin-1 there; others are of an unknown page.
    fn pad_character(self) -> Option<char> {
        let known = (1..128).contains(&self.value) || self.led_by_zero && (160..256).contains(&self.value);
        char::from_u32(self.value).filter(|_| known)
    }

    fn hex_character(self) -> Option<char> {
        char::from_u32(self.value).filter(|_| self.value != 0)
    }
}

/// The modifiers in force.
#[derive(Debug, Clone, Copy)]
struct Held {
    level: Level,
    ctrl: bool,
    alt: bool,
}

/// One scanner's keyboard.
#[derive(Debug)]
pub(super) struct KeyDecoder {
    layout: Layout,
    /// The US layout, for Ctrl with a key that has another character in `layout`: scanners send what the key is on a US
    /// keyboard.
    us: Layout,
    /// The keys that are down, at most [`KEYS_DOWN_MAX`].
    down: Vec<u16>,
    caps: bool,
    begun: Begun,
    /// True if keys may be down that nobody saw pressed.
    unseen_keys: bool,
    /// True if Caps Lock may have been pressed unseen.
    unseen_caps: bool,
}

impl KeyDecoder {
    /// Returns a keyboard of which nothing was seen yet. Keys may be down; Caps Lock is off.
    pub(super) fn new(layout: LayoutName) -> Self {
        Self {
            layout: Layout::of(layout),
            us: Layout::of(LayoutName::US),
            down: Vec::new(),
            caps: false,
            begun: Begun::Nothing,
            unseen_keys: true,
            unseen_caps: false,
        }
    }

    /// Processes a change of a key, and returns what it types.
    pub(super) fn key(&mut self, code: u16, change: KeyChange) -> Typed {
        match (change, self.down.contains(&code)) {
            (KeyChange::Press, false) => self.press(code),
            (KeyChange::Release, true) => self.release(code),
            (KeyChange::Repeat, true) => Typed::NOTHING,
            // The key went down before the keyboard was opened: it is part of no code.
            (KeyChange::Release | KeyChange::Repeat, false) if self.unseen_keys => Typed::NOTHING,
            // A press or a release went by unseen.
            (KeyChange::Press, true) | (KeyChange::Release | KeyChange::Repeat, false) => Typed::UNCLEAR,
        }
    }

    /// Returns true if a combination is begun that has typed nothing yet.
    pub(super) fn is_midway(&self) -> bool {
        self.begun != Begun::Nothing
    }

    /// Returns true if no key is down and nothing is begun.
    pub(super) fn is_at_rest(&self) -> bool {
        self.down.is_empty() && !self.is_midway()
    }

    /// Forgets the combination that is begun.
    pub(super) fn give_up(&mut self) {
        self.begun = Begun::Nothing;
    }

    /// Forgets the keys that are held and the combination that is begun, because events were lost. Caps Lock is no
    /// longer known either.
    pub(super) fn lose(&mut self) {
        self.down.clear();
        self.give_up();
        (self.unseen_keys, self.unseen_caps) = (true, true);
    }

    /// Notes that the keyboard was silent for as long as no code pauses. A scanner that presses Caps Lock does it in
    /// pairs around a code, so where a press may have been lost it is off again.
    pub(super) fn settle(&mut self) {
        if self.unseen_caps {
            (self.caps, self.unseen_caps) = (false, false);
        }
    }

    fn press(&mut self, code: u16) -> Typed {
        if self.down.len() >= KEYS_DOWN_MAX {
            return Typed::UNCLEAR;
        }
        self.down.push(code);
        match code {
            key::CAPS_LOCK => {
                self.caps = !self.caps;
                Typed::NOTHING
            }
            key::LEFT_SHIFT
            | key::RIGHT_SHIFT
            | key::LEFT_CTRL
            | key::RIGHT_CTRL
            | key::LEFT_ALT
            | key::RIGHT_ALT
            | key::NUM_LOCK
            | key::SCROLL_LOCK => Typed::NOTHING,
            _ => {
                self.unseen_keys = false;
                self.strike(code, self.held())
            }
        }
    }

    fn release(&mut self, code: u16) -> Typed {
        self.down.retain(|down| *down != code);
        let held = self.held();
        match self.begun {
            Begun::PadCode(digits) if !held.alt => self.end(digits.pad_character()),
            // Digits typed while Ctrl is still held; it may be released before the first.
            Begun::HexCode(digits) if digits.count > 0 && is_ctrl(code) && !held.ctrl => {
                self.end(digits.hex_character())
            }
            _ => Typed::NOTHING,
        }
    }

    fn held(&self) -> Held {
        let any = |codes: [u16; 2]| codes.iter().any(|code| self.down.contains(code));
        let right_alt = self.down.contains(&key::RIGHT_ALT);
        let alt_gr = right_alt && self.layout.has_alt_gr();
        let shift = any([key::LEFT_SHIFT, key::RIGHT_SHIFT]);
        Held {
            level: Level { shift, alt_gr, caps: self.caps },
            ctrl: any([key::LEFT_CTRL, key::RIGHT_CTRL]),
            // Where a layout has no AltGr, that key is a second Alt.
            alt: self.down.contains(&key::LEFT_ALT) || right_alt && !alt_gr,
        }
    }

    /// Takes the press of a key that is no modifier.
    fn strike(&mut self, code: u16, held: Held) -> Typed {
        // An end ends the frame whatever is held or begun, so that two codes never become one.
        if let Some(end) = terminator(code) {
            return self.terminate(end, held);
        }
        match self.begun {
            Begun::HexCode(digits) => self.hex_digit(code, digits, held),
            _ if held.alt && !held.ctrl => self.pad_digit(code),
            Begun::PadCode(_) => self.unclear(),
            _ if held.ctrl && !held.alt => self.command(code, held),
            Begun::Nothing | Begun::Accent(_) => self.character(code, held),
        }
    }

    fn terminate(&mut self, end: char, held: Held) -> Typed {
        match self.begun {
            Begun::HexCode(digits) if end == '\r' && digits.count > 0 && !held.alt && !held.ctrl => {
                self.end(digits.hex_character())
            }
            begun => {
                self.give_up();
                let unclear = begun != Begun::Nothing || held.ctrl || held.alt;
                Typed { unclear, text: Some(end) }
            }
        }
    }

    /// Takes a key with Shift and `AltGr` at most, or with Ctrl and Alt in place of that.
    fn character(&mut self, code: u16, held: Held) -> Typed {
        let level = Level { alt_gr: held.level.alt_gr || held.alt, ..held.level };
        let stroke = self.stroke(code, level);
        // The state of Caps Lock is unknown, and this key types something else with it.
        if self.unseen_caps && stroke != self.stroke(code, Level { caps: !level.caps, ..level }) {
            return self.unclear();
        }
        match (self.begun, stroke) {
            (Begun::Nothing, Stroke::Char(c)) => Typed::text(c),
            (Begun::Nothing, Stroke::Dead(accent)) => {
                self.begun = Begun::Accent(accent);
                Typed::NOTHING
            }
            (Begun::Accent(accent), Stroke::Char(' ')) => self.end(Some(accent)),
            (Begun::Accent(accent), Stroke::Dead(again)) if again == accent => self.end(Some(accent)),
            _ => self.unclear(),
        }
    }

    fn stroke(&self, code: u16, level: Level) -> Stroke {
        match pad_character(code) {
            Some(c) if !level.shift && !level.alt_gr => Stroke::Char(c),
            Some(_) | None => self.layout.stroke(code, level),
        }
    }

    /// Takes a key with Ctrl: a control character, or the start of a code in hexadecimal.
    fn command(&mut self, code: u16, held: Held) -> Typed {
        if self.begun != Begun::Nothing {
            return self.unclear();
        }
        // GTK and IBus take characters in this way: Ctrl+Shift+U, then the number.
        if held.level.shift && self.layout.stroke(code, Level::default()) == Stroke::Char('u') {
            self.begun = Begun::HexCode(Digits::default());
            return Typed::NOTHING;
        }
        let level = Level { caps: false, ..held.level };
        // Shift may be needed to reach the sign (`Ctrl+_` is US on a US keyboard), or be held without need.
        let plain = Level { shift: false, ..level };
        let made = self.controlled(code, level).or_else(|| self.controlled(code, plain));
        made.map_or(Typed::UNCLEAR, Typed::text)
    }

    /// Returns the control character of a key, by its own layout or else by the US one. If either makes the separator,
    /// the separator is returned: scanners send Ctrl with the bracket's key of a US keyboard, whatever the layout has
    /// there.
    fn controlled(&self, code: u16, level: Level) -> Option<char> {
        let made = [&self.layout, &self.us].map(|layout| control(layout.stroke(code, level)));
        if made.contains(&Some(SEPARATOR)) { Some(SEPARATOR) } else { made.into_iter().flatten().next() }
    }

    fn pad_digit(&mut self, code: u16) -> Typed {
        let digits = match self.begun {
            Begun::Nothing => Some(Digits::default()),
            Begun::PadCode(digits) => Some(digits),
            Begun::Accent(_) | Begun::HexCode(_) => None,
        };
        let digit = pad_character(code).and_then(|c| c.to_digit(10));
        let more = digits.zip(digit).and_then(|(digits, digit)| digits.and(digit, 10, PAD_DIGITS_MAX));
        self.go_on(more.map(Begun::PadCode))
    }

    fn hex_digit(&mut self, code: u16, digits: Digits, held: Held) -> Typed {
        if held.alt || held.level.alt_gr {
            return self.unclear();
        }
        if code == key::SPACE && digits.count > 0 {
            return self.end(digits.hex_character());
        }
        let digit = pad_character(code).and_then(|c| c.to_digit(16)).or_else(|| {
            // The digits need Shift in some layouts, such as the French one.
            let levels = [false, true].map(|shift| Level { shift, ..Level::default() });
            levels.into_iter().find_map(|level| match self.layout.stroke(code, level) {
                Stroke::Char(c) => c.to_digit(16),
                Stroke::Dead(_) | Stroke::Nothing => None,
            })
        });
        self.go_on(digit.and_then(|digit| digits.and(digit, 16, HEX_DIGITS_MAX)).map(Begun::HexCode))
    }

    fn go_on(&mut self, more: Option<Begun>) -> Typed {
        match more {
            Some(begun) => {
                self.begun = begun;
                Typed::NOTHING
            }
            None => self.unclear(),
        }
    }

    /// Ends the combination that is begun with the character it makes, if it makes one.
    fn end(&mut self, made: Option<char>) -> Typed {
        self.give_up();
        made.map_or(Typed::UNCLEAR, Typed::text)
    }

    fn unclear(&mut self) -> Typed {
        self.give_up();
        Typed::UNCLEAR
    }
}

const fn is_ctrl(code: u16) -> bool {
    matches!(code, key::LEFT_CTRL | key::RIGHT_CTRL)
}

const fn terminator(code: u16) -> Option<char> {
    match code {
        key::ENTER | key::PAD_ENTER => Some('\r'),
        key::TAB => Some('\t'),
        // Scanners that fill in spreadsheets press these to reach the next row.
        key::LINE_FEED | key::DOWN => Some('\n'),
        _ => None,
    }
}

/// The separator of GS1 elements, Ctrl and `]`.
const SEPARATOR: char = '\u{1d}';

/// Returns the character of a key on the number pad; its decimal sign is in the layouts. Without Num Lock a scanner
/// means the same, because it has no cursor to move.
const fn pad_character(code: u16) -> Option<char> {
    match code {
        55 => Some('*'),
        71 => Some('7'),
        72 => Some('8'),
        73 => Some('9'),
        74 => Some('-'),
        75 => Some('4'),
        76 => Some('5'),
        77 => Some('6'),
        78 => Some('+'),
        79 => Some('1'),
        80 => Some('2'),
        81 => Some('3'),
        82 => Some('0'),
        98 => Some('/'),
        117 => Some('='),
        _ => None,
    }
}

/// Returns the control character that Ctrl makes of a key: the lower five bits of its ASCII code, as terminals have it.
fn control(stroke: Stroke) -> Option<char> {
    let Stroke::Char(c @ ('@'..='_' | 'a'..='z')) = stroke else { return None };
    char::from_u32(u32::from(c) & 0x1f)
}
