//! `stockpoint goods`

use std::io::Write;

use super::args::GoodsCommand;
use super::create::create;
use super::sync::sync;
use super::{Error, data, data_if_any, say};
use crate::config::Config;
use crate::domain::good::{Good, Resolution};
use crate::domain::kit::Part;
use crate::domain::printable::printable;
use crate::domain::session::Heard;
use crate::status::rfc3339;
use crate::store::GoodsFigures;

pub(super) fn goods(out: &mut impl Write, config: Config, command: &GoodsCommand) -> Result<(), Error> {
    match command {
        GoodsCommand::Sync => sync(out, config),
        GoodsCommand::Create(wish) => create(out, &config, wish),
        GoodsCommand::Find { code } => find(out, &config, code),
        GoodsCommand::Stats => stats(out, &config),
    }
}

fn find(out: &mut impl Write, config: &Config, code: &str) -> Result<(), Error> {
    let db = data(config)?;
    let resolution = match config.conventions().understand(code) {
        Heard::Kit(card) => db.kit(card)?,
        Heard::Product(barcode) => db.resolve(&barcode)?,
        Heard::Control(_) | Heard::MalformedControl | Heard::Repeat | Heard::Bad(_) | Heard::AddOn => {
            Resolution::Unknown
        }
    };
    let text = match resolution {
        Resolution::Found(good) => found(&good),
        Resolution::Pack(packed) => format!("a pack of {} of\n{}", packed.factor, found(&packed.good)),
        Resolution::Unknown => "no good has this code\n".to_owned(),
        Resolution::Ambiguous => "several goods have this code; it is booked to none of them\n".to_owned(),
        Resolution::Kit(kit) => kit.parts.iter().map(material).collect(),
        Resolution::Unusable => "a material of this card has no storage or a unit nobody can convert; \
                                 correct the card on the service\n"
            .to_owned(),
    };
    say(out, &text)
}

fn found(good: &Good) -> String {
    let (barcode, title, unit) = (printable(&good.barcode), printable(&good.title), printable(&good.unit));
    format!("{}\t{barcode}\t{title}\t{} a {unit}\n", good.id, good.price)
}

fn material(part: &Part) -> String {
    let (unit, title) = (printable(&part.good.unit), printable(&part.good.title));
    format!("{}\t{} {unit}\tfrom storage {}\t{title}\n", part.good.id, part.quantity, part.storage)
}

fn stats(out: &mut impl Write, config: &Config) -> Result<(), Error> {
    let figures = data_if_any(config)?.map_or(Ok(GoodsFigures::default()), |db| db.goods_figures())?;
    let time = |at| Option::map_or(at, "never".to_owned(), rfc3339);
    let text = format!(
        "goods          {}\nchanges up to  {}\nread in full   {}\n",
        figures.count,
        time(figures.synced_at),
        time(figures.full_at)
    );
    say(out, &text)
}
