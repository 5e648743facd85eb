//! A client of the service's API, version 1: it reads tolerantly and writes strictly.
//!
//! Each fact about the API stands in the code where it matters, with its source and how certain it is. Three of them
//! shape this module: the service does not recognise a repeated request (it creates a second document), its answers
//! vary in form, and it counts requests by address.
//!
//! [`Client`] makes calls, each against a [`Permit`] of the one [`Budget`]. [`Error::outcome`] is the only place that
//! classifies an error.
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
    BaseUnit, CardItem, CardRow, CategoryContent, CategoryRow, CategoryToWrite, Consumable, CorrectionRule,
    DocumentRow, GoodDetails, GoodToWrite, GoodsFilter, GoodsPageRequest, LineDetails, LineIds, LineToPost,
    LocationRow, LocationTitle, Login, MasterRow, Movement, MovementDetails, MovementFilter, Node, NodeRow,
    OperationToPost, PermissionsRow, PostedOperation, ServiceConsumables, StorageRow, Unlinked,
};
pub use client::{BuildError, Client, ServerDate};
pub use envelope::Body;
pub use error::{Error, Outcome};
pub use trust::Authorities;
