//! Kits: one scan that books several goods in several operations, and is taken back as one.
//!
//! The materials go out of the storages that the card names, whatever storage the scanner has. So CLOSE and a
//! change of mode close those operations too, and UNDO and CANCEL reach into them, but only for what was scanned
//! at the scanner's own place.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Booking, CardId, Change, CloseReason, Committed, Decision, Entry, GoodId, OPERATION_SCANS_MAX,
    OpenOperation, Outcome, Place, Quantity, Reason, Resolution, ScanId, ScannerName, Session, Signal, Taken,
    close,
};
use crate::domain::code::control::kit_code;
use crate::domain::stock::kit::{Kit, Part};
use crate::domain::stock::mode::Kind;
use crate::domain::time::BootMillis;

/// The size of an open operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OperationSize {
    /// Its lines, one for each good.
    pub(super) lines: usize,
    /// Its entries, one for each good of each scan.
    pub(super) entries: usize,
}

/// The part of a scan that one entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    /// The place of the scanner that read it.
    pub(super) home: Place,
    /// The number of entries that the scan made.
    pub(super) of: usize,
}

impl Session {
    pub(super) fn kit(&self, scanner: &ScannerName, card: CardId, resolution: Resolution) -> Decision {
        let Some(place) = self.place_of(scanner) else {
            return Decision::lookup(resolution);
        };
        if !self.rules.conventions.kits.allows(card) {
            return Decision::refused(Reason::KitOff);
        }
        if place.kind == Kind::Receipt {
            return Decision::refused(Reason::KitMode);
        }
        let times = self.commanded(scanner);
        let decision = match resolution {
            Resolution::Kit(kit) => match kit.times(times.into()) {
                Some(kit) => self.book_kit(place, card, &kit),
                None => Decision::refused(Reason::Quantity),
            },
            Resolution::Unknown => match Quantity::units(times.into()) {
                Some(quantity) => Decision::of(Outcome::Unknown { place, quantity }, Signal::Unknown),
                None => Decision::refused(Reason::Quantity),
            },
            Resolution::Found(_) | Resolution::Pack(_) | Resolution::Ambiguous | Resolution::Unusable => {
                Decision::refused(Reason::KitUnusable)
            }
        };
        Decision { times, ..decision }
    }

    /// Books a kit whole. An operation that would hold too many lines with it is closed before; one that then
    /// holds as many as it may, or a kit that is larger than that by itself, is closed after.
    fn book_kit(&self, home: Place, card: CardId, kit: &Kit) -> Decision {
        let quantity = kit.units();
        let mut decision = Decision::of(Outcome::Booked { place: home, quantity }, Signal::Booked);
        let mut goods = BTreeMap::<Place, Vec<GoodId>>::new();
        for part in &kit.parts {
            goods.entry(place_of(part)).or_default().push(part.good.id);
        }
        // The kit joins what is open where there is room; elsewhere it opens an operation.
        let joined = |place: Place| {
            let added = goods.get(&place).map_or(&[][..], Vec::as_slice);
            self.open.get(&place).filter(|open| self.fits(held_with(open, added)))
        };
        let over = goods.keys().filter(|place| joined(**place).is_none());
        let over = over.filter_map(|place| Some(close(*place, self.open.get(place)?, CloseReason::Full)));
        decision.changes.extend(over);
        let full = goods.iter().filter(|(place, added)| {
            let alone = OperationSize { lines: added.len(), entries: added.len() };
            self.is_full(joined(**place).map_or(alone, |open| held_with(open, added)))
        });
        let full: Vec<Change> = full.map(|(place, _)| Change::CloseBooked { place: *place }).collect();
        let bookings = kit.parts.iter().map(|part| Booking {
            place: place_of(part),
            operation: joined(place_of(part)).map(|open| open.id),
            good: part.good.clone(),
            barcode: kit_code(card),
            quantity: part.quantity,
        });
        decision.changes.push(Change::BookKit(bookings.collect()));
        decision.changes.extend(full);
        decision
    }

    fn fits(&self, size: OperationSize) -> bool {
        size.lines <= usize::from(self.rules.lines_max) && size.entries <= OPERATION_SCANS_MAX
    }

    /// Returns true if an operation of this size is full.
    pub(super) fn is_full(&self, size: OperationSize) -> bool {
        size.lines >= usize::from(self.rules.lines_max) || size.entries >= OPERATION_SCANS_MAX
    }

    pub(super) fn add_kit(&mut self, bookings: &[Booking], at: BootMillis, done: &Committed<'_>) {
        let Outcome::Booked { place: home, .. } = done.decision.outcome else { return };
        for booking in bookings {
            self.add(booking, Share { home, of: bookings.len() }, at, done);
        }
    }

    /// Returns all that a scan booked, or `None` if some of it stands in an operation that is closed, because a scan is
    /// taken back whole or not at all.
    pub(super) fn all_of(&self, scan: ScanId) -> Option<(ScanId, Vec<Taken>)> {
        let held = self.open.iter().flat_map(|(place, open)| {
            let of_scan = open.scans.iter().filter(|held| held.scan == scan);
            of_scan.map(|held| {
                (
                    held.of,
                    Taken { place: *place, operation: open.id, good: held.good, quantity: held.quantity },
                )
            })
        });
        let (of, taken): (Vec<usize>, Vec<Taken>) = held.unzip();
        // Each entry holds the number of entries of its scan: where fewer are open, the others are closed.
        (of.first() == Some(&taken.len())).then_some((scan, taken))
    }

    /// Takes scans back, and drops the operations that they leave empty.
    pub(super) fn take_back(&self, scans: Vec<(ScanId, Vec<Taken>)>) -> Vec<Change> {
        let gone: BTreeSet<ScanId> = scans.iter().map(|(scan, _)| *scan).collect();
        let touched: BTreeSet<Place> =
            scans.iter().flat_map(|(_, taken)| taken.iter().map(|taken| taken.place)).collect();
        // Cancelled and not closed: an empty operation makes no document.
        let emptied = touched.into_iter().filter_map(|place| {
            let open = self.open.get(&place)?;
            let is_emptied = open.scans.iter().all(|entry| gone.contains(&entry.scan));
            is_emptied.then_some(Change::Cancel { place, operation: open.id })
        });
        let emptied: Vec<Change> = emptied.collect();
        scans.into_iter().map(|(scan, taken)| Change::Undo { scan, taken }).chain(emptied).collect()
    }

    /// Carries CANCEL out: the operation of this place is dropped as it stands, and kits that were scanned here are
    /// taken back out of those of other places, because a kit is taken back whole or not at all.
    pub(super) fn drop_all(&self, home: Place) -> Vec<Change> {
        let elsewhere = self.open.iter().filter(|(place, _)| **place != home);
        let entries = elsewhere.flat_map(|(_, open)| open.scans.iter().filter(|entry| entry.home == home));
        let kits: BTreeMap<ScanId, Entry> = entries.map(|entry| (entry.scan, *entry)).collect();
        let mut changes = self.take_back(kits.values().filter_map(|entry| self.all_of(entry.scan)).collect());
        // An operation that held nothing but such kits is dropped already.
        let is_dropped = |change: &Change| matches!(change, Change::Cancel { place, .. } if *place == home);
        if let Some(open) = self.open.get(&home)
            && !changes.iter().any(is_dropped)
        {
            changes.push(Change::Cancel { place: home, operation: open.id });
        }
        changes
    }
}

fn place_of(part: &Part) -> Place {
    Place { kind: Kind::WriteOff, storage: part.storage }
}

/// Returns the size of an operation once these goods are added.
pub(super) fn held_with(open: &OpenOperation, goods: &[GoodId]) -> OperationSize {
    let new = goods.iter().filter(|good| !open.lines.contains_key(good)).count();
    OperationSize { lines: open.lines.len() + new, entries: open.scans.len() + goods.len() }
}
