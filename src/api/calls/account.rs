//! The location and what the token may do.
//!
//! Source: <https://developer.alteg.io/en/b2b-v1/openapi>, operation `get_permission_list` and the location's card.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::client::Client;
use crate::api::{Error, Permit, lenient};
use crate::domain::ids::StorageId;

/// What the location's card says of its time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LocationRow {
    /// IANA name of the time zone (`timezone_name`), the only form that knows of daylight saving.
    pub zone_name: Option<String>,
    /// Offset in hours (`timezone`), as a number's text.
    pub zone_hours: Option<String>,
}

/// What the token may do with stock. `None` where the server does not say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PermissionsRow {
    /// Storages it may see (`storages_ids`); empty if the server names none.
    pub storages: Vec<StorageId>,
    /// Whether it is limited to those (`storages_limited_access`).
    pub is_limited: Option<bool>,
    /// Whether it may create stock documents (`storages_create_transactions_access`).
    pub may_create: Option<bool>,
    /// Whether it may remove lines and documents (`storages_delete_transactions_access`).
    pub may_delete: Option<bool>,
    /// How many days back a document may be dated; -1 any (`storages_create_last_days_count`).
    pub days_back: Option<i64>,
    /// Document types it may create (`storages_transactions_types`); empty if the server names none.
    pub types: Vec<i64>,
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
    /// The location's card (`GET /company/{location_id}`).
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn location_card(&self, permit: Permit) -> Result<LocationRow, Error> {
        let answer = self.get(permit, &format!("company/{}", self.location()), &[]).await?;
        let row: LocationWire<'_> = answer.one()?;
        let zone_name = lenient::text(row.timezone_name).filter(|name| !name.is_empty());
        Ok(LocationRow { zone_name, zone_hours: lenient::text(row.timezone) })
    }

    /// What the token may do with stock (`GET /user/permissions/{location_id}`).
    ///
    /// # Errors
    /// Any of [`Error`].
    pub async fn permissions(&self, permit: Permit) -> Result<PermissionsRow, Error> {
        let answer = self.get(permit, &format!("user/permissions/{}", self.location()), &[]).await?;
        let tree: PermissionTree<'_> = answer.one()?;
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
