//! stockpoint: a headless barcode station. Every confirmed scan is on disk before it is confirmed, and
//! reaches the location's stock books exactly once.

pub mod domain;
pub mod config;
pub mod sandbox;
