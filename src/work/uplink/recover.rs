//! Recovers the connection to the service when it fails: waits, pauses, and checks whether it works again.

use std::time::Duration;

use tokio::time::Instant;

use super::{Halt, PROBE_EVERY, Uplink};
use crate::api::{self, Outcome};
use crate::domain::delivery::{Event, State};
use crate::domain::health::ApiState;
use crate::domain::ids::OperationId;
use crate::domain::text::error_chain;
use crate::random::random;

/// The first wait after a failure; it doubles with each further one.
const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// The longest wait after a failure: the service may be back for so long before it is noticed.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// The number of failures in a row, probes included, after which a request other than the probe is tried: the probe's
/// address may be the only one that fails. Until then no document is sent to a service that may be in trouble.
const PROBES_MAX: u32 = 8;

/// A pause, because the token is not accepted.
#[derive(Debug)]
pub(super) struct Pause {
    pub(super) next_probe: Instant,
    /// True if a person was called.
    is_alarmed: bool,
    /// The operation that was forbidden, in the server's words. It counts against the operation only if the very next
    /// request shows that the token is good; else everything was forbidden.
    barred: Option<(OperationId, String)>,
}

impl Uplink {
    /// Takes in a failure that concerns the connection as a whole.
    pub(super) fn failed(&mut self, error: &api::Error) {
        let now = Instant::now();
        let mut text = error_chain(error);
        if let Some(hint) = error.hint() {
            text.push_str("; ");
            text.push_str(hint);
        }
        let state = match error.outcome() {
            Outcome::NotDone => ApiState::Offline,
            Outcome::Unknown if matches!(error, api::Error::Broken(_)) => ApiState::Offline,
            Outcome::Unknown | Outcome::Refused(_) => ApiState::Error,
            Outcome::Wait(_) => ApiState::Limited,
            Outcome::NotAllowed { .. } => ApiState::Auth,
        };
        // Before the first answer the connection counts as unknown.
        let is_new = {
            let known = self.parts.health.borrow();
            known.state != state || known.last_error.is_none()
        };
        if is_new {
            tracing::warn!(error = %text, "cannot use the service");
        }
        self.tell(state, Some(text));
        if error.is_silence() {
            self.blame.acquit();
        }
        match error.outcome() {
            Outcome::NotAllowed { .. } => {
                self.pause.get_or_insert(Pause { next_probe: now, is_alarmed: false, barred: None });
            }
            Outcome::Wait(told) => self.closed_until = self.budget.busy(told, now),
            // The service answers; only the thing that was asked for rests.
            Outcome::Refused(_) => {}
            Outcome::NotDone | Outcome::Unknown => {
                self.failures = self.failures.saturating_add(1);
                self.is_in_doubt = true;
                let wait = backoff(self.failures, random());
                self.close_for(wait.max(told_to_wait(error)), now);
            }
        }
    }

    fn close_for(&mut self, wait: Duration, now: Instant) {
        self.closed_until = now + wait;
        self.budget.close_for(wait, now);
    }

    /// Begins a pause: the server forbade an operation, or does not know the token.
    pub(super) fn not_allowed(&mut self, id: OperationId, status: u16, words: String) {
        self.retrial = self.retrial.filter(|tried| *tried == id && status == 403);
        let barred = (status == 403).then_some((id, words));
        self.pause = Some(Pause { next_probe: Instant::now(), is_alarmed: false, barred });
    }

    /// Sends one cheap request that shows whether the service answers, the token is good and the clock is right.
    pub(super) async fn probe(&mut self) -> Result<(), Halt> {
        let permit = self.permit().await?;
        self.next_probe = Instant::now() + PROBE_EVERY;
        let answer = self.parts.client.storages(permit).await;
        let answer = self.heard(answer).await;
        match (answer, self.pause.take()) {
            (Ok(_), Some(Pause { barred: Some((id, words)), .. })) => self.forbidden_alone(id, &words).await,
            (Ok(_), Some(Pause { barred: None, .. })) => {
                tracing::info!("the token is accepted again");
                Ok(())
            }
            (Ok(_), None) => {
                if self.trust.is_trusted() {
                    Ok(())
                } else {
                    self.tell_of_clock().await
                }
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

    /// Handles an operation that was forbidden although the token was good right after it. The first time may be the
    /// end of a period in which everything was forbidden, so the operation is tried again; the second time concerns the
    /// operation.
    async fn forbidden_alone(&mut self, id: OperationId, words: &str) -> Result<(), Halt> {
        if self.retrial.take() == Some(id) {
            return self.bar(id, words).await;
        }
        self.retrial = Some(id);
        tracing::info!(operation = id.0, "forbidden, though the token is good: tried once more");
        Ok(())
    }

    /// Goes on with the pause: the token is still not accepted, or nothing answers.
    fn go_on_pausing(&mut self, error: &api::Error) {
        self.retrial = None;
        self.is_in_doubt &= is_doubtful_after(error, self.failures);
        let Some(mut pause) = self.pause.take() else { return };
        pause.next_probe = Instant::now() + PROBE_EVERY;
        // The operation was forbidden together with everything else.
        pause.barred = None;
        self.blame.acquit();
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

/// Returns true if after this failure of the probe only the probe goes on being sent.
fn is_doubtful_after(error: &api::Error, failures: u32) -> bool {
    match error.outcome() {
        Outcome::Refused(_) => false,
        Outcome::NotDone | Outcome::Wait(_) | Outcome::NotAllowed { .. } => true,
        Outcome::Unknown => error.is_silence() || !failures.is_multiple_of(PROBES_MAX),
    }
}

/// Returns the wait that an answer of something in between asks for.
fn told_to_wait(error: &api::Error) -> Duration {
    if let api::Error::Stranger { wait: Some(wait), .. } = error { *wait } else { Duration::ZERO }
}

/// Returns the wait after so many failures in a row: doubling, capped, and spread by a quarter either way so that
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
    fn a_probe_that_the_service_itself_fails_to_answer_holds_up_the_rest_for_a_while_only() {
        let failed = api::Error::Server { status: 500 };
        let doubtful: Vec<bool> = (1..=9).map(|failures| is_doubtful_after(&failed, failures)).collect();
        assert_eq!(doubtful, [true, true, true, true, true, true, true, false, true]);
        let body = api::Body::Page;
        let stranger = api::Error::Stranger { status: 404, body, wait: None };
        assert!((1..100).all(|failures| is_doubtful_after(&stranger, failures)));
    }

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
