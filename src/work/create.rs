//! Makes a good on the service for a code that no good has.
//!
//! The service accepts a second good with the same barcode without an error. So its table is searched for exactly this
//! barcode before a good is made, and again after a lost answer; the request itself is never repeated.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::sleep;

use crate::api::{self, Budget, CategoryRow, Client, GoodToWrite, GoodsFilter, Outcome};
use crate::domain::code::barcode::{Barcode, Key, keys_of_good};
use crate::domain::ids::{CategoryId, GoodId, UnitId};
use crate::domain::listing::{Fault, Reading, Step};
use crate::domain::stock::good::Good;

/// The most requests for goods that resemble a code: ten thousand goods, each listed twice. An incomplete search proves
/// nothing, because any good that it left out could have the barcode.
const REQUESTS_MAX: u32 = 200;

/// The number of searches for a good after a lost answer, a wait apart: the good may appear late.
const LOOKS: u32 = 2;

/// The number of units shown to choose from.
const UNITS_MAX: usize = 20;

/// The result of making a good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// The good was made.
    New(Good),
    /// A good with this barcode existed already; none was made.
    Found(Good),
}

/// The reason why no good was made, or why it is unknown whether one was made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service did not answer, or refused. Nothing was made.
    #[error(transparent)]
    Api(#[from] api::Error),
    /// The answer was lost, and no good with this barcode has shown up since.
    #[error(
        "it is not known whether the good was made: the answer was lost, and the service lists no such good yet"
    )]
    Lost(#[source] api::Error),
    /// Several goods have this barcode: a program cannot choose between them.
    #[error("goods {0} and {1} both have this barcode")]
    Several(GoodId, GoodId),
    /// More goods resemble the code than are searched. Nothing was made.
    #[error("too many goods resemble the code: the service cannot be searched for it")]
    TooMany,
    /// The service's listing proves nothing: it repeats pages, or goods come and go all the time. Nothing was made.
    #[error("the goods that resemble the code cannot be listed")]
    Listing(#[from] Fault),
    /// The good was made, and the service keeps another barcode for it than was sent. A second request would make
    /// another good.
    #[error("good {0} was made, and the service keeps another barcode for it")]
    OtherBarcode(GoodId),
}

impl Error {
    /// Returns the action of a person that helps, if there is one.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Api(error) => return error.hint().map(str::to_owned),
            Self::Lost(_) => "run the command again: it looks for the good first",
            Self::Several(..) => "correct one of the barcodes in Altegio",
            Self::TooMany => "make the good in Altegio",
            Self::Listing(_) => "run the command again",
            Self::OtherBarcode(good) => {
                return Some(format!(
                    "correct the barcode in Altegio, or give the good the code with `stockpoint goods sync` and \
                     `stockpoint unknown assign CODE {good}`"
                ));
            }
        };
        Some(hint.to_owned())
    }
}

/// The maker of goods on the service, and the writer of their barcodes.
#[derive(Debug)]
pub struct Creator<'a> {
    /// The connection to the service.
    pub client: &'a Client,
    /// The budget of its requests.
    pub budget: Budget,
    /// The wait before each search for a good whose answer was lost.
    pub wait: Duration,
}

/// Returns the barcode that a good gets for a scanned code: the item's number if the code carries more than that, such
/// as a lot; else the code as it is. Eight digits of a UPC-E or EAN-8 symbol become all digits of that number, because
/// the eight digits alone could be either.
pub fn barcode_for(code: &Barcode) -> String {
    let name = code.name();
    if code.item.is_some() || name == code.text {
        return name;
    }
    match code.tiers.first().map(Vec::as_slice) {
        Some([Key::Gtin(gtin)]) => {
            let digits = gtin.as_str();
            // A GTIN has 14 digits here: an EAN-13 stands behind one zero, a UPC-A behind two.
            let short = digits.strip_prefix("00").or_else(|| digits.strip_prefix('0'));
            short.unwrap_or(digits).to_owned()
        }
        _ => code.text.clone(),
    }
}

impl Creator<'_> {
    /// Makes a good, or finds the one that has its barcode.
    ///
    /// # Errors
    /// [`Error`]. After all of them but [`Error::OtherBarcode`], the next call finds what this one made.
    pub async fn make(&mut self, good: &GoodToWrite) -> Result<Made, Error> {
        let barcode = good.barcode.as_deref().unwrap_or_default();
        if let Some(found) = self.good_with(barcode).await? {
            return Ok(Made::Found(found));
        }
        let permit = self.budget.wait().await;
        match self.client.create_good(permit, good).await {
            Ok(made) if is_same(&made.good.barcode, barcode) => Ok(Made::New(made.good)),
            // The next scan would not find the good, and the next run of the command would make a second one.
            Ok(made) => Err(Error::OtherBarcode(made.good.id)),
            // The request may have been carried out: only the service's table shows whether it was.
            Err(error) if error.outcome() == Outcome::Unknown => self.look_for(barcode, error).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Searches the service's own table for the good that has exactly this barcode.
    ///
    /// # Errors
    /// [`Error::Api`], [`Error::Several`] or [`Error::TooMany`].
    pub async fn good_with(&mut self, barcode: &str) -> Result<Option<Good>, Error> {
        let filter = GoodsFilter { term: Some(barcode), ..GoodsFilter::default() };
        let (mut reading, mut found) = (Reading::default(), BTreeMap::new());
        for _ in 0..REQUESTS_MAX {
            let permit = self.budget.wait().await;
            let (goods, rows) = self.client.list_goods(permit, reading.page(), &filter).await?;
            let keys: Vec<GoodId> = goods.iter().map(|row| row.good.id).collect();
            let same = goods.into_iter().map(|row| row.good).filter(|good| is_same(&good.barcode, barcode));
            // The service's search is fuzzy: a good that it finds need not have this barcode.
            found.extend(same.map(|good| (good.id, good)));
            if reading.take(rows, &keys)? == Step::Complete {
                // A good that only an unfinished pass has found may be gone.
                found.retain(|id, _| reading.keys().contains(id));
                return one_of(found);
            }
        }
        Err(Error::TooMany)
    }

    /// Lists the categories directly below one, or at the root.
    ///
    /// # Errors
    /// [`Error::Api`].
    pub async fn categories(&mut self, parent: Option<CategoryId>) -> Result<Vec<CategoryRow>, Error> {
        let permit = self.budget.wait().await;
        Ok(self.client.categories_below(permit, parent).await?)
    }

    /// Lists units in use, the sale unit of the first good first. The service has no listing of units, so they are read
    /// from a page of goods; there may be more.
    ///
    /// # Errors
    /// [`Error::Api`].
    pub async fn units(&mut self) -> Result<Vec<(UnitId, String)>, Error> {
        let permit = self.budget.wait().await;
        let (goods, _rows) = self.client.list_goods(permit, 1, &GoodsFilter::default()).await?;
        let mut units: Vec<(UnitId, String)> = Vec::new();
        for row in goods {
            for (id, title) in [(row.sale_unit, row.good.unit), (row.service_unit, row.service_unit_title)] {
                let Some(id) = id else { continue };
                if units.len() < UNITS_MAX && units.iter().all(|(known, _)| *known != id) {
                    units.push((id, title));
                }
            }
        }
        Ok(units)
    }

    /// Searches for a good after the answer to its making was lost.
    async fn look_for(&mut self, barcode: &str, lost: api::Error) -> Result<Made, Error> {
        for _ in 0..LOOKS {
            sleep(self.wait).await;
            match self.good_with(barcode).await {
                Ok(Some(good)) => return Ok(Made::New(good)),
                // A listing that changed meanwhile proves nothing, so the next search decides.
                Ok(None) | Err(Error::Listing(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Lost(lost))
    }
}

/// Returns the only good of several, if there is one.
fn one_of(found: BTreeMap<GoodId, Good>) -> Result<Option<Good>, Error> {
    let mut found = found.into_values();
    match (found.next(), found.next()) {
        (Some(one), Some(other)) => Err(Error::Several(one.id, other.id)),
        (one, _) => Ok(one),
    }
}

/// Returns true if two barcodes are the same, however their digits are spelled.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    let keys = keys_of_good(other);
    keys_of_good(one).iter().any(|key| keys.contains(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_says_more_than_the_item_gives_the_item() {
        let cases = [
            ("4006381333931", "4006381333931"),
            ("036000291452", "036000291452"),
            ("SHELF-12A", "SHELF-12A"),
            ("007", "007"),
            ("]d2010400638133393110LOT7", "4006381333931"),
            ("]C10114006381333938", "14006381333938"),
            ("]E001234558", "012345000058"),
            ("]E401234558", "000001234558"),
            ("01234558", "01234558"),
        ];
        for (code, barcode) in cases {
            assert_eq!(barcode_for(&Barcode::read(code)), barcode, "{code}");
        }
    }

    #[test]
    fn barcodes_are_compared_as_items_or_as_text() {
        assert!(is_same("036000291452", "0036000291452"));
        assert!(!is_same("007", "7"));
        assert!(!is_same("", ""));
    }
}
