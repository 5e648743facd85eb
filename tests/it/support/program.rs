//! The real program, from outside: what it is told, what it says, how it ends.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use stockpoint::sandbox::Sandbox;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

/// Longer than the gap of [`Shed::config`].
pub(crate) const SETTLED: Duration = Duration::from_millis(520);
/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The folder in which one station lives: its configuration, its tokens, its data, and all it ever said. Nothing
/// of the machine's own environment reaches the program.
pub(crate) struct Shed {
    pub(crate) dir: TempDir,
    runs: AtomicU32,
}

impl Shed {
    pub(crate) fn new() -> Self {
        Self { dir: TempDir::new().unwrap(), runs: AtomicU32::new(0) }
    }

    /// A station of the simulated service whose scanner is on this terminal.
    pub(crate) fn of(sandbox: &Sandbox, scanner: &Path) -> Self {
        let shed = Self::new();
        shed.write("partner-token", "sandbox-partner-token\n");
        shed.write("user-token", "sandbox-user-token\n");
        shed.write("config.toml", shed.config(&sandbox.base_url(), scanner));
        shed
    }

    /// A station whose data are elsewhere, where an agent may run.
    pub(crate) fn beside(sandbox: &Sandbox, data: &Path) -> Self {
        let shed = Self::new();
        let config = shed.config(&sandbox.base_url(), &shed.path("no-port"));
        let own = shed.path("data").display().to_string();
        shed.write("config.toml", config.replace(&own, &data.display().to_string()));
        shed
    }

    /// A configuration with the shortest waits that it may have.
    pub(crate) fn config(&self, base_url: &str, scanner: &Path) -> String {
        let dir = self.dir.path().display();
        let scanner = scanner.display();
        format!(
            r#"[station]
name = "dock-1"
location_id = 4564
storage_id = 91271
data_dir = "{dir}/data"
document_idle_close_s = 0
document_lines_max = 10
repeat_guard_ms = 0

[api]
base_url = "{base_url}"
partner_token_file = "{dir}/partner-token"
user_token_file = "{dir}/user-token"
requests_per_minute_max = 60000
requests_per_second_max = 1000
request_timeout_ms = 1000
reconcile_after_ms = 2000
late_check_after_ms = 5000

[goods]
sync_every_s = 5

[web]
listen = "127.0.0.1:0"

[[scanner]]
name = "dock"
kind = "serial"
path = "{scanner}"
gap_ms = 500
burst_guard_ms = 0
signals_hex = {{ booked = "42", unknown = "55", refused = "52", control = "43" }}
"#
        )
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// The program with these arguments and the configuration of this folder.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.bare_command(&[&["--config", "config.toml"], args].concat())
    }

    /// The program with these arguments, in this folder, with an empty environment.
    pub(crate) fn bare_command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stockpoint"));
        command.args(args).current_dir(self.dir.path()).env_clear();
        command.env("TMPDIR", self.dir.path()).stdin(Stdio::null());
        command
    }

    /// Starts a command; what it says goes to files of this folder.
    pub(crate) fn start(&self, mut command: Command) -> Program {
        let run = self.runs.fetch_add(1, Ordering::SeqCst);
        let (out, err) = (self.path(&format!("out.{run}")), self.path(&format!("err.{run}")));
        command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
        Program { child: command.spawn().unwrap(), out, err }
    }

    /// Runs the program to its end.
    pub(crate) async fn run(&self, args: &[&str]) -> Ended {
        self.start(self.command(args)).ended().await
    }

    /// Runs the program to its end, with something on its standard input.
    pub(crate) async fn run_with(&self, args: &[&str], input: &[u8]) -> Ended {
        let mut command = self.command(args);
        command.stdin(Stdio::piped());
        let mut program = self.start(command);
        // Less than a pipe holds: it never waits for the program.
        program.child.stdin.take().unwrap().write_all(input).unwrap();
        program.ended().await
    }

    /// What a command that must succeed says.
    pub(crate) async fn says(&self, args: &[&str]) -> String {
        let ended = self.run(args).await;
        assert_eq!(ended.code, Some(0), "{args:?}: {ended:?}");
        ended.out
    }

    /// The status as an object.
    pub(crate) async fn status(&self) -> Value {
        serde_json::from_str(&self.says(&["status", "--json"]).await).unwrap()
    }

    /// Waits until the status is as wanted.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let status = self.status().await;
            if wanted(&status) {
                return status;
            }
            assert!(Instant::now() < end, "{what} never came: {status}");
            sleep(LOOK_EVERY * 5).await;
        }
    }

    /// Starts the agent and waits until what its scanner sends cannot be the rest of a code from before.
    pub(crate) async fn agent(&self) -> Program {
        let program = self.agent_just_open().await;
        sleep(SETTLED).await;
        program
    }

    /// Starts the agent and waits until its scanner is open.
    pub(crate) async fn agent_just_open(&self) -> Program {
        let program = self.start(self.command(&["run", "--log-level", "debug"]));
        program.until_logged("scanner is ready").await;
        program
    }
}

/// A program that runs. Dropped, it is killed.
pub(crate) struct Program {
    pub(crate) child: Child,
    out: PathBuf,
    err: PathBuf,
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Program {
    pub(crate) fn said(&self) -> String {
        text(&self.out)
    }

    pub(crate) fn logged(&self) -> String {
        text(&self.err)
    }

    pub(crate) async fn until_said(&self, words: &str) {
        until_in(&self.out, words).await;
    }

    pub(crate) async fn until_logged(&self, words: &str) {
        until_in(&self.err, words).await;
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// The power goes.
    pub(crate) fn die(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> Ended {
        let status = self.exit().await;
        Ended { code: status.code(), out: self.said(), err: self.logged() }
    }

    /// Stops it in order.
    pub(crate) async fn stop(self) -> Ended {
        self.signal(Signal::SIGTERM);
        self.ended().await
    }

    async fn exit(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "it never ended: {}{}", self.said(), self.logged());
            sleep(LOOK_EVERY).await;
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already; what is left of it is of no interest then.
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn text(path: &Path) -> String {
    String::from_utf8(fs::read(path).unwrap()).unwrap()
}

async fn until_in(path: &Path, words: &str) {
    let end = Instant::now() + PATIENCE;
    while !text(path).contains(words) {
        assert!(Instant::now() < end, "never said {words:?}: {}", text(path));
        sleep(LOOK_EVERY).await;
    }
}

/// Asks the page that the agent's log names, under this host name, and gives back the whole answer.
pub(crate) async fn visit(agent: &Program, path: &str, host: Option<&str>) -> String {
    agent.until_logged("page=").await;
    let log = agent.logged();
    visit_at(log.split("page=").nth(1).unwrap().split_whitespace().next().unwrap(), path, host).await
}

/// Asks the page at this address, under this host name, and gives back the whole answer.
pub(crate) async fn visit_at(address: &str, path: &str, host: Option<&str>) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let host = host.unwrap_or(address);
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// `accepted` counts every frame once, and what was booked stands somewhere.
pub(crate) fn assert_balance(status: &Value) {
    let scans = |name: &str| status["scans"][name].as_u64().unwrap();
    let parts = ["booked", "unknown", "refused", "control", "lookup"].map(scans);
    assert_eq!(scans("accepted"), parts.iter().sum::<u64>(), "{status}");
    let units =
        |name: &str| -> rust_decimal::Decimal { status["units"][name].as_str().unwrap().parse().unwrap() };
    let stand = ["open", "queued", "in_flight", "posted", "refused", "cancelled"].map(units);
    assert_eq!(units("booked") - units("undone"), stand.into_iter().sum(), "{status}");
}
