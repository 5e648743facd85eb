//! The facts about the account that the station needs: the location's time, its storages, and the rights of the token.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Span;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio::time::Instant;

use super::interrupted::{Interrupted, would_answer_the_same};
use super::link::Link;
use crate::api::{LocationRow, PermissionsRow, StorageRow};
use crate::config::BackDate;
use crate::domain::ids::OperationId;
use crate::domain::text::error_chain;
use crate::domain::time::UnixMillis;
use crate::store::{Cause, zone_of_text};
use crate::work::dates::{date_in, earliest_reading, timestamp};
use crate::work::rights::{booked_storages, missing_rights, missing_storages};

/// Name of the fact that keeps the number of days back for which the account takes documents; empty: any number.
const DAYS_BACK: &str = "days_back";

/// The most storages whose names are kept; a location has a handful.
const NAMED_STORAGES_MAX: usize = 256;

/// The interval between two checks of the age of the oldest unsent document.
const AGE_LOOK_EVERY: Duration = Duration::from_mins(30);

/// The interval between two comparisons of the account with the configuration.
const CHECK_EVERY: Duration = Duration::from_hours(6);

/// The facts that are known of the account.
#[derive(Debug)]
pub struct Account {
    zone: Option<TimeZone>,
    zone_is_configured: bool,
    /// True if the service gives no zone, and UTC serves for dates until it does.
    zone_is_assumed: bool,
    /// The number of days back that the token may date a document; `None`: any number, as far as is known.
    days_back: Option<u16>,
    /// The document of the last warning that a date will soon be too far back.
    warned_of: Option<OperationId>,
    next_age_look: Instant,
    steps: [Step; 3],
    next_check: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Storages,
    Permissions,
    Zone,
}

const STEPS: [Step; 3] = [Step::Storages, Step::Permissions, Step::Zone];

impl Account {
    /// Returns an account of which nothing is known but a configured time zone.
    pub fn new(configured: Option<TimeZone>) -> Self {
        Self {
            zone_is_configured: configured.is_some(),
            zone_is_assumed: false,
            zone: configured,
            days_back: None,
            warned_of: None,
            next_age_look: Instant::now(),
            steps: STEPS,
            next_check: None,
        }
    }

    /// Reads the facts that an earlier process stored.
    pub(super) async fn recall(&mut self, link: &Link) -> Result<(), Interrupted> {
        if self.zone.is_none() {
            self.zone = link.db(|db| db.zone()).await?;
        }
        let days_back = link.db(|db| db.fact(DAYS_BACK)).await?;
        self.days_back = days_back.and_then(|days| days.parse().ok());
        Ok(())
    }

    pub(super) fn zone(&self) -> Option<&TimeZone> {
        self.zone.as_ref()
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next_check.is_none_or(|next| next <= now)
    }

    /// Returns a document's date: the location's own time, with its offset.
    pub(super) fn date(&self, at: UnixMillis) -> String {
        date_in(self.zone.as_ref().unwrap_or(&TimeZone::UTC), at)
    }

    /// Returns the day of a time, as the location's calendar has it.
    fn day(&self, at: UnixMillis) -> Date {
        timestamp(at).to_zoned(self.zone.clone().unwrap_or(TimeZone::UTC)).date()
    }

    /// Returns the first day that a document may be dated `now`; `None` if any day may be.
    fn first_day(&self, now: UnixMillis) -> Option<Date> {
        self.day(now).checked_sub(Span::new().days(i64::from(self.days_back?))).ok()
    }

    /// Returns true if the account would refuse a document of this time for its date alone.
    fn is_too_old(&self, at: UnixMillis, now: UnixMillis) -> bool {
        self.first_day(now).is_some_and(|first| self.day(at) < first)
    }

    /// Returns true if today is the last day on which the account takes a document of this time.
    fn is_last_day(&self, at: UnixMillis, now: UnixMillis) -> bool {
        self.first_day(now).is_some_and(|first| self.day(at) == first && self.day(at) < self.day(now))
    }

    /// Returns the beginning of a reading in the service's format.
    pub(super) fn earliest_reading(&self, at: UnixMillis) -> String {
        // UTC that is only assumed does not show where the location lies.
        earliest_reading(at, self.zone.as_ref().filter(|_| !self.zone_is_assumed))
    }

    fn assume_utc(&mut self) {
        self.zone = Some(TimeZone::UTC);
        self.zone_is_assumed = true;
    }

    /// Reads the time zone from the location's card; nothing can be posted without one. If the service gives none, UTC
    /// serves: a date with its offset means the same moment.
    ///
    /// # Errors
    /// [`Interrupted`] if the service did not answer as it should, the agent stops, or the store has ended.
    pub async fn read_zone(&mut self, link: &mut Link) -> Result<(), Interrupted> {
        let permit = link.permit().await?;
        let answer = link.client.location_card(permit).await;
        let card = match link.take_answer(answer).await {
            Err(Interrupted::Api(error)) if would_answer_the_same(&error) => LocationRow::default(),
            card => card?,
        };
        let Some((name, zone)) = zone_of(&card) else {
            let what = "the service gives no time zone: UTC is used until station.time_zone is set";
            link.alarms.raise(Cause::Zone, what).await?;
            if self.zone.is_none() {
                self.assume_utc();
            }
            return Ok(());
        };
        tracing::info!(zone = name, "the location's time zone");
        link.alarms.end(Cause::Zone).await?;
        self.zone = Some(zone);
        self.zone_is_assumed = false;
        link.db(move |db| db.remember_zone(&name)).await?;
        Ok(())
    }

    /// Does one step of the comparison of the account with the configuration. A difference, or a fact that the service
    /// does not give, is reported and stops nothing: the service itself decides on each document.
    pub(super) async fn check(&mut self, link: &mut Link) -> Result<(), Interrupted> {
        let [step, ..] = self.steps;
        let checked = match step {
            Step::Storages => check_storages(link).await,
            Step::Permissions => self.check_permissions(link).await,
            Step::Zone if self.zone_is_configured => Ok(()),
            Step::Zone => self.read_zone(link).await,
        };
        match checked {
            Err(Interrupted::Api(error)) if would_answer_the_same(&error) => {
                tracing::warn!(error = %error_chain(&error), ?step, "the service does not return this part of the account");
            }
            checked => checked?,
        }
        // One request a turn: deliveries go in between.
        self.steps.rotate_left(1);
        if self.steps == STEPS {
            self.next_check = Some(Instant::now() + CHECK_EVERY);
        }
        Ok(())
    }

    async fn check_permissions(&mut self, link: &mut Link) -> Result<(), Interrupted> {
        let permissions = self.read_permissions(link).await?;
        compare_permissions(link, &permissions).await?;
        Ok(())
    }

    /// Reads the rights of the token, and remembers how far back it may date documents.
    async fn read_permissions(&mut self, link: &mut Link) -> Result<PermissionsRow, Interrupted> {
        let permit = link.permit().await?;
        let answer = link.client.permissions(permit).await;
        let permissions = link.take_answer(answer).await?;
        self.days_back = permissions.days_back.and_then(|days| u16::try_from(days).ok());
        let days = self.days_back.map(|days| days.to_string()).unwrap_or_default();
        link.db(move |db| db.remember(DAYS_BACK, &days)).await?;
        Ok(permissions)
    }

    /// Returns true if the account would refuse a document of this time for its date alone. The right may have been
    /// widened since it was read, so it is read again before anything is concluded from it.
    pub(super) async fn would_refuse_date_of(
        &mut self,
        link: &mut Link,
        at: UnixMillis,
    ) -> Result<bool, Interrupted> {
        let now = link.clock.wall();
        if !self.is_too_old(at, now) {
            return Ok(false);
        }
        // A person may have widened the right because of the alarm about it.
        self.read_permissions(link).await?;
        Ok(self.is_too_old(at, now))
    }

    /// Warns once for a document that today is the last day on which the account takes it with its date.
    pub(super) async fn warn_of_age(&mut self, link: &mut Link) -> Result<(), Interrupted> {
        if self.next_age_look > Instant::now() || !link.clocks.is_right() {
            return Ok(());
        }
        self.next_age_look = Instant::now() + AGE_LOOK_EVERY;
        let oldest = link.db(|db| db.oldest_unsent()).await?;
        if let Some(warned) = self.warned_of.filter(|id| oldest.is_none_or(|(oldest, _)| oldest != *id)) {
            self.warned_of = None;
            link.alarms.end(Cause::Age(warned)).await?;
        }
        let Some((id, scanned)) = oldest else { return Ok(()) };
        let now = link.clock.wall();
        if self.warned_of != Some(id) && self.is_last_day(scanned, now) {
            self.warned_of = Some(id);
            let day = self.day(scanned);
            let then = match link.config.station.back_date {
                BackDate::KeepDate => "it would then wait for a person",
                BackDate::Today => "it would then be dated on the day of its delivery",
            };
            let what = format!(
                "document {id} was scanned on {day}, and today is the last day the account takes it; {then}"
            );
            link.alarms.raise(Cause::Age(id), &what).await?;
        }
        Ok(())
    }
}

async fn check_storages(link: &mut Link) -> Result<(), Interrupted> {
    let permit = link.permit().await?;
    let answer = link.client.storages(permit).await;
    let storages = link.take_answer(answer).await?;
    compare_storages(link, &storages).await?;
    Ok(())
}

async fn compare_storages(link: &Link, known: &[StorageRow]) -> Result<(), Interrupted> {
    let booked = booked_storages(&link.config);
    for row in known.iter().filter(|row| booked.contains(&row.id)) {
        tracing::info!(storage = row.id.0, title = %row.title, "storage");
    }
    // Kits take from storages that the configuration does not name.
    let rows = known.iter().take(NAMED_STORAGES_MAX);
    let names: BTreeMap<_, _> = rows.map(|row| (row.id, row.title.clone())).collect();
    link.db(move |db| db.remember_storages(&names)).await?;
    lacks(link, Cause::Storages, &missing_storages(&link.config, known)).await
}

async fn compare_permissions(link: &Link, may: &PermissionsRow) -> Result<(), Interrupted> {
    lacks(link, Cause::Rights, &missing_rights(&link.config, may)).await?;
    if let Some(days) = may.days_back.filter(|days| *days >= 0) {
        tracing::warn!(days, "the token may date documents only this many days back");
    }
    if may.may_delete == Some(false) {
        tracing::warn!("the token may not remove documents: a late double would wait for a person");
    }
    Ok(())
}

/// Keeps one alarm for everything that the account lacks, until it lacks nothing.
async fn lacks(link: &Link, cause: Cause, missing: &[String]) -> Result<(), Interrupted> {
    if missing.is_empty() {
        link.alarms.end(cause).await
    } else {
        link.alarms.raise(cause, &missing.join("; ")).await
    }
}

/// Returns the zone by its name, or by its offset if the card has no name that is known.
fn zone_of(card: &LocationRow) -> Option<(String, TimeZone)> {
    let mut texts = card.zone_name.iter().chain(card.zone_hours.iter()).map(|text| text.trim());
    texts.find_map(|text| zone_of_text(text).map(|zone| (text.to_owned(), zone)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_has_the_offset_of_its_own_day() {
        let account = Account::new(zone_of_text("America/New_York"));
        assert_eq!(account.date(UnixMillis(1_767_225_600_000)), "2025-12-31T19:00:00-05:00");
        assert_eq!(account.date(UnixMillis(1_782_864_000_000)), "2026-06-30T20:00:00-04:00");
    }

    #[test]
    fn a_document_is_too_old_by_the_days_of_the_locations_calendar() {
        let mut account = Account::new(zone_of_text("America/New_York"));
        // 2026-01-02T04:00Z is still the first of January in New York.
        let (scanned, day_ms) = (UnixMillis(1_767_326_400_000), 86_400_000);
        assert!(!account.is_too_old(scanned, scanned.plus_ms(400 * day_ms)), "any date, as far as is known");
        account.days_back = Some(7);
        let (last, after) = (scanned.plus_ms(7 * day_ms), scanned.plus_ms(8 * day_ms));
        assert!(!account.is_too_old(scanned, last) && account.is_last_day(scanned, last));
        assert!(account.is_too_old(scanned, after) && !account.is_last_day(scanned, after));
        assert!(!account.is_last_day(scanned, scanned.plus_ms(6 * day_ms)));
        account.days_back = Some(0);
        assert!(account.is_too_old(scanned, scanned.plus_ms(3_600_001)), "midnight has passed");
        assert!(!account.is_last_day(scanned, scanned), "today is no surprise");
    }

    #[test]
    fn a_reading_begins_at_the_earlier_of_local_time_and_utc() {
        let west = Account::new(zone_of_text("America/New_York"));
        assert_eq!(west.earliest_reading(UnixMillis(1_767_225_600_000)), "2025-12-31T19:00:00");
        let east = Account::new(zone_of_text("Asia/Tbilisi"));
        assert_eq!(east.earliest_reading(UnixMillis(1_767_225_600_000)), "2026-01-01T00:00:00");
    }

    #[test]
    fn a_reading_begins_before_any_local_time_where_the_zone_is_not_known() {
        let mut account = Account::new(None);
        assert_eq!(account.earliest_reading(UnixMillis(1_767_225_600_000)), "2025-12-31T12:00:00");
        account.assume_utc();
        assert_eq!(account.earliest_reading(UnixMillis(1_767_225_600_000)), "2025-12-31T12:00:00");
    }

    #[test]
    fn the_zone_is_taken_by_name_and_else_by_hours() {
        let card = |name: Option<&str>, hours: Option<&str>| LocationRow {
            zone_name: name.map(str::to_owned),
            zone_hours: hours.map(str::to_owned),
        };
        let name = |card: &LocationRow| zone_of(card).map(|(name, _)| name);
        assert_eq!(name(&card(Some("Europe/Paris"), Some("1"))).as_deref(), Some("Europe/Paris"));
        assert_eq!(name(&card(Some("Nowhere/At All"), Some("-5"))).as_deref(), Some("-5"));
        assert_eq!(name(&card(None, None)), None);
    }
}
