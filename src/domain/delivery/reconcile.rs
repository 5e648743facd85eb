//! Reconciles one operation with a reading of the server's records.

use super::Surplus;
use crate::domain::ids::{DocumentId, GoodId, TransactionId};
use crate::domain::stock::operation::Operation;
use crate::domain::stock::quantity::Quantity;

/// A document that carries the operation's marker, with its lines that are not deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundDocument {
    /// The server's id; a smaller one is older.
    pub id: DocumentId,
    /// Its lines.
    pub lines: Vec<FoundLine>,
}

/// A line of such a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLine {
    /// The server's id; a smaller one is older.
    pub id: TransactionId,
    /// The good.
    pub good: GoodId,
    /// The amount without its sign.
    pub quantity: Quantity,
    /// The comment, if the server gives one.
    pub comment: Option<String>,
}

/// The result of a complete reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// No document carries the marker.
    Absent,
    /// A document carries it.
    Found(Found),
    /// Something that was never sent carries it, and a person must decide. The text names it.
    Conflict(String),
}

/// The document to keep, and what must go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The document to keep: the most complete, then the oldest.
    pub document: DocumentId,
    /// The numbers of the lines that stand in it, with the server's ids.
    pub transactions: Vec<(u16, TransactionId)>,
    /// The younger twins.
    pub surplus: Surplus,
}

/// Returns the number of the operation's line to which a found line belongs, by its comment or else by its good: an
/// operation has one line for each good, so either identifies it.
fn number_of(operation: &Operation, line: &FoundLine) -> Option<u16> {
    let by_comment = line.comment.as_deref().and_then(|comment| operation.marker.line_in(comment));
    by_comment
        .or_else(|| operation.lines.iter().find(|ours| ours.good == line.good).map(|ours| ours.number))
        .filter(|number| operation.line(*number).is_some())
}

/// Reconciles an operation with every document that carries its marker.
pub fn reconcile(operation: &Operation, mut documents: Vec<FoundDocument>) -> Finding {
    // The oldest first, so that it is kept among equally complete twins. A reading may hold a row twice, because rows
    // move between pages.
    documents.sort_by_key(|document| document.id);
    documents.dedup_by_key(|document| document.id);
    let mut twins = Vec::with_capacity(documents.len());
    for document in documents {
        match Twin::read(operation, document) {
            Ok(twin) => twins.push(twin),
            Err(why) => return Finding::Conflict(why),
        }
    }
    let Some(most) = twins.iter().map(|twin| twin.lines.len()).max() else { return Finding::Absent };
    let Some(keep) = twins.iter().position(|twin| twin.lines.len() == most) else { return Finding::Absent };
    let kept = twins.remove(keep);
    let mut surplus = Surplus { transactions: kept.doubles, documents: Vec::new() };
    for twin in twins {
        surplus.transactions.extend(twin.lines.into_iter().map(|(_, id)| id));
        surplus.transactions.extend(twin.doubles);
        surplus.documents.push(twin.document);
    }
    Finding::Found(Found { document: kept.document, transactions: kept.lines, surplus })
}

/// One document with its lines in two groups: the oldest of each number, and the rest.
struct Twin {
    document: DocumentId,
    lines: Vec<(u16, TransactionId)>,
    doubles: Vec<TransactionId>,
}

impl Twin {
    fn read(operation: &Operation, document: FoundDocument) -> Result<Self, String> {
        let mut twin = Self { document: document.id, lines: Vec::new(), doubles: Vec::new() };
        let mut lines = document.lines;
        lines.sort_by_key(|line| line.id);
        lines.dedup_by_key(|line| line.id);
        for line in lines {
            let sent = number_of(operation, &line).and_then(|number| operation.line(number));
            // A line that differs from what was sent was changed or made by somebody else: only a person can decide
            // about it.
            let Some(sent) = sent.filter(|sent| sent.good == line.good && sent.quantity == line.quantity)
            else {
                return Err(format!(
                    "document {} has line {} of {} x good {}, which was never sent",
                    document.id, line.id, line.quantity, line.good
                ));
            };
            if twin.lines.iter().any(|(number, _)| *number == sent.number) {
                twin.doubles.push(line.id);
            } else {
                twin.lines.push((sent.number, line.id));
            }
        }
        Ok(twin)
    }
}
