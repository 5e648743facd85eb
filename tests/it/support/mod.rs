//! What the tests share: a whole station, the real program, pseudo-terminals, the queue of the scanners.

pub(crate) mod program;
pub(crate) mod pty;
pub(crate) mod queue;
pub(crate) mod station;
