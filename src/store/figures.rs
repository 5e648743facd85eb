//! The figures by which the books balance.

use rusqlite::Connection;

use super::{Db, Error, read};
use crate::domain::delivery::State;
use crate::domain::mode::Mode;
use crate::domain::quantity::Quantity;

use super::goods::GoodsFigures;

/// Frames by outcome, since the data folder was made. Every frame counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScanCounts {
    /// Added to an operation, taken back or not.
    pub booked: u64,
    /// Of those, taken back by UNDO.
    pub undone: u64,
    /// Parked.
    pub unknown: u64,
    /// Refused.
    pub refused: u64,
    /// Commands.
    pub control: u64,
    /// Looked up only.
    pub lookup: u64,
}

impl ScanCounts {
    /// Every frame.
    pub fn accepted(&self) -> u64 {
        self.booked + self.unknown + self.refused + self.control + self.lookup
    }
}

/// Operations in one state, and what they move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StateCount {
    /// How many.
    pub operations: u64,
    /// How much.
    pub units: Quantity,
}

/// Everything the station counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figures {
    /// Frames.
    pub scans: ScanCounts,
    /// What was booked, taken back or not.
    pub units_booked: Quantity,
    /// What was taken back.
    pub units_undone: Quantity,
    /// What is parked.
    pub units_parked: Quantity,
    /// Operations by state, in the order of [`State::ALL`].
    pub states: [StateCount; State::ALL.len()],
    /// The copy of the goods table.
    pub goods: GoodsFigures,
    /// The mode commanded last, if one ever was.
    pub mode: Option<Mode>,
}

impl Figures {
    /// Operations in `state`.
    pub fn of(&self, state: State) -> StateCount {
        let at = State::ALL.iter().position(|known| *known == state);
        at.and_then(|at| self.states.get(at)).copied().unwrap_or_default()
    }

    /// Whether the books balance: booked less taken back is what stands in the operations.
    pub fn balance(&self) -> bool {
        let stands: Quantity = self.states.iter().map(|state| state.units).sum();
        self.units_booked.checked_sub(self.units_undone) == Some(stands)
    }

    /// Whether anything is still on its way to the server.
    pub fn is_undelivered(&self) -> bool {
        [State::Open, State::Queued, State::Sending, State::Uncertain]
            .into_iter()
            .any(|state| self.of(state).operations > 0)
    }
}

impl Db {
    /// Counts everything, at one moment.
    ///
    /// # Errors
    /// [`Error::Sql`], or [`Error::Unexpected`] for a row this program did not write.
    pub fn figures(&self) -> Result<Figures, Error> {
        // One snapshot: a command beside the agent must not count a scan that its operation does not hold yet.
        let snapshot = self.outbox.unchecked_transaction()?;
        let mut figures = totals(&snapshot)?;
        add_states(&snapshot, &mut figures)?;
        figures.units_parked = Quantity::from_millionths(snapshot.query_row(
            "SELECT coalesce(sum(quantity), 0) FROM scans WHERE outcome = 'unknown'",
            [],
            |row| row.get(0),
        )?);
        snapshot.finish()?;
        figures.goods = self.goods_figures()?;
        figures.mode = self.commanded_mode()?;
        Ok(figures)
    }
}

fn totals(connection: &Connection) -> Result<Figures, Error> {
    let mut figures = Figures::default();
    let mut statement = connection.prepare_cached("SELECT * FROM totals")?;
    statement.query_row([], |row| {
        figures.scans = ScanCounts {
            booked: row.get("booked")?,
            undone: row.get("undone")?,
            unknown: row.get("unknown")?,
            refused: row.get("refused")?,
            control: row.get("control")?,
            lookup: row.get("lookup")?,
        };
        figures.units_booked = Quantity::from_millionths(row.get("units_booked")?);
        figures.units_undone = Quantity::from_millionths(row.get("units_undone")?);
        let pruned = [("posted", State::Posted), ("cancelled", State::Cancelled)];
        for (word, state) in pruned {
            let count = StateCount {
                operations: row.get(format!("pruned_{word}").as_str())?,
                units: Quantity::from_millionths(row.get(format!("units_pruned_{word}").as_str())?),
            };
            add(&mut figures, state, count);
        }
        Ok(())
    })?;
    Ok(figures)
}

fn add_states(connection: &Connection, figures: &mut Figures) -> Result<(), Error> {
    let sql = "SELECT state, count(*), sum(units) FROM operations WHERE state <> 'open' GROUP BY state
               UNION ALL
               SELECT 'open', count(DISTINCT o.id), coalesce(sum(l.quantity), 0)
               FROM operations o LEFT JOIN lines l ON l.operation_id = o.id WHERE o.state = 'open'";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let state: String = row.get(0)?;
        let count = StateCount { operations: row.get(1)?, units: Quantity::from_millionths(row.get(2)?) };
        add(figures, read::state(&state)?, count);
    }
    Ok(())
}

fn add(figures: &mut Figures, state: State, count: StateCount) {
    let at = State::ALL.iter().position(|known| *known == state);
    if let Some(known) = at.and_then(|at| figures.states.get_mut(at)) {
        known.operations += count.operations;
        known.units = [known.units, count.units].into_iter().sum();
    }
}
