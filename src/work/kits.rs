//! Keeping the copy of the bills of materials: read after each full reading of the goods and once an hour, for
//! the service tells no changes of them. Invariant: an account without any, or without the right to see them,
//! loses nothing but its kits.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::account::is_refusal;
use super::catalog::spread;
use super::uplink::{Halt, Uplink};
use crate::api::{CardRow, Outcome};
use crate::domain::ids::CardId;
use crate::domain::kit::{Card, Material};
use crate::domain::signal::Signal;
use crate::feedback::What;

/// Between two readings, and after one that the service refused.
const READ_EVERY: Duration = Duration::from_hours(1);

/// How long a reading rests that failed for another reason: deliveries must not wait for it.
const FAILED_REST: Duration = Duration::from_mins(5);

/// Cards of one reading. A location with more has its kits beyond that unknown.
const CARDS_MAX: usize = 10_000;

/// How far the reading is. It is not taken up after a restart: it is short, and begins again.
#[derive(Debug)]
pub(super) struct Kits {
    next: Instant,
    page: u32,
    cards: BTreeMap<CardId, Card>,
}

impl Kits {
    pub(super) fn new(now: Instant) -> Self {
        Self { next: now, page: 1, cards: BTreeMap::new() }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next <= now
    }

    /// The goods were read in full: cards of goods that were not known may be kits now.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.next = now;
    }

    /// Takes in a page; whether it told anything new.
    fn collect(&mut self, rows: Vec<CardRow>) -> bool {
        let known = self.cards.len();
        self.cards.extend(rows.into_iter().map(|row| (row.id, card(row))));
        self.page += 1;
        self.cards.len() > known
    }

    /// Ends the reading, or gives it up, and gives back what it collected.
    fn end(&mut self, rest: Duration) -> Vec<Card> {
        self.next = Instant::now() + spread(rest);
        self.page = 1;
        std::mem::take(&mut self.cards).into_values().collect()
    }
}

impl Uplink {
    /// Reads one page of the cards. There is no total, so only a page that tells nothing new ends the reading.
    pub(super) async fn cards_page(&mut self) -> Result<(), Halt> {
        let permit = self.permit().await?;
        let answer = self.parts.client.cards(permit, self.kits.page, None).await;
        let (rows, count) = match self.heard(answer).await {
            Err(Halt::Api(error)) if is_refusal(&error) => {
                tracing::debug!(error = %error, "the service tells no bills of materials");
                self.kits.end(if error.outcome() == Outcome::Unknown { FAILED_REST } else { READ_EVERY });
                return Ok(());
            }
            Err(halt) => {
                self.kits.end(FAILED_REST);
                return Err(halt);
            }
            Ok(page) => page,
        };
        if rows.len() < count {
            let unreadable = count - rows.len();
            tracing::warn!(unreadable, "bills of materials that cannot be read whole are left out");
        }
        if self.kits.collect(rows) && self.kits.cards.len() < CARDS_MAX {
            return Ok(());
        }
        self.cards_complete().await
    }

    async fn cards_complete(&mut self) -> Result<(), Halt> {
        let cards = self.kits.end(READ_EVERY);
        let count = cards.len();
        self.parts.store.run(move |db| db.put_cards(&cards)).await??;
        let now = self.parts.clock.wall();
        let booked = self.parts.store.run(move |db| db.book_parked(now)).await??;
        tracing::info!(cards = count, booked = booked.len(), "the bills of materials are read");
        if !booked.is_empty() {
            self.announce(Signal::Booked, What::Unparked(booked.len()));
        }
        Ok(())
    }
}

fn card(row: CardRow) -> Card {
    let materials = row.items.into_iter().map(|item| Material {
        good: item.good,
        storage: item.storage,
        amount: item.amount,
        unit: item.unit,
    });
    Card { id: row.id, title: row.title, materials: materials.collect() }
}
