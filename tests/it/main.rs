//! All integration tests, in one binary.

#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, in its helpers too"
)]

mod api;
mod cli;
mod delivery;
mod goods;
mod project;
mod scanners;
mod scans;
mod store;
mod support;
mod web;
