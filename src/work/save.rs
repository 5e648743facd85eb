//! Writes a barcode into a good on the service, where every station reads it.
//!
//! The call replaces the whole good, so the good is read before, and all of its members that the service returns are
//! sent back. Members that it does not return are not sent: the name on receipts, weights, taxes. Another barcode is
//! overwritten only on request, and no barcode that another good has is written.

use crate::api::{self, GoodDetails, GoodToWrite, Outcome};
use crate::domain::ids::GoodId;
use crate::domain::stock::good::Good;
use crate::work::create::{self, Creator, is_same};

/// The decision about a barcode that the good has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It stays, and nothing is written.
    Kept,
    /// It is overwritten.
    Overwritten,
}

/// The reason why the barcode was not written, or why it is unknown whether it was written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service did not answer, or refused. Nothing was written.
    #[error(transparent)]
    Api(#[from] api::Error),
    /// The search for goods with this barcode failed. Nothing was written.
    #[error(transparent)]
    Search(#[from] create::Error),
    /// The service has no such good. Nothing was written.
    #[error("the service has no good {0}")]
    Gone(GoodId),
    /// Another good has the barcode. Nothing was written.
    #[error("good {0} has the barcode already")]
    Taken(GoodId),
    /// The good has another barcode. Nothing was written.
    #[error("good {good} has the barcode {barcode}")]
    Other {
        /// The good.
        good: GoodId,
        /// The barcode that it has.
        barcode: String,
    },
    /// The service does not return a member that it requires back. Nothing was written.
    #[error("the service does not give the {what} of good {good}, without which the good cannot be changed")]
    Untold {
        /// The good.
        good: GoodId,
        /// The missing member.
        what: &'static str,
    },
    /// The answer was lost, and the good does not have the barcode yet.
    #[error(
        "it is not known whether the barcode was written: the answer was lost, and the good does not have it yet"
    )]
    Lost(#[source] api::Error),
    /// The service keeps another barcode than the one sent.
    #[error("the service keeps another barcode for good {0} than the one sent")]
    NotKept(GoodId),
}

impl Error {
    /// Returns the action of a person that helps, if there is one.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Api(error) => return error.hint().map(str::to_owned),
            Self::Search(error) => return error.hint(),
            Self::Gone(_) | Self::Taken(_) => return None,
            Self::Other { .. } => "--overwrite replaces it",
            Self::Untold { .. } => "write the barcode in Altegio",
            Self::Lost(_) => "run the command again",
            Self::NotKept(_) => "correct the barcode in Altegio",
        };
        Some(hint.to_owned())
    }
}

impl Creator<'_> {
    /// Writes a barcode into a good. A barcode that the good has already is not written again.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn save(&mut self, good: GoodId, barcode: &str, standing: Standing) -> Result<Good, Error> {
        if let Some(other) = self.good_with(barcode).await?.filter(|other| other.id != good) {
            return Err(Error::Taken(other.id));
        }
        // The copy in the data folder may be old; what is replaced is read right before.
        let stands = self.read(good).await?;
        let held = &stands.good.barcode;
        if is_same(held, barcode) {
            return Ok(stands.good);
        }
        if !held.trim().is_empty() && standing == Standing::Kept {
            return Err(Error::Other { good, barcode: held.clone() });
        }
        let permit = self.budget.wait().await;
        let written =
            match self.client.replace_good(permit, good, &with_barcode(&stands, barcode)?, &[]).await {
                Ok(written) => written.good,
                // The answer was lost: the good itself shows whether the request was carried out.
                Err(error) if error.outcome() == Outcome::Unknown => {
                    let stands = self.read(good).await?;
                    if !is_same(&stands.good.barcode, barcode) {
                        return Err(Error::Lost(error));
                    }
                    stands.good
                }
                Err(error) => return Err(error.into()),
            };
        // The service may change what it stores, so its answer is compared.
        if is_same(&written.barcode, barcode) { Ok(written) } else { Err(Error::NotKept(good)) }
    }

    /// Reads a good as the service has it now.
    async fn read(&mut self, good: GoodId) -> Result<GoodDetails, Error> {
        let permit = self.budget.wait().await;
        self.client.good(permit, good).await?.ok_or(Error::Gone(good))
    }
}

/// Returns the good as the service has it, with another barcode.
fn with_barcode(stands: &GoodDetails, barcode: &str) -> Result<GoodToWrite, Error> {
    let good = stands.good.id;
    // The service refuses a replacement without these members.
    let untold = |what| Error::Untold { good, what };
    let category = stands.category.ok_or_else(|| untold("category"))?;
    let sale = stands.sale_unit.ok_or_else(|| untold("sale unit"))?;
    let service = stands.service_unit.ok_or_else(|| untold("unit of write-offs"))?;
    let mut written = GoodToWrite::new(&stands.good.title, category, sale, service);
    written.barcode = Some(barcode.to_owned());
    written.article = Some(stands.article.clone());
    written.cost = stands.cost;
    written.actual_cost = Some(stands.good.price);
    written.unit_equals = stands.unit_equals;
    written.critical_amount = stands.critical_amount;
    written.desired_amount = stands.desired_amount;
    written.comment = Some(stands.comment.clone());
    Ok(written)
}
