//! `stockpoint help`: a page of the guide, or the help of a command.
//!
//! clap answers `help COMMAND…` and `help` alone. This module answers `help TOPIC`, and adds to the definition of the
//! command line what clap then prints: the topics, and the examples of each command.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write;

use clap::Arg;
use clap::ArgAction;
use clap::Command;

use super::Error;
use super::definition;
use super::examples::examples;
use super::say;
use crate::guide::PAGES;
use crate::guide::Page;
use crate::guide::page;

/// Answers `help TOPIC`. Returns `None` for every other command line: clap answers those.
pub(super) fn help(out: &mut impl Write, arguments: &[OsString]) -> Option<Result<(), Error>> {
    let words = words_after_help(arguments)?;
    let (first, more) = words.split_first()?;
    let is_command = first == "help" || definition().find_subcommand(first).is_some();
    match page(first).filter(|_| more.is_empty()) {
        // A command and a topic of one name: both are printed.
        Some(page) if is_command => Some(say(out, &help_and_page(arguments, page))),
        Some(page) => Some(say(out, &page.for_terminal())),
        None if is_command => None,
        None => Some(Err(no_such_topic(first))),
    }
}

/// Returns the words after `help`; `None` if the command is another one.
fn words_after_help(arguments: &[OsString]) -> Option<Vec<String>> {
    // Most command lines have no such word and need not be read twice.
    if !arguments.iter().any(|argument| argument == "help") {
        return None;
    }
    // clap parses the line, as options with values may stand before `help`.
    let words = Arg::new("words").num_args(0..).action(ArgAction::Append);
    let help = Command::new("help").disable_help_flag(true).arg(words);
    let definition = definition().disable_help_subcommand(true).subcommand(help);
    let matches = definition.try_get_matches_from(arguments).ok()?;
    let (_help, found) = matches.subcommand().filter(|(name, _)| *name == "help")?;
    Some(found.get_many("words")?.cloned().collect())
}

/// Returns the help of a command, and the page of the same name below it.
fn help_and_page(arguments: &[OsString], page: &Page) -> String {
    // clap returns the text of a help as an error.
    let of_command = definition().try_get_matches_from(arguments).err();
    let of_command = of_command.map(|help| help.render().to_string()).unwrap_or_default();
    format!("{of_command}\n\n{}", page.for_terminal())
}

fn no_such_topic(word: &str) -> Error {
    let names: Vec<&str> = PAGES.iter().map(|page| page.name).collect();
    Error::usage(format!("no command or topic '{word}'")).hint(format!("the topics are {}", names.join(", ")))
}

/// Adds the topics and the examples to the help of a command and of the commands below it. `path` is the command without
/// the program's name: `outbox list`.
pub(super) fn with_examples(command: Command, path: &str) -> Command {
    let command = command.mut_subcommands(|below| {
        let path = format!("{path} {}", below.get_name());
        with_examples(below, path.trim_start())
    });
    let mut text = command.get_after_help().map(|text| format!("{text}\n\n")).unwrap_or_default();
    if path.is_empty() {
        text.push_str(&topics());
    }
    let examples = examples(path);
    if examples.is_empty() {
        return command;
    }
    let width = examples.iter().map(|(line, _)| line.chars().count()).max().unwrap_or_default();
    text.push_str("Examples:");
    for (line, meaning) in examples {
        let _written = write!(text, "\n  {line:width$}   # {meaning}");
    }
    command.after_help(text)
}

/// Returns the list of the topics.
fn topics() -> String {
    let width = PAGES.iter().map(|page| page.name.len()).max().unwrap_or_default();
    let mut text = "Topics, for `stockpoint help TOPIC`:\n".to_owned();
    for page in &PAGES {
        let _written = writeln!(text, "  {:width$}   {}", page.name, page.summary);
    }
    text.push('\n');
    text
}
