//! A full reading of the goods table, from its first page to the moment at which it replaces the copy.
//!
//! Invariant: a good leaves the copy only if a whole reading lacks it and either the service says in its own form that
//! there is no such good, or a second reading, a wait apart, lacks exactly the same goods.

use std::time::Duration;

use tokio::time::Instant;

use super::catalog::{Kind, Page, growing};
use super::loss::{Loss, Verdict};
use super::Halt;
use super::Uplink;
use crate::domain::ids::GoodId;
use crate::domain::listing::{Fault, Pass, Turn};
use crate::domain::signal::Signal;
use crate::domain::stock::good::Good;
use crate::feedback::What;
use crate::store::{Db, GoodsPage, Proof};

/// The wait before the reading that proves a first one, as a multiple of the time that the first one took: it must not
/// take more than a fifth of the requests.
const PROVE_AFTER: u32 = 4;

/// The number of goods between two reports of a reading's progress.
const PROGRESS_EVERY: usize = 5000;

/// Goods that a full reading lacks, and that are asked for one by one.
#[derive(Debug)]
pub(super) struct Asking {
    loss: Loss,
    left: Vec<GoodId>,
    gone: u64,
    /// The number of goods for which the service answered neither that they exist nor that they do not.
    unclear: u64,
}

impl Uplink {
    /// Does one step of the full reading; begins one if none is under way.
    pub(super) async fn full_step(&mut self) -> Result<(), Halt> {
        if let Some(asking) = self.catalog.asking.take() {
            return self.ask_for_missing(asking).await;
        }
        if let Some(page) = self.catalog.ahead.take() {
            return self.collect(page).await;
        }
        let pass = match self.parts.store.run(|db| db.full_reading()).await?? {
            Some(reading) => reading.pass,
            None => self.begin_full_reading().await?,
        };
        match self.goods_page(&pass, None).await {
            Ok((goods, rows)) => self.collect(Page { pass, goods, rows }).await,
            Err(halt) => self.reading_failed(halt, Kind::Full, pass.page),
        }
    }

    async fn begin_full_reading(&mut self) -> Result<Pass, Halt> {
        let (catalog, now) = (&mut self.catalog, Instant::now());
        (catalog.full_wanted, catalog.told, catalog.collected) = (false, 0, 0);
        (catalog.begun, catalog.full_due) = (Some(now), Some(now));
        catalog.size.begin();
        let now = self.server_now();
        Ok(self.parts.store.run(move |db| db.begin_full_reading(now)).await??)
    }

    /// Takes in a page of a full reading. After a full page there is most likely another: it is fetched meanwhile.
    async fn collect(&mut self, page: Page) -> Result<(), Halt> {
        let Page { pass, goods, rows } = page;
        let ahead = Pass { page: pass.page + 1, rows_max: rows, ..pass };
        let is_full = rows > 0 && rows >= pass.rows_max;
        let store = self.parts.store.clone();
        let collect = store.run(move |db| db.collect_page(&GoodsPage { rows, goods }));
        let (collected, next) = if is_full {
            let (collected, next) = tokio::join!(collect, self.goods_page(&ahead, None));
            (collected, Some(next))
        } else {
            (collect.await, None)
        };
        let collected = collected??;
        self.catalog.collected += collected.new;
        self.tell_progress();
        match (collected.turn, next) {
            (Err(fault), _) => {
                self.reading_is_faulty(fault);
                Ok(())
            }
            (Ok(Turn::End), _) => self.pages_end().await,
            (Ok(Turn::Ask(_)), None) => Ok(()),
            (Ok(Turn::Ask(page)), Some(Err(halt))) => self.reading_failed(halt, Kind::Full, page),
            (Ok(Turn::Ask(_)), Some(Ok((goods, rows)))) => {
                self.catalog.ahead = Some(Page { pass: collected.pass, goods, rows });
                Ok(())
            }
        }
    }

    /// Notes that the store has dropped the reading. The next one begins after a wait that grows.
    fn reading_is_faulty(&mut self, fault: Fault) {
        let rest = self.confirming_rest();
        self.catalog.futile = self.catalog.futile.saturating_add(1);
        self.catalog.full_due = Some(Instant::now() + rest);
        let text = format!("the goods table cannot be read: {fault}");
        tracing::warn!(error = %text, rest_s = rest.as_secs(), "a reading of the goods table begins anew");
        self.reading_fails(text);
    }

    /// Compares the reading with the copy, once all its pages are there, before it replaces the copy.
    async fn pages_end(&mut self) -> Result<(), Halt> {
        let count = |db: &mut Db| Ok::<_, crate::store::Error>((db.goods_figures()?.count, db.collected()?));
        let (held, read) = self.parts.store.run(count).await??;
        let (mut loss, mut after) = (Loss::new(held, read), GoodId(i64::MIN));
        while let Some((last, missing)) = self.parts.store.run(move |db| db.missing_after(after)).await?? {
            loss.add(&missing);
            after = last;
        }
        match loss.verdict(self.catalog.doubt) {
            Verdict::Replace => self.replace_copy(loss.missing()).await,
            Verdict::ReadAgain => self.read_again(&loss).await,
            Verdict::Ask(left) => {
                tracing::info!(missing = left.len(), "goods that the table no longer lists are asked for");
                self.catalog.asking = Some(Asking { loss, left, gone: 0, unclear: 0 });
                Ok(())
            }
        }
    }

    /// Asks for one good that the reading lacks: the table may have moved during the reading.
    async fn ask_for_missing(&mut self, mut asking: Asking) -> Result<(), Halt> {
        let Some(good) = asking.left.last().copied() else {
            return self.missing_are_asked_for(&asking).await;
        };
        let permit = self.permit().await?;
        let answer = self.parts.client.good(permit, good).await;
        match self.heard(answer).await {
            Ok(Some(details)) => self.keep(details.good).await?,
            Ok(None) => asking.gone += 1,
            Err(Halt::Api(error)) if error.is_refusal() => asking.unclear += 1,
            Err(halt) => {
                self.catalog.asking = Some(asking);
                return self.reading_failed(halt, Kind::Missing, 0);
            }
        }
        asking.left.pop();
        self.catalog.failures = 0;
        self.catalog.asking = Some(asking);
        Ok(())
    }

    async fn keep(&mut self, good: Good) -> Result<(), Halt> {
        tracing::warn!(good = good.id.0, "a good moved to another page while the table was read; it is kept");
        self.parts.store.run(move |db| db.keep_good(&good)).await??;
        Ok(())
    }

    async fn missing_are_asked_for(&mut self, asking: &Asking) -> Result<(), Halt> {
        let is_agreed = self.catalog.doubt == Some(asking.loss.doubt());
        if asking.unclear > 0 && !is_agreed {
            return self.read_again(&asking.loss).await;
        }
        self.replace_copy(asking.gone + asking.unclear).await
    }

    /// Keeps the copy as it is until another reading lacks the same goods.
    async fn read_again(&mut self, loss: &Loss) -> Result<(), Halt> {
        let doubt = loss.doubt();
        self.parts.store.run(move |db| db.doubt_full_reading(doubt)).await??;
        self.catalog.doubt = Some(doubt);
        let rest = self.confirming_rest();
        self.catalog.futile = self.catalog.futile.saturating_add(1);
        self.catalog.full_due = Some(Instant::now() + rest);
        let (read, held, missing) = (loss.read(), loss.held(), loss.missing());
        tracing::warn!(
            read,
            held,
            missing,
            rest_s = rest.as_secs(),
            "the service lists fewer goods than the copy has; the copy stays until another reading agrees"
        );
        Ok(())
    }

    async fn replace_copy(&mut self, gone: u64) -> Result<(), Halt> {
        while self.parts.store.run(Db::index_some).await?? {}
        self.parts.store.run(move |db| db.finish_full_reading(gone)).await??;
        let was_complete = self.catalog.was_ever_complete();
        self.catalog.is_replaced();
        self.recall_goods().await?;
        // Changes made while the copy was read are not known yet; a first copy is as new as its reading.
        self.catalog.changes_due = if was_complete { Instant::now() } else { self.next_changes() };
        self.kits.hurry(Instant::now());
        self.goods_complete().await
    }

    /// Returns the time of the full reading that confirms or proves another one, or that is asked for in any case.
    pub(super) fn full_due_after(&self, proof: Proof) -> Option<Instant> {
        let (catalog, now) = (&self.catalog, Instant::now());
        if catalog.doubt.is_some() {
            return Some(now + self.confirming_rest());
        }
        if catalog.full_wanted || catalog.synced_at.is_none() {
            return Some(now);
        }
        let took = catalog
            .begun
            .map_or(self.parts.config.api.reconcile_after, |begun| begun.elapsed() * PROVE_AFTER);
        match proof {
            Proof::Proven => None,
            Proof::Clean | Proof::Moved => Some(now + growing(took, catalog.unproven)),
        }
    }

    /// Returns the wait before a reading that is to confirm another one, as between two read-backs; it doubles while
    /// they disagree.
    fn confirming_rest(&self) -> Duration {
        growing(self.parts.config.api.reconcile_after, self.catalog.futile)
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
