//! The station on an emulated Raspberry Pi 3, which `tests/pi/build` makes; `tests/pi/run` calls both.
//!
//! ```text
//! tests/pi/run whole            from the package to the books: scanners on USB, unplugged, a wrong clock, a power cut
//! tests/pi/run devices          the integration tests on keyboards, HID-POS scanners and pins of the kernel's own
//! tests/pi/run sealed           a root file system that nothing can write to, and a partition for the data
//! tests/pi/run scanners [CODES] fast scanners and slow disks, and what another reader makes of them
//! tests/pi/run long [CODES]     100,000 codes as fast as a scanner types, on a disk that takes 300 ms
//! tests/pi/run cuts [COUNT]     power cuts under scanning, on a disk that forgets what was not flushed
//! tests/pi/run all              each of them but `long`, one after the other
//! ```
//!
//! Several names run those parts at the same time. Each prints figures as it goes, and panics at the first that must not
//! be.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test fails by panicking and prints"
)]
#![expect(clippy::disallowed_methods, reason = "it drives another machine, in the time of this one")]

mod board;
mod chance;
mod codes;
mod cuts;
mod devices;
mod disk;
mod image;
mod machine;
mod scanners;
mod sealed;
mod service;
mod station;
mod whole;

use std::thread;
use std::thread::JoinHandle;

/// The parts of `all`, in their order.
const PARTS: [&str; 5] = ["whole", "devices", "sealed", "scanners", "cuts"];

/// How many codes are typed, or how often the power is cut, where the command line does not say.
const CODES: usize = 40;
const CODES_LONG: usize = 100_000;
const CUTS: usize = 50;

fn main() {
    let mut names: Vec<_> = std::env::args().skip(1).collect();
    let count = names.last().and_then(|last| last.parse().ok());
    if count.is_some() {
        names.pop();
    }
    if names.is_empty() || names == ["all"] {
        for part in PARTS {
            check(part, count);
        }
        return;
    }
    let threads: Vec<_> = names.into_iter().map(|name| thread::spawn(move || check(&name, count))).collect();
    let ends: Vec<_> = threads.into_iter().map(JoinHandle::join).collect();
    assert!(ends.iter().all(Result::is_ok), "a part failed");
}

fn check(part: &str, count: Option<usize>) {
    match part {
        "whole" => whole::check(),
        "devices" => devices::check(),
        "sealed" => sealed::check(),
        "scanners" => scanners::check(count.unwrap_or(CODES)),
        "long" => scanners::check_long(count.unwrap_or(CODES_LONG)),
        "cuts" => cuts::check(count.unwrap_or(CUTS)),
        other => panic!("{other} is no part of it"),
    }
}
