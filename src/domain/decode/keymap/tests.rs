//! Tests that play keyboards, and compare what was meant with what comes out.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::domain::decode::framing::Frame;
use crate::domain::decode::framing::Framing;
use crate::domain::decode::framing::Guarding;
use crate::domain::time::BootMillis;

const GAP_MS: i64 = 200;

/// Returns the codes of keys by their names.
fn code(name: &str) -> u16 {
    const ROWS: [(u16, &str); 4] =
        [(2, "1234567890-="), (16, "qwertyuiop[]"), (30, "asdfghjkl;'`"), (43, "\\zxcvbnm,./")];
    const NAMES: [(&str, u16); 19] = [
        ("pad-=", 117),
        ("backspace", 14),
        ("tab", 15),
        ("enter", 28),
        ("ctrl", 29),
        ("shift", 42),
        ("right-shift", 54),
        ("alt", 56),
        ("space", 57),
        ("caps", 58),
        ("f1", 59),
        ("num", 69),
        ("pad-decimal", 83),
        ("pad-enter", 96),
        ("pad-/", 98),
        ("right-alt", 100),
        ("meta", 125),
        ("pad-comma", 121),
        ("102nd", 86),
    ];
    const PAD: [u16; 10] = [82, 79, 80, 81, 75, 76, 77, 71, 72, 73];
    if let Some(digit) = name.strip_prefix("pad").and_then(|digit| digit.parse::<usize>().ok()) {
        return PAD[digit];
    }
    if let Some((_, code)) = NAMES.iter().find(|(known, _)| *known == name) {
        return *code;
    }
    let row = |(first, keys): &(u16, &str)| keys.find(name).map(|at| first + u16::try_from(at).unwrap());
    ROWS.iter().find_map(row).unwrap_or_else(|| panic!("no key {name}"))
}

/// Keys of a test follow each other at once.
const FRAMING: Framing = Framing {
    guarding: Guarding::On { burst: Duration::ZERO },
    ..Framing::usual(Duration::from_millis(200))
};

/// A keyboard scanner whose keys a test presses, one event a millisecond.
struct Play {
    stream: KeyStream,
    now_us: i64,
    frames: Vec<Frame>,
}

impl Play {
    fn new(layout: &str) -> Self {
        let layout = LayoutName::from_word(layout).unwrap();
        let stream = KeyStream::new(layout, FRAMING, BootMillis(0));
        Self { stream, now_us: 1_000_000, frames: Vec::new() }
    }

    fn event(&mut self, kind: u16, code: u16, value: i32) {
        let event = InputEvent { at_us: self.now_us, kind, code, value };
        self.stream.take(event, &mut self.frames);
    }

    fn change(&mut self, code: u16, value: i32) {
        self.now_us += 1000;
        self.event(EV_KEY, code, value);
        self.event(EV_SYN, SYN_REPORT, 0);
    }

    fn pause(mut self, ms: i64) -> Self {
        self.now_us += ms * 1000;
        self.stream.expire(BootMillis(self.now_us / 1000), &mut self.frames);
        self
    }

    fn drop_events(mut self) -> Self {
        self.event(EV_SYN, SYN_DROPPED, 0);
        self.event(EV_SYN, SYN_REPORT, 0);
        self
    }

    fn finish(mut self) -> Self {
        self.stream.finish(&mut self.frames);
        self
    }

    /// Presses keys by words: `a` is a key pressed and released, `+a` pressed, `-a` released, `=a` held, `shift+a`
    /// both.
    fn keys(mut self, words: &str) -> Self {
        for word in words.split_whitespace() {
            let (sign, name) = word.split_at(1);
            match (sign, name.is_empty()) {
                ("+", false) => self.change(code(name), 1),
                ("-", false) => self.change(code(name), 0),
                ("=", false) => self.change(code(name), 2),
                _ => self.chord(word),
            }
        }
        self
    }

    fn chord(&mut self, word: &str) {
        let codes: Vec<u16> = word.split('+').map(code).collect();
        for code in &codes {
            self.change(*code, 1);
        }
        for code in codes.iter().rev() {
            self.change(*code, 0);
        }
    }

    /// Returns the frames, one a word: the text, or `!` with the refusal and the bytes; missing things are `?`.
    fn tell(&self) -> String {
        let words: Vec<String> = self
            .frames
            .iter()
            .map(|frame| match &frame.verdict {
                Ok(text) => text.replace('\u{1d}', "<GS>"),
                Err(refusal) => {
                    let raw = String::from_utf8_lossy(&frame.raw).replace('\u{fffd}', "?");
                    format!("!{}:{raw}", refusal.as_str())
                }
            })
            .collect();
        words.join(" | ")
    }
}

/// Returns what the keys type, ended by Enter.
fn typed(layout: &str, words: &str) -> String {
    Play::new(layout).keys(words).keys("enter").tell()
}

#[test]
fn a_key_counts_once_however_long_it_is_held() {
    assert_eq!(typed("us", "0 0 1 1 1"), "00111");
    assert_eq!(typed("us", "+0 =0 =0 =0 -0 +0 -0"), "00");
    assert_eq!(typed("us", "+1 +2 -1 +3 -2 -3"), "123");
}

#[test]
fn enter_pad_enter_and_tab_end_a_code() {
    assert_eq!(Play::new("us").keys("1 enter 2 pad-enter 3 tab enter 4 enter").tell(), "1 | 2 | 3 | 4");
}

#[test]
fn shift_and_caps_lock_change_letters_and_not_digits_back() {
    assert_eq!(typed("us", "a shift+a right-shift+1 +shift a b -shift c"), "aA!ABc");
    assert_eq!(typed("us", "caps a 1 shift+a shift+1 caps a"), "A1a!a");
    assert_eq!(typed("fr", "caps shift+1 2 caps"), "1É");
}

#[test]
fn alt_gr_types_what_the_layout_has_there_and_so_do_ctrl_and_alt() {
    assert_eq!(typed("de", "right-alt+q ctrl+alt+q right-alt+8 shift+7 y"), "@@[/z");
    assert_eq!(typed("fr", "a right-alt+0 shift+1"), "q@1");
}

#[test]
fn the_number_pad_types_with_and_without_num_lock() {
    assert_eq!(typed("us", "pad4 pad0 num pad0 pad6 num pad-decimal pad-/"), "4006./");
    assert_eq!(typed("de", "pad4 pad-decimal"), "4,");
    assert_eq!(typed("us", "shift+a pad-= pad1"), "A=1");
}

#[test]
fn the_group_separator_is_understood_in_each_of_its_ways() {
    for gs in [
        "ctrl+]",
        "+alt pad0 pad2 pad9 -alt",
        "+alt pad0 pad0 pad2 pad9 -alt",
        "ctrl+shift+u 1 d space",
        "+ctrl +shift u 1 d -shift -ctrl",
        "ctrl+shift+u 0 0 1 shift+d enter",
    ] {
        assert_eq!(typed("us", &format!("1 {gs} 2")), "1<GS>2", "{gs}");
    }
    assert_eq!(typed("us", "1 ctrl+shift+] 2"), "1<GS>2");
    for layout in ["br", "jp"] {
        // The key of the US bracket has another bracket there, which alone would be ESC.
        assert_eq!(typed(layout, "1 ctrl+] 2 ctrl+\\ 3"), "1<GS>2<GS>3", "{layout}");
    }
    // The key of the bracket on a US keyboard, and the bracket of the layout.
    assert_eq!(typed("de", "1 ctrl+] 2 +ctrl right-alt+9 -ctrl 3"), "1<GS>2<GS>3");
    assert_eq!(typed("fr", "shift+1 +ctrl +shift u pad1 d -ctrl -shift"), "1<GS>");
}

#[test]
fn a_code_on_the_number_pad_is_its_character() {
    assert_eq!(typed("us", "+alt pad0 pad0 pad6 pad5 -alt +alt pad6 pad6 -alt"), "AB");
    assert_eq!(typed("de", "+alt pad0 pad2 pad3 pad3 -alt"), "é");
    assert_eq!(Play::new("us").keys("1 +alt pad0 pad1 pad3 -alt").tell(), "1");
    // In `us` the right Alt is an Alt.
    assert_eq!(typed("us", "+right-alt pad6 pad6 -right-alt"), "B");
}

#[test]
fn a_code_that_is_no_known_character_is_refused() {
    for bad in
        ["pad0", "pad2 pad3 pad3", "pad0 pad1 pad2 pad8", "pad0 pad0 pad0 pad0 pad6 pad5", "1", "pad-/"]
    {
        let told = typed("us", &format!("4 +alt {bad} -alt 5"));
        assert!(told.starts_with("!unknown-key:4?"), "{bad} gave {told}");
    }
    for bad in ["space", "g", "d 8 0 0 space", "1 1 0 0 0 0 0 0", "0 space", "1 tab"] {
        let told = typed("us", &format!("4 ctrl+shift+u {bad} 5"));
        assert!(told.starts_with("!unknown-key:4?"), "{bad} gave {told}");
    }
}

#[test]
fn an_accent_is_typed_with_the_space_bar_or_twice() {
    assert_eq!(typed("de", "` space ` ` shift+= space 1"), "^^`1");
    assert_eq!(typed("de", "` a 1"), "!unknown-key:?1");
    assert_eq!(Play::new("de").keys("1 ` enter 2 enter").tell(), "!unknown-key:1? | 2");
}

#[test]
fn a_key_that_types_nothing_refuses_its_code_and_no_other() {
    for bad in ["f1", "backspace", "meta+1", "alt+a", "ctrl+1", "shift+pad1"] {
        let told = Play::new("us").keys("4 0").keys(bad).keys("6 enter 7 enter").tell();
        let missed = if bad == "meta+1" { "?1" } else { "?" };
        assert_eq!(told, format!("!unknown-key:40{missed}6 | 7"), "{bad}");
    }
    assert_eq!(Play::new("us").keys("f1 enter").tell(), "!unknown-key:?");
}

#[test]
fn a_terminator_with_a_command_key_held_refuses_the_code() {
    assert_eq!(Play::new("us").keys("1 ctrl+enter 2 enter").tell(), "!unknown-key:1? | 2");
    assert_eq!(Play::new("us").keys("1 +alt pad6 enter -alt 2 enter").tell(), "!unknown-key:1? | 2");
}

#[test]
fn a_release_or_a_press_that_was_not_seen_refuses_the_code() {
    assert_eq!(typed("us", "4 -0 6"), "!unknown-key:4?6");
    assert_eq!(typed("us", "4 +0 +0 6"), "!unknown-key:40?6");
    assert_eq!(typed("us", "4 =0 6"), "!unknown-key:4?6");
}

#[test]
fn dropped_events_refuse_the_code_whole() {
    let play = Play::new("us").keys("4 0 0").drop_events().keys("6 3 enter 7 enter").pause(1000);
    assert_eq!(play.keys("8 enter").tell(), "!lost:400?63 | !tail:7 | 8");
    assert_eq!(Play::new("us").drop_events().pause(200).keys("7 enter").tell(), "!lost:? | !tail:7");
}

#[test]
fn what_stands_between_a_drop_and_the_next_report_is_not_read() {
    let mut play = Play::new("us").keys("4 0");
    play.event(EV_SYN, SYN_DROPPED, 0);
    play.event(EV_KEY, code("enter"), 1);
    play.event(EV_SYN, SYN_REPORT, 0);
    assert_eq!(play.keys("-enter 7 enter").tell(), "!lost:40?7");
}

#[test]
fn keys_held_over_a_drop_change_no_code() {
    let mut play = Play::new("us").keys("+shift a");
    play.event(EV_SYN, SYN_DROPPED, 0);
    let play = play.keys("b enter -shift 1 enter");
    assert_eq!(play.tell(), "!lost:A? | !tail:?1");
}

#[test]
fn after_a_drop_caps_lock_is_not_guessed_until_the_scanner_is_silent() {
    let play = Play::new("us").keys("caps a").drop_events().keys("enter a enter 1 enter");
    assert_eq!(play.tell(), "!lost:A? | !tail:? | !tail:1");
    assert_eq!(play.pause(1000).keys("a enter").tell(), "!lost:A? | !tail:? | !tail:1 | a");
}

#[test]
fn a_code_not_finished_is_refused_after_the_gap_and_so_is_a_combination() {
    assert_eq!(Play::new("us").keys("4 0").pause(200).keys("6 enter").tell(), "!unfinished:40 | !tail:6");
    assert_eq!(
        Play::new("us").keys("+alt pad6").pause(200).keys("-alt 6 enter").tell(),
        "!unfinished:? | !tail:6"
    );
    assert_eq!(Play::new("us").keys("4 +alt pad6").finish().tell(), "!lost:4?");
    assert_eq!(Play::new("us").keys("+alt pad6").finish().tell(), "!lost:?");
}

#[test]
fn the_gap_counts_from_the_last_key_and_not_from_the_last_character() {
    let play = Play::new("us").keys("1 +alt").pause(150).keys("pad6").pause(150).keys("pad6").pause(150);
    assert_eq!(play.keys("-alt enter").tell(), "1B");
    let held = Play::new("us").keys("1 +2").pause(150).keys("=2").pause(100);
    assert_eq!(held.tell(), "!unfinished:12");
}

#[test]
fn a_code_that_began_before_the_opening_is_refused() {
    let open = |first_at_us: i64| {
        let mut play = Play::new("us");
        play.now_us = first_at_us;
        play.keys("-4 0 0 6 enter 7 enter").tell()
    };
    assert_eq!(open(1000), "!tail:006 | !tail:7");
    assert_eq!(open(196_000), "!tail:006 | 7");
    assert_eq!(open(199_000), "006 | 7");
    let mut tail = Play::new("us");
    tail.now_us = 1000;
    assert_eq!(tail.keys("enter 7 enter").tell(), "!tail:7");
}

#[test]
fn a_trace_plays_as_it_was_recorded() {
    let text = "!layout de\n!opened 1\n2.0 4 4 458782\n2.0 1 44 1\n2.0 0 0 0\n2.001 1 44 0\n2.001 0 0 0\n2.01 1 28 1\n";
    let trace = trace::Trace::parse(text).unwrap();
    let frames = trace.replay(FRAMING);
    assert_eq!(frames[0].verdict, Ok("y".to_owned()));
}

/// Returns the ways in which each character of a layout can be typed: the keys, with the modifiers that are held.
fn ways(layout: LayoutName) -> Vec<(char, Vec<(u16, Level)>)> {
    let table = Layout::of(layout);
    let levels = [(false, false), (true, false), (false, true), (true, true)].map(|(shift, alt_gr)| Level {
        shift,
        alt_gr,
        caps: false,
    });
    let usable = |level: &Level| !level.alt_gr || table.has_alt_gr();
    let mut ways = Vec::new();
    for code in table.codes() {
        for level in levels.into_iter().filter(usable) {
            match table.stroke(code, level) {
                Stroke::Char(c) => ways.push((c, vec![(code, level)])),
                Stroke::Dead(c) => ways.push((c, vec![(code, level), (57, Level::default())])),
                Stroke::Nothing => (),
            }
        }
    }
    ways
}

/// Returns presses and releases, as a scanner sends them for one key.
fn strike(code: u16, level: Level) -> Vec<(u16, i32)> {
    let held: Vec<u16> =
        [(level.shift, 42), (level.alt_gr, 100)].iter().filter(|held| held.0).map(|held| held.1).collect();
    let down = held.iter().map(|code| (*code, 1));
    let up = held.iter().rev().map(|code| (*code, 0));
    down.chain([(code, 1), (code, 0)]).chain(up).collect()
}

/// Returns the keys of a character by its code on the number pad, or in hexadecimal.
fn by_number(c: char, in_hex: bool) -> Vec<(u16, i32)> {
    let (before, digits, after) = if in_hex {
        (vec![(29, 1), (42, 1), (22, 1), (22, 0)], format!("{:x}", u32::from(c)), vec![(42, 0), (29, 0)])
    } else {
        (vec![(56, 1)], format!("0{:03}", u32::from(c)), vec![(56, 0)])
    };
    let keys = digits.chars().flat_map(|digit| {
        let name = if digit.is_ascii_digit() { format!("pad{digit}") } else { digit.to_string() };
        [(code(&name), 1), (code(&name), 0)]
    });
    before.into_iter().chain(keys.collect::<Vec<_>>()).chain(after).collect()
}

/// Returns a layout, and a text with the keys that type it.
fn texts() -> impl Strategy<Value = (LayoutName, String, Vec<(u16, i32)>)> {
    let ways = proptest::sample::select(LAYOUTS.to_vec()).prop_map(|(_, layout)| (layout, ways(layout)));
    let strokes = proptest::collection::vec((any::<prop::sample::Index>(), 0_u8..10), 1..40);
    (ways, strokes).prop_map(|((layout, ways), strokes)| {
        let (mut text, mut keys) = (String::new(), Vec::new());
        // Letters that hexadecimal needs are where they are on a US keyboard in some layouts only.
        let has_hex = ["us", "uk", "it", "es"].contains(&layout.as_str());
        for (index, how) in strokes {
            let (c, way) = &ways[index.index(ways.len())];
            text.push(*c);
            match how {
                0 if c.is_ascii() => keys.extend(by_number(*c, false)),
                1 if has_hex => keys.extend(by_number(*c, true)),
                _ => keys.extend(way.iter().flat_map(|(code, level)| strike(*code, *level))),
            }
        }
        (layout, text, keys)
    })
}

/// Returns the events of keys, with the times between them.
fn events(keys: &[(u16, i32)], waits_ms: &[i64]) -> Vec<InputEvent> {
    let mut at_us = 5_000_000;
    let mut events = Vec::new();
    for ((code, value), wait_ms) in keys.iter().zip(waits_ms.iter().cycle()) {
        at_us += wait_ms * 1000;
        events.push(InputEvent { at_us, kind: 4, code: 4, value: 458_782 });
        events.push(InputEvent { at_us, kind: EV_KEY, code: *code, value: *value });
        events.push(InputEvent { at_us, kind: EV_SYN, code: SYN_REPORT, value: 0 });
    }
    events
}

fn frames_of(layout: LayoutName, events: &[InputEvent]) -> Vec<Frame> {
    let mut stream = KeyStream::new(layout, FRAMING, BootMillis(0));
    let mut frames = Vec::new();
    for event in events {
        // As often as a reader may wake for nothing.
        stream.expire(event.at(), &mut frames);
        stream.take(*event, &mut frames);
    }
    let end = events.last().map_or(BootMillis(0), InputEvent::at);
    stream.expire(end.plus_ms(GAP_MS), &mut frames);
    frames
}

proptest! {
    #[test]
    fn any_text_of_any_layout_typed_at_any_speed_comes_back_exactly(
        (layout, text, mut keys) in texts(), waits_ms in proptest::collection::vec(0..GAP_MS, 1..50),
    ) {
        keys.extend([(28, 1), (28, 0)]);
        let frames = frames_of(layout, &events(&keys, &waits_ms));
        prop_assert_eq!(frames.len(), 1, "{:?}", frames);
        prop_assert_eq!(&frames[0].verdict, &Ok(text));
    }

    #[test]
    fn lost_events_never_make_another_code_and_are_always_told(
        codes in proptest::collection::vec("[0-9A-Za-z]{4,14}", 1..5),
        wait_ms in 0_i64..8, pause_ms in prop_oneof![Just(0_i64), 1_i64..400],
        (first, count) in (any::<prop::sample::Index>(), 1_usize..120),
    ) {
        let ways = ways(LayoutName::US);
        let (mut keys, mut waits_ms) = (Vec::new(), Vec::new());
        for code in &codes {
            for c in code.chars() {
                let (_, way) = ways.iter().find(|(typed, _)| *typed == c).unwrap();
                keys.extend(way.iter().flat_map(|(code, level)| strike(*code, *level)));
            }
            keys.extend([(28, 1), (28, 0)]);
            waits_ms.resize(keys.len(), wait_ms);
            *waits_ms.last_mut().unwrap() = pause_ms;
        }
        let mut events = events(&keys, &waits_ms);
        let first = first.index(events.len());
        let lost: Vec<_> = events.drain(first..(first + count).min(events.len())).collect();
        let at_us = lost.last().unwrap().at_us;
        events.insert(first, InputEvent { at_us, kind: EV_SYN, code: SYN_DROPPED, value: 0 });
        let frames = frames_of(LayoutName::US, &events);
        let mut sent = codes.iter();
        for text in frames.iter().filter_map(|frame| frame.verdict.as_ref().ok()) {
            prop_assert!(sent.any(|code| code == text), "{} of {:?}", text, codes);
        }
        prop_assert!(frames.iter().any(|frame| frame.verdict.is_err()), "nothing told of the loss");
    }

    #[test]
    fn no_events_stop_the_stream(
        (layout, raw) in (proptest::sample::select(LAYOUTS.to_vec()),
            proptest::collection::vec((0_u16..5, 0_u16..130, 0_i32..3, 0_i64..300), 0..400)),
    ) {
        let mut at_us = 0;
        let events: Vec<InputEvent> = raw.iter().map(|(kind, code, value, ms)| {
            at_us += ms * 1000;
            InputEvent { at_us, kind: *kind, code: *code, value: *value }
        }).collect();
        for frame in frames_of(layout.1, &events) {
            prop_assert!((1..=512).contains(&frame.raw.len()));
        }
    }
}
