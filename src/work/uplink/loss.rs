//! The goods of the copy that a full reading lacks, and the next action before the copy is replaced.

use crate::domain::ids::GoodId;
use crate::domain::mark::Mark;
use crate::store::Doubt;

/// The most goods that are asked for one by one before they are dropped. More are confirmed by another reading, which
/// takes fewer requests.
pub(super) const ASKED_MAX: usize = 50;

/// The goods of the copy that a full reading lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loss {
    /// The number of goods of the copy.
    held: u64,
    /// The number of goods of the reading.
    read: u64,
    missing: u64,
    mark: Mark,
    /// The first of the missing ones.
    first: Vec<GoodId>,
}

/// The action before the copy is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Replace,
    /// Ask for these goods one by one.
    Ask(Vec<GoodId>),
    /// Read the table once more, after a wait. If that reading lacks the same goods, they are gone.
    ReadAgain,
}

impl Loss {
    /// Returns a loss of a copy and a reading with so many goods, before the missing ones are counted.
    pub(super) fn new(held: u64, read: u64) -> Self {
        Self { held, read, missing: 0, mark: Mark::default(), first: Vec::new() }
    }

    /// Counts missing goods, in the order of their ids.
    pub(super) fn add(&mut self, missing: &[GoodId]) {
        for good in missing {
            self.missing += 1;
            self.mark.add(&good.0.to_be_bytes());
        }
        let room = ASKED_MAX.saturating_sub(self.first.len());
        self.first.extend(missing.iter().take(room));
    }

    pub(super) fn held(&self) -> u64 {
        self.held
    }

    pub(super) fn read(&self) -> u64 {
        self.read
    }

    pub(super) fn missing(&self) -> u64 {
        self.missing
    }

    /// Returns the doubt with which the next reading compares itself.
    pub(super) fn doubt(&self) -> Doubt {
        Doubt { missing: self.missing, mark: self.mark.number() }
    }

    /// Returns the action, after an earlier reading that was in doubt.
    pub(super) fn verdict(&self, earlier: Option<Doubt>) -> Verdict {
        let is_agreed = earlier == Some(self.doubt());
        // More than a tenth, or everything.
        let shrinks = self.read == 0 || self.read.saturating_mul(10) < self.held.saturating_mul(9);
        let are_many = self.missing > u64::try_from(ASKED_MAX).unwrap_or(u64::MAX);
        match (shrinks || are_many, is_agreed) {
            (true, false) => Verdict::ReadAgain,
            _ if self.missing == 0 || are_many => Verdict::Replace,
            _ => Verdict::Ask(self.first.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(held: u64, read: u64, missing: std::ops::Range<i64>) -> Loss {
        let mut loss = Loss::new(held, read);
        loss.add(&missing.map(GoodId).collect::<Vec<_>>());
        loss
    }

    #[test]
    fn a_reading_that_lacks_nothing_replaces_the_copy() {
        assert_eq!(loss(100, 100, 0..0).verdict(None), Verdict::Replace);
        assert_eq!(loss(0, 100, 0..0).verdict(None), Verdict::Replace);
    }

    #[test]
    fn a_few_missing_goods_are_asked_for() {
        assert_eq!(loss(100, 98, 7..9).verdict(None), Verdict::Ask(vec![GoodId(7), GoodId(8)]));
        assert_eq!(loss(1000, 950, 0..50).verdict(None), Verdict::Ask((0..50).map(GoodId).collect()));
    }

    #[test]
    fn many_missing_goods_or_a_shrunken_copy_are_confirmed_by_a_second_reading() {
        for (loss, then) in [
            (loss(1000, 949, 0..51), Verdict::Replace),
            (loss(100, 89, 0..11), Verdict::Ask((0..11).map(GoodId).collect())),
            (loss(250, 0, 0..250), Verdict::Replace),
            (loss(0, 0, 0..0), Verdict::Replace),
        ] {
            assert_eq!(loss.verdict(None), Verdict::ReadAgain, "{loss:?}");
            assert_eq!(loss.verdict(Some(loss.doubt())), then, "{loss:?}");
        }
        assert_eq!(loss(100, 90, 0..10).verdict(None), Verdict::Ask((0..10).map(GoodId).collect()));
    }

    #[test]
    fn a_second_reading_that_lacks_other_goods_confirms_nothing() {
        let earlier = loss(250, 100, 0..150).doubt();
        assert_eq!(loss(250, 100, 1..151).verdict(Some(earlier)), Verdict::ReadAgain);
        assert_eq!(loss(250, 101, 1..150).verdict(Some(earlier)), Verdict::ReadAgain);
        assert_eq!(loss(250, 0, 0..250).verdict(Some(earlier)), Verdict::ReadAgain);
    }
}
