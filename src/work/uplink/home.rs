//! The check that the data folder belongs here: until it has passed, no request goes to the service.

use std::time::Duration;

use tokio::time::Instant;

use super::interrupted::Interrupted;
use super::link::Link;
use crate::domain::health::ApiState;
use crate::domain::home::{Home, belongs_to};
use crate::machine::{self, Roots};
use crate::store::Cause;
use crate::work::Error;

/// The time for which a machine may show none of the hardware that the folder has recorded, before a person is called:
/// a network interface on a slow bus appears within a minute.
const SHOWS_WITHIN: Duration = Duration::from_mins(2);

/// The words of the alarm for a machine that shows nothing to compare.
const SHOWS_NOTHING: &str = "cannot tell whether the data folder belongs to this machine: it shows no serial number, \
    product id or network interface; scans are stored here and nothing is sent; connect the network interface, or run \
    `stockpoint adopt --moved`";

/// The facts that are known of the folder's belonging.
#[derive(Debug)]
pub(super) struct Belonging {
    /// The home of this station: only data that belongs here is sent.
    here: Home,
    is_home: bool,
    began: Instant,
}

impl Belonging {
    pub(super) fn new(here: Home, now: Instant) -> Self {
        Self { here, is_home: false, began: now }
    }

    /// Returns true if the data folder belongs here. Until it does, each call checks again: a command beside the agent
    /// may have adopted the folder, and hardware may appear late.
    ///
    /// # Errors
    /// [`Error::Elsewhere`] if hardware that appeared late shows that this is another machine: the next start treats
    /// the folder as foreign.
    pub(super) async fn is_at_home(&mut self, link: &mut Link) -> Result<bool, Interrupted> {
        if self.is_home {
            return Ok(true);
        }
        let Some(home) = link.db(|db| db.home()).await? else { return Ok(true) };
        let is_unseen = !home.machine.can_compare(&self.here.machine);
        // A network interface on a slow bus may have come up since the start.
        if is_unseen {
            self.here.machine = machine::read(&Roots::default());
        }
        let differences = home.differences(&self.here);
        // Hardware that came up late ends the process, so that the next start treats the folder as foreign.
        if is_unseen && !differences.is_empty() {
            return Err(Interrupted::Fatal(Error::Elsewhere));
        }
        if !differences.is_empty() {
            link.report(ApiState::Error, Some(format!("nothing is sent: {}", belongs_to(&differences))));
            return Ok(false);
        }
        if !home.machine.can_compare(&self.here.machine) {
            return self.shows_nothing(link).await.map(|()| false);
        }
        self.is_home = true;
        link.alarms.end(Cause::Foreign).await?;
        tracing::info!("the data folder belongs to this station; delivery begins");
        Ok(true)
    }

    async fn shows_nothing(&self, link: &mut Link) -> Result<(), Interrupted> {
        link.report(ApiState::Error, Some(format!("nothing is sent: {SHOWS_NOTHING}")));
        if self.began.elapsed() >= SHOWS_WITHIN {
            link.alarms.raise(Cause::Foreign, SHOWS_NOTHING).await?;
        }
        Ok(())
    }
}
