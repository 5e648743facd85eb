//! Keyboard layouts: the character that a key types, by the modifiers that are held.
//!
//! The tables are text files beside this one, made from XKB's own (`tests/it/scanners/layouts.rs` makes and checks them).
//! A line is a key: its code (`linux/include/uapi/linux/input-event-codes.h`), what it types plain, with Shift,
//! with `AltGr` and with both, and what Caps Lock makes of these:
//!
//! - `=` the same, `^` plain and Shift change places, `^^` those with `AltGr` too; else all four are written out.
//! - A character stands for itself; `space`, or `U+00A0` where it cannot be seen.
//! - `dead:^` types nothing by itself, and `^` with the space bar or pressed twice.
//! - `none` types nothing, or an accent that no ASCII character needs.

use std::fmt;

/// `KEY_102ND`, beside the left Shift.
const EUROPEAN_KEY: u16 = 86;

/// A layout that a scanner can be set to.
#[derive(Clone, Copy)]
pub struct LayoutName {
    name: &'static str,
    table: &'static str,
}

/// Each layout with the word for it in the configuration.
pub const LAYOUTS: [(&str, LayoutName); 21] = [
    layout("us", include_str!("layouts/us.txt")),
    layout("uk", include_str!("layouts/uk.txt")),
    layout("de", include_str!("layouts/de.txt")),
    layout("ch", include_str!("layouts/ch.txt")),
    layout("ch-fr", include_str!("layouts/ch-fr.txt")),
    layout("fr", include_str!("layouts/fr.txt")),
    layout("be", include_str!("layouts/be.txt")),
    layout("es", include_str!("layouts/es.txt")),
    layout("it", include_str!("layouts/it.txt")),
    layout("pt", include_str!("layouts/pt.txt")),
    layout("br", include_str!("layouts/br.txt")),
    layout("se", include_str!("layouts/se.txt")),
    layout("fi", include_str!("layouts/fi.txt")),
    layout("no", include_str!("layouts/no.txt")),
    layout("dk", include_str!("layouts/dk.txt")),
    layout("pl", include_str!("layouts/pl.txt")),
    layout("cz", include_str!("layouts/cz.txt")),
    layout("cz-qwerty", include_str!("layouts/cz-qwerty.txt")),
    layout("tr", include_str!("layouts/tr.txt")),
    layout("ru", include_str!("layouts/ru.txt")),
    layout("jp", include_str!("layouts/jp.txt")),
];

const fn layout(name: &'static str, table: &'static str) -> (&'static str, LayoutName) {
    (name, LayoutName { name, table })
}

impl LayoutName {
    /// The layout of scanners as they come out of the box.
    pub const US: Self = LAYOUTS[0].1;

    /// Returns the layout of this name.
    pub fn from_word(word: &str) -> Option<Self> {
        LAYOUTS.iter().find(|(name, _)| *name == word).map(|(_, layout)| *layout)
    }

    /// Returns the word for it in the configuration.
    pub const fn as_str(self) -> &'static str {
        self.name
    }

    /// Returns its table, as text.
    pub const fn table(self) -> &'static str {
        self.table
    }
}

impl PartialEq for LayoutName {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for LayoutName {}

impl fmt::Debug for LayoutName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The effect of pressing a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stroke {
    /// This character.
    Char(char),
    /// This character, once the space bar or the same key follows.
    Dead(char),
    /// No character.
    Nothing,
}

/// The modifiers that choose among the characters of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Level {
    /// Shift is held.
    pub shift: bool,
    /// `AltGr` is held.
    pub alt_gr: bool,
    /// Caps Lock is on.
    pub caps: bool,
}

/// The effects of one key, at each level.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    code: u16,
    /// Plain, Shift, `AltGr`, both.
    strokes: [Stroke; 4],
    /// The same with Caps Lock.
    caps: [Stroke; 4],
}

/// The table of a layout, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    keys: Vec<Key>,
}

impl Layout {
    /// Reads the table of a layout.
    pub fn of(name: LayoutName) -> Self {
        Self { keys: name.table.lines().filter_map(key).collect() }
    }

    /// Returns what the key `code` types; a key that the layout does not have types nothing.
    pub fn stroke(&self, code: u16, level: Level) -> Stroke {
        let Some(key) = self.keys.iter().find(|key| key.code == code) else { return Stroke::Nothing };
        let [plain, shift, alt_gr, both] = if level.caps { key.caps } else { key.strokes };
        match (level.shift, level.alt_gr) {
            (false, false) => plain,
            (true, false) => shift,
            (false, true) => alt_gr,
            (true, true) => both,
        }
    }

    /// Returns true if any key types something else with `AltGr`; where none does, that key is a second Alt.
    pub fn has_alt_gr(&self) -> bool {
        // XKB has a bar there on the key of European keyboards in layouts that have no `AltGr` either.
        self.keys.iter().filter(|key| key.code != EUROPEAN_KEY).any(|key| {
            let [plain, _, alt_gr, _] = key.strokes;
            alt_gr != Stroke::Nothing && alt_gr != plain
        })
    }

    /// Returns the codes of its keys.
    pub fn codes(&self) -> impl Iterator<Item = u16> {
        self.keys.iter().map(|key| key.code)
    }
}

/// Reads one line of a table; `None` for a comment. A line that is neither would be a fault of the program, which a
/// test of every table rules out.
fn key(line: &str) -> Option<Key> {
    let mut words = line.split_whitespace();
    let code = words.next()?.parse().ok()?;
    let strokes = four(&mut words)?;
    let [plain, shift, alt_gr, both] = strokes;
    // A sign for all four stands alone; `=` and `^` are also characters of a list that is written out.
    let mut rest = words.clone();
    let caps = match (rest.next()?, rest.next()) {
        ("=", None) => strokes,
        ("^", None) => [shift, plain, alt_gr, both],
        ("^^", None) => [shift, plain, both, alt_gr],
        _ => four(&mut words)?,
    };
    Some(Key { code, strokes, caps })
}

fn four<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<[Stroke; 4]> {
    Some([stroke(words.next()?)?, stroke(words.next()?)?, stroke(words.next()?)?, stroke(words.next()?)?])
}

fn stroke(word: &str) -> Option<Stroke> {
    if word == "none" {
        return Some(Stroke::Nothing);
    }
    match word.strip_prefix("dead:") {
        Some(accent) => character(accent).map(Stroke::Dead),
        None => character(word).map(Stroke::Char),
    }
}

fn character(word: &str) -> Option<char> {
    if word == "space" {
        return Some(' ');
    }
    let mut chars = word.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Some(c),
        _ => char::from_u32(u32::from_str_radix(word.strip_prefix("U+")?, 16).ok()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_every_table_is_a_comment_or_a_key_of_its_own() {
        for (name, layout) in LAYOUTS {
            let mut codes = Vec::new();
            for line in layout.table().lines() {
                match key(line) {
                    Some(key) => codes.push(key.code),
                    None => assert!(line.starts_with('#'), "{name}: {line}"),
                }
            }
            assert!(codes.len() >= 48, "{name} has {} keys", codes.len());
            assert!(codes.is_sorted_by(|one, other| one < other), "{name}: {codes:?}");
        }
    }

    #[test]
    fn every_layout_types_every_digit_and_is_found_by_its_name() {
        for (name, layout) in LAYOUTS {
            assert_eq!(LayoutName::from_word(name), Some(layout));
            let table = Layout::of(layout);
            let levels = [false, true].map(|shift| Level { shift, ..Level::default() });
            for digit in '0'..='9' {
                let typed =
                    |code| levels.iter().any(|level| table.stroke(code, *level) == Stroke::Char(digit));
                assert!((2..12).any(typed), "{name} has no {digit}");
            }
        }
        assert_eq!(LayoutName::from_word("xx"), None);
    }

    #[test]
    fn a_line_is_read_in_each_of_its_forms() {
        let strokes = |line| key(line).map(|key| (key.code, key.strokes, key.caps)).unwrap();
        let (a, b, none) = (Stroke::Char('a'), Stroke::Char('A'), Stroke::Nothing);
        assert_eq!(strokes("30 a A none none ="), (30, [a, b, none, none], [a, b, none, none]));
        assert_eq!(strokes("30 a A none a ^"), (30, [a, b, none, a], [b, a, none, a]));
        assert_eq!(strokes("30 a A none a ^^"), (30, [a, b, none, a], [b, a, a, none]));
        assert_eq!(strokes("30 a A none a A A A A"), (30, [a, b, none, a], [b; 4]));
        let (dead, space, hard) = (Stroke::Dead('^'), Stroke::Char(' '), Stroke::Char('\u{a0}'));
        assert_eq!(strokes("41 dead:^ space U+00A0 = =").1, [dead, space, hard, Stroke::Char('=')]);
        for wrong in
            ["# comment", "", "30 a A", "30 a A none none", "30 a A none none ^ =", "x a A none none ="]
        {
            assert_eq!(key(wrong), None, "{wrong}");
        }
    }
}
