//! Text from outside, shown harmlessly: on a terminal, in a log, on the station page.
//!
//! Promises: [`printable`] shows nothing as it is that moves a cursor, turns the direction of writing or is invisible,
//! and no more than [`SHOWN_CHARS_MAX`] characters. The output is for people to read, not for programs to read back.

use std::borrow::Cow;
use std::fmt;
use std::fmt::Write;

/// The most characters shown, ellipsis apart. It holds any code that people type or compare by eye, and keeps a table
/// row on one line.
pub const SHOWN_CHARS_MAX: usize = 128;

/// Shows `text`, cut off at [`SHOWN_CHARS_MAX`]. A control character that may stand in a code is shown by its name
/// (`<GS>`, `<CR>`), any other character that is not plainly visible as `\u{..}`.
pub fn printable(text: &str) -> impl fmt::Display {
    Shown(text.as_bytes())
}

/// Shows bytes that may not be UTF-8, such as those of a refused frame: as [`printable`] does, with each byte that is
/// no character as `\x..`.
pub fn printable_bytes(bytes: &[u8]) -> impl fmt::Display {
    Shown(bytes)
}

/// Returns a whole text as it may leave the program: characters that command a terminal or turn the direction of
/// writing are written as JSON writes them (RFC 8259, section 7), `\u009b`, so that a JSON text stays the same text.
/// Nothing else is changed: line breaks, and the colours that the program itself adds, stay.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmful(c) {
            let _written = write!(shown, "\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Returns true for a control character of C1, or one that turns the direction of writing (Unicode, UAX #9, section 2).
const fn is_harmful(c: char) -> bool {
    matches!(
        c,
        '\u{80}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

struct Shown<'a>(&'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut room = SHOWN_CHARS_MAX;
        let mut piece = String::new();
        for chunk in self.0.utf8_chunks() {
            let characters = chunk.valid().chars().map(Unit::Character);
            let bytes = chunk.invalid().iter().copied().map(Unit::Byte);
            for unit in characters.chain(bytes) {
                piece.clear();
                unit.write(&mut piece)?;
                // A unit that does not fit is left out whole: a part of `\u{..}` would read as something else.
                let Some(left) = room.checked_sub(piece.chars().count()) else { return f.write_char('…') };
                room = left;
                f.write_str(&piece)?;
            }
        }
        Ok(())
    }
}

/// A unit that is shown whole or not at all.
enum Unit {
    Character(char),
    Byte(u8),
}

impl Unit {
    fn write(&self, piece: &mut String) -> fmt::Result {
        if let Self::Character(c) = *self
            && let Some(name) = separator(c)
        {
            return write!(piece, "<{name}>");
        }
        match *self {
            Self::Character(c) if is_visible(c) => piece.write_char(c),
            Self::Character(c) => write!(piece, "{}", c.escape_unicode()),
            Self::Byte(byte) => write!(piece, "\\x{byte:02x}"),
        }
    }
}

/// Returns the name of a control character that may stand in a code.
const fn separator(c: char) -> Option<&'static str> {
    match c {
        '\u{4}' => Some("EOT"),
        '\u{1c}' => Some("FS"),
        '\u{1d}' => Some("GS"),
        '\u{1e}' => Some("RS"),
        '\u{1f}' => Some("US"),
        '\r' => Some("CR"),
        '\n' => Some("LF"),
        '\t' => Some("TAB"),
        '\0' => Some("NUL"),
        _ => None,
    }
}

/// Returns true if `c` can be seen and does nothing else. `escape_debug` leaves alone the characters that it knows to
/// be printable: no control or format characters, no marks that join others, nothing unassigned. Beside that it escapes
/// quotes and the backslash, which are harmless, and lets through five blank letters.
fn is_visible(c: char) -> bool {
    match c {
        '\\' | '"' | '\'' => true,
        '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}' => false,
        _ => c.escape_debug().count() == 1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn show(text: &str) -> String {
        printable(text).to_string()
    }

    #[test]
    fn plain_text_is_shown_as_it_is() {
        for text in ["", "4006381333931", "a b", "C:\\x \"y\" 'z'", "Шампунь", "洗发水", "é"] {
            assert_eq!(show(text), text);
        }
    }

    #[test]
    fn what_moves_turns_or_hides_is_spelled_out() {
        assert_eq!(show("0104\u{1d}10"), "0104<GS>10");
        assert_eq!(show("[)>\u{1e}06\u{1c}\u{1f}\u{1e}\u{4}"), "[)><RS>06<FS><US><RS><EOT>");
        assert_eq!(show("\u{1b}[2J\r\n\t\0\u{7f}\u{9b}"), r"\u{1b}[2J<CR><LF><TAB><NUL>\u{7f}\u{9b}");
        assert_eq!(show("a\u{202e}b\u{2066}c\u{200f}"), r"a\u{202e}b\u{2066}c\u{200f}");
        assert_eq!(
            show("a\u{200b}\u{200d}\u{feff}\u{ad}\u{2060}"),
            r"a\u{200b}\u{200d}\u{feff}\u{ad}\u{2060}"
        );
        assert_eq!(show("e\u{301}\u{a0}\u{2028}\u{3164}\u{e000}"), r"e\u{301}\u{a0}\u{2028}\u{3164}\u{e000}");
    }

    #[test]
    fn bytes_that_are_no_characters_are_shown_as_bytes() {
        assert_eq!(printable_bytes(b"12\xff3\xc3\x1d").to_string(), r"12\xff3\xc3<GS>");
        assert_eq!(printable_bytes("é".as_bytes()).to_string(), "é");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(show(&"7".repeat(SHOWN_CHARS_MAX)), "7".repeat(SHOWN_CHARS_MAX));
        assert_eq!(show(&"7".repeat(SHOWN_CHARS_MAX + 1)), format!("{}…", "7".repeat(SHOWN_CHARS_MAX)));
        let last_does_not_fit = format!("{}\u{1}", "7".repeat(SHOWN_CHARS_MAX - 4));
        assert_eq!(show(&last_does_not_fit), format!("{}…", "7".repeat(SHOWN_CHARS_MAX - 4)));
    }

    #[test]
    fn a_json_text_is_the_same_text_without_what_commands_or_turns() {
        let value =
            serde_json::json!({"title": "Шампунь\u{9b}31m\u{202e}x\u{2066}y\u{61c}\u{200f}\u{85}", "n": 1});
        let text = value.to_string();
        let shown = harmless(&text);
        assert!(shown.contains(r"Шампунь\u009b31m\u202ex\u2066y\u061c\u200f\u0085"), "{shown}");
        assert!(!shown.contains(is_harmful));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        assert!(matches!(harmless("a\n\x1b[31m洗发水"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn every_string_is_read_back_from_a_harmless_json_text(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(serde_json::from_str::<String>(&harmless(&json)).unwrap(), text);
        }

        #[test]
        fn what_is_shown_is_short_and_visible(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let shown = printable_bytes(&bytes).to_string();
            prop_assert!(shown.chars().count() <= SHOWN_CHARS_MAX + 1);
            prop_assert!(shown.chars().all(is_visible));
        }

        #[test]
        fn any_text_is_shown_short_and_visible(text in any::<String>()) {
            let shown = show(&text);
            prop_assert!(shown.chars().count() <= SHOWN_CHARS_MAX + 1);
            let is_hidden = |c: char| c.is_control() || ('\u{200b}'..='\u{200f}').contains(&c);
            prop_assert!(!shown.chars().any(is_hidden));
        }
    }
}
