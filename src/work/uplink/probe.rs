//! The probe: one cheap request that shows whether the service answers, the token is good and the clock is right.

use std::time::Duration;

use tokio::time::Instant;

use super::interrupted::Interrupted;
use super::link::Link;
use super::pause::{Barred, Pause};
use crate::api::{self, Outcome};
use crate::domain::text::error_chain;

/// The interval between two probes that show whether the token, or the clock, is right again.
const PROBE_EVERY: Duration = Duration::from_secs(30);

/// The probe.
#[derive(Debug)]
pub(super) struct Probe {
    next: Instant,
}

/// The result of a probe.
#[derive(Debug)]
pub(super) enum Probed {
    /// The service answered.
    Answered,
    /// The service answered, so the token is good, and this operation alone is forbidden.
    ForbiddenAlone(Barred),
    /// The service did not answer, or does not accept the token.
    Failed,
}

impl Probe {
    pub(super) fn new(now: Instant) -> Self {
        Self { next: now }
    }

    /// Returns true if a probe may be sent because of the clock alone.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next <= now
    }

    /// Sends the probe.
    pub(super) async fn send(&mut self, link: &mut Link) -> Result<Probed, Interrupted> {
        let permit = link.permit().await?;
        self.next = Instant::now() + PROBE_EVERY;
        let answer = link.client.storages(permit).await;
        let answer = link.take_answer(answer).await;
        // The pause is taken first, because noting the failure begins another one.
        match (answer, link.pause.take()) {
            (Ok(_), Some(Pause { barred: Some(barred), .. })) => Ok(Probed::ForbiddenAlone(barred)),
            (Ok(_), Some(Pause { barred: None, .. })) => {
                tracing::info!("the token is accepted again");
                Ok(Probed::Answered)
            }
            (Ok(_), None) => {
                if !link.clocks.is_right() {
                    link.report_clock().await?;
                }
                Ok(Probed::Answered)
            }
            (Err(Interrupted::Api(error)), pause) => {
                link.failed(&error);
                link.pause = pause.or(link.pause.take());
                go_on_pausing(link, &error);
                Ok(Probed::Failed)
            }
            (Err(interrupted), _) => Err(interrupted),
        }
    }
}

/// Continues the pause: the token is still not accepted, or nothing answers.
fn go_on_pausing(link: &mut Link, error: &api::Error) {
    link.backoff.probe_failed(error);
    let Some(mut pause) = link.pause.take() else { return };
    pause.next_probe = Instant::now() + PROBE_EVERY;
    // The operation was forbidden together with everything else.
    pause.barred = None;
    // While the token is not accepted, no thing can be at fault.
    link.blame.acquit();
    if !pause.is_alarmed && matches!(error.outcome(), Outcome::NotAllowed { .. }) {
        pause.is_alarmed = true;
        link.alarms.call_person(&format!("the token is not accepted: {}", error_chain(error)));
    }
    link.pause = Some(pause);
}
