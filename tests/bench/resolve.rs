//! From a code to its good.

use std::time::Duration;

use stockpoint::domain::code::barcode::Barcode;
use stockpoint::domain::stock::resolution::Resolution;
use tokio::time::Instant;

use crate::Extent;
use crate::station::{Folder, open};
use crate::table::{Aim, Amount, Table, percentile};

pub(crate) fn measure(folder: &Folder, extent: &Extent, table: &mut Table) {
    let aim = Aim::Limit(Amount::of(Duration::from_micros(10)));
    let mut few = look_up(folder, extent.lookups);
    let few = percentile(&mut few, 50);
    table.add(format!("code to good among {}, p50", extent.goods), few, aim);
    let mut many = look_up(&Folder::with_goods(extent.many_goods), extent.lookups);
    table.compare(
        format!("code to good among {}, p50", extent.many_goods),
        percentile(&mut many, 50),
        ("the smaller table", few),
        aim,
    );
}

/// A tenth goes first and untimed, for the page cache of a station that has been on for a while.
fn look_up(folder: &Folder, lookups: usize) -> Vec<Duration> {
    let db = open(folder.path());
    let mut times = Vec::with_capacity(lookups);
    for turn in 0..lookups + lookups / 10 {
        let code = folder.code(turn);
        let begun = Instant::now();
        let resolution = db.resolve(&Barcode::read(&code)).unwrap();
        times.push(begun.elapsed());
        assert!(matches!(resolution, Resolution::Found(_)));
    }
    times.split_off(lookups / 10)
}
