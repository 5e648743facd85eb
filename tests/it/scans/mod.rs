//! The way of one scan: what a code means, what is booked, what a person hears of it.

mod field;
mod heard;
mod kits;
mod labels;
mod people;
mod rules;
mod storages;
