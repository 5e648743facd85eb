//! Fuzz targets: what outsiders send, any bytes of it, against what the pure core promises.
//!
//! `cargo test` plays the kept corpus through every target. `.ci/fuzz [SECONDS]` builds the same file with
//! libFuzzer behind it, which makes up inputs of its own, led by the code they reach; it needs a C++ compiler
//! beside the usual one. `STOCKPOINT_FUZZ` names the target then.

#![cfg_attr(feature = "fuzzer", no_main)]
#![expect(
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a check that fails is what is looked for"
)]

#[cfg(not(feature = "fuzzer"))]
use stockpoint::domain;

mod barcode;
// The fuzzer is led through the core alone, so nothing else need be built with what leads it.
#[cfg(feature = "fuzzer")]
#[path = "../../src/domain/mod.rs"]
mod domain;
mod framing;
mod hidpos;
mod keymap;
mod rules;

/// A target: its name, which is that of its corpus, and what it does with an input.
type Target = (&'static str, fn(&[u8]));

const TARGETS: &[Target] = &[
    ("barcode", barcode::check),
    ("framing", framing::check),
    ("hidpos", hidpos::check),
    ("keymap", keymap::check),
    ("rules", rules::check),
];

#[cfg(feature = "fuzzer")]
libfuzzer_sys::fuzz_target!(init: { target(); }, |input: &[u8]| target()(input));

/// The target asked for.
#[cfg(feature = "fuzzer")]
#[expect(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "whoever starts the fuzzer names a target in the environment"
)]
fn target() -> fn(&[u8]) {
    use std::sync::OnceLock;

    static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();
    *TARGET.get_or_init(|| {
        let name = std::env::var("STOCKPOINT_FUZZ").expect("STOCKPOINT_FUZZ names the target");
        let found = TARGETS.iter().find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("there is no target {name}")).1
    })
}

/// Plays the corpus. The arguments of the test harness are not for it.
#[cfg(not(feature = "fuzzer"))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::{fs, io::Write as _, panic, path::Path};

    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    for (name, check) in TARGETS {
        let mut played = 0_u32;
        for file in fs::read_dir(corpus.join(name))? {
            let file = file?.path();
            let input = fs::read(&file)?;
            // A failed check says what was wrong; which input it was is said here.
            panic::catch_unwind(|| check(&input)).map_err(|_said| format!("{} fails", file.display()))?;
            played += 1;
        }
        if played < 10 {
            return Err(format!("the corpus of {name} is not there").into());
        }
        writeln!(std::io::stdout(), "fuzz corpus {name}: {played} inputs ... ok")?;
    }
    Ok(())
}

/// Reads an input from its front; when it has come to its end, zeros.
struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn byte(&mut self) -> u8 {
        let (first, rest) = self.rest.split_first().unwrap_or((&0, &[]));
        self.rest = rest;
        *first
    }

    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }
}
