//! Keeps the copy of the goods table: all of it is read at first and once a day (`full`), and the changes in between.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::account::is_refusal;
use super::full::Asking;
use super::page_size::PageSize;
use super::{Halt, Uplink};
use crate::api::{self, GoodsPageAsk, Outcome};
use crate::domain::health::ApiState;
use crate::domain::ids::GoodId;
use crate::domain::listing::{PageCounts, Pass, Turn};
use crate::domain::signal::Signal;
use crate::domain::stock::good::Good;
use crate::domain::text::error_chain;
use crate::domain::time::UnixMillis;
use crate::feedback::What;
use crate::random::random;
use crate::store::{Doubt, ParkedAt, Proof};

/// The time before the last complete reading at which the next one begins: it is not documented whether the bound is
/// inclusive, or how soon a change shows up in the listing.
const OVERLAP: Duration = Duration::from_mins(10);

/// The rest of a reading after its first failure, and the longest rest. Between them the rest doubles.
const REST_FIRST: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_hours(1);

/// The most passes of one reading of changes while rows move. Changes that it misses are read again by the next one.
const CHANGES_PASSES_MAX: u32 = 3;

/// The progress of the readings.
#[derive(Debug)]
pub(super) struct Catalog {
    /// The time at which a full reading goes on or begins, if one is under way or asked for.
    pub(super) full_due: Option<Instant>,
    /// The time at which the changes are read.
    pub(super) changes_due: Instant,
    pub(super) ahead: Option<Page>,
    pub(super) asking: Option<Asking>,
    changes: Option<Changes>,
    is_recalled: bool,
    full_at: Option<UnixMillis>,
    pub(super) synced_at: Option<UnixMillis>,
    pub(super) doubt: Option<Doubt>,
    pub(super) full_wanted: bool,
    /// The time at which the full reading under way began, if this process began it.
    pub(super) begun: Option<Instant>,
    pub(super) size: PageSize,
    /// The number of failures of the same request in a row.
    pub(super) failures: u32,
    /// The number of full readings in a row without a result.
    pub(super) futile: u32,
    /// The number of full readings in a row that replaced the copy and did not prove it.
    pub(super) unproven: u32,
    pub(super) collected: usize,
    pub(super) told: usize,
}

/// A reading of the changes. It is not resumed after a restart: it is short, and begins again.
#[derive(Debug, Clone)]
struct Changes {
    begun: UnixMillis,
    after: String,
    pass: Pass,
    passes: u32,
    seen: BTreeSet<GoodId>,
}

/// The reading that a request for goods belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A full reading.
    Full,
    /// A reading of the changes.
    Changes,
    /// The goods that a full reading lacks.
    Missing,
}

/// A page of a full reading. It is fetched while the one before it is stored.
#[derive(Debug)]
pub(super) struct Page {
    /// The progress of the reading before this page.
    pub(super) pass: Pass,
    pub(super) goods: Vec<Good>,
    /// Its rows, readable or not.
    pub(super) rows: usize,
}

impl Catalog {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            full_due: Some(now),
            changes_due: now,
            ahead: None,
            asking: None,
            changes: None,
            is_recalled: false,
            full_at: None,
            synced_at: None,
            doubt: None,
            full_wanted: false,
            begun: None,
            size: PageSize::default(),
            failures: 0,
            futile: 0,
            unproven: 0,
            collected: 0,
            told: 0,
        }
    }

    pub(super) fn next(&self) -> Instant {
        let changes = self.synced_at.map(|_complete| self.changes_due);
        self.full_due.into_iter().chain(changes).min().unwrap_or(self.changes_due)
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next() <= now
    }

    /// Returns true if the copy was ever complete, as far as is known yet.
    pub(super) fn was_ever_complete(&self) -> bool {
        self.is_recalled && self.synced_at.is_some()
    }

    /// Asks for a full reading now, for a person. A reading that is to confirm another one keeps its wait.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.full_wanted = true;
        self.failures = 0;
        if self.doubt.is_none() {
            self.full_due = Some(now);
        }
    }

    /// Returns the number of rows to ask for on a page: after the first page, as many as came. Then it makes no
    /// difference whether a service counts pages by the rows it was asked for or by those it returns.
    fn rows_of(&self, pass: &Pass) -> usize {
        if pass.page == 1 { self.size.rows() } else { pass.rows_max }
    }

    /// Returns the rest of a reading that has failed once more, and counts the failure.
    fn rest(&mut self) -> Duration {
        let rest = growing(REST_FIRST, self.failures);
        self.failures = self.failures.saturating_add(1);
        rest
    }

    fn put_off(&mut self, kind: Kind, rest: Duration) {
        let due = Instant::now() + rest;
        match kind {
            Kind::Full | Kind::Missing => self.full_due = Some(due),
            Kind::Changes => self.changes_due = due,
        }
    }

    /// Notes that a full reading has replaced the copy: the state of the copy is to be read anew.
    pub(super) fn is_replaced(&mut self) {
        (self.is_recalled, self.doubt, self.futile, self.failures) = (false, None, 0, 0);
    }
}

impl Uplink {
    /// Does one step of whatever reading is under way or due. Only the reading that fails is put off.
    pub(super) async fn sync_page(&mut self) -> Result<(), Halt> {
        self.recall_goods().await?;
        let now = Instant::now();
        let is_changes_turn = self.catalog.changes_due <= now && self.catalog.synced_at.is_some();
        if self.catalog.changes.is_some() && is_changes_turn {
            return self.changes_page().await;
        }
        if self.catalog.full_due.is_some_and(|due| due <= now) || (is_changes_turn && self.is_copy_old()) {
            return self.full_step().await;
        }
        if is_changes_turn {
            return self.begin_changes().await;
        }
        Ok(())
    }

    fn is_copy_old(&self) -> bool {
        let now = self.server_now();
        let every = i64::try_from(self.parts.config.goods.full_sync_every.as_millis()).unwrap_or(i64::MAX);
        // The service's clock has whole seconds, so two readings of it may go back a little.
        let lasts = -i64::try_from(OVERLAP.as_millis()).unwrap_or(i64::MAX)..every;
        let is_old = self.catalog.full_at.is_none_or(|at| !lasts.contains(&now.ms_since(at)));
        // One that is put off keeps its wait.
        is_old && self.catalog.full_due.is_none()
    }

    /// Reads the state of the copy from the store, after a start and after each full reading.
    pub(super) async fn recall_goods(&mut self) -> Result<(), Halt> {
        if self.catalog.is_recalled {
            return Ok(());
        }
        let stands = self.parts.store.run(|db| db.copy_stands()).await??;
        let catalog = &mut self.catalog;
        (catalog.full_at, catalog.synced_at) = (stands.figures.full_at, stands.figures.synced_at);
        (catalog.doubt, catalog.is_recalled) = (stands.doubt, true);
        catalog.size = PageSize::recall(stands.page_rows);
        if stands.proof == Proof::Proven {
            catalog.unproven = 0;
        }
        if !stands.is_under_way {
            self.catalog.full_due = self.full_due_after(stands.proof);
            self.catalog.unproven = self.catalog.unproven.saturating_add(1);
        }
        Ok(())
    }

    async fn begin_changes(&mut self) -> Result<(), Halt> {
        let Some(synced) = self.catalog.synced_at else { return Ok(()) };
        // Each change falls into two readings at least, so one that slips through a reading is found by the next.
        let overlap = OVERLAP.max(self.parts.config.goods.sync_every * 2);
        let overlap_ms = i64::try_from(overlap.as_millis()).unwrap_or(i64::MAX);
        let after = self.account.earliest_reading(synced.plus_ms(-overlap_ms));
        let (begun, pass, seen) = (self.server_now(), Pass::default(), BTreeSet::new());
        self.catalog.changes = Some(Changes { begun, after, pass, passes: 1, seen });
        self.changes_page().await
    }

    async fn changes_page(&mut self) -> Result<(), Halt> {
        let Some(mut changes) = self.catalog.changes.clone() else { return Ok(()) };
        let (goods, rows) = match self.goods_page(&changes.pass, Some(&changes.after)).await {
            Ok(page) => page,
            Err(halt) => return self.reading_failed(halt, Kind::Changes, changes.pass.page),
        };
        let new = goods.iter().filter(|good| !changes.seen.contains(&good.id)).count();
        let turn = changes.pass.take(PageCounts { rows, new, repeated: goods.len() - new });
        changes.seen.extend(goods.iter().map(|good| good.id));
        if !goods.is_empty() {
            self.parts.store.run(move |db| db.put_changed_goods(&goods)).await??;
        }
        match turn {
            Ok(Turn::Ask(_)) => {
                self.catalog.changes = Some(changes);
                Ok(())
            }
            Ok(Turn::End) => self.changes_pass_ends(changes).await,
            Err(fault) => {
                self.catalog.changes = None;
                let rest = self.catalog.rest();
                self.catalog.put_off(Kind::Changes, rest);
                let text = format!("the changes of the goods cannot be read: {fault}");
                tracing::warn!(error = %text, rest_s = rest.as_secs(), "a reading of the goods is put off");
                self.reading_fails(text);
                Ok(())
            }
        }
    }

    /// Ends a pass over the changes. Rows that came twice moved while the changes were read, so others may have been
    /// missed.
    async fn changes_pass_ends(&mut self, changes: Changes) -> Result<(), Halt> {
        let is_sure = changes.pass.repeated == 0;
        if !is_sure && changes.passes < CHANGES_PASSES_MAX {
            let (pass, passes, seen) = (Pass::default(), changes.passes + 1, BTreeSet::new());
            self.catalog.changes = Some(Changes { pass, passes, seen, ..changes });
            return Ok(());
        }
        self.catalog.changes = None;
        if is_sure {
            let begun = changes.begun;
            self.parts.store.run(move |db| db.changes_complete(begun)).await??;
            self.catalog.synced_at = Some(begun);
        }
        self.catalog.changes_due = self.next_changes();
        self.goods_complete().await
    }

    pub(super) fn next_changes(&self) -> Instant {
        Instant::now() + spread(self.parts.config.goods.sync_every)
    }

    /// Reads one page of a reading, and returns its goods and how many rows it has, readable or not.
    pub(super) async fn goods_page(
        &mut self,
        pass: &Pass,
        changed_after: Option<&str>,
    ) -> Result<(Vec<Good>, usize), Halt> {
        let ask = GoodsPageAsk { page: pass.page, rows: self.catalog.rows_of(pass), changed_after };
        let permit = self.permit().await?;
        let answer = self.parts.client.goods(permit, &ask).await;
        let (goods, rows) = self.heard(answer).await?;
        self.catalog.failures = 0;
        if pass.page == 1
            && let Some(rows) = self.catalog.size.first_page_came()
        {
            tracing::info!(rows, "the service refused larger pages of goods; the size is remembered");
            self.parts.store.run(move |db| db.remember_page_rows(rows)).await??;
        }
        if goods.len() < rows {
            let unreadable = rows - goods.len();
            tracing::warn!(page = ask.page, unreadable, "goods without an id are left out");
        }
        Ok((goods, rows))
    }

    /// Takes in the failure of a request of a reading. A failure that concerns only the reading puts off only the
    /// reading: the connection has not failed, and deliveries go on.
    pub(super) fn reading_failed(&mut self, halt: Halt, kind: Kind, page: u32) -> Result<(), Halt> {
        let Halt::Api(error) = halt else { return Err(halt) };
        if kind != Kind::Missing && page == 1 && self.catalog.size.first_page_failed(&error) {
            return Ok(());
        }
        let concerns_the_reading = match &error {
            api::Error::TooLarge { .. } | api::Error::Unreadable { .. } => true,
            error => is_refusal(error),
        };
        if !concerns_the_reading {
            return Err(Halt::Api(error));
        }
        let rest = self.catalog.rest();
        self.catalog.put_off(kind, rest);
        if let Outcome::NotAllowed { .. } = error.outcome() {
            return Err(Halt::Api(error));
        }
        let text = match kind {
            Kind::Missing => format!("a good cannot be read: {}", error_chain(&error)),
            Kind::Full | Kind::Changes => {
                format!("page {page} of the goods cannot be read: {}", error_chain(&error))
            }
        };
        tracing::warn!(error = %text, rest_s = rest.as_secs(), "a reading of the goods is put off");
        self.reading_fails(text);
        Ok(())
    }

    /// Shows in the status that a reading fails, until another request is answered.
    pub(super) fn reading_fails(&self, text: String) {
        self.tell(ApiState::Error, Some(text));
    }

    /// Books the parked scans whose goods are known now, and announces that the goods table is read.
    pub(super) async fn goods_complete(&mut self) -> Result<(), Halt> {
        let booked = self.book_parked().await?;
        let figures = self.parts.store.run(|db| db.goods_figures()).await??;
        tracing::info!(goods = figures.count, booked, "the goods table is read");
        self.announce(Signal::Control, What::Progress(format!("goods table read: {} goods", figures.count)));
        if booked > 0 {
            self.announce(Signal::Booked, What::Unparked(booked));
        }
        Ok(())
    }

    /// Books the parked scans whose goods are known by now, some at a time, and returns how many operations that made.
    pub(super) async fn book_parked(&mut self) -> Result<usize, Halt> {
        let (now, mut booked, mut at) = (self.parts.clock.wall(), 0, Some(ParkedAt::default()));
        while let Some(after) = at {
            let step = self.parts.store.run(move |db| db.book_some_parked(&after, now)).await??;
            booked += step.operations.len();
            at = step.next;
        }
        Ok(booked)
    }
}

/// Returns a wait that doubles with each failure before it, up to an hour.
pub(super) fn growing(first: Duration, failures: u32) -> Duration {
    spread(first.saturating_mul(1_u32 << failures.min(16)).min(REST_MAX))
}

/// Returns the wait until the next reading: stations behind one address that started together must not go on asking
/// together, so each wait is up to a sixteenth shorter.
pub(super) fn spread(every: Duration) -> Duration {
    let sixteenths = 256 - u32::try_from(random() % 17).unwrap_or(0);
    every * sixteenths / 256
}
