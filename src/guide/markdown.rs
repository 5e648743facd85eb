//! The part of Markdown that the guide is written in.
//!
//! Headings, paragraphs, lists of one level, fenced code, tables, quotes and pictures on lines of their own; in the text
//! code, bold type and links. The guide uses nothing else, so a parser of its own is smaller than a crate for all of
//! Markdown, and the program has to stay small.

use std::iter::Peekable;
use std::str::Lines;

/// A block of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A heading; the title of the page has level 1.
    Heading {
        /// The number of `#`.
        level: usize,
        /// Its text.
        text: String,
    },
    /// A paragraph on one line.
    Paragraph(String),
    /// The items of a list, each on one line.
    List(Vec<String>),
    /// Fenced code.
    Code {
        /// The word after the fence.
        language: String,
        /// Its lines.
        lines: Vec<String>,
    },
    /// A table.
    Table(Table),
    /// A quote on one line.
    Quote(String),
    /// A picture, which only a browser shows.
    Picture,
}

/// A table; each row has as many cells as the head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The names of the columns.
    pub head: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// Text as it is.
    Plain(String),
    /// Text in backticks.
    Code(String),
    /// Text in bold type.
    Bold(String),
    /// A link.
    Link {
        /// Its text.
        text: String,
        /// Its target.
        target: String,
    },
}

/// Reads a page.
pub fn blocks(text: &str) -> Vec<Block> {
    let mut lines = text.lines().peekable();
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        if !line.trim().is_empty() {
            blocks.push(block(line, &mut lines));
        }
    }
    blocks
}

/// Reads the block that begins with `first`.
fn block(first: &str, lines: &mut Peekable<Lines<'_>>) -> Block {
    if let Some(language) = first.strip_prefix("```") {
        let inside = lines.take_while(|line| *line != "```").map(str::to_owned).collect();
        Block::Code { language: language.to_owned(), lines: inside }
    } else if first.starts_with('#') {
        let text = first.trim_start_matches('#');
        Block::Heading { level: first.len() - text.len(), text: text.trim().to_owned() }
    } else if first.starts_with('|') {
        Block::Table(table(first, lines))
    } else if let Some(item) = first.strip_prefix("- ") {
        Block::List(list(item, lines))
    } else if let Some(text) = first.strip_prefix("> ") {
        Block::Quote(joined(text, lines, |line| line.strip_prefix("> ")))
    } else if first.starts_with("![") {
        Block::Picture
    } else {
        Block::Paragraph(joined(first, lines, Some))
    }
}

/// Joins a line with those after it, up to an empty one or one that `part` refuses.
fn joined<'a>(
    first: &str,
    lines: &mut Peekable<Lines<'a>>,
    part: impl Fn(&'a str) -> Option<&'a str>,
) -> String {
    let mut text = first.trim().to_owned();
    while let Some(more) = lines.peek().copied().filter(|line| !line.trim().is_empty()).and_then(&part) {
        text.push(' ');
        text.push_str(more.trim());
        lines.next();
    }
    text
}

/// Reads the items of a list: the lines of an item after the first are indented.
fn list(first: &str, lines: &mut Peekable<Lines<'_>>) -> Vec<String> {
    let mut items = vec![joined(first, lines, |line| line.strip_prefix("  "))];
    while let Some(item) = lines.next_if(|line| line.starts_with("- ")) {
        items.push(joined(item.trim_start_matches("- "), lines, |line| line.strip_prefix("  ")));
    }
    items
}

fn table(first: &str, lines: &mut Peekable<Lines<'_>>) -> Table {
    let cells = |line: &str| -> Vec<String> {
        let inside = line.trim().trim_start_matches('|');
        let inside = inside.strip_suffix('|').unwrap_or(inside);
        inside.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let _rule = lines.next_if(|line| line.starts_with("|-"));
    let mut rows = Vec::new();
    while let Some(line) = lines.next_if(|line| line.starts_with('|')) {
        rows.push(cells(line));
    }
    Table { head: cells(first), rows }
}

/// Reads the pieces of a text. A mark that is not closed is text.
pub fn spans(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some((span, after)) = marked(rest) {
            if !plain.is_empty() {
                spans.push(Span::Plain(std::mem::take(&mut plain)));
            }
            spans.push(span);
            rest = after;
        } else {
            plain.push(first);
            rest = rest.strip_prefix(first).unwrap_or_default();
        }
    }
    if !plain.is_empty() {
        spans.push(Span::Plain(plain));
    }
    spans
}

/// Reads the marked piece at the beginning of a text, and returns it with the text after it.
fn marked(text: &str) -> Option<(Span, &str)> {
    if let Some(inside) = text.strip_prefix('`') {
        let (code, after) = inside.split_once('`')?;
        return Some((Span::Code(code.to_owned()), after));
    }
    if let Some(inside) = text.strip_prefix("**") {
        let (bold, after) = inside.split_once("**")?;
        return Some((Span::Bold(bold.to_owned()), after));
    }
    let (text, after) = text.strip_prefix('[')?.split_once("](")?;
    let (target, after) = after.split_once(')')?;
    // A bracket that is no link, with a link behind it.
    let is_link = !text.contains(['[', ']']);
    is_link.then(|| (Span::Link { text: text.to_owned(), target: target.to_owned() }, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_block_is_read() {
        let text = "# Title\n\nTwo\nlines.\n\n- one\n  more\n- two\n\n```sh\nls  -l\n\n```\n\n| a | b |\n|---|---|\n| 1 | |\n\n\
                    > Take\n> care.\n\n![A picture](x.png)\n";
        let expected = [
            Block::Heading { level: 1, text: "Title".to_owned() },
            Block::Paragraph("Two lines.".to_owned()),
            Block::List(vec!["one more".to_owned(), "two".to_owned()]),
            Block::Code { language: "sh".to_owned(), lines: vec!["ls  -l".to_owned(), String::new()] },
            Block::Table(Table {
                head: vec!["a".to_owned(), "b".to_owned()],
                rows: vec![vec!["1".to_owned(), String::new()]],
            }),
            Block::Quote("Take care.".to_owned()),
            Block::Picture,
        ];
        assert_eq!(blocks(text), expected);
    }

    #[test]
    fn marks_in_a_text_are_read_and_what_is_not_closed_is_text() {
        let text = "a `b` **c** [d](e.md#f) [g] `h";
        let expected = [
            Span::Plain("a ".to_owned()),
            Span::Code("b".to_owned()),
            Span::Plain(" ".to_owned()),
            Span::Bold("c".to_owned()),
            Span::Plain(" ".to_owned()),
            Span::Link { text: "d".to_owned(), target: "e.md#f".to_owned() },
            Span::Plain(" [g] `h".to_owned()),
        ];
        assert_eq!(spans(text), expected);
        assert_eq!(spans("[[pack]] [x](y)").len(), 2);
    }
}
