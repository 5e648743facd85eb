//! `stockpoint devices try`: the processing of a code, step by step. Nothing is booked.

use std::fmt::Write as _;
use std::io::{self, BufRead, Read, Write};

use crate::cli::{Error, data_if_any, say};
use crate::config::{Config, Scanner, secrets};
use crate::domain::code::barcode::{Barcode, Key};
use crate::domain::code::gs1::Amount;
use crate::domain::code::measure::Measure;
use crate::domain::code::rule::{self, Effect};
use crate::domain::decode::framing::{Cut, Frame, Framer};
use crate::domain::decode::secret::{Before, redacted};
use crate::domain::printable::{printable, printable_bytes};
use crate::domain::session::{Conventions, Heard, Reason};
use crate::domain::stock::good::{Good, Packed};
use crate::domain::stock::resolution::Resolution;
use crate::domain::time::BootMillis;
use crate::store::Db;

/// The most bytes that are read from the standard input: some ten thousand codes.
const INPUT_BYTES_MAX: u64 = 1024 * 1024;

/// Shows the processing of a code, or of each line of the standard input.
pub(in crate::cli) fn try_code(
    out: &mut impl Write,
    config: &Config,
    name: &str,
    code: &str,
) -> Result<(), Error> {
    let known = || config.scanners.iter().map(|scanner| scanner.name.as_str());
    let Some(scanner) = config.scanners.iter().find(|scanner| scanner.name.as_str() == name) else {
        let known = known().collect::<Vec<_>>().join(", ");
        return Err(Error::no_scanner(name, &known));
    };
    let mut conventions = config.conventions();
    // Without the seal everything else of a code can still be shown.
    match secrets::seal(&config.station) {
        Ok(seal) => conventions.seal = seal,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "control codes cannot be told");
        }
    }
    let trial = Trial { scanner, conventions, db: data_if_any(config)? };
    if code != "-" {
        return say(out, &trial.of(code.as_bytes())?);
    }
    // Codes may hold bytes that are not UTF-8, so lines are split as bytes.
    let lines = io::stdin().lock().take(INPUT_BYTES_MAX).split(b'\n');
    for (index, line) in lines.enumerate() {
        let line = line.map_err(|source| Error::io("cannot read the standard input", source))?;
        let apart = if index == 0 { "" } else { "\n" };
        say(out, &format!("{apart}{}", trial.of(line.strip_suffix(b"\r").unwrap_or(&line))?))?;
    }
    Ok(())
}

/// The settings with which codes are tried.
struct Trial<'a> {
    scanner: &'a Scanner,
    conventions: Conventions,
    db: Option<Db>,
}

impl Trial<'_> {
    /// Describes the processing of one code, or of each frame if the code contains terminators.
    fn of(&self, code: &[u8]) -> Result<String, Error> {
        let bytes = unescaped(code).ok_or_else(|| {
            Error::usage("the code has a backslash without a meaning")
                .hint("write \\x1d for the group separator, \\\\ for a backslash")
        })?;
        // The code goes through the same framing as the scanner's own bytes, with the end of the input as its end.
        let (mut stream, mut frames) = (Framer::new(self.scanner.framing()), Vec::new());
        stream.push(&bytes, BootMillis(0), &mut frames);
        stream.finish(Cut::EndOfInput, &mut frames);
        if frames.is_empty() {
            return Ok("no frame: nothing but terminators\n".to_owned());
        }
        frames
            .into_iter()
            .map(|frame| self.of_frame(&redacted(self.scanner.encoding.read(frame), Before::Plain)))
            .collect()
    }

    /// Describes the processing of one frame.
    fn of_frame(&self, frame: &Frame) -> Result<String, Error> {
        let mut text = String::new();
        row(&mut text, "frame", printable_bytes(&frame.raw));
        let mut code = match &frame.verdict {
            Ok(code) => code.clone(),
            Err(refusal) => {
                row(&mut text, "refused", Reason::Frame(*refusal).words());
                return Ok(text);
            }
        };
        let effects =
            rule::steps(self.conventions.rules_of(&self.scanner.name), &self.conventions.seal, &code);
        // Each rule sees the result of the rules before it.
        for (effect, number) in effects.into_iter().zip(1..) {
            let label = format!("rule {number}");
            match effect {
                Effect::Changed(changed) => {
                    row(&mut text, &label, printable(&changed));
                    code = changed;
                }
                Effect::Kept(why) => row(&mut text, &label, format_args!("({why})")),
            }
        }
        self.explain(&mut text, &self.conventions.understand(&code))?;
        Ok(text)
    }

    /// Describes the meaning of a code, and looks its good up.
    fn explain(&self, text: &mut String, heard: &Heard) -> Result<(), Error> {
        match heard {
            Heard::Control(control) => row(text, "control", control.name()),
            Heard::MalformedControl => row(text, "refused", "it begins as a control code does, and is none"),
            Heard::AddOn => row(text, "refused", "an add-on sent by itself names no good"),
            Heard::Product(barcode) => {
                explain_barcode(text, barcode);
                self.look_up(text, barcode.measure, |db| db.resolve(barcode))?;
            }
            Heard::Kit(card) => {
                row(text, "kit", format_args!("of card {card}"));
                self.look_up(text, None, |db| db.kit(*card))?;
            }
            // These results depend on earlier scans, or on bad frames, which are reported above.
            Heard::Repeat | Heard::Bad(_) => {}
        }
        Ok(())
    }

    fn look_up(
        &self,
        text: &mut String,
        measure: Option<Measure>,
        find: impl FnOnce(&Db) -> Result<Resolution, crate::store::Error>,
    ) -> Result<(), Error> {
        let Some(db) = &self.db else {
            row(text, "good", "there is no copy of the goods table here yet");
            return Ok(());
        };
        match find(db)? {
            Resolution::Found(good) => {
                row(text, "good", format_args!("{} {}", good.id, printable(&good.title)));
                explain_measure(text, measure, &good);
            }
            Resolution::Pack(Packed { good, factor }) => {
                row(text, "good", format_args!("{factor} of {} {}", good.id, printable(&good.title)));
            }
            Resolution::Kit(kit) => row(text, "good", format_args!("the kit {}", printable(&kit.title))),
            Resolution::Unknown => row(text, "good", "none has this code"),
            Resolution::Ambiguous => {
                row(text, "good", "several have this code; it is booked to none of them");
            }
            Resolution::Unusable => row(text, "good", "a kit that cannot be booked as it stands"),
        }
        Ok(())
    }
}

fn explain_barcode(text: &mut String, barcode: &Barcode) {
    if let Some(id) = barcode.symbology {
        row(text, "AIM", id);
    }
    match barcode.measure {
        Some(Measure::Amount(quantity)) => row(text, "label", format_args!("{quantity} inside")),
        Some(Measure::Price(price)) => row(text, "label", format_args!("a price of {price} inside")),
        Some(Measure::Unverified) => row(text, "label", "refused: its verifier is wrong"),
        None => {}
    }
    if let Some(gs1) = &barcode.gs1 {
        let elements: Vec<String> = gs1.elements.iter().map(|(ai, value)| format!("({ai}){value}")).collect();
        row(text, "GS1", printable(&elements.concat()));
    }
    let amount = match barcode.amount {
        Amount::One => None,
        Amount::Count(count) => Some(format!("{count} where gs1_counts = true, else 1")),
        Amount::Contents(count) => Some(format!("{count} where gs1_counts = true, else refused")),
        Amount::Unclear => Some("refused where gs1_counts = true: a count may be hidden in it".to_owned()),
        Amount::Unusable => Some("refused: it cannot be told in sale units".to_owned()),
    };
    if let Some(amount) = amount {
        row(text, "amount", amount);
    }
    // Keys are looked up in this order; the first one that a good has counts.
    let mut or = "";
    for key in barcode.tiers.iter().flatten() {
        let _written = match key {
            Key::Gtin(gtin) => writeln!(text, "{:<11} {or}GTIN {gtin}", "looked up"),
            Key::Text(code) => writeln!(text, "{:<11} {or}text {}", "looked up", printable(code)),
        };
        or = "else ";
    }
}

fn explain_measure(text: &mut String, measure: Option<Measure>, good: &Good) {
    match measure.map(|measure| measure.of(good)) {
        None => {}
        Some(Some(quantity)) => row(text, "quantity", format_args!("{quantity} {}", printable(&good.unit))),
        Some(None) => {
            let price = good.sale_price.map_or("none".to_owned(), |price| price.to_string());
            row(
                text,
                "quantity",
                format_args!("refused: it cannot be said exactly (selling price: {price})"),
            );
        }
    }
}

/// Adds one line of the description.
fn row(text: &mut String, label: &str, value: impl std::fmt::Display) {
    let _written = writeln!(text, "{label:<11} {value}");
}

/// Returns the bytes that a text stands for: `\x1d` is one byte, `\\` a backslash, `\r`, `\n` and `\t` have their usual
/// meaning. `None` if a backslash stands before anything else.
fn unescaped(code: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = code;
    while let Some((byte, behind)) = rest.split_first() {
        let (byte, behind) = match (byte, behind) {
            (b'\\', [b'x', high, low, behind @ ..]) => (hexadecimal(*high, *low)?, behind),
            (b'\\', [b'\\', behind @ ..]) => (b'\\', behind),
            (b'\\', [b'r', behind @ ..]) => (b'\r', behind),
            (b'\\', [b'n', behind @ ..]) => (b'\n', behind),
            (b'\\', [b't', behind @ ..]) => (b'\t', behind),
            (b'\\', _) => return None,
            (byte, behind) => (*byte, behind),
        };
        bytes.push(byte);
        rest = behind;
    }
    Some(bytes)
}

fn hexadecimal(high: u8, low: u8) -> Option<u8> {
    let digit = |byte| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "[station]\nname = \"a\"\nlocation_id = 1\nstorage_id = 1\n\
        data_dir = \"/nowhere/at/all\"\n[[scanner]]\nname = \"dock\"\nkind = \"stdin\"\n\
        [[scanner.rule]]\nstrip_prefix = \"B\"\n[[scanner.rule]]\nif_length = 3\nreplace = \"-\"\nwith = \"\"\n\
        [[variable_measure]]\npattern = \"21IIIIIWWWWWC\"\nmeasure = \"weight\"\n\
        [[variable_measure]]\npattern = \"02IIIIIVPPPPC\"\nmeasure = \"price\"\n";

    fn tried(code: &str) -> String {
        let mut out = Vec::new();
        try_code(&mut out, &Config::parse(CONFIG, "config.toml").unwrap(), "dock", code).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_rule_is_shown_with_what_it_does() {
        assert_eq!(
            tried("B4006381333931"),
            "frame       B4006381333931\nrule 1      4006381333931\n\
             rule 2      (is not as long as if_length says)\nlooked up   GTIN 04006381333931\n\
             good        there is no copy of the goods table here yet\n"
        );
        assert_eq!(
            tried("a-b"),
            "frame       a-b\nrule 1      (nothing to strip or to replace is in it)\nrule 2      ab\n\
             looked up   text ab\ngood        there is no copy of the goods table here yet\n"
        );
    }

    #[test]
    fn a_control_code_is_told_and_what_only_begins_as_one() {
        let undo = crate::domain::code::control::Control::Undo.code();
        assert_eq!(
            tried(&format!("B{undo}")),
            format!(
                "frame       B{undo}\nrule 1      {undo}\nrule 2      (control codes are never touched)\n\
                 control     UNDO\n"
            )
        );
        assert!(tried("$SP.UNDO.X").ends_with("refused     it begins as a control code does, and is none\n"));
        assert!(tried("$SP.KIT-410.C").contains("\nkit         of card 410\n"));
    }

    #[test]
    fn gs1_elements_and_both_ways_of_looking_up_are_shown() {
        let told = tried("]C1010400638133393110AB\\x1d17261231");
        assert!(
            told.contains("\nAIM         ]C1\nGS1         (01)04006381333931(10)AB(17)261231\n"),
            "{told}"
        );
        assert!(
            told.contains(
                "\nlooked up   GTIN 04006381333931\nlooked up   else text 010400638133393110AB<GS>17261231\n"
            ),
            "{told}"
        );
    }

    #[test]
    fn a_label_is_shown_with_what_is_inside() {
        let told = tried("2112345015002");
        assert!(told.contains("\nlabel       1.5 inside\nlooked up   GTIN 02112345000008\n"), "{told}");
        let told = tried("212345928752");
        assert!(
            told.contains("\nlabel       a price of 28.75 inside\nlooked up   GTIN 00212345000007\n"),
            "{told}"
        );
        assert!(tried("212345828755").contains("\nlabel       refused: its verifier is wrong\n"));
    }

    #[test]
    fn a_bad_frame_is_told_with_the_reason() {
        assert_eq!(
            tried("12\\x013"),
            "frame       12\\u{1}3\nrefused     the code holds a control character\n"
        );
        assert_eq!(tried("12\\xff"), "frame       12\\xff\nrefused     the code is not text in UTF-8\n");
        assert_eq!(tried("\\r\\n"), "no frame: nothing but terminators\n");
        assert_eq!(tried("a\\rb").matches("frame ").count(), 2);
    }

    #[test]
    fn escapes_are_the_five_and_no_other() {
        assert_eq!(unescaped(br"a\x1D\\\r\n\tz").as_deref(), Some(&b"a\x1d\\\r\n\tz"[..]));
        for wrong in [&br"\"[..], br"\x1", br"\xg0", br"\u001d", br"\q"] {
            assert_eq!(unescaped(wrong), None);
        }
    }

    #[test]
    fn a_scanner_that_is_not_configured_is_named_with_those_that_are() {
        let config = Config::parse(CONFIG, "config.toml").unwrap();
        let error = try_code(&mut Vec::new(), &config, "till", "1").unwrap_err();
        assert_eq!(error.to_string(), "no scanner \"till\" in the configuration, which has dock");
    }
}
