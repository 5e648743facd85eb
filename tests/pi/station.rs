//! The station in the guest: its configuration, and what it tells.

use serde_json::Value;

use crate::machine::Machine;
use crate::machine::Source;
use crate::machine::cache;

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

/// The program, the unit, the configuration and the tokens, where the README puts them.
pub(crate) fn installed(scanners: &str) -> Vec<(&'static str, Source)> {
    let text = |text: &str| Source::Text(text.to_owned());
    vec![
        ("payload/usr/bin/stockpoint", Source::File(cache().join("stockpoint"))),
        ("payload/usr/bin/typist", Source::File(cache().join("typist"))),
        ("payload/etc/systemd/system/stockpoint.service", Source::File("systemd/stockpoint.service".into())),
        ("payload/usr/lib/sysusers.d/stockpoint.conf", Source::File("systemd/stockpoint.sysusers".into())),
        ("payload/etc/udev/rules.d/99-stockpoint.rules", Source::File("systemd/99-stockpoint.rules".into())),
        ("payload/etc/stockpoint/config.toml", Source::Text(config("/var/lib/stockpoint", scanners))),
        ("payload/etc/stockpoint/partner-token", text("sandbox-partner-token")),
        ("payload/etc/stockpoint/user-token", text("sandbox-user-token")),
    ]
}

/// What `stockpoint status --json` says in the guest; nothing before it says anything.
pub(crate) fn status(machine: &Machine) -> Option<Value> {
    serde_json::from_str(&machine.run("stockpoint status --json 2>/dev/null")).ok()
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
