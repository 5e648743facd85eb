//! The command line and the whole program from outside.

mod contract;
mod doctor;
mod end_to_end;
mod grammar;
pub(crate) mod init;
mod log;
mod notify;
mod seal;
mod secrets;
pub(crate) mod sheet;
