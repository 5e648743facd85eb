//! `stockpoint sheet`

use std::io::Write;
use std::path::Path;

use super::args::SheetFormat;
use super::{Error, data_if_any, say};
use crate::config::Config;
use crate::domain::ids::CardId;
use crate::sheet;

pub(super) fn sheet(out: &mut impl Write, config: &Path, format: SheetFormat) -> Result<(), Error> {
    match format {
        SheetFormat::Text => say(out, &sheet::text(&kits(config))),
    }
}

/// The kits that the station knows. The control codes are the same on every station and are printed without any;
/// so what keeps the kits from being read is said and no failure.
fn kits(config: &Path) -> Vec<CardId> {
    if !config.exists() {
        return Vec::new();
    }
    let cards = Config::load(config).map_err(Error::from).and_then(|config| {
        let cards = data_if_any(&config)?.map_or(Ok(Vec::new()), |db| db.cards())?;
        Ok(cards.into_iter().map(|(card, _title)| card).collect())
    });
    cards.unwrap_or_else(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, "the sheet is without kits");
        Vec::new()
    })
}
