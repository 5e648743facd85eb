//! Shows text from outside harmlessly: on a terminal, in a log, on the station page.
//!
//! Promises: nothing that moves a cursor, turns the direction of writing or hides itself gets through, and
//! nothing long does. It is for people to read, not for programs to read back.

use std::fmt;
use std::fmt::Write;

/// The most characters shown, ellipsis apart. It holds any code people type or compare by eye, and keeps
/// a table row a row.
pub const SHOWN_CHARS_MAX: usize = 128;

/// Shows `text` with everything that is not plainly visible as `\u{..}`, what may stand in a code and is not by its name (`<GS>`, `<CR>`), cut
/// off at [`SHOWN_CHARS_MAX`].
pub fn printable(text: &str) -> impl fmt::Display {
    Shown(text.as_bytes())
}

/// Shows bytes that may not be UTF-8, such as those of a refused frame: as [`printable`] does, with each
/// byte that is no character as `\x..`.
pub fn printable_bytes(bytes: &[u8]) -> impl fmt::Display {
    Shown(bytes)
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
                let Some(left) = room.checked_sub(piece.chars().count()) else { return f.write_char('…') };
                room = left;
                f.write_str(&piece)?;
            }
        }
        Ok(())
    }
}

/// What is shown whole or not at all.
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

/// The name of a control character that may stand in a code.
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

/// Whether `c` can be seen and does nothing else. `escape_debug` leaves alone what it knows to be
/// printable: no control or format characters, no marks that join others, nothing unassigned. Beside that
/// it escapes quotes and the backslash, which are harmless, and lets through five blank letters.
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

    proptest! {
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
