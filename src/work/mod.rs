//! The workers. Each owns its state and meets the others in the store.
//!
//! [`scans`] takes in frames; [`uplink`] owns the connection to the service. For commands, [`verify`] compares
//! afterwards and [`create`] makes goods.

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
