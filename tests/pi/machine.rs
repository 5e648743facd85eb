//! The emulated Raspberry Pi 3: made, booted, commanded, typed on, and cut off from its power.

use std::fs;
use std::fs::File;
use std::io;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::net::Shutdown;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use serde_json::Value;
use serde_json::json;

use crate::disk::Disk;

/// How long anything in the guest may take.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);

/// How long a job may take.
const JOB_MAX: Duration = Duration::from_hours(5);

/// Between two looks at what is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The emulated keyboard, as the agent's configuration names it.
pub(crate) const KEYBOARD: &str = "{ vendor = 0x0627, product = 0x0001 }";

/// Where the root file system is.
#[derive(Debug, Clone)]
pub(crate) enum Root {
    /// There is none but the first one: the small guest.
    Small,
    /// Debian on this memory card, which keeps what is written there.
    Card(PathBuf),
    /// Debian on the disk.
    Data,
}

/// What the board is given.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) root: Root,
    /// `/dev/sda`.
    pub(crate) data: Option<Disk>,
    /// Files for the guest: where they go, and from where.
    pub(crate) files: Vec<(&'static str, Source)>,
    /// Serial scanners on USB.
    pub(crate) serial: usize,
    /// The port of the simulated service here.
    pub(crate) service: u16,
    /// More for the kernel's command line, where the guest's scripts read it.
    pub(crate) options: String,
}

/// What is in a file for the guest.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    File(PathBuf),
    Text(String),
}

/// A running board. Dropping it cuts its power.
#[derive(Debug)]
pub(crate) struct Machine {
    _running: Running,
    folder: tempfile::TempDir,
    monitor: BufReader<UnixStream>,
    shell: u16,
}

impl Machine {
    /// Switches the board on; it boots meanwhile.
    pub(crate) fn start(setup: &Setup) -> Self {
        let (folder, cache) = (tempfile::tempdir().unwrap(), cache());
        let at = |name: &str| folder.path().join(name).display().to_string();
        let kept = |name: &str| cache.join(name).display().to_string();
        first_files(&cache, folder.path(), &setup.files);
        let root = match &setup.root {
            Root::Small => "",
            Root::Card(_) => "root=/dev/mmcblk0",
            Root::Data => "root=/dev/sda",
        };
        let now = now_s();
        let line = format!(
            "console=ttyS1 loglevel=3 panic=-1 maxcpus=2 {root} systemd.setenv=SERVICE_PORT={} clock={now} {}",
            setup.service, setup.options
        );
        let mut command = Command::new("qemu-system-aarch64");
        // Cores that wait cost the host as much as cores that work: two of the four are enough. The kernel is told, or
        // it waits ten seconds for the others.
        command.args(["-M", "raspi3b", "-global", "bcm2837.enabled-cpus=2", "-m", "1G", "-display", "none"]);
        command.args(["-no-reboot", "-kernel", &kept("vmlinuz"), "-dtb", &kept("pi3.dtb")]);
        command.args(["-initrd", &at("first.cpio"), "-append", &line]);
        command.args(["-serial", "null", "-serial", &format!("file:{}", at("console"))]);
        command.args(["-qmp", &format!("unix:{},server=on,wait=off", at("monitor"))]);
        command.args(["-usb", "-device", "usb-hub,id=hub,port=1"]);
        command.args(["-netdev", "user,id=net,hostfwd=tcp:127.0.0.1:0-:2323"]);
        command.args(["-device", "usb-net,netdev=net,port=1.1", "-device", "usb-kbd,id=keyboard,port=1.2"]);
        for number in 0..setup.serial {
            let (name, port) = (format!("scanner{number}"), number + 5);
            command.args(["-chardev", &format!("socket,id={name},path={},server=on,wait=off", at(&name))]);
            command.args([
                "-device",
                &format!("usb-serial,id={name},chardev={name},always-plugged=on,port=1.{port}"),
            ]);
        }
        if let Root::Card(card) = &setup.root {
            command.args(["-drive", &format!("if=sd,format=raw,file={}", card.display())]);
        }
        if let Some(disk) = &setup.data {
            let address = disk.address();
            command.args(["-drive", &format!("if=none,id=disk,format=raw,cache=none,file={address}")]);
            command.args(["-device", "usb-storage,drive=disk,port=1.3"]);
        }
        let said = File::create(at("said")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
        let running = Running(command.spawn().unwrap());
        let monitor = within(PATIENCE, || UnixStream::connect(at("monitor")).ok()).unwrap();
        let mut machine = Self { _running: running, folder, monitor: BufReader::new(monitor), shell: 0 };
        machine.hear();
        machine.tell("qmp_capabilities", &json!({}));
        machine.shell = machine.forwarded();
        machine
    }

    /// Switches the board on and waits until its shell answers; how long that took.
    pub(crate) fn boot(setup: &Setup) -> (Self, Duration) {
        let (machine, begun) = (Self::start(setup), Instant::now());
        machine.wait("the shell", || machine.run("echo up").contains("up").then_some(()));
        (machine, begun.elapsed())
    }

    /// Runs a script in the guest, as root; what it printed.
    pub(crate) fn run(&self, script: &str) -> String {
        let bytes = self.bytes_of(script);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The same for what is no text.
    pub(crate) fn bytes_of(&self, script: &str) -> Vec<u8> {
        let mut said = Vec::new();
        let mut talk = || -> io::Result<()> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.shell))?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(script.as_bytes())?;
            stream.write_all(b"\n")?;
            stream.shutdown(Shutdown::Write)?;
            stream.read_to_end(&mut said).map(|_| ())
        };
        // A guest that is not so far refuses, and has then said nothing.
        let _refused = talk();
        said
    }

    /// Waits until there is an answer.
    pub(crate) fn wait<T>(&self, what: &str, look: impl FnMut() -> Option<T>) -> T {
        let console = || fs::read_to_string(self.folder.path().join("console")).unwrap_or_default();
        within(PATIENCE, look)
            .unwrap_or_else(|| panic!("waited for {what}; the console says:\n{}", console()))
    }

    /// The line to a serial scanner: what is written there is scanned, and what the agent answers is read there.
    pub(crate) fn serial(&self, number: usize) -> UnixStream {
        let stream = UnixStream::connect(self.folder.path().join(format!("scanner{number}"))).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Types digits on the keyboard and, if it is to be finished, Enter.
    pub(crate) fn type_code(&mut self, code: &str, is_finished: bool) {
        for key in code.chars().map(String::from).chain(is_finished.then(|| "ret".to_owned())) {
            let keys = json!([{ "type": "qcode", "data": key }]);
            self.tell("send-key", &json!({ "keys": keys, "hold-time": 5 }));
            thread::sleep(Duration::from_millis(40));
        }
    }

    /// Pulls the keyboard out.
    pub(crate) fn unplug_keyboard(&mut self) {
        self.tell("device_del", &json!({ "id": "keyboard" }));
    }

    /// Plugs it in again where it was.
    pub(crate) fn plug_keyboard(&mut self) {
        self.tell("device_add", &json!({ "driver": "usb-kbd", "id": "keyboard", "port": "1.2" }));
    }

    /// The port here that leads to the guest's shell.
    fn forwarded(&mut self) -> u16 {
        let said = self.tell("human-monitor-command", &json!({ "command-line": "info usernet" }));
        let line = said.as_str().unwrap().lines().find(|line| line.contains("HOST_FORWARD")).unwrap();
        line.split_whitespace().nth(3).unwrap().parse().unwrap()
    }

    fn tell(&mut self, command: &str, arguments: &Value) -> Value {
        let line = json!({ "execute": command, "arguments": arguments });
        writeln!(self.monitor.get_mut(), "{line}").unwrap();
        loop {
            let heard = self.hear();
            assert!(heard.get("error").is_none(), "{command}: {heard}");
            if let Some(answer) = heard.get("return") {
                return answer.clone();
            }
        }
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        let heard = self.monitor.read_line(&mut line);
        let said = || fs::read_to_string(self.folder.path().join("said")).unwrap_or_default();
        assert!(heard.is_ok_and(|bytes| bytes > 0), "the emulator ended: {}", said());
        serde_json::from_str(&line).unwrap()
    }
}

/// Has a board without anything on USB do a job, with the image of a card if it wants one, in virtual time: an instruction
/// takes two nanoseconds, and what the guest waits for comes at once. However busy this machine is, the guest does not see
/// it. What the job said.
pub(crate) fn job(files: &[(&'static str, Source)], card: Option<&Path>) -> String {
    let (folder, cache) = (tempfile::tempdir().unwrap(), cache());
    let at = |name: &str| folder.path().join(name).display().to_string();
    let kept = |name: &str| cache.join(name).display().to_string();
    first_files(&cache, folder.path(), files);
    let mut command = Command::new("qemu-system-aarch64");
    command.args([
        "-icount",
        "shift=1,sleep=off",
        "-M",
        "raspi3b",
        "-global",
        "bcm2837.enabled-cpus=2",
        "-m",
        "1G",
    ]);
    command.args(["-display", "none", "-kernel", &kept("vmlinuz"), "-dtb", &kept("pi3.dtb")]);
    command.args(["-initrd", &at("first.cpio"), "-append", "console=ttyS1 loglevel=3 maxcpus=2"]);
    command.args(["-serial", "null", "-serial", &format!("file:{}", at("console"))]);
    if let Some(card) = card {
        command.args(["-drive", &format!("if=sd,format=raw,file={}", card.display())]);
    }
    let child = command.stdin(Stdio::null()).spawn().unwrap();
    let mut running = Running(child);
    let said = || {
        let said = fs::read_to_string(folder.path().join("console")).unwrap_or_default();
        let is_over = said.contains("the job is done") || running.0.try_wait().unwrap().is_some();
        is_over.then_some(said)
    };
    within(JOB_MAX, said).expect("the job to be done")
}

/// An emulator; dropping it cuts its power.
#[derive(Debug)]
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _dead = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// Where `tests/pi/build` puts what it makes.
#[expect(clippy::disallowed_methods, reason = "whoever runs this says where it is")]
pub(crate) fn cache() -> PathBuf {
    std::env::var("STOCKPOINT_PI_CACHE").unwrap_or_else(|_| "target/pi".to_owned()).into()
}

/// The first file system: the one that is made once, then the files of this board over it. The kernel unpacks one after
/// the other.
fn first_files(cache: &Path, folder: &Path, files: &[(&str, Source)]) {
    let tree = folder.join("tree");
    for (path, source) in files {
        let to = tree.join(path);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        match source {
            Source::File(from) => drop(fs::copy(from, &to).unwrap()),
            Source::Text(text) => fs::write(&to, text).unwrap(),
        }
    }
    fs::create_dir_all(&tree).unwrap();
    let first = folder.join("first.cpio");
    fs::copy(cache.join("base.cpio"), &first).unwrap();
    let pack = "find . | cpio -o -H newc --quiet >>../first.cpio";
    assert!(Command::new("sh").args(["-c", pack]).current_dir(&tree).status().unwrap().success());
}

/// Seconds since 1970.
pub(crate) fn now_s() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// Waits so long for something.
fn within<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        let found = look();
        if found.is_some() || begun.elapsed() > limit {
            return found;
        }
        thread::sleep(LOOK_EVERY);
    }
}
