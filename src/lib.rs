//! stockpoint: a headless barcode station. Every confirmed scan is on disk before it is confirmed, and
//! reaches the location's stock books exactly once.
//!
//! # The way of a scan
//!
//! ```text
//! device    bytes of a scanner           one named thread a scanner
//!   └ domain::decode ─► Frame
//!        └ work::scans                   one trip to the store's thread:
//!             ├ domain::session::hear      what kind of frame is it
//!             ├ store::Db::resolve         which good has this code
//!             ├ domain::session::decide    what shall happen
//!             └ store::Db::record          COMMIT, on the disk
//!                  └ feedback              only now is anything signalled
//!
//! store (operation queued) ─► work::uplink ─► domain::delivery::next ─► intent on the disk
//!                                 └ api ─► the service ─► what came of it on the disk
//! ```
//!
//! # Layout
//!
//! - [`domain`]: the pure core, in wings. `decode`: from bytes, keys and reports to frames. `code`: what the text of a
//!   frame is. `stock`: goods, kits, quantities, operations. `session`: what a scan does. `delivery`: how a delivery goes
//!   on. `calibrate`: how a scanner is set up.
//! - [`owner`]: the user whose rights a command of root works with.
//! - [`clock`], [`config`], [`store`], [`api`], [`device`], [`feedback`]: one edge each. They know the domain and,
//!   but for the configuration, not each other.
//! - [`work`]: the workers, which join the edges. [`status`]: the status of the station.
//! - [`app`]: builds, joins, watches and stops everything. [`cli`] and [`demo`] stand on it; [`doctor`] checks the
//!   whole station from outside, and [`setup`] sets it up.
//! - [`sandbox`]: a simulated service for the demonstration and the tests. [`guide`]: the pages for those who run a
//!   station.
//!
//! # Invariants
//!
//! - Nothing is signalled as booked before its commit has returned from a disk that was set to be synchronous.
//! - Nothing is sent before the intent to send it is on the disk.
//! - After an answer that does not prove "not done", nothing is sent again before the service's own records were
//!   read in full, twice and a wait apart, without finding the operation's marker.
//! - Amounts and prices are decimals from the wire to the disk and back. No quantity passes through a float.
//! - Every queue, buffer, body and wait has a named limit.

pub mod domain;

pub mod clock;
mod draft;
pub mod machine;
pub mod meter;
pub mod owner;
pub mod random;

pub mod config;

mod child;

pub mod store;

pub mod api;
pub mod device;
pub mod feedback;
pub mod sandbox;
pub mod sheet;
pub mod status;

pub mod work;

pub mod app;
mod socket;
mod web;

pub mod demo;
pub mod doctor;
pub mod guide;
pub mod setup;

pub mod cli;
