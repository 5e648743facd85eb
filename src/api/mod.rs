//! The service's API, version 1: a tolerant reader and a strict writer.
//!
//! Each fact about it stands where it matters, with how sure it is. Three things shape this module: the service does
//! not recognise a repeated request (it makes a second document of it), its answers vary in shape, and it counts
//! requests by address.
//!
//! [`Client`] makes calls, each against a [`Permit`] of the one [`Budget`]. Every error is classed at one place,
//! [`Error::outcome`].
//!
//! Invariant: no token, no URL and no body is in an error or a log line.

mod budget;
mod calls;
mod client;
mod envelope;
mod error;
mod lenient;
mod pace;
mod trust;
mod wire;

pub use budget::{Budget, Permit, seed};
pub use calls::{
    BaseUnit, CardItem, CardRow, CategoryContent, CategoryRow, CategoryToWrite, Consumable, Correction,
    DocumentRow, GoodDetails, GoodToWrite, GoodsFilter, GoodsPageAsk, LineDetails, LineToPost, LocationRow,
    LocationTitle, Login, MasterRow, Movement, MovementDetails, MovementFilter, Node, NodeRow,
    OperationToPost, PermissionsRow, PostedOperation, ServiceConsumables, StorageRow, Unlinked,
};
pub use client::{BuildError, Client, ServerDate};
pub use envelope::Body;
pub use error::{Error, Outcome};
pub use trust::Authorities;
