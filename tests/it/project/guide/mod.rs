//! The guide: its pages, what the README has of it, and what the program prints.

mod commands;
mod examples;
mod help;
mod links;
mod manual;
mod tables;

use stockpoint::guide::Block;
use stockpoint::guide::PAGES;
use stockpoint::guide::Table;
use stockpoint::guide::blocks;
use stockpoint::guide::page;

const README: &str = include_str!("../../../../README.md");

/// A text of the guide: the file, from the root of the project, and its content.
struct Source {
    path: String,
    text: &'static str,
}

/// The README and every page.
fn sources() -> Vec<Source> {
    let readme = Source { path: "README.md".to_owned(), text: README };
    let page = |page: &stockpoint::guide::Page| Source {
        path: format!("src/guide/{}.md", page.name),
        text: page.text,
    };
    std::iter::once(readme).chain(PAGES.iter().map(page)).collect()
}

/// The table of a page whose first column has this name.
pub(crate) fn table(topic: &str, first_column: &str) -> Table {
    let tables = blocks(page(topic).unwrap().text).into_iter().filter_map(|block| match block {
        Block::Table(table) => Some(table),
        _ => None,
    });
    tables.into_iter().find(|table| table.head[0] == first_column).unwrap()
}

/// The words of a cell that stand in backticks.
pub(crate) fn code_words(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}
