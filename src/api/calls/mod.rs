//! The calls, each with the part of the answer that it reads. They cover everything that the service's pages on
//! products and inventory offer, which is more than the station itself uses.

mod account;
mod cards;
mod categories;
mod documents;
mod goods;
mod lines;
mod movements;
mod operation;

use serde::Deserialize;
use serde_json::value::RawValue;

pub use self::account::{LocationRow, LocationTitle, Login, MasterRow, PermissionsRow};
pub use self::cards::{CardItem, CardRow, Consumable, ServiceConsumables, Unlinked};
pub use self::categories::{CategoryContent, CategoryRow, CategoryToWrite, Node, NodeRow};
pub use self::documents::DocumentRow;
pub use self::goods::{BaseUnit, CorrectionRule, GoodDetails, GoodToWrite, GoodsFilter, GoodsPageRequest};
pub use self::lines::{LineDetails, LineIds, LineToPost};
pub use self::movements::{Movement, MovementDetails, MovementFilter, StorageRow};
pub use self::operation::{OperationToPost, PostedOperation};
use super::client::Answer;
use super::{Error, lenient};

impl Answer {
    /// Makes the error for an answer that lacks its subject.
    fn lacks(&self, what: &'static str) -> Error {
        Error::Incomplete { status: self.status, what }
    }

    /// Parses the member `data`; `None` if there is none.
    fn data(&self) -> Result<Option<&RawValue>, Error> {
        let Some(data) = self.data.clone().and_then(|place| self.body.get(place)) else { return Ok(None) };
        let data = serde_json::from_slice(data);
        data.map(Some).map_err(|source| Error::Unreadable { status: self.status, source })
    }

    /// Reads the one object of the answer.
    fn one<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Error> {
        let data = self.data()?.and_then(lenient::one).ok_or(self.lacks("the data"))?;
        serde_json::from_str(data.get()).map_err(|source| Error::Unreadable { status: self.status, source })
    }

    /// Reads the rows of a listing, with `None` for each that cannot be read. An answer without `data` is not an empty
    /// listing: nothing may be concluded from it.
    fn rows<'a, T: Deserialize<'a>>(&'a self) -> Result<Vec<Option<T>>, Error> {
        let Some(data) = self.data.clone().and_then(|place| self.body.get(place)) else {
            return Err(self.lacks("the data"));
        };
        // Anything but an array is no listing: read as an empty one, it could prove that a document is absent.
        if !data.starts_with(b"[") {
            return Err(self.lacks("a list"));
        }
        // Nearly always all rows can be read; reading each by itself would take longer.
        if let Ok(rows) = serde_json::from_slice::<Vec<T>>(data) {
            return Ok(rows.into_iter().map(Some).collect());
        }
        let rows: Vec<&RawValue> = serde_json::from_slice(data).unwrap_or_default();
        Ok(parsed(&rows))
    }
}

/// Turns a 404 into `None`: that something does not exist is an answer, not an error.
fn found(answer: Result<Answer, Error>) -> Result<Option<Answer>, Error> {
    match answer {
        Err(Error::Refused { status: 404, .. }) => Ok(None),
        answer => answer.map(Some),
    }
}

fn parsed<'a, T: Deserialize<'a>>(rows: &[&'a RawValue]) -> Vec<Option<T>> {
    rows.iter().map(|row| serde_json::from_str(row.get()).ok()).collect()
}
