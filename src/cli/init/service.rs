//! The choices that the service offers. If it cannot be reached, or is not asked, ids are entered by hand.

use tokio::time::Instant;

use super::tokens::Tokens;
use crate::api;
use crate::api::Budget;
use crate::api::Client;
use crate::api::Outcome;
use crate::api::seed;
use crate::app;
use crate::cli::Error;
use crate::config::Api;
use crate::domain::ids::LocationId;
use crate::domain::text::error_chain;

/// A choice: its id and its name.
pub(super) type Choice = (i64, String);

/// The result of a request.
pub(super) enum Told<T> {
    /// The answer.
    This(T),
    /// No answer, for this reason.
    Not(String),
    /// The service refused the tokens, in these words.
    NotAllowed(String),
}

/// The service, used with the tokens of the future station.
pub(super) struct Service<'a> {
    api: &'a Api,
    tokens: &'a Tokens,
    budget: Budget,
    /// True if it is not asked. It could not be reached, and each further request would cost a time-out; or `init`
    /// works offline.
    is_away: bool,
}

impl<'a> Service<'a> {
    /// Returns the service; it is asked until it cannot be reached.
    pub(super) fn new(api: &'a Api, tokens: &'a Tokens) -> Self {
        Self { api, tokens, budget: Budget::new(90, 2, seed(), Instant::now()), is_away: false }
    }

    /// Returns the service as one that is not asked, because it cannot be reached or `init` works offline.
    pub(super) fn away(api: &'a Api, tokens: &'a Tokens) -> Self {
        Self { is_away: true, ..Self::new(api, tokens) }
    }

    /// Returns true if it is not asked any more.
    pub(super) fn is_away(&self) -> bool {
        self.is_away
    }

    /// Returns the locations of the user.
    pub(super) async fn locations(&mut self) -> Result<Told<Vec<Choice>>, Error> {
        // The call uses no location, so the id does not matter.
        let client = self.client(LocationId(1))?;
        let Some(permit) = self.permit().await else { return Ok(away()) };
        let told = client.locations(permit).await;
        Ok(self.told(told.map(|rows| rows.into_iter().map(|row| (row.id.0, row.title)).collect())))
    }

    /// Returns the storages of a location that the token may see.
    pub(super) async fn storages(&mut self, location: LocationId) -> Result<Told<Vec<Choice>>, Error> {
        let client = self.client(location)?;
        let Some(permit) = self.permit().await else { return Ok(away()) };
        let told = client.storages(permit).await;
        Ok(self.told(told.map(|rows| rows.into_iter().map(|row| (row.id.0, row.title)).collect())))
    }

    /// Returns the staff of a location.
    pub(super) async fn masters(&mut self, location: LocationId) -> Result<Told<Vec<Choice>>, Error> {
        let client = self.client(location)?;
        let Some(permit) = self.permit().await else { return Ok(away()) };
        let told = client.masters(permit).await;
        Ok(self.told(told.map(|rows| rows.into_iter().map(|row| (row.id.0, row.name)).collect())))
    }

    /// Returns the time zone of a location, by its IANA name; empty if the location has none.
    pub(super) async fn time_zone(&mut self, location: LocationId) -> Result<Told<String>, Error> {
        let client = self.client(location)?;
        let Some(permit) = self.permit().await else { return Ok(away()) };
        let told = client.location_card(permit).await;
        Ok(self.told(told.map(|card| card.zone_name.unwrap_or_default())))
    }

    fn client(&self, location: LocationId) -> Result<Client, Error> {
        let Tokens { partner, user } = self.tokens;
        Ok(Client::new(self.api, location, partner, user).map_err(app::Error::Client)?)
    }

    async fn permit(&mut self) -> Option<api::Permit> {
        if self.is_away { None } else { Some(self.budget.wait().await) }
    }

    /// Returns the result of a request, and notes a service that cannot be reached.
    fn told<T>(&mut self, answer: Result<T, api::Error>) -> Told<T> {
        match answer {
            Ok(value) => Told::This(value),
            Err(error) => match error.outcome() {
                // 401 means wrong tokens; any other refusal may concern this list alone.
                Outcome::NotAllowed { status: 401, words } => Told::NotAllowed(words),
                // The request did not reach the service.
                Outcome::NotDone => {
                    self.is_away = true;
                    Told::Not(error_chain(&error))
                }
                _ => Told::Not(error_chain(&error)),
            },
        }
    }
}

/// Returns the result of a request that was not made; it has no reason to print.
fn away<T>() -> Told<T> {
    Told::Not(String::new())
}
