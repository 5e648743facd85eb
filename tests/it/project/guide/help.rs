//! `stockpoint help`: a topic, a command, or neither.

use stockpoint::guide::PAGES;

use crate::support::program::Shed;

#[tokio::test]
async fn every_topic_is_printed_and_listed() {
    let shed = Shed::new();
    // `says` puts an option of every command in front.
    let list = shed.says(&["help"]).await;
    for page in &PAGES {
        let printed = shed.says(&["help", page.name]).await;
        assert!(printed.ends_with(&page.for_terminal()), "{}", page.name);
        assert!(list.contains(&format!("  {} ", page.name)) && list.contains(page.summary), "{list}");
    }
}

#[tokio::test]
async fn the_help_of_a_command_is_what_the_command_prints_with_help() {
    let shed = Shed::new();
    for command in [&["outbox", "list"][..], &["status"], &["init"], &["help"]] {
        let help = shed.says(&[&["help"], command].concat()).await;
        let flag = if command == ["help"] { &["help", "help"] } else { &[command, &["--help"]].concat()[..] };
        assert_eq!(help, shed.says(flag).await, "{command:?}");
    }
    assert!(shed.says(&["outbox", "help", "list"]).await.contains("Usage: stockpoint outbox list"));
    // A command and a topic of one name: the help of the command comes first.
    let both = shed.says(&["help", "backup"]).await;
    assert!(both.starts_with(&shed.says(&["backup", "--help"]).await), "{both}");
}

#[tokio::test]
async fn a_wrong_topic_is_wrong_usage_and_the_topics_are_named() {
    let shed = Shed::new();
    let ended = shed.run(&["help", "poetry"]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.out.is_empty() && ended.err.contains("no command or topic 'poetry'"), "{ended:?}");
    for page in &PAGES {
        assert!(ended.err.contains(page.name), "{ended:?}");
    }
}
