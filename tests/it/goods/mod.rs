//! The copy of the goods table, and codes that no good has.

mod copy;
mod create;
mod unknown;
