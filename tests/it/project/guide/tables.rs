//! The tables of the guide that are not checked beside the code they are about.

use stockpoint::domain::signal::Signal;
use stockpoint::feedback::pattern::Colour;
use stockpoint::feedback::pattern::pattern;
use stockpoint::guide::PAGES;
use stockpoint::guide::Table;
use stockpoint::guide::blocks;

use super::README;
use super::code_words;
use super::table;
use crate::support::program::Shed;

#[test]
fn the_signals_are_those_of_the_code_with_rhythm_and_colours() {
    let rows = table("signals", "signal").rows;
    let named: Vec<_> = rows.iter().map(|row| code_words(&row[0])[0]).collect();
    assert_eq!(named, Signal::ALL.map(Signal::as_str));
    for (signal, row) in Signal::ALL.into_iter().zip(&rows) {
        let is_played = pattern(signal);
        assert_eq!(code_words(&row[1]), [is_played.rhythm], "{row:?}");
        let colours = is_played.colours.iter().map(|colour| match colour {
            Colour::Green => "green",
            Colour::Yellow => "yellow",
            Colour::Red => "red",
        });
        let colours = colours.collect::<Vec<_>>().join(", ");
        assert!(row[2].starts_with(&colours), "{row:?}");
    }
}

#[tokio::test]
async fn the_exit_codes_are_those_of_the_program() {
    let rows = table("operating", "code").rows;
    let codes: Vec<i32> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    // The last one is that of an interrupted demonstration, which has a test of its own.
    assert_eq!(codes, [0, 1, 2, 130]);
    let shed = Shed::new();
    shed.write(
        "config.toml",
        "[station]\nname = \"a\"\nlocation_id = 1\nstorage_id = 1\ndata_dir = \"none\"\n",
    );
    for (args, code) in [(&["status"][..], 0), (&["outbox", "show", "1"], 1), (&["dance"], 2)] {
        let ended = shed.run(args).await;
        assert_eq!(ended.code, Some(code), "{args:?}: {ended:?}");
    }
}

#[test]
fn the_readme_lists_every_page_as_the_program_does() {
    let link = |page: &stockpoint::guide::Page| {
        vec![format!("[{0}](src/guide/{0}.md)", page.name), page.summary.to_owned()]
    };
    let listed = blocks(README).into_iter().filter_map(|block| match block {
        stockpoint::guide::Block::Table(Table { head, rows }) if head[0] == "page" => Some(rows),
        _ => None,
    });
    assert_eq!(listed.into_iter().next().unwrap(), PAGES.iter().map(link).collect::<Vec<_>>());
}
