//! Changes one scanner's entry in the text of a configuration. Everything else stays as it was written, with its
//! comments.
//!
//! This module neither reads nor writes files, and it does not check the result. A caller that writes the result must
//! parse it first.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;
use toml::de::DeValue;

use crate::config::show::Quoted;
use crate::domain::decode::framing::Terminator;
use crate::domain::decode::keymap::LayoutName;

/// Returns a text in quotes, as it is written in the file.
pub fn quoted(text: &str) -> String {
    Quoted(text).to_string()
}

/// The settings of an entry that calibration has determined.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tuning {
    /// The layout of a scanner that types; `None` leaves it as it is.
    pub layout: Option<LayoutName>,
    /// The milliseconds after which an unfinished frame is refused; `None` leaves them as they are.
    pub gap_ms: Option<u64>,
    /// The terminator of a code; `None` leaves it as it is.
    pub terminator: Option<Terminator>,
    /// The text that the scanner adds in front of every code; empty if it adds none.
    pub strip_prefix: String,
    /// The text that the scanner adds behind every code; empty if it adds none.
    pub strip_suffix: String,
}

/// The changed text, and the entry alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The whole file.
    pub file: String,
    /// The entry of the scanner, from its header to its last key.
    pub entry: String,
}

impl Tuning {
    /// Returns the lines for the entry's own keys.
    pub fn keys(&self) -> String {
        self.values().map(|(key, value)| format!("{key} = {value}\n")).collect::<Vec<_>>().concat()
    }

    fn values(&self) -> impl Iterator<Item = (&'static str, String)> {
        let values = [
            ("layout", self.layout.map(|layout| Quoted(layout.as_str()).to_string())),
            ("gap_ms", self.gap_ms.map(|gap_ms| gap_ms.to_string())),
            ("terminator", self.terminator.map(|terminator| Quoted(terminator.as_str()).to_string())),
        ];
        values.into_iter().filter_map(|(key, value)| Some((key, value?)))
    }

    /// Returns the rule that removes what the scanner adds; empty if it adds nothing.
    pub fn rule(&self) -> String {
        let added = [("strip_prefix", &self.strip_prefix), ("strip_suffix", &self.strip_suffix)];
        let given = added.iter().filter(|(_, text)| !text.is_empty());
        let keys =
            given.map(|(key, text)| format!("{key} = {}\n", Quoted(text))).collect::<Vec<_>>().concat();
        if keys.is_empty() { keys } else { format!("[[scanner.rule]]\n{keys}") }
    }

    /// Changes the entry of the scanner `name`.
    ///
    /// Returns `None` if there is no such entry, or if it is written in a form that cannot be changed line by line.
    pub fn apply(&self, text: &str, name: &str) -> Option<Edited> {
        let root = DeTable::parse(text).ok()?;
        let entries = root.get_ref().get("scanner")?.get_ref().as_array()?;
        let entry = entries.iter().find(|entry| text_at(entry, "name") == Some(name))?;
        let whole = extent(text, root.get_ref(), entry)?;
        let table = entry.get_ref().as_table()?;
        let mut changes = Vec::new();
        // A new key goes behind `kind`, which every entry has, and so stays before the headers of rules.
        let kind_end = line_end(text, table.get("kind")?.span().end);
        for (key, value) in self.values() {
            match table.get(key) {
                Some(written) => changes.push((written.span(), value)),
                None => changes.push((kind_end..kind_end, format!("\n{key} = {value}"))),
            }
        }
        let rule = self.rule();
        if !rule.is_empty() && !self.has_rule(table) {
            // It goes before all other rules: they were written for codes without the additions.
            let first =
                text.get(whole.clone())?.find("[[scanner.rule]]").map(|at| whole.start.saturating_add(at));
            changes.push(match first {
                Some(at) => (at..at, format!("{rule}\n")),
                None => (whole.end..whole.end, format!("\n\n{}", rule.trim_end())),
            });
        }
        let file = replace(text, &changes)?;
        // The change lies within the entry, so the entry has grown as much as the file.
        let grown = file.len().checked_add(whole.len())?.checked_sub(text.len())?;
        let entry = file.get(whole.start..whole.start.saturating_add(grown))?.to_owned();
        Some(Edited { file, entry })
    }

    /// Returns true if the entry already has such a rule.
    fn has_rule(&self, table: &DeTable<'_>) -> bool {
        let rules = table.get("rule").and_then(|rules| rules.get_ref().as_array());
        let is_same =
            |rule: &Spanned<DeValue<'_>>, key, wanted: &str| text_at(rule, key).unwrap_or("") == wanted;
        rules.is_some_and(|rules| {
            rules.iter().any(|rule| {
                is_same(rule, "strip_prefix", &self.strip_prefix)
                    && is_same(rule, "strip_suffix", &self.strip_suffix)
            })
        })
    }
}

/// Returns the text with one more entry at its end.
pub fn append(text: &str, entry: &str) -> String {
    let gap = match text {
        "" => "",
        text if text.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    format!("{text}{gap}{entry}")
}

fn text_at<'a>(entry: &'a Spanned<DeValue<'_>>, key: &str) -> Option<&'a str> {
    entry.get_ref().as_table()?.get(key)?.get_ref().as_str()
}

/// Returns the extent of an entry: from its header to its last key. Comments behind that belong to what follows.
fn extent(text: &str, root: &DeTable<'_>, entry: &Spanned<DeValue<'_>>) -> Option<Range<usize>> {
    let start = entry.span().start;
    // An inline table, `scanner = [{ .. }]`, has no header and no lines of its own.
    if !text.get(start..)?.starts_with("[[") {
        return None;
    }
    let starts = root.values().flat_map(|value| {
        let inner = value.get_ref().as_array().into_iter().flat_map(|list| list.iter());
        inner.map(|item| item.span().start).chain([value.span().start])
    });
    // The entry ends before the next table, wherever that is in the tree: TOML orders tables freely.
    let next = starts.filter(|other| *other > start).min().unwrap_or(text.len());
    let body = text.get(start..next)?;
    let is_content = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let mut end = 0;
    let mut at: usize = 0;
    for line in body.split_inclusive('\n') {
        at = at.saturating_add(line.len());
        if is_content(line) {
            end = at.saturating_sub(line.len()).saturating_add(line.trim_end().len());
        }
    }
    Some(start..start.saturating_add(end))
}

/// Returns the end of the line that contains `at`.
fn line_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at.saturating_add(rest.find('\n').unwrap_or(rest.len()))
}

/// Applies changes that do not overlap. Changes at one place are applied in their order.
fn replace(text: &str, changes: &[(Range<usize>, String)]) -> Option<String> {
    let mut ordered: Vec<_> = changes.iter().collect();
    // A stable sort: changes at one place keep their order.
    ordered.sort_by_key(|(place, _)| place.start);
    let mut done = String::new();
    let mut at = 0;
    for (place, new) in ordered {
        done.push_str(text.get(at..place.start)?);
        done.push_str(new);
        at = place.end;
    }
    done.push_str(text.get(at..)?);
    Some(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# The dock's.\n[station]\nname = \"dock-1\" # here\n\n[[scanner]] # the old one\nname = \"dock\"\n\
                        kind = \"evdev\" # types\npath = \"/dev/input/event3\"\n# Set in May.\nlayout = \"us\"   # was it?\n\n\
                        # The next.\n[[scanner]]\nname = \"counter\"\nkind = \"evdev\"\npath = \"/dev/input/event4\"\n\
                        [scanner.other]\nx = [\n[1],\n]\n\n# The end.\n[web]\nlisten = \"\"\n";

    fn tuning(layout: &str, gap_ms: Option<u64>) -> Tuning {
        Tuning { layout: LayoutName::from_word(layout), gap_ms, ..Tuning::default() }
    }

    #[test]
    fn only_what_is_changed_changes() {
        let edited = tuning("de", None).apply(FILE, "dock").unwrap();
        assert_eq!(edited.file, FILE.replace("\"us\"", "\"de\""));
        assert_eq!(
            edited.entry,
            "[[scanner]] # the old one\nname = \"dock\"\nkind = \"evdev\" # types\npath = \"/dev/input/event3\"\n\
             # Set in May.\nlayout = \"de\"   # was it?"
        );
        assert_eq!(Tuning::default().apply(FILE, "counter").unwrap().file, FILE);
    }

    #[test]
    fn a_key_that_is_missing_is_added_behind_the_kind() {
        let edited = tuning("fr", Some(260)).apply(FILE, "counter").unwrap();
        let wanted = FILE.replace(
            "\"counter\"\nkind = \"evdev\"\n",
            "\"counter\"\nkind = \"evdev\"\nlayout = \"fr\"\ngap_ms = 260\n",
        );
        assert_eq!(edited.file, wanted);
        assert!(edited.entry.ends_with("[scanner.other]\nx = [\n[1],\n]"), "{}", edited.entry);
        let edited = tuning("fr", Some(260)).apply(FILE, "dock").unwrap();
        assert!(edited.file.contains("kind = \"evdev\" # types\ngap_ms = 260\npath = "), "{}", edited.file);
    }

    #[test]
    fn a_terminator_is_written_into_an_entry_and_over_another() {
        let named = |terminator| Tuning { terminator: Some(terminator), ..Tuning::default() };
        let edited = named(Terminator::Etx).apply(FILE, "dock").unwrap();
        assert_eq!(edited.file, FILE.replace("# types\n", "# types\nterminator = \"etx\"\n"));
        let again = named(Terminator::Any).apply(&edited.file, "dock").unwrap();
        assert_eq!(again.file, edited.file.replace("\"etx\"", "\"any\""));
        assert_eq!(named(Terminator::CrLf).keys(), "terminator = \"crlf\"\n");
    }

    #[test]
    fn a_rule_goes_before_the_others_once() {
        let tuning =
            Tuning { strip_prefix: "\"A".to_owned(), strip_suffix: "\\".to_owned(), ..Tuning::default() };
        let rule = "[[scanner.rule]]\nstrip_prefix = \"\\\"A\"\nstrip_suffix = \"\\\\\"\n";
        assert_eq!(tuning.rule(), rule);
        let once = tuning.apply(FILE, "dock").unwrap();
        assert_eq!(once.file, FILE.replace("# was it?\n", &format!("# was it?\n\n{rule}")));
        assert_eq!(tuning.apply(&once.file, "dock").unwrap().file, once.file);
        let other = Tuning { strip_prefix: "B".to_owned(), ..Tuning::default() };
        let twice = other.apply(&once.file, "dock").unwrap();
        let first = "[[scanner.rule]]\nstrip_prefix = \"B\"\n\n";
        assert_eq!(twice.file, once.file.replace(rule, &format!("{first}{rule}")));
    }

    #[test]
    fn what_cannot_be_changed_line_by_line_is_left_alone() {
        let inline = "scanner = [{ name = \"dock\", kind = \"evdev\" }]\n";
        assert_eq!(tuning("de", None).apply(inline, "dock"), None);
        assert_eq!(tuning("de", None).apply(FILE, "nobody"), None);
        assert_eq!(tuning("de", None).apply("[[scanner", "dock"), None);
    }

    #[test]
    fn an_entry_is_appended_with_a_line_between() {
        assert_eq!(append("a = 1\n", "[[scanner]]\n"), "a = 1\n\n[[scanner]]\n");
        assert_eq!(append("a = 1", "[[scanner]]\n"), "a = 1\n\n[[scanner]]\n");
        assert_eq!(append("", "[[scanner]]\n"), "[[scanner]]\n");
    }
}
