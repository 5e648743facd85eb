//! Checks that the databases can be read and that the books balance, and reports the age of the goods and what is not
//! delivered.

use super::Finding;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::delivery::State;
use crate::domain::home::belongs_to;
use crate::domain::text::error_chain;
use crate::domain::time::UnixMillis;
use crate::feedback::counted;
use crate::machine;
use crate::store::{Db, Figures};

const DATA: &str = "data";
const GOODS: &str = "goods";
const DOCUMENTS: &str = "documents";

/// One hour, in ms.
const HOUR_MS: i64 = 60 * 60 * 1000;

pub(super) fn examine(config: &Config, clock: &dyn Clock) -> Vec<Finding> {
    // Read beside a running agent, without its lock: the doctor changes nothing.
    let figures = match Db::open_beside(&config.station.data_dir, &config.station.name) {
        Ok(None) => return vec![Finding::ok(DOCUMENTS, "there are no documents yet")],
        Ok(Some(db)) => db.figures().map(|figures| (figures, db.oldest_unsent())),
        Err(error) => Err(error),
    };
    match figures {
        Ok((figures, oldest)) => {
            let oldest = oldest.ok().flatten().map(|(_, scanned)| scanned);
            vec![goods(config, &figures, clock.wall())]
                .into_iter()
                .chain(documents(&figures, oldest, clock.wall()))
                .collect()
        }
        Err(error) => vec![Finding::fault(
            DOCUMENTS,
            format!("the databases cannot be read: {}", error_chain(&error)),
            error.hint().unwrap_or(
                "start the agent, which sets a damaged file aside and begins a new one; keep what it sets aside",
            ),
        )],
    }
}

/// Checks that the data belongs to this station.
pub(super) fn belonging(config: &Config) -> Option<Finding> {
    let db = Db::open_beside(&config.station.data_dir, &config.station.name).ok()??;
    let here = config.home(machine::read(&machine::Roots::default()));
    let differences = db.home().ok()??.differences(&here);
    if differences.is_empty() {
        return Some(Finding::ok(DATA, "the data belongs to this station"));
    }
    Some(Finding::fault(
        DATA,
        format!("{}: nothing is sent", belongs_to(&differences)),
        "`stockpoint adopt --moved` if it was moved here, `stockpoint adopt --copy` if this is a new station; or set \
         the configuration back",
    ))
}

fn goods(config: &Config, figures: &Figures, now: UnixMillis) -> Finding {
    let Some(at) = figures.goods.synced_at else {
        return Finding::fault(
            GOODS,
            "the goods table was never read: every code is unknown",
            "let the agent run with a network; `stockpoint goods sync` reads it now",
        );
    };
    let age_ms = now.ms_since(at).max(0);
    let what =
        format!("{}, read {} ago", counted(figures.goods.count, "good"), counted(age_ms / 60_000, "minute"));
    // One missed interval may be a short outage; two are not.
    let usual_ms = i64::try_from(config.goods.full_sync_every.as_millis()).unwrap_or(i64::MAX);
    if age_ms > usual_ms.saturating_mul(2) {
        return Finding::warning(
            GOODS,
            what,
            "see the section on the service; new barcodes stay unknown until the table is read",
        );
    }
    Finding::ok(GOODS, what)
}

fn documents(figures: &Figures, oldest: Option<UnixMillis>, now: UnixMillis) -> Vec<Finding> {
    let of = |state| figures.of(state).operations;
    let mut findings = Vec::new();
    if !figures.balance() {
        findings.push(Finding::fault(
            DOCUMENTS,
            "the books do not balance",
            "this is a bug of the program: keep the data folder and report it",
        ));
    }
    let waiting = of(State::Queued) + of(State::Sending) + of(State::Uncertain);
    if waiting > 0 {
        let hours = oldest.map_or(0, |at| now.ms_since(at).max(0) / HOUR_MS);
        let what = format!(
            "{} not delivered yet, the oldest scan {} old",
            counted(waiting, "document"),
            counted(hours, "hour")
        );
        // Documents wait for minutes whenever the network is away; a day needs a person.
        findings.push(if hours >= 24 {
            Finding::warning(DOCUMENTS, what, "see the section on the service")
        } else {
            Finding::ok(DOCUMENTS, what)
        });
    }
    if of(State::Refused) > 0 {
        findings.push(Finding::warning(
            DOCUMENTS,
            format!("{} refused by the service", counted(of(State::Refused), "document")),
            "`stockpoint outbox list` shows why and what to do",
        ));
    }
    if figures.scans.unknown > 0 {
        findings.push(Finding::warning(
            DOCUMENTS,
            format!("{} with codes that no good has", counted(figures.scans.unknown, "scan")),
            "`stockpoint unknown list` shows them; add the barcodes to the goods, and they are booked by themselves",
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(DOCUMENTS, "everything is delivered, and the books balance"));
    }
    findings
}
