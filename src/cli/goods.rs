//! `stockpoint goods`

use std::future::pending;
use std::io::Write;
use std::time::Duration;

use tokio::time::sleep;

use super::args::GoodsCommand;
use super::create::create;
use super::run::runtime;
use super::{Error, data, data_if_any, read_error, say};
use crate::app::{Agent, Host};
use crate::config::Config;
use crate::config::secrets::Secrets;
use crate::domain::good::Resolution;
use crate::domain::kit::Part;
use crate::domain::printable::printable;
use crate::domain::session::Heard;
use crate::socket::{self, Request};
use crate::status::rfc3339;
use crate::store::GoodsFigures;

/// How often the end of a reading is looked for, and how often at the most: an hour in all.
const LOOK_EVERY: Duration = Duration::from_millis(200);
const LOOKS_MAX: u32 = 18_000;

pub(super) fn goods(out: &mut impl Write, config: Config, command: &GoodsCommand) -> Result<(), Error> {
    match command {
        GoodsCommand::Sync => sync(out, config),
        GoodsCommand::Create(wish) => create(out, &config, wish),
        GoodsCommand::Find { code } => find(out, &config, code),
        GoodsCommand::Stats => stats(out, &config),
    }
}

/// A running agent reads, for it alone knows what is left of the request budget. Without one, this is an agent
/// itself for as long as it takes, with no scanner and no page.
fn sync(out: &mut impl Write, config: Config) -> Result<(), Error> {
    let dir = config.station.data_dir.clone();
    let asked = if dir.exists() { socket::ask(&dir, Request::Sync).map_err(read_error(&dir))? } else { None };
    say(out, "reading the goods table …\n")?;
    let count = match asked {
        Some(_) => watch(&config)?,
        None => read_alone(config)?,
    };
    say(out, &format!("{count} goods\n"))
}

/// Looks until the running agent has read all of it.
fn watch(config: &Config) -> Result<u64, Error> {
    let before = data(config)?.goods_figures()?.full_at;
    runtime()?.block_on(async {
        for _ in 0..LOOKS_MAX {
            let figures = data(config)?.goods_figures()?;
            if figures.full_at > before {
                return Ok(figures.count);
            }
            sleep(LOOK_EVERY).await;
        }
        Err(Error::NotYet)
    })
}

fn read_alone(mut config: Config) -> Result<u64, Error> {
    let secrets = Secrets::find(&config.api)?;
    config.scanners.clear();
    config.web.listen = None;
    runtime()?.block_on(async {
        let agent = Agent::open(config, &secrets, Host::this())?;
        let handle = agent.handle();
        handle.sync();
        let before = handle.figures().await?.goods.full_at;
        let read = async {
            for _ in 0..LOOKS_MAX {
                let goods = handle.figures().await?.goods;
                if goods.full_at > before {
                    return Ok(goods.count);
                }
                sleep(LOOK_EVERY).await;
            }
            Err(Error::NotYet)
        };
        let mut count = Err(Error::NotYet);
        agent.run(pending(), async { count = read.await }).await?;
        count
    })
}

fn find(out: &mut impl Write, config: &Config, code: &str) -> Result<(), Error> {
    let db = data(config)?;
    let resolution = match config.conventions().understand(code) {
        Heard::Kit(card) => db.kit(card)?,
        Heard::Product(barcode) => db.resolve(&barcode)?,
        Heard::Control(_) | Heard::MalformedControl | Heard::Repeat | Heard::Bad(_) => Resolution::Unknown,
    };
    let text = match resolution {
        Resolution::Found(good) => format!(
            "{}\t{}\t{}\t{} a {}\n",
            good.id,
            printable(&good.barcode),
            printable(&good.title),
            good.price,
            printable(&good.unit)
        ),
        Resolution::Unknown => "no good has this code\n".to_owned(),
        Resolution::Ambiguous => "several goods have this code; it is booked to none of them\n".to_owned(),
        Resolution::Kit(kit) => kit.parts.iter().map(material).collect(),
        Resolution::Unusable => "a material of this card has no storage or a unit nobody can convert; \
                                 correct the card on the service\n"
            .to_owned(),
    };
    say(out, &text)
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
