//! Writes the configuration in force as a file that parses to the same configuration.

use std::fmt;
use std::time::Duration;

use crate::config::Api;
use crate::config::Config;
use crate::config::Feedback;
use crate::config::GoodsSync;
use crate::config::Line;
use crate::config::Listen;
use crate::config::Place;
use crate::config::Protocol;
use crate::config::Scanner;
use crate::config::Serial;
use crate::config::Signals;
use crate::config::Source;
use crate::config::Station;
use crate::config::Storage;
use crate::config::UsbMatch;
use crate::config::Web;
use crate::config::rules::ITEMS;
use crate::config::rules::MEASURES;
use crate::config::scanner::FLOW_CONTROLS;
use crate::config::scanner::PARITIES;
use crate::config::secrets;
use crate::config::secrets::Environment;
use crate::config::secrets::SecretPlaces;
use crate::config::sections::BACK_DATES;
use crate::config::sections::LABEL_CHECKS;
use crate::config::sections::LINES_KEYS;
use crate::config::sections::STRATEGIES;
use crate::domain::code::pack::Content;
use crate::domain::code::pack::Pack;
use crate::domain::code::rule::Length;
use crate::domain::code::rule::Rule;
use crate::domain::code::symbology::SYMBOLOGIES;
use crate::domain::code::variable::Pattern;
use crate::domain::decode::encoding::ENCODINGS;
use crate::domain::decode::encoding::Encoding;
use crate::domain::stock::kit::KitScan;

const SECONDS_A_DAY: u64 = 86_400;

/// Returns the whole file, with a comment for each token.
pub(super) fn show(config: &Config, environment: &Environment) -> String {
    InForce { config, secrets: secrets::secret_places(config, environment) }.to_string()
}

struct InForce<'a> {
    config: &'a Config,
    secrets: SecretPlaces,
}

impl fmt::Display for InForce<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config {
            station,
            api,
            goods,
            kits,
            web,
            feedback,
            named_storages,
            scanners,
            variable_measures,
            packs,
            packs_file,
        } = self.config;
        if let Some(file) = packs_file {
            writeln!(f, "packs_file = {}\n", Quoted(&file.to_string_lossy()))?;
        }
        show_station(f, station, self.secrets.sheet.as_deref())?;
        show_api(f, api, &self.secrets.service)?;
        show_goods(f, goods)?;
        show_kits(f, kits)?;
        show_web(f, web, self.secrets.page.as_deref())?;
        show_feedback(f, feedback)?;
        named_storages.iter().try_for_each(|storage| show_storage(f, storage))?;
        scanners.iter().try_for_each(|scanner| show_scanner(f, scanner))?;
        variable_measures.iter().try_for_each(|pattern| show_variable_measure(f, pattern))?;
        // The packs of `packs_file` are in that file and not shown.
        packs.iter().filter(|pack| pack.place.starts_with("pack[")).try_for_each(|pack| show_pack(f, pack))
    }
}

fn show_station(f: &mut fmt::Formatter<'_>, station: &Station, secret: Option<&str>) -> fmt::Result {
    // Zero turns the closing off, in the file as here.
    let idle = station.document_idle_close.unwrap_or_default();
    writeln!(f, "[station]")?;
    writeln!(f, "name = {}", Quoted(&station.name))?;
    writeln!(f, "location_id = {}", station.location_id)?;
    writeln!(f, "storage_id = {}", station.storage_id)?;
    writeln!(f, "mode = {}", Quoted(station.mode.as_str()))?;
    writeln!(f, "data_dir = {}", Quoted(&station.data_dir.to_string_lossy()))?;
    writeln!(f, "document_idle_close_s = {}", idle.as_secs())?;
    writeln!(f, "document_lines_max = {}", station.document_lines_max)?;
    writeln!(f, "repeat_guard_ms = {}", station.repeat_guard.as_millis())?;
    writeln!(f, "qty_expires_s = {}", station.qty_expires.unwrap_or_default().as_secs())?;
    writeln!(f, "mode_reverts_after_s = {}", station.mode_reverts_after.unwrap_or_default().as_secs())?;
    if let Some(master_id) = station.master_id {
        writeln!(f, "master_id = {master_id}")?;
    }
    if let Some(zone) = station.time_zone.as_ref().and_then(|zone| zone.iana_name()) {
        writeln!(f, "time_zone = {}", Quoted(zone))?;
    }
    writeln!(f, "gs1_counts = {}", station.gs1_counts)?;
    writeln!(f, "trust_clock = {}", station.trust_clock)?;
    writeln!(f, "history_days = {}", days(station.history))?;
    writeln!(f, "alarm_after_s = {}", station.alarm_after.unwrap_or_default().as_secs())?;
    writeln!(f, "back_date = {}", Quoted(word_of(&BACK_DATES, station.back_date)))?;
    writeln!(f, "expired = {}", Quoted(word_of(&LABEL_CHECKS, station.expired)))?;
    writeln!(f, "serials = {}", Quoted(word_of(&LABEL_CHECKS, station.serials)))?;
    if let Some(secret) = secret {
        writeln!(f, "# {secret}")?;
    }
    if let Some(file) = &station.sheet_secret_file {
        writeln!(f, "sheet_secret_file = {}", Quoted(&file.to_string_lossy()))?;
    }
    Ok(())
}

fn show_api(f: &mut fmt::Formatter<'_>, api: &Api, tokens: &[String]) -> fmt::Result {
    writeln!(f, "\n[api]")?;
    writeln!(f, "base_url = {}", Quoted(&api.base_url))?;
    if let Some(file) = &api.ca_file {
        writeln!(f, "ca_file = {}", Quoted(&file.to_string_lossy()))?;
    }
    if let Some(proxy) = &api.proxy {
        writeln!(f, "proxy = {}", Quoted(proxy))?;
    }
    for token in tokens {
        writeln!(f, "# {token}")?;
    }
    writeln!(f, "partner_token_file = {}", Quoted(&api.partner_token_file.to_string_lossy()))?;
    writeln!(f, "user_token_file = {}", Quoted(&api.user_token_file.to_string_lossy()))?;
    writeln!(f, "requests_per_minute_max = {}", api.requests_per_minute_max)?;
    writeln!(f, "requests_per_second_max = {}", api.requests_per_second_max)?;
    writeln!(f, "request_timeout_ms = {}", api.request_timeout.as_millis())?;
    writeln!(f, "reconcile_after_ms = {}", api.reconcile_after.as_millis())?;
    writeln!(f, "late_check_after_ms = {}", api.late_check_after.as_millis())?;
    writeln!(f, "strategy = {}", Quoted(word_of(&STRATEGIES, api.strategy)))?;
    writeln!(f, "lines_key = {}", Quoted(word_of(&LINES_KEYS, api.lines_key)))?;
    writeln!(f, "write_off_document_type = {}", api.write_off_document_type)
}

fn show_goods(f: &mut fmt::Formatter<'_>, goods: &GoodsSync) -> fmt::Result {
    writeln!(f, "\n[goods]")?;
    writeln!(f, "sync_every_s = {}", goods.sync_every.as_secs())?;
    writeln!(f, "full_sync_every_s = {}", goods.full_sync_every.as_secs())
}

fn show_kits(f: &mut fmt::Formatter<'_>, kits: &KitScan) -> fmt::Result {
    let scan = match kits {
        KitScan::None => Quoted("none").to_string(),
        KitScan::All => Quoted("all").to_string(),
        KitScan::Only(cards) => {
            format!("[{}]", cards.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
    };
    writeln!(f, "\n[kits]\nscan = {scan}")
}

fn show_web(f: &mut fmt::Formatter<'_>, web: &Web, token: Option<&str>) -> fmt::Result {
    let listen = web.listen.as_ref().map(Listen::to_string).unwrap_or_default();
    writeln!(f, "\n[web]\nlisten = {}", Quoted(&listen))?;
    if let Some(token) = token {
        writeln!(f, "# {token}")?;
    }
    if let Some(file) = &web.token_file {
        writeln!(f, "token_file = {}", Quoted(&file.to_string_lossy()))?;
    }
    Ok(())
}

fn show_storage(f: &mut fmt::Formatter<'_>, storage: &Storage) -> fmt::Result {
    writeln!(f, "\n[[storage]]\nid = {}", storage.id)?;
    storage.name.as_ref().map_or(Ok(()), |name| writeln!(f, "name = {}", Quoted(name)))
}

fn show_feedback(f: &mut fmt::Formatter<'_>, feedback: &Feedback) -> fmt::Result {
    let Feedback { person_repeat, gpio, keyboard_led, sound, command } = feedback;
    writeln!(f, "\n[feedback]\nperson_repeat_s = {}", person_repeat.unwrap_or_default().as_secs())?;
    if let Some(gpio) = gpio {
        writeln!(f, "gpio_chip = {}", Quoted(&gpio.chip.to_string_lossy()))?;
        let lines =
            [("buzzer", gpio.buzzer), ("green", gpio.green), ("yellow", gpio.yellow), ("red", gpio.red)];
        for (name, line) in lines {
            line.map_or(Ok(()), |line| writeln!(f, "gpio_{name} = {line}"))?;
        }
        writeln!(f, "gpio_active_low = {}", gpio.active_low)?;
    }
    if let Some(path) = keyboard_led {
        writeln!(f, "keyboard_led = {}", Quoted(&path.to_string_lossy()))?;
    }
    writeln!(f, "sound = {}", Quoted(sound.as_deref().unwrap_or_default()))?;
    let words: Vec<String> = command.iter().map(|word| Quoted(word).to_string()).collect();
    writeln!(f, "command = [{}]", words.join(", "))
}

fn show_scanner(f: &mut fmt::Formatter<'_>, scanner: &Scanner) -> fmt::Result {
    writeln!(f, "\n[[scanner]]")?;
    writeln!(f, "name = {}", Quoted(scanner.name.as_str()))?;
    writeln!(f, "kind = {}", Quoted(scanner.source.kind()))?;
    match &scanner.source {
        Source::Serial { place, serial } => {
            show_place(f, place)?;
            show_serial(f, serial)?;
        }
        Source::Evdev { place, layout } => {
            show_place(f, place)?;
            writeln!(f, "layout = {}", Quoted(layout.as_str()))?;
        }
        Source::HidPos { place, signals } => {
            show_place(f, place)?;
            show_signals(f, signals)?;
        }
        Source::Stdin => (),
    }
    writeln!(f, "gap_ms = {}", scanner.gap.as_millis())?;
    // A keyboard has no encoding, and its key would be refused there; UTF-8 is the default of the others.
    if scanner.encoding != Encoding::Utf8 {
        writeln!(f, "encoding = {}", Quoted(word_of(&ENCODINGS, scanner.encoding)))?;
    }
    writeln!(f, "terminator = \"{}\"", scanner.terminator.as_str())?;
    writeln!(f, "burst_guard_ms = {}", scanner.burst_guard.as_millis())?;
    if let Some(mode) = scanner.mode {
        writeln!(f, "mode = {}", Quoted(mode.as_str()))?;
    }
    if let Some(storage_id) = scanner.storage_id {
        writeln!(f, "storage_id = {storage_id}")?;
    }
    // The rules come last: a key behind the header of a rule belongs to the rule.
    scanner.rules.iter().try_for_each(|rule| show_rule(f, rule))
}

fn show_rule(f: &mut fmt::Formatter<'_>, rule: &Rule) -> fmt::Result {
    let replace = rule.replace.as_ref();
    let length = rule.if_length.map(
        |Length { min, max }| {
            if min == max { format!("{min}") } else { format!("[{min}, {max}]") }
        },
    );
    let quoted = |text: &String| Quoted(text).to_string();
    let keys = [
        ("if_prefix", rule.if_prefix.as_ref().map(quoted)),
        ("if_suffix", rule.if_suffix.as_ref().map(quoted)),
        ("if_length", length),
        ("if_symbology", rule.if_symbology.map(|kind| Quoted(word_of(&SYMBOLOGIES, kind)).to_string())),
        ("strip_prefix", rule.strip_prefix.as_ref().map(quoted)),
        ("strip_suffix", rule.strip_suffix.as_ref().map(quoted)),
        ("drop_first", rule.drop_first.map(|count| count.to_string())),
        ("drop_last", rule.drop_last.map(|count| count.to_string())),
        ("keep_first", rule.keep_first.map(|count| count.to_string())),
        ("keep_last", rule.keep_last.map(|count| count.to_string())),
        ("replace", replace.map(|replace| quoted(&replace.from))),
        ("with", replace.map(|replace| quoted(&replace.to))),
    ];
    writeln!(f, "\n[[scanner.rule]]")?;
    let mut given = keys.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
    given.try_for_each(|(key, value)| writeln!(f, "{key} = {value}"))
}

fn show_variable_measure(f: &mut fmt::Formatter<'_>, pattern: &Pattern) -> fmt::Result {
    writeln!(f, "\n[[variable_measure]]")?;
    writeln!(f, "pattern = {}", Quoted(pattern.as_str()))?;
    writeln!(f, "measure = {}", Quoted(word_of(&MEASURES, pattern.measured())))?;
    writeln!(f, "decimals = {}", pattern.decimals())?;
    writeln!(f, "item = {}", Quoted(word_of(&ITEMS, pattern.item())))
}

fn show_pack(f: &mut fmt::Formatter<'_>, pack: &Pack) -> fmt::Result {
    writeln!(f, "\n[[pack]]\ncode = {}", Quoted(&pack.code))?;
    match &pack.content {
        Content::Good(good) => writeln!(f, "good_id = {good}")?,
        Content::Barcode(barcode) => writeln!(f, "barcode = {}", Quoted(barcode))?,
    }
    writeln!(f, "factor = {}", pack.factor)
}

fn show_place(f: &mut fmt::Formatter<'_>, place: &Place) -> fmt::Result {
    let UsbMatch { vendor, product, port, serial } = match place {
        Place::Path(path) => return writeln!(f, "path = {}", Quoted(&path.to_string_lossy())),
        Place::Match(usb_match) => usb_match,
    };
    let parts: Vec<String> = [
        vendor.map(|id| format!("vendor = 0x{id:04x}")),
        product.map(|id| format!("product = 0x{id:04x}")),
        port.as_ref().map(|port| format!("port = {}", Quoted(port))),
        serial.as_ref().map(|serial| format!("serial = {}", Quoted(serial))),
    ]
    .into_iter()
    .flatten()
    .collect();
    // An inline table: a header would end the keys of the scanner.
    writeln!(f, "match = {{ {} }}", parts.join(", "))
}

fn show_serial(f: &mut fmt::Formatter<'_>, serial: &Serial) -> fmt::Result {
    let Serial { line, protocol, signals } = serial;
    let Line { baud, data_bits, parity, stop_bits, flow_control } = line;
    writeln!(f, "baud = {baud}")?;
    writeln!(f, "data_bits = {}", data_bits.count())?;
    writeln!(f, "parity = {}", Quoted(word_of(&PARITIES, *parity)))?;
    writeln!(f, "stop_bits = {}", stop_bits.count())?;
    writeln!(f, "flow_control = {}", Quoted(word_of(&FLOW_CONTROLS, *flow_control)))?;
    writeln!(f, "protocol = {}", Quoted(word_of(&Protocol::WORDS, *protocol)))?;
    show_signals(f, signals)
}

fn show_signals(f: &mut fmt::Formatter<'_>, signals: &Signals) -> fmt::Result {
    let Signals { booked, unknown, refused, control, posted, person } = signals;
    let named = [
        ("booked", booked),
        ("unknown", unknown),
        ("refused", refused),
        ("control", control),
        ("posted", posted),
        ("person", person),
    ];
    let given: Vec<String> = named
        .iter()
        .filter(|(_, bytes)| !bytes.is_empty())
        .map(|(name, bytes)| format!("{name} = \"{}\"", Hex(bytes)))
        .collect();
    if given.is_empty() { Ok(()) } else { writeln!(f, "signals_hex = {{ {} }}", given.join(", ")) }
}

/// Returns the word that stands for `meaning`.
fn word_of<T: PartialEq + Copy>(words: &'static [(&'static str, T)], meaning: T) -> &'static str {
    words.iter().find(|(_, other)| *other == meaning).map_or("", |(word, _)| word)
}

fn days(duration: Duration) -> u64 {
    duration.as_secs().div_euclid(SECONDS_A_DAY)
}

/// A text as a TOML basic string (TOML 1.0.0, "String").
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                // TOML allows no control character in a basic string, except the tab.
                control if control.is_control() => write!(f, "\\u{:04X}", u32::from(control))?,
                plain => write!(f, "{plain}")?,
            }
        }
        f.write_str("\"")
    }
}

/// Bytes as pairs of hexadecimal digits.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}
