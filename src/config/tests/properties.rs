//! Properties of every configuration and of every text.

use std::net::SocketAddr;
use std::path::PathBuf;

use proptest::prelude::*;
use proptest::strategy::Strategy;

use super::*;
use crate::domain::code::pack::Content;
use crate::domain::code::pack::Pack;
use crate::domain::code::pack::Packs;
use crate::domain::code::rule::Length;
use crate::domain::code::rule::Replacement;
use crate::domain::code::symbology::SYMBOLOGIES;
use crate::domain::code::variable::DECIMALS_MAX;
use crate::domain::code::variable::Measured;
use crate::domain::decode::encoding::ENCODINGS;
use crate::domain::decode::keymap::LAYOUTS;
use crate::domain::delivery;
use crate::domain::ids::{CardId, GoodId};
use crate::domain::stock::kit::KitScan;

fn text() -> impl Strategy<Value = String> {
    "[^\\p{Cc}]{1,30}"
}

fn name() -> impl Strategy<Value = String> {
    "[a-z0-9-]{1,24}"
}

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Receipt), Just(Mode::WriteOff), Just(Mode::Lookup)]
}

fn cares() -> impl Strategy<Value = LabelCheck> {
    prop_oneof![Just(LabelCheck::Off), Just(LabelCheck::Warn), Just(LabelCheck::Refuse)]
}

prop_compose! {
    fn station()(
        name in name(),
        ids in (1..=values::ID_MAX, 1..=values::ID_MAX, proptest::option::of(1..=values::ID_MAX)),
        mode in modes(),
        data_dir in text(),
        alarm_s in prop_oneof![Just(None), (600_u64..=2_592_000).prop_map(Some)],
        idle_s in prop_oneof![Just(None), (2_u64..=604_800).prop_map(Some)],
        waits in (proptest::option::of(5_u64..=600), proptest::option::of(10_u64..=86_400)),
        numbers in (1_usize..=500, 0_u64..=5000, 7_u64..=36_500),
        zone in proptest::option::of(prop_oneof![Just("Europe/Riga"), Just("UTC"), Just("America/New_York")]),
        flags in (any::<bool>(), any::<bool>(), any::<bool>()),
        cares in (cares(), cares()),
    ) -> Station {
        Station {
            name,
            location_id: LocationId(ids.0),
            storage_id: StorageId(ids.1),
            mode,
            data_dir: data_dir.into(),
            document_idle_close: idle_s.map(Duration::from_secs),
            document_lines_max: numbers.0,
            repeat_guard: Duration::from_millis(numbers.1),
            qty_expires: waits.0.map(Duration::from_secs),
            mode_reverts_after: waits.1.map(Duration::from_secs),
            master_id: ids.2.map(MasterId),
            time_zone: zone.map(|zone| TimeZone::get(zone).unwrap()),
            gs1_counts: flags.0,
            trust_clock: flags.1,
            history: Duration::from_secs(numbers.2 * 86_400),
            alarm_after: alarm_s.map(Duration::from_secs),
            back_date: if flags.2 { BackDate::Today } else { BackDate::KeepDate },
            expired: cares.0,
            serials: cares.1,
            sheet_secret_file: None,
        }
    }
}

prop_compose! {
    fn api()(
        base_url in "https://[a-z]{1,9}\\.example(:8[0-9]{2})?(/[a-z]{1,5}){0,3}",
        files in (text(), text()),
        own in (proptest::option::of(text()), proptest::option::of(1_u16..)),
        per_second in 1_u32..=1000,
        per_minute in 1000_u32..=60_000,
        timeout_ms in 1000_u64..=120_000,
        reconcile_ms in 2000_u64..=3_600_000,
        late_ms in 3_600_000_u64..=86_400_000,
        flags in (any::<bool>(), any::<bool>(), any::<bool>()),
    ) -> Api {
        Api {
            ca_file: own.0.map(Into::into),
            proxy: own.1.map(|port| format!("http://proxy.example:{port}")),
            base_url,
            partner_token_file: format!("/{}", files.0).into(),
            user_token_file: format!("./{}", files.1).into(),
            requests_per_minute_max: per_minute,
            requests_per_second_max: per_second,
            request_timeout: Duration::from_millis(timeout_ms),
            reconcile_after: Duration::from_millis(reconcile_ms),
            late_check_after: Duration::from_millis(late_ms),
            strategy: if flags.0 { delivery::Strategy::LineByLine } else { delivery::Strategy::OneCall },
            lines_key: if flags.1 { LinesKey::Transactions } else { LinesKey::GoodsTransactions },
            write_off_document_type: if flags.2 { 7 } else { 4 },
        }
    }
}

fn place() -> impl Strategy<Value = Place> {
    let usb_match = (
        any::<u16>(),
        proptest::option::of(any::<u16>()),
        proptest::option::of("[0-9]-[0-9](\\.[0-9]){0,5}"),
        proptest::option::of(text()),
    );
    prop_oneof![
        text().prop_map(|path| Place::Path(path.into())),
        usb_match.prop_map(|(vendor, product, port, serial)| {
            Place::Match(UsbMatch { vendor: Some(vendor), product, port, serial })
        }),
    ]
}

prop_compose! {
    fn serial()(
        baud in 50_u32..=4_000_000,
        data_bits in (5_u8..=8).prop_map(|bits| DataBits::of(bits).unwrap()),
        stop_bits in (1_u8..=2).prop_map(|bits| StopBits::of(bits).unwrap()),
        parity in prop_oneof![Just(Parity::None), Just(Parity::Odd), Just(Parity::Even)],
        flow_control in prop_oneof![Just(FlowControl::None), Just(FlowControl::Software), Just(FlowControl::Hardware)],
        signals in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..=64), 6),
        protocol in proptest::sample::select(Protocol::WORDS.to_vec()),
    ) -> Serial {
        let signals = Signals {
            booked: signals[0].clone(),
            unknown: signals[1].clone(),
            refused: signals[2].clone(),
            control: signals[3].clone(),
            posted: signals[4].clone(),
            person: signals[5].clone(),
        };
        let line = Line { baud, data_bits, parity, stop_bits, flow_control };
        let passes = data_bits == DataBits::Eight && flow_control != FlowControl::Software;
        let protocol = if protocol.1 == Protocol::ZebraSsi && !passes { Protocol::None } else { protocol.1 };
        Serial { line, protocol, signals }
    }
}

fn one_scanner() -> impl Strategy<Value = Scanner> {
    let source = prop_oneof![
        (place(), serial()).prop_map(|(place, serial)| Source::Serial { place, serial }),
        (place(), proptest::sample::select(LAYOUTS.to_vec()))
            .prop_map(|(place, (_, layout))| Source::Evdev { place, layout }),
        (place(), serial()).prop_map(|(place, serial)| Source::HidPos { place, signals: serial.signals }),
        Just(Source::Stdin),
    ];
    let fixed =
        (proptest::option::of(modes()), proptest::option::of((1..=values::ID_MAX).prop_map(StorageId)));
    let rules = proptest::collection::vec(rule(), 0..3);
    let encoding = proptest::sample::select(ENCODINGS.to_vec());
    let terminator = proptest::sample::select(Terminator::WORDS.map(|(_, terminator)| terminator).to_vec());
    let framing = (20_u64..=5000, encoding, terminator, 0_u64..=1000);
    (name(), source, framing, fixed, rules).prop_map(
        |(name, source, (gap_ms, (_, encoding), terminator, burst_ms), (mode, storage_id), rules)| Scanner {
            name: ScannerName::new(name),
            encoding: if matches!(source, Source::Evdev { .. }) { Encoding::Utf8 } else { encoding },
            gap: Duration::from_millis(gap_ms),
            terminator,
            burst_guard: Duration::from_millis(if source == Source::Stdin { 0 } else { burst_ms }),
            source,
            mode,
            storage_id,
            rules,
        },
    )
}

fn characters() -> impl Strategy<Value = Option<usize>> {
    proptest::option::of(1_usize..=512)
}

prop_compose! {
    fn rule()(
        pieces in proptest::collection::vec(proptest::option::of("[^\\p{Cc}]{1,64}|\u{1d}"), 5),
        strip in text(),
        to in "[^\\p{Cc}]{0,9}",
        length in proptest::option::of((1_usize..=100, 0_usize..=400)),
        kind in proptest::option::of(proptest::sample::select(SYMBOLOGIES.to_vec())),
        counts in (characters(), characters(), characters(), characters()),
    ) -> Rule {
        let mut pieces = pieces.into_iter();
        let mut next = || pieces.next().flatten();
        Rule {
            if_prefix: next(),
            if_suffix: next(),
            if_length: length.map(|(min, more)| Length { min, max: min + more }),
            if_symbology: kind.map(|(_, kind)| kind),
            strip_prefix: Some(strip),
            strip_suffix: next(),
            drop_first: counts.0,
            drop_last: counts.1,
            keep_first: counts.2,
            keep_last: counts.3,
            replace: next().map(|from| Replacement { from, to }),
        }
    }
}

fn patterns() -> impl Strategy<Value = Pattern> {
    let written =
        proptest::sample::select(vec!["21IIIIIWWWWWC", "2IIIIIVPPPPC", "02IIIIIVPPPPC", "28IIIIIVWWWWC"]);
    let item = proptest::sample::select(crate::config::rules::ITEMS.to_vec());
    (written, 0..=DECIMALS_MAX, item, any::<bool>()).prop_map(|(written, decimals, (_, item), is_count)| {
        let measured = match written.contains('P') {
            true => Measured::Price,
            false if is_count => Measured::Count,
            false => Measured::Weight,
        };
        Pattern::new(written, measured, decimals, item).unwrap()
    })
}

fn place_of(source: &Source) -> Option<&Place> {
    match source {
        Source::Serial { place, .. } | Source::Evdev { place, .. } | Source::HidPos { place, .. } => {
            Some(place)
        }
        Source::Stdin => None,
    }
}

/// Generates scanners of which no two have the same name or place.
fn scanners() -> impl Strategy<Value = Vec<Scanner>> {
    proptest::collection::vec(one_scanner(), 0..5).prop_map(|drawn| {
        let mut kept: Vec<Scanner> = Vec::new();
        for scanner in drawn {
            let place = place_of(&scanner.source);
            if kept.iter().all(|other| other.name != scanner.name && place_of(&other.source) != place) {
                kept.push(scanner);
            }
        }
        kept
    })
}

prop_compose! {
    fn feedback()(
        repeat_s in proptest::option::of(5_u64..=3600),
        chip in text(),
        lines in proptest::collection::btree_set(0_u32..=1023, 4),
        connected in proptest::collection::vec(any::<bool>(), 4),
        active_low in any::<bool>(),
        keyboard_led in proptest::option::of(text()),
        sound in proptest::option::of("[a-z]{1,9}(:[0-9],[0-9])?"),
        command in proptest::collection::vec(text(), 0..16),
    ) -> Feedback {
        let mut lines = lines.into_iter().zip(&connected).map(|(line, is_connected)| is_connected.then_some(line));
        let mut next = || lines.next().flatten();
        let gpio = Gpio {
            chip: chip.into(), buzzer: next(), green: next(), yellow: next(), red: next(), active_low,
        };
        let mut command = command;
        if let Some(program) = command.first_mut() {
            program.insert(0, '/');
        }
        Feedback {
            person_repeat: repeat_s.map(Duration::from_secs),
            gpio: Some(gpio).filter(|_| connected.contains(&true)),
            keyboard_led: keyboard_led.map(Into::into),
            sound,
            command,
        }
    }
}

fn kits() -> impl Strategy<Value = KitScan> {
    let cards = proptest::collection::btree_set((1..=values::ID_MAX).prop_map(CardId), 1..5);
    prop_oneof![Just(KitScan::None), Just(KitScan::All), cards.prop_map(KitScan::Only)]
}

prop_compose! {
    fn packs()(
        written in proptest::collection::btree_map("[A-Z][ -~]{0,20}[A-Z]", (1..=values::ID_MAX, any::<bool>(), 1_u32..=100_000), 0..4),
    ) -> Packs {
        let mut packs = Packs::default();
        for (code, (number, is_by_number, factor)) in written {
            let barcode = || Content::Barcode(format!("{number}"));
            let content = if is_by_number { Content::Good(GoodId(number)) } else { barcode() };
            let place = format!("pack[{}]", packs.len());
            packs.add(Pack { code, content, factor, place }).unwrap();
        }
        packs
    }
}

prop_compose! {
    fn configs()(
        station in station(),
        api in api(),
        sync_s in 5_u64..=604_800,
        full_sync_s in 604_800_u64..=2_592_000,
        listen in proptest::option::of(any::<SocketAddr>()),
        token_file in proptest::option::of("/[ -~]{1,30}"),
        storages in proptest::collection::btree_map(1..=values::ID_MAX, proptest::option::of("[^\\p{Cc}]{1,34}"), 0..4),
        feedback in feedback(),
        scanners in scanners(),
        variable_measures in proptest::collection::vec(patterns(), 0..3),
        more in (packs(), proptest::option::of("/[ -~]{1,30}"), kits()),
    ) -> Config {
        let sync_every = Duration::from_secs(sync_s);
        let goods = GoodsSync { sync_every, full_sync_every: Duration::from_secs(full_sync_s) };
        let named = |(id, name)| Storage { id: StorageId(id), name };
        let named_storages = storages.into_iter().map(named).collect();
        // The flow label is not part of the written address.
        let listen = listen.map(|address| Listen::Tcp(SocketAddr::new(address.ip(), address.port())));
        let token_file: Option<PathBuf> = token_file.map(PathBuf::from);
        // A page that others than this machine can reach needs a token.
        let listen = listen.filter(|listen| listen.is_local() || token_file.is_some());
        let web = Web { listen, token_file };
        let (packs, packs_file, kits) = (more.0, more.1.map(PathBuf::from), more.2);
        Config {
            station, api, goods, kits, web, feedback, named_storages, scanners, variable_measures, packs, packs_file,
        }
    }
}

proptest! {
    #[test]
    fn what_is_shown_reads_back_the_same(config in configs()) {
        let shown = show::show(&config, &|_variable| None);
        prop_assert_eq!(parse(&shown).map_err(|faults| format!("{faults}\n{shown}")), Ok(config));
    }

    #[test]
    fn no_text_stops_the_reader(text in any::<String>()) {
        let _outcome = parse(&text);
    }

    #[test]
    fn no_mangled_example_stops_the_reader(
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), "[\\[\\]{}\"'=.,#\\n\\\\a-z0-9_-]{0,6}", 0_usize..40), 1..6)
    ) {
        let mut text: Vec<char> = EXAMPLE.chars().collect();
        for (at, put, take) in cuts {
            let at = at.index(text.len());
            let end = (at + take).min(text.len());
            text.splice(at..end, put.chars());
            text.push('\n');
        }
        let text: String = text.into_iter().collect();
        if let Err(faults) = parse(&text) {
            prop_assert!(faults.iter().count() > 0);
            let lines = text.lines().count();
            prop_assert!(faults.iter().all(|fault| fault.line.is_some_and(|line| (1..=lines.max(1)).contains(&line))));
        }
    }
}
