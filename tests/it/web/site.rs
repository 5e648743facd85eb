//! What programs read of a running agent: figures, events, health; and who may read it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use stockpoint::config::Listen;
use stockpoint::domain::code::control::Control;
use stockpoint::domain::delivery::State;
use stockpoint::domain::signal::Signal;
use stockpoint::sandbox::Options;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, sleep, timeout};

use crate::project::guide::{code_words, table};
use crate::support::program::{Shed, visit};
use crate::support::pty::Pty;
use crate::support::station::{LOOK_EVERY, PATIENCE, Place, Station};

const SHAMPOO: &str = "4006381333931";
const TOKEN: &str = "0123456789abcdef-page";

/// A station whose page is served, and where.
async fn served(place: &Place) -> (Station, SocketAddr) {
    let mut config = place.config();
    config.web.listen = Some(Listen::Tcp("127.0.0.1:0".parse().unwrap()));
    let station = Station::start(config, None).unwrap();
    let address = station.handle.page().unwrap();
    station.until_goods_are_read().await;
    (station, address)
}

/// Sends a request and takes the whole answer: status, head, body.
async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    path: &str,
    headers: &[(&str, &str)],
) -> (u16, String, String) {
    stream.write_all(request(path, headers).as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_owned(), body.to_owned())
}

fn request(path: &str, headers: &[(&str, &str)]) -> String {
    let mut request = format!("GET {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        request.push_str("Host: 127.0.0.1\r\n");
    }
    for (name, value) in headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    request + "\r\n"
}

async fn get(address: SocketAddr, path: &str) -> (u16, String, String) {
    exchange(TcpStream::connect(address).await.unwrap(), path, &[]).await
}

/// One event of the stream.
#[derive(Debug)]
struct Event {
    id: String,
    name: String,
    data: Value,
}

/// A client of the stream.
struct Client(BufReader<TcpStream>);

impl Client {
    async fn new(address: SocketAddr, last: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let last = last.map(|id| ("Last-Event-ID", id));
        stream.write_all(request("/events", last.as_slice()).as_bytes()).await.unwrap();
        let mut client = Self(BufReader::new(stream));
        assert_eq!(client.line().await, "HTTP/1.1 200 OK");
        // What comes from now on is heard of.
        while client.line().await != "retry: 2000" {}
        client
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let count = timeout(PATIENCE, self.0.read_line(&mut line)).await.unwrap().unwrap();
        assert!(count > 0, "the stream ended");
        line.trim_end().to_owned()
    }

    /// The next event. Heartbeats go on for ever, so the wait has an end of its own.
    async fn next(&mut self) -> Event {
        timeout(PATIENCE, self.read()).await.expect("an event that never came")
    }

    async fn read(&mut self) -> Event {
        let (mut id, mut name) = (String::new(), String::new());
        loop {
            let line = self.line().await;
            // Between them stand the lengths of the chunks and the heartbeats.
            match line.split_once(": ") {
                Some(("id", value)) => value.clone_into(&mut id),
                Some(("event", value)) => value.clone_into(&mut name),
                Some(("data", value)) => {
                    return Event { id, name, data: serde_json::from_str(value).unwrap() };
                }
                _ => {}
            }
        }
    }

    /// Everything up to the delivery of this state, and that.
    async fn until(&mut self, state: &str) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            events.push(self.next().await);
            let data = &events.last().unwrap().data;
            if data["state"] == state {
                return events;
            }
        }
    }
}

/// The samples of a text of figures, by name and labels.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let parsed = lines.map(|line| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        (series.to_owned(), value.parse().unwrap())
    });
    parsed.collect()
}

/// Some of everything: booked, taken back, parked, refused, looked up, posted, open.
async fn scan_some(station: &mut Station) {
    let control = |control: Control| control.code();
    for code in [
        SHAMPOO.to_owned(),
        SHAMPOO.to_owned(),
        control(Control::Undo),
        "nobody".to_owned(),
        "9521234000211".to_owned(),
        control(Control::Close),
        SHAMPOO.to_owned(),
    ] {
        station.scan(&code).await.unwrap();
    }
    station.until("the posting", |figures| figures.of(State::Posted).operations == 1).await;
}

#[tokio::test]
async fn an_address_that_another_program_has_keeps_nobody_from_scanning_and_is_taken_when_it_is_free() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let place = Place::new(Options::sample()).await;
    let mut config = place.config();
    config.web.listen = Some(Listen::Tcp(address));
    let mut station = Station::start(config, None).unwrap();
    station.until_goods_are_read().await;
    let answer = station.scan("4006381333931").await.unwrap();
    assert_eq!(answer.signal, Signal::Booked, "{answer:?}");
    let figures = station.until("an alarm", |figures| !figures.alarms.is_empty()).await;
    let expected = format!("cannot serve the station page at {address} (web.listen): Address already in use");
    assert!(figures.alarms[0].what.starts_with(&expected), "{:?}", figures.alarms);
    assert_eq!(station.handle.page(), None);
    drop(taken);
    station.until("the end of the alarm", |figures| figures.alarms.is_empty()).await;
    assert_eq!(station.handle.page(), Some(address));
    station.stop().await.unwrap();
}

#[tokio::test]
async fn the_figures_are_those_of_the_status() {
    let place = Place::new(Options::sample()).await;
    let (mut station, address) = served(&place).await;
    scan_some(&mut station).await;
    let (status, head, text) = get(address, "/metrics").await;
    assert!(status == 200 && head.contains("text/plain; version=0.0.4"), "{head}");
    let (_, _, json) = get(address, "/status.json").await;
    let json: Value = serde_json::from_str(&json).unwrap();
    let samples = samples(&text);
    let figure = |series: &str| *samples.get(series).unwrap_or_else(|| panic!("{series}: {text}"));
    let number = |value: &Value| match value {
        Value::String(text) => text.parse().unwrap(),
        other => other.as_f64().unwrap(),
    };
    let mut compared = 0;
    let mut same = |series: String, value: &Value| {
        assert!((figure(&series) - number(value)).abs() < 1e-9, "{series}: {} {value}", figure(&series));
        compared += 1;
    };
    for (outcome, count) in json["scans"].as_object().unwrap() {
        same(
            match outcome.as_str() {
                "accepted" => "stockpoint_scans_accepted_total".to_owned(),
                "undone" => "stockpoint_scans_undone_total".to_owned(),
                other => format!("stockpoint_scans{{outcome=\"{other}\"}}"),
            },
            count,
        );
    }
    for (state, units) in json["units"].as_object().unwrap() {
        same(
            match state.as_str() {
                "booked" => "stockpoint_units_booked_total".to_owned(),
                "undone" => "stockpoint_units_undone_total".to_owned(),
                other => format!("stockpoint_units{{state=\"{other}\"}}"),
            },
            units,
        );
    }
    for (state, count) in json["outbox"].as_object().unwrap() {
        same(format!("stockpoint_documents{{state=\"{state}\"}}"), count);
    }
    same("stockpoint_goods".to_owned(), &json["goods"]["count"]);
    assert_eq!(compared, 7 + 9 + 7 + 1);
    for (series, value) in [
        ("stockpoint_clock_trusted", 1.0),
        ("stockpoint_api_state{state=\"ok\"}", 1.0),
        ("stockpoint_api_state{state=\"offline\"}", 0.0),
        ("stockpoint_scanner_state{scanner=\"dock\",state=\"gone\"}", 1.0),
        ("stockpoint_scanner_reconnects_total{scanner=\"dock\"}", 0.0),
        ("stockpoint_documents_needing_person", 0.0),
        ("stockpoint_commit_duration_seconds_count", 7.0),
        ("stockpoint_event_clients", 0.0),
        ("stockpoint_api_requests_total{outcome=\"limited\"}", 0.0),
    ] {
        assert!((figure(series) - value).abs() < 1e-9, "{series}: {}", figure(series));
    }
    assert!(figure("stockpoint_api_requests_total{outcome=\"ok\"}") >= 3.0);
    assert!(figure("stockpoint_disk_free_bytes") > 0.0);
    assert!(figure("stockpoint_database_size_bytes{file=\"outbox.db\"}") > 0.0);
    station.stop().await.unwrap();
}

#[tokio::test]
async fn no_label_grows_with_what_is_scanned() {
    let place = Place::new(Options::sample()).await;
    let (mut station, address) = served(&place).await;
    let series = |text: &str| samples(text).into_keys().collect::<Vec<_>>();
    let before = series(&get(address, "/metrics").await.2);
    for code in ["one\u{20}unknown", "another", SHAMPOO, "nobody\"} 1"] {
        station.scan(code).await.unwrap();
    }
    let (_, _, text) = get(address, "/metrics").await;
    assert_eq!(series(&text), before);
    assert!(!text.contains("sandbox-partner-token") && !text.contains(SHAMPOO), "{text}");
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_refused_document_needs_a_person_in_the_figures_too() {
    let mut options = Options::sample();
    options.permissions.create = false;
    let place = Place::new(options).await;
    let (mut station, address) = served(&place).await;
    for code in [SHAMPOO.to_owned(), Control::Close.code()] {
        station.scan(&code).await.unwrap();
    }
    station.until("the refusal", |figures| figures.of(State::Refused).operations == 1).await;
    let (_, _, text) = get(address, "/metrics").await;
    assert!(text.contains("\nstockpoint_documents_needing_person 1\n"), "{text}");
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_missed_and_nothing_twice() {
    let place = Place::new(Options::sample()).await;
    let (mut station, address) = served(&place).await;
    station.scan("before anybody listened").await.unwrap();
    let mut client = Client::new(address, None).await;
    station.scan(SHAMPOO).await.unwrap();
    let first = client.next().await;
    assert_eq!(first.name, "scan");
    let [id, code, outcome] = ["id", "code", "outcome"].map(|member| first.data[member].clone());
    assert_eq!((id, code, outcome), (2.into(), SHAMPOO.into(), "booked".into()));
    assert_eq!(first.data["title"], "Shampoo 1");
    assert_eq!((&first.data["quantity"], &first.data["kind"]), (&"1".into(), &"receipt".into()));
    drop(client);
    // Missed: a refusal, the close, the whole delivery.
    for code in ["9521234000211".to_owned(), Control::Close.code()] {
        station.scan(&code).await.unwrap();
    }
    station.until_delivered().await;
    let mut client = Client::new(address, Some(&first.id)).await;
    let missed = client.until("posted").await;
    let scans: Vec<_> = missed.iter().filter(|event| event.name == "scan").collect();
    assert_eq!(scans.len(), 2, "{missed:?}");
    assert_eq!(
        (&scans[0].data["outcome"], &scans[0].data["detail"]),
        (&"refused".into(), &"ambiguous".into())
    );
    assert_eq!((&scans[1].data["outcome"], &scans[1].data["detail"]), (&"control".into(), &"CLOSE".into()));
    let delivery = &missed.last().unwrap().data;
    assert_eq!((&delivery["document"], &delivery["units"]), (&1.into(), &"1".into()));
    assert!(delivery["marker"].as_str().unwrap().starts_with("#sp:dock-1:"), "{delivery}");
    // What follows goes on behind it.
    station.scan("nobody").await.unwrap();
    let next = loop {
        let event = client.next().await;
        if event.name == "scan" {
            break event;
        }
    };
    assert_eq!(next.data["outcome"], "unknown");
    station.stop().await.unwrap();
}

#[tokio::test]
async fn the_whole_journal_can_be_read_page_after_page() {
    let place = Place::new(Options::sample()).await;
    let (mut station, address) = served(&place).await;
    for number in 0..150 {
        station.scan(&format!("code {number}")).await.unwrap();
    }
    let mut client = Client::new(address, Some("0-0")).await;
    for number in 0..150 {
        let event = client.next().await;
        assert_eq!(event.data["code"], format!("code {number}"));
    }
    station.stop().await.unwrap();
}

#[tokio::test]
async fn an_id_that_is_none_is_refused() {
    let place = Place::new(Options::sample()).await;
    let (station, address) = served(&place).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let (status, _, _) = exchange(stream, "/events", &[("Last-Event-ID", "yesterday")]).await;
    assert_eq!(status, 400);
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_ninth_client_waits_for_a_place_and_none_that_does_not_read_holds_up_a_scan() {
    let place = Place::new(Options::sample()).await;
    let (mut station, address) = served(&place).await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(Client::new(address, None).await);
    }
    let (status, head, _) = get(address, "/events").await;
    assert!(status == 503 && head.to_ascii_lowercase().contains("retry-after: 5"), "{status} {head}");
    assert!(get(address, "/metrics").await.2.contains("\nstockpoint_event_clients 8\n"));
    for number in 0..100 {
        station.scan(&format!("code {number}")).await.unwrap();
    }
    assert_eq!(station.handle.figures().await.unwrap().scans.unknown, 100);
    clients.pop();
    let end = Instant::now() + PATIENCE;
    while !get(address, "/metrics").await.2.contains("\nstockpoint_event_clients 7\n") {
        assert!(Instant::now() < end, "the place of a client that left was never free");
        sleep(LOOK_EVERY).await;
        // A client that is gone is noticed when it is written to.
        station.scan("one more").await.unwrap();
    }
    Client::new(address, None).await;
    station.stop().await.unwrap();
}

#[tokio::test]
async fn health_is_good_only_while_the_store_gets_on() {
    let place = Place::new(Options::sample()).await;
    let (station, address) = served(&place).await;
    assert_eq!(get(address, "/healthz").await, (200, get(address, "/healthz").await.1, "ok\n".to_owned()));
    let (release, released) = mpsc::sync_channel::<()>(1);
    let store = station.handle.store().clone();
    let stuck = store.run(move |_db| released.recv().unwrap());
    let asked = async {
        let answer = get(address, "/healthz").await;
        release.send(()).unwrap();
        answer
    };
    let (_done, (status, _, why)) = tokio::join!(stuck, asked);
    assert_eq!((status, why.as_str()), (503, "the store does not answer\n"));
    assert_eq!(get(address, "/healthz").await.0, 200);
    station.stop().await.unwrap();
}

/// A station of the real program whose `[web]` section is this.
async fn program(web: &str) -> (Place, Pty, Shed) {
    let (place, scanner) = (Place::new(Options::sample()).await, Pty::new());
    let shed = Shed::of(&place.sandbox, &scanner.path);
    let config = shed.config(&place.sandbox.base_url(), &scanner.path);
    shed.write("config.toml", config.replace("listen = \"127.0.0.1:0\"", web));
    (place, scanner, shed)
}

#[tokio::test]
async fn where_a_token_is_asked_for_nothing_is_told_without_it() {
    let token_file = "listen = \"0.0.0.0:0\"\ntoken_file = \"./web-token\"";
    let (_place, _scanner, shed) = program(token_file).await;
    shed.write("web-token", format!("{TOKEN}\n"));
    let agent = shed.agent().await;
    for path in ["/", "/status.json", "/metrics", "/events", "/healthz", "/nothing"] {
        let answer = visit(&agent, path, None).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{path}: {answer}");
        assert!(answer.contains("www-authenticate: Basic realm=\"stockpoint\""), "{answer}");
    }
    let log = agent.logged();
    let port = log.split("page=0.0.0.0:").nth(1).unwrap().split_whitespace().next().unwrap();
    let bearer = format!("Bearer {TOKEN}");
    // "clerk:" and the token, as a browser sends them.
    let basic = "Basic Y2xlcms6MDEyMzQ1Njc4OWFiY2RlZi1wYWdl";
    for (shown, status) in [(bearer.as_str(), 200), (basic, 200), ("Bearer 0123456789abcdef-pagf", 401)] {
        let stream = TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
        // Under any name: whoever has the token may come by one.
        let headers = [("Host", "dock-1.example.org"), ("Authorization", shown)];
        assert_eq!(exchange(stream, "/healthz", &headers).await.0, status, "{shown}");
    }
    let ended = agent.stop().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.err.contains(TOKEN) && !shed.says(&["check"]).await.contains(TOKEN));
}

#[tokio::test]
async fn a_token_that_is_asked_for_and_missing_or_short_closes_the_page_and_stops_no_scan() {
    let (_place, mut scanner, shed) = program("listen = \"127.0.0.1:0\"\ntoken_file = \"./web-token\"").await;
    for (token, fault) in
        [(None, ": no token of the page in file ./web-token"), (Some("too-short-token"), "shorter than 16")]
    {
        token.map(|token| shed.write("web-token", token));
        let agent = shed.agent().await;
        scanner.feed(b"0000\r");
        let status = shed.until("the alarm", |status| !status["alarms"].as_array().unwrap().is_empty()).await;
        let what = status["alarms"][0]["what"].as_str().unwrap();
        assert!(
            what.starts_with("the station page is not served (web.token_file)") && what.contains(fault),
            "{what}"
        );
        let log = agent.stop().await.err;
        assert!(!log.contains("page is served at") && !log.contains("too-short-token"), "{log}");
    }
    shed.until("the scans", |status| status["scans"]["unknown"] == 2).await;
}

#[tokio::test]
async fn the_page_is_told_over_a_unix_socket_to_the_user_and_the_group() {
    let (_place, _scanner, shed) = program("LISTEN").await;
    let socket = shed.path("web.sock");
    let config = fs::read_to_string(shed.path("config.toml")).unwrap();
    let listen = format!("listen = \"unix:{}\"", socket.display());
    shed.write("config.toml", config.replace("LISTEN", &listen));
    let agent = shed.agent().await;
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660);
    let stream = UnixStream::connect(&socket).await.unwrap();
    let (status, _, body) = exchange(stream, "/healthz", &[("Host", "behind.a.proxy.example.org")]).await;
    assert_eq!((status, body.as_str()), (200, "ok\n"));
    // The power goes, and the socket stays.
    agent.die();
    assert!(socket.exists());
    let agent = shed.agent().await;
    let stream = UnixStream::connect(&socket).await.unwrap();
    assert_eq!(exchange(stream, "/metrics", &[]).await.0, 200);
    assert_eq!(agent.stop().await.code, Some(0));
}

#[tokio::test]
async fn every_answer_tells_a_browser_to_believe_nothing_else() {
    let place = Place::new(Options::sample()).await;
    let (station, address) = served(&place).await;
    for (path, host) in [
        ("/", "127.0.0.1"),
        ("/nothing", "127.0.0.1"),
        ("/status.json", "127.0.0.1"),
        ("/", "evil.example.org"),
    ] {
        let stream = TcpStream::connect(address).await.unwrap();
        let (_, head, body) = exchange(stream, path, &[("Host", host)]).await;
        for header in [
            "content-security-policy: default-src 'none'; style-src 'sha256-",
            "x-content-type-options: nosniff",
            "x-frame-options: DENY",
            "referrer-policy: no-referrer",
        ] {
            assert!(head.contains(header), "{path}: {header}: {head}");
        }
        assert!(!body.contains("<script") && !body.contains("style="), "{body}");
    }
    station.stop().await.unwrap();
}

#[tokio::test]
async fn an_event_turns_no_direction_of_writing() {
    let place = Place::new(Options::sample()).await;
    let (mut station, address) = served(&place).await;
    let mut client = Client::new(address, None).await;
    station.scan("4006\u{202e}381").await.unwrap();
    let line = loop {
        let line = client.line().await;
        if line.starts_with("data: ") {
            break line;
        }
    };
    assert!(line.contains("4006\\u202e381") && !line.contains('\u{202e}'), "{line}");
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_flood_of_half_questions_keeps_neither_health_nor_events_waiting() {
    let place = Place::new(Options::sample()).await;
    let (station, address) = served(&place).await;
    let mut dripping = Vec::new();
    for _ in 0..64 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nX-Slow: ").await.unwrap();
        dripping.push(stream);
    }
    let begun = Instant::now();
    assert_eq!(get(address, "/healthz").await.0, 200);
    Client::new(address, None).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    station.stop().await.unwrap();
}

#[tokio::test]
async fn a_wrong_token_is_answered_late_and_the_log_says_where_it_came_from() {
    let (_place, _scanner, shed) = program("listen = \"127.0.0.1:0\"\ntoken_file = \"./web-token\"").await;
    shed.write("web-token", format!("{TOKEN}\n"));
    let agent = shed.agent().await;
    agent.until_logged("page=").await;
    let log = agent.logged();
    let address = log.split("page=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let ask = async |token: &str| {
        let stream = TcpStream::connect(&address).await.unwrap();
        exchange(stream, "/healthz", &[("Authorization", &format!("Bearer {token}"))]).await.0
    };
    let begun = Instant::now();
    assert_eq!(ask("0123456789abcdef-gues").await, 401);
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(ask(TOKEN).await, 200);
    let ended = agent.stop().await;
    assert!(
        ended.err.contains("a wrong token was shown for the station page peer=this machine"),
        "{ended:?}"
    );
    assert!(!ended.err.contains("gues"), "{ended:?}");
}

/// Members of an event that the guide lists.
fn listed(name: &str) -> BTreeSet<String> {
    let rows = table("operating", &format!("member of `{name}`")).rows;
    rows.iter().flat_map(|row| code_words(&row[0])).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_guide_lists_every_member_of_an_event() {
    let place = Place::new(Options::sample()).await;
    let (mut station, address) = served(&place).await;
    station.scan(SHAMPOO).await.unwrap();
    station.scan(&Control::Close.code()).await.unwrap();
    let events = Client::new(address, Some("0-0")).await.until("posted").await;
    for event in &events {
        let members: BTreeSet<String> = event.data.as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, listed(&event.name), "{event:?}");
    }
    let names: BTreeSet<&str> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, BTreeSet::from(["scan", "delivery"]));
    let states = table("operating", "member of `delivery`");
    let states = states.rows.iter().find(|row| row[0] == "`state`").unwrap();
    assert_eq!(code_words(&states[1]), State::ALL.map(State::as_str));
    station.stop().await.unwrap();
}
