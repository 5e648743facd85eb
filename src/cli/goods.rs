//! `stockpoint goods`

use std::io::Write;
use std::sync::mpsc;
use std::time::Duration;

use super::args::GoodsCommand;
use super::{Error, data, read_error, say};
use crate::config::Config;
use crate::domain::barcode::Barcode;
use crate::domain::good::Resolution;
use crate::domain::printable::printable;
use crate::socket::{self, Request};
use crate::status::rfc3339;

/// How long a person waits for the whole table, and how often it is looked for.
const SYNC_LOOKS_MAX: u32 = 1800;
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(super) fn goods(out: &mut impl Write, config: &Config, command: &GoodsCommand) -> Result<(), Error> {
    match command {
        GoodsCommand::Sync => sync(out, config),
        GoodsCommand::Find { code } => find(out, config, code),
        GoodsCommand::Stats => stats(out, config),
    }
}

/// The agent reads, for it alone knows what is left of the request budget; this waits for it.
fn sync(out: &mut impl Write, config: &Config) -> Result<(), Error> {
    let dir = &config.station.data_dir;
    let before = data(config)?.goods_figures()?.full_at;
    socket::ask(dir, Request::Sync).map_err(read_error(dir))?.ok_or(Error::NoAgent)?;
    say(out, "the agent reads the goods table …\n")?;
    // A channel that nobody sends on: a wait that blocks this command's only thread, and nothing else.
    let (_nobody, silence) = mpsc::sync_channel::<()>(0);
    for _ in 0..SYNC_LOOKS_MAX {
        let figures = data(config)?.goods_figures()?;
        if figures.full_at > before {
            return say(out, &format!("{} goods\n", figures.count));
        }
        let _elapsed = silence.recv_timeout(LOOK_EVERY);
    }
    Err(Error::NotYet)
}

fn find(out: &mut impl Write, config: &Config, code: &str) -> Result<(), Error> {
    let text = match data(config)?.resolve(&Barcode::read(code))? {
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
    };
    say(out, &text)
}

fn stats(out: &mut impl Write, config: &Config) -> Result<(), Error> {
    let figures = data(config)?.goods_figures()?;
    let time = |at| Option::map_or(at, "never".to_owned(), rfc3339);
    let text = format!(
        "goods          {}\nchanges up to  {}\nread in full   {}\n",
        figures.count,
        time(figures.synced_at),
        time(figures.full_at)
    );
    say(out, &text)
}
