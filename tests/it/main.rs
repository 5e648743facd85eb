//! All integration tests, in one binary.

#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, in its helpers too"
)]

mod activities;
mod answers;
mod architecture;
mod calibrate;
mod circles;
mod cli;
mod contract;
mod contract_api;
mod correct;
mod cost;
mod crash_sweep;
mod create;
mod delivery_model;
mod devices;
mod doctor;
mod end_to_end;
mod errors;
mod field;
mod goods;
mod guide;
mod heard;
mod hidpos;
mod home;
mod init;
mod kernel;
mod keyboards;
mod kits;
mod labels;
mod layouts;
mod log;
mod migrations;
mod modes;
mod monitoring;
mod movements;
mod notify;
mod openapi;
mod owner;
mod people;
mod politeness;
mod program;
mod pty;
mod queue;
mod quirks;
mod reasons;
mod repository;
mod revoke;
mod rules;
mod sandbox;
mod seal;
mod secrets;
mod sheet;
mod site;
mod station;
mod step_back;
mod storages;
mod store_faults;
mod strategies;
mod time;
mod tls;
mod units;
mod unknown;
mod verdict;
