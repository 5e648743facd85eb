//! All integration tests, in one binary.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, in its helpers too"
)]

mod contract_api;
mod crash_sweep;
mod devices;
mod openapi;
mod politeness;
mod pty;
mod sandbox;
mod station;
mod time;
