//! A page of the guide as a manual page.

use clap_mangen::roff::Inline;
use clap_mangen::roff::Roff;
use clap_mangen::roff::bold;
use clap_mangen::roff::line_break;
use clap_mangen::roff::roman;
use stockpoint::guide::Block;
use stockpoint::guide::PAGES;
use stockpoint::guide::Page;
use stockpoint::guide::Span;
use stockpoint::guide::Table;
use stockpoint::guide::blocks;
use stockpoint::guide::linked;
use stockpoint::guide::spans;

/// The columns that `man` leaves for a table on a terminal of 80.
const COLUMNS: usize = 71;

/// Returns the section of the manual that a page stands in: files have one of their own.
pub(crate) fn section(page: &Page) -> &'static str {
    if page.name == "configuration" { "5" } else { "7" }
}

/// Returns the name of a page in the manual.
pub(crate) fn name(page: &Page) -> String {
    format!("stockpoint-{}", page.name)
}

/// Returns a page as roff.
pub(crate) fn manual(page: &Page) -> String {
    let mut roff = Roff::new();
    roff.control("TH", [&*name(page), section(page), "", concat!("stockpoint ", env!("CARGO_PKG_VERSION"))]);
    // A command that is broken at a hyphen cannot be copied.
    roff.control("nh", []).control("ad", ["l"]);
    roff.control("SH", ["NAME"]).text([roman(format!("{} - {}", name(page), page.summary))]);
    roff.control("SH", ["DESCRIPTION"]);
    for block in blocks(page.text) {
        append(&mut roff, &block);
    }
    roff.control("SH", ["SEE ALSO"]);
    let others = PAGES.iter().filter(|other| other.name != page.name);
    let mut text = vec![bold("stockpoint"), roman("(1), ")];
    text.extend(references(others));
    roff.text(text);
    roff.render()
}

/// Returns the names of these pages, for the end of a page.
pub(crate) fn references<'a>(pages: impl Iterator<Item = &'a Page>) -> Vec<Inline> {
    let mut text = Vec::new();
    for page in pages {
        if !text.is_empty() {
            text.push(roman(", "));
        }
        text.extend([bold(name(page)), roman(format!("({})", section(page)))]);
    }
    text
}

fn append(roff: &mut Roff, block: &Block) {
    match block {
        // The title is in the name.
        Block::Heading { level: 1, .. } | Block::Picture => {}
        Block::Heading { level: 2, text } => {
            roff.control("SH", [&*text.to_uppercase()]);
        }
        Block::Heading { text, .. } => {
            roff.control("SS", [&**text]);
        }
        Block::Paragraph(text) => {
            roff.control("PP", []).text(inlines(text));
        }
        Block::List(items) => {
            for item in items {
                roff.control("IP", ["\\(bu", "2"]).text(inlines(item));
            }
        }
        Block::Code { lines, .. } => append_lines(roff, lines.iter().map(String::as_str)),
        Block::Table(table) => append_table(roff, table),
        Block::Quote(text) => {
            roff.control("RS", ["4"]).control("PP", []).text(inlines(text)).control("RE", []);
        }
    }
}

/// Appends lines that are shown as they are.
fn append_lines<'a>(roff: &mut Roff, lines: impl Iterator<Item = &'a str>) {
    roff.control("PP", []).control("EX", []);
    lines.for_each(|line| {
        roff.text([roman(line)]);
    });
    roff.control("EE", []);
}

/// Appends a table: in columns if it fits, else a paragraph for each row, with its first cell as the tag.
fn append_table(roff: &mut Roff, table: &Table) {
    if let Some(columns) = table.in_columns(COLUMNS) {
        return append_lines(roff, columns.lines());
    }
    for row in &table.rows {
        let Some((tag, cells)) = row.split_first() else { continue };
        roff.control("TP", []).text(inlines(tag));
        let mut text = Vec::new();
        for (name, cell) in table.head.iter().skip(1).zip(cells).filter(|(_, cell)| !cell.is_empty()) {
            if !text.is_empty() {
                text.push(line_break());
            }
            if cells.len() > 1 {
                text.push(roman(format!("{name}: ")));
            }
            text.extend(inlines(cell));
        }
        roff.text(text);
    }
}

/// Returns a text with its marks: code and bold type are bold, a link to another page names it.
fn inlines(text: &str) -> Vec<Inline> {
    let mut inlines = Vec::new();
    for span in spans(text) {
        match span {
            Span::Plain(text) => inlines.push(roman(text)),
            Span::Code(text) | Span::Bold(text) => inlines.push(bold(text.replace('`', ""))),
            Span::Link { text, target } => {
                inlines.push(roman(text));
                match linked(&target) {
                    Some(page) => {
                        inlines.extend([
                            roman(" ("),
                            bold(name(page)),
                            roman(format!("({}))", section(page))),
                        ]);
                    }
                    None if target.starts_with('#') => {}
                    None => inlines.push(roman(format!(" <{target}>"))),
                }
            }
        }
    }
    inlines
}
