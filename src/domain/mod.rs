//! The pure core: the meaning of a code, the effect of a scan, the progress of a delivery.
//!
//! Invariant: nothing here reads a clock, a file, a socket or the environment, holds a channel or starts a thread. Time
//! and every outside answer come in as arguments; actions go out as values.
//!
//! The folders [`decode`], [`code`], [`stock`], [`session`], [`delivery`] and [`calibrate`] build on the other
//! modules. `tests/it/project/architecture.rs` checks which module may import which.

pub mod calibrate;
pub mod code;
pub mod decode;
pub mod delivery;
pub mod session;
pub mod stock;

pub mod aim;
pub mod clock_trust;
pub mod count;
pub mod health;
pub mod home;
pub mod ids;
pub mod listing;
pub mod mark;
pub mod printable;
pub mod signal;
pub mod text;
pub mod time;
