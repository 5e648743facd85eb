//! What systemd is told, by the real program.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use stockpoint::sandbox::Options;
use tokio::time::{Instant, sleep};

use crate::support::program::{PATIENCE, Program, Shed};
use crate::support::pty::Pty;
use crate::support::station::Place;

/// Half of it is the time between two words to the watchdog.
const WATCHDOG_US: &str = "1000000";

/// Systemd's end of a unit.
struct Unit {
    shed: Shed,
    scanner: Pty,
    socket: UnixDatagram,
    _place: Place,
}

impl Unit {
    async fn new() -> Self {
        let place = Place::new(Options::sample()).await;
        let scanner = Pty::new();
        let shed = Shed::of(&place.sandbox, &scanner.path);
        let socket = UnixDatagram::bind(shed.path("notify")).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { shed, scanner, socket, _place: place }
    }

    fn start(&self) -> Program {
        let mut command = self.shed.command(&["run"]);
        command.env("NOTIFY_SOCKET", self.shed.path("notify")).env("WATCHDOG_USEC", WATCHDOG_US);
        self.shed.start(command)
    }

    /// What was told since the last look.
    fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        let mut bytes = [0; 4096];
        loop {
            match self.socket.recv(&mut bytes) {
                Ok(count) => {
                    let text = String::from_utf8(bytes[..count].to_vec()).unwrap();
                    told.extend(text.lines().map(str::to_owned));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return told,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Waits until something is told; gives back everything up to then.
    async fn until_told(&self, word: &str) -> Vec<String> {
        let end = Instant::now() + PATIENCE;
        let mut all = Vec::new();
        loop {
            all.extend(self.told());
            if all.iter().any(|told| told.starts_with(word)) {
                return all;
            }
            assert!(Instant::now() < end, "{word} was never told: {all:?}");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn systemd_hears_of_the_start_of_progress_and_of_the_stop() {
    let mut unit = Unit::new().await;
    let agent = unit.start();
    unit.until_told("READY=1").await;
    // Ready means that scans are accepted.
    unit.scanner.feed(b"4006381333931\r");
    unit.shed.until("the scan", |status| status["scans"]["accepted"] == 1).await;
    unit.until_told("WATCHDOG=1").await;
    let told = unit.until_told("STATUS=").await;
    assert!(!told.iter().any(|told| told == "STOPPING=1"), "{told:?}");
    assert_eq!(agent.stop().await.code, Some(0));
    assert!(unit.told().contains(&"STOPPING=1".to_owned()));
}

#[tokio::test]
async fn a_store_that_hangs_starves_the_watchdog() {
    let mut unit = Unit::new().await;
    let agent = unit.start();
    unit.until_told("WATCHDOG=1").await;
    // Another process writes and does not end: the store waits for it, five seconds at the most.
    let path = unit.shed.path("data/outbox.db");
    let other = sqlite(&path);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    unit.scanner.feed(b"4006381333931\r");
    let end = Instant::now() + PATIENCE;
    while !agent.logged().contains("the store does not answer") {
        assert!(Instant::now() < end, "{}", agent.logged());
        sleep(Duration::from_millis(10)).await;
    }
    unit.told();
    other.execute_batch("ROLLBACK").unwrap();
    unit.until_told("WATCHDOG=1").await;
    assert_eq!(agent.stop().await.code, Some(0));
}

#[expect(clippy::disallowed_methods, reason = "a test stands in for another process")]
fn sqlite(path: &std::path::Path) -> rusqlite::Connection {
    rusqlite::Connection::open(path).unwrap()
}
