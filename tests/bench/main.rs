//! The benchmark table: what the station promises of speed and size, measured beside what the machine can do.
//!
//! `cargo bench` prints one table; every ratio is of two measures taken in the same run, one beside the other.
//! `cargo bench -- --quick` takes a tenth of everything, in less than a minute; `-- --outbox` measures a long outbox alone. A missed aim is printed as
//! missed and fails nothing: a machine with other work on it must not turn a build red. The profile `bench` is that of what
//! stations run. The gate has no time to build with it: there the rows on the program are of that one, and the others of a
//! build for tests.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark fails by panicking and prints")]

mod commit;
mod process;
mod resolve;
mod station;
mod sync;
mod table;
mod waiting;

use station::Folder;
use table::Table;

/// How much is measured.
struct Extent {
    /// Goods in the table.
    goods: usize,
    /// Goods in the larger table that codes are also looked up in.
    many_goods: usize,
    /// Scans that are timed one by one.
    scans: usize,
    /// Scans that wait for the service when the agent starts.
    waiting: usize,
    /// Documents that wait for the service, for what hangs on their number.
    documents: usize,
    /// Codes that are looked up.
    lookups: usize,
    /// Full readings of the goods table.
    readings: usize,
    /// Starts of the program.
    starts: usize,
}

const WHOLE: Extent = Extent {
    goods: 100_000,
    many_goods: 1_000_000,
    scans: 3000,
    waiting: 10_000,
    documents: 500,
    lookups: 20_000,
    readings: 3,
    starts: 5,
};

const QUICK: Extent = Extent {
    goods: 10_000,
    many_goods: 100_000,
    scans: 300,
    waiting: 1000,
    documents: 50,
    lookups: 5000,
    readings: 1,
    starts: 3,
};

fn main() {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    // `cargo bench` says so; `cargo test` runs this program too, and means no measuring by it.
    if !has("--bench") {
        println!("nothing is measured: `cargo bench` does that");
        return;
    }
    let extent = if has("--quick") { QUICK } else { WHOLE };
    let folder = Folder::with_goods(extent.goods);
    let mut table = Table::default();
    if has("--outbox") {
        waiting::measure(&folder, &extent, &mut table);
        println!("{table}");
        return;
    }
    commit::measure(&folder, &extent, &mut table);
    waiting::measure(&folder, &extent, &mut table);
    resolve::measure(&folder, &extent, &mut table);
    process::measure(&folder, &extent, &mut table);
    sync::measure(&extent, &mut table);
    if cfg!(debug_assertions) {
        println!("built for tests: only the rows on the program tell of what stations run");
    }
    println!("{table}");
}
