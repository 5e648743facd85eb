//! Announcements as lines of text, for the terminal, the page and the log.

use std::fmt;

use super::{Announcement, Earlier, What, counted};
use crate::domain::printable::printable;
use crate::domain::session::advice::Advice;
use crate::domain::signal::Signal;
use crate::domain::stock::good::Good;
use crate::domain::stock::mode::Mode;
use crate::domain::stock::quantity::Quantity;

impl fmt::Display for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Booked { mode, good, quantity, doubts, in_document } => {
                let booking = Booking { mode: *mode, good, quantity: *quantity, in_document: *in_document };
                booking.fmt(f)?;
                doubts.iter().try_for_each(|doubt| write!(f, "  ! {doubt}"))
            }
            What::BookedKit { mode, title, materials, quantity } => {
                let (quantity, materials) = (quantity.to_string(), counted(materials, "material"));
                write!(f, "{mode:<9} {quantity:>4}     {}  (kit: {materials})", printable(title))
            }
            What::Parked { code, quantity } => {
                let quantity = quantity.to_string();
                write!(f, "unknown   {quantity:>4}     {}  (parked until its good is known)", printable(code))
            }
            What::Refused { reason, code, words } => {
                write!(f, "refused            {}: {}", printable(code), reason.words())?;
                if words.is_empty() { Ok(()) } else { write!(f, "; {words}") }
            }
            What::NotStored => write!(f, "refused            the disk did not accept it"),
            What::Control { name, mode, words } => {
                let how = if self.signal == Signal::Refused { "refused" } else { "ok" };
                write!(f, "{how:<18} {name}  (mode: {mode})")?;
                if words.is_empty() { Ok(()) } else { write!(f, "  {words}") }
            }
            What::Lookup { code, good: Some(good) } => {
                write!(f, "lookup             {}  {}", printable(&good.title), printable(code))
            }
            What::Lookup { code, good: None } => {
                write!(f, "lookup             {}  (no single good has this code)", printable(code))
            }
            What::LookupKit { code, title } => {
                write!(f, "lookup             {}  {}", printable(title), printable(code))
            }
            What::Repeat(first) => {
                let first = Self { what: first.as_ref().clone(), ..self.clone() };
                let again = match &first.what {
                    What::Control { .. } => "done already",
                    What::Refused { .. } => "read twice",
                    _ => "counted already",
                };
                write!(f, "{first}  ({again})")
            }
            What::Lapsed { .. }
            | What::Reverted { .. }
            | What::Posted { .. }
            | What::Person(_)
            | What::Unparked(_)
            | What::Progress(_)
            | What::Advice { .. }
            | What::Ended
            | What::AlarmsChanged => self.news(f),
            What::Earlier(scan) => earlier(f, scan),
        }
    }
}

impl Announcement {
    /// Writes an announcement that answers no scan.
    fn news(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Lapsed { quantity } => {
                write!(
                    f,
                    "refused            QTY-{quantity} has lapsed: no good was scanned in time; scan the quantity again, then the good"
                )
            }
            What::Reverted { mode, storage } => {
                write!(
                    f,
                    "mode reset         mode {mode}, storage {storage}: nothing was scanned for a long time"
                )
            }
            What::Posted { operation, lines, units } => {
                let units = units.to_string();
                write!(f, "posted    {units:>4}     document {operation}: {}", counted(lines, "line"))
            }
            What::Person(why) => write!(f, "PERSON             {}", printable(why)),
            What::Unparked(documents) => {
                write!(f, "known now          {} of parked scans", counted(documents, "document"))
            }
            What::Progress(how_far) => f.write_str(how_far),
            What::Advice { scanner, advice } => {
                write!(f, "advice             {scanner}: {advice}; {}", Advice::CURE)
            }
            What::Ended => f.write_str("end of input"),
            What::AlarmsChanged => f.write_str("the alarms have changed"),
            // These answer a scan and are written by `fmt`; listed here so that a new kind is not forgotten.
            What::Booked { .. }
            | What::BookedKit { .. }
            | What::Parked { .. }
            | What::Refused { .. }
            | What::NotStored
            | What::Control { .. }
            | What::Repeat(_)
            | What::Lookup { .. }
            | What::LookupKit { .. }
            | What::Earlier(_) => Ok(()),
        }
    }
}

/// Writes a scan from before the start in the columns of the others.
fn earlier(f: &mut fmt::Formatter<'_>, scan: &Earlier) -> fmt::Result {
    let name = printable(&scan.name);
    let quantity = scan.quantity.map(|quantity| quantity.to_string()).unwrap_or_default();
    match scan.outcome.as_str() {
        "booked" => write!(f, "{:<9} {quantity:>4}     {name}", scan.kind.unwrap_or("booked"))?,
        "unknown" => write!(f, "unknown   {quantity:>4}     {name}  (parked until its good is known)")?,
        "refused" => write!(f, "refused            {name}: {}", printable(&scan.words))?,
        "control" => write!(f, "ok                 {}", printable(&scan.words))?,
        outcome => write!(f, "{outcome:<18} {name}")?,
    }
    if scan.is_undone { f.write_str("  (taken back)") } else { Ok(()) }
}

/// A booking, and the good's quantity in its document or that the document is closed.
struct Booking<'a> {
    mode: Mode,
    good: &'a Good,
    quantity: Quantity,
    /// The quantity in the open document; `None` if the document has just closed.
    in_document: Option<Quantity>,
}

impl fmt::Display for Booking<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mode, good, .. } = self;
        let (unit, quantity) = (printable(&good.unit).to_string(), self.quantity.to_string());
        write!(f, "{mode:<9} {quantity:>4} {unit:<3} {}", printable(&good.title))?;
        match self.in_document {
            // The first scan of a good in a document shows its own quantity already.
            Some(total) if total.to_string() != quantity => write!(f, "  (now {total} in this document)"),
            Some(_) => Ok(()),
            None => write!(f, "  (the document is full and closed)"),
        }
    }
}
