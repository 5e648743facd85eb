//! Advice on a scanner's set-up, in words for the person who has its manual in hand.

use crate::domain::calibrate::Findings;
use crate::domain::calibrate::Miss;
use crate::domain::calibrate::search::Case;
use crate::domain::calibrate::search::End;
use crate::domain::calibrate::search::Separator;
use crate::domain::decode::framing::Terminator;
use crate::domain::decode::keymap::LayoutName;
use crate::domain::printable::printable;

/// A character that takes longer than this is slow: an EAN-13 then takes a quarter of a second, and people notice.
const CHARACTER_SLOW_US: i64 = 20_000;
/// Function keys by their codes (`linux/include/uapi/linux/input-event-codes.h`).
const FUNCTION_KEYS: [u16; 12] = [59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 87, 88];

/// A fact about the set-up, and its remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recommendation {
    /// True if codes are read wrong, or not at all, until the remedy is applied.
    pub is_fault: bool,
    /// The fact.
    pub says: String,
    /// The remedy.
    pub cure: String,
}

impl Recommendation {
    fn fault(says: impl Into<String>, cure: &str) -> Self {
        Self { is_fault: true, says: says.into(), cure: cure.to_owned() }
    }

    fn hint(says: impl Into<String>, cure: &str) -> Self {
        Self { is_fault: false, says: says.into(), cure: cure.to_owned() }
    }
}

impl Findings {
    /// Returns the faults of the set-up and hints, the gravest first; empty where all is well.
    pub fn advice(&self) -> Vec<Recommendation> {
        let all = [
            self.on_end(),
            self.on_layout(),
            on_case(self.case),
            self.on_additions(),
            self.separator.as_ref().and_then(on_separator),
            self.on_pace(),
            self.on_aim(),
        ];
        let mut advice: Vec<Recommendation> = all.into_iter().flatten().collect();
        // A stable sort: within the faults and within the hints the order above remains.
        advice.sort_by_key(|advice| !advice.is_fault);
        advice
    }

    fn on_end(&self) -> Option<Recommendation> {
        match self.end {
            End::Nothing => Some(Recommendation::fault(
                "its codes end with nothing, so that the station cannot tell a whole code from a torn one",
                "set it to end with Enter (its manual: suffix, terminator, CR)",
            )),
            End::Known(Terminator::Etx) => Some(Recommendation::hint(
                "its codes end with ETX alone, which ends a code only where the entry names it",
                "keep `terminator = \"etx\"` in the entry, as below",
            )),
            _ => None,
        }
    }

    fn on_layout(&self) -> Option<Recommendation> {
        let cyrillic = LayoutName::from_word("ru");
        // A scanner that types each character as a number is right in every layout.
        (self.layout() == cyrillic && self.layout().is_some() && !self.by_numbers).then(|| {
            Recommendation::fault(
                "it is set to a layout without Latin letters, in which control codes cannot be typed",
                "set it to the US keyboard, then calibrate again",
            )
        })
    }

    fn on_additions(&self) -> Option<Recommendation> {
        let added = [&self.prefix, &self.suffix];
        if added.iter().any(|text| text.contains(is_unprintable)) {
            let says = format!(
                "it adds what is no text: {} in front, {} behind",
                told(&self.prefix),
                told(&self.suffix)
            );
            return Some(Recommendation::fault(says, "switch its prefix and suffix off, but for Enter"));
        }
        let is_letter = self.prefix.chars().count() == 1 && self.prefix.chars().all(char::is_alphabetic);
        is_letter.then(|| {
            Recommendation::hint(
                format!(
                    "the {} in front may be its own mark for the kind of code, and another for the next kind",
                    told(&self.prefix)
                ),
                "if other codes come with other letters, switch its code identifier off, or to AIM",
            )
        })
    }

    fn on_pace(&self) -> Option<Recommendation> {
        if self.gap_ms_safe().is_none() {
            return Some(Recommendation::fault(
                "it pauses for longer within a code than any gap_ms allows",
                "switch its pause between characters off (its manual: inter-character delay)",
            ));
        }
        (self.character_us >= CHARACTER_SLOW_US).then(|| {
            let code_ms = self.character_us.saturating_mul(13).div_euclid(1000);
            Recommendation::hint(
                format!("it is slow: an EAN-13 takes {code_ms} ms"),
                "shorten its pause between characters (its manual: inter-character delay)",
            )
        })
    }

    fn on_aim(&self) -> Option<Recommendation> {
        self.aim.is_none().then(|| {
            Recommendation::hint(
                "it does not tell what kind of code it read",
                "turn its AIM identifier on (its manual: AIM ID): a GS1 code is then recognised by it, and no other code is mistaken for one",
            )
        })
    }
}

impl Miss {
    /// Returns the fact, and the remedy to apply before the next try.
    pub fn advice(&self) -> Recommendation {
        let lost = "scan it again; if it happens again, give the scanner a pause of 1 to 5 ms between characters \
                    (its manual: inter-character delay), or set it to serial mode";
        match self {
            Self::Lost => {
                Recommendation::fault("keys were lost on the way: it types faster than they are read", lost)
            }
            Self::Nearly { code, read, is_short: true } => {
                let says = format!("characters of {} are missing: {} was read", code.name(), told(read));
                Recommendation::fault(says, lost)
            }
            Self::Nearly { code, read, is_short: false } => Recommendation::fault(
                format!(
                    "this is nearly {}, but {} was read where {} is printed",
                    code.name(),
                    told(read),
                    printable(code.text())
                ),
                "scan it again; if it is the same again, set the scanner to the US keyboard: its layout is none of \
                 those known here",
            ),
            Self::Damaged { read } => Recommendation::fault(
                format!("this is no text: {}", told(read)),
                "give the entry the baud, data_bits and parity that the scanner is set to",
            ),
            Self::Other { read } => Recommendation::fault(
                format!("this is no calibration code: {}", told(read)),
                "scan CALIBRATE-1 and CALIBRATE-2 of the control sheet (`stockpoint sheet`)",
            ),
        }
    }
}

fn on_case(case: Case) -> Option<Recommendation> {
    let (says, cure) = match case {
        Case::Kept => return None,
        Case::Swapped => (
            "capital and small letters come exchanged: it is set up for a host with Caps Lock on",
            "switch Caps Lock off in the scanner (its manual: Caps Lock off, keyboard case: as scanned)",
        ),
        Case::Upper => ("all letters come as capitals", "switch its conversion to upper case off"),
        Case::Lower => ("all letters come as small ones", "switch its conversion to lower case off"),
    };
    Some(Recommendation::fault(format!("{says}; control codes are refused"), cure))
}

fn on_separator(separator: &Separator) -> Option<Recommendation> {
    let says = match separator {
        Separator::Dropped => "it leaves the group separator out".to_owned(),
        Separator::Other(text) => format!("it sends {} in place of the group separator", told(text)),
        Separator::Key(code) => format!("it sends {} for the group separator", key_name(*code)),
        Separator::Byte | Separator::Control | Separator::AltCode | Separator::Hexadecimal => return None,
    };
    Some(Recommendation::hint(
        format!("{says}, so that GS1 codes with lot or count cannot be taken apart"),
        "have it send control characters as Ctrl with a key (on a serial port: as they are), and replace nothing (its \
         manual: function codes, GS or FNC1 substitution)",
    ))
}

/// Returns the name of a key that types nothing.
pub fn key_name(code: u16) -> String {
    let number = FUNCTION_KEYS.iter().position(|key| *key == code);
    number
        .map_or_else(|| format!("the key {code}"), |number| format!("the key F{}", number.saturating_add(1)))
}

fn is_unprintable(c: char) -> bool {
    c.is_control() || c == char::REPLACEMENT_CHARACTER
}

fn told(text: &str) -> String {
    if text.is_empty() { "nothing".to_owned() } else { format!("`{}`", printable(text)) }
}
