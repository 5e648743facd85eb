//! A full reading of the goods table, from its first page to the moment at which it replaces the copy.
//!
//! Invariant: a good leaves the copy only if a whole reading lacks it and either the service says in its own form that
//! there is no such good, or a second reading, a wait apart, lacks exactly the same goods.

use std::time::Duration;

use tokio::time::Instant;

use super::goods_page::{Kind, Page, Pages, Setback, report_failure};
use super::interrupted::Interrupted;
use super::link::Link;
use super::loss::{Loss, Verdict};
use super::waits::growing;
use crate::domain::ids::GoodId;
use crate::domain::listing::{Fault, Pass, Turn};
use crate::domain::signal::Signal;
use crate::domain::stock::good::Good;
use crate::feedback::What;
use crate::store::{self, CopyState, Db, Doubt, GoodsPage, Proof};

/// The wait before the reading that proves a first one, as a multiple of the time that the first one took: it must not
/// take more than a fifth of the requests.
const PROVE_AFTER: u32 = 4;

/// The number of goods between two reports of a reading's progress.
const PROGRESS_EVERY: usize = 5000;

/// Goods that a full reading lacks, and that are asked for one by one.
#[derive(Debug)]
struct Asking {
    loss: Loss,
    left: Vec<GoodId>,
    gone: u64,
    /// The number of goods for which the service answered neither that they exist nor that they do not.
    unclear: u64,
}

/// A page of a full reading. It is fetched while the one before it is stored.
#[derive(Debug)]
struct Ahead {
    /// The progress of the reading before this page.
    pass: Pass,
    page: Page,
}

/// The full readings.
#[derive(Debug)]
pub(super) struct FullReading {
    /// The time at which a reading goes on or begins, if one is under way or asked for.
    pub(super) due: Option<Instant>,
    ahead: Option<Ahead>,
    asking: Option<Asking>,
    doubt: Option<Doubt>,
    is_asked_for: bool,
    /// The time at which the reading under way began, if this process began it.
    begun: Option<Instant>,
    /// The number of readings in a row without a result.
    futile: u32,
    /// The number of readings in a row that replaced the copy and did not prove it.
    unproven: u32,
    collected: usize,
    /// The number of goods at the last report of progress.
    reported: usize,
}

/// The result of a step.
#[derive(Debug)]
pub(super) enum FullStep {
    /// The reading goes on, or is put off.
    GoesOn,
    /// The reading has replaced the copy.
    Replaced,
}

impl FullReading {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            due: Some(now),
            ahead: None,
            asking: None,
            doubt: None,
            is_asked_for: false,
            begun: None,
            futile: 0,
            unproven: 0,
            collected: 0,
            reported: 0,
        }
    }

    /// Asks for a reading now, for a person. A reading that is to confirm another one keeps its wait.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.is_asked_for = true;
        if self.doubt.is_none() {
            self.due = Some(now);
        }
    }

    /// Takes in the state of the copy, after a start and after each reading.
    pub(super) fn recall(&mut self, link: &Link, stands: &CopyState) {
        self.doubt = stands.doubt;
        if stands.proof == Proof::Proven {
            self.unproven = 0;
        }
        // A reading that an earlier process began goes on at once.
        if !stands.is_under_way {
            self.due = self.due_after(link, stands);
            self.unproven = self.unproven.saturating_add(1);
        }
    }

    /// Does one step of the reading; begins one if none is under way.
    pub(super) async fn step(&mut self, link: &mut Link, pages: &mut Pages) -> Result<FullStep, Interrupted> {
        if let Some(asking) = self.asking.take() {
            return self.ask_for_missing(link, pages, asking).await;
        }
        if let Some(ahead) = self.ahead.take() {
            return self.collect(link, pages, ahead).await;
        }
        let pass = match link.db(|db| db.full_reading()).await? {
            Some(reading) => reading.pass,
            None => self.begin(link, pages).await?,
        };
        match pages.read(link, &pass, None).await {
            Ok(page) => self.collect(link, pages, Ahead { pass, page }).await,
            Err(failure) => self.put_off(pages.failed(link, failure, Kind::Full, pass.page)),
        }
    }

    async fn begin(&mut self, link: &Link, pages: &mut Pages) -> Result<Pass, Interrupted> {
        let now = Instant::now();
        (self.is_asked_for, self.reported, self.collected) = (false, 0, 0);
        (self.begun, self.due) = (Some(now), Some(now));
        pages.begin();
        let now = link.clocks.now();
        link.db(move |db| db.begin_full_reading(now)).await
    }

    /// Takes in a page. After a full page there is most likely another: it is fetched meanwhile.
    async fn collect(
        &mut self,
        link: &mut Link,
        pages: &mut Pages,
        ahead: Ahead,
    ) -> Result<FullStep, Interrupted> {
        let Ahead { pass, page: Page { goods, rows } } = ahead;
        let following = Pass { page: pass.page + 1, rows_max: rows, ..pass };
        let is_full = rows > 0 && rows >= pass.rows_max;
        let store = link.store.clone();
        // A future of its own: the page is stored while the next one is on the wire.
        let collect = store.run(move |db| db.collect_page(&GoodsPage { rows, goods }));
        let (collected, next) = if is_full {
            let (collected, next) = tokio::join!(collect, pages.read(link, &following, None));
            (collected, Some(next))
        } else {
            (collect.await, None)
        };
        let collected = collected??;
        self.collected += collected.new;
        self.report_progress(link);
        match (collected.turn, next) {
            (Err(fault), _) => {
                self.begin_anew(link, fault);
                Ok(FullStep::GoesOn)
            }
            // A page that was fetched past the end is dropped: the pass has ended.
            (Ok(Turn::End), _) => self.pages_end(link, pages).await,
            (Ok(Turn::Ask(_)), None) => Ok(FullStep::GoesOn),
            (Ok(Turn::Ask(page)), Some(Err(failure))) => {
                self.put_off(pages.failed(link, failure, Kind::Full, page))
            }
            (Ok(Turn::Ask(_)), Some(Ok(page))) => {
                self.ahead = Some(Ahead { pass: collected.pass, page });
                Ok(FullStep::GoesOn)
            }
        }
    }

    fn put_off(&mut self, setback: Setback) -> Result<FullStep, Interrupted> {
        if let Some(rest) = setback.rest {
            self.due = Some(Instant::now() + rest);
        }
        setback.ended.map(|()| FullStep::GoesOn)
    }

    /// Notes that the store has dropped the reading. The next one begins after a wait that grows.
    fn begin_anew(&mut self, link: &Link, fault: Fault) {
        let rest = self.rest_before_confirming(link);
        let text = format!("the goods table cannot be read: {fault}");
        tracing::warn!(error = %text, rest_s = rest.as_secs(), "a reading of the goods table begins anew");
        report_failure(link, text);
    }

    /// Compares the reading with the copy, once all its pages are there, before it replaces the copy.
    async fn pages_end(&mut self, link: &Link, pages: &mut Pages) -> Result<FullStep, Interrupted> {
        let count = |db: &mut Db| Ok::<_, store::Error>((db.goods_figures()?.count, db.collected()?));
        let (held, read) = link.db(count).await?;
        let (mut loss, mut after) = (Loss::new(held, read), GoodId(i64::MIN));
        // In portions, so that scans are stored in between.
        while let Some((last, missing)) = link.db(move |db| db.missing_after(after)).await? {
            loss.add(&missing);
            after = last;
        }
        match loss.verdict(self.doubt) {
            Verdict::Replace => self.replace_copy(link, pages, loss.missing()).await,
            Verdict::ReadAgain => self.read_again(link, &loss).await,
            Verdict::Ask(left) => {
                tracing::info!(missing = left.len(), "goods that the table no longer lists are asked for");
                self.asking = Some(Asking { loss, left, gone: 0, unclear: 0 });
                Ok(FullStep::GoesOn)
            }
        }
    }

    /// Asks for one good that the reading lacks: the table may have moved during the reading.
    async fn ask_for_missing(
        &mut self,
        link: &mut Link,
        pages: &mut Pages,
        mut asking: Asking,
    ) -> Result<FullStep, Interrupted> {
        let Some(good) = asking.left.last().copied() else {
            return self.missing_are_asked_for(link, pages, &asking).await;
        };
        let permit = link.permit().await?;
        let answer = link.client.good(permit, good).await;
        match link.take_answer(answer).await {
            Ok(Some(details)) => keep(link, details.good).await?,
            Ok(None) => asking.gone += 1,
            // It is not documented how the service refuses a good that it does not have.
            Err(Interrupted::Api(error)) if error.is_refusal() => asking.unclear += 1,
            Err(failure) => {
                self.asking = Some(asking);
                return self.put_off(pages.failed(link, failure, Kind::Missing, 0));
            }
        }
        asking.left.pop();
        pages.forgive();
        self.asking = Some(asking);
        Ok(FullStep::GoesOn)
    }

    async fn missing_are_asked_for(
        &mut self,
        link: &Link,
        pages: &mut Pages,
        asking: &Asking,
    ) -> Result<FullStep, Interrupted> {
        let is_agreed = self.doubt == Some(asking.loss.doubt());
        // Refusals prove nothing by themselves; a second reading that lacks the same goods does.
        if asking.unclear > 0 && !is_agreed {
            return self.read_again(link, &asking.loss).await;
        }
        self.replace_copy(link, pages, asking.gone + asking.unclear).await
    }

    /// Keeps the copy as it is until another reading lacks the same goods.
    async fn read_again(&mut self, link: &Link, loss: &Loss) -> Result<FullStep, Interrupted> {
        let doubt = loss.doubt();
        link.db(move |db| db.doubt_full_reading(doubt)).await?;
        self.doubt = Some(doubt);
        let rest = self.rest_before_confirming(link);
        let (read, held, missing) = (loss.read(), loss.held(), loss.missing());
        tracing::warn!(
            read,
            held,
            missing,
            rest_s = rest.as_secs(),
            "the service lists fewer goods than the copy has; the copy stays until another reading agrees"
        );
        Ok(FullStep::GoesOn)
    }

    async fn replace_copy(
        &mut self,
        link: &Link,
        pages: &mut Pages,
        gone: u64,
    ) -> Result<FullStep, Interrupted> {
        // In portions, so that scans are stored in between; the copy is replaced in one step at the end.
        while link.db(Db::index_some).await? {}
        link.db(move |db| db.finish_full_reading(gone)).await?;
        (self.doubt, self.futile) = (None, 0);
        pages.forgive();
        Ok(FullStep::Replaced)
    }

    /// Returns the time of the reading that confirms or proves another one, or that is asked for in any case.
    fn due_after(&self, link: &Link, stands: &CopyState) -> Option<Instant> {
        let now = Instant::now();
        if self.doubt.is_some() {
            return Some(now + self.confirming_wait(link));
        }
        if self.is_asked_for || stands.figures.synced_at.is_none() {
            return Some(now);
        }
        let took = self.begun.map_or(link.config.api.reconcile_after, |begun| begun.elapsed() * PROVE_AFTER);
        match stands.proof {
            Proof::Proven => None,
            Proof::Clean | Proof::Moved => Some(now + growing(took, self.unproven)),
        }
    }

    /// Rests before a reading that is to confirm another one, and returns the wait.
    fn rest_before_confirming(&mut self, link: &Link) -> Duration {
        let rest = self.confirming_wait(link);
        self.futile = self.futile.saturating_add(1);
        self.due = Some(Instant::now() + rest);
        rest
    }

    /// Returns the wait before a reading that is to confirm another one, as between two read-backs; it doubles while
    /// they disagree.
    fn confirming_wait(&self, link: &Link) -> Duration {
        growing(link.config.api.reconcile_after, self.futile)
    }

    fn report_progress(&mut self, link: &Link) {
        if self.collected >= self.reported + PROGRESS_EVERY {
            self.reported = self.collected;
            tracing::info!(collected = self.collected, "reading the goods table");
            let how_far = format!("reading the goods table: {} goods so far", self.collected);
            link.announce(Signal::Control, What::Progress(how_far));
        }
    }
}

async fn keep(link: &Link, good: Good) -> Result<(), Interrupted> {
    tracing::warn!(good = good.id.0, "a good moved to another page while the table was read; it is kept");
    link.db(move |db| db.keep_good(&good)).await?;
    Ok(())
}
