//! Reports goods that cannot be scanned, and packs without a meaning.

use super::Finding;
use crate::config::Config;
use crate::domain::code::barcode::Barcode;
use crate::domain::code::pack::{Content, Pack};
use crate::domain::printable::printable;
use crate::domain::stock::resolution::Resolution;
use crate::store::{BarcodeFault, Db, Error};

const SECTION: &str = "barcodes";

/// The most goods and packs that are named for each kind of fault. The others are counted.
const NAMED_MAX: usize = 10;

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let station = &config.station;
    // Without databases there is nothing to check, which the section on the documents reports.
    let Ok(Some(mut db)) = Db::open_beside(&station.data_dir, &station.name) else { return Vec::new() };
    // The packs are part of how a code is resolved, as in the agent.
    db.set_packs(config.packs.clone());
    let checked = of_goods(&db).and_then(|goods| Ok([goods, of_packs(config, &db)?].concat()));
    let mut findings = checked.unwrap_or_else(|error| {
        let cure = "run this again; if it persists, `stockpoint goods sync` reads the table anew";
        vec![Finding::warning(SECTION, format!("the goods table cannot be read: {error}"), cure)]
    });
    if findings.is_empty() {
        findings.push(Finding::ok(SECTION, "every barcode can be scanned and belongs to one good"));
    }
    findings
}

fn of_goods(db: &Db) -> Result<Vec<Finding>, Error> {
    let faulty = db.barcode_faults()?;
    let kinds = [
        (BarcodeFault::CheckDigit, "with a wrong check digit", "compare each with its package in Altegio"),
        (BarcodeFault::Unscannable, "that cannot be scanned", "correct each in Altegio"),
        (
            BarcodeFault::Shared,
            "that another good has too",
            "scans of them are refused: give each good its own",
        ),
    ];
    let findings = kinds.into_iter().filter_map(|(kind, what, cure)| {
        let named = faulty.iter().filter(|(_, fault)| *fault == kind).map(|(good, _)| {
            format!("{} ({} {})", printable(&good.barcode), good.id, printable(&good.title))
        });
        let named: Vec<String> = named.collect();
        (!named.is_empty()).then(|| Finding::warning(SECTION, listed("barcode", what, &named), cure))
    });
    Ok(findings.collect())
}

fn of_packs(config: &Config, db: &Db) -> Result<Vec<Finding>, Error> {
    let (mut own, mut lost) = (Vec::new(), Vec::new());
    for pack in config.packs.iter() {
        // The goods table goes first: a code that it knows never counts as a pack.
        if db.resolve_in_table(&Barcode::read(&pack.code))? != Resolution::Unknown {
            own.push(name_of(pack));
        } else if !has_good(db, pack)? {
            lost.push(name_of(pack));
        }
    }
    let own = (
        own,
        "whose code the goods table has: they count as that good",
        "remove them from the configuration",
    );
    let lost = (lost, "whose good is not in the goods table, or is not unique", "correct good_id or barcode");
    let findings = [own, lost].into_iter().filter(|(packs, ..)| !packs.is_empty());
    Ok(findings
        .map(|(packs, what, cure)| Finding::warning(SECTION, listed("pack", what, &packs), cure))
        .collect())
}

fn has_good(db: &Db, pack: &Pack) -> Result<bool, Error> {
    Ok(match &pack.content {
        Content::Good(good) => db.good(*good)?.is_some(),
        Content::Barcode(barcode) => {
            matches!(db.resolve_in_table(&Barcode::read(barcode))?, Resolution::Found(_))
        }
    })
}

fn name_of(pack: &Pack) -> String {
    format!("{} ({})", printable(&pack.code), pack.place)
}

fn listed(noun: &str, what: &str, named: &[String]) -> String {
    let plural = if named.len() == 1 { "" } else { "s" };
    let first: Vec<&str> = named.iter().take(NAMED_MAX).map(String::as_str).collect();
    let more = named.len().saturating_sub(NAMED_MAX);
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{} {noun}{plural} {what}: {}{rest}", named.len(), first.join(", "))
}
