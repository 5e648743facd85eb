//! Links, the length of the README, and what no page may name.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use stockpoint::guide::Block;
use stockpoint::guide::PAGES;
use stockpoint::guide::Span;
use stockpoint::guide::blocks;
use stockpoint::guide::spans;

use super::README;
use super::sources;

/// The most lines that the README may have: a reader takes it in at once.
const README_LINES_MAX: usize = 160;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The targets of all links and pictures of a text.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(text: &str) -> Vec<String> {
    let headings = blocks(text).into_iter().filter_map(|block| match block {
        Block::Heading { text, .. } => Some(anchor(&text)),
        _ => None,
    });
    headings.collect()
}

#[test]
fn every_link_leads_somewhere() {
    for source in sources() {
        let folder = root().join(Path::new(&source.path).parent().unwrap());
        for target in targets(source.text).filter(|target| !target.starts_with("https://")) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { root().join(&source.path) } else { folder.join(file) };
            assert!(path.exists(), "{}: {target}", source.path);
            if !heading.is_empty() {
                let text = fs::read_to_string(path).unwrap();
                assert!(anchors(&text).iter().any(|anchor| anchor == heading), "{}: {target}", source.path);
            }
        }
    }
}

#[test]
fn the_readme_is_short() {
    let lines = README.lines().count();
    assert!(lines <= README_LINES_MAX, "{lines}");
}

#[test]
fn no_reader_is_sent_to_a_source_file() {
    for source in sources() {
        let text = source.text.replace("src/guide/", "");
        assert!(!text.contains("src/") && !text.contains(".rs`"), "{}", source.path);
    }
}

#[test]
fn every_page_is_in_the_folder_and_has_a_title_and_an_introduction() {
    for entry in fs::read_dir(root().join("src/guide")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(PAGES.iter().any(|page| page.name == name), "{name} is no page of the program");
        }
    }
    for page in &PAGES {
        let blocks = blocks(page.text);
        assert!(matches!(&blocks[0], Block::Heading { level: 1, .. }), "{}", page.name);
        assert!(matches!(&blocks[1], Block::Paragraph(_)), "{}", page.name);
    }
}

/// Every text of a block.
pub(super) fn texts(block: Block) -> Vec<String> {
    match block {
        Block::Heading { text, .. } | Block::Paragraph(text) | Block::Quote(text) => vec![text],
        Block::List(items) => items,
        Block::Table(table) => table.rows.into_iter().flatten().chain(table.head).collect(),
        Block::Code { .. } | Block::Picture => Vec::new(),
    }
}

#[test]
fn a_page_uses_no_more_of_markdown_than_the_program_renders() {
    for page in &PAGES {
        for block in blocks(page.text) {
            if let Block::Table(table) = &block {
                let is_even = table.rows.iter().all(|row| row.len() == table.head.len());
                assert!(is_even, "{}: {table:?}", page.name);
            }
            for text in texts(block) {
                assert!(!text.starts_with("1. ") && !text.contains(" - "), "{}: {text}", page.name);
                for span in spans(&text) {
                    let (Span::Plain(plain) | Span::Bold(plain) | Span::Link { text: plain, .. }) = span
                    else {
                        continue;
                    };
                    assert!(!plain.contains(['*', '`', '<', '>']), "{}: {plain}", page.name);
                }
            }
        }
    }
}
