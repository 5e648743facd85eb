//! What becomes of the way to the service when it fails: waits, pauses, and looks whether it is right again.

use std::time::Duration;

use tokio::time::Instant;

use super::trust::is_behind;
use super::uplink::{Halt, PROBE_EVERY, Uplink, error_chain};
use crate::api::{self, Outcome};
use crate::domain::delivery::{Event, State};
use crate::domain::ids::OperationId;
use crate::status::ApiState;

/// The first wait after a failure; it doubles with each further one.
const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// The longest wait after a failure: how long the service may be back before anybody notices.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// The token is not accepted.
#[derive(Debug)]
pub(super) struct Pause {
    pub(super) next_probe: Instant,
    /// Whether a person was called.
    is_alarmed: bool,
    /// The operation that was forbidden, in the server's words: if the token turns out to be good, it was about
    /// this operation.
    barred: Option<(OperationId, String)>,
}

impl Uplink {
    /// Takes in a failure that concerns the way as a whole.
    pub(super) fn failed(&mut self, error: &api::Error) {
        let now = Instant::now();
        let mut text = error_chain(error);
        if is_behind(&text) {
            text.push_str("; the clock of this machine is behind: set it, or let it reach a time server");
        }
        let state = match error.outcome() {
            Outcome::NotDone => ApiState::Offline,
            Outcome::Unknown if matches!(error, api::Error::Broken(_)) => ApiState::Offline,
            Outcome::Unknown | Outcome::Refused(_) => ApiState::Error,
            Outcome::Wait(_) => ApiState::Limited,
            Outcome::NotAllowed { .. } => ApiState::Auth,
        };
        // Before the first answer the way counts as none.
        let is_new = {
            let known = self.parts.health.borrow();
            known.state != state || known.last_error.is_none()
        };
        if is_new {
            tracing::warn!(error = %text, "the service is not to be had as it should");
        }
        self.tell(state, Some(text));
        match error.outcome() {
            Outcome::NotAllowed { .. } => {
                self.pause.get_or_insert(Pause { next_probe: now, is_alarmed: false, barred: None });
            }
            Outcome::Wait(told) => self.closed_until = self.budget.busy(told, now),
            // The service is there; only what was asked for rests.
            Outcome::Refused(_) => {}
            Outcome::NotDone | Outcome::Unknown => {
                self.failures = self.failures.saturating_add(1);
                self.close_for(backoff(self.failures, ulid::Ulid::generate().random()), now);
            }
        }
    }

    fn close_for(&mut self, wait: Duration, now: Instant) {
        self.closed_until = now + wait;
        self.budget.close_for(wait, now);
    }

    /// The server forbade an operation, or does not know the token.
    pub(super) fn not_allowed(&mut self, id: OperationId, status: u16, words: String) {
        let barred = (status == 403).then_some((id, words));
        self.pause = Some(Pause { next_probe: Instant::now(), is_alarmed: false, barred });
    }

    /// One cheap request: is the token good, is the clock right?
    pub(super) async fn probe(&mut self) -> Result<(), Halt> {
        let permit = self.permit().await?;
        self.next_probe = Instant::now() + PROBE_EVERY;
        let answer = self.parts.client.storages(permit).await;
        let answer = self.heard(answer).await;
        match (answer, self.pause.take()) {
            (Ok(_), Some(Pause { barred: Some((id, words)), .. })) => self.bar(id, &words).await,
            (Ok(_), Some(Pause { barred: None, .. })) => {
                tracing::info!("the token is accepted again");
                Ok(())
            }
            (Ok(_), None) => {
                if !self.trust.is_trusted() {
                    tracing::warn!("the clock is wrong; nothing is posted before it is right");
                }
                Ok(())
            }
            (Err(Halt::Api(error)), pause) => {
                self.failed(&error);
                self.pause = pause.or(self.pause.take());
                self.go_on_pausing(&error);
                Ok(())
            }
            (Err(halt), _) => Err(halt),
        }
    }

    /// The token is still not accepted, or nobody is there to tell.
    fn go_on_pausing(&mut self, error: &api::Error) {
        let Some(mut pause) = self.pause.take() else { return };
        pause.next_probe = Instant::now() + PROBE_EVERY;
        if !pause.is_alarmed && matches!(error.outcome(), Outcome::NotAllowed { .. }) {
            pause.is_alarmed = true;
            self.person(&format!("the token is not accepted: {}", error_chain(error)));
        }
        self.pause = Some(pause);
    }

    async fn bar(&mut self, id: OperationId, words: &str) -> Result<(), Halt> {
        let pending = self.parts.store.run(move |db| db.pending(id)).await??;
        if pending.delivery.state != State::Queued {
            return Ok(());
        }
        let what = format!("the server forbids it: {words}");
        self.advance(id, &pending.delivery, Event::Barred(words.to_owned()), &what).await?;
        Ok(())
    }
}

/// The wait after so many failures in a row: doubling, capped, and spread by a quarter either way so that
/// stations that failed together do not come back together.
fn backoff(failures: u32, random: u128) -> Duration {
    let doubled = BACKOFF_FIRST.saturating_mul(1_u32 << failures.saturating_sub(1).min(16)).min(BACKOFF_MAX);
    let eighths = u32::try_from(random % 5).unwrap_or(0) + 6;
    doubled * eighths / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_after_failures_doubles_to_a_cap_and_is_spread() {
        let seconds = |failures, random| backoff(failures, random).as_secs_f64();
        assert!((seconds(1, 2) - 1.0).abs() < 0.001);
        assert!((seconds(3, 2) - 4.0).abs() < 0.001);
        assert!((seconds(40, 2) - 30.0).abs() < 0.001);
        assert!((seconds(40, 0) - 22.5).abs() < 0.001);
        assert!((seconds(40, 4) - 37.5).abs() < 0.001);
    }
}
