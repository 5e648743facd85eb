//! Taking back and correcting: UNDO and LAST, for the last product scan of the scanner that read them.

use super::{
    Became, Change, Control, Decision, LastScan, Outcome, Quantity, Reason, SCAN_UNITS_MAX, ScanId, Session,
    Signal, Taken,
};

impl Session {
    /// Takes the scan back, if all of it still stands in open operations or it is parked.
    pub(super) fn undo(&self, last: Option<&LastScan>) -> Decision {
        let Some(&LastScan { scan, ref became, .. }) = last else {
            return Decision::refused(Reason::NothingToUndo);
        };
        let mut decision = Decision::of(Outcome::Control(Control::Undo), Signal::Control);
        decision.changes = match became {
            Became::Parked { .. } => vec![Change::UndoParked { scan }],
            Became::Booked { .. } => match self.all_of(scan) {
                Some(taken) => self.take_back(vec![taken]),
                None => return Decision::refused(Reason::DocumentClosed),
            },
        };
        decision
    }

    /// Multiplies the amount of the scan's code by `times`, as if QTY had been read before it.
    pub(super) fn amend(&self, last: Option<&LastScan>, times: u16) -> Decision {
        let (scan, before) = match last {
            None => return Decision::refused(Reason::NothingToUndo),
            Some(LastScan { became: Became::Parked { .. }, .. }) => {
                return Decision::refused(Reason::LastIsParked);
            }
            Some(LastScan { scan, became: Became::Booked { times: before, .. }, .. }) => (*scan, *before),
        };
        let Some((_, taken)) = self.all_of(scan) else {
            return Decision::refused(Reason::DocumentClosed);
        };
        let amended = |taken: Taken| amended(taken.quantity, before, times).map(|quantity| (taken, quantity));
        let Some(amended) = taken.into_iter().map(amended).collect::<Option<Vec<_>>>() else {
            return Decision::refused(Reason::Quantity);
        };
        let mut decision = Decision::of(Outcome::Control(Control::Last(times)), Signal::Control);
        decision.changes.push(Change::Amend { scan, times, amended });
        decision
    }

    pub(super) fn amend_entries(&mut self, scan: ScanId, amended: &[(Taken, Quantity)]) {
        for (taken, quantity) in amended {
            let Some(open) = self.open.get_mut(&taken.place) else { continue };
            for entry in open.scans.iter_mut().filter(|entry| entry.scan == scan && entry.good == taken.good)
            {
                entry.quantity = *quantity;
            }
            if let Some(line) = open.lines.get_mut(&taken.good) {
                let rest = line.checked_sub(taken.quantity);
                *line = rest.and_then(|rest| rest.checked_add(*quantity)).unwrap_or(*line);
            }
        }
    }

    pub(super) fn take_out(&mut self, scan: ScanId, taken: &Taken) {
        let Some(open) = self.open.get_mut(&taken.place) else { return };
        open.scans.retain(|kept| kept.scan != scan);
        let left = open.lines.get(&taken.good).and_then(|line| line.checked_sub(taken.quantity));
        // A line of nothing is removed, so that it takes no place among the lines.
        match left {
            Some(left) if left > Quantity::ZERO => {
                open.lines.insert(taken.good, left);
            }
            _ => {
                open.lines.remove(&taken.good);
            }
        }
    }
}

/// Returns `times` times what was counted once. A row that does not give its number of times becomes as many units.
fn amended(counted: Quantity, before: Option<u16>, times: u16) -> Option<Quantity> {
    let quantity = match before {
        Some(before) => {
            // Exact: the quantity was made by this multiplication.
            let once = counted.millionths().checked_div(i64::from(before))?;
            Quantity::from_millionths(once).checked_times(i64::from(times))?
        }
        None => Quantity::units(i64::from(times))?,
    };
    let is_within = quantity > Quantity::ZERO && Some(quantity) <= Quantity::units(SCAN_UNITS_MAX);
    is_within.then_some(quantity)
}
