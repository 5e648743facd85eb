//! The strategy with which a new delivery begins: as configured, or line by line if the account evidently refuses the
//! one call.
//!
//! Two operations are evidence if each was refused in one call and then stood whole, line by line, and the second was
//! refused after the first stood: a time in which everything is refused shows nothing. The evidence is remembered over
//! a restart. The one call is tried again after a day, and at once when its configuration changes: the account may
//! accept it by then, and one call is one request instead of many.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::interrupted::Interrupted;
use super::link::Link;
use crate::config::Config;
use crate::domain::delivery::Strategy;
use crate::domain::ids::OperationId;
use crate::domain::time::UnixMillis;

/// Name of the fact that keeps the time at which the one call was last refused, and its configuration.
const REFUSED: &str = "one_call_refused";

/// The time for which the one call is not tried again, in ms.
const REST_MS: i64 = 24 * 60 * 60 * 1000;

/// The most operations whose refusal in one call is remembered until they stand; an account that refuses more at once
/// is soon recognised by the others.
const REFUSALS_MAX: usize = 1000;

/// The words in the trail for an operation by which the account showed that it refuses the one call.
pub(super) const EVIDENT: &str =
    "the account evidently refuses a document with its lines in one call: new ones go line by line for a day";

/// The evidence about the strategies that the account accepts.
#[derive(Debug, Default)]
pub(super) struct StrategyChoice {
    refused: Option<UnixMillis>,
    /// The time at which the one call was refused, for each operation that does not stand yet.
    refusals: BTreeMap<OperationId, Instant>,
    /// The time at which the first operation stood that had been refused in one call.
    shown: Option<Instant>,
}

impl StrategyChoice {
    /// Reads the evidence that an earlier process stored.
    pub(super) async fn recall(link: &Link) -> Result<Self, Interrupted> {
        let fact = link.db(|db| db.fact(REFUSED)).await?;
        Ok(fact.map(|fact| Self::read(&fact, &link.config)).unwrap_or_default())
    }

    fn read(fact: &str, config: &Config) -> Self {
        let refused = fact.split_once(' ').filter(|(_, of)| *of == shape(config));
        Self { refused: refused.and_then(|(at, _)| at.parse().ok()).map(UnixMillis), ..Self::default() }
    }

    /// Notes that the service refused an operation in one call.
    pub(super) fn refused(&mut self, id: OperationId) {
        if self.refusals.len() >= REFUSALS_MAX {
            self.refusals.pop_first();
        }
        self.refusals.insert(id, Instant::now());
    }

    /// Notes that an operation that was refused in one call stands whole, line by line. Returns true if that is
    /// evidence, together with what was shown before.
    pub(super) fn is_evident_with(&mut self, id: OperationId) -> bool {
        let refused = self.refusals.remove(&id);
        match (self.shown, refused) {
            (Some(shown), Some(refused)) if refused > shown => true,
            (Some(_), _) => false,
            (None, _) => {
                self.shown = Some(Instant::now());
                false
            }
        }
    }

    /// Notes that the service accepted an operation in one call.
    pub(super) fn taken(&mut self) {
        self.shown = None;
    }

    /// Returns the strategy with which a delivery begins now.
    pub(super) fn first(&self, link: &Link) -> Strategy {
        self.choose(link.config.api.strategy, link.clock.wall())
    }

    /// Remembers that the account refuses the one call, not only one operation in it.
    pub(super) async fn remember_refusal(&mut self, link: &Link) -> Result<(), Interrupted> {
        let now = link.clock.wall();
        tracing::warn!(
            "{EVIDENT}; set api.strategy, or api.lines_key if the account has another name for them"
        );
        *self = Self { refused: Some(now), ..Self::default() };
        let fact = format!("{} {}", now.0, shape(&link.config));
        link.db(move |db| db.remember(REFUSED, &fact)).await
    }

    fn choose(&self, configured: Strategy, now: UnixMillis) -> Strategy {
        // A clock that was set back may show a time before the refusal.
        let rests = |refused: UnixMillis| (0..REST_MS).contains(&now.0.saturating_sub(refused.0));
        match configured {
            Strategy::OneCall if !self.refused.is_some_and(rests) => Strategy::OneCall,
            Strategy::OneCall | Strategy::LineByLine | Strategy::AfterRefusal => Strategy::LineByLine,
        }
    }
}

/// Returns the shape of the one call, as far as it is configured.
fn shape(config: &Config) -> String {
    let master = config.station.master_id.map(|master| master.to_string()).unwrap_or_default();
    format!("{} {} {:?} {master}", config.api.base_url, config.station.location_id, config.api.lines_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

    fn config(api: &str) -> Config {
        let station = "[station]\nname = \"a\"\nlocation_id = 4564\nstorage_id = 1\nmaster_id = 7\n";
        Config::parse(&format!("{station}[api]\n{api}\n"), "test.toml").unwrap()
    }

    #[test]
    fn a_refused_strategy_rests_for_a_day_and_no_longer() {
        let choice = StrategyChoice { refused: Some(NOW), ..StrategyChoice::default() };
        for (after_ms, strategy) in [
            (0, Strategy::LineByLine),
            (REST_MS - 1, Strategy::LineByLine),
            (REST_MS, Strategy::OneCall),
            (-1, Strategy::OneCall),
        ] {
            assert_eq!(choice.choose(Strategy::OneCall, NOW.plus_ms(after_ms)), strategy, "{after_ms}");
            assert_eq!(choice.choose(Strategy::LineByLine, NOW.plus_ms(after_ms)), Strategy::LineByLine);
        }
        assert_eq!(StrategyChoice::default().choose(Strategy::OneCall, NOW), Strategy::OneCall);
        assert_eq!(StrategyChoice::default().choose(Strategy::LineByLine, NOW), Strategy::LineByLine);
    }

    #[tokio::test(start_paused = true)]
    async fn two_operations_are_evidence_if_the_second_was_refused_after_the_first_stood() {
        let pass = || tokio::time::advance(std::time::Duration::from_secs(1));
        let (one, two, three) = (OperationId(1), OperationId(2), OperationId(3));
        let mut choice = StrategyChoice::default();
        // Everything is refused for a while.
        choice.refused(one);
        choice.refused(two);
        pass().await;
        assert!(!choice.is_evident_with(one));
        pass().await;
        assert!(!choice.is_evident_with(two), "it was refused in the same time");
        choice.refused(three);
        assert!(choice.is_evident_with(three));
        let mut choice = StrategyChoice::default();
        choice.refused(one);
        assert!(!choice.is_evident_with(one));
        choice.taken();
        pass().await;
        choice.refused(two);
        assert!(!choice.is_evident_with(two), "one call was taken in between");
    }

    #[test]
    fn what_was_learned_of_another_call_is_forgotten() {
        let fact = format!("{} {}", NOW.0, shape(&config("")));
        assert_eq!(StrategyChoice::read(&fact, &config("")).refused, Some(NOW));
        assert_eq!(StrategyChoice::read(&fact, &config("lines_key = \"transactions\"")).refused, None);
        assert_eq!(StrategyChoice::read(&fact, &config("base_url = \"https://example.org/\"")).refused, None);
        assert_eq!(StrategyChoice::read("nonsense", &config("")).refused, None);
    }
}
