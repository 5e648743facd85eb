//! The reading of the goods that changed since the last one.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::account::Account;
use super::goods_page::{Kind, Pages, report_failure};
use super::interrupted::Interrupted;
use super::link::Link;
use super::waits::spread;
use crate::domain::ids::GoodId;
use crate::domain::listing::{PageCounts, Pass, Turn};
use crate::domain::time::UnixMillis;

/// The time before the last complete reading at which the next one begins: it is not documented whether the bound is
/// inclusive, or how soon a change shows up in the listing.
pub(super) const OVERLAP: Duration = Duration::from_mins(10);

/// The most passes of one reading of changes while rows move. Changes that it misses are read again by the next one.
const PASSES_MAX: u32 = 3;

/// The readings of the changes. One that is under way is not resumed after a restart: it is short, and begins again.
#[derive(Debug)]
pub(super) struct Changes {
    /// The time at which the changes are read.
    pub(super) due: Instant,
    reading: Option<Reading>,
}

/// A reading of the changes.
#[derive(Debug, Clone)]
struct Reading {
    begun: UnixMillis,
    after: String,
    pass: Pass,
    passes: u32,
    seen: BTreeSet<GoodId>,
}

/// The result of a step.
#[derive(Debug)]
pub(super) enum ChangesStep {
    /// The reading goes on, or is put off.
    GoesOn,
    /// The reading has ended.
    Ended {
        /// The time up to which all changes are known, unless some may have been missed.
        synced_at: Option<UnixMillis>,
    },
}

impl Changes {
    pub(super) fn new(now: Instant) -> Self {
        Self { due: now, reading: None }
    }

    /// Returns true if a reading is under way.
    pub(super) fn is_under_way(&self) -> bool {
        self.reading.is_some()
    }

    /// Waits until the next reading.
    pub(super) fn rest(&mut self, link: &Link) {
        self.due = Instant::now() + spread(link.config.goods.sync_every);
    }

    /// Begins a reading of the changes since `synced_at`.
    pub(super) fn begin(&mut self, link: &Link, account: &Account, synced_at: UnixMillis) {
        // Each change falls into two readings at least, so one that slips through a reading is found by the next.
        let overlap = OVERLAP.max(link.config.goods.sync_every * 2);
        let overlap_ms = i64::try_from(overlap.as_millis()).unwrap_or(i64::MAX);
        let after = account.earliest_reading(synced_at.plus_ms(-overlap_ms));
        let (begun, pass, seen) = (link.clocks.now(), Pass::default(), BTreeSet::new());
        self.reading = Some(Reading { begun, after, pass, passes: 1, seen });
    }

    /// Reads one page of the reading under way.
    pub(super) async fn read_page(
        &mut self,
        link: &mut Link,
        pages: &mut Pages,
    ) -> Result<ChangesStep, Interrupted> {
        // A copy: after an error the page is asked for again from where the reading stood.
        let Some(mut reading) = self.reading.clone() else { return Ok(ChangesStep::GoesOn) };
        let page = match pages.read(link, &reading.pass, Some(&reading.after)).await {
            Ok(page) => page,
            Err(failure) => {
                let setback = pages.failed(link, failure, Kind::Changes, reading.pass.page);
                self.put_off(setback.rest);
                return setback.ended.map(|()| ChangesStep::GoesOn);
            }
        };
        let goods = page.goods;
        let new = goods.iter().filter(|good| !reading.seen.contains(&good.id)).count();
        let turn = reading.pass.take(PageCounts { rows: page.rows, new, repeated: goods.len() - new });
        reading.seen.extend(goods.iter().map(|good| good.id));
        if !goods.is_empty() {
            link.db(move |db| db.put_changed_goods(&goods)).await?;
        }
        match turn {
            Ok(Turn::Ask(_)) => {
                self.reading = Some(reading);
                Ok(ChangesStep::GoesOn)
            }
            Ok(Turn::End) => self.end_pass(link, reading).await,
            Err(fault) => {
                self.reading = None;
                let rest = pages.rest();
                self.put_off(Some(rest));
                let text = format!("the changes of the goods cannot be read: {fault}");
                tracing::warn!(error = %text, rest_s = rest.as_secs(), "a reading of the goods is put off");
                report_failure(link, text);
                Ok(ChangesStep::GoesOn)
            }
        }
    }

    fn put_off(&mut self, rest: Option<Duration>) {
        if let Some(rest) = rest {
            self.due = Instant::now() + rest;
        }
    }

    /// Ends a pass over the changes. Rows that came twice moved while the changes were read, so others may have been
    /// missed.
    async fn end_pass(&mut self, link: &Link, reading: Reading) -> Result<ChangesStep, Interrupted> {
        let is_sure = reading.pass.repeated == 0;
        if !is_sure && reading.passes < PASSES_MAX {
            let (pass, passes, seen) = (Pass::default(), reading.passes + 1, BTreeSet::new());
            self.reading = Some(Reading { pass, passes, seen, ..reading });
            return Ok(ChangesStep::GoesOn);
        }
        self.reading = None;
        let begun = reading.begun;
        // If not, the next reading begins where the last sure one did, and finds what this one missed.
        if is_sure {
            link.db(move |db| db.changes_complete(begun)).await?;
        }
        self.rest(link);
        Ok(ChangesStep::Ended { synced_at: is_sure.then_some(begun) })
    }
}
