//! Our unit of work: goods of one kind and storage that become one document on the server.

use std::fmt;

use crate::domain::ids::{GoodId, OperationId, StorageId, TransactionId};
use crate::domain::stock::mode::Kind;
use crate::domain::stock::quantity::{Money, Quantity};

/// The place to which an operation belongs. At most one is open for each place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// In or out.
    pub kind: Kind,
    /// The storage.
    pub storage: StorageId,
}

/// The text that proves that a document on the server is ours: `#sp:STATION:ULID#`.
///
/// It is made when the operation opens and travels in the comment of the document and, with the line's
/// number, of each line; the server returns comments as they were sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Marker(String);

impl Marker {
    /// Returns the marker of one operation of `station`; `ulid` is unique to it.
    pub fn new(station: &str, ulid: &str) -> Self {
        // The `#` at each end keeps a marker from being found within a longer one.
        Self(format!("#sp:{station}:{ulid}#"))
    }

    /// Returns a marker that the store kept.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the text as sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the comment of line `number`.
    pub fn of_line(&self, number: u16) -> String {
        format!("{} {number}", self.0)
    }

    /// Returns true if this marker stands in a comment, wherever a person may have added words around it.
    pub fn is_in(&self, comment: &str) -> bool {
        comment.contains(&self.0)
    }

    /// Returns the line number that follows this marker in a line's comment.
    pub fn line_in(&self, comment: &str) -> Option<u16> {
        // People may have added words around the marker; the number follows it directly.
        let (_, after) = comment.split_once(&self.0)?;
        let digits: String = after.strip_prefix(' ')?.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One good and its quantity. Everything the document needs was copied when the good was first scanned, so
/// that no later change of the goods table alters what the operator saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Position in the operation, from 1; part of the line's marker.
    pub number: u16,
    /// The good.
    pub good: GoodId,
    /// Its title at the time.
    pub title: String,
    /// The code it was scanned by.
    pub barcode: String,
    /// The quantity, positive for both kinds.
    pub quantity: Quantity,
    /// Cost price of one sale unit at the time.
    pub price: Money,
    /// The server's id of this line, once known.
    pub transaction: Option<TransactionId>,
    /// The server's words, if it refused this line.
    pub refusal: Option<String>,
}

impl Line {
    /// Returns its cost, or `None` if that cannot be given exactly.
    pub fn cost(&self) -> Option<Money> {
        self.price.times(self.quantity)
    }

    /// Returns the reason why it cannot be posted, in words for a person; `None` if it can.
    pub fn why_unsayable(&self) -> Option<String> {
        if self.cost().is_some() {
            return None;
        }
        let Self { good, title, price, quantity, .. } = self;
        let why = match price.amount() {
            Some(price) => format!(
                "price {price} x quantity {quantity} has more digits than a number can have; \
                 correct its price or quantity"
            ),
            None => "the service told a cost price that is not a number; give the line its price".to_owned(),
        };
        Some(format!("good {good} ({title}): {why}"))
    }
}

/// The reason why an operation closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The CLOSE code.
    Command,
    /// The mode was changed.
    ModeChange,
    /// The storage was changed.
    StorageChange,
    /// Nothing was scanned for the configured time.
    Idle,
    /// It reached the configured number of lines.
    Full,
    /// The input ended.
    EndOfInput,
    /// No configured scanner can add to it any more.
    Unreachable,
    /// It was made complete: parked scans whose code became known.
    Parked,
}

impl CloseReason {
    /// Returns the word of the trail.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Command => "closed by code",
            Self::ModeChange => "closed by a change of mode",
            Self::StorageChange => "closed by a change of storage",
            Self::Idle => "closed after idle time",
            Self::Full => "closed at its limit",
            Self::EndOfInput => "closed at the end of input",
            Self::Unreachable => "closed by a change of configuration",
            Self::Parked => "made from parked scans",
        }
    }
}

/// A closed operation as the deliverer needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its row in the outbox.
    pub id: OperationId,
    /// Its proof of identity on the server.
    pub marker: Marker,
    /// Kind and storage.
    pub place: Place,
    /// Its lines, in the order of their numbers; 1..=500.
    pub lines: Vec<Line>,
}

impl Operation {
    /// Returns the line with this number.
    pub fn line(&self, number: u16) -> Option<&Line> {
        self.lines.iter().find(|line| line.number == number)
    }

    /// Returns the sum of the quantities that the operation moves.
    pub fn units(&self) -> Quantity {
        self.lines.iter().map(|line| line.quantity).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_found_among_other_words_with_its_line() {
        let marker = Marker::new("dock-1", "01J9");
        assert_eq!(marker.of_line(12), "#sp:dock-1:01J9# 12");
        assert!(marker.is_in("checked by hand #sp:dock-1:01J9# 12 ok"));
        assert_eq!(marker.line_in("checked #sp:dock-1:01J9# 12 ok"), Some(12));
        assert_eq!(marker.line_in("#sp:dock-1:01J9#"), None);
        assert_eq!(marker.line_in("#sp:dock-1:01J8# 1"), None);
    }
}
