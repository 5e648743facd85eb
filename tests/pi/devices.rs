//! The integration tests that want devices of the kernel's own, where there are some: keyboards, HID-POS scanners, pins.
//! They are built for the board, and run on it as they are. In virtual time, which goes on only while the guest does:
//! what they allow a busy machine, none of them needs there.

use std::fs;
use std::path::Path;

use crate::machine::Source;
use crate::machine::cache;
use crate::machine::job;

/// The tests, among the others.
const FILTER: &str = "kernel::";

/// Where they are written.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/scanners/kernel");

/// Where they look for the program: where cargo put it when it built them.
const PROGRAM: &str = "target/cross/build/aarch64-unknown-linux-gnu/debug/stockpoint";

/// Nothing hangs on the pins of this board, so they may be driven.
const JOB: &str = r#"
mkdir -p /tmp /dev/pts "${program%/*}"
mount -t devpts devpts /dev/pts
mount -t debugfs debugfs /sys/kernel/debug
mount -t configfs configfs /sys/kernel/config
# It has the one socket.
rmmod g_serial
ln -s /bin/stockpoint "$program"
export STOCKPOINT_GPIO_CHIP=/dev/gpiochip0
# One after the other and aloud: each says in time what it skips.
it --test-threads=1 --nocapture "$filter"
"#;

/// Runs them all. One that is skipped has failed: the board has every device.
pub(crate) fn check() {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(PROGRAM);
    let script = format!("program={} filter={FILTER}\n{JOB}", program.display());
    let said = job(
        &[
            ("job", Source::Text(script)),
            ("bin/stockpoint", Source::File(cache().join("stockpoint"))),
            ("bin/it", Source::File(cache().join("it"))),
        ],
        None,
    );
    let count = tests();
    assert!(count > 0, "no test in {SOURCES}");
    assert!(!said.contains("skipped: "), "{said}");
    assert!(said.contains(&format!("test result: ok. {count} passed; 0 failed; 0 ignored;")), "{said}");
    println!("devices of the kernel's own: {count} tests passed, none skipped");
}

/// How many there are.
fn tests() -> usize {
    let sources = fs::read_dir(SOURCES).unwrap();
    let text = |entry: std::io::Result<fs::DirEntry>| fs::read_to_string(entry.unwrap().path()).unwrap();
    let count =
        |text: String| text.lines().filter(|line| ["#[test]", "#[tokio::test]"].contains(line)).count();
    sources.map(text).map(count).sum()
}
