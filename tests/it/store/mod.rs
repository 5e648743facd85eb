//! The files: versions, faults, cuts, owners, copies.

mod crash_sweep;
mod home;
mod migrations;
mod modes;
mod owner;
mod step_back;
mod store_faults;
