//! The workers. Each owns its state and meets the others in the store.
//!
//! [`scans`] takes in frames; [`uplink`] owns the way to the service and does one thing on it at a time:
//! deliveries first ([`deliver`]; which way new ones begin, `form` knows), then what it must know of the account
//! ([`account`]), then the goods table ([`catalog`] and `full`) and the bills of materials ([`kits`]). One request at a time
//! needs no locks, keeps the order, and is all that the service's limit
//! leaves room for. What fails is put off alone if the service is there (`blame`). For commands, [`verify`] compares afterwards and [`create`] makes goods.

pub mod account;
mod agenda;
mod alarms;
mod blame;
pub mod catalog;
mod choose;
pub mod create;
pub mod deliver;
mod form;
mod full;
mod home;
pub mod kits;
pub mod labels;
mod loss;
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

/// What ends a worker, and with it the process. The next start takes everything up again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store has ended.
    #[error("go on without the store")]
    StoreClosed(#[from] store::StoreClosed),
    /// The store cannot do what it must.
    #[error("go on with the store as it is")]
    Store(#[from] store::Error),
    /// This is another machine than the one the data folder belongs to, as hardware shows that came late.
    #[error("go on with data of another machine")]
    Elsewhere,
    /// A delivery was asked to do what it cannot: a bug.
    #[error("go on with a delivery")]
    Delivery(#[from] crate::domain::delivery::IllegalTransition),
}
