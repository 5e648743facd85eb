//! Every command has examples in its help, and each of them is right.

use clap::Command;
use clap::error::ErrorKind;

use super::commands::simple_commands;

/// Every command with its path: `outbox list`.
fn commands(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
    for below in command.get_subcommands() {
        let path = format!("{path} {}", below.get_name()).trim_start().to_owned();
        found.push((path.clone(), below.clone()));
        commands(below, &path, found);
    }
}

#[test]
fn every_command_has_examples_of_its_own_that_are_read() {
    let definition = stockpoint::cli::definition();
    let mut all = vec![(String::new(), definition.clone())];
    commands(&definition, "", &mut all);
    assert!(all.len() > 35, "{}", all.len());
    for (path, command) in all {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples = help.split("Examples:\n").nth(1).unwrap_or_else(|| panic!("{path} has no examples"));
        for line in examples.lines() {
            let (line, meaning) = line.split_once(" # ").unwrap();
            assert!(!meaning.is_empty(), "{path}: {line}");
            let [words] = simple_commands(line).try_into().unwrap();
            let own = format!("stockpoint {path}");
            assert!(words.join(" ").starts_with(own.trim_end()), "{path}: {line}");
            let parsed = definition.clone().try_get_matches_from(&words);
            let is_read =
                parsed.as_ref().map_or_else(|error| error.kind() == ErrorKind::DisplayHelp, |_| true);
            // The one page that clap knows nothing of.
            let is_topic = words[1] == "help" && stockpoint::guide::page(&words[2]).is_some();
            assert!(is_read || is_topic, "{line}: {}", parsed.unwrap_err());
        }
    }
}
