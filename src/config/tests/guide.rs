//! The guide's page of the configuration says of every key what the program and the example say.

use std::collections::BTreeMap;

use super::handed::{NEVER_TAKEN, TAKEN_IF};
use super::keys::{BOUNDS, every_key};
use super::*;

const PAGE: &str = include_str!("../../guide/configuration.md");

/// A key in the example: its value, its comment, and whether it is set there.
struct Example<'a> {
    value: &'a str,
    comment: &'a str,
    is_set: bool,
}

/// Returns the rows of the page: section and key, with default and meaning.
fn rows() -> BTreeMap<(String, String), [String; 2]> {
    let mut section = "";
    let mut rows = BTreeMap::new();
    for line in PAGE.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = if heading == "Before all sections" { "" } else { heading };
        } else if let Some(row) = line.strip_prefix("| `") {
            let cells: Vec<&str> = row.trim_end_matches('|').splitn(3, '|').map(str::trim).collect();
            let [key, default, meaning] = cells.try_into().unwrap();
            let key = key.trim_end_matches('`').to_owned();
            rows.insert((section.to_owned(), key), [default.to_owned(), meaning.to_owned()]);
        }
    }
    rows
}

/// Returns the keys of the example as they first stand there.
fn examples() -> BTreeMap<(&'static str, &'static str), Example<'static>> {
    let mut section = "";
    let mut examples = BTreeMap::new();
    for line in EXAMPLE.lines() {
        let bare = line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line);
        if let Some(header) = bare.strip_prefix('[') {
            section = header.split(']').next().unwrap().trim_matches('[');
        } else if let Some((key, rest)) = bare.split_once(" = ").filter(|_| !bare.starts_with('#')) {
            let (value, comment) = rest.split_once(" #").unwrap_or((rest, ""));
            let (value, comment, is_set) = (value.trim(), comment.trim(), bare == line);
            examples.entry((section, key)).or_insert(Example { value, comment, is_set });
        }
    }
    examples
}

#[test]
fn every_key_has_its_row_and_every_row_its_key() {
    let rows = rows();
    let sections: Vec<_> = every_key().into_iter().map(|(section, _)| section).collect();
    let is_section = |section: &str, key: &str| {
        let path = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
        sections.contains(&path) && rows.keys().any(|(named, _)| *named == path)
    };
    let known: Vec<_> = every_key();
    for (section, key) in &known {
        let row = rows.get(&(section.clone(), (*key).to_owned()));
        assert!(row.is_some() || is_section(section, key), "[{section}] {key} has no row");
    }
    for (section, key) in rows.keys() {
        assert!(
            known.iter().any(|known| (&*known.0, known.1) == (section, key)),
            "[{section}] {key} is no key"
        );
    }
}

#[test]
fn a_row_has_the_default_and_the_words_of_the_example() {
    let rows = rows();
    let own = ["required", "this or `match`", "this or `barcode`"];
    for ((section, key), example) in examples() {
        let Some([default, meaning]) = rows.get(&(section.to_owned(), key.to_owned())) else { continue };
        if !example.comment.is_empty() {
            assert_eq!(meaning, example.comment, "[{section}] {key}");
        }
        let written = format!("`{}`", example.value);
        if example.is_set && !example.value.starts_with('{') {
            assert!(*default == written || own.contains(&&**default), "[{section}] {key}: {default}");
        } else {
            assert!(!default.is_empty(), "[{section}] {key}");
        }
        assert!(!meaning.is_empty(), "[{section}] {key}");
    }
}

#[test]
fn a_row_has_the_bounds_that_the_program_checks() {
    let rows = rows();
    for (section, key, least, most) in BOUNDS.iter().filter(|(.., most)| *most < 1 << 50) {
        let section = section.trim_matches(['[', ']']).to_owned();
        let meaning = &rows[&(section, (*key).to_owned())][1];
        let numbers = [format!("{least} to {most}"), format!("{least} or {most}")];
        assert!(numbers.iter().any(|numbers| meaning.contains(numbers)), "{key}: {meaning}");
    }
}

#[test]
fn the_page_lists_what_a_card_cannot_set() {
    let list = PAGE.split("## Keys that a card or a set-up code cannot set").nth(1).unwrap();
    let never = NEVER_TAKEN.iter().flat_map(|(section, keys)| keys.iter().map(move |key| (*section, *key)));
    for (section, key) in never.chain(TAKEN_IF.iter().map(|(section, key, _)| (*section, *key))) {
        let path = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
        assert!(list.contains(&format!("`{path}`")), "{path}");
    }
}
