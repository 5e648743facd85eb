//! Decoding: from the bytes, keys and reports of a scanner to frames.
//!
//! It does not decide what a frame means: that is [`crate::domain::code`] and [`crate::domain::session`].

pub mod encoding;
pub mod framing;
pub mod hidpos;
pub mod keymap;
pub mod secret;
pub mod ssi;
pub mod typing;
