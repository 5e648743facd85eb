//! Scanners, from their bytes, keys and reports to a frame, and their verdict in the hand.

mod calibrate;
mod devices;
pub(crate) mod hidpos;
mod kernel;
mod keyboards;
mod layouts;
mod verdict;
