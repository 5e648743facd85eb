//! The check that the data folder belongs here: until it has passed, no request goes to the service.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::health::ApiState;
use super::Halt;
use super::Uplink;
use crate::domain::home::belongs_to;
use crate::machine::{self, Roots};
use crate::store::Cause;
use crate::work::Error;

/// The time for which a machine may show nothing that the folder knows of it before a person is called: a network
/// interface on a slow bus comes within a minute.
const SHOWS_WITHIN: Duration = Duration::from_mins(2);

/// The words of the alarm for a machine that shows nothing to compare.
const SHOWS_NOTHING: &str = "cannot tell whether the data folder belongs to this machine: it shows no serial number, \
    product id or network interface; scans are stored here and nothing is sent; connect the network interface, or run \
    `stockpoint adopt --moved`";

/// The facts that are known of the folder's belonging.
#[derive(Debug)]
pub(super) struct Belonging {
    is_home: bool,
    began: Instant,
}

impl Belonging {
    pub(super) fn new(now: Instant) -> Self {
        Self { is_home: false, began: now }
    }
}

impl Uplink {
    /// Returns true if the data folder belongs here. Until it does, each call looks anew: a command beside the agent
    /// may have adopted the folder, and hardware may appear late.
    ///
    /// # Errors
    /// [`Error::Elsewhere`] if hardware that appeared late shows that this is another machine: the next start takes the
    /// folder up as foreign.
    pub(super) async fn is_at_home(&mut self) -> Result<bool, Halt> {
        if self.belonging.is_home {
            return Ok(true);
        }
        let Some(home) = self.parts.store.run(|db| db.home()).await?? else { return Ok(true) };
        let is_unseen = !home.machine.can_compare(&self.parts.home.machine);
        if is_unseen {
            self.parts.home.machine = machine::read(&Roots::default());
        }
        let differences = home.differences(&self.parts.home);
        if is_unseen && !differences.is_empty() {
            return Err(Halt::Fatal(Error::Elsewhere));
        }
        if !differences.is_empty() {
            self.tell(ApiState::Error, Some(format!("nothing is sent: {}", belongs_to(&differences))));
            return Ok(false);
        }
        if !home.machine.can_compare(&self.parts.home.machine) {
            return self.shows_nothing().await.map(|()| false);
        }
        self.belonging.is_home = true;
        self.end(Cause::Foreign).await?;
        tracing::info!("the data folder belongs to this station; delivery begins");
        Ok(true)
    }

    async fn shows_nothing(&mut self) -> Result<(), Halt> {
        self.tell(ApiState::Error, Some(format!("nothing is sent: {SHOWS_NOTHING}")));
        if self.belonging.began.elapsed() >= SHOWS_WITHIN {
            self.raise(Cause::Foreign, SHOWS_NOTHING).await?;
        }
        Ok(())
    }
}
