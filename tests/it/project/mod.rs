//! The project itself: its import rule, its guide, its words and its packaging.

mod architecture;
mod circles;
mod errors;
pub(crate) mod guide;
mod reasons;
mod repository;
mod units;
