//! The station's promises, kept by the real program against the simulated service.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::{Value, json};
use stockpoint::domain::ids::GoodId;
use stockpoint::sandbox::{Fault, GoodRow, Options, Selector};

use crate::support::program::{Ended, Program, SETTLED, Shed, assert_balance, visit};
use crate::support::pty::Pty;
use crate::support::station::Place;

/// Scans of every kind; what each does stands behind it.
fn scans() -> Vec<u8> {
    let mut scans = Vec::new();
    let lines: [&[u8]; 55] = [
        b"4006381333931\r\n", // receipt: shampoo 1
        b"$SP.QTY-7.4\n",
        b"$SP.QTY-12.S\n",  // control: the last one wins
        b"9521234000013\r", // comb 12
        b"036000291452\t",
        b"0036000291452\0",                             // tissues 1, spelled twice: 2
        b"042100005264\n",                              // razor blades as UPC-A: 1
        b"]E004252614\n",                               // as UPC-E with its AIM prefix: 1
        b"]C1010400638133393110LOT7\x1d3750\n",         // shampoo by GTIN, lot and count: 1
        b"(not an element)\n",                          // unknown, parked 1
        b"https://id.gs1.org/01/04006381333931/10/A\n", // shampoo by Digital Link: 1
        b"14006381333938\n",                            // carton by GTIN-14: 1
        b"96385074\n",                                  // hand cream by EAN-8: 1
        b"SHELF-12A\n",
        b"]A0SHELF-12A\n",  // coffee by text: 2
        b"shelf-12a\n",     // unknown, parked 1
        b"9521234000211\n", // two goods: refused
        b"0000\n",          // unknown, parked 1
        b"$SP.QTY-3.C\n",
        b"NO-SUCH-CODE\n",  // control; unknown, parked 3
        b"9521234000013\n", // comb 1: the parked scan has used the three up
        b"4006381333932\n", // wrong check digit: unknown, parked 1
        b"007\n",
        b"7\n", // two unknown codes, parked 1 each
        b"bell\x07\n",
        b"esc\x1b[31m\n",
        b"del\x7f\n", // refused
        b"c1\xc2\x85\n",
        b"\xff\xfe\n", // refused
        b"$SP.UNDO.X\n",
        b"$sp.undo.3\n",
        b"$SP.QTY-0.A\n", // refused: no control codes of ours
        b"\n\r\n\t\0",    // nothing at all
        b"$SP.UNDO.3\n",  // control: takes back 7, which was parked
        b"$SP.QTY-5.8\n",
        b"$SP.CANCEL.O\n",    // control: drops the five
        b"9521234000020\n",   // conditioner 1
        b"$SP.WRITE-OFF.1\n", // control: closes the receipt
        b"9521234000013\n",
        b"$SP.QTY-2.E\n",   // write-off: comb 1; control
        b"4006381333931\n", // shampoo 2
        b"$SP.CANCEL.O\n",  // control: the three are cancelled
        b"$SP.UNDO.3\n",    // refused: nothing to take back
        b"9521234000037\n",
        b"$SP.CLOSE.U\n", // mask 1; control
        b"$SP.CLOSE.U\n", // control: there was nothing to close
        b"$SP.LOOKUP.Y\n",
        b"4006381333931\n", // control; lookup
        b"0000\n",
        b"9521234000211\n", // lookups, known or not
        b"$SP.OK.C\n",
        b"$SP.RECEIPT.K\n", // control, control
        b"9521234000044\n",
        b"$SP.UNDO.3\n", // oil 1, taken back: the empty document is cancelled
        b"CARD/2026\n",  // loyalty card 1, in a new document
    ];
    scans.extend(lines.concat());
    scans.extend([b'A'; 512]); // unknown, parked 1
    scans.push(b'\n');
    scans.extend([b'B'; 513]); // refused
    scans.extend(b"\n9521234000051"); // spray 1: the end of the input ends it
    scans
}

/// What the scans make of an empty station.
fn expected_scans() -> Value {
    json!({"accepted":57,"booked":20,"undone":2,"unknown":8,"refused":11,"control":15,"lookup":3})
}

fn expected_units() -> Value {
    json!({"booked":"32","undone":"1","open":"0","queued":"0","in_flight":"0","posted":"28","refused":"0",
           "cancelled":"3","parked":"9"})
}

/// The figures that a demonstration prints to a program.
fn figures(ended: &Ended) -> Value {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let line = ended.out.lines().find(|line| line.starts_with('{')).unwrap();
    serde_json::from_str(line).unwrap()
}

#[tokio::test]
async fn the_demonstration_counts_every_kind_of_scan_as_the_contract_says() {
    let shed = Shed::new();
    shed.write("scans.txt", scans());
    let status = figures(&shed.run(&["demo", "--scans", "scans.txt"]).await);
    assert_balance(&status);
    assert_eq!(status["scans"], expected_scans());
    assert_eq!(status["units"], expected_units());
    let outbox = json!({"open":0,"queued":0,"sending":0,"uncertain":0,"posted":3,"refused":0,"cancelled":2});
    assert_eq!(status["outbox"], outbox);
    assert_eq!(status["goods"]["count"], 41);
    assert_eq!(status["api"], json!({"state":"ok","last_error":null}));
    let left: Vec<_> = shed.dir.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "the temporary folder is gone: {left:?}");
}

#[tokio::test]
async fn the_demonstration_reads_a_pipe_as_it_reads_a_file() {
    let shed = Shed::new();
    let status = figures(&shed.run_with(&["demo"], &scans()).await);
    assert_eq!((&status["scans"], &status["units"]), (&expected_scans(), &expected_units()));
}

#[tokio::test]
async fn a_demonstration_of_nothing_balances() {
    let shed = Shed::new();
    let status = figures(&shed.run(&["demo"]).await);
    assert_eq!(status["scans"]["accepted"], 0);
    assert_eq!(status["units"]["posted"], "0");
}

#[tokio::test]
async fn a_demonstration_of_kits_balances() {
    let scans = "$SP.KIT-410.C\n$SP.WRITE-OFF.1\n$SP.QTY-3.C\n$SP.KIT-410.C\n$SP.KIT-410.C\n$SP.UNDO.3\n9521234000013\n\
                 $SP.KIT-410.X\n";
    let shed = Shed::new();
    let status = figures(&shed.run_with(&["demo"], scans.as_bytes()).await);
    assert_balance(&status);
    let expected = json!({"accepted":8,"booked":3,"undone":1,"unknown":0,"refused":2,"control":3,"lookup":0});
    assert_eq!(status["scans"], expected);
    assert_eq!((&status["units"]["posted"], &status["units"]["undone"]), (&json!("1.45"), &json!("0.15")));
    assert_eq!(status["outbox"]["posted"], 2);
}

#[tokio::test]
async fn a_second_demonstration_in_the_same_folder_counts_on_and_balances() {
    let shed = Shed::new();
    for (scanned, accepted, posted) in
        [("4006381333931\n9521234000013\n", 2, "2"), ("4006381333931\n", 3, "3"), ("", 3, "3")]
    {
        let status = figures(&shed.run_with(&["demo", "--dir", "kept"], scanned.as_bytes()).await);
        assert_balance(&status);
        assert_eq!(status["scans"]["accepted"], accepted);
        assert_eq!(status["units"]["posted"], posted);
    }
    assert!(shed.path("kept/outbox.db").exists());
}

#[tokio::test]
async fn a_list_of_scans_that_is_not_there_is_named() {
    let ended = Shed::new().run(&["demo", "--scans", "nowhere.txt"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("nowhere.txt"), "{ended:?}");
}

#[tokio::test]
async fn a_list_of_scans_that_is_a_folder_or_a_pipe_without_a_writer_is_refused() {
    let shed = Shed::new();
    fs::create_dir(shed.path("folder")).unwrap();
    mkfifo(&shed.path("pipe"), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    for (name, why) in
        [("folder", "it is a folder"), ("pipe", "nothing was written into the pipe within 10 s")]
    {
        let ended = shed.run(&["demo", "--scans", name]).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.err.contains(name) && ended.err.contains(why), "{ended:?}");
    }
}

#[tokio::test]
async fn the_demonstration_on_a_terminal_shows_what_to_try_and_answers_each_scan() {
    let (shed, mut terminal) = (Shed::new(), Pty::new());
    let mut command = shed.command(&["demo"]);
    let far_end = File::options().read(true).write(true).open(&terminal.path).unwrap();
    command.stdin(Stdio::from(far_end));
    let demo = shed.start(command);
    demo.until_said("Ctrl-D ends").await;
    let welcome = demo.said();
    for shown in ["4006381333931", "$SP.UNDO.3", "$SP.KIT-410.C"] {
        assert!(welcome.contains(shown), "{shown}: {welcome}");
    }
    for (typed, answer) in [
        ("4006381333931\n", "receipt      1 pc  Shampoo 1"),
        ("$SP.QTY-12.S\n", "QTY-12"),
        ("9521234000013\n", "receipt     12 pc  Comb"),
        ("0000\n", "unknown      1     0000"),
        ("$SP.CLOSE.U\n", "posted      13"),
    ] {
        terminal.feed(typed.as_bytes());
        demo.until_said(answer).await;
    }
    terminal.feed(b"\x04");
    let ended = demo.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("The books balance: 13 units posted, 13 on the service."), "{ended:?}");
}

#[tokio::test]
async fn a_demonstration_that_is_interrupted_says_so_and_goes_on_in_its_folder() {
    let (shed, mut terminal) = (Shed::new(), Pty::new());
    let mut command = shed.command(&["demo", "--dir", "kept"]);
    command.stdin(Stdio::from(File::options().read(true).write(true).open(&terminal.path).unwrap()));
    let demo = shed.start(command);
    demo.until_said("Ctrl-D ends").await;
    terminal.feed(b"4006381333931\n");
    demo.until_said("receipt      1 pc  Shampoo 1").await;
    demo.signal(Signal::SIGINT);
    let ended = demo.ended().await;
    assert_eq!(ended.code, Some(130), "{ended:?}");
    assert!(ended.err.contains("the demonstration was interrupted"), "{ended:?}");
    assert!(ended.out.contains("scans: 1 = 1 booked\nunits: 1 booked = 1 open\nInterrupted"), "{ended:?}");
    let status = figures(&shed.run(&["demo", "--dir", "kept"]).await);
    assert_eq!((&status["scans"]["accepted"], &status["units"]["posted"]), (&json!(1), &json!("1")));
}

/// A service, a station of it, and its scanner, which has been heard once: the agent is ready and knows the goods.
async fn station(options: Options) -> (Place, Shed, Pty, Program) {
    let (place, mut scanner) = (Place::new(options).await, Pty::new());
    let shed = Shed::of(&place.sandbox, &scanner.path);
    let agent = shed.agent().await;
    shed.until("a goods table", |status| status["goods"]["synced_at"].is_string()).await;
    assert_eq!(scan(&mut scanner, "$SP.OK.C").await, 'C');
    (place, shed, scanner, agent)
}

/// Scans a code and waits for the answer.
async fn scan(scanner: &mut Pty, code: &str) -> char {
    scanner.feed(format!("{code}\r").as_bytes());
    scanner.answer().await
}

fn posted(units: &str) -> impl Fn(&Value) -> bool {
    move |status| status["units"]["posted"] == units
}

#[tokio::test]
async fn the_running_agent_and_its_data_tell_the_same_figures() {
    let (place, shed, mut scanner, agent) = station(Options::sample()).await;
    for (code, answer) in
        [("4006381333931", 'B'), ("nobody", 'U'), ("9521234000211", 'R'), ("$SP.CLOSE.U", 'C')]
    {
        assert_eq!(scan(&mut scanner, code).await, answer, "{code}");
    }
    let told = shed.until("the posting", posted("1")).await;
    assert_balance(&told);
    assert_eq!(told["running"], true);
    assert_eq!(told["scanners"][0]["state"], "healthy");
    assert!(told["scanners"][0]["last_scan_at"].is_string());
    assert_eq!(told["scanners"][0]["refused"], 1);
    assert_eq!(told["scanners"][0]["reconnects"], 0);
    assert!(told["scanners"][0]["fault"].is_null());
    let text = shed.says(&["status"]).await;
    assert!(
        text.contains("scanner dock")
            && text.contains(" healthy, receipt in ")
            && text.contains(", 1 refused\n"),
        "{text}"
    );
    assert_eq!(told["api"]["state"], "ok");
    let page = visit(&agent, "/status.json", None).await;
    let (_head, body) = page.split_once("\r\n\r\n").unwrap();
    let served: Value = serde_json::from_str(body).unwrap();
    let ended = agent.stop().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let read = shed.status().await;
    for part in ["scans", "units", "outbox"] {
        assert_eq!((&told[part], &told[part]), (&served[part], &read[part]));
    }
    assert_eq!(read["running"], false);
    assert_eq!(place.sandbox.books().live_lines().len(), 1);
}

#[tokio::test]
async fn either_signal_stops_the_agent_in_order_and_what_is_open_stays_open() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let (_place, shed, mut scanner, agent) = station(Options::sample()).await;
        assert_eq!(scan(&mut scanner, "4006381333931").await, 'B');
        agent.signal(signal);
        let ended = agent.ended().await;
        assert_eq!(ended.code, Some(0), "{signal}: {ended:?}");
        assert_eq!(shed.status().await["units"]["open"], "1");
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_service_that_does_not_answer() {
    let (place, shed, mut scanner, agent) = station(Options::sample()).await;
    place.sandbox.outage(Some((Selector::Any, Fault::Slow { ms: 3_600_000 })));
    assert_eq!(scan(&mut scanner, "4006381333931").await, 'B');
    assert_eq!(scan(&mut scanner, "$SP.CLOSE.U").await, 'C');
    let ended = agent.stop().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_balance(&shed.status().await);
}

#[tokio::test]
async fn a_second_agent_on_one_folder_is_refused_and_the_first_goes_on() {
    let (_place, shed, mut scanner, agent) = station(Options::sample()).await;
    let second = shed.run(&["run"]).await;
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.err.contains("another agent is using "), "{second:?}");
    assert_eq!(scan(&mut scanner, "4006381333931").await, 'B');
    assert_eq!(agent.stop().await.code, Some(0));
}

#[tokio::test]
async fn a_port_that_is_not_there_is_said_once_with_its_cure_and_found_when_it_comes() {
    let (place, mut scanner) = (Place::new(Options::sample()).await, Pty::new());
    let node = crate::support::pty::Node::new();
    let shed = Shed::of(&place.sandbox, &node.path());
    let agent = shed.start(shed.command(&["run"]));
    agent.until_logged("scanner is gone").await;
    let told = &shed.status().await["scanners"][0];
    assert_eq!((&told["state"], &told["fault"]), (&"gone".into(), &"there is no such port".into()));
    let page = visit(&agent, "/", None).await;
    assert!(page.contains("gone: there is no such port"), "{page}");
    // Several tries later.
    shed.until("a goods table", |status| status["goods"]["synced_at"].is_string()).await;
    node.lead_to(&scanner);
    agent.until_logged("scanner is ready").await;
    tokio::time::sleep(SETTLED).await;
    assert_eq!(scan(&mut scanner, "4006381333931").await, 'B');
    let ended = agent.stop().await;
    assert_eq!(ended.err.matches("scanner is gone").count(), 1, "{}", ended.err);
    assert!(ended.err.contains("plug the scanner in"), "{}", ended.err);
}

#[tokio::test]
async fn the_tokens_may_come_from_credentials_files_or_the_environment_in_this_order() {
    let (place, scanner) = (Place::new(Options::sample()).await, Pty::new());
    let right = ["sandbox-partner-token", "sandbox-user-token"];
    // The first place that has any decides: the places before it have none, the places after it wrong ones.
    let mut syncs = Vec::new();
    for first in 0..3 {
        let shed = Shed::of(&place.sandbox, &scanner.path);
        let mut command = shed.command(&["goods", "sync"]);
        fs::create_dir(shed.path("credentials")).unwrap();
        for (token, [name, variable]) in right
            .iter()
            .zip([["partner-token", "STOCKPOINT_PARTNER_TOKEN"], ["user-token", "STOCKPOINT_USER_TOKEN"]])
        {
            fs::remove_file(shed.path(name)).unwrap();
            let token = |place: usize| if place == first { *token } else { "a-wrong-token" };
            if first == 0 {
                shed.write(&format!("credentials/{name}"), token(0));
            }
            if first <= 1 {
                shed.write(name, token(1));
            }
            command.env(variable, token(2));
        }
        command.env("CREDENTIALS_DIRECTORY", shed.path("credentials"));
        let sync = shed.start(command);
        syncs.push((first, shed, sync));
    }
    for (first, _shed, sync) in syncs {
        let ended = sync.ended().await;
        assert_eq!(ended.code, Some(0), "{first}: {ended:?}");
        assert!(ended.out.contains("41 goods"), "{first}: {ended:?}");
    }
}

#[tokio::test]
async fn a_parked_code_is_listed_exported_and_booked_when_it_is_given_to_a_good() {
    let (place, shed, mut scanner, _agent) = station(Options::sample()).await;
    assert_eq!(scan(&mut scanner, "$SP.QTY-3.C").await, 'C');
    assert_eq!(scan(&mut scanner, "new-label").await, 'U');
    assert!(shed.says(&["unknown", "list"]).await.contains("new-label"));
    let exported: Value = serde_json::from_str(shed.says(&["unknown", "export"]).await.trim()).unwrap();
    assert_eq!((&exported["code"], &exported["units"]), (&json!("new-label"), &json!("3")));
    let nobody = shed.run(&["unknown", "assign", "new-label", "1"]).await;
    assert_eq!(nobody.code, Some(1), "{nobody:?}");
    shed.says(&["unknown", "assign", "new-label", "123457"]).await;
    let status = shed.until("the posting", posted("3")).await;
    assert_eq!((&status["scans"]["unknown"], &status["scans"]["booked"]), (&json!(0), &json!(1)));
    assert_eq!(status["units"]["parked"], "0");
    assert_balance(&status);
    let lines = place.sandbox.books().live_lines().len();
    assert_eq!(lines, 1);
    assert_eq!(scan(&mut scanner, "new-label").await, 'B');
    assert!(shed.says(&["unknown", "list"]).await.contains("no code is unknown"));
}

#[tokio::test]
async fn a_refused_document_is_shown_with_the_words_of_the_service_and_goes_out_on_retry() {
    let (place, shed, mut scanner, _agent) = station(Options::sample()).await;
    place.sandbox.configure(|options| options.permissions.types = vec![4]);
    assert_eq!(scan(&mut scanner, "4006381333931").await, 'B');
    assert_eq!(scan(&mut scanner, "$SP.CLOSE.U").await, 'C');
    let status = shed.until("the refusal", |status| status["units"]["refused"] == "1").await;
    assert_balance(&status);
    let list = shed.says(&["outbox", "list"]).await;
    assert!(list.contains("refused") && list.contains("Access denied"), "{list}");
    let show = shed.says(&["outbox", "show", "1"]).await;
    assert!(show.contains("#sp:dock-1:") && show.contains("Shampoo 1"), "{show}");
    place.sandbox.configure(|options| options.permissions.types = vec![3, 4]);
    shed.says(&["outbox", "retry", "1"]).await;
    shed.until("the posting", posted("1")).await;
    assert!(shed.says(&["outbox", "list"]).await.contains("everything is delivered"));
    assert_eq!(shed.run(&["outbox", "retry", "1"]).await.code, Some(1));
    assert_eq!(shed.run(&["outbox", "show", "99"]).await.code, Some(1));
    let exported: Value = serde_json::from_str(shed.says(&["outbox", "export"]).await.trim()).unwrap();
    assert_eq!(exported["state"], "posted");
    assert_eq!(exported["lines"][0]["quantity"], "1");
    shed.says(&["outbox", "verify"]).await;
}

#[tokio::test]
async fn goods_are_found_as_a_scan_would_find_them() {
    let (place, shed, _scanner, _agent) = station(Options::sample()).await;
    let find = async |code: &str| shed.says(&["goods", "find", code]).await;
    let finds_none = async |code: &str| {
        let ended = shed.run(&["goods", "find", code]).await;
        assert_eq!((ended.code, ended.err.as_str()), (Some(1), ""), "{ended:?}");
        ended.out
    };
    assert!(find("4006381333931").await.contains("Shampoo 1"));
    assert!(find("0036000291452").await.contains("Paper tissues"));
    assert!(
        finds_none("123456").await.contains("no good has this code"),
        "neither by good_id nor by article"
    );
    assert!(finds_none("9521234000211").await.contains("several goods"));
    let json: Value =
        serde_json::from_str(&shed.says(&["goods", "find", "4006381333931", "--json"]).await).unwrap();
    assert_eq!((&json["found"], &json["goods"][0]["good_id"]), (&"good".into(), &123_456.into()), "{json}");
    place.sandbox.put_good(GoodRow::new(GoodId(9001), "Fresh", "fresh-code"));
    assert!(shed.says(&["goods", "sync"]).await.contains("42 goods"));
    assert!(find("fresh-code").await.contains("Fresh"));
    assert!(shed.says(&["goods", "stats"]).await.contains("42"));
}

#[tokio::test]
async fn a_hostile_code_harms_nobody_who_looks_at_it() {
    let (_place, shed, mut scanner, agent) = station(Options::sample()).await;
    let long = "A".repeat(512);
    let codes = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(2)>",
        "';DROP TABLE scans;--",
        "{0} %s %n ${HOME} $(reboot)",
        "../../../../etc/passwd",
        "x\u{202e}gpj.exe",
        "\u{200b}\u{feff}",
        &long,
        "{\"a\":1}",
        "=cmd|'/C calc'!A0",
    ];
    for code in codes {
        assert_eq!(scan(&mut scanner, code).await, 'U', "{code}");
    }
    for code in ["\x1b[2J\x1b[1;31mred", "\x1b]0;title\x07", "\u{9b}2J"] {
        assert_eq!(scan(&mut scanner, code).await, 'R', "{code:?}");
    }
    let page = visit(&agent, "/", None).await;
    assert!(page.contains("class=\"recent\""), "{page}");
    let (list, export) = (shed.says(&["unknown", "list"]).await, shed.says(&["unknown", "export"]).await);
    let ended = agent.stop().await;
    for (what, shown) in [("page", &page), ("list", &list), ("log", &ended.err), ("export", &export)] {
        let is_wild = |c: char| c.is_control() && !matches!(c, '\n' | '\r');
        assert!(!shown.chars().any(is_wild), "{what}: {shown:?}");
    }
    for (what, shown) in [("page", &page), ("list", &list), ("log", &ended.err)] {
        assert!(!shown.contains(['\u{202e}', '\u{200b}', '\u{feff}']), "{what}: {shown:?}");
        assert!(!shown.contains(&long), "{what}: {shown}");
    }
    assert!(!page.contains("<script>") && !page.contains("<img"), "{page}");
    let exported: Vec<Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(exported.len(), codes.len());
    assert!(codes.iter().all(|code| exported.iter().any(|row| row["code"] == *code)), "{export}");
    assert_eq!(shed.status().await["scans"]["unknown"], 10);
}

#[tokio::test]
async fn the_page_answers_only_to_the_address_of_the_station() {
    let (_place, _shed, _scanner, agent) = station(Options::sample()).await;
    assert!(visit(&agent, "/", None).await.starts_with("HTTP/1.1 200"));
    assert!(visit(&agent, "/", Some("evil.example.org")).await.starts_with("HTTP/1.1 421"));
    assert!(visit(&agent, "/nothing", None).await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn a_page_that_is_off_listens_nowhere_and_the_figures_come_all_the_same() {
    let (place, scanner) = (Place::new(Options::sample()).await, Pty::new());
    let shed = Shed::of(&place.sandbox, &scanner.path);
    let config = shed.config(&place.sandbox.base_url(), Path::new("/dev/null/no"));
    shed.write("config.toml", config.replace("127.0.0.1:0", ""));
    let agent = shed.start(shed.command(&["run"]));
    let status = shed.until("a goods table", |status| status["goods"]["count"] == 41).await;
    assert_eq!(status["running"], true);
    assert!(!agent.logged().contains("page="), "{}", agent.logged());
    assert_eq!(agent.stop().await.code, Some(0));
}
