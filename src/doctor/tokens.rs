//! Checks that the tokens are there, and that nobody else can read them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::Finding;
use crate::config::Config;
use crate::config::secrets::{self, Secrets};
use crate::domain::text::error_chain;

const SECTION: &str = "tokens";

/// The permission bits of everybody except the owner.
const OTHERS: u32 = 0o077;

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let Config { api, web, station, .. } = config;
    let mut findings = match Secrets::find(api) {
        Ok(_secrets) => vec![Finding::ok(SECTION, "both tokens of the service are there")],
        Err(error) => vec![Finding::fault(
            SECTION,
            error_chain(&error),
            "put both tokens into the configured places; run this as root to see what the service sees",
        )],
    };
    if let Err(error) = secrets::web_token(web) {
        findings.push(Finding::fault(
            SECTION,
            error_chain(&error),
            "create one, for example with `openssl rand -hex 24`, and put it there; the page is not served without it",
        ));
    }
    if let Err(error) = secrets::seal(station) {
        findings.push(Finding::fault(
            SECTION,
            error_chain(&error),
            "put the secret of the printed sheet there; control codes are refused without it",
        ));
    }
    let of_service = [Some(&api.partner_token_file), Some(&api.user_token_file)];
    let files = of_service.into_iter().chain([web.token_file.as_ref(), station.sheet_secret_file.as_ref()]);
    for file in files.flatten() {
        // A missing token was reported above, and one in another place needs no file here.
        let Ok(metadata) = fs::metadata(file) else { continue };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & OTHERS != 0 {
            findings.push(Finding::warning(
                SECTION,
                format!("{} can be read or written by others (mode {mode:03o})", file.display()),
                format!("chmod 600 {}", file.display()),
            ));
        }
    }
    findings
}
