//! HID-POS scanners: from the reports of the bar code scanner page (USB-IF, "HID Point of Sale Usage Tables" 1.02,
//! usage page 0x8C) to frames.
//!
//! Promises: the place of the code in a report comes from the scanner's own report descriptor; nothing is assumed about
//! a maker. A code that comes in several reports is put together, and is passed on only if all of them came. After a
//! report of a wrong size, reports that were dropped, a pause or a lost device the code is refused whole, once, and
//! what may be the rest of it is refused as well. Pure: reports come in with their times, frames go out.

mod descriptor;
mod stream;

pub mod trace;

#[cfg(test)]
mod tests;

pub use crate::domain::decode::hidpos::descriptor::DESCRIPTOR_BYTES_MAX;
pub use crate::domain::decode::hidpos::descriptor::Layout;
pub use crate::domain::decode::hidpos::descriptor::Piece;
pub use crate::domain::decode::hidpos::descriptor::Reading;
pub use crate::domain::decode::hidpos::descriptor::Unfit;
pub use crate::domain::decode::hidpos::stream::PosStream;
