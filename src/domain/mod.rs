//! The pure core: what a code is, what a scan does, how a delivery goes on.
//!
//! Invariant: nothing here reads a clock, a file, a socket or the environment, holds a channel or
//! starts a thread. Time and every outside answer come in as arguments; what shall happen goes out
//! as values.

pub mod ids;
pub mod quantity;
pub mod time;
