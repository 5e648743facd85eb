//! Reports to systemd: readiness, the state of the station, and that every worker makes progress.
//!
//! Sends nothing if systemd did not start the agent.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Handle;
use crate::domain::delivery::State;
use crate::feedback::counted;
use crate::store::Figures;
use crate::work::heartbeat::Heartbeat;

/// The interval between two reports of the station's state, if systemd has set no watchdog.
const STATUS_EVERY: Duration = Duration::from_secs(30);

/// Reports that scans are accepted from now on (`READY=1`, `sd_notify(3)`).
pub(super) fn ready() {
    notify(&[NotifyState::Ready]);
}

/// Reports that no more scans are accepted (`STOPPING=1`).
pub(super) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Reports the state of the station and feeds the watchdog while every worker makes progress and the store answers.
/// Runs until dropped.
pub(super) async fn watch(agent: Handle, heartbeats: Vec<Arc<Heartbeat>>) {
    // Half of the allowed time, as `sd_watchdog_enabled(3)` recommends.
    let every =
        sd_notify::watchdog_enabled().map_or(STATUS_EVERY, |patience| (patience / 2).min(STATUS_EVERY));
    let mut tick = interval(every);
    // After a pause of the machine, one report is enough; a burst of late ones proves nothing.
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let now = agent.0.clock.boot();
        if let Some(late) = heartbeats.iter().find(|heartbeat| heartbeat.is_late(now)) {
            tracing::error!("{} makes no progress; the watchdog is not fed", late.worker());
            // Not fed, so that systemd kills and restarts the agent: a stuck worker does not recover by itself.
            continue;
        }
        match timeout(every, agent.figures()).await {
            Ok(Ok(figures)) => {
                let line = status_line(&figures, agent.0.health.borrow().state.as_str());
                notify(&[NotifyState::Watchdog, NotifyState::Status(&line)]);
            }
            // The watchdog needs any answer from the store, even an error.
            Ok(Err(_)) => notify(&[NotifyState::Watchdog]),
            Err(_elapsed) => tracing::error!("the store does not answer; the watchdog is not fed"),
        }
    }
}

/// Returns the state of the station in one line, as `systemctl status` shows it.
fn status_line(figures: &Figures, service: &str) -> String {
    let waiting: u64 = [State::Queued, State::Sending, State::Uncertain]
        .map(|state| figures.of(state).operations)
        .iter()
        .sum();
    let refused = figures.of(State::Refused).operations;
    let mut line = format!(
        "{} units in open documents, {} to deliver, service {service}",
        figures.of(State::Open).units,
        counted(waiting, "document"),
    );
    if refused > 0 {
        line.push_str(", a person is needed: `stockpoint outbox list`");
    }
    line
}

fn notify(state: &[NotifyState<'_>]) {
    // A report that is lost is replaced by the next one; it must not fill the log.
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd was not notified");
    }
}
