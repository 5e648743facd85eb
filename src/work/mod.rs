//! The workers. Each owns its state; they share data only through the store.
//!
//! [`scans`] takes in frames; [`uplink`] owns the connection to the service. For commands, [`verify`] compares posted
//! documents, [`create`] makes goods and [`save`] writes barcodes into them.

pub mod create;
pub mod dates;
pub mod heartbeat;
pub mod labels;
mod movements;
pub mod refusals;
pub mod rights;
pub mod save;
pub mod scans;
pub mod uplink;
pub mod verify;
mod words;

use crate::store;

/// The reason why a worker ended, and with it the process. The next start continues all unfinished work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store has ended.
    #[error(transparent)]
    StoreClosed(#[from] store::StoreClosed),
    /// The store cannot read or write the data.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// This machine is not the one that the data folder belongs to, as hardware shows that appeared late.
    #[error("the data folder belongs to another machine")]
    Elsewhere,
    /// A delivery was given a step that its state does not allow: a bug.
    #[error(transparent)]
    Delivery(#[from] crate::domain::delivery::IllegalTransition),
}
