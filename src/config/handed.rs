//! The allow-list of keys that a configuration from a set-up code or a card may set.
//!
//! The person who prints a code or writes a card is not the administrator of the machine that reads it. The accepted
//! keys decide what the station books and how it scans. They name no file, no program and no device except that of a
//! scanner: the installer decides where files go.

use toml::de::DeValue;

use crate::config::fault::Problem;

/// The origin of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Provenance {
    /// The administrator of this machine; every key is accepted.
    Administrator,
    /// A person who printed a code or wrote a card. Only the keys in [`TAKEN`] and, under their conditions, in
    /// [`TAKEN_IF`] are accepted.
    Handed,
}

/// The problem that is reported for a key that is not accepted.
const NOT_TAKEN: Problem = Problem::Unfit {
    what: "is not accepted from a set-up code or a card",
    cure: "remove it; set it in the station's own configuration afterwards",
};

/// The sections and the keys in them that are accepted with any value.
pub(super) const TAKEN: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "setup",
            "station",
            "api",
            "goods",
            "kits",
            "web",
            "feedback",
            "storage",
            "scanner",
            "variable_measure",
            "pack",
        ],
    ),
    ("setup", &["partner_token", "user_token", "force"]),
    (
        "station",
        &[
            "name",
            "location_id",
            "storage_id",
            "mode",
            "document_idle_close_s",
            "document_lines_max",
            "repeat_guard_ms",
            "qty_expires_s",
            "mode_reverts_after_s",
            "master_id",
            "time_zone",
            "gs1_counts",
            "trust_clock",
            "history_days",
            "alarm_after_s",
            "back_date",
            "expired",
            "serials",
        ],
    ),
    (
        "api",
        &[
            "base_url",
            "proxy",
            "requests_per_minute_max",
            "requests_per_second_max",
            "request_timeout_ms",
            "reconcile_after_ms",
            "late_check_after_ms",
            "strategy",
            "lines_key",
            "write_off_document_type",
        ],
    ),
    ("goods", &["sync_every_s", "full_sync_every_s"]),
    ("kits", &["scan"]),
    (
        "feedback",
        &["person_repeat_s", "gpio_buzzer", "gpio_green", "gpio_yellow", "gpio_red", "gpio_active_low"],
    ),
    ("storage", &["id", "name"]),
    (
        "scanner",
        &[
            "name",
            "kind",
            "match",
            "gap_ms",
            "encoding",
            "terminator",
            "burst_guard_ms",
            "mode",
            "storage_id",
            "baud",
            "data_bits",
            "parity",
            "stop_bits",
            "flow_control",
            "protocol",
            "signals_hex",
            "layout",
            "rule",
        ],
    ),
    ("scanner.match", &["vendor", "product", "port", "serial"]),
    ("scanner.signals_hex", &["booked", "unknown", "refused", "control", "posted", "person"]),
    (
        "scanner.rule",
        &[
            "strip_prefix",
            "strip_suffix",
            "drop_first",
            "drop_last",
            "keep_first",
            "keep_last",
            "if_prefix",
            "if_suffix",
            "if_length",
            "if_symbology",
            "replace",
            "with",
        ],
    ),
    ("variable_measure", &["pattern", "measure", "decimals", "item"]),
    ("pack", &["code", "good_id", "barcode", "factor"]),
];

/// A check whether a text is acceptable as the value of a key.
type Condition = fn(&str) -> bool;

/// The keys that are accepted if their value names no file except a scanner's device.
pub(super) const TAKEN_IF: &[(&str, &str, Condition)] = &[
    ("scanner", "path", is_device),
    ("web", "listen", |listen| !listen.starts_with("unix:")),
    ("feedback", "sound", is_sound_card),
];

/// The keys that are never accepted: they name files that are read or written, or a program that is run. A key in none
/// of the three lists is not accepted either; a test requires every key to be in one.
#[cfg(test)]
pub(super) const NEVER_TAKEN: &[(&str, &[&str])] = &[
    ("", &["packs_file"]),
    ("station", &["data_dir", "sheet_secret_file"]),
    ("api", &["ca_file", "partner_token_file", "user_token_file"]),
    ("web", &["token_file"]),
    ("feedback", &["gpio_chip", "keyboard_led", "command"]),
];

/// ALSA's names of sound cards and of plug-ins that play through one. Other names, such as `file` and `tee`, write
/// files.
const SOUND_CARDS: [&str; 6] = ["", "default", "sysdefault", "hw", "plughw", "dmix"];

/// Returns the problem with `value` at a key that somebody other than the administrator has set.
///
/// `path` is the path of the section with the numbers of its tables: `scanner[0].match`.
pub(super) fn refusal(path: &str, key: &str, value: &DeValue<'_>) -> Option<Problem> {
    let section = without_numbers(path);
    let is_taken = TAKEN.iter().any(|(taken, keys)| *taken == section && keys.contains(&key));
    let fits = |is_fit: Condition| value.as_str().is_some_and(is_fit);
    let is_taken_if =
        || TAKEN_IF.iter().any(|(taken, name, is)| (*taken, *name) == (&*section, key) && fits(*is));
    if is_taken || is_taken_if() { None } else { Some(NOT_TAKEN) }
}

/// Returns the path without numbers: `scanner.rule` for `scanner[0].rule[1]`.
pub(super) fn without_numbers(path: &str) -> String {
    let mut is_number = false;
    path.chars()
        .filter(|c| {
            is_number |= *c == '[';
            let is_kept = !is_number;
            is_number &= *c != ']';
            is_kept
        })
        .collect()
}

/// Returns true for a path below `/dev` that does not lead out of it.
fn is_device(path: &str) -> bool {
    // Checked as text: the device may not be plugged in yet, so no link can be followed here.
    path.strip_prefix("/dev/")
        .is_some_and(|rest| rest.split('/').all(|part| !matches!(part, "" | "." | "..")))
}

/// Returns true for the name of a sound card, with the card and the device after a colon.
fn is_sound_card(name: &str) -> bool {
    let (kind, arguments) = name.split_once(':').unwrap_or((name, ""));
    // ALSA takes arguments with braces and quotes as configuration text, which could name files.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "=,_-".contains(c);
    SOUND_CARDS.contains(&kind) && arguments.chars().all(is_plain)
}
