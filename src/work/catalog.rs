//! Keeping the copy of the goods table: all of it at first and once a day, what changed in between.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::uplink::{Halt, Uplink};
use crate::api::Outcome;
use crate::domain::good::Good;
use crate::domain::ids::GoodId;
use crate::domain::signal::Signal;
use crate::domain::time::UnixMillis;
use crate::feedback::What;
use crate::store::{Db, GoodsPage};

/// How far before the last complete reading the next one begins: whether the bound is inclusive, and how soon a
/// change shows up in the listing, is not documented.
const OVERLAP_MS: i64 = 10 * 60 * 1000;

/// Pages of one reading: ten million goods. A listing that goes on beyond that never ends.
const PAGES_MAX: u32 = 100_000;

/// How long a reading rests that the service refused.
const REFUSED_REST: Duration = Duration::from_mins(1);

/// Goods between two words on how far a reading is.
const PROGRESS_EVERY: usize = 5000;

/// How far the readings are.
#[derive(Debug)]
pub(super) struct Catalog {
    next: Instant,
    changes: Option<Changes>,
    ahead: Option<Page>,
    full_at: Option<UnixMillis>,
    synced_at: Option<UnixMillis>,
    is_recalled: bool,
    full_wanted: bool,
    collected: usize,
    told: usize,
}

/// A reading of what changed. It is not taken up after a restart: it is short, and begins again.
#[derive(Debug)]
struct Changes {
    begun: UnixMillis,
    after: String,
    page: u32,
    seen: BTreeSet<GoodId>,
}

/// A page of a full reading. It is fetched while the one before it is written down.
#[derive(Debug)]
struct Page {
    number: u32,
    goods: Vec<Good>,
    rows: usize,
}

impl Catalog {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            next: now,
            changes: None,
            ahead: None,
            full_at: None,
            synced_at: None,
            is_recalled: false,
            full_wanted: false,
            collected: 0,
            told: 0,
        }
    }

    pub(super) fn next(&self) -> Instant {
        self.next
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next <= now
    }

    /// Whether the copy was ever complete, as far as is known yet.
    pub(super) fn was_ever_complete(&self) -> bool {
        self.is_recalled && self.synced_at.is_some()
    }

    /// A person wants all of it read now.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.full_wanted = true;
        self.next = now;
    }
}

impl Uplink {
    /// Reads one page of whatever reading is under way or due.
    pub(super) async fn sync_page(&mut self) -> Result<(), Halt> {
        self.recall_goods().await?;
        if self.catalog.changes.is_some() {
            return self.changes_page().await;
        }
        if let Some(page) = self.catalog.ahead.take() {
            return self.collect(page).await;
        }
        let underway = self.parts.store.run(|db| db.full_reading()).await??;
        if let Some((_, page)) = underway {
            return self.full_page(page).await;
        }
        let now = self.server_now();
        let every = i64::try_from(self.parts.config.goods.full_sync_every.as_millis()).unwrap_or(i64::MAX);
        let old = self.catalog.full_at.is_none_or(|at| now.ms_since(at) >= every || now < at);
        match self.catalog.synced_at.filter(|_| !old && !self.catalog.full_wanted) {
            None => {
                self.catalog.full_wanted = false;
                self.catalog.told = 0;
                self.catalog.collected = 0;
                self.parts.store.run(move |db| db.begin_full_reading(now)).await??;
                self.full_page(1).await
            }
            Some(synced) => {
                let after = self.account.earliest_reading(synced.plus_ms(-OVERLAP_MS));
                let seen = BTreeSet::new();
                self.catalog.changes = Some(Changes { begun: now, after, page: 1, seen });
                self.changes_page().await
            }
        }
    }

    async fn recall_goods(&mut self) -> Result<(), Halt> {
        if !self.catalog.is_recalled {
            let figures = self.parts.store.run(|db| db.goods_figures()).await??;
            self.catalog.full_at = figures.full_at;
            self.catalog.synced_at = figures.synced_at;
            self.catalog.is_recalled = true;
        }
        Ok(())
    }

    async fn full_page(&mut self, number: u32) -> Result<(), Halt> {
        let (goods, rows) = self.goods_page(number, None).await?;
        self.collect(Page { number, goods, rows }).await
    }

    /// Takes in a page of a full reading and fetches the next meanwhile. There is no total, and the server may
    /// give fewer rows a page than asked, so only a page that tells nothing new ends it.
    async fn collect(&mut self, page: Page) -> Result<(), Halt> {
        let Page { number, goods, rows } = page;
        if goods.len() < rows {
            tracing::warn!(
                page = number,
                unreadable = rows - goods.len(),
                "goods without an id are left out"
            );
        }
        let may_go_on = !goods.is_empty() && number < PAGES_MAX;
        let collected = GoodsPage { page: number, goods };
        let store = self.parts.store.clone();
        let collect = store.run(move |db| db.collect_page(&collected));
        if !may_go_on {
            collect.await??;
            return self.full_reading_ends().await;
        }
        let (new, next) = tokio::join!(collect, self.goods_page(number + 1, None));
        let new = new??;
        self.catalog.collected += new;
        self.tell_progress();
        if new == 0 {
            // The server repeats itself: what comes next does not matter.
            return self.full_reading_ends().await;
        }
        let (goods, rows) = next?;
        self.catalog.ahead = Some(Page { number: number + 1, goods, rows });
        Ok(())
    }

    async fn full_reading_ends(&mut self) -> Result<(), Halt> {
        while self.parts.store.run(Db::index_some).await?? {}
        self.parts.store.run(Db::finish_full_reading).await??;
        self.catalog.is_recalled = false;
        self.kits.hurry(Instant::now());
        self.recall_goods().await?;
        self.goods_complete().await
    }

    async fn changes_page(&mut self) -> Result<(), Halt> {
        let Some(mut changes) = self.catalog.changes.take() else { return Ok(()) };
        let (goods, _rows) = self.goods_page(changes.page, Some(&changes.after)).await?;
        let known = changes.seen.len();
        changes.seen.extend(goods.iter().map(|good| good.id));
        let is_last = changes.seen.len() == known || changes.page >= PAGES_MAX;
        if !goods.is_empty() {
            self.parts.store.run(move |db| db.put_changed_goods(&goods)).await??;
        }
        if is_last {
            let begun = changes.begun;
            self.parts.store.run(move |db| db.changes_complete(begun)).await??;
            self.catalog.synced_at = Some(begun);
            return self.goods_complete().await;
        }
        changes.page += 1;
        self.catalog.changes = Some(changes);
        Ok(())
    }

    /// One page. Where the service refuses it, the reading rests a while: deliveries must not wait for it.
    async fn goods_page(&mut self, page: u32, after: Option<&str>) -> Result<(Vec<Good>, usize), Halt> {
        let permit = self.permit().await?;
        let answer = self.parts.client.goods(permit, page, after).await;
        let answer = self.heard(answer).await;
        if let Err(Halt::Api(error)) = &answer
            && matches!(error.outcome(), Outcome::Refused(_) | Outcome::NotAllowed { .. })
        {
            self.catalog.next = Instant::now() + REFUSED_REST;
        }
        answer
    }

    /// A reading is complete: what is parked may be known now.
    async fn goods_complete(&mut self) -> Result<(), Halt> {
        // A reading that was wanted while another was under way is still wanted.
        let rest = spread(self.parts.config.goods.sync_every);
        self.catalog.next = Instant::now() + if self.catalog.full_wanted { Duration::ZERO } else { rest };
        let now = self.parts.clock.wall();
        let booked = self.parts.store.run(move |db| db.book_parked(now)).await??;
        let figures = self.parts.store.run(|db| db.goods_figures()).await??;
        tracing::info!(goods = figures.count, booked = booked.len(), "the goods table is read");
        self.announce(Signal::Control, What::Progress(format!("goods table read: {} goods", figures.count)));
        if !booked.is_empty() {
            self.announce(Signal::Booked, What::Unparked(booked.len()));
        }
        Ok(())
    }

    fn tell_progress(&mut self) {
        let collected = self.catalog.collected;
        if collected >= self.catalog.told + PROGRESS_EVERY {
            self.catalog.told = collected;
            tracing::info!(collected, "reading the goods table");
            let how_far = format!("reading the goods table: {collected} goods so far");
            self.announce(Signal::Control, What::Progress(how_far));
        }
    }
}

/// The wait until the next reading: stations behind one address that started together must not go on asking
/// together, so each wait is up to a sixteenth shorter.
pub(super) fn spread(every: Duration) -> Duration {
    let sixteenths = 256 - u32::try_from(ulid::Ulid::generate().random() % 17).unwrap_or(0);
    every * sixteenths / 256
}
