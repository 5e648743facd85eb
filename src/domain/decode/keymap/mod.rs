//! Keyboard scanners: what they type, from key events to frames.
//!
//! Promises: everything that a scanner types in its layout is read as the scanner meant it, at any speed; a key that
//! cannot be read, or was lost on the way, makes its code refused and never a shorter one. Pure: events come in with
//! their times, frames go out.

mod decoder;
mod layout;
mod marks;
mod stream;

pub mod trace;

#[cfg(test)]
mod tests;

pub use crate::domain::decode::keymap::layout::LAYOUTS;
pub use crate::domain::decode::keymap::layout::Layout;
pub use crate::domain::decode::keymap::layout::LayoutName;
pub use crate::domain::decode::keymap::layout::Level;
pub use crate::domain::decode::keymap::layout::Stroke;
pub use crate::domain::decode::keymap::marks::Mark;
pub use crate::domain::decode::keymap::marks::What;
pub use crate::domain::decode::keymap::marks::longest_wait_us;
pub use crate::domain::decode::keymap::marks::marks;
pub use crate::domain::decode::keymap::stream::EV_KEY;
pub use crate::domain::decode::keymap::stream::EV_SYN;
pub use crate::domain::decode::keymap::stream::InputEvent;
pub use crate::domain::decode::keymap::stream::KeyStream;
pub use crate::domain::decode::keymap::stream::SYN_DROPPED;
pub use crate::domain::decode::keymap::stream::SYN_REPORT;
