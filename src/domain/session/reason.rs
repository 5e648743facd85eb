//! The reasons why frames are refused.

use std::fmt;

use crate::domain::decode::framing::Refusal;

/// The reason why a frame was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The frame itself was bad.
    Frame(Refusal),
    /// The second half of a double read.
    Repeat,
    /// Several goods share the code.
    Ambiguous,
    /// It begins like a control code but is not one.
    MalformedControl,
    /// A mode code on a scanner that has a mode of its own.
    FixedMode,
    /// A storage code on a scanner that has a storage of its own.
    FixedStorage,
    /// A storage code of a storage that the configuration does not name: that of another station.
    OtherStorage,
    /// UNDO or LAST, and this scanner has scanned nothing that could be taken back or changed.
    NothingToUndo,
    /// UNDO or LAST, and the document of the scanner's last scan is closed.
    DocumentClosed,
    /// LAST, and the scanner's last scan is parked.
    LastIsParked,
    /// A count beyond [`crate::domain::stock::quantity::SCAN_UNITS_MAX`], or none at all.
    Quantity,
    /// A price on a label that is no whole number of thousandths of the good's sale price, or of a good that is not
    /// known or has none.
    LabelPrice,
    /// The measure on a label does not go with its verifier.
    LabelVerifier,
    /// A kit that the configuration does not allow (`kits.scan`).
    KitOff,
    /// The label has an amount that cannot be given in sale units: a measure, contents without a count, or a count that
    /// the station is not to use.
    LabelAmount,
    /// The add-on of a magazine or a book, sent by itself: it names no good.
    AddOn,
    /// The label's date is past, and the station is to refuse such lots.
    Expired,
    /// This unit was scanned for the same purpose before, and the station is to refuse that.
    SerialSeen,
    /// A kit in receipt mode: it can only be written off.
    KitMode,
    /// A kit with a material that cannot be booked: no storage, or a unit nobody can convert. A person is needed.
    KitUnusable,
}

impl Reason {
    /// Returns every reason, in the order of the manual.
    pub fn all() -> impl Iterator<Item = Self> {
        let of_frames = Refusal::ALL.into_iter().map(Self::Frame);
        let others = [
            Self::Repeat,
            Self::Ambiguous,
            Self::MalformedControl,
            Self::FixedMode,
            Self::FixedStorage,
            Self::OtherStorage,
            Self::NothingToUndo,
            Self::DocumentClosed,
            Self::LastIsParked,
            Self::Quantity,
            Self::LabelPrice,
            Self::LabelVerifier,
            Self::KitOff,
            Self::LabelAmount,
            Self::AddOn,
            Self::Expired,
            Self::SerialSeen,
            Self::KitMode,
            Self::KitUnusable,
        ];
        of_frames.chain(others)
    }

    /// Returns the meaning for the person with the scanner, in words that fit behind the reason. The manual has the
    /// same words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Frame(refusal) => words_of_frame(refusal),
            Self::Repeat => "the same code over again: it is counted once",
            Self::Ambiguous => "several goods have this code: it is booked to none",
            Self::MalformedControl => "it begins as a control code and is none of this station's",
            Self::FixedMode => "this scanner has a mode of its own and takes no other",
            Self::FixedStorage => "this scanner has a storage of its own and takes no other",
            Self::OtherStorage => "this station does not know that storage",
            Self::NothingToUndo => "this scanner has scanned nothing that could be taken back",
            Self::DocumentClosed => "the document of the last scan is closed",
            Self::LastIsParked => "the last scan is parked: its good is not known",
            Self::Quantity => "nobody scans so many at once: the count is treated as a misread",
            Self::LabelPrice => "the price on the label is no exact quantity of this good",
            Self::LabelVerifier => "the label was misread: its measure does not go with its verifier",
            Self::KitOff => "kit codes are off (kits.scan)",
            Self::LabelAmount => "the label has an amount that this station cannot count",
            Self::AddOn => "it is the add-on of a magazine or a book, and no code of a good",
            Self::Expired => "the date on the label is past",
            Self::SerialSeen => "this very unit was scanned before",
            Self::KitMode => "a kit can only be written off",
            Self::KitUnusable => "a material of this kit cannot be booked",
        }
    }

    /// Returns the word of the journal and the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Frame(refusal) => refusal.as_str(),
            Self::Repeat => "repeat",
            Self::Ambiguous => "ambiguous",
            Self::MalformedControl => "malformed-control",
            Self::FixedMode => "fixed-mode",
            Self::FixedStorage => "fixed-storage",
            Self::OtherStorage => "other-storage",
            Self::NothingToUndo => "nothing-to-undo",
            Self::DocumentClosed => "document-closed",
            Self::LastIsParked => "last-is-parked",
            Self::Quantity => "quantity",
            Self::LabelPrice => "label-price",
            Self::LabelVerifier => "label-verifier",
            Self::KitOff => "kit-off",
            Self::LabelAmount => "label-amount",
            Self::AddOn => "add-on",
            Self::Expired => "expired",
            Self::SerialSeen => "serial-seen",
            Self::KitMode => "kit-in-receipt",
            Self::KitUnusable => "kit-needs-a-person",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

const fn words_of_frame(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Unfinished => "the code stopped in the middle",
        Refusal::TooLong => "the code is longer than 512 bytes",
        Refusal::Lost => "a part of the code was lost on the way",
        Refusal::Tail => "it may be the rest of a code that was cut off",
        Refusal::Burst => "it is a further line of the label before: the answer to the first line holds",
        Refusal::NotUtf8 => "the code is not text in UTF-8",
        Refusal::ControlCharacter => "the code holds a control character",
        Refusal::UnknownKey => "the scanner pressed a key that has no meaning in its layout",
        Refusal::Overrun => "the station was too far behind",
        Refusal::BadReport => "the scanner sent a report unlike its own description",
        Refusal::Secret => "it is a set-up, Wi-Fi or password code: nothing of it is kept",
    }
}
