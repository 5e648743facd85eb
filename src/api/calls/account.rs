//! Logging in, the user's locations, the people who work there, and the rights of the token.
//!
//! Source: <https://developer.alteg.io/en/b2b-v1/openapi>, operations `authorize_user` and `get_permission_list`, the
//! location's card, and the lists of locations and of team members.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::api::client::{Client, REDACTED};
use crate::api::{Error, Permit, lenient};
use crate::domain::ids::{LocationId, MasterId, StorageId};

/// The result of a login with the right password.
#[derive(Debug)]
pub enum Login {
    /// The user token, which does not expire.
    Token(SecretString),
    /// The account has a second factor: the service sent no token, and this program has no way to send the factor.
    NoTokenYet,
}

/// One of the user's locations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocationTitle {
    /// Its id.
    pub id: LocationId,
    /// Its name.
    pub title: String,
}

/// A person who works in the location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterRow {
    /// Their id, as documents name them (`master_id`).
    pub id: MasterId,
    /// Their name.
    pub name: String,
}

/// The time zone from the location's card.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LocationRow {
    /// IANA name of the time zone (`timezone_name`), the only form that includes daylight saving.
    pub zone_name: Option<String>,
    /// Offset in hours (`timezone`), as a number's text.
    pub zone_hours: Option<String>,
}

/// The rights of the token on stock; `None` where the server gives none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PermissionsRow {
    /// Storages it may see (`storages_ids`); empty if the server names none.
    pub storages: Vec<StorageId>,
    /// True if it is limited to those (`storages_limited_access`).
    pub is_limited: Option<bool>,
    /// True if it may create stock documents (`storages_create_transactions_access`).
    pub may_create: Option<bool>,
    /// True if it may remove lines and documents (`storages_delete_transactions_access`).
    pub may_delete: Option<bool>,
    /// The number of days back for which a document may be dated; -1 for any (`storages_create_last_days_count`).
    pub days_back: Option<i64>,
    /// Document types it may create (`storages_transactions_types`); empty if the server names none.
    pub types: Vec<i64>,
}

#[derive(Serialize)]
struct Credentials<'a> {
    login: &'a str,
    password: &'a str,
}

#[derive(Deserialize)]
struct LoginWire<'a> {
    #[serde(borrow)]
    user_token: Option<&'a RawValue>,
    #[serde(borrow)]
    uuid: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct LocationTitleWire<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    title: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct MasterWire<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    fired: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct LocationWire<'a> {
    #[serde(borrow)]
    timezone_name: Option<&'a RawValue>,
    #[serde(borrow)]
    timezone: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct PermissionTree<'a> {
    #[serde(borrow)]
    storages: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct PermissionsWire<'a> {
    #[serde(borrow, rename = "storages_ids")]
    ids: Option<&'a RawValue>,
    #[serde(borrow, rename = "storages_limited_access")]
    limited: Option<&'a RawValue>,
    #[serde(borrow, rename = "storages_create_transactions_access")]
    create: Option<&'a RawValue>,
    #[serde(borrow, rename = "storages_delete_transactions_access")]
    delete: Option<&'a RawValue>,
    #[serde(borrow, rename = "storages_create_last_days_count")]
    days_back: Option<&'a RawValue>,
    #[serde(borrow, rename = "storages_transactions_types")]
    types: Option<&'a RawValue>,
}

impl Client {
    /// Exchanges login and password for a user token (`POST /auth`), with the partner token alone.
    ///
    /// A status of 2xx is not yet a login: an answer with a `uuid` in place of a token asks for the second factor.
    ///
    /// # Errors
    /// Any of [`Error`]. No error contains the password.
    pub async fn log_in(
        &mut self,
        permit: Permit,
        login: &str,
        password: &SecretString,
    ) -> Result<Login, Error> {
        // Hidden before the request is sent: an error of the service may repeat its input.
        self.redact_from_answers(password);
        let body = Credentials { login, password: password.expose_secret() };
        let answer = self.post_as_partner(permit, "auth", &body).await?;
        let row: LoginWire<'_> = answer.one()?;
        match (lenient::text(row.user_token).filter(|token| !token.is_empty()), row.uuid) {
            // A very short password may occur inside the token, where it was replaced. Such a token is useless.
            (Some(token), _) if token.contains(REDACTED) => Err(answer.lacks("a whole user token")),
            (Some(token), _) => Ok(Login::Token(token.into())),
            (None, Some(_)) => Ok(Login::NoTokenYet),
            (None, None) => Err(answer.lacks("the user token")),
        }
    }

    /// Lists the user's locations, whatever location the client is for (`GET /companies?my=1`).
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn locations(&self, permit: Permit) -> Result<Vec<LocationTitle>, Error> {
        let answer = self.get(permit, "companies", &[("my", "1".to_owned())]).await?;
        let rows = answer.rows::<LocationTitleWire<'_>>()?.into_iter().flatten();
        let read = |row: LocationTitleWire<'_>| {
            let title = lenient::text(row.title).unwrap_or_default();
            Some(LocationTitle { id: LocationId(lenient::id(row.id)?), title })
        };
        Ok(rows.filter_map(read).collect())
    }

    /// Lists the people who work in the location (`GET /staff/{location_id}`), without those who have left.
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn masters(&self, permit: Permit) -> Result<Vec<MasterRow>, Error> {
        let answer = self.get(permit, &format!("staff/{}", self.location()), &[]).await?;
        let rows = answer.rows::<MasterWire<'_>>()?.into_iter().flatten();
        // Without the flag a person counts as working there.
        let works = |row: &MasterWire<'_>| lenient::flag(row.fired) != Some(true);
        let read = |row: MasterWire<'_>| {
            let name = lenient::text(row.name).unwrap_or_default();
            Some(MasterRow { id: MasterId(lenient::id(row.id)?), name })
        };
        Ok(rows.filter(works).filter_map(read).collect())
    }

    /// Reads the location's card (`GET /company/{location_id}`).
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn location_card(&self, permit: Permit) -> Result<LocationRow, Error> {
        let answer = self.get(permit, &format!("company/{}", self.location()), &[]).await?;
        let row: LocationWire<'_> = answer.one()?;
        let zone_name = lenient::text(row.timezone_name).filter(|name| !name.is_empty());
        Ok(LocationRow { zone_name, zone_hours: lenient::text(row.timezone) })
    }

    /// Reads the rights of the token on stock (`GET /user/permissions/{location_id}`).
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn permissions(&self, permit: Permit) -> Result<PermissionsRow, Error> {
        let answer = self.get(permit, &format!("user/permissions/{}", self.location()), &[]).await?;
        let tree: PermissionTree<'_> = answer.one()?;
        // An answer without readable rights on stock means that nothing is known, not that nothing is allowed.
        let Some(Ok(row)) = tree.storages.map(|raw| serde_json::from_str::<PermissionsWire<'_>>(raw.get()))
        else {
            return Ok(PermissionsRow::default());
        };
        let integers = |raw: Option<&RawValue>| -> Vec<i64> {
            let list = raw.map(lenient::list).unwrap_or_default();
            list.into_iter().filter_map(|raw| lenient::integer(Some(raw))).collect()
        };
        Ok(PermissionsRow {
            storages: integers(row.ids).into_iter().map(StorageId).collect(),
            is_limited: lenient::flag(row.limited),
            may_create: lenient::flag(row.create),
            may_delete: lenient::flag(row.delete),
            days_back: lenient::integer(row.days_back),
            types: integers(row.types),
        })
    }
}
