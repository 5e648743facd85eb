//! The penalty for a wrong token: a delay, longer with each wrong token, and only for the visitor that showed it (like
//! `PerSourcePenalties` in `sshd_config(5)`).
//!
//! Every answer to a wrong token is delayed. From the third wrong token on, the visitor is locked out for a while: its
//! tokens are not checked, and even the right one is refused. This machine is never locked out, because its requests
//! may come through a proxy: it only waits, and only a few of its wrong tokens may wait at one time. Callers pass the
//! time.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

use super::peer::Peer;

/// The delay of the answer to a wrong token.
pub(super) const DELAY: Duration = Duration::from_secs(1);
/// The most delayed answers to one visitor at one time. Until one is given, no further token of the visitor is checked.
const LATE_MAX: u32 = 4;
/// The penalty for the first wrong token. Each further one costs twice as much as the one before.
const PENALTY: Duration = Duration::from_secs(5);
/// The shortest penalty that locks out. A shorter one is only recorded, because a person may mistype.
const LOCK_MIN: Duration = Duration::from_secs(20);
/// The longest penalty.
const LOCK_MAX: Duration = Duration::from_mins(10);
/// The time after the end of its penalty at which a visitor is forgotten.
const FORGET_AFTER: Duration = Duration::from_mins(10);
/// The most visitors remembered at one time. Beyond it, the one whose penalty ends first is forgotten.
const REMEMBERED_MAX: usize = 256;
/// The most log lines within [`LINES_EVERY`].
const LINES_MAX: u32 = 10;
const LINES_EVERY: Duration = Duration::from_mins(1);

/// The visitors that have shown a wrong token recently.
#[derive(Debug, Default)]
pub(super) struct Penalties(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    peers: BTreeMap<Peer, Penalty>,
    lines: Option<(Instant, u32)>,
}

#[derive(Debug)]
struct Penalty {
    /// The wrong tokens since the visitor was last forgotten.
    wrong: u32,
    /// The answers that are delayed now.
    late: u32,
    /// The end of the penalty.
    until: Instant,
    is_locked: bool,
}

/// A wrong token whose answer is delayed. Dropping it means that the answer was given.
#[derive(Debug)]
pub(super) struct Late<'a> {
    penalties: &'a Penalties,
    peer: Peer,
}

impl Penalties {
    /// Returns the time for which the visitor's tokens are not checked; `None` if they are checked now.
    pub(super) fn locked(&self, peer: Peer, now: Instant) -> Option<Duration> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let penalty = table.peers.get_mut(&peer)?;
        if penalty.is_locked && penalty.until <= now {
            penalty.is_locked = false;
        }
        if penalty.is_locked {
            return Some(penalty.until.duration_since(now));
        }
        // Not locked out, but too many of its answers wait: a flood of guesses must not hold a task each.
        (penalty.late >= LATE_MAX).then_some(DELAY)
    }

    /// Records a wrong token. Give the answer after [`DELAY`], then drop the returned value.
    pub(super) fn wrong(&self, peer: Peer, now: Instant) -> Late<'_> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.make_room(peer, now);
        let penalty =
            table.peers.entry(peer).or_insert(Penalty { wrong: 0, late: 0, until: now, is_locked: false });
        // Doubles with each wrong token; a shift by 32 or more bits means the maximum.
        let cost = PENALTY.saturating_mul(1_u32.checked_shl(penalty.wrong).unwrap_or(u32::MAX));
        penalty.wrong = penalty.wrong.saturating_add(1);
        penalty.late = penalty.late.saturating_add(1);
        let owed = penalty.until.saturating_duration_since(now).saturating_add(cost).min(LOCK_MAX);
        // Penalties add up: a visitor that goes on guessing pays for the earlier guesses, too.
        penalty.until = now + owed;
        penalty.is_locked = owed >= LOCK_MIN && peer != Peer::Local;
        let (wrong, is_locked) = (penalty.wrong, penalty.is_locked);
        // A flood of guesses must not fill the disk with log lines.
        if table.may_log(now) {
            let locked_s = if is_locked { owed.as_secs() } else { 0 };
            tracing::warn!(%peer, wrong, locked_s, "a wrong token was shown for the station page");
        }
        Late { penalties: self, peer }
    }
}

impl Table {
    /// Forgets visitors whose penalty ended long ago and, if that is not enough, the one whose penalty ends first.
    fn make_room(&mut self, peer: Peer, now: Instant) {
        // A visitor with a delayed answer stays: dropping `Late` must find its entry.
        self.peers.retain(|_, penalty| penalty.late > 0 || now < penalty.until + FORGET_AFTER);
        if self.peers.len() < REMEMBERED_MAX || self.peers.contains_key(&peer) {
            return;
        }
        let first = self.peers.iter().min_by_key(|(_, penalty)| penalty.until).map(|(peer, _)| *peer);
        if let Some(first) = first {
            self.peers.remove(&first);
        }
    }

    fn may_log(&mut self, now: Instant) -> bool {
        let (since, lines) = self.lines.filter(|(since, _)| now < *since + LINES_EVERY).unwrap_or((now, 0));
        self.lines = Some((since, lines.saturating_add(1)));
        lines < LINES_MAX
    }
}

impl Drop for Late<'_> {
    fn drop(&mut self) {
        let mut table = self.penalties.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(penalty) = table.peers.get_mut(&self.peer) {
            penalty.late = penalty.late.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn peer(number: u32) -> Peer {
        Peer::V4(Ipv4Addr::from(number))
    }

    fn secs(duration: Option<Duration>) -> Option<u64> {
        duration.map(|duration| duration.as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn the_third_wrong_token_locks_whoever_showed_it_and_each_further_one_for_longer() {
        let (penalties, start) = (Penalties::default(), Instant::now());
        drop(penalties.wrong(peer(1), start));
        assert_eq!(penalties.locked(peer(1), start), None);
        drop(penalties.wrong(peer(1), start));
        assert_eq!(penalties.locked(peer(1), start), None);
        // 5 s, 10 s and 20 s add up to 35 s.
        drop(penalties.wrong(peer(1), start));
        assert_eq!(secs(penalties.locked(peer(1), start)), Some(35));
        assert_eq!(penalties.locked(peer(2), start), None, "nobody else is");
        let free = start + Duration::from_secs(35);
        assert_eq!(penalties.locked(peer(1), free), None);
        drop(penalties.wrong(peer(1), free));
        assert_eq!(secs(penalties.locked(peer(1), free)), Some(40));
        let mut now = free;
        for _ in 0..40 {
            now += Duration::from_mins(10);
            drop(penalties.wrong(peer(1), now));
        }
        assert_eq!(secs(penalties.locked(peer(1), now)), Some(600));
    }

    #[tokio::test(start_paused = true)]
    async fn a_visitor_is_forgotten_after_a_while() {
        let (penalties, start) = (Penalties::default(), Instant::now());
        drop(penalties.wrong(peer(1), start));
        let later = start + PENALTY + FORGET_AFTER;
        drop(penalties.wrong(peer(2), later));
        assert_eq!(penalties.0.lock().unwrap().peers.keys().copied().collect::<Vec<_>>(), [peer(2)]);
    }

    #[tokio::test(start_paused = true)]
    async fn this_machine_is_never_locked_and_a_few_of_its_answers_may_be_late_at_one_time() {
        let (penalties, now) = (Penalties::default(), Instant::now());
        let late: Vec<_> = (0..LATE_MAX).map(|_| penalties.wrong(Peer::Local, now)).collect();
        assert_eq!(penalties.locked(Peer::Local, now), Some(DELAY));
        drop(late);
        assert_eq!(penalties.locked(Peer::Local, now), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_table_and_the_log_have_limits() {
        let (penalties, now) = (Penalties::default(), Instant::now());
        for number in 0..2000 {
            drop(penalties.wrong(peer(number), now + Duration::from_millis(u64::from(number))));
        }
        let mut table = penalties.0.lock().unwrap();
        assert_eq!(table.peers.len(), 256);
        assert!(table.peers.contains_key(&peer(1999)) && !table.peers.contains_key(&peer(0)));
        assert!(!table.may_log(now));
        assert!(table.may_log(now + Duration::from_mins(2)));
    }
}
