//! The station in the guest: its configuration, and what it tells.

use std::io::Read as _;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::machine::Machine;
use crate::machine::Source;
use crate::machine::cache;
use crate::machine::now_s;

/// The gap of scanners on the emulated bus: the emulator may pause for longer than a scanner does.
const GAP: Duration = Duration::from_secs(2);

/// A serial scanner on the emulated bus, and the answers it is sent.
pub(crate) const DOCK: &str = r#"
[[scanner]]
name = "dock"
kind = "serial"
path = "/dev/ttyUSB0"
gap_ms = 2000
burst_guard_ms = 0
signals_hex = { booked = "06", unknown = "14", refused = "15", control = "11" }
"#;
pub(crate) const BOOKED: u8 = 0x06;
pub(crate) const CONTROL: u8 = 0x11;

/// The configuration with these scanners. The proxy in the guest leads to the service.
pub(crate) fn config(data_dir: &str, scanners: &str) -> String {
    format!(
        r#"
[station]
name = "pi"
location_id = 4564
storage_id = 91271
data_dir = "{data_dir}"
document_idle_close_s = 5
repeat_guard_ms = 0

[api]
base_url = "http://127.0.0.1:8081/api/v1"
reconcile_after_ms = 2000

{scanners}
"#
    )
}

/// The package, and what a person writes after it is installed.
pub(crate) fn package(scanners: &str) -> Vec<(&'static str, Source)> {
    vec![
        ("payload/root/stockpoint.deb", Source::File(cache().join("stockpoint.deb"))),
        ("payload/root/config.toml", Source::Text(config("/var/lib/stockpoint", scanners))),
    ]
}

/// Installs the package as the guide says, and sets the station up by hand.
pub(crate) fn install(machine: &Machine) {
    let said = machine.run(
        "
        set -e
        dpkg -i /root/stockpoint.deb
        cd /etc/stockpoint
        cp /root/config.toml .
        umask 077
        printf sandbox-partner-token >partner-token
        printf sandbox-user-token >user-token
        systemctl --quiet enable --now stockpoint
        echo installed",
    );
    assert!(said.contains("installed"), "{said}");
}

/// What `stockpoint status --json` says in the guest; nothing before it says anything.
pub(crate) fn status(machine: &Machine) -> Option<Value> {
    serde_json::from_str(&machine.run("stockpoint status --json 2>/dev/null")).ok()
}

/// Waits for a status that is as it should be.
pub(crate) fn until(machine: &Machine, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    machine.wait(what, || status(machine).filter(|status| holds(status)))
}

/// Sets the clock as a time server would, and waits until the station accepts scans of these scanners.
pub(crate) fn ready(machine: &Machine, scanners: &[&str]) {
    machine.run(&format!("date -s @{}", now_s()));
    until(machine, "the station to be ready", |status| {
        let is_plugged = scanners.iter().all(|name| scanner(status, name) != "gone");
        status["running"] == true && is_plugged && figure(status, "/goods/count") > 0
    });
    settle();
}

/// Waits until keys count: what comes within the gap after a keyboard was opened may be the tail of a code.
pub(crate) fn settle() {
    thread::sleep(GAP + Duration::from_secs(1));
}

/// A figure of the status, by its path: `/scans/booked`. Quantities are text there.
pub(crate) fn figure(status: &Value, path: &str) -> u64 {
    let value = status.pointer(path).unwrap();
    value.as_u64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

/// The state of a scanner.
pub(crate) fn scanner(status: &Value, name: &str) -> String {
    let scanners = status["scanners"].as_array().unwrap();
    scanners.iter().find(|scanner| scanner["name"] == name).unwrap()["state"].as_str().unwrap().to_owned()
}

/// Scans on the serial line, and waits for the answer that it is booked.
pub(crate) fn send(line: &mut UnixStream, code: &str) {
    let mut answer = [0];
    line.write_all(format!("{code}\r").as_bytes()).unwrap();
    line.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [BOOKED], "{code}");
}
