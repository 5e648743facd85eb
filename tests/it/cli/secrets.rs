//! No token is ever said: not in any weather, not with any configuration, not when the service itself says it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use stockpoint::sandbox::{Fault, Options, Selector};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::support::program::{Shed, visit};
use crate::support::pty::Pty;
use crate::support::station::Place;

/// Tokens as the service makes them.
const PARTNER: &str = "fr2ghk7ckd5tym5nwcbn";
const USER: &str = "8c4f4a1b07d9e6532a1f0c9b7e5d3a61";

/// Everything that is in a folder, but for the files that hold the tokens.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found = Vec::new();
    for path in entries {
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() && !path.ends_with("partner-token") && !path.ends_with("user-token") {
            found.push(path);
        }
    }
    found
}

/// The token, and what it is in base64 (RFC 4648, section 4) on each of the three places it can begin at.
fn spellings(token: &str) -> Vec<Vec<u8>> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut spellings = vec![token.as_bytes().to_vec()];
    for skipped in 0..3 {
        // Whole groups of three bytes only: what stands around the token does not change them.
        let groups = token.as_bytes()[skipped..].chunks_exact(3);
        let letters = groups.flat_map(|group| {
            let bits = group.iter().fold(0_usize, |bits, byte| bits * 256 + usize::from(*byte));
            [18, 12, 6, 0].map(|shift| ALPHABET[bits >> shift & 63])
        });
        spellings.push(letters.collect());
    }
    spellings
}

/// Where a token is said, of all that the shed's programs wrote and said.
fn leaks(shed: &Shed) -> Vec<PathBuf> {
    let wanted: Vec<_> = [PARTNER, USER].into_iter().flat_map(spellings).collect();
    let says = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        wanted.iter().any(|token| bytes.windows(token.len()).any(|window| window == token))
    };
    files(shed.dir.path()).into_iter().filter(says).collect()
}

fn assert_nothing_is_said(shed: &Shed, what: &str) {
    if let Some(path) = leaks(shed).first() {
        let said = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        panic!("{what}: {} says a token: {said}", path.display());
    }
}

fn shed(base_url: &str, scanner: &Path) -> Shed {
    let shed = Shed::new();
    shed.write("partner-token", PARTNER);
    shed.write("user-token", USER);
    // No answer is held back here, so none is too late.
    let config =
        shed.config(base_url, scanner).replace("request_timeout_ms = 1000", "request_timeout_ms = 60000");
    shed.write("config.toml", config);
    shed
}

fn options() -> Options {
    Options { partner_token: PARTNER.to_owned(), user_token: USER.to_owned(), ..Options::sample() }
}

#[test]
fn the_search_finds_a_token_wherever_it_is() {
    for said in [format!("x{PARTNER}x"), format!("..{USER}"), "ZnIyZ2hrN2NrZDV0eW01bndjYm4=".to_owned()] {
        let shed = Shed::new();
        shed.write("said", &said);
        assert_eq!(leaks(&shed).len(), 1, "{said}");
    }
}

/// A service that answers every request with this, where `AUTH` becomes the credentials it was sent.
async fn parrot(answer: &'static str, server: &mut JoinSet<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/api/v1", listener.local_addr().unwrap());
    server.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.windows(4).any(|end| end == b"\r\n\r\n")
                && stream.read_buf(&mut head).await.unwrap() > 0
            {}
            let head = String::from_utf8(head).unwrap();
            let said = head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap();
            let (status, body) = answer.split_once(' ').unwrap();
            let body = body.replace("AUTH", said);
            let answer = format!(
                "HTTP/1.1 {status} X\r\nx-echo: {said}\r\nlocation: /{PARTNER}\r\ncontent-length: {}\r\n\
                 connection: close\r\n\r\n{body}",
                body.len()
            );
            // A client that has had enough closes first.
            let _sent = stream.write_all(answer.as_bytes()).await;
        }
    });
    base
}

#[tokio::test]
async fn a_service_that_repeats_the_credentials_is_not_repeated() {
    let answers = [
        "200 \"AUTH\"",
        "200 {\"success\":true,\"data\":\"AUTH\"}",
        "200 {\"success\":\"AUTH\",\"data\":{\"AUTH\":\"AUTH\"}}",
        "200 {\"success\":false,\"meta\":{\"message\":\"you sent AUTH\"}}",
        "200 AUTH",
        "302 AUTH",
        "400 {\"meta\":{\"message\":\"bad header: AUTH\"}}",
        "401 {\"success\":false,\"meta\":{\"message\":\"unknown: AUTH\"}}",
        "403 {\"errors\":{\"code\":403,\"message\":\"AUTH\"},\"meta\":[]}",
        "422 {\"meta\":{\"message\":\"no\",\"errors\":{\"AUTH\":[\"AUTH\"]}}}",
        "429 {\"meta\":{\"message\":\"AUTH may retry in 3 seconds\"}}",
        "500 AUTH",
        "502 <html>AUTH</html>",
    ];
    let mut servers = JoinSet::new();
    let mut agents = Vec::new();
    for (number, answer) in answers.into_iter().enumerate() {
        let shed = shed(&parrot(answer, &mut servers).await, Path::new("/dev/null/none"));
        let format = if number % 2 == 0 { "text" } else { "json" };
        let agent = shed.start(shed.command(&["run", "--log-level", "debug", "--log-format", format]));
        agents.push((answer, shed, agent));
    }
    for (answer, shed, agent) in agents {
        // Without an agent, too, there is an error: that none runs.
        let is_told = |status: &Value| status["running"] == true && status["api"]["last_error"].is_string();
        let status = shed.until("an error", is_told).await;
        assert_ne!(status["api"]["state"], "ok", "{answer}");
        assert_eq!(agent.stop().await.code, Some(0), "{answer}");
        assert_nothing_is_said(&shed, answer);
    }
}

#[tokio::test]
async fn no_token_is_said_in_good_weather_or_bad() {
    let (place, mut scanner) = (Place::new(options()).await, Pty::new());
    let shed = shed(&place.sandbox.base_url(), &scanner.path);
    let echo = format!("Refused: Authorization: Bearer {PARTNER}, User {USER}");
    let agent = shed.agent().await;
    shed.until("a goods table", |status| status["goods"]["synced_at"].is_string()).await;
    let refuse = |status| Fault::Refuse { status, message: echo.clone() };
    // The first document is refused in these words, at every step; the second meets everything else.
    place.sandbox.outage(Some((Selector::Writes, refuse(422))));
    for code in ["4006381333931", "nobody", "$SP.CLOSE.U"] {
        scanner.feed(format!("{code}\r").as_bytes());
        scanner.answer().await;
    }
    shed.until("the refusal", |status| status["units"]["refused"] == "1").await;
    let page = visit(&agent, "/", None).await;
    shed.write("page.html", page);
    place.sandbox.outage(None);
    place.sandbox.fault(Selector::Reads, refuse(503));
    place.sandbox.fault(Selector::Writes, Fault::ActThenDrop);
    scanner.feed(b"9521234000013\r$SP.CLOSE.U\r");
    shed.until("the posting", |status| status["units"]["posted"] == "1").await;
    for command in [
        &["status"][..],
        &["status", "--json"],
        &["check"],
        &["outbox", "list", "--all"],
        &["outbox", "show", "1"],
        &["outbox", "show", "2"],
        &["outbox", "export"],
        &["outbox", "verify"],
        &["unknown", "list"],
        &["unknown", "export"],
        &["goods", "stats"],
        &["goods", "find", "4006381333931"],
    ] {
        shed.says(command).await;
    }
    let shown = shed.says(&["outbox", "show", "1"]).await;
    assert!(shown.contains("Refused: Authorization"), "the words are kept, the tokens are not: {shown}");
    place.sandbox.configure(|options| options.user_token = "another".to_owned());
    scanner.feed(b"9521234000020\r$SP.CLOSE.U\r");
    shed.until("the alarm", |status| status["api"]["state"] == "auth").await;
    assert_eq!(agent.stop().await.code, Some(0));
    assert_nothing_is_said(&shed, "weather");
    let wrote: Vec<_> = files(shed.dir.path());
    assert!(wrote.iter().any(|path| path.ends_with("outbox.db")), "the data was searched: {wrote:?}");
}

#[tokio::test]
async fn nobody_at_the_address_is_told_without_the_tokens() {
    let shed = shed("http://127.0.0.1:1/api/v1", Path::new("/dev/null/none"));
    let agent = shed.start(shed.command(&["run", "--log-level", "debug"]));
    let status = shed.until("an error", |status| status["api"]["last_error"].is_string()).await;
    assert_eq!(status["api"]["state"], "offline");
    agent.stop().await;
    assert_nothing_is_said(&shed, "offline");
}

#[tokio::test]
async fn a_token_pasted_into_the_configuration_is_refused_and_not_repeated() {
    let least = "[station]\nname = \"dock-1\"\nlocation_id = 4564\nstorage_id = 91271\n";
    for token in [PARTNER, USER] {
        let wrong = [
            format!("{least}[api]\nbase_url = \"{token}\"\n"),
            format!("{least}[api]\nbase_url = \"https://{token}@api.alteg.io/api/v1\"\n"),
            format!("{least}[api]\nbase_url = \"https://api.alteg.io/api/v1?token={token}\"\n"),
            format!("{least}[api]\nbase_url = \"https://api.alteg.io/api/v1#{token}\"\n"),
            format!("{least}[api]\nbase_url = \"https://api.alteg.io/{token}\"\n"),
            format!("{least}[api]\nbase_url = \"https://{token}/api/v1\"\n"),
            format!("{least}[api]\nuser_token_file = \"{token}\"\n"),
            format!("{least}[api]\nuser_token_file = {token}\n"),
            format!("{least}[api]\nuser_token = \"{token}\"\n"),
            format!("{least}[api]\n{token} = 1\n"),
            format!("{least}[api]\n\"{token}\" = \"x\"\n"),
            format!("{least}[api]\n{token}\n"),
            format!("{least}[api]\nbase_url = \"https://api.alteg.io\" {token}\n"),
            format!("{least}[{token}]\n"),
            format!("{token}\n{least}"),
            format!("{least}mode = \"{token}\"\n"),
            format!("{least}master_id = \"{token}\"\n"),
            format!("{least}time_zone = \"{token}\"\n"),
            format!("{least}[[scanner]]\nname = \"{token}\"\nkind = \"{token}\"\n"),
            format!("{least}[web]\nlisten = \"{token}\"\n"),
        ];
        for config in wrong {
            let shed = Shed::new();
            // It is no leak of the program that the configuration says it.
            shed.write("user-token", &config);
            for command in [&["check"][..], &["run"], &["status"]] {
                let args = [&["--config", "user-token"], command].concat();
                let ended = shed.start(shed.bare_command(&args)).ended().await;
                assert_eq!(ended.code, Some(2), "{config}: {ended:?}");
            }
            assert_nothing_is_said(&shed, &config);
        }
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_used_is_not_repeated() {
    for flawed in
        [format!("{USER} {USER}"), format!("{USER}\n{USER}"), format!("{USER}\u{e9}"), USER.repeat(200)]
    {
        let shed = Shed::new();
        shed.write("config.toml", shed.config("http://127.0.0.1:1/api/v1", Path::new("/dev/null/none")));
        shed.write("partner-token", PARTNER);
        shed.write("user-token", &flawed);
        let ended = shed.run(&["run"]).await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.err.contains("user token"), "{ended:?}");
        assert_eq!(shed.run(&["check"]).await.code, Some(2));
        assert_nothing_is_said(&shed, &flawed);
    }
}

/// A set-up code, as `init --print-qr` prints it, with a wireless network.
const SET_UP_CODE: &str = "$SP.SETUP1/DOCK-9/4564/192.168.1.10+8481/A4DQOBYHA4DQOBYHA4DQOBYHA4/2CQ5BOWQXPILBUFUEAZA/\
                           MNXXE4TFMN2CA2DPOJZWKIBPEBRGC5DUMVZHS/XV5MR";
/// A network's code, as a router's label has it.
const WIFI_CODE: &str = "WIFI:S:dock;T:WPA;P:correct-horse-battery;;";

/// The parts of the codes that nobody may read anywhere, and every piece of them long enough to be of use.
fn parts_of_secrets() -> Vec<Vec<u8>> {
    let parts =
        ["A4DQOBYHA4DQOBYHA4DQOBYHA4", "MNXXE4TFMN2CA2DPOJZWKIBPEBRGC5DUMVZHS", "correct-horse-battery"];
    parts.iter().flat_map(|part| part.as_bytes().windows(10).map(<[u8]>::to_vec)).collect()
}

#[tokio::test]
async fn a_code_that_carries_a_secret_is_kept_and_said_nowhere() {
    let (place, mut scanner) = (Place::new(options()).await, Pty::new());
    let shed = shed(&place.sandbox.base_url(), &scanner.path);
    let script = shed.write("signal", format!("#!/bin/sh\n/bin/cat >>{}\n", shed.path("told").display()));
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let config = fs::read_to_string(shed.path("config.toml")).unwrap();
    shed.write("config.toml", format!("{config}\n[feedback]\ncommand = [\"{}\"]\n", script.display()));
    let agent = shed.agent().await;
    // Whole, behind an AIM identifier, then torn in the middle of a secret: the head waits out its gap, and the tail comes
    // as a frame of its own.
    for code in [SET_UP_CODE, WIFI_CODE] {
        scanner.feed(format!("{code}\r]Q1{code}\r").as_bytes());
        assert_eq!((scanner.answer().await, scanner.answer().await), ('R', 'R'));
        for at in [code.len() - 12, 60.min(code.len() - 20)] {
            let (head, tail) = code.split_at(at);
            scanner.feed(head.as_bytes());
            assert_eq!(scanner.answer().await, 'R');
            scanner.feed(format!("{tail}\r").as_bytes());
            assert_eq!(scanner.answer().await, 'R');
        }
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    }
    let page = visit(&agent, "/", None).await;
    assert!(page.contains("set-up code: not kept"), "{page}");
    shed.write("page.html", page);
    shed.write("events", events_of(&agent).await);
    shed.write("status", visit(&agent, "/status.json", None).await);
    for command in [
        &["scans", "list"][..],
        &["scans", "list", "--refused"],
        &["scans", "list", "--json"],
        &["unknown", "list"],
        &["unknown", "export"],
        &["outbox", "export"],
        &["devices", "try", "dock", SET_UP_CODE],
        &["devices", "try", "dock", WIFI_CODE],
    ] {
        shed.says(command).await;
    }
    shed.says(&["backup", "copy.backup"]).await;
    let ended = agent.stop().await;
    assert!(ended.err.contains("secret") && ended.err.contains("not kept"), "{ended:?}");
    assert!(fs::read_to_string(shed.path("told")).unwrap().contains("not kept"));
    let wanted = parts_of_secrets();
    for path in files(shed.dir.path()) {
        let bytes = fs::read(&path).unwrap();
        let part = wanted.iter().find(|part| bytes.windows(part.len()).any(|window| window == *part));
        assert!(part.is_none(), "{}: {}", path.display(), String::from_utf8_lossy(&bytes));
    }
}

/// Returns what the event stream has sent so far.
async fn events_of(agent: &crate::support::program::Program) -> Vec<u8> {
    agent.until_logged("page=").await;
    let log = agent.logged();
    let address = log.split("page=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let request = format!("GET /events HTTP/1.1\r\nHost: {address}\r\nLast-Event-ID: 0-0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    while heard.windows(12).filter(|part| part == b"event: scan\n").count() < 12 {
        assert!(stream.read_buf(&mut heard).await.unwrap() > 0, "the stream ended");
    }
    heard
}
