//! Reports to systemd: that scans are accepted, the state of the station, and that every worker still gets on.
//!
//! If the agent was not started by systemd, nothing is sent.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Handle;
use crate::domain::delivery::State;
use crate::feedback::counted;
use crate::store::Figures;
use crate::work::heartbeat::Heartbeat;

/// The interval between two reports of the state of the station, if systemd asks for no watchdog.
const STATUS_EVERY: Duration = Duration::from_secs(30);

/// Reports that scans are accepted from now on.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Reports that no more scans are accepted.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Reports the state of the station, and feeds the watchdog as long as every worker and the store get on; until
/// dropped.
pub(super) async fn watch(agent: Handle, heartbeats: Vec<Arc<Heartbeat>>) {
    // Half of what systemd allows (`sd_watchdog_enabled(3)`).
    let every =
        sd_notify::watchdog_enabled().map_or(STATUS_EVERY, |patience| (patience / 2).min(STATUS_EVERY));
    let mut tick = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let now = agent.0.clock.boot();
        if let Some(late) = heartbeats.iter().find(|heartbeat| heartbeat.is_late(now)) {
            tracing::error!("{} does not get on; the watchdog is not fed", late.worker());
            continue;
        }
        match timeout(every, agent.figures()).await {
            Ok(Ok(figures)) => {
                let said = said(&figures, agent.0.health.borrow().state.as_str());
                tell(&[NotifyState::Watchdog, NotifyState::Status(&said)]);
            }
            // The watchdog needs an answer of the store, not a good one.
            Ok(Err(_)) => tell(&[NotifyState::Watchdog]),
            Err(_elapsed) => tracing::error!("the store does not answer; the watchdog is not fed"),
        }
    }
}

/// Returns the station in one line, as `systemctl status` shows it.
fn said(figures: &Figures, service: &str) -> String {
    let waiting: u64 = [State::Queued, State::Sending, State::Uncertain]
        .map(|state| figures.of(state).operations)
        .iter()
        .sum();
    let refused = figures.of(State::Refused).operations;
    let mut said = format!(
        "{} units in open documents, {} to deliver, service {service}",
        figures.of(State::Open).units,
        counted(waiting, "document"),
    );
    if refused > 0 {
        said.push_str(", a person is needed: `stockpoint outbox list`");
    }
    said
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd was not told");
    }
}
