//! The goods table.

use crate::api::client::Client;
use crate::api::wire::GoodRow;
use crate::api::{Error, Permit};
use crate::domain::good::Good;

/// Rows of a page of goods. Working integrations ask for up to 100; more is not documented.
const GOODS_PER_PAGE: usize = 100;

impl Client {
    /// A page of the goods table, from 1 (`GET /goods/{location_id}`); with `changed_after`, of what changed
    /// since, in the location's time. Gives back the goods and how many rows there were, readable or not.
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn goods(
        &self,
        permit: Permit,
        page: u32,
        changed_after: Option<&str>,
    ) -> Result<(Vec<Good>, usize), Error> {
        let mut query = vec![("page", page.to_string()), ("count", GOODS_PER_PAGE.to_string())];
        query.extend(changed_after.map(|after| ("changed_after", after.to_owned())));
        let answer = self.get(permit, &format!("goods/{}", self.location()), &query).await?;
        let rows = answer.rows::<GoodRow<'_>>()?;
        let count = rows.len();
        Ok((rows.into_iter().flatten().filter_map(|row| row.good()).collect(), count))
    }
}
