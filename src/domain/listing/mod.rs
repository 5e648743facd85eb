//! Reading a listing page by page from a service that gives no total: the end of a reading, and its completeness.
//!
//! A page may hold fewer rows than were asked for, rows may come and go between two requests, and an answer may be
//! wrong once. One rule serves every listing:
//!
//! - A pass over the pages ends with a page that is shorter than the longest one of the pass, or with a page that is
//!   empty twice in a row. How many rows were asked for proves nothing.
//! - A page that repeats earlier ones, or is longer than the first, is a fault of the pass and never its end.
//! - A reading is complete once a later pass has met every row of an earlier one in which no row came twice.
//!
//! Why the last rule holds: in a pass without repeats the number of distinct rows is the length of the listing at the
//! pass's end. A row that a later pass meets existed at that end. So if the later pass meets all of them, they were
//! the whole listing. A service never gives the id of a deleted row to another one.
//!
//! The rule does not cover a service that changes its page size in the middle of a pass and loses or moves rows at the
//! same time. A page that grows is a fault, and one that shrinks repeats rows.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

/// The most pages of one pass: a longer listing counts as endless.
pub const PAGES_MAX: u32 = 100_000;

/// The most passes of one reading: a listing that changes during all of them is tried again later.
pub const PASSES_MAX: u32 = 8;

/// The reason why a reading proves nothing. The reading begins anew, after a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A full page held no row that was new.
    #[error(
        "page {page} repeats earlier pages: the service ignores the page number, or many rows were added meanwhile"
    )]
    Repeated {
        /// Its number.
        page: u32,
    },
    /// A page held more rows than an earlier, full one.
    #[error(
        "page {page} has {rows} rows, more than a page before it: the service changed its page size meanwhile"
    )]
    Grown {
        /// Its number.
        page: u32,
        /// Its rows.
        rows: usize,
    },
    /// The listing goes on beyond [`PAGES_MAX`].
    #[error("the listing does not end within {PAGES_MAX} pages")]
    Endless,
    /// Rows moved under each of [`PASSES_MAX`] passes.
    #[error("the listing changed during each of {PASSES_MAX} passes over it")]
    Restless,
}

/// The next action after a page of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Ask for this page.
    Ask(u32),
    /// The pass has ended.
    End,
}

/// The rows of a page, compared with the pages before it in the same pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PageCounts {
    /// Rows of the page, readable or not.
    pub rows: usize,
    /// Readable rows that no earlier page had.
    pub new: usize,
    /// Readable rows that an earlier page had.
    pub repeated: usize,
}

/// The progress of one pass over the pages. It is small, because the caller keeps the rows and counts which of them are
/// new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// The page to ask for, from 1.
    pub page: u32,
    /// Rows of the longest page so far: the page size as far as this pass has seen it.
    pub rows_max: usize,
    /// Rows that came twice: each is a sign that rows moved between two requests.
    pub repeated: usize,
    /// The number of times in a row that the page to ask for was empty.
    pub empty: u32,
}

impl Default for Pass {
    fn default() -> Self {
        Self { page: 1, rows_max: 0, repeated: 0, empty: 0 }
    }
}

impl Pass {
    /// Records the page that was asked for.
    ///
    /// # Errors
    /// [`Fault`] if the pass proves nothing. It must begin anew.
    pub fn take(&mut self, counts: PageCounts) -> Result<Turn, Fault> {
        let page = self.page;
        if counts.rows == 0 {
            return Ok(self.take_empty());
        }
        self.empty = 0;
        let is_full = counts.rows >= self.rows_max;
        // A short page of repeated rows is the end of a pass in which rows moved; a full one proves nothing.
        if page > 1 && is_full && counts.new == 0 && counts.repeated > 0 {
            return Err(Fault::Repeated { page });
        }
        if page > 1 && counts.rows > self.rows_max {
            return Err(Fault::Grown { page, rows: counts.rows });
        }
        self.rows_max = self.rows_max.max(counts.rows);
        self.repeated += counts.repeated;
        if !is_full {
            return Ok(Turn::End);
        }
        if page >= PAGES_MAX {
            return Err(Fault::Endless);
        }
        self.page += 1;
        Ok(Turn::Ask(self.page))
    }

    /// Records an empty page. It is asked for again once, because it may be a failure of the service.
    fn take_empty(&mut self) -> Turn {
        self.empty += 1;
        if self.empty > 1 { Turn::End } else { Turn::Ask(self.page) }
    }
}

/// The next action after a page of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Ask for this page; page 1 begins another pass.
    Ask(u32),
    /// The reading is complete: [`Reading::keys`] are the rows of the listing.
    Complete,
}

/// A reading of a whole listing whose rows are known by `K`.
#[derive(Debug, Clone)]
pub struct Reading<K> {
    pass: Pass,
    passes: u32,
    /// Rows of the pass under way.
    seen: BTreeSet<K>,
    /// Rows of an earlier pass without repeats that the pass under way has not met yet.
    unconfirmed: Option<BTreeSet<K>>,
}

impl<K: Ord + Clone> Default for Reading<K> {
    fn default() -> Self {
        Self { pass: Pass::default(), passes: 1, seen: BTreeSet::new(), unconfirmed: None }
    }
}

impl<K: Ord + Clone> Reading<K> {
    /// Returns the page to ask for, from 1.
    pub fn page(&self) -> u32 {
        self.pass.page
    }

    /// Returns the rows of the pass under way; after [`Step::Complete`], those of the listing.
    pub fn keys(&self) -> &BTreeSet<K> {
        &self.seen
    }

    /// Records the page that was asked for: the number of its rows, and the keys of those that can be read.
    ///
    /// # Errors
    /// [`Fault`] if the reading proves nothing. It must begin anew.
    pub fn take(&mut self, rows: usize, keys: &[K]) -> Result<Step, Fault> {
        let counts = PageCounts {
            rows,
            new: keys.iter().filter(|key| !self.seen.contains(key)).count(),
            repeated: keys.iter().filter(|key| self.seen.contains(key)).count(),
        };
        let turn = self.pass.take(counts)?;
        self.seen.extend(keys.iter().cloned());
        if let Some(unconfirmed) = &mut self.unconfirmed {
            for key in keys {
                unconfirmed.remove(key);
            }
            // `seen` holds all rows of the confirmed pass by now, even before this pass ends.
            if unconfirmed.is_empty() {
                return Ok(Step::Complete);
            }
        }
        match turn {
            Turn::Ask(page) => Ok(Step::Ask(page)),
            Turn::End => self.pass_ends(),
        }
    }

    fn pass_ends(&mut self) -> Result<Step, Fault> {
        let pass = std::mem::take(&mut self.pass);
        if self.seen.is_empty() {
            return Ok(Step::Complete);
        }
        if self.passes >= PASSES_MAX {
            return Err(Fault::Restless);
        }
        self.passes += 1;
        let seen = std::mem::take(&mut self.seen);
        // A pass in which a row came twice may have missed another row, so no later pass can confirm it.
        self.unconfirmed = (pass.repeated == 0).then_some(seen);
        Ok(Step::Ask(1))
    }
}
