//! A limited number of connection slots: each visitor gets a share, and some slots are kept for this machine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use super::peer::Peer;

/// The number of slots, in all and for each kind of visitor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The number of all slots.
    pub(super) total: usize,
    /// The number of slots that only this machine may use.
    pub(super) kept_for_local: usize,
    /// The most slots that one other visitor may use.
    pub(super) per_peer: usize,
}

/// The slots and their use.
#[derive(Debug, Clone)]
pub(super) struct Slots {
    limits: Limits,
    taken: Arc<Mutex<BTreeMap<Peer, usize>>>,
}

/// A slot in use. Dropping it frees the slot.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Slots,
    peer: Peer,
}

/// The reason why a visitor gets no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// The visitor uses its whole share.
    Share,
    /// All slots for such visitors are in use.
    All,
}

impl Slots {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, taken: Arc::default() }
    }

    /// Takes a slot for a visitor.
    pub(super) fn take(&self, peer: Peer) -> Result<Slot, Full> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = taken.values().sum();
        // Visitors from elsewhere together may use no more than the total less what is kept for this machine.
        let others = all.saturating_sub(taken.get(&Peer::Local).copied().unwrap_or_default());
        let of_peer = taken.entry(peer).or_default();
        let full = match peer {
            Peer::Local => (all >= self.limits.total).then_some(Full::All),
            // The share goes before the total: whoever has its share is not helped by a free slot.
            _ if *of_peer >= self.limits.per_peer => Some(Full::Share),
            _ if all >= self.limits.total => Some(Full::All),
            _ => {
                (others >= self.limits.total.saturating_sub(self.limits.kept_for_local)).then_some(Full::All)
            }
        };
        if let Some(full) = full {
            // A refused visitor must leave no entry: addresses are cheap, and the map would grow with each of them.
            if *of_peer == 0 {
                taken.remove(&peer);
            }
            return Err(full);
        }
        *of_peer = of_peer.saturating_add(1);
        Ok(Slot { slots: self.clone(), peer })
    }

    /// Returns the number of slots in use.
    pub(super) fn taken(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_peer) = taken.get_mut(&self.peer) {
            *of_peer = of_peer.saturating_sub(1);
            if *of_peer == 0 {
                taken.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const LIMITS: Limits = Limits { total: 8, kept_for_local: 2, per_peer: 4 };

    fn peer(last: u8) -> Peer {
        Peer::V4(Ipv4Addr::new(192, 0, 2, last))
    }

    fn take(slots: &Slots, peer: Peer, count: usize) -> Vec<Slot> {
        (0..count).map(|_| slots.take(peer).unwrap()).collect()
    }

    #[test]
    fn a_visitor_has_a_share_and_this_machine_always_finds_a_place() {
        let slots = Slots::new(LIMITS);
        let first = take(&slots, peer(1), 4);
        assert_eq!(slots.take(peer(1)).unwrap_err(), Full::Share);
        let _second = take(&slots, peer(2), 2);
        assert_eq!(slots.take(peer(2)).unwrap_err(), Full::All);
        let local = take(&slots, Peer::Local, 2);
        assert_eq!(slots.take(Peer::Local).unwrap_err(), Full::All);
        assert_eq!(slots.taken(), 8);
        drop(first);
        assert!(slots.take(peer(3)).is_ok());
        drop(local);
        assert_eq!(slots.taken(), 2);
    }

    #[test]
    fn this_machine_may_take_all_of_them_and_they_are_free_again() {
        let slots = Slots::new(LIMITS);
        let local = take(&slots, Peer::Local, 8);
        assert_eq!(slots.take(peer(1)).unwrap_err(), Full::All);
        drop(local);
        assert_eq!(slots.taken(), 0);
        assert!(slots.taken.lock().unwrap().is_empty(), "nobody is remembered");
    }
}
