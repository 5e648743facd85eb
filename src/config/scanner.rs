//! The scanners: their keys, defaults and bounds, and the values that no two of them may share.

use std::time::Duration;

use crate::config::DataBits;
use crate::config::FlowControl;
use crate::config::Line;
use crate::config::Parity;
use crate::config::Place;
use crate::config::Protocol;
use crate::config::Scanner;
use crate::config::Serial;
use crate::config::Signals;
use crate::config::Source;
use crate::config::StopBits;
use crate::config::UsbMatch;
use crate::config::fault::Problem;
use crate::config::reader::Table;
use crate::config::rules::rule;
use crate::config::values;
use crate::config::values::whole;
use crate::domain::code::rule::RULES_MAX;
use crate::domain::decode::encoding::ENCODINGS;
use crate::domain::decode::encoding::Encoding;
use crate::domain::decode::framing::BURST_GUARD_MS_USUAL;
use crate::domain::decode::framing::Terminator;
use crate::domain::decode::keymap::LAYOUTS;
use crate::domain::decode::keymap::LayoutName;
use crate::domain::ids::ScannerName;
use crate::domain::ids::StorageId;

/// The words for a serial line's parity.
pub(super) const PARITIES: [(&str, Parity); 3] =
    [("none", Parity::None), ("odd", Parity::Odd), ("even", Parity::Even)];
/// The words for a serial line's flow control.
pub(super) const FLOW_CONTROLS: [(&str, FlowControl); 3] =
    [("none", FlowControl::None), ("software", FlowControl::Software), ("hardware", FlowControl::Hardware)];
const KINDS: [(&str, Kind); 4] =
    [("serial", Kind::Serial), ("evdev", Kind::Evdev), ("hidpos", Kind::HidPos), ("stdin", Kind::Stdin)];
const SERIAL_KEYS: [&str; 6] = ["baud", "data_bits", "parity", "stop_bits", "flow_control", "protocol"];
/// The keys of scanners that can be answered.
const ANSWER_KEYS: [&str; 1] = ["signals_hex"];
const KEYBOARD_KEYS: [&str; 1] = ["layout"];

/// The values that earlier scanners use, each with the scanner's index.
#[derive(Default)]
pub(super) struct Taken {
    names: Vec<(usize, String)>,
    places: Vec<(usize, Place)>,
    stdin: Option<usize>,
}

#[derive(Clone, Copy)]
enum Kind {
    Serial,
    Evdev,
    HidPos,
    Stdin,
}

/// Reads one `[[scanner]]`.
pub(super) fn scanner(table: &mut Table<'_, '_>, index: usize, taken: &mut Taken) -> Option<Scanner> {
    let name = table.required("name", "name = \"dock\" under this [[scanner]]", values::name);
    if let Some(name) = &name {
        let cure = "give each scanner a name of its own";
        take(table, &mut taken.names, &Claim { key: "name", index, value: name, cure });
    }
    let source = source(table, index, taken);
    let gap = table.or("gap_ms", Duration::from_millis(200), values::millis(20..=5000));
    let terminator = table.or("terminator", Terminator::Any, values::word(&Terminator::WORDS));
    let usual = Duration::from_millis(BURST_GUARD_MS_USUAL);
    let burst = table.or("burst_guard_ms", usual, values::millis(0..=1000));
    let encoding = table.or("encoding", Encoding::Utf8, values::word(&ENCODINGS));
    // A keyboard sends keys and not bytes: its layout decides which characters they are.
    if let Some(Source::Evdev { .. }) = &source {
        refuse(table, &["encoding"]);
    }
    let mode = table.optional("mode", values::mode);
    let storage_id = table.optional("storage_id", values::id(StorageId));
    let rules = table.each("rule", RULES_MAX, |table, _index| Some(rule(table)));
    // Every key has been read before the first `?`: a scanner with one fault must not hide its others.
    let (name, source) = (ScannerName::new(name?), source?);
    // The lines of a file follow each other without a pause.
    let burst_guard = if source == Source::Stdin { Duration::ZERO } else { burst };
    Some(Scanner { name, source, gap, encoding, terminator, burst_guard, mode, storage_id, rules })
}

/// Reads the source of the scans. Reads every key for every kind, so that none is reported as unknown.
fn source(table: &mut Table<'_, '_>, index: usize, taken: &mut Taken) -> Option<Source> {
    let kind = table.required("kind", "kind = \"serial\" under this [[scanner]]", values::word(&KINDS));
    let place = place(table, index, taken);
    let serial = serial(table);
    let layout = table.or("layout", LayoutName::US, values::word(&LAYOUTS));
    match kind? {
        Kind::Serial => {
            refuse(table, &KEYBOARD_KEYS);
            require_place(table, place).map(|place| Source::Serial { place, serial })
        }
        Kind::Evdev => {
            refuse(table, &SERIAL_KEYS);
            refuse(table, &ANSWER_KEYS);
            require_place(table, place).map(|place| Source::Evdev { place, layout })
        }
        Kind::HidPos => {
            refuse(table, &SERIAL_KEYS);
            refuse(table, &KEYBOARD_KEYS);
            require_place(table, place).map(|place| Source::HidPos { place, signals: serial.signals })
        }
        Kind::Stdin => {
            refuse(table, &SERIAL_KEYS);
            refuse(table, &ANSWER_KEYS);
            refuse(table, &KEYBOARD_KEYS);
            refuse(table, &["path", "match"]);
            let cure = "only one scanner can read standard input, remove this one";
            // The first scanner with this kind keeps it; each further one is at fault.
            let by = *taken.stdin.get_or_insert(index);
            if by != index {
                table.blame("kind", Problem::Taken { by, cure });
            }
            Some(Source::Stdin)
        }
    }
}

fn place(table: &mut Table<'_, '_>, index: usize, taken: &mut Taken) -> Option<Place> {
    let path = table.optional("path", values::path);
    let usb_match = table.inner("match", usb_match).flatten();
    if table.has("path") && table.has("match") {
        table.blame(
            "match",
            Problem::Unfit { what: "is given in addition to path", cure: "keep one of the two" },
        );
        return None;
    }
    let place = path.map(Place::Path).or(usb_match.map(Place::Match))?;
    let key = if table.has("path") { "path" } else { "match" };
    let cure = "each scanner is read once, remove one of the two";
    take(table, &mut taken.places, &Claim { key, index, value: &place, cure });
    Some(place)
}

fn usb_match(table: &mut Table<'_, '_>) -> Option<UsbMatch> {
    let vendor = table.optional("vendor", whole(0..=0xffff));
    let product = table.optional("product", whole(0..=0xffff));
    let port = table.optional("port", values::usb_port);
    let serial = table.optional("serial", values::usb_serial);
    if !["vendor", "product", "port", "serial"].iter().any(|key| table.has(key)) {
        table.blame("port", Problem::Missing { example: "at least one of vendor, product, port and serial" });
    }
    let usb_match = UsbMatch { vendor, product, port, serial };
    (usb_match != UsbMatch::default()).then_some(usb_match)
}

fn serial(table: &mut Table<'_, '_>) -> Serial {
    let line = line(table);
    let protocol = table.or("protocol", Protocol::None, values::word(&Protocol::WORDS));
    if protocol == Protocol::ZebraSsi {
        pass_every_byte(table, line);
    }
    Serial { line, protocol, signals: table.inner("signals_hex", signals).unwrap_or_default() }
}

/// Refuses settings that lose bytes: packets hold every value of a byte.
fn pass_every_byte(table: &mut Table<'_, '_>, line: Line) {
    if line.data_bits != DataBits::Eight {
        table
            .blame("data_bits", Problem::Unfit { what: "truncates the packets of zebra-ssi", cure: "use 8" });
    }
    if line.flow_control == FlowControl::Software {
        let cure = "use \"hardware\" or \"none\"";
        table.blame(
            "flow_control",
            Problem::Unfit { what: "removes bytes from the packets of zebra-ssi", cure },
        );
    }
}

fn line(table: &mut Table<'_, '_>) -> Line {
    let usual = Line::default();
    Line {
        baud: table.or("baud", usual.baud, whole(50..=4_000_000)),
        data_bits: table.or("data_bits", usual.data_bits, |value| {
            // `whole` has checked the bounds: `of` always finds a value.
            whole(5..=8)(value).map(|bits: u8| DataBits::of(bits).unwrap_or(usual.data_bits))
        }),
        parity: table.or("parity", usual.parity, values::word(&PARITIES)),
        stop_bits: table.or("stop_bits", usual.stop_bits, |value| {
            whole(1..=2)(value).map(|bits: u8| StopBits::of(bits).unwrap_or(usual.stop_bits))
        }),
        flow_control: table.or("flow_control", usual.flow_control, values::word(&FLOW_CONTROLS)),
    }
}

fn signals(table: &mut Table<'_, '_>) -> Signals {
    let mut bytes = |key| table.or(key, Vec::new(), values::hex_bytes);
    Signals {
        booked: bytes("booked"),
        unknown: bytes("unknown"),
        refused: bytes("refused"),
        control: bytes("control"),
        posted: bytes("posted"),
        person: bytes("person"),
    }
}

/// Returns the place, which a scanner with a device must have.
fn require_place(table: &mut Table<'_, '_>, place: Option<Place>) -> Option<Place> {
    if !table.has("path") && !table.has("match") {
        let example = "path = \"/dev/…\" or match = { port = \"1-1.3\" } under this [[scanner]]";
        table.blame("path", Problem::Missing { example });
    }
    place
}

fn refuse(table: &mut Table<'_, '_>, keys: &[&'static str]) {
    // Collected first, because recording a fault needs the table.
    for key in keys.iter().filter(|key| table.has(key)).copied().collect::<Vec<_>>() {
        table
            .blame(key, Problem::Unfit { what: "does not apply to this kind of scanner", cure: "remove it" });
    }
}

/// A scanner's use of a value that no other scanner may have.
struct Claim<'a, T> {
    key: &'static str,
    /// The index of the scanner.
    index: usize,
    value: &'a T,
    /// The cure if another scanner has it.
    cure: &'static str,
}

/// Records that a scanner uses a value, or the fault that another one already does.
fn take<T: PartialEq + Clone>(table: &mut Table<'_, '_>, taken: &mut Vec<(usize, T)>, claim: &Claim<'_, T>) {
    let Claim { key, index, value, cure } = *claim;
    match taken.iter().find(|(_, other)| other == value) {
        Some((by, _)) => table.blame(key, Problem::Taken { by: *by, cure }),
        None => taken.push((index, value.clone())),
    }
}
