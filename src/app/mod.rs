//! The agent: builds all parts, connects them, watches them and stops them in order.
//!
//! The parts are independent. The first one that ends unasked ends the agent, and systemd starts it again. Parts stop
//! in the order in which a scan passes through them: scanners, the scans' worker, the connection to the service, the
//! store.

mod handle;
mod lock;
mod notify;
mod page;
mod recall;
mod scanners;
mod status_source;

use std::collections::BTreeMap;
use std::fs::File;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::api::{BuildError, Client};
use crate::clock::{Clock, SystemClock};
use crate::config::secrets::{self, Secrets};
use crate::config::{Config, Listen};
use crate::device;
use crate::domain::clock_trust::ClockTrust;
use crate::domain::code::seal::Seal;
use crate::domain::health::ApiHealth;
use crate::domain::health::ApiState;
use crate::domain::home::{Home, Machine};
use crate::domain::session::{Rules, ScannerBinding, Session};
use crate::domain::signal::Signal;
use crate::domain::text::error_chain;
use crate::domain::time::Moment;
use crate::domain::time::UnixMillis;
use crate::feedback::outputs::Outputs;
use crate::feedback::{Announcement, Feedback, What};
use crate::machine;
use crate::meter::Commits;
use crate::socket;
use crate::status::Location;
use crate::store::{self, Cause, CommitHook, Db, OpenOptions, Store, StoreThread};
use crate::web::{Access, PageListener};
use crate::work;
use crate::work::heartbeat::Heartbeat;
use crate::work::labels::Labels;
use crate::work::refusals::Refusals;
use crate::work::scans::{Input, Scans};
use crate::work::uplink::Parts;
use crate::work::uplink::Uplink;
use crate::work::uplink::link::LinkParts;
use handle::BothClocks;
use handle::Meters;
use handle::Shared;
pub use handle::{Handle, location, station};
pub use lock::FolderLock;
use page::StationPage;
use scanners::{Running, Scanners};

/// The most frames of all scanners together that wait for the scans' worker. When the queue is full, the scanners'
/// threads wait, and then the kernel's buffers fill.
const FRAME_QUEUE_MAX: usize = 256;

/// The longest time for the whole stop. The unit's `TimeoutStopSec=` (15 s) is longer.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// The reason why the agent cannot run, or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another agent uses the data folder.
    #[error("another agent is using {}", .0.display())]
    InUse(PathBuf),
    /// The data folder cannot be used.
    #[error("cannot use the data folder {}", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The store has ended.
    #[error(transparent)]
    StoreClosed(#[from] store::StoreClosed),
    /// The client cannot be built.
    #[error(transparent)]
    Client(#[from] BuildError),
    /// A thread cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// A scanner's thread cannot be started.
    #[error(transparent)]
    Scanners(#[from] device::Error),
    /// A part ended with an error.
    #[error("{part} has stopped")]
    Work {
        /// The part.
        part: &'static str,
        /// Its reason.
        #[source]
        source: work::Error,
    },
    /// A part ended though it was not asked to.
    #[error("{0} has ended by itself")]
    Ended(&'static str),
    /// A part panicked: a bug.
    #[error("a part of the agent has panicked")]
    Panicked,
}

impl Error {
    /// Returns the action of a person that helps, if there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::InUse(_) => Some("`systemctl stop stockpoint` stops the agent of this machine"),
            Self::Folder { .. } => {
                Some("correct station.data_dir, or let the service's user write to the folder")
            }
            Self::Store(error) | Self::Work { source: work::Error::Store(error), .. } => error.hint(),
            Self::StoreClosed(_)
            | Self::Client(_)
            | Self::Thread(_)
            | Self::Scanners(_)
            | Self::Work { .. }
            | Self::Ended(_)
            | Self::Panicked => None,
        }
    }
}

/// The environment of an agent: its clocks, its machine and the name of the service.
pub struct Host {
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// The machine.
    pub machine: Machine,
    /// A name for the service in the books, for a service whose address differs at each start.
    pub service: Option<String>,
    /// A function that runs before each commit; tests use it to simulate a power cut.
    pub commit_hook: Option<CommitHook>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("machine", &self.machine).finish_non_exhaustive()
    }
}

impl Host {
    /// Returns the host that this process runs on, with the system's clocks.
    pub fn this() -> Self {
        let (clock, machine) = (Arc::new(SystemClock::new()), machine::read(&machine::Roots::default()));
        Self { clock, machine, service: None, commit_hook: None }
    }
}

/// An agent that is built and ready to run.
#[derive(Debug)]
pub struct Agent {
    shared: Arc<Shared>,
    session: Session,
    scans: Scans,
    uplink: Uplink,
    inputs: mpsc::Receiver<Input>,
    scanners: Scanners,
    standard_input: Option<File>,
    page: Option<io::Result<PageListener>>,
    page_token: Option<SecretString>,
    missing: Vec<(Cause, String)>,
    heartbeats: Vec<Arc<Heartbeat>>,
    store_thread: StoreThread,
    outputs: Outputs,
    stop: CancellationToken,
    _lock: FolderLock,
}

impl Agent {
    /// Opens the data folder and builds every part. Starts no worker yet.
    ///
    /// # Errors
    /// [`Error`]. Nothing was changed except by the opening itself.
    pub fn open(config: Config, secrets: &Secrets, host: Host) -> Result<Self, Error> {
        let config = Arc::new(config);
        let dir = config.station.data_dir.clone();
        Self::build(config, secrets, host).inspect_err(|error| mark_damage(error, &dir))
    }

    fn build(config: Arc<Config>, secrets: &Secrets, host: Host) -> Result<Self, Error> {
        let Host { clock, machine, service, commit_hook } = host;
        let dir = &config.station.data_dir;
        let folder = |source| Error::Folder { path: dir.clone(), source };
        // The lock comes first: nothing in the folder may be opened while another agent writes there.
        store::make_folder(dir).map_err(folder)?;
        let lock = FolderLock::take(dir)?;
        // The page's address is taken early, so that the handle knows the port from the start. A failure is retried
        // later: it must not keep anybody from scanning.
        let page = config.web.listen.as_ref().map(PageListener::bind);
        let page_address = page.as_ref().and_then(|listener| listener.as_ref().ok()?.address());
        let scanners = Scanners::new(&config);
        let mut home = config.home(machine);
        home.books.service = service.unwrap_or(home.books.service);
        let db = open_store(&config, clock.as_ref(), &home, commit_hook)?;
        // Read before the outputs exist: these alarms are announced once everything is built.
        let unseen: Vec<_> = db.alarms()?.into_iter().filter(|alarm| !alarm.is_seen).collect();
        let rules = rules(&config);
        let now = Moment {
            wall: clock.wall(),
            boot: clock.boot(),
            trusted: config.station.trust_clock || clock.is_synchronized(),
        };
        let commanded = db.commanded(now, &rules.followers())?;
        // The open operations are read after `check_home`, which closes those of another station: no new scan may join
        // them.
        let session = Session::new(rules, commanded, db.open_operations(clock.boot())?);
        let earlier = recall::recall(&db)?;
        let location = Arc::new(location(&config, &db.location()?));
        let client = Client::new(&config.api, config.station.location_id, &secrets.partner, &secrets.user)?;
        let (store, store_thread) = Store::start(db).map_err(Error::Thread)?;
        let outputs = Outputs::start(&config.feedback).map_err(Error::Thread)?;
        let feedback = Arc::new(Feedback::new(scanners.outputs(), &outputs));
        // Before the first scan, so that the page lists earlier scans below later ones.
        feedback.recall(earlier);
        let (uplink, scans, shared, inputs) = build_workers(WorkerParts {
            config,
            clock,
            store,
            client,
            home,
            page_address,
            feedback,
            location,
            scanners: &scanners,
        });
        for alarm in unseen {
            // An alarm outlives a restart: somebody must still see it, and the outputs must still repeat it.
            tracing::error!("{}", alarm.what);
            let what = What::Person(alarm.what);
            shared.feedback.announce(Announcement { scanner: None, signal: Signal::Person, what });
        }
        let stop = uplink.stop();
        let heartbeats = vec![Arc::clone(&scans.heartbeat), uplink.heartbeat()];
        Ok(Self {
            shared: Arc::new(shared),
            session,
            scans,
            uplink,
            inputs,
            scanners,
            standard_input: None,
            page,
            page_token: None,
            missing: Vec::new(),
            heartbeats,
            store_thread,
            outputs,
            stop,
            _lock: lock,
        })
    }

    /// Makes a scanner of kind `stdin` read this file instead of the standard input.
    #[must_use]
    pub fn reading(mut self, file: File) -> Self {
        self.standard_input = Some(file);
        self
    }

    /// Requires this token from every visitor of the page.
    ///
    /// If the configuration asks for a token and there is none, the page is not served, and an alarm stands.
    #[must_use]
    pub fn with_page_token(mut self, token: Result<Option<SecretString>, secrets::Error>) -> Self {
        match token {
            Ok(token) => self.page_token = token,
            Err(error) => self.note_missing(
                Cause::Page,
                format!("the station page is not served (web.token_file): {}", error_chain(&error)),
            ),
        }
        self
    }

    /// Accepts control codes only under this seal.
    ///
    /// If the configuration asks for a secret and there is none, control codes are refused, and an alarm stands.
    #[must_use]
    pub fn with_seal(mut self, seal: Result<Seal, secrets::Error>) -> Self {
        match seal {
            Ok(seal) => self.session = self.session.sealed(seal),
            Err(error) => {
                self.note_missing(
                    Cause::Sheet,
                    format!("control codes are refused (station.sheet_secret_file): {}", error_chain(&error)),
                );
            }
        }
        self
    }

    /// Logs that something optional is missing, and keeps it to raise an alarm when the agent runs.
    fn note_missing(&mut self, cause: Cause, what: String) {
        tracing::error!("{what}");
        self.missing.push((cause, what));
    }

    /// Returns a handle to the agent, valid as long as it runs.
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.shared))
    }

    /// Runs until `shutdown` completes, then stops in order within ten seconds. Scanners are read once `begin` has
    /// completed.
    ///
    /// # Errors
    /// [`Error`] if a part could not start or ended unasked. Confirmed scans are on the disk in either case.
    pub async fn run(
        mut self,
        begin: impl Future<Output = ()>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let services = self.start_services();
        let (scans, uplink, session, inputs) = (self.scans, self.uplink, self.session, self.inputs);
        let mut workers = JoinSet::new();
        workers.spawn(async move { ("the scans' worker", scans.run(session, inputs).await) });
        workers.spawn(async move { ("the connection to the service", uplink.run().await) });
        let (mut begin, mut shutdown) = (pin!(begin), pin!(shutdown));
        let mut waiting = Some(self.scanners);
        let mut running = Running::default();
        let ended = loop {
            tokio::select! {
                // A stop goes before everything else, and a dead worker before the start of the scanners.
                biased;
                () = &mut shutdown => break Ok(()),
                ended = workers.join_next() => break Err(why_ended(ended)),
                () = &mut begin, if waiting.is_some() => {
                    let Some(scanners) = waiting.take() else { continue };
                    let input = self.standard_input.take();
                    let started =
                        scanners.start(&self.shared.clock, self.shared.inputs.clone(), input);
                    match started {
                        Ok(started) => running = started,
                        Err(error) => break Err(error.into()),
                    }
                    tracing::info!(station = %self.shared.config.station.name, "ready");
                    // With `Type=notify`, systemd counts the unit as started only from here on, when scans are
                    // accepted.
                    notify::ready();
                }
            }
        };
        tracing::info!("stopping");
        notify::stopping();
        let stop = stop_in_order(running, &self.shared.inputs, &self.stop, workers, self.store_thread);
        if timeout(STOP_WITHIN, stop).await.is_err() {
            tracing::error!("a part did not stop in time");
        }
        // After the workers: an alarm that they raise while they stop still gets its signal.
        self.outputs.stop();
        drop(services);
        ended.inspect_err(|error| mark_damage(error, &self.shared.config.station.data_dir))
    }

    /// Opens the command socket and the page, and starts the repeated alarm and the reports to systemd.
    fn start_services(&mut self) -> JoinSet<()> {
        let mut services = JoinSet::new();
        match socket::bind(&self.shared.config.station.data_dir) {
            Ok(listener) => {
                let handle = self.handle();
                services.spawn(socket::serve(listener, move |request| {
                    let handle = handle.clone();
                    async move { handle.answer(request).await }
                }));
            }
            // Commands read the files instead; nothing else depends on the socket.
            Err(error) => {
                tracing::warn!(%error, "cannot open the command socket; commands read the files instead");
            }
        }
        if let Some(every) = self.shared.config.feedback.person_repeat {
            let feedback = Arc::clone(&self.shared.feedback);
            services.spawn(async move {
                let _never = feedback.repeat_alarm(every).await;
            });
        }
        if let (Some(page), Some(listen)) = (self.page.take(), self.shared.config.web.listen.clone()) {
            if self.missing.iter().any(|(cause, _)| *cause == Cause::Page) {
                drop(page);
            } else if let Some(access) = self.access(&listen) {
                let station_page = StationPage {
                    listen,
                    access,
                    source: status_source::status_source(&self.handle(), &self.heartbeats),
                };
                services.spawn(page::serve(self.handle(), page, station_page));
            } else {
                tracing::error!("the station page is not served: it needs a token, and there is none");
            }
        }
        let (agent, missing) = (self.handle(), std::mem::take(&mut self.missing));
        // In a task of its own: the store may be busy, and scanning must not wait for an alarm.
        services.spawn(async move {
            for (cause, what) in missing {
                agent.raise(cause, &what).await;
            }
        });
        services.spawn(notify::watch(self.handle(), std::mem::take(&mut self.heartbeats)));
        services
    }

    /// Returns the access rule of the page; `None` if the page needs a token and has none, because everybody could read
    /// it then.
    fn access(&mut self, listen: &Listen) -> Option<Access> {
        let web = &self.shared.config.web;
        match (self.page_token.take(), listen) {
            (Some(token), _) => Some(Access::by_token(token)),
            // The configuration refuses such an address without `token_file`; this keeps the page closed even if that
            // check fails.
            (None, _) if web.token_file.is_some() || !listen.is_local() => None,
            (None, Listen::Tcp(_)) => Some(Access::Address),
            (None, Listen::Unix(_)) => Some(Access::Socket),
        }
    }
}

/// Stops the parts in the order in which a scan passes through them.
async fn stop_in_order(
    scanners: Running,
    inputs: &mpsc::Sender<Input>,
    stop: &CancellationToken,
    mut workers: JoinSet<(&'static str, Result<(), work::Error>)>,
    store: StoreThread,
) {
    scanners.stop().await;
    // The stop goes through the queue, behind every frame of the scanners. It fails only if the worker has ended.
    let _sent = inputs.send(Input::Stop).await;
    stop.cancel();
    while let Some(worker) = workers.join_next().await {
        if !matches!(worker, Ok((_, Ok(())))) {
            tracing::error!(error = %why_ended(Some(worker)), "a part stopped with an error");
        }
    }
    store.end().await;
}

/// The parts from which the workers are built.
struct WorkerParts<'a> {
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
    store: Store,
    client: Client,
    home: Home,
    page_address: Option<SocketAddr>,
    feedback: Arc<Feedback>,
    location: Arc<Location>,
    scanners: &'a Scanners,
}

/// Builds the workers and the channels between them.
fn build_workers(parts: WorkerParts<'_>) -> (Uplink, Scans, Shared, mpsc::Receiver<Input>) {
    let WorkerParts { config, clock, store, client, home, page_address, feedback, location, scanners } =
        parts;
    let meters = Meters {
        requests: client.meter(),
        commits: Commits::default(),
        started: BothClocks { wall: clock.wall(), boot: clock.boot() },
    };
    // Bounded: when it is full, the scanners' threads wait instead of losing frames.
    let (inputs, queue) = mpsc::channel(FRAME_QUEUE_MAX);
    let clock_trust = if config.station.trust_clock { ClockTrust::Declared } else { ClockTrust::Unproven };
    let (clock_trust_sender, clock_trust) = watch::channel(clock_trust);
    // Offline until the first answer: "ok" before any request would be a guess.
    let (health_sender, health) = watch::channel(ApiHealth { state: ApiState::Offline, last_error: None });
    let (advice_sender, advice) = watch::channel(BTreeMap::new());
    let (pending_sender, pending) = watch::channel(BTreeMap::new());
    let (wake, sync_now) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let link = LinkParts {
        store: store.clone(),
        client,
        clock: Arc::clone(&clock),
        config: Arc::clone(&config),
        feedback: Arc::clone(&feedback),
        clock_trust: clock_trust_sender,
        health: health_sender,
        stop: CancellationToken::new(),
        heartbeat: Arc::new(Heartbeat::new("the connection to the service")),
    };
    let uplink = Uplink::new(Parts { link, home, wake: Arc::clone(&wake), sync_now: Arc::clone(&sync_now) });
    let labels = labels(&config);
    let scans = Scans {
        store: store.clone(),
        feedback: Arc::clone(&feedback),
        clock: Arc::clone(&clock),
        clock_trust: clock_trust.clone(),
        wake: Arc::clone(&wake),
        advice: advice_sender,
        pending: pending_sender,
        refusals: Refusals::default(),
        heartbeat: Arc::new(Heartbeat::new("the scans' worker")),
        meter: meters.commits.clone(),
        labels: Arc::new(labels),
        location,
    };
    let scanner_health = scanners.health();
    let shared = Shared {
        page_address: page_address.map(OnceLock::from).unwrap_or_default(),
        config,
        clock,
        store,
        feedback,
        inputs,
        health,
        clock_trust,
        scanner_health,
        meters,
        advice,
        pending,
        sync_now,
        wake,
    };
    (uplink, scans, shared, queue)
}

/// Opens the store and adapts it to the configuration and the machine.
fn open_store(
    config: &Config,
    clock: &dyn Clock,
    home: &Home,
    commit_hook: Option<CommitHook>,
) -> Result<Db, store::Error> {
    let mut db = Db::open(OpenOptions {
        dir: &config.station.data_dir,
        station: &config.station.name,
        boot_id: clock.boot_id(),
        now: clock.wall(),
        commit_hook,
    })?;
    // The store resolves parked scans by itself, so it must know the configured packs.
    db.set_packs(config.packs.clone());
    note_damaged(&mut db, clock.wall())?;
    // Raised again when the agent runs, if the reason persists.
    db.end_alarm(&Cause::Page)?;
    db.end_alarm(&Cause::Sheet)?;
    // What was being sent when the last run ended may be on the service: it will be searched for there first.
    db.check_home(home, clock.wall())?;
    db.drop_foreign_copy(&home.books)?;
    db.allow_kits(config.kits.clone());
    Ok(db)
}

type Joined = Result<(&'static str, Result<(), work::Error>), tokio::task::JoinError>;

fn why_ended(ended: Option<Joined>) -> Error {
    match ended {
        Some(Ok((part, Err(source)))) => Error::Work { part, source },
        Some(Ok((part, Ok(())))) => Error::Ended(part),
        Some(Err(_)) | None => Error::Panicked,
    }
}

/// Returns the checks of labels that the configuration asks for.
pub fn labels(config: &Config) -> Labels {
    let station = &config.station;
    Labels { expired: station.expired, serials: station.serials, zone: station.time_zone.clone() }
}

/// Returns the session's rules from the configuration.
pub fn rules(config: &Config) -> Rules {
    let station = &config.station;
    let bindings: BTreeMap<_, _> = config
        .scanners
        .iter()
        .map(|scanner| {
            (scanner.name.clone(), ScannerBinding { mode: scanner.mode, storage: scanner.storage_id })
        })
        .collect();
    let ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    Rules {
        mode: station.mode,
        storage: station.storage_id,
        storages: config.storages().into_iter().map(|storage| storage.id).collect(),
        idle_close_ms: station.document_idle_close.map(ms),
        lines_max: u16::try_from(station.document_lines_max).unwrap_or(u16::MAX),
        repeat_guard_ms: ms(station.repeat_guard),
        quantity_expires_ms: station.qty_expires.map(ms),
        mode_reverts_ms: station.mode_reverts_after.map(ms),
        gs1_counts: station.gs1_counts,
        bindings,
        conventions: config.conventions(),
    }
}

/// Marks the files for a thorough check at the next start, if the agent ends because of damage.
fn mark_damage(error: &Error, dir: &Path) {
    let (Error::Store(cause) | Error::Work { source: work::Error::Store(cause), .. }) = error else { return };
    if cause.is_damage()
        && let Err(error) = store::suspect(dir)
    {
        tracing::error!(%error, "cannot mark the damage for the next start");
    }
}

/// Raises an alarm for each damaged file that was set aside.
fn note_damaged(db: &mut Db, now: UnixMillis) -> Result<(), store::Error> {
    for damaged in db.damaged().to_vec() {
        let file = damaged.file.display();
        match &damaged.moved_to {
            // The goods table is only a copy, which the service replaces; its loss needs no person.
            None => tracing::warn!(%file, "the copy of the goods table was damaged; it is read again"),
            Some(kept) => {
                let what =
                    format!("{file} was damaged; it is kept as {}, and a new one was begun", kept.display());
                db.raise_alarm(&Cause::Event(what.clone()), &what, now)?;
            }
        }
    }
    Ok(())
}
