//! The workers. Each owns its state and meets the others in the store.
//!
//! [`scans`] takes in frames; [`uplink`] owns the connection to the service and does one thing on it at a time:
//! deliveries first ([`deliver`]; `form` decides the way in which new ones begin), then the facts that it needs of the
//! account ([`account`]), then the goods table ([`catalog`] and `full`) and the bills of materials ([`kits`]). One
//! request at a time needs no locks, keeps the order, and is all that the service's limit leaves room for. If the
//! service answers, only the thing that fails is put off (`blame`). For commands, [`verify`] compares afterwards and
//! [`create`] makes goods.

pub mod account;
mod agenda;
mod alarms;
mod blame;
pub mod catalog;
mod choose;
pub mod create;
pub mod dates;
pub mod deliver;
mod form;
mod full;
mod home;
pub mod kits;
pub mod labels;
mod loss;
mod movements;
mod page_size;
pub mod pulse;
mod records;
mod recover;
pub mod refusals;
mod remove;
pub mod rights;
pub mod save;
pub mod scans;
pub mod trust;
pub mod uplink;
pub mod verify;
mod words;

use crate::store;

/// The reasons that end a worker, and with it the process. The next start takes everything up again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store has ended.
    #[error(transparent)]
    StoreClosed(#[from] store::StoreClosed),
    /// The store cannot do what it must.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// This machine is not the one that the data folder belongs to, as hardware shows that appeared late.
    #[error("the data folder belongs to another machine")]
    Elsewhere,
    /// A delivery was asked for a step that it cannot take: a bug.
    #[error(transparent)]
    Delivery(#[from] crate::domain::delivery::IllegalTransition),
}
