//! `stockpoint goods`: the copy of the goods table, and the goods in it.

mod create;

use std::io::Write;

use serde_json::{Value, json};

use super::args::GoodsCommand;
use super::sync::sync;
use super::values::OutputFormat;
use super::{Error, data, data_if_any, say};
use crate::cli::goods::create::create;
use crate::cli::station::location_of;
use crate::cli::station::plain_conventions;
use crate::config::Config;
use crate::domain::ids::StorageId;
use crate::domain::printable::printable;
use crate::domain::session::Heard;
use crate::domain::stock::good::Good;
use crate::domain::stock::kit::Part;
use crate::domain::stock::resolution::Resolution;
use crate::domain::time::UnixMillis;
use crate::status::{Location, rfc3339};
use crate::store::{Db, GoodsFigures};

pub(super) fn goods(out: &mut impl Write, config: Config, command: &GoodsCommand) -> Result<(), Error> {
    match command {
        GoodsCommand::Sync => sync(out, config),
        GoodsCommand::Create(wish) => create(out, &config, wish),
        GoodsCommand::Find { code, output } => find(out, &config, code, *output),
        GoodsCommand::Stats { output } => stats(out, &config, *output),
    }
}

/// Looks a code up. The exit code is 0 if a scan of it would be booked, else 1.
fn find(out: &mut impl Write, config: &Config, code: &str, output: OutputFormat) -> Result<(), Error> {
    let db = data(config)?;
    let location = location_of(config, &db)?;
    let resolution = match plain_conventions(config).understand(code) {
        Heard::Kit(card) => db.kit(card)?,
        Heard::Product(barcode) => db.resolve(&barcode)?,
        // None of these would be booked, so none is looked up.
        Heard::Control(_) | Heard::MalformedControl | Heard::Repeat | Heard::Bad(_) | Heard::AddOn => {
            Resolution::Unknown
        }
    };
    let text = match output {
        OutputFormat::Json => format!("{}\n", as_json(&resolution)),
        OutputFormat::Text => as_text(&location, &resolution),
    };
    say(out, &text)?;
    match resolution {
        Resolution::Found(_) | Resolution::Pack(_) | Resolution::Kit(_) => Ok(()),
        // The text above is the answer, so the error only sets the exit code.
        Resolution::Unknown | Resolution::Ambiguous | Resolution::Unusable => Err(Error::reported_failure()),
    }
}

fn as_text(location: &Location, resolution: &Resolution) -> String {
    match resolution {
        Resolution::Found(good) => found(good),
        Resolution::Pack(packed) => format!("a pack of {} of\n{}", packed.factor, found(&packed.good)),
        Resolution::Unknown => "no good has this code\n".to_owned(),
        Resolution::Ambiguous => "several goods have this code; it is booked to none of them\n".to_owned(),
        Resolution::Kit(kit) => kit.parts.iter().map(|part| material(location, part)).collect(),
        Resolution::Unusable => "a material of this card has no storage or a unit nobody can convert; \
                                 correct the card on the service\n"
            .to_owned(),
    }
}

/// Returns one object: `found` is the result of the lookup, `goods` the goods that a scan of the code would book.
fn as_json(resolution: &Resolution) -> Value {
    let one = |good: &Good, units: String, storage: Option<StorageId>| {
        json!({
            "good_id": good.id.0,
            "title": good.title,
            "barcode": good.barcode,
            "unit": good.unit,
            "cost_per_unit": good.price.to_string(),
            "units": units,
            "storage_id": storage.map(|storage| storage.0),
        })
    };
    let (found, goods) = match resolution {
        Resolution::Found(good) => ("good", vec![one(good, "1".to_owned(), None)]),
        Resolution::Pack(packed) => ("pack", vec![one(&packed.good, packed.factor.to_string(), None)]),
        Resolution::Kit(kit) => {
            let parts = kit.parts.iter();
            (
                "kit",
                parts.map(|part| one(&part.good, part.quantity.to_string(), Some(part.storage))).collect(),
            )
        }
        Resolution::Unknown => ("unknown", Vec::new()),
        Resolution::Ambiguous => ("ambiguous", Vec::new()),
        Resolution::Unusable => ("unusable", Vec::new()),
    };
    json!({ "found": found, "goods": goods })
}

/// Returns the line of a good.
fn found(good: &Good) -> String {
    let (barcode, title, unit) = (printable(&good.barcode), printable(&good.title), printable(&good.unit));
    format!("{}\t{barcode}\t{title}\t{} a {unit}\n", good.id, good.price)
}

/// Returns the line of a material of a kit.
fn material(location: &Location, part: &Part) -> String {
    let (unit, title) = (printable(&part.good.unit), printable(&part.good.title));
    let storage = location.storage_in_words(part.storage);
    format!("{}\t{} {unit}\tfrom {storage}\t{title}\n", part.good.id, part.quantity)
}

/// Prints the size and the age of the copy.
fn stats(out: &mut impl Write, config: &Config, output: OutputFormat) -> Result<(), Error> {
    // A station without data has a copy with no goods, which is no error.
    let db = data_if_any(config)?;
    let figures = db.as_ref().map_or(Ok(GoodsFigures::default()), Db::goods_figures)?;
    if output == OutputFormat::Json {
        let stats = json!({
            "goods": figures.count,
            "changes_up_to": figures.synced_at.map(rfc3339),
            "read_in_full_at": figures.full_at.map(rfc3339),
        });
        return say(out, &format!("{stats}\n"));
    }
    let location = db.map_or(Ok(Location::default()), |db| location_of(config, &db))?;
    let time = |at: Option<UnixMillis>| at.map_or("never".to_owned(), |at| location.time(at));
    let text = format!(
        "goods          {}\nchanges up to  {}\nread in full   {}\n",
        figures.count,
        time(figures.synced_at),
        time(figures.full_at)
    );
    say(out, &text)
}
