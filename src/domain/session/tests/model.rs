//! Tests of the session against a plain model that keeps no state but the list of everything scanned, and reads it anew
//! for every question.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// One word of a script, with the scanner and the time it has.
#[derive(Debug, Clone)]
struct Read {
    scanner: &'static str,
    at: i64,
    word: String,
}

/// The model's verdict on a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Booked(Quantity),
    Parked,
    Refused,
    Control,
    Lookup,
}

fn is_good(word: &str) -> bool {
    GOODS.contains(&word)
}

fn is_product(word: &str) -> bool {
    is_good(word) || is_kit(word) || matches!(word, "twin" | "nobody")
}

fn is_kit(word: &str) -> bool {
    matches!(word, "wash" | "set" | "soon" | "odd")
}

/// Returns storage, good and millionths of each material of a kit.
fn materials(kit: &str) -> &'static [(i64, &'static str, i64)] {
    if kit == "wash" { &[(91, "pen", 2_000_000), (92, "cup", 500_000)] } else { &[(93, "ink", 1_000_000)] }
}

/// Returns the last read before this one on the same scanner that was text.
fn previous<'a>(list: &'a [Read], scanner: &str) -> Option<&'a Read> {
    list.iter().rev().find(|read| read.scanner == scanner && read.word != "noise" && read.word != "tick")
}

fn is_repeat(before: &[Read], read: &Read) -> bool {
    let seen = previous(before, read.scanner);
    read.word != "noise" && seen.is_some_and(|seen| seen.word == read.word && read.at - seen.at < 300)
}

/// Returns everything but ticks, noise, smudges and repeats.
fn heard(list: &[Read]) -> Vec<&Read> {
    let counts = |at: usize| {
        let read = &list[at];
        !matches!(read.word.as_str(), "tick" | "noise" | "smudge") && !is_repeat(&list[..at], read)
    };
    (0..list.len()).filter(|at| counts(*at)).map(|at| &list[at]).collect()
}

fn pending(before: &[Read], scanner: &str) -> Option<i64> {
    let last = heard(before).into_iter().rfind(|read| read.scanner == scanner)?;
    last.word.strip_prefix("qty:").map(|units| units.parse().unwrap())
}

/// Returns the mode of a scanner after these reads.
fn mode(before: &[Read], scanner: &str) -> &'static str {
    let modes = ["receipt", "write-off", "lookup"];
    match scanner {
        "gate" => return "write-off",
        "view" => return "lookup",
        "hall" => return "receipt",
        _ => {}
    }
    let commands = heard(before).into_iter().filter(|read| !matches!(read.scanner, "gate" | "view" | "hall"));
    let last = commands.rev().find_map(|read| modes.into_iter().find(|mode| *mode == read.word));
    last.unwrap_or("receipt")
}

/// Returns the storage of a scanner after these reads.
fn storage(before: &[Read], scanner: &str) -> i64 {
    match scanner {
        "yard" => return 92,
        "gate" | "view" => return 91,
        _ => {}
    }
    let commands = heard(before).into_iter().filter(|read| !matches!(read.scanner, "yard" | "gate" | "view"));
    let last = commands.rev().find_map(|read| read.word.strip_prefix("store:").filter(|id| *id != "93"));
    last.map_or(91, |id| id.parse().unwrap())
}

/// The part that one read added to a document.
#[derive(Debug, Clone)]
struct Added {
    /// The read, and how many documents it added to.
    read: (usize, usize),
    /// The place in which the scanner booked.
    home: (&'static str, i64),
    good: String,
    quantity: Quantity,
}

/// A document: its place, its state, and the scans in it with their times.
#[derive(Debug, Clone)]
struct Held {
    place: (&'static str, i64),
    state: &'static str,
    scans: Vec<Added>,
    last: i64,
}

impl Held {
    fn lines(&self) -> Vec<(String, Quantity)> {
        let mut lines: Vec<(String, Quantity)> = Vec::new();
        for Added { good, quantity, .. } in &self.scans {
            match lines.iter_mut().find(|(held, _)| held == good) {
                Some((_, sum)) => *sum = sum.checked_add(*quantity).unwrap(),
                None => lines.push((good.clone(), *quantity)),
            }
        }
        lines.sort();
        lines
    }

    /// Returns true if it is of this place, or if a kit scanned there is in it.
    fn serves(&self, place: (&str, i64)) -> bool {
        self.state == "open" && (self.place == place || self.scans.iter().any(|added| added.home == place))
    }
}

/// A product scan that was booked or parked and not taken back.
#[derive(Debug, Clone, Copy)]
struct Product {
    scanner: &'static str,
    /// The read, and how many documents it added to; none if it is parked.
    read: Option<(usize, usize)>,
}

/// Returns the documents and verdicts of a whole list.
fn replay(list: &[Read]) -> (Vec<Held>, Vec<Verdict>) {
    let (mut held, mut verdicts, mut products) = (Vec::new(), Vec::new(), Vec::new());
    for (at, read) in list.iter().enumerate() {
        if read.word == "tick" {
            for document in held.iter_mut().filter(|held: &&mut Held| held.state == "open") {
                if read.at - document.last >= 600_000 {
                    document.state = "closed";
                }
            }
            continue;
        }
        let verdict = take(&mut held, &mut products, &list[..at], read);
        let parts = if is_kit(&read.word) { materials(&read.word).len() } else { 1 };
        match verdict {
            Verdict::Booked(_) => products.push(Product { scanner: read.scanner, read: Some((at, parts)) }),
            Verdict::Parked => products.push(Product { scanner: read.scanner, read: None }),
            Verdict::Refused | Verdict::Control | Verdict::Lookup => {}
        }
        verdicts.push(verdict);
    }
    (held, verdicts)
}

fn take(held: &mut Vec<Held>, products: &mut Vec<Product>, before: &[Read], read: &Read) -> Verdict {
    let word = read.word.as_str();
    if is_repeat(before, read) || matches!(word, "noise" | "smudge") {
        return Verdict::Refused;
    }
    let place = (mode(before, read.scanner), storage(before, read.scanner));
    let open = held.iter().position(|held| held.state == "open" && held.place == place);
    match word {
        _ if is_product(word) && place.0 == "lookup" => Verdict::Lookup,
        "twin" => Verdict::Refused,
        "nobody" => Verdict::Parked,
        _ if is_kit(word) && place.0 == "receipt" => Verdict::Refused,
        "soon" => Verdict::Parked,
        "odd" => Verdict::Refused,
        _ if is_product(word) => {
            let times = pending(before, read.scanner).unwrap_or(1);
            let good = [(place.1, word, 1_000_000)];
            let parts = if is_kit(word) { materials(word) } else { &good[..] };
            let mut in_all = Quantity::ZERO;
            for (storage, good, millionths) in parts {
                let quantity = Quantity::from_millionths(millionths * times);
                in_all = in_all.checked_add(quantity).unwrap();
                let (home, good) = (place, (*good).to_owned());
                add(
                    held,
                    (place.0, *storage),
                    read.at,
                    Added { read: (before.len(), parts.len()), home, good, quantity },
                );
            }
            Verdict::Booked(in_all)
        }
        "undo" => undo(held, products, read.scanner),
        _ => command((held, products), before, read, open),
    }
}

/// Takes the last product of the scanner back, if it is parked or all of it is still open.
fn undo(held: &mut [Held], products: &mut Vec<Product>, scanner: &str) -> Verdict {
    let Some(last) = products.iter().rposition(|product| product.scanner == scanner) else {
        return Verdict::Refused;
    };
    if products[last].read.is_none_or(|read| take_back(held, read)) {
        products.remove(last);
        return Verdict::Control;
    }
    Verdict::Refused
}

/// Adds to the open document of a place, which closes with its third line.
fn add(held: &mut Vec<Held>, place: (&'static str, i64), at: i64, added: Added) {
    let open = held.iter().position(|held| held.state == "open" && held.place == place);
    let open = open.unwrap_or_else(|| {
        held.push(Held { place, state: "open", scans: Vec::new(), last: 0 });
        held.len() - 1
    });
    held[open].scans.push(added);
    held[open].last = at;
    if held[open].lines().len() == 3 {
        held[open].state = "closed";
    }
}

/// Takes a read back, if all that it added is still open.
fn take_back(held: &mut [Held], read: (usize, usize)) -> bool {
    let of_read =
        |held: &&mut Held| held.state == "open" && held.scans.iter().any(|added| added.read == read);
    if held.iter_mut().filter(of_read).count() != read.1 {
        return false;
    }
    for document in held.iter_mut().filter(of_read) {
        document.scans.retain(|added| added.read != read);
        if document.scans.is_empty() {
            document.state = "cancelled";
        }
    }
    true
}

/// Returns the reads at a place that stand in the open documents asked for, whole or not.
fn reads_of(held: &[Held], home: (&str, i64), is_asked: impl Fn(&Held) -> bool) -> BTreeSet<(usize, usize)> {
    let open = held.iter().filter(|held| held.state == "open" && is_asked(held));
    open.flat_map(|held| &held.scans).filter(|added| added.home == home).map(|added| added.read).collect()
}

/// Carries a command out. `all` are the documents, and the products that may be taken back.
fn command(
    all: (&mut [Held], &mut Vec<Product>),
    before: &[Read],
    read: &Read,
    open: Option<usize>,
) -> Verdict {
    let (held, products) = all;
    let before_mode = mode(before, read.scanner);
    let place = (before_mode, storage(before, read.scanner));
    match read.word.as_str() {
        "close" => {
            for document in held.iter_mut().filter(|held| held.serves(place)) {
                document.state = "closed";
            }
        }
        "cancel" if pending(before, read.scanner).is_none() => {
            for read in reads_of(held, place, |held| held.place != place) {
                // What CANCEL takes back of a kit is taken back whole, and no UNDO finds it again.
                if take_back(held, read) {
                    products.retain(|product| product.read != Some(read));
                }
            }
            if let Some(open) = open {
                held[open].state = "cancelled";
            }
        }
        "receipt" | "write-off" | "lookup" if read.word != before_mode => {
            if matches!(read.scanner, "gate" | "view" | "hall") {
                return Verdict::Refused;
            }
            let left = [(before_mode, storage(before, "dock")), (before_mode, 92)];
            for document in held.iter_mut().filter(|held| left.into_iter().any(|place| held.serves(place))) {
                document.state = "closed";
            }
        }
        word => {
            if let Some(wanted) = word.strip_prefix("store:") {
                return switch(held, before, read, wanted.parse().unwrap());
            }
        }
    }
    Verdict::Control
}

/// Carries a storage code out: what scanners without a storage of their own had open is closed, in the modes that they
/// have.
fn switch(held: &mut [Held], before: &[Read], read: &Read, wanted: i64) -> Verdict {
    let (now, is_fixed) = (storage(before, read.scanner), matches!(read.scanner, "yard" | "gate" | "view"));
    if wanted == 93 || is_fixed && wanted != now {
        return Verdict::Refused;
    }
    if wanted != now && !is_fixed {
        let left = [(mode(before, "dock"), now), ("receipt", now)];
        for document in held.iter_mut().filter(|held| left.into_iter().any(|place| held.serves(place))) {
            document.state = "closed";
        }
    }
    Verdict::Control
}

/// The words that are drawn; a word that stands here more often comes more often.
const WORDS: [&str; 32] = [
    "store:91",
    "store:92",
    "store:94",
    "store:93",
    "pen",
    "pen",
    "pen",
    "cup",
    "cup",
    "ink",
    "wash",
    "wash",
    "set",
    "soon",
    "odd",
    "write-off",
    "nobody",
    "twin",
    "smudge",
    "noise",
    "tick",
    "qty:2",
    "qty:12",
    "undo",
    "undo",
    "close",
    "cancel",
    "ok",
    "receipt",
    "write-off",
    "lookup",
    "receipt",
];
const WAITS_MS: [i64; 10] = [0, 100, 299, 300, 1000, 1000, 1000, 1000, 200_000, 600_000];
const SCANNERS: [&str; 7] = ["dock", "dock", "till", "yard", "gate", "view", "hall"];

fn reads() -> impl Strategy<Value = Vec<Read>> {
    let read = (select(&WORDS[..]), select(&WAITS_MS[..]), select(&SCANNERS[..]));
    proptest::collection::vec(read, 1..60).prop_map(|drawn| {
        let mut at = 0;
        let read = |(word, wait, scanner): (&str, i64, &'static str)| {
            at += wait;
            Read { scanner, at, word: word.to_owned() }
        };
        drawn.into_iter().map(read).collect()
    })
}

/// Plays reads with the session.
fn session_of(list: &[Read]) -> Player {
    let mut played = Player::new(rules());
    let mut before = 0;
    for read in list {
        played = played.play(&format!("{}: t:{} {}", read.scanner, read.at - before, read.word));
        before = read.at;
    }
    played
}

fn verdict(outcome: &Outcome) -> Verdict {
    match outcome {
        Outcome::Booked { quantity, .. } => Verdict::Booked(*quantity),
        Outcome::Unknown { .. } => Verdict::Parked,
        Outcome::Refused(_) => Verdict::Refused,
        Outcome::Control(_) => Verdict::Control,
        Outcome::Lookup(_) => Verdict::Lookup,
    }
}

/// Returns a document in the words that both sides share.
fn words(document: &Document) -> String {
    let state = match document.state.as_str() {
        "open" | "cancelled" => document.state.as_str(),
        _ => "closed",
    };
    let mut lines: Vec<(String, String)> =
        document.lines.iter().map(|(good, units)| (good.clone(), units.to_string())).collect();
    lines.sort();
    format!("{} {state} {lines:?}", place(document.place))
}

fn model_words(held: &Held) -> String {
    let lines: Vec<(String, String)> =
        held.lines().into_iter().map(|(good, units)| (good, units.to_string())).collect();
    format!("{}@{} {} {lines:?}", held.place.0, held.place.1, held.state)
}

proptest! {
    #[test]
    fn the_session_does_what_the_list_of_scans_says(list in reads()) {
        let player = session_of(&list);
        let (held, verdicts) = replay(&list);
        let outcomes: Vec<Verdict> = player.outcomes.iter().map(verdict).collect();
        prop_assert_eq!(outcomes, verdicts);
        let documents: Vec<String> = player.documents.iter().map(words).collect();
        prop_assert_eq!(documents, held.iter().map(model_words).collect::<Vec<_>>());
    }

    #[test]
    fn the_books_balance_after_every_frame(list in reads()) {
        let frames = list.iter().filter(|read| read.word != "tick").count();
        let player = session_of(&list);
        prop_assert_eq!(player.outcomes.len(), frames);
        let booked: Quantity = player.outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Booked { quantity, .. } => Some(*quantity),
            _ => None,
        }).sum();
        let kept: Quantity = player.documents.iter().map(Document::units).sum();
        prop_assert_eq!(booked.checked_sub(player.undone), Some(kept));
        for (at, document) in player.documents.iter().enumerate() {
            prop_assert!(document.lines.len() <= 3);
            prop_assert_eq!(document.lines.is_empty(), document.state == "cancelled" && document.units() == Quantity::ZERO);
            let twin = player.documents[..at].iter().any(|other| {
                other.place == document.place && other.state == "open" && document.state == "open"
            });
            prop_assert!(!twin);
        }
    }

    #[test]
    fn a_restart_between_any_two_frames_forgets_only_pending_quantities_and_repeats(
        list in reads(), at in 0_usize..60,
    ) {
        // A quantity or a repeat across the restart would be forgotten; neither is in the list.
        let list: Vec<Read> = list.into_iter().filter(|read| !read.word.starts_with("qty")).collect();
        let spaced = |player: Player, list: &[Read]| {
            list.iter().fold(player, |player, read| player.play(&format!("{}: {}", read.scanner, read.word)))
        };
        let (before, after) = list.split_at(at.min(list.len()));
        let restarted = spaced(spaced(Player::new(rules()), before).play("restart"), after);
        let straight = spaced(Player::new(rules()), &list);
        prop_assert_eq!(restarted.told, straight.told);
    }
}
