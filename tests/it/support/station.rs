//! A whole station for a test: the real agent over real files, against the simulated service over real HTTP.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use rust_decimal::Decimal;
use secrecy::SecretString;
use stockpoint::app::{self, Agent, Handle, Host};
use stockpoint::clock::{Clock, SystemClock};
use stockpoint::config::Config;
use stockpoint::config::secrets::Secrets;
use stockpoint::domain::decode::framing::Frame;
use stockpoint::domain::home::Machine;
use stockpoint::domain::ids::{GoodId, ScannerName};
use stockpoint::domain::signal::Signal;
use stockpoint::domain::stock::mode::Kind;
use stockpoint::domain::time::UnixMillis;
use stockpoint::feedback::{Announcement, What};
use stockpoint::sandbox::{Options, Sandbox};
use stockpoint::store::{self, CommitHook, Db, Figures};
use stockpoint::work::scans::Input;
use tempfile::TempDir;
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks at a condition.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The service, and the folder that outlives the agents of one station.
pub(crate) struct Place {
    pub(crate) sandbox: Sandbox,
    pub(crate) dir: TempDir,
    _server: JoinSet<()>,
}

impl Place {
    pub(crate) async fn new(options: Options) -> Self {
        let (sandbox, server) = Sandbox::bind(options).await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(server.run(pending()));
        Self { sandbox, dir: TempDir::new().unwrap(), _server: tasks }
    }

    /// A configuration whose waits are those of a test. The parser's bounds are for people.
    pub(crate) fn config(&self) -> Config {
        let text = format!(
            "[station]\nname = \"dock-1\"\nlocation_id = 4564\nstorage_id = 91271\ndocument_idle_close_s = 0\n\
             repeat_guard_ms = 0\n[api]\nbase_url = \"{}\"\nrequests_per_minute_max = 60000\n\
             requests_per_second_max = 1000\nrequest_timeout_ms = 1000\n[web]\nlisten = \"\"\n",
            self.sandbox.base_url()
        );
        let mut config = Config::parse(&text, "test.toml").unwrap();
        self.dir.path().clone_into(&mut config.station.data_dir);
        config.api.reconcile_after = Duration::from_millis(40);
        config.api.late_check_after = Duration::from_millis(120);
        let scanner = "[station]\nname = \"x\"\nlocation_id = 1\nstorage_id = 1\n\
                       [[scanner]]\nname = \"dock\"\nkind = \"stdin\"\n";
        // The scanner is fed by the test, so it must not read the standard input: it is known by name only.
        config.scanners = Config::parse(scanner, "scanner.toml").unwrap().scanners;
        config
    }

    /// Starts an agent on the folder.
    pub(crate) fn start(&self) -> Station {
        Station::start(self.config(), None).unwrap()
    }

    /// What the service holds, by kind and good, of documents that are not deleted.
    pub(crate) fn on_service(&self) -> BTreeMap<(Kind, GoodId), Decimal> {
        let books = self.sandbox.books();
        let mut held = BTreeMap::new();
        for line in books.live_lines() {
            let document = books.documents.iter().find(|document| document.id == line.document).unwrap();
            let kind = if document.type_id == 3 { Kind::Receipt } else { Kind::WriteOff };
            *held.entry((kind, line.good)).or_insert(Decimal::ZERO) += line.amount.abs();
        }
        held
    }

    /// Every marker stands on the service once at the most.
    pub(crate) fn assert_nothing_is_doubled(&self) {
        let books = self.sandbox.books();
        let mut seen = BTreeMap::new();
        for document in books.live_documents() {
            if books.lines_of(document.id).iter().all(|line| line.deleted) {
                continue;
            }
            if let Some(other) = seen.insert(document.comment.clone(), document.id) {
                panic!("documents {other} and {} carry {}", document.id, document.comment);
            }
        }
    }
}

/// A running agent.
pub(crate) struct Station {
    pub(crate) handle: Handle,
    news: broadcast::Receiver<Announcement>,
    clock: Arc<dyn Clock>,
    stop: Option<oneshot::Sender<()>>,
    tasks: JoinSet<Result<(), app::Error>>,
}

impl Station {
    /// Starts an agent with this configuration.
    pub(crate) fn start(config: Config, hook: Option<CommitHook>) -> Result<Self, app::Error> {
        Self::start_at(Arc::new(SystemClock::new()), config, hook)
    }

    /// Starts an agent with clocks of its own.
    pub(crate) fn start_at(
        clock: Arc<dyn Clock>,
        config: Config,
        hook: Option<CommitHook>,
    ) -> Result<Self, app::Error> {
        Self::start_on(
            Host { clock, machine: Machine::stored("mac:1"), service: None, commit_hook: hook },
            config,
        )
    }

    /// Starts an agent on another machine.
    pub(crate) fn start_on(host: Host, config: Config) -> Result<Self, app::Error> {
        let clock = Arc::clone(&host.clock);
        let secrets = Secrets {
            partner: SecretString::from("sandbox-partner-token"),
            user: SecretString::from("sandbox-user-token"),
        };
        let agent = Agent::open(config, &secrets, host)?;
        let handle = agent.handle();
        let news = handle.listen();
        let (stop, stopped) = oneshot::channel::<()>();
        let mut tasks = JoinSet::new();
        // Its scanners never begin: the test is the scanner.
        tasks.spawn(agent.run(pending(), async { drop(stopped.await) }));
        Ok(Self { handle, news, clock, stop: Some(stop), tasks })
    }

    /// Scans a code and waits for the answer; `None` if the agent has ended.
    pub(crate) async fn scan(&mut self, code: &str) -> Option<Announcement> {
        self.frame(Frame { raw: code.as_bytes().to_vec(), verdict: Ok(code.to_owned()) }).await
    }

    /// Scans a code at a time of the wall clock.
    pub(crate) async fn scan_at(&mut self, code: &str, wall: UnixMillis) -> Option<Announcement> {
        self.frame_at(Frame { raw: code.as_bytes().to_vec(), verdict: Ok(code.to_owned()) }, wall).await
    }

    pub(crate) async fn frame(&mut self, frame: Frame) -> Option<Announcement> {
        self.frame_at(frame, self.clock.wall()).await
    }

    async fn frame_at(&mut self, frame: Frame, wall: UnixMillis) -> Option<Announcement> {
        let (scanner, boot) = (ScannerName::new("dock"), self.clock.boot());
        self.handle.feed(Input::Frame { scanner, frame, boot, wall }).await.ok()?;
        loop {
            let news = self.news.recv();
            let ended = self.tasks.join_next();
            tokio::select! {
                biased;
                news = news => match news.ok()? {
                    Announcement { scanner: None, .. } | Announcement { what: What::Lapsed { .. }, .. } => {}
                    answer => return Some(answer),
                },
                _ = ended => return None,
                () = sleep(PATIENCE) => panic!("no answer to a scan"),
            }
        }
    }

    /// Waits for news that is told to everybody.
    pub(crate) async fn until_told(&mut self, wanted: impl Fn(&What) -> bool) -> What {
        let heard = async {
            loop {
                let news = self.news.recv().await.unwrap();
                if news.scanner.is_none() && wanted(&news.what) {
                    return news.what;
                }
            }
        };
        timeout(PATIENCE, heard).await.expect("news that never came")
    }

    /// Waits until the figures are as wanted.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&Figures) -> bool) -> Figures {
        let end = Instant::now() + PATIENCE;
        loop {
            let figures = self.handle.figures().await.unwrap();
            if wanted(&figures) {
                return figures;
            }
            assert!(Instant::now() < end, "{what} never came: {figures:?}");
            sleep(LOOK_EVERY).await;
        }
    }

    pub(crate) async fn until_goods_are_read(&self) {
        self.until("a goods table", |figures| figures.goods.synced_at.is_some()).await;
    }

    /// Waits until nothing is on its way and nothing is left to look for.
    pub(crate) async fn until_delivered(&self) -> Figures {
        let end = Instant::now() + PATIENCE;
        loop {
            let look = |db: &mut Db| Ok::<_, store::Error>((db.agenda()?, db.figures()?));
            let (agenda, figures) = self.handle.store().run(look).await.unwrap().unwrap();
            if agenda.is_empty() {
                return figures;
            }
            assert!(Instant::now() < end, "never delivered: {agenda:?}");
            sleep(LOOK_EVERY).await;
        }
    }

    /// Ends the agent as a power cut does: nothing is finished, nothing is said.
    pub(crate) async fn die(mut self) {
        self.tasks.shutdown().await;
    }

    /// Ends the agent in order.
    pub(crate) async fn stop(mut self) -> Result<(), app::Error> {
        drop(self.stop.take());
        timeout(PATIENCE, self.tasks.join_next()).await.unwrap().unwrap().unwrap()
    }
}

/// What was confirmed to the person with the scanner: kind, good, units.
pub(crate) fn booked(answer: &Announcement) -> Option<(Kind, GoodId, Decimal)> {
    match (&answer.what, answer.signal) {
        (What::Booked { mode, good, quantity, .. }, Signal::Booked) => {
            Some((mode.kind().unwrap(), good.id, quantity.to_decimal()))
        }
        _ => None,
    }
}
