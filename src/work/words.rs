//! The result of a command in words: what was taken back, closed or dropped, and how much.

use crate::domain::code::control::Control;
use crate::domain::printable::printable;
use crate::domain::session::{Became, Change, Decision, LastScan, Outcome, Session, Taken};
use crate::domain::stock::quantity::Quantity;
use crate::feedback::counted;

/// Returns the words for a decision that is not carried out yet; `None` for a booking, a lookup or a refusal that drops
/// no quantity, and for a command whose name is enough.
pub(super) fn of(session: &Session, decision: &Decision, last: Option<&LastScan>) -> Option<String> {
    let Outcome::Control(control) = &decision.outcome else {
        return decision
            .dropped
            .map(|quantity| format!("QTY-{quantity} was dropped, nothing was counted by it"));
    };
    let done = match control {
        Control::Undo => last.and_then(|last| taken_back(session, decision, last)),
        Control::Last(_) => last.and_then(|last| counted_anew(session, decision, last)),
        // CANCEL drops either a waiting quantity or documents, never both.
        Control::Cancel if decision.dropped.is_some() => None,
        Control::Cancel => Some(ended(session, decision, "dropped")),
        Control::Close => Some(ended(session, decision, "closed")),
        // A change of mode or storage closes the documents before it; the change itself is in the command's name.
        Control::Mode(_) | Control::Storage(_) => {
            decision.changes.iter().any(ends).then(|| ended(session, decision, "closed"))
        }
        Control::Quantity(_) | Control::Ok | Control::Calibrate(_) => None,
    };
    let dropped = decision.dropped.map(|quantity| match control {
        Control::Cancel => format!("dropped: QTY-{quantity}"),
        _ => format!("QTY-{quantity} was dropped, nothing was counted by it"),
    });
    let words: Vec<String> = dropped.into_iter().chain(done).collect();
    (!words.is_empty()).then(|| words.join("; "))
}

/// Returns words such as `taken back: 12 pc Comb, now 0 in this document`.
fn taken_back(session: &Session, decision: &Decision, last: &LastScan) -> Option<String> {
    match &last.became {
        Became::Parked { quantity } => {
            Some(format!("taken back: {quantity} {}, which was parked", printable(&last.code)))
        }
        Became::Booked { title, unit, .. } => {
            let taken = decision.changes.iter().find_map(|change| match change {
                Change::Undo { taken, .. } => Some(taken.as_slice()),
                _ => None,
            })?;
            let left = left(session, taken, Quantity::ZERO);
            Some(format!("taken back: {}{left}", amount(in_all(taken), unit, title)))
        }
    }
}

/// Returns words such as `now 5 pc Comb, 17 in this document`.
fn counted_anew(session: &Session, decision: &Decision, last: &LastScan) -> Option<String> {
    let Became::Booked { title, unit, .. } = &last.became else { return None };
    let amended = decision.changes.iter().find_map(|change| match change {
        Change::Amend { amended, .. } => Some(amended),
        _ => None,
    })?;
    let after: Quantity = amended.iter().map(|(_, quantity)| *quantity).sum();
    let before: Vec<Taken> = amended.iter().map(|(taken, _)| *taken).collect();
    let left = left(session, &before, after);
    Some(format!("the last scan counts {}{left}", amount(after, unit, title)))
}

/// Returns how much of a good its document holds without the taken amount and with the one in its place; nothing for a
/// kit, which has several goods.
fn left(session: &Session, taken: &[Taken], instead: Quantity) -> String {
    let [taken] = taken else { return String::new() };
    let held = session.held(taken.place, taken.good);
    let left = held.checked_sub(taken.quantity).and_then(|left| left.checked_add(instead));
    format!(", now {} in this document", left.unwrap_or_default())
}

/// Returns the sum of the amounts.
fn in_all(taken: &[Taken]) -> Quantity {
    taken.iter().map(|taken| taken.quantity).sum()
}

/// Returns words such as `12 pc Comb`.
fn amount(quantity: Quantity, unit: &str, title: &str) -> String {
    let unit = if unit.is_empty() { String::new() } else { format!("{} ", printable(unit)) };
    format!("{quantity} {unit}{}", printable(title))
}

/// Returns words such as `closed: 1 document, 3 lines, 17 units`; or that none was open.
fn ended(session: &Session, decision: &Decision, verb: &str) -> String {
    let mut places: Vec<_> = decision.changes.iter().filter_map(Change::ends).collect();
    // A document counts once, however many changes end it.
    places.sort_unstable();
    places.dedup();
    if places.is_empty() {
        return format!("nothing was open, nothing is {verb}");
    }
    let open = || places.iter().filter_map(|place| session.open_at(*place));
    let lines: usize = open().map(|open| open.lines.len()).sum();
    let units: Quantity = open().flat_map(|open| open.lines.values().copied()).sum();
    let documents = counted(places.len(), "document");
    format!("{verb}: {documents}, {}, {}", counted(lines, "line"), counted(units, "unit"))
}

fn ends(change: &Change) -> bool {
    change.ends().is_some()
}
