//! Control codes: the printed codes by which people command the station.
//!
//! A control code is `$SP.`, its name, `.` and a check character, for instance `$SP.QTY-12.S`. No product
//! code begins with `$SP.`, and whatever does so without being exactly a code of ours is malformed: it is
//! neither obeyed nor looked up, so no label can command the station and no smudge becomes a good.
//!
//! A kit has a code of the same grammar, `$SP.KIT-410.C`, with the number of its bill of materials: it commands
//! nothing, it is scanned like a good, and no label can be mistaken for it either.
//!
//! The two calibration codes begin in the same way, and are compared whole. The station treats one as a command that
//! does nothing: it confirms the code of a scanner that reads it right to the letter, and refuses any other.

use crate::domain::aim::AimId;
use crate::domain::calibrate::CalibrationCode;
use crate::domain::ids::{CardId, StorageId};
use crate::domain::stock::mode::Mode;

/// The beginning of every control code.
const PREFIX: &str = "$SP.";

/// The beginning of every kit's name; the number of its card follows.
const KIT: &str = "KIT-";

/// The beginning of every storage's code, before its number. It is shorter than that of the storage's name, because the
/// bars of the smallest label hold no more than fifteen characters in whole dots of its printer.
const STORAGE: &str = "ST-";

/// The beginnings of the names of quantities: of the next scan, and of the scan before.
const NEXT: &str = "QTY-";
const LAST: &str = "LAST-";

/// The largest quantity a control code can set.
pub const QUANTITY_MAX: u16 = 999;

/// The quantities on the printed sheet: a dozen, two, and the round numbers.
const SHEET_QUANTITIES: [u16; 14] = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 24, 50, 100];

/// A command to the station.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Control {
    /// The mode of scans from now on.
    Mode(Mode),
    /// The storage in which scans are booked from now on.
    Storage(StorageId),
    /// The quantity that the next scan counts, 1..=[`QUANTITY_MAX`].
    Quantity(u16),
    /// The quantity that the scan before counts, 1..=[`QUANTITY_MAX`].
    Last(u16),
    /// Take back the scanner's last scan.
    Undo,
    /// Close the open document.
    Close,
    /// Drop a pending quantity, else cancel the open document.
    Cancel,
    /// A person has seen the alarm.
    Ok,
    /// No action: the scanner reads right.
    Calibrate(CalibrationCode),
}

/// The meaning of a scanned text for the station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlReading {
    /// No control code: it may be a good's barcode.
    NotControl,
    /// A control code.
    Control(Control),
    /// The code of a kit.
    Kit(CardId),
    /// A text that begins like a control code, in upper or lower case, but is not one.
    Malformed,
}

impl Control {
    /// Reads the text of a frame, with or without an AIM prefix. Only the exact code, in upper case, is a command.
    pub fn read(frame_text: &str) -> ControlReading {
        let (_symbology, text) = AimId::split(frame_text);
        let Some((front, rest)) = text.split_at_checked(PREFIX.len()) else {
            return ControlReading::NotControl;
        };
        if !front.eq_ignore_ascii_case(PREFIX) {
            return ControlReading::NotControl;
        }
        if let Some(code) = CalibrationCode::of(text) {
            return ControlReading::Control(Self::Calibrate(code));
        }
        let name = rest.rsplit_once('.').map_or(rest, |(name, _check)| name);
        // Comparing with the code we would print leaves no second spelling of any command or kit.
        let control =
            Self::from_name(name).filter(|control| control.code() == text).map(ControlReading::Control);
        let kit = || card_of(name).filter(|card| kit_code(*card) == text).map(ControlReading::Kit);
        control.or_else(kit).unwrap_or(ControlReading::Malformed)
    }

    /// Returns the text to print as a barcode.
    pub fn code(&self) -> String {
        match self {
            Self::Calibrate(code) => code.text().to_owned(),
            Self::Storage(storage) => code_of(&format!("{STORAGE}{storage}")),
            Self::Mode(_)
            | Self::Quantity(_)
            | Self::Last(_)
            | Self::Undo
            | Self::Close
            | Self::Cancel
            | Self::Ok => code_of(&self.name()),
        }
    }

    /// Returns the name that people know it by, whatever the language of the sheet: `RECEIPT`, `QTY-12` and so on.
    pub fn name(&self) -> String {
        match self {
            Self::Mode(Mode::Receipt) => "RECEIPT".to_owned(),
            Self::Mode(Mode::WriteOff) => "WRITE-OFF".to_owned(),
            Self::Mode(Mode::Lookup) => "LOOKUP".to_owned(),
            Self::Storage(storage) => format!("STORAGE-{storage}"),
            Self::Quantity(quantity) => format!("{NEXT}{quantity}"),
            Self::Last(quantity) => format!("{LAST}{quantity}"),
            Self::Undo => "UNDO".to_owned(),
            Self::Close => "CLOSE".to_owned(),
            Self::Cancel => "CANCEL".to_owned(),
            Self::Ok => "OK".to_owned(),
            Self::Calibrate(code) => code.name().to_owned(),
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "RECEIPT" => Self::Mode(Mode::Receipt),
            "WRITE-OFF" => Self::Mode(Mode::WriteOff),
            "LOOKUP" => Self::Mode(Mode::Lookup),
            "UNDO" => Self::Undo,
            "CLOSE" => Self::Close,
            "CANCEL" => Self::Cancel,
            "OK" => Self::Ok,
            _ => return Self::numbered(name),
        })
    }

    /// Reads the name of a command with a number in it.
    fn numbered(name: &str) -> Option<Self> {
        if let Some(storage) = number_behind(STORAGE, name) {
            return Some(Self::Storage(StorageId(storage)));
        }
        let quantity_behind = |front| {
            let quantity = name.strip_prefix(front)?.parse().ok()?;
            (1..=QUANTITY_MAX).contains(&quantity).then_some(quantity)
        };
        quantity_behind(NEXT).map(Self::Quantity).or_else(|| quantity_behind(LAST).map(Self::Last))
    }
}

/// Returns the control codes of the printed sheet, in printing order. Other quantities up to [`QUANTITY_MAX`] are
/// obeyed as well.
pub fn sheet() -> Vec<Control> {
    let modes = [Mode::Receipt, Mode::WriteOff, Mode::Lookup].map(Control::Mode);
    let quantities = SHEET_QUANTITIES.map(Control::Quantity);
    let corrections = SHEET_QUANTITIES.map(Control::Last);
    let others = [Control::Undo, Control::Close, Control::Cancel, Control::Ok];
    modes.into_iter().chain(quantities).chain(corrections).chain(others).collect()
}

/// Returns the name of a kit on the printed sheet.
pub fn kit_name(card: CardId) -> String {
    format!("{KIT}{card}")
}

/// Returns the text to print as a kit's barcode.
pub fn kit_code(card: CardId) -> String {
    code_of(&kit_name(card))
}

fn card_of(name: &str) -> Option<CardId> {
    number_behind(KIT, name).map(CardId)
}

/// Reads the number of a kit or a storage behind `front`. The server counts them from one.
fn number_behind(front: &str, name: &str) -> Option<i64> {
    name.strip_prefix(front)?.parse().ok().filter(|number| *number > 0)
}

fn code_of(name: &str) -> String {
    format!("{PREFIX}{name}.{}", check_character(name))
}

/// Returns the check character over the letters and digits of `name` (ISO/IEC 7064, MOD 37,36), which detects every
/// single wrong character. The hyphen is left out, because the standard's alphabet has none.
fn check_character(name: &str) -> char {
    // The standard's hybrid system: a sum of 0 counts as 36, and the product stays in 1..=36, because 37 is prime.
    let values = name.chars().filter_map(|c| c.to_digit(36));
    let product = values.fold(36, |product, value| {
        let sum = (product + value) % 36;
        (if sum == 0 { 36 } else { sum }) * 2 % 37
    });
    char::from_digit((37 - product) % 36, 36).map_or('0', |c| c.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn every_control() -> Vec<Control> {
        let mut controls = sheet();
        controls.extend((1..=QUANTITY_MAX).map(Control::Quantity));
        controls.extend((1..=QUANTITY_MAX).map(Control::Last));
        controls.extend(CalibrationCode::ALL.map(Control::Calibrate));
        controls.extend([1, 91_271, 123_456_789, i64::MAX].map(StorageId).map(Control::Storage));
        controls
    }

    /// Returns true if a text does anything: a command, or a kit.
    fn is_obeyed(text: &str) -> bool {
        matches!(Control::read(text), ControlReading::Control(_) | ControlReading::Kit(_))
    }

    #[test]
    fn the_check_character_is_that_of_the_standard() {
        // Published Global Release Identifiers, which use the same system (GRid Standard, version 2.1);
        // the first is the standard's own example.
        assert_eq!(check_character("A12425GABC1234002"), 'M');
        assert_eq!(check_character("B159D8FA01240000"), 'K');
        assert_eq!(check_character("188166C734200000"), '3');
    }

    #[test]
    fn every_code_is_read_back_with_and_without_aim_prefix() {
        for control in every_control() {
            assert_eq!(Control::read(&control.code()), ControlReading::Control(control));
            assert_eq!(Control::read(&format!("]C0{}", control.code())), ControlReading::Control(control));
        }
    }

    #[test]
    fn the_sheet_has_these_codes_in_this_order() {
        let codes: Vec<String> = sheet().iter().map(Control::code).collect();
        let expected = "$SP.RECEIPT.K $SP.WRITE-OFF.1 $SP.LOOKUP.Y $SP.QTY-2.E $SP.QTY-3.C $SP.QTY-4.A \
            $SP.QTY-5.8 $SP.QTY-6.6 $SP.QTY-7.4 $SP.QTY-8.2 $SP.QTY-9.Z $SP.QTY-10.W $SP.QTY-11.U \
            $SP.QTY-12.S $SP.QTY-24.K $SP.QTY-50.G $SP.QTY-100.R $SP.LAST-2.Z $SP.LAST-3.X $SP.LAST-4.V \
            $SP.LAST-5.T $SP.LAST-6.R $SP.LAST-7.P $SP.LAST-8.N $SP.LAST-9.L $SP.LAST-10.4 $SP.LAST-11.2 \
            $SP.LAST-12.Z $SP.LAST-24.P $SP.LAST-50.L $SP.LAST-100.8 $SP.UNDO.3 $SP.CLOSE.U $SP.CANCEL.O \
            $SP.OK.C";
        assert_eq!(codes.join(" "), expected);
    }

    #[test]
    fn a_kit_has_one_code_which_is_no_command() {
        assert_eq!(kit_code(CardId(410)), "$SP.KIT-410.C");
        for card in [1, 9, 10, 410, 123_456, i64::MAX].map(CardId) {
            assert_eq!(Control::read(&kit_code(card)), ControlReading::Kit(card));
            assert_eq!(Control::read(&format!("]C0{}", kit_code(card))), ControlReading::Kit(card));
        }
        for number in ["0", "-1", "+1", "01", "", "1A", "9223372036854775808"] {
            let text = code_of(&format!("{KIT}{number}"));
            assert_eq!(Control::read(&text), ControlReading::Malformed, "{text}");
        }
    }

    #[test]
    fn the_calibration_codes_are_whole_texts() {
        let codes = CalibrationCode::ALL.map(|code| Control::Calibrate(code).code());
        assert_eq!(codes, ["$SP.zQm1-/\\#@\"", "$SP.Wa+=\u{1d}:;_%'"]);
        for name in ["CALIBRATE-1", "CALIBRATE-2", "CALIBRATE-3"] {
            assert_eq!(Control::read(&code_of(name)), ControlReading::Malformed, "{name}");
        }
    }

    #[test]
    fn a_storage_has_one_code() {
        assert_eq!(Control::Storage(StorageId(91_271)).code(), "$SP.ST-91271.T");
        for number in ["0", "-1", "+1", "01", "", "1A", "9223372036854775808"] {
            let text = code_of(&format!("{STORAGE}{number}"));
            assert_eq!(Control::read(&text), ControlReading::Malformed, "{text}");
        }
    }

    #[test]
    fn product_codes_are_no_control_codes() {
        for text in
            ["4006381333931", "", "$", "$SP", "SP.UNDO.X", "$SQ.UNDO.X", "RECEIPT", " $SP.OK.X", "$é.."]
        {
            assert_eq!(Control::read(text), ControlReading::NotControl, "{text}");
        }
    }

    #[test]
    fn what_only_begins_like_a_code_is_malformed() {
        let undo = Control::Undo.code();
        let spoiled = [
            "$SP.".to_owned(),
            "$SP.UNDO".to_owned(),
            "$SP.UNDO.".to_owned(),
            undo.to_lowercase(),
            undo.replace("$SP", "$sp"),
            format!("{undo} "),
            format!("{undo}{undo}"),
            Control::Quantity(0).code(),
            Control::Quantity(1000).code(),
            Control::Quantity(12).code().replace("-12", "-012"),
            Control::Quantity(12).code().replace("-12", "-+12"),
            Control::Quantity(12).code().replace('-', ""),
        ];
        for text in spoiled {
            assert_eq!(Control::read(&text), ControlReading::Malformed, "{text}");
        }
    }

    #[test]
    fn no_single_wrong_character_leaves_a_command() {
        let printable: Vec<char> = (' '..='~').collect();
        let kits = [1, 410, 99_999, 123_456_789].map(|card| kit_code(CardId(card)));
        for code in every_control().iter().map(Control::code).chain(kits) {
            for (at, right) in code.char_indices() {
                for wrong in printable.iter().filter(|&&wrong| wrong != right) {
                    let mut spoiled = code.clone();
                    spoiled.replace_range(at..=at, &wrong.to_string());
                    assert!(!is_obeyed(&spoiled), "{spoiled}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_obeys_only_printed_codes(
            text in ".{0,30}|\\$SP\\..{0,20}|\\$[sS][pP]\\.(QTY|KIT|ST)-[0-9]{1,20}\\.[0-9A-Z]",
        ) {
            match Control::read(&text) {
                ControlReading::Control(control) => prop_assert!(text.ends_with(&control.code())),
                ControlReading::Kit(card) => prop_assert!(text.ends_with(&kit_code(card))),
                ControlReading::NotControl | ControlReading::Malformed => {}
            }
        }

        #[test]
        fn a_kit_of_any_number_is_read_back(card in 1..=i64::MAX) {
            prop_assert_eq!(Control::read(&kit_code(CardId(card))), ControlReading::Kit(CardId(card)));
        }
    }
}
