//! The operators' session: the meaning of each frame, given everything scanned before it.
//!
//! A frame goes through three steps. [`Session::hear`] returns the kind of the frame, which decides whether the goods
//! table must be asked. [`Session::decide`] returns the effect that the frame will have; nothing has happened yet.
//! Once the decision is on disk, [`Session::settle`] makes it part of the session. A decision that could not be
//! written is dropped, and the session is as it was.
//!
//! Invariant: nothing here counts as done before `settle`, and no signal other than a refusal may be given
//! before it.

pub mod advice;
mod conventions;
mod decision;
mod kits;
mod memory;
mod reason;
mod switch;
mod takeback;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use conventions::Conventions;
pub use decision::{Answer, Became, Booking, Change, Committed, Decision, Entry, LastScan, Outcome, Taken};
pub use memory::ScannerBinding;
pub use reason::Reason;

use super::ids::{CardId, GoodId, OperationId, ScanId, ScannerName, StorageId};
use super::signal::Signal;
use super::time::BootMillis;
use crate::domain::code::barcode::{Barcode, Key};
use crate::domain::code::control::{Control, ControlReading, kit_code};
use crate::domain::code::gs1::{Amount, Gs1Data};
use crate::domain::code::measure::Measure;
use crate::domain::code::seal::Seal;
use crate::domain::decode::framing::{Frame, Refusal};
use crate::domain::decode::secret::Before;
use crate::domain::session::advice::Advice;
use crate::domain::stock::good::{Good, Packed};
use crate::domain::stock::mode::Mode;
use crate::domain::stock::operation::{CloseReason, Place};
use crate::domain::stock::quantity::{Quantity, SCAN_UNITS_MAX};
use crate::domain::stock::resolution::Resolution;
use kits::{OperationSize, Share, held_with};
use memory::ScannerMemory;

/// The most scans that one open operation may hold before it closes itself, whatever its lines: the bound of how far
/// UNDO can go back, and of the memory an operation takes.
pub const OPERATION_SCANS_MAX: usize = 10_000;

/// The settings that the configuration fixes for the life of the process.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The mode of scanners that have none of their own, until a control code commands another.
    pub mode: Mode,
    /// The storage of scanners that have none of their own, until a control code commands another.
    pub storage: StorageId,
    /// The storages that a control code may command: those that the configuration names.
    pub storages: BTreeSet<StorageId>,
    /// The time without a scan after which an operation closes, in ms; `None`: never.
    pub idle_close_ms: Option<i64>,
    /// The most distinct goods in one operation, 1..=500.
    pub lines_max: u16,
    /// The time within which the same code from one scanner is one scan, in ms; 0: off.
    pub repeat_guard_ms: i64,
    /// The time without a scan after which a quantity that QTY commanded lapses, in ms; `None`: never.
    pub quantity_expires_ms: Option<i64>,
    /// The time without a scan after which a commanded mode and storage fall back to those above, in ms; `None`: never.
    pub mode_reverts_ms: Option<i64>,
    /// True if a count in a GS1 element string (AI 30, 37) is the quantity.
    pub gs1_counts: bool,
    /// Every configured scanner.
    pub bindings: BTreeMap<ScannerName, ScannerBinding>,
    /// The meaning of codes here.
    pub conventions: Conventions,
}

impl Rules {
    /// Returns the scanners whose mode or storage a code can command.
    pub fn followers(&self) -> BTreeSet<ScannerName> {
        let follows = |(scanner, binding): (&ScannerName, &ScannerBinding)| {
            binding.follows_commands().then(|| scanner.clone())
        };
        self.bindings.iter().filter_map(follows).collect()
    }
}

/// The last commands by control codes, before a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Commanded {
    /// The mode, if one was ever commanded.
    pub mode: Option<Mode>,
    /// The storage, if one was ever commanded.
    pub storage: Option<StorageId>,
    /// The time of the last scan, on this boot's clock; `None` if that is not known.
    pub last_scan: Option<BootMillis>,
}

/// The kind of a frame, before the goods table is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The same code from the same scanner, too soon to be a second scan.
    Repeat,
    /// Not a frame that can be read.
    Bad(Refusal),
    /// A command.
    Control(Control),
    /// A text that begins like a command but is not one.
    MalformedControl,
    /// The add-on of a magazine or a book, sent by itself: it is part of a code.
    AddOn,
    /// A code to look up in the goods table.
    Product(Box<Barcode>),
    /// A kit to look up among the cards.
    Kit(CardId),
}

impl Heard {
    /// Returns the code that is looked up, if one is: without its AIM prefix, the name of a parked code.
    pub fn code(&self) -> Option<String> {
        match self {
            Self::Product(barcode) => Some(barcode.text.clone()),
            Self::Kit(card) => Some(kit_code(*card)),
            Self::Repeat | Self::Bad(_) | Self::Control(_) | Self::MalformedControl | Self::AddOn => None,
        }
    }

    /// Returns the identity of the code: two codes with the same one are one parked code.
    pub fn identity(&self) -> Option<String> {
        match self {
            Self::Product(barcode) => Some(barcode.identity()),
            Self::Kit(card) => Some(Key::Text(kit_code(*card)).encode()),
            Self::Repeat | Self::Bad(_) | Self::Control(_) | Self::MalformedControl | Self::AddOn => None,
        }
    }

    /// Returns the GS1 elements of the label, if it has any.
    pub fn elements(&self) -> Option<&Gs1Data> {
        if let Self::Product(barcode) = self { barcode.gs1.as_ref() } else { None }
    }

    /// Returns true if it is an in-store label with a measure inside.
    pub fn is_measured(&self) -> bool {
        matches!(self, Self::Product(barcode) if barcode.measure.is_some())
    }

    /// Returns the text that is looked up, with its AIM prefix: read again later, it is the same code.
    pub fn frame_text(&self) -> Option<String> {
        match self {
            Self::Product(barcode) => Some(barcode.frame_text()),
            Self::Kit(_)
            | Self::Repeat
            | Self::Bad(_)
            | Self::Control(_)
            | Self::MalformedControl
            | Self::AddOn => self.code(),
        }
    }
}

/// An operation that still takes scans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOperation {
    /// Its row in the outbox.
    pub id: OperationId,
    /// Quantity by good.
    pub lines: BTreeMap<GoodId, Quantity>,
    /// The entries of scans that are not undone, oldest first; about [`OPERATION_SCANS_MAX`] at the most.
    pub scans: Vec<Entry>,
    /// The time of the last scan that was added.
    pub last_scan: BootMillis,
}

/// Everything that decides the effect of the next frame.
#[derive(Debug, Clone)]
pub struct Session {
    rules: Rules,
    mode: Mode,
    storage: StorageId,
    /// True if a mode or a storage was commanded.
    is_commanded: bool,
    /// The time of the last scan of a scanner that follows commands of mode or storage, if it is known.
    last_scan: Option<BootMillis>,
    memories: BTreeMap<ScannerName, ScannerMemory>,
    open: BTreeMap<Place, OpenOperation>,
}

impl Session {
    /// Resumes the session where the store left it: with the last commands, and the open operations. A commanded
    /// storage that the configuration names no more is forgotten.
    pub fn new(rules: Rules, commanded: Commanded, open: BTreeMap<Place, OpenOperation>) -> Self {
        let mode = commanded.mode.unwrap_or(rules.mode);
        let known = commanded.storage.filter(|storage| rules.storages.contains(storage));
        let storage = known.unwrap_or(rules.storage);
        let is_commanded = commanded.mode.is_some() || commanded.storage.is_some();
        let last_scan = commanded.last_scan;
        Self { rules, mode, storage, is_commanded, last_scan, memories: BTreeMap::new(), open }
    }

    /// Returns the mode in force for scanners that have none of their own.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Returns the same session, commanded by codes under this seal.
    #[must_use]
    pub fn sealed(mut self, seal: Seal) -> Self {
        self.rules.conventions.seal = seal;
        self
    }

    /// Returns the mode in which `scanner` books now.
    pub fn mode_of(&self, scanner: &ScannerName) -> Mode {
        self.rules.bindings.get(scanner).and_then(|binding| binding.mode).unwrap_or(self.mode)
    }

    /// Returns the place in which a scan of `scanner` is booked; `None` in lookup mode or for a scanner nobody
    /// configured.
    pub fn place_of(&self, scanner: &ScannerName) -> Option<Place> {
        let binding = self.rules.bindings.get(scanner)?;
        let kind = binding.mode.unwrap_or(self.mode).kind()?;
        Some(Place { kind, storage: self.storage_of(binding) })
    }

    /// Returns the storage in force for scanners that have none of their own.
    pub fn storage(&self) -> StorageId {
        self.storage
    }

    /// Returns the operation that is open at a place.
    pub fn open_at(&self, place: Place) -> Option<&OpenOperation> {
        self.open.get(&place)
    }

    /// Returns the quantity of a good that the open operation of a place holds.
    pub fn held(&self, place: Place, good: GoodId) -> Quantity {
        let open = self.open.get(&place);
        open.and_then(|open| open.lines.get(&good)).copied().unwrap_or_default()
    }

    /// Returns the operation to which scans of `scanner` are added, if one is open.
    pub fn operation_of(&self, scanner: &ScannerName) -> Option<&OpenOperation> {
        self.open.get(&self.place_of(scanner)?)
    }

    /// Returns the kind of the scanner's last frame: with a secret or without.
    pub fn frame_before(&self, scanner: &ScannerName) -> Before {
        let was_secret = self.memories.get(scanner).is_some_and(|memory| memory.was_secret);
        if was_secret { Before::Secret } else { Before::Plain }
    }

    /// Returns the kind of this frame.
    pub fn hear(&self, scanner: &ScannerName, frame: &Frame, at: BootMillis) -> Heard {
        let memory = self.memories.get(scanner);
        // A repeat may come as a refused frame (`Refusal::Burst`), so it is recognised before the verdict counts.
        if memory.is_some_and(|memory| memory.repeats(frame, at, self.rules.repeat_guard_ms)) {
            return Heard::Repeat;
        }
        match &frame.verdict {
            Ok(text) => self.rules.conventions.hear(scanner, text),
            Err(refusal) => Heard::Bad(*refusal),
        }
    }

    /// Decides what a frame does. The answer comes from the goods table for a [`Heard::Product`], from the cards for a
    /// [`Heard::Kit`], and from the journal for UNDO and LAST; for any other frame it is not used.
    pub fn decide(&self, scanner: &ScannerName, heard: &Heard, answer: impl Into<Answer>) -> Decision {
        match (heard, answer.into()) {
            (Heard::Repeat, _) => self.repeat(scanner),
            (Heard::Bad(refusal), _) => Decision::refused(Reason::Frame(*refusal)),
            (Heard::MalformedControl, _) => Decision::refused(Reason::MalformedControl),
            (Heard::AddOn, _) => Decision::refused(Reason::AddOn),
            (Heard::Control(control), answer) => self.command(scanner, *control, &answer),
            (Heard::Product(barcode), Answer::Resolution(resolution)) => {
                self.product(scanner, barcode, resolution)
            }
            (Heard::Kit(card), Answer::Resolution(resolution)) => self.kit(scanner, *card, resolution),
            // The store was not asked for the code, so it counts as unknown.
            (Heard::Product(barcode), Answer::Last(_)) => self.product(scanner, barcode, Resolution::Unknown),
            (Heard::Kit(card), Answer::Last(_)) => self.kit(scanner, *card, Resolution::Unknown),
        }
    }

    /// Returns the decision on a repeat. It counts for nothing, and is answered as the frame that it repeats, because
    /// there is nothing that the person must do.
    fn repeat(&self, scanner: &ScannerName) -> Decision {
        let signal = self.memories.get(scanner).and_then(ScannerMemory::signal).unwrap_or(Signal::Refused);
        Decision::of(Outcome::Refused(Reason::Repeat), signal)
    }

    /// Forgets the quantities for which no scan came in time, and returns them with their scanners. Call it before
    /// each frame and from time to time.
    pub fn lapse(&mut self, now: BootMillis) -> Vec<(ScannerName, u16)> {
        let Some(expires_ms) = self.rules.quantity_expires_ms else { return Vec::new() };
        let lapsed = self.memories.iter_mut().filter_map(|(scanner, memory)| {
            memory.lapse(now, expires_ms).map(|quantity| (scanner.clone(), quantity))
        });
        lapsed.collect()
    }

    /// Returns the quantities that wait for the next scan of each scanner.
    pub fn pending(&self) -> BTreeMap<ScannerName, u16> {
        let waiting =
            |(scanner, memory): (&ScannerName, &ScannerMemory)| Some((scanner.clone(), memory.quantity()?));
        self.memories.iter().filter_map(waiting).collect()
    }

    /// Makes a decision part of the session, after it was committed. Returns the advice that has become due by it.
    pub fn settle(
        &mut self,
        scanner: &ScannerName,
        frame: &Frame,
        at: BootMillis,
        done: &Committed<'_>,
    ) -> Option<Advice> {
        let outcome = &done.decision.outcome;
        let evidence = self.rules.conventions.evidence(scanner, frame, outcome);
        // Only a frame that was read shows that somebody works here, and keeps a commanded mode in force.
        if frame.verdict.is_ok() && self.follows_commands(scanner) {
            self.last_scan = Some(at);
        }
        let memory = self.memories.entry(scanner.clone()).or_default();
        memory.remember(frame, at, done.decision);
        let advice = memory.watch.take(evidence);
        // In the order in which the store wrote them: a kit may close an operation and open the next at the same
        // place.
        for change in &done.decision.changes {
            self.apply(change, at, done);
        }
        advice
    }

    /// Returns the advice that stands on each scanner.
    pub fn advice(&self) -> BTreeMap<ScannerName, Advice> {
        let standing = |memory: &ScannerMemory| memory.watch.standing();
        self.memories
            .iter()
            .filter_map(|(scanner, memory)| Some((scanner.clone(), standing(memory)?)))
            .collect()
    }

    /// Returns the closing of each operation that has been idle too long at `now`.
    pub fn idle(&self, now: BootMillis) -> Vec<Change> {
        let Some(idle_ms) = self.rules.idle_close_ms else { return Vec::new() };
        self.open
            .iter()
            .filter(|(_, open)| now.ms_since(open.last_scan) >= idle_ms)
            .map(|(place, open)| close(*place, open, CloseReason::Idle))
            .collect()
    }

    /// Returns the closing of every open operation to which `reason` applies: all of them at the end of input, else
    /// those to which no configured scanner adds any more.
    pub fn close_all(&self, reason: CloseReason) -> Vec<Change> {
        let reachable: Vec<Place> =
            self.rules.bindings.keys().filter_map(|scanner| self.place_of(scanner)).collect();
        self.open
            .iter()
            .filter(|(place, open)| {
                let is_reached = open.serves(**place, |place| reachable.contains(place));
                reason != CloseReason::Unreachable || !is_reached
            })
            .map(|(place, open)| close(*place, open, reason))
            .collect()
    }

    /// Makes changes part of the session that came from no frame ([`Session::idle`], [`Session::close_all`]).
    pub fn settle_closed(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Close { place, .. } => {
                    self.open.remove(place);
                }
                Change::Revert => self.revert(),
                _ => {}
            }
        }
    }

    fn product(&self, scanner: &ScannerName, barcode: &Barcode, resolution: Resolution) -> Decision {
        let Some(place) = self.place_of(scanner) else {
            return Decision::lookup(resolution);
        };
        let quantity = match self.quantity(scanner, barcode, &resolution) {
            Ok(quantity) => quantity,
            Err(reason) => return Decision::refused(reason),
        };
        let decision = match resolution {
            Resolution::Found(good) | Resolution::Pack(Packed { good, .. }) => {
                self.book(place, good, barcode, quantity)
            }
            Resolution::Unknown => Decision::of(Outcome::Unknown { place, quantity }, Signal::Unknown),
            Resolution::Ambiguous => Decision::refused(Reason::Ambiguous),
            Resolution::Kit(_) | Resolution::Unusable => Decision::refused(Reason::KitUnusable),
        };
        // The journal keeps the factor, so that LAST can replace it.
        Decision { times: self.commanded(scanner), ..decision }
    }

    /// Returns the quantity of the next scan: one, or the quantity that QTY commanded, times the count in the code
    /// where that counts or the measure on the label, and times the pieces of a pack.
    fn quantity(
        &self,
        scanner: &ScannerName,
        barcode: &Barcode,
        resolution: &Resolution,
    ) -> Result<Quantity, Reason> {
        let once = match barcode.measure {
            Some(measure) => measured(measure, resolution)?,
            None => Quantity::units(self.counted(barcode.amount)?.into()).ok_or(Reason::Quantity)?,
        };
        let times = once.checked_times(self.commanded(scanner).into()).ok_or(Reason::Quantity)?;
        let quantity = match resolution {
            Resolution::Pack(packed) => packed.times(times).ok_or(Reason::Quantity)?,
            Resolution::Found(_)
            | Resolution::Unknown
            | Resolution::Ambiguous
            | Resolution::Kit(_)
            | Resolution::Unusable => times,
        };
        // Zero comes from a good's own code, which has zeros in place of the measure.
        let is_within = quantity > Quantity::ZERO && Some(quantity) <= Quantity::units(SCAN_UNITS_MAX);
        if is_within { Ok(quantity) } else { Err(Reason::Quantity) }
    }

    /// Returns the number of its items for which a label stands. An amount that it has and that cannot be used never
    /// counts as one.
    fn counted(&self, amount: Amount) -> Result<u32, Reason> {
        match (amount, self.rules.gs1_counts) {
            (Amount::One, _) | (Amount::Count(_) | Amount::Unclear, false) => Ok(1),
            (Amount::Count(count) | Amount::Contents(count), true) => Ok(count),
            (Amount::Contents(_), false) | (Amount::Unclear, true) | (Amount::Unusable, _) => {
                Err(Reason::LabelAmount)
            }
        }
    }

    /// Returns the quantity that QTY commanded for the next scan; one if there is none.
    fn commanded(&self, scanner: &ScannerName) -> u16 {
        self.memories.get(scanner).and_then(ScannerMemory::quantity).unwrap_or(1)
    }

    fn book(&self, place: Place, good: Good, barcode: &Barcode, quantity: Quantity) -> Decision {
        let open = self.open.get(&place);
        // Counted with this scan, so that the operation closes with the scan that fills it.
        let full = self
            .is_full(open.map_or(OperationSize { lines: 1, entries: 1 }, |open| held_with(open, &[good.id])));
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

    /// Carries a command out. Any command but QTY drops a quantity that waited for a product. The answer is then the
    /// signal of a refusal, because the person counts on the quantity; only CANCEL drops it on purpose.
    fn command(&self, scanner: &ScannerName, control: Control, answer: &Answer) -> Decision {
        let decision = self.obey(scanner, control, answer);
        let waiting = self.memories.get(scanner).and_then(ScannerMemory::quantity);
        let dropped = waiting.filter(|_| !matches!(control, Control::Quantity(_)));
        let is_meant = control == Control::Cancel || dropped.is_none();
        let signal = if is_meant { decision.signal } else { Signal::Refused };
        Decision { signal, dropped, ..decision }
    }

    fn obey(&self, scanner: &ScannerName, control: Control, answer: &Answer) -> Decision {
        let last = match answer {
            Answer::Last(last) => last.as_ref(),
            Answer::Resolution(_) => None,
        };
        let mut decision = Decision::of(Outcome::Control(control), Signal::Control);
        match control {
            Control::Mode(mode) => return self.change_mode(scanner, mode),
            Control::Storage(storage) => return self.change_storage(scanner, storage),
            Control::Undo => return self.undo(last),
            Control::Last(times) => return self.amend(last, times),
            Control::Close => {
                let home = self.place_of(scanner);
                decision.changes.extend(
                    self.serving(|place| home == Some(*place))
                        .map(|(place, open)| close(place, open, CloseReason::Command)),
                );
            }
            // A quantity that waits is dropped first, by `command`; a second CANCEL drops the document.
            Control::Cancel
                if self.memories.get(scanner).is_some_and(|memory| memory.quantity().is_some()) => {}
            Control::Cancel => {
                decision.changes = self.place_of(scanner).map(|home| self.drop_all(home)).unwrap_or_default();
            }
            Control::Quantity(_) | Control::Ok | Control::Calibrate(_) => {}
        }
        decision
    }

    /// Returns the open operations of places that are asked for, and those in which kits scanned there were booked.
    fn serving(
        &self,
        is_asked: impl Fn(&Place) -> bool + Copy,
    ) -> impl Iterator<Item = (Place, &OpenOperation)> {
        let all = self.open.iter().map(|(place, open)| (*place, open));
        all.filter(move |(place, open)| open.serves(*place, is_asked))
    }

    fn apply(&mut self, change: &Change, at: BootMillis, done: &Committed<'_>) {
        match change {
            Change::SetMode(mode) => (self.mode, self.is_commanded) = (*mode, true),
            Change::SetStorage(storage) => (self.storage, self.is_commanded) = (*storage, true),
            Change::Revert => self.revert(),
            Change::Book(booking) => self.add(booking, Share { home: booking.place, of: 1 }, at, done),
            Change::BookKit(bookings) => self.add_kit(bookings, at, done),
            Change::Undo { scan, taken } => taken.iter().for_each(|taken| self.take_out(*scan, taken)),
            Change::Amend { scan, amended, .. } => self.amend_entries(*scan, amended),
            Change::UndoParked { .. } => {}
            Change::Close { place, .. } | Change::CloseBooked { place } | Change::Cancel { place, .. } => {
                self.open.remove(place);
            }
        }
    }

    /// Adds the entry of a booking.
    fn add(&mut self, booking: &Booking, share: Share, at: BootMillis, done: &Committed<'_>) {
        let opened = || done.opened.iter().find(|(place, _)| *place == booking.place).map(|(_, id)| *id);
        let Some(id) = booking.operation.or_else(opened) else { return };
        let open = self.open.entry(booking.place).or_insert_with(|| OpenOperation {
            id,
            lines: BTreeMap::new(),
            scans: Vec::new(),
            last_scan: at,
        });
        let line = open.lines.entry(booking.good.id).or_default();
        // No overflow: each scan books at most `SCAN_UNITS_MAX`, and an operation holds about `OPERATION_SCANS_MAX`
        // scans.
        *line = line.checked_add(booking.quantity).unwrap_or(*line);
        let (scan, good, quantity) = (done.scan, booking.good.id, booking.quantity);
        open.scans.push(Entry { scan, home: share.home, of: share.of, good, quantity });
        open.last_scan = at;
    }
}

impl OpenOperation {
    /// Returns true if it is at a place asked for, or if a kit scanned there was booked in it.
    fn serves(&self, place: Place, is_asked: impl Fn(&Place) -> bool) -> bool {
        is_asked(&place) || self.scans.iter().any(|entry| is_asked(&entry.home))
    }
}

/// Returns the quantity that the measure of a label gives for what was found. The price of an unknown good cannot be
/// parked, because the quantity would have to be guessed.
fn measured(measure: Measure, resolution: &Resolution) -> Result<Quantity, Reason> {
    match (measure, resolution) {
        (Measure::Amount(quantity), _) => Ok(quantity),
        (Measure::Unverified, _) => Err(Reason::LabelVerifier),
        (Measure::Price(_), Resolution::Found(good)) => measure.of(good).ok_or(Reason::LabelPrice),
        (Measure::Price(_), Resolution::Unknown) => Err(Reason::LabelPrice),
        // Refused whatever the quantity.
        (
            Measure::Price(_),
            Resolution::Ambiguous | Resolution::Pack(_) | Resolution::Kit(_) | Resolution::Unusable,
        ) => Ok(Quantity::ONE),
    }
}

fn close(place: Place, open: &OpenOperation, reason: CloseReason) -> Change {
    Change::Close { place, operation: open.id, reason }
}
