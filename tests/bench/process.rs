//! The program as it is installed: how soon it is ready, how much memory it holds, how large it is.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use stockpoint::config::Config;
use stockpoint::store::{Db, GOODS_FILE};
use tokio::time::{Instant, sleep};

use crate::Extent;
use crate::station::{Folder, Station, config_text, copy, in_memory, nobody, on_disk, runtime};
use crate::table::{Aim, Amount, Table, percentile};

/// Names the program that is measured; else it is the one that was built with this.
const PROGRAM: &str = "STOCKPOINT_BENCH_PROGRAM";

/// After this the program has done what a start brings with it.
const REST: Duration = Duration::from_secs(3);

pub(crate) fn measure(folder: &Folder, extent: &Extent, table: &mut Table) {
    let dir = on_disk();
    wait_for_service(folder, dir.path(), extent.waiting);
    let mut times = Vec::new();
    for _ in 0..extent.starts {
        times.push(Running::start(dir.path()).1);
    }
    table.add(
        format!("start to ready with {} goods and {} scans undelivered", extent.goods, extent.waiting),
        percentile(&mut times, 50),
        Aim::Limit(Amount::of(Duration::from_millis(150))),
    );
    let idle = on_disk();
    fs::copy(folder.path().join(GOODS_FILE), idle.path().join(GOODS_FILE)).unwrap();
    let (resident, proportional) = at_rest(idle.path());
    let at_most = Aim::Limit(Amount::Bytes(10_000_000));
    let what = format!("resident memory at rest with {} goods", extent.goods);
    table.compare(what, resident, ("less what other programs share", proportional), at_most);
    let size = Amount::Bytes(fs::metadata(program()).unwrap().len());
    table.add("size of the program", size, Aim::Limit(Amount::Bytes(8_000_000)));
}

#[expect(clippy::disallowed_methods, reason = "whoever runs this says which program stations run")]
fn program() -> PathBuf {
    std::env::var(PROGRAM).unwrap_or_else(|_| env!("CARGO_BIN_EXE_stockpoint").to_owned()).into()
}

/// Fills a folder with scans that the service has not got. They are made in memory: how fast is not the
/// question here.
fn wait_for_service(folder: &Folder, dir: &Path, scans: usize) {
    let made = in_memory();
    copy(folder.path(), made.path());
    let config = Config::parse(&config_text(made.path(), nobody()), "bench.toml").unwrap();
    runtime().block_on(async {
        let mut station = Station::start(config);
        for turn in 0..scans {
            station.scan(folder.code(turn)).await;
            station.handle.store().run(Db::do_housekeeping).await.unwrap().unwrap();
        }
        station.stop().await;
    });
    copy(made.path(), dir);
}

/// The program at work; it ends with this.
struct Running(Child);

impl Running {
    /// Starts the program and waits until it says that it is ready; how long that took.
    fn start(dir: &Path) -> (Self, Duration) {
        let config = dir.join("config.toml");
        fs::write(&config, config_text(dir, nobody())).unwrap();
        let begun = Instant::now();
        let child = Command::new(program())
            .args(["run", "--config"])
            .arg(&config)
            .env("STOCKPOINT_PARTNER_TOKEN", "sandbox-partner-token")
            .env("STOCKPOINT_USER_TOKEN", "sandbox-user-token")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut running = Self(child.unwrap());
        let log = BufReader::new(running.0.stderr.as_mut().unwrap());
        let mut lines = log.lines().map(Result::unwrap);
        let told = lines.find(|line| line.contains(" ready"));
        let took = begun.elapsed();
        assert!(told.is_some(), "the program ended before it was ready");
        (running, took)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Resident memory, and that share of it that no other program has a part in (`proc_pid_smaps(5)`: Rss, Pss).
fn at_rest(dir: &Path) -> (Amount, Amount) {
    let (running, _) = Running::start(dir);
    runtime().block_on(async { sleep(REST).await });
    let account = fs::read_to_string(format!("/proc/{}/smaps_rollup", running.0.id())).unwrap();
    let of = |name: &str| {
        let line = account.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        Amount::Bytes(kib * 1024)
    };
    (of("Rss:"), of("Pss:"))
}
