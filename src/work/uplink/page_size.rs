//! The number of rows that a page of goods is asked for. The service's limit is not documented: a service that silently
//! returns fewer does no harm, and one that refuses so many is asked for fewer.

use crate::api::{Error, Outcome};

/// The numbers of rows to ask for, most first. The last one is the service's own default.
const SIZES: [usize; 6] = [1000, 500, 250, 100, 50, 25];

/// The fewest rows asked for because a page fails rather than is refused: integrations are known to work with so many.
const FAILING_MIN: usize = 100;

/// The number of failures in a row after which fewer rows are asked for: the service may be too slow for so many.
const FAILURES_MAX: u32 = 2;

/// The size in use, and the sizes that the service has accepted or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageSize {
    rows: usize,
    /// The most rows that the service has not refused, as far as is known.
    allowed: usize,
    is_refused: bool,
    failures: u32,
}

impl Default for PageSize {
    fn default() -> Self {
        let [most, ..] = SIZES;
        Self { rows: most, allowed: most, is_refused: false, failures: 0 }
    }
}

impl PageSize {
    /// Returns the size that an earlier process stored.
    pub(super) fn recall(remembered: Option<usize>) -> Self {
        let allowed = remembered.unwrap_or(Self::default().allowed);
        Self { rows: allowed, allowed, ..Self::default() }
    }

    pub(super) fn rows(self) -> usize {
        self.rows
    }

    /// Notes that the first page of a reading failed. Returns true if it must be requested again at once.
    pub(super) fn first_page_failed(&mut self, error: &Error) -> bool {
        match error.outcome() {
            Outcome::Refused(_) => self.refused(),
            Outcome::Unknown if matches!(error, Error::TooLarge { .. }) => self.refused(),
            Outcome::Unknown => {
                self.failed();
                false
            }
            Outcome::NotDone | Outcome::Wait(_) | Outcome::NotAllowed { .. } => false,
        }
    }

    fn refused(&mut self) -> bool {
        let fewer = SIZES.into_iter().find(|size| *size < self.rows);
        self.is_refused = fewer.is_some();
        // If no size is accepted, the size is not the reason.
        self.rows = fewer.unwrap_or(self.allowed);
        self.is_refused
    }

    fn failed(&mut self) {
        self.failures += 1;
        if self.failures >= FAILURES_MAX {
            self.failures = 0;
            let fewer = SIZES.into_iter().find(|size| (FAILING_MIN..self.rows).contains(size));
            self.rows = fewer.unwrap_or(self.allowed);
        }
    }

    /// Notes that a first page arrived. Returns the size if it must be stored.
    pub(super) fn first_page_came(&mut self) -> Option<usize> {
        self.failures = 0;
        if !std::mem::take(&mut self.is_refused) {
            return None;
        }
        self.allowed = self.rows;
        Some(self.rows)
    }

    /// Begins another reading: failures of an earlier one prove nothing about it.
    pub(super) fn begin(&mut self) {
        *self = Self::recall(Some(self.allowed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal() -> Error {
        Error::Refused { status: 422, words: "count: This value should be 100 or less.".to_owned() }
    }

    #[test]
    fn a_refused_size_is_stepped_down_from_and_what_works_is_remembered() {
        let mut size = PageSize::default();
        assert_eq!(size.rows(), 1000);
        for rows in [500, 250, 100] {
            assert!(size.first_page_failed(&refusal()));
            assert_eq!(size.rows(), rows);
        }
        assert_eq!(size.first_page_came(), Some(100));
        assert_eq!(size.first_page_came(), None);
        size.begin();
        assert_eq!(size.rows(), 100);
        assert_eq!(PageSize::recall(Some(100)), size);
    }

    #[test]
    fn where_every_size_is_refused_the_size_is_not_the_reason() {
        let mut size = PageSize::default();
        assert_eq!((0..5).map(|_| size.first_page_failed(&refusal())).collect::<Vec<_>>(), [true; 5]);
        assert!(!size.first_page_failed(&refusal()));
        assert_eq!(size, PageSize::default());
    }

    #[test]
    fn a_size_that_keeps_failing_is_stepped_down_from_for_this_reading_only() {
        let mut size = PageSize::default();
        let rows: Vec<usize> = (0..8)
            .map(|_| {
                assert!(!size.first_page_failed(&Error::Server { status: 504 }));
                size.rows()
            })
            .collect();
        assert_eq!(rows, [1000, 500, 500, 250, 250, 100, 100, 1000]);
        size.first_page_failed(&Error::Server { status: 504 });
        size.first_page_failed(&Error::Server { status: 504 });
        assert_eq!((size.rows(), size.first_page_came()), (500, None));
        size.begin();
        assert_eq!(size, PageSize::default());
    }
}
