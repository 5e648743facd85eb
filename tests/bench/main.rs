//! The benchmark table.

fn main() {}
