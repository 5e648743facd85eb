//! The content of the sheet: groups of codes, each code with its name and its meaning.

use crate::domain::calibrate::CalibrationCode;
use crate::domain::code::control::{self, Control};
use crate::domain::code::seal::Seal;
use crate::domain::ids::CardId;
use crate::domain::stock::mode::Mode;
use crate::sheet::NamedStorage;
use crate::sheet::page::Ink;
use crate::sheet::picture::Picture;

/// A group of codes that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The purpose of the codes.
    pub title: String,
    /// Their colour.
    pub ink: Ink,
    /// The harm that a scan by mistake does.
    pub risk: Risk,
    /// The codes, in printing order. Few are printed large, one to a row; many are printed two to a row.
    pub codes: Vec<Code>,
}

/// The harm that a scan by mistake does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Risk {
    /// Another scan can undo it.
    Reversible,
    /// It cannot be undone: these codes stand apart, in a thick frame.
    Irreversible,
}

/// A code to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The name that people use for it.
    pub name: String,
    /// Its effect, in one short line.
    pub meaning: String,
    /// The text that a scanner reads, in printable ASCII.
    pub text: String,
    /// The picture beside it.
    pub picture: Picture,
}

/// Returns the control codes that a station obeys, in groups.
pub fn control_groups(seal: &Seal) -> Vec<Group> {
    let group = |title: &str, ink, risk, belongs: fn(Control) -> bool| Group {
        title: title.to_owned(),
        ink,
        risk,
        codes: control::sheet()
            .into_iter()
            .filter(|control| belongs(*control))
            .map(|control| Code::of(seal, control))
            .collect(),
    };
    vec![
        group("From now on", Ink::Blue, Risk::Reversible, |control| matches!(control, Control::Mode(_))),
        group("While you work", Ink::Green, Risk::Reversible, |control| {
            matches!(control, Control::Undo | Control::Close | Control::Ok)
        }),
        group("Careful", Ink::Red, Risk::Irreversible, |control| matches!(control, Control::Cancel)),
        group("How many: scan this, then the good", Ink::Violet, Risk::Reversible, |control| {
            matches!(control, Control::Quantity(_))
        }),
        group("How many after all: scan this behind the good", Ink::Violet, Risk::Reversible, |control| {
            matches!(control, Control::Last(_))
        }),
    ]
}

/// Returns the codes for setting up a scanner. They get a page of their own at the end: no clerk needs them.
pub fn calibration_group() -> Group {
    // No seal: these codes are the same for every station.
    let codes = CalibrationCode::ALL.map(|code| Code::of(&Seal::default(), Control::Calibrate(code)));
    let title = "Setting a scanner up: stockpoint calibrate".to_owned();
    Group { title, ink: Ink::Violet, risk: Risk::Reversible, codes: codes.into() }
}

/// Returns the storages that a code may select, with their names for people; `None` where there is no choice.
pub fn storage_group(seal: &Seal, storages: &[NamedStorage]) -> Option<Group> {
    let storages = choice(storages);
    if storages.is_empty() {
        return None;
    }
    let code = |(storage, name): &NamedStorage| {
        let code = Code::of(seal, Control::Storage(*storage));
        match name {
            // The name for people is large, in capitals like all names there; the station's name for it is small.
            Some(name) => Code { name: name.to_uppercase(), meaning: code.name, ..code },
            None => code,
        }
    };
    let title = "Which storage, from now on".to_owned();
    Some(Group { title, ink: Ink::Blue, risk: Risk::Reversible, codes: storages.iter().map(code).collect() })
}

/// Returns the storages if there are several; a single one needs no code.
pub(super) fn choice(storages: &[NamedStorage]) -> &[NamedStorage] {
    if storages.len() < 2 { &[] } else { storages }
}

/// The longest printed name of a kit, in characters; the rest is cut.
const KIT_CHARS_MAX: usize = 34;

/// Returns the kits of a station; `None` if it has none.
pub fn kit_group(seal: &Seal, kits: &[(CardId, String)]) -> Option<Group> {
    if kits.is_empty() {
        return None;
    }
    let code = |(card, title): &(CardId, String)| {
        let mut meaning: String = title.chars().filter(|c| !c.is_control()).take(KIT_CHARS_MAX).collect();
        if title.chars().nth(KIT_CHARS_MAX).is_some() {
            meaning.push_str("...");
        }
        let (name, text) = (control::kit_name(*card), seal.kit_code(*card));
        Code { name, meaning, text, picture: Picture::Words(card.to_string()) }
    };
    let title = "Kits: all of it goes out".to_owned();
    Some(Group { title, ink: Ink::Green, risk: Risk::Reversible, codes: kits.iter().map(code).collect() })
}

impl Code {
    fn of(seal: &Seal, control: Control) -> Self {
        let (picture, meaning) = explain(control);
        Self { name: control.name(), meaning, text: seal.code(control), picture }
    }
}

/// Returns the picture and the meaning of a control code.
fn explain(control: Control) -> (Picture, String) {
    let (picture, meaning) = match control {
        Control::Mode(Mode::Receipt) => (Picture::In, "Goods come in"),
        Control::Mode(Mode::WriteOff) => (Picture::Out, "Goods go out"),
        Control::Mode(Mode::Lookup) => (Picture::Lens, "Only look goods up"),
        Control::Storage(storage) => return (Picture::House, format!("Storage {storage}")),
        Control::Quantity(quantity) => {
            return (Picture::Words(quantity.to_string()), format!("The next scan counts {quantity}"));
        }
        Control::Last(quantity) => {
            return (Picture::Words(format!("={quantity}")), format!("The last scan counts {quantity}"));
        }
        Control::Undo => (Picture::Back, "Take the last scan back"),
        Control::Close => (Picture::Send, "Finished: post the document"),
        Control::Cancel => (Picture::Cross, "Drop the quantity, else the document"),
        Control::Ok => (Picture::Tick, "I have seen the alarm"),
        Control::Calibrate(CalibrationCode::First) => {
            (Picture::Words("1".to_owned()), "Scan first: its layout")
        }
        Control::Calibrate(CalibrationCode::Second) => {
            (Picture::Words("2".to_owned()), "Scan next: its separator")
        }
    };
    (picture, meaning.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::domain::ids::StorageId;

    #[test]
    fn every_control_code_is_in_one_group() {
        let mut printed: Vec<String> = control_groups(&Seal::default())
            .into_iter()
            .chain([calibration_group()])
            .flat_map(|group| group.codes)
            .map(|code| code.text)
            .collect();
        let calibration = CalibrationCode::ALL.map(Control::Calibrate);
        let mut all: Vec<String> =
            control::sheet().into_iter().chain(calibration).map(|control| control.code()).collect();
        printed.sort();
        all.sort();
        assert_eq!(printed, all);
    }

    #[test]
    fn what_cannot_be_taken_back_is_alone_in_its_group() {
        let dangerous: Vec<Group> = control_groups(&Seal::default())
            .into_iter()
            .filter(|group| group.risk == Risk::Irreversible)
            .collect();
        let names: Vec<&str> =
            dangerous.iter().flat_map(|group| &group.codes).map(|code| code.name.as_str()).collect();
        assert_eq!(names, ["CANCEL"]);
    }

    #[test]
    fn a_kit_is_printed_under_its_number_and_a_long_name_is_cut() {
        assert_eq!(kit_group(&Seal::default(), &[]), None);
        let long = "Colouring, long hair, with everything that goes with it";
        let kits = [(CardId(410), "Haircut".to_owned()), (CardId(411), long.to_owned())];
        let group = kit_group(&Seal::default(), &kits).unwrap();
        let texts: Vec<_> =
            group.codes.iter().map(|code| (code.name.as_str(), code.meaning.as_str())).collect();
        assert_eq!(texts, [("KIT-410", "Haircut"), ("KIT-411", "Colouring, long hair, with everyth...")]);
        assert_eq!(group.codes[0].text, control::kit_code(CardId(410)));
    }

    #[test]
    fn storages_are_printed_with_their_names_where_there_is_a_choice() {
        let (shop, cellar) = ((StorageId(91_271), None), (StorageId(91_272), Some("Cellar".to_owned())));
        assert_eq!(storage_group(&Seal::default(), std::slice::from_ref(&shop)), None);
        let group = storage_group(&Seal::default(), &[shop, cellar]).unwrap();
        let texts: Vec<_> =
            group.codes.iter().map(|code| (code.name.as_str(), code.meaning.as_str())).collect();
        assert_eq!(texts, [("STORAGE-91271", "Storage 91271"), ("CELLAR", "STORAGE-91272")]);
        assert_eq!(group.codes[0].text, "$SP.ST-91271.T");
    }

    #[test]
    fn every_code_has_a_picture_of_its_own() {
        let codes: Vec<Code> =
            control_groups(&Seal::default()).into_iter().flat_map(|group| group.codes).collect();
        let pictures: HashSet<String> = codes.iter().map(|code| format!("{:?}", code.picture)).collect();
        assert_eq!(pictures.len(), codes.len());
    }
}
