//! Our keyboard layouts against those of XKB, where `xkb-data` is installed.
//!
//! The same code makes them: what XKB says is written below the folder of test files, from where a table that is
//! new or wrong can be taken.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use kbvm::GroupIndex;
use kbvm::Keycode;
use kbvm::ModifierMask;
use kbvm::lookup::LookupTable;
use kbvm::syms;
use kbvm::xkb::Context;
use kbvm::xkb::diagnostic::Diagnostic;
use kbvm::xkb::rmlvo::Group;
use stockpoint::domain::decode::keymap::LAYOUTS;

const XKB: &str = "/usr/share/X11/xkb";
/// Says which version is installed.
const XKB_VERSION: &str = "/usr/share/pkgconfig/xkeyboard-config.pc";
/// The version our tables are from. In others single characters beyond ASCII may have moved.
const MADE_FROM: &str = "2.35.1";

/// The keys that type: the rows of letters and digits, the space bar, the keys that only some countries have,
/// and the two of the number pad that differ.
const KEYS: [&[u16]; 6] = [
    &[2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
    &[16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27],
    &[30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41],
    &[43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53],
    &[57, 83, 86, 89],
    &[121, 124],
];

/// The number pad's other keys, with Num Lock.
const PAD: [(u16, char); 14] = [
    (55, '*'),
    (71, '7'),
    (72, '8'),
    (73, '9'),
    (74, '-'),
    (75, '4'),
    (76, '5'),
    (77, '6'),
    (78, '+'),
    (79, '1'),
    (80, '2'),
    (81, '3'),
    (82, '0'),
    (98, '/'),
];

/// Layout and variant of XKB, and what to call it.
const SOURCES: [(&str, &str, &str, &str); 21] = [
    ("us", "us", "", "English (US)"),
    ("uk", "gb", "", "English (UK)"),
    ("de", "de", "", "German"),
    ("ch", "ch", "", "German (Switzerland)"),
    ("ch-fr", "ch", "fr", "French (Switzerland)"),
    ("fr", "fr", "", "French"),
    ("be", "be", "", "Belgian"),
    ("es", "es", "", "Spanish"),
    ("it", "it", "", "Italian"),
    ("pt", "pt", "", "Portuguese"),
    ("br", "br", "", "Portuguese (Brazil)"),
    ("se", "se", "", "Swedish"),
    ("fi", "fi", "classic", "Finnish"),
    ("no", "no", "", "Norwegian"),
    ("dk", "dk", "", "Danish"),
    ("pl", "pl", "", "Polish"),
    ("cz", "cz", "", "Czech"),
    ("cz-qwerty", "cz", "qwerty", "Czech (QWERTY)"),
    ("tr", "tr", "", "Turkish"),
    ("ru", "ru", "", "Russian"),
    ("jp", "jp", "", "Japanese"),
];

fn xkb(layout: &str, variant: &str) -> LookupTable {
    let groups: Vec<_> = Group::from_layouts_and_variants(layout, variant).collect();
    let mut said: Vec<Diagnostic> = Vec::new();
    let keymap = Context::builder().build().keymap_from_names(&mut said, None, None, Some(&groups), None);
    keymap.to_builder().build_lookup_table()
}

/// The word for what a key types at one level.
fn word(table: &LookupTable, code: u16, mods: ModifierMask) -> String {
    let lookup =
        table.lookup(GroupIndex::ZERO, mods | ModifierMask::NUM_LOCK, Keycode::from_evdev(code.into()));
    let mut typed = lookup.into_iter();
    let (Some(typed), None) = (typed.next(), typed.next()) else { return "none".to_owned() };
    match typed.keysym() {
        syms::dead_circumflex => return "dead:^".to_owned(),
        syms::dead_grave => return "dead:`".to_owned(),
        syms::dead_tilde => return "dead:~".to_owned(),
        _ => (),
    }
    match typed.char() {
        Some(' ') => "space".to_owned(),
        Some(c) if c.is_control() => "none".to_owned(),
        Some(c) if c.is_ascii() || c.is_alphanumeric() => c.to_string(),
        Some(c) => format!("U+{:04X}", u32::from(c)),
        None => "none".to_owned(),
    }
}

/// The line of a key, if it types anything.
fn line(table: &LookupTable, code: u16) -> Option<String> {
    let levels = [
        ModifierMask::NONE,
        ModifierMask::SHIFT,
        ModifierMask::MOD5,
        ModifierMask::MOD5 | ModifierMask::SHIFT,
    ];
    let [plain, shift, alt_gr, both] = levels.map(|mods| word(table, code, mods));
    let caps = levels.map(|mods| word(table, code, mods | ModifierMask::LOCK));
    let strokes = [plain.clone(), shift.clone(), alt_gr.clone(), both.clone()];
    if strokes.iter().all(|word| word == "none") {
        return None;
    }
    let caps = if caps == strokes {
        "=".to_owned()
    } else if caps == [shift.clone(), plain.clone(), alt_gr.clone(), both.clone()] {
        "^".to_owned()
    } else if caps == [shift, plain, both, alt_gr] {
        "^^".to_owned()
    } else {
        caps.join(" ")
    };
    Some(format!("{code} {} {caps}", strokes.join(" ")))
}

/// A whole table, as the files are.
fn text((name, layout, variant, title): (&str, &str, &str, &str)) -> String {
    let table = xkb(layout, variant);
    let variant = if variant.is_empty() { String::new() } else { format!("({variant})") };
    let mut text = format!(
        "# {name}: {title}. Made from \"{layout}{variant}\" of xkeyboard-config {MADE_FROM}.\n\
         # key, plain, Shift, AltGr, Shift and AltGr, what Caps Lock changes\n"
    );
    for code in KEYS.concat() {
        if let Some(line) = line(&table, code) {
            let _written = writeln!(text, "{line}");
        }
    }
    text
}

/// A table's lines with everything beyond ASCII made one.
fn ascii_of(table: &str) -> Vec<String> {
    let plain = |word: &str| {
        let beyond = !word.is_ascii() || word.starts_with("U+");
        if beyond || word == "none" { "none".to_owned() } else { word.to_owned() }
    };
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    let words = lines.map(|line| line.split(' ').take(5).map(plain).collect::<Vec<_>>().join(" "));
    words.filter(|line| !line.ends_with(" none none none none")).collect()
}

/// The installed version, or why there is nothing to compare with.
fn installed() -> Result<String, &'static str> {
    if !Path::new(XKB).join("symbols/us").is_file() {
        return Err("xkb-data is not installed");
    }
    let package = fs::read_to_string(XKB_VERSION).unwrap_or_default();
    let version = package.lines().find_map(|line| line.strip_prefix("Version: "));
    Ok(version.unwrap_or("unknown").to_owned())
}

#[test]
fn every_entry_of_every_layout_is_what_xkb_says() {
    let version = match installed() {
        Ok(version) => version,
        Err(why) => return println!("skipped: {why}"),
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("layouts");
    fs::create_dir_all(&folder).unwrap();
    let mut wrong = Vec::new();
    for (source, (name, layout)) in SOURCES.into_iter().zip(LAYOUTS) {
        assert_eq!(source.0, name);
        let made = text(source);
        fs::write(folder.join(format!("{name}.txt")), &made).unwrap();
        let same = if version == MADE_FROM {
            layout.table() == made
        } else {
            ascii_of(layout.table()) == ascii_of(&made)
        };
        if !same {
            wrong.push(name);
        }
    }
    if version != MADE_FROM {
        println!("compared in ASCII alone: xkeyboard-config is {version}, not {MADE_FROM}");
    }
    assert!(wrong.is_empty(), "{wrong:?} differ from those in {}", folder.display());
}

#[test]
fn the_number_pad_is_the_same_in_every_layout() {
    if let Err(why) = installed() {
        return println!("skipped: {why}");
    }
    for (name, layout, variant, _) in SOURCES {
        let table = xkb(layout, variant);
        for (code, typed) in PAD {
            assert_eq!(word(&table, code, ModifierMask::NONE), typed.to_string(), "{name}, key {code}");
        }
    }
}
