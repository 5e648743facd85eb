//! Codes: the meaning of a frame's text as a product's code or as a command, before anything is looked up.

mod add_on;
pub mod barcode;
pub mod calibration;
pub mod control;
pub mod gs1;
pub mod gtin;
pub mod measure;
pub mod pack;
pub mod rule;
pub mod seal;
pub mod symbology;
pub mod variable;
