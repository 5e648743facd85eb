//! All integration tests, in one binary.

mod devices;
mod pty;
mod sandbox;
