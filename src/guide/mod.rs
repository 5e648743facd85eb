//! The guide for people who run a station: one page a topic, in Markdown.
//!
//! The program prints the pages (`stockpoint help TOPIC`), the package installs them as manual pages and as text, and
//! the README links them. Each fact stands in one page only; tests compare the tables with the code.

mod markdown;
mod terminal;

pub use crate::guide::markdown::Block;
pub use crate::guide::markdown::Span;
pub use crate::guide::markdown::Table;
pub use crate::guide::markdown::blocks;
pub use crate::guide::markdown::spans;
pub use crate::guide::terminal::WIDTH;

/// A page of the guide.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// The topic: the word behind `stockpoint help`.
    pub name: &'static str,
    /// The content in one line, for lists of the pages.
    pub summary: &'static str,
    /// The page in Markdown.
    pub text: &'static str,
}

/// Every page, in the order in which a newcomer needs them.
pub const PAGES: [Page; 12] = [
    Page {
        name: "install",
        summary: "packages, four ways to set up, upgrade, step back, read-only root, removal",
        text: include_str!("install.md"),
    },
    Page {
        name: "scanners",
        summary: "serial, HID-POS, keyboard; calibration; rules for codes and labels",
        text: include_str!("scanners.md"),
    },
    Page {
        name: "signals",
        summary: "the six signals, and the outputs that give them",
        text: include_str!("signals.md"),
    },
    Page {
        name: "control-sheet",
        summary: "the codes that command a station, storages, kits",
        text: include_str!("control-sheet.md"),
    },
    Page {
        name: "operating",
        summary: "commands, unknown codes, the books, page, metrics, events, log",
        text: include_str!("operating.md"),
    },
    Page {
        name: "what-to-do",
        summary: "what to do when; why a scan is refused",
        text: include_str!("what-to-do.md"),
    },
    Page {
        name: "configuration",
        summary: "every key with default, unit, bounds and meaning",
        text: include_str!("configuration.md"),
    },
    Page {
        name: "security",
        summary: "tokens, the page for other machines, set-up codes, the sandbox",
        text: include_str!("security.md"),
    },
    Page {
        name: "backup",
        summary: "backup, restore, moving to another box",
        text: include_str!("backup.md"),
    },
    Page {
        name: "costs",
        summary: "measured figures, what is written to the disk",
        text: include_str!("costs.md"),
    },
    Page {
        name: "versions",
        summary: "what a version number promises; older and newer data",
        text: include_str!("versions.md"),
    },
    Page { name: "words", summary: "the terms", text: include_str!("words.md") },
];

/// Returns the page of a topic.
pub fn page(name: &str) -> Option<&'static Page> {
    PAGES.iter().find(|page| page.name == name)
}

/// Returns the page that a link of the guide leads to; `None` for a heading of the same page and for other places.
pub fn linked(target: &str) -> Option<&'static Page> {
    let file = target.split('#').next().unwrap_or_default();
    file.strip_suffix(".md").and_then(page)
}

impl Page {
    /// Returns the page as text for a terminal, [`WIDTH`] columns wide.
    pub fn for_terminal(&self) -> String {
        terminal::text(&blocks(self.text))
    }
}
