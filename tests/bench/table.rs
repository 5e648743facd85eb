//! Measures, what they are compared with, and the table of them.

use std::fmt;
use std::time::Duration;

/// Something measured, in whole numbers of its smallest unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Amount {
    /// Time.
    Nanos(u64),
    /// Memory, or what was written.
    Bytes(u64),
    /// Database pages, in hundredths.
    CentiPages(u64),
}

impl Amount {
    pub(crate) fn of(time: Duration) -> Self {
        Self::Nanos(u64::try_from(time.as_nanos()).unwrap())
    }

    fn number(self) -> u64 {
        match self {
            Self::Nanos(number) | Self::Bytes(number) | Self::CentiPages(number) => number,
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, unit, word) = match *self {
            Self::Nanos(number @ 0..1_000_000) => (number, 1000, "µs"),
            Self::Nanos(number @ 1_000_000..10_000_000_000) => (number, 1_000_000, "ms"),
            Self::Nanos(number) => (number, 1_000_000_000, "s"),
            Self::Bytes(number @ 0..1_000_000) => (number, 1000, "kB"),
            Self::Bytes(number) => (number, 1_000_000, "MB"),
            Self::CentiPages(number) => (number, 100, "pages"),
        };
        write!(f, "{}.{:02} {word}", number / unit, number % unit * 100 / unit)
    }
}

/// What a measure should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Aim {
    /// So many hundredths of its reference at the most.
    Ratio(u64),
    /// This at the most.
    Limit(Amount),
    /// It is told for comparison only.
    None,
}

/// A measure beside its reference.
#[derive(Debug)]
struct Row {
    what: String,
    measured: Amount,
    reference: Option<(&'static str, Amount)>,
    aim: Aim,
}

impl Row {
    fn ratio(&self) -> Option<u64> {
        let (_, reference) = self.reference?;
        Some(self.measured.number() * 100 / reference.number().max(1))
    }

    fn is_met(&self) -> Option<bool> {
        match self.aim {
            Aim::Ratio(most) => Some(self.ratio()? <= most),
            Aim::Limit(most) => Some(self.measured.number() <= most.number()),
            Aim::None => None,
        }
    }

    fn cells(&self) -> [String; 6] {
        let ratio = |hundredths: u64| format!("{}.{:02}", hundredths / 100, hundredths % 100);
        [
            self.what.clone(),
            self.measured.to_string(),
            self.reference.map_or_else(String::new, |(what, amount)| format!("{what} {amount}")),
            self.ratio().map_or_else(String::new, ratio),
            match self.aim {
                Aim::Ratio(most) => format!("≤ {} times", ratio(most)),
                Aim::Limit(most) => format!("≤ {most}"),
                Aim::None => String::new(),
            },
            match self.is_met() {
                Some(true) => "met".to_owned(),
                Some(false) => "MISSED".to_owned(),
                None => String::new(),
            },
        ]
    }
}

/// All rows, in the order they were measured.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Row>);

impl Table {
    /// Adds a measure without a reference.
    pub(crate) fn add(&mut self, what: impl Into<String>, measured: Amount, aim: Aim) {
        self.0.push(Row { what: what.into(), measured, reference: None, aim });
    }

    /// Adds a measure and what it is compared with.
    pub(crate) fn compare(
        &mut self,
        what: impl Into<String>,
        measured: Amount,
        reference: (&'static str, Amount),
        aim: Aim,
    ) {
        self.0.push(Row { what: what.into(), measured, reference: Some(reference), aim });
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["what", "measured", "reference", "ratio", "aim", ""].map(str::to_owned);
        let rows: Vec<_> = std::iter::once(head).chain(self.0.iter().map(Row::cells)).collect();
        let mut widths = [0; 6];
        for cells in &rows {
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = cell.chars().count().max(*width);
            }
        }
        for cells in rows {
            let cells: Vec<_> =
                cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            writeln!(f, "{}", cells.join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// The time that this many percent of all stay below.
pub(crate) fn percentile(times: &mut [Duration], percent: usize) -> Amount {
    let at = (times.len() - 1) * percent / 100;
    Amount::of(*times.select_nth_unstable(at).1)
}
