//! The waits before another try: of the connection, of a document, and of a reading.

use std::time::Duration;

use crate::config;
use crate::domain::delivery::{ABSENCES_PROVING, Awaits};
use crate::random::random;

/// The longest wait between two tries of a thing that fails: it may work again for so long before anybody notices.
pub(super) const WAIT_MAX: Duration = Duration::from_hours(1);

/// The first wait after a failure of the connection; it doubles with each further one.
const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// The longest wait after a failure of the connection: the service may be back for so long before it is noticed.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// The rest of a reading after its first failure. It doubles up to [`WAIT_MAX`].
pub(super) const REST_FIRST: Duration = Duration::from_secs(1);

/// Returns how long after its last change an operation is acted on; `None` if only a person can act.
pub(super) fn wait_for(awaits: Awaits, failures: u32, api: &config::Api) -> Option<Duration> {
    match awaits {
        Awaits::Request => Some(Duration::ZERO),
        Awaits::ReadBack => Some(before_reading(api.reconcile_after, failures)),
        Awaits::LateCheck(0) => Some(api.late_check_after),
        // Four times the wait after the posting is three times after the first look.
        Awaits::LateCheck(_) => Some(api.late_check_after * 3),
        Awaits::Nobody => None,
    }
}

/// Returns the longest wait before the event that an operation waits for. Between two requests there are two readings,
/// so each waits half as long.
pub(super) fn wait_max(awaits: Option<Awaits>) -> Duration {
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
pub(super) fn grown(base: Duration, failures: u32, cap: Duration, random: u128) -> Duration {
    let doubled = base.saturating_mul(1_u32 << failures.saturating_sub(1).min(20)).min(cap.max(base));
    let eighths = u32::try_from(random % 3).unwrap_or(0) + 8;
    (doubled / 8).saturating_mul(eighths)
}

/// Returns the wait after so many failures in a row: doubling, capped, and spread by a quarter either way so that
/// stations that failed together do not come back together.
pub(super) fn backoff(failures: u32, random: u128) -> Duration {
    let doubled = BACKOFF_FIRST.saturating_mul(1_u32 << failures.saturating_sub(1).min(16)).min(BACKOFF_MAX);
    let eighths = u32::try_from(random % 5).unwrap_or(0) + 6;
    doubled * eighths / 8
}

/// Returns a wait that doubles with each failure before it, up to an hour.
pub(super) fn growing(first: Duration, failures: u32) -> Duration {
    spread(first.saturating_mul(1_u32 << failures.min(16)).min(WAIT_MAX))
}

/// Returns the wait until the next reading: stations behind one address that started together must not go on asking
/// together, so each wait is up to a sixteenth shorter.
pub(super) fn spread(every: Duration) -> Duration {
    let sixteenths = 256 - u32::try_from(random() % 17).unwrap_or(0);
    every * sixteenths / 256
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
    fn the_wait_after_failures_doubles_to_a_cap_and_is_spread() {
        let seconds = |failures, random| backoff(failures, random).as_secs_f64();
        assert!((seconds(1, 2) - 1.0).abs() < 0.001);
        assert!((seconds(3, 2) - 4.0).abs() < 0.001);
        assert!((seconds(40, 2) - 30.0).abs() < 0.001);
        assert!((seconds(40, 0) - 22.5).abs() < 0.001);
        assert!((seconds(40, 4) - 37.5).abs() < 0.001);
    }
}
