//! The station on an emulated Raspberry Pi 3, which `tests/pi/build` makes; `tests/pi/run` calls both.
//!
//! ```text
//! tests/pi/run board            the installed station: scanners on USB, unplugged, with a wrong clock
//! tests/pi/run whole            from the package to the books, with a power cut
//! tests/pi/run devices          the integration tests on keyboards, HID-POS scanners and pins of the kernel's own
//! tests/pi/run sealed           a root file system that nothing can write to, and a partition for the data
//! tests/pi/run scanners [CODES] fast scanners and slow disks, and what another reader makes of them
//! tests/pi/run long [CODES]     100,000 codes as fast as a scanner types, on a disk that takes 300 ms
//! tests/pi/run cuts [COUNT]     power cuts under scanning, on a disk that forgets what was not flushed
//! tests/pi/run all              each of them, as much as fits into minutes
//! ```
//!
//! It prints figures as it goes, and panics at the first that must not be.

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

fn main() {
    let mut arguments = std::env::args().skip(1);
    let wanted = arguments.next().unwrap_or_else(|| "all".to_owned());
    let count = arguments.next().map(|count| count.parse::<usize>().unwrap());
    let is_wanted = |name: &str| wanted == "all" || wanted == name;
    assert!(
        ["all", "board", "whole", "sealed", "devices", "scanners", "long", "cuts"].contains(&wanted.as_str()),
        "{wanted} is no part of it"
    );
    if is_wanted("board") {
        board::check();
    }
    if is_wanted("whole") {
        whole::check();
    }
    if is_wanted("devices") {
        devices::check();
    }
    if is_wanted("sealed") {
        sealed::check();
    }
    if is_wanted("scanners") {
        scanners::check(count.unwrap_or(40));
    }
    if wanted == "long" {
        scanners::check_long(count.unwrap_or(100_000));
    }
    if is_wanted("cuts") {
        cuts::check(count.unwrap_or(50));
    }
}
