//! The verdict in the hand: the real agent with scanners on pseudo-terminals that speak each maker's protocol. First the
//! commit, then the bytes.

use std::fs;
use std::future::ready;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use secrecy::SecretString;
use stockpoint::app::{self, Agent, Handle, Host};
use stockpoint::config::secrets::Secrets;
use stockpoint::config::{Config, Protocol, Scanner};
use stockpoint::domain::code::control::Control;
use stockpoint::domain::health::ScannerState;
use stockpoint::domain::ids::ScannerName;
use stockpoint::domain::signal::Signal;
use stockpoint::feedback::protocol;
use stockpoint::sandbox::Options;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::support::program::SETTLED;
use crate::support::pty::Pty;
use crate::support::station::{LOOK_EVERY, PATIENCE, Place};

/// A good of the sample table.
pub(crate) const KNOWN: &str = "4006381333931";
const ACK: &str = "04D00400FF28";
/// What a verdict may take from the commit to the first byte.
const VERDICT: Duration = Duration::from_millis(50);

/// Stands before the commits of the outbox and lets them pass, holds them, or has them fail.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<Passing>, Condvar)>);

#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passing {
    #[default]
    Open,
    Shut,
    /// Shut, and a commit waits.
    Knocked,
    /// The next one fails.
    Failing,
}

impl Gate {
    pub(crate) fn set(&self, passing: Passing) {
        *self.0.0.lock().unwrap() = passing;
        self.0.1.notify_all();
    }

    /// Waits until a commit stands before the gate.
    pub(crate) async fn until_knocked(&self) {
        let end = Instant::now() + PATIENCE;
        while *self.0.0.lock().unwrap() != Passing::Knocked {
            assert!(Instant::now() < end, "no commit came");
            sleep(LOOK_EVERY).await;
        }
    }

    fn hook(&self) -> stockpoint::store::CommitHook {
        let gate = self.clone();
        Box::new(move || {
            let (state, changed) = &*gate.0;
            let mut passing = state.lock().unwrap();
            while matches!(*passing, Passing::Shut | Passing::Knocked) {
                *passing = Passing::Knocked;
                passing = changed.wait(passing).unwrap();
            }
            // One commit, the scan's.
            let fails = *passing == Passing::Failing;
            *passing = Passing::Open;
            fails
        })
    }
}

/// A stockroom with one serial scanner.
pub(crate) struct Room {
    place: Place,
    pub(crate) gate: Gate,
    scanner: Pty,
    handle: Handle,
    protocol: Protocol,
    stop: Option<oneshot::Sender<()>>,
    tasks: JoinSet<Result<(), app::Error>>,
}

impl Room {
    async fn open(protocol: Protocol) -> Self {
        Self::with(protocol, |_| {}).await
    }

    pub(crate) async fn with(protocol: Protocol, change: impl FnOnce(&mut Config)) -> Self {
        let place = Place::new(Options::sample()).await;
        let scanner = Pty::new();
        let mut config = place.config();
        config.scanners = vec![serial(&scanner.path, protocol)];
        change(&mut config);
        let is_offline = config.api.base_url != place.sandbox.base_url();
        let gate = Gate::default();
        let [partner, user] = ["sandbox-partner-token", "sandbox-user-token"].map(SecretString::from);
        let host = Host { commit_hook: Some(gate.hook()), ..Host::this() };
        let agent = Agent::open(config, &Secrets { partner, user }, host).unwrap();
        let handle = agent.handle();
        let (stop, stopped) = oneshot::channel::<()>();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { agent.run(ready(()), async { drop(stopped.await) }).await });
        let room = Self { place, gate, scanner, handle, protocol, stop: Some(stop), tasks };
        room.until("a goods table and an open port", async || {
            let status = room.handle.status().await.unwrap();
            let is_gone = status.scanner_state(&ScannerName::new("dock")) == Some(ScannerState::Gone);
            let has_goods = room.handle.figures().await.unwrap().goods.synced_at.is_some();
            (has_goods || is_offline) && !is_gone
        })
        .await;
        // What comes sooner after the opening may be the rest of a code.
        sleep(SETTLED).await;
        room
    }

    pub(crate) async fn until(&self, what: &str, look: impl AsyncFn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !look().await {
            assert!(Instant::now() < end, "{what} never came");
            sleep(LOOK_EVERY).await;
        }
    }

    /// Sends a code as the scanner of this protocol does.
    pub(crate) fn scan(&mut self, code: &str) {
        match self.protocol {
            Protocol::ZebraSsi => self.scanner.feed(&decode_data(0, code)),
            Protocol::None | Protocol::Honeywell | Protocol::Datalogic | Protocol::DatalogicCordless => {
                self.scanner.feed(format!("{code}\r").as_bytes());
            }
        }
    }

    /// What the scanner is sent next, as many bytes as are wanted, in hexadecimal.
    async fn hears(&mut self, bytes: usize) -> String {
        let end = Instant::now() + PATIENCE;
        let mut heard = String::new();
        for _ in 0..bytes {
            while !self.scanner.is_heard_within(Duration::ZERO) {
                let last = self.handle.recent().into_iter().next();
                assert!(Instant::now() < end, "{:?}: only {heard:?} was sent: {last:?}", self.protocol);
                sleep(Duration::from_millis(1)).await;
            }
            if let Some(ended) = self.tasks.try_join_next() {
                panic!("the agent ended: {ended:?}");
            }
            heard.push_str(&hex(&self.scanner.heard(1)));
        }
        heard
    }

    /// Scans, and expects the verdict as the protocol has it.
    pub(crate) async fn expect(&mut self, code: &str, signal: Signal) {
        self.scan(code);
        let expected = self.verdict(signal);
        assert_eq!(self.hears(expected.len() / 2).await, expected, "{:?}, {code}", self.protocol);
    }

    /// The bytes of the answer to a scan.
    fn verdict(&self, signal: Signal) -> String {
        let acknowledged = if self.protocol == Protocol::ZebraSsi { ACK } else { "" };
        format!("{acknowledged}{}", hex(&protocol::bytes(self.protocol, signal)))
    }

    pub(crate) async fn close(mut self) {
        drop(self.stop.take());
        timeout(PATIENCE, self.tasks.join_next()).await.unwrap().unwrap().unwrap().unwrap();
    }
}

fn serial(path: &Path, protocol: Protocol) -> Scanner {
    let word = Protocol::WORDS.iter().find(|(_, known)| *known == protocol).unwrap().0;
    let text = format!(
        "[station]\nname = \"x\"\nlocation_id = 1\nstorage_id = 1\n[[scanner]]\nname = \"dock\"\nkind = \"serial\"\n\
         path = \"{}\"\ngap_ms = 500\nburst_guard_ms = 0\nprotocol = \"{word}\"\n",
        path.display()
    );
    Config::parse(&text, "scanner.toml").unwrap().scanners.remove(0)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().concat()
}

/// The packet in which a scanner sends a code of the kind EAN-13.
fn decode_data(status: u8, code: &str) -> Vec<u8> {
    let mut packet = vec![u8::try_from(5 + code.len()).unwrap(), 0xf3, 0, status, 0x0b];
    packet.extend(code.bytes());
    let sum: u16 = packet.iter().map(|byte| u16::from(*byte)).sum();
    packet.extend((!sum).wrapping_add(1).to_be_bytes());
    packet
}

/// The protocols by which a scanner is answered.
fn protocols() -> impl Iterator<Item = Protocol> {
    Protocol::WORDS.into_iter().map(|(_, protocol)| protocol).filter(|protocol| *protocol != Protocol::None)
}

#[tokio::test]
async fn no_scanner_hears_of_a_scan_before_its_commit_and_each_hears_soon_after() {
    for protocol in protocols() {
        let mut room = Room::open(protocol).await;
        let mut fastest = Duration::MAX;
        for _ in 0..5 {
            room.gate.set(Passing::Shut);
            room.scan(KNOWN);
            room.gate.until_knocked().await;
            // Whatever was to be said without the commit has time to arrive.
            sleep(VERDICT).await;
            assert!(!room.scanner.is_heard_within(Duration::ZERO), "{protocol:?}: a word before the commit");
            let committed = Instant::now();
            room.gate.set(Passing::Open);
            let expected = room.verdict(Signal::Booked);
            let first = room.hears(1).await;
            fastest = fastest.min(committed.elapsed());
            let rest = room.hears(expected.len() / 2 - 1).await;
            assert_eq!(format!("{first}{rest}"), expected, "{protocol:?}");
        }
        assert!(fastest < VERDICT, "{protocol:?}: {fastest:?}");
        room.close().await;
    }
}

#[tokio::test]
async fn a_scan_that_is_not_committed_is_never_confirmed() {
    for protocol in protocols() {
        // Without a service nobody but the scans commits anything, and no good is known.
        let offline = |config: &mut Config| config.api.base_url = "http://127.0.0.1:1/api/v1".to_owned();
        let mut room = Room::with(protocol, offline).await;
        room.gate.set(Passing::Failing);
        room.expect("9521234000013", Signal::Refused).await;
        assert_eq!(room.handle.figures().await.unwrap().scans.accepted(), 0);
        room.expect("$SP.NOPE.X", Signal::Refused).await;
        room.expect("0000", Signal::Unknown).await;
        assert_eq!(room.handle.figures().await.unwrap().scans.accepted(), 2);
        room.close().await;
    }
}

#[tokio::test]
async fn each_answer_is_in_the_scanners_own_words() {
    for protocol in protocols() {
        let mut room = Room::open(protocol).await;
        room.expect(KNOWN, Signal::Booked).await;
        room.expect("0000", Signal::Unknown).await;
        room.expect("$SP.NOPE.X", Signal::Refused).await;
        room.expect(&Control::Close.code(), Signal::Control).await;
        let posted = hex(&protocol::bytes(protocol, Signal::Posted));
        assert_eq!(room.hears(posted.len() / 2).await, posted, "{protocol:?}");
        room.close().await;
    }
}

#[tokio::test]
async fn the_configurations_bytes_go_before_the_protocols() {
    let mut room = Room::with(Protocol::Honeywell, |config| {
        let stockpoint::config::Source::Serial { serial, .. } = &mut config.scanners[0].source else {
            panic!()
        };
        serial.signals.booked = b"B".to_vec();
    })
    .await;
    room.scan(KNOWN);
    assert_eq!(room.hears(1).await, "42");
    room.expect("0000", Signal::Unknown).await;
    room.close().await;
}

#[tokio::test]
async fn a_code_that_a_scanner_offers_again_for_want_of_an_answer_is_booked_once() {
    let mut room = Room::open(Protocol::ZebraSsi).await;
    room.gate.set(Passing::Shut);
    room.scan(KNOWN);
    room.gate.until_knocked().await;
    room.scanner.feed(&decode_data(1, KNOWN));
    room.scanner.feed(&decode_data(1, KNOWN));
    room.gate.set(Passing::Open);
    let expected = room.verdict(Signal::Booked);
    assert_eq!(room.hears(expected.len() / 2).await, expected);
    // The acknowledgement got lost: it is given again, and nothing is booked.
    room.scanner.feed(&decode_data(1, KNOWN));
    assert_eq!(room.hears(ACK.len() / 2).await, ACK);
    room.expect("0000", Signal::Unknown).await;
    let figures = room.handle.figures().await.unwrap();
    assert_eq!((figures.scans.accepted(), figures.scans.booked), (2, 1));
    room.close().await;
}

/// A script that writes the signals it is told, one a line.
fn teller(folder: &TempDir) -> Vec<String> {
    let path = folder.path().join("tell");
    fs::write(&path, "#!/bin/sh\necho \"$2\" >>\"$1/told\"\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    vec![path.display().to_string(), folder.path().display().to_string()]
}

fn told(folder: &TempDir) -> Vec<String> {
    fs::read_to_string(folder.path().join("told")).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn an_alarm_is_repeated_whatever_is_scanned_until_it_is_the_ok() {
    let folder = TempDir::new().unwrap();
    let mut room = Room::with(Protocol::Honeywell, |config| {
        config.feedback.command = teller(&folder);
        config.feedback.person_repeat = Some(Duration::from_millis(200));
    })
    .await;
    let alarms = || told(&folder).iter().filter(|signal| *signal == "person").count();
    room.expect(KNOWN, Signal::Booked).await;
    // The service refuses receipts from now on.
    room.place.sandbox.configure(|options| options.permissions.types = vec![4]);
    room.scan(&Control::Close.code());
    room.until("an alarm that is repeated", async || alarms() >= 3).await;
    room.scan("0000");
    let before = alarms();
    room.until("an alarm after another scan", async || alarms() >= before + 2).await;
    room.scan(&Control::Ok.code());
    room.until("the OK", async || told(&folder).iter().filter(|signal| *signal == "control").count() == 2)
        .await;
    // Five times the time in which it would come again.
    sleep(Duration::from_secs(1)).await;
    assert_eq!(told(&folder).last().map(String::as_str), Some("control"));
    room.close().await;
}

#[tokio::test]
async fn outputs_that_hang_or_are_not_there_delay_no_verdict() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("hang");
    fs::write(&path, "#!/bin/sh\nsleep 1000\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let text = format!(
        "[station]\nname = \"x\"\nlocation_id = 1\nstorage_id = 1\n[feedback]\ngpio_chip = \"/nonexistent/gpiochip0\"\n\
         gpio_buzzer = 18\nkeyboard_led = \"/nonexistent/event0\"\nsound = \"nonexistent\"\ncommand = [\"{}\"]\n",
        path.display()
    );
    let outputs = Config::parse(&text, "feedback.toml").unwrap().feedback;
    let mut room = Room::with(Protocol::Honeywell, |config| config.feedback = outputs).await;
    let mut fastest = Duration::MAX;
    for _ in 0..40 {
        let begun = Instant::now();
        room.expect(KNOWN, Signal::Booked).await;
        fastest = fastest.min(begun.elapsed());
    }
    assert!(fastest < VERDICT, "{fastest:?}");
    room.close().await;
}
