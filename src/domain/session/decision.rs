//! The session's decision on a frame.

use super::reason::Reason;
use crate::domain::code::control::Control;
use crate::domain::ids::{GoodId, OperationId, ScanId, StorageId};
use crate::domain::signal::Signal;
use crate::domain::stock::good::Good;
use crate::domain::stock::mode::Mode;
use crate::domain::stock::operation::{CloseReason, Place};
use crate::domain::stock::quantity::Quantity;
use crate::domain::stock::resolution::Resolution;

/// The outcome of a frame. Every frame counts as exactly one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Added to an operation.
    Booked {
        /// The place in which the scanner books; a kit's materials go out of the storages that its card names.
        place: Place,
        /// The quantity: of a kit, all its materials together.
        quantity: Quantity,
    },
    /// Parked: no good has this code yet.
    Unknown {
        /// The place in which it will be booked once the code is known.
        place: Place,
        /// The quantity: of a kit that is not known, the number of kits.
        quantity: Quantity,
    },
    /// It had no effect.
    Refused(Reason),
    /// A command was carried out.
    Control(Control),
    /// Looked up only.
    Lookup(Resolution),
}

impl Outcome {
    /// Returns the word of the journal and the status.
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

/// The part that one scan added to one operation, so that UNDO can take it back. A kit makes several of one scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The scan's row in the journal.
    pub scan: ScanId,
    /// The place in which the scanner booked: that of the operation, except for a kit.
    pub home: Place,
    /// The number of entries that the scan made, in all operations together.
    pub of: usize,
    /// The good that was booked.
    pub good: GoodId,
    /// The quantity that was booked.
    pub quantity: Quantity,
}

/// The last product scan of a scanner that was not taken back, as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastScan {
    /// Its row.
    pub scan: ScanId,
    /// The code, without its AIM prefix.
    pub code: String,
    /// Its result.
    pub became: Became,
}

/// The result of a product scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Became {
    /// It was booked.
    Booked {
        /// The factor on the amount of its code, by QTY or LAST; `None` for a row that is older than this record.
        times: Option<u16>,
        /// The title of the good, or the code of a kit, for people.
        title: String,
        /// The unit of the good; empty for a kit.
        unit: String,
    },
    /// It is parked.
    Parked {
        /// The quantity.
        quantity: Quantity,
    },
}

/// The store's answer about a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The resolution of a product or a kit. For any other frame it is not used.
    Resolution(Resolution),
    /// The last product scan of the scanner, for UNDO and LAST.
    Last(Option<LastScan>),
}

impl From<Resolution> for Answer {
    fn from(resolution: Resolution) -> Self {
        Self::Resolution(resolution)
    }
}

/// The part that UNDO or LAST takes out of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Kind and storage.
    pub place: Place,
    /// The operation.
    pub operation: OperationId,
    /// The good.
    pub good: GoodId,
    /// The quantity.
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
    /// The quantity.
    pub quantity: Quantity,
}

/// A change that the store writes: all in their order, and in one transaction with the journal's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Remember the mode commanded.
    SetMode(Mode),
    /// Remember the storage commanded.
    SetStorage(StorageId),
    /// Add to an operation, and open it if there is none.
    Book(Box<Booking>),
    /// Add all that a kit takes to operations, and open those that are missing.
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
        /// The operation.
        operation: OperationId,
        /// The reason.
        reason: CloseReason,
    },
    /// Drop an operation; its scans stay in the journal.
    Cancel {
        /// Kind and storage.
        place: Place,
        /// The operation.
        operation: OperationId,
    },
    /// Forget what was commanded: the configured mode and storage hold again.
    Revert,
    /// Take one parked scan back.
    UndoParked {
        /// The scan.
        scan: ScanId,
    },
    /// Give one scan another quantity, in every operation it was booked in.
    Amend {
        /// The scan.
        scan: ScanId,
        /// The factor on the amount of its code from now on.
        times: u16,
        /// All that it booked, with the quantities that it books from now on.
        amended: Vec<(Taken, Quantity)>,
    },
    /// Take one scan back, out of every operation it was booked in.
    Undo {
        /// The scan.
        scan: ScanId,
        /// All that it booked.
        taken: Vec<Taken>,
    },
}

impl Change {
    /// Returns the place at which it ends an open operation that was there before, if it does.
    pub const fn ends(&self) -> Option<Place> {
        match self {
            Self::Close { place, .. } | Self::Cancel { place, .. } => Some(*place),
            _ => None,
        }
    }
}

/// The decision on one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The outcome as which it counts.
    pub outcome: Outcome,
    /// The changes that are written besides the journal.
    pub changes: Vec<Change>,
    /// The signal for the operator, to be given once all of that is on disk.
    pub signal: Signal,
    /// The factor on the amount of a product's code; 1 without QTY.
    pub times: u16,
    /// The quantity that waited for a product and is dropped by this command.
    pub dropped: Option<u16>,
}

impl Decision {
    pub(super) fn of(outcome: Outcome, signal: Signal) -> Self {
        Self { outcome, changes: Vec::new(), signal, times: 1, dropped: None }
    }

    /// Returns the decision to refuse a frame.
    pub fn refused(reason: Reason) -> Self {
        Self::of(Outcome::Refused(reason), Signal::Refused)
    }

    /// Returns the decision on a frame that is only looked up. Nothing is booked, so a good that is known is answered
    /// like a command that was understood.
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
