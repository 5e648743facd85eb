//! Keeps the copy of the goods table: all of it is read at first and once a day (`full`), and the changes in between
//! (`changes`).

use std::ops::Range;

use tokio::time::Instant;

use super::account::Account;
use super::changes::{Changes, ChangesStep, OVERLAP};
use super::full::{FullReading, FullStep};
use super::goods_page::Pages;
use super::interrupted::Interrupted;
use super::link::Link;
use super::parked::book_parked;
use crate::domain::signal::Signal;
use crate::domain::time::UnixMillis;
use crate::feedback::What;

/// The copy, and its readings.
#[derive(Debug)]
pub struct Catalog {
    full: FullReading,
    changes: Changes,
    pages: Pages,
    /// True if the times are those of the copy as it stands.
    is_recalled: bool,
    full_at: Option<UnixMillis>,
    synced_at: Option<UnixMillis>,
    /// True if a full reading has replaced the copy since this was last taken.
    has_replaced: bool,
}

impl Catalog {
    /// Returns a copy whose state is not read from the store yet.
    pub fn new(now: Instant) -> Self {
        Self {
            full: FullReading::new(now),
            changes: Changes::new(now),
            pages: Pages::default(),
            is_recalled: false,
            full_at: None,
            synced_at: None,
            has_replaced: false,
        }
    }

    pub(super) fn next(&self) -> Instant {
        let changes = self.synced_at.map(|_complete| self.changes.due);
        self.full.due.into_iter().chain(changes).min().unwrap_or(self.changes.due)
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next() <= now
    }

    /// Returns true if the copy was ever complete, as far as is known yet.
    pub fn was_ever_complete(&self) -> bool {
        self.is_recalled && self.synced_at.is_some()
    }

    /// Asks for a full reading now, for a person.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.pages.forgive();
        self.full.hurry(now);
    }

    /// Returns true once after a full reading has replaced the copy.
    pub(super) fn take_replaced(&mut self) -> bool {
        std::mem::take(&mut self.has_replaced)
    }

    /// Does one step of the reading that is under way or due. Only the reading that fails is put off.
    ///
    /// # Errors
    /// [`Interrupted`] if the connection has failed, the agent stops, or the store has ended.
    pub async fn step(&mut self, link: &mut Link, account: &Account) -> Result<(), Interrupted> {
        self.recall(link).await?;
        let now = Instant::now();
        let synced_at = self.synced_at.filter(|_| self.changes.due <= now);
        // The changes under way go first: they are short, and goods that are new are scanned soonest.
        if synced_at.is_some() && self.changes.is_under_way() {
            return self.read_changes(link).await;
        }
        if self.full.due.is_some_and(|due| due <= now) || (synced_at.is_some() && self.is_old(link)) {
            return self.read_full(link).await;
        }
        let Some(synced_at) = synced_at else { return Ok(()) };
        self.changes.begin(link, account, synced_at);
        self.read_changes(link).await
    }

    fn is_old(&self, link: &Link) -> bool {
        let now = link.clocks.now();
        let is_old = self.full_at.is_none_or(|at| !lasts(link).contains(&now.ms_since(at)));
        // A reading that is put off keeps its wait.
        is_old && self.full.due.is_none()
    }

    /// Reads the state of the copy from the store, after a start and after each full reading.
    async fn recall(&mut self, link: &Link) -> Result<(), Interrupted> {
        if self.is_recalled {
            return Ok(());
        }
        let stands = link.db(|db| db.copy_state()).await?;
        (self.full_at, self.synced_at) = (stands.figures.full_at, stands.figures.synced_at);
        self.is_recalled = true;
        self.pages.recall(stands.page_rows);
        self.full.recall(link, &stands);
        Ok(())
    }

    async fn read_full(&mut self, link: &mut Link) -> Result<(), Interrupted> {
        match self.full.step(link, &mut self.pages).await? {
            FullStep::GoesOn => Ok(()),
            FullStep::Replaced => self.replaced(link).await,
        }
    }

    async fn replaced(&mut self, link: &Link) -> Result<(), Interrupted> {
        let was_complete = self.was_ever_complete();
        self.is_recalled = false;
        self.recall(link).await?;
        // Changes made while the copy was read are not known yet; a first copy is as new as its reading.
        if was_complete {
            self.changes.due = Instant::now();
        } else {
            self.changes.rest(link);
        }
        self.has_replaced = true;
        complete(link).await
    }

    async fn read_changes(&mut self, link: &mut Link) -> Result<(), Interrupted> {
        match self.changes.read_page(link, &mut self.pages).await? {
            ChangesStep::GoesOn => Ok(()),
            ChangesStep::Ended { synced_at } => {
                self.synced_at = synced_at.or(self.synced_at);
                complete(link).await
            }
        }
    }
}

/// Returns the ages of a full reading, in ms, at which no other one is due. The service's clock has whole seconds, so
/// two readings of it may go back a little.
fn lasts(link: &Link) -> Range<i64> {
    let every = i64::try_from(link.config.goods.full_sync_every.as_millis()).unwrap_or(i64::MAX);
    -i64::try_from(OVERLAP.as_millis()).unwrap_or(i64::MAX)..every
}

/// Books the parked scans whose goods are known now, and announces that the goods table is read.
async fn complete(link: &Link) -> Result<(), Interrupted> {
    let booked = book_parked(link).await?;
    let figures = link.db(|db| db.goods_figures()).await?;
    tracing::info!(goods = figures.count, booked, "the goods table is read");
    link.announce(Signal::Control, What::Progress(format!("goods table read: {} goods", figures.count)));
    if booked > 0 {
        link.announce(Signal::Booked, What::Unparked(booked));
    }
    Ok(())
}
