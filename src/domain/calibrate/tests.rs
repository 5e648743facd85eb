//! Tests that play a scanner, set up in every way, and compare the findings with its set-up.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::domain::code::calibration;
use crate::domain::decode::framing::Framer;
use crate::domain::decode::framing::Framing;
use crate::domain::decode::framing::Refusal;
use crate::domain::decode::framing::Terminator;
use crate::domain::decode::keymap::EV_KEY;
use crate::domain::decode::keymap::EV_SYN;
use crate::domain::decode::keymap::LAYOUTS;
use crate::domain::decode::keymap::Layout;
use crate::domain::decode::keymap::LayoutName;
use crate::domain::decode::keymap::Level;
use crate::domain::decode::keymap::SYN_DROPPED;
use crate::domain::decode::keymap::SYN_REPORT;
use crate::domain::decode::keymap::Stroke;
use crate::domain::decode::keymap::trace::Trace;
use crate::domain::time::BootMillis;

const ENTER: u16 = 28;
const TAB: u16 = 15;
const LINE_FEED: u16 = 101;
const CTRL: u16 = 29;
const SHIFT: u16 = 42;
const ALT: u16 = 56;
const ALT_GR: u16 = 100;
const SPACE: u16 = 57;
const F8: u16 = 66;
/// The number pad's digits, from 0 on.
const PAD: [u16; 10] = [82, 79, 80, 81, 75, 76, 77, 71, 72, 73];
/// Layouts that type ASCII alike.
const ALIKE: [&[&str]; 3] = [&["us", "pl"], &["ch", "ch-fr"], &["se", "fi"]];

/// The change to letters.
type Letters = fn(char) -> char;

/// The setting of a played scanner.
#[derive(Debug, Clone, Copy)]
struct Setting {
    layout: &'static str,
    case: Letters,
    front: &'static str,
    behind: &'static str,
    end: &'static str,
    /// The keys that are typed for a group separator.
    separator: Gs,
    by_numbers: bool,
    /// Microseconds between two changes of keys.
    step_us: i64,
}

#[derive(Debug, Clone, Copy)]
enum Gs {
    Control,
    Alt,
    Hex,
    Key,
    Text(&'static str),
}

const USUAL: Setting = Setting {
    layout: "us",
    case: |c| c,
    front: "",
    behind: "",
    end: "\r",
    separator: Gs::Control,
    by_numbers: false,
    step_us: 500,
};

/// The keys of a scanner, as it presses them.
struct Player {
    setting: Setting,
    layout: Layout,
    now_us: i64,
    events: Vec<InputEvent>,
}

impl Player {
    fn new(setting: Setting) -> Self {
        let layout = Layout::of(LayoutName::from_word(setting.layout).unwrap());
        Self { setting, layout, now_us: 10_000_000, events: Vec::new() }
    }

    /// Returns what it sends for these texts, two seconds apart.
    fn scan(mut self, texts: &[&str]) -> Capture {
        for text in texts {
            let cased: String = text.chars().map(self.setting.case).collect();
            for c in self.setting.front.chars().chain(cased.chars()).chain(self.setting.behind.chars()) {
                self.character(c);
            }
            for end in self.setting.end.chars() {
                self.chord(&[match end {
                    '\r' => ENTER,
                    '\t' => TAB,
                    _ => LINE_FEED,
                }]);
            }
            self.now_us += 2_000_000;
        }
        Capture::Keys(self.events)
    }

    fn character(&mut self, c: char) {
        match (c, self.setting.separator) {
            (calibration::SEPARATOR, Gs::Control) => {
                // The key of `]`, where that needs no other modifier; else the one it is on a US keyboard.
                let (key, level, _) = self.key(']');
                self.chord(&[CTRL, if level == Level::default() { key } else { 27 }]);
            }
            (calibration::SEPARATOR, Gs::Alt) => self.chord(&[ALT, PAD[0], PAD[2], PAD[9]]),
            (calibration::SEPARATOR, Gs::Hex) => {
                self.chord(&[CTRL, SHIFT, 22]);
                let (one, d) = (self.key('1').0, self.key('d').0);
                for key in [one, d] {
                    self.chord(&[key]);
                }
                self.chord(&[SPACE]);
            }
            (calibration::SEPARATOR, Gs::Key) => self.chord(&[F8]),
            (calibration::SEPARATOR, Gs::Text(text)) => text.chars().for_each(|c| self.character(c)),
            (c, _) if self.setting.by_numbers => {
                let digits = format!("0{}", u32::from(c));
                let pads = digits.bytes().map(|digit| PAD[usize::from(digit - b'0')]);
                self.chord(&[ALT].into_iter().chain(pads).collect::<Vec<_>>());
            }
            (c, _) => self.plain(c),
        }
    }

    fn plain(&mut self, c: char) {
        let (code, level, is_dead) = self.key(c);
        let modifiers = [(level.shift, SHIFT), (level.alt_gr, ALT_GR)];
        let held = modifiers.into_iter().filter(|(is_held, _)| *is_held).map(|(_, key)| key);
        self.chord(&held.chain([code]).collect::<Vec<_>>());
        if is_dead {
            self.chord(&[SPACE]);
        }
    }

    /// Returns the key that types this; in a layout without it, the key that does on a US keyboard.
    fn key(&self, c: char) -> (u16, Level, bool) {
        let level = |shift, alt_gr| Level { shift, alt_gr, caps: false };
        let levels = [level(false, false), level(true, false), level(false, true), level(true, true)];
        let us = Layout::of(LayoutName::US);
        let find = |layout: &Layout, wanted: Stroke| {
            let tries = levels.iter().flat_map(|level| layout.codes().map(|code| (code, *level)));
            tries.into_iter().find(|(code, level)| layout.stroke(*code, *level) == wanted)
        };
        let plain = |layout| find(layout, Stroke::Char(c)).map(|(code, level)| (code, level, false));
        let dead = || find(&self.layout, Stroke::Dead(c)).map(|(code, level)| (code, level, true));
        plain(&self.layout).or_else(dead).or_else(|| plain(&us)).unwrap()
    }

    /// Holds modifiers, then presses keys one after the other.
    fn chord(&mut self, keys: &[u16]) {
        let is_modifier = |key: &&u16| [CTRL, SHIFT, ALT, ALT_GR].contains(key);
        let held: Vec<u16> = keys.iter().filter(is_modifier).copied().collect();
        for key in &held {
            self.event(*key, 1);
        }
        for key in keys.iter().filter(|key| !is_modifier(key)) {
            self.event(*key, 1);
            self.event(*key, 0);
        }
        for key in held.iter().rev() {
            self.event(*key, 0);
        }
    }

    fn event(&mut self, code: u16, value: i32) {
        self.events.push(InputEvent { at_us: self.now_us, kind: EV_KEY, code, value });
        self.events.push(InputEvent { at_us: self.now_us, kind: EV_SYN, code: SYN_REPORT, value: 0 });
        self.now_us += self.setting.step_us;
    }
}

const FIRST: &str = CalibrationCode::First.text();
const SECOND: &str = CalibrationCode::Second.text();

fn scan(setting: Setting) -> Capture {
    Player::new(setting).scan(&[FIRST, SECOND])
}

fn found(capture: &Capture) -> Findings {
    let attempts = attempts(capture);
    let is_read = |attempt: &Attempt| matches!(attempt, Attempt::Read(_));
    assert!(attempts.iter().all(is_read), "{attempts:?}");
    Findings::of(&attempts).unwrap().unwrap()
}

/// Returns what a serial scanner sends, a byte each half millisecond, two seconds between texts.
fn bytes(texts: &[&[u8]]) -> Capture {
    let mut at_us = 5_000_000;
    let mut sent = Vec::new();
    for text in texts {
        for byte in *text {
            sent.push(Byte { at_us, byte: *byte });
            at_us += 500;
        }
        at_us += 2_000_000;
    }
    Capture::Bytes(sent)
}

fn serial(front: &str, behind: &str) -> Capture {
    let texts = [FIRST, SECOND].map(|text| format!("{front}{text}{behind}"));
    bytes(&[texts[0].as_bytes(), texts[1].as_bytes()])
}

fn words(layouts: &[LayoutName]) -> Vec<&'static str> {
    layouts.iter().map(|layout| layout.as_str()).collect()
}

fn says(findings: &Findings) -> Vec<String> {
    findings.advice().into_iter().filter(|advice| advice.is_fault).map(|advice| advice.says).collect()
}

#[test]
fn the_first_code_tells_every_layout_from_all_that_are_not_the_same_in_ascii() {
    for (name, _) in LAYOUTS.into_iter().filter(|(name, _)| *name != "ru") {
        let alone = [name];
        let alike = ALIKE.into_iter().find(|alike| alike.contains(&name)).unwrap_or(&alone);
        let capture = Player::new(Setting { layout: name, ..USUAL }).scan(&[FIRST]);
        let attempts = attempts(&capture);
        let [Attempt::Read(seen)] = &attempts[..] else { panic!("{name}: {attempts:?}") };
        let layouts: Vec<_> = seen.ways.iter().filter_map(|way| way.layout).collect();
        assert_eq!(words(&layouts), alike, "{name}");
        assert_eq!(seen.code, CalibrationCode::First);
    }
}

#[test]
fn a_scanner_of_every_layout_is_found_as_it_is_set() {
    for (name, _) in LAYOUTS.into_iter().filter(|(name, _)| *name != "ru") {
        let findings = found(&scan(Setting { layout: name, ..USUAL }));
        assert!(words(&findings.layouts).contains(&name), "{name}");
        assert_eq!((findings.case, &findings.end), (Case::Kept, &End::Known(Terminator::Cr)), "{name}");
        assert_eq!(findings.separator, Some(Separator::Control), "{name}");
        assert_eq!((findings.prefix.as_str(), findings.suffix.as_str()), ("", ""), "{name}");
        assert_eq!(says(&findings), [""; 0], "{name}");
    }
}

#[test]
fn a_scanner_set_to_a_layout_without_latin_letters_is_told_to_be_set_to_another() {
    let findings = found(&scan(Setting { layout: "ru", ..USUAL }));
    assert_eq!(words(&findings.layouts), ["ru"]);
    assert_eq!(
        says(&findings),
        ["it is set to a layout without Latin letters, in which control codes cannot be typed"]
    );
}

#[test]
fn what_becomes_of_letters_is_found_in_every_layout() {
    let swap = |c: char| if c.is_ascii_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() };
    let cases: [(Letters, Case); 3] = [
        (swap, Case::Swapped),
        (|c| c.to_ascii_uppercase(), Case::Upper),
        (|c| c.to_ascii_lowercase(), Case::Lower),
    ];
    for layout in ["us", "fr", "tr"] {
        for (case, wanted) in cases {
            let findings = found(&scan(Setting { layout, case, ..USUAL }));
            assert_eq!((findings.case, findings.layouts[0].as_str()), (wanted, layout));
            assert_eq!(says(&findings).len(), 1);
        }
    }
}

#[test]
fn what_codes_end_with_is_found() {
    let ends = [
        ("\r", End::Known(Terminator::Cr)),
        ("\n", End::Known(Terminator::Lf)),
        ("\r\n", End::Known(Terminator::CrLf)),
        ("\t", End::Known(Terminator::Tab)),
        ("", End::Nothing),
        ("\r\r", End::Other("\r\r".to_owned())),
    ];
    for (end, wanted) in ends {
        assert_eq!(found(&scan(Setting { end, ..USUAL })).end, wanted);
        let findings = found(&serial("", end));
        assert_eq!((findings.end.clone(), findings.layouts.len()), (wanted, 0));
        assert_eq!(says(&findings).is_empty(), !end.is_empty());
    }
    assert_eq!(found(&serial("", "\0")).end, End::Other("\0".to_owned()));
}

#[test]
fn a_terminator_is_named_where_the_station_needs_it() {
    let ends = ["\r", "\n", "\r\n", "\t", "\u{3}", "\u{3}\r", "\r\r", "\0", ""];
    for (stx, end) in ["", "\u{2}"].iter().flat_map(|stx| ends.map(|end| (stx, end))) {
        let findings = found(&serial(&format!("{stx}]C0ab"), &format!("yz{end}")));
        assert_eq!((findings.prefix.as_str(), findings.suffix.as_str()), ("ab", "yz"), "{end:?}");
        for (_, configured) in Terminator::WORDS {
            let terminator = findings.terminator(configured).unwrap_or(configured);
            let framing = Framing { terminator, ..Framing::unguarded(Duration::from_millis(200)) };
            let mut reader = Framer::new(framing);
            let sent = format!("{stx}4006381333931{end}");
            let mut frames = Vec::new();
            for at in [0, 1000] {
                reader.push(sent.as_bytes(), BootMillis(at), &mut frames);
            }
            let told: Vec<_> = frames.into_iter().map(|frame| frame.verdict).collect();
            let code = Ok("4006381333931".to_owned());
            let wanted = if end.is_empty() { vec![Err(Refusal::Unfinished)] } else { vec![code; 2] };
            assert_eq!(told, wanted, "{end:?} of an entry with {configured:?}");
        }
    }
}

#[test]
fn what_is_added_in_front_and_behind_is_found() {
    for layout in ["us", "de", "fr"] {
        let findings = found(&scan(Setting { layout, front: "<Ab]C0", behind: "z>", ..USUAL }));
        assert_eq!((findings.prefix.as_str(), findings.suffix.as_str()), ("<Ab", "z>"), "{layout}");
        assert_eq!((findings.aim.as_deref(), findings.layouts[0].as_str()), (Some("]C0"), layout));
    }
    let findings = found(&serial("]Q1##", ";\r\n"));
    assert_eq!((findings.prefix.as_str(), findings.aim.as_deref()), ("##", Some("]Q1")));
    assert_eq!((findings.suffix.as_str(), findings.end), (";", End::Known(Terminator::CrLf)));
}

#[test]
fn what_the_station_refuses_in_front_or_behind_is_a_fault() {
    let findings = found(&serial("\u{1}", "\u{2}\r"));
    assert_eq!(says(&findings), [r"it adds what is no text: `\u{1}` in front, `\u{2}` behind"]);
    let own_mark = found(&serial("j", "\r")).advice();
    assert!(own_mark.iter().any(|advice| !advice.is_fault && advice.says.contains("`j`")), "{own_mark:?}");
}

#[test]
fn how_a_separator_arrives_is_found() {
    let typed = [
        (Gs::Control, Separator::Control),
        (Gs::Alt, Separator::AltCode),
        (Gs::Hex, Separator::Hexadecimal),
        (Gs::Key, Separator::Key(F8)),
        (Gs::Text("|"), Separator::Other("|".to_owned())),
        (Gs::Text("<GS>"), Separator::Other("<GS>".to_owned())),
        (Gs::Text(""), Separator::Dropped),
    ];
    for (separator, wanted) in typed {
        for layout in ["us", "fr"] {
            let findings = found(&scan(Setting { layout, separator, ..USUAL }));
            assert_eq!(findings.separator.as_ref(), Some(&wanted), "{layout}");
            let is_told = findings.advice().iter().any(|advice| advice.says.contains("the group separator"));
            assert_eq!(is_told, !wanted.is_read(), "{layout} {wanted:?}");
        }
    }
    assert_eq!(found(&serial("", "\r")).separator, Some(Separator::Byte));
    assert!(
        Findings::of(&attempts(&scan(Setting { separator: Gs::Key, ..USUAL }))).unwrap().unwrap().advice()[0]
            .says
            .contains("the key F8")
    );
}

#[test]
fn a_scanner_that_types_numbers_has_every_layout() {
    let findings = found(&scan(Setting { by_numbers: true, separator: Gs::Alt, ..USUAL }));
    assert_eq!((findings.layouts.len(), findings.by_numbers, findings.layouts[0].as_str()), (21, true, "us"));
    assert!(!found(&scan(USUAL)).by_numbers);
}

#[test]
fn speed_and_the_gap_that_is_safe_are_measured() {
    let findings = found(&scan(Setting { step_us: 500, ..USUAL }));
    assert_eq!((findings.longest_us, findings.gap_ms_safe(), findings.gap_ms()), (500, Some(30), 200));
    assert!((1000..=2000).contains(&findings.character_us), "{}", findings.character_us);
    let findings = found(&scan(Setting { step_us: 80_000, ..USUAL }));
    assert_eq!((findings.gap_ms_safe(), findings.gap_ms()), (Some(260), 260));
    assert!(findings.advice().iter().any(|advice| advice.says.starts_with("it is slow: an EAN-13 takes ")));
    let never = Findings { longest_us: 1_700_000, ..findings };
    assert_eq!((never.gap_ms_safe(), never.gap_ms()), (None, 5000));
}

#[test]
fn a_code_that_lacks_a_character_anywhere_is_not_read() {
    for (text, layout) in [(FIRST, "us"), (SECOND, "fr")] {
        for at in text.char_indices().map(|(at, _)| at).filter(|at| text.as_bytes()[*at] != 0x1d) {
            let mut torn = text.to_owned();
            torn.remove(at);
            let attempts = attempts(&Player::new(Setting { layout, ..USUAL }).scan(&[&torn]));
            let is_told = matches!(&attempts[..], [Attempt::Missed(Miss::Nearly { is_short: true, .. })]);
            assert!(is_told, "{layout} {torn}: {attempts:?}");
        }
    }
}

#[test]
fn no_events_lost_anywhere_make_another_finding() {
    let Capture::Keys(events) = scan(Setting { layout: "de", front: "ab", ..USUAL }) else { unreachable!() };
    let whole = found(&Capture::Keys(events.clone()));
    for first in (0..events.len()).step_by(10) {
        for count in [2, 20] {
            let (mut told, mut silent) = (events.clone(), events.clone());
            let end = (first + count).min(events.len());
            let last = told.drain(first..end).next_back().unwrap();
            silent.drain(first..end);
            told.insert(first, InputEvent { kind: EV_SYN, code: SYN_DROPPED, value: 0, ..last });
            let told = attempts(&Capture::Keys(told));
            assert!(
                told.iter().any(|attempt| matches!(attempt, Attempt::Missed(_))),
                "{first} {count}: {told:?}"
            );
            // Without a report of the kernel a lost character of the prefix, or a lost separator, cannot be known:
            // then the two codes differ, or one is not read.
            if let Ok(Some(findings)) = Findings::of(&attempts(&Capture::Keys(silent))) {
                let same = |findings: &Findings| (findings.layouts.clone(), findings.case);
                assert_eq!(same(&findings), same(&whole), "{first} {count}");
            }
        }
    }
}

#[test]
fn readings_that_differ_are_said_to() {
    let differ = |one: &[u8], other: &[u8]| Findings::of(&attempts(&bytes(&[one, other]))).unwrap_err().0;
    let first = |text: &str| format!("{text}\r").into_bytes();
    assert_eq!(differ(&first(FIRST), &first(&FIRST.to_uppercase())), "the case of letters");
    assert_eq!(differ(&first(FIRST), &first(&format!("x{FIRST}"))), "what stands in front");
    assert_eq!(differ(&first(FIRST), &first(&format!("{FIRST}x"))), "what stands behind");
    assert_eq!(differ(&first(FIRST), FIRST.as_bytes()), "the end");
    assert_eq!(differ(&first(FIRST), &first(&format!("]C0{SECOND}"))), "the AIM identifier");
    assert_eq!(differ(&first(SECOND), &first(&SECOND.replace('\u{1d}', ""))), "the group separator");
    let Capture::Keys(mut events) = scan(USUAL) else { unreachable!() };
    let Capture::Keys(other) = scan(Setting { layout: "de", ..USUAL }) else { unreachable!() };
    events.extend(other.into_iter().map(|event| InputEvent { at_us: event.at_us + 60_000_000, ..event }));
    assert_eq!(Findings::of(&attempts(&Capture::Keys(events))).unwrap_err().0, "the layout");
}

#[test]
fn what_is_no_calibration_code_is_said_to_be_none() {
    let missed = |capture: &Capture| match attempts(capture).remove(0) {
        Attempt::Missed(miss) => miss,
        Attempt::Read(seen) => panic!("{seen:?}"),
    };
    let other = Miss::Other { read: "4006381333931".to_owned() };
    assert_eq!(missed(&Player::new(USUAL).scan(&["4006381333931"])), other);
    assert_eq!(missed(&bytes(&[b"4006381333931\r"])), other);
    assert_eq!(
        missed(&bytes(&[b"\xffF\x81\x02\r"])),
        Miss::Damaged { read: "\u{fffd}F\u{fffd}\u{2}".to_owned() }
    );
    let wrong =
        Miss::Nearly { code: CalibrationCode::First, read: "$SP.zQm1-?\\#@\"".to_owned(), is_short: false };
    assert_eq!(missed(&bytes(&[b"$SP.zQm1-?\\#@\"\r"])), wrong);
    assert_eq!(attempts(&Capture::Bytes(Vec::new())), []);
    assert_eq!(attempts(&bytes(&[b"\r\n"])), []);
    assert_eq!(Findings::of(&[]), Ok(None));
}

#[test]
fn two_codes_without_a_pause_between_them_are_two() {
    let both = format!("{FIRST}\r\n{SECOND}\r\n");
    let attempts = attempts(&bytes(&[both.as_bytes()]));
    assert_eq!(read_codes(&attempts), CalibrationCode::ALL);
    assert_eq!(attempts.len(), 2);
    let at_once = both.bytes().map(|byte| Byte { at_us: 7_000_000, byte }).collect();
    assert_eq!(super::attempts(&Capture::Bytes(at_once)).len(), 2);
}

#[test]
fn traces_of_the_field_are_no_calibration() {
    for text in [
        include_str!("../../../tests/data/traces/german.txt"),
        include_str!("../../../tests/data/traces/alt-mode.txt"),
        include_str!("../../../tests/data/traces/dropped-events.txt"),
    ] {
        let attempts = attempts(&Capture::Keys(Trace::parse(text).unwrap().events));
        assert!(!attempts.is_empty());
        assert!(attempts.iter().all(|attempt| matches!(attempt, Attempt::Missed(_))), "{attempts:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn no_bytes_stop_it_and_none_but_the_codes_are_one(sent in proptest::collection::vec((any::<u8>(), 0_i64..2_000_000), 0..80)) {
        let mut at_us = 0;
        let bytes = sent.into_iter().map(|(byte, wait)| { at_us += wait; Byte { at_us, byte } });
        prop_assert_eq!(read_codes(&attempts(&Capture::Bytes(bytes.collect()))), []);
    }

    #[test]
    fn no_events_stop_it(sent in proptest::collection::vec((0_u16..2, 0_u16..130, 0_i32..3, 0_i64..600_000), 0..120)) {
        let mut at_us = 0;
        let events = sent.into_iter().map(|(kind, code, value, wait)| { at_us += wait; InputEvent { at_us, kind, code, value } });
        prop_assert_eq!(read_codes(&attempts(&Capture::Keys(events.collect()))), []);
    }
}
