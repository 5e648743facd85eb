//! Decides what is at fault for a failure: the connection to the service, or the one thing that was asked for.
//!
//! A request that fails accuses the thing that it was for: a document, or a reading. If the service answers next, the
//! connection is good and the thing is at fault: it waits, longer each time, and everything else goes on. If nothing
//! answers, the connection is at fault and nothing waits longer than it has to. A request that the service itself
//! refuses needs no second look.
//!
//! A document's failures are on the disk, so that they count over a restart. A person is called after
//! [`CALL_AFTER_FAILURES`] of them or [`CALL_AFTER_MS`], whichever is first, and once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::{Halt, Uplink};
use crate::api::Outcome;
use crate::domain::delivery::{ABSENCES_PROVING, Awaits};
use crate::domain::ids::OperationId;
use crate::domain::text::error_chain;
use crate::random::random;
use crate::store::Failure;

/// The longest wait between two tries of a thing that fails: it may work again for so long before anybody notices.
pub(super) const WAIT_MAX: Duration = Duration::from_hours(1);

/// The number of failures in a row after which a person is called: by then it has waited for several minutes.
const CALL_AFTER_FAILURES: u32 = 5;

/// The time after which a person is called whatever the number of failures, in ms.
const CALL_AFTER_MS: i64 = 60 * 60 * 1000;

/// The thing that a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Thing {
    /// One document.
    Document(OperationId),
    /// The location's time zone.
    Zone,
    /// The storages and the rights of the account.
    Account,
    /// The goods table.
    Goods,
    /// The bills of materials.
    Kits,
}

/// A reading that fails. It begins anew after a restart, once.
#[derive(Debug, Clone, Copy)]
struct Rest {
    failures: u32,
    until: Instant,
}

/// The things that are accused, and those that rest.
#[derive(Debug, Default)]
pub(super) struct Blame {
    /// The things that failed since the service last answered, with the failure in words.
    accused: BTreeMap<Thing, String>,
    /// True if the service has answered since.
    is_heard: bool,
    resting: BTreeMap<Thing, Rest>,
    /// Documents that failed since one was last posted.
    failing: BTreeSet<OperationId>,
    /// Documents that did not have to wait to the end because others were posted again: each once.
    hurried: BTreeSet<OperationId>,
}

impl Blame {
    /// Notes that the service answered: whatever failed before failed by itself.
    pub(super) fn heard(&mut self) {
        self.is_heard = true;
    }

    /// Clears the accused because the service did not answer: only the connection is at fault.
    pub(super) fn acquit(&mut self) {
        self.accused.clear();
    }

    /// Notes that a document was posted. Returns those that may work again as well: two or more failed since the last
    /// one was posted, so the service took none for a while. One that fails by itself is not hurried a second time.
    fn posted(&mut self, id: OperationId) -> Vec<OperationId> {
        self.hurried.remove(&id);
        let mut failing = std::mem::take(&mut self.failing);
        failing.remove(&id);
        if failing.len() < 2 {
            return Vec::new();
        }
        failing.into_iter().filter(|other| self.hurried.insert(*other)).collect()
    }

    /// Forgets documents that are no longer to be delivered.
    pub(super) fn retain(&mut self, is_listed: impl Fn(OperationId) -> bool) {
        self.failing.retain(|id| is_listed(*id));
        self.hurried.retain(|id| is_listed(*id));
    }

    fn accuse(&mut self, thing: Thing, fault: String) {
        self.accused.insert(thing, fault);
        self.is_heard = false;
    }

    fn convicted(&mut self) -> BTreeMap<Thing, String> {
        if self.is_heard { std::mem::take(&mut self.accused) } else { BTreeMap::new() }
    }

    /// Returns true if a reading may be tried.
    pub(super) fn lets(&self, thing: Thing, now: Instant) -> bool {
        self.resting.get(&thing).is_none_or(|rest| rest.until <= now)
    }

    /// Lets a reading be tried at once, whatever happened to it before.
    pub(super) fn forgive(&mut self, thing: Thing) {
        self.resting.remove(&thing);
    }
}

/// The prospect that a failure passes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hope {
    /// It may pass: a person is called when it lasts.
    MayPass,
    /// Only a person can help, who is called at once.
    NeedsPerson,
}

impl Uplink {
    /// Takes in the end of a task for a thing.
    pub(super) async fn ended(&mut self, thing: Thing, ended: Result<(), Halt>) -> Result<(), Halt> {
        let error = match ended {
            Ok(()) => {
                self.blame.forgive(thing);
                return Ok(());
            }
            Err(Halt::Api(error)) => error,
            Err(halt) => return Err(halt),
        };
        self.failed(&error);
        let fault = error_chain(&error);
        match error.outcome() {
            Outcome::Unknown | Outcome::NotAllowed { status: 403, .. } => self.blame.accuse(thing, fault),
            Outcome::Refused(_) => self.fails(thing, &fault, Hope::MayPass).await?,
            Outcome::NotAllowed { .. } | Outcome::NotDone | Outcome::Wait(_) => {}
        }
        self.put_behind(thing);
        Ok(())
    }

    /// Makes every thing wait that failed although the service answers.
    pub(super) async fn convict(&mut self) -> Result<(), Halt> {
        for (thing, fault) in self.blame.convicted() {
            self.fails(thing, &fault, Hope::MayPass).await?;
        }
        Ok(())
    }

    /// Notes that a thing failed by itself: it waits longer than the last time.
    pub(super) async fn fails(&mut self, thing: Thing, fault: &str, hope: Hope) -> Result<(), Halt> {
        let base = self.parts.config.api.reconcile_after;
        if let Thing::Document(id) = thing {
            return self.document_fails(id, fault, hope).await;
        }
        let failures = self.blame.resting.get(&thing).map_or(0, |rest| rest.failures).saturating_add(1);
        let until = Instant::now() + grown(base, failures, WAIT_MAX, random());
        self.blame.resting.insert(thing, Rest { failures, until });
        tracing::warn!(?thing, failures, fault, "a reading fails; everything else goes on");
        if thing == Thing::Goods && failures == CALL_AFTER_FAILURES {
            self.person(&format!(
                "the goods table cannot be read: {fault}; the station scans with the last one"
            ));
        }
        Ok(())
    }

    async fn document_fails(&mut self, id: OperationId, fault: &str, hope: Hope) -> Result<(), Halt> {
        let failures = self.parts.store.run(move |db| db.failures(id)).await??.saturating_add(1);
        let cap = wait_max(self.agenda.get(id).map(|waiting| waiting.awaits));
        let base = self.parts.config.api.reconcile_after;
        let wait = grown(base, failures, cap, random());
        let now = self.parts.clock.wall();
        let retry_at = now.plus_ms(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        let failure = Failure { id, fault: fault.to_owned(), retry_at, now };
        let Some(failing) = self.parts.store.run(move |db| db.failed(&failure)).await?? else {
            return Ok(());
        };
        self.put_off(id, wait);
        self.blame.failing.insert(id);
        tracing::warn!(operation = id.0, failures, fault, wait_s = wait.as_secs(), "a document fails");
        let is_late = now.ms_since(failing.since) >= CALL_AFTER_MS;
        let calls = hope == Hope::NeedsPerson || failures >= CALL_AFTER_FAILURES || is_late;
        if calls && !failing.is_told {
            self.parts.store.run(move |db| db.person_called(id)).await??;
            // The document's alarm says why.
            self.review.hurry();
        }
        Ok(())
    }

    /// Notes that a document was posted: others that failed while none could be posted are not kept waiting.
    pub(super) fn one_is_posted(&mut self, id: OperationId) {
        let wait = self.parts.config.api.reconcile_after;
        for other in self.blame.posted(id) {
            self.put_off(other, wait);
        }
    }

    /// Puts a document that failed behind those that did not.
    fn put_behind(&mut self, thing: Thing) {
        if let Thing::Document(id) = thing {
            self.agenda.tried(id, Instant::now());
        }
    }
}

/// Returns the longest wait before the event that an operation waits for. Between two requests there are two readings,
/// so each waits half as long.
fn wait_max(awaits: Option<Awaits>) -> Duration {
    match awaits {
        Some(Awaits::ReadBack) => WAIT_MAX / u32::from(ABSENCES_PROVING),
        Some(Awaits::Request | Awaits::LateCheck(_) | Awaits::Nobody) | None => WAIT_MAX,
    }
}

/// Returns the wait before a reading after so many failures in a row, never shorter than without one.
pub(super) fn before_reading(base: Duration, failures: u32) -> Duration {
    let cap = wait_max(Some(Awaits::ReadBack)).max(base);
    if failures <= 1 { base } else { grown(base, failures, cap, random()) }
}

/// Returns the wait after so many failures in a row: it doubles up to a cap and is up to a quarter longer, so that
/// stations that failed together do not come back together.
fn grown(base: Duration, failures: u32, cap: Duration, random: u128) -> Duration {
    let doubled = base.saturating_mul(1_u32 << failures.saturating_sub(1).min(20)).min(cap.max(base));
    let eighths = u32::try_from(random % 3).unwrap_or(0) + 8;
    (doubled / 8).saturating_mul(eighths)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Duration = Duration::from_secs(20);

    #[test]
    fn the_wait_doubles_up_to_an_hour_and_is_at_most_a_quarter_longer() {
        let seconds = |failures, random| grown(BASE, failures, WAIT_MAX, random).as_secs();
        let waits: Vec<u64> = (1..=10).map(|failures| seconds(failures, 0)).collect();
        assert_eq!(waits, [20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]);
        assert_eq!((seconds(3, 2), seconds(u32::MAX, 2)), (100, 4500));
        assert_eq!(grown(WAIT_MAX * 2, 9, WAIT_MAX, 0), WAIT_MAX * 2, "the configured wait is the least");
    }

    #[test]
    fn two_readings_and_a_request_take_an_hour_at_most_but_for_the_quarter() {
        assert_eq!(wait_max(Some(Awaits::ReadBack)) * 2, WAIT_MAX);
        for failures in 0..40 {
            assert!(before_reading(BASE, failures) >= BASE);
            assert!(before_reading(BASE, failures) <= WAIT_MAX * 5 / 8);
        }
        assert_eq!(before_reading(BASE, 0), BASE);
        assert_eq!(before_reading(BASE, 1), BASE);
    }

    #[test]
    fn what_failed_while_nothing_could_be_posted_is_hurried_once() {
        let [one, two, three] = [1, 2, 3].map(OperationId);
        let mut blame = Blame::default();
        blame.failing.extend([one]);
        assert!(blame.posted(three).is_empty(), "it fails by itself");
        blame.failing.extend([one, two, three]);
        assert_eq!(blame.posted(three), [one, two]);
        blame.failing.extend([one, two]);
        assert!(blame.posted(three).is_empty(), "they fail by themselves");
        assert!(blame.posted(one).is_empty());
        blame.failing.extend([one, two]);
        assert_eq!(blame.posted(three), [one], "it had come on in between");
    }

    #[test]
    fn only_what_failed_while_the_service_is_there_is_convicted() {
        let (one, other) = (Thing::Document(OperationId(1)), Thing::Goods);
        let mut blame = Blame::default();
        blame.heard();
        blame.accuse(one, "no answer".to_owned());
        assert!(blame.convicted().is_empty(), "what was heard before tells nothing");
        blame.accuse(other, "no answer".to_owned());
        blame.heard();
        assert_eq!(blame.convicted().into_keys().collect::<Vec<_>>(), [one, other]);
        blame.accuse(one, "no answer".to_owned());
        blame.acquit();
        blame.heard();
        assert!(blame.convicted().is_empty(), "the way was at fault");
    }
}
