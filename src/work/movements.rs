//! A listing of the service's movements as it comes in, page by page.

use std::collections::BTreeMap;

use crate::api::Movement;
use crate::domain::ids::{DocumentId, GoodId};
use crate::domain::listing::{Fault, Reading, Step};

/// The key of a row of the listing: its id or, where the service gives none, its document, its good and its number
/// among the rows with both.
type Key = (Option<i64>, DocumentId, Option<GoodId>, u32);

/// A listing of movements as it comes in, pass by pass.
#[derive(Debug, Default)]
pub(super) struct Listing {
    reading: Reading<Key>,
    rows: BTreeMap<Key, Movement>,
    /// The rows without an id in this pass, by document and good.
    nameless: BTreeMap<(DocumentId, Option<GoodId>), u32>,
}

impl Listing {
    /// Returns the page to ask for, from 1.
    pub(super) fn page(&self) -> u32 {
        self.reading.page()
    }

    /// Takes in the page that was asked for. Returns true if the listing is whole.
    ///
    /// # Errors
    /// [`Fault`] if the listing proves nothing and must begin again.
    pub(super) fn is_whole_with(&mut self, rows: Vec<Movement>) -> Result<bool, Fault> {
        // A new pass counts rows from the beginning, so that equal rows of two passes get equal keys.
        if self.page() == 1 {
            self.nameless.clear();
        }
        let keys: Vec<Key> = rows.iter().map(|row| self.key(row)).collect();
        let step = self.reading.take(rows.len(), &keys)?;
        // A row that a later pass does not find did exist: it can only prove that a document is there.
        self.rows.extend(keys.into_iter().zip(rows));
        Ok(step == Step::Complete)
    }

    /// Returns every row that any pass has found.
    pub(super) fn into_movements(self) -> Vec<Movement> {
        self.rows.into_values().collect()
    }

    /// Returns the key of a row, and counts it if it has no id.
    fn key(&mut self, row: &Movement) -> Key {
        let mut number = 0;
        if row.id.is_none() {
            let count = self.nameless.entry((row.document, row.good)).or_default();
            *count += 1;
            number = *count;
        }
        (row.id, row.document, row.good, number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: Option<i64>, document: i64) -> Movement {
        Movement {
            id,
            document: DocumentId(document),
            type_id: None,
            storage: None,
            good: Some(GoodId(1)),
            comment: None,
        }
    }

    fn ids(movements: &[Movement]) -> Vec<Option<i64>> {
        movements.iter().map(|row| row.id).collect()
    }

    #[test]
    fn rows_that_others_book_meanwhile_do_not_end_a_listing() {
        // Newest first, two a page: a new row pushes one known row onto the second page.
        let mut listing = Listing::default();
        assert_eq!(listing.is_whole_with(vec![row(Some(4), 4), row(Some(3), 3)]), Ok(false));
        assert_eq!(
            listing.is_whole_with(vec![row(Some(4), 4), row(Some(3), 3)]),
            Err(Fault::Repeated { page: 2 })
        );
        let mut listing = Listing::default();
        for page in [[4, 3], [3, 2]] {
            assert_eq!(listing.is_whole_with(page.map(|id| row(Some(id), id)).to_vec()), Ok(false));
        }
        assert_eq!(listing.is_whole_with(vec![row(Some(1), 1)]), Ok(false), "a row came twice: another pass");
        for page in [vec![5, 4], vec![3, 2], vec![1]] {
            let rows = page.into_iter().map(|id| row(Some(id), id)).collect();
            assert_eq!(listing.is_whole_with(rows), Ok(false));
        }
        assert_eq!(listing.is_whole_with(vec![row(Some(5), 5), row(Some(4), 4)]), Ok(false));
        assert_eq!(listing.is_whole_with(vec![row(Some(3), 3), row(Some(2), 2)]), Ok(false));
        assert_eq!(listing.is_whole_with(vec![row(Some(1), 1)]), Ok(true));
        assert_eq!(ids(&listing.into_movements()), [Some(1), Some(2), Some(3), Some(4), Some(5)]);
    }

    #[test]
    fn rows_without_an_id_are_told_apart_by_their_number() {
        let mut listing = Listing::default();
        let rows = || vec![row(None, 7), row(None, 7), row(None, 8)];
        assert_eq!(listing.is_whole_with(rows()), Ok(false));
        assert_eq!(listing.is_whole_with(Vec::new()), Ok(false));
        assert_eq!(listing.is_whole_with(Vec::new()), Ok(false));
        assert_eq!(listing.is_whole_with(rows()), Ok(true));
        assert_eq!(listing.into_movements().len(), 3);
    }
}
