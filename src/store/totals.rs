//! The counts that outlive the journal's rows.

use rusqlite::Connection;

use super::Error;

/// Takes into the counts the frames that were journalled since this was last done. Code that changes the outcome of a
/// frame, or deletes one, calls this first.
pub(super) fn count_up(connection: &Connection) -> Result<(), Error> {
    let sql = "UPDATE totals SET booked = booked + new_booked, unknown = unknown + new_unknown,
                 refused = refused + new_refused, control = control + new_control, lookup = lookup + new_lookup,
                 units_booked = units_booked + new_units_booked, counted_to = last
               FROM uncounted WHERE last IS NOT NULL";
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}
