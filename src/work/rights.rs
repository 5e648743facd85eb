//! The storages and rights that the configuration requires and the account lacks, in words for a person.

use crate::api::{PermissionsRow, StorageRow};
use crate::config::Config;
use crate::domain::ids::StorageId;
use crate::domain::stock::mode::{Kind, Mode};

/// Returns the storages of the configuration that are not at the location.
pub fn missing_storages(config: &Config, known: &[StorageRow]) -> Vec<String> {
    let missing = booked_storages(config).into_iter().filter(|id| known.iter().all(|row| row.id != *id));
    let known: Vec<String> = known.iter().map(|row| format!("{} ({})", row.id, row.title)).collect();
    let known = known.join(", ");
    missing
        .map(|id| format!("storage {id} of the configuration is not at this location; it has {known}"))
        .collect()
}

/// Returns the rights that the token lacks for the configuration. A right that the service does not report counts as
/// given.
pub fn missing_rights(config: &Config, may: &PermissionsRow) -> Vec<String> {
    let mut missing = Vec::new();
    if may.may_create == Some(false) {
        let words = "the token may not create stock documents (storages_create_transactions_access)";
        missing.push(words.to_owned());
    }
    if may.is_limited == Some(true) {
        let closed = booked_storages(config).into_iter().filter(|id| !may.storages.contains(id));
        missing.extend(closed.map(|id| format!("the token may not use storage {id}")));
    }
    for kind in booked_kinds(config) {
        let type_id = match kind {
            Kind::Receipt => 3,
            Kind::WriteOff => 4,
        };
        // An empty list means that the service reports no types.
        if !may.types.is_empty() && !may.types.contains(&type_id) {
            missing.push(format!("the token may not create documents of type {type_id} ({kind})"));
        }
    }
    missing
}

/// Returns the storages that a scanner books or a control code may choose.
pub fn booked_storages(config: &Config) -> Vec<StorageId> {
    let mut storages: Vec<StorageId> = config.storages().into_iter().map(|storage| storage.id).collect();
    storages.sort_unstable();
    storages
}

/// Returns the kinds that a scanner books before any mode code.
fn booked_kinds(config: &Config) -> Vec<Kind> {
    let own = config.scanners.iter().filter_map(|scanner| scanner.mode);
    let mut kinds: Vec<Kind> = own.chain([config.station.mode]).filter_map(Mode::kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}
