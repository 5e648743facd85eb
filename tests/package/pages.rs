//! Writes what of the Debian package is made from the sources, under a folder that becomes the package's root: manual
//! pages and completions from the definition of the command line, the guide as manual pages and as text, and the
//! licences of what is built in.
//!
//! ```text
//! cargo run --example pages -- FOLDER TARGET
//! ```

mod licences;
mod manual;

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use stockpoint::guide::PAGES;

/// Name of the program, and of the package.
const NAME: &str = "stockpoint";

/// Where each shell looks for what a package brings.
const COMPLETIONS: [(Shell, &str, &str); 3] = [
    (Shell::Bash, "usr/share/bash-completion/completions", "stockpoint"),
    (Shell::Zsh, "usr/share/zsh/vendor-completions", "_stockpoint"),
    (Shell::Fish, "usr/share/fish/vendor_completions.d", "stockpoint.fish"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, target] = arguments.as_slice() else {
        return Err("usage: cargo run --example pages -- FOLDER TARGET".into());
    };
    let folder = Path::new(folder);
    commands(&folder_in(folder, "usr/share/man/man1")?)?;
    guide(folder)?;
    for (shell, place, name) in COMPLETIONS {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut stockpoint::cli::definition(), NAME, &mut text);
        fs::write(folder_in(folder, place)?.join(name), text)?;
    }
    licences::write(&folder_in(folder, "usr/share/doc/stockpoint")?, target)
}

fn folder_in(root: &Path, below: &str) -> io::Result<PathBuf> {
    let folder = root.join(below);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Each page of the guide, as a manual page and as text.
fn guide(root: &Path) -> io::Result<()> {
    let texts = folder_in(root, "usr/share/doc/stockpoint/guide")?;
    for page in &PAGES {
        let section = manual::section(page);
        let folder = folder_in(root, &format!("usr/share/man/man{section}"))?;
        fs::write(folder.join(format!("{}.{section}", manual::name(page))), manual::manual(page))?;
        fs::write(texts.join(format!("{}.txt", page.name)), page.for_terminal())?;
    }
    Ok(())
}

/// One page a command: `stockpoint-outbox-list.1` and so on.
fn commands(folder: &Path) -> io::Result<()> {
    clap_mangen::generate_to(stockpoint::cli::definition(), folder)?;
    // The first page also says where the rest stands.
    let path = folder.join("stockpoint.1");
    let mut page = Vec::new();
    Man::new(stockpoint::cli::definition().disable_help_subcommand(true)).render(&mut page)?;
    let mut more = Roff::new();
    more.control("SH", ["FILES"]);
    for (file, what) in [
        ("/etc/stockpoint/config.toml", "The configuration: stockpoint-configuration(5)."),
        ("/usr/share/doc/stockpoint/guide", "The guide as text."),
        ("/var/lib/stockpoint", "The data: every scan, and how far its delivery is."),
    ] {
        more.control("TP", []).text([bold(file)]).text([roman(what)]);
    }
    more.control("SH", ["SEE ALSO"]);
    more.text(manual::references(PAGES.iter()));
    page.extend(more.render().into_bytes());
    fs::write(path, page)
}
