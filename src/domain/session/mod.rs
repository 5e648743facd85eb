//! The operators' session: what each frame means, given everything scanned before it.
//!
//! A frame goes through three steps. [`Session::hear`] says what kind of frame it is, which decides whether
//! the goods table must be asked. [`Session::decide`] says what shall happen; nothing has happened yet.
//! Once the decision is on disk, [`Session::settle`] makes it part of the session. A decision that could not
//! be written is dropped, and the session is as it was.
//!
//! Invariant: nothing here counts as done before `settle`, and no signal other than a refusal may be given
//! before it.

mod decision;
mod hand;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use decision::{Booking, Change, Committed, Decision, Outcome, Reason, Undone};
pub use hand::Desk;

use super::barcode::Barcode;
use super::control::{Control, Reading};
use super::framing::{Frame, Refusal};
use super::good::{Good, Resolution};
use super::ids::{GoodId, OperationId, ScannerName};
use super::mode::Mode;
use super::operation::{CloseReason, Place};
use super::quantity::Quantity;
use super::signal::Signal;
use super::time::BootMillis;
use hand::Hand;

/// Scans that one open operation may hold before it closes itself, whatever its lines: the bound of what
/// UNDO can walk back through, and of the memory an operation takes.
pub const OPERATION_SCANS_MAX: usize = 10_000;

/// The most that one scan may book, in sale units: a thousand of a pack of a thousand. Anything above is a
/// misread count, and the bound keeps every sum of quantities far from overflow.
pub const SCAN_UNITS_MAX: i64 = 1_000_000;

/// What the configuration fixes for the life of the process.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The mode of scanners that have none of their own, until a control code commands another.
    pub mode: Mode,
    /// An operation closes when nothing was scanned into it for this long, in ms; `None`: never.
    pub idle_close_ms: Option<i64>,
    /// Distinct goods in one operation, 1..=500.
    pub lines_max: u16,
    /// The same code from one scanner sooner than this is one scan, in ms; 0: off.
    pub repeat_guard_ms: i64,
    /// Whether a count in a GS1 element string (AI 30, 37) is the quantity.
    pub gs1_counts: bool,
    /// Every configured scanner.
    pub desks: BTreeMap<ScannerName, Desk>,
}

/// What a frame is, before the goods table is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The same code from the same scanner, too soon to be a second scan.
    Repeat,
    /// Not a frame that can be read.
    Bad(Refusal),
    /// A command.
    Control(Control),
    /// Begins like a command and is none.
    MalformedControl,
    /// A code to look up.
    Product(Barcode),
}

/// An operation that still takes scans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOperation {
    /// Its row in the outbox.
    pub id: OperationId,
    /// Quantity by good.
    pub lines: BTreeMap<GoodId, Quantity>,
    /// Its scans that are not undone, oldest first; at most [`OPERATION_SCANS_MAX`].
    pub scans: Vec<Undone>,
    /// When the last one was scanned.
    pub last_scan: BootMillis,
}

/// Everything that decides what the next frame does.
#[derive(Debug, Clone)]
pub struct Session {
    rules: Rules,
    mode: Mode,
    hands: BTreeMap<ScannerName, Hand>,
    open: BTreeMap<Place, OpenOperation>,
}

impl Session {
    /// Takes up the session where the store left it: the mode commanded last, and the open operations.
    pub fn new(rules: Rules, commanded: Option<Mode>, open: BTreeMap<Place, OpenOperation>) -> Self {
        let mode = commanded.unwrap_or(rules.mode);
        Self { rules, mode, hands: BTreeMap::new(), open }
    }

    /// The mode in force for scanners that have none of their own.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The mode in which `scanner` books now.
    pub fn mode_of(&self, scanner: &ScannerName) -> Mode {
        self.rules.desks.get(scanner).and_then(|desk| desk.mode).unwrap_or(self.mode)
    }

    /// Where a scan of `scanner` is booked; `None` in lookup mode or for a scanner nobody configured.
    pub fn place_of(&self, scanner: &ScannerName) -> Option<Place> {
        let desk = self.rules.desks.get(scanner)?;
        let kind = desk.mode.unwrap_or(self.mode).kind()?;
        Some(Place { kind, storage: desk.storage })
    }

    /// The operation that scans of `scanner` are added to, if one is open.
    pub fn operation_of(&self, scanner: &ScannerName) -> Option<&OpenOperation> {
        self.open.get(&self.place_of(scanner)?)
    }

    /// Says what kind of frame this is.
    pub fn hear(&self, scanner: &ScannerName, frame: &Frame, at: BootMillis) -> Heard {
        let text = match &frame.verdict {
            Ok(text) => text,
            Err(refusal) => return Heard::Bad(*refusal),
        };
        let repeat = self
            .hands
            .get(scanner)
            .is_some_and(|hand| hand.repeats(&frame.raw, at, self.rules.repeat_guard_ms));
        if repeat {
            return Heard::Repeat;
        }
        match Control::read(text) {
            Reading::Control(control) => Heard::Control(control),
            Reading::Malformed => Heard::MalformedControl,
            Reading::NotControl => Heard::Product(Barcode::read(text)),
        }
    }

    /// Decides what a frame does. `resolution` is what the goods table says of a [`Heard::Product`]; for any
    /// other frame it is not looked at.
    pub fn decide(&self, scanner: &ScannerName, heard: &Heard, resolution: Resolution) -> Decision {
        match heard {
            Heard::Repeat => Decision::refused(Reason::Repeat),
            Heard::Bad(refusal) => Decision::refused(Reason::Frame(*refusal)),
            Heard::MalformedControl => Decision::refused(Reason::MalformedControl),
            Heard::Control(control) => self.command(scanner, *control),
            Heard::Product(barcode) => self.product(scanner, barcode, resolution),
        }
    }

    /// Makes a decision part of the session, after it was committed.
    pub fn settle(&mut self, scanner: &ScannerName, frame: &Frame, at: BootMillis, done: &Committed<'_>) {
        let hand = self.hands.entry(scanner.clone()).or_default();
        hand.remember(frame, at, &done.decision.outcome);
        for change in &done.decision.changes {
            self.apply(change, at, done);
        }
    }

    /// The operations that have been idle too long at `now`.
    pub fn idle(&self, now: BootMillis) -> Vec<Change> {
        let Some(idle_ms) = self.rules.idle_close_ms else { return Vec::new() };
        self.open
            .iter()
            .filter(|(_, open)| now.ms_since(open.last_scan) >= idle_ms)
            .map(|(place, open)| close(*place, open, CloseReason::Idle))
            .collect()
    }

    /// Closes every open operation that `reason` applies to: all of them at the end of input, else those
    /// that no configured scanner adds to any more.
    pub fn close_all(&self, reason: CloseReason) -> Vec<Change> {
        let reachable: Vec<Place> =
            self.rules.desks.keys().filter_map(|scanner| self.place_of(scanner)).collect();
        self.open
            .iter()
            .filter(|(place, _)| reason != CloseReason::Unreachable || !reachable.contains(place))
            .map(|(place, open)| close(*place, open, reason))
            .collect()
    }

    /// Makes changes part of the session that came from no frame ([`Session::idle`], [`Session::close_all`]).
    pub fn settle_closed(&mut self, changes: &[Change]) {
        for change in changes {
            if let Change::Close { place, .. } = change {
                self.open.remove(place);
            }
        }
    }

    fn product(&self, scanner: &ScannerName, barcode: &Barcode, resolution: Resolution) -> Decision {
        let Some(place) = self.place_of(scanner) else {
            return Decision::lookup(resolution);
        };
        let Some(quantity) = self.quantity(scanner, barcode) else {
            return Decision::refused(Reason::Quantity);
        };
        match resolution {
            Resolution::Found(good) => self.book(place, good, barcode, quantity),
            Resolution::Unknown => Decision::of(Outcome::Unknown { place, quantity }, Signal::Unknown),
            Resolution::Ambiguous => Decision::refused(Reason::Ambiguous),
        }
    }

    /// The quantity of the next scan: one, or what QTY said, times the count in the code where that counts.
    fn quantity(&self, scanner: &ScannerName, barcode: &Barcode) -> Option<Quantity> {
        let commanded = self.hands.get(scanner).and_then(|hand| hand.quantity).unwrap_or(1);
        let counted = barcode.gs1.as_ref().and_then(|gs1| gs1.count).filter(|_| self.rules.gs1_counts);
        let units = i64::from(commanded).checked_mul(i64::from(counted.unwrap_or(1)))?;
        if (1..=SCAN_UNITS_MAX).contains(&units) { Quantity::units(units) } else { None }
    }

    fn book(&self, place: Place, good: Good, barcode: &Barcode, quantity: Quantity) -> Decision {
        let open = self.open.get(&place);
        let lines = open.map_or(0, |open| open.lines.len());
        let scans = open.map_or(0, |open| open.scans.len());
        let adds_line = open.is_none_or(|open| !open.lines.contains_key(&good.id));
        let full = lines + usize::from(adds_line) >= usize::from(self.rules.lines_max)
            || scans + 1 >= OPERATION_SCANS_MAX;
        let booking = Booking {
            place,
            operation: open.map(|open| open.id),
            good,
            barcode: barcode.text.clone(),
            quantity,
        };
        let mut decision = Decision::of(Outcome::Booked { place, quantity }, Signal::Booked);
        decision.changes.push(Change::Book(Box::new(booking)));
        if full {
            decision.changes.push(Change::CloseBooked { place });
        }
        decision
    }

    fn command(&self, scanner: &ScannerName, control: Control) -> Decision {
        let mut decision = Decision::of(Outcome::Control(control), Signal::Control);
        match control {
            Control::Mode(mode) => return self.change_mode(scanner, mode),
            Control::Undo => return self.undo(scanner),
            Control::Close => {
                decision
                    .changes
                    .extend(self.of_scanner(scanner, |place, open| close(place, open, CloseReason::Command)));
            }
            Control::Cancel if self.hands.get(scanner).is_some_and(|hand| hand.quantity.is_some()) => {}
            Control::Cancel => {
                decision.changes.extend(
                    self.of_scanner(scanner, |place, open| Change::Cancel { place, operation: open.id }),
                );
            }
            Control::Quantity(_) | Control::Ok => {}
        }
        decision
    }

    fn of_scanner(
        &self,
        scanner: &ScannerName,
        change: impl FnOnce(Place, &OpenOperation) -> Change,
    ) -> Option<Change> {
        let place = self.place_of(scanner)?;
        self.open.get(&place).map(|open| change(place, open))
    }

    /// A scanner with a mode of its own takes no other; one without changes the mode of all that have none,
    /// and what they had open is closed.
    fn change_mode(&self, scanner: &ScannerName, mode: Mode) -> Decision {
        let fixed = self.rules.desks.get(scanner).and_then(|desk| desk.mode);
        if fixed.is_some_and(|fixed| fixed != mode) {
            return Decision::refused(Reason::FixedMode);
        }
        let mut decision = Decision::of(Outcome::Control(Control::Mode(mode)), Signal::Control);
        if fixed.is_some() {
            return decision;
        }
        // Remembered even where it changes nothing now: the configuration may say otherwise at the next start.
        decision.changes.push(Change::SetMode(mode));
        if mode == self.mode {
            return decision;
        }
        let Some(kind) = self.mode.kind() else { return decision };
        let left = |place: &Place| {
            place.kind == kind
                && self.rules.desks.values().any(|desk| desk.mode.is_none() && desk.storage == place.storage)
        };
        decision.changes.extend(
            self.open
                .iter()
                .filter(|(place, _)| left(place))
                .map(|(place, open)| close(*place, open, CloseReason::ModeChange)),
        );
        decision
    }

    fn undo(&self, scanner: &ScannerName) -> Decision {
        let last = self.place_of(scanner).and_then(|place| {
            let open = self.open.get(&place)?;
            open.scans.last().map(|scan| (place, open, *scan))
        });
        let Some((place, open, scan)) = last else {
            return Decision::refused(Reason::NothingToUndo);
        };
        let mut decision = Decision::of(Outcome::Control(Control::Undo), Signal::Control);
        decision.changes.push(Change::Undo { place, operation: open.id, scan });
        if open.scans.len() == 1 {
            decision.changes.push(Change::Cancel { place, operation: open.id });
        }
        decision
    }

    fn apply(&mut self, change: &Change, at: BootMillis, done: &Committed<'_>) {
        match change {
            Change::SetMode(mode) => self.mode = *mode,
            Change::Book(booking) => self.add(booking, at, done),
            Change::Undo { place, scan, .. } => self.take_back(*place, *scan),
            Change::Close { place, .. } | Change::CloseBooked { place } | Change::Cancel { place, .. } => {
                self.open.remove(place);
            }
        }
    }

    fn add(&mut self, booking: &Booking, at: BootMillis, done: &Committed<'_>) {
        let Some(id) = booking.operation.or(done.opened) else { return };
        let open = self.open.entry(booking.place).or_insert_with(|| OpenOperation {
            id,
            lines: BTreeMap::new(),
            scans: Vec::new(),
            last_scan: at,
        });
        let line = open.lines.entry(booking.good.id).or_default();
        *line = line.checked_add(booking.quantity).unwrap_or(*line);
        open.scans.push(Undone { scan: done.scan, good: booking.good.id, quantity: booking.quantity });
        open.last_scan = at;
    }

    fn take_back(&mut self, place: Place, scan: Undone) {
        let Some(open) = self.open.get_mut(&place) else { return };
        open.scans.retain(|kept| kept.scan != scan.scan);
        let left = open.lines.get(&scan.good).and_then(|line| line.checked_sub(scan.quantity));
        match left {
            Some(left) if left > Quantity::ZERO => {
                open.lines.insert(scan.good, left);
            }
            _ => {
                open.lines.remove(&scan.good);
            }
        }
    }
}

fn close(place: Place, open: &OpenOperation, reason: CloseReason) -> Change {
    Change::Close { place, operation: open.id, reason }
}
