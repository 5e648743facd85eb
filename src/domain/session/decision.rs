//! What the session wants done with a frame.

use std::fmt;

use crate::domain::control::Control;
use crate::domain::framing::Refusal;
use crate::domain::good::{Good, Resolution};
use crate::domain::ids::{GoodId, OperationId, ScanId, StorageId};
use crate::domain::mode::Mode;
use crate::domain::operation::{CloseReason, Place};
use crate::domain::quantity::Quantity;
use crate::domain::signal::Signal;

/// Why a frame was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The frame itself was bad.
    Frame(Refusal),
    /// The second half of a double read.
    Repeat,
    /// Several goods share the code.
    Ambiguous,
    /// It begins like a control code and is none.
    MalformedControl,
    /// A mode code on a scanner that has a mode of its own.
    FixedMode,
    /// A storage code on a scanner that has a storage of its own.
    FixedStorage,
    /// A storage code of a storage that the configuration does not name: that of another station.
    OtherStorage,
    /// UNDO with nothing to take back.
    NothingToUndo,
    /// A count beyond [`super::SCAN_UNITS_MAX`], or none at all.
    Quantity,
    /// A price on a label that is no whole number of thousandths of the good's sale price, or of a good that is not
    /// known or has none.
    LabelPrice,
    /// The measure on a label does not go with its verifier.
    LabelVerifier,
    /// A kit that the configuration does not let be booked (`kits.scan`).
    KitOff,
    /// The label has an amount that cannot be told in sale units: a measure, contents without a count, or a count that
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
    /// The word of the journal and the log.
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

/// As what a frame counts. Every frame counts as exactly one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Added to an operation.
    Booked {
        /// Where the scanner books; a kit's materials go out of the storages that its card names.
        place: Place,
        /// How much: of a kit, all its materials together.
        quantity: Quantity,
    },
    /// Parked: no good has this code yet.
    Unknown {
        /// Where it will be booked once the code is known.
        place: Place,
        /// How much: of a kit that is not known, how many of it.
        quantity: Quantity,
    },
    /// Nothing came of it.
    Refused(Reason),
    /// A command was carried out.
    Control(Control),
    /// Looked up only.
    Lookup(Resolution),
}

impl Outcome {
    /// The word of the journal and the status.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Booked { .. } => "booked",
            Self::Unknown { .. } => "unknown",
            Self::Refused(_) => "refused",
            Self::Control(_) => "control",
            Self::Lookup(_) => "lookup",
        }
    }
}

/// What one scan added to one operation, so that UNDO can take it back. A kit makes several of one scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The scan's row in the journal.
    pub scan: ScanId,
    /// Where the scanner booked that read it: the place of the operation, but for a kit.
    pub home: Place,
    /// How many entries the scan made, in all operations together.
    pub of: usize,
    /// What was booked.
    pub good: GoodId,
    /// How much was booked.
    pub quantity: Quantity,
}

/// What UNDO takes out of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Kind and storage.
    pub place: Place,
    /// The operation.
    pub operation: OperationId,
    /// The good.
    pub good: GoodId,
    /// How much.
    pub quantity: Quantity,
}

/// A good that joins an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// Kind and storage.
    pub place: Place,
    /// The open operation, or `None` if this frame opens one.
    pub operation: Option<OperationId>,
    /// The good.
    pub good: Good,
    /// The code it was scanned by.
    pub barcode: String,
    /// How much.
    pub quantity: Quantity,
}

/// What the store writes, in this order and in one transaction with the journal's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Remember the mode commanded.
    SetMode(Mode),
    /// Remember the storage commanded.
    SetStorage(StorageId),
    /// Add to an operation, opening it if need be.
    Book(Box<Booking>),
    /// Add all that a kit takes to operations, opening them if need be.
    BookKit(Vec<Booking>),
    /// Close the operation there that this frame booked in: it is full.
    CloseBooked {
        /// Kind and storage.
        place: Place,
    },
    /// Close an operation; from here on it never changes.
    Close {
        /// Kind and storage.
        place: Place,
        /// Which.
        operation: OperationId,
        /// Why.
        reason: CloseReason,
    },
    /// Drop an operation; its scans stay in the journal.
    Cancel {
        /// Kind and storage.
        place: Place,
        /// Which.
        operation: OperationId,
    },
    /// Take one scan back, out of every operation it was booked in.
    Undo {
        /// The scan.
        scan: ScanId,
        /// All that it booked.
        taken: Vec<Taken>,
    },
}

/// What shall happen to one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// As what it counts.
    pub outcome: Outcome,
    /// What is written besides the journal.
    pub changes: Vec<Change>,
    /// What the operator is told once all that is on disk.
    pub signal: Signal,
}

impl Decision {
    pub(super) fn of(outcome: Outcome, signal: Signal) -> Self {
        Self { outcome, changes: Vec::new(), signal }
    }

    /// The frame is refused.
    pub fn refused(reason: Reason) -> Self {
        Self::of(Outcome::Refused(reason), Signal::Refused)
    }

    /// Nothing is booked, so a good that is known is answered like a command that was understood.
    pub(super) fn lookup(resolution: Resolution) -> Self {
        let signal = match resolution {
            Resolution::Found(_) | Resolution::Pack(_) | Resolution::Kit(_) => Signal::Control,
            Resolution::Unknown => Signal::Unknown,
            Resolution::Ambiguous | Resolution::Unusable => Signal::Refused,
        };
        Self::of(Outcome::Lookup(resolution), signal)
    }
}

/// A decision that is on disk.
#[derive(Debug, Clone, Copy)]
pub struct Committed<'a> {
    /// The decision.
    pub decision: &'a Decision,
    /// The journal's row for the frame.
    pub scan: ScanId,
    /// The operations that were opened for it.
    pub opened: &'a [(Place, OperationId)],
}
