//! Every key, its default and its bounds.

use super::*;
use crate::domain::code::rule::{Length, Replacement, Rule};
use crate::domain::code::symbology::Symbology;
use crate::domain::code::variable::{ItemCode, Measured, Pattern};
use crate::domain::decode::framing::Terminator;
use crate::domain::ids::CardId;
use crate::domain::stock::kit::KitScan;

#[test]
fn what_is_not_written_is_the_default() {
    let config = with(SCANNER).unwrap();
    assert_eq!(config.station.mode, Mode::Receipt);
    assert_eq!(config.station.data_dir, Path::new("/var/lib/stockpoint"));
    assert_eq!(config.station.document_idle_close, Some(seconds(600)));
    assert_eq!(config.station.document_lines_max, 200);
    assert_eq!(config.station.repeat_guard, ms(300));
    assert_eq!(config.station.qty_expires, Some(seconds(30)));
    assert_eq!(config.station.mode_reverts_after, Some(seconds(3600)));
    assert_eq!((config.station.master_id, config.station.time_zone), (None, None));
    assert_eq!((config.station.gs1_counts, config.station.trust_clock), (false, false));
    assert_eq!(config.station.history, seconds(400 * 86_400));
    assert_eq!(config.station.alarm_after, Some(seconds(86_400)));
    assert_eq!(config.station.back_date, BackDate::KeepDate);
    assert_eq!(
        config.api,
        Api {
            ca_file: None,
            proxy: None,
            base_url: "https://api.alteg.io/api/v1".into(),
            partner_token_file: "/etc/stockpoint/partner-token".into(),
            user_token_file: "/etc/stockpoint/user-token".into(),
            requests_per_minute_max: 180,
            requests_per_second_max: 4,
            request_timeout: ms(15_000),
            reconcile_after: ms(20_000),
            late_check_after: ms(120_000),
            strategy: Strategy::OneCall,
            lines_key: LinesKey::GoodsTransactions,
            write_off_document_type: 4,
        }
    );
    assert_eq!(config.goods.sync_every, seconds(300));
    assert_eq!(config.goods.full_sync_every, seconds(86_400));
    assert_eq!(config.web, Web { listen: Some(tcp("127.0.0.1:8480")), token_file: None });
    assert_eq!(config.feedback, no_feedback());
    let scanner = Scanner {
        name: ScannerName::new("dock"),
        source: Source::Serial { place: Place::Path("/dev/ttyUSB0".into()), serial: plain_serial() },
        gap: ms(200),
        encoding: Encoding::Utf8,
        terminator: Terminator::Any,
        burst_guard: ms(40),
        mode: None,
        storage_id: None,
        rules: Vec::new(),
    };
    assert_eq!(config.scanners, [scanner]);
    assert_eq!(config.variable_measures, []);
    assert_eq!(config.kits, KitScan::None);
}

fn plain_serial() -> Serial {
    Serial {
        line: Line {
            baud: 9600,
            data_bits: DataBits::Eight,
            parity: Parity::None,
            stop_bits: StopBits::One,
            flow_control: FlowControl::None,
        },
        protocol: Protocol::None,
        signals: Signals::default(),
    }
}

#[test]
fn the_example_is_the_defaults_and_its_commented_keys_are_right() {
    assert_eq!(parse(EXAMPLE).unwrap(), with(SCANNER).unwrap());
    let config = parse(&uncommented_example()).unwrap();
    assert!(config.feedback.gpio.is_some());
    assert!(matches!(&config.scanners[..], [_, _, Scanner { source: Source::HidPos { .. }, .. }]));
    assert_eq!(config.scanners[0].mode, Some(Mode::WriteOff));
    assert_eq!(config.scanners[0].storage_id, Some(StorageId(91272)));
    assert_eq!(config.station.master_id, Some(MasterId(5512)));
    let usb_match = UsbMatch {
        vendor: Some(0x0c2e),
        product: Some(0x0b61),
        port: Some("1-1.3".into()),
        serial: Some("17310B".into()),
    };
    let place = Place::Match(usb_match);
    let cellar = Storage { id: StorageId(91272), name: Some("Cellar".to_owned()) };
    assert_eq!(config.named_storages, [cellar]);
    assert_eq!(config.scanners[1].source, Source::Evdev { place, layout: LayoutName::US });
    let added = Rule { strip_prefix: Some("B".into()), strip_suffix: Some("C".into()), ..Rule::default() };
    let dashes = Rule {
        if_prefix: Some("SHELF-".into()),
        if_suffix: Some("X".into()),
        if_length: Some(Length { min: 8, max: 14 }),
        if_symbology: Some(Symbology::Code128),
        replace: Some(Replacement { from: "-".into(), to: String::new() }),
        ..Rule::default()
    };
    let cut = Rule {
        drop_first: Some(1),
        drop_last: Some(1),
        keep_first: Some(14),
        keep_last: Some(14),
        ..Rule::default()
    };
    assert_eq!(config.scanners[0].rules, [added, cut, dashes]);
    let pattern = Pattern::new("21IIIIIWWWWWC", Measured::Weight, 3, ItemCode::Zeroed);
    assert_eq!(config.variable_measures, [pattern.unwrap()]);
}

fn uncommented_example() -> String {
    let uncomment = |line: &str| {
        let bare = line.strip_prefix('#').filter(|rest| !rest.starts_with(' '));
        format!("{}\n", bare.unwrap_or(line))
    };
    EXAMPLE.lines().map(uncomment).collect()
}

/// Returns every key of every section with the path of its section, from the fault of an unknown key, which lists all
/// keys that are known beside it.
pub(super) fn every_key() -> Vec<(String, &'static str)> {
    let asked = "zzz = 1\n[station]\nzzz = 1\n[api]\nzzz = 1\n[goods]\nzzz = 1\n[kits]\nzzz = 1\n[web]\nzzz = 1\n\
                 [feedback]\nzzz = 1\n[[storage]]\nzzz = 1\n[[scanner]]\nzzz = 1\nmatch = { zzz = 1 }\nsignals_hex = { zzz = 1 }\n\
                 [[scanner.rule]]\nzzz = 1\n[[variable_measure]]\nzzz = 1\n[[pack]]\nzzz = 1\n";
    let faults = parse(asked).unwrap_err();
    let mut keys = Vec::new();
    for fault in faults.iter() {
        if let Problem::UnknownKey { known, .. } = &fault.problem {
            let section =
                handed::without_numbers(fault.key.strip_suffix("zzz").unwrap().trim_end_matches('.'));
            keys.extend(known.iter().map(|key| (section.clone(), *key)));
        }
    }
    keys
}

#[test]
fn the_example_has_every_key() {
    let known: Vec<_> = every_key().into_iter().map(|(_section, key)| key).collect();
    assert_eq!(known.len(), 11 + 20 + 13 + 2 + 1 + 2 + 10 + 2 + 19 + 4 + 6 + 12 + 4 + 4);
    let example = uncommented_example();
    for key in known {
        let forms = [format!("\n{key} = "), format!(" {key} = "), format!("[{key}]"), format!(".{key}]")];
        assert!(forms.iter().any(|form| example.contains(form)), "{key}");
    }
}

#[test]
fn every_storage_that_is_named_anywhere_is_one_with_its_name() {
    let lines = "[[storage]]\nid = 91273\nname = \"Bar\"\n[[storage]]\nid = 91271\nname = \"Shop\"\n\
                 [[scanner]]\nname = \"a\"\nkind = \"stdin\"\nstorage_id = 91272\n";
    let config = with(lines).unwrap();
    let storages = config.storages();
    let named: Vec<_> = storages.iter().map(|storage| (storage.id.0, storage.name.as_deref())).collect();
    assert_eq!(named, [(91271, Some("Shop")), (91272, None), (91273, Some("Bar"))]);
    assert_eq!(config.storage_in_force(None), StorageId(91271));
    assert_eq!(config.storage_in_force(Some(StorageId(91273))), StorageId(91273));
    assert_eq!(config.storage_in_force(Some(StorageId(91274))), StorageId(91271));
}

#[test]
fn a_storage_has_one_number_and_a_name_of_one_line() {
    let twice = "[[storage]]\nid = 7\n[[storage]]\nid = 7\n";
    check_fault(
        twice,
        "config.toml:8: storage[1].id: is used by another [[storage]]; remove one of the two [[storage]]",
    );
    for (name, is_right) in
        [("x", true), (&"x".repeat(34), true), (&"x".repeat(35), false), ("", false), ("a\\n", false)]
    {
        let lines = format!("[[storage]]\nid = 7\nname = \"{name}\"\n");
        assert_eq!(with(&lines).is_ok(), is_right, "{name}");
    }
    check_fault(
        "[[storage]]\n",
        "config.toml:5: storage[0].id: is missing; add id = NUMBER under this [[storage]]",
    );
}

/// The section, the key, and the smallest and the largest number that it accepts.
pub(super) const BOUNDS: &[(&str, &str, u64, u64)] = &[
    ("[station]", "location_id", 1, 9_007_199_254_740_991),
    ("[station]", "storage_id", 1, 9_007_199_254_740_991),
    ("[station]", "master_id", 1, 9_007_199_254_740_991),
    ("[station]", "document_lines_max", 1, 500),
    ("[station]", "repeat_guard_ms", 0, 5000),
    ("[station]", "history_days", 7, 36_500),
    ("[api]", "requests_per_minute_max", 1, 60_000),
    ("[api]", "requests_per_second_max", 1, 1000),
    ("[api]", "request_timeout_ms", 1000, 120_000),
    ("[api]", "reconcile_after_ms", 2000, 3_600_000),
    ("[api]", "late_check_after_ms", 5000, 86_400_000),
    ("[goods]", "sync_every_s", 5, 604_800),
    ("[goods]", "full_sync_every_s", 5, 2_592_000),
    ("[feedback]", "gpio_buzzer", 0, 1023),
    ("[feedback]", "gpio_green", 0, 1023),
    ("[feedback]", "gpio_yellow", 0, 1023),
    ("[feedback]", "gpio_red", 0, 1023),
    ("[[storage]]", "id", 1, 9_007_199_254_740_991),
    ("[[scanner]]", "gap_ms", 20, 5000),
    ("[[scanner]]", "burst_guard_ms", 0, 1000),
    ("[[scanner]]", "storage_id", 1, 9_007_199_254_740_991),
    ("[[scanner]]", "baud", 50, 4_000_000),
    ("[[scanner]]", "data_bits", 5, 8),
    ("[[scanner]]", "stop_bits", 1, 2),
];

/// Returns a correct file with `key = value` in its section, as its last line before the sections behind it.
fn file_with(section: &str, key: &str, value: &str) -> String {
    let line = format!("{key} = {value}\n");
    let station: String =
        STATION.split_inclusive('\n').filter(|known| !known.starts_with(&format!("{key} ="))).collect();
    match section {
        "[station]" => format!("{station}{line}{SCANNER}"),
        "[[scanner]]" => format!("{STATION}{SCANNER}{line}"),
        other => format!("{STATION}{SCANNER}{other}\n{line}"),
    }
}

#[test]
fn a_write_off_is_of_type_four_or_seven() {
    let config = with("[api]\nwrite_off_document_type = 7\n").unwrap();
    assert_eq!(config.api.write_off_document_type, 7);
    check_fault(
        "[api]\nwrite_off_document_type = 5\n",
        "config.toml:6: api.write_off_document_type: 5 is out of range; use 4 or 7",
    );
}

#[test]
fn every_number_is_accepted_at_both_ends_and_refused_beyond() {
    for &(section, key, least, most) in BOUNDS {
        for inside in [least, most] {
            let text = file_with(section, key, &inside.to_string());
            assert!(parse(&text).is_ok(), "{key} = {inside}: {}", parse(&text).unwrap_err());
        }
        let below = i128::from(least) - 1;
        let above = i128::from(most) + 1;
        for outside in [below, above, i128::from(i64::MIN), i128::from(u64::MAX) + 1] {
            let text = file_with(section, key, &outside.to_string());
            let after = text.lines().rev().position(|line| line.starts_with(&format!("{key} ="))).unwrap();
            let line = text.lines().count() - after;
            let list = if section.starts_with("[[") { "[0]" } else { "" };
            let path = format!("{}{list}.{key}", section.trim_matches(['[', ']']));
            let fault = parse(&text).unwrap_err().to_string();
            let wanted =
                format!("config.toml:{line}: {path}: {outside} is out of range; use {least} to {most}");
            assert_eq!(fault, wanted);
        }
    }
}

#[test]
fn an_idle_document_closes_never_or_after_two_seconds_to_seven_days() {
    for (written, idle) in [(0, None), (2, Some(2)), (604_800, Some(604_800))] {
        let config = with(&format!("document_idle_close_s = {written}")).unwrap();
        assert_eq!(config.station.document_idle_close, idle.map(Duration::from_secs));
    }
    for outside in [-1, 1, 604_801] {
        let fault = format!(
            "config.toml:5: station.document_idle_close_s: {outside} is out of range; use 0, or 2 to 604800"
        );
        check_fault(&format!("document_idle_close_s = {outside}"), &fault);
    }
}

#[test]
fn usb_ids_have_sixteen_bits() {
    for key in ["vendor", "product"] {
        for inside in ["0", "0xffff"] {
            assert!(with(&format!("{}match = {{ {key} = {inside} }}", scanner("evdev"))).is_ok());
        }
        check_fault(
            &format!("{}match = {{ {key} = 0x10000 }}", scanner("evdev")),
            &format!("config.toml:8: scanner[0].match.{key}: 0x10000 is out of range; use 0 to 65535"),
        );
    }
}

#[test]
fn names_are_1_to_24_of_lower_case_digits_and_hyphens() {
    let longest = "a".repeat(24);
    for name in ["a", "0", "-", "dock-1", &longest] {
        let text = file_with("[station]", "name", &format!("\"{name}\""));
        assert_eq!(parse(&text).unwrap().station.name, name);
    }
    let too_long = "a".repeat(25);
    for name in ["", "Dock", "a b", "a_b", "dück", "a\\n", &too_long] {
        let text = file_with("[station]", "name", &format!("\"{name}\""));
        let fault = parse(&text).unwrap_err().to_string();
        assert!(fault.starts_with("config.toml:4: station.name: "), "{fault}");
    }
    let text = format!("{STATION}[[scanner]]\nname = \"Dock\"\nkind = \"stdin\"\n");
    let fault = "config.toml:6: scanner[0].name: is not a name; use 1 to 24 of a-z, 0-9 and -";
    assert_eq!(parse(&text).unwrap_err().to_string(), fault);
}

#[test]
fn each_word_is_read_and_no_other() {
    for (word, mode) in [("receipt", Mode::Receipt), ("write-off", Mode::WriteOff), ("lookup", Mode::Lookup)]
    {
        assert_eq!(with(&format!("mode = \"{word}\"")).unwrap().station.mode, mode);
    }
    check_fault(
        "mode = \"recipt\"",
        "config.toml:5: station.mode: \"recipt\" is not one of the words known here; \
         use \"receipt\" or \"write-off\" or \"lookup\"",
    );
    for line in ["parity = \"mark\"", "flow_control = \"xon\"", "kind = \"usb\""] {
        let lines = if line.starts_with("kind") {
            format!("[[scanner]]\nname = \"a\"\n{line}\npath = \"/dev/a\"\n")
        } else {
            format!("{SCANNER}{line}")
        };
        assert!(faults(&lines)[0].contains("is not one of the words known here"), "{line}");
    }
}

#[test]
fn a_serial_line_is_set_word_by_word() {
    let lines = "baud = 115200\ndata_bits = 7\nparity = \"even\"\nstop_bits = 2\nflow_control = \"hardware\"\n\
                 signals_hex = { booked = \"1B372C\", person = \"07 \" }";
    let fault = "config.toml:14: scanner[0].signals_hex.person: is not hexadecimal; \
                 write each byte as two digits, such as \"1B372C\", 64 bytes at most";
    check_fault(&format!("{SCANNER}{lines}"), fault);

    let config = with(&format!("{SCANNER}{}", lines.replace("07 ", "07"))).unwrap();
    let Source::Serial { serial, .. } = &config.scanners[0].source else { panic!("a serial scanner") };
    let signals = Signals { booked: vec![0x1b, 0x37, 0x2c], person: vec![7], ..Signals::default() };
    let wanted = Serial {
        line: Line {
            baud: 115_200,
            data_bits: DataBits::Seven,
            parity: Parity::Even,
            stop_bits: StopBits::Two,
            flow_control: FlowControl::Hardware,
        },
        protocol: Protocol::None,
        signals,
    };
    assert_eq!(*serial, wanted);
}

#[test]
fn a_signal_has_at_most_64_bytes() {
    let signal = |bytes: usize| format!("{SCANNER}signals_hex = {{ booked = \"{}\" }}", "0A".repeat(bytes));
    assert!(with(&signal(64)).is_ok());
    assert!(
        faults(&signal(65))[0].starts_with("config.toml:9: scanner[0].signals_hex.booked: is too long; ")
    );
    for odd in ["1", "1B3", "0x1B", "+1", "é1"] {
        let lines = format!("{SCANNER}signals_hex = {{ posted = \"{odd}\" }}");
        assert!(faults(&lines)[0].contains("scanner[0].signals_hex.posted: is not hexadecimal; "), "{odd}");
    }
}

#[test]
fn the_api_is_https_unless_it_is_this_machine() {
    let accepted = [
        ("https://api.alteg.io/api/v1/", "https://api.alteg.io/api/v1"),
        ("https://example.com", "https://example.com"),
        ("http://127.0.0.1:9999/api/v1", "http://127.0.0.1:9999/api/v1"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:80/", "http://[::1]"),
        ("http://localhost:1/x//", "http://localhost:1/x"),
    ];
    for (written, base_url) in accepted {
        let config = with(&format!("[api]\nbase_url = \"{written}\"")).unwrap();
        assert_eq!(config.api.base_url, base_url);
    }
    let refused = [
        ("", "is not an address"),
        ("api.alteg.io", "is not an address"),
        ("https://", "is not an address"),
        ("https://u5er:s3cret@api.alteg.io", "holds a user name or a password"),
        ("https://u5er@api.alteg.io", "holds a user name or a password"),
        ("https://api.alteg.io/?token=s3cret", "holds a query or a fragment, which begin with ? and #"),
        ("https://api.alteg.io/#s3cret", "holds a query or a fragment, which begin with ? and #"),
        ("https://api.alteg.io/?", "holds a query or a fragment, which begin with ? and #"),
        ("http://api.alteg.io", "is http, which only a loopback address may be"),
        ("http://192.168.1.1", "is http, which only a loopback address may be"),
        ("http://localhost.example.com", "is http, which only a loopback address may be"),
        ("http://127.0.0.1.example.com", "is http, which only a loopback address may be"),
        ("ftp://127.0.0.1", "is not https"),
        ("file:///etc/passwd", "is not https"),
    ];
    for (written, what) in refused {
        let fault =
            format!("config.toml:6: api.base_url: {what}; write one such as https://api.alteg.io/api/v1");
        check_fault(&format!("[api]\nbase_url = \"{written}\""), &fault);
    }
}

#[test]
fn the_page_listens_on_an_address_and_a_port_or_not_at_all() {
    assert_eq!(with("[web]\nlisten = \"\"").unwrap().web.listen, None);
    for address in ["127.0.0.1:0", "127.0.0.2:80", "[::1]:8480"] {
        let config = with(&format!("[web]\nlisten = \"{address}\"")).unwrap();
        assert_eq!(config.web.listen, Some(tcp(address)));
    }
    for address in ["localhost:80", "127.0.0.1", ":80", "127.0.0.1:65536"] {
        let fault = "config.toml:6: web.listen: is not an IP address and a port; \
                     write one such as \"127.0.0.1:8480\" or \"[::1]:8480\", or \"\" for off";
        check_fault(&format!("[web]\nlisten = \"{address}\""), fault);
    }
}

fn tcp(address: &str) -> Listen {
    Listen::Tcp(address.parse().unwrap())
}

#[test]
fn whoever_listens_to_the_network_asks_for_a_token() {
    for address in ["0.0.0.0:8480", "192.168.1.7:80", "[::]:8480", "[fe80::1]:1"] {
        let fault = "config.toml:6: web.listen: is open to the network without a token; \
                     write web.token_file, or listen on \"127.0.0.1:8480\" or a Unix socket";
        check_fault(&format!("[web]\nlisten = \"{address}\""), fault);
        let text = format!("[web]\nlisten = \"{address}\"\ntoken_file = \"/etc/stockpoint/web-token\"");
        let web = with(&text).unwrap().web;
        assert_eq!(web.listen, Some(tcp(address)));
        assert_eq!(web.token_file.as_deref(), Some(Path::new("/etc/stockpoint/web-token")));
    }
}

#[test]
fn the_page_listens_on_a_unix_socket_of_a_path_that_fits() {
    let longest = format!("/{}", "s".repeat(106));
    for path in ["/run/stockpoint/web.sock", longest.as_str()] {
        let config = with(&format!("[web]\nlisten = \"unix:{path}\"")).unwrap();
        assert_eq!(config.web.listen, Some(Listen::Unix(path.into())));
    }
    for path in ["", "web.sock", "/run/", &format!("{longest}s")] {
        let fault = "config.toml:6: web.listen: is not the path of a Unix socket; write one such as \
                     \"unix:/run/stockpoint/web.sock\", absolute and 107 bytes at most";
        check_fault(&format!("[web]\nlisten = \"unix:{path}\""), fault);
    }
}

#[test]
fn a_time_zone_is_known_by_its_name() {
    let config = with("time_zone = \"America/New_York\"").unwrap();
    assert_eq!(config.station.time_zone.unwrap().iana_name(), Some("America/New_York"));
    for zone in ["", "Europe/Nowhere", "EST5EDT,M3.2.0,M11.1.0", "../../etc/passwd", "Etc/Unknown", "+01:00"]
    {
        let fault = "config.toml:5: station.time_zone: is not a time zone known here; \
                     write its IANA name, such as \"Europe/Riga\", or remove the key to ask the API";
        check_fault(&format!("time_zone = \"{zone}\""), fault);
    }
}

#[test]
fn a_device_needs_exactly_one_of_path_and_match() {
    for kind in ["serial", "evdev", "hidpos"] {
        for place in ["path = \"/dev/a\"", "match = { vendor = 1 }", "match = { port = \"1-1.3\" }"] {
            assert!(with(&format!("{}{place}", scanner(kind))).is_ok(), "{kind} {place}");
        }
        let missing =
            "is missing; add path = \"/dev/…\" or match = { port = \"1-1.3\" } under this [[scanner]]";
        check_fault(&scanner(kind), &format!("config.toml:5: scanner[0].path: {missing}"));
        check_fault(
            &format!("{}path = \"/dev/a\"\nmatch = {{ vendor = 1 }}", scanner(kind)),
            "config.toml:9: scanner[0].match: is given in addition to path; keep one of the two",
        );
        check_fault(
            &format!("{}match = {{ }}", scanner(kind)),
            "config.toml:8: scanner[0].match.port: is missing; \
             add at least one of vendor, product, port and serial",
        );
    }
    for (part, what) in
        [("port = \"usb1\"", "is not a USB port"), ("serial = \"\"", "is not a serial number")]
    {
        assert!(faults(&format!("{}match = {{ {part} }}", scanner("evdev")))[0].contains(what));
    }
}

#[test]
fn a_keyboard_has_a_layout_and_no_other_scanner_does() {
    let text =
        |kind: &str, layout: &str| format!("{}path = \"/dev/a\"\nlayout = \"{layout}\"", scanner(kind));
    let source = with(&text("evdev", "de")).unwrap().scanners[0].source.clone();
    let layout = LayoutName::from_word("de").unwrap();
    assert_eq!(source, Source::Evdev { place: Place::Path("/dev/a".into()), layout });
    let unknown = faults(&text("evdev", "dvorak"))[0].clone();
    assert!(unknown.starts_with("config.toml:9: scanner[0].layout: \"dvorak\""), "{unknown}");
    assert!(unknown.contains("\"us\" or \"uk\" or \"de\""), "{unknown}");
    for kind in ["serial", "hidpos"] {
        let wrong = "config.toml:9: scanner[0].layout: does not apply to this kind of scanner; remove it";
        check_fault(&text(kind, "us"), wrong);
    }
}

#[test]
fn a_usb_port_may_name_one_interface_of_a_device() {
    let config = with(&format!("{}match = {{ port = \"1-1.3:1.0\" }}", scanner("serial"))).unwrap();
    let Source::Serial { place: Place::Match(wanted), .. } = &config.scanners[0].source else { panic!() };
    assert_eq!(wanted.port.as_deref(), Some("1-1.3:1.0"));
}

#[test]
fn signals_are_for_scanners_that_can_be_answered() {
    let line = "signals_hex = { booked = \"0440\" }";
    let booked = |kind| {
        let config = with(&format!("{}path = \"/dev/a\"\n{line}", scanner(kind))).unwrap();
        match &config.scanners[0].source {
            Source::Serial { serial, .. } => serial.signals.booked.clone(),
            Source::HidPos { signals, .. } => signals.booked.clone(),
            Source::Evdev { .. } | Source::Stdin => panic!("{kind} is answered"),
        }
    };
    assert_eq!((booked("serial"), booked("hidpos")), (vec![4, 0x40], vec![4, 0x40]));
    let wrong = "config.toml:9: scanner[0].signals_hex: does not apply to this kind of scanner; remove it";
    check_fault(&format!("{}path = \"/dev/a\"\n{line}", scanner("evdev")), wrong);
}

#[test]
fn standard_input_has_no_device_and_one_reader() {
    assert!(with(&scanner("stdin")).is_ok());
    for line in
        ["path = \"/dev/a\"", "match = { vendor = 1 }", "baud = 9600", "signals_hex = { }", "layout = \"us\""]
    {
        let key = line.split(' ').next().unwrap();
        let fault =
            format!("config.toml:8: scanner[0].{key}: does not apply to this kind of scanner; remove it");
        check_fault(&format!("{}{line}", scanner("stdin")), &fault);
    }
    check_fault(
        &format!("{}[[scanner]]\nname = \"b\"\nkind = \"stdin\"", scanner("stdin")),
        "config.toml:10: scanner[1].kind: is the same as that of scanner[0]; \
         only one scanner can read standard input, remove this one",
    );
}

#[test]
fn two_scanners_share_no_name_and_no_place() {
    check_fault(
        &format!("{SCANNER}{}", SCANNER.replace("ttyUSB0", "ttyUSB1")),
        "config.toml:10: scanner[1].name: is the same as that of scanner[0]; \
         give each scanner a name of its own",
    );
    check_fault(
        &format!("{SCANNER}{}", SCANNER.replace("dock", "other").replace("serial", "evdev")),
        "config.toml:12: scanner[1].path: is the same as that of scanner[0]; \
         each scanner is read once, remove one of the two",
    );
    let matched =
        |name: &str| format!("[[scanner]]\nname = \"{name}\"\nkind = \"evdev\"\nmatch = {{ vendor = 1 }}\n");
    let lines = format!("{}{}", matched("a"), matched("b"));
    assert!(
        faults(&lines)[0]
            .starts_with("config.toml:12: scanner[1].match: is the same as that of scanner[0]; ")
    );
}

#[test]
fn thirty_two_scanners_are_the_most() {
    let scanners = |count: usize| -> String {
        let one = |n| format!("[[scanner]]\nname = \"s{n}\"\nkind = \"evdev\"\npath = \"/dev/{n}\"\n");
        (0..count).map(one).collect()
    };
    assert_eq!(with(&scanners(32)).unwrap().scanners.len(), 32);
    check_fault(&scanners(33), "config.toml:5: scanner: 33 is out of range; use at most 32");
}

#[test]
fn written_numbers_that_contradict_each_other_are_refused() {
    check_fault(
        "[api]\nreconcile_after_ms = 20000\nlate_check_after_ms = 5000",
        "config.toml:6: api.reconcile_after_ms: 20000 is more than late_check_after_ms = 5000; \
         lower this one or raise late_check_after_ms",
    );
    check_fault(
        "[api]\nrequests_per_minute_max = 3\nrequests_per_second_max = 4",
        "config.toml:7: api.requests_per_second_max: 4 is more than requests_per_minute_max = 3; \
         lower this one or raise requests_per_minute_max",
    );
    check_fault(
        "[goods]\nfull_sync_every_s = 60\nsync_every_s = 61",
        "config.toml:7: goods.sync_every_s: 61 is more than full_sync_every_s = 60; \
         lower this one or raise full_sync_every_s",
    );
    assert!(with("[goods]\nfull_sync_every_s = 60\nsync_every_s = 60").is_ok());
}

#[test]
fn a_default_follows_a_written_number_and_never_contradicts_it() {
    let api = |line: &str| with(&format!("[api]\n{line}")).unwrap().api;
    assert_eq!(api("reconcile_after_ms = 3600000").late_check_after, seconds(3600));
    assert_eq!(api("late_check_after_ms = 5000").reconcile_after, seconds(5));
    assert_eq!(api("late_check_after_ms = 30000").reconcile_after, seconds(20));
    assert_eq!(api("requests_per_minute_max = 2").requests_per_second_max, 2);
    assert_eq!(api("requests_per_second_max = 500").requests_per_minute_max, 500);
    let goods = |line: &str| with(&format!("[goods]\n{line}")).unwrap().goods;
    assert_eq!(goods("sync_every_s = 604800").full_sync_every, seconds(604_800));
    assert_eq!(goods("full_sync_every_s = 60").sync_every, seconds(60));
}

#[test]
fn kits_are_scanned_only_where_the_file_says_so() {
    let scan = |value: &str| with(&format!("[kits]\nscan = {value}"));
    assert_eq!(with("").unwrap().kits, KitScan::None);
    assert_eq!(scan("\"none\"").unwrap().kits, KitScan::None);
    assert_eq!(scan("\"all\"").unwrap().kits, KitScan::All);
    assert_eq!(scan("[500, 410, 410]").unwrap().kits, KitScan::Only([CardId(410), CardId(500)].into()));
    let cards = "\"none\", \"all\" or a list of cards, [410, 500]";
    for (value, fault) in [
        ("\"some\"", format!("\"some\" is not one of the words known here; use {cards}")),
        ("true", format!("is true or false; write {cards}")),
        ("[]", "names no card; write \"none\", or the cards' numbers".to_owned()),
        ("[0]", "0 is out of range; use 1 to 9007199254740991".to_owned()),
        ("[\"410\"]", "is text; write a whole number, without quotes".to_owned()),
    ] {
        check_fault(&format!("[kits]\nscan = {value}"), &format!("config.toml:6: kits.scan: {fault}"));
    }
    let many = vec!["1"; 1001].join(", ");
    let fault = "config.toml:6: kits.scan: is too long; name 1000 cards at most, or write \"all\"";
    check_fault(&format!("[kits]\nscan = [{many}]"), fault);
}
