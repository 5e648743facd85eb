//! Writes what of the Debian package is made from the sources, under a folder that becomes the package's root:
//! manual pages and completions from the definition of the command line, the page of the configuration from its
//! example, and the licences of what is built in.
//!
//! ```text
//! cargo run --example pages -- FOLDER TARGET
//! ```

mod licences;

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// Name of the program, and of the package.
const NAME: &str = "stockpoint";

const EXAMPLE: &str = include_str!("../../src/config/example.toml");

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
    fs::write(folder_in(folder, "usr/share/man/man5")?.join("stockpoint-config.5"), configuration())?;
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
        ("/etc/stockpoint/config.toml", "The configuration: stockpoint-config(5)."),
        ("/var/lib/stockpoint", "The data: every scan, and how far its delivery is."),
    ] {
        more.control("TP", []).text([bold(file)]).text([roman(what)]);
    }
    more.control("SH", ["SEE ALSO"]);
    more.text([bold("stockpoint-config"), roman("(5), "), bold("stockpoint-station"), roman("(7)")]);
    page.extend(more.render().into_bytes());
    fs::write(path, page)
}

/// The page of the configuration: the example, which says of each key what it is.
fn configuration() -> String {
    let mut page = Roff::new();
    page.control("TH", ["stockpoint-config", "5", "", concat!("stockpoint ", env!("CARGO_PKG_VERSION"))]);
    page.control("SH", ["NAME"])
        .text([roman("stockpoint-config - the configuration of a stockpoint station")]);
    page.control("SH", ["SYNOPSIS"]).text([bold("/etc/stockpoint/config.toml")]);
    page.control("SH", ["DESCRIPTION"]).text([roman(
        "One file in TOML. An unknown key, a value out of bounds and two keys that contradict each other are errors, \
         which \"stockpoint check\" names with line, key and cure.",
    )]);
    page.control("SH", ["EVERY KEY"]).control("EX", []);
    for line in EXAMPLE.lines() {
        page.text([roman(line)]);
    }
    page.control("EE", []).control("SH", ["SEE ALSO"]);
    page.text([bold("stockpoint"), roman("(1), "), bold("stockpoint-station"), roman("(7)")]);
    page.render()
}
