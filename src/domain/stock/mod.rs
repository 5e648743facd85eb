//! Stock: goods, kits, quantities, and the operations that change what is on the shelves.

pub mod good;
pub mod kit;
pub mod mode;
pub mod operation;
pub mod quantity;
pub mod resolution;
