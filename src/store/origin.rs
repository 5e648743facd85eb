//! The origin of the copy of the goods table: a good's id is valid at one service and one location only.

use rusqlite::TransactionBehavior;

use super::goods::{progress, set_progress};
use super::{Db, Error};
use crate::domain::home::Books;
use crate::domain::mark::Mark;

/// The service address that the copy was read from, as a number that differs when the address differs.
const SERVICE: &str = "service";
/// The location that the copy was read from.
const LOCATION: &str = "location";

impl Db {
    /// Drops the copy of the goods and the cards if it comes from other books than these. A copy without a noted origin
    /// belongs to the first books for which it is opened.
    ///
    /// # Errors
    /// Any, and then the copy is as it was.
    pub fn drop_foreign_copy(&mut self, books: &Books) -> Result<(), Error> {
        let goods = &mut self.goods;
        let ours = [(SERVICE, mark_of(&books.service)), (LOCATION, books.location.0)];
        let (mut is_foreign, mut is_noted) = (false, true);
        for (name, mark) in ours {
            let known = progress(goods, name)?;
            is_foreign |= known.is_some_and(|known| known != mark);
            is_noted &= known.is_some();
        }
        if is_noted && !is_foreign {
            return Ok(());
        }
        let transaction = goods.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if is_foreign {
            tracing::warn!(
                location = books.location.0,
                "the copy of the goods table belongs to another service or location; it is read again"
            );
            // The progress goes as well, so that the next reading starts from nothing.
            transaction.execute_batch(
                "DELETE FROM goods; DELETE FROM keys; DELETE FROM next_goods; DELETE FROM next_keys;
                 DELETE FROM cards; DELETE FROM materials; DELETE FROM progress",
            )?;
        }
        for (name, mark) in ours {
            set_progress(&transaction, name, mark)?;
        }
        transaction.commit()?;
        Ok(())
    }
}

/// Returns a number that differs when the address differs. Numbers are all that the table `progress` holds.
fn mark_of(service: &str) -> i64 {
    let mut mark = Mark::default();
    mark.add(service.trim_end_matches('/').as_bytes());
    mark.number()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_at_the_end_of_an_address_means_nothing() {
        assert_eq!(mark_of("https://api.alteg.io/api/v1/"), mark_of("https://api.alteg.io/api/v1"));
        assert_ne!(mark_of("https://api.alteg.io/api/v1"), mark_of("https://api.yclients.com/api/v1"));
    }
}
