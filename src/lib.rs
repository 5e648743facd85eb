//! stockpoint: a headless barcode station. Every confirmed scan is on disk before it is confirmed, and
//! reaches the location's stock books exactly once.

pub mod domain;

pub mod clock;

pub mod config;

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

pub mod cli;
