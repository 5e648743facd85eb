//! A data folder with a goods table, and a station that works on it without a service.

use std::fmt::Write as _;
use std::fs;
use std::future::pending;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use rust_decimal::Decimal;
use secrecy::SecretString;
use stockpoint::app::{Agent, Handle, Host};
use stockpoint::clock::{Clock, SystemClock};
use stockpoint::config::Config;
use stockpoint::config::secrets::Secrets;
use stockpoint::domain::decode::framing::Frame;
use stockpoint::domain::ids::{GoodId, ScannerName};
use stockpoint::domain::stock::good::Good;
use stockpoint::domain::stock::quantity::Money;
use stockpoint::domain::time::UnixMillis;
use stockpoint::feedback::Announcement;
use stockpoint::store::{Db, GoodsPage, OpenOptions};
use stockpoint::work::scans::Input;
use tempfile::TempDir;
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinSet;

/// Goods that are written in one transaction when a folder is made.
const GOODS_AT_ONCE: usize = 10_000;

/// The EAN-13 of a good. Neighbours in the table are not neighbours by code, as in a real one.
pub(crate) fn barcode(good: usize) -> String {
    let digits = format!("952{:09}", good * 7_368_787 % 1_000_000_000);
    let weighted = digits.bytes().enumerate().map(|(at, digit)| {
        let digit = u32::from(digit - b'0');
        if at % 2 == 0 { digit } else { 3 * digit }
    });
    let check = (10 - weighted.sum::<u32>() % 10) % 10;
    format!("{digits}{check}")
}

pub(crate) fn title(good: usize) -> String {
    format!("Hair colour cream {good}, 60 ml")
}

pub(crate) fn good_id(good: usize) -> GoodId {
    GoodId(i64::try_from(good).unwrap() + 1)
}

pub(crate) fn price(good: usize) -> Decimal {
    Decimal::new(i64::try_from(good % 9000).unwrap() + 100, 2)
}

fn good(number: usize) -> Good {
    Good {
        id: good_id(number),
        title: title(number),
        barcode: barcode(number),
        unit: "pc".to_owned(),
        sale_price: None,
        write_off_unit: None,
        price: Money::new(price(number)),
    }
}

/// A data folder.
pub(crate) struct Folder {
    pub(crate) dir: TempDir,
    pub(crate) goods: usize,
}

impl Folder {
    /// A folder on the file system the program is built on, with this many goods.
    pub(crate) fn with_goods(goods: usize) -> Self {
        let dir = on_disk();
        let mut db = open(dir.path());
        db.begin_full_reading(SystemClock::new().wall()).unwrap();
        for first in (0..goods).step_by(GOODS_AT_ONCE) {
            let goods: Vec<_> = (first..goods.min(first + GOODS_AT_ONCE)).map(good).collect();
            db.collect_page(&GoodsPage { rows: goods.len(), goods }).unwrap();
        }
        db.finish_full_reading(0).unwrap();
        Self { dir, goods }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The code of some good: the same run gives the same codes, all over the table.
    pub(crate) fn code(&self, turn: usize) -> String {
        barcode(turn * 7919 % self.goods)
    }
}

/// A folder beside the program's own build, which is on a disk; the system's folder for temporary files often
/// is memory.
pub(crate) fn on_disk() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A folder in memory, where the system has a place for it: for what is prepared and not measured.
pub(crate) fn in_memory() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_there_is_none| TempDir::new()).unwrap()
}

pub(crate) fn open(dir: &Path) -> Db {
    let clock = SystemClock::new();
    let now: UnixMillis = clock.wall();
    Db::open(OpenOptions { dir, station: "dock-1", boot_id: clock.boot_id(), now, commit_hook: None })
        .unwrap()
}

/// A configuration for this folder; the service is where `base_url` says.
pub(crate) fn config_text(dir: &Path, base_url: &str) -> String {
    let mut text = String::new();
    write!(
        text,
        "[station]\nname = \"dock-1\"\nlocation_id = 4564\nstorage_id = 91271\ntrust_clock = true\n\
         repeat_guard_ms = 0\ndata_dir = \"{}\"\n[api]\nbase_url = \"{base_url}\"\n[web]\nlisten = \"\"\n\
         [[scanner]]\nname = \"dock\"\nkind = \"serial\"\npath = \"{}\"\n",
        dir.display(),
        dir.join("no-such-port").display(),
    )
    .unwrap();
    text
}

/// An address of this machine where nobody answers: one for the whole run, since a folder belongs to the service
/// that it began with, and a station of another one sets its scans aside.
pub(crate) fn nobody() -> &'static str {
    static ADDRESS: LazyLock<String> = LazyLock::new(|| {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        format!("http://127.0.0.1:{port}/api/v1")
    });
    &ADDRESS
}

pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry: PathBuf = entry.unwrap().path();
        if entry.is_file() {
            fs::copy(&entry, to.join(entry.file_name().unwrap())).unwrap();
        }
    }
}

/// A running agent that is fed by hand.
pub(crate) struct Station {
    pub(crate) handle: Handle,
    pub(crate) news: broadcast::Receiver<Announcement>,
    clock: Arc<SystemClock>,
    stop: oneshot::Sender<()>,
    tasks: JoinSet<()>,
}

impl Station {
    /// Starts an agent.
    pub(crate) fn start(config: Config) -> Self {
        let secrets = Secrets {
            partner: SecretString::from("sandbox-partner-token"),
            user: SecretString::from("sandbox-user-token"),
        };
        let clock = Arc::new(SystemClock::new());
        let host = Host { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..Host::this() };
        let agent = Agent::open(config, &secrets, host).unwrap();
        let handle = agent.handle();
        let news = handle.listen();
        let (stop, stopped) = oneshot::channel::<()>();
        let mut tasks = JoinSet::new();
        // Its scanners never begin: whoever measures is the scanner.
        let running = agent.run(pending(), async { drop(stopped.await) });
        tasks.spawn(async { running.await.unwrap() });
        Self { handle, news, clock, stop, tasks }
    }

    /// Scans a code and waits until it is on the disk.
    pub(crate) async fn scan(&mut self, code: String) -> Announcement {
        let scanner = ScannerName::new("dock");
        let frame = Frame { raw: code.clone().into_bytes(), verdict: Ok(code) };
        let (boot, wall) = (self.clock.boot(), self.clock.wall());
        self.handle.feed(Input::Frame { scanner, frame, boot, wall }).await.unwrap();
        loop {
            match self.news.recv().await.unwrap() {
                Announcement { scanner: None, .. } => {}
                answer => return answer,
            }
        }
    }

    /// Ends the agent in order.
    pub(crate) async fn stop(mut self) {
        drop(self.stop);
        self.tasks.join_next().await.unwrap().unwrap();
    }
}

/// One thread, as the program has.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
