//! stockpoint: a headless barcode station. Every confirmed scan is on disk before it is confirmed, and
//! reaches the location's stock books exactly once.
//!
//! # The way of a scan
//!
//! ```text
//! device::{serial, evdev, hidpos}     one named thread a scanner
//!   └ domain::decode                    bytes, keys or reports ─► Frame
//!       └ device::hand_over             into a bounded queue, with the scanner's health
//!           └ work::scans               one trip to the store's thread:
//!               ├ domain::session::hear     which kind of frame it is
//!               ├ domain::code              the code in it
//!               ├ store::Db::resolve        the good that has this code
//!               ├ domain::session::decide   what happens
//!               └ store::Db::record         COMMIT, on the disk
//!                   └ feedback              only now is anything signalled
//! ```
//!
//! # The way of a delivery
//!
//! ```text
//! store                                 an operation is queued
//!   └ work::uplink                        the scheduler chooses the next task
//!       └ work::uplink::deliver             one activity, with a Link below it
//!           ├ domain::delivery                the next action, from the state and what is known
//!           ├ store                           the intent, on the disk
//!           ├ work::uplink::link              permit, request, answer taken in
//!           │   └ api                           the service
//!           ├ work::uplink::reconcile         after a lost answer: the service's own records
//!           └ store                           the result, on the disk
//! ```
//!
//! # Layout
//!
//! A test (`tests/it/project/architecture.rs`) keeps who may use whom; another (`circles.rs` beside it) allows no circle
//! between two files.
//!
//! | module | what it is |
//! |---|---|
//! | [`domain`] | the pure core, in wings: [`decode`](domain::decode), [`code`](domain::code), [`stock`](domain::stock), [`session`](domain::session), [`delivery`](domain::delivery), [`calibrate`](domain::calibrate) |
//! | [`clock`], [`random`], [`machine`] | time, randomness and the identity of the machine: what the core gets as arguments |
//! | [`owner`], `draft`, `child`, `socket` | the system: rights of a folder's owner, files that are complete or absent, programs that end, Unix sockets |
//! | [`meter`] | counts and durations for the figures |
//! | [`config`] | the configuration, checked, with the places of its faults |
//! | [`store`] | SQLite: the journal of scans, the outbox, the copy of the goods table |
//! | [`api`] | the service over HTTP, and the budget of requests |
//! | [`device`] | scanners: ports, keyboards, HID-POS, standard input, and their discovery |
//! | [`feedback`] | signals: lights, sound, programs, the scanner's own beeper |
//! | [`sheet`] | the control sheet on paper |
//! | [`status`] | the status of the station, for people and programs |
//! | `web` | the page, figures and events |
//! | [`work`] | the workers, which join the edges: [`scans`](work::scans) and [`uplink`](work::uplink) |
//! | [`app`] | builds, joins, watches and stops everything |
//! | [`sandbox`] | a simulated service for the demonstration and the tests |
//! | [`demo`], [`doctor`], [`setup`] | the demonstration, the check from outside, the set-up |
//! | [`guide`] | the guide's pages, which the program prints |
//! | [`cli`] | the command line, on top of all |
//!
//! The edges (`store`, `api`, `device`, `feedback`) know the domain and the configuration, and not each other.
//!
//! # Invariants
//!
//! - Nothing is signalled as booked before its commit has returned from a disk that was set to be synchronous.
//! - Nothing is sent before the intent to send it is on the disk.
//! - After an answer that does not prove "not done", nothing is sent again before the service's own records were
//!   read in full, twice and a wait apart, without finding the operation's marker.
//! - Amounts and prices are decimals from the wire to the disk and back. No quantity passes through a float.
//! - Every queue, buffer, body and wait has a named limit.
//!
//! # Words
//!
//! The guide's page `words` has the terms that people see. These are the code's own.
//!
//! | word | what it means | where |
//! |---|---|---|
//! | frame | the bytes of one read, without terminator; never a guess at what is missing | [`domain::decode::framing`] |
//! | key decoder | turns key events into text for one keyboard layout | [`domain::decode::keymap`] |
//! | scanner memory | what the session remembers of one scanner: last code, pending quantity | [`domain::session`] |
//! | scanner binding | the mode and the storage that the configuration gives a scanner | [`domain::session`] |
//! | resolution | the answer of the goods table to a code: a good, a kit, several, none | [`domain::stock::resolution`] |
//! | operation | a document of ours, from the first scan to its end; people read "document" | [`domain::stock::operation`] |
//! | marker | the text by which an operation is found again on the service | [`domain::stock::operation`] |
//! | strategy | the way of posting: one call, or document and lines | [`domain::delivery`] |
//! | reconcile | to compare an operation whose answer was lost with the service's records | [`domain::delivery`] |
//! | clock trust | whether times may be posted: proven, declared or not | [`domain::clock_trust`] |
//! | link | the connection below the activities: permit, answer, back-off, health | [`work::uplink`] |
//! | activity | one thing that is done over the link: deliver, reconcile, read the goods | [`work::uplink`] |
//! | heartbeat | the sign of progress that the watchdog watches | [`work::heartbeat`] |
//! | parked | a scan without a good, kept until the good is known | [`store`] |
//! | copy | the local goods table; a *full reading* replaces it, a *reading of changes* updates it | [`store`] |
//! | checkpoint | SQLite's: pages of the log go into the database | [`store`] |
//! | refusal counts | how often each scanner's frames were refused, by reason | [`feedback`] |
//! | typing monitor | watches keyboards without taking them, to find scanners | [`device::evdev`] |
//! | set-up code detector | finds a set-up code in whatever a scanner sends, in any layout | [`setup`] |

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
