//! Pages of the goods table: how one is asked for, and what its failure means for the reading that it belongs to.

use std::time::Duration;

use super::interrupted::{Interrupted, would_answer_the_same};
use super::link::Link;
use super::page_size::PageSize;
use super::waits::{REST_FIRST, growing};
use crate::api::{self, GoodsPageRequest, Outcome};
use crate::domain::health::ApiState;
use crate::domain::listing::Pass;
use crate::domain::stock::good::Good;
use crate::domain::text::error_chain;

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

/// A page of goods.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) goods: Vec<Good>,
    /// Its rows, readable or not.
    pub(super) rows: usize,
}

/// The consequence of a request that failed.
#[derive(Debug)]
pub(super) struct Setback {
    /// The rest of the reading, if it is put off.
    pub(super) rest: Option<Duration>,
    /// The end of the step: an error only if the connection has failed, or the token is not accepted.
    pub(super) ended: Result<(), Interrupted>,
}

/// The requests for pages, and what is known of the pages that the service gives.
#[derive(Debug, Default)]
pub(super) struct Pages {
    size: PageSize,
    /// The number of failures of the same request in a row.
    failures: u32,
}

impl Pages {
    /// Takes the size that an earlier process learned.
    pub(super) fn recall(&mut self, page_rows: Option<usize>) {
        self.size = PageSize::recall(page_rows);
    }

    /// Begins another full reading.
    pub(super) fn begin(&mut self) {
        self.size.begin();
    }

    /// Forgets the failures: a request was answered, or a person asks for a reading now.
    pub(super) fn forgive(&mut self) {
        self.failures = 0;
    }

    /// Returns the rest of a reading that has failed once more, and counts the failure.
    pub(super) fn rest(&mut self) -> Duration {
        let rest = growing(REST_FIRST, self.failures);
        self.failures = self.failures.saturating_add(1);
        rest
    }

    /// Returns the number of rows to ask for on a page: after the first page, as many as came. Then it makes no
    /// difference whether a service counts pages by the rows it was asked for or by those it returns.
    fn rows_of(&self, pass: &Pass) -> usize {
        if pass.page == 1 { self.size.rows() } else { pass.rows_max }
    }

    /// Reads one page of a reading.
    pub(super) async fn read(
        &mut self,
        link: &mut Link,
        pass: &Pass,
        changed_after: Option<&str>,
    ) -> Result<Page, Interrupted> {
        let ask = GoodsPageRequest { page: pass.page, rows: self.rows_of(pass), changed_after };
        let permit = link.permit().await?;
        let answer = link.client.goods(permit, &ask).await;
        let (goods, rows) = link.take_answer(answer).await?;
        self.forgive();
        if pass.page == 1
            && let Some(rows) = self.size.first_page_came()
        {
            tracing::info!(rows, "the service refused larger pages of goods; the size is remembered");
            link.db(move |db| db.remember_page_rows(rows)).await?;
        }
        if goods.len() < rows {
            let unreadable = rows - goods.len();
            tracing::warn!(page = ask.page, unreadable, "goods without an id are left out");
        }
        Ok(Page { goods, rows })
    }

    /// Takes in the failure of a request of a reading. A failure that concerns only the reading puts off only the
    /// reading: the connection has not failed, and deliveries go on.
    pub(super) fn failed(&mut self, link: &Link, failure: Interrupted, kind: Kind, page: u32) -> Setback {
        let Interrupted::Api(error) = failure else { return Setback { rest: None, ended: Err(failure) } };
        // Only the first page shows whether its size is at fault: later ones ask for as many rows as came.
        if kind != Kind::Missing && page == 1 && self.size.first_page_failed(&error) {
            return Setback { rest: None, ended: Ok(()) };
        }
        let concerns_the_reading = match &error {
            api::Error::TooLarge { .. } | api::Error::Unreadable { .. } => true,
            // Such an answer shows a service that works; what it refuses is this listing.
            error => would_answer_the_same(error),
        };
        if !concerns_the_reading {
            return Setback { rest: None, ended: Err(Interrupted::Api(error)) };
        }
        let rest = self.rest();
        // The reading rests, and the token is in doubt as well: the caller must pause.
        if let Outcome::NotAllowed { .. } = error.outcome() {
            return Setback { rest: Some(rest), ended: Err(Interrupted::Api(error)) };
        }
        let text = match kind {
            Kind::Missing => format!("a good cannot be read: {}", error_chain(&error)),
            Kind::Full | Kind::Changes => {
                format!("page {page} of the goods cannot be read: {}", error_chain(&error))
            }
        };
        tracing::warn!(error = %text, rest_s = rest.as_secs(), "a reading of the goods is put off");
        report_failure(link, text);
        Setback { rest: Some(rest), ended: Ok(()) }
    }
}

/// Shows in the status that a reading fails, until another request is answered.
pub(super) fn report_failure(link: &Link, text: String) {
    link.report(ApiState::Error, Some(text));
}
