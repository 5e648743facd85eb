//! Demonstrates the whole station with nothing installed: a simulated service on the loopback address, the agent, and a
//! person at the terminal in place of a scanner.

use std::fs::File;
use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::app::{self, Agent, Handle, Host};
use crate::config::secrets::Secrets;
use crate::config::{Config, Faults};
use crate::domain::code::control::{Control, kit_code};
use crate::domain::delivery::State;
use crate::domain::signal::Signal;
use crate::domain::stock::mode::Mode;
use crate::domain::stock::quantity::Quantity;
use crate::feedback::{Announcement, What, counted};
use crate::sandbox::{Options, Sandbox};
use crate::status::Status;
use crate::store::Figures;

/// The name of the simulated service in the books; its address differs at each start.
const SIMULATED: &str = "the simulated service";

/// The interval between two checks of the figures, while the goods are read or documents are delivered.
const CHECK_EVERY: Duration = Duration::from_millis(100);

/// The longest wait for the goods table. After it the input is read in any case.
const GOODS_WITHIN: Duration = Duration::from_secs(20);

/// The number of sample barcodes that are shown to try.
const SAMPLES_SHOWN: usize = 6;

/// The options of a demonstration.
#[derive(Debug)]
pub struct DemoOptions<'a> {
    /// The data folder. The figures continue from earlier demonstrations in it.
    pub dir: &'a Path,
    /// Barcodes, one a line; `None` means the standard input.
    pub scans: Option<File>,
    /// True if a person sits at the terminal.
    pub is_terminal: bool,
    /// True if the answers are coloured by their signal.
    pub is_coloured: bool,
}

/// The reason why the demonstration failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The simulated service cannot listen.
    #[error("cannot start the simulated service")]
    Sandbox(#[source] io::Error),
    /// The generated configuration is wrong: a bug, or a folder with an unusual name.
    #[error(transparent)]
    Config(#[from] Faults),
    /// The agent failed.
    #[error(transparent)]
    Agent(#[from] app::Error),
    /// The agent ended before the demonstration did.
    #[error("the agent stopped before the demonstration ended")]
    Stopped,
    /// The output cannot be written.
    #[error("cannot write the output")]
    Output(#[from] io::Error),
}

/// The result of a demonstration whose books were shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was delivered, and the books here and on the simulated service agree.
    Balanced,
    /// The books do not agree, or something is undelivered.
    Unbalanced,
    /// It was interrupted before the end of its input. Confirmed scans are on the disk.
    Interrupted,
}

/// Runs the demonstration to the end of its input, or until it is interrupted.
///
/// # Errors
/// [`Error`].
pub async fn run(
    options: DemoOptions<'_>,
    out: &mut (impl Write + Send),
    interrupted: impl Future<Output = ()>,
) -> Result<Outcome, Error> {
    let sandbox_options = Options::sample();
    let secrets = Secrets {
        partner: SecretString::from(sandbox_options.partner_token.clone()),
        user: SecretString::from(sandbox_options.user_token.clone()),
    };
    let (sandbox, server) = Sandbox::bind(sandbox_options).await.map_err(Error::Sandbox)?;
    let config = configuration(&sandbox.base_url(), &options)?;
    // The books must not depend on the port, which differs at each start.
    let host = Host { service: Some(SIMULATED.to_owned()), ..Host::this() };
    let mut agent = Agent::open(config, &secrets, host)?;
    if let Some(file) = options.scans {
        agent = agent.reading(file);
    }
    let handle = agent.handle();
    let mut announcements = handle.listen();
    // The simulated service keeps nothing: it has never seen what was posted in earlier demonstrations.
    let posted_before = handle.figures().await?.of(State::Posted).units;
    let mut screen = Screen { out, is_terminal: options.is_terminal, is_coloured: options.is_coloured };
    let (start, started) = oneshot::channel::<()>();
    let (end, ended) = oneshot::channel::<()>();
    let mut tasks = JoinSet::new();
    tasks.spawn(server.run(std::future::pending()));
    let show = async {
        let whole = async {
            wait_for_goods(&handle, &mut announcements).await?;
            if options.is_terminal {
                welcome(screen.out, &sandbox, handle.page())?;
            }
            // Fails only if the agent has ended, which reports its reason itself.
            let _sent = start.send(());
            show_announcements(&mut screen, &mut announcements).await?;
            deliver_all(&mut screen, &handle, &mut announcements).await
        };
        // The agent runs until the books are shown, whatever ends the demonstration.
        let ending = tokio::select! {
            done = whole => done.map(|()| Ending::Input)?,
            () = interrupted => Ending::Interrupted,
        };
        let status = handle.status().await?;
        let figures = handle.figures().await?;
        let books = Books { status: &status, figures: &figures, posted_before };
        let outcome = balance(&mut screen, &sandbox, &books, ending)?;
        let _sent = end.send(());
        Ok::<Outcome, Error>(outcome)
    };
    // A channel that closes without a message means that its other side has ended.
    let begin = async { drop(started.await) };
    let shutdown = async { drop(ended.await) };
    let mut running = pin!(agent.run(begin, shutdown));
    let mut show = pin!(show);
    tokio::select! {
        // The agent ended before the books were shown.
        ran = &mut running => {
            ran?;
            Err(Error::Stopped)
        }
        shown = &mut show => {
            running.await?;
            shown
        }
    }
}

fn configuration(base_url: &str, options: &DemoOptions<'_>) -> Result<Config, Faults> {
    // A file is not a hand with a scanner: two equal lines are two scans.
    let guard = if options.is_terminal { 300 } else { 0 };
    let text = format!(
        r#"
[station]
name = "demo"
location_id = 4564
storage_id = 91271
mode = "receipt"
repeat_guard_ms = {guard}

[api]
base_url = "{base_url}"
requests_per_minute_max = 1200
requests_per_second_max = 20
request_timeout_ms = 5000
reconcile_after_ms = 2000
late_check_after_ms = 5000

[kits]
scan = "all"

[web]
listen = "127.0.0.1:0"

[[scanner]]
name = "terminal"
kind = "stdin"
"#
    );
    let mut config = Config::parse(&text, "the demonstration's configuration")?;
    options.dir.clone_into(&mut config.station.data_dir);
    Ok(config)
}

/// Waits for the goods table and the cards. Without them every code, and the kit, would be unknown at first.
async fn wait_for_goods(
    handle: &Handle,
    announcements: &mut broadcast::Receiver<Announcement>,
) -> Result<(), Error> {
    let known = async {
        while handle.figures().await?.goods.synced_at.is_none() || handle.cards().await?.is_empty() {
            // Any announcement may concern the goods, so the figures are read after each one and after a pause.
            let _announcement = timeout(CHECK_EVERY, announcements.recv()).await;
        }
        Ok(())
    };
    timeout(GOODS_WITHIN, known).await.unwrap_or(Ok(()))
}

fn welcome(out: &mut impl Write, sandbox: &Sandbox, page: Option<SocketAddr>) -> io::Result<()> {
    writeln!(out, "stockpoint demo: a stockroom with a simulated service.")?;
    writeln!(out, "Type or paste a barcode and press Enter.\n")?;
    for good in sandbox.goods().iter().filter(|good| !good.barcode.is_empty()).take(SAMPLES_SHOWN) {
        writeln!(out, "  {:<16} {}", good.barcode, good.title)?;
    }
    writeln!(out, "  {:<16} a code that no good has: it is parked\n", "0000")?;
    let codes = [
        (Control::Mode(Mode::WriteOff), "goods go out from now on"),
        (Control::Mode(Mode::Receipt), "goods come in from now on"),
        (Control::Mode(Mode::Lookup), "nothing is booked, only looked up"),
        (Control::Quantity(12), "the next scan counts twelve"),
        (Control::Undo, "take back the last scan"),
        (Control::Close, "close the document and post it"),
    ];
    for (code, meaning) in codes {
        writeln!(out, "  {:<16} {meaning}", code.code())?;
    }
    for card in sandbox.cards() {
        writeln!(out, "  {:<16} a kit, {}: its materials go out", kit_code(card.id), card.title)?;
    }
    if let Some(page) = page {
        writeln!(out, "\nThe station's page: http://{page}/")?;
    }
    writeln!(out, "Ctrl-D ends: everything is delivered, and the books are shown.\n")
}

/// Returns the colour of a signal for a terminal (ECMA-48, SGR): green, cyan and blue for success, yellow for waiting,
/// red for failure.
const fn colour(signal: Signal) -> &'static str {
    match signal {
        Signal::Booked => "32",
        Signal::Posted => "36",
        Signal::Control => "34",
        Signal::Unknown => "33",
        Signal::Refused => "31",
        Signal::Person => "1;31",
    }
}

/// The output of the demonstration.
struct Screen<'a, W> {
    out: &'a mut W,
    /// True if a person sits at the terminal.
    is_terminal: bool,
    /// True if announcements are coloured by their signal.
    is_coloured: bool,
}

impl<W: Write> Screen<'_, W> {
    fn show(&mut self, announcement: &Announcement) -> io::Result<()> {
        if self.is_coloured {
            writeln!(self.out, "\x1b[{}m{announcement}\x1b[0m", colour(announcement.signal))
        } else {
            writeln!(self.out, "{announcement}")
        }
    }
}

/// Writes one line for each announcement, until the input ends.
async fn show_announcements(
    screen: &mut Screen<'_, impl Write + Send>,
    announcements: &mut broadcast::Receiver<Announcement>,
) -> Result<(), Error> {
    loop {
        match announcements.recv().await {
            Ok(Announcement { what: What::Ended, .. }) | Err(RecvError::Closed) => return Ok(()),
            Ok(announcement) => screen.show(&announcement)?,
            // The terminal was too slow for the channel; the scans themselves are booked all the same.
            Err(RecvError::Lagged(missed)) => writeln!(screen.out, "… {missed} more")?,
        }
    }
}

/// Waits until everything is delivered, and reports the progress.
async fn deliver_all(
    screen: &mut Screen<'_, impl Write + Send>,
    handle: &Handle,
    announcements: &mut broadcast::Receiver<Announcement>,
) -> Result<(), Error> {
    let mut reported = None;
    loop {
        // Drained without waiting: the figures decide when everything is delivered, not the announcements.
        while let Ok(announcement) = announcements.try_recv() {
            screen.show(&announcement)?;
        }
        let figures = handle.figures().await?;
        if !figures.is_undelivered() {
            return Ok(());
        }
        let left: u64 = [State::Queued, State::Sending, State::Uncertain]
            .map(|state| figures.of(state).operations)
            .iter()
            .sum();
        if reported != Some(left) {
            writeln!(screen.out, "delivering: {} to go", counted(left, "document"))?;
            reported = Some(left);
        }
        sleep(CHECK_EVERY).await;
    }
}

/// The books of the station at the end of a demonstration.
struct Books<'a> {
    status: &'a Status,
    figures: &'a Figures,
    /// The quantity that earlier demonstrations posted.
    posted_before: Quantity,
}

/// The reason why a demonstration ended.
#[derive(Clone, Copy)]
enum Ending {
    /// Its input ended, and everything was delivered.
    Input,
    /// A person interrupted it.
    Interrupted,
}

/// Shows the figures, to a program also as JSON, and compares them with the service's books.
///
/// Returns whether the figures agree with each other, and what was posted since the start with the service. An
/// interrupted run is shown and not judged.
fn balance(
    screen: &mut Screen<'_, impl Write>,
    sandbox: &Sandbox,
    books: &Books<'_>,
    ending: Ending,
) -> Result<Outcome, Error> {
    let Books { status, figures, posted_before } = books;
    writeln!(screen.out)?;
    if screen.is_terminal {
        for line in equations(figures) {
            writeln!(screen.out, "{line}")?;
        }
    } else {
        for (title, table) in status.tables() {
            let words: Vec<String> =
                table.into_iter().map(|figure| format!("{} {}", figure.name, figure.value)).collect();
            writeln!(screen.out, "{title:<10}  {}", words.join(" · "))?;
        }
    }
    let there = units_on_service(sandbox);
    let posted = figures.of(State::Posted).units.checked_sub(*posted_before);
    let balances = figures.balance() && posted == Some(there) && !figures.is_undelivered();
    let posted = posted.unwrap_or_default();
    if !screen.is_terminal {
        writeln!(screen.out, "{}", status.json())?;
    }
    let (outcome, words) = match (ending, balances) {
        (Ending::Interrupted, _) => (Outcome::Interrupted, "Interrupted; what is not delivered is kept"),
        (Ending::Input, true) => (Outcome::Balanced, "The books balance"),
        (Ending::Input, false) => (Outcome::Unbalanced, "The books DO NOT balance"),
    };
    writeln!(screen.out, "{words}: {posted} units posted, {there} on the service.")?;
    Ok(outcome)
}

/// Returns the quantity of all lines on the simulated service.
fn units_on_service(sandbox: &Sandbox) -> Quantity {
    let books = sandbox.books();
    let amounts = books.live_lines().into_iter().filter_map(|line| Quantity::from_decimal(line.amount));
    // Write-offs are negative on the service; the station counts units in both directions.
    amounts.map(Quantity::abs).sum()
}

/// Returns the two equations by which the books balance. Terms that are zero are left out.
fn equations(figures: &Figures) -> [String; 2] {
    let sum = |terms: Vec<(String, &str)>| {
        let written: Vec<String> = terms
            .into_iter()
            .filter(|(value, _)| value != "0")
            .map(|(value, name)| format!("{value} {name}"))
            .collect();
        if written.is_empty() { "0".to_owned() } else { written.join(" + ") }
    };
    let scans = &figures.scans;
    let counts = [
        (scans.booked, "booked"),
        (scans.unknown, "unknown"),
        (scans.refused, "refused"),
        (scans.control, "control codes"),
        (scans.lookup, "lookups"),
    ];
    let counts = counts.map(|(count, name)| (count.to_string(), name)).into();
    let states = State::ALL.map(|state| (figures.of(state).units.to_string(), state.as_str())).into();
    let undone = match figures.units_undone {
        Quantity::ZERO => String::new(),
        undone => format!(" - {undone} undone"),
    };
    [
        format!("scans: {} = {}", scans.accepted(), sum(counts)),
        format!("units: {} booked{undone} = {}", figures.units_booked, sum(states)),
    ]
}
