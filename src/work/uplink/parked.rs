//! Books the parked scans whose goods are known by now.

use super::interrupted::Interrupted;
use super::link::Link;
use crate::store::ParkedAt;

/// Books the parked scans whose goods are known by now, some at a time, and returns how many operations that made.
pub(super) async fn book_parked(link: &Link) -> Result<usize, Interrupted> {
    let (now, mut booked, mut at) = (link.clock.wall(), 0, Some(ParkedAt::default()));
    while let Some(after) = at {
        let step = link.db(move |db| db.book_some_parked(&after, now)).await?;
        booked += step.operations.len();
        at = step.next;
    }
    Ok(booked)
}
