//! A page as text for a terminal.
//!
//! No colours and no control characters: the text is the same in a pager, in a file and on a console.

use std::fmt::Write as _;

use crate::guide::linked;
use crate::guide::markdown::Block;
use crate::guide::markdown::Span;
use crate::guide::markdown::Table;
use crate::guide::markdown::spans;

/// The columns of a line: those of the smallest terminal in use.
pub const WIDTH: usize = 80;
/// The columns between two columns of a table.
const GAP: &str = "  ";
/// The widest first column of a table that keeps its second one beside it.
const FIRST_COLUMN_MAX: usize = 34;

/// Returns the page as lines of at most [`WIDTH`] columns, except code and long words.
pub(super) fn text(blocks: &[Block]) -> String {
    let mut text = String::new();
    for block in blocks {
        if !text.is_empty() && *block != Block::Picture {
            text.push('\n');
        }
        append(&mut text, block);
    }
    text
}

fn append(text: &mut String, block: &Block) {
    match block {
        Block::Heading { level, text: heading } => {
            let rule = if *level == 1 { "=" } else { "-" };
            let _written = writeln!(text, "{heading}\n{}", rule.repeat(heading.chars().count()));
        }
        Block::Paragraph(paragraph) => append_wrapped(text, &plain(paragraph), "", ""),
        Block::List(items) => items.iter().for_each(|item| append_wrapped(text, &plain(item), "- ", "  ")),
        Block::Code { lines, .. } => {
            for line in lines {
                let _written = writeln!(text, "{}", format!("    {line}").trim_end());
            }
        }
        Block::Table(table) => append_table(text, table),
        Block::Quote(quote) => append_wrapped(text, &plain(quote), "| ", "| "),
        Block::Picture => {}
    }
}

/// Returns a text without its marks; code keeps its backticks, a link to another page names the command that prints it.
fn plain(text: &str) -> String {
    let piece = |span: &Span| match span {
        Span::Plain(text) | Span::Bold(text) => text.clone(),
        Span::Code(code) => format!("`{code}`"),
        Span::Link { text, target } => match linked(target) {
            Some(page) => format!("{text} (`stockpoint help {}`)", page.name),
            None if target.starts_with('#') => text.clone(),
            None => format!("{text} <{target}>"),
        },
    };
    spans(text).iter().map(piece).collect()
}

/// Appends a text in lines of at most [`WIDTH`] columns; the first line begins with `first`, each other with `others`.
fn append_wrapped(text: &mut String, words: &str, first: &str, others: &str) {
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in words.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _written = writeln!(text, "{line}");
            others.clone_into(&mut line);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    let _written = writeln!(text, "{}", line.trim_end());
}

/// Appends a table: in columns if it fits, else with one paragraph for each cell.
fn append_table(text: &mut String, table: &Table) {
    if let Some(columns) = table.in_columns(WIDTH) {
        text.push_str(&columns);
        return;
    }
    let (head, rows) = (plain_row(&table.head), plain_rows(table));
    match widths(&head, &rows).as_slice() {
        [first, _] if *first <= FIRST_COLUMN_MAX => {
            let rule: Vec<_> = head.iter().map(|name| "-".repeat(name.chars().count())).collect();
            for row in [&head, &rule].into_iter().chain(&rows) {
                append_pair(text, *first, row);
            }
        }
        _ => append_records(text, &head, &rows),
    }
}

fn plain_row(row: &[String]) -> Vec<String> {
    row.iter().map(|cell| plain(cell)).collect()
}

fn plain_rows(table: &Table) -> Vec<Vec<String>> {
    table.rows.iter().map(|row| plain_row(row)).collect()
}

impl Table {
    /// Returns the table in columns; nothing if it does not fit into `width`.
    pub fn in_columns(&self, width: usize) -> Option<String> {
        let (head, rows) = (plain_row(&self.head), plain_rows(self));
        let widths = widths(&head, &rows);
        let total: usize = widths.iter().map(|column| column + GAP.len()).sum();
        let mut text = String::new();
        (total <= width + GAP.len()).then(|| append_columns(&mut text, &widths, &head, &rows))?;
        Some(text)
    }
}

/// Returns the width of each column: that of its longest cell.
fn widths(head: &[String], rows: &[Vec<String>]) -> Vec<usize> {
    let width = |(column, name): (usize, &String)| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.max().unwrap_or_default().max(name.chars().count())
    };
    head.iter().enumerate().map(width).collect()
}

fn append_columns(text: &mut String, widths: &[usize], head: &[String], rows: &[Vec<String>]) {
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    for row in [head, &rule].into_iter().chain(rows.iter().map(Vec::as_slice)) {
        let padded = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}{GAP}"));
        let _written = writeln!(text, "{}", padded.collect::<String>().trim_end());
    }
}

/// Appends a row of two cells, the second wrapped beside the first.
fn append_pair(text: &mut String, width: usize, row: &[String]) {
    let [first, second] = row else { return };
    append_wrapped(text, second, &format!("{first:width$}{GAP}"), &" ".repeat(width + GAP.len()));
}

/// Appends each row as a record: the first cell, then the others behind the names of their columns.
fn append_records(text: &mut String, head: &[String], rows: &[Vec<String>]) {
    let names = head.get(1..).unwrap_or_default();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    for (place, row) in rows.iter().enumerate() {
        if place > 0 {
            text.push('\n');
        }
        append_wrapped(text, row.first().map_or("", String::as_str), "", "");
        let cells = names.iter().zip(row.iter().skip(1)).filter(|(_, cell)| !cell.is_empty());
        for (name, cell) in cells {
            append_wrapped(
                text,
                cell,
                &format!("    {name:width$}{GAP}"),
                &" ".repeat(4 + width + GAP.len()),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guide::PAGES;
    use crate::guide::blocks;

    #[test]
    fn a_page_is_plain_text() {
        let page = "# Title\n\nSee [signals](signals.md#x), [below](#y), [a site](https://a.b) and **`c`**.\n\n- item\n\n```sh\nls\n```\n\n\
                    | a | b |\n|---|---|\n| 1 | two |\n\n![x](y.png)\n\n> Take care.\n";
        let expected = "Title\n=====\n\nSee signals (`stockpoint help signals`), below, a site <https://a.b> and `c`.\n\n\
                        - item\n\n    ls\n\na  b\n-  ---\n1  two\n\n| Take care.\n";
        assert_eq!(text(&blocks(page)), expected);
    }

    #[test]
    fn a_wide_table_keeps_two_columns_beside_each_other_and_more_become_records() {
        let words = "words ".repeat(20);
        let pair = format!("| a | b |\n|---|---|\n| key | {words}|\n");
        let shown = text(&blocks(&pair));
        assert!(shown.starts_with("a    b\n-    -\nkey  words words"), "{shown}");
        assert!(shown.lines().skip(3).all(|line| line.starts_with("     words")), "{shown}");
        let three = format!("| a | b | name |\n|---|---|---|\n| key | 1 | {words}|\n| more | | x |\n");
        let shown = text(&blocks(&three));
        assert!(shown.starts_with("key\n    b     1\n    name  words words"), "{shown}");
        assert!(shown.ends_with("\n\nmore\n    name  x\n"), "{shown}");
    }

    #[test]
    fn only_code_and_long_words_are_wider_than_a_terminal() {
        for page in &PAGES {
            for line in page.for_terminal().lines().filter(|line| !line.starts_with("    ")) {
                let is_long_word = !line.trim().trim_start_matches("- ").contains(' ');
                assert!(line.chars().count() <= WIDTH || is_long_word, "{}: {line}", page.name);
            }
        }
    }
}
