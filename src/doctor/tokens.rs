//! The tokens: whether they are there, and whether others can read them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::Finding;
use crate::config::Config;
use crate::config::secrets::{self, Secrets};

const SECTION: &str = "tokens";

/// The permission bits of everybody but the owner.
const OTHERS: u32 = 0o077;

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let Config { api, web, .. } = config;
    let mut findings = match Secrets::find(api) {
        Ok(_secrets) => vec![Finding::ok(SECTION, "both are there")],
        Err(error) => vec![Finding::fault(
            SECTION,
            format!("failed to {error}"),
            "put both tokens where the configuration says; run this as root to see what the service sees",
        )],
    };
    if let Err(error) = secrets::web_token(web) {
        findings.push(Finding::fault(
            SECTION,
            format!("failed to {error}"),
            "make one, such as with `openssl rand -hex 24`, and put it there; the agent does not start without it",
        ));
    }
    let files = [Some(&api.partner_token_file), Some(&api.user_token_file), web.token_file.as_ref()];
    for file in files.into_iter().flatten() {
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
