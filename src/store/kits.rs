//! Bills of materials: stored like the goods, scanned as kits.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, TransactionBehavior};

use super::{Db, Error};
use crate::domain::ids::{CardId, GoodId, StorageId};
use crate::domain::stock::kit::{Card, Kit, Material};
use crate::domain::stock::quantity::Quantity;
use crate::domain::stock::resolution::Resolution;

impl Db {
    /// Resolves a card by the goods table as it is now.
    ///
    /// # Errors
    /// [`Error::Sql`], or [`Error::Unexpected`] for a row this program did not write.
    pub fn kit(&self, id: CardId) -> Result<Resolution, Error> {
        let Some(card) = self.card(id)? else { return Ok(Resolution::Unknown) };
        let mut goods = BTreeMap::new();
        for material in &card.materials {
            goods.extend(self.good(material.good)?.map(|good| (good.id, good)));
        }
        Ok(Kit::of(&card, &goods))
    }

    /// Returns the stored cards by number, with their names.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn cards(&self) -> Result<Vec<(CardId, String)>, Error> {
        let mut statement = self.goods.prepare_cached("SELECT card_id, title FROM cards ORDER BY card_id")?;
        let rows = statement.query_map([], |row| Ok((CardId(row.get(0)?), row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Replaces all cards by those read, in one commit.
    ///
    /// # Errors
    /// Any, and then the cards are as they were.
    pub fn put_cards(&mut self, cards: &[Card]) -> Result<(), Error> {
        let transaction = self.goods.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch("DELETE FROM cards; DELETE FROM materials")?;
        {
            let sql = "INSERT OR REPLACE INTO cards (card_id, title) VALUES (?1, ?2)";
            let mut put_card = transaction.prepare_cached(sql)?;
            let sql = "INSERT OR REPLACE INTO materials (card_id, number, good_id, storage_id, amount, unit)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let mut put_material = transaction.prepare_cached(sql)?;
            for card in cards {
                put_card.execute((card.id.0, &card.title))?;
                for (material, number) in card.materials.iter().zip(1_i64..) {
                    put_material.execute((
                        card.id.0,
                        number,
                        material.good.0,
                        material.storage.map(|storage| storage.0),
                        material.amount.millionths(),
                        &material.unit,
                    ))?;
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }

    fn card(&self, id: CardId) -> Result<Option<Card>, Error> {
        let mut statement = self.goods.prepare_cached("SELECT title FROM cards WHERE card_id = ?1")?;
        let title: Option<String> = statement.query_row([id.0], |row| row.get(0)).optional()?;
        let Some(title) = title else { return Ok(None) };
        let sql =
            "SELECT good_id, storage_id, amount, unit FROM materials WHERE card_id = ?1 ORDER BY number";
        let mut statement = self.goods.prepare_cached(sql)?;
        let rows = statement.query_map([id.0], |row| {
            Ok(Material {
                good: GoodId(row.get(0)?),
                storage: row.get::<_, Option<i64>>(1)?.map(StorageId),
                amount: Quantity::from_millionths(row.get(2)?),
                unit: row.get(3)?,
            })
        })?;
        Ok(Some(Card { id, title, materials: rows.collect::<Result<_, _>>()? }))
    }
}
