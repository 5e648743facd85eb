//! The pure core: the meaning of a code, the effect of a scan, the progress of a delivery.
//!
//! Invariant: nothing here reads a clock, a file, a socket or the environment, holds a channel or starts a thread. Time
//! and every outside answer come in as arguments; actions go out as values.

pub mod ids;
pub mod quantity;
pub mod time;

pub mod encoding;
pub mod framing;
pub mod hidpos;
pub mod keymap;
pub mod ssi;
pub mod typing;

mod add_on;
pub mod aim;
pub mod barcode;
pub mod gs1;
pub mod gtin;
pub mod symbology;
pub mod variable;

pub mod calibrate;
pub mod control;
pub mod mode;
pub mod rule;
pub mod seal;
pub mod secret;

pub mod good;
pub mod kit;
pub mod pack;
pub mod signal;

pub mod advice;
pub mod operation;
pub mod session;

pub mod delivery;
pub mod home;

pub mod listing;
pub mod mark;

pub mod count;
pub mod printable;
