//! Errors state facts, and hints stand apart: read off the sources, and seen at every way out of the program.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use super::architecture::collect;
use crate::support::program::{Ended, Shed};

/// The places in the sources where the text of an error stands.
const PLACES: &[&str] = &["#[error(", "::usage(", "::failure(", "::io("];

/// The words that open an order and no fact. A text that begins with one of them fits behind "failed to" alone.
const ORDERS: &[&str] = &[
    "adopt",
    "apply",
    "ask",
    "back",
    "balance",
    "be",
    "become",
    "calibrate",
    "choose",
    "come",
    "compare",
    "configure",
    "connect",
    "correct",
    "draw",
    "enable",
    "find",
    "fit",
    "get",
    "give",
    "go",
    "hand",
    "have",
    "join",
    "keep",
    "know",
    "learn",
    "log",
    "look",
    "make",
    "open",
    "prepare",
    "print",
    "put",
    "reach",
    "read",
    "run",
    "save",
    "say",
    "see",
    "set",
    "show",
    "signal",
    "start",
    "step",
    "stop",
    "take",
    "tell",
    "try",
    "understand",
    "undo",
    "use",
    "write",
];

/// The pieces of a cure, which is a hint of its own.
const CURES: &[&str] =
    &["failed to", "`", "; use", "; give", "; put", "; run", "; name", "; check", "; correct", "; print"];

/// The faults of the text of an error.
fn faults(text: &str) -> Vec<String> {
    let first = text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let order = ORDERS.contains(&first).then(|| format!("begins with the order {first:?}"));
    let cures = CURES.iter().filter(|cure| text.contains(**cure)).map(|cure| format!("has {cure:?}"));
    let end = text.ends_with('.').then(|| "ends with a full stop".to_owned());
    let begin =
        text.starts_with(|c: char| c.is_ascii_uppercase()).then(|| "begins with a capital".to_owned());
    order.into_iter().chain(cures).chain(end).chain(begin).collect()
}

/// The text of the literal that a call begins with, be it in a `format!` or not.
fn literal(call: &str) -> Option<String> {
    let call = call.trim_start();
    let call = call.strip_prefix("format!(").unwrap_or(call).trim_start().strip_prefix('"')?;
    let (mut text, mut chars) = (String::new(), call.chars());
    while let Some(c) = chars.next() {
        match c {
            '"' => return Some(text),
            '\\' => match chars.next()? {
                '\n' => chars = chars.as_str().trim_start().chars(),
                'n' => text.push('\n'),
                escaped => text.push(escaped),
            },
            c => text.push(c),
        }
    }
    None
}

#[test]
fn the_text_of_every_error_is_a_fact() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let (mut count, mut wrong) = (0, Vec::new());
    for file in files {
        let source = fs::read_to_string(&file).unwrap();
        for place in PLACES {
            let calls = source.match_indices(place).map(|(at, _)| &source[at + place.len()..]);
            for text in calls.filter_map(literal) {
                count += 1;
                let name = file.strip_prefix(&root).unwrap().display();
                wrong.extend(faults(&text).into_iter().map(|fault| format!("{name}: {text:?} {fault}")));
            }
        }
    }
    assert!(count > 150, "the texts were not found: {count}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_order_a_cure_and_a_sentence_are_no_facts() {
    for (call, wrong) in [
        ("\"find the token\")]", "begins with the order \"find\""),
        ("\n    \"the port is \\\n     taken; use another\",", "has \"; use\""),
        ("format!(\"{name} is taken: run `x`\"))", "has \"`\""),
        ("\"it ended.\")", "ends with a full stop"),
        ("\"The disk is full\")", "begins with a capital"),
    ] {
        assert_eq!(faults(&literal(call).unwrap()), [wrong], "{call}");
    }
    assert_eq!(faults("no document {0}"), Vec::<String>::new());
    assert_eq!(literal("transparent)]"), None);
}

/// Checks the form: a fact, its causes, the hints; and that no cause says the fact again.
fn assert_form(ended: &Ended) {
    let mut lines = ended.err.lines().peekable();
    let fact = lines.next().and_then(|line| line.strip_prefix("stockpoint: "));
    let fact = fact.unwrap_or_else(|| panic!("no fact: {ended:?}"));
    assert_eq!(faults(fact), Vec::<String>::new(), "{ended:?}");
    while let Some(cause) = lines.peek().and_then(|line| line.strip_prefix("  caused by: ")) {
        assert!(!fact.contains(cause) && !cause.contains(fact), "{ended:?}");
        lines.next();
    }
    for line in lines {
        assert!(line.starts_with("hint: "), "{ended:?}");
    }
}

const CONFIG: &str = "[station]\nname = \"dock-1\"\nlocation_id = 4564\nstorage_id = 91271\n\
    data_dir = \"data\"\n[api]\npartner_token_file = \"./partner\"\nuser_token_file = \"./user\"\n\
    base_url = \"http://127.0.0.1:9/api/v1\"\n[[scanner]]\nname = \"dock\"\nkind = \"stdin\"\n";

const NO_DATA: &str =
    "stockpoint: no data in data\nhint: the agent makes it when it first runs: `stockpoint run`\n";
const NO_FILE: &str = "  caused by: No such file or directory (os error 2)\n";

#[tokio::test]
async fn every_way_out_states_a_fact_and_a_hint_where_there_is_a_cure() {
    let shed = Shed::new();
    shed.write("config.toml", CONFIG);
    shed.write("keys.txt", "what is this\n");
    let cases: &[(&[&str], i32, &str)] = &[
        (
            &["run"],
            2,
            "stockpoint: no partner token in file ./partner, environment STOCKPOINT_PARTNER_TOKEN\n\
             hint: put it into one of these places\n",
        ),
        (&["outbox", "show", "7"], 1, NO_DATA),
        (&["adopt", "--moved"], 1, NO_DATA),
        (
            &["devices", "try", "till", "1"],
            2,
            "stockpoint: no scanner \"till\" in the configuration, which has dock\nhint: name one of these\n",
        ),
        (
            &["devices", "try", "dock", "\\q"],
            2,
            "stockpoint: the code has a backslash without a meaning\n\
             hint: write \\x1d for the group separator, \\\\ for a backslash\n",
        ),
        (
            &["calibrate", "dock"],
            2,
            "stockpoint: a scanner of kind stdin has no layout and no terminator to find out\n",
        ),
        (
            &["trace", "replay", "keys.txt"],
            1,
            "stockpoint: line 1 is not an event\n\
             hint: a line is TIME KIND CODE VALUE, !opened TIME or !layout NAME\n",
        ),
        (&["trace", "replay", "none.txt"], 1, &format!("stockpoint: cannot read none.txt\n{NO_FILE}")),
        (&["demo", "--scans", "none.txt"], 1, &format!("stockpoint: cannot read none.txt\n{NO_FILE}")),
        (&["restore", "none.backup"], 1, &format!("stockpoint: cannot use none.backup\n{NO_FILE}")),
        (
            &["sheet", "--output", "none/sheet.pdf", "--format", "pdf"],
            1,
            &format!("stockpoint: cannot write none/sheet.pdf\n{NO_FILE}"),
        ),
        (&["step-back", "--previous", "none"], 1, "stockpoint: no earlier program is kept as none\n"),
    ];
    for (args, code, told) in cases {
        let ended = shed.run(args).await;
        assert_eq!((ended.code, ended.err.as_str()), (Some(*code), *told), "{args:?}");
        assert_form(&ended);
    }
}

#[tokio::test]
async fn a_service_that_is_away_is_told_once_and_without_the_layers_below() {
    let shed = Shed::new();
    shed.write("config.toml", CONFIG);
    shed.write("partner", "partner-token-of-a-test");
    shed.write("user", "user-token-of-a-test");
    let ended = shed.run(&["goods", "sync"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let told = "stockpoint: cannot reach the service: Connection refused (os error 111)\n\
                hint: a running agent tries again by itself\n";
    assert!(ended.err.ends_with(told), "{ended:?}");
}

#[tokio::test]
async fn a_station_with_faults_ends_doctor_with_their_number() {
    let shed = Shed::new();
    shed.write("config.toml", CONFIG);
    let ended = shed.run(&["doctor"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let faults = ended.out.lines().filter(|line| line.starts_with("  FAULT")).count();
    let noun = if faults == 1 { "fault" } else { "faults" };
    let told = format!(
        "stockpoint: doctor found {faults} {noun}\nhint: the report has the cure of each fault, below it\n"
    );
    assert_eq!(ended.err, told, "{ended:?}");
    assert_form(&ended);
}

#[tokio::test]
async fn a_configuration_that_is_not_there_is_told_as_a_fault_of_the_file() {
    let ended = Shed::new().run(&["status"]).await;
    let told = "config.toml: cannot be read: No such file or directory (os error 2); check the path and its \
                permissions, or name another file with --config\n";
    assert_eq!((ended.code, ended.err.as_str()), (Some(2), told));
}

#[test]
fn a_reader_that_closes_the_output_is_no_failure() {
    let shed = Shed::new();
    shed.write("config.toml", CONFIG);
    let mut command = shed.command(&["sheet", "--format", "html"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!((child.wait().unwrap().code(), told.as_str()), (Some(0), ""));
}
