//! Keeps the copy of the bills of materials: read after each full reading of the goods and once an hour, because the
//! service gives no changes of them. Invariant: an account without any, or without the right to see them, loses nothing
//! but its kits. Cards leave the copy only after a complete reading without them, and many of them only after two.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::interrupted::{Interrupted, would_answer_the_same};
use super::link::Link;
use super::parked::book_parked;
use super::waits::{growing, spread};
use crate::api::{self, CardRow, Outcome};
use crate::domain::ids::CardId;
use crate::domain::listing::{Fault, Reading, Step};
use crate::domain::signal::Signal;
use crate::domain::stock::kit::{Card, Material};
use crate::feedback::What;

/// The interval between two readings, and the rest after one that the service refused.
const READ_EVERY: Duration = Duration::from_hours(1);

/// The rest of a reading that failed for another reason, or is to be confirmed; it doubles up to an hour.
const FAILED_REST: Duration = Duration::from_mins(5);

/// The most cards of one reading. In a location with more, the kits beyond that are unknown.
const CARDS_MAX: usize = 10_000;

/// The progress of the reading. It is not resumed after a restart: it is short, and begins again.
#[derive(Debug)]
pub struct Kits {
    next: Instant,
    reading: Reading<CardId>,
    cards: BTreeMap<CardId, Card>,
    /// The cards that the last reading held, if they were too few to replace the copy at once.
    doubted: Option<BTreeSet<CardId>>,
    /// The number of readings in a row without a result.
    failures: u32,
}

impl Kits {
    pub(super) fn new(now: Instant) -> Self {
        let (reading, cards) = (Reading::default(), BTreeMap::new());
        Self { next: now, reading, cards, doubted: None, failures: 0 }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next <= now
    }

    /// Makes the next reading come now, because the goods were read in full: cards of goods that were not known may be
    /// kits now.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.next = now;
    }

    /// Adds a page, with its number of rows, readable or not.
    fn collect(&mut self, rows: Vec<CardRow>, count: usize) -> Result<Step, Fault> {
        let keys: Vec<CardId> = rows.iter().map(|row| row.id).collect();
        self.cards.extend(rows.into_iter().map(|row| (row.id, card(row))));
        self.reading.take(count, &keys)
    }

    /// Ends the reading, or gives it up, and returns the cards that it holds.
    fn end(&mut self, rest: Duration) -> Vec<Card> {
        self.next = Instant::now() + spread(rest);
        let (reading, cards) = (std::mem::take(&mut self.reading), std::mem::take(&mut self.cards));
        cards.into_values().filter(|card| reading.keys().contains(&card.id)).collect()
    }

    /// Ends the reading without a result.
    fn fail(&mut self) {
        self.end(growing(FAILED_REST, self.failures));
        self.failures = self.failures.saturating_add(1);
    }

    /// Returns true if these cards may replace so many that are held: at least nine tenths are left, or the reading
    /// before this one held the same.
    fn may_replace(&mut self, cards: &[Card], held: usize) -> bool {
        let keys: BTreeSet<CardId> = cards.iter().map(|card| card.id).collect();
        let may_replace = keys.len() * 10 >= held * 9 || self.doubted.as_ref() == Some(&keys);
        self.doubted = (!may_replace).then_some(keys);
        may_replace
    }

    /// Reads one page of the cards.
    pub(super) async fn read_page(&mut self, link: &mut Link) -> Result<(), Interrupted> {
        let permit = link.permit().await?;
        let answer = link.client.cards(permit, self.reading.page(), None).await;
        let (rows, count) = match link.take_answer(answer).await {
            Ok(page) => page,
            Err(Interrupted::Api(error)) if concerns_the_cards(&error) => {
                tracing::debug!(error = %error, "the service returns no bills of materials");
                // A refusal will be the same in a minute; a failure of the service may not.
                if error.outcome() == Outcome::Unknown {
                    self.fail();
                } else {
                    self.end(READ_EVERY);
                }
                return Ok(());
            }
            Err(interrupted) => {
                self.end(FAILED_REST);
                return Err(interrupted);
            }
        };
        if rows.len() < count {
            let unreadable = count - rows.len();
            tracing::warn!(unreadable, "bills of materials that cannot be read whole are left out");
        }
        match self.collect(rows, count) {
            Ok(Step::Ask(_)) if self.cards.len() < CARDS_MAX => Ok(()),
            Ok(Step::Ask(_) | Step::Complete) => self.complete(link).await,
            Err(fault) => {
                tracing::warn!(error = %fault, "the bills of materials are not read");
                self.fail();
                Ok(())
            }
        }
    }

    async fn complete(&mut self, link: &mut Link) -> Result<(), Interrupted> {
        let cards = self.end(READ_EVERY);
        let count = cards.len();
        // A listing that is cut short must not take the kits away.
        let held = link.db(|db| db.cards()).await?.len();
        if !self.may_replace(&cards, held) {
            self.fail();
            tracing::warn!(
                count,
                held,
                "the service lists fewer bills of materials; another reading decides"
            );
            return Ok(());
        }
        self.failures = 0;
        link.db(move |db| db.put_cards(&cards)).await?;
        let booked = book_parked(link).await?;
        tracing::info!(cards = count, booked, "the bills of materials are read");
        if booked > 0 {
            link.announce(Signal::Booked, What::Unparked(booked));
        }
        Ok(())
    }
}

/// Returns true if the failure of a request shows nothing about the connection to the service.
fn concerns_the_cards(error: &api::Error) -> bool {
    match error {
        api::Error::TooLarge { .. } | api::Error::Unreadable { .. } => true,
        error => would_answer_the_same(error),
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
