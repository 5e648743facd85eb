//! Reads lots, dates and serial numbers that labels carry besides the item.

use super::{Db, Error};
use crate::domain::ids::{GoodId, OperationId};
use crate::domain::stock::mode::Kind;
use crate::domain::stock::quantity::Quantity;
use crate::domain::time::UnixMillis;

/// The most scans of one unit that are read, the last ones: a label that is scanned more often identifies no single
/// unit.
const SCANS_OF_A_UNIT_MAX: u32 = 500;

/// One unit of an item.
#[derive(Debug, Clone, Copy)]
pub struct SerializedItem<'a> {
    /// The key under which its code was read.
    pub read_as: &'a str,
    /// Its serial number.
    pub serial: &'a str,
}

/// The facts on the labels of one good in one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelFacts {
    /// The good.
    pub good: GoodId,
    /// AI 10.
    pub lot: Option<String>,
    /// AI 17, `YYMMDD`.
    pub expiry: Option<String>,
    /// AI 21.
    pub serial: Option<String>,
    /// The quantity that was scanned with it.
    pub quantity: Quantity,
}

impl Db {
    /// Returns the time at which a unit was last scanned for receipts or for write-offs since `since`; scans that were
    /// taken back or cancelled do not count.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn last_scan_of_item(
        &self,
        item: &SerializedItem<'_>,
        kind: Kind,
        since: UnixMillis,
    ) -> Result<Option<UnixMillis>, Error> {
        // The limit stands inside, so that the cost does not grow with the history of a label.
        let sql = format!(
            "SELECT max(wall_ms) FROM (SELECT * FROM scans WHERE read_as = ?1 AND serial = ?2
                                       ORDER BY id DESC LIMIT {SCANS_OF_A_UNIT_MAX}) s
             WHERE kind = ?3 AND wall_ms >= ?4 AND undone_by IS NULL AND outcome IN ('booked', 'unknown')
               AND NOT EXISTS (SELECT 1 FROM operations o WHERE o.id = s.operation_id AND o.state = 'cancelled')"
        );
        let mut statement = self.outbox.prepare_cached(&sql)?;
        let parameters = (item.read_as, item.serial, kind.as_str(), since.0);
        Ok(statement.query_row(parameters, |row| row.get::<_, Option<i64>>(0))?.map(UnixMillis))
    }

    /// Returns the facts on the labels of an operation's scans, in the order of the lots; goods without such labels are
    /// left out.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn labels(&self, operation: OperationId) -> Result<Vec<LabelFacts>, Error> {
        let sql = "SELECT good_id, lot, expiry, serial, sum(quantity) FROM scans
                   WHERE operation_id = ?1 AND undone_by IS NULL AND good_id IS NOT NULL
                     AND (lot IS NOT NULL OR expiry IS NOT NULL OR serial IS NOT NULL)
                   GROUP BY good_id, lot, expiry, serial ORDER BY good_id, lot, expiry, serial";
        let mut statement = self.outbox.prepare_cached(sql)?;
        let rows = statement.query_map([operation.0], |row| {
            Ok(LabelFacts {
                good: GoodId(row.get(0)?),
                lot: row.get(1)?,
                expiry: row.get(2)?,
                serial: row.get(3)?,
                quantity: Quantity::from_millionths(row.get(4)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
