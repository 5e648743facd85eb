//! The status source of the agent's page.

use std::fs;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::statvfs;
use tokio::time::timeout;

use super::Handle;
use super::handle::BothClocks;
use crate::domain::text::error_chain;
use crate::domain::time::UnixMillis;
use crate::store;
use crate::web::events::Events;
use crate::web::metrics::{Disk, Snapshot};
use crate::web::{PageContent, Source, StatusSource};
use crate::work::heartbeat::Heartbeat;

/// The longest wait for the store in a health check.
const STORE_WITHIN: Duration = Duration::from_secs(3);

/// The largest shift of the wall clock against the boot clock, in ms, before the start time is computed anew.
const CLOCKS_DIFFER_MS_MAX: i64 = 5000;

/// The parts of the agent that the page reads.
#[derive(Clone)]
struct PageParts {
    agent: Handle,
    heartbeats: Arc<[Arc<Heartbeat>]>,
    events: Events,
}

/// Builds the status source of this agent; `heartbeats` are those of its workers.
pub(super) fn status_source(agent: &Handle, heartbeats: &[Arc<Heartbeat>]) -> StatusSource {
    let events = Events::new(agent.0.store.clone(), Arc::clone(&agent.0.feedback));
    let parts = PageParts { agent: agent.clone(), heartbeats: heartbeats.into(), events: events.clone() };
    StatusSource {
        page: source(&parts, page),
        metrics: source(&parts, metrics),
        health: source(&parts, health),
        events,
    }
}

fn source<T, F>(parts: &PageParts, read: fn(PageParts) -> F) -> Source<T>
where
    F: Future<Output = T> + Send + 'static,
{
    let parts = parts.clone();
    Arc::new(move || Box::pin(read(parts.clone())))
}

async fn page(parts: PageParts) -> Option<PageContent> {
    let status = parts.agent.status().await.ok()?;
    Some(PageContent { status, recent: parts.agent.recent() })
}

/// Checks that every worker makes progress and that the store answers.
async fn health(parts: PageParts) -> Result<(), String> {
    let shared = &parts.agent.0;
    let now = shared.clock.boot();
    if let Some(late) = parts.heartbeats.iter().find(|heartbeat| heartbeat.is_late(now)) {
        return Err(format!("{} makes no progress", late.worker()));
    }
    // The cheapest read that still goes through the store's thread and its file.
    match timeout(STORE_WITHIN, shared.store.run(|db| db.end_of_journal())).await {
        Ok(Ok(Ok(_end))) => Ok(()),
        Ok(Ok(Err(error))) => Err(format!("the store cannot be read: {}", error_chain(&error))),
        Ok(Err(_ended)) => Err("the store has ended".to_owned()),
        Err(_elapsed) => Err("the store does not answer".to_owned()),
    }
}

async fn metrics(parts: PageParts) -> Option<String> {
    let shared = &parts.agent.0;
    // Both in one job, so that the figures are of one moment.
    let counted = shared.store.run(|db| Ok::<_, store::Error>((db.figures()?, db.needing_a_person()?)));
    let (figures, needing_a_person) = counted.await.ok()?.ok()?;
    let (now, boot) = (shared.clock.wall(), shared.clock.boot());
    let snapshot = Snapshot {
        figures,
        needing_a_person,
        health: parts.agent.health(),
        scanners: shared.scanner_health.borrow().meters(boot),
        disk: disk(&shared.config.station.data_dir),
        now,
        started: started(shared.meters.started, BothClocks { wall: now, boot }),
        requests: shared.meters.requests.clone(),
        commits: shared.meters.commits.clone(),
        event_clients: parts.events.clients(),
    };
    Some(snapshot.text())
}

/// Returns the start time of the agent by the present wall clock: a correction of the clock corrects this time, too.
///
/// Two readings of the two clocks always differ a little; such a difference must not look like another start.
fn started(start: BothClocks, now: BothClocks) -> UnixMillis {
    let computed = now.wall.plus_ms(now.boot.ms_since(start.boot).saturating_neg());
    if computed.ms_since(start.wall).abs() <= CLOCKS_DIFFER_MS_MAX { start.wall } else { computed }
}

fn disk(dir: &Path) -> Disk {
    // `f_bavail`, not `f_bfree`: the blocks reserved for root are no use to the agent (`statvfs(3)`).
    let free_bytes = statvfs(dir).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    let size = |name: &'static str| Some((name, fs::metadata(dir.join(name)).ok()?.len()));
    Disk { free_bytes, files: store::FILES.into_iter().filter_map(size).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::BootMillis;

    #[test]
    fn the_start_stays_where_it_was_unless_the_clock_is_corrected() {
        let at_start = BothClocks { wall: UnixMillis(1_000_000), boot: BootMillis(500) };
        let start = |now| started(at_start, BothClocks { wall: UnixMillis(now), boot: BootMillis(60_500) });
        assert_eq!(start(1_060_000), UnixMillis(1_000_000));
        assert_eq!(start(1_060_001), UnixMillis(1_000_000));
        assert_eq!(start(1_055_000), UnixMillis(1_000_000));
        assert_eq!(start(90_000_000), UnixMillis(89_940_000));
    }
}
