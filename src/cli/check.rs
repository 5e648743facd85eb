//! `stockpoint check`: the configuration in force, and the reasons for which `run` would not start.

use std::io::Write;
use std::path::Path;

use rustix::fs::Access;
use secrecy::SecretString;

use super::{Error, complain, say};
use crate::api::Client;
use crate::app;
use crate::config::Config;
use crate::config::secrets::Secrets;
use crate::store::{self, Db};

/// Prints the configuration in force, and every reason for which `run` would refuse to start.
pub(super) fn check(out: &mut impl Write, config: &Config) -> Result<(), Error> {
    say(out, &config.show())?;
    let refusals = refusals(config);
    refusals.iter().for_each(complain);
    if refusals.is_empty() { Ok(()) } else { Err(Error::reported_usage()) }
}

/// Returns the reasons for which `run` would refuse to start.
fn refusals(config: &Config) -> Vec<Error> {
    let mut refusals: Vec<Error> = Secrets::faults(&config.api).into_iter().map(Error::from).collect();
    // Whether a client can be built depends on the files of the configuration, not on the tokens.
    let token = SecretString::from("token");
    let client = Client::new(&config.api, config.station.location_id, &token, &token);
    refusals.extend(client.err().map(|error| app::Error::from(error).into()));
    refusals.extend(folder(&config.station.data_dir).err().map(Error::from));
    let store = Db::open_beside(&config.station.data_dir, &config.station.name);
    if let Err(error @ store::Error::NewerSchema { .. }) = store {
        refusals.push(app::Error::from(error).into());
    }
    refusals
}

/// Checks that the data folder can be used, or made.
fn folder(dir: &Path) -> Result<(), app::Error> {
    // `run` makes the missing folders, so the nearest existing one decides.
    let there = dir.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let access = if there.is_dir() {
        rustix::fs::access(there, Access::WRITE_OK | Access::EXEC_OK).map_err(std::io::Error::from)
    } else {
        Err(std::io::ErrorKind::NotADirectory.into())
    };
    access.map_err(|source| app::Error::Folder { path: dir.to_owned(), source })
}
