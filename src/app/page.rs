//! Serves the station page, which may start late.
//!
//! An address that another program uses, or that does not exist yet, must not keep anybody from scanning.

use std::io;
use std::time::Duration;

use tokio::time::sleep;

use super::Handle;
use crate::config::Listen;
use crate::store::Cause;
use crate::web::{self, Access, PageListener, StatusSource};

/// The interval between two attempts to listen. An address from DHCP usually appears within seconds.
const TRY_EVERY: Duration = Duration::from_secs(2);

/// The page: its address, its access rule and its content.
pub(super) struct StationPage {
    pub(super) listen: Listen,
    pub(super) access: Access,
    pub(super) source: StatusSource,
}

/// Serves the page as soon as its address can be bound. Until then a silent alarm stands.
pub(super) async fn serve(agent: Handle, mut listener: io::Result<PageListener>, page: StationPage) {
    let mut is_reported = false;
    let listener = loop {
        match listener {
            Ok(listener) => break listener,
            Err(error) => {
                if !is_reported {
                    // Once: a page that cannot be served for a day must not fill the log.
                    is_reported = true;
                    tracing::warn!(listen = %page.listen, %error, "cannot serve the station page; trying again");
                    let what =
                        format!("cannot serve the station page at {} (web.listen): {error}", page.listen);
                    agent.raise(Cause::Page, &what).await;
                }
                sleep(TRY_EVERY).await;
                listener = PageListener::bind(&page.listen);
            }
        }
    };
    let at = listener.address().map_or(page.listen, Listen::Tcp);
    if let Listen::Tcp(address) = at {
        // Set only once, because the page is bound only once.
        let _first = agent.0.page_address.set(address);
    }
    if is_reported {
        end_alarm(&agent).await;
    }
    tracing::info!(page = %at, "the station page is served");
    web::serve(listener, page.access, page.source).await;
}

async fn end_alarm(agent: &Handle) {
    let ended = agent.0.store.run(|db| db.end_alarm(&Cause::Page)).await;
    if !matches!(ended, Ok(Ok(_))) {
        tracing::warn!("the alarm of the page still stands");
    }
    // The alarm ended without a scan, and whoever shows alarms does not poll the store.
    agent.0.feedback.alarms_changed();
}
